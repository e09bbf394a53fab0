//! The store as its users see it: made, written, dropped at any moment, opened again.

use std::path::Path;

use proptest::prelude::*;

use crate::history::heads::Due;
use crate::history::point::Point;
use crate::history::point::tests::any_point;
use crate::history::words::write::Placed;
use crate::types::{Commit, Row, Sample, Sent, SeriesKey, SnapshotPart, StoredTransition};
use crate::writer::commit as packing;
use crate::writer::commit::{Packed, RowCompressor};
use crate::*;
use vitalgate_domain::model::instance::Instance;
use vitalgate_domain::model::message::DeadLetter;
use vitalgate_domain::model::signal::SignalId;
use vitalgate_domain::model::time::{Span, Timestamp};
use vitalgate_domain::model::unit::Unit;

pub(super) fn purpose() -> Purpose {
    Purpose { site: "ward-one".parse().unwrap(), simulated: true, stream_clock: false }
}

pub(super) fn second(n: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + n as i64 * 1_000)
}

/// Row `n`, stamped `n` seconds after the epoch of these tests, with nothing else in it.
pub(super) fn commit(n: u64) -> Commit {
    Commit {
        row: Row {
            n,
            at: second(n),
            offset: Span::millis(n as i64),
            core: 1,
            rules: *b"rulehash",
            body: format!("body of row {n}").into_bytes(),
        },
        transitions: Vec::new(),
        samples: Vec::new(),
        words: Vec::new(),
        raised: Vec::new(),
        dead_letters: Vec::new(),
        waves: Vec::new(),
        snapshot: Vec::new(),
        snapshot_complete: None,
    }
}

pub(super) fn series() -> SeriesKey {
    SeriesKey {
        device: "dev-1".parse().unwrap(),
        signal: SignalId(3),
        instance: Instance::default(),
    }
}

pub(super) fn sample(at: Timestamp, value: f64) -> Sample {
    let unit = Unit::PerMinute;
    Sample { series: series(), at, sent: Sent::default(), received: at, value, unit, flags: 0 }
}

/// Rows of points of one series; `true` seals what was there before the row. Half of the time
/// each row has a time of its own, so that blocks stand apart and are answered by summary.
pub(super) fn any_rows() -> impl Strategy<Value = Vec<(Vec<Point>, bool)>> {
    let row = (prop::collection::vec(any_point(), 0..40), any::<bool>());
    let apart = prop_oneof![Just(Span::ZERO), Just(Span::secs(100))];
    (prop::collection::vec(row, 1..8), apart).prop_map(|(mut rows, apart)| {
        for (place, (points, _)) in rows.iter_mut().enumerate() {
            for point in points {
                point.at = point.at + Span::micros(apart.as_micros() * place as i64);
            }
        }
        rows
    })
}

pub(crate) fn packed(commit: Commit, due: Vec<Due>, sealed_to: u64) -> Packed {
    Packed::new(commit, due, sealed_to, &mut RowCompressor::new().unwrap()).unwrap()
}

/// Commits row `n` as the writer does, with every head old enough to seal if `seal` says so.
pub(super) fn put(
    opened: &mut Opened,
    n: u64,
    points: &[Point],
    seal: bool,
    of: impl Fn(&Point) -> SeriesKey,
) -> Commit {
    let samples = points.iter().map(|p| Sample {
        series: of(p),
        at: p.at,
        sent: p.sent,
        received: p.received,
        value: p.value,
        unit: p.unit,
        flags: p.flags,
    });
    let commit = Commit { samples: samples.collect(), ..commit(n) };
    let now = if seal { second(n) + Span::hours(2) } else { second(n) };
    let due = opened.heads().due(now, usize::MAX);
    let sealed_to = opened.heads().sealed_to(&due);
    let words = Placed::of(&commit, opened.words());
    let packed = packed(commit, due, sealed_to).with_words(words);
    packed.write(&mut opened.conn).unwrap();
    let Packed { commit, sealed, .. } = packed;
    opened.heads().committed(&sealed, n, commit.row.at, &commit.samples);
    commit
}

