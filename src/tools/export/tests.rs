//! Exports of stores made as a gateway makes them.

use std::path::Path;
use vitalgate_domain::CORE_VERSION;

use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use super::*;
use crate::pipeline::stored;
use crate::tests::stores::{configuration, tamper};
use vitalgate_domain::core::Core;
use vitalgate_domain::core::configuration::Configuration;
use vitalgate_domain::core::journal::RowBody;
use vitalgate_domain::model::command::{
    Action, AgeClass, Command, DeviceDetails, PatientDetails, PrincipalKind,
};
use vitalgate_domain::model::ids::DeviceId;
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::message::{Delivery, Kind};
use vitalgate_domain::model::time::{Span, Stamp};
use vitalgate_formats as decode;
use vitalgate_store::types::{Commit, Row};
use vitalgate_store::{Keep, Purpose as StorePurpose, Running, Store, start};

/// A running store: a core, a writer, and a second a row.
struct Ward {
    core: Core,
    running: Running,
    runtime: Runtime,
    now: Timestamp,
    seq: u64,
}

impl Ward {
    /// With patients `p-1` and `p-2`; `dev-1` is bound to `p-1`, `dev-2` to `p-2`, `dev-3` to nobody.
    fn open(dir: &Path, simulated: bool) -> Self {
        let purpose =
            StorePurpose { site: "site-1".parse().unwrap(), simulated, stream_clock: false };
        let opened = Store::create(dir, &purpose).unwrap();
        let core = Core::new(purpose.site, simulated, Configuration::default());
        let running = start(opened, Keep::default()).unwrap();
        let runtime = Builder::new_current_thread().build().unwrap();
        let mut ward = Self { core, running, runtime, now: origin(), seq: 0 };
        ward.row(vec![configuration()]);
        for patient in ["p-1", "p-2"] {
            ward.act(Action::AdmitPatient(PatientDetails {
                id: patient.parse().unwrap(),
                age_class: AgeClass::Adult,
                continuous: false,
                bed: None,
                pregnant: None,
            }));
        }
        for device in ["dev-1", "dev-2", "dev-3"] {
            ward.act(Action::RegisterDevice(
                DeviceDetails {
                    id: device.parse().unwrap(),
                    class: "bedside".into(),
                    kind: PrincipalKind::Device,
                    token_sha256: None,
                    via: Vec::new(),
                    signals: Vec::new(),
                }
                .into(),
            ));
        }
        ward.bind("dev-1", "p-1");
        ward.bind("dev-2", "p-2");
        ward
    }

    fn act(&mut self, action: Action) {
        self.row(vec![Input::Command(Box::new(Command { actor: "nurse".into(), action }))]);
    }

    fn bind(&mut self, device: &str, patient: &str) {
        self.act(Action::Bind {
            device: device.parse().unwrap(),
            patient: patient.parse().unwrap(),
            from: None,
            zero_means_no_sensor: None,
            replaces: None,
        });
    }

    /// Readings of a device, as JSON without their braces, measured now.
    fn measure(&mut self, device: &str, readings: &[&str]) {
        self.seq += 1;
        let device: DeviceId = device.parse().unwrap();
        let readings: Vec<_> = readings.iter().map(|r| format!("{{{r}}}")).collect();
        let payload = format!(
            r#"{{"boot":1,"seq":{},"sent_at":"{at}","at":"{at}","clock":{{"source":"ntp"}},"readings":[{}]}}"#,
            self.seq,
            readings.join(","),
            at = self.now,
        );
        let request = decode::Request {
            principal: &device,
            device: &device,
            kind: Kind::Telemetry,
            payload: payload.as_bytes(),
            delivery: Delivery { qos: 1, ..Delivery::default() },
            received: self.now,
            retention: Span::days(365),
            topic: "vitalgate/v1/any/telemetry",
        };
        let decoded = decode::decode(&request, &self.core.configuration.signals);
        assert!(decoded.dead_letter.is_none(), "{payload}");
        self.row(vec![Input::Message(Box::new(decoded.message))]);
    }

