//! Patients.

use serde::Serialize;

use super::limits::Limit;
use crate::projection::view::{self, Board, PatientView};
use vitalgate_domain::model::command::AgeClass;
use vitalgate_domain::model::ids::{BedId, DeviceId, PatientId, RuleId, WardId};
use vitalgate_domain::model::spo2_scale::PrescribedScale;
use vitalgate_domain::model::time::Timestamp;
use vitalgate_domain::rules::news2::{Band, Input};

/// A patient.
#[derive(Debug, Serialize)]
pub struct Patient {
    /// The age class that the limits of the rule pack go by.
    pub age_class: AgeClass,
    /// The bed, while the patient has one.
    pub bed: Option<BedId>,
    /// Whether the patient is watched continuously.
    pub continuous: bool,
    /// The devices bound now.
    pub devices: Vec<DeviceId>,
    /// When the patient was discharged; `null` while present.
    pub discharged_at: Option<Timestamp>,
    /// The pseudonymous key.
    pub id: PatientId,
    /// The patient's own limits.
    pub limits: Vec<Limit>,
    /// Rises with every change of the limits.
    pub limits_version: u64,
    /// Whether an alarm would be announced if the patient got worse.
    pub monitored: Monitored,
    /// Whether the patient is pregnant, where that is known.
    pub pregnant: Option<bool>,
    /// What several signals add up to, by each rule that judges the patient.
    pub scores: Vec<Score>,
    /// By which scale SpO2 is scored, with who prescribed it; `null` is the usual one.
    pub spo2_scale: Option<PrescribedScale>,
    /// The latest judged values.
    pub vitals: Vec<Vital>,
    /// The ward.
    pub ward: Option<WardId>,
}

/// What several signals add up to.
#[derive(Debug, Serialize)]
pub struct Score {
    /// How grave it is, as far as it is known: `high`, `medium`, `single`; `null` in no band.
    pub band: Option<Band>,
    /// Whether every input is known; else the total is a lower bound.
    pub complete: bool,
    /// What counts of each.
    pub inputs: Vec<ScoreInput>,
    /// Its rule.
    pub rule: RuleId,
    /// Since when it is in that band, or in none.
    pub since: Option<Timestamp>,
    /// The points of the inputs that are known.
    pub total: u8,
}

/// What counts of an input.
#[derive(Debug, Serialize)]
pub struct ScoreInput {
    /// The device that measured it.
    pub device: Option<DeviceId>,
    /// Which input.
    pub input: Input,
    /// When it was measured, corrected.
    pub measured_at: Option<Timestamp>,
    /// Nothing counts: it has no points, and all else is `null`.
    pub missing: bool,
    /// Its points.
    pub points: Option<u8>,
    /// The name of the signal.
    pub signal: Option<String>,
    /// What was said.
    pub text: Option<String>,
    /// The unit that the device sent.
    pub unit: Option<String>,
    /// When it will be too old.
    pub until: Option<Timestamp>,
    /// The value, in `unit`.
    pub value: Option<f64>,
}

/// Whether an alarm would be announced if the patient got worse.
#[derive(Debug, Serialize)]
pub struct Monitored {
    /// Everything that came up to here has been judged.
    pub judged_to: Timestamp,
    /// `monitored`, `partly` or `not`.
    pub state: &'static str,
    /// Why not fully.
    pub why: Vec<String>,
}

/// The latest judged value of one series.
#[derive(Debug, Serialize)]
pub struct Vital {
    /// `<`, `<=`, `>=` or `>`, where the device only knew a bound.
    pub comparator: Option<&'static str>,
    /// The device that measured it.
    pub device: DeviceId,
    /// Why the latest reading was not judged, if it was not.
    pub doubt: Option<String>,
    /// Lead or channel.
    pub instance: String,
    /// The label of the signal for people.
    pub label: String,
    /// When it was measured, corrected.
    pub measured_at: Option<Timestamp>,
    /// When it reached the gateway.
    pub received_at: Option<Timestamp>,
    /// The name of the signal.
    pub signal: String,
    /// After this the value no longer shows how the patient is.
    pub stale_after: Option<Timestamp>,
    /// The value of codes and texts.
    pub text: Option<String>,
    /// The unit that the device sent.
    pub unit: Option<String>,
    /// The value, in `unit`; `null` for codes and texts, and before any value was judged.
    pub value: Option<f64>,
}

impl Patient {
    /// The patient of a view of this board.
    pub fn new(view: &PatientView, board: &Board) -> Self {
        Self {
            age_class: view.age_class,
            bed: view.bed.clone(),
            continuous: view.continuous,
            devices: view.devices.clone(),
            discharged_at: view.discharged_at,
            id: view.id.clone(),
            limits: view.limits.iter().map(|one| Limit::from(one.limit.clone())).collect(),
            limits_version: view.limits_version,
            monitored: Monitored::new(view, board),
            pregnant: view.pregnant,
            scores: view.scores.iter().cloned().map(Score::from).collect(),
            spo2_scale: view.spo2_scale.clone(),
            vitals: view.vitals.iter().cloned().map(Vital::from).collect(),
            ward: view.ward.clone(),
        }
    }
}

impl Monitored {
    /// A view is made anew only when something of the patient changes, and not while the store fails: how
    /// far the patient has been judged, and whether that can be relied on, comes from the board.
    pub fn new(view: &PatientView, board: &Board) -> Self {
        let view::Monitored { state, why, .. } = &view.monitored;
        let (mut state, mut why) = (*state, why.clone());
        if board.store_failing {
            state = "not";
            why.insert(0, "the store fails: this is how it was before".to_owned());
        } else if board.disk_full {
            state = "not";
            why.insert(0, "the disk is full: this is how it was before".to_owned());
        }
        Self { judged_to: board.judged_to, state, why }
    }
}

impl From<view::Score> for Score {
    fn from(score: view::Score) -> Self {
        let view::Score { rule, total, complete, band, since, inputs } = score;
        let inputs = inputs.into_iter().map(ScoreInput::from).collect();
        Self { band, complete, inputs, rule, since, total }
    }
}

impl From<view::ScoreInput> for ScoreInput {
    fn from(part: view::ScoreInput) -> Self {
        Self {
            device: part.device,
            input: part.input,
            measured_at: part.measured_at,
            missing: part.points.is_none(),
            points: part.points,
            signal: part.signal,
            text: part.text,
            unit: part.unit,
            until: part.until,
            value: part.value,
        }
    }
}

impl From<view::Vital> for Vital {
    fn from(vital: view::Vital) -> Self {
        Self {
            comparator: vital.comparator,
            device: vital.device,
            doubt: vital.doubt,
            instance: vital.instance,
            label: vital.label,
            measured_at: vital.measured_at,
            received_at: vital.received_at,
            signal: vital.signal,
            stale_after: vital.stale_after,
            text: vital.text,
            unit: vital.unit,
            value: vital.value,
        }
    }
}
