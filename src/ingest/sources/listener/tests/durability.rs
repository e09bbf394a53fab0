//! Nothing is acknowledged before its receipt is released, and all in the order received.

use super::harness::*;
use crate::inbox::{INBOX_BYTES, Receipt, Submission};
use vitalgate_domain::model::message::Body;

#[tokio::test]
async fn an_acknowledgement_leaves_only_after_its_receipt_and_in_order() {
    let mut gateway = Gateway::start(open());
    let mut client = gateway.client(&V4.bytes()).await;
    client.send(&qos1(1)).await;
    let first = gateway.messages(1).await;
    client.send(&qos1(2)).await;
    let second = gateway.messages(1).await;
    release(second);
    client.ping().await;
    release(first);
    client.expect(&[0x40, 2, 0, 1, 0x40, 2, 0, 2]).await;
}

#[tokio::test]
async fn messages_of_one_read_are_one_submission_in_order() {
    let mut gateway = Gateway::start(open());
    let mut client = gateway.client(&V4.bytes()).await;
    let mut bytes = Vec::new();
    for id in 1..=20 {
        bytes.extend(qos1(id));
    }
    client.send(&bytes).await;
    let submissions = gateway.messages(20).await;
    assert!(submissions.len() <= 3, "{} submissions", submissions.len());
    assert_eq!(seqs(&submissions), (1..=20).collect::<Vec<_>>());
    release(submissions);
    for id in 1..=20 {
        client.expect(&[0x40, 2, 0, id]).await;
    }
}

#[tokio::test]
async fn a_dropped_receipt_closes_without_an_acknowledgement() {
    for connect in [V4, V5] {
        let mut gateway = Gateway::start(open());
        let mut client = gateway.client(&connect.bytes()).await;
        let publish = if connect.v5 { publish5 } else { publish };
        client.send(&publish(1, TOPIC, 1, telemetry(1).as_bytes())).await;
        drop(gateway.messages(1).await);
        let disconnect: &[u8] = if connect.v5 { &[0xe0, 2, 0x80, 0] } else { &[] };
        assert_eq!(client.rest().await, disconnect);
        assert_eq!(parting(&gateway.submission().await), (false, false));
    }
}

#[tokio::test]
async fn acknowledgements_go_on_while_the_inbox_is_full() {
    let mut gateway = Gateway::start(open());
    let mut client = gateway.client(&V4.bytes()).await;
    client.send(&qos1(1)).await;
    let first = gateway.messages(1).await;
    let room = INBOX_BYTES - (64 << 10);
    soon(gateway.way_in.submit(Submission::of(Vec::new(), room, Receipt::unawaited())))
        .await
        .unwrap();
    let filler = gateway.submission().await;
    client.send(&publish(1, TOPIC, 2, &vec![b' '; 100 << 10])).await;
    release(first);
    client.expect(&[0x40, 2, 0, 1]).await;
    assert!(gateway.is_idle(), "there was room");
    drop(filler);
    release(gateway.messages(1).await);
    client.expect(&[0x40, 2, 0, 2]).await;
}

#[tokio::test]
async fn a_stream_cut_anywhere_gives_the_same_messages() {
    let mut gateway = Gateway::start(open());
    let mut client = gateway.client(&V4.bytes()).await;
    client.stream.set_nodelay(true).unwrap();
    let bytes = [qos1(1), vec![0xc0, 0], qos1(2)].concat();
    for byte in bytes {
        client.send(&[byte]).await;
        tokio::task::yield_now().await;
    }
    client.expect(&[0xd0, 0]).await;
    let submissions = gateway.messages(2).await;
    assert_eq!(seqs(&submissions), [1, 2]);
    release(submissions);
    client.expect(&[0x40, 2, 0, 1, 0x40, 2, 0, 2]).await;
}

#[tokio::test]
async fn beyond_the_bound_the_socket_is_not_read_until_something_is_committed() {
    let config = crate::ingest::sources::listener::ListenerConfig { max_inflight: 4, ..open() };
    let mut gateway = Gateway::start(config);
    let mut client = gateway.client(&V4.bytes()).await;
    let mut bytes = Vec::new();
    for id in 1..=7 {
        bytes.extend(qos1(id));
    }
    client.send(&bytes).await;
    let submissions = gateway.messages(4).await;
    assert_eq!(seqs(&submissions), [1, 2, 3, 4]);
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert!(gateway.is_idle(), "a fifth message was taken");
    release(submissions);
    client.expect(&[0x40, 2, 0, 1, 0x40, 2, 0, 2, 0x40, 2, 0, 3, 0x40, 2, 0, 4]).await;
    assert_eq!(seqs(&gateway.messages(3).await), [5, 6, 7]);
}

