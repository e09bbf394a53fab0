//! A patient's own limits over HTTP.

use std::sync::Arc;

use serde_json::json;

use super::fixture::Bench;
use vitalgate_domain::model::alarm::Side;
use vitalgate_domain::model::command::PatientLimit;
use vitalgate_domain::model::time::{Span, Timestamp};
use vitalgate_domain::model::unit::Unit;

fn low(signal: &str, until: Option<Timestamp>) -> PatientLimit {
    PatientLimit {
        signal: signal.to_owned(),
        side: Side::Low,
        critical: false,
        value: Some(92.0),
        unit: Unit::Percent,
        until,
        ends: None,
    }
}

#[tokio::test]
async fn of_an_earlier_stay_only_what_has_not_ended_is_offered() {
    let bench = Bench::start().await;
    let now = crate::clock::Clock::system(Timestamp::default()).wall();
    bench.board.send_modify(|board| {
        let patients = Arc::make_mut(&mut Arc::make_mut(board).patients);
        let patient = Arc::make_mut(patients.get_mut("p-1").unwrap());
        patient.limits_offered = vec![
            low("ended", Some(now - Span::secs(1))),
            low("goes_on", Some(now + Span::days(1))),
            low("without_end", None),
        ];
    });
    let limits = bench.get("/api/v1/patients/p-1/limits").await.json();
    let offered = limits["offered"].as_array().unwrap();
    let signals: Vec<_> = offered.iter().map(|limit| &limit["signal"]).collect();
    assert_eq!(signals, [&json!("goes_on"), &json!("without_end")], "{limits}");
}
