//! Line protocol, pure: one reading or one move of an alarm as one line, whatever it holds.
//!
//! A text that comes from outside cannot end a line, a tag or a field. In tags a backslash is never
//! written, because what it would mean depends on what follows it: it, `%`, `"` and control characters
//! become `%XX` of their UTF-8 bytes. In fields quote and backslash are escaped, control characters
//! become spaces.

use std::fmt::Write as _;

use serde_json::Value;

use crate::domain::ids::PatientId;
use crate::domain::time::Timestamp;
use crate::store::point::Point;
use crate::store::types::SeriesKey;

/// The measurement of readings.
pub const READING: &str = "vitalgate_reading";
/// The measurement of alarms.
pub const ALARM: &str = "vitalgate_alarm";

/// Texts of an alarm that become fields.
const WORDS: [&str; 9] =
    ["id", "kind", "state", "condition", "priority", "priority_peak", "response", "ward", "device"];

/// What no line can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unwritable {
    /// NaN or infinite.
    #[error("not a finite number")]
    NotFinite,
    /// InfluxDB counts nanoseconds in 64 bits: 1677 to 2262.
    #[error("outside the years InfluxDB knows")]
    Time,
    /// The body of a transition is not that of an alarm.
    #[error("not an alarm")]
    NotAnAlarm,
}

/// Tags and fields of every line of a store.
#[derive(Clone, Debug)]
pub struct Store {
    /// The site, escaped.
    site: String,
    simulated: bool,
}

/// The tags of a series: the same whether a reading comes from journal or block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tags(String);

impl Store {
    /// Of a site; `simulated` marks every line.
    pub fn new(site: &str, simulated: bool) -> Self {
        Self { site: tag(site), simulated }
    }

    /// Measurement and tags of a series, in the order of their names; what is empty is left out.
    pub fn tags(&self, series: &SeriesKey, signal: &str, patient: Option<&str>) -> Tags {
        let mut tags = READING.to_owned();
        put_tag(&mut tags, "device", series.device.as_str());
        put_tag(&mut tags, "instance", series.instance.as_str());
        put_tag(&mut tags, "patient", patient.unwrap_or_default());
        put_tag(&mut tags, "signal", signal);
        put(&mut tags, format_args!(",site={}", self.site));
        Tags(tags)
    }

    /// Appends the line of a reading.
    pub fn reading(&self, to: &mut Vec<u8>, tags: &Tags, point: &Point) -> Result<(), Unwritable> {
        if !point.value.is_finite() {
            return Err(Unwritable::NotFinite);
        }
        let nanos = nanos(point.at)?;
        let delay = point.received.as_millis().saturating_sub(point.at.as_millis());
        let (mut whole, mut number) = (itoa::Buffer::new(), ryu::Buffer::new());
        let mut put = |text: &str| to.extend_from_slice(text.as_bytes());
        put(&tags.0);
        put(" value=");
        put(number.format_finite(point.value));
        put(",unit=\"");
        put(point.unit.ucum());
        put("\",delay_ms=");
        put(whole.format(delay));
        put("i,flags=");
        put(whole.format(point.flags));
        put(if self.simulated { "i,simulated=true " } else { "i " });
        put(whole.format(nanos));
        put("\n");
        Ok(())
    }

    /// Appends the line of an alarm's move: of `body`, the alarm of contract §5, everything but who
    /// the patient and the actors are, and the words made for reading out.
    ///
    /// The last three digits of the time are those of `seq`: two moves at one instant stay two.
    pub fn alarm(
        &self,
        to: &mut Vec<u8>,
        transition: &Move<'_>,
        pseudonym: impl Fn(&PatientId) -> Option<String>,
    ) -> Result<(), Unwritable> {
        let alarm: Value =
            serde_json::from_str(transition.body).map_err(|_| Unwritable::NotAnAlarm)?;
        let text = |of: &Value, key: &str| of.get(key).and_then(Value::as_str).map(str::to_owned);
        let rule = text(&alarm, "rule").ok_or(Unwritable::NotAnAlarm)?;
        let nanos = nanos(transition.at)? + (transition.seq % 1_000) as i64;
        let mut line = ALARM.to_owned();
        let patient = transition.patient.and_then(pseudonym).unwrap_or_default();
        put_tag(&mut line, "patient", &patient);
        put_tag(&mut line, "rule", &rule);
        put(&mut line, format_args!(",site={}", self.site));
        put_tag(&mut line, "source", &text(&alarm, "source").unwrap_or_default());
        put(&mut line, format_args!(" seq={}i", transition.seq));
        put_text(&mut line, "change", transition.change);
        for key in WORDS {
            put_text(&mut line, key, &text(&alarm, key).unwrap_or_default());
        }
        if let Some(late) = alarm.get("late").and_then(Value::as_bool) {
            put(&mut line, format_args!(",late={late}"));
        }
        if let Some(recurrence) = alarm.get("recurrence").and_then(Value::as_i64) {
            put(&mut line, format_args!(",recurrence={recurrence}i"));
        }
        if let Some(trigger) = alarm.get("trigger") {
            for key in ["value", "limit"] {
                let number = trigger.get(key).and_then(Value::as_f64);
                if let Some(number) = number.filter(|number| number.is_finite()) {
                    put(&mut line, format_args!(",{key}={number}"));
                }
            }
            for key in ["signal", "unit", "side"] {
                put_text(&mut line, key, &text(trigger, key).unwrap_or_default());
            }
        }
        if self.simulated {
            line.push_str(",simulated=true");
        }
        put(&mut line, format_args!(" {nanos}\n"));
        to.extend_from_slice(line.as_bytes());
        Ok(())
    }
}

/// A move of an alarm, as the transitions table has it.
#[derive(Clone, Copy, Debug)]
pub struct Move<'a> {
    /// Its number.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// The word of the change.
    pub change: &'a str,
    /// Whose.
    pub patient: Option<&'a PatientId>,
    /// The alarm as JSON.
    pub body: &'a str,
}

fn nanos(at: Timestamp) -> Result<i64, Unwritable> {
    at.as_micros()
        .checked_mul(1_000)
        .filter(|n| n.checked_add(999).is_some())
        .ok_or(Unwritable::Time)
}

/// Appends a tag; an empty value has no place in line protocol.
fn put_tag(line: &mut String, name: &str, value: &str) {
    if !value.is_empty() {
        put(line, format_args!(",{name}={}", tag(value)));
    }
}

/// Appends a text field; an absent text is no field.
fn put_text(line: &mut String, name: &str, value: &str) {
    if !value.is_empty() {
        put(line, format_args!(",{name}=\"{}\"", text(value)));
    }
}

fn put(line: &mut String, what: std::fmt::Arguments<'_>) {
    let written = line.write_fmt(what);
    debug_assert!(written.is_ok(), "memory takes everything");
}

fn tag(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for c in value.chars() {
        if c.is_control() || matches!(c, '\\' | '%' | '"') {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                put(&mut escaped, format_args!("%{byte:02X}"));
            }
            continue;
        }
        if matches!(c, ',' | ' ' | '=') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

fn text(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '"' | '\\' => escaped.extend(['\\', c]),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::signal::SignalId;
    use crate::domain::unit::Unit;

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
        Point { at, received, value, unit: Unit::PerMinute, flags: 2 }
    }

    fn series(instance: &str) -> SeriesKey {
        SeriesKey {
            device: "dev-1".parse().unwrap(),
            signal: SignalId(1),
            instance: instance.into(),
        }
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
}
