//! What a device says in place of a number, with its whole history: codes, texts, times and `absent`,
//! through the real program to its API, its exports, InfluxDB, a copy and a later version.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};
use vitalgate_domain::model::time::{Span, Timestamp};

use crate::fake_influx::FakeInflux;
use crate::harness::{Gateway, eventually};
use crate::setup::{RULES, Setup};

const STATUS: &str = "battery_status";

/// `dev-1` of `p1`, and what it sent so far.
struct Device {
    gateway: Gateway,
    begin: Timestamp,
    seq: u64,
}

impl Device {
    fn on(gateway: Gateway) -> Self {
        gateway.admit("p1", "dev-1");
        let now = gateway.now().as_millis() / 1_000 * 1_000;
        Self { gateway, begin: Timestamp::from_millis(now) - Span::secs(600), seq: 0 }
    }

    fn at(&self, second: i64) -> Timestamp {
        self.begin + Span::secs(second)
    }

    /// Sends readings, each with its second and its other fields, and waits for their commit.
    fn say(&mut self, readings: &[(i64, Value)]) {
        self.seq += 1;
        let readings: Vec<Value> = readings
            .iter()
            .map(|(second, fields)| {
                let mut reading = json!({ "at": self.at(*second), "signal": STATUS });
                reading.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
                reading
            })
            .collect();
        let message = json!({
            "boot": 1, "seq": self.seq, "sent_at": self.gateway.now(),
            "clock": { "source": "ntp" }, "readings": readings,
        });
        self.gateway.mqtt("dev-1").telemetry("dev-1", &message);
    }

    fn series(&self, query: &str) -> Value {
        let (from, to) = (self.begin, self.at(1_000));
        self.gateway.get(&format!("/api/v1/patients/p1/series?from={from}&to={to}&{query}"))
    }

    /// Each reading of a signal: its second, its kind and what it says, and its flags.
    fn said(&self, signal: &str) -> Vec<(i64, &'static str, Value, Value)> {
        let answer = self.series(&format!("signal={signal}"));
        let read = |item: &Value| {
            let at: Timestamp = item["at"].as_str().unwrap().parse().unwrap();
            let second = (at - self.begin).as_micros() / 1_000_000;
            let (kind, word) = kind_of(item);
            (second, kind, word, item["flags"].clone())
        };
        answer["items"].as_array().unwrap().iter().map(read).collect()
    }

    fn export(&self, args: &[&str]) -> String {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("out");
        let out = ["--out", file.to_str().unwrap()];
        let output = self.gateway.command_line("export", &[&out, args].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        fs::read_to_string(file).unwrap()
    }
}

/// Of an item the one field that says what was measured.
fn kind_of(item: &Value) -> (&'static str, Value) {
    let kinds = ["value", "code", "text", "time", "absent"];
    let mut held = kinds.into_iter().filter(|kind| item.get(kind).is_some_and(|v| !v.is_null()));
    let kind = held.next().unwrap_or_else(|| panic!("{item}"));
    assert_eq!(held.next(), None, "{item}");
    (kind, item[kind].clone())
}

fn bedside() -> Device {
    Device::on(Setup::default().rules(RULES).start())
}

/// All four kinds, and a number whose second half is missing.
fn all_kinds(device: &mut Device) {
    device.say(&[
        (0, json!({ "code": "mdc:754113" })),
        (10, json!({ "code": "mdc:754114" })),
        (20, json!({ "code": "mdc:754114" })),
        (20, json!({ "signal": "rrt_date", "time": "2027-03-01T00:00:00Z" })),
        (30, json!({ "signal": "brady_mode", "text": "DDD, \"60\"" })),
        (40, json!({ "signal": "spo2", "value": 97, "unit": "%" })),
        (50, json!({ "signal": "spo2", "absent": "not-performed" })),
    ]);
}

fn plain(second: i64, kind: &'static str, word: &str) -> (i64, &'static str, Value, Value) {
    (second, kind, json!(word), json!(["late"]))
}

fn expect_all_kinds(device: &Device) {
    let status = [(0, "mdc:754113"), (10, "mdc:754114"), (20, "mdc:754114")];
    assert_eq!(device.said(STATUS), status.map(|(second, code)| plain(second, "code", code)));
    assert_eq!(device.said("rrt_date"), [plain(20, "time", "2027-03-01T00:00:00Z")]);
    assert_eq!(device.said("brady_mode"), [plain(30, "text", "DDD, \"60\"")]);
    let absent = (50, "absent", json!("not-performed"), json!(["late", "not_judged"]));
    assert_eq!(device.said("spo2"), [(40, "value", json!(97.0), json!(["late"])), absent]);
}

#[test]
fn every_kind_has_a_history_that_a_restart_and_a_kill_leave_as_it_is() {
    let mut device = bedside();
    all_kinds(&mut device);
    expect_all_kinds(&device);
    device.gateway.kill();
    device.gateway.start_again();
    expect_all_kinds(&device);
    device.gateway.restart();
    expect_all_kinds(&device);
    // The same message again, and the same readings in another, are the same readings.
    device.seq -= 1;
    all_kinds(&mut device);
    all_kinds(&mut device);
    expect_all_kinds(&device);
    device.gateway.verify();
    device.gateway.damages_its_store("a word is taken out");
    device.gateway.tamper("DELETE FROM words WHERE kind = 'time'");
    let output = device.gateway.command_line("verify", &[]);
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        !output.status.success() && printed.contains("a time of dev-1 is missing"),
        "{printed}"
    );
}

