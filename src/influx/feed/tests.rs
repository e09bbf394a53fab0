use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::config::Config;
use crate::projection::board;
use vitalgate_domain::core::Core;
use vitalgate_domain::model::command::{
    Action, AgeClass, Command, DeviceDetails, PatientDetails, PrincipalKind,
};
use vitalgate_domain::model::consent::Purpose;
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::message::{
    Body, Clock, ClockSource, Delivery, Message, Mode, Reading, ReadingTime, Status, Value,
};
use vitalgate_domain::model::signal::SignalId;
use vitalgate_domain::model::time::Stamp;
use vitalgate_domain::model::unit::Unit;
use vitalgate_store::consumers::cursor::Refill;
use vitalgate_store::types::{Commit, Row};
use vitalgate_store::{Keep, Opened, Running, Store as Stored, start};

const MINUTE: i64 = 60_000_000;

fn begin() -> Timestamp {
    "2026-03-01T00:00:00Z".parse().unwrap()
}

fn minute(n: i64) -> Timestamp {
    begin() + Span::micros(n * MINUTE)
}

/// When every row may be exported.
fn later() -> Timestamp {
    minute(1_000_000)
}

/// A store written by the core itself.
struct Ward {
    core: Core,
    running: Running,
    row: u64,
}

impl Ward {
    /// In a new store, with everybody [`registered`].
    fn new(dir: &Path) -> Self {
        let purpose = vitalgate_store::Purpose {
            site: "north".parse().unwrap(),
            simulated: false,
            stream_clock: false,
        };
        let opened = Stored::create(dir, &purpose).unwrap();
        let configuration = Config::built_in().unwrap().configuration().unwrap();
        let core = Core::new("north".parse().unwrap(), false, configuration);
        let mut ward = Self { core, running: start(opened, Keep::default()).unwrap(), row: 0 };
        ward.row(begin(), registered());
        ward
    }

    fn row(&mut self, at: Timestamp, inputs: Vec<Input>) {
        self.row += 1;
        let now = Stamp { at, offset: Span::ZERO };
        let out = self.core.fold(self.row, now, &inputs);
        let body = RowBody::new(inputs, &out.samples, now).encode();
        let commit = Commit {
            row: Row { n: self.row, at, offset: now.offset, core: 1, rules: [0; 8], body },
            transitions: Vec::new(),
            raised: Vec::new(),
            samples: out.samples.into_iter().map(|(_, sample)| sample).collect(),
            words: out.words,
            dead_letters: Vec::new(),
            waves: Vec::new(),
            snapshot: Vec::new(),
            snapshot_complete: None,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            self.running.committer.send(commit).await.unwrap();
            self.running.reports.recv().await.unwrap();
        });
    }

    fn close(self) -> Core {
        drop(self.running.committer);
        self.running.thread.join().unwrap().unwrap();
        self.core
    }
}

fn command(action: Action) -> Input {
    Input::Command(Box::new(Command { actor: "local:test".into(), action }))
}

/// Two patients in beds, and a device of the first that becomes the second's after an hour.
fn registered() -> Vec<Input> {
    let patient = |id: &str| PatientDetails {
        id: id.parse().unwrap(),
        age_class: AgeClass::Adult,
        continuous: false,
        bed: Some(id.parse().unwrap()),
        pregnant: None,
    };
    let device = DeviceDetails {
        id: "dev-1".parse().unwrap(),
        class: "bedside".into(),
        kind: PrincipalKind::Device,
        token_sha256: None,
        via: Vec::new(),
        signals: Vec::new(),
    };
    let mut actions = vec![Action::AddWard("w1".parse().unwrap())];
    for id in ["p-1", "p-2"] {
        let (bed, ward) = (id.parse().unwrap(), "w1".parse().unwrap());
        actions.extend([Action::AddBed { bed, ward }, Action::AdmitPatient(patient(id))]);
    }
    actions.extend([Action::RegisterDevice(device.into()), bind("p-1")]);
    actions.into_iter().map(command).collect()
}

/// The device is taken from the first patient and bound to the second.
fn to_the_second() -> Vec<Input> {
    let unbind = Action::Unbind { device: "dev-1".parse().unwrap(), replaces: None };
    [unbind, bind("p-2")].map(command).into()
}

fn bind(patient: &str) -> Action {
    Action::Bind {
        device: "dev-1".parse().unwrap(),
        patient: patient.parse().unwrap(),
        from: None,
        zero_means_no_sensor: None,
        replaces: None,
    }
}

/// A number of some instant of the two hours, received some time after it.
#[derive(Clone, Debug)]
struct Measured {
    second: i64,
    delay: i64,
    value: f64,
    instance: &'static str,
    quality: Option<f32>,
}

