//! Patients, devices and alarms, by the API.

use serde_json::{Value, json};
use vitalgate_domain::model::time::{Span, Timestamp};

use super::Gateway;

impl Gateway {
    /// A patient in a bed of ward `w1`, with one bound device that measures heart rate and SpO2.
    pub(crate) fn admit(&self, patient: &str, device: &str) {
        self.admit_with(patient, device, "bedside", &["heart_rate", "spo2"]);
    }

    /// The same with the device's class and signals.
    pub(crate) fn admit_with(&self, patient: &str, device: &str, class: &str, signals: &[&str]) {
        let bed = format!("bed-{patient}");
        self.made("/api/v1/wards", &json!({ "id": "w1" }));
        self.made("/api/v1/beds", &json!({ "id": bed, "ward": "w1" }));
        self.made(
            "/api/v1/patients",
            &json!({ "id": patient, "age_class": "adult", "bed": bed, "continuous": false }),
        );
        let signals: Vec<Value> = signals.iter().map(|s| json!({ "signal": s })).collect();
        self.register(device, class, &json!(signals));
        self.bind(device, patient, &[]);
    }

    /// Registers a device.
    pub(crate) fn register(&self, device: &str, class: &str, signals: &Value) {
        self.made(
            "/api/v1/devices",
            &json!({ "id": device, "class": class, "kind": "device", "via": [], "signals": signals }),
        );
    }

    /// Binds a device to a patient, as if since long ago: what it measured before belongs to nobody.
    pub(crate) fn bind(&self, device: &str, patient: &str, zero_means_no_sensor: &[&str]) {
        let from = self.now() - Span::days(1);
        self.bind_from(device, patient, from, zero_means_no_sensor);
    }

    /// Binds a device to a patient from a time on.
    pub(crate) fn bind_from(
        &self,
        device: &str,
        patient: &str,
        from: Timestamp,
        zero_means_no_sensor: &[&str],
    ) {
        let (status, body) = self.put(
            &format!("/api/v1/devices/{device}/binding"),
            &json!({
                "patient": patient, "from": from, "zero_means_no_sensor": zero_means_no_sensor,
            }),
        );
        assert!((200..300).contains(&status), "bind {device} to {patient}: {status} {body}");
    }

    /// Open alarms of a patient that concern his body.
    pub(crate) fn alarms(&self, patient: &str) -> Vec<Value> {
        self.open_alarms(patient, "physiological")
    }

    /// Open alarms of a patient, `physiological` or `technical`.
    pub(crate) fn open_alarms(&self, patient: &str, kind: &str) -> Vec<Value> {
        let list = self.get(&format!("/api/v1/alarms?patient={patient}"));
        let items = list["items"].as_array().expect("items").clone();
        items.into_iter().filter(|a| a["state"] != "closed" && a["kind"] == kind).collect()
    }

    /// A command about an alarm, as seen.
    pub(crate) fn command(&self, alarm: &Value, act: &str) -> (u16, Value) {
        let id = alarm["id"].as_str().expect("id");
        self.post(&format!("/api/v1/alarms/{id}/{act}"), &json!({ "seq": alarm["seq"] }))
    }

    /// Every number of a series, all pages.
    pub(crate) fn values(&self, device: &str, signal: &str) -> Vec<f64> {
        let (from, to) = ("2000-01-01T00:00:00Z", "2099-01-01T00:00:00Z");
        let base = format!("/api/v1/devices/{device}/series?signal={signal}&from={from}&to={to}");
        let (mut values, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let path = cursor.map_or(base.clone(), |cursor| format!("{base}&cursor={cursor}"));
            let (status, page) = Self::answer(self.agent.get(self.url(&path)).call());
            if status == 404 {
                return values; // Nothing has come from the device yet.
            }
            assert_eq!(status, 200, "GET {path}: {page}");
            let items = page["items"].as_array().expect("items");
            let numbers = items.iter().filter(|item| item.get("value").is_some());
            values.extend(numbers.map(|i| i["value"].as_f64().expect("a value")));
            match page["next"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return values,
            }
        }
    }
}
