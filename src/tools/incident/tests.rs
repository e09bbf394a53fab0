//! A bundle gives the same alarm again, holds nothing of anybody else, and says so where it was changed.

use std::path::Path;

use super::bundle::{Line, decoded};
use super::{BadBundle, Bundle, make, replay};
use crate::config::Config;
use crate::tests::stores::{configuration, parts, row, tamper, write};
use vitalgate_domain::core::Core;
use vitalgate_domain::core::configuration::Configuration;
use vitalgate_domain::model::command::{
    Action, AgeClass, AlarmAct, Command, PatientDetails, Registration,
};
use vitalgate_domain::model::ids::AlarmId;
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::instance::Instance;
use vitalgate_domain::model::message::{
    Body, Clock, ClockSource, Delivery, Message, Mode, Reading, ReadingTime, Status, Value,
};
use vitalgate_domain::model::time::{Span, Timestamp};
use vitalgate_store::types::{Commit, RaisedOn, Sample, Sent, SeriesKey, StoredTransition};
use vitalgate_store::{Purpose, Reader, Store};

/// A second of the story.
fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(1_795_000_000_000) + Span::secs(second)
}

fn act(action: Action) -> Input {
    Input::Command(Box::new(Command { actor: "nurse".into(), action }))
}

fn admitted(id: &str) -> Input {
    act(Action::AdmitPatient(PatientDetails {
        id: id.parse().unwrap(),
        age_class: AgeClass::Adult,
        continuous: false,
        bed: None,
        pregnant: None,
    }))
}

fn registered(id: &str) -> Input {
    act(Action::AddDevice(Registration {
        id: id.parse().unwrap(),
        class: Some("kiosk".into()),
        kind: None,
        token_sha256: Some(vec![7; 32]),
        via: None,
        signals: None,
        replaces: None,
        while_unbound: false,
    }))
}

fn bound(device: &str, patient: &str) -> Input {
    act(Action::Bind {
        device: device.parse().unwrap(),
        patient: patient.parse().unwrap(),
        from: None,
        zero_means_no_sensor: None,
        replaces: None,
    })
}

fn unbound(device: &str) -> Input {
    act(Action::Unbind { device: device.parse().unwrap(), replaces: None })
}

/// SpO2 of so many per cent, measured and sent at a second.
fn measured(device: &str, seq: u64, second: i64, spo2: f64) -> Input {
    let configuration = Config::built_in().unwrap().configuration().unwrap();
    let signal = configuration.signals.find("spo2").unwrap();
    let reading = Reading {
        index: 0,
        signal: signal.id,
        instance: Instance::default(),
        time: ReadingTime::At(at(second)),
        value: Value::Number { value: spo2, unit: signal.unit.unwrap(), comparator: None },
        quality: None,
        status: Status::Final,
        implausible: false,
        unit_doubtful: false,
    };
    let device: vitalgate_domain::model::ids::DeviceId = device.parse().unwrap();
    Input::Message(Box::new(Message {
        principal: device.clone(),
        device,
        boot: Some(1),
        seq: Some(seq),
        sent_at: Some(at(second)),
        mode: Mode::Real,
        clock: Some(Clock { source: Some(ClockSource::Ntp), timeline: None }),
        relay: None,
        hash: seq,
        delivery: Delivery { qos: 1, ..Delivery::default() },
        unknown_fields: 0,
        body: Body::Telemetry { readings: vec![reading], refused: Vec::new() },
        old: None,
    }))
}

fn answered(alarm: &StoredTransition, act_: AlarmAct) -> Input {
    act(Action::Alarm { id: alarm.alarm.clone().unwrap(), seen: alarm.seq, act: act_ })
}

/// A store that is made row by row.
struct Story {
    core: Core,
    commits: Vec<Commit>,
}

impl Story {
    /// Steps a row at a second; what it did to alarms of a patient.
    fn row(&mut self, second: i64, inputs: Vec<Input>) -> Vec<StoredTransition> {
        let n = self.core.row() + 1;
        let commit = row(&mut self.core, n, at(second), inputs);
        let moves = commit.transitions.iter().filter(|t| t.kind == "alarm").cloned().collect();
        self.commits.push(commit);
        moves
    }
}

fn of<'a>(moves: &'a [StoredTransition], patient: &str) -> &'a StoredTransition {
    let is_theirs =
        |t: &&StoredTransition| t.patient.as_ref().is_some_and(|p| p.as_str() == patient);
    moves.iter().find(is_theirs).unwrap()
}

