//! Series and latest values.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::fixture::{Bench, now};
use crate::clock::Clock;
use crate::http::ports::{Bucket, Gone, HistoryRead, ReadFailed, SeriesQuery, Stretch, Summary};
use crate::projection::view::{PatientView, Vital};
use vitalgate_domain::model::instance::Instance;
use vitalgate_domain::model::signal::SignalId;
use vitalgate_domain::model::time::{Span, Timestamp};
use vitalgate_domain::model::unit::Unit;
use vitalgate_store::types::{Sample, SeriesKey, flag};

fn series(signal: u16) -> SeriesKey {
    SeriesKey {
        device: "dev-1".parse().unwrap(),
        signal: SignalId(signal),
        instance: Instance::default(),
    }
}

fn sample(signal: u16, second: i64, value: f64) -> Sample {
    Sample {
        series: series(signal),
        at: now() + Span::secs(second),
        received: now(),
        value,
        unit: Unit::PerMinute,
        flags: 0,
    }
}

#[tokio::test]
async fn series_are_the_union_over_bindings_and_page_without_gaps() {
    let bench = Bench::start().await;
    let series = SeriesKey {
        device: "dev-1".parse().unwrap(),
        signal: SignalId(1),
        instance: Instance::default(),
    };
    // Many samples share a time: a page ends in the middle of them.
    let samples: Vec<Sample> = (0..12_000_i64)
        .map(|i| Sample {
            series: series.clone(),
            at: now() + Span::secs(i / 4_000),
            received: now(),
            value: i as f64,
            unit: Unit::PerMinute,
            flags: if i == 0 { flag::BELOW | flag::LATE } else { 0 },
        })
        .collect();
    bench.log.0.lock().unwrap().samples = samples;
    let (from, to) = (now() - Span::hours(3), now() + Span::hours(1));
    let path = format!("/api/v1/patients/p-1/series?signal=heart_rate&from={from}&to={to}");
    let mut values = Vec::new();
    let mut next = String::new();
    loop {
        let page = bench.get(&format!("{path}{next}")).await.json();
        values
            .extend(page["items"].as_array().unwrap().iter().map(|s| s["value"].as_f64().unwrap()));
        let Some(cursor) = page["next"].as_str() else { break };
        next = format!("&cursor={cursor}");
    }
    assert_eq!(values, (0..12_000).map(f64::from).collect::<Vec<_>>());
    let asked = bench.log.0.lock().unwrap().asked.clone().unwrap();
    let device = series.device.clone();
    // Within 5 s of the change from the patient before it is nobody's.
    let from = now() - Span::hours(1) + Span::secs(5);
    assert_eq!(asked.stretches, [Stretch { device, from, to }]);
    let buckets = bench.get(&format!("{path}&points=1")).await.json();
    let bucket = &buckets["items"][0];
    assert_eq!((&bucket["count"], &bucket["last"]), (&json!(12_000), &json!(11_999.0)));
}

#[tokio::test]
async fn several_signals_come_in_one_answer_each_by_its_name() {
    let bench = Bench::start().await;
    bench.log.0.lock().unwrap().samples =
        vec![sample(1, 0, 70.0), sample(3, 0, 97.0), sample(1, 1, 71.0)];
    let path = format!("/api/v1/devices/dev-1/series?from={}&to={}", now(), now() + Span::hours(1));
    let both = bench.get(&format!("{path}&signal=heart_rate,%20spo2,heart_rate")).await.json();
    let seen = |item: &Value| (item["signal"].clone(), item["value"].as_f64().unwrap());
    let items: Vec<_> = both["items"].as_array().unwrap().iter().map(seen).collect();
    let expected = [("heart_rate", 70.0), ("spo2", 97.0), ("heart_rate", 71.0)];
    assert_eq!(items, expected.map(|(name, value)| (json!(name), value)));
    let asked = bench.log.0.lock().unwrap().asked.clone().unwrap();
    assert_eq!(asked.signals, [SignalId(1), SignalId(3)]);

    let page = bench.get(&format!("{path}&signal=heart_rate,spo2&limit=2")).await.json();
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    let cursor = page["next"].as_str().unwrap();
    let rest = bench.get(&format!("{path}&signal=heart_rate,spo2&limit=2&cursor={cursor}")).await;
    assert_eq!(rest.json()["items"][0]["value"], json!(71.0));
    assert_eq!(rest.json()["next"], Value::Null);
}

