//! What goes wrong on the wire stops nothing and is answered in order.

use rumqttc::QoS;
use vitalgate_domain::model::time::Span;

use crate::harness::{Gateway, telemetry};

use super::{Bedside, SPO2};

#[test]
fn a_thousand_and_one_bad_payloads_stop_nothing() {
    let mut bedside = Bedside::new();
    let topic = "vitalgate/v1/dev-1/telemetry";
    let ids: Vec<u16> = (0..1_001)
        .map(|n| {
            bedside.device.publish(
                topic,
                format!("{{\"seq\": {n}, \"readings\": [nonsense"),
                QoS::AtLeastOnce,
            )
        })
        .collect();
    for id in ids {
        assert_eq!(bedside.device.receive_puback(), id);
    }
    bedside.seq = 2_000;
    bedside.spo2(84.0);
    bedside.alarm_in(SPO2, "alarming");
    let letters = bedside.gateway.get("/api/v1/dead-letters");
    assert!(!letters["items"].as_array().unwrap().is_empty(), "{letters}");
}

#[test]
fn pubacks_keep_their_order_under_parallel_writers() {
    let gateway = Gateway::start();
    let writers: Vec<_> = (0..8)
        .map(|w| {
            let device = format!("dev-{w}");
            let mut client = gateway.mqtt(&device);
            let at = gateway.now();
            std::thread::spawn(move || {
                let sent: Vec<u16> = (1..=200)
                    .map(|seq| {
                        let message =
                            telemetry(seq, at + Span::millis(seq as i64), &[("spo2", 97.0, "%")]);
                        client.send_telemetry(&device, &message)
                    })
                    .collect();
                let received: Vec<u16> = sent.iter().map(|_| client.receive_puback()).collect();
                assert_eq!(received, sent);
            })
        })
        .collect();
    for writer in writers {
        writer.join().unwrap();
    }
    for w in 0..8 {
        assert_eq!(gateway.values(&format!("dev-{w}"), "spo2").len(), 200);
    }
}