fn transition(seq: u64, kind: &'static str, alarm: Option<&str>, body: &str) -> StoredTransition {
    StoredTransition {
        seq,
        at: second(seq),
        kind,
        change: "raised",
        alarm: alarm.map(|id| id.parse().unwrap()),
        patient: Some("p-1".parse().unwrap()),
        actor: (kind == "answer").then(|| "nurse".to_owned()),
        body: body.to_owned(),
    }
}

fn part(key: &str, n: u64, body: &str) -> SnapshotPart {
    SnapshotPart { kind: "device", key: key.to_owned(), n, body: body.into() }
}

/// Writes the commits and waits until the store has closed.
pub(super) fn write(opened: Opened, keep: Keep, commits: Vec<Commit>) {
    let Running { committer, mut reports, thread, .. } = start(opened, keep).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        for commit in commits {
            let n = commit.row.n;
            committer.send(commit).await.unwrap();
            let Some(Report::Committed { n: reported, .. }) = reports.recv().await else {
                panic!("row {n} failed");
            };
            assert_eq!(reported, n);
        }
    });
    drop(committer);
    thread.join().unwrap().unwrap();
}

/// What a killed process leaves: the files as they are, without anything being closed.
pub(super) fn copy_files(from: &Path, to: &Path) {
    for name in ["vitalgate.db", "vitalgate.db-wal"] {
        std::fs::copy(from.join(name), to.join(name)).unwrap();
    }
    std::fs::create_dir(to.join("keys")).unwrap();
    std::fs::copy(from.join("keys/audit.key"), to.join("keys/audit.key")).unwrap();
}

#[test]
fn what_was_committed_reads_back_after_opening_again() {
    let dir = tempfile::tempdir().unwrap();
    let opened = Store::create(dir.path(), &purpose()).unwrap();
    assert_eq!((opened.last_row, opened.next_seq, opened.snapshot_row), (None, 1, None));
    let id = opened.identity.clone();
    let mut second_row = commit(2);
    second_row.transitions = vec![
        transition(1, "answer", None, r#"{"outcome":"done"}"#),
        transition(2, "alarm", Some("a-1"), r#"{"state":"alarming","ward":"w-1"}"#),
    ];
    second_row.dead_letters = vec![DeadLetter {
        principal: "relay-1".parse().unwrap(),
        device: Some("dev-1".parse().unwrap()),
        topic: "vitalgate/v1/dev-1/telemetry".into(),
        kind: Some(vitalgate_domain::model::message::Kind::Telemetry),
        reason: "syntax".into(),
        length: 7,
        head: b"garbage".to_vec(),
    }];
    write(opened, Keep::default(), vec![commit(1), second_row]);

    let opened = Store::open(dir.path()).unwrap();
    assert_eq!(opened.identity, id);
    let last = opened.last_row.unwrap();
    assert_eq!((last.n, last.at, last.offset), (2, second(2), Span::millis(2)));
    assert_eq!(opened.reader().last_row().unwrap(), Some(last));
    assert_eq!(opened.reader().identity().unwrap(), id);
    assert_eq!(opened.next_seq, 3);
    let reader = opened.reader();
    let rows: Vec<Row> = reader.rows(0).unwrap().map(Result::unwrap).collect();
    assert_eq!(rows, [commit(1).row, commit(2).row]);
    assert_eq!(reader.rows(1).unwrap().count(), 1);
    let transitions = reader.transitions(0, 9).unwrap();
    assert_eq!(transitions.iter().map(|t| t.seq).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(transitions[0].actor.as_deref(), Some("nurse"));
    assert_eq!(reader.transitions_of_rows(2, 2).unwrap(), transitions);
    assert_eq!(reader.alarm_history(&"a-1".parse().unwrap()).unwrap(), transitions[1..]);
    let letters = reader.dead_letters(Some(&"dev-1".parse().unwrap()), None, 9).unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].length, letters[0].head.as_slice()), (7, b"garbage".as_slice()));
    assert_eq!(reader.dead_letter_counts().unwrap(), [("dev-1".to_owned(), 1)]);
    assert!(reader.check_audit(&audit::Evidence::default()).unwrap().is_whole());
    assert!(reader.sizes().unwrap().iter().any(|s| s.table == "journal" && s.bytes >= 8_192));
}