/// Two hours after `secret-p2` had the device, it is on `p1`: both have an alarm, and both are answered. The snapshot
/// stands at a row.
fn two_patients(dir: &Path, frozen: u64) -> AlarmId {
    let site: vitalgate_domain::model::ids::SiteId = "site".parse().unwrap();
    let core = Core::new(site.clone(), false, Configuration::default());
    let mut story = Story { core, commits: Vec::new() };
    story.row(0, vec![configuration(), admitted("p1"), admitted("secret-p2")]);
    story.row(1, vec![registered("dev-1"), registered("dev-2"), bound("dev-1", "secret-p2")]);
    let first = story.row(10, vec![measured("dev-1", 1, 10, 71.0)]);
    assert_eq!(of(&first, "secret-p2").change, "raised");
    story.row(20, vec![unbound("dev-1"), bound("dev-2", "secret-p2"), bound("dev-1", "p1")]);
    let raised = story
        .row(7_230, vec![measured("dev-2", 1, 7_230, 62.0), measured("dev-1", 2, 7_230, 65.0)]);
    let (own, other) = (of(&raised, "p1").clone(), of(&raised, "secret-p2").clone());
    assert_eq!(own.change, "raised");
    let seen = story.row(
        7_240,
        vec![answered(&other, AlarmAct::Acknowledge), answered(&own, AlarmAct::Acknowledge)],
    );
    assert_eq!(of(&seen, "p1").change, "acknowledged");
    story.row(7_300, vec![measured("dev-1", 3, 7_300, 97.0), measured("dev-2", 2, 7_300, 61.0)]);
    let over = story.row(7_400, vec![measured("dev-1", 4, 7_400, 98.0)]);
    let over = of(&over, "p1").clone();
    assert_eq!(over.change, "ended", "it was acknowledged");
    let purpose = Purpose { site, simulated: false, stream_clock: false };
    let opened = Store::create(dir, &purpose).unwrap();
    let mut core = Core::new("site".parse().unwrap(), false, Configuration::default());
    let commits = story.commits.into_iter().map(|mut commit| {
        let n = commit.row.n;
        let body = vitalgate_domain::core::journal::RowBody::decode(n, &commit.row.body).unwrap();
        drop(core.fold(n, commit.row.stamp(), &body.inputs));
        if n == 5 {
            let signal = Config::built_in().unwrap().configuration().unwrap();
            let signal = signal.signals.find("spo2").unwrap();
            let series = SeriesKey {
                device: "dev-1".parse().unwrap(),
                signal: signal.id,
                instance: Instance::default(),
            };
            commit.samples = [(10, 71.0), (7_200, 66.0), (7_230, 65.0)]
                .map(|(second, value)| Sample {
                    series: series.clone(),
                    at: at(second),
                    sent: Sent::default(),
                    received: at(second),
                    value,
                    unit: signal.unit.unwrap(),
                    flags: 0,
                })
                .into();
            let (alarm, limits) = (own.alarm.clone().unwrap(), "[]".to_owned());
            commit.raised =
                vec![RaisedOn { alarm, series: Some(series), until: at(7_230), limits }];
        }
        if n == frozen {
            commit.snapshot = parts(&core);
            commit.snapshot_complete = Some(n);
        }
        commit
    });
    write(opened, commits);
    own.alarm.unwrap()
}

#[test]
fn another_instance_derives_the_same_alarm_and_finds_nothing_of_anybody_else() {
    let dir = tempfile::tempdir().unwrap();
    let alarm = two_patients(dir.path(), 99);
    let bundle = make(&Reader::of(dir.path()).unwrap(), &alarm).unwrap();
    let text = bundle.text().unwrap();
    let read = Bundle::read(&text).unwrap();
    assert_eq!(read, bundle);
    let replayed = replay(&read).unwrap();
    assert!(replayed.is_same(), "{replayed:?}");
    assert_eq!((replayed.stored, replayed.same), (3, 3), "raised, acknowledged, ended");

    let mut held = text.clone().into_bytes();
    let mut parts = 0;
    for line in &bundle.lines {
        if let Line::Part { body, .. } = line {
            parts += 1;
            held.extend(decoded(body).unwrap());
        }
    }
    for row in bundle.rows() {
        held.extend(decoded(&row.body).unwrap());
    }
    assert!(parts > 3, "it begins an hour before the alarm, with a state");
    let holds = |what: &[u8]| held.windows(what.len()).any(|part| part == what);
    assert!(holds(b"p1") && holds(b"dev-1"));
    for other in [&b"secret-p2"[..], b"dev-2", &[7; 32]] {
        assert!(!holds(other), "{other:?}");
    }
    let values = |value: f64| {
        let readings = bundle.rows().flat_map(|row| {
            let bytes = decoded(&row.body).unwrap();
            vitalgate_domain::core::journal::RowBody::decode(row.n, &bytes).unwrap().inputs
        });
        readings.filter(|input| format!("{input:?}").contains(&format!("value: {value:?}"))).count()
    };
    assert_eq!([65.0, 97.0, 98.0, 71.0, 62.0, 61.0].map(values), [1, 1, 1, 0, 0, 0]);
}

