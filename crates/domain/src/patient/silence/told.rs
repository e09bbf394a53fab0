//! Silence as an alarm: one for a device, and told once where another alarm tells of the same loss (contract §3, "One
//! loss, one announcement").

use super::{Expectation, SILENCE};
use crate::alarms::book::{Draft, Key, Open, Way};
use crate::alarms::draft;
use crate::model::alarm::{Alarm, Condition, Priority};
use crate::model::ids::{DeviceId, RuleId};
use crate::model::time::Timestamp;
use crate::output::transition::Change;
use crate::output::{Output, rule};
use crate::patient::{Patient, RuleContext, technical};
use crate::text;

impl Patient {
    /// Brings the silence alarm of a device into line with its expectations.
    pub(super) fn announce_silence(
        &mut self,
        device: &DeviceId,
        due: Timestamp,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        let key = Key::new(rule(SILENCE), device.to_string());
        let silent: Vec<&Expectation> = self
            .expectations
            .iter()
            .filter(|e| e.device == *device && e.rung.is_some() && !self.is_told_of(e))
            .collect();
        let Some(first) = silent.iter().min_by_key(|e| e.since) else {
            self.alarms.change(&key, None, out, Alarm::absent);
            for expectation in self.expectations.iter_mut().filter(|e| e.device == *device) {
                expectation.told = false;
            }
            return;
        };
        let another = silent.iter().any(|e| !e.told);
        let priority = silent.iter().filter_map(|e| e.rung).max().unwrap_or(Priority::Low);
        let text = text::silent(device, silent.iter().map(|e| what(e, context)));
        let since = Some(first.shown);
        let draft = draft::technical(
            key.clone(),
            Some(device),
            priority,
            Condition::Present,
            text.clone(),
            first.cause.clone(),
            out,
        );
        let within = silent.iter().map(|e| self.first_rung(e, context)).max();
        let by = out.ways.iter().find(|(silent, _)| silent == device).map(|(_, way)| way);
        let by = by.filter(|_| !self.details.continuous);
        let way = by.zip(within).map(|(by, within)| Way { by: by.clone(), within, outlasted: 0 });
        let signal = first.signal.map(|signal| context.signals.name(signal));
        let known = self.alarms.get(&key).map(|open| (open.alarm.condition, open.alarm.priority));
        match known {
            // What is less grave than it was is told of in its text.
            Some((Condition::Present, stands)) if stands >= priority => {
                let acknowledged =
                    self.alarms.get(&key).is_some_and(|o| o.alarm.acknowledged.is_some());
                let more = self.alarms.get(&key).is_some_and(|o| o.alarm.text != text);
                self.alarms.change(&key, None, out, |alarm, now| {
                    alarm.text = text;
                    alarm.trigger.signal = signal.unwrap_or_default();
                    alarm.trigger.measured_at = since;
                    if acknowledged && another {
                        return Some(alarm.recur(Condition::Present, false, now));
                    }
                    more.then_some(Change::Updated)
                });
            }
            Some(_) | None => {
                if known.is_none() {
                    self.alarms.episodes_unknown(device, out);
                }
                let mut draft = Draft { raised_at: out.now.shown(due), way, ..draft };
                draft.trigger.signal = signal.unwrap_or_default();
                draft.trigger.measured_at = since;
                self.raise(draft, out);
            }
        }
        let told_elsewhere: Vec<bool> =
            self.expectations.iter().map(|e| self.is_told_of(e)).collect();
        for (expectation, elsewhere) in self.expectations.iter_mut().zip(told_elsewhere) {
            let silent = expectation.device == *device && expectation.rung.is_some();
            expectation.told |= silent && !elsewhere;
        }
    }

    /// Another alarm tells of a loss: its silence need not be told as well.
    pub(in crate::patient) fn told_elsewhere(
        &mut self,
        device: &DeviceId,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        if self.alarms.holds(&Key::new(rule(SILENCE), device.to_string())) {
            // What else falls silent at this moment goes on with it.
            self.reach_rungs(device, context, out);
        }
    }

    /// Alarms of these rules are closed: a silence that one of them told of is told by itself.
    pub(in crate::patient) fn told_no_more(
        &mut self,
        closed: &[RuleId],
        device: &DeviceId,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        if closed.iter().any(technical::is_loss) {
            self.announce_silence(device, out.now.at, context, out);
        }
    }

    /// What was known last of a silent device is another value now: its silence may be urgent.
    pub(in crate::patient) fn hurry_silence(
        &mut self,
        device: &DeviceId,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        let silent = |e: &Expectation| {
            e.device == *device && e.rung.is_some_and(|rung| rung < Priority::High)
        };
        let urgent = (0..self.expectations.len())
            .any(|index| silent(&self.expectations[index]) && self.is_urgent(index, context));
        if urgent {
            for expectation in self.expectations.iter_mut().filter(|e| silent(e)) {
                expectation.rung = Some(Priority::High);
            }
            self.announce_silence(device, out.now.at, context, out);
        }
    }

    /// Whether another alarm tells already that a signal is lost: one loss is one announcement.
    fn is_told_of(&self, expectation: &Expectation) -> bool {
        self.told_by(expectation).is_some()
    }

    /// The alarm that tells already that a signal is lost.
    pub(in crate::patient) fn told_by(&self, expectation: &Expectation) -> Option<&Open> {
        let signal = expectation.signal?;
        let tells = |(key, open): &(&Key, &Open)| {
            technical::is_loss(&key.rule)
                && open.signal == Some(signal)
                && open.alarm.device.as_ref() == Some(&expectation.device)
                && open.alarm.condition == Condition::Present
        };
        self.alarms.iter().find(tells).map(|(_, open)| open)
    }
}

/// What of a device is silent, and why.
fn what<'a>(expectation: &'a Expectation, context: RuleContext<'a>) -> (&'a str, &'a str) {
    let label = expectation.signal.map_or(text::ANYTHING, |signal| {
        context.signals.get(signal).map_or("?", |signal| &signal.label)
    });
    (label, expectation.doubt.as_deref().unwrap_or(text::NO_DATA))
}
