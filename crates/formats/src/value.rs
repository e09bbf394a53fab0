//! Numbers, units and codes of readings, and the doubt in them.

use super::fields::{Field, Refusal, quote};
use vitalgate_domain::model::message::{Comparator, RefusalReason, Value};
use vitalgate_domain::model::signal::Signal;
use vitalgate_domain::model::unit::{Quantity, Unit};

/// A number with its unit, kept as received; the unit must measure what the signal is.
pub(super) fn number(
    value: f64,
    unit: &Field<'_>,
    comparator: &Field<'_>,
    signal: &Signal,
) -> Result<Value, Refusal> {
    let refuse = |detail| Err(Refusal::new(RefusalReason::Unit, detail));
    let unit: Unit = match unit.text("unit")? {
        Some(code) => match code.parse() {
            Ok(unit) => unit,
            Err(_) => return refuse(format!("the unit {} is not known", quote(code))),
        },
        None => return refuse("`unit` is missing beside `value`".to_owned()),
    };
    match signal.unit {
        Some(own) if own.quantity() == unit.quantity() => {}
        Some(own) => return refuse(format!("the unit {unit} does not convert to {own}")),
        None => return refuse("the signal is no number: send `code`, `time` or `text`".to_owned()),
    }
    Ok(Value::Number { value, unit, comparator: self::comparator(comparator)? })
}

fn comparator(field: &Field<'_>) -> Result<Option<Comparator>, Refusal> {
    match field.text("comparator")? {
        None => Ok(None),
        Some("<") => Ok(Some(Comparator::Less)),
        Some("<=") => Ok(Some(Comparator::LessOrEqual)),
        Some(">=") => Ok(Some(Comparator::GreaterOrEqual)),
        Some(">") => Ok(Some(Comparator::Greater)),
        Some(_) => Err(Refusal::shape("`comparator` must be <, <=, >= or >")),
    }
}

/// A code: 1 to 64 printable ASCII characters without a space.
pub(super) fn code(field: &Field<'_>) -> Result<String, Refusal> {
    match field.text("code")? {
        Some(code)
            if (1..=64).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_graphic()) =>
        {
            Ok(code.to_owned())
        }
        _ => Err(Refusal::value("`code` must be 1 to 64 ASCII characters without a space")),
    }
}

/// 0..1, or one of three words.
pub(super) fn quality(field: &Field<'_>) -> Result<Option<f32>, Refusal> {
    let bad = || Refusal::value("`quality` must be 0 to 1, low, medium or high");
    match field.text("quality") {
        Ok(None) => Ok(None),
        Ok(Some("low")) => Ok(Some(0.25)),
        Ok(Some("medium")) => Ok(Some(0.6)),
        Ok(Some("high")) => Ok(Some(0.9)),
        Ok(Some(_)) => Err(bad()),
        Err(_) => match field.number("quality") {
            Ok(Some(quality)) if (0.0..=1.0).contains(&quality) => Ok(Some(quality as f32)),
            _ => Err(bad()),
        },
    }
}

/// What speaks against a value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Doubt {
    /// Outside the plausible range of its signal.
    pub(super) implausible: bool,
    /// Glucose in "mg/dL" that would be common in mmol/L.
    pub(super) unit_doubtful: bool,
}

/// Glucose of 10-33 "mg/dL" may be mmol/L; the highest that sensors show is 33.3 mmol/L.
const GLUCOSE_IN_DOUBT: std::ops::Range<f64> = 10.0..34.0;
/// Glucose from here on "mmol/L" is mg/dL.
const GLUCOSE_NOT_MMOL: f64 = 40.0;

/// A saturation from here to 1 "%" was probably meant as a fraction (contract §2).
const FRACTION_IN_DOUBT: std::ops::RangeInclusive<f64> = 0.5..=1.0;

/// The doubt in a value, for numbers only.
pub(super) fn doubt(value: &Value, signal: &Signal) -> Doubt {
    let Value::Number { value, unit, .. } = *value else { return Doubt::default() };
    let glucose = unit.quantity() == Quantity::Glucose;
    let outside = signal.plausible.zip(signal.unit).is_some_and(|((low, high), own)| {
        !unit.convert(value, own).is_some_and(|value| (low..=high).contains(&value))
    });
    let fraction =
        signal.name == "spo2" && unit == Unit::Percent && FRACTION_IN_DOUBT.contains(&value);
    let low_glucose = glucose && unit == Unit::MgPerDl && GLUCOSE_IN_DOUBT.contains(&value);
    Doubt {
        implausible: outside || (unit == Unit::MmolPerL && value >= GLUCOSE_NOT_MMOL),
        unit_doubtful: low_glucose || fraction,
    }
}