#[test]
fn alarms_are_found_by_their_newest_transition() {
    let dir = tempfile::tempdir().unwrap();
    let opened = Store::create(dir.path(), &purpose()).unwrap();
    let mut one = commit(1);
    one.transitions = vec![
        transition(1, "alarm", Some("a-1"), r#"{"state":"alarming","ward":"w-1"}"#),
        transition(2, "alarm", Some("a-2"), r#"{"state":"alarming","ward":"w-2"}"#),
        transition(3, "alarm", Some("a-1"), r#"{"state":"closed","ward":"w-1"}"#),
    ];
    let reader = opened.reader();
    write(opened, Keep::default(), vec![one]);
    let check = |states: &[&str], ward: Option<&str>, before: Option<u64>, expected: &[u64]| {
        let filter = reader::AlarmFilter {
            states: states.iter().map(ToString::to_string).collect(),
            ward: ward.map(|w| w.parse().unwrap()),
            patient: Some("p-1".parse().unwrap()),
            wards: None,
        };
        let found = reader.alarms(&filter, before, 9).unwrap();
        assert_eq!(found.iter().map(|t| t.seq).collect::<Vec<_>>(), expected);
    };
    check(&[], None, None, &[3, 2]);
    check(&["alarming"], None, None, &[2]);
    check(&["closed", "latched"], None, None, &[3]);
    check(&["alarming"], Some("w-1"), None, &[]);
    check(&[], None, Some(3), &[2]);
}

#[test]
fn a_new_store_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("made/for/it");
    drop(Store::create(&folder, &purpose()).unwrap());
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&Store::file(&folder)), 0o600);
}

#[test]
fn a_killed_process_loses_nothing_that_was_committed() {
    let dir = tempfile::tempdir().unwrap();
    let left = tempfile::tempdir().unwrap();
    let opened = Store::create(dir.path(), &purpose()).unwrap();
    let Running { committer, mut reports, thread, .. } = start(opened, Keep::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        for n in 1..=20 {
            committer.send(commit(n)).await.unwrap();
            assert!(matches!(reports.recv().await, Some(Report::Committed { .. })));
        }
    });
    assert!(matches!(Store::open(dir.path()), Err(OpenError::Locked { .. })));
    copy_files(dir.path(), left.path());
    drop(committer);
    thread.join().unwrap().unwrap();

    let opened = Store::open(left.path()).unwrap();
    assert_eq!(opened.last_row.map(|row| row.n), Some(20));
    assert_eq!(std::fs::metadata(left.path().join("vitalgate.db-wal")).unwrap().len(), 0);
    write(opened, Keep::default(), vec![commit(21)]);
    let opened = Store::open(left.path()).unwrap();
    assert_eq!(opened.reader().rows(0).unwrap().count(), 21);
}

#[test]
fn a_commit_tried_again_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut opened = Store::create(dir.path(), &purpose()).unwrap();
    let mut again = commit(1);
    again.transitions = vec![transition(1, "answer", None, "{}")];
    again.dead_letters = vec![DeadLetter {
        principal: "dev-1".parse().unwrap(),
        device: None,
        topic: "t".into(),
        kind: None,
        reason: "syntax".into(),
        length: 1,
        head: vec![1],
    }];
    again.snapshot = vec![part("dev-1", 1, "one")];
    again.snapshot_complete = Some(1);
    let again = packed(again, Vec::new(), 0);
    for _ in 0..3 {
        again.write(&mut opened.conn).unwrap();
    }
    let row = Row { body: b"other".to_vec(), ..commit(1).row };
    let other = packed(Commit { row, ..commit(1) }, Vec::new(), 0);
    let refused = other.write(&mut opened.conn);
    assert!(matches!(refused, Err(packing::CommitError::Taken { n: 1 })));
    drop(opened);
    let opened = Store::open(dir.path()).unwrap();
    assert_eq!(opened.reader().dead_letter_counts().unwrap(), [("dev-1".to_owned(), 1)]);
    assert_eq!(opened.reader().transitions(0, 9).unwrap().len(), 1);
    assert_eq!(opened.snapshot, [part("dev-1", 1, "one")]);
}

