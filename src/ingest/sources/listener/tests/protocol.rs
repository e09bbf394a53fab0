//! What clients are answered: refusals, grants, and faults.

use super::harness::*;
use crate::ingest::sources::listener::{Authentication, ListenerConfig, Unknown};
use vitalgate_domain::model::input::Input;

/// What the gateway answers to a CONNECT before it closes.
async fn answer(config: ListenerConfig, connect: Connect<'_>) -> Vec<u8> {
    let gateway = Gateway::start(config);
    let mut client = Client::open(gateway.addr).await;
    client.send(&connect.bytes()).await;
    client.rest().await
}

#[tokio::test]
async fn strangers_are_refused_in_their_own_version() {
    let required = || ListenerConfig { authentication: Authentication::Required, ..open() };
    let v4 = [0x20, 2, 0, 5];
    let v5 = [0x20, 3, 0, 0x87, 0];
    let check = async |config: ListenerConfig, connect: Connect<'_>, expected: &[u8]| {
        assert_eq!(answer(config, connect).await, expected);
    };
    check(open(), Connect { client_id: "nobody", ..V4 }, &v4).await;
    check(open(), Connect { client_id: "nobody", ..V5 }, &v5).await;
    check(open(), Connect { client_id: "gone", ..V4 }, &v4).await;
    check(open(), Connect { client_id: "gone", ..V5 }, &v5).await;
    check(required(), V4, &v4).await;
    let wrong = Connect { user: Some("dev-2"), password: Some("guess"), ..V5 };
    check(required(), wrong, &v5).await;
    let will = Some(("vitalgate/v1/icd-1/status", "lost"));
    check(open(), Connect { client_id: "cm-1", will, ..V4 }, &v4).await;
    check(open(), Connect { client_id: "cm-1", will, ..V5 }, &v5).await;
    check(open(), Connect { client_id: "", clean: false, ..V4 }, &[0x20, 2, 0, 2]).await;
}

#[tokio::test]
async fn authentication_data_without_a_method_break_the_protocol_and_a_method_is_not_known() {
    let (method, data) = ([0x15, 0, 1, b'x'], [0x16, 0, 1, b'x']);
    let both = [method, data].concat();
    for (properties, code) in [(&method[..], 0x8c), (&data, 0x82), (&both, 0x8c)] {
        let connect = Connect { properties, ..V5 };
        assert_eq!(answer(open(), connect).await, [0x20, 3, 0, code, 0], "{properties:?}");
    }
}

#[tokio::test]
async fn failed_sign_ins_are_counted_by_name_and_address() {
    let config = ListenerConfig { authentication: Authentication::Required, ..open() };
    let gateway = Gateway::start(config);
    let guess = Connect { user: Some("dev-2"), password: Some("guess"), ..V4 };
    let hostile = Connect { client_id: "\u{1b}[2J\nadmin", ..V4 };
    let long = "x".repeat(300);
    let tries = [guess, guess, hostile, Connect { client_id: &long, ..V4 }];
    for connect in tries {
        let client = Client::open(gateway.addr).await;
        client.rest_after(&connect.bytes()).await;
    }
    // It may connect: what is wrong is its will.
    let will = Some(("vitalgate/v1/icd-1/status", "lost"));
    let wrong_will = Connect { user: Some("dev-2"), password: Some("secret"), will, ..V4 };
    Client::open(gateway.addr).await.rest_after(&wrong_will.bytes()).await;
    let told = gateway.refusals.rest();
    let told: Vec<_> = told
        .iter()
        .map(|input| {
            let Input::SignInsFailed(failed) = input else { panic!("{input:?}") };
            assert_eq!(failed.address.as_deref(), Some("127.0.0.1"));
            (failed.name.as_deref().unwrap(), failed.why.as_str(), failed.count)
        })
        .collect();
    let cut = "x".repeat(128) + "…";
    let expected = [
        ("\\u{1b}[2J\\nadmin", "no credentials", 1),
        ("dev-2", "wrong token", 2),
        (&*cut, "no credentials", 1),
    ];
    assert_eq!(told, expected);
    assert!(gateway.metrics.exposition().contains("sign_ins_failed_total{way=\"mqtt\"} 4"));
}

