//! Whoever holds connections in great number keeps neither a device nor a clinician out.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::json;

use crate::harness::{Gateway, eventually, telemetry};

/// How many of each the attacker holds at a time.
struct Strength {
    silent: usize,
    half_requests: usize,
    client_ids: usize,
    unfinished: usize,
}

#[test]
fn a_siege_keeps_nobody_out() {
    siege(&Strength { silent: 600, half_requests: 600, client_ids: 150, unfinished: 400 });
}

#[test]
#[ignore = "needs 10,000 sockets"]
fn a_great_siege_keeps_nobody_out() {
    siege(&Strength {
        silent: 10_050,
        half_requests: 2_100,
        client_ids: 10_000,
        unfinished: 2_000,
    });
}

/// One packet of an attacker who never ends it.
const BEGUN: usize = 200 << 10;
/// What all of them together may cost the gateway: the budget, doubled by how buffers grow, and as much again.
const MOST_KIB: u64 = 4 * (64 << 10);

fn siege(strength: &Strength) {
    let gateway = Gateway::start();
    gateway.admit("p1", "dev-1");
    gateway.register("hub", "bedside", &json!([]));
    let mut besieged = Besieged::new(&gateway);
    besieged.is_served("before");

    let mqtt = gateway.address("mqtt");
    let silent: Vec<TcpStream> = (0..strength.silent).map(|_| open(mqtt)).collect();
    besieged.is_served("beside silent sockets");
    drop(silent);

    let http = gateway.address("http");
    let half: Vec<TcpStream> = (0..strength.half_requests)
        .map(|_| begun(http, b"GET /api/v1/patients HTTP/1.1\r\nhost: localhost\r\nx-"))
        .collect();
    besieged.is_served("beside half requests");
    drop(half);

    let ids: Vec<TcpStream> =
        (0..strength.client_ids).map(|n| connected(mqtt, "hub", &format!("c-{n}"))).collect();
    besieged.is_served("beside one name with many client ids");
    drop(ids);

    let before = gateway.resident_kib();
    let mut packet = vec![0x32];
    packet.extend_from_slice(&[0x80, 0x80, 0x10]);
    packet.resize(BEGUN, 0);
    let unfinished: Vec<TcpStream> = (0..strength.unfinished)
        .map(|n| {
            let principal = format!("part-{}", n / 50);
            if n % 50 == 0 {
                gateway.register(&principal, "bedside", &json!([]));
            }
            let mut socket = connected(mqtt, &principal, &format!("c-{n}"));
            // What is ended meanwhile takes no more.
            socket.write_all(&packet).ok();
            socket
        })
        .collect();
    besieged.is_served("beside packets that never end");
    let grown = gateway.resident_kib().saturating_sub(before);
    assert!(grown < MOST_KIB, "unfinished packets cost {grown} KiB");
    drop(unfinished);
    besieged.is_served("after");
    let crowded = eventually("the alarm about it", || {
        let alarms = gateway.get("/api/v1/alarms");
        let mut alarms = alarms["items"].as_array().unwrap().iter();
        alarms.find(|alarm| alarm["rule"] == "gateway.crowded").cloned()
    });
    assert_eq!(crowded["kind"], "technical");
}

/// Those who are to be served.
struct Besieged<'a> {
    gateway: &'a Gateway,
    device: crate::mqtt::Client,
    events: crate::sse::Events,
    seq: u64,
}

impl<'a> Besieged<'a> {
    fn new(gateway: &'a Gateway) -> Self {
        Self { gateway, device: gateway.mqtt("dev-1"), events: gateway.events(), seq: 0 }
    }

    /// A device and a stream that are there already, and new ones.
    fn is_served(&mut self, when: &str) {
        let now = self.gateway.now();
        self.seq += 2;
        self.device.telemetry("dev-1", &telemetry(self.seq, now, &[("spo2", 70.0, "%")]));
        self.events.alarm(when, |alarm| {
            alarm["condition"] == "present" && alarm["trigger"]["measured_at"] == json!(now)
        });
        let again = self.gateway.now();
        self.device.telemetry("dev-1", &telemetry(self.seq + 1, again, &[("spo2", 97.0, "%")]));
        assert!(self.gateway.get("/api/v1/patients")["items"].is_array());
        let open = self.gateway.open_alarms("p1", "physiological");
        let path = format!("/api/v1/alarms/{}/reset", open[0]["id"].as_str().unwrap());
        let (status, answer) = self.gateway.post(&path, &json!({ "seq": open[0]["seq"] }));
        assert_eq!(status, 200, "{when}: {answer}");
        drop(self.gateway.mqtt("visitor"));
        assert_eq!(self.gateway.ask("/readyz").0, 200, "{when}");
    }
}

fn open(address: &str) -> TcpStream {
    TcpStream::connect(address).unwrap()
}

fn begun(address: &str, bytes: &[u8]) -> TcpStream {
    let mut socket = open(address);
    // What is ended meanwhile takes no more.
    socket.write_all(bytes).ok();
    socket
}

/// MQTT 3.1.1 by user name, accepted.
fn connected(address: &str, user: &str, client_id: &str) -> TcpStream {
    let text = |text: &str| [&(text.len() as u16).to_be_bytes(), text.as_bytes()].concat();
    let body = [&[0, 4][..], b"MQTT", &[4, 0x82, 0, 0], &text(client_id), &text(user)].concat();
    let mut socket = begun(address, &[&[0x10, body.len() as u8], &body[..]].concat());
    let mut answer = [0; 4];
    socket.read_exact(&mut answer).unwrap();
    assert_eq!(answer, [0x20, 2, 0, 0], "{user} {client_id}");
    socket
}
