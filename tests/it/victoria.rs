//! The write path against a real parser of line protocol: VictoriaMetrics.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;
use vitalgate_domain::model::time::{Span, Timestamp};

use crate::harness::{eventually, telemetry};
use crate::setup::{RULES, Setup};

/// A server of its own on a free port, under a path prefix; gone when dropped.
struct Victoria {
    child: Child,
    url: String,
    dir: TempDir,
}

impl Victoria {
    fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let dir = tempfile::tempdir().unwrap();
        let log = File::create(dir.path().join("log")).unwrap();
        let child = Command::new("victoria-metrics")
            .arg(format!("-httpListenAddr=127.0.0.1:{port}"))
            .arg(format!("-storageDataPath={}", dir.path().join("data").display()))
            .args(["-http.pathPrefix=/tsdb", "-retentionPeriod=100y"])
            .args(["-dedup.minScrapeInterval=1ms", "-memory.allowedBytes=256MB"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("victoria-metrics, as Debian has it");
        let url = format!("http://127.0.0.1:{port}/tsdb");
        let victoria = Self { child, url, dir };
        eventually("VictoriaMetrics listens", || {
            ureq::get(format!("{}/health", victoria.url)).call().ok()
        });
        victoria
    }

    /// Every point of a field of readings: (device, signal, milliseconds) and value.
    fn points(&self, field: &str) -> BTreeMap<(String, String, i64), f64> {
        ureq::get(format!("{}/internal/force_flush", self.url)).call().unwrap();
        let select = format!("vitalgate_reading_{field}");
        let mut answer = ureq::get(format!("{}/api/v1/export", self.url))
            .query("match[]", select)
            .call()
            .unwrap();
        let text = answer.body_mut().with_config().limit(64 << 20).read_to_string().unwrap();
        let mut points = BTreeMap::new();
        for line in text.lines() {
            let series: Value = serde_json::from_str(line).unwrap();
            let tag = |name: &str| series["metric"][name].as_str().unwrap_or_default().to_owned();
            assert_eq!((tag("site").as_str(), tag("patient").len()), ("site-1", 26), "{series}");
            let values = series["values"].as_array().unwrap().iter();
            for (value, at) in values.zip(series["timestamps"].as_array().unwrap()) {
                let key = (tag("device"), tag("signal"), at.as_i64().unwrap());
                let before = points.insert(key, value.as_f64().unwrap());
                assert_eq!(before, None, "twice the same point in {series}");
            }
        }
        points
    }
}

impl Drop for Victoria {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        if std::thread::panicking() {
            fs::copy(self.dir.path().join("log"), std::env::temp_dir().join("victoria.log")).ok();
        }
    }
}

#[test]
#[ignore = "needs victoria-metrics"]
fn a_real_parser_reads_every_point_as_it_was_sent() {
    let victoria = Victoria::start();
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("secret");
    fs::write(&secret, "any").unwrap();
    let influx = json!({
        "url": victoria.url, "org": "o", "bucket": "b", "secret_file": secret,
        "batch_age": "50ms", "batch_bytes": 16_384,
    });
    let mut gateway = Setup::default().rules(RULES).section("influx", influx).start();
    let mut sent = BTreeMap::new();
    for bed in 0..4 {
        let device = format!("dev-{bed}");
        gateway.admit(&format!("p-{bed}"), &device);
        let mut client = gateway.mqtt(&device);
        let start = gateway.now().as_millis() - 600_000;
        for seq in 1..=500 {
            let at = start + 1_000 * seq + bed;
            let (rate, spo2) = (60.0 + (seq % 37) as f64 / 8.0, 90.0 + (seq % 9) as f64);
            let message = telemetry(
                seq as u64,
                Timestamp::from_millis(at) + Span::ZERO,
                &[("heart_rate", rate, "/min"), ("spo2", spo2, "%")],
            );
            client.telemetry(&device, &message);
            sent.insert((device.clone(), "heart_rate".to_owned(), at), rate);
            sent.insert((device.clone(), "spo2".to_owned(), at), spo2);
        }
        if bed == 2 {
            gateway.restart();
        }
    }
    eventually("every point is there", || {
        (victoria.points("value").len() >= sent.len()).then_some(())
    });
    assert_eq!(victoria.points("value"), sent);
    assert_eq!(victoria.points("flags").len(), sent.len());
    let delays = victoria.points("delay_ms");
    assert!(delays.values().all(|delay| (0.0..3_600_000.0).contains(delay)));
}