#[tokio::test]
async fn a_token_opens_where_authentication_is_required() {
    let config = ListenerConfig { authentication: Authentication::Required, ..open() };
    let mut gateway = Gateway::start(config);
    let connect = Connect { client_id: "any", user: Some("dev-2"), password: Some("secret"), ..V4 };
    let mut client = Client::open(gateway.addr).await;
    client.send(&connect.bytes()).await;
    client.expect(&[0x20, 2, 0, 0]).await;
    assert_eq!(gateway.link().await, ("dev-2".to_owned(), true, false));
}

#[tokio::test]
async fn version_3_1_is_taken_like_3_1_1() {
    let mut gateway = Gateway::start(open());
    let connect = [b"\x10\x13\0\x06MQIsdp\x03\x02\0\0\0\x05dev-1".as_slice(), &qos1(1)].concat();
    let mut client = Client::open(gateway.addr).await;
    client.send(&connect).await;
    client.expect(&[0x20, 2, 0, 0]).await;
    assert!(gateway.link().await.1);
    release(gateway.messages(1).await);
    client.expect(&[0x40, 2, 0, 1]).await;
    let other = Client::open(gateway.addr).await;
    let of_2 = b"\x10\x13\0\x06MQIsdp\x02\x02\0\0\0\x05dev-1";
    assert_eq!(other.rest_after(of_2).await, [0x20, 2, 0, 1]);
}

#[tokio::test]
async fn a_response_topic_has_no_wildcard() {
    for topic in ["a/#", "+"] {
        let mut gateway = Gateway::start(open());
        let client = gateway.client(&V5.bytes()).await;
        let payload = telemetry(1);
        let property = [&[8, 0, topic.len() as u8], topic.as_bytes()].concat();
        let mut body = [&[0, TOPIC.len() as u8], TOPIC.as_bytes(), &[0, 1]].concat();
        body.push(property.len() as u8);
        body.extend_from_slice(&property);
        body.extend_from_slice(payload.as_bytes());
        assert_eq!(client.rest_after(&packet(0x32, &body)).await, [0xe0, 2, 0x82, 0], "{topic}");
    }
}

#[tokio::test]
async fn the_unknown_are_admitted_where_that_is_set() {
    let mut gateway = Gateway::start(ListenerConfig { unknown: Unknown::Admit, ..open() });
    let mut client = gateway.client(&Connect { client_id: "new-1", ..V4 }.bytes()).await;
    let topic = "vitalgate/v1/new-1/telemetry";
    client.send(&publish(1, topic, 9, telemetry(1).as_bytes())).await;
    release(gateway.messages(1).await);
    client.expect(&[0x40, 2, 0, 9]).await;
}

#[tokio::test]
async fn version_5_gets_the_limits_and_a_client_id_where_it_has_none() {
    let mut gateway = Gateway::start(open());
    let connect = Connect { client_id: "", user: Some("dev-1"), ..V5 };
    let mut client = Client::open(gateway.addr).await;
    client.send(&connect.bytes()).await;
    let connack = client.packet().await;
    assert_eq!(connack[2..4], [0, 0]);
    let properties = &connack[5..];
    let has = |bytes: &[u8]| properties.windows(bytes.len()).any(|window| window == bytes);
    assert!(has(&[33, 0, 64]), "receive maximum: {properties:?}");
    assert!(has(&[39, 0, 4, 0, 0]), "maximum packet size: {properties:?}");
    assert!(has(&[34, 0, 0]), "topic alias maximum: {properties:?}");
    assert!(has(&[40, 0]) && has(&[42, 0]), "subscriptions: {properties:?}");
    assert!(has(b"vitalgate-"), "assigned client id: {properties:?}");
    gateway.link().await;
}