#[test]
fn a_half_written_snapshot_never_takes_the_place_of_a_whole_one() {
    let dir = tempfile::tempdir().unwrap();
    let opened = Store::create(dir.path(), &purpose()).unwrap();
    let with = |n, parts: Vec<SnapshotPart>, complete| Commit {
        snapshot: parts,
        snapshot_complete: complete,
        ..commit(n)
    };
    let commits = vec![
        with(1, vec![part("a", 1, "a1"), part("b", 1, "b1")], None),
        with(2, vec![part("c", 1, "c1")], Some(1)),
        with(3, vec![part("a", 3, "a3")], Some(3)),
        with(4, vec![part("a", 4, "a4"), part("b", 4, "b4")], None),
    ];
    let reader = opened.reader();
    assert_eq!(reader.snapshot().unwrap(), None);
    write(opened, Keep::default(), commits);
    let whole = [part("a", 3, "a3"), part("b", 1, "b1"), part("c", 1, "c1")];
    assert_eq!(reader.snapshot().unwrap(), Some((3, whole.to_vec())), "beside a running writer");
    let opened = Store::open(dir.path()).unwrap();
    assert_eq!(opened.snapshot, whole);
    assert_eq!(opened.snapshot_row, Some(3));
    write(opened, Keep::default(), vec![with(5, vec![part("c", 5, "c5")], Some(5))]);
    let opened = Store::open(dir.path()).unwrap();
    let [a, b, _] = whole;
    assert_eq!(opened.snapshot, [a, b, part("c", 5, "c5")], "parts of row 4 are removed");
}

#[test]
fn what_is_no_store_is_refused_and_not_touched() {
    let dir = tempfile::tempdir().unwrap();
    let file = Store::file(dir.path());
    assert!(matches!(Store::open(dir.path()), Err(OpenError::Missing { .. })));
    drop(Store::create(dir.path(), &purpose()).unwrap());
    assert!(matches!(Store::create(dir.path(), &purpose()), Err(OpenError::Exists { .. })));
    let good = std::fs::read(&file).unwrap();
    let check = |place: usize, bytes: &[u8], expected: &str| {
        let mut changed = good.clone();
        changed[place..place + bytes.len()].copy_from_slice(bytes);
        std::fs::write(&file, &changed).unwrap();
        let error = Store::open(dir.path()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(std::fs::read(&file).unwrap(), changed, "untouched");
    };
    check(0, b"nonsense", "not an SQLite file");
    check(68, &[1, 2, 3, 4], "another program");
    check(60, &[0, 0, 0, 99], "use a newer program");
    check(100, &[0xff; 200], "damaged");
    std::fs::write(&file, b"short").unwrap();
    assert!(matches!(Store::open(dir.path()), Err(OpenError::Foreign { .. })));
}

#[test]
fn dead_letters_are_bounded_by_sender_and_their_counts_stay() {
    let dir = tempfile::tempdir().unwrap();
    let opened = Store::create(dir.path(), &purpose()).unwrap();
    let reader = opened.reader();
    let letter = |device: &str, length: u64, head: usize| DeadLetter {
        principal: device.parse().unwrap(),
        device: None,
        topic: "t".into(),
        kind: None,
        reason: "syntax".into(),
        length,
        head: vec![0; head],
    };
    let mut many = commit(1);
    many.dead_letters = (0..DEAD_LETTERS + 5).map(|i| letter("loud", i, 10)).collect();
    many.dead_letters.push(letter("quiet", 0, 10));
    let mut large = commit(2);
    large.dead_letters = (0..6).map(|i| letter("large", i, 1 << 20)).collect();
    write(opened, Keep::default(), vec![many, large]);
    let kept = |device: &str| {
        let found = reader.dead_letters(Some(&device.parse().unwrap()), None, 9_999).unwrap();
        (found.len(), found.last().map_or(0, |oldest| oldest.length))
    };
    assert_eq!(kept("loud"), (1_000, 5));
    assert_eq!(kept("quiet"), (1, 0));
    assert_eq!(kept("large"), (3, 3), "three of a mebibyte and their topics fit into four");
    let counts = reader.dead_letter_counts().unwrap();
    assert_eq!(counts, [("large".into(), 6), ("loud".into(), 1_005), ("quiet".into(), 1)]);
}
