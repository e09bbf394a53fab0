//! Counts of a device's own events (contract §5, Counts).

use minicbor::{Decode, Encode};

use super::judgement::{Forgotten, Kind, Occurrence, Reconfigured};
use super::limit::lowered;
use super::{Patient, RuleContext, technical};
use crate::alarms::book::{Draft, Key};
use crate::alarms::draft::technical as drafted;
use crate::model::alarm::{AlarmKind, Condition, Trigger};
use crate::model::ids::{DeviceId, RuleId};
use crate::model::message::Phase;
use crate::model::observation::{Episode, Timeliness};
use crate::model::time::Timestamp;
use crate::output::Output;
use crate::rules::CountRule;
use crate::text;

/// When the events of one device happened that one rule counts.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct CountState {
    /// Whose.
    #[n(0)]
    device: DeviceId,
    /// By which rule.
    #[n(1)]
    rule: RuleId,
    /// In order; corrected.
    #[n(2)]
    times: Vec<Timestamp>,
}

impl CountState {
    /// Counts one more: how many there are in the fullest span with it, if these are too many.
    fn count(&mut self, at: Timestamp, rule: &CountRule) -> Option<usize> {
        let place = self.times.partition_point(|other| *other <= at);
        self.times.insert(place, at);
        if let Some(newest) = self.times.last().copied() {
            // What comes late may lie as far before the newest as that is from what it counts with.
            self.times.retain(|time| newest - *time <= rule.within + rule.within);
        }
        let around = |first: &&Timestamp| (**first..=**first + rule.within).contains(&at);
        let within = |first: &Timestamp| {
            let end = *first + rule.within;
            self.times.iter().filter(|time| (*first..=end).contains(*time)).count()
        };
        let most = self.times.iter().filter(around).map(within).max()?;
        (most >= rule.times).then_some(most)
    }
}

/// Counts of events.
pub(super) struct Counts;

impl Kind for Counts {
    fn observe(
        &self,
        patient: &mut Patient,
        occurrence: Occurrence<'_>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        if let Occurrence::Episode(episode) = occurrence
            && episode.phase != Phase::End
        {
            for rule in context.rules.counts_of(&episode.name) {
                patient.count(episode, rule, out);
            }
        }
    }

    fn reconfigure(
        &self,
        patient: &mut Patient,
        change: &mut Reconfigured<'_>,
        _context: RuleContext<'_>,
        _out: &mut Output,
    ) {
        if let Reconfigured::Rules(wanted) = change {
            patient.counts.retain(|state| !wanted(&state.rule));
        }
    }

    fn forget(&self, patient: &mut Patient, what: &mut Forgotten<'_>) {
        match what {
            Forgotten::Device(device, _) => {
                patient.counts.retain(|state| state.device != **device);
            }
            Forgotten::Stay => patient.counts = Vec::new(),
            Forgotten::Reading(..) | Forgotten::Rules(_) => {}
        }
    }
}

impl Patient {
    fn count(&mut self, episode: &Episode, rule: &CountRule, out: &mut Output) {
        let of_rule = |state: &CountState| state.device == episode.device && state.rule == rule.id;
        let index = self.counts.iter().position(of_rule).unwrap_or_else(|| {
            let (device, rule) = (episode.device.clone(), rule.id.clone());
            self.counts.push(CountState { device, rule, times: Vec::new() });
            self.counts.len() - 1
        });
        let timing = &episode.timing;
        let state = self.counts.get_mut(index);
        let Some(counted) = state.and_then(|state| state.count(timing.measured, rule)) else {
            return;
        };
        let words = text::count(&rule.text, counted, rule.within);
        let late = timing.timeliness == Timeliness::Late;
        let age = timing.received - timing.measured;
        if late && age > rule.actionable && !rule.always_notify {
            let words = format!("{words} at {}", timing.measured);
            return self.note_past(&episode.device, ("historical", words), out);
        }
        let priority = if late { lowered(rule.priority, rule.response) } else { rule.priority };
        let draft = drafted(
            Key::new(rule.id.clone(), episode.device.to_string()),
            Some(&episode.device),
            priority,
            Condition::Momentary,
            words,
            episode.cause.clone(),
            out,
        );
        let draft = Draft {
            kind: AlarmKind::Physiological,
            response: rule.response,
            advice: rule.advice.clone(),
            reason: technical::doubt(timing),
            trigger: Trigger {
                measured_at: Some(timing.measured),
                relay_at: timing.relay_at,
                received_at: Some(timing.received),
                ..Trigger::new(episode.name.clone(), timing.quality)
            },
            raised_at: timing.measured,
            late,
            news: true,
            ..draft
        };
        self.raise(draft, out);
    }
}
