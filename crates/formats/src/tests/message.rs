use super::*;
use vitalgate_domain::model::message::{Clock, ClockSource, Mode, Relay};

const EXAMPLE: &str = r#"{ "boot": 17, "seq": 42, "sent_at": "2026-11-21T10:00:00.250Z", "mode": "real",
  "clock": { "source": "ntp", "timeline": 3 },
  "relay": { "id": "cm-77", "device_clock": "2026-11-21T09:00:00Z", "received_at": "2026-11-21T09:59:58Z", "sent_at": "2026-11-21T09:59:59Z" },
  "readings": [
    { "at": "2026-11-21T10:00:00Z", "signal": "heart_rate", "value": 72, "unit": "/min", "quality": 0.97 },
    { "at": "2026-11-21T10:00:00Z", "signal": "mdc:150456", "value": 97, "unit": "%" },
    { "at": "2026-11-21T10:00:00Z", "signal": "glucose_cgm", "value": 39, "comparator": "<", "unit": "mg/dL" },
    { "at": "2026-11-21T10:00:00Z", "signal": "nibp_sys", "absent": "not-performed" },
    { "from": "2026-11-20T10:00:00Z", "to": "2026-11-21T10:00:00Z", "signal": "pacing_percent", "instance": "RV", "value": 98.2, "unit": "%" },
    { "at": "2026-11-21T10:00:00Z", "signal": "battery_status", "code": "mdc:754113" } ] }"#;

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn the_example_of_the_contract_is_accepted_whole() {
    let Decoded { message, waves, dead_letter } = decode_both(Kind::Telemetry, EXAMPLE);
    assert_eq!((waves.len(), dead_letter), (0, None));
    let Body::Telemetry { readings, refused } = &message.body else { panic!("telemetry") };
    assert_eq!((readings.len(), refused.len()), (6, 0));
    assert_eq!(readings.iter().map(|r| r.index).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
    let expected = Message {
        principal: "relay-1".parse().unwrap(),
        device: device(),
        boot: Some(17),
        seq: Some(42),
        sent_at: Some(time("2026-11-21T10:00:00.250Z")),
        mode: Mode::Real,
        clock: Some(Clock { source: Some(ClockSource::Ntp), timeline: Some(3) }),
        relay: Some(Relay {
            id: "cm-77".parse().unwrap(),
            device_clock: Some(time("2026-11-21T09:00:00Z")),
            received_at: Some(time("2026-11-21T09:59:58Z")),
            sent_at: Some(time("2026-11-21T09:59:59Z")),
        }),
        hash: message.hash,
        delivery: Delivery { qos: 1, ..Delivery::default() },
        unknown_fields: 0,
        old: None,
        body: message.body.clone(),
    };
    assert_eq!(message, expected);
}

#[test]
fn the_hash_is_of_the_bytes() {
    // SHA-256 of `{}` begins 44136fa355b3678a.
    assert_eq!(decode_as(Kind::Telemetry, b"{}").message.hash, 0x4413_6fa3_55b3_678a);
}

/// A message whose readings cannot be read: why, and what of its numbers could be read.
fn check(json: &str, reason: &str, boot: Option<u64>, seq: Option<u64>) {
    let decoded = decode_as(Kind::Telemetry, json.as_bytes());
    assert_eq!((decoded.message.boot, decoded.message.seq), (boot, seq), "{json}");
    let Body::Undecodable { kind, reason: decoded_reason } = &decoded.message.body else {
        panic!("accepted: {json}")
    };
    assert_eq!(*kind, Kind::Telemetry);
    assert!(decoded_reason.starts_with(reason), "{json}: {decoded_reason}");
    let dead = decoded.dead_letter.unwrap();
    assert_eq!(dead.reason, *decoded_reason);
    assert_eq!(dead.length, json.len() as u64);
    assert_eq!(dead.head, json.as_bytes());
    assert_eq!((dead.principal.as_str(), dead.device), ("relay-1", Some(device())));
    assert_eq!((dead.topic.as_str(), dead.kind), ("vitalgate/v1/dev-1/any", Some(kind.to_owned())));
}

#[test]
fn what_is_no_json_or_cbor_is_a_dead_letter() {
    for garbage in
        ["", " ", "72", "[]", "null", "\"text\"", "hr=72|spo2=97", "nan", "\u{feff}", "<xml/>"]
    {
        check(garbage, "syntax: neither", None, None);
    }
    for broken in [
        r#"{"seq":1 "#,
        r#"{"seq":1,"#,
        r#"{"seq":1,"readings"#,
        r#"{"seq":1,"readings":[{"signal":"spo2","value":"#,
        r#"{"seq":1,"readings":[]}x"#,
        r#"{"seq":1,"readings":[]}{}"#,
        r#"{"seq":1,"readings":[],}"#,
        r#"{"seq":1,"readings":[1,]}"#,
        r#"{"seq":1,,"readings":[]}"#,
        r#"{"seq":1 "readings":[]}"#,
        r#"{"seq":1,"a":Na}"#,
        r#"{"seq":1,"a":+Infinity}"#,
        r#"{"seq":1,"a":-Na}"#,
        "{\"seq\":1,\u{feff}\"readings\":[]}",
        "{\"seq\":1,\"readings\":[]}\0x",
        r#"{"seq":1,"a":+1}"#,
        r#"{"seq":1,"a":01}"#,
        r#"{"seq":1,"a":1.}"#,
        r#"{"seq":1,"a":.5}"#,
        r#"{"seq":1,"a":1e}"#,
        r#"{"seq":1,"a":'x'}"#,
        r#"{"seq":1,"a":"\x"}"#,
        r#"{"seq":1,"a":"\ud800"}"#,
        r#"{"seq":1,"a":"\ud800\u0041"}"#,
        r#"{"seq":1,"a":tru}"#,
        r#"{"seq":1,"a":[}]}"#,
        "{\"seq\":1,\"a\":\"\n\"}",
        r#"{"seq":1,a:1}"#,
        r#"{"seq":1,"a"=1}"#,
    ] {
        check(broken, "syntax: ", None, Some(1));
    }
    // A number at the very end may be the beginning of a longer one.
    check(r#"{"boot":2,"seq":4"#, "syntax: breaks off", Some(2), None);
}

#[test]
fn bytes_that_are_no_utf8_end_the_message_where_they_stand() {
    let decoded = decode_as(Kind::Telemetry, b"{\"seq\":3,\"readings\":[],\"a\":\"\xff\"}");
    assert_eq!(decoded.message.seq, Some(3));
    assert_eq!(lines(&decoded), ["undecodable syntax: not UTF-8 at byte 28"]);
    let decoded = decode_as(Kind::Telemetry, b"{\"seq\":3,\"readings\":[]}\xff");
    assert_eq!(decoded.message.seq, Some(3));
    assert!(lines(&decoded)[0].starts_with("undecodable syntax: something follows"));
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| {
        format!(r#"{{"seq":1,"readings":[],"x":{}{}}}"#, "[".repeat(depth), "]".repeat(depth))
    };
    assert_eq!(decode_both(Kind::Telemetry, &nested(15)).dead_letter, None);
    check(&nested(16), "syntax: nested too deeply", None, Some(1));
    check(&nested(10_000)[..1_000], "syntax: nested too deeply", None, Some(1));

    let mut deep = b"\xa2\x63seq\x01\x61x".to_vec();
    deep.extend(vec![0x81; 100_000]);
    let decoded = decode_as(Kind::Telemetry, &deep);
    assert_eq!(decoded.message.seq, Some(1));
    assert_eq!(lines(&decoded), ["undecodable syntax: nested too deeply at byte 24"]);
}

#[test]
fn a_known_key_that_is_doubled_costs_what_it_stands_in() {
    check(r#"{"seq":1,"readings":[],"readings":[]}"#, "shape: the key `readings`", None, Some(1));
    check(r#"{"boot":1,"seq":1,"seq":2,"readings":[]}"#, "shape: the key `seq`", Some(1), None);
    check(r#"{"seq":1,"s\u0065q":1,"readings":[]}"#, "shape: the key `seq`", None, None);
    check(r#"{"seq":1,"at":null,"at":null,"readings":[]}"#, "shape: the key `at`", None, Some(1));
    check(
        r#"{"seq":1,"clock":{"source":"ntp","source":"ntp"},"readings":[]}"#,
        "shape: the key `source`",
        None,
        Some(1),
    );
    let json = r#"{"seq":1,"readings":[
        {"signal":"spo2","value":97,"value":97,"unit":"%"},
        {"signal":"spo2","value":97,"unit":"%"}]}"#;
    let decoded = decode_as(Kind::Telemetry, json.as_bytes());
    assert_eq!(lines(&decoded), ["spo2 refused: shape", "spo2 97 %"]);
}

#[test]
fn an_unknown_key_that_is_doubled_is_counted_and_costs_nothing() {
    let json = r#"{"seq":1,"x":1,"x":2,"y":[{"z":{"w":1,"w":2}}],"readings":[
        {"signal":"spo2","value":97,"unit":"%","v":{"y":1,"y":1},"v":2}]}"#;
    let decoded = decode_as(Kind::Telemetry, json.as_bytes());
    assert_eq!(lines(&decoded), ["spo2 97 %"]);
    assert_eq!(decoded.message.unknown_fields, 5);

    let cbor = b"\xa4\x63seq\x01\x61x\x01\x61x\x01\x68readings\x80";
    let decoded = decode_as(Kind::Telemetry, cbor);
    assert_eq!((decoded.dead_letter, decoded.message.unknown_fields), (None, 2));
}

#[test]
fn what_fills_a_buffer_up_or_marks_its_byte_order_is_passed_over() {
    let json = r#"{"seq":1,"readings":[{"signal":"spo2","value":97,"unit":"%"}]}"#;
    for sent in
        [format!("\u{feff}{json}"), format!("{json}\0\0\0"), format!("\u{feff} {json}\r\n\0 \0")]
    {
        let decoded = decode_as(Kind::Telemetry, sent.as_bytes());
        assert_eq!(lines(&decoded), ["spo2 97 %"], "{sent:?}");
    }
}

#[test]
fn a_number_that_is_none_costs_its_own_reading() {
    for none in ["NaN", "nan", "-nan", "Infinity", "-Infinity", "inf", "-inf", "INF", "-INF"] {
        let json = format!(
            r#"{{"seq":1,"x":{none},"readings":[{{"signal":"spo2","value":{none},"unit":"%"}},
            {{"signal":"heart_rate","value":0,"unit":"/min"}}]}}"#
        );
        let decoded = decode_as(Kind::Telemetry, json.as_bytes());
        assert_eq!(lines(&decoded), ["spo2 refused: value", "heart_rate 0 /min"], "{none}");
    }
}