#[test]
fn what_corrects_or_withdraws_goes_by_the_time_of_the_device() {
    let mut device = bedside();
    device.say(&[(0, json!({ "code": "ok" })), (10, json!({ "code": "low" }))]);
    device.say(&[(10, json!({ "code": "end", "status": "corrected" }))]);
    device.say(&[(0, json!({ "code": "ok", "status": "entered-in-error" }))]);
    let status: Vec<_> =
        device.said(STATUS).into_iter().map(|(at, _, word, _)| (at, word)).collect();
    assert_eq!(status, [(0, json!("ok")), (10, json!("end"))]);
    let flags: Vec<_> = device.said(STATUS).into_iter().map(|(.., flags)| flags).collect();
    assert_eq!(flags, [json!(["late", "entered_in_error"]), json!(["late", "corrected"])]);
    // A number that was none, and a reading that was one after all.
    let spo2 = |more: Value| {
        let mut reading = json!({ "signal": "spo2" });
        reading.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        reading
    };
    device.say(&[
        (20, spo2(json!({ "value": 97, "unit": "%" }))),
        (30, spo2(json!({ "absent": "error" }))),
    ]);
    device.say(&[
        (20, spo2(json!({ "absent": "artifact", "status": "corrected" }))),
        (30, spo2(json!({ "value": 96, "unit": "%", "status": "corrected" }))),
    ]);
    let told: Vec<_> =
        device.said("spo2").into_iter().map(|(at, kind, word, _)| (at, kind, word)).collect();
    assert_eq!(told, [(20, "absent", json!("artifact")), (30, "value", json!(96.0))]);
    let chart = device.series("signal=spo2&points=1");
    let [numbers, words] = chart["items"].as_array().unwrap().as_slice() else { panic!("{chart}") };
    assert_eq!((&numbers["count"], &numbers["max"]), (&json!(1), &json!(96.0)));
    assert_eq!((&words["count"], &words["absent"]), (&json!(1), &json!("artifact")));
    device.gateway.verify();
}

