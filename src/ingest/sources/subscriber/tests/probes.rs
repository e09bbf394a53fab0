//! What a broker brings of the gateway's own, and what it means where it brings nothing.

use bytes::BytesMut;
use rumqttc::{ConnAck, ConnectReturnCode, Packet};

use super::{Broker, Gateway, OWN, message, release, soon};
use vitalgate_domain::model::time::Span;

#[tokio::test]
async fn a_broker_that_is_connected_and_stands_still_is_degraded_until_a_probe_comes_back() {
    let mut gateway = Gateway::start(|config| config.probe_within = Span::secs(2)).await;
    let mut broker = gateway.connection(false).await;
    // It takes what it is sent, and brings nothing.
    let still = "broker b1: no probe came back for 2 s: what it holds may be late or not heard";
    loop {
        broker.probe().await;
        if gateway.degraded.lines() == [still] {
            break;
        }
        assert!(gateway.degraded.lines().iter().all(|line| line.contains("not subscribed")));
    }
    while !gateway.degraded.lines().is_empty() {
        let (mut probe, _) = broker.probe().await;
        probe.pkid = 1;
        broker.send(&Packet::Publish(probe)).await;
        loop {
            let submission = soon(gateway.inbox.recv()).await.expect("the subscriber is gone");
            let is_probe = submission.inputs.iter().any(|input| message(input).is_some());
            release(submission);
            if is_probe {
                break;
            }
        }
    }
}

#[tokio::test]
async fn the_probe_is_subscribed_to_where_no_filter_covers_it() {
    let mut gateway = Gateway::start(|config| config.topics = vec!["a/+".to_owned()]).await;
    let (stream, _) = soon(gateway.listener.accept()).await.unwrap();
    let mut broker = Broker { stream, buffer: BytesMut::new() };
    broker.packet().await;
    let ack = ConnAck::new(ConnectReturnCode::Success, false);
    broker.send(&Packet::ConnAck(ack)).await;
    match broker.packet().await {
        Packet::Subscribe(subscribe) => {
            let filters: Vec<_> = subscribe.filters.iter().map(|f| f.path.as_str()).collect();
            assert_eq!(filters, ["a/+", OWN]);
        }
        other => panic!("not SUBSCRIBE: {other:?}"),
    }
    gateway.cancel.cancel();
    soon(&mut gateway.running).await.unwrap();
}