/// PUBACK or PUBREC of MQTT 5 that says "not authorised", with its reason.
fn not_authorized(first: u8, id: u8, why: &str) -> Vec<u8> {
    let text = why.len() as u8;
    let head = [first, text + 7, 0, id, 0x87, text + 3, 0x1f, 0, text];
    [&head, why.as_bytes()].concat()
}

#[tokio::test]
async fn what_a_principal_may_not_publish_is_refused_in_line_by_5() {
    let foreign = "vitalgate/v1/dev-2/telemetry";
    let body = telemetry(2);
    let other = "this client may not speak for that device";
    let nowhere = "not a topic that devices publish to";
    let quiet = Connect { properties: &[23, 0], client_id: "q", user: Some("dev-1"), ..V5 };
    let small =
        Connect { properties: &[39, 0, 0, 0, 100], client_id: "s", user: Some("dev-1"), ..V5 };
    let words = [not_authorized(0x40, 2, other), not_authorized(0x50, 3, other)].concat();
    let words = [words, not_authorized(0x40, 4, nowhere)].concat();
    let codes = [0x40, 3, 0, 2, 0x87, 0x50, 3, 0, 3, 0x87, 0x40, 3, 0, 4, 0x87].to_vec();
    for (connect, expected) in [(V5, &words), (quiet, &codes), (small, &codes)] {
        let mut gateway = Gateway::start(open());
        let mut client = gateway.client(&connect.bytes()).await;
        let mut bytes = publish5(1, TOPIC, 1, telemetry(1).as_bytes());
        bytes.extend(publish5(1, foreign, 2, body.as_bytes()));
        bytes.extend(publish5(2, foreign, 3, body.as_bytes()));
        bytes.extend(publish5(0, foreign, 0, body.as_bytes()));
        bytes.extend(publish5(1, "elsewhere", 4, body.as_bytes()));
        client.send(&bytes).await;
        let submissions = gateway.messages(1).await;
        client.ping().await;
        release(submissions);
        client.expect(&[&[0x40, 2, 0, 1], expected.as_slice()].concat()).await;
        assert!(gateway.is_idle(), "nothing foreign was submitted");
        assert!(gateway.metrics.exposition().contains("refused_total{reason=\"not_allowed\"} 4"));
    }
}

#[tokio::test]
async fn what_a_principal_may_not_publish_starves_nothing_behind_it_in_3_1_1() {
    let mut gateway = Gateway::start(open());
    let mut client = gateway.client(&V4.bytes()).await;
    let mut bytes = qos1(1);
    bytes.extend(publish(1, "vitalgate/v1/dev-2/telemetry", 2, b"foreign"));
    bytes.extend(publish(2, "weather/today", 3, &[b'x'; 3_000]));
    bytes.extend(publish(2, "weather/today", 3, &[b'x'; 3_000]));
    bytes.extend(qos1(4));
    client.send(&bytes).await;
    let submissions = gateway.messages(2).await;
    let letters = submissions.iter().flat_map(|submission| &submission.dead_letters);
    let letters: Vec<_> = letters
        .map(|l| (l.principal.as_str(), &*l.topic, &*l.reason, l.length, l.head.len()))
        .collect();
    let foreign = ("dev-1", "vitalgate/v1/dev-2/telemetry", "dev-1 may not speak for dev-2", 7, 7);
    let nowhere = ("dev-1", "weather/today", "not a topic that devices publish to", 3_000, 1_024);
    assert_eq!(letters, [foreign, nowhere]);
    client.ping().await;
    release(submissions);
    let acks = [0x40, 2, 0, 1, 0x40, 2, 0, 2, 0x50, 2, 0, 3, 0x50, 2, 0, 3, 0x40, 2, 0, 4];
    client.expect(&acks).await;
}

