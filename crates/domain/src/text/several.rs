//! The words of what several signals come to.

use super::{amount, apart_from};
use crate::model::alarm::Side;
use crate::model::observation::Number;
use crate::rules::Criterion;
use crate::rules::news2::{Band, Input, Sum};

/// `NEWS2 7, high: respiration 3, oxygen 2, pulse 2`; `NEWS2 at least 3, single: respiration 3; missing: temperature`.
pub(crate) fn score(name: &str, sum: Sum, points: &[Option<u8>; Input::ALL.len()]) -> String {
    let named = |wanted: &dyn Fn(Option<u8>) -> Option<String>| {
        let inputs = Input::ALL.into_iter().zip(points);
        let named = inputs.filter_map(|(input, points)| {
            wanted(*points).map(|said| format!("{}{said}", input_name(input)))
        });
        named.collect::<Vec<_>>().join(", ")
    };
    let having = named(&|points| points.filter(|n| *n > 0).map(|n| format!(" {n}")));
    let missing = named(&|points| points.is_none().then(String::new));
    let least = if sum.complete { "" } else { "at least " };
    let band = sum.band.map_or("no band", Band::as_str);
    let mut said = format!("{name} {least}{}, {band}", sum.total);
    if !having.is_empty() {
        said = format!("{said}: {having}");
    }
    if !missing.is_empty() {
        said = format!("{said}; missing: {missing}");
    }
    said
}

fn input_name(input: Input) -> &'static str {
    match input {
        Input::Respiration => "respiration",
        Input::Saturation => "SpO2",
        Input::Oxygen => "oxygen",
        Input::Systolic => "systolic pressure",
        Input::Pulse => "pulse",
        Input::Consciousness => "consciousness",
        Input::Temperature => "temperature",
    }
}

/// `Heart rate 42 /min below 50 /min, SpO2 89 % below 90 %`; `Heart rate 42 /min below 50 /min; not known: SpO2`; where
/// none of its conditions holds, `No condition holds`.
pub(crate) fn combination<'a>(
    holding: impl Iterator<Item = (&'a Criterion, &'a Number)>,
    open: impl Iterator<Item = &'a Criterion>,
) -> String {
    let holding = holding.map(|(condition, value)| {
        let Criterion { label, side, figure, unit, .. } = condition;
        let beyond = if *side == Side::Low { "below" } else { "above" };
        // In the unit that is compared in.
        let compared = value.unit.convert(value.value, *unit);
        let value = Number { value: compared.unwrap_or(value.value), unit: *unit, ..value.clone() };
        let (value, figure) = (apart_from(*figure, &value, *unit), amount(*figure, *unit));
        format!("{label} {value} {beyond} {figure}")
    });
    let mut said = holding.collect::<Vec<_>>().join(", ");
    let mut labels: Vec<&str> = Vec::new();
    for condition in open {
        if !labels.contains(&condition.label.as_str()) {
            labels.push(&condition.label);
        }
    }
    if said.is_empty() {
        "No condition holds".clone_into(&mut said);
    }
    if !labels.is_empty() {
        said = format!("{said}; not known: {}", labels.join("; "));
    }
    said
}
