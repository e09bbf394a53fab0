//! Who misbehaves harms only himself.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use rumqttc::QoS;

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
                    client.hear_puback();
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
