//! What began an alarm, and the id that follows from it (contract §5).

use minicbor::{Decode, Encode};
use ring::digest::{SHA256, digest};

use super::ids::{AlarmId, DeviceId, PatientId, RuleId, SiteId};
use super::message::Kind;
use super::time::Timestamp;

/// The message, and its part, that began a condition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(map)]
pub struct Cause {
    /// Whose message.
    #[n(0)]
    pub device: Option<DeviceId>,
    /// The device's numbers.
    #[n(1)]
    pub boot: Option<u64>,
    /// The topic kind.
    #[n(2)]
    pub kind: Kind,
    /// The device's number of the message.
    #[n(3)]
    pub seq: Option<u64>,
    /// The place in the message.
    #[n(4)]
    pub index: u32,
    /// An instant, only where the device gave no number.
    #[n(5)]
    pub stamp: Option<Timestamp>,
}

/// A cause without its device, where that is known from what it stands beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct MessagePosition {
    #[n(1)]
    boot: Option<u64>,
    #[n(2)]
    kind: Kind,
    #[n(3)]
    seq: Option<u64>,
    #[n(4)]
    index: u32,
    #[n(5)]
    stamp: Option<Timestamp>,
}

impl MessagePosition {
    /// The cause in this device's messages.
    pub fn of(self, device: &DeviceId) -> Cause {
        let Self { boot, kind, seq, index, stamp } = self;
        Cause { device: Some(device.clone()), boot, kind, seq, index, stamp }
    }
}

impl Cause {
    /// Where in its device's messages it is.
    pub fn position(&self) -> MessagePosition {
        let Self { boot, kind, seq, index, stamp, .. } = *self;
        MessagePosition { boot, kind, seq, index, stamp }
    }

    /// Something the gateway itself noticed at an instant.
    pub fn noticed(device: Option<DeviceId>, at: Timestamp) -> Self {
        Self { device, boot: None, kind: Kind::Status, seq: None, index: 0, stamp: Some(at) }
    }
}

/// Base32 of the first 15 bytes of SHA-256 over what makes the alarm this alarm.
pub fn alarm_id(
    site: &SiteId,
    patient: Option<&PatientId>,
    rule: &RuleId,
    source: &str,
    cause: &Cause,
    ordinal: u32,
) -> AlarmId {
    let mut bytes = Vec::with_capacity(160);
    for part in [site.as_str(), patient.map_or("", PatientId::as_str), rule.as_str(), source] {
        bytes.extend((part.len() as u64).to_be_bytes());
        bytes.extend(part.as_bytes());
    }
    bytes.extend(minicbor::to_vec(cause).unwrap_or_default());
    bytes.extend(ordinal.to_be_bytes());
    let hash = digest(&SHA256, &bytes);
    let text = data_encoding::BASE32_NOPAD.encode(&hash.as_ref()[..15]).to_lowercase();
    text.parse().unwrap_or_else(|_| unreachable!("base32 is an id"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_cause_gives_the_same_id_and_any_other_another() {
        let site: SiteId = "s".parse().unwrap();
        let patient: PatientId = "p".parse().unwrap();
        let rule: RuleId = "a.b".parse().unwrap();
        let cause = Cause {
            device: Some("d".parse().unwrap()),
            boot: Some(1),
            kind: Kind::Telemetry,
            seq: Some(7),
            index: 0,
            stamp: None,
        };
        let id = |cause: &Cause, n| alarm_id(&site, Some(&patient), &rule, "d", cause, n);
        assert_eq!(id(&cause, 0), id(&cause.clone(), 0));
        assert_ne!(id(&cause, 0), id(&cause, 1));
        assert_ne!(id(&cause, 0), id(&Cause { index: 1, ..cause.clone() }, 0));
        assert_eq!(id(&cause, 0).as_str().len(), 24);
    }
}
