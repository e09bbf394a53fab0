//! What people see after a step.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;
use vitalgate_domain::core::Core;
use vitalgate_domain::model::alarm::Alarm;
use vitalgate_domain::model::signal::SignalId;
use vitalgate_domain::model::time::Timestamp;
use vitalgate_domain::output::transition::{Change, Transition, TransitionBody};
use vitalgate_domain::patient::{Patient, ScoreShown};
use vitalgate_domain::rules::news2::{Band, Input, Sum};

use crate::duty::{self, Call, Responsible};

#[derive(Debug, Serialize)]
pub(crate) struct Seen {
    history: Value,
    step: u64,
    alarms: Vec<Shown>,
    announced: BTreeSet<Vec<Option<String>>>,
    closed: BTreeSet<Vec<Option<String>>>,
    /// What was over while it was paused, told at the end of the pause.
    told_over: BTreeSet<Vec<Option<String>>>,
    /// What is switched off, of which people were reminded.
    reminded: BTreeSet<Vec<Option<String>>>,
    answer: Option<Value>,
    /// Who was told, by what, and when.
    told: BTreeSet<Call>,
    /// Who answers for what is open.
    responsible: Vec<Responsible>,
    /// Of everybody who is here, by patient.
    scores: BTreeMap<String, Vec<Score>>,
    /// By patient and rule, whether it is met, where that is decided.
    combinations: BTreeMap<String, BTreeMap<String, bool>>,
}

/// A score at the end of the step.
#[derive(Debug, Serialize)]
struct Score {
    rule: String,
    total: u8,
    complete: bool,
    band: Option<Band>,
    missing: Vec<&'static str>,
}

fn combinations(core: &Core) -> BTreeMap<String, BTreeMap<String, bool>> {
    let decided = |patient: &Patient| {
        let rules = core.configuration.rules.combinations().map(|rule| &rule.id);
        rules.filter_map(|id| Some((id.to_string(), patient.combination_met(id)?))).collect()
    };
    let here = core.patients.iter().filter(|(_, patient)| patient.discharged_at.is_none());
    let all = here.map(|(id, patient)| (id.to_string(), decided(patient)));
    all.filter(|(_, met): &(_, BTreeMap<_, _>)| !met.is_empty()).collect()
}

/// An open alarm.
#[derive(Debug, Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct Shown {
    patient: Option<String>,
    rule: String,
    source: String,
    state: String,
    condition: String,
    priority: String,
    priority_peak: String,
    response: String,
    late: bool,
}

impl Seen {
    /// Of the core as it is, and of what moved since the last step.
    pub(crate) fn of(
        history: Value,
        step: u64,
        core: &Core,
        moved: &[Transition],
        begin: Timestamp,
    ) -> Self {
        let of_patients = core.patients.values().flat_map(|patient| patient.alarms.iter());
        let all: Vec<&Alarm> =
            of_patients.chain(core.site.alarms.iter()).map(|(_, open)| &open.alarm).collect();
        let mut alarms: Vec<Shown> = all.iter().map(|alarm| shown(alarm, core)).collect();
        alarms.sort();
        let mut responsible: Vec<_> =
            all.iter().filter_map(|alarm| Responsible::of(alarm, core, begin)).collect();
        responsible.sort();
        let mut answer = Self {
            history,
            step,
            alarms,
            announced: BTreeSet::new(),
            closed: BTreeSet::new(),
            told_over: BTreeSet::new(),
            reminded: BTreeSet::new(),
            answer: None,
            told: BTreeSet::new(),
            responsible,
            scores: BTreeMap::new(),
            combinations: combinations(core),
        };
        for (patient, score) in core.scores() {
            answer.scores.entry(patient.to_string()).or_default().push(Score::of(&score));
        }
        for transition in moved {
            if let TransitionBody::Alarm { alarm, .. } = &transition.body {
                answer.told.extend(duty::calls(alarm, transition.seq, core, begin));
            }
            answer.take(&transition.body, core);
        }
        answer
    }

    /// The same, answered so where the core was not asked.
    pub(crate) fn or(mut self, refused: Option<&str>) -> Self {
        self.answer = self.answer.or(refused.map(Value::from));
        self
    }

    fn take(&mut self, body: &TransitionBody, core: &Core) {
        match body {
            TransitionBody::Alarm { change, alarm, .. } => {
                let patient = alarm.patient.as_ref().map(ToString::to_string);
                let key = [patient, Some(alarm.rule.to_string()), Some(source(alarm, core))];
                if announces(*change, alarm) {
                    let late = if alarm.late { "late" } else { "" };
                    let rest = [Some(alarm.priority.to_string()), Some(late.to_owned())];
                    self.announced.insert(key.iter().cloned().chain(rest).collect());
                }
                if *change == Change::EndedWhilePaused {
                    self.told_over.insert(key.to_vec());
                    return;
                }
                if *change == Change::Reminded {
                    self.reminded.insert(key.to_vec());
                }
                if let Some(reason) = &alarm.closed_reason {
                    let rest = [Some(reason.clone())];
                    self.closed.insert(key.into_iter().chain(rest).collect());
                }
            }
            TransitionBody::Answer { answer, .. } => {
                self.answer = serde_json::to_value(answer.outcome).ok();
            }
            TransitionBody::Note { .. }
            | TransitionBody::NotAllowed { .. }
            | TransitionBody::SignInsFailed(_) => {}
        }
    }
}

impl Score {
    fn of(score: &ScoreShown) -> Self {
        let Sum { total, complete, band } = score.sum;
        let missing = score.inputs.iter().filter(|(_, found)| found.is_none());
        let missing = missing.map(|(input, _)| name(*input)).collect();
        Self { rule: score.rule.to_string(), total, complete, band, missing }
    }
}

fn name(input: Input) -> &'static str {
    match input {
        Input::Respiration => "respiration",
        Input::Saturation => "oxygen_saturation",
        Input::Oxygen => "oxygen",
        Input::Systolic => "systolic",
        Input::Pulse => "pulse",
        Input::Consciousness => "consciousness",
        Input::Temperature => "temperature",
    }
}

/// The source as the contract writes it: alarms about one signal of a device have its name before the instance.
pub(crate) fn source(alarm: &Alarm, core: &Core) -> String {
    let about_a_signal = ["link.implausible", "link.zero_or_off", "link.lost_while_pending"];
    let parts =
        alarm.source.rsplit_once('/').filter(|_| about_a_signal.contains(&alarm.rule.as_str()));
    let Some((series, Ok(signal))) = parts.map(|(series, id)| (series, id.parse())) else {
        return alarm.source.clone();
    };
    let name = core.configuration.signals.name(SignalId(signal));
    match series.split_once('/') {
        Some((device, instance)) => format!("{device}/{name}/{instance}"),
        None => format!("{series}/{name}"),
    }
}

fn shown(alarm: &Alarm, core: &Core) -> Shown {
    Shown {
        patient: alarm.patient.as_ref().map(ToString::to_string),
        rule: alarm.rule.to_string(),
        source: source(alarm, core),
        state: alarm.state.to_string(),
        condition: alarm.condition.to_string(),
        priority: alarm.priority.to_string(),
        priority_peak: alarm.priority_peak.to_string(),
        response: alarm.response.to_string(),
        late: alarm.late,
    }
}

/// Whether a person hears of it: information, what follows from another alarm and a third time within an hour are shown only.
fn announces(change: Change, alarm: &Alarm) -> bool {
    !alarm.is_shown_only() && (change.announces() || change == Change::Upgraded)
}
