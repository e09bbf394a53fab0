//! What the tests share.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::handles::Handles;
use crate::inbox::{Committed, Inbox, Submission};
use crate::ingest::Refusals;
use crate::ingest::sources::listener::{
    Authentication, Listener, ListenerConfig, SourceHandles, TlsReload, Unknown,
};
use crate::ingest::testing::{board, device, relay, with_token};
use crate::projection::view::Board;
use crate::telemetry::Metrics;
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::message::{Body, Message};
use vitalgate_domain::model::time::Timestamp;

/// Far longer than anything takes; reaching it fails the test.
const STUCK: Duration = Duration::from_secs(20);

pub(super) async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(STUCK, future).await.expect("nothing happened")
}

/// A listener with the far end of its inbox.
pub(super) struct Gateway {
    pub(super) addr: SocketAddr,
    pub(super) board: watch::Sender<Arc<Board>>,
    pub(super) cancel: CancellationToken,
    pub(super) running: JoinHandle<()>,
    pub(super) metrics: Metrics,
    pub(super) refusals: Arc<Refusals>,
    /// The way in that everybody else uses.
    pub(super) way_in: Inbox,
    pub(super) tls: Option<TlsReload>,
    inbox: mpsc::Receiver<Submission>,
}

pub(super) fn open() -> ListenerConfig {
    ListenerConfig {
        plain: vec!["127.0.0.1:0".parse().unwrap()],
        authentication: Authentication::Open,
        unknown: Unknown::Refuse,
        ..ListenerConfig::default()
    }
}

/// `dev-1`, `dev-2` with a token, `cm-1` that speaks for `icd-1`, and `gone`, revoked.
pub(super) fn registry() -> Board {
    let mut gone = device("gone", &[]);
    gone.revoked = true;
    let devices = [device("dev-1", &[]), with_token("dev-2", "secret")];
    let [one, two] = devices;
    board([one, two, relay("cm-1"), device("icd-1", &["cm-1"]), gone])
}

impl Gateway {
    pub(super) fn start(config: ListenerConfig) -> Self {
        let mut listener = Listener::bind(config).unwrap();
        let tls = listener.tls_reload();
        let addr = listener.local_addrs()[0];
        let (inbox, receiver) = Inbox::new();
        let way_in = inbox.clone();
        let (board, board_rx) = watch::channel(Arc::new(registry()));
        let cancel = CancellationToken::new();
        let metrics = Metrics::default();
        let refusals = Arc::<Refusals>::default();
        let source = SourceHandles {
            handles: Handles {
                metrics: metrics.clone(),
                ..Handles::new(
                    inbox,
                    board_rx,
                    watch::channel(Arc::default()).1,
                    Clock::system(Timestamp::from_micros(0)),
                )
            },
            refusals: Arc::clone(&refusals),
            tracker: TaskTracker::new(),
            cancel: cancel.clone(),
        };
        let running = tokio::spawn(listener.run(source));
        Self { addr, board, cancel, running, metrics, refusals, way_in, tls, inbox: receiver }
    }

    /// The next submission.
    pub(super) async fn submission(&mut self) -> Submission {
        soon(self.inbox.recv()).await.expect("the listener is gone")
    }

    /// Whether nothing waits in the inbox.
    pub(super) fn is_idle(&mut self) -> bool {
        self.inbox.try_recv().is_err()
    }

    /// The next submission, which reports a connection that came or went.
    pub(super) async fn link(&mut self) -> (String, bool, bool) {
        let submission = self.submission().await;
        match submission.inputs.as_slice() {
            [Input::Link { principal, connected, clean }] => {
                (principal.to_string(), *connected, *clean)
            }
            other => panic!("not a link: {other:?}"),
        }
    }

    /// Submissions up to so many messages, in order, receipts not awaited.
    pub(super) async fn messages(&mut self, count: usize) -> Vec<Submission> {
        let mut submissions = Vec::new();
        let mut seen = 0;
        while seen < count {
            let submission = self.submission().await;
            seen += submission.inputs.iter().filter(|i| matches!(i, Input::Message(_))).count();
            submissions.push(submission);
        }
        assert_eq!(seen, count);
        submissions
    }

    /// Connects with CONNECT of 3.1.1 or 5 and takes the link.
    pub(super) async fn client(&mut self, connect: &[u8]) -> Client {
        let mut client = Client::open(self.addr).await;
        client.send(connect).await;
        let connack = client.packet().await;
        assert_eq!((connack[0], connack[3]), (0x20, 0), "{connack:?}");
        assert!(self.link().await.1);
        client
    }
}

pub(super) fn release(submissions: impl IntoIterator<Item = Submission>) {
    for submission in submissions {
        submission.receipt.release(Committed::default());
    }
}

pub(super) fn messages(submission: &Submission) -> Vec<&Message> {
    let inputs = submission.inputs.iter();
    inputs
        .filter_map(
            |input| if let Input::Message(message) = input { Some(&**message) } else { None },
        )
        .collect()
}

pub(super) fn seqs<'a>(submissions: impl IntoIterator<Item = &'a Submission>) -> Vec<u64> {
    let all = submissions.into_iter().flat_map(messages);
    all.map(|message| message.seq.expect("no seq")).collect()
}

