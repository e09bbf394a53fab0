//! Whoever holds places, or leaves packets incomplete, keeps nobody else out.

use super::harness::*;
use crate::ingest::sources::listener::{ListenerConfig, OF_ONE_PRINCIPAL};

/// The named relay by one of its clients.
fn of_relay(client_id: &str) -> Connect<'_> {
    Connect { client_id, user: Some("cm-1"), ..V5 }
}

#[tokio::test]
async fn silent_sockets_lock_nobody_out_and_the_oldest_goes_first() {
    let mut gateway = Gateway::start(ListenerConfig { max_connections: 64, ..open() });
    let mut silent = Vec::new();
    for _ in 0..40 {
        silent.push(Client::open(gateway.addr).await);
    }
    let mut served = gateway.client(&V4.bytes()).await;
    for oldest in silent.drain(..20) {
        assert!(oldest.rest().await.is_empty());
    }
    served.ping().await;
    assert!(told(&mut gateway).await > 0);
}

#[tokio::test]
async fn one_principal_with_many_client_ids_keeps_its_newest_connections_and_no_place_of_others() {
    let mut gateway = Gateway::start(ListenerConfig { max_connections: 70, ..open() });
    let mut held = Vec::new();
    for n in 0..OF_ONE_PRINCIPAL {
        held.push(gateway.client(&of_relay(&format!("c-{n}")).bytes()).await);
    }
    let mut other = gateway.client(&V4.bytes()).await;
    let newest = Client::open(gateway.addr).await;
    let mut newest = {
        let mut client = newest;
        client.send(&of_relay("newest").bytes()).await;
        assert_eq!(client.packet().await[3], 0);
        client
    };
    let oldest = held.remove(0).rest().await;
    assert_eq!(oldest, [0xe0, 2, 0x97, 0], "quota exceeded");
    newest.ping().await;
    other.ping().await;
    held[0].ping().await;
}

#[tokio::test]
async fn without_a_place_a_principal_is_told_so_and_may_take_its_own_over() {
    let mut gateway = Gateway::start(ListenerConfig { max_connections: 1, ..open() });
    let first = gateway.client(&V4.bytes()).await;
    let other = Client::open(gateway.addr).await;
    let cm = Connect { client_id: "cm-1", ..V4 };
    assert_eq!(other.rest_after(&cm.bytes()).await, [0x20, 2, 0, 3], "server unavailable");
    let mut again = Client::open(gateway.addr).await;
    again.send(&Connect { client_id: "other", user: Some("dev-1"), ..V4 }.bytes()).await;
    assert_eq!(again.packet().await[3], 0);
    assert!(first.rest().await.is_empty());
    again.ping().await;
}

#[tokio::test]
async fn packets_left_incomplete_cost_no_more_than_their_budget() {
    let config = ListenerConfig { max_unfinished: 48 << 10, ..open() };
    let mut gateway = Gateway::start(config);
    let mut good = gateway.client(&V4.bytes()).await;
    let mut begun = packet(0x32, &vec![0; 200 << 10]);
    begun.truncate(20 << 10);
    let mut held = Vec::new();
    for client_id in ["a", "b", "c"] {
        let mut client = gateway.client(&of_relay(client_id).bytes()).await;
        client.send(&begun).await;
        held.push(client);
    }
    let mut held = held.into_iter();
    assert_eq!(held.next().unwrap().rest().await, [0xe0, 2, 0x97, 0]);
    good.ping().await;
    assert_eq!(told(&mut gateway).await, 1);
}

/// How many connections were closed for want of places, as the alarm tells.
async fn told(gateway: &mut Gateway) -> u64 {
    use vitalgate_domain::model::input::{Input, SignInWay};
    use vitalgate_domain::model::time::Timestamp;
    soon(async {
        loop {
            for input in gateway.refusals.due(Timestamp::YEAR_2000) {
                let Input::Crowded { way: SignInWay::Mqtt, ended, .. } = input else { continue };
                return ended;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    })
    .await
}
