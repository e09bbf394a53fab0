use proptest::prelude::*;

use super::*;
use vitalgate_domain::model::signal::SignalId;
use vitalgate_domain::model::time::Span;
use vitalgate_domain::model::unit::Unit;
use vitalgate_store::types::{Sent, Word};

/// A reader of line protocol, after InfluxDB's own: tags with backslash escapes, quoted fields.
type Read = (String, Vec<(String, String)>, Vec<(String, String)>, i64);

fn read(line: &str) -> Read {
    let mut chars = line.chars().peekable();
    let mut word = |ends: &[char]| {
        let mut word = String::new();
        let mut quoted = false;
        while let Some(&c) = chars.peek() {
            if c == '\\' {
                chars.next();
                let next = chars.next().expect("a backslash is followed by something");
                assert!(quoted || ",= ".contains(next), "`\\{next}` outside of quotes");
                word.push(next);
                continue;
            }
            if c == '"' {
                quoted = !quoted;
            } else if !quoted && ends.contains(&c) {
                break;
            }
            word.push(c);
            chars.next();
        }
        assert!(!quoted, "a quote is open at the end of {line:?}");
        (word, chars.next())
    };
    let (measurement, mut end) = word(&[',', ' ']);
    let mut pairs = |mut end: Option<char>, last: char| {
        let mut pairs = Vec::new();
        while end == Some(',') {
            let (name, equals) = word(&['=', ',', ' ']);
            assert_eq!(equals, Some('='), "{line:?}");
            let (value, after) = word(&[',', last]);
            assert!(!value.is_empty() && value != "\"\"", "empty {name}");
            pairs.push((name, value));
            end = after;
        }
        (pairs, end)
    };
    let tags;
    (tags, end) = pairs(end, ' ');
    assert_eq!(end, Some(' '));
    let fields;
    (fields, end) = pairs(Some(','), ' ');
    assert_eq!(end, Some(' '));
    let (time, end) = word(&[' ']);
    assert_eq!(end, None, "{line:?}");
    (measurement, tags, fields, time.parse().unwrap())
}

fn one_line(bytes: &[u8]) -> &str {
    let text = std::str::from_utf8(bytes).unwrap();
    let line = text.strip_suffix('\n').expect("a line ends");
    assert!(!line.contains(char::is_control), "{line:?}");
    line
}

fn point(value: f64) -> Point {
    let at = Timestamp::from_micros(1_700_000_000_000_123);
    let received = Timestamp::from_millis(1_700_000_000_004);
    Point { at, sent: Sent::default(), received, value, unit: Unit::PerMinute, flags: 2 }
}

fn series(instance: &str) -> SeriesKey {
    SeriesKey { device: "dev-1".parse().unwrap(), signal: SignalId(1), instance: instance.into() }
}

#[test]
fn a_reading_is_one_line_with_its_tags_in_order() {
    let store = Store::new("north", false);
    let mut line = Vec::new();
    let tags = store.tags(&series("lead II,=a"), "heart_rate", Some("abc"));
    store.reading(&mut line, &tags, &point(72.5)).unwrap();
    assert_eq!(
        one_line(&line),
        "vitalgate_reading,device=dev-1,instance=lead\\ II\\,\\=a,patient=abc,\
         signal=heart_rate,site=north value=72.5,unit=\"/min\",delay_ms=4i,flags=2i \
         1700000000000123000"
    );
    let mut line = Vec::new();
    let store = Store::new("north", true);
    store.reading(&mut line, &store.tags(&series(""), "spo2", None), &point(-0.5)).unwrap();
    let (_, tags, fields, _) = read(one_line(&line));
    let names: Vec<_> = tags.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["device", "signal", "site"]);
    assert!(fields.contains(&("simulated".into(), "true".into())));
}

#[test]
fn a_word_is_one_line_with_a_field_of_its_kind() {
    let check = |word: Word, expected: &str| {
        let store = Store::new("north", false);
        let tags = store.word_tags(&series("a"), "battery_status", Some("abc"));
        let at = Timestamp::from_micros(1_700_000_000_000_123);
        let received = Timestamp::from_millis(1_700_000_000_004);
        let sent = Sent { ahead: 2, period: Some(Span::secs(3)) };
        let word = WordSample { series: series("a"), at, sent, received, word, flags: 64 };
        let mut line = Vec::new();
        store.word(&mut line, &tags, &word).unwrap();
        assert_eq!(
            one_line(&line),
            format!(
                "vitalgate_word,device=dev-1,instance=a,patient=abc,signal=battery_status,site=north \
                 {expected},delay_ms=4i,flags=64i,ahead_us=2i,period_us=3000000i 1700000000000123002"
            )
        );
    };
    check(Word::Code("mdc:754113".into()), "kind=\"code\",code=\"mdc:754113\"");
    check(Word::Text("a \"b\"\\\n,c=1".into()), "kind=\"text\",text=\"a \\\"b\\\"\\\\ ,c=1\"");
    let time = Word::Time("2027-03-01T00:00:00Z".parse().unwrap());
    check(time, "kind=\"time\",time=\"2027-03-01T00:00:00Z\"");
    check(Word::Absent("not-performed".into()), "kind=\"absent\",absent=\"not-performed\"");
}