#[tokio::test]
async fn what_no_answer_could_hold_is_refused() {
    let bench = Bench::start().await;
    let path = "/api/v1/devices/dev-1/series";
    let refused = async |query: &str, status: u16, word: &str| {
        let problem = bench.get(&format!("{path}?{query}")).await.problem(status);
        assert!(problem["detail"].as_str().unwrap().contains(word), "{query}: {problem}");
    };
    refused("signal=heart_rate,hart", 422, "`hart`").await;
    refused("signal=heart_rate,", 422, "``").await;
    refused("signal=heart_rate&points=0", 400, "points").await;
    refused("signal=heart_rate&points=2001", 400, "2000").await;
    refused("signal=heart_rate&cursor=1.9999999", 400, "cursor").await;
    refused("signal=heart_rate&from=2026-01-02T00:00:00Z&to=2026-01-02T00:00:00Z", 400, "from")
        .await;
    refused("signal=heart_rate&signal=spo2", 400, "signal").await;
    refused("points=5", 400, "signal").await;
}

#[tokio::test]
async fn an_empty_bucket_says_that_it_is_empty() {
    let bench = Bench::start().await;
    let bucket = |from: i64, values| Bucket {
        series: series(1),
        unit: Unit::PerMinute,
        from: now() + Span::secs(from),
        to: now() + Span::secs(from + 10),
        values,
    };
    let values = Summary { count: 2, min: 1.0, max: 3.0, mean: 2.0, last: 3.0 };
    bench.log.0.lock().unwrap().buckets = vec![bucket(0, Some(values)), bucket(10, None)];
    let path = "/api/v1/devices/dev-1/series?signal=heart_rate&points=2";
    let items = bench.get(path).await.json()["items"].clone();
    let told = |count: u64, [min, max, mean, last]: [Value; 4], from: i64| {
        json!({
            "from": now() + Span::secs(from), "to": now() + Span::secs(from + 10),
            "device": "dev-1", "signal": "heart_rate", "instance": "", "unit": "/min",
            "count": count, "min": min, "max": max, "mean": mean, "last": last,
        })
    };
    let full = [1.0, 3.0, 2.0, 3.0].map(Value::from);
    assert_eq!(items, json!([told(2, full, 0), told(0, [const { Value::Null }; 4], 10)]));
}

#[tokio::test]
async fn the_latest_values_of_a_ward_say_how_old_they_are() {
    let bench = Bench::start().await;
    let clock = Clock::system(Timestamp::default());
    let vital = |signal: &str, value: Option<f64>, age: i64, stale_after: i64| Vital {
        signal: signal.into(),
        label: signal.into(),
        instance: String::new(),
        device: "dev-1".parse().unwrap(),
        value,
        comparator: None,
        unit: value.map(|_| "/min".to_owned()),
        text: None,
        measured_at: value.map(|_| clock.wall() - Span::secs(age)),
        received_at: value.map(|_| clock.wall() - Span::secs(age)),
        stale_after: Some(clock.wall() + Span::secs(stale_after)),
        doubt: None,
    };
    bench.board.send_modify(|board| {
        let board = Arc::make_mut(board);
        board.judged_to = clock.wall() + Span::hours(1);
        let patients = Arc::make_mut(&mut board.patients);
        let patient: &mut PatientView = Arc::make_mut(patients.get_mut("p-1").unwrap());
        patient.vitals = vec![
            vital("heart_rate", Some(72.0), 100, 3_600),
            vital("spo2", Some(97.0), 100, -1),
            vital("respiratory_rate", None, 0, 3_600),
        ];
        let gone = PatientView { discharged_at: Some(now()), ..patient.clone() };
        let elsewhere = PatientView { ward: Some("other".parse().unwrap()), ..patient.clone() };
        patients.insert("p-2".parse().unwrap(), Arc::new(gone));
        patients.insert("p-3".parse().unwrap(), Arc::new(elsewhere));
    });
    let latest = bench.get("/api/v1/wards/icu/latest").await.json();
    let [patient] = latest["items"].as_array().unwrap().as_slice() else { panic!("{latest}") };
    assert_eq!((&patient["patient"], &patient["bed"]), (&json!("p-1"), &json!("icu-1")));
    assert_eq!(patient["monitored"]["judged_to"], latest["judged_to"]);
    let values = patient["values"].as_array().unwrap();
    let age = values[0]["age_s"].as_f64().unwrap();
    assert!((100.0..1_000.0).contains(&age), "{age}");
    assert_eq!((&values[0]["value"], &values[0]["unit"]), (&json!(72.0), &json!("/min")));
    let stale = |latest: &Value| -> Vec<bool> {
        let values = latest.pointer("/items/0/values").unwrap().as_array().unwrap();
        values.iter().map(|v| v["stale"].as_bool().unwrap()).collect()
    };
    assert_eq!(stale(&latest), [false, true, true]);
    assert_eq!(values[2]["age_s"], Value::Null);

    // While nothing is judged, no value says how the patient is.
    bench.board.send_modify(|board| {
        Arc::make_mut(board).judged_to = clock.wall() - Span::secs(60);
    });
    let latest = bench.get("/api/v1/wards/icu/latest").await.json();
    assert_eq!(stale(&latest), [true, true, true]);
    bench.get("/api/v1/wards/icu-2/latest").await.problem(404);
}

