//! The scores of a patient as everybody may look at them.

use super::view::{Score, ScoreInput};
use vitalgate_domain::core::Core;
use vitalgate_domain::model::signal::SignalTable;
use vitalgate_domain::patient::{InputShown, Patient, ScoreShown, ValueShown};
use vitalgate_domain::rules::news2::Input;

/// The scores that are judged of a patient.
pub(super) fn scores(patient: &Patient, core: &Core) -> Vec<Score> {
    let signals = &core.configuration.signals;
    core.scores_of(patient).into_iter().map(|score| shown(score, signals)).collect()
}

fn shown(score: ScoreShown, signals: &SignalTable) -> Score {
    let ScoreShown { rule, sum, since, inputs } = score;
    let inputs = inputs.iter().map(|(input, found)| part(*input, found.as_ref(), signals));
    Score {
        rule,
        total: sum.total,
        complete: sum.complete,
        band: sum.band,
        since,
        inputs: inputs.collect(),
    }
}

fn part(input: Input, found: Option<&InputShown>, signals: &SignalTable) -> ScoreInput {
    let said = found.map(|found| match &found.value {
        ValueShown::Number(value, unit) => (Some(*value), Some(unit.ucum().to_owned()), None),
        ValueShown::Word(word) => (None, None, Some(word.clone())),
    });
    let (value, unit, text) = said.unwrap_or_default();
    ScoreInput {
        input,
        points: found.map(|found| found.points),
        signal: found.map(|found| signals.name(found.signal)),
        device: found.map(|found| found.device.clone()),
        value,
        unit,
        text,
        measured_at: found.map(|found| found.measured_at),
        until: found.map(|found| found.until),
    }
}