#[test]
fn pages_hold_both_kinds_in_order_and_a_chart_the_changes() {
    let mut device = bedside();
    let both = |second: i64| {
        let code = if second % 100 < 50 { "sinus" } else { "af" };
        [
            (second, json!({ "signal": "ecg_rhythm", "code": code })),
            (second, json!({ "signal": "heart_rate", "value": 60 + second / 10, "unit": "/min" })),
        ]
    };
    let readings: Vec<_> = (0..300).step_by(10).flat_map(both).collect();
    device.say(&readings);
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = device.series(&format!("signal=ecg_rhythm,heart_rate&limit=7{cursor}"));
        items.extend(page["items"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(items.len(), 60);
    for (place, two) in items.chunks(2).enumerate() {
        assert_eq!(two[0]["at"], json!(device.at(10 * place as i64)));
        assert_eq!(two[0]["at"], two[1]["at"]);
        let signals = [&two[0]["signal"], &two[1]["signal"]];
        assert_eq!(signals, ["heart_rate", "ecg_rhythm"], "each once, series by series");
    }
    let chart = device.series("signal=ecg_rhythm&points=10");
    let buckets: Vec<_> = chart["items"].as_array().unwrap().iter().collect();
    let told: Vec<Value> =
        buckets.iter().map(|b| json!([b["count"], b["changes"], b["code"]])).collect();
    assert_eq!(told, [json!([10, 2, "af"]), json!([10, 2, "af"]), json!([10, 2, "af"])]);
    assert_eq!(buckets[1]["from"], json!(device.at(100)));
    assert!(buckets[0].get("mean").is_none() && buckets[0].get("unit").is_none());
}

#[test]
fn an_export_holds_them_and_a_pseudonymised_one_no_words_of_a_device() {
    let mut device = bedside();
    all_kinds(&mut device);
    let own = device.export(&["--identified", "--format", "jsonl"]);
    let rows: Vec<Value> = own.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<(&str, &str, Value)> = rows
        .iter()
        .map(|row| (row["signal"].as_str().unwrap(), kind_of(row)))
        .map(|(signal, (kind, word))| (signal, kind, word))
        .collect();
    let expected = [
        ("spo2", "value", json!(97.0)),
        ("spo2", "absent", json!("not-performed")),
        (STATUS, "code", json!("mdc:754113")),
        (STATUS, "code", json!("mdc:754114")),
        (STATUS, "code", json!("mdc:754114")),
        ("brady_mode", "text", json!("DDD, \"60\"")),
        ("rrt_date", "time", json!("2027-03-01T00:00:00Z")),
    ];
    let sorted = |mut told: Vec<(&str, &str, Value)>| {
        // Stable: of each signal the rows stay in their order.
        told.sort_by_key(|(signal, ..)| (*signal).to_owned());
        told.into_iter().map(|told| format!("{told:?}")).collect::<Vec<_>>()
    };
    assert_eq!(sorted(told), sorted(expected.to_vec()));
    assert!(rows.iter().all(|row| row["patient"] == "p1" && row["device"] == "dev-1"));

    let csv = device.export(&["--signal", "brady_mode", "--identified"]);
    let [header, row] = csv.lines().collect::<Vec<_>>()[..] else { panic!("{csv}") };
    assert!(header.ends_with(",measured_from,code,text,time,absent"), "{header}");
    assert!(row.ends_with(",false,,,\"DDD, \"\"60\"\"\",,"), "{row}");
    let csv = device.export(&[]);
    assert_eq!(csv.lines().count(), 8, "it says that there was a text");
    assert!(!csv.contains("DDD") && csv.contains("mdc:754114"), "and not what it said");
}

/// What the server holds of words: the fields of each point, by signal and time.
fn held(server: &FakeInflux) -> BTreeMap<(String, i64), String> {
    let mut held = BTreeMap::new();
    for (head, points) in &server.state().points {
        if !head.starts_with("vitalgate_word,") {
            continue;
        }
        let signal = head.split(',').find_map(|tag| tag.strip_prefix("signal=")).unwrap();
        for (time, fields) in points {
            held.insert((signal.to_owned(), *time), fields.clone());
        }
    }
    held
}

#[test]
fn influxdb_gets_each_under_a_field_of_its_kind_however_long_it_was_away() {
    let stopped = FakeInflux::start().stop();
    let port = stopped.port;
    let secrets = tempfile::tempdir().unwrap();
    let secret = secrets.path().join("secret");
    fs::write(&secret, "secret-token\n").unwrap();
    let section = json!({
        "url": format!("http://127.0.0.1:{port}/tsdb"), "org": "o", "bucket": "b",
        "secret_file": secret, "batch_age": "50ms", "timeout": "2s",
    });
    let gateway = Setup::default().rules(RULES).section("influx", section).start();
    let mut device = Device::on(gateway);
    all_kinds(&mut device);
    device.gateway.restart();
    let server = stopped.start();
    device.say(&[(60, json!({ "text": "again" }))]);
    let held = eventually("all of them are there", || {
        let held = held(&server);
        (held.len() == 7).then_some(held)
    });
    let fields = |signal: &str, second: i64| -> Vec<String> {
        let fields = &held[&(signal.to_owned(), device.at(second).as_micros() * 1_000)];
        fields.split(',').map(str::to_owned).collect()
    };
    assert_eq!(fields(STATUS, 10)[..2], ["kind=\"code\"", "code=\"mdc:754114\""]);
    assert_eq!(fields(STATUS, 60)[..2], ["kind=\"text\"", "text=\"again\""]);
    assert_eq!(fields("rrt_date", 20)[..2], ["kind=\"time\"", "time=\"2027-03-01T00:00:00Z\""]);
    assert_eq!(fields("spo2", 50)[..2], ["kind=\"absent\"", "absent=\"not-performed\""]);
    assert!(fields("spo2", 50).contains(&"flags=10i".to_owned()), "{:?}", fields("spo2", 50));
}

#[test]
fn a_copy_holds_them() {
    let mut device = bedside();
    all_kinds(&mut device);
    let folder = tempfile::tempdir().unwrap();
    let (file, store) = (folder.path().join("copy.db"), folder.path().join("restored"));
    let (from, to) = (file.to_str().unwrap(), store.to_str().unwrap());
    assert!(device.gateway.command_line("backup", &[from]).status.success());
    assert!(device.gateway.command_line("restore", &["--dir", to, from]).status.success());
    let gateway = Setup::default().rules(RULES).store(&store).start();
    let restored = Device { gateway, begin: device.begin, seq: 0 };
    expect_all_kinds(&restored);
}

#[test]
fn what_retention_took_of_them_is_said() {
    let mut device = bedside();
    all_kinds(&mut device);
    device.gateway.stop();
    let upto = device.at(10).as_micros();
    device.gateway.tamper(&format!(
        "DELETE FROM words WHERE at <= {upto} AND series IN
           (SELECT series FROM words WHERE word = 'mdc:754113');
         UPDATE word_series SET gone = {upto} WHERE id IN
           (SELECT series FROM words WHERE word = 'mdc:754114')"
    ));
    device.gateway.start_again();
    for query in ["", "&points=5"] {
        let answer = device.series(&format!("signal={STATUS}{query}"));
        assert_eq!(answer["incomplete"], json!("not_a_number"), "{answer}");
        let [part] = answer["older"].as_array().unwrap().as_slice() else { panic!("{answer}") };
        assert_eq!((&part["source"], &part["signal"]), (&json!("store"), &json!(STATUS)));
        let to: Timestamp = part["to"].as_str().unwrap().parse().unwrap();
        assert_eq!(to.as_micros(), upto + 1);
        assert_eq!(answer["items"].as_array().unwrap().len(), 1, "{answer}");
    }
    let whole = device.series("signal=brady_mode");
    assert!(whole.get("older").is_none(), "{whole}");
    // What the store says is gone is none that is missing.
    device.gateway.verify();
}

#[test]
fn a_store_of_the_version_before_has_them_from_its_upgrade_on() {
    let mut device = bedside();
    device.say(&[(0, json!({ "code": "before" }))]);
    device.gateway.stop();
    // As the version before would have left it: the journal holds the reading, and no table does.
    device.gateway.of_version_4();
    device.gateway.tamper(
        "UPDATE meta SET value = value - (SELECT sum(length(word) + 100) FROM words)
           WHERE key = 'history_bytes';
         DROP TABLE words; DROP TABLE word_series;
         DELETE FROM meta WHERE key = 'words_after';
         PRAGMA user_version = 3",
    );
    device.gateway.start_again();
    assert!(device.gateway.database().with_extension("v3.db").exists(), "a copy is kept");
    assert_eq!(device.said(STATUS), []);
    device.say(&[(10, json!({ "code": "after" })), (0, json!({ "code": "before" }))]);
    let said: Vec<_> = device.said(STATUS).into_iter().map(|(at, _, word, _)| (at, word)).collect();
    assert_eq!(said, [(10, json!("after"))], "what came before the upgrade is a duplicate");
    let bytes = "SELECT value = (SELECT sum(length(word) + 100) FROM words)
                   + (SELECT ifnull(sum(length(body) + 100), 0) FROM blocks)
                   FROM meta WHERE key = 'history_bytes'";
    assert!(device.gateway.rows(bytes, |row| row.get::<_, bool>(0))[0]);
    device.gateway.verify();
}
