//! A patient's own limits, with their history: judged by those valid at the measured time.

use minicbor::{Decode, Encode};

use crate::alarms::book::Key;
use crate::model::alarm::{Alarm, Condition, Side};
use crate::model::command::{Outcome, PatientLimit};
use crate::model::observation::Source;
use crate::model::signal::Signal;
use crate::model::time::Timestamp;
use crate::output::Output;
use crate::patient::alarms::{Parts, PatientAlarms};
use crate::patient::{Patient, RuleContext, SeriesState};
use crate::rules::{Level, LimitRule, Relation, RuleSet};

/// Limits valid from a time on.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct LimitSet {
    /// Rises with every change.
    #[n(0)]
    pub version: u64,
    /// Valid for readings measured from here on.
    #[n(1)]
    pub from: Timestamp,
    /// Who set them.
    #[n(2)]
    pub by: String,
    /// Why.
    #[n(3)]
    pub reason: Option<String>,
    /// All of them.
    #[n(4)]
    pub limits: Vec<PatientLimit>,
    /// `from` in the gateway's own time, which no step of the clock moves.
    #[n(5)]
    pub since: Timestamp,
}

impl Patient {
    /// The limits valid at an instant of the gateway's own time, and their version; 0 for none of the patient's own.
    pub fn limits_at(&self, measured: Timestamp) -> (&[PatientLimit], u64) {
        valid_at(&self.limits, measured)
    }

    /// The version that stands.
    pub fn limits_version(&self) -> u64 {
        self.limits.last().map_or(0, |set| set.version)
    }

    /// Why a set of limits cannot be, if it cannot.
    pub fn check_limits(
        &self,
        limits: &[PatientLimit],
        reason: Option<&str>,
        context: RuleContext<'_>,
    ) -> Result<(), (Outcome, String)> {
        let invalid = |what: String| Err((Outcome::Invalid, what));
        for (i, limit) in limits.iter().enumerate() {
            let Some(signal) = context.signals.find(&limit.signal) else {
                return invalid(format!("`{}` is no signal", limit.signal));
            };
            let same = |other: &&PatientLimit| {
                other.signal == limit.signal
                    && other.side == limit.side
                    && other.critical == limit.critical
            };
            if limits[..i].iter().any(|other| same(&other)) {
                return invalid(format!("{} {} stands twice", limit.signal, limit.side));
            }
            if let Err(what) = check_value(limit, signal, reason) {
                return invalid(what);
            }
        }
        for rule in limits.iter().filter_map(|l| context.signals.find(&l.signal)) {
            if let Some(what) = inverted(rule, limits, context.rules) {
                return invalid(what);
            }
        }
        Ok(())
    }

    /// Puts limits in force; alarms whose value is inside now move by row 22.
    pub fn set_limits(&mut self, set: LimitSet, context: RuleContext<'_>, out: &mut Output) {
        let actor = set.by.clone();
        // What was to hold from then on, or later, holds no more.
        self.limits.retain(|older| older.since < set.since);
        self.limits.push(set);
        let sources: Vec<Source> = self.series.keys().cloned().collect();
        for (series, source) in sources.iter().enumerate() {
            let Parts { state, limits, mut alarms } = self.parts(series, out);
            let (limits, _) = valid_at(limits, alarms.now().at);
            for rule in context.rules.limits_of(source.signal) {
                alarms.relax(rule, source, state, limits, &actor);
            }
        }
    }
}

impl PatientAlarms<'_> {
    /// Ends what the patient's new limits allow.
    fn relax(
        &mut self,
        rule: &LimitRule,
        source: &Source,
        state: &mut SeriesState,
        limits: &[PatientLimit],
        actor: &str,
    ) {
        let key = Key::new(rule.id.clone(), source.name());
        let judged = self.open(&key).is_none_or(|(condition, _)| {
            matches!(condition, Condition::Present | Condition::Unknown)
        });
        let Some(number) = state.latest.as_ref().map(|latest| &latest.number) else { return };
        let beyond = Level::ALL.into_iter().any(|level| {
            let relation =
                rule.relation(level, limits, number.value, number.unit, number.comparator);
            matches!(relation, Relation::Beyond { .. } | Relation::Ambiguous)
        });
        if judged && !beyond {
            state.watches.retain(|watch| watch.rule != rule.id);
            self.change(&key, Some(actor), Alarm::limit_changed);
            if let Some(confirm) = &rule.confirm {
                let request = Key::new(confirm.request.clone(), source.name());
                self.change(&request, Some(actor), Alarm::limit_changed);
            }
        }
    }
}

/// The newest set that was valid at a time, and its version; 0 for none.
pub(super) fn valid_at(sets: &[LimitSet], measured: Timestamp) -> (&[PatientLimit], u64) {
    let valid = sets.iter().rev().find(|set| set.since <= measured);
    valid.map_or((&[], 0), |set| (&set.limits, set.version))
}

fn check_value(limit: &PatientLimit, signal: &Signal, reason: Option<&str>) -> Result<(), String> {
    let PatientLimit { signal: name, side, .. } = limit;
    let Some(unit) = signal.unit.filter(|unit| unit.quantity() == limit.unit.quantity()) else {
        return Err(format!("{} does not fit {name}", limit.unit));
    };
    let Some(value) = limit.value else {
        if limit.critical && *side == Side::Low && name == "glucose_cgm" {
            return Err("the urgent low of glucose cannot be switched off".to_owned());
        }
        if reason.is_none_or(|r| r.trim().is_empty()) {
            return Err(format!("switching off {name} {side} needs a reason"));
        }
        return Ok(());
    };
    let inside = limit.unit.convert(value, unit).is_some_and(|value| {
        value.is_finite() && signal.plausible.is_none_or(|(l, h)| (l..=h).contains(&value))
    });
    if inside {
        Ok(())
    } else {
        Err(format!("{name} {side} {value} {} is implausible", limit.unit))
    }
}

/// A low limit at or above a high one would alarm on every reading.
fn inverted(signal: &Signal, limits: &[PatientLimit], rules: &RuleSet) -> Option<String> {
    let unit = signal.unit?;
    let of = |side, level| {
        let rule = rules.limits_of(signal.id).find(|r| r.side == side);
        let own = limits
            .iter()
            .find(|l| l.signal == signal.name && l.side == side && Level::of(l) == level);
        match (own, rule) {
            (Some(own), _) => own.unit.convert(own.value?, unit),
            (None, Some(rule)) => rule.limit(level, limits, unit).map(|(value, _)| value),
            (None, None) => None,
        }
    };
    for level in Level::ALL {
        if let (Some(low), Some(high)) = (of(Side::Low, level), of(Side::High, level))
            && low >= high
        {
            return Some(format!(
                "{}: the low limit {low} is not below the high {high}",
                signal.name
            ));
        }
    }
    None
}
