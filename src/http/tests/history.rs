//! Series and latest values.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};

use axum::routing::get;
use serde_json::{Value, json};

use super::fixture::Bench;
use super::store::transition;
use super::ward::{now, sample_alarm, series};
use crate::clock::Clock;
use crate::http::router::router;
use crate::http::state::Ctx;
use crate::pipeline::load_shedding::{LoadShedding, Pressure};
use crate::projection::view::{PatientView, Vital};
use crate::telemetry::Metrics;
use vitalgate_domain::model::time::{Span, Timestamp};
use vitalgate_domain::model::unit::Unit;
use vitalgate_store::types::{RaisedOn, Sample, Sent, flag};

fn sample(signal: u16, second: i64, value: f64) -> Sample {
    Sample {
        series: series(signal, ""),
        at: now() + Span::secs(second),
        sent: Sent::default(),
        received: now(),
        value,
        unit: if signal == 1 { Unit::PerMinute } else { Unit::Percent },
        flags: 0,
    }
}

#[tokio::test]
async fn an_alarm_shows_the_readings_of_its_patient_and_of_nobody_who_had_the_device_before() {
    let bench = Bench::start().await;
    // Until an hour ago `dev-1` was `p-2`'s.
    let readings = [(-3_700, 91.0), (-3_650, 91.0), (-3_500, 75.0), (-60, 74.0), (0, 150.0)];
    bench.store.commit(|row| {
        row.transitions = vec![transition(&sample_alarm("A1", 1), "raised")];
        row.samples = readings.map(|(second, value)| sample(1, second, value)).into();
        row.raised = vec![RaisedOn {
            alarm: "A1".parse().unwrap(),
            series: Some(series(1, "")),
            until: now(),
            limits: "[]".to_owned(),
        }];
    });
    let story = bench.get("/api/v1/alarms/A1").await.json();
    let shown = story["readings"].as_array().unwrap().iter().map(|r| r["value"].clone());
    assert_eq!(shown.collect::<Vec<_>>(), [75.0, 74.0, 150.0]);
}

#[tokio::test]
async fn series_are_the_union_over_bindings_and_page_without_gaps() {
    let bench = Bench::start().await;
    // Many samples share a time: a page ends in the middle of them.
    let samples = (0..12_000_i64).map(|i| Sample {
        received: now() + Span::millis(i),
        flags: if i == 0 { flag::BELOW | flag::LATE } else { 0 },
        ..sample(1, i / 4_000, i as f64)
    });
    // Within 5 s of the change from the patient before it is nobody's.
    let near = [-3_602, -3_600, -3_597].map(|second| sample(1, second, -1.0));
    bench.store.commit_samples(near.into_iter().chain(samples).collect());
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
    let buckets = bench.get(&format!("{path}&points=1")).await.json();
    let bucket = &buckets["items"][0];
    assert_eq!((&bucket["count"], &bucket["last"]), (&json!(12_000), &json!(11_999.0)));
}

#[tokio::test]
async fn a_patient_has_what_the_device_measured_from_its_binding_on() {
    let bench = Bench::start().await;
    let border = -3_600 + 5;
    bench.store.commit_samples(vec![sample(1, border - 1, 70.0), sample(1, border, 71.0)]);
    let range = format!("signal=heart_rate&from={}&to={}", now() - Span::hours(3), now());
    let values = async |of: &str| -> Vec<f64> {
        let reply = bench.get(&format!("/api/v1/{of}/series?{range}")).await.json();
        reply["items"].as_array().unwrap().iter().map(|s| s["value"].as_f64().unwrap()).collect()
    };
    assert_eq!(values("patients/p-1").await, [71.0]);
    assert_eq!(values("devices/dev-1").await, [70.0, 71.0]);
}