/// A history of many series, whose first reads last until the sender of `gate` is gone.
#[derive(Debug)]
struct Slow {
    series: usize,
    entered: AtomicUsize,
    held: usize,
    gate: Mutex<std::sync::mpsc::Receiver<()>>,
}

impl HistoryRead for Slow {
    fn series(&self, _: &SeriesQuery) -> usize {
        self.series
    }

    fn gone(&self, _: &SeriesQuery, _: Timestamp, _: Timestamp) -> Vec<Gone> {
        Vec::new()
    }

    fn samples(
        &self,
        _: &SeriesQuery,
        _: Timestamp,
        _: Timestamp,
        _: usize,
    ) -> Result<Vec<Sample>, ReadFailed> {
        if self.entered.fetch_add(1, Ordering::SeqCst) < self.held {
            assert!(self.gate.lock().unwrap().recv().is_err(), "nothing is ever sent");
        }
        Ok(Vec::new())
    }

    fn buckets(
        &self,
        _: &SeriesQuery,
        _: Timestamp,
        _: Timestamp,
        _: u32,
    ) -> Result<Vec<Bucket>, ReadFailed> {
        self.entered.fetch_add(1, Ordering::SeqCst);
        Ok(Vec::new())
    }
}

/// A bench on such a history, and what opens its gate.
async fn slow(series: usize, held: usize) -> (Bench, Arc<Slow>, std::sync::mpsc::SyncSender<()>) {
    let (open, gate) = std::sync::mpsc::sync_channel(0);
    let (entered, gate) = (AtomicUsize::new(0), Mutex::new(gate));
    let slow = Arc::new(Slow { series, entered, held, gate });
    let history = Arc::clone(&slow);
    let bench = Bench::start_with(|state| state.history = history).await;
    (bench, slow, open)
}

#[tokio::test]
async fn a_read_keeps_its_turn_though_its_client_hung_up() {
    let (bench, slow, open) = slow(1, 2).await;
    let path = "/api/v1/devices/dev-1/series?signal=heart_rate";
    let clients = [bench.send("GET", path, &[], "").await, bench.send("GET", path, &[], "").await];
    while slow.entered.load(Ordering::SeqCst) < 2 {
        tokio::task::yield_now().await;
    }
    drop(clients);
    bench.get(path).await.problem(503);
    assert_eq!(slow.entered.load(Ordering::SeqCst), 2, "no third read beside the two");
    drop(open);
    // Their turns come back with their ends.
    while bench.get(path).await.status != 200 {}
}

#[tokio::test]
async fn an_answer_is_bounded_over_all_series_of_its_signals() {
    let (bench, slow, _open) = slow(256, 0).await;
    let path = "/api/v1/devices/dev-1/series?signal=heart_rate&points=";
    let problem = bench.get(&format!("{path}63")).await.problem(400);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("256 series") && detail.contains("`instance`"), "{detail}");
    assert_eq!(slow.entered.load(Ordering::SeqCst), 0, "nothing was read for it");
    assert_eq!(bench.get(&format!("{path}62")).await.status, 200);
    assert_eq!(slow.entered.load(Ordering::SeqCst), 1);
}