/// Whether the submission has the last will of a connection, and how the connection went.
pub(super) fn parting(submission: &Submission) -> (bool, bool) {
    let will = messages(submission)
        .iter()
        .any(|message| matches!(message.body, Body::Status { will: true, .. }));
    match submission.inputs.last() {
        Some(Input::Link { connected: false, clean, .. }) => (will, *clean),
        other => panic!("not a parting: {other:?}"),
    }
}

/// A client of raw bytes.
pub(super) struct Client {
    pub(super) stream: TcpStream,
}

impl Client {
    pub(super) async fn open(addr: SocketAddr) -> Self {
        Self { stream: soon(TcpStream::connect(addr)).await.unwrap() }
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) {
        soon(self.stream.write_all(bytes)).await.unwrap();
    }

    /// The next packet, whose length takes one byte.
    pub(super) async fn packet(&mut self) -> Vec<u8> {
        let mut head = [0; 2];
        soon(self.stream.read_exact(&mut head)).await.expect("closed instead of a packet");
        let mut packet = head.to_vec();
        packet.resize(2 + usize::from(head[1]), 0);
        soon(self.stream.read_exact(&mut packet[2..])).await.unwrap();
        packet
    }

    pub(super) async fn expect(&mut self, expected: &[u8]) {
        let mut got = vec![0; expected.len()];
        soon(self.stream.read_exact(&mut got)).await.expect("closed instead of a packet");
        assert_eq!(got, expected);
    }

    /// Everything up to the close.
    pub(super) async fn rest(mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        match soon(self.stream.read_to_end(&mut rest)).await {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
        }
        rest
    }

    /// Sends the last it has to say; everything up to the close.
    pub(super) async fn rest_after(mut self, bytes: &[u8]) -> Vec<u8> {
        self.send(bytes).await;
        self.rest().await
    }

    /// Sends PINGREQ and waits for the answer: everything sent before it has been taken in.
    pub(super) async fn ping(&mut self) {
        self.send(&[0xc0, 0]).await;
        self.expect(&[0xd0, 0]).await;
    }
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u16).to_be_bytes(), text.as_bytes()].concat()
}

pub(super) fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    let mut left = body.len();
    loop {
        let byte = (left & 0x7f) as u8;
        left >>= 7;
        if left == 0 {
            out.push(byte);
            break;
        }
        out.push(byte | 0x80);
    }
    out.extend_from_slice(body);
    out
}

/// CONNECT in the making.
#[derive(Clone, Copy)]
pub(super) struct Connect<'a> {
    pub(super) v5: bool,
    pub(super) clean: bool,
    pub(super) keep_alive: u16,
    pub(super) client_id: &'a str,
    pub(super) user: Option<&'a str>,
    pub(super) password: Option<&'a str>,
    pub(super) will: Option<(&'a str, &'a str)>,
    pub(super) properties: &'a [u8],
}

pub(super) const V4: Connect<'static> = Connect {
    v5: false,
    clean: true,
    keep_alive: 0,
    client_id: "dev-1",
    user: None,
    password: None,
    will: None,
    properties: &[],
};

pub(super) const V5: Connect<'static> = Connect { v5: true, ..V4 };

impl Connect<'_> {
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut flags = 0;
        let mut body = text("MQTT");
        body.push(if self.v5 { 5 } else { 4 });
        let flags_at = body.len();
        body.push(0);
        body.extend_from_slice(&self.keep_alive.to_be_bytes());
        if self.v5 {
            body.push(self.properties.len() as u8);
            body.extend_from_slice(self.properties);
        }
        if self.clean {
            flags |= 0x02;
        }
        body.extend(text(self.client_id));
        if let Some((topic, payload)) = self.will {
            flags |= 0x04;
            if self.v5 {
                body.push(0);
            }
            body.extend(text(topic));
            body.extend(text(payload));
        }
        if let Some(user) = self.user {
            flags |= 0x80;
            body.extend(text(user));
        }
        if let Some(password) = self.password {
            flags |= 0x40;
            body.extend(text(password));
        }
        body[flags_at] = flags;
        packet(0x10, &body)
    }
}

pub(super) const TOPIC: &str = "vitalgate/v1/dev-1/telemetry";

fn publish_bytes(first: u8, topic: &str, id: u16, v5: bool, payload: &[u8]) -> Vec<u8> {
    let mut body = text(topic);
    if id != 0 {
        body.extend_from_slice(&id.to_be_bytes());
    }
    if v5 {
        body.push(0);
    }
    body.extend_from_slice(payload);
    packet(first, &body)
}

pub(super) fn telemetry(seq: u64) -> String {
    format!(r#"{{"seq":{seq},"at":"2026-11-21T10:00:00Z","readings":[]}}"#)
}

/// PUBLISH of 3.1.1 with QoS 1 on [`TOPIC`], identifier and seq the same.
pub(super) fn qos1(id: u16) -> Vec<u8> {
    publish_bytes(0x32, TOPIC, id, false, telemetry(u64::from(id)).as_bytes())
}

/// PUBLISH of 3.1.1 of any kind.
pub(super) fn publish(qos: u8, topic: &str, id: u16, payload: &[u8]) -> Vec<u8> {
    publish_bytes(0x30 | (qos << 1), topic, id, false, payload)
}

/// PUBLISH of 5.
pub(super) fn publish5(qos: u8, topic: &str, id: u16, payload: &[u8]) -> Vec<u8> {
    publish_bytes(0x30 | (qos << 1), topic, id, true, payload)
}
