//! What InfluxDB does not hold or give is named as missing, and harms nobody.

use serde_json::json;
use vitalgate_domain::model::time::{Span, Timestamp};

use crate::fake_influx::QueryMood;
use crate::harness::eventually;

use super::{MESSAGES, Past, SIGNALS, is_of, section};

#[test]
fn a_server_that_cannot_be_asked_is_named_and_harms_nobody() {
    let mut past = Past::start("3s");
    past.forget();
    let before = past.gateway.resident_kib();
    let moods = [
        (QueryMood::Status(500), "failed"),
        (QueryMood::Status(503), "failed"),
        (QueryMood::Status(302), "failed"),
        (QueryMood::Status(401), "refused"),
        (QueryMood::Status(404), "refused"),
        (QueryMood::Page, "nonsense"),
        (QueryMood::Empty, "nonsense"),
        (QueryMood::Nonsense, "nonsense"),
        (QueryMood::Error, "failed"),
        (QueryMood::Cut, "unreachable"),
        (QueryMood::Trickle, "too_slow"),
        (QueryMood::Never, "too_slow"),
        (QueryMood::Endless, "too_much"),
    ];
    for (mood, why) in moods {
        past.server.state().query_mood = mood;
        for query in ["&points=160", "&limit=5000"] {
            let answer = past.series("patients/p1", &format!("{SIGNALS}{query}"));
            assert_eq!(answer["incomplete"], json!(why), "{mood:?}");
            for part in answer["older"].as_array().unwrap() {
                let given = (&part["source"], &part["incomplete"]);
                assert_eq!(given, (&json!("store"), &json!(why)), "{mood:?}");
            }
            let items = answer["items"].as_array().unwrap();
            assert!(items.iter().any(|item| item["count"] != json!(0)), "{mood:?}: what is here");
        }
        let counted = format!("vitalgate_sink_queries_total{{sink=\"influx\",result=\"{why}\"}}");
        assert!(past.gateway.metric(&counted) > 0, "{why}");
    }
    let more = past.gateway.resident_kib().saturating_sub(before);
    assert!(more < 64 << 10, "{more} KiB more");

    // A bucket that holds none of it, wherever the range ends.
    past.server.state().query_mood = QueryMood::NoRows;
    for to in [9, MESSAGES] {
        for query in ["points=1", "limit=5000"] {
            let (from, to) = (past.at(0), past.at(to));
            let path = format!("/api/v1/patients/p1/series?{SIGNALS}&from={from}&to={to}&{query}");
            let empty = past.gateway.get(&path);
            assert_eq!(empty["incomplete"], json!("not_held"), "{path}");
            let parts = empty["older"].as_array().unwrap();
            assert!(parts.len() == 4 && parts.iter().all(|part| part["source"] == "influxdb"));
        }
    }
    past.server.state().query_mood = QueryMood::Well;
    // What another store of this site exported under the names that it gives.
    {
        let mut state = past.server.state();
        let points = std::mem::take(&mut state.points).into_iter();
        let renamed = |head: String| {
            let tags = head.split(",patient=").collect::<Vec<_>>();
            let rest = tags[1].split_once(',').expect("more tags").1;
            format!("{},patient=somebody,{rest}", tags[0])
        };
        let ours = points.filter(|(head, _)| head.contains("device=dev-1,"));
        let is_named = |head: &str| head.contains(",patient=");
        state.points = ours
            .map(|(head, points)| (if is_named(&head) { renamed(head) } else { head }, points))
            .collect();
    }
    let (from, to) = (past.at(0), past.at(9));
    let path = format!("/api/v1/patients/p1/series?{SIGNALS}&from={from}&to={to}&points=1");
    let strange = past.gateway.get(&path);
    assert_eq!(strange["incomplete"], json!("another_name"));
    let items = strange["items"].as_array().unwrap();
    assert!(items.iter().all(|item| item["count"] == json!(0)), "{items:?}");
    // Points that are not there any more, though they were exported.
    past.server.state().points.clear();
    let empty = past.series("patients/p1", &format!("{SIGNALS}&points=160"));
    assert_eq!(empty["incomplete"], json!("not_held"));
    let address = past.server.address;
    drop(past.server);
    let path = format!("/api/v1/devices/dev-1/series?{SIGNALS}&from={}&points=9", past.begin);
    let gone = past.gateway.get(&path);
    assert_eq!(gone["incomplete"], json!("unreachable"), "{address}");
    let log = past.gateway.log();
    assert!(!log.contains("secret-token") && !log.contains("out of memory"));
}

