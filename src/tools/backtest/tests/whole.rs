//! Recordings and stores through both cores.

use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::tests::stores::{configuration, store_of, tamper};
use crate::tools::backtest::{
    BacktestError, Case, Kind, Report, Request, RulesText, Source, backtest,
};
use vitalgate_domain::model::command::{
    Action, AgeClass, AlarmAct, Command, DeviceDetails, PatientDetails, PrincipalKind,
};
use vitalgate_domain::model::input::Input;

/// A series a second, under two sets of rules.
pub(super) struct Played<'a> {
    pub(super) old: &'a str,
    pub(super) new: &'a str,
    pub(super) values: &'a [f64],
}

/// One rule over one signal.
pub(super) fn rules(limit: i64) -> String {
    format!(
        "quality_min = 0.5\n\n[class.bedside]\nexpected_interval = \"1s\"\nmax_delay = \"5s\"\nslack = \"54s\"\n\n\
         [[limit]]\nid = \"test.spo2\"\nsignal = \"spo2\"\nlow = [\"{limit} %\"]\ndelay = \"10s\"\n\
         hysteresis = \"2 %\"\nclear_delay = \"20s\"\ngap = \"10s\"\n"
    )
}

fn request(old: &str, new: &str, sources: Vec<Source>) -> Request {
    let config = Config::built_in().unwrap();
    let rules = |name: &str, text: &str| RulesText {
        name: name.to_owned(),
        text: text.to_owned(),
        packs: None,
    };
    Request {
        texts: config.configuration().unwrap().texts.clone(),
        site: config.site.id.clone(),
        zone: "Europe/Berlin".to_owned(),
        rules: rules("new.toml", new),
        against: rules("old.toml", old),
        sources,
        start: None,
        differences: 1_000,
        patients: false,
    }
}

fn case(dir: &Path, columns: &serde_json::Value) -> Case {
    let path = dir.join("case.json");
    let case = serde_json::json!({
        "patient": "somebody", "device": "dev-1", "class": "bedside", "recording": "stay.csv",
        "interval_s": 1, "columns": columns, "what_others_read": 1,
    });
    std::fs::write(&path, case.to_string()).unwrap();
    Case::read(&path).unwrap()
}

fn spo2() -> serde_json::Value {
    serde_json::json!({ "spo2_pct": { "signal": "spo2", "unit": "%" } })
}

fn recording(dir: &Path, text: &str) -> Source {
    let file = dir.join("stay.csv");
    std::fs::write(&file, text).unwrap();
    Source::Recording { file, case: Box::new(case(dir, &spo2())) }
}

pub(super) fn played(Played { old, new, values }: &Played<'_>) -> Report {
    let dir = tempfile::tempdir().unwrap();
    let rows = values.iter().enumerate().map(|(second, value)| format!("{second},{value}"));
    let text = wide(rows);
    backtest(&request(old, new, vec![recording(dir.path(), &text)]), |_| {}).unwrap()
}

/// A file of one column.
fn wide(rows: impl Iterator<Item = String>) -> String {
    format!("time_s,spo2_pct\n{}\n", rows.collect::<Vec<_>>().join("\n"))
}

/// 95 but for so long below 90 and then below 85.
fn dip() -> Vec<f64> {
    let stretch = |value: f64, count: usize| vec![value; count];
    [stretch(95.0, 60), stretch(89.0, 30), stretch(84.0, 60), stretch(95.0, 120)].concat()
}

#[test]
fn a_tighter_limit_is_earlier_and_the_readings_say_why() {
    let report = played(&Played { old: &rules(85), new: &rules(90), values: &dip() });
    assert_eq!((report.covered.patients, report.covered.readings), (1, 270));
    assert_eq!((report.old.announcements.count, report.new.announcements.count), (1, 1));
    let [one] = &report.differences.listed[..] else { panic!("{:?}", report.differences) };
    assert_eq!((one.kind, one.by_s, one.at_s), (Kind::Earlier, Some(-30.0), Some(70.0)));
    assert_eq!((one.about.as_str(), one.limit, one.unit), ("spo2 low", Some(90.0), Some("%")));
    assert_eq!((&one.old_limits[..], &one.new_limits[..]), (&[85.0][..], &[90.0][..]));
    let last = one.readings.last().unwrap();
    assert_eq!((last.value, last.at_s), (89.0, Some(70.0)), "{:?}", one.readings);
    assert_eq!(one.patient.as_deref(), Some("p1"));
    // It was back inside one second after the last reading below; the clear delay is no part of that.
    assert_eq!((report.new.ended, report.new.brief, report.old.brief), (1, 0, 0));
}

