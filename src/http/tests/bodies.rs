//! The bytes of every kind of answer: programs outside read them.

use std::fmt::Write as _;
use std::sync::Arc;

use super::fixture::{Bench, frame};
use super::store::transition;
use super::ward::{answered, now, pause, sample_alarm, series, tokens};
use crate::projection::view::{Board, DeviceView, Vital};
use vitalgate_domain::model::alarm::{Acknowledgement, Alarm, Latest, LimitFrom, Side, State};
use vitalgate_domain::model::command::{Action, Command, CommandAnswer, Outcome, PatientLimit};
use vitalgate_domain::model::ids::AlarmId;
use vitalgate_domain::model::message::{Comparator, DeadLetter, DeviceInfo, ExpectedSignal, Kind};
use vitalgate_domain::model::pause::Scope;
use vitalgate_domain::model::signal::SignalId;
use vitalgate_domain::model::time::Span;
use vitalgate_domain::model::unit::Unit;
use vitalgate_domain::patient::{Afterwards, Standing};
use vitalgate_store::types::{Commit, RaisedOn, Sample, Sent, StoredTransition, flag};

const PINNED: &str = include_str!("bodies.txt");

#[tokio::test]
async fn every_body_has_the_bytes_it_had() {
    let mut bench = Bench::start().await;
    bench.store.commit(fill_row);
    bench.board.send_modify(|board| fill_board(Arc::make_mut(board)));
    bench.answer(answer);
    let mut seen = String::new();
    for (method, path, body) in requests() {
        ask(&bench, method, path, body, &mut seen).await;
    }
    let range = format!("from={}&to={}", now() - Span::mins(1), now() + Span::mins(1));
    for query in ["", "&limit=1", "&points=2"] {
        for of in ["devices/dev-1", "patients/p-1"] {
            let path = format!("/api/v1/{of}/series?signal=heart_rate,spo2&{range}{query}");
            ask(&bench, "GET", &path, "", &mut seen).await;
        }
    }
    streamed(&bench, &mut seen).await;
    bench.store.lose();
    ask(&bench, "GET", "/api/v1/alarms/A1", "", &mut seen).await;
    assert_eq!(without_what_never_comes_twice(&seen), PINNED);
}

#[tokio::test]
async fn ops_sees_a_device_without_its_patients() {
    let bench = Bench::start_with(|state| state.auth = tokens().into()).await;
    bench.board.send_modify(|board| fill_board(Arc::make_mut(board)));
    let ops = [("authorization", "Bearer o")];
    let body = bench.call("GET", "/api/v1/devices/dev-1", &ops, "").await.body;
    let at = PINNED.find("GET /api/v1/devices/dev-1\n200 ").unwrap();
    let pinned = PINNED[at..].lines().nth(1).unwrap().strip_prefix("200 ").unwrap();
    let mut expected: serde_json::Value = serde_json::from_str(pinned).unwrap();
    let members = expected.as_object_mut().unwrap();
    assert!(members.remove("patient").is_some() && members.remove("bindings").is_some());
    assert_eq!(body, expected.to_string());
}

