//! Whose a device was, and when (contract §4).

use minicbor::{Decode, Encode};

use crate::model::ids::PatientId;
use crate::model::signal::SignalId;
use crate::model::time::{Span, Timestamp};

/// Between two patients' bindings, so close to the change a reading belongs to nobody.
pub const BINDING_UNCERTAINTY: Span = Span::secs(5);

/// The device is a patient's from `from` on.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Binding {
    /// Whose; `None` after a correction to nobody.
    #[n(0)]
    pub patient: Option<PatientId>,
    /// By the shown clock.
    #[n(1)]
    pub from: Timestamp,
    /// `None` while it lasts.
    #[n(2)]
    pub to: Option<Timestamp>,
    /// Signals whose 0 means "no sensor".
    #[n(3)]
    pub zero_means_no_sensor: Vec<SignalId>,
    /// `from` in the gateway's own time, which no step of the clock moves.
    #[n(4)]
    pub since: Timestamp,
    /// `to` likewise.
    #[n(5)]
    pub until: Option<Timestamp>,
}

/// Whose a reading is.
pub(super) enum Attribution<'a> {
    Patient {
        patient: &'a PatientId,
        /// Signals whose 0 means "no sensor".
        zeros: &'a [SignalId],
        /// Whether the binding still lasts; what comes after it speaks of the past.
        present: bool,
    },
    Unbound,
    Uncertain(&'a PatientId),
}

impl<'a> Attribution<'a> {
    /// The patient it names, certain or not.
    pub(super) fn patient(&self) -> Option<&'a PatientId> {
        match self {
            Self::Patient { patient, .. } | Self::Uncertain(patient) => Some(patient),
            Self::Unbound => None,
        }
    }
}

/// Whose a reading of this instant of the gateway's own time is.
pub(super) fn attribution(bindings: &[Binding], measured: Timestamp) -> Attribution<'_> {
    let near =
        |a: Timestamp, b: Timestamp| (a - b).as_micros().abs() < BINDING_UNCERTAINTY.as_micros();
    for pair in bindings.windows(2) {
        if let [before, after] = pair
            && let (Some(old), Some(new), Some(end)) =
                (&before.patient, &after.patient, before.until)
            && old != new
            && (near(measured, end) || near(measured, after.since))
            && near(end, after.since)
        {
            return Attribution::Uncertain(new);
        }
    }
    let held = |b: &&Binding| b.since <= measured && b.until.is_none_or(|until| measured < until);
    match bindings.iter().rev().find(held) {
        Some(Binding { patient: Some(patient), zero_means_no_sensor, .. }) => {
            // Bound to the same patient again, it is present as before.
            let now = bindings.last().filter(|last| last.until.is_none());
            let present = now.is_some_and(|now| now.patient.as_ref() == Some(patient));
            Attribution::Patient { patient, zeros: zero_means_no_sensor, present }
        }
        _ => Attribution::Unbound,
    }
}

/// Part of a device's history that is a patient's, by the shown clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch<'a> {
    /// Whose.
    pub patient: &'a PatientId,
    /// Its first instant.
    pub from: Timestamp,
    /// The first instant after it; `None` while the binding lasts.
    pub to: Option<Timestamp>,
}

/// Whose the history of a device is, from its bindings in order: the patient of each, and the first
/// instants of it and after it. Between two patients what is uncertain for a single reading is left out.
pub fn stretches<'a>(
    bindings: impl IntoIterator<Item = (Option<&'a PatientId>, Timestamp, Option<Timestamp>)>,
) -> Vec<Stretch<'a>> {
    let mut stretches: Vec<Stretch<'a>> = Vec::new();
    let mut before: Option<(&PatientId, Timestamp)> = None;
    // A change may be uncertain for longer than the binding after it lasts.
    let mut uncertain_to = None;
    for (patient, from, to) in bindings {
        if let (Some((old, end)), Some(new)) = (before, patient)
            && old != new
            && (end - from).as_micros().abs() < BINDING_UNCERTAINTY.as_micros()
        {
            // What is measured exactly 5 s from the change is certain.
            let certain = end.min(from) - BINDING_UNCERTAINTY + Span::micros(1);
            for stretch in &mut stretches {
                stretch.to = stretch.to.map(|to| to.min(certain));
            }
            uncertain_to = Some(end.max(from) + BINDING_UNCERTAINTY);
        }
        let begin = uncertain_to.map_or(from, |uncertain_to| from.max(uncertain_to));
        before = patient.zip(to);
        stretches.extend(patient.map(|patient| Stretch { patient, from: begin, to }));
    }
    stretches.retain(|stretch| stretch.to.is_none_or(|to| stretch.from < to));
    stretches
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Bindings one after the other, each so many seconds long and so many after the one before.
    fn bindings(parts: &[(usize, i64, i64)], open: bool) -> Vec<Binding> {
        let mut now = Timestamp::from_millis(1_700_000_000_000);
        let mut bindings: Vec<Binding> = Vec::new();
        for (patient, length, gap) in parts {
            let from = now + Span::secs(*gap);
            now = from + Span::secs(*length);
            bindings.push(Binding {
                patient: ["p-1", "p-2"].get(*patient).map(|id| id.parse().unwrap()),
                from,
                to: Some(now),
                zero_means_no_sensor: Vec::new(),
                since: from,
                until: Some(now),
            });
        }
        if let Some(last) = bindings.last_mut().filter(|_| open) {
            (last.to, last.until) = (None, None);
        }
        bindings
    }

    #[test]
    fn a_change_stays_uncertain_beyond_a_short_binding() {
        let bindings = bindings(&[(1, 10, 0), (0, 1, 1), (0, 3, 1)], false);
        let of = bindings.iter().map(|b| (b.patient.as_ref(), b.from, b.to));
        let whose: Vec<_> = stretches(of).iter().map(|s| s.patient.as_str().to_owned()).collect();
        assert_eq!(whose, ["p-2"]);
    }

    proptest! {
        #[test]
        fn history_belongs_to_whom_the_reading_belonged(
            parts in prop::collection::vec((0_usize..3, 1_i64..30, 0_i64..8), 1..6),
            open in any::<bool>(),
            seconds in prop::collection::vec(-10_i64..250, 20),
        ) {
            let bindings = bindings(&parts, open);
            let of = bindings.iter().map(|b| (b.patient.as_ref(), b.from, b.to));
            let stretches = stretches(of);
            for second in seconds {
                for micros in [-1, 0, 1] {
                    let at = Timestamp::from_millis(1_700_000_000_000)
                        + Span::secs(second) + Span::micros(micros);
                    let inside = |s: &&Stretch<'_>| s.from <= at && s.to.is_none_or(|to| at < to);
                    let whose: Vec<_> =
                        stretches.iter().filter(inside).map(|s| s.patient).collect();
                    let expected: Vec<_> = match attribution(&bindings, at) {
                        Attribution::Patient { patient, .. } => vec![patient],
                        Attribution::Unbound | Attribution::Uncertain(_) => Vec::new(),
                    };
                    prop_assert_eq!(whose, expected, "{}", second);
                }
            }
        }
    }
}