#[test]
fn what_is_over_within_fifteen_seconds_is_brief() {
    let short: Vec<f64> = [vec![95.0; 60], vec![84.0; 15], vec![95.0; 60]].concat();
    let report = played(&Played { old: &rules(85), new: &rules(80), values: &short });
    assert_eq!((report.old.ended, report.old.brief, report.old.brief_share), (1, 1, Some(1.0)));
    assert_eq!(report.old.median_s, Some(25), "it stands for its clear delay longer");
    assert_eq!((report.new.ended, report.new.brief_share), (0, None));
    assert_eq!(report.differences.kinds[0], (Kind::Lost, 1));
}

#[test]
fn every_form_of_the_report_says_the_same_and_names_nobody() {
    let report = played(&Played { old: &rules(85), new: &rules(90), values: &dip() });
    let json = serde_json::to_string(&report).unwrap();
    for (form, text) in [("table", report.table()), ("page", report.html()), ("json", json)] {
        for word in ["old.toml", "new.toml", "test.spo2", "p1", "earlier", "89"] {
            assert!(text.contains(word), "{form}: {word}\n{text}");
        }
        assert!(!text.contains("somebody") && !text.contains("dev-1"), "{form}: {text}");
    }
    let page = report.html().replace("http-equiv", "");
    for word in ["<script", "http", "src=", "href", "@import", "url("] {
        assert!(!page.contains(word), "the page asks for something: {word}");
    }
    assert!(page.contains("<svg") && page.contains("prefers-color-scheme: dark"));
}

#[test]
fn ids_are_there_where_they_are_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let text = wide((0..60).map(|s| format!("{s},84")));
    let asked = Request {
        patients: true,
        ..request(&rules(80), &rules(90), vec![recording(dir.path(), &text)])
    };
    let report = backtest(&asked, |_| {}).unwrap();
    assert_eq!(report.differences.listed[0].patient.as_deref(), Some("somebody"));
    assert!(report.table().contains("somebody"));
}

#[test]
fn rows_out_of_order_are_played_as_they_arrived() {
    let dir = tempfile::tempdir().unwrap();
    let rows: Vec<_> = (0..60).rev().map(|s| format!("{s},{s},spo2_pct,84")).collect();
    let text = format!("time_s,stored_s,signal,value\n{}\n", rows.join("\n"));
    let asked = request(&rules(80), &rules(90), vec![recording(dir.path(), &text)]);
    let report = backtest(&asked, |_| {}).unwrap();
    assert_eq!(report.differences.listed[0].at_s, Some(10.0));
}

#[test]
fn two_recordings_are_two_patients_whatever_they_are_called() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let text = wide((0..60).map(|s| format!("{s},84")));
    let sources = dirs.iter().map(|dir| recording(dir.path(), &text)).collect();
    let report = backtest(&request(&rules(80), &rules(90), sources), |_| {}).unwrap();
    assert_eq!(report.covered.patients, 2);
    let patients: Vec<_> =
        report.differences.listed.iter().map(|one| one.patient.as_deref().unwrap()).collect();
    assert_eq!(patients, ["p1", "p2"]);
}

#[test]
fn what_cannot_be_played_is_named_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let error = |old: &str, text: &str| {
        let asked = request(old, &rules(90), vec![recording(dir.path(), text)]);
        backtest(&asked, |_| {}).unwrap_err()
    };
    let bad = error("quality_min = 0.5\n[[limit]]\nid = 7\n", "time_s,spo2_pct\n0,84\n");
    assert!(matches!(&bad, BacktestError::Rules(name, _) if name == "old.toml"), "{bad}");
    assert!(bad.to_string().contains("line 3"), "{bad}");
    let bad = error(&rules(80), "time_s,spo2_pct\n0,84\n1,much\n");
    assert!(bad.to_string().contains("stay.csv: line 3, column `spo2_pct`"), "{bad}");
    let bad = error(&rules(80).replace("bedside", "home"), "time_s,spo2_pct\n0,84\n");
    assert!(
        matches!(&bad, BacktestError::Class(class, name) if class == "bedside" && name == "old.toml"),
        "{bad}"
    );
}

fn command(action: Action) -> Input {
    Input::Command(Box::new(Command { actor: "nurse".into(), action }))
}

