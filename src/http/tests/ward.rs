//! A small ward: one patient with one device and one alarm, and the tokens of its people.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::http::{Auth, Role, Token};
use crate::projection::view::{BindingView, Board, DeviceView, Monitored, PatientView};
use vitalgate_domain::model::alarm::{
    Alarm, AlarmKind, Condition, Priority, Response, State, TimeQuality, Trigger,
};
use vitalgate_domain::model::command::{AgeClass, CommandAnswer, Outcome, PrincipalKind};
use vitalgate_domain::model::message::DeviceInfo;
use vitalgate_domain::model::pause::{Pause, Scope};
use vitalgate_domain::model::signal::{SignalId, SignalTable};
use vitalgate_domain::model::time::{Span, Timestamp};
use vitalgate_store::types::SeriesKey;

/// An answer without an alarm.
pub(super) fn answered(outcome: Outcome) -> CommandAnswer {
    CommandAnswer { outcome, detail: "as it is".into(), alarm: None, version: None, pause: None }
}

/// Tokens `v`, `c`, `o`, `w` and `a` for a viewer, a clinician, ops, a ward-admin and an admin, and `vi` and `ci` for those of ward `icu` alone.
pub(super) fn tokens() -> Auth {
    let token = |name: &str, role| {
        let hash = ring::digest::digest(&ring::digest::SHA256, name.as_bytes());
        Token::new(name, role, &data_encoding::HEXLOWER.encode(hash.as_ref())).unwrap()
    };
    let of_icu = |token: Token| token.in_wards(Some(&["icu".parse().unwrap()])).unwrap();
    Auth::Tokens(vec![
        token("v", Role::Viewer),
        token("c", Role::Clinician),
        token("o", Role::Ops),
        token("w", Role::WardAdmin),
        token("a", Role::Admin),
        of_icu(token("vi", Role::Viewer)),
        of_icu(token("ci", Role::Clinician)),
    ])
}

pub(super) fn now() -> Timestamp {
    Timestamp::from_millis(1_795_000_000_000)
}

/// `heart_rate` is 1, `spo2` is 3.
pub(super) fn signal_table() -> SignalTable {
    SignalTable::parse(SIGNALS).unwrap()
}

/// Its text.
pub(super) const SIGNALS: &str = "\
    [[signal]]\nid = 1\nname = \"heart_rate\"\nlabel = \"HR\"\ncadence = \"continuous\"\nunit = \"/min\"\n\
    [[signal]]\nid = 3\nname = \"spo2\"\nlabel = \"SpO2\"\ncadence = \"continuous\"\nunit = \"%\"\n";

/// A series of the ward's device.
pub(super) fn series(signal: u16, instance: &str) -> SeriesKey {
    SeriesKey {
        device: "dev-1".parse().unwrap(),
        signal: SignalId(signal),
        instance: instance.into(),
    }
}

pub(super) fn sample_alarm(id: &str, seq: u64) -> Alarm {
    Alarm {
        id: id.parse().unwrap(),
        seq,
        site: "site".parse().unwrap(),
        patient: Some("p-1".parse().unwrap()),
        ward: Some("icu".parse().unwrap()),
        bed: Some("icu-1".parse().unwrap()),
        device: Some("dev-1".parse().unwrap()),
        source: "dev-1".into(),
        group: None,
        simulated: false,
        rule: "vitals_live.heart_rate_high".parse().unwrap(),
        rule_version: 0,
        kind: AlarmKind::Physiological,
        text: "HR 150 /min above 140 /min".into(),
        advice: None,
        priority: Priority::High,
        priority_peak: Priority::High,
        response: Response::Immediate,
        state: State::Alarming,
        condition: Condition::Present,
        condition_since: now(),
        condition_reason: None,
        acknowledged: None,
        trigger: Trigger {
            signal: "heart_rate".into(),
            value: Some(150.0),
            comparator: None,
            unit: None,
            side: None,
            limit: Some(140.0),
            limit_from: None,
            measured_at: Some(now()),
            relay_at: None,
            received_at: Some(now()),
            time_quality: TimeQuality::Synced,
        },
        latest: None,
        raised_at: now(),
        announced_at: now(),
        ended_at: None,
        closed_at: None,
        closed_reason: None,
        late: false,
        recurrence: 0,
        ward_now: Some("icu".parse().unwrap()),
        bed_now: Some("icu-1".parse().unwrap()),
        quiet_until: None,
        responsibility: None,
        comment: None,
        inactivation: None,
    }
}

/// A pause that stands.
pub(super) fn pause(id: u64, scope: Scope) -> Pause {
    let (by, reason) = ("anna".to_owned(), "CT".to_owned());
    Pause { id, scope, by, reason, at: now(), until: Timestamp::from_millis(32_503_680_000_000) }
}

