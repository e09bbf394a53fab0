//! What came out of a scene, in short words.

use crate::model::alarm::{Alarm, AlarmKind};
use crate::model::ids::DeviceId;
use crate::model::instance::Instance;
use crate::model::observation::Source;
use crate::output::transition::{Transition, TransitionBody};
use crate::patient::{LatestValue, SeriesState};

use super::Scene;

impl Scene {
    /// What moved since the last look: `raised high vitals_live.spo2_low: alarming, present`.
    pub(in crate::tests) fn news(&mut self) -> Vec<String> {
        let news = self.log[self.looked..].iter().filter_map(|t| words(&t.body)).collect();
        self.looked = self.log.len();
        news
    }

    /// What a person heard of since the last look: `high vitals_live.spo2_low`. What is shown only is not heard.
    pub(in crate::tests) fn told(&mut self) -> Vec<String> {
        let told = self.log[self.looked..].iter().filter_map(|t| announced(&t.body)).collect();
        self.looked = self.log.len();
        told
    }

    #[track_caller]
    pub(in crate::tests) fn expect(&mut self, expected: &[&str]) {
        let second = self.second();
        assert_eq!(self.news(), expected, "at second {second}");
    }

    /// What moved since the last look of the rule that the scene is about.
    pub(in crate::tests) fn moved(&mut self) -> Vec<String> {
        let about = self.about;
        self.news().into_iter().filter(|said| said.contains(about)).collect()
    }

    #[track_caller]
    pub(in crate::tests) fn moves(&mut self, expected: &[&str]) {
        let second = self.second();
        assert_eq!(self.moved(), expected, "at second {second}");
    }

    /// Nothing of it moves for so long, and then this does.
    #[track_caller]
    pub(in crate::tests) fn moves_after(&mut self, seconds: f64, expected: &[&str]) {
        self.advance(seconds - 0.001);
        self.moves(&[]);
        self.advance(0.001);
        self.moves(expected);
    }

    /// Lets go by what moved.
    pub(in crate::tests) fn skip(&mut self) {
        self.looked = self.log.len();
    }

    /// What moved since the last look.
    pub(in crate::tests) fn since_last_look(&self) -> &[Transition] {
        &self.log[self.looked..]
    }

    /// The alarm of a rule as it was when it was closed.
    #[track_caller]
    pub(in crate::tests) fn closed(&self, rule: &str) -> Alarm {
        let closed = self.log.iter().rev().find_map(|transition| match &transition.body {
            TransitionBody::Alarm { alarm, .. } if alarm.rule.as_str() == rule => Some(alarm),
            _ => None,
        });
        closed
            .filter(|alarm| !alarm.is_open())
            .unwrap_or_else(|| panic!("{rule} is open"))
            .as_ref()
            .clone()
    }

    /// The open alarm of a rule, of whomever.
    #[track_caller]
    pub(in crate::tests) fn alarm(&self, rule: &str) -> Alarm {
        self.find(rule).unwrap_or_else(|| panic!("{rule} is not open"))
    }

    pub(in crate::tests) fn find(&self, rule: &str) -> Option<Alarm> {
        let of_patients = self.core.patients.values().flat_map(|p| p.alarms.iter());
        let mut all = of_patients.chain(self.core.site.alarms.iter());
        all.find(|(key, _)| key.rule.as_str() == rule).map(|(_, open)| open.alarm.clone())
    }

    pub(in crate::tests) fn latest(
        &self,
        patient: &str,
        device: &str,
        signal: &str,
    ) -> Option<LatestValue> {
        self.series(patient, device, signal)?.latest.clone()
    }

    pub(in crate::tests) fn series(
        &self,
        patient: &str,
        device: &str,
        signal: &str,
    ) -> Option<&SeriesState> {
        let source = Source {
            device: device.parse::<DeviceId>().unwrap(),
            signal: self.signal(signal),
            instance: Instance::default(),
        };
        self.core.patients[patient].series.get(&source)
    }
}

/// A transition in short words; answers have none.
pub(in crate::tests) fn words(body: &TransitionBody) -> Option<String> {
    match body {
        TransitionBody::Alarm { change, alarm, .. } => {
            let late = if alarm.late { "late " } else { "" };
            let state = match &alarm.closed_reason {
                Some(reason) => format!("closed {reason}"),
                None => format!("{}, {}", alarm.state, alarm.condition),
            };
            debug_assert!(alarm.kind != AlarmKind::Technical || !alarm.latches());
            Some(format!("{late}{} {} {}: {state}", change.as_str(), alarm.priority, alarm.rule))
        }
        TransitionBody::Note { what, .. } => Some(format!("note {what}")),
        TransitionBody::Answer { .. }
        | TransitionBody::NotAllowed { .. }
        | TransitionBody::SignInsFailed(_) => None,
    }
}

/// An announcement in short words.
fn announced(body: &TransitionBody) -> Option<String> {
    let TransitionBody::Alarm { change, alarm, .. } = body else { return None };
    let late = if alarm.late { "late " } else { "" };
    (change.announces() && !alarm.is_shown_only())
        .then(|| format!("{late}{} {}", alarm.priority, alarm.rule))
}
