//! A patient's own limits as somebody reads them: each with who put it, since when, and what holds after its end.

use serde::Serialize;

use super::own::LimitSet;
use crate::model::command::PatientLimit;
use crate::model::signal::SignalTable;
use crate::model::time::Timestamp;
use crate::patient::Patient;
use crate::rules::{InForce, RuleSet};

/// A limit that holds now, and how it came about.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Standing {
    /// The limit.
    pub limit: PatientLimit,
    /// Who put it. Whoever left it as it is did not.
    pub by: String,
    /// From when on.
    pub from: Timestamp,
    /// Why, where that was said.
    pub reason: Option<String>,
    /// What holds once it has ended; `None` where it has no end, or others take its place before.
    pub then: Option<Afterwards>,
}

/// What holds once a limit has ended.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Afterwards {
    /// In the unit of the limit that ends, of several rules the widest; `None` where nothing is judged then.
    pub value: Option<f64>,
}

impl Patient {
    /// The patient's own limits in force at an instant of the gateway's own time.
    pub fn standing_limits(
        &self,
        at: Timestamp,
        signals: &SignalTable,
        rules: &RuleSet,
    ) -> Vec<Standing> {
        let sets = &self.limits[..self.limits.partition_point(|set| set.since <= at)];
        let Some(in_force) = sets.last() else { return Vec::new() };
        let standing = |limit: &PatientLimit| {
            let put = first_with(sets, limit).unwrap_or(in_force);
            Standing {
                limit: limit.clone(),
                by: put.by.clone(),
                from: put.from,
                reason: put.reason.clone(),
                then: self.afterwards(limit, signals, rules),
            }
        };
        in_force.limits.iter().map(standing).collect()
    }

    fn afterwards(
        &self,
        limit: &PatientLimit,
        signals: &SignalTable,
        rules: &RuleSet,
    ) -> Option<Afterwards> {
        limit.ends?;
        let (_, left) = self.ending().find(|(ending, _)| *ending == limit)?;
        let left = InForce { own: &left.limits, version: left.version, adult: self.is_adult() };
        let then = self.then(limit, left, signals, rules);
        Some(Afterwards { value: then.limit.map(|number| number.value) })
    }
}

/// The set that brought a limit: the first of those without a break in which it stands.
fn first_with<'a>(sets: &'a [LimitSet], limit: &PatientLimit) -> Option<&'a LimitSet> {
    let with = |set: &&LimitSet| set.limits.iter().any(|other| other.is_same(limit));
    sets.iter().rev().take_while(with).last()
}