#[test]
fn what_it_was_raised_on_is_of_its_own_patient_alone() {
    // The device was another's before; with the journal, and where it begins later.
    for frozen in [99, 6] {
        let dir = tempfile::tempdir().unwrap();
        let alarm = two_patients(dir.path(), frozen);
        if frozen == 6 {
            tamper(dir.path(), "DELETE FROM journal WHERE n <= 6");
        }
        let bundle = make(&Reader::of(dir.path()).unwrap(), &alarm).unwrap();
        let grounds = bundle.lines.iter().filter_map(|line| {
            if let Line::Grounds { readings, .. } = line { Some(readings) } else { None }
        });
        let values = grounds.flat_map(|readings| readings.as_array().unwrap());
        let values: Vec<_> = values.map(|reading| reading["value"].clone()).collect();
        assert_eq!(values, [66.0, 65.0], "{frozen}");
    }
}

#[test]
fn what_was_changed_is_said_or_not_read_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let alarm = two_patients(dir.path(), 99);
    let bundle = make(&Reader::of(dir.path()).unwrap(), &alarm).unwrap();
    let text = bundle.text().unwrap();
    let refused = |text: &str| Bundle::read(text).map(drop).unwrap_err();
    assert!(matches!(refused(&text.replace("acknowledged", "recurred")), BadBundle::NotWhole(_)));
    let cut = text.lines().take(4).collect::<Vec<_>>().join("\n") + "\n";
    assert!(matches!(refused(&cut), BadBundle::NotWhole("its end is missing")));
    assert!(matches!(refused("{}\n"), BadBundle::Line { line: 1, .. }));

    let differs = |change: fn(&mut Line)| {
        let mut other = bundle.clone();
        other.lines.iter_mut().for_each(change);
        let replayed = replay(&other).unwrap();
        assert!(!replayed.is_same());
        replayed.differences.join("\n")
    };
    let moved = differs(|line| {
        if let Line::Transition { change, at, .. } = line
            && change == "acknowledged"
        {
            *at = *at + Span::secs(1);
        }
    });
    assert!(
        moved.starts_with("transition 2, acknowledged") && moved.contains("its moment is"),
        "{moved}"
    );
    let reworded = differs(|line| {
        if let Line::Transition { body, .. } = line {
            body["text"] = "all is well".into();
        }
    });
    assert!(reworded.contains("`text` is \"all is well\", and here \"SpO2"), "{reworded}");
    let lacking = differs(|line| {
        if let Line::Row(row) = line
            && row.n == 5
        {
            row.body = super::bundle::encoded(
                &vitalgate_domain::core::journal::RowBody::default().encode(),
            );
        }
    });
    assert!(lacking.contains("is not derived"), "{lacking}");
}

#[test]
fn what_began_before_the_journal_does_is_told_and_not_derived() {
    let dir = tempfile::tempdir().unwrap();
    let alarm = two_patients(dir.path(), 6);
    tamper(dir.path(), "DELETE FROM journal WHERE n <= 6");
    let bundle = make(&Reader::of(dir.path()).unwrap(), &alarm).unwrap();
    assert_eq!(bundle.rows().count(), 0);
    let replayed = replay(&Bundle::read(&bundle.text().unwrap()).unwrap()).unwrap();
    assert!(!replayed.is_same());
    assert!(replayed.differences[0].contains("begins with row 7"), "{replayed:?}");
    assert!(bundle.line().contains("3 transitions"), "{}", bundle.line());
}

#[test]
fn an_alarm_that_never_was_is_none() {
    let dir = tempfile::tempdir().unwrap();
    two_patients(dir.path(), 99);
    let why = make(&Reader::of(dir.path()).unwrap(), &"NONE".parse().unwrap()).unwrap_err();
    assert!(why.to_string().starts_with("there is no alarm NONE"), "{why}");
}