    fn heart_rate(&mut self, device: &str, value: f64) {
        self.measure(device, &[&format!(r#""signal":"heart_rate","value":{value},"unit":"/min""#)]);
    }

    /// After an hour every head is old enough to be sealed.
    fn seal(&mut self) {
        self.now = self.now + Span::hours(1);
        self.row(Vec::new());
    }

    fn row(&mut self, inputs: Vec<Input>) {
        let n = self.core.row() + 1;
        let now = Stamp { at: self.now, offset: Span::ZERO };
        let out = self.core.fold(n, now, &inputs);
        let commit = Commit {
            row: Row {
                n,
                at: now.at,
                offset: now.offset,
                core: CORE_VERSION,
                rules: [0; 8],
                body: RowBody::new(inputs, &out.samples, now).encode(),
            },
            transitions: out.transitions.iter().map(stored).collect(),
            raised: Vec::new(),
            samples: out.samples.into_iter().map(|(_, sample)| sample).collect(),
            words: out.words,
            dead_letters: Vec::new(),
            waves: Vec::new(),
            snapshot: Vec::new(),
            snapshot_complete: None,
        };
        self.runtime.block_on(async {
            self.running.committer.send(commit).await.unwrap();
            self.running.reports.recv().await.unwrap();
        });
        self.now = self.now + Span::secs(1);
    }

    fn close(self) {
        drop(self.running.committer);
        self.running.thread.join().unwrap().unwrap();
    }
}

fn origin() -> Timestamp {
    "2026-11-21T10:00:00Z".parse().unwrap()
}

fn everything() -> Request {
    Request {
        what: What::Readings,
        from: Timestamp::default(),
        to: Timestamp::from_micros(i64::MAX),
        patients: Vec::new(),
        signals: Vec::new(),
        format: Format::Csv,
        purpose: Purpose::Care,
        identified: true,
    }
}

/// What is exported, by line, and the report.
fn lines(dir: &Path, request: &Request) -> (Vec<String>, Report) {
    let mut out = Vec::new();
    let report = export(dir, request, &mut out, |_| {}).unwrap();
    (String::from_utf8(out).unwrap().lines().map(str::to_owned).collect(), report)
}

fn values(lines: &[String]) -> Vec<&str> {
    lines[1..].iter().map(|line| line.split(',').nth(7).unwrap()).collect()
}

/// What the export meant by `request` ends with, when `meddle` is called after its first page.
fn meddled(
    dir: &Path,
    request: &Request,
    meddle: impl FnOnce(),
) -> (Vec<u8>, Result<Report, ExportError>) {
    let (mut out, mut meddle) = (Vec::new(), Some(meddle));
    let report = export(dir, request, &mut out, |_| {
        if let Some(meddle) = meddle.take() {
            meddle();
        }
    });
    (out, report)
}

#[test]
fn each_reading_is_a_row_with_its_patient_its_time_and_its_doubt() {
    let dir = TempDir::new().unwrap();
    let mut ward = Ward::open(dir.path(), false);
    ward.measure(
        "dev-1",
        &[
            r#""signal":"heart_rate","value":72.5,"unit":"/min","instance":"=II""#,
            r#""signal":"glucose_cgm","value":39,"unit":"mg/dL","comparator":"<=""#,
            r#""signal":"spo2","value":97,"unit":"%","quality":0.1"#,
            r#""signal":"sdnn","value":40,"unit":"ms","from":"2026-11-21T10:00:03Z","to":"2026-11-21T10:00:08Z""#,
            r#""signal":"battery_status","code":"=low""#,
            r#""signal":"spo2","absent":"not-performed","at":"2026-11-21T10:00:07Z""#,
            r#""signal":"heart_rate","value":900,"unit":"/min","at":"2026-11-21T09:00:00Z""#,
        ],
    );
    ward.heart_rate("dev-2", 60.0);
    ward.heart_rate("dev-3", 50.0);
    let (sealed, unsealed) = (lines(dir.path(), &everything()).0, ward.seal());
    assert_eq!((lines(dir.path(), &everything()).0, unsealed), (sealed.clone(), ()));
    ward.close();
    assert_eq!(
        sealed,
        [
            "site,patient,device,signal,instance,measured_at,received_at,value,comparator,unit,flags,simulated,measured_from,code,text,time,absent",
            // Before the device was the patient's.
            "site-1,,dev-1,heart_rate,,2026-11-21T09:00:00Z,2026-11-21T10:00:08Z,900,,/min,implausible late,false,,,,,",
            "site-1,p-1,dev-1,heart_rate,\"'=II\",2026-11-21T10:00:08Z,2026-11-21T10:00:08Z,72.5,,/min,,false,,,,,",
            "site-1,p-1,dev-1,spo2,,2026-11-21T10:00:07Z,2026-11-21T10:00:08Z,,,,not_judged,false,,,,,not-performed",
            "site-1,p-1,dev-1,spo2,,2026-11-21T10:00:08Z,2026-11-21T10:00:08Z,97,,%,not_judged,false,,,,,",
            "site-1,p-1,dev-1,glucose_cgm,,2026-11-21T10:00:08Z,2026-11-21T10:00:08Z,39,<=,mg/dL,,false,,,,,",
            "site-1,p-1,dev-1,sdnn,,2026-11-21T10:00:08Z,2026-11-21T10:00:08Z,40,,ms,,false,2026-11-21T10:00:03Z,,,,",
            "site-1,p-1,dev-1,battery_status,,2026-11-21T10:00:08Z,2026-11-21T10:00:08Z,,,,,false,,\"'=low\",,,",
            "site-1,p-2,dev-2,heart_rate,,2026-11-21T10:00:09Z,2026-11-21T10:00:09Z,60,,/min,,false,,,,,",
            "site-1,,dev-3,heart_rate,,2026-11-21T10:00:10Z,2026-11-21T10:00:10Z,50,,/min,,false,,,,,",
        ]
    );
}

#[test]
fn a_request_takes_patients_signals_and_times() {
    let dir = TempDir::new().unwrap();
    let mut ward = Ward::open(dir.path(), false);
    for value in 1..=3 {
        ward.heart_rate("dev-1", f64::from(value));
        ward.heart_rate("dev-2", f64::from(10 * value));
    }
    ward.measure("dev-1", &[r#""signal":"spo2","value":97,"unit":"%""#]);
    ward.close();
    let check = |request: &Request, expected: &[&str]| {
        assert_eq!(values(&lines(dir.path(), request).0), expected, "{request:?}");
    };
    let one = Request { patients: vec!["p-1".parse().unwrap()], ..everything() };
    check(&one, &["1", "2", "3", "97"]);
    check(&Request { signals: vec!["spo2".into()], ..everything() }, &["97"]);
    check(&Request { signals: vec!["mdc:147842".into()], ..one }, &["1", "2", "3"]);
    // A row a second: seven before the first reading.
    let (from, to) = (origin() + Span::secs(9), origin() + Span::secs(12));
    check(&Request { from, to, ..everything() }, &["2", "10", "20"]);
    for (request, expected) in [
        (Request { patients: vec!["p-9".parse().unwrap()], ..everything() }, "p-9"),
        (Request { signals: vec!["hart".into()], ..everything() }, "`hart`"),
        (Request { purpose: Purpose::Research, ..everything() }, "--identified"),
    ] {
        let error = export(dir.path(), &request, Vec::new(), |_| {}).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn pseudonyms_stand_for_patients_and_devices_and_are_the_same_in_every_row() {
    let dir = TempDir::new().unwrap();
    let mut ward = Ward::open(dir.path(), true);
    for value in [61.0, 62.0] {
        ward.heart_rate("dev-1", value);
    }
    ward.close();
    for format in [Format::Csv, Format::JsonLines] {
        let request = Request { identified: false, format, ..everything() };
        let (lines, report) = lines(dir.path(), &request);
        let text = lines.join("\n");
        assert!(!text.contains("p-1") && !text.contains("dev-1"), "{text}");
        let names = Names::open(dir.path(), &request).unwrap();
        let patient = names.patient(&"p-1".parse().unwrap());
        assert_eq!(text.matches(&patient).count(), 2);
        assert_eq!(text.matches("true").count(), 2, "every row says that it is simulated");
        assert!(report.simulated);
        assert_eq!((report.rows, report.patients), (2, 1));
    }
}

#[test]
fn without_consent_nothing_leaves_for_research_and_it_is_counted() {
    let dir = TempDir::new().unwrap();
    let mut ward = Ward::open(dir.path(), false);
    for device in ["dev-1", "dev-1", "dev-2", "dev-3"] {
        ward.heart_rate(device, 70.0);
    }
    ward.close();
    let request = Request { purpose: Purpose::Research, identified: false, ..everything() };
    let (lines, report) = lines(dir.path(), &request);
    assert_eq!(lines.len(), 1, "the header alone");
    assert_eq!((report.rows, report.patients), (0, 0));
    assert_eq!((report.withheld, report.withheld_patients), (4, 2));
}

/// The history at one row: what is sealed and what comes while it is read changes nothing.
#[test]
fn what_is_written_meanwhile_is_left_out_and_nothing_is_lost() {
    let dir = TempDir::new().unwrap();
    let mut ward = Ward::open(dir.path(), false);
    for value in 0..20 {
        ward.heart_rate("dev-1", f64::from(value));
        ward.heart_rate("dev-2", f64::from(100 + value));
    }
    let (before, _) = lines(dir.path(), &everything());
    assert_eq!(before.len(), 41);
    let (out, report) = meddled(dir.path(), &everything(), || {
        ward.heart_rate("dev-2", 999.0);
        ward.seal();
        ward.heart_rate("dev-2", 998.0);
    });
    assert_eq!(String::from_utf8(out).unwrap().lines().collect::<Vec<_>>(), before);
    assert_eq!(report.unwrap().rows, 40);
    ward.close();
    assert_eq!(lines(dir.path(), &everything()).0.len(), 43);
}

#[test]
fn a_store_that_changes_under_the_export_ends_it_with_an_error() {
    let check = |sql: &str, expected: &str| {
        let dir = TempDir::new().unwrap();
        let mut ward = Ward::open(dir.path(), false);
        ward.heart_rate("dev-1", 1.0);
        ward.heart_rate("dev-2", 2.0);
        ward.seal();
        ward.close();
        let (_, report) = meddled(dir.path(), &everything(), || tamper(dir.path(), sql));
        let error = report.unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("not whole"), "{sql}: {error}");
    };
    let of = |device: &str| format!("(SELECT id FROM series WHERE device = '{device}')");
    check(&format!("DELETE FROM blocks WHERE series = {}", of("dev-2")), "1 samples of heart_rate");
    // What was read already may be gone as well: it was still there when its series began.
    check(&format!("DELETE FROM blocks WHERE series = {}", of("dev-1")), "heart_rate of dev-1");
    check("UPDATE meta SET value = 'other' WHERE key = 'store'", "replaced");
}

#[test]
fn alarms_that_retention_takes_under_the_export_end_it_with_an_error() {
    let dir = TempDir::new().unwrap();
    let mut ward = Ward::open(dir.path(), false);
    ward.row(vec![Input::Unwatched(std::iter::once("w1".parse().unwrap()).collect())]);
    ward.close();
    let request = Request { what: What::Alarms, ..everything() };
    assert!(lines(dir.path(), &request).1.rows > 0);
    let sql = "INSERT INTO cut VALUES(99, 9, x'')";
    let (_, report) = meddled(dir.path(), &request, || tamper(dir.path(), sql));
    let error = report.unwrap_err().to_string();
    assert!(error.contains("1 moves of alarms are gone, by retention"), "{error}");
}

#[test]
fn what_cannot_be_written_or_read_is_an_error() {
    #[derive(Debug)]
    struct Full;
    impl io::Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let dir = TempDir::new().unwrap();
    assert!(matches!(
        export(dir.path(), &everything(), Vec::new(), |_| {}),
        Err(ExportError::Open(OpenError::Missing { .. }))
    ));
    let mut ward = Ward::open(dir.path(), false);
    ward.heart_rate("dev-1", 1.0);
    ward.seal();
    ward.close();
    let error = export(dir.path(), &everything(), Full, |_| {}).unwrap_err();
    assert!(error.to_string().contains("not whole"), "{error}");
    tamper(dir.path(), "UPDATE blocks SET body = x'01'");
    let error = export(dir.path(), &everything(), Vec::new(), |_| {}).unwrap_err();
    assert!(matches!(error, ExportError::Read(_)), "{error}");
}
