//! Topics, and who may use which (contract §1 and §2).

use std::sync::Arc;

use crate::ingest::sources::listener::Unknown;
use crate::ingest::sources::subscriber::SpeaksFor;
use crate::projection::view::{Board, DeviceView};
use crate::synthetic::Synthetic;
use vitalgate_domain::model::command::PrincipalKind;
use vitalgate_domain::model::ids::DeviceId;
use vitalgate_domain::model::message::Kind;

const ROOT: &str = "vitalgate/v1/";

/// Device and kind of a topic to publish to: `vitalgate/v1/{id}/telemetry` and its like.
pub(crate) fn publish_topic(topic: &str) -> Option<(&str, Kind)> {
    let (id, word) = topic.strip_prefix(ROOT)?.split_once('/')?;
    let kind = match word {
        "telemetry" => Kind::Telemetry,
        "events" => Kind::Events,
        "waves" => Kind::Waves,
        "status" => Kind::Status,
        "info" => Kind::Info,
        _ => return None,
    };
    Some((id, kind))
}

/// The kind as a word, for metrics.
pub(crate) fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Telemetry => "telemetry",
        Kind::Events => "events",
        Kind::Waves => "waves",
        Kind::Status => "status",
        Kind::Info => "info",
    }
}

/// The device called `id`, if `principal` may speak for it: itself, or for relays and connectors
/// one that is registered `via` it and not revoked.
pub(crate) fn speaks_for(board: &Board, principal: &DeviceId, id: &str) -> Option<DeviceId> {
    if principal.as_str() == id {
        return Some(principal.clone());
    }
    match board.devices.get(principal)?.kind {
        PrincipalKind::Device => None,
        PrincipalKind::Relay | PrincipalKind::Connector => {
            // As an id it is compared faster than as text.
            let id = id.parse().ok()?;
            let device = board.devices.get::<DeviceId>(&id)?;
            let allowed = !device.revoked && device.via.contains(principal);
            allowed.then_some(id)
        }
    }
}

/// The device called `id`, if the connector of a broker may bring its messages: itself, or one
/// that is registered and not revoked, and assigned to it unless the broker's own access list
/// decides. Where devices nobody registered are admitted, that holds for a broker with such a list.
pub(crate) fn brings(
    board: &Board,
    connector: &DeviceId,
    id: &str,
    whom: SpeaksFor,
    unknown: Unknown,
) -> Option<DeviceId> {
    if connector.as_str() == id {
        return Some(connector.clone());
    }
    match (board.devices.get(id), whom) {
        (Some(device), SpeaksFor::Assigned) => {
            let allowed = !device.revoked && device.via.contains(connector);
            allowed.then(|| device.id.clone())
        }
        (Some(device), SpeaksFor::Registered) => (!device.revoked).then(|| device.id.clone()),
        // What the gateway sends itself comes by no broker.
        (None, SpeaksFor::Registered) if unknown == Unknown::Admit && !Synthetic::is_named(id) => {
            id.parse().ok()
        }
        (None, SpeaksFor::Assigned | SpeaksFor::Registered) => None,
    }
}

/// For how many devices `principal` speaks, itself included.
pub(crate) fn devices_of(board: &Board, principal: &DeviceId) -> u64 {
    let kind = board.devices.get(principal).map(|device| device.kind);
    let carried = match kind {
        None | Some(PrincipalKind::Device) => 0,
        Some(PrincipalKind::Relay | PrincipalKind::Connector) => {
            let carried =
                |device: &&Arc<DeviceView>| !device.revoked && device.via.contains(principal);
            board.devices.values().filter(carried).count()
        }
    };
    1 + carried as u64
}

/// Whether `principal` may subscribe to `filter`: the commands of those it speaks for.
pub(crate) fn may_subscribe(board: &Board, principal: &DeviceId, filter: &str) -> bool {
    filter
        .strip_prefix(ROOT)
        .and_then(|rest| rest.strip_suffix("/commands"))
        .is_some_and(|id| speaks_for(board, principal, id).is_some())
}

/// Whether `topic` may carry the last will of `principal`: it speaks for the principal that
/// connected, never for the devices behind it, and is a `status`.
pub(crate) fn may_will(principal: &DeviceId, topic: &str) -> bool {
    publish_topic(topic) == Some((principal.as_str(), Kind::Status))
}

#[cfg(test)]
mod tests {
    use super::SpeaksFor::{Assigned, Registered};
    use super::*;
    use crate::ingest::testing::{board, device, relay};

