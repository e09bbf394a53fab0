//! Golden journals, one by core version: the same inputs must give the same transitions for ever.
//!
//! After raising `CORE_VERSION`, write the new one beside the old and commit it:
//! `cargo test --lib writes_the_golden_journal -- --ignored`

use std::path::PathBuf;

use data_encoding::HEXLOWER;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::CORE_VERSION;
use crate::core::journal::RowBody;
use crate::model::alarm::Alarm;
use crate::model::time::{Span, Stamp, Timestamp};
use crate::output::transition::{Transition, TransitionBody};

use super::world::{World, fresh, step};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/golden")
}

fn file(core: u32) -> PathBuf {
    folder().join(format!("core-{core}.json"))
}

fn announced(transition: &Transition) -> Value {
    let (kind, body) = match &transition.body {
        TransitionBody::Answer { actor, asked, answer } => {
            ("answer", json!({ "actor": actor, "asked": asked, "answer": answer }))
        }
        TransitionBody::Alarm { change, actor, alarm, context: _ } => {
            ("alarm", json!({ "change": change.as_str(), "actor": actor, "alarm": alarm }))
        }
        TransitionBody::Note { patient, device, what, text } => {
            let body = json!({ "patient": patient, "device": device, "what": what, "text": text });
            ("note", body)
        }
        TransitionBody::NotAllowed { principal, name, topic, count, since } => {
            let mut body =
                json!({ "principal": principal, "name": name, "count": count, "since": since });
            if let Some(topic) = topic {
                body["topic"] = json!(topic);
            }
            ("not_allowed", body)
        }
        TransitionBody::SignInsFailed(failed) => ("sign_ins_failed", json!(failed)),
    };
    json!({ "seq": transition.seq, "at": transition.at, kind: body })
}

/// Folds a golden journal; what came out, and what should have.
fn fold(journal: &Value) -> (Vec<Value>, &Vec<Value>) {
    let mut core = fresh();
    let mut came = Vec::new();
    for row in journal["rows"].as_array().unwrap() {
        let n = row["n"].as_u64().unwrap();
        let number = |field: &str| row[field].as_i64().unwrap();
        let now = Stamp {
            at: Timestamp::from_micros(number("at_us")),
            offset: Span::micros(number("offset_us")),
        };
        let inputs = RowBody::decode(n, &body(row)).unwrap().inputs;
        came.extend(core.fold(n, now, &inputs).transitions.iter().map(announced));
    }
    (came, journal["transitions"].as_array().unwrap())
}

/// The bodies of the newest journal's rows.
pub(super) fn bodies() -> Vec<Vec<u8>> {
    read(&file(CORE_VERSION))["rows"].as_array().unwrap().iter().map(body).collect()
}

fn body(row: &Value) -> Vec<u8> {
    let packed = HEXLOWER.decode(row["body"].as_str().unwrap().as_bytes()).unwrap();
    zstd::bulk::decompress(&packed, 1 << 20).unwrap()
}

fn read(path: &std::path::Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn the_same_inputs_give_the_same_transitions() {
    let path = file(CORE_VERSION);
    assert!(path.exists(), "no golden journal of core {CORE_VERSION}: write and commit it");
    let journal = read(&path);
    let (came, should) = fold(&journal);
    assert!(should.len() > 100, "a golden journal worth its name");
    for (came, should) in came.iter().zip(should) {
        assert_eq!(
            came, should,
            "the same inputs give other transitions: raise CORE_VERSION and add a new golden journal"
        );
    }
    assert_eq!(
        came.len(),
        should.len(),
        "the same inputs give other transitions: raise CORE_VERSION and add a new golden journal"
    );
}

#[test]
fn journals_of_every_core_can_still_be_folded() {
    for entry in std::fs::read_dir(folder()).unwrap() {
        let journal = read(&entry.unwrap().path());
        let (came, _) = fold(&journal);
        assert!(!came.is_empty());
    }
}

#[test]
fn alarms_announced_by_every_core_can_still_be_read() {
    for entry in std::fs::read_dir(folder()).unwrap() {
        let journal = read(&entry.unwrap().path());
        let announced = journal["transitions"].as_array().unwrap().iter();
        let mut read = 0;
        for alarm in announced.map(|t| &t["alarm"]["alarm"]).filter(|a| a.is_object()) {
            let back: Alarm = serde_json::from_value(alarm.clone()).unwrap();
            // What was added since is nowhere in it.
            let fields = alarm.as_object().unwrap();
            for (name, value) in json!(back).as_object().unwrap() {
                assert_eq!(value, fields.get(name).unwrap_or(&Value::Null), "{name}");
            }
            assert!(fields.keys().all(|name| json!(back).get(name).is_some()));
            read += 1;
        }
        assert!(read > 20, "{read} alarms");
    }
}

#[test]
#[ignore = "writes a golden journal; run it after raising CORE_VERSION"]
fn writes_the_golden_journal() {
    let path = file(CORE_VERSION);
    assert!(!path.exists(), "{} stands for ever: raise CORE_VERSION", path.display());
    let mut runner = TestRunner::deterministic();
    let steps = prop::collection::vec(step(), 240).new_tree(&mut runner).unwrap().current();
    let world = World::live(&steps);
    let rows: Vec<Value> = world
        .rows
        .iter()
        .zip(1_u64..)
        .map(|(row, n)| {
            json!({
                "n": n, "at_us": row.now.at.as_micros(), "offset_us": row.now.offset.as_micros(),
                "body": HEXLOWER.encode(&zstd::bulk::compress(&row.body, 9).unwrap()),
            })
        })
        .collect();
    let transitions: Vec<Value> =
        world.rows.iter().flat_map(|row| row.caused.iter().map(announced)).collect();
    let line = |values: &[Value]| {
        values.iter().map(|v| format!("    {v}")).collect::<Vec<_>>().join(",\n")
    };
    let text = format!(
        "{{\n  \"core\": {CORE_VERSION},\n  \"rows\": [\n{}\n  ],\n  \"transitions\": [\n{}\n  ]\n}}\n",
        line(&rows),
        line(&transitions)
    );
    std::fs::create_dir_all(folder()).unwrap();
    std::fs::write(path, text).unwrap();
}
