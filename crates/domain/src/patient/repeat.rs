//! A single measurement in the ordinary band asks for another (contract §7).

use super::Patient;
use super::judge::limit_draft;
use super::watch::SourceState;
use crate::alarms::book::{Draft, Key};
use crate::model::alarm::{Alarm, AlarmKind, Priority};
use crate::model::observation::Source;
use crate::output::Output;
use crate::rules::{Level, LimitRule};

impl Patient {
    /// Brings the request for another measurement into line with where its series stands: open from
    /// the first value beyond until one confirms it, lies inside, or none came in time. What is not
    /// `certain` ends nothing, not even this.
    pub(super) fn ask_for_repeat(
        &mut self,
        rule: &LimitRule,
        source: &Source,
        state: &SourceState,
        certain: bool,
        out: &mut Output,
    ) {
        let Some(confirm) = &rule.confirm else { return };
        let key = Key::new(confirm.request.clone(), source.name());
        let waiting = state
            .known(rule)
            .filter(|watch| {
                !watch.tracks[Level::Warning].active && !watch.tracks[Level::Critical].active
            })
            .and_then(|watch| watch.tracks[Level::Warning].began.as_deref());
        match (waiting, self.alarms.holds(&key)) {
            (Some(first), false) => {
                let draft = limit_draft(rule, source, first, Level::Warning, out.wall());
                let draft = Draft {
                    key,
                    // The readings are shown by the alarm that may follow.
                    series: None,
                    kind: AlarmKind::Technical,
                    priority: Priority::Low,
                    text: format!("{}: repeat due", draft.text),
                    ..draft
                };
                self.alarms.raise(Self::owner(&self.details, self.ward.as_ref()), draft, out);
            }
            (None, true) if certain => self.alarms.change(&key, None, out, Alarm::absent),
            (Some(_), true) | (None, _) => {}
        }
    }
}
