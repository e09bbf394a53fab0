//! A single measurement in the ordinary band asks for another (contract §7).

use super::draft::limit_draft;
use crate::alarms::book::{Draft, Key};
use crate::model::alarm::{Alarm, AlarmKind, Priority};
use crate::model::ids::RuleId;
use crate::model::observation::Source;
use crate::output::Output;
use crate::patient::alarms::{Parts, PatientAlarms};
use crate::patient::{Patient, RuleContext, SeriesState};
use crate::rules::{Level, LimitRule};
use crate::text;

impl Patient {
    /// Asks again where what asked was taken back, and another reading waits.
    pub(in crate::patient) fn ask_again(
        &mut self,
        source: &Source,
        retracted: &[RuleId],
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        let Ok(series) = self.series.find(source) else { return };
        let rules = self.judging(source.signal, out.now.at, context);
        let Parts { state, mut alarms, .. } = self.parts(series, context, out);
        let asked = |rule: &&LimitRule| {
            rule.confirm.as_ref().is_some_and(|confirm| retracted.contains(&confirm.request))
        };
        for rule in rules.filter(asked) {
            alarms.ask_for_repeat(rule, source, state, true);
        }
    }
}

impl PatientAlarms<'_> {
    /// Brings the request for another measurement into line with where its series stands: open from
    /// the first value beyond until one confirms it, lies inside, or none came in time. What is not
    /// `certain` ends nothing, not even this.
    pub(super) fn ask_for_repeat(
        &mut self,
        rule: &LimitRule,
        source: &Source,
        state: &SeriesState,
        certain: bool,
    ) {
        let Some(confirm) = &rule.confirm else { return };
        let key = Key::new(confirm.request.clone(), source.name());
        let watch = state.watches.of(rule);
        let alarms = watch.is_some_and(|watch| watch.active_level().is_some());
        let waiting = watch
            .filter(|_| !alarms)
            .and_then(|watch| watch.tracks[Level::Warning].began.as_deref());
        match (waiting, self.holds(&key)) {
            (Some(first), false) => {
                let draft = limit_draft(rule, source, first, Level::Warning, self.wall());
                let text = text::repeat_due(&draft.text);
                // The readings are shown by the alarm that may follow.
                let (kind, series, priority) = (AlarmKind::Technical, None, Priority::Low);
                let (crossing, known_at) = (None, state.counted);
                self.raise(Draft {
                    key,
                    kind,
                    series,
                    priority,
                    text,
                    crossing,
                    known_at,
                    ..draft
                });
            }
            (None, true) if certain || alarms => self.change(&key, None, Alarm::absent),
            (Some(_), true) | (None, _) => {}
        }
    }
}