#[tokio::test]
async fn a_relay_publishes_for_the_devices_registered_via_it() {
    let mut gateway = Gateway::start(open());
    let mut client = gateway.client(&Connect { client_id: "cm-1", ..V4 }.bytes()).await;
    client.send(&publish(1, "vitalgate/v1/icd-1/events", 1, b"{\"seq\":1,\"events\":[]}")).await;
    let submissions = gateway.messages(1).await;
    let message = messages(&submissions[0])[0];
    assert_eq!((message.principal.as_str(), message.device.as_str()), ("cm-1", "icd-1"));
    release(submissions);
    client.expect(&[0x40, 2, 0, 1]).await;
    client.send(&publish(1, TOPIC, 2, telemetry(1).as_bytes())).await;
    let refused = gateway.submission().await;
    assert!(messages(&refused).is_empty(), "dev-1 is not behind it");
    assert_eq!(refused.dead_letters.len(), 1);
}

fn subscribe(v5: bool, filters: &[(&str, u8)]) -> Vec<u8> {
    let mut body = vec![0, 7];
    if v5 {
        body.push(0);
    }
    for (filter, qos) in filters {
        body.extend_from_slice(&(filter.len() as u16).to_be_bytes());
        body.extend_from_slice(filter.as_bytes());
        body.push(*qos);
    }
    packet(0x82, &body)
}

#[tokio::test]
async fn only_own_commands_are_granted() {
    let own = "vitalgate/v1/dev-1/commands";
    let filters = [(own, 2), ("#", 0), ("vitalgate/v1/dev-2/commands", 1)];
    let mut gateway = Gateway::start(open());
    let mut client = gateway.client(&V4.bytes()).await;
    client.send(&subscribe(false, &filters)).await;
    client.expect(&[0x90, 5, 0, 7, 1, 0x80, 0x80]).await;
    let mut body = vec![0, 8];
    body.extend_from_slice(&(own.len() as u16).to_be_bytes());
    body.extend_from_slice(own.as_bytes());
    client.send(&packet(0xa2, &body)).await;
    client.expect(&[0xb0, 2, 0, 8]).await;

    let mut client =
        gateway.client(&Connect { client_id: "x", user: Some("dev-1"), ..V5 }.bytes()).await;
    client.send(&subscribe(true, &filters)).await;
    client.expect(&[0x90, 6, 0, 7, 0, 1, 0x87, 0x87]).await;
    body.insert(2, 0);
    client.send(&packet(0xa2, &body)).await;
    client.expect(&[0xb0, 4, 0, 8, 0, 0]).await;
    client.send(&packet(0xa2, &body)).await;
    client.expect(&[0xb0, 4, 0, 8, 0, 0x11]).await;
}

#[tokio::test]
async fn faults_are_named_to_5_and_close_3_1_1() {
    let good = publish5(1, TOPIC, 1, b"{}");
    let alias = packet(0x30, &[&[0, 1, b'a', 3, 35, 0, 1][..], b"{}"].concat());
    let cases: Vec<(&str, Vec<u8>, u8)> = vec![
        ("a second CONNECT", V5.bytes(), 0x82),
        ("CONNACK from a client", vec![0x20, 2, 0, 0], 0x82),
        ("AUTH", vec![0xf0, 0], 0x82),
        ("QoS 3", [&[0x36][..], &good[1..]].concat(), 0x81),
        ("packet identifier 0", packet(0x32, &[0, 1, b'a', 0, 0, 0]), 0x82),
        ("a wildcard", publish5(1, "vitalgate/v1/#", 1, b"{}"), 0x90),
        ("NUL in the topic", publish5(1, "a\0b", 1, b"{}"), 0x81),
        ("not UTF-8", packet(0x30, &[0, 1, 0xff, 0]), 0x81),
        ("an empty topic", packet(0x30, &[0, 0, 0]), 0x82),
        ("a topic alias", alias, 0x94),
        ("PUBREL with wrong flags", vec![0x60, 2, 0, 1], 0x81),
        ("SUBSCRIBE without filters", packet(0x82, &[0, 1, 0]), 0x82),
        ("SUBSCRIBE with wrong flags", packet(0x80, &[0, 1, 0, 0, 1, b'a', 0]), 0x81),
        ("UNSUBSCRIBE without filters", packet(0xa2, &[0, 1, 0]), 0x82),
        ("PINGREQ with a body", vec![0xc0, 1, 0], 0x81),
        ("a length of five bytes", vec![0x30, 0xff, 0xff, 0xff, 0xff, 1], 0x81),
    ];
    let mut gateway = Gateway::start(open());
    for (what, bytes, code) in cases {
        let mut client = gateway.client(&V5.bytes()).await;
        client.send(&bytes).await;
        assert_eq!(client.rest().await, [0xe0, 2, code, 0], "{what}");
        assert_eq!(parting(&gateway.submission().await), (false, false), "{what}");
    }
    let mut client = gateway.client(&V4.bytes()).await;
    client.send(&[0x60, 2, 0, 1]).await;
    assert!(client.rest().await.is_empty());
}

