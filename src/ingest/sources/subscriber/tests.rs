//! Against a fake broker, whose every packet the test decides.

#![expect(clippy::wildcard_enum_match_arm, reason = "whatever else comes is a failure")]

mod probes;

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use rumqttc::{
    ConnAck, ConnectReturnCode, Packet, PubAck, PubComp, PubRec, PubRel, Publish, QoS, SubAck,
    SubscribeReasonCode,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Subscriber, SubscriberConfig};
use crate::clock::Clock;
use crate::handles::Handles;
use crate::inbox::{Committed, Inbox, Submission};
use crate::ingest::SourceHandles;
use crate::ingest::testing::{board, device, relay};
use crate::telemetry::Degraded;
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::message::{Delivery, Message, Mode};
use vitalgate_domain::model::time::{Span, Timestamp};

/// Far longer than anything takes; reaching it fails the test.
const STUCK: Duration = Duration::from_secs(20);
const OWN: &str = "vitalgate/v1/b1/telemetry";

async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(STUCK, future).await.expect("nothing happened")
}

/// A subscriber called `b1`, to which `dev-1` is assigned, and the far end of its inbox.
struct Gateway {
    listener: TcpListener,
    inbox: mpsc::Receiver<Submission>,
    degraded: Degraded,
    cancel: CancellationToken,
    running: JoinHandle<()>,
}

impl Gateway {
    async fn start(change: impl FnOnce(&mut SubscriberConfig)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut config = SubscriberConfig::new("b1".parse().unwrap(), "127.0.0.1", port);
        config.probe_every = Span::secs(1);
        change(&mut config);
        let (inbox, receiver) = Inbox::new();
        let registry = board([relay("b1"), device("dev-1", &["b1"]), device("dev-2", &[])]);
        let cancel = CancellationToken::new();
        let source = SourceHandles {
            handles: Handles::new(
                inbox,
                watch::channel(Arc::new(registry)).1,
                watch::channel(Arc::default()).1,
                Clock::system(Timestamp::from_micros(0)),
            ),
            refusals: Arc::default(),
            tracker: TaskTracker::new(),
            cancel: cancel.clone(),
        };
        let degraded = source.handles.degraded.clone();
        let subscriber = Subscriber::new(config).unwrap();
        let running = tokio::spawn(subscriber.run(source));
        Self { listener, inbox: receiver, degraded, cancel, running }
    }

    /// The next connection, its subscription granted.
    async fn connection(&mut self, session_present: bool) -> Broker {
        let (mut broker, id) = self.asked(session_present).await;
        broker.answer(id, &[SubscribeReasonCode::Success(QoS::AtLeastOnce)]).await;
        broker
    }

    /// The next connection up to its SUBSCRIBE, with the identifier of that.
    async fn asked(&mut self, session_present: bool) -> (Broker, u16) {
        let (stream, _) = soon(self.listener.accept()).await.unwrap();
        let mut broker = Broker { stream, buffer: BytesMut::new() };
        match broker.packet().await {
            Packet::Connect(connect) => {
                assert!(!connect.clean_session);
                assert_eq!((connect.client_id.as_str(), connect.keep_alive), ("vitalgate-b1", 60));
            }
            other => panic!("not CONNECT: {other:?}"),
        }
        let ack = ConnAck::new(ConnectReturnCode::Success, session_present);
        broker.send(&Packet::ConnAck(ack)).await;
        let id = broker.subscribe().await;
        (broker, id)
    }

    /// The next submission with messages.
    async fn messages(&mut self) -> (Vec<Message>, Submission) {
        loop {
            let submission = soon(self.inbox.recv()).await.expect("the subscriber is gone");
            let messages: Vec<Message> = submission.inputs.iter().filter_map(message).collect();
            if !messages.is_empty() {
                return (messages, submission);
            }
            submission.receipt.release(Committed::default());
        }
    }

    /// How the next message came.
    async fn delivery(&mut self) -> Delivery {
        let (messages, submission) = self.messages().await;
        submission.receipt.release(Committed::default());
        messages[0].delivery
    }
}

fn message(input: &Input) -> Option<Message> {
    if let Input::Message(message) = input { Some((**message).clone()) } else { None }
}

