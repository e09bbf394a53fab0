//! What the server will never take costs itself, is told with the server's words, and holds nothing up.

use serde_json::json;
use vitalgate_domain::model::time::Span;

use crate::fake_influx::{FakeInflux, Mood};
use crate::harness::{Gateway, eventually};

use super::{Sent, count_refused, expect, gateway, held, lines_refused, publish, technical};

fn letters(gateway: &Gateway) -> i64 {
    let letters = "SELECT count(*) FROM dead_letters WHERE principal = 'influxdb'";
    gateway.rows(letters, |row| row.get::<_, i64>(0))[0]
}

#[test]
fn what_is_older_than_the_bucket_keeps_holds_nothing_up_whatever_the_status() {
    for status in [422, 500, 503] {
        let dir = tempfile::tempdir().unwrap();
        let server = FakeInflux::start();
        let gateway = gateway(dir.path(), server.address.port());
        let keeps_from = (gateway.now() - Span::secs(120)).as_micros() * 1_000;
        server.state().keeps_from = keeps_from;
        server.state().too_old = status;
        gateway.admit("p-1", "dev-1");
        let mut sent = Sent::new();
        publish(&gateway, "dev-1", 1, 400, &mut sent);
        let all = sent.len();
        sent.retain(|(_, time), _| *time >= keeps_from);
        let old = all - sent.len();
        assert!(sent.len() > 100 && old > 300);
        expect(&server, "dev-1", &sent);
        eventually("all that is old is counted", || {
            (count_refused(&gateway, "retention") == old as u64).then_some(())
        });
        let total = gateway.metric("vitalgate_sink_refused_lines_total{sink=\"influx\"}");
        assert_eq!(total, old as u64);
        let alarm = eventually("it is told", || lines_refused(&gateway, "retention"));
        assert_eq!(alarm["priority"], "low");
        let text = alarm["text"].as_str().unwrap();
        assert!(text.contains("It says:") && text.contains("beyond retention policy"), "{text}");
        assert!(technical(&gateway, "influx.refused").is_none());
        assert!(letters(&gateway) <= 100);
    }
}

#[test]
fn a_server_that_takes_no_new_series_is_told_in_its_words_and_takes_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let server = FakeInflux::start();
    let gateway = gateway(dir.path(), server.address.port());
    gateway.admit("p-1", "dev-1");
    gateway.admit("p-2", "dev-2");
    let (mut known, mut new) = (Sent::new(), Sent::new());
    publish(&gateway, "dev-1", 1, 20, &mut known);
    expect(&server, "dev-1", &known);
    let full = server.state().points.len();
    server.state().most_series = full;
    publish(&gateway, "dev-2", 1, 20, &mut new);
    publish(&gateway, "dev-1", 30, 20, &mut known);
    eventually("the known series goes on", || (held(&server, "dev-1") == known).then_some(()));
    // Two numbers a message, and whatever became an alarm of a new series.
    eventually("what is refused is counted", || {
        (count_refused(&gateway, "series") >= new.len() as u64).then_some(())
    });
    assert!(held(&server, "dev-2").is_empty());
    let alarm = eventually("it is told", || lines_refused(&gateway, "series"));
    assert_eq!((&alarm["kind"], &alarm["priority"]), (&json!("technical"), &json!("medium")));
    let text = alarm["text"].as_str().unwrap();
    assert!(text.contains("partial write: max-series-per-database limit exceeded"), "{text}");
    assert!(technical(&gateway, "influx.refused").is_none());
    assert_eq!(letters(&gateway), 0, "the server does not say which");
    server.state().most_series = usize::MAX;
    let before = new.len();
    publish(&gateway, "dev-2", 30, 10, &mut new);
    eventually("what comes later is taken", || {
        (held(&server, "dev-2").len() == new.len() - before).then_some(())
    });
}

#[test]
fn a_field_of_another_type_is_told_without_a_name_or_a_value() {
    let dir = tempfile::tempdir().unwrap();
    let server = FakeInflux::start();
    server.state().other_type = Some("signal=spo2".to_owned());
    let gateway = gateway(dir.path(), server.address.port());
    gateway.admit("p-1", "dev-1");
    let mut sent = Sent::new();
    publish(&gateway, "dev-1", 1, 20, &mut sent);
    sent.retain(|(signal, _), _| signal != "spo2");
    expect(&server, "dev-1", &sent);
    let alarm = eventually("it is told", || lines_refused(&gateway, "field_type"));
    let text = alarm["text"].as_str().unwrap();
    assert!(text.contains("field type conflict: input field … on measurement … is type"), "{text}");
    assert!(!text.contains("dev-1") && !text.contains("spo2"), "{text}");
    assert_eq!(count_refused(&gateway, "field_type"), 20);
}

#[test]
fn an_outage_that_answers_costs_no_point() {
    let dir = tempfile::tempdir().unwrap();
    let server = FakeInflux::start();
    let answers = [500, 503, 500, 500, 502];
    server.state().moods = answers.map(|status| Mood::Answer(status, None)).into();
    let gateway = gateway(dir.path(), server.address.port());
    gateway.admit("p-1", "dev-1");
    let mut sent = Sent::new();
    publish(&gateway, "dev-1", 1, 100, &mut sent);
    expect(&server, "dev-1", &sent);
    assert!(server.state().moods.is_empty());
    assert_eq!(letters(&gateway), 0);
    let total = gateway.metric("vitalgate_sink_refused_lines_total{sink=\"influx\"}");
    assert_eq!(total, 0);
}
