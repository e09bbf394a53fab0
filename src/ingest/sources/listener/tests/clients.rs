//! An MQTT client written by others, of both versions.

use super::harness::*;

#[tokio::test]
async fn a_foreign_client_of_3_1_1_hears_of_every_commit() {
    use rumqttc::{AsyncClient, Event, MqttOptions, Outgoing, Packet, QoS};
    let mut gateway = Gateway::start(open());
    let mut options = MqttOptions::new("dev-1", "127.0.0.1", gateway.addr.port());
    options.set_clean_session(false);
    let (client, mut events) = AsyncClient::new(options, 10);
    for (seq, qos) in [(1, QoS::AtMostOnce), (2, QoS::AtLeastOnce), (3, QoS::ExactlyOnce)] {
        client.publish(TOPIC, qos, false, telemetry(seq)).await.unwrap();
    }
    client.subscribe("vitalgate/v1/dev-1/commands", QoS::AtLeastOnce).await.unwrap();
    let pipeline = async {
        assert!(gateway.link().await.1);
        let mut seen = Vec::new();
        while seen.len() < 3 {
            let submission = gateway.submission().await;
            seen.extend(seqs([&submission]));
            release([submission]);
        }
        assert_eq!(seen, [1, 2, 3]);
        gateway.link().await
    };
    let device = async {
        let mut acknowledged = [0; 4];
        loop {
            match soon(events.poll()).await.unwrap() {
                Event::Incoming(Packet::PubAck(_)) => acknowledged[0] += 1,
                Event::Incoming(Packet::PubRec(_)) => acknowledged[1] += 1,
                Event::Incoming(Packet::PubComp(_)) => acknowledged[2] += 1,
                Event::Incoming(Packet::SubAck(_)) => acknowledged[3] += 1,
                Event::Outgoing(Outgoing::Disconnect) => break,
                Event::Incoming(_) | Event::Outgoing(_) => {}
            }
            if acknowledged == [1, 1, 1, 1] {
                client.disconnect().await.unwrap();
                acknowledged[0] += 1;
            }
        }
    };
    let (link, ()) = tokio::join!(pipeline, device);
    assert_eq!(link, ("dev-1".to_owned(), false, true));
}

#[tokio::test]
async fn a_foreign_client_of_5_hears_of_every_commit() {
    use rumqttc::v5::mqttbytes::QoS;
    use rumqttc::v5::mqttbytes::v5::Packet;
    use rumqttc::v5::{AsyncClient, Event, MqttOptions};
    let mut gateway = Gateway::start(open());
    let mut options = MqttOptions::new("dev-1", "127.0.0.1", gateway.addr.port());
    options.set_keep_alive(std::time::Duration::from_secs(60));
    let (client, mut events) = AsyncClient::new(options, 10);
    client.publish(TOPIC, QoS::AtLeastOnce, false, telemetry(1)).await.unwrap();
    client.publish(TOPIC, QoS::ExactlyOnce, false, telemetry(2)).await.unwrap();
    let pipeline = async {
        assert!(gateway.link().await.1);
        let mut seen = Vec::new();
        while seen.len() < 2 {
            let submission = gateway.submission().await;
            seen.extend(seqs([&submission]));
            release([submission]);
        }
        assert_eq!(seen, [1, 2]);
    };
    let device = async {
        let (mut acknowledged, mut completed) = (false, false);
        while !(acknowledged && completed) {
            match soon(events.poll()).await.unwrap() {
                Event::Incoming(Packet::PubAck(_)) => acknowledged = true,
                Event::Incoming(Packet::PubComp(_)) => completed = true,
                Event::Incoming(_) | Event::Outgoing(_) => {}
            }
        }
    };
    tokio::join!(pipeline, device);
}
