//! The alarm of a score, and its words.

use super::{Found, Patient, RuleContext, SOURCE};
use crate::alarms::book::{Draft, Key};
use crate::model::alarm::{Alarm, AlarmKind, Condition, TimeQuality, Trigger};
use crate::model::cause::Cause;
use crate::model::time::Timestamp;
use crate::output::Output;
use crate::output::transition::Change;
use crate::rules::news2::{Band, Sum};
use crate::rules::{Method, ScoreRule};
use crate::text;

impl Patient {
    /// The alarm of a band that had held for its time then, by the shown clock.
    pub(super) fn score_draft(
        &self,
        rule: &ScoreRule,
        (band, raised_at): (Band, Timestamp),
        context: RuleContext<'_>,
        out: &Output,
    ) -> Draft {
        let state = self.scores.as_ref().and_then(|scores| scores.of(&rule.id));
        let cause = state.and_then(|state| state.cause.clone());
        Draft {
            key: Key::new(rule.id.clone(), SOURCE),
            kind: AlarmKind::Physiological,
            device: None,
            signal: None,
            series: None,
            sent: None,
            priority: rule.priorities.of(band),
            response: rule.responses.of(band),
            condition: Condition::Present,
            text: self.score_text(rule, context, out.now.at),
            advice: rule.advice.clone(),
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

    /// Moves the alarm of a score, whose words are those of this moment where it moves.
    pub(super) fn move_score(
        &mut self,
        rule: &ScoreRule,
        context: RuleContext<'_>,
        out: &mut Output,
        act: impl FnOnce(&mut Alarm, Timestamp) -> Option<Change>,
    ) {
        let text = self.score_text(rule, context, out.now.at);
        let key = Key::new(rule.id.clone(), SOURCE);
        self.alarms.change(&key, None, out, |alarm, now| {
            let change = act(alarm, now)?;
            alarm.text = text;
            Some(change)
        });
    }

    fn score_text(&self, rule: &ScoreRule, context: RuleContext<'_>, now: Timestamp) -> String {
        let points =
            self.found(rule, context, now).map(|found| found.map(|one: Found<'_>| one.points));
        let name = match rule.method {
            Method::News2 => "NEWS2",
        };
        text::score(name, Sum::of(&points), &points)
    }
}
