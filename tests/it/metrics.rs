//! `/metrics` against its documentation, and the rules and the board in `deploy/` against both.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::delivery;
use crate::harness::{Gateway, eventually, root, telemetry};
use crate::setup::{RULES, Setup};

/// Name of a family as people write it, its kind, its labels.
type Metrics = BTreeMap<String, (String, BTreeSet<String>)>;

/// A port of this machine where nobody listens.
fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// What a gateway emits after some of everything, though neither broker nor sink can be reached.
fn emitted() -> Metrics {
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("secret");
    fs::write(&secret, "secret\n").unwrap();
    let closed = closed_port();
    let influx = json!({
        "url": format!("http://127.0.0.1:{closed}"), "org": "o", "bucket": "b",
        "secret_file": secret,
    });
    let webhook = delivery::webhook(dir.path(), closed);
    let setup = Setup::default().rules(RULES).section("influx", influx);
    let setup = setup.section("channel", json!([webhook]));
    let gateway = setup.broker(&json!({ "port": closed })).start();
    gateway.admit("p1", "dev-1");
    let events = gateway.events();
    let mut device = gateway.mqtt("dev-1");
    device.telemetry("dev-1", &telemetry(1, gateway.now(), &[("spo2", 97.0, "%")]));
    device.telemetry("dev-1", &telemetry(2, gateway.now(), &[("spo2", 79.0, "%")]));
    device.telemetry("dev-1", &telemetry(3, gateway.now(), &[("spo2", 97.0, "mg/dL")]));
    events.wait("the alarm", |e| e.name == "alarm" && e.data["kind"] == "physiological");
    let hop = |text: &str| text.contains("hop=\"stream\"") && text.contains("part=\"journal\"");
    let text = eventually("the stream and the room are measured", || {
        Some(text(&gateway)).filter(|text| hop(text))
    });
    parse(&text)
}

fn text(gateway: &Gateway) -> String {
    let mut answer = ureq::get(gateway.url("/metrics")).call().unwrap();
    answer.body_mut().read_to_string().unwrap()
}

fn parse(text: &str) -> Metrics {
    let mut metrics = Metrics::new();
    for line in text.lines() {
        if let Some(family) = line.strip_prefix("# TYPE ") {
            let (name, kind) = family.split_once(' ').unwrap();
            let name = if kind == "counter" { format!("{name}_total") } else { name.to_owned() };
            metrics.insert(name, (kind.to_owned(), BTreeSet::new()));
        } else if !line.starts_with('#') {
            let (sample, labels) = match line.split_once('{') {
                Some((sample, rest)) => (sample, rest.rsplit_once('}').unwrap().0),
                None => (line.split_once(' ').unwrap().0, ""),
            };
            let family = family_of(sample, &metrics).unwrap_or_else(|| panic!("{line}"));
            let keys =
                labels.split("\",").filter_map(|label| label.split_once('=')).map(|(k, _)| k);
            let keys: Vec<_> = keys.filter(|key| *key != "le").map(str::to_owned).collect();
            metrics.get_mut(&family).unwrap().1.extend(keys);
        }
    }
    metrics
}

/// The family that a sample or a query names, `_bucket` and its like being parts of a histogram.
fn family_of(sample: &str, metrics: &Metrics) -> Option<String> {
    let part = ["_bucket", "_sum", "_count"].iter().find_map(|part| sample.strip_suffix(part));
    let histogram =
        part.filter(|name| metrics.get(*name).is_some_and(|(kind, _)| kind == "histogram"));
    histogram.or_else(|| metrics.contains_key(sample).then_some(sample)).map(str::to_owned)
}

/// The table of docs/metrics.md, and those of it that need something configured.
fn documented() -> (Metrics, BTreeSet<String>) {
    let page = fs::read_to_string(root().join("docs/metrics.md")).unwrap();
    let (mut metrics, mut conditional) = (Metrics::new(), BTreeSet::new());
    for line in page.lines().filter(|line| line.starts_with("| `vitalgate_")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [name, kind, labels, meaning] = cells[..] else { panic!("four cells: {line}") };
        let name = name.trim_matches('`').to_owned();
        // `key`: words; `key`: words
        let keys = labels.split("; ").filter_map(|label| label.strip_prefix('`')?.split_once('`'));
        let keys = keys.map(|(key, _)| key.to_owned());
        if meaning.starts_with("with `[") {
            conditional.insert(name.clone());
        }
        metrics.insert(name, (kind.to_owned(), keys.collect()));
    }
    (metrics, conditional)
}

#[test]
fn every_metric_is_documented_and_every_documented_one_is_emitted() {
    let emitted = emitted();
    let (documented, _) = documented();
    assert!(documented.len() > 20, "the table was not read: {documented:?}");
    for (name, what) in &emitted {
        let text = documented.get(name);
        assert_eq!(text, Some(what), "docs/metrics.md says otherwise of {name}");
    }
    let missing: Vec<_> = documented.keys().filter(|name| !emitted.contains_key(*name)).collect();
    assert!(missing.is_empty(), "documented and never emitted: {missing:?}");
}

#[test]
fn no_label_names_a_patient_or_a_device() {
    let gateway = Gateway::start();
    gateway.admit("secret-patient", "secret-device");
    let mut device = gateway.mqtt("secret-device");
    device.telemetry("secret-device", &telemetry(1, gateway.now(), &[("spo2", 79.0, "%")]));
    let text = text(&gateway);
    assert!(text.contains("vitalgate_alarms_total") && !text.contains("secret"), "{text}");
}

