//! Limits of a patient.

use serde::Serialize;

use crate::projection::view;
use vitalgate_domain::model::alarm::{LimitFrom, Side};
use vitalgate_domain::model::command::PatientLimit;
use vitalgate_domain::model::ids::RuleId;
use vitalgate_domain::model::time::Timestamp;
use vitalgate_domain::model::unit::Unit;
use vitalgate_domain::output::context;
use vitalgate_domain::patient;

/// `GET patients/{id}/limits`: all limits of the patient's own.
#[derive(Debug, Serialize)]
pub struct Limits {
    /// The limits; what is not named falls back to the rule pack.
    pub limits: Vec<Standing>,
    /// Those of an earlier stay, to be put again by a person; none once there are others.
    pub offered: Vec<Limit>,
    /// Rises with every change; also the `ETag`.
    pub version: u64,
    /// Those that take the place of all of them at a later time, the next first.
    pub waiting: Vec<WaitingLimits>,
}

/// Limits that wait for their time.
#[derive(Debug, Serialize)]
pub struct WaitingLimits {
    /// When they come into force.
    pub from: Timestamp,
    /// The limits from then on; what is not named falls back to the rule pack.
    pub limits: Vec<Limit>,
}

/// One limit of a patient, in place of the one of the rule pack.
#[derive(Debug, Serialize)]
pub struct Limit {
    /// Whether it is the critical limit.
    pub critical: bool,
    /// The lower or the upper one.
    pub side: Side,
    /// The name of the signal.
    pub signal: String,
    /// The unit of `value`.
    pub unit: Unit,
    /// When it ends; `null` is with the stay.
    pub until: Option<Timestamp>,
    /// The limit; `null` where it is switched off.
    pub value: Option<f64>,
}

/// A limit that holds now, and how it came about.
#[derive(Debug, Serialize)]
pub struct Standing {
    /// Who put it.
    pub by: String,
    /// Since when it holds.
    pub from: Timestamp,
    /// The limit.
    #[serde(flatten)]
    pub limit: Limit,
    /// Why, where that was said.
    pub reason: Option<String>,
    /// What holds after `until`; `null` where it has no end, or others take its place before.
    pub then: Option<Afterwards>,
}

/// What holds once a limit has ended.
#[derive(Debug, Serialize)]
pub struct Afterwards {
    /// In the unit of the limit that ends; `null` where nothing is judged then.
    pub value: Option<f64>,
}

/// A limit as it stood when an alarm was raised.
#[derive(Debug, Serialize)]
pub struct LimitInForce {
    /// Whether it is the critical limit.
    pub critical: bool,
    /// Whose limit it was.
    pub from: LimitFrom,
    /// The rule it belongs to.
    pub rule: RuleId,
    /// The lower or the upper one.
    pub side: Side,
    /// The name of the signal.
    pub signal: String,
    /// The unit of `value`: the one that the device sent, where it sent one.
    pub unit: Unit,
    /// The limit; `null` where it was switched off for the patient.
    pub value: Option<f64>,
}

impl From<view::WaitingLimits> for WaitingLimits {
    fn from(view::WaitingLimits { from, limits }: view::WaitingLimits) -> Self {
        Self { from, limits: limits.into_iter().map(Limit::from).collect() }
    }
}

impl From<patient::Standing> for Standing {
    fn from(standing: patient::Standing) -> Self {
        let patient::Standing { limit, by, from, reason, then } = standing;
        let then = then.map(|patient::Afterwards { value }| Afterwards { value });
        Self { by, from, limit: limit.into(), reason, then }
    }
}

impl From<PatientLimit> for Limit {
    fn from(limit: PatientLimit) -> Self {
        let PatientLimit { signal, side, critical, value, unit, until, ends: _ } = limit;
        Self { critical, side, signal, unit, until, value }
    }
}

impl From<context::LimitInForce> for LimitInForce {
    fn from(limit: context::LimitInForce) -> Self {
        let context::LimitInForce { rule, signal, side, critical, value, unit, from } = limit;
        Self { critical, from, rule, side, signal, unit, value }
    }
}