fn requests() -> Vec<(&'static str, &'static str, &'static str)> {
    vec![
        ("GET", "/healthz", ""),
        ("GET", "/readyz", ""),
        ("GET", "/api/v1/alarms", ""),
        ("GET", "/api/v1/alarms?state=closed&limit=3", ""),
        ("GET", "/api/v1/alarms/A1", ""),
        ("GET", "/api/v1/alarms/A2", ""),
        ("GET", "/api/v1/alarms/A3", ""),
        ("GET", "/api/v1/alarms/A4", ""),
        ("POST", "/api/v1/alarms/A1/acknowledge", ""),
        ("POST", "/api/v1/alarms/A1/acknowledge", r#"{"seq":1}"#),
        ("POST", "/api/v1/alarms/A2/acknowledge", r#"{"seq":2}"#),
        ("POST", "/api/v1/alarms/A3/acknowledge", r#"{"seq":2}"#),
        (
            "POST",
            "/api/v1/alarms/acknowledge",
            r#"{"alarms":[{"id":"A1","seq":1},{"id":"A9","seq":2}]}"#,
        ),
        ("POST", "/api/v1/alarms/A1/pause", r#"{"seq":1,"what":"alarm","reason":"washing"}"#),
        ("POST", "/api/v1/alarms/A1/off", r#"{"seq":1}"#),
        ("POST", "/api/v1/alarms/A1/comment", r#"{"seq":1}"#),
        ("GET", "/api/v1/pauses", ""),
        (
            "POST",
            "/api/v1/pauses",
            r#"{"rule":"link.silence","bed":"icu-1","reason":"CT","until":"3000-01-01T00:00:00Z"}"#,
        ),
        ("DELETE", "/api/v1/pauses/7", ""),
        ("GET", "/api/v1/wards", ""),
        ("GET", "/api/v1/wards/icu/latest", ""),
        ("POST", "/api/v1/wards", r#"{"id":"w"}"#),
        ("GET", "/api/v1/beds", ""),
        ("GET", "/api/v1/patients", ""),
        ("GET", "/api/v1/patients/p-1", ""),
        ("GET", "/api/v1/patients/nobody", ""),
        ("GET", "/api/v1/patients/p-1/explain", ""),
        ("GET", "/api/v1/patients/p-1/explain?signal=spo2", ""),
        ("GET", "/api/v1/patients/p-1/limits", ""),
        ("PUT", "/api/v1/patients/p-1/limits", r#"{"limits":[]}"#),
        ("GET", "/api/v1/devices", ""),
        ("GET", "/api/v1/devices/dev-1", ""),
        ("GET", "/api/v1/devices/dev-1/binding", ""),
        ("GET", "/api/v1/dead-letters", ""),
        ("GET", "/api/v1/dead-letters?device=dev-1&limit=1", ""),
        ("GET", "/api/v1/audit", ""),
        ("GET", "/api/v1/audit?limit=2", ""),
    ]
}

async fn ask(bench: &Bench, method: &str, path: &str, body: &str, seen: &mut String) {
    let reply = bench.call(method, path, &[], body).await;
    writeln!(seen, "{method} {path}\n{} {}", reply.status, reply.body).unwrap();
}

/// What a stream sends that resumes after an event nobody knows, and then falls behind.
async fn streamed(bench: &Bench, seen: &mut String) {
    let mut stream = bench.stream_with_hello("", Some("other-1")).await;
    for _ in ["hello", "resync"] {
        let event = stream.next().await.unwrap();
        writeln!(seen, "{} {}", event.name, event.text).unwrap();
    }
    for n in 0..5_000 {
        bench.ring.publish([frame("device", None, None, &n.to_string())]);
    }
    loop {
        let event = stream.next().await.unwrap();
        if event.text.starts_with('{') {
            return writeln!(seen, "{} {}", event.name, event.text).unwrap();
        }
    }
}

/// Clears what the clock says: what follows these words.
fn without_what_never_comes_twice(text: &str) -> String {
    let mut text = text.to_owned();
    for name in [
        "\"server_time\":",
        "\"age_s\":",
        "\"last_step_s\":",
        "judgement is ",
        "\"chain\":",
        "\"head_digest\":",
    ] {
        let mut from = 0;
        while let Some(found) = text[from..].find(name) {
            from += found + name.len();
            let end = text[from..].find([',', '}', ' ']).unwrap();
            text.replace_range(from..from + end, "0");
        }
    }
    text
}

fn answer(command: &Command) -> CommandAnswer {
    let mut answer = answered(Outcome::AlreadySo);
    if let Action::Alarm { id, seen, .. } = &command.action {
        if *seen == 1 {
            (answer.outcome, answer.alarm) = (Outcome::Done, Some(full_alarm("A1", 44)));
        } else if ["A2", "A3"].contains(&id.as_str()) {
            answer.outcome = Outcome::NotFound;
        }
    } else if let Action::Pause { scope, .. } = &command.action {
        (answer.outcome, answer.pause) = (Outcome::Done, Some(pause(44, scope.clone())));
    } else if matches!(command.action, Action::SetLimits { .. }) {
        (answer.outcome, answer.version) = (Outcome::Stale, Some(4));
    }
    answer
}

/// An alarm with a value in every field that an open alarm has.
fn full_alarm(id: &str, seq: u64) -> Alarm {
    let mut alarm = sample_alarm(id, seq);
    alarm.group = Some("g-1".into());
    alarm.advice = Some("look".into());
    alarm.state = State::Acknowledged;
    alarm.condition_reason = Some("quality".into());
    let until = Some(now() + Span::mins(10));
    alarm.acknowledged = Some(Acknowledgement { by: "anna".into(), at: now(), until, seq: 3 });
    alarm.trigger.comparator = Some(Comparator::GreaterOrEqual);
    alarm.trigger.unit = Some(Unit::PerMinute);
    alarm.trigger.side = Some(Side::High);
    alarm.trigger.limit_from = Some(LimitFrom::Patient);
    alarm.trigger.relay_at = Some(now());
    alarm.latest = Some(Latest {
        value: 151.25,
        unit: Unit::PerMinute,
        measured_at: now(),
        age_s: 0.0,
        stale: true,
    });
    alarm.ended_at = Some(now());
    alarm.recurrence = 2;
    alarm
}

fn closed_alarm(id: &str, seq: u64) -> Alarm {
    let mut alarm = full_alarm(id, seq);
    (alarm.state, alarm.late) = (State::Closed, true);
    (alarm.closed_at, alarm.closed_reason) = (Some(now()), Some("reset".into()));
    alarm
}

fn fill_board(board: &mut Board) {
    board.seq = 8;
    let of_patient = Scope { patient: Some("p-1".parse().unwrap()), ..Scope::default() };
    board.pauses = [pause(7, of_patient)].into();
    board.judged_to = now() - Span::days(3_650);
    Arc::make_mut(&mut board.alarms).insert("A2".parse().unwrap(), Arc::new(full_alarm("A2", 5)));
    let patients = Arc::make_mut(&mut board.patients);
    let patient = Arc::make_mut(patients.get_mut("p-1").unwrap());
    let limit = PatientLimit {
        signal: "heart_rate".into(),
        side: Side::High,
        critical: false,
        value: Some(150.0),
        unit: Unit::PerMinute,
        until: None,
        ends: None,
    };
    let (by, then) = ("anna".to_owned(), Some(Afterwards { value: Some(120.0) }));
    patient.limits = vec![Standing { limit, by, from: now(), reason: None, then }];
    patient.monitored.why = vec!["no data".into()];
    patient.vitals = vec![Vital {
        signal: "heart_rate".into(),
        label: "HR".into(),
        instance: "II".into(),
        device: "dev-1".parse().unwrap(),
        value: Some(72.0),
        comparator: Some("<"),
        unit: Some("/min".into()),
        text: None,
        measured_at: Some(now()),
        received_at: Some(now()),
        stale_after: Some(now()),
        doubt: Some("late".into()),
    }];
    let devices = Arc::make_mut(&mut board.devices);
    let device = Arc::make_mut(devices.get_mut("dev-1").unwrap());
    describe(device);
}

fn describe(device: &mut DeviceView) {
    let often = ExpectedSignal { signal: SignalId(1), interval: Some(Span::secs(5)) };
    let other = ExpectedSignal { signal: SignalId(3), interval: None };
    device.via = vec!["hub".parse().unwrap()];
    device.signals = vec![often];
    device.info = DeviceInfo {
        maker: Some("Maker".into()),
        battery_percent: Some(80.0),
        signals: vec![often, other],
        ..DeviceInfo::default()
    };
    device.counts = [("judged", 3), ("duplicate", 1)].into();
}

/// One row with everything that answers are read from.
fn fill_row(row: &mut Commit) {
    let unreadable = r#"{"state":"closed"}"#;
    row.transitions = vec![
        transition(&sample_alarm("A1", 1), "raised"),
        StoredTransition {
            actor: Some("anna".into()),
            ..transition(&full_alarm("A2", 2), "acknowledged")
        },
        StoredTransition {
            body: unreadable.into(),
            ..transition(&sample_alarm("A3", 3), "raised")
        },
        transition(&closed_alarm("A4", 4), "closed"),
        transition(&closed_alarm("A5", 5), "closed"),
        act(6, "answer", r#"{"outcome":"done"}"#),
        act(
            7,
            "refusal",
            r#"{"count":2,"name":null,"principal":"hub","since":"2026-03-01T00:00:00Z"}"#,
        ),
        act(8, "refusal", "{}"),
    ];
    let heart_rate = series(1, "");
    let alarm: AlarmId = "A1".parse().unwrap();
    let limits = r#"[{"rule":"vitals_live.heart_rate_high","signal":"heart_rate","side":"high","critical":false,"value":140.0,"unit":"/min","from":"pack"}]"#;
    let series_of_alarm = Some(heart_rate.clone());
    row.raised =
        vec![RaisedOn { alarm, series: series_of_alarm, until: now(), limits: limits.into() }];
    let flags = flag::BELOW | flag::LATE;
    let sample = |series, second: i64, value, unit, flags| Sample {
        series,
        at: now() + Span::secs(second),
        sent: Sent::default(),
        received: now() + Span::secs(second) + Span::millis(250),
        value,
        unit,
        flags,
    };
    row.samples = vec![
        sample(heart_rate.clone(), 0, 150.0, Unit::PerMinute, flags),
        sample(series(3, "II \"a\""), 0, 97.5, Unit::Percent, 0),
        sample(heart_rate, 10, 151.0, Unit::PerMinute, 0),
    ];
    let letter = DeadLetter {
        principal: "hub".parse().unwrap(),
        device: Some("dev-1".parse().unwrap()),
        topic: "vitalgate/v1/dev-1/telemetry".into(),
        kind: Some(Kind::Telemetry),
        reason: "shape: not JSON".into(),
        length: 3,
        head: b"\xffno".to_vec(),
    };
    row.dead_letters = vec![DeadLetter { device: None, ..letter.clone() }, letter];
}

fn act(seq: u64, kind: &'static str, body: &str) -> StoredTransition {
    StoredTransition {
        seq,
        at: now(),
        kind,
        change: if kind == "answer" { "acknowledge" } else { "not_allowed" },
        alarm: None,
        patient: None,
        actor: Some("anna".into()),
        body: body.into(),
    }
}