fn any_measured() -> impl Strategy<Value = Measured> {
    let instance = prop_oneof![Just(""), Just("II"), Just("a, b=\"c\"\\")];
    let quality = prop_oneof![Just(None), Just(Some(0.1)), Just(Some(0.9))];
    let value = prop_oneof![4 => 20.0..200.0_f64, 1 => any::<f64>().prop_filter("finite", |v| v.is_finite())];
    (0_i64..7_000, 0_i64..400, value, instance, quality).prop_map(
        |(second, delay, value, instance, quality)| Measured {
            second,
            delay,
            value,
            instance,
            quality,
        },
    )
}

fn message(seq: u64, measured: &Measured) -> Input {
    let at = begin() + Span::secs(measured.second) + Span::micros(seq as i64 % 900);
    let reading = Reading {
        index: 0,
        signal: SignalId(1),
        instance: measured.instance.into(),
        time: ReadingTime::At(at),
        value: Value::Number { value: measured.value, unit: Unit::PerMinute, comparator: None },
        quality: measured.quality,
        status: Status::Final,
        implausible: !(0.0..400.0).contains(&measured.value),
        unit_doubtful: false,
    };
    Input::Message(Box::new(Message {
        principal: "dev-1".parse().unwrap(),
        device: "dev-1".parse().unwrap(),
        boot: Some(1),
        seq: Some(seq),
        sent_at: None,
        mode: Mode::Real,
        clock: Some(Clock { source: Some(ClockSource::Ntp), timeline: None }),
        relay: None,
        hash: seq,
        delivery: Delivery::default(),
        unknown_fields: 0,
        old: None,
        body: Body::Telemetry { readings: vec![reading], refused: Vec::new() },
    }))
}

fn feed(dir: &Path, opened: &Opened, core: &Core, batch_bytes: usize) -> Feed {
    Feed {
        reader: opened.reader(),
        history: opened.history(),
        board: watch::channel(Arc::new(board::of(core))).1,
        signals: watch::channel(Arc::new(core.configuration.signals.clone())).1,
        pseudonyms: Pseudonyms::open(dir, Purpose::Care).unwrap(),
        store: Store::new("north", false),
        batch_bytes,
        cache: Mutex::default(),
        heads: watch::channel(None).1,
        told: Mutex::default(),
    }
}

/// What a server holds after these batches, and how many lines were exported to it.
fn held(batches: impl Iterator<Item = Batch>) -> (BTreeMap<(String, String), String>, u64) {
    let (mut held, mut lines) = (BTreeMap::new(), 0);
    for batch in batches {
        let text = std::str::from_utf8(&batch.lines).unwrap();
        assert_eq!(text.lines().count() as u64, batch.points);
        for line in text.lines() {
            let (rest, time) = line.rsplit_once(' ').unwrap();
            let (head, fields) = rest.split_once(" value=").unwrap();
            held.insert((head.to_owned(), time.to_owned()), fields.to_owned());
            lines += 1;
        }
    }
    (held, lines)
}

