//! The lines of a history.

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use vitalgate_domain::model::command::{AgeClass, PatientLimit, PrincipalKind};
use vitalgate_domain::model::pause::What as Kept;
use vitalgate_domain::model::spo2_scale::Spo2Scale;

use crate::duty::{NotTaken, Plan, Taken};

/// One line.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Line {
    Header(Header),
    Step(Box<Step>),
}

/// The first line of a history.
#[derive(Debug, Deserialize)]
pub(crate) struct Header {
    pub(crate) history: Value,
    pub(crate) site: String,
    pub(crate) time_zone: String,
    pub(crate) begin: String,
    #[serde(default)]
    pub(crate) rules: Option<Vec<(String, String)>>,
    /// Which packs are switched on; left out: those of the command line.
    #[serde(default)]
    pub(crate) packs: Option<Vec<String>>,
}

/// Any other line: what comes at `t` seconds; with none of the rest, time passes.
#[derive(Debug, Deserialize)]
pub(crate) struct Step {
    pub(crate) t: f64,
    pub(crate) message: Option<Message>,
    pub(crate) command: Option<Command>,
    pub(crate) gap: Option<Gap>,
    pub(crate) reload: Option<Vec<(String, String)>>,
    /// The packs from here on, read again with the rules.
    pub(crate) packs: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) restart: bool,
    /// Who is on duty from here on.
    #[serde(default, deserialize_with = "told")]
    pub(crate) duty: Option<Duty>,
    pub(crate) delivered: Option<Taken>,
    pub(crate) undelivered: Option<NotTaken>,
}

/// A word about who is on duty.
#[derive(Debug)]
pub(crate) enum Duty {
    By(Plan),
    /// No plan says so any more: `null`.
    Unplanned,
}

/// What is there, be it `null`.
fn told<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duty>, D::Error> {
    let plan: Option<Plan> = Option::deserialize(from)?;
    Ok(Some(plan.map_or(Duty::Unplanned, Duty::By)))
}

#[derive(Debug, Deserialize)]
pub(crate) struct Gap {
    pub(crate) from: f64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Message {
    pub(crate) principal: String,
    pub(crate) device: String,
    pub(crate) kind: String,
    pub(crate) body: Value,
    #[serde(default)]
    pub(crate) qos: u8,
    #[serde(default)]
    pub(crate) retain: bool,
    #[serde(default)]
    pub(crate) dup: bool,
    #[serde(default)]
    pub(crate) backlog: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Command {
    pub(crate) actor: String,
    #[serde(flatten)]
    pub(crate) what: What,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(crate) enum What {
    Admit {
        patient: String,
        age_class: AgeClass,
        #[serde(default)]
        continuous: bool,
        pregnant: Option<bool>,
        bed: Option<String>,
    },
    PatchPatient {
        patient: String,
        age_class: Option<AgeClass>,
        continuous: Option<bool>,
        pregnant: Option<bool>,
        spo2_scale: Option<Spo2Scale>,
        reason: Option<String>,
    },
    Discharge {
        patient: String,
        reason: Option<String>,
    },
    Transfer {
        patient: String,
        bed: Option<String>,
    },
    AddWard {
        ward: String,
    },
    AddBed {
        bed: String,
        ward: String,
    },
    Register {
        device: String,
        class: String,
        kind: Option<PrincipalKind>,
        via: Option<Vec<String>>,
        signals: Option<Vec<Expected>>,
    },
    Bind {
        device: String,
        patient: String,
        from: Option<String>,
        zero_means_no_sensor: Option<Vec<String>>,
    },
    Unbind {
        device: String,
    },
    CorrectBinding {
        device: String,
        patient: Option<String>,
        #[serde(default)]
        reason: String,
    },
    Limits {
        patient: String,
        limits: Vec<PatientLimit>,
        from: Option<f64>,
        reason: Option<String>,
    },
    Alarm {
        patient: Option<String>,
        rule: String,
        source: String,
        act: String,
        #[serde(default)]
        seen: String,
        reason: Option<String>,
        what: Option<Kept>,
        until: Option<f64>,
        #[serde(default)]
        text: String,
    },
    Pause {
        #[serde(flatten)]
        scope: Scoped,
        #[serde(default)]
        reason: String,
        until: f64,
    },
    HandOver {
        to: String,
    },
    TakeOver {
        from: String,
        /// Patient, rule and source of each.
        alarms: Vec<(Option<String>, String, String)>,
    },
    /// Of the pauses of this scope the one that began last.
    EndPause {
        #[serde(flatten)]
        scope: Scoped,
    },
}

/// Which alarms a pause is for.
#[derive(Debug, Deserialize)]
pub(crate) struct Scoped {
    pub(crate) rule: Option<String>,
    pub(crate) patient: Option<String>,
    pub(crate) bed: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Expected {
    pub(crate) signal: String,
    pub(crate) interval: Option<Value>,
}