    #[test]
    fn topics_are_exact() {
        let check = |topic: &str, expected: Option<(&str, Kind)>| {
            assert_eq!(publish_topic(topic), expected, "{topic}");
        };
        check("vitalgate/v1/dev-1/telemetry", Some(("dev-1", Kind::Telemetry)));
        check("vitalgate/v1/dev-1/events", Some(("dev-1", Kind::Events)));
        check("vitalgate/v1/dev-1/commands", None);
        check("vitalgate/v1/dev-1/telemetry/x", None);
        check("vitalgate/v1/dev-1/", None);
        check("vitalgate/v1/dev-1", None);
        check("vitalgate/v2/dev-1/telemetry", None);
        check("/vitalgate/v1/dev-1/telemetry", None);
        check("vitalgate/v1/a/b/telemetry", None);
        check("", None);
    }

    #[test]
    fn a_relay_speaks_for_what_is_registered_via_it_and_nobody_else_does() {
        let mut gone = device("gone", &["cm-1"]);
        gone.revoked = true;
        let board = board([relay("cm-1"), device("icd-1", &["cm-1"]), device("icd-2", &[]), gone]);
        let check = |principal: &str, id: &str, expected: bool| {
            let principal = principal.parse().unwrap();
            assert_eq!(speaks_for(&board, &principal, id).is_some(), expected, "{principal} {id}");
        };
        check("cm-1", "cm-1", true);
        check("cm-1", "icd-1", true);
        check("cm-1", "icd-2", false);
        check("cm-1", "gone", false);
        check("cm-1", "nobody", false);
        check("icd-1", "icd-1", true);
        check("icd-1", "cm-1", false);
        check("icd-2", "icd-1", false);
        check("unregistered", "unregistered", true);
        check("unregistered", "icd-1", false);
    }

    #[test]
    fn a_broker_brings_what_is_assigned_to_it_or_what_is_registered() {
        let mut gone = device("gone", &["b1"]);
        gone.revoked = true;
        let board = board([device("mine", &["b1"]), device("other", &[]), gone]);
        let check = |id: &str, whom: SpeaksFor, unknown: Unknown, expected: bool| {
            let connector = "b1".parse().unwrap();
            let found = brings(&board, &connector, id, whom, unknown);
            assert_eq!(found.is_some(), expected, "{id} {whom:?} {unknown:?}");
        };
        for unknown in [Unknown::Refuse, Unknown::Admit] {
            for whom in [Assigned, Registered] {
                check("b1", whom, unknown, true);
                check("mine", whom, unknown, true);
                check("gone", whom, unknown, false);
                check("no id", whom, unknown, false);
            }
            check("other", Assigned, unknown, false);
            check("other", Registered, unknown, true);
            check("nobody", Assigned, unknown, false);
        }
        check("nobody", Registered, Unknown::Refuse, false);
        check("nobody", Registered, Unknown::Admit, true);
        check("gateway.synthetic", Registered, Unknown::Admit, false);
    }

    #[test]
    fn a_relay_speaks_for_as_many_as_are_registered_via_it_and_itself() {
        let mut gone = device("gone", &["cm-1"]);
        gone.revoked = true;
        let icds = [device("icd-1", &["cm-1"]), device("icd-2", &["cm-1", "cm-2"])];
        let [one, two] = icds;
        let board = board([relay("cm-1"), relay("cm-2"), one, two, gone, device("icd-3", &[])]);
        let of = |id: &str| devices_of(&board, &id.parse().unwrap());
        assert_eq!(["cm-1", "cm-2", "icd-1", "nobody"].map(of), [3, 2, 1, 1]);
    }

    #[test]
    fn only_commands_can_be_subscribed_to_and_only_own_status_is_a_will() {
        let board = board([relay("cm-1"), device("icd-1", &["cm-1"])]);
        let cm = "cm-1".parse().unwrap();
        assert!(may_subscribe(&board, &cm, "vitalgate/v1/cm-1/commands"));
        assert!(may_subscribe(&board, &cm, "vitalgate/v1/icd-1/commands"));
        for refused in [
            "#",
            "vitalgate/v1/+/commands",
            "vitalgate/v1/x/commands",
            "vitalgate/v1/cm-1/telemetry",
        ] {
            assert!(!may_subscribe(&board, &cm, refused), "{refused}");
        }
        assert!(may_will(&cm, "vitalgate/v1/cm-1/status"));
        assert!(!may_will(&cm, "vitalgate/v1/icd-1/status"));
        assert!(!may_will(&cm, "vitalgate/v1/cm-1/telemetry"));
    }
}
