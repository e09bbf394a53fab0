//! Who misbehaves harms only himself.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use rumqttc::QoS;
use serde_json::{Value, json};
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::message::Message;
use vitalgate_domain::model::time::{Span, Timestamp};

use crate::disk::Disk;
use crate::harness::{Gateway, eventually, telemetry};

/// Messages in flight of the flooding client.
const WINDOW: u64 = 256;

#[test]
fn a_flood_a_stalled_reader_and_half_a_packet_hold_up_nobody_else() {
    let gateway = Gateway::start();
    gateway.admit("p1", "dev-1");
    let events = gateway.events();

    // A stream that is opened and never read, and a packet that never ends.
    let http = gateway.address("http");
    let mut stalled = TcpStream::connect(http).unwrap();
    write!(stalled, "GET /api/v1/stream HTTP/1.1\r\nHost: {http}\r\n\r\n").unwrap();
    let mut half = TcpStream::connect(gateway.address("mqtt")).unwrap();
    half.write_all(&[0x10, 0x7f, 0x00]).unwrap();

    let stop = Arc::new(AtomicBool::new(false));
    let acknowledged = Arc::new(AtomicU64::new(0));
    let flood = {
        let (stop, acknowledged) = (Arc::clone(&stop), Arc::clone(&acknowledged));
        let mut client = gateway.mqtt("flood");
        let at = gateway.now();
        thread::spawn(move || {
            let mut seq = 0;
            while !stop.load(Ordering::Relaxed) {
                for _ in 0..WINDOW {
                    seq += 1;
                    client.send_telemetry("flood", &telemetry(seq, at, &[("spo2", 97.0, "%")]));
                    client.publish("vitalgate/v1/flood/telemetry", "{", QoS::AtMostOnce);
                }
                for _ in 0..WINDOW {
                    client.receive_puback();
                    acknowledged.fetch_add(1, Ordering::Relaxed);
                }
            }
        })
    };
    let flooded_past = |count| {
        eventually("the flood is taken in", || {
            (acknowledged.load(Ordering::Relaxed) > count).then_some(())
        });
    };

    flooded_past(WINDOW);
    let mut device = gateway.mqtt("dev-1");
    for (n, value) in [84.0, 95.0, 83.0, 96.0, 82.0].into_iter().enumerate() {
        device.telemetry("dev-1", &telemetry(n as u64 + 1, gateway.now(), &[("spo2", value, "%")]));
        let state = if value < 88.0 { "alarming" } else { "latched" };
        events.alarm(state, |a| a["patient"] == "p1" && a["state"] == state);
    }
    flooded_past(acknowledged.load(Ordering::Relaxed));
    stop.store(true, Ordering::Relaxed);
    flood.join().unwrap();
    events.wait("the heartbeat goes on", |e| e.name == "heartbeat");
}

const MIB: usize = 1 << 20;
/// Connections that offer more than is taken; the inbox could not hold what they have in flight.
const FLOODERS: usize = 12;
/// The bytes of one of their messages.
const FLOOD_BYTES: usize = 16_000;
/// What a message can find ahead of it (docs/architecture.md): a full inbox, of each connection what
/// waits for room in it, and one batch that the disk takes before the message has been read.
const AHEAD: usize = 8 * MIB + (FLOODERS + 1) * MIB + 4 * MIB;
/// What is shed, in this order (docs/architecture.md).
const ORDER: [&str; 5] = ["waveforms", "vitals", "range_query", "sealing", "influxdb"];

