//! The alarm of a rule over several signals, and its words.

use super::{OverSeveral, Patient, RuleContext};
use crate::alarms::book::{Draft, Key};
use crate::model::alarm::{Alarm, AlarmKind, Condition, TimeQuality, Trigger};
use crate::model::cause::Cause;
use crate::model::time::Timestamp;
use crate::output::Output;
use crate::output::transition::Change;

impl Patient {
    /// The alarm of a grade that had held for its time then, by the shown clock.
    pub(super) fn draft_of<R: OverSeveral>(
        &self,
        rule: &R,
        (grade, raised_at): (R::Grade, Timestamp),
        context: RuleContext<'_>,
        out: &Output,
    ) -> Draft {
        let cause = self.known_state(rule).and_then(|state| state.cause.clone());
        let (priority, response) = rule.gravity(grade);
        Draft {
            key: Key::new(rule.id().clone(), R::SOURCE),
            kind: AlarmKind::Physiological,
            device: None,
            signal: None,
            series: None,
            sent: None,
            priority,
            response,
            condition: Condition::Present,
            text: rule.text(&self.found(rule, context, out.now.at)),
            advice: rule.advice().cloned(),
            reason: None,
            cause: cause.unwrap_or_else(|| Cause::noticed(None, out.now.at)),
            trigger: Trigger {
                received_at: Some(out.wall()),
                ..Trigger::new(String::new(), TimeQuality::Synced)
            },
            rule_version: 0,
            raised_at,
            late: false,
            latest: None,
            news: false,
            acknowledge_for: None,
            by_reading: false,
            resettable: false,
            folds: Vec::new(),
            crossing: None,
            known_at: None,
            way: None,
        }
    }

    /// Moves the alarm of a rule, whose words are those of this moment where it moves.
    pub(super) fn move_alarm<R: OverSeveral>(
        &mut self,
        rule: &R,
        context: RuleContext<'_>,
        out: &mut Output,
        act: impl FnOnce(&mut Alarm, Timestamp) -> Option<Change>,
    ) {
        let text = rule.text(&self.found(rule, context, out.now.at));
        let key = Key::new(rule.id().clone(), R::SOURCE);
        self.alarms.change(&key, None, out, |alarm, now| {
            let change = act(alarm, now)?;
            alarm.text = text;
            Some(change)
        });
    }
}