#[test]
fn what_influxdb_lacks_before_the_border_is_missed() {
    let mut past = Past::start("1m");
    past.forget();
    let whole = past.series("patients/p1", &format!("{SIGNALS}&points=9"));
    assert!(whole["incomplete"].is_null(), "{whole}");
    let part =
        whole["older"].as_array().unwrap().iter().find(|part| part["signal"] == "heart_rate");
    let part = part.unwrap().clone();
    let to: Timestamp = part["to"].as_str().unwrap().parse().unwrap();
    {
        // The last that was taken, and all that came later.
        let mut state = past.server.state();
        for (_, points) in state.points.iter_mut().filter(|(head, _)| is_of(head, &part)) {
            points.retain(|at, _| *at < (to.as_micros() - 1) * 1_000);
        }
    }
    let answer = past.series("patients/p1", &format!("{SIGNALS}&points=9"));
    assert_eq!(answer["incomplete"], json!("not_held"));
    for part in answer["older"].as_array().unwrap() {
        let doubt = (part["signal"] == "heart_rate").then_some("not_held");
        assert_eq!(part["incomplete"], json!(doubt), "{part}");
    }
    let last = format!("signal=heart_rate&from={}&to={}", to - Span::secs(30), past.at(MESSAGES));
    let page = past.gateway.get(&format!("/api/v1/patients/p1/series?{last}"));
    assert_eq!(page["incomplete"], json!("not_held"));
}

#[test]
fn what_was_taken_before_there_was_an_influxdb_was_never_exported() {
    let mut past = Past::without();
    past.take();
    let mut minute = MESSAGES + 60;
    eventually("the journal's beginning is gone", || {
        past.publish(minute..minute + 1);
        minute += 1;
        let first = "SELECT min(n) FROM journal";
        (past.gateway.rows(first, |row| row.get::<_, i64>(0))[0] > 1).then_some(())
    });
    let ask = |past: &Past| past.series("patients/p1", &format!("{SIGNALS}&points=9"));
    assert_eq!(ask(&past)["incomplete"], json!("not_kept"));
    let secret = tempfile::tempdir().unwrap();
    let influx = section(secret.path(), &past.server, "1m");
    for (key, value) in influx.as_object().unwrap() {
        past.gateway.set("influx", key, value);
    }
    past.gateway.restart();
    past.publish(minute..minute + 2);
    let exported = past.at(minute).as_micros() * 1_000;
    eventually("InfluxDB has what there is", || {
        let refilling = past.gateway.metric("vitalgate_sink_refilling{sink=\"influx\"}");
        (past.server.state().last >= exported && refilling == 0).then_some(())
    });
    let answer = ask(&past);
    assert_eq!(answer["incomplete"], json!("not_told"), "{answer}");
    assert!(answer["older"].as_array().unwrap().iter().all(|p| p["incomplete"] == "not_told"));
}

#[test]
fn without_reading_what_is_pruned_is_named_as_not_there() {
    let mut past = Past::start("1m");
    past.gateway.set("influx", "read", &json!(false));
    past.forget();
    let answer = past.series("patients/p1", "signal=heart_rate&points=9");
    assert_eq!(answer["incomplete"], json!("not_kept"));
    assert!(past.server.state().queries.is_empty());
}