#[tokio::test]
async fn what_does_not_begin_with_a_good_connect_is_closed() {
    let mut reserved = V4.bytes();
    reserved[9] |= 1;
    let mut level_3 = V4.bytes();
    level_3[8] = 3;
    let cases: Vec<(&str, Vec<u8>, &[u8])> = vec![
        ("PUBLISH first", qos1(1), &[]),
        ("HTTP", b"GET / HTTP/1.1\r\n\r\n".to_vec(), &[]),
        ("the reserved bit", reserved, &[]),
        ("another level", level_3, &[0x20, 2, 0, 1]),
        ("a CONNECT of 200 KiB", packet(0x10, &vec![0; 200 << 10])[..100].to_vec(), &[]),
    ];
    let mut gateway = Gateway::start(open());
    for (what, bytes, expected) in cases {
        let mut client = Client::open(gateway.addr).await;
        client.send(&bytes).await;
        assert_eq!(client.rest().await, expected, "{what}");
    }
    assert!(gateway.is_idle());
}

#[tokio::test]
async fn open_doors_are_for_loopback_only() {
    let config = ListenerConfig { plain: vec!["0.0.0.0:0".parse().unwrap()], ..open() };
    let refusal = crate::ingest::sources::listener::Listener::bind(config).unwrap_err().to_string();
    assert!(refusal.contains("not loopback"), "{refusal}");
}

#[tokio::test]
async fn garbage_concerns_only_the_connection_it_came_on() {
    use crate::ingest::sources::listener::codec::fuzz::{XorShift, corpus, mutate};
    let mut gateway = Gateway::start(open());
    let mut random = XorShift(0x9e37_79b9_7f4a_7c15);
    let corpus = corpus();
    let addr = gateway.addr;
    let (connects, packets): (Vec<_>, Vec<_>) =
        corpus.into_iter().map(|(_, packet)| packet).partition(|packet| packet[0] == 0x10);
    let clients = async {
        for _ in 0..300 {
            let mut bytes = connects[random.below(connects.len())].clone();
            for _ in 0..random.below(30) {
                bytes.extend(mutate(&packets[random.below(packets.len())], &mut random));
            }
            let mut client = Client::open(addr).await;
            client.send(&bytes).await;
        }
    };
    let pipeline = async {
        loop {
            release([gateway.submission().await]);
        }
    };
    tokio::select! {
        () = clients => {}
        () = pipeline => {}
    }
    let mut client = Client::open(addr).await;
    client.send(&Connect { client_id: "good", user: Some("cm-1"), ..V4 }.bytes()).await;
    client.send(&publish(1, "vitalgate/v1/cm-1/status", 7, b"here")).await;
    client.expect(&[0x20, 2, 0, 0]).await;
    loop {
        let submission = gateway.submission().await;
        let ours = messages(&submission).iter().any(|message| message.device.as_str() == "cm-1");
        release([submission]);
        if ours {
            break;
        }
    }
    client.expect(&[0x40, 2, 0, 7]).await;
}
