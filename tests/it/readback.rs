//! `tests/external/readback.py` itself: it must see what is lost, doubled or altered.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use pco::ChunkConfig;
use pco::standalone::simple_compress;
use rusqlite::{Connection, params};
use serde_json::Value;
use vitalgate_domain::core::journal::RowBody;
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::instance::Instance;
use vitalgate_domain::model::message::{
    Body, Delivery, Message, Mode, Reading, ReadingTime, Status,
};
use vitalgate_domain::model::signal::SignalId;
use vitalgate_domain::model::time::Timestamp;
use vitalgate_domain::model::unit::Unit;
use vitalgate_domain::model::{input, message};

use crate::harness::{python, root};

/// Runs the script; its exit code and what it printed.
pub(crate) fn read_back(database: &Path, ledger: &Path, more: &[&str]) -> (bool, Value) {
    let output = Command::new(python())
        .arg(root().join("tests/external/readback.py"))
        .arg("--db")
        .arg(database)
        .arg("--ledger")
        .arg(ledger)
        .args(more)
        .output()
        .expect("python");
    let line = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), serde_json::from_str(&line).unwrap_or_else(|_| panic!("{errors}")))
}

/// A message of load mode: `heart_rate` of `load-0`, 60 + (FNV-1a mod 400) / 10.
fn telemetry(seq: u64, value: f64, hash: u64) -> Input {
    let reading = Reading {
        index: 0,
        signal: SignalId(1),
        instance: Instance::default(),
        time: ReadingTime::At(Timestamp::from_millis(seq as i64)),
        value: message::Value::Number { value, unit: Unit::PerMinute, comparator: None },
        quality: None,
        status: Status::Final,
        implausible: false,
        unit_doubtful: false,
    };
    Input::Message(Box::new(Message {
        principal: "load-0".parse().unwrap(),
        device: "load-0".parse().unwrap(),
        boot: Some(3),
        seq: Some(seq),
        sent_at: None,
        mode: Mode::Real,
        clock: None,
        relay: None,
        hash,
        delivery: Delivery::default(),
        unknown_fields: 0,
        old: None,
        body: Body::Telemetry { readings: vec![reading], refused: Vec::new() },
    }))
}

fn by_formula(seq: u64) -> f64 {
    let hash = format!("load-0/{seq}/heart_rate")
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    (600 + hash % 400) as f64 / 10.0
}

#[track_caller]
fn check(rows: &[(i64, Vec<Input>)], blocks: &[&[i64]], acknowledged: &[u64], expected: &str) {
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("vitalgate.db");
    let db = Connection::open(&database).unwrap();
    db.execute_batch(
        "CREATE TABLE journal(n INTEGER PRIMARY KEY, body BLOB NOT NULL);
         CREATE TABLE blocks(series INTEGER, t0 INTEGER, body BLOB NOT NULL)",
    )
    .unwrap();
    for times in blocks {
        let offsets: Vec<i64> = times.iter().map(|t| t - times[0]).collect();
        let packed = simple_compress(&offsets, &ChunkConfig::default()).unwrap();
        let mut body = Vec::new();
        let mut e = minicbor::Encoder::new(&mut body);
        e.array(2).unwrap().u8(1).unwrap().bytes(&packed).unwrap();
        db.execute("INSERT INTO blocks VALUES(1, ?, ?)", params![times[0], body]).unwrap();
    }
    for (n, inputs) in rows {
        let body = RowBody { inputs: inputs.clone(), exceptions: Vec::new() }.encode();
        let body = zstd::encode_all(body.as_slice(), 3).unwrap();
        db.execute("INSERT INTO journal VALUES(?, ?)", params![n, body]).unwrap();
    }
    let mut ledger = String::new();
    for seq in acknowledged {
        writeln!(ledger, "load-0 3 {seq} 1000").unwrap();
    }
    ledger.push_str("load-0 3 9");
    std::fs::write(dir.path().join("ledger"), ledger).unwrap();

    let (well, counts) = read_back(&database, &dir.path().join("ledger"), &["--formula"]);
    let expected: Value = serde_json::from_str(expected).unwrap();
    assert_eq!(counts, expected);
    let bad = ["missing", "doubled", "wrong", "gaps"];
    assert_eq!(well, bad.iter().all(|&count| counts[count] == 0));
}

#[test]
#[ignore = "needs python packages"]
fn what_was_acknowledged_is_found() {
    let link =
        input::Input::Link { principal: "a".parse().unwrap(), connected: true, clean: false };
    let rows = [
        (7, vec![link, telemetry(1, by_formula(1), 11)]),
        (8, vec![]),
        (9, vec![telemetry(2, by_formula(2), 12), telemetry(1, by_formula(1), 11)]),
    ];
    check(
        &rows,
        &[&[1_000, 2_000], &[3_000]],
        &[1, 2],
        r#"{"acknowledged": 2, "stored": 2, "missing": 0, "redelivered": 1, "doubled": 0, "wrong": 0, "gaps": 0}"#,
    );
}

#[test]
#[ignore = "needs python packages"]
fn what_is_lost_doubled_or_altered_is_reported() {
    let rows = [
        (1, vec![telemetry(1, by_formula(1), 11), telemetry(1, by_formula(1), 99)]),
        (3, vec![telemetry(2, by_formula(2) + 0.1, 12)]),
    ];
    check(
        &rows,
        &[&[1_000, 2_000], &[2_000, 3_000]],
        &[1, 2, 3],
        r#"{"acknowledged": 3, "stored": 2, "missing": 1, "redelivered": 0, "doubled": 2, "wrong": 1, "gaps": 1}"#,
    );
}
