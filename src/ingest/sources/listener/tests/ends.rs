//! How connections end, and when the last will speaks.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::harness::*;
use crate::ingest::sources::listener::ListenerConfig;
use crate::projection::view::{Board, DeviceView};
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
            tokio::time::sleep(Duration::from_millis(20)).await;
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
async fn whoever_is_revoked_or_whose_token_is_replaced_is_disconnected() {
    let revoked: fn(&mut DeviceView) = |device| device.revoked = true;
    let given_a_token: fn(&mut DeviceView) = |device| device.token_sha256 = Some(vec![7; 32]);
    for withdrawn in [revoked, given_a_token] {
        let mut gateway = Gateway::start(open());
        let client = gateway.client(&V5.bytes()).await;
        gateway.board.send_modify(|board| {
            let mut devices = (*board.devices).clone();
            let device = devices.get_mut("dev-1").unwrap();
            withdrawn(Arc::make_mut(device));
            *board = Arc::new(Board { devices: Arc::new(devices), ..Board::default() });
        });
        assert_eq!(client.rest().await, [0xe0, 2, 0x98, 0]);
        assert_eq!(gateway.link().await, ("dev-1".to_owned(), false, false));
    }
}

/// What is logged while it lives, by everything on this thread.
struct Log {
    written: Arc<Mutex<Vec<u8>>>,
    _until_dropped: tracing::subscriber::DefaultGuard,
}

impl Log {
    fn open() -> Self {
        let written = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&written);
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .without_time()
            .with_writer(move || Written(Arc::clone(&into)))
            .finish();
        Self { written, _until_dropped: tracing::subscriber::set_default(subscriber) }
    }

    fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.written.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

struct Written(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_connect_that_takes_too_long_says_why_once_with_its_address() {
    let connect_timeout = Duration::from_millis(50);
    let gateway = Gateway::start(ListenerConfig { connect_timeout, ..open() });
    let log = Log::open();
    let mut silent = Client::open(gateway.addr).await;
    silent.send(&V4.bytes()[..9]).await;
    let address = silent.stream.local_addr().unwrap();
    assert!(silent.rest().await.is_empty(), "there is nobody to answer yet");
    let lines = log.lines();
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    assert!(line.contains("no whole CONNECT within the limit"), "{line}");
    assert!(line.contains(&format!("address={address}")) && line.contains("limit=50ms"), "{line}");
    assert!(gateway.metrics.exposition().contains("connects_total{result=\"bad\"} 1"));
}

#[tokio::test]
async fn a_connect_that_comes_byte_by_byte_is_let_in_within_the_limit() {
    assert_eq!(ListenerConfig::default().connect_timeout, Duration::from_secs(30));
    let mut gateway = Gateway::start(open());
    let log = Log::open();
    let mut slow = Client::open(gateway.addr).await;
    for byte in V4.bytes() {
        slow.send(&[byte]).await;
        tokio::task::yield_now().await;
    }
    slow.expect(&[0x20, 2, 0, 0]).await;
    assert!(gateway.link().await.1);
    assert_eq!(log.lines(), Vec::<String>::new());
}

#[tokio::test]
async fn what_the_gateway_ends_or_does_not_let_in_says_why_once_with_name_and_address() {
    let mut gateway = Gateway::start(ListenerConfig { max_connections: 1, ..open() });
    let log = Log::open();
    let broken = gateway.client(&V5.bytes()).await;
    let of_broken = broken.stream.local_addr().unwrap();
    let one_too_many = Client::open(gateway.addr).await;
    let of_the_other = one_too_many.stream.local_addr().unwrap();
    let cm = Connect { client_id: "cm-1", ..V4 };
    assert_eq!(one_too_many.rest_after(&cm.bytes()).await, [0x20, 2, 0, 3]);
    broken.rest_after(&[0xf0, 0]).await;
    gateway.submission().await;
    let stranger = Client::open(gateway.addr).await;
    let of_stranger = stranger.stream.local_addr().unwrap();
    let stranger = stranger.rest_after(&Connect { client_id: "no\nbody", ..V4 }.bytes()).await;
    assert_eq!(stranger, [0x20, 2, 0, 5]);
    let lines = log.lines();
    let of = |address: std::net::SocketAddr| {
        let address = format!("address={address}");
        let of_it: Vec<_> = lines.iter().filter(|line| line.contains(&address)).collect();
        assert_eq!(of_it.len(), 1, "{address} in {lines:?}");
        of_it[0].clone()
    };
    assert!(of(of_the_other).contains("no place"), "{lines:?}");
    let ended = of(of_broken);
    assert!(ended.contains("principal=dev-1") && ended.contains("connection ended: "), "{ended}");
    let refused = of(of_stranger);
    assert!(refused.contains("client=no\\nbody") && refused.contains("why="), "{refused}");
}
