//! What of a reading the rules may see.

use crate::model::fate::Fate;
use crate::model::message::{Message, Mode, Reading, ReadingTime, Status, Value};
use crate::model::observation::{ABSENT, Content, Number, Timeliness, Timing};
use crate::model::sample::flag;
use crate::model::signal::SignalId;
use crate::model::time::Span;
use crate::model::unit::Unit;
use crate::rules::RuleSet;

/// What the rules may see of it; over a period longer than `live` it is no value of now.
pub(super) fn content(
    message: &Message,
    reading: &Reading,
    rules: &RuleSet,
    live: Span,
) -> Content {
    match message.mode {
        Mode::Test => return Content::NotJudged("test mode".to_owned()),
        Mode::Demo => return Content::NotJudged("demo mode".to_owned()),
        Mode::Real | Mode::Probe => {}
    }
    if reading.status == Status::EnteredInError {
        return Content::Withdrawn;
    }
    match &reading.value {
        Value::Absent(reason) => Content::NotJudged(format!("{ABSENT}{reason}")),
        // Whatever it is worth, it says nothing of now.
        Value::Number { .. } if is_statistic(reading, live) => Content::Statistic,
        _ if reading.quality.is_some_and(|q| q < rules.quality_min) => {
            Content::NotJudged(format!("quality {:.2}", reading.quality.unwrap_or_default()))
        }
        Value::Number { value, unit, comparator } => {
            // A fraction where per cent is expected is judged as what it would be in per cent.
            let is_fraction = reading.unit_doubtful && *unit == Unit::Percent;
            let number = Number {
                value: if is_fraction { value * 100.0 } else { *value },
                unit: *unit,
                comparator: *comparator,
                unit_doubtful: reading.unit_doubtful,
            };
            if reading.implausible { Content::Implausible(number) } else { Content::Number(number) }
        }
        Value::Code(word) | Value::Text(word) => Content::Word(word.clone()),
        Value::Time(time) => Content::Word(time.to_string()),
    }
}

/// Whether a reading is over a period longer than what is live.
fn is_statistic(reading: &Reading, live: Span) -> bool {
    matches!(reading.time, ReadingTime::Period(from, to) if to - from > live)
}

/// A zero that the binding declares to mean "no sensor" is not a measurement.
pub(super) fn zero(content: Content, zeros: &[SignalId], reading: &Reading) -> Content {
    let is_zero =
        matches!(&content, Content::Number(n) | Content::Implausible(n) if n.value == 0.0);
    if is_zero && zeros.contains(&reading.signal) { Content::NoSensor } else { content }
}

/// What became of it, in one word.
pub(super) fn fate(
    message: &Message,
    reading: &Reading,
    content: &Content,
    timing: &Timing,
) -> Fate {
    match (content, timing.timeliness) {
        (Content::NotJudged(_), _) if matches!(message.mode, Mode::Test | Mode::Demo) => Fate::Test,
        (Content::NotJudged(_), _) if matches!(reading.value, Value::Absent(_)) => Fate::Absent,
        (Content::Statistic, _) => Fate::Statistic,
        (Content::NotJudged(_), _) => Fate::LowQuality,
        (Content::NoSensor, _) => Fate::NoSensor,
        (Content::Implausible(_), _) => Fate::Implausible,
        (Content::Withdrawn, _) => Fate::Withdrawn,
        (Content::Number(_) | Content::Word(_), Timeliness::Late) => Fate::Late,
        (Content::Number(_) | Content::Word(_), Timeliness::Live) if timing.is_doubtful() => {
            Fate::Doubtful
        }
        (Content::Number(_) | Content::Word(_), Timeliness::Live) => Fate::Judged,
    }
}

/// The flags it is stored with.
pub(super) fn flags(reading: &Reading, timing: &Timing, content: &Content) -> u16 {
    let mut flags = flags_of(reading);
    if timing.timeliness == Timeliness::Late {
        flags |= flag::LATE;
    }
    if timing.is_doubtful() {
        flags |= flag::TIME_DOUBTFUL;
    }
    if matches!(content, Content::Statistic | Content::NotJudged(_)) {
        flags |= flag::NOT_JUDGED;
    }
    flags
}

/// The flags a reading carries by itself.
pub(crate) fn flags_of(reading: &Reading) -> u16 {
    let mut flags = if reading.implausible { flag::IMPLAUSIBLE } else { 0 };
    match reading.status {
        Status::Corrected => flags |= flag::CORRECTED,
        Status::EnteredInError => flags |= flag::ERROR,
        Status::Final | Status::Preliminary => {}
    }
    if let Value::Number { comparator: Some(comparator), .. } = reading.value {
        flags |= flag::of(comparator);
    }
    flags
}

/// Distinguishes a value from any other.
pub(super) fn fingerprint(reading: &Reading) -> u64 {
    let bytes = match &reading.value {
        Value::Number { value, unit, comparator } => {
            let comparator = comparator.map_or(0, |c| c as u64 + 1);
            return value.to_bits() ^ (u64::from(unit.number()) << 1) ^ (comparator << 9);
        }
        Value::Code(text) | Value::Text(text) | Value::Absent(text) => text.as_bytes(),
        Value::Time(time) => return time.as_micros() as u64,
    };
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