#[test]
fn in_an_overload_an_alarm_waits_for_a_bounded_queue_and_lesser_work_gives_way_in_order() {
    let disk = Disk::new();
    let gateway = disk.gateway();
    gateway.admit("p1", "dev-1");
    let events = gateway.events();
    let http = gateway.address("http");
    let mut stalled = TcpStream::connect(http).unwrap();
    write!(stalled, "GET /api/v1/stream HTTP/1.1\r\nHost: {http}\r\n\r\n").unwrap();
    let mut device = gateway.mqtt("dev-1");
    let range_query = "/api/v1/devices/dev-1/series?signal=spo2";
    assert_eq!(gateway.request(range_query).status(), 200);
    assert_eq!(pressed(&gateway), [0; 5]);

    disk.set("delay", "300");
    let flood = Flood::start(&gateway);
    eventually("all lesser work is shed", || pressed(&gateway)[4].checked_sub(1));
    eventually("a range query is sent away", || {
        let answer = gateway.request(range_query);
        (answer.status() == 503).then(|| assert!(answer.headers().contains_key("retry-after")))
    });
    for what in ["vitals", "range_query", "sealing"] {
        eventually("it is counted as it is shed", || shed(&gateway, what).checked_sub(1));
    }

    for (seq, value) in [(1, 84.0), (2, 95.0), (3, 83.0)] {
        let before = gateway.newest_row();
        device.telemetry("dev-1", &telemetry(seq, gateway.now(), &[("spo2", value, "%")]));
        let state = if value < 88.0 { "alarming" } else { "latched" };
        let event = events.alarm(state, |a| a["patient"] == "p1" && a["state"] == state);
        assert!(event.id.is_some() && event.data["confirmed"] == true, "{event:?}");

        let (row, ahead) = place_of(&gateway, before, "dev-1", seq);
        let ahead = ahead * FLOOD_BYTES;
        assert!(0 < ahead && ahead <= AHEAD, "{ahead} bytes were judged ahead of message {seq}");
        let alarm_row = format!("SELECT n FROM transitions WHERE seq = {}", event.data["seq"]);
        assert_eq!(gateway.rows(&alarm_row, |r| r.get::<_, i64>(0)), [row as i64]);
    }
    pressed(&gateway);

    disk.clear("delay");
    flood.stop();
    eventually("range queries go on", || {
        (gateway.request(range_query).status() == 200).then_some(())
    });
    device.telemetry("dev-1", &telemetry(4, gateway.now(), &[("spo2", 97.0, "%")]));
    eventually("sealing goes on", || {
        let blocks = gateway.rows("SELECT count(*) FROM blocks", |r| r.get::<_, i64>(0));
        (blocks[0] >= FLOODERS as i64).then_some(())
    });
}

/// How often the pressure rose to each of [`ORDER`]: never more often than to the one before it, and
/// nothing was shed that had not begun to.
fn pressed(gateway: &Gateway) -> [u64; 5] {
    // A look may fall into the very moment of a rise; what is out of order for longer fails.
    eventually("the counts fall along the order", || {
        let text = gateway.request("/metrics").body_mut().read_to_string().unwrap();
        let counter = |name: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            value.map_or(0, |value| value.parse().unwrap())
        };
        let rose =
            ORDER.map(|work| counter(&format!("vitalgate_strained_total{{work=\"{work}\"}}")));
        for (work, rose) in ORDER.into_iter().zip(rose) {
            let dropped = counter(&format!("vitalgate_gave_way_total{{what=\"{work}\"}}"));
            assert!(rose > 0 || dropped == 0, "{work} was shed and there was no need to");
        }
        rose.is_sorted_by(|a, b| a >= b).then_some(rose)
    })
}

fn shed(gateway: &Gateway, what: &str) -> u64 {
    gateway.metric(&format!("vitalgate_gave_way_total{{what=\"{what}\"}}"))
}

/// The row of a device's message, and how many messages were judged ahead of it after row `before`.
fn place_of(gateway: &Gateway, before: u64, device: &str, seq: u64) -> (u64, usize) {
    let mut ahead = 0;
    for (row, inputs) in gateway.journal_after(before) {
        for input in inputs {
            let Input::Message(message) = input else { continue };
            let Message { device: of, seq: number, .. } = *message;
            if of.as_str() == device && number == Some(seq) {
                return (row, ahead);
            }
            ahead += 1;
        }
    }
    panic!("message {seq} of {device} is acknowledged and not in the journal");
}

/// Clients that send as fast as the gateway reads, and never wait for an acknowledgement.
struct Flood {
    stop: Arc<AtomicBool>,
    clients: Vec<thread::JoinHandle<()>>,
}

impl Flood {
    fn start(gateway: &Gateway) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let client = |n: usize| {
            let (name, stop) = (format!("flood-{n}"), Arc::clone(&stop));
            let mut client = gateway.mqtt(&name);
            let from = gateway.now() - Span::secs(600);
            thread::spawn(move || {
                for seq in 1.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    client.send_telemetry(&name, &flood_message(seq, from));
                }
            })
        };
        let clients = (0..FLOODERS).map(client).collect();
        Self { stop, clients }
    }

    fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.join().unwrap();
        }
    }
}

/// Thirty-two old readings, and a field that nobody knows, which makes it [`FLOOD_BYTES`] long.
fn flood_message(seq: u64, from: Timestamp) -> Value {
    let reading = |n: u64| {
        let at = from + Span::millis((seq * 32 + n) as i64);
        json!({ "signal": "heart_rate", "value": 70.0, "unit": "/min", "at": at })
    };
    let readings: Vec<Value> = (0..32).map(reading).collect();
    let mut message = json!({ "boot": 1, "seq": seq, "readings": readings, "filler": "" });
    let short = FLOOD_BYTES - message.to_string().len();
    message["filler"] = json!("x".repeat(short));
    message
}
