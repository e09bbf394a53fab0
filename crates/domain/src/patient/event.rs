//! What a device's own events are worth (contract §3).

use super::judgement::{Kind, Occurrence, Reconfigured};
use super::limit::lowered;
use super::{Patient, RuleContext, technical};
use crate::alarms::book::{Draft, Key, Ongoing, Open};
use crate::model::alarm::{Alarm, Condition, Priority, Trigger};
use crate::model::cause::Cause;
use crate::model::message::Phase;
use crate::model::observation::{Episode, Timeliness};
use crate::output::Output;
use crate::rules::{EventRule, Rule};
use crate::text;

/// Events that devices announce themselves.
pub(super) struct Events;

impl Kind for Events {
    fn observe(
        &self,
        patient: &mut Patient,
        occurrence: Occurrence<'_>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        if let Occurrence::Episode(episode) = occurrence {
            patient.judge_episode(episode, context, out);
        }
    }

    fn reconfigure(
        &self,
        patient: &mut Patient,
        change: &mut Reconfigured<'_>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        match change {
            Reconfigured::Closed { rule: Rule::Event(_), open, cause: Some(cause) }
                if matches!(open.alarm.condition, Condition::Present | Condition::Unknown) =>
            {
                patient.judge_event_again(open, (*cause).clone(), context, out);
            }
            Reconfigured::Inherited(_, handover) => {
                let is_event = |(open, _): &mut (Open, Option<Cause>)| {
                    context.rules.get(&open.alarm.rule).and_then(Rule::as_event).is_some()
                };
                let events: Vec<_> = handover.told.extract_if(.., is_event).collect();
                for (open, cause) in events {
                    let Some(cause) = cause else { continue };
                    patient.judge_event_again(&open, cause, context, out);
                }
            }
            Reconfigured::Closed { .. } | Reconfigured::Rules(_) => {}
        }
    }
}

impl Patient {
    /// Judges a device's own event.
    fn judge_episode(&mut self, episode: &Episode, context: RuleContext<'_>, out: &mut Output) {
        let Some(rule) = context.rules.event(&episode.name) else { return };
        let key = Key::new(rule.id.clone(), episode.device.to_string());
        if episode.phase == Phase::End {
            // One rule covers several events, and one event several episodes: all must have ended.
            if episode.is_certain()
                && self.alarms.end(
                    &key,
                    &episode.name,
                    episode.id.as_deref(),
                    episode.timing.measured,
                )
            {
                self.alarms.change(&key, None, out, Alarm::absent);
            }
            return;
        }
        let late = episode.timing.timeliness == Timeliness::Late;
        let age = episode.timing.received - episode.timing.measured;
        let text = text::event(&rule.text, rule.unnamed(&episode.name), episode.text.as_deref());
        if late && age > rule.actionable && !rule.always_notify {
            let text = format!("{text} at {}", episode.timing.measured);
            return self.note_past(&episode.device, ("historical", text), out);
        }
        let single = episode.phase == Phase::Single;
        let momentary = late || single;
        let draft = Draft {
            key: key.clone(),
            kind: rule.kind,
            device: Some(episode.device.clone()),
            signal: None,
            series: None,
            sent: None,
            priority: priority(rule, late),
            response: rule.response,
            condition: if momentary { Condition::Momentary } else { Condition::Present },
            text,
            advice: rule.advice.clone(),
            reason: technical::doubt(&episode.timing),
            cause: episode.cause.clone(),
            trigger: Trigger {
                measured_at: Some(episode.timing.measured),
                relay_at: episode.timing.relay_at,
                received_at: Some(episode.timing.received),
                ..Trigger::new(episode.name.clone(), episode.timing.quality)
            },
            rule_version: 0,
            raised_at: episode.timing.measured,
            late,
            latest: None,
            news: true,
            acknowledge_for: None,
            by_reading: false,
            resettable: false,
            folds: rule.folds.clone(),
            crossing: None,
            known_at: None,
            way: None,
        };
        self.raise(draft, out);
        // What came late has not ended either.
        if !single {
            let (name, id) = (episode.name.clone(), episode.id.clone());
            self.alarms.begin(&key, Ongoing { name, id, began: episode.timing.measured });
        }
    }

    /// Raises anew, under a changed rule, what an event began and none has ended (row 23).
    fn judge_event_again(
        &mut self,
        before: &Open,
        cause: Cause,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        let Open { alarm: before, ongoing, .. } = before;
        let Some(rule) = context.rules.event(&before.trigger.signal) else { return };
        let key = Key::new(rule.id.clone(), before.source.clone());
        let draft = Draft {
            key: key.clone(),
            kind: rule.kind,
            device: before.device.clone(),
            signal: None,
            series: None,
            sent: None,
            priority: priority(rule, before.late),
            response: rule.response,
            condition: match before.condition {
                // It is over, and nobody answered it.
                Condition::Absent => Condition::Momentary,
                known @ (Condition::Present | Condition::Unknown | Condition::Momentary) => known,
            },
            text: rule.text.clone(),
            advice: rule.advice.clone(),
            reason: before.condition_reason.clone(),
            cause,
            trigger: before.trigger.clone(),
            rule_version: 0,
            raised_at: out.wall(),
            late: before.late,
            latest: None,
            news: false,
            acknowledge_for: None,
            by_reading: false,
            resettable: false,
            folds: rule.folds.clone(),
            crossing: None,
            known_at: None,
            way: None,
        };
        self.raise(draft, out);
        for episode in ongoing {
            self.alarms.begin(&key, episode.clone());
        }
    }
}

/// The priority of an event, one step lower where it is late.
fn priority(rule: &EventRule, late: bool) -> Priority {
    if late { lowered(rule.priority, rule.response) } else { rule.priority }
}
