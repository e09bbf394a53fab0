//! QoS 2, sessions and take-over.

use super::harness::*;

const FOR_EVER: &[u8] = &[17, 0xff, 0xff, 0xff, 0xff];

fn qos2(id: u16, seq: u64) -> Vec<u8> {
    publish(2, TOPIC, id, telemetry(seq).as_bytes())
}

#[tokio::test]
async fn qos_2_is_taken_once_and_its_duplicate_waits_for_the_commit_of_the_original() {
    let mut gateway = Gateway::start(open());
    let mut client = gateway.client(&V4.bytes()).await;
    client.send(&qos2(5, 1)).await;
    let original = gateway.messages(1).await;
    client.send(&qos2(5, 1)).await;
    client.ping().await;
    release(original);
    client.expect(&[0x50, 2, 0, 5, 0x50, 2, 0, 5]).await;
    client.send(&qos2(5, 1)).await;
    client.expect(&[0x50, 2, 0, 5]).await;
    assert!(gateway.is_idle(), "a duplicate was submitted");
    client.send(&[0x62, 2, 0, 5]).await;
    client.expect(&[0x70, 2, 0, 5]).await;
    client.send(&qos2(5, 2)).await;
    let next = gateway.messages(1).await;
    assert_eq!(seqs(&next), [2]);
    release(next);
    client.expect(&[0x50, 2, 0, 5]).await;
}

#[tokio::test]
async fn an_identifier_used_again_for_something_else_is_a_new_message() {
    let kept = Connect { clean: false, ..V4 };
    let mut gateway = Gateway::start(open());
    let mut client = gateway.client(&kept.bytes()).await;
    client.send(&qos2(1, 1)).await;
    release(gateway.messages(1).await);
    client.expect(&[0x50, 2, 0, 1]).await;
    // A power cut: the device has forgotten what it sent, its session here has not.
    drop(client);
    assert!(!gateway.link().await.1);
    let mut client = Client::open(gateway.addr).await;
    client.send(&kept.bytes()).await;
    assert_eq!(client.packet().await[2], 1, "session present");
    assert!(gateway.link().await.1);
    client.send(&qos2(1, 2)).await;
    let new = gateway.messages(1).await;
    assert_eq!(seqs(&new), [2]);
    // The same twice in the line, and what says to be a duplicate, is one.
    let mut duplicate = qos2(1, 2);
    client.send(&duplicate).await;
    duplicate[0] |= 0x08;
    client.send(&duplicate).await;
    client.ping().await;
    release(new);
    client.expect(&[0x50, 2, 0, 1, 0x50, 2, 0, 1, 0x50, 2, 0, 1]).await;
    client.send(&[0x62, 2, 0, 1]).await;
    client.expect(&[0x70, 2, 0, 1]).await;
    assert!(gateway.is_idle(), "a duplicate was submitted");
}

#[tokio::test]
async fn a_release_of_nothing_is_completed_with_a_reason_in_version_5() {
    let mut gateway = Gateway::start(open());
    let mut client = gateway.client(&V5.bytes()).await;
    client.send(&[0x62, 2, 0, 9]).await;
    client.expect(&[0x70, 3, 0, 9, 0x92]).await;
}

#[tokio::test]
async fn a_session_that_is_kept_remembers_what_was_not_released() {
    let kept_v4 = Connect { clean: false, ..V4 };
    let kept_v5 = Connect { clean: false, properties: FOR_EVER, ..V5 };
    for connect in [kept_v4, kept_v5] {
        let mut gateway = Gateway::start(open());
        let mut client = gateway.client(&connect.bytes()).await;
        let publish = if connect.v5 { publish5 } else { publish };
        client.send(&publish(2, TOPIC, 5, telemetry(1).as_bytes())).await;
        let original = gateway.messages(1).await;
        drop(client);
        assert!(!gateway.link().await.1);
        release(original);
        let mut client = Client::open(gateway.addr).await;
        client.send(&connect.bytes()).await;
        assert_eq!(client.packet().await[2], 1, "session present");
        assert!(gateway.link().await.1);
        client.send(&publish(2, TOPIC, 5, telemetry(1).as_bytes())).await;
        client.expect(&[0x50, 2, 0, 5]).await;
        assert!(gateway.is_idle(), "a duplicate was submitted");
    }
}