#[test]
fn readings_are_counted_by_why_they_were_not_judged() {
    let gateway = Gateway::start();
    gateway.admit("p1", "dev-1");
    let mut device = gateway.mqtt("dev-1");
    let reading = |seq: u64, mode: &str, reading: Value| {
        let mut message = telemetry(seq, gateway.now(), &[("spo2", 97.0, "%")]);
        let of = message["readings"][0].as_object_mut().unwrap();
        for (key, value) in reading.as_object().unwrap() {
            if value.is_null() {
                of.remove(key)
            } else {
                of.insert(key.clone(), value.clone())
            };
        }
        message["mode"] = json!(mode);
        message
    };
    device.telemetry("dev-1", &reading(1, "real", json!({})));
    device.telemetry("dev-1", &reading(2, "real", json!({ "quality": 0.1 })));
    device.telemetry("dev-1", &reading(3, "test", json!({})));
    let absent = json!({ "value": null, "unit": null, "absent": "not-performed" });
    device.telemetry("dev-1", &reading(4, "real", absent));
    device.telemetry("dev-1", &reading(5, "real", json!({ "unit": "mg/dL" })));
    let text = text(&gateway);
    for counted in [
        "readings_total{fate=\"judged\"} 1",
        "readings_total{fate=\"low_quality\"} 1",
        "readings_total{fate=\"test\"} 1",
        "readings_total{fate=\"absent\"} 1",
        "readings_total{fate=\"refused\"} 1",
        "refused_total{reason=\"unit\"} 1",
    ] {
        assert!(text.contains(counted), "{counted}\n{text}");
    }
}

fn rules() -> String {
    fs::read_to_string(root().join("deploy/prometheus/vitalgate.rules.yml")).unwrap()
}

/// Every query of the board, with Grafana's variables filled in.
fn queries() -> Vec<String> {
    let board = fs::read_to_string(root().join("deploy/grafana/vitalgate.json")).unwrap();
    let board: Value = serde_json::from_str(&board).unwrap();
    let panels = board["panels"].as_array().unwrap();
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let filled = |query: &str| {
        query.replace("$__rate_interval", "5m").replace("$ward", ".*").replace("$priority", ".*")
    };
    targets.map(|target| filled(target["expr"].as_str().unwrap())).collect()
}

/// Identifiers of a text.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

/// Labels that a query matches or groups by.
fn labels(query: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (open, close) in [("{", '}'), ("by (", ')'), ("on (", ')')] {
        for (_, rest) in query.match_indices(open).map(|(at, _)| query[at..].split_at(open.len())) {
            let inside = rest.split(close).next().unwrap();
            for label in inside.split(',') {
                found.extend(words(label).next().map(str::to_owned));
            }
        }
    }
    found
}

#[test]
fn rules_and_board_name_only_what_is_emitted_and_all_that_matters() {
    let (known, conditional) = documented();
    let queries = queries();
    assert!(queries.len() > 20);
    let rules = rules();
    let exprs: Vec<&str> = rules
        .split("expr:")
        .skip(1)
        .map(|rest| {
            rest.split("\n        labels:").next().unwrap().split("\n        for:").next().unwrap()
        })
        .collect();
    assert_eq!(exprs.len(), rules.matches("- alert:").count());
    let all = queries.iter().map(String::as_str).chain(exprs);
    let mut used = BTreeSet::new();
    for query in all {
        let mut of_it = BTreeSet::from(["le", "job"].map(str::to_owned));
        for name in words(query).filter(|word| word.starts_with("vitalgate_")) {
            let family = family_of(name, &known).unwrap_or_else(|| panic!("{name} in {query}"));
            of_it.extend(known[&family].1.iter().cloned());
            used.insert(family);
        }
        let strange: Vec<_> = labels(query).difference(&of_it).cloned().collect();
        assert!(strange.is_empty(), "labels {strange:?} in {query}");
    }
    let unseen: Vec<_> =
        known.keys().filter(|name| !used.contains(*name) && !conditional.contains(*name)).collect();
    assert!(unseen.is_empty(), "neither on the board nor in a rule: {unseen:?}");
}

/// `promtool`, from `VITALGATE_PROMTOOL` or where `.ci/run` puts it.
fn promtool(args: &[&str], file: &PathBuf) {
    let tool = std::env::var_os("VITALGATE_PROMTOOL")
        .map_or_else(|| root().join("target/ci/promtool"), PathBuf::from);
    let output = Command::new(&tool).args(args).arg(file).output();
    let output = output.unwrap_or_else(|e| panic!("{}: {e}", tool.display()));
    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}\n{printed}\n{errors}");
}

#[test]
#[ignore = "needs promtool"]
fn prometheus_reads_every_query_and_each_alert_fires_when_it_should() {
    let folder = root().join("deploy/prometheus");
    promtool(&["check", "rules"], &folder.join("vitalgate.rules.yml"));
    promtool(&["test", "rules"], &folder.join("vitalgate.test.yml"));
    let rule =
        |(n, query): (usize, String)| json!({ "record": format!("board:{n}"), "expr": query });
    let recorded: Vec<Value> = queries().into_iter().enumerate().map(rule).collect();
    let file = json!({ "groups": [{ "name": "board", "rules": recorded }] });
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("board.json");
    fs::write(&path, file.to_string()).unwrap();
    promtool(&["check", "rules"], &path);
}
