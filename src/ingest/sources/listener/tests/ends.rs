//! How connections end, and when the last will speaks.

use std::sync::Arc;

use super::harness::*;
use crate::ingest::sources::listener::ListenerConfig;
use crate::projection::view::Board;
use vitalgate_domain::model::message::Body;

const WILL: Option<(&str, &str)> = Some(("vitalgate/v1/dev-1/status", "lost"));

#[tokio::test]
async fn a_clean_disconnect_fires_no_will_and_any_other_end_does() {
    let v4 = Connect { will: WILL, ..V4 };
    let v5 = Connect { will: WILL, ..V5 };
    let cases = [
        ("DISCONNECT of 3.1.1", v4, vec![0xe0, 0], (false, true)),
        ("DISCONNECT of 5", v5, vec![0xe0, 0], (false, true)),
        ("DISCONNECT of 5 with a reason", v5, vec![0xe0, 1, 0], (false, true)),
        ("DISCONNECT of 5 with properties", v5, vec![0xe0, 2, 0, 0], (false, true)),
        ("DISCONNECT of 5 with will", v5, vec![0xe0, 1, 4], (true, false)),
        ("a lost connection of 3.1.1", v4, vec![], (true, false)),
        ("a lost connection of 5", v5, vec![], (true, false)),
    ];
    let mut gateway = Gateway::start(open());
    for (what, connect, bytes, expected) in cases {
        let mut client = gateway.client(&connect.bytes()).await;
        client.send(&bytes).await;
        drop(client);
        assert_eq!(parting(&gateway.submission().await), expected, "{what}");
    }
}

#[tokio::test]
async fn the_will_comes_before_the_end_of_the_link_and_says_what_it_is() {
    let mut gateway = Gateway::start(open());
    let mut client = gateway.client(&Connect { will: WILL, ..V4 }.bytes()).await;
    client.send(&[0x60, 2, 0, 1]).await;
    let submission = gateway.submission().await;
    assert_eq!(parting(&submission), (true, false));
    let will = messages(&submission)[0];
    assert_eq!(will.device.as_str(), "dev-1");
    assert_eq!(will.body, Body::Status { will: true, text: "lost".to_owned() });
}

#[tokio::test]
async fn messages_before_a_disconnect_are_taken() {
    let mut gateway = Gateway::start(open());
    let mut client = gateway.client(&V4.bytes()).await;
    client.send(&[qos1(1), vec![0xe0, 0]].concat()).await;
    assert_eq!(seqs(&gateway.messages(1).await), [1]);
    assert_eq!(parting(&gateway.submission().await), (false, true));
}

#[tokio::test]
async fn silence_ends_a_connection_unless_it_is_the_gateway_that_does_not_read() {
    let config = ListenerConfig { max_inflight: 1, ..open() };
    let mut gateway = Gateway::start(config);
    let impatient = Connect { keep_alive: 1, ..V5 };
    let mut full = gateway.client(&impatient.bytes()).await;
    full.send(&publish5(1, TOPIC, 1, telemetry(1).as_bytes())).await;
    let submissions = gateway.messages(1).await;
    let will = Some(("vitalgate/v1/cm-1/status", "lost"));
    let silent = Connect { client_id: "cm-1", will, ..impatient };
    let silent = gateway.client(&silent.bytes()).await;
    assert_eq!(silent.rest().await, [0xe0, 2, 0x8d, 0]);
    assert_eq!(parting(&gateway.submission().await), (true, false));
    release(submissions);
    full.expect(&[0x40, 2, 0, 1]).await;
    full.ping().await;
}

#[tokio::test]
async fn bytes_that_never_become_a_packet_are_silence() {
    let mut gateway = Gateway::start(open());
    let mut client = gateway.client(&Connect { keep_alive: 1, ..V5 }.bytes()).await;
    let publish = publish5(1, TOPIC, 1, "x".repeat(400).as_bytes());
    let trickle = async {
        for byte in &publish[..400] {
            client.send(&[*byte]).await;
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        end = gateway.submission() => assert_eq!(parting(&end), (false, false)),
        () = trickle => panic!("bytes alone kept the connection"),
    }
}

#[tokio::test]
async fn a_principal_is_gone_with_the_last_of_its_connections() {
    let mut gateway = Gateway::start(open());
    let same = |client_id: &'static str| Connect { client_id, user: Some("dev-1"), ..V4 };
    let one = gateway.client(&same("one").bytes()).await;
    let two = gateway.client(&same("two").bytes()).await;
    one.rest_after(&[0xe0, 0]).await;
    assert!(gateway.is_idle(), "the other connection is still there");
    two.rest_after(&[0xe0, 0]).await;
    assert_eq!(gateway.link().await, ("dev-1".to_owned(), false, true));
}

#[tokio::test]
async fn a_revoked_principal_is_disconnected() {
    let mut gateway = Gateway::start(open());
    let client = gateway.client(&V5.bytes()).await;
    gateway.board.send_modify(|board| {
        let mut devices = (*board.devices).clone();
        let device = devices.values_mut().find(|device| device.id.as_str() == "dev-1").unwrap();
        Arc::make_mut(device).revoked = true;
        *board = Arc::new(Board { devices: Arc::new(devices), ..Board::default() });
    });
    assert_eq!(client.rest().await, [0xe0, 2, 0x98, 0]);
    assert_eq!(gateway.link().await, ("dev-1".to_owned(), false, false));
}