#[test]
fn unknown_fields_are_counted() {
    let json = r#"{"seq":1,"x":{"a":1,"b":[2]},"clock":{"y":1},"readings":[
        {"signal":"spo2","value":97,"unit":"%","z":null,"w":"\u00e9\ud83d\ude00"}, {"v":1}]}"#;
    assert_eq!(decode_both(Kind::Telemetry, json).message.unknown_fields, 5);
}

#[test]
fn seq_and_boot_are_whole_numbers_in_bounds() {
    let accepted = |json: &str| {
        let decoded = decode_both(Kind::Telemetry, json);
        assert_eq!(decoded.dead_letter, None, "{json}");
        (decoded.message.boot, decoded.message.seq)
    };
    assert_eq!(accepted(r#"{"readings":[]}"#), (None, None));
    assert_eq!(accepted(r#"{"seq":0,"boot":null,"readings":[]}"#), (None, Some(0)));
    assert_eq!(accepted(r#"{"readings":[],"seq":42.0,"boot":1e3}"#), (Some(1_000), Some(42)));
    assert_eq!(
        accepted(r#"{"readings":[],"seq":9007199254740991}"#),
        (None, Some(9_007_199_254_740_991))
    );
    for bad in ["-1", "9007199254740992", "18446744073709551616", "1.5", "1e999", "\"1\"", "[1]"] {
        check(&format!(r#"{{"boot":7,"seq":{bad},"readings":[]}}"#), "shape: `seq`", Some(7), None);
        check(
            &format!(r#"{{"boot":{bad},"seq":7,"readings":[]}}"#),
            "shape: `boot`",
            None,
            Some(7),
        );
    }
}

#[test]
fn a_message_that_misstates_itself_is_refused_whole() {
    for (field, reason) in [
        (r#""mode":"simulation""#, "shape: `mode`"),
        (r#""mode":1"#, "value: `mode`"),
        (r#""sent_at":"now""#, "time: `sent_at`"),
        (r#""sent_at":1700000000"#, "time: `sent_at`"),
        (r#""at":"now""#, "time: `at`"),
        (r#""clock":"ntp""#, "shape: `clock`"),
        (r#""clock":{"source":"gps"}"#, "shape: `clock.source`"),
        (r#""clock":{"timeline":-1}"#, "shape: `clock.timeline`"),
        (r#""relay":"cm-77""#, "shape: `relay`"),
        (r#""relay":{}"#, "shape: `relay.id`"),
        (r#""relay":{"id":"a b"}"#, "shape: `relay.id`"),
        (r#""relay":{"id":"cm","device_clock":"x"}"#, "time: `relay.device_clock`"),
    ] {
        check(&format!(r#"{{"seq":5,{field},"readings":[]}}"#), reason, None, Some(5));
    }
    for readings in ["{}", "null", "1", "\"\""] {
        check(
            &format!(r#"{{"seq":5,"readings":{readings}}}"#),
            "shape: `readings` must be a list",
            None,
            Some(5),
        );
    }
    let foreign = r#"{"time":1836942771,"type":"report","data":{"heartRate":72,"spO2":97}}"#;
    check(foreign, "shape: `readings` must be a list", None, None);
    check(r#"{"seq":5}"#, "shape: `readings` must be a list", None, Some(5));
}

#[test]
fn every_mode_is_known() {
    for (mode, expected) in
        [("real", Mode::Real), ("test", Mode::Test), ("demo", Mode::Demo), ("probe", Mode::Probe)]
    {
        let json = format!(r#"{{"mode":"{mode}","readings":[]}}"#);
        assert_eq!(decode_both(Kind::Telemetry, &json).message.mode, expected);
    }
}

#[test]
fn the_time_of_the_message_serves_readings_without_one_wherever_it_stands() {
    let json = r#"{"readings":[{"signal":"spo2","absent":"x"},
        {"signal":"spo2","absent":"x","age_ms":5}],"at":"2026-11-21T10:00:00Z"}"#;
    assert_eq!(
        lines(&decode_both(Kind::Telemetry, json)),
        ["spo2 absent x at 2026-11-21T10:00:00Z", "spo2 absent x age 5ms"]
    );
    let json = r#"{"at":"2001-01-01T00:00:00Z","readings":[{"signal":"spo2","absent":"x"}]}"#;
    let backlog = decode_resumed(Kind::Telemetry, json);
    assert_eq!(lines(&backlog), ["spo2 absent x at 2001-01-01T00:00:00Z"]);
    assert_eq!(backlog.message.old.map(|old| old.kept), Some(vec![(0, RETENTION)]));
}

#[test]
fn what_is_no_map_is_no_reading() {
    let json = r#"{"readings":[1,[{"signal":"spo2"}],null,"x",{"signal":"spo2","absent":"x"}]}"#;
    let refused = "refused: shape";
    assert_eq!(
        lines(&decode_both(Kind::Telemetry, json)),
        [refused, refused, refused, refused, "spo2 absent x"]
    );
}

#[test]
fn lists_reasons_and_heads_are_bounded() {
    let message = |n: usize| format!(r#"{{"readings":[{}0],"seq":8}}"#, "0,".repeat(n - 1));
    let decoded = decode_as(Kind::Telemetry, message(4_096).as_bytes());
    let Body::Telemetry { refused, .. } = &decoded.message.body else { panic!("telemetry") };
    assert_eq!(refused.len(), 4_096);
    let dead = decoded.dead_letter.unwrap();
    assert!(dead.reason.len() <= 512 && dead.reason.ends_with(" more"), "{}", dead.reason);
    assert!(dead.reason.starts_with("4096 of 4096 refused; reading 0: shape"), "{}", dead.reason);
    assert_eq!((dead.head.len(), dead.length), (1_024, message(4_096).len() as u64));

    let decoded = decode_as(Kind::Telemetry, message(4_097).as_bytes());
    assert_eq!(decoded.message.seq, Some(8));
    assert_eq!(lines(&decoded), ["undecodable too_large: more than 4096 readings in one message"]);
}

#[test]
fn cbor_is_read_in_every_form_it_may_take() {
    // {_ "seq": 1(7), "readings": [_ {"signal": (_ "sp" "o2"), "value": f16 97.5, "unit": "%"}]}
    let cbor = b"\xbf\x63seq\xc1\x07\x68readings\x9f\xa3\x66signal\x7f\x62sp\x62o2\xff\
        \x65value\xf9\x56\x18\x64unit\x61%\xff\xff";
    let decoded = decode_as(Kind::Telemetry, cbor);
    assert_eq!(decoded.message.seq, Some(7));
    assert_eq!(lines(&decoded), ["spo2 97.5 %"]);

    let with_value = |value: &[u8]| {
        let parts: [&[u8]; 3] =
            [b"\xa1\x68readings\x81\xa3\x66signal\x64spo2\x64unit\x61%\x65value", value, b""];
        lines(&decode_as(Kind::Telemetry, &parts.concat())).remove(0)
    };
    assert_eq!(with_value(b"\xfa\x42\xc3\x00\x00"), "spo2 97.5 %");
    assert_eq!(with_value(b"\xfb\x40\x58\x60\x00\x00\x00\x00\x00"), "spo2 97.5 %");
    assert_eq!(with_value(b"\x18\x61"), "spo2 97 %");
    assert_eq!(with_value(b"\x20"), "spo2 -1 % implausible");
    assert_eq!(
        with_value(b"\x3b\xff\xff\xff\xff\xff\xff\xff\xff").as_str(),
        "spo2 -18446744073709552000 % implausible"
    );
    for refused in [
        b"\xf9\x7e\x00".as_slice(),              // NaN
        b"\xf9\x7c\x00",                         // infinity
        b"\xfb\x7f\xf0\x00\x00\x00\x00\x00\x00", // infinity
        b"\x42\x00\x61",                         // bytes
        b"\xc2\x41\x61",                         // a bignum
        b"\xf5",                                 // true
        b"\xe0",                                 // a simple value
    ] {
        assert_eq!(with_value(refused), "spo2 refused: value", "{refused:x?}");
    }
    assert_eq!(with_value(b"\xf7"), "spo2 refused: shape", "undefined is not sent");
    for broken in [b"\xff".as_slice(), b"\x1c", b"\x78", b"\x62\xff\xff", b"\x18\x61\x00", b""] {
        assert!(with_value(broken).starts_with("undecodable syntax"), "{broken:x?}");
    }
    assert!(
        lines(&decode_as(Kind::Telemetry, b"\xa1\x01\x02"))[0].contains("a key that is no text")
    );
    assert!(
        lines(&decode_as(Kind::Telemetry, b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff"))[0]
            .contains("breaks off")
    );
}

#[test]
fn the_example_of_the_maker_page_is_accepted_whole_and_every_reason_is_explained() {
    let page = include_str!("../../../../docs/wire.md");
    let (_, from) = page.split_once("-m '").unwrap();
    let (example, _) = from.split_once("'\n```").unwrap();
    let decoded = decode_both(Kind::Telemetry, example);
    assert_eq!((lines(&decoded).len(), decoded.dead_letter), (5, None));
    for reason in [
        RefusalReason::Shape,
        RefusalReason::UnknownSignal,
        RefusalReason::Unit,
        RefusalReason::Value,
        RefusalReason::Time,
        RefusalReason::TooOld,
        RefusalReason::TooLarge,
        RefusalReason::Syntax,
    ] {
        assert!(page.contains(&format!("\n| `{}` |", reason.as_str())), "{reason:?}");
    }
}