#[tokio::test]
async fn several_signals_come_in_one_answer_each_by_its_name() {
    let bench = Bench::start().await;
    let samples = vec![sample(1, 0, 70.0), sample(3, 0, 97.0), sample(1, 1, 71.0)];
    bench.store.commit_samples(samples);
    let path = format!("/api/v1/devices/dev-1/series?from={}&to={}", now(), now() + Span::hours(1));
    let both = bench.get(&format!("{path}&signal=heart_rate,%20spo2,heart_rate")).await.json();
    let seen = |item: &Value| (item["signal"].clone(), item["value"].as_f64().unwrap());
    let items: Vec<_> = both["items"].as_array().unwrap().iter().map(seen).collect();
    let expected = [("heart_rate", 70.0), ("spo2", 97.0), ("heart_rate", 71.0)];
    assert_eq!(items, expected.map(|(name, value)| (json!(name), value)));

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
    bench.store.commit_samples(vec![sample(1, 0, 1.0), sample(1, 9, 3.0)]);
    let range = format!("from={}&to={}", now(), now() + Span::secs(20));
    let path = format!("/api/v1/devices/dev-1/series?signal=heart_rate&points=2&{range}");
    let items = bench.get(&path).await.json()["items"].clone();
    let bucket = |count: u64, [min, max, mean, last]: [Value; 4], from: i64| {
        json!({
            "from": now() + Span::secs(from), "to": now() + Span::secs(from + 10),
            "device": "dev-1", "signal": "heart_rate", "instance": "", "unit": "/min",
            "count": count, "min": min, "max": max, "mean": mean, "last": last,
        })
    };
    let full = [1.0, 3.0, 2.0, 3.0].map(Value::from);
    assert_eq!(items, json!([bucket(2, full, 0), bucket(0, [const { Value::Null }; 4], 10)]));
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

/// Reads the history until the sender of `gate` is gone.
async fn long_read(
    http: Ctx,
    entered: Arc<AtomicUsize>,
    gate: Arc<Mutex<Receiver<()>>>,
) -> &'static str {
    let read = http.read_history(move |_| {
        entered.fetch_add(1, Ordering::SeqCst);
        assert!(gate.lock().unwrap().recv().is_err(), "nothing is ever sent");
        Ok("read")
    });
    read.await.unwrap()
}

#[tokio::test]
async fn a_read_keeps_its_turn_though_its_client_hung_up() {
    let (open, gate) = sync_channel(0);
    let (entered, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(gate)));
    let entering = Arc::clone(&entered);
    let bench = Bench::serve(
        |_| {},
        |http| {
            let held = Arc::clone(http);
            let read = move || long_read(held.clone(), entering.clone(), gate.clone());
            router(http).route("/long-read", get(read))
        },
    )
    .await;
    let path = "/long-read";
    let clients = [bench.send("GET", path, &[], "").await, bench.send("GET", path, &[], "").await];
    while entered.load(Ordering::SeqCst) < 2 {
        tokio::task::yield_now().await;
    }
    drop(clients);
    let path = "/api/v1/devices/dev-1/series?signal=heart_rate";
    let problem = bench.get(path).await.problem(503);
    assert!(problem["detail"].as_str().unwrap().contains("too many"), "no third beside the two");
    drop(open);
    // Their turns come back with their ends.
    while bench.get(path).await.status != 200 {}
}

#[tokio::test]
async fn an_answer_is_bounded_over_all_series_of_its_signals() {
    let mut shedding = LoadShedding::new(Metrics::default());
    let load = shedding.load();
    let bench = Bench::start_with(|app| app.load = load).await;
    let samples = (0..256).map(|lead| {
        let series = series(1, &format!("lead-{lead}"));
        Sample { series, ..sample(1, 0, 70.0) }
    });
    bench.store.commit_samples(samples.collect());
    let path = "/api/v1/devices/dev-1/series?signal=heart_rate&points=";
    assert_eq!(bench.get(&format!("{path}62")).await.status, 200);
    // Nothing is read for a refusal: else it would be shed here.
    shedding.observe(Pressure { bytes: 0, waited_s: 0.9 });
    shedding.observe(Pressure { bytes: 0, waited_s: 9.0 });
    let problem = bench.get(&format!("{path}63")).await.problem(400);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("256 series") && detail.contains("`instance`"), "{detail}");
    bench.get(&format!("{path}62")).await.problem(503);
}
