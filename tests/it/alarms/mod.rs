//! From a publish to what a clinician sees: failures known from other systems, over real sockets.

mod judged;
mod killed;
mod pauses;
mod people;
mod wire;

use serde_json::Value;

use crate::harness::{Gateway, eventually, telemetry};
use crate::mqtt::Client;

const SPO2: &str = "test.spo2_low";

const PULSELESS: &str = "test.heart_rate_low";

/// A gateway with patient `p1` on `dev-1`, and that device's connection.
struct Bedside {
    gateway: Gateway,
    device: Client,
    seq: u64,
}

impl Bedside {
    fn new() -> Self {
        let gateway = Gateway::start();
        gateway.admit("p1", "dev-1");
        let device = gateway.mqtt("dev-1");
        Self { gateway, device, seq: 0 }
    }

    fn measure(&mut self, readings: &[(&str, f64, &str)]) {
        self.seq += 1;
        let message = telemetry(self.seq, self.gateway.now(), readings);
        self.device.telemetry("dev-1", &message);
    }

    fn spo2(&mut self, value: f64) {
        self.measure(&[("spo2", value, "%")]);
    }

    fn heart_rate(&mut self, value: f64) {
        self.measure(&[("heart_rate", value, "/min")]);
    }

    fn restart(&mut self) {
        self.gateway.restart();
        self.device = self.gateway.mqtt("dev-1");
    }

    fn alarm(&self, rule: &str) -> Value {
        let of_rule = |alarms: Vec<Value>| alarms.into_iter().find(|a| a["rule"] == rule);
        eventually(rule, || of_rule(self.gateway.alarms("p1")))
    }

    fn alarm_in(&self, rule: &str, state: &str) -> Value {
        let fits = |a: &Value| a["rule"] == rule && a["state"] == state;
        eventually(&format!("{rule} is {state}"), || {
            self.gateway.alarms("p1").into_iter().find(fits)
        })
    }
}
