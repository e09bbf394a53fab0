//! Line protocol, pure: one reading or one move of an alarm as one line, whatever it holds.
//!
//! A text that comes from outside cannot end a line, a tag or a field. In tags a backslash is never
//! written, because what it would mean depends on what follows it: it, `%`, `"` and control characters
//! become `%XX` of their UTF-8 bytes. In fields quote and backslash are escaped, control characters
//! become spaces.

use std::fmt::Write as _;

use serde_json::Value;

use vitalgate_domain::model::ids::PatientId;
use vitalgate_domain::model::time::Timestamp;
use vitalgate_store::audit::{Head, SignedHead};
use vitalgate_store::history::point::Point;
use vitalgate_store::types::{SeriesKey, WordSample, flag};

/// The measurement of readings.
pub const READING: &str = "vitalgate_reading";
/// The measurement of readings that are no number.
pub const WORD: &str = "vitalgate_word";
/// The measurement of alarms.
pub const ALARM: &str = "vitalgate_alarm";

/// The measurement of heads of the audit.
pub const AUDIT: &str = "vitalgate_audit";

/// The flags of `flags`: what came later has fields of its own, so that no question about numbers changes.
const WRITTEN_FLAGS: u16 = 0xff;

/// A prime, so that what differs by any usual step differs in this.
const APART: i64 = 997;

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

/// The tags of a series, with the measurement: the same whether a reading comes from journal or block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tags(String);

impl Store {
    /// Of a site; `simulated` marks every line.
    pub fn new(site: &str, simulated: bool) -> Self {
        Self { site: tag(site), simulated }
    }

    /// Measurement and tags of a series, in the order of their names; what is empty is left out.
    pub fn tags(&self, series: &SeriesKey, signal: &str, patient: Option<&str>) -> Tags {
        self.tags_of(READING, series, signal, patient)
    }

    /// The same for readings that are no number. Their measurement is another, and each kind has a field of its
    /// own, so that no field ever has two types.
    pub fn word_tags(&self, series: &SeriesKey, signal: &str, patient: Option<&str>) -> Tags {
        self.tags_of(WORD, series, signal, patient)
    }

    fn tags_of(
        &self,
        measurement: &str,
        series: &SeriesKey,
        signal: &str,
        patient: Option<&str>,
    ) -> Tags {
        let mut tags = measurement.to_owned();
        put_tag(&mut tags, "device", series.device.as_str());
        put_tag(&mut tags, "instance", series.instance.as_str());
        put_tag(&mut tags, "patient", patient.unwrap_or_default());
        put_tag(&mut tags, "signal", signal);
        put(&mut tags, format_args!(",site={}", self.site));
        Tags(tags)
    }

    /// Appends the line of a reading.
    ///
    /// The last three digits of the time are 0 where the device's clock said that time. Else they tell
    /// readings apart that only the correction of their clocks brought to one instant.
    pub fn reading(&self, to: &mut Vec<u8>, tags: &Tags, point: &Point) -> Result<(), Unwritable> {
        if !point.value.is_finite() {
            return Err(Unwritable::NotFinite);
        }
        let nanos = nanos(point.at)? + point.sent.ahead.rem_euclid(APART);
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
        put(whole.format(point.flags & WRITTEN_FLAGS));
        put("i");
        if point.sent.ahead != 0 {
            put(",ahead_us=");
            put(whole.format(point.sent.ahead));
            put("i");
        }
        if let Some(period) = point.sent.period {
            put(",period_us=");
            put(whole.format(period.as_micros()));
            put("i");
        }
        if point.flags & flag::OR_EQUAL != 0 {
            put(",or_equal=true");
        }
        put(if self.simulated { ",simulated=true " } else { " " });
        put(whole.format(nanos));
        put("\n");
        Ok(())
    }

    /// Appends the line of a reading that is no number; `kind` names the field that counts.
    pub fn word(&self, to: &mut Vec<u8>, tags: &Tags, word: &WordSample) -> Result<(), Unwritable> {
        let nanos = nanos(word.at)? + word.sent.ahead.rem_euclid(APART);
        let delay = word.received.as_millis().saturating_sub(word.at.as_millis());
        let mut line = tags.0.clone();
        let kind = word.word.kind();
        put(&mut line, format_args!(" kind=\"{kind}\""));
        put_text(&mut line, kind, &word.word.text());
        put(&mut line, format_args!(",delay_ms={delay}i,flags={}i", word.flags & WRITTEN_FLAGS));
        if word.sent.ahead != 0 {
            put(&mut line, format_args!(",ahead_us={}i", word.sent.ahead));
        }
        if let Some(period) = word.sent.period {
            put(&mut line, format_args!(",period_us={}i", period.as_micros()));
        }
        if self.simulated {
            line.push_str(",simulated=true");
        }
        put(&mut line, format_args!(" {nanos}\n"));
        to.extend_from_slice(line.as_bytes());
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

    /// Appends the line of where the audit stands.
    pub fn head(&self, to: &mut Vec<u8>, signed: &SignedHead) -> Result<(), Unwritable> {
        let Head { seq, said, at, .. } = &signed.head;
        let nanos = nanos(*at)?;
        let mut line = format!("{AUDIT},site={} seq={seq}i,said={said}i", self.site);
        put_text(&mut line, "head", &signed.to_string());
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
mod tests;
