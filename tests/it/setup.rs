//! How a gateway is configured for a test.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::harness::Gateway;

/// Rules without delays, so that a test need not wait for them.
pub(crate) const RULES: &str = r#"
quality_min = 0.5

[class.bedside]
expected_interval = "1s"
max_delay = "5s"
slack = "54s"
silence = { low = "1h" }

[class.quick]
expected_interval = "1s"
max_delay = "0s"
slack = "0s"
silence = { low = "2s" }

[[limit]]
id = "test.spo2"
signal = "spo2"
low = ["88 %"]
critical_low = ["80 %"]
hysteresis = "2 %"
clear_delay = "0s"
gap = "10m"

[[limit]]
id = "test.heart_rate"
signal = "heart_rate"
low = ["40 /min"]
critical_low = ["30 /min"]
high = ["130 /min"]
critical_high = ["160 /min"]
hysteresis = "5 /min"
clear_delay = "0s"
gap = "1s"
"#;

/// How a gateway is to be started.
#[derive(Default)]
pub(crate) struct Setup {
    rules: Option<String>,
    signals: Option<String>,
    teams: Option<String>,
    store: Option<PathBuf>,
    tls: Option<Tls>,
    env: Vec<(String, String)>,
    args: Vec<String>,
    sections: Vec<(&'static str, Value)>,
}

/// PEM files of the TLS listener.
pub(crate) struct Tls {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) client_ca: PathBuf,
}

impl Setup {
    pub(crate) fn rules(mut self, text: &str) -> Self {
        self.rules = Some(text.to_owned());
        self
    }

    pub(crate) fn signals(mut self, text: &str) -> Self {
        self.signals = Some(text.to_owned());
        self
    }

    pub(crate) fn teams(mut self, text: &str) -> Self {
        self.teams = Some(text.to_owned());
        self
    }

    pub(crate) fn store(mut self, dir: &Path) -> Self {
        self.store = Some(dir.to_owned());
        self
    }

    pub(crate) fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// One `[[broker]]`, its probes quick unless it says otherwise.
    pub(crate) fn broker(self, settings: &Value) -> Self {
        let mut broker = json!({ "id": "b1", "host": "127.0.0.1", "probe_every": "1s" });
        broker.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        self.section("broker", json!([broker]))
    }

    pub(crate) fn env(mut self, key: &str, value: &Path) -> Self {
        self.env.push((key.to_owned(), value.display().to_string()));
        self
    }

    pub(crate) fn args(mut self, args: &[&str]) -> Self {
        self.args = args.iter().map(|&a| a.to_owned()).collect();
        self
    }

    /// One more section of `gateway.toml`, or more keys of one.
    pub(crate) fn section(mut self, name: &'static str, content: Value) -> Self {
        self.sections.push((name, content));
        self
    }

    pub(crate) fn start(self) -> Gateway {
        let dir = tempfile::tempdir().unwrap();
        let store = self.store.clone().unwrap_or_else(|| dir.path().join("store"));
        fs::write(dir.path().join("gateway.toml"), self.config(dir.path(), &store)).unwrap();
        Gateway::launched(dir, store, self.env, self.args)
    }

    fn config(&self, dir: &Path, store: &Path) -> String {
        let mut config = json!({
            "site": { "id": "site-1", "time_zone": "Europe/Berlin" },
            "store": { "dir": store },
            "http": { "listen": "127.0.0.1:0" },
            "mqtt": { "listen": "127.0.0.1:0" },
            "devices": { "unknown": "admit" },
            "clock": { "check": [] },
        });
        let texts = [("rules", &self.rules), ("signals", &self.signals), ("teams", &self.teams)];
        for (name, text) in texts {
            if let Some(text) = text {
                let file = dir.join(format!("{name}.toml"));
                fs::write(&file, text).unwrap();
                config[name] = json!({ "file": file });
            }
        }
        if let Some(Tls { certificate, key, client_ca }) = &self.tls {
            config["mqtt"]["tls"] = json!({
                "listen": "127.0.0.1:0",
                "certificate": certificate, "key": key, "client_ca": client_ca,
            });
        }
        for (name, content) in &self.sections {
            if config[*name].is_null() {
                config[*name] = content.clone();
                continue;
            }
            for (key, value) in content.as_object().expect("a section") {
                config[*name][key.as_str()] = value.clone();
            }
        }
        toml::to_string(&config).unwrap()
    }
}
