//! What the gateway reports of the clock it uses.

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::harness::{Gateway, eventually};
use crate::setup::{RULES, Setup};

/// The open alarm of the gateway itself under this rule.
fn alarm(gateway: &Gateway, rule: &str) -> Option<Value> {
    let list = gateway.get("/api/v1/alarms");
    let items = list["items"].as_array().unwrap();
    items.iter().find(|a| a["rule"] == rule && a["state"] != "closed").cloned()
}

/// A gateway that asks a file whether the clock is synchronised.
fn asking(file: &Path) -> Gateway {
    let clock = json!({ "check": ["cat", file], "every": "1s" });
    Setup::default().rules(RULES).section("clock", clock).start()
}

#[test]
fn a_clock_that_is_not_synchronised_is_an_alarm_while_it_lasts() {
    const RULE: &str = "clock.unsynchronised";
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("synchronised");
    let becomes = |gateway: &Gateway, word: &str, priority: &str| {
        fs::write(&file, word).unwrap();
        eventually(&format!("{priority} after {word:?}"), || {
            let priority_now =
                alarm(gateway, RULE).map_or_else(|| "none".into(), |a| a["priority"].clone());
            (priority_now == priority).then_some(())
        });
    };
    let mut gateway = asking(&file);
    eventually("there is nobody to ask", || {
        alarm(&gateway, RULE).filter(|a| a["priority"] == "low")
    });
    becomes(&gateway, "no\n", "medium");
    becomes(&gateway, "yes\n", "none");
    becomes(&gateway, "no\n", "medium");
    gateway.restart();
    assert_eq!(alarm(&gateway, RULE).unwrap()["priority"], "medium", "it outlives the process");
    becomes(&gateway, "yes\n", "none");
    gateway.stop();
}

#[test]
fn a_clock_behind_the_last_row_is_announced_at_start() {
    let mut gateway = Gateway::start();
    gateway.stop();
    let db = Connection::open(gateway.database()).unwrap();
    let later = "UPDATE journal SET at = at + 7200000000 WHERE n = (SELECT max(n) FROM journal)";
    assert_eq!(db.execute(later, []).unwrap(), 1);
    drop(db);
    gateway.start_again();
    let behind = eventually("the clock is behind", || alarm(&gateway, "clock.behind"));
    assert!(behind["text"].as_str().unwrap().contains("7200 s"), "{behind}");
    gateway.stop();
}