#[test]
fn readings_of_one_corrected_time_are_points_of_their_own() {
    let store = Store::new("north", false);
    let tags = store.tags(&series(""), "spo2", None);
    let read_of = |ahead: i64, value: f64| {
        let mut line = Vec::new();
        let sent = Sent { ahead, ..Sent::default() };
        let point = Point { sent, ..point(value) };
        store.reading(&mut line, &tags, &point).unwrap();
        read(one_line(&line))
    };
    let (.., fields, plain) = read_of(0, 97.0);
    assert!(!fields.iter().any(|(name, _)| name == "ahead_us"));
    let (.., fields, other) = read_of(-1_000_000, 97.0);
    assert!(fields.contains(&("ahead_us".into(), "-1000000i".into())));
    assert_eq!((plain / 1_000, plain % 1_000), (other / 1_000, 0));
    assert_ne!(plain, other);
    assert_eq!(read_of(-1_000_000, 60.0).3, other, "a correction takes the place of its own");
}

#[test]
fn what_no_line_can_say_is_refused_and_leaves_nothing_behind() {
    let store = Store::new("north", false);
    let tags = store.tags(&series(""), "spo2", None);
    let mut line = Vec::new();
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let refused = store.reading(&mut line, &tags, &point(value));
        assert_eq!(refused, Err(Unwritable::NotFinite));
    }
    let far = Point { at: Timestamp::from_micros(i64::MAX / 1_000 + 1), ..point(1.0) };
    assert_eq!(store.reading(&mut line, &tags, &far), Err(Unwritable::Time));
    assert!(line.is_empty());
}

#[test]
fn an_alarm_names_neither_patient_nor_actor() {
    let body = serde_json::json!({
        "id": "abc", "site": "north", "patient": "p-17", "rule": "vitals.spo2_low",
        "source": "dev-1/II", "state": "alarming", "condition": "present", "priority": "high",
        "text": "p-17 is in \"danger\"", "late": false, "recurrence": 2, "kind": "physiological",
        "acknowledged": { "by": "nurse-5" }, "device": "dev-1",
        "trigger": { "signal": "spo2", "value": 84.0, "limit": 88.0, "unit": "%", "side": "low" }
    })
    .to_string();
    let patient = "p-17".parse().unwrap();
    let of = |seq| Move {
        seq,
        at: point(0.0).at,
        change: "raised",
        patient: Some(&patient),
        body: &body,
    };
    let store = Store::new("north", false);
    let mut line = Vec::new();
    store.alarm(&mut line, &of(8_812), |_| Some("pseudo".into())).unwrap();
    let text = one_line(&line).to_owned();
    assert!(!text.contains("p-17") && !text.contains("nurse"), "{text}");
    let (measurement, tags, fields, time) = read(&text);
    assert_eq!((measurement.as_str(), time), (ALARM, 1_700_000_000_000_123_812));
    assert!(tags.contains(&("patient".into(), "pseudo".into())));
    for (name, value) in [("seq", "8812i"), ("limit", "88"), ("state", "\"alarming\"")] {
        assert!(fields.contains(&(name.into(), value.into())), "{name} in {fields:?}");
    }
    line.clear();
    store.alarm(&mut line, &of(8_813), |_| None).unwrap();
    assert_ne!(read(one_line(&line)).3, time, "two moves at one instant");
    line.clear();
    let refused = store.alarm(&mut line, &Move { body: "[]", ..of(1) }, |_| None);
    assert_eq!(refused, Err(Unwritable::NotAnAlarm));
}

proptest! {
    #[test]
    fn no_instance_makes_two_lines_or_another_tag(
        instance in prop_oneof![any::<String>(), "[\\\\,= \"\n\r\t%a\u{85}\u{2028}]{0,12}"],
        value in any::<f64>(),
    ) {
        let store = Store::new("north", false);
        let mut line = Vec::new();
        let tags = store.tags(&series(&instance), "spo2", Some("abc"));
        if store.reading(&mut line, &tags, &point(value)).is_err() {
            prop_assert!(!value.is_finite());
            return Ok(());
        }
        let (measurement, tags, fields, _) = read(one_line(&line));
        prop_assert_eq!(measurement, READING);
        prop_assert_eq!(tags.len(), if instance.is_empty() { 4 } else { 5 });
        prop_assert_eq!(fields.len(), 4);
        prop_assert_eq!(fields[0].1.parse::<f64>().unwrap().to_bits(), value.to_bits());
    }

    #[test]
    fn no_word_of_an_alarm_makes_two_lines_or_another_field(
        word in prop_oneof![any::<String>(), "[\\\\,= \"\n\r\t%a\u{85}\u{2028}]{1,12}"],
    ) {
        let body = serde_json::json!({
            "rule": word, "source": word, "id": word, "trigger": { "unit": word },
        }).to_string();
        let transition =
            Move { seq: 1, at: point(0.0).at, change: &word, patient: None, body: &body };
        let mut line = Vec::new();
        Store::new(&word, false).alarm(&mut line, &transition, |_| None).unwrap();
        if !word.is_empty() {
            let (_, tags, fields, _) = read(one_line(&line));
            prop_assert_eq!((tags.len(), fields.len()), (3, 4));
        }
    }
}