fn all(
    mut cursor: ConsumerCursor,
    mut next: impl FnMut(ConsumerCursor) -> Batch,
) -> impl Iterator<Item = Batch> {
    let mut more = true;
    std::iter::from_fn(move || {
        if !std::mem::replace(&mut more, false) {
            return None;
        }
        let batch = next(cursor.clone());
        assert!(batch.cursor != cursor || !batch.more, "it goes on");
        cursor = batch.cursor.clone();
        more = batch.more;
        Some(batch)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn journal_and_history_give_the_same_lines(
        readings in prop::collection::vec(any_measured(), 1..50),
        batch_bytes in 1_usize..20_000,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut ward = Ward::new(dir.path());
        let mut readings = readings;
        readings.sort_by_key(|t| t.second + t.delay);
        let mut bound_anew = false;
        for (seq, one) in (1_u64..).zip(&readings) {
            let at = begin() + Span::secs(one.second + one.delay + 1);
            if at > minute(60) && !bound_anew {
                bound_anew = true;
                ward.row(minute(60), to_the_second());
            }
            ward.row(at.max(ward.core.now().at + Span::micros(1)), vec![message(seq, one)]);
        }
        // Hours later everything is sealed.
        ward.row(minute(600), Vec::new());
        ward.row(minute(601), Vec::new());
        let core = ward.close();
        let opened = Stored::open(dir.path()).unwrap();
        let feed = feed(dir.path(), &opened, &core, batch_bytes);
        let (journal, lines) = held(all(ConsumerCursor::default(), |c| feed.next(c, later()).unwrap()));
        prop_assert!(lines <= readings.len() as u64);
        prop_assert!(lines > 0);
        let refill =
            Refill { after_row: 0, from: begin(), to: minute(700), place: None };
        let lost = ConsumerCursor { refill: Some(refill), ..ConsumerCursor::default() };
        let (history, _) = held(all(lost, |c| feed.refill(c).unwrap()));
        prop_assert_eq!(history, journal);
    }
}

#[test]
fn a_row_waits_until_no_change_of_binding_can_concern_it_any_more() {
    let dir = tempfile::tempdir().unwrap();
    let mut ward = Ward::new(dir.path());
    let second = |n| begin() + Span::secs(n);
    let measured = |second| Measured { second, delay: 0, value: 70.0, instance: "", quality: None };
    ward.row(second(100), vec![message(1, &measured(98))]);
    ward.row(second(102), vec![message(2, &measured(101))]);
    ward.row(second(104), to_the_second());
    let core = ward.close();
    let opened = Stored::open(dir.path()).unwrap();
    let feed = feed(dir.path(), &opened, &core, 1 << 20);
    let at = |now| feed.next(ConsumerCursor::default(), now).unwrap();
    let settled = second(100) + SETTLED;
    let early = at(settled - Span::micros(1));
    assert_eq!((early.points, early.cursor.row, early.more), (0, 1, false));
    let first = at(settled);
    assert_eq!((first.points, first.cursor.row, first.more), (1, 2, false));
    let both = at(later());
    assert_eq!((both.points, both.cursor.row), (2, 4));
    // The second one was measured 3 s before the change, the first one 6 s: whose it is, is known.
    let lines = String::from_utf8(both.lines.to_vec()).unwrap();
    let named: Vec<bool> = lines.lines().map(|line| line.contains("patient=")).collect();
    assert_eq!(named, [true, false], "{lines}");
}

#[test]
fn what_the_journal_lost_comes_from_history_and_the_rest_from_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    let mut ward = Ward::new(dir.path());
    let measured = |second| Measured { second, delay: 0, value: 70.0, instance: "", quality: None };
    for seq in 1..=200 {
        ward.row(begin() + Span::secs(seq as i64), vec![message(seq, &measured(seq as i64))]);
    }
    ward.row(minute(120), Vec::new());
    ward.row(minute(121), Vec::new());
    let core = ward.close();
    rusqlite::Connection::open(Stored::file(dir.path()))
        .unwrap()
        .execute("DELETE FROM journal WHERE n <= 101", [])
        .unwrap();
    let opened = Stored::open(dir.path()).unwrap();
    let feed = feed(dir.path(), &opened, &core, 4_096);
    let mut cursor =
        ConsumerCursor { row: 11, upto: begin() + Span::secs(10), ..ConsumerCursor::default() };
    let batch = feed.next(cursor.clone(), later()).unwrap();
    assert!(batch.more && (10..50).contains(&batch.points), "{}", batch.points);
    let (journal, _) = held(all(cursor.clone(), |c| {
        let batch = feed.next(c, later()).unwrap();
        cursor = batch.cursor.clone();
        batch
    }));
    assert_eq!(journal.len(), 100);
    assert_eq!(cursor.refill.as_ref().map(|r| r.after_row), Some(11));
    let mut end = ConsumerCursor::default();
    let (history, _) = held(all(cursor, |c| {
        let batch = feed.refill(c).unwrap();
        end = batch.cursor.clone();
        batch
    }));
    assert_eq!(end.refill, None);
    let mut both = history;
    assert!(both.len() >= 90, "{}", both.len());
    both.extend(journal);
    assert!(both.len() >= 190);
}

#[test]
fn a_cursor_that_an_older_program_left_is_gone_on_from() {
    let dir = tempfile::tempdir().unwrap();
    Ward::new(dir.path()).close();
    let left = r#"{"row":9,"upto":"2023-11-14T22:13:29Z","seq":4,"refill":{"after_row":2,
      "from":"2023-11-14T22:13:22Z","to":"2023-11-14T22:13:28Z","place":{"device":"dev-1","signal":1,
      "instance":"","cursor":"1700000003000000.1"}}}"#;
    let conn = rusqlite::Connection::open(Stored::file(dir.path())).unwrap();
    conn.execute("INSERT INTO meta VALUES('influx', ?)", [left]).unwrap();
    drop(conn);
    let opened = Stored::open(dir.path()).unwrap();
    let cursor = opened.consumer(crate::influx::CONSUMER).unwrap().begin();
    assert_eq!((cursor.row, cursor.seq, cursor.lost), (9, 4, None));
    assert_eq!(cursor.upto, Timestamp::from_micros(1_700_000_009_000_000));
    let refill = cursor.refill.unwrap();
    assert_eq!(refill.after_row, 2);
    let position = refill.place.and_then(|place| place.position()).unwrap();
    assert_eq!(position.cursor.unwrap().to_string(), "1700000003000000.1");
}
