use super::*;
use vitalgate_domain::model::message::{DeviceInfo, Event, ExpectedSignal, Phase, WaveChunk};

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn events(fields: &str) -> Result<Event, RefusalReason> {
    let json = format!(r#"{{"boot":1,"seq":1,"events":[{{{fields}}}]}}"#);
    let decoded = decode_both(Kind::Events, &json);
    let Body::Events { mut events, refused } = decoded.message.body else { panic!("{json}") };
    assert_eq!(events.len() + refused.len(), 1);
    assert_eq!(decoded.dead_letter.is_some(), events.is_empty(), "{json}");
    events.pop().ok_or_else(|| refused[0].reason)
}

#[test]
fn an_event_keeps_its_number_name_phase_and_words() {
    let at = time("2026-11-21T10:00:00Z");
    let event = Event {
        index: 0,
        id: Some("ep-1042".into()),
        time: ReadingTime::At(at),
        name: "vf_detected".into(),
        phase: Phase::Start,
        text: Some("VF".into()),
    };
    let whole = r#""id":"ep-1042","at":"2026-11-21T10:00:00Z","event":"vf_detected","phase":"start",
        "priority":"high","text":"VF","from":"2026-11-21T09:59:00Z","to":"2026-11-21T10:00:00Z","detail":{"zone":1}"#;
    assert_eq!(events(whole), Ok(event.clone()));

    let bare = Event { id: None, text: None, phase: Phase::Single, ..event };
    assert_eq!(events(r#""event":"vf_detected","at":"2026-11-21T10:00:00Z""#), Ok(bare.clone()));
    let period = ReadingTime::Period(time("2026-11-21T09:00:00Z"), at);
    assert_eq!(
        events(
            r#""event":"vf_detected","from":"2026-11-21T09:00:00Z","to":"2026-11-21T10:00:00Z""#
        ),
        Ok(Event { time: period, ..bare.clone() })
    );
    assert_eq!(
        events(r#""event":"vf_detected","from":"2026-11-21T10:00:00Z""#),
        Ok(bare.clone()),
        "begun and not yet over"
    );
    assert_eq!(
        events(r#""event":"vf_detected","age_ms":100"#),
        Ok(Event { time: ReadingTime::Age(Span::millis(100)), ..bare.clone() })
    );
    assert_eq!(
        events(r#""event":"vf_detected""#),
        Ok(Event { time: ReadingTime::Unstated, ..bare.clone() })
    );
    for (word, phase) in [("single", Phase::Single), ("update", Phase::Update), ("end", Phase::End)]
    {
        let fields =
            format!(r#""event":"vf_detected","at":"2026-11-21T10:00:00Z","phase":"{word}""#);
        assert_eq!(events(&fields), Ok(Event { phase, ..bare.clone() }));
    }
}

#[test]
fn an_event_out_of_bounds_is_refused_by_itself() {
    let long = "x".repeat(65);
    for (fields, reason) in [
        (r#""id":"1""#.to_owned(), RefusalReason::Shape),
        (r#""event":"v f""#.to_owned(), RefusalReason::Value),
        (r#""event":"""#.to_owned(), RefusalReason::Value),
        (r#""event":1"#.to_owned(), RefusalReason::Value),
        (format!(r#""event":"{long}""#), RefusalReason::Value),
        (format!(r#""event":"vf","id":"{long}""#), RefusalReason::Value),
        (r#""event":"vf","id":7"#.to_owned(), RefusalReason::Value),
        (r#""event":"vf","phase":"begin""#.to_owned(), RefusalReason::Shape),
        (r#""event":"vf","at":"x""#.to_owned(), RefusalReason::Time),
    ] {
        assert_eq!(events(&fields), Err(reason), "{fields}");
    }
    let old = r#"{"events":[{"event":"vf","at":"2001-01-01T00:00:00Z"}]}"#;
    let of = |decoded: Decoded| {
        let Body::Events { events, refused } = decoded.message.body else { panic!("events") };
        (events.len(), refused.first().map(|r| r.reason))
    };
    assert_eq!(of(decode_both(Kind::Events, old)), (1, None), "a broken clock");
    let backlog = decode_resumed(Kind::Events, old);
    let by_stamp = backlog.message.old.as_ref().map(|old| old.kept.clone());
    assert_eq!(by_stamp, Some(vec![(0, RETENTION)]), "the core knows that clock");
    assert_eq!(of(backlog), (1, None));
    let json =
        r#"{"at":"2026-11-21T10:00:00Z","events":[{"event":"a"},{"event":"?"},{"event":"b"}]}"#;
    let Body::Events { events, refused } = decode_both(Kind::Events, json).message.body else {
        panic!("events")
    };
    assert_eq!(events.iter().map(|e| e.index).collect::<Vec<_>>(), [0, 2]);
    assert_eq!(events[1].time, ReadingTime::At(time("2026-11-21T10:00:00Z")));
    assert_eq!(refused[0].index, 1);
}

fn wave(fields: &str) -> Result<(WaveChunk, Vec<i32>), RefusalReason> {
    let json = format!(r#"{{"seq":1,"waves":[{{{fields}}}]}}"#);
    let mut decoded = decode_both(Kind::Waves, &json);
    let Body::Waves { mut chunks, refused } = decoded.message.body else { panic!("{json}") };
    assert_eq!(decoded.waves.len(), chunks.len());
    match (chunks.pop(), decoded.waves.pop()) {
        (Some(chunk), Some(wave)) => {
            assert_eq!((&wave.chunk, wave.device), (&chunk, device()));
            Ok((chunk, wave.samples))
        }
        _ => Err(refused[0].reason),
    }
}

#[test]
fn a_wave_is_its_description_and_its_samples() {
    let chunk = WaveChunk {
        index: 0,
        at: time("2026-11-21T10:00:00Z"),
        signal: "ecg_ii".into(),
        rate_hz: 250.0,
        unit: "mV".into(),
        scale: 0.001,
        offset: 0.0,
        samples: 3,
    };
    let start = r#""at":"2026-11-21T10:00:00Z","signal":"ecg_ii","rate_hz":250,"unit":"mV""#;
    assert_eq!(
        wave(&format!(r#"{start},"scale":0.001,"offset":0,"samples":[1,-2,2147483647]"#)),
        Ok((chunk.clone(), vec![1, -2, i32::MAX]))
    );
    assert_eq!(
        wave(&format!(r#"{start},"samples":[-2147483648]"#)),
        Ok((WaveChunk { scale: 1.0, samples: 1, ..chunk }, vec![i32::MIN]))
    );
    let many = vec!["0"; 65_537].join(",");
    for (fields, reason) in [
        (r#","samples":[]"#.to_owned(), RefusalReason::Shape),
        (String::new(), RefusalReason::Shape),
        (r#","samples":5"#.to_owned(), RefusalReason::Shape),
        (r#","samples":[1.5]"#.to_owned(), RefusalReason::Value),
        (r#","samples":[2147483648]"#.to_owned(), RefusalReason::Value),
        (r#","samples":[1,null]"#.to_owned(), RefusalReason::Value),
        (r#","samples":[1],"scale":0"#.to_owned(), RefusalReason::Value),
        (r#","samples":[1],"offset":1e999"#.to_owned(), RefusalReason::Value),
        (format!(r#","samples":[{many}]"#), RefusalReason::TooLarge),
    ] {
        assert_eq!(wave(&format!("{start}{fields}")).unwrap_err(), reason, "{fields:.60}");
    }
    for (fields, reason) in [
        (r#""signal":"a","rate_hz":1"#, RefusalReason::Time),
        (r#""at":"2026-11-21T10:00:00Z","rate_hz":1"#, RefusalReason::Shape),
        (r#""at":"2026-11-21T10:00:00Z","signal":"a""#, RefusalReason::Shape),
        (r#""at":"2026-11-21T10:00:00Z","signal":"a","rate_hz":0"#, RefusalReason::Value),
        (r#""at":"2026-11-21T10:00:00Z","signal":"a","rate_hz":-1"#, RefusalReason::Value),
        (r#""at":"2001-11-21T10:00:00Z","signal":"a","rate_hz":1"#, RefusalReason::TooOld),
        (
            r#""at":"2026-11-21T10:00:00Z","signal":"a","rate_hz":1,"unit":"012345678901234567890123456789012""#,
            RefusalReason::Unit,
        ),
    ] {
        assert_eq!(wave(&format!(r#"{fields},"samples":[1]"#)).unwrap_err(), reason, "{fields}");
    }
}

#[test]
fn a_status_is_text_whatever_it_is() {
    let check = |payload: &[u8], text: &str, seq: Option<u64>| {
        let decoded = decode_as(Kind::Status, payload);
        assert_eq!(decoded.dead_letter, None);
        assert_eq!(decoded.message.seq, seq);
        assert_eq!(decoded.message.body, Body::Status { will: false, text: text.to_owned() });
    };
    check(b"", "", None);
    check(b"offline", "offline", None);
    check(br#"{"boot":1,"seq":7,"status":"online"}"#, "online", Some(7));
    check(br#"{"text":"low battery"}"#, "low battery", None);
    check(br#"{"seq":7}"#, r#"{"seq":7}"#, Some(7));
    check(br#"{"seq":7,"status":1"#, r#"{"seq":7,"status":1"#, Some(7));
    check(br#"{"status":"a","status":"b"}"#, r#"{"status":"a","status":"b"}"#, None);
    check(b"\xa1\x66status\x66online", "online", None);
    check(b"\xff\xfe", "\u{fffd}\u{fffd}", None);
    check("é".repeat(200).as_bytes(), &"é".repeat(128), None);
    check(&[0xff; 300], &"\u{fffd}".repeat(85), None);
}

#[test]
fn an_info_tells_what_will_come() {
    let json = r#"{"seq":1,"maker":"ACME","model":"M1","serial":"7","udi":"(01)0","firmware":"1.2","battery":87,
        "signals":[{"signal":"spo2","interval_s":1},{"signal":"mdc:160212","interval_s":300},{"signal":"heart_rate"}]}"#;
    let decoded = decode_both(Kind::Info, json);
    assert_eq!(decoded.dead_letter, None);
    let id = |name: &str| signals().find(name).unwrap().id;
    let info = DeviceInfo {
        maker: Some("ACME".into()),
        model: Some("M1".into()),
        serial: Some("7".into()),
        udi: Some("(01)0".into()),
        firmware: Some("1.2".into()),
        battery_percent: Some(87.0),
        signals: vec![
            ExpectedSignal { signal: id("spo2"), interval: Some(Span::secs(1)) },
            ExpectedSignal { signal: id("glucose_cgm"), interval: Some(Span::mins(5)) },
            ExpectedSignal { signal: id("heart_rate"), interval: None },
        ],
    };
    assert_eq!(decoded.message.body, Body::Info { info });
    assert_eq!(
        decode_both(Kind::Info, "{}").message.body,
        Body::Info { info: DeviceInfo::default() }
    );
}

#[test]
fn a_signal_of_an_info_is_refused_by_itself_and_named() {
    let json =
        r#"{"signals":[{"signal":"x"},{"signal":"spo2","interval_s":0},{},{"signal":"spo2"}]}"#;
    let decoded = decode_both(Kind::Info, json);
    let Body::Info { info } = decoded.message.body else { panic!("info") };
    assert_eq!(info.signals.len(), 1);
    assert_eq!(
        decoded.dead_letter.unwrap().reason,
        "3 of 4 refused; signal 0: unknown_signal: no signal `x` is known; signal 1: value: \
         `interval_s` must be above 0, at most a year; signal 2: shape: `signal` is missing"
    );
    for bad in [r#"{"battery":101}"#, r#"{"battery":"full"}"#, r#"{"maker":1}"#, r#"{"signals":1}"#]
    {
        let decoded = decode_both(Kind::Info, bad);
        assert!(lines(&decoded)[0].starts_with("undecodable"), "{bad}");
    }
}