/// Ward `icu` with bed `icu-1`, in it patient `p-1` with `dev-1`, which was `p-2`'s before.
pub(super) fn sample_board() -> Board {
    let patient = PatientView {
        id: "p-1".parse().unwrap(),
        ward: Some("icu".parse().unwrap()),
        bed: Some("icu-1".parse().unwrap()),
        age_class: AgeClass::Adult,
        continuous: true,
        pregnant: None,
        discharged_at: None,
        monitored: Monitored { state: "monitored", why: Vec::new(), judged_to: now() },
        vitals: Vec::new(),
        devices: vec!["dev-1".parse().unwrap()],
        limits: Vec::new(),
        limits_version: 3,
        limits_offered: Vec::new(),
        limits_waiting: Vec::new(),
        version: 2,
        spo2_scale: None,
        scores: Vec::new(),
    };
    let device = DeviceView {
        id: "dev-1".parse().unwrap(),
        class: "monitor".into(),
        kind: PrincipalKind::Device,
        revoked: false,
        token_sha256: Some(vec![1; 32]),
        via: Vec::new(),
        patient: Some("p-1".parse().unwrap()),
        bindings: vec![
            BindingView {
                patient: Some("p-2".parse().unwrap()),
                from: now() - Span::hours(2),
                to: Some(now() - Span::hours(1)),
            },
            BindingView {
                patient: Some("p-1".parse().unwrap()),
                from: now() - Span::hours(1),
                to: None,
            },
        ],
        zero_means_no_sensor: vec![SignalId(1)],
        version: 4,
        binding_version: 7,
        connectivity: "connected",
        last_device_contact: Some(now()),
        last_relay_contact: None,
        expected_next: None,
        clock_offset_ms: Some(12),
        signals: Vec::new(),
        info: DeviceInfo::default(),
        counts: BTreeMap::new(),
    };
    Board {
        seq: 0,
        judged_to: now(),
        wards: Arc::new(BTreeMap::from([(
            "icu".parse().unwrap(),
            vec!["icu-1".parse().unwrap(), "icu-2".parse().unwrap()],
        )])),
        patients: Arc::new(BTreeMap::from([(patient.id.clone(), Arc::new(patient))])),
        devices: Arc::new([(device.id.clone(), Arc::new(device))].into_iter().collect()),
        alarms: Arc::new(BTreeMap::from([(
            "A1".parse().unwrap(),
            Arc::new(sample_alarm("A1", 1)),
        )])),
        ..Board::default()
    }
}

/// The same with ward `west` beside it, where `p-3` lies with `dev-3`, which was `p-1`'s before, and has alarm `A3`; a device
/// that nobody has, `free-1`; and an alarm of the gateway itself, `G1`.
pub(super) fn two_wards() -> Board {
    let mut board = sample_board();
    let west = || "west".parse().unwrap();
    Arc::make_mut(&mut board.wards).insert(west(), vec!["west-1".parse().unwrap()]);
    let patient = PatientView {
        id: "p-3".parse().unwrap(),
        ward: Some(west()),
        bed: Some("west-1".parse().unwrap()),
        devices: vec!["dev-3".parse().unwrap()],
        ..board.patients["p-1"].as_ref().clone()
    };
    Arc::make_mut(&mut board.patients).insert(patient.id.clone(), Arc::new(patient));
    let (p_1, p_3) = (Some("p-1".parse().unwrap()), Some("p-3".parse().unwrap()));
    let binding = |patient, from, to| BindingView { patient, from, to };
    let change = now() - Span::hours(1);
    let device = DeviceView {
        id: "dev-3".parse().unwrap(),
        patient: p_3.clone(),
        bindings: vec![
            binding(p_1, now() - Span::hours(2), Some(change)),
            binding(p_3.clone(), change, None),
        ],
        ..board.devices.get("dev-1").unwrap().as_ref().clone()
    };
    let free = DeviceView {
        id: "free-1".parse().unwrap(),
        patient: None,
        bindings: vec![binding(p_3.clone(), now() - Span::hours(2), Some(change))],
        ..device.clone()
    };
    let devices = Arc::make_mut(&mut board.devices);
    for device in [device, free] {
        devices.insert(device.id.clone(), Arc::new(device));
    }
    let of = |patient| Scope { patient, ..Scope::default() };
    let of_rule = Scope { rule: Some("vitals_live.spo2_low".parse().unwrap()), ..of(None) };
    let scopes =
        [(7, of(board.patients.keys().next().cloned())), (8, of(p_3.clone())), (9, of_rule)];
    board.pauses = scopes.map(|(id, scope)| pause(id, scope)).into();
    let elsewhere = Alarm {
        patient: p_3,
        ward: Some(west()),
        ward_now: Some(west()),
        bed: Some("west-1".parse().unwrap()),
        bed_now: Some("west-1".parse().unwrap()),
        device: Some("dev-3".parse().unwrap()),
        source: "dev-3".into(),
        ..sample_alarm("A3", 3)
    };
    let of_gateway = Alarm {
        patient: None,
        ward: None,
        ward_now: None,
        bed: None,
        bed_now: None,
        device: None,
        source: "gateway".into(),
        ..sample_alarm("G1", 4)
    };
    let alarms = Arc::make_mut(&mut board.alarms);
    for alarm in [elsewhere, of_gateway] {
        alarms.insert(alarm.id.clone(), Arc::new(alarm));
    }
    board
}