/// Two people admitted, one with a device.
fn admission() -> Vec<Input> {
    let patient = |id: &str| PatientDetails {
        id: id.parse().unwrap(),
        age_class: AgeClass::Adult,
        continuous: false,
        bed: Some("b1".parse().unwrap()).filter(|_| id == "somebody"),
        pregnant: None,
    };
    let device = DeviceDetails {
        id: "dev-1".parse().unwrap(),
        class: "bedside".to_owned(),
        kind: PrincipalKind::Device,
        token_sha256: None,
        via: Vec::new(),
        signals: Vec::new(),
    };
    vec![
        command(Action::AddWard("w1".parse().unwrap())),
        command(Action::AddBed { bed: "b1".parse().unwrap(), ward: "w1".parse().unwrap() }),
        command(Action::AdmitPatient(patient("somebody"))),
        command(Action::AdmitPatient(patient("another"))),
        command(Action::RegisterDevice(device.into())),
        command(Action::Bind {
            device: "dev-1".parse().unwrap(),
            patient: "somebody".parse().unwrap(),
            from: None,
            zero_means_no_sensor: None,
            replaces: None,
        }),
    ]
}

/// A store whose rows are a millisecond apart, in which an alarm is at once what a reading makes it.
fn store(dir: &Path) -> PathBuf {
    let mut rows = vec![vec![configuration()], admission()];
    rows.extend((1..=6).map(|seq| vec![message(seq, if seq < 4 { 60.0 } else { 99.0 })]));
    let id = "NOBODY".parse().unwrap();
    let act = AlarmAct::Acknowledge;
    rows.push(vec![command(Action::Alarm { id, seen: 1, act })]);
    store_of(dir, rows, 3);
    dir.to_owned()
}

fn message(seq: u64, value: f64) -> Input {
    let at = vitalgate_domain::model::time::Timestamp::from_millis(1_795_000_000_002 + seq as i64);
    let payload = serde_json::json!({
        "boot": 1, "seq": seq, "sent_at": at, "mode": "real", "clock": { "source": "ntp" },
        "readings": [{ "at": at, "signal": "spo2", "value": value, "unit": "%" }],
    });
    let (payload, device) = (payload.to_string(), "dev-1".parse().unwrap());
    let signals = Config::built_in().unwrap().configuration().unwrap().signals;
    let request = vitalgate_formats::Request {
        principal: &device,
        device: &device,
        kind: vitalgate_domain::model::message::Kind::Telemetry,
        payload: payload.as_bytes(),
        delivery: vitalgate_domain::model::message::Delivery { qos: 1, ..Default::default() },
        received: at,
        retention: vitalgate_domain::model::time::Span::days(400),
        topic: "",
    };
    Input::Message(Box::new(vitalgate_formats::decode(&request, &signals).message))
}

fn at_once(limit: i64) -> String {
    rules(limit).replace("delay = \"10s\"", "delay = \"0s\"").replace("\"20s\"", "\"0s\"")
}

#[test]
fn the_journal_of_a_store_is_played_under_either_set() {
    let dir = tempfile::tempdir().unwrap();
    let asked = request(&at_once(50), &at_once(90), vec![Source::Store(store(dir.path()))]);
    let report = backtest(&asked, |_| {}).unwrap();
    assert_eq!((report.covered.readings, report.covered.patients), (6, 1));
    assert_eq!((report.old.announcements.count, report.new.announcements.count), (0, 1));
    assert_eq!(
        report.differences.kinds.iter().find(|(kind, _)| *kind == Kind::Gained).unwrap().1,
        1
    );
    assert!(report.differences.listed[0].at.is_some(), "its clock is known");
    assert_eq!(report.beds[0].name.as_deref(), Some("b1"));
    let said = report.unknown.join("\n");
    assert!(said.contains("1 under the old rules and 1 under the new were on alarms"), "{said}");
    let same = request(&at_once(90), &at_once(90), vec![Source::Store(dir.path().to_owned())]);
    assert!(backtest(&same, |_| {}).unwrap().differences.listed.is_empty());
}

#[test]
fn whoever_was_there_before_the_first_row_is_there() {
    let dir = tempfile::tempdir().unwrap();
    store(dir.path());
    tamper(dir.path(), "DELETE FROM journal WHERE n <= 2");
    let asked = request(&at_once(50), &at_once(90), vec![Source::Store(dir.path().to_owned())]);
    let report = backtest(&asked, |_| {}).unwrap();
    assert_eq!((report.covered.patients, report.new.announcements.count), (1, 1));
    assert!(report.unknown[0].contains("before row 3"), "{:?}", report.unknown);
    tamper(dir.path(), "DELETE FROM journal WHERE n = 5");
    let error = backtest(&asked, |_| {}).unwrap_err();
    assert!(matches!(error, BacktestError::Gap(5, 5)), "{error}");
}
