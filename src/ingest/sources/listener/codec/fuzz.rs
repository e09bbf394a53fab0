//! Mutations of one good packet of every kind: whatever the bytes, no panic; and enough of them
//! both pass and fail for that to mean something.

use bytes::BytesMut;
use rumqttc::mqttbytes::v4;
use rumqttc::v5::mqttbytes::{QoS, v5};

use super::{Version, accepts};

const ROUNDS: u32 = 1_000_000;
const TOPIC: &str = "vitalgate/v1/dev-1/telemetry";

/// Seeded, so that a failure can be repeated.
pub(in super::super) struct XorShift(pub(in super::super) u64);

impl XorShift {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(in super::super) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

#[test]
fn every_packet_of_the_corpus_is_accepted() {
    for (version, packet) in corpus() {
        assert!(accepts(version, &packet), "{version:?} {packet:02x?}");
    }
}

#[test]
fn mutations_never_panic_and_are_judged() {
    let corpus = corpus();
    let mut random = XorShift(0x2545_f491_4f6c_dd1d);
    let mut accepted = 0;
    for _ in 0..ROUNDS {
        let (version, packet) = &corpus[random.below(corpus.len())];
        let mutant = mutate(packet, &mut random);
        accepted += u32::from(accepts(*version, &mutant));
    }
    let percent = accepted * 100 / ROUNDS;
    assert!((5..=95).contains(&percent), "{percent} % accepted");
}

pub(in super::super) fn mutate(packet: &[u8], random: &mut XorShift) -> Vec<u8> {
    let mut bytes = packet.to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len().max(1));
        match random.below(6) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at.min(bytes.len()), random.next() as u8),
            2 if !bytes.is_empty() => drop(bytes.remove(at)),
            3 if !bytes.is_empty() => bytes[at] = random.next() as u8,
            4 if !bytes.is_empty() => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
            _ if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
            _ => {}
        }
    }
    bytes
}

pub(in super::super) fn corpus() -> Vec<(Version, Vec<u8>)> {
    let small: [&[u8]; 6] = [
        &[0xc0, 0],
        &[0xe0, 0],
        &[0x62, 2, 0, 7],
        &[0x82, 8, 0, 1, 0, 3, b'a', b'/', b'b', 1],
        &[0xa2, 7, 0, 2, 0, 3, b'a', b'/', b'b'],
        &[0x30, 5, 0, 3, b'a', b'/', b'b'],
    ];
    let small5: [&[u8]; 9] = [
        &[0xc0, 0],
        &[0xe0, 0],
        &[0xe0, 1, 4],
        &[0xe0, 7, 0, 5, 17, 0, 0, 0, 60],
        &[0x62, 2, 0, 7],
        &[0x62, 4, 0, 7, 0x92, 0],
        &[0x82, 9, 0, 1, 0, 0, 3, b'a', b'/', b'b', 0x2d],
        &[0xa2, 8, 0, 2, 0, 0, 3, b'a', b'/', b'b'],
        &[0x30, 11, 0, 3, b'a', b'/', b'b', 5, 2, 0, 0, 0, 9],
    ];
    let mut corpus: Vec<(Version, Vec<u8>)> = Vec::new();
    corpus.extend(small.iter().map(|packet| (Version::V4, packet.to_vec())));
    corpus.extend(small5.iter().map(|packet| (Version::V5, packet.to_vec())));
    corpus.extend(large_v4().iter().map(|packet| {
        let mut bytes = BytesMut::new();
        packet.write(&mut bytes, usize::MAX).unwrap();
        (Version::V4, bytes.to_vec())
    }));
    corpus.extend(large_v5().iter().map(|packet| {
        let mut bytes = BytesMut::new();
        packet.write(&mut bytes, None).unwrap();
        (Version::V5, bytes.to_vec())
    }));
    corpus
}

fn large_v4() -> Vec<v4::Packet> {
    use rumqttc::QoS;
    let mut connect = v4::Connect::new("dev-1");
    connect.set_login("dev-1", "token");
    connect.last_will = Some(v4::LastWill::new(TOPIC, "lost", QoS::AtLeastOnce, false));
    let publish = |qos, pkid| {
        let mut publish = v4::Publish::new(TOPIC, qos, r#"{"seq":1,"readings":[]}"#);
        publish.pkid = pkid;
        v4::Packet::Publish(publish)
    };
    vec![
        v4::Packet::Connect(v4::Connect::new("dev-1")),
        v4::Packet::Connect(connect),
        publish(QoS::AtMostOnce, 0),
        publish(QoS::AtLeastOnce, 11),
        publish(QoS::ExactlyOnce, 12),
    ]
}

fn large_v5() -> Vec<v5::Packet> {
    let plain = v5::Connect {
        keep_alive: 60,
        client_id: "dev-1".to_owned(),
        clean_start: true,
        properties: None,
    };
    let properties = v5::ConnectProperties {
        session_expiry_interval: Some(3_600),
        receive_maximum: Some(10),
        max_packet_size: Some(1_024),
        topic_alias_max: Some(4),
        request_problem_info: Some(1),
        user_properties: vec![("a".to_owned(), "b".to_owned())],
        ..v5::ConnectProperties::default()
    };
    let full = v5::Connect { properties: Some(properties), ..plain.clone() };
    let will = v5::LastWill::new(TOPIC, "lost", QoS::AtLeastOnce, false, None);
    let login = v5::Login { username: "dev-1".to_owned(), password: "token".to_owned() };
    let publish = |qos, pkid, properties| {
        let mut publish = v5::Publish::new(TOPIC, qos, r#"{"seq":1,"readings":[]}"#, properties);
        publish.pkid = pkid;
        v5::Packet::Publish(publish)
    };
    let properties = v5::PublishProperties {
        payload_format_indicator: Some(1),
        message_expiry_interval: Some(60),
        content_type: Some("application/json".to_owned()),
        response_topic: Some("a/b".to_owned()),
        user_properties: vec![("a".to_owned(), "b".to_owned())],
        ..v5::PublishProperties::default()
    };
    vec![
        v5::Packet::Connect(plain, None, None),
        v5::Packet::Connect(full, Some(will), Some(login)),
        publish(QoS::AtMostOnce, 0, None),
        publish(QoS::AtLeastOnce, 11, Some(properties)),
        publish(QoS::ExactlyOnce, 12, None),
    ]
}
