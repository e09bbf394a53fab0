//! An alarm is brought into line with where its series stands to the limits of its rule.

use super::draft::{limit_draft, newest};
use crate::alarms::book::{Draft, Key};
use crate::model::alarm::{Condition, Priority};
use crate::model::observation::Source;
use crate::model::time::Span;
use crate::patient::SeriesState;
use crate::patient::alarms::PatientAlarms;
use crate::rules::{Level, LimitRule};

impl PatientAlarms<'_> {
    /// Brings the alarm of a rule into line with where its series stands.
    pub(super) fn settle(
        &mut self,
        rule: &LimitRule,
        source: &Source,
        state: &mut SeriesState,
        fresh: [bool; 2],
        (certain, judged): (bool, bool),
    ) {
        let watch = state.watches.iter_mut().find(|w| w.rule == rule.id);
        let (level, newest, pending) = watch.map_or((None, None, false), |watch| {
            watch.confirm_by_critical(rule);
            (watch.active_level(), watch.newest_level(), watch.is_pending())
        });
        let holds = newest.or(level).and_then(|level| rule.acknowledge_for(level, self.class));
        let over = judged && !pending;
        let open = self.open_of(rule, source);
        if let Some((key, ..)) = &open {
            self.see(key, rule, state);
        }
        match (level, open) {
            (Some(level), None) => self.raise_limit(rule, source, state, level, holds),
            (Some(level), Some((key, condition, priority))) => {
                let fresh = fresh.contains(&true);
                if (condition != Condition::Present && fresh) || priority < rule.priority(level) {
                    self.raise_limit(rule, source, state, level, holds);
                } else if fresh {
                    self.goes_on_for(&key, holds);
                } else if certain && judged {
                    self.rests(&key);
                }
            }
            (None, Some((key, Condition::Present | Condition::Unknown, _))) if certain && over => {
                let latest = state.latest_on(self.now(), state.gap(rule));
                self.change(&key, None, |alarm, now| {
                    alarm.latest = latest;
                    alarm.absent(now)
                });
            }
            (None, _) => {}
        }
    }

    /// The open alarm of a rule over a series, and what it says; most patients have none at all.
    pub(super) fn open_of(
        &self,
        rule: &LimitRule,
        source: &Source,
    ) -> Option<(Key, Condition, Priority)> {
        if self.is_empty() {
            return None;
        }
        let key = Key::new(rule.id.clone(), source.name());
        let (condition, priority) = self.open(&key)?;
        Some((key, condition, priority))
    }

    fn raise_limit(
        &mut self,
        rule: &LimitRule,
        source: &Source,
        state: &SeriesState,
        level: Level,
        holds: Option<Span>,
    ) {
        let watch = state.watches.of(rule);
        let Some(began) = watch.and_then(|w| w.tracks[level].began.as_deref()) else { return };
        let request = rule.confirm.as_ref().map(|confirm| confirm.request.clone());
        let asked = request.is_some_and(|id| self.holds(&Key::new(id, source.name())));
        // A single measurement counts as of when it was measured, if it waited for no other.
        let single = (state.spot || rule.spot) && !asked;
        let wait = if single { Span::ZERO } else { rule.wait(level) };
        let raised_at = self.now().shown(began.rule_at + wait).min(self.wall());
        let mut draft = limit_draft(rule, source, began, level, raised_at);
        if let Some(crossing) = &mut draft.crossing {
            if let Some(now) = newest(state) {
                crossing.see(now);
            }
            watch.iter().flat_map(|watch| watch.worst()).for_each(|seen| crossing.reach(seen));
        }
        let latest = state.latest_on(self.now(), state.gap(rule));
        let known_at = state.counted;
        self.raise(Draft { latest, acknowledge_for: holds, known_at, ..draft });
    }
}