fn release(submission: Submission) {
    submission.receipt.release(Committed::default());
}

/// The broker's end of a connection.
struct Broker {
    stream: TcpStream,
    buffer: BytesMut,
}

impl Broker {
    async fn packet(&mut self) -> Packet {
        loop {
            match Packet::read(&mut self.buffer, 1 << 20) {
                Ok(packet) => return packet,
                Err(rumqttc::Error::InsufficientBytes(_)) => {}
                Err(error) => panic!("no MQTT: {error}"),
            }
            let read = soon(self.stream.read_buf(&mut self.buffer)).await.unwrap();
            assert!(read > 0, "closed instead of a packet");
        }
    }

    async fn send(&mut self, packet: &Packet) {
        let mut bytes = BytesMut::new();
        packet.write(&mut bytes, 1 << 20).unwrap();
        self.stream.write_all(&bytes).await.unwrap();
    }

    async fn answer(&mut self, id: u16, codes: &[SubscribeReasonCode]) {
        self.send(&Packet::SubAck(SubAck::new(id, codes.to_vec()))).await;
    }

    /// The next SUBSCRIBE; its identifier.
    async fn subscribe(&mut self) -> u16 {
        loop {
            match self.packet().await {
                Packet::Subscribe(subscribe) => {
                    assert!(subscribe.filters.iter().all(|f| f.qos == QoS::AtLeastOnce));
                    return subscribe.pkid;
                }
                Packet::Publish(_) => {}
                other => panic!("not SUBSCRIBE: {other:?}"),
            }
        }
    }

    /// PUBLISH of `dev-1` with QoS 1; `seq` in its payload.
    async fn publish(&mut self, id: u16, seq: u64) {
        let mut publish = telemetry(seq);
        publish.pkid = id;
        self.send(&Packet::Publish(publish)).await;
    }

    /// The next probe, acknowledged, with the PUBACKs before it.
    async fn probe(&mut self) -> (Publish, Vec<u16>) {
        let mut acks = Vec::new();
        loop {
            match self.packet().await {
                Packet::Publish(publish) => {
                    assert_eq!((publish.topic.as_str(), publish.qos), (OWN, QoS::AtLeastOnce));
                    self.send(&Packet::PubAck(PubAck::new(publish.pkid))).await;
                    return (publish, acks);
                }
                Packet::PubAck(ack) => acks.push(ack.pkid),
                other => panic!("not a probe: {other:?}"),
            }
        }
    }

    /// The next packet that is no probe.
    async fn answered(&mut self) -> Packet {
        loop {
            match self.packet().await {
                Packet::Publish(_) => {}
                other => return other,
            }
        }
    }

    /// The next PUBACK.
    async fn puback(&mut self) -> u16 {
        loop {
            match self.packet().await {
                Packet::PubAck(ack) => return ack.pkid,
                Packet::Publish(_) => {}
                other => panic!("not PUBACK: {other:?}"),
            }
        }
    }
}