#[tokio::test]
async fn a_clean_session_is_forgotten() {
    let mut gateway = Gateway::start(open());
    for connect in [V4, V5, Connect { clean: false, ..V5 }] {
        for _ in 0..2 {
            let mut client = Client::open(gateway.addr).await;
            client.send(&connect.bytes()).await;
            assert_eq!(client.packet().await[2], 0, "no session");
            assert!(gateway.link().await.1);
            drop(client);
            assert!(!gateway.link().await.1);
        }
    }
}

#[tokio::test]
async fn the_same_client_takes_over_and_the_old_will_speaks() {
    let connect = Connect {
        clean: false,
        properties: FOR_EVER,
        will: Some(("vitalgate/v1/dev-1/status", "lost")),
        ..V5
    };
    let mut gateway = Gateway::start(open());
    let old = gateway.client(&connect.bytes()).await;
    let mut new = Client::open(gateway.addr).await;
    new.send(&connect.bytes()).await;
    assert_eq!(old.rest().await, [0xe0, 2, 0x8e, 0]);
    assert_eq!(parting(&gateway.submission().await), (true, false));
    assert_eq!(new.packet().await[2], 1, "session present");
    assert!(gateway.link().await.1);
    new.ping().await;
}

#[tokio::test]
async fn a_take_over_knows_what_was_committed_meanwhile() {
    let connect = Connect { clean: false, properties: FOR_EVER, ..V5 };
    let mut gateway = Gateway::start(open());
    let mut old = gateway.client(&connect.bytes()).await;
    old.send(&publish5(2, TOPIC, 5, telemetry(1).as_bytes())).await;
    let original = gateway.messages(1).await;
    let mut new = Client::open(gateway.addr).await;
    new.send(&connect.bytes()).await;
    assert!(!gateway.link().await.1);
    release(original);
    assert_eq!(old.rest().await, [0x50, 2, 0, 5, 0xe0, 2, 0x8e, 0]);
    assert_eq!(new.packet().await[2], 1, "session present");
    assert!(gateway.link().await.1);
    new.send(&publish5(2, TOPIC, 5, telemetry(1).as_bytes())).await;
    new.expect(&[0x50, 2, 0, 5]).await;
    assert!(gateway.is_idle(), "a duplicate was submitted");
}

#[tokio::test]
async fn another_principal_does_not_take_over() {
    let mut gateway = Gateway::start(open());
    let same = |user: &'static str| Connect { client_id: "same", user: Some(user), ..V5 };
    let mut one = gateway.client(&same("dev-1").bytes()).await;
    let mut two = gateway.client(&same("cm-1").bytes()).await;
    one.ping().await;
    two.ping().await;
}

#[tokio::test]
async fn a_session_expiry_can_be_changed_by_disconnect_but_not_invented() {
    let mut gateway = Gateway::start(open());
    let kept = Connect { clean: false, properties: FOR_EVER, ..V5 };
    let mut client = gateway.client(&kept.bytes()).await;
    client.send(&[0xe0, 7, 0, 5, 17, 0, 0, 0, 0]).await;
    assert!(client.rest().await.is_empty());
    assert_eq!(parting(&gateway.submission().await), (false, true));
    let mut client = Client::open(gateway.addr).await;
    client.send(&kept.bytes()).await;
    assert_eq!(client.packet().await[2], 0, "no session");
    gateway.link().await;

    let mut client =
        gateway.client(&Connect { client_id: "x", user: Some("dev-1"), ..V5 }.bytes()).await;
    client.send(&[0xe0, 7, 0, 5, 17, 0, 0, 0, 9]).await;
    assert_eq!(client.rest().await, [0xe0, 2, 0x82, 0]);
}
