//! SIGHUP: rules and signals are read again, whole or not at all.

use serde_json::{Value, json};
use vitalgate_domain::model::input::Input;

use crate::harness::{Gateway, eventually, telemetry};
use crate::mqtt::Client;
use crate::setup::{RULES, Setup};
use crate::sse::Events;

const SPO2: &str = "test.spo2_low";
const SIGNALS: &str = include_str!("../../config/signals.toml");

struct Bedside {
    gateway: Gateway,
    device: Client,
    seq: u64,
}

impl Bedside {
    fn new() -> Self {
        let gateway = Setup::default().rules(RULES).signals(SIGNALS).start();
        gateway.admit("p1", "dev-1");
        let device = gateway.mqtt("dev-1");
        Self { gateway, device, seq: 0 }
    }

    fn measure(&mut self, signal: &str, value: f64, unit: &str) {
        self.seq += 1;
        let message = telemetry(self.seq, self.gateway.now(), &[(signal, value, unit)]);
        self.device.telemetry("dev-1", &message);
    }

    fn open(&self) -> Option<Value> {
        self.gateway.alarms("p1").into_iter().find(|a| a["rule"] == SPO2)
    }

    fn configurations(&self) -> usize {
        let journal = self.gateway.journal();
        journal.iter().filter(|input| matches!(input, Input::Configuration { .. })).count()
    }

    /// Waits until the log says it once more than before.
    fn logged(&self, words: &str, times: usize) {
        eventually(words, || (self.gateway.log().matches(words).count() == times).then_some(()));
    }
}

#[test]
fn changed_rules_end_their_alarms_and_judge_anew() {
    let mut bedside = Bedside::new();
    bedside.measure("spo2", 86.0, "%");
    let first = eventually("86 is too low", || bedside.open());
    assert_eq!(bedside.configurations(), 1);

    let lower = RULES.replace("low = [\"88 %\"]", "low = [\"85 %\"]");
    bedside.gateway.reload("rules.toml", &lower);
    eventually("86 is no longer too low", || bedside.open().is_none().then_some(()));
    let closed = bedside.gateway.get(&format!("/api/v1/alarms/{}", first["id"].as_str().unwrap()));
    assert_eq!(closed["alarm"]["closed_reason"], "rule_changed", "{closed}");
    bedside.measure("spo2", 86.0, "%");
    assert!(bedside.open().is_none());
    bedside.measure("spo2", 84.0, "%");
    let second = eventually("84 is", || bedside.open());
    assert_ne!(second["id"], first["id"]);
    assert_eq!(bedside.configurations(), 2);

    bedside.gateway.signal("HUP");
    bedside.logged("the same as before", 1);
    bedside.gateway.restart();
    assert_eq!(bedside.configurations(), 2, "they are in force already");
    bedside.gateway.stop();
}

#[test]
fn a_mistake_in_either_changes_nothing_and_is_named() {
    let mut bedside = Bedside::new();
    let wrong_rules = RULES.replace("low = [\"88 %\"]", "low = [\"50 mg/dL\"]");
    assert_ne!(wrong_rules, RULES);
    bedside.gateway.reload("rules.toml", &wrong_rules);
    bedside.logged("line 19, column 8", 1);
    bedside.gateway.reload("signals.toml", "[[signal]]\nid = \"one\"\n");
    bedside.logged("line 2, column 6", 1);
    bedside.logged("stay as they are", 2);
    bedside.measure("spo2", 86.0, "%");
    eventually("the rules of before judge", || bedside.open());
    assert_eq!(bedside.configurations(), 1);

    // One right file beside a wrong one is not taken either.
    let lower = RULES.replace("low = [\"88 %\"]", "low = [\"85 %\"]");
    bedside.gateway.reload("rules.toml", &lower);
    bedside.logged("stay as they are", 3);
    assert!(bedside.open().is_some());
    bedside.gateway.reload("signals.toml", SIGNALS);
    eventually("both are right now", || bedside.open().is_none().then_some(()));
}

#[test]
fn a_new_signal_is_accepted_on_connections_that_stand() {
    let mut bedside = Bedside::new();
    bedside.measure("cuff_pressure", 12.0, "mm[Hg]");
    assert!(bedside.gateway.values("dev-1", "spo2").is_empty());
    let more = format!(
        "{SIGNALS}\n[[signal]]\nid = 60000\nname = \"cuff_pressure\"\nlabel = \"Cuff\"\n\
         cadence = \"spot\"\nunit = \"mm[Hg]\"\nplausible = [0, 400]\n"
    );
    bedside.gateway.reload("signals.toml", &more);
    bedside.logged("are in force", 1);
    bedside.measure("cuff_pressure", 13.0, "mm[Hg]");
    assert_eq!(bedside.gateway.values("dev-1", "cuff_pressure"), [13.0]);
    bedside.gateway.stop();
}

#[test]
fn whoever_loses_a_token_loses_stream_and_rights_at_once() {
    let sha256 = |token: &str| {
        let digest = ring::digest::digest(&ring::digest::SHA256, token.as_bytes());
        data_encoding::HEXLOWER.encode(digest.as_ref())
    };
    let token = |name: &str| json!({ "name": name, "role": "viewer", "sha256": sha256(name) });
    let both = json!({ "token": [token("kept"), token("gone")] });
    let gateway = Setup::default().section("http", both).start();
    let url = gateway.url("/api/v1/stream");
    let stream = |name| Events::with(&url, Some(("Authorization", &format!("Bearer {name}"))));
    let (kept, gone) = (stream("kept"), stream("gone"));
    let status = |name: &str| gateway.status_as(name, "/api/v1/alarms");
    assert_eq!([status("kept"), status("gone")], [200, 200]);

    gateway.set("http", "token", &json!([]));
    gateway.signal("HUP");
    let said = "tokens stay as they are";
    eventually(said, || gateway.log().contains(said).then_some(()));
    assert_eq!([status("kept"), status("gone")], [200, 200], "nobody would have to sign in");

    gateway.set("http", "token", &json!([token("kept")]));
    gateway.signal("HUP");
    gone.ended();
    assert_eq!([status("kept"), status("gone")], [200, 401]);
    kept.wait("the other goes on", |event| event.name == "heartbeat");
}