#[tokio::test]
async fn qos_0_counts_against_the_bound_and_is_not_acknowledged() {
    let config = crate::ingest::sources::listener::ListenerConfig { max_inflight: 2, ..open() };
    let mut gateway = Gateway::start(config);
    let mut client = gateway.client(&V4.bytes()).await;
    let mut bytes = Vec::new();
    for seq in 1..=3 {
        bytes.extend(publish(0, TOPIC, 0, telemetry(seq).as_bytes()));
    }
    client.send(&bytes).await;
    let submissions = gateway.messages(2).await;
    assert_eq!(messages(&submissions[0])[0].delivery.qos, 0);
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert!(gateway.is_idle());
    release(submissions);
    release(gateway.messages(1).await);
    client.ping().await;
}

#[tokio::test]
async fn one_message_too_large_is_drained_dead_lettered_and_acknowledged_in_its_place() {
    let mut gateway = Gateway::start(open());
    let mut client = gateway.client(&V4.bytes()).await;
    let large = vec![b'x'; 10 << 20];
    client.send(&qos1(1)).await;
    client.send(&publish(1, TOPIC, 2, &large)).await;
    client.send(&qos1(3)).await;
    let submissions = gateway.messages(3).await;
    let all: Vec<_> = submissions.iter().flat_map(messages).collect();
    assert!(matches!(all[1].body, Body::Undecodable { .. }), "{:?}", all[1]);
    assert_eq!((all[0].seq, all[1].seq, all[2].seq), (Some(1), None, Some(3)));
    let letter = submissions.iter().flat_map(|s| &s.dead_letters).next().unwrap();
    assert_eq!((letter.length, letter.head.len()), (10 << 20, 1 << 10));
    assert_eq!(letter.device.as_ref().unwrap().as_str(), "dev-1");
    release(submissions);
    client.expect(&[0x40, 2, 0, 1, 0x40, 2, 0, 2, 0x40, 2, 0, 3]).await;
}

#[tokio::test]
async fn version_5_hears_that_a_message_is_too_large_after_what_came_before_is_committed() {
    let mut gateway = Gateway::start(open());
    let mut client = gateway.client(&V5.bytes()).await;
    client.send(&publish5(1, TOPIC, 1, telemetry(1).as_bytes())).await;
    let first = gateway.messages(1).await;
    let large = publish5(1, TOPIC, 2, &vec![b'x'; 300 << 10]);
    client.send(&large).await;
    let second = gateway.messages(1).await;
    assert_eq!(second[0].dead_letters.len(), 1);
    assert_eq!(parting(&gateway.submission().await), (false, false));
    release(first);
    release(second);
    assert_eq!(client.rest().await, [0x40, 2, 0, 1, 0x40, 2, 0, 2, 0xe0, 2, 0x95, 0]);
}

#[tokio::test]
async fn what_claims_more_than_16_mib_is_closed_at_once() {
    let mut gateway = Gateway::start(open());
    let mut client = gateway.client(&V4.bytes()).await;
    let mut huge = publish(1, TOPIC, 1, &vec![b'x'; 17 << 20]);
    huge.truncate(5_000);
    client.send(&huge).await;
    assert!(client.rest().await.is_empty());
    assert_eq!(parting(&gateway.submission().await), (false, false));
}

#[tokio::test]
async fn shutting_down_acknowledges_what_is_in_flight_and_takes_nothing_more() {
    let mut gateway = Gateway::start(open());
    let mut client = gateway.client(&V5.bytes()).await;
    client.send(&publish5(1, TOPIC, 1, telemetry(1).as_bytes())).await;
    let submissions = gateway.messages(1).await;
    gateway.cancel.cancel();
    assert_eq!(gateway.link().await, ("dev-1".to_owned(), false, false));
    release(submissions);
    assert_eq!(client.rest().await, [0x40, 2, 0, 1, 0xe0, 2, 0x8b, 0]);
    soon(gateway.running).await.unwrap();
    assert!(tokio::net::TcpStream::connect(gateway.addr).await.is_err());
}
