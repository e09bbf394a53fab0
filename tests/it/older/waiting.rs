//! While InfluxDB is waited for, everything else goes on.

use std::io::Write as _;
use std::net::TcpStream;
use std::thread;

use serde_json::json;
use vitalgate_domain::model::time::Span;

use crate::fake_influx::QueryMood;
use crate::harness::{eventually, eventually_within, telemetry};

use super::{MESSAGES, Past, SIGNALS};

#[test]
fn while_it_is_waited_for_everything_else_goes_on() {
    let mut past = Past::start("1m");
    past.forget();
    past.server.state().query_mood = QueryMood::Never;
    let path = format!("/api/v1/devices/dev-1/series?{SIGNALS}&from={}&points=9", past.begin);
    let address = past.gateway.address("http").to_owned();
    let ask = || {
        let mut stream = TcpStream::connect(&address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
        stream
    };
    let waiting = [ask(), ask()];
    eventually("two ask", || (past.server.state().asking == 2).then_some(()));
    // A third does not wait, and what is here is given to all.
    let busy = past.gateway.get(&path);
    assert_eq!(busy["incomplete"], json!("busy"));
    assert!(busy["items"].as_array().unwrap().iter().any(|item| item["count"] != json!(0)));
    let of_now = format!("/api/v1/devices/dev-1/series?{SIGNALS}&from={}", past.at(MESSAGES - 5));
    let readers: Vec<_> = (0..8)
        .map(|_| {
            let url = past.gateway.url(&of_now);
            thread::spawn(move || ureq::get(&url).call().unwrap().status())
        })
        .collect();
    assert!(readers.into_iter().all(|reader| reader.join().unwrap() == 200));
    let events = past.gateway.events();
    let at = past.at(MESSAGES + 60);
    let mut client = past.gateway.mqtt("dev-1");
    client.telemetry("dev-1", &telemetry(9_000, at, &[("spo2", 70.0, "%")]));
    events.alarm("it is raised", |a| a["patient"] == "p1" && a["state"] == "alarming");
    let exported = at.as_micros() * 1_000;
    client.telemetry("dev-1", &telemetry(9_001, at + Span::secs(60), &[("spo2", 71.0, "%")]));
    eventually("InfluxDB has it", || (past.server.state().last >= exported).then_some(()));
    assert_eq!(past.server.state().asking, 2);
    // A question ends with the connection of whoever asked it.
    drop(waiting);
    eventually_within(30.0, "nobody asks", || (past.server.state().asking == 0).then_some(()));
    past.server.state().query_mood = QueryMood::Well;
    assert!(past.gateway.get(&path)["incomplete"].is_null());
}