fn telemetry(seq: u64) -> Publish {
    let payload = format!(r#"{{"seq":{seq},"at":"2026-11-21T10:00:00Z","readings":[]}}"#);
    Publish::new("vitalgate/v1/dev-1/telemetry", QoS::AtLeastOnce, payload)
}

#[tokio::test]
async fn acknowledgements_leave_after_the_commit_in_the_order_received() {
    let mut gateway = Gateway::start(|_| {}).await;
    let mut broker = gateway.connection(false).await;
    broker.publish(7, 1).await;
    let (_, first) = gateway.messages().await;
    broker.publish(3, 2).await;
    let (_, second) = gateway.messages().await;
    release(second);
    let (_, early) = broker.probe().await;
    let (_, later) = broker.probe().await;
    assert_eq!((early, later), (vec![], vec![]), "the first is not committed");
    release(first);
    assert_eq!((broker.puback().await, broker.puback().await), (7, 3));
}

#[tokio::test]
async fn what_was_committed_for_a_dead_connection_is_not_acknowledged_on_the_next() {
    let mut gateway = Gateway::start(|_| {}).await;
    let mut broker = gateway.connection(false).await;
    broker.publish(1, 1).await;
    let (_, stale) = gateway.messages().await;
    drop(broker);
    // The session is lost: number 1 is another message now.
    let mut broker = gateway.connection(false).await;
    broker.publish(1, 99).await;
    let (messages, fresh) = gateway.messages().await;
    assert_eq!(messages[0].seq, Some(99));
    release(stale);
    for _ in 0..2 {
        let (_, acks) = broker.probe().await;
        assert_eq!(acks, [0; 0], "an acknowledgement of what was not committed");
    }
    release(fresh);
    assert_eq!(broker.puback().await, 1);
}

#[tokio::test]
async fn a_receipt_that_is_dropped_makes_the_broker_send_again() {
    let mut gateway = Gateway::start(|_| {}).await;
    let mut broker = gateway.connection(false).await;
    broker.publish(1, 1).await;
    drop(gateway.messages().await);
    let mut broker = gateway.connection(true).await;
    broker.publish(1, 1).await;
    release(gateway.messages().await.1);
    assert_eq!(broker.puback().await, 1);
}

#[tokio::test]
async fn a_refused_filter_is_degraded_and_asked_for_again_until_it_is_granted() {
    use SubscribeReasonCode::{Failure, Success};
    let mut gateway = Gateway::start(|config| {
        config.topics = vec!["a/+".to_owned(), "vitalgate/v1/+/+".to_owned()];
    })
    .await;
    let (mut broker, id) = gateway.asked(false).await;
    broker.answer(id, &[Failure, Success(QoS::AtLeastOnce)]).await;
    let again = broker.subscribe().await;
    assert_eq!(gateway.degraded.lines(), ["broker b1: it refuses the subscription to a/+"]);
    broker.answer(again, &[Success(QoS::AtMostOnce)]).await;
    let again = broker.subscribe().await;
    assert_eq!(gateway.degraded.lines(), ["broker b1: a/+ is granted without QoS 1"]);
    broker.answer(again, &[Success(QoS::AtLeastOnce)]).await;
    // What is sent behind the answer is received after it.
    broker.publish(1, 1).await;
    release(gateway.messages().await.1);
    assert_eq!(gateway.degraded.lines(), [""; 0]);
}

#[tokio::test]
async fn what_waited_in_the_session_ends_with_the_first_probe() {
    let mut gateway = Gateway::start(|_| {}).await;
    let mut broker = gateway.connection(true).await;
    let (probe, _) = broker.probe().await;
    let mut waited = telemetry(1);
    (waited.pkid, waited.dup) = (1, true);
    broker.send(&Packet::Publish(waited)).await;
    let expected = Delivery { qos: 1, dup: true, resumed: true, retained: false };
    assert_eq!(gateway.delivery().await, expected);
    let mut probe = Publish { pkid: 2, ..probe };
    broker.send(&Packet::Publish(probe.clone())).await;
    let (messages, submission) = gateway.messages().await;
    assert_eq!((messages[0].mode, messages[0].sent_at), (Mode::Probe, None));
    release(submission);
    let mut retained = telemetry(2);
    (retained.pkid, retained.retain) = (3, true);
    broker.send(&Packet::Publish(retained)).await;
    let expected = Delivery { qos: 1, retained: true, ..Delivery::default() };
    assert_eq!(gateway.delivery().await, expected);
    let unprotected = Publish { qos: QoS::AtMostOnce, ..telemetry(3) };
    broker.send(&Packet::Publish(unprotected)).await;
    assert_eq!(gateway.delivery().await, Delivery::default());

    // The probe of an earlier connection ends nothing.
    drop(broker);
    let mut broker = gateway.connection(true).await;
    probe.pkid = 1;
    broker.send(&Packet::Publish(probe)).await;
    assert!(gateway.delivery().await.resumed);
    broker.publish(2, 4).await;
    assert!(gateway.delivery().await.resumed);
}

#[tokio::test]
async fn a_broker_that_keeps_no_window_cannot_fill_the_memory() {
    const MESSAGES: u64 = 4_000;
    const LIMIT: usize = 1 << 20;
    let mut gateway = Gateway::start(|config| config.max_bytes = LIMIT).await;
    let broker = gateway.connection(false).await;
    let (mut reader, mut writer) = broker.stream.into_split();
    let flood = tokio::spawn(async move {
        for seq in 1..=MESSAGES {
            let mut publish = telemetry(seq);
            publish.pkid = seq as u16;
            publish.payload = [publish.payload.as_ref(), &[b' '; 1_000]].concat().into();
            let mut bytes = BytesMut::new();
            Packet::Publish(publish).write(&mut bytes, 1 << 20).unwrap();
            writer.write_all(&bytes).await.unwrap();
        }
        writer
    });
    let mut held = Vec::new();
    let (mut messages, mut bytes) = (0, 0);
    while bytes < LIMIT {
        let (some, submission) = gateway.messages().await;
        messages += some.len();
        bytes += submission.bytes;
        held.push(submission);
    }
    // It is alive, publishes its probes, and takes nothing more in.
    let mut buffer = BytesMut::new();
    for _ in 0..2 {
        let wanted = buffer.len() + 60;
        while buffer.len() < wanted {
            soon(reader.read_buf(&mut buffer)).await.unwrap();
        }
    }
    assert!(gateway.inbox.try_recv().is_err(), "more than {LIMIT} bytes");
    assert!(bytes < LIMIT + (128 << 10), "{bytes} bytes");
    held.into_iter().for_each(release);
    while messages < MESSAGES as usize {
        let (some, submission) = gateway.messages().await;
        messages += some.len();
        release(submission);
    }
    drop(soon(flood).await.unwrap());
}

#[tokio::test]
async fn a_stop_acknowledges_what_was_committed_and_says_good_bye() {
    let mut gateway = Gateway::start(|_| {}).await;
    let mut broker = gateway.connection(false).await;
    broker.publish(5, 1).await;
    let (_, submission) = gateway.messages().await;
    gateway.cancel.cancel();
    release(submission);
    assert_eq!(broker.puback().await, 5);
    assert_eq!(broker.packet().await, Packet::Disconnect);
    soon(&mut gateway.running).await.unwrap();
    let link = soon(gateway.inbox.recv()).await.unwrap();
    assert!(matches!(link.inputs[0], Input::Link { connected: false, clean: true, .. }));
}

#[tokio::test]
async fn a_message_of_qos_2_is_received_after_its_commit_and_its_release_is_answered() {
    let mut gateway = Gateway::start(|_| {}).await;
    let mut broker = gateway.connection(false).await;
    let publish = Publish { qos: QoS::ExactlyOnce, pkid: 7, ..telemetry(1) };
    broker.send(&Packet::Publish(publish)).await;
    let (messages, submission) = gateway.messages().await;
    assert_eq!(messages[0].delivery.qos, 2);
    let (_, early) = broker.probe().await;
    assert_eq!(early, [0; 0]);
    release(submission);
    assert_eq!(broker.answered().await, Packet::PubRec(PubRec::new(7)));
    broker.send(&Packet::PubRel(PubRel::new(7))).await;
    assert_eq!(broker.answered().await, Packet::PubComp(PubComp::new(7)));
    // Released on a later connection, which has not seen the message.
    drop(broker);
    let mut broker = gateway.connection(true).await;
    broker.send(&Packet::PubRel(PubRel::new(8))).await;
    assert_eq!(broker.answered().await, Packet::PubComp(PubComp::new(8)));
    broker.publish(9, 2).await;
    release(gateway.messages().await.1);
    assert_eq!(broker.puback().await, 9);
}

#[tokio::test]
async fn what_was_read_before_a_fault_is_taken_in() {
    let mut gateway = Gateway::start(|_| {}).await;
    let mut broker = gateway.connection(false).await;
    let mut bytes = BytesMut::new();
    let publish = Publish { pkid: 1, ..telemetry(1) };
    Packet::Publish(publish).write(&mut bytes, 1 << 20).unwrap();
    // No server sends PINGREQ.
    Packet::PingReq.write(&mut bytes, 1 << 20).unwrap();
    broker.stream.write_all(&bytes).await.unwrap();
    let (messages, submission) = gateway.messages().await;
    assert_eq!(messages[0].seq, Some(1));
    release(submission);
    gateway.connection(true).await;
}
