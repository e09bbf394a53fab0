//! Who answers for an alarm: the ladder, people, and who is on duty.

mod by_the_contract;
mod hand_over;
mod ladder;
mod laws;
mod paused;
mod people;
mod plan;
mod quiet;
mod receipts;
mod wards;

use crate::model::alarm::Response;
use crate::model::command::{Action, AlarmAct, Command, Outcome};
use crate::model::duty::{CallingHours, DutyPlan, DutyStep, Person, Team, Watch};
use crate::model::ids::ChannelId;
use crate::model::input::Input;
use crate::model::responsibility::{Assignment, Responsibility};
use crate::model::time::{Span, Timestamp};
use crate::output::transition::TransitionBody;

use super::scene::{BEGIN, Scene, at};

pub(super) const SPO2: &str = "vitals_live.spo2_low";

/// A plan of eight days in which `watches` name role, person, and from when to when in hours.
pub(super) fn plan(steps: &[&str], watches: &[(&str, &str, i64, i64)]) -> DutyPlan {
    let team = "icu".parse().unwrap();
    let step = |role: &&str| DutyStep { role: role.parse().unwrap(), channels: Vec::new() };
    let watch = |(role, person, from, until): &(&str, &str, i64, i64)| Watch {
        team: "icu".parse().unwrap(),
        role: role.parse().unwrap(),
        person: person.parse().unwrap(),
        from: BEGIN + Span::hours(*from),
        until: BEGIN + Span::hours(*until),
        on_call: false,
    };
    let person = |id: &str, actor: &str| Person {
        id: id.parse().unwrap(),
        actor: actor.to_owned(),
        channels: Vec::new(),
        wards: None,
    };
    let mut watches: Vec<Watch> = watches.iter().map(watch).collect();
    watches.sort_by_key(|watch| watch.from);
    DutyPlan {
        from: BEGIN - Span::hours(1),
        until: BEGIN + Span::days(8),
        people: vec![person("n1", "nurse"), person("n2", "n2"), person("d1", "d1")],
        teams: vec![Team {
            id: team,
            wards: Vec::new(),
            packs: Vec::new(),
            responses: Vec::new(),
            gateway: false,
            steps: steps.iter().map(step).collect(),
        }],
        watches,
        hours: Vec::new(),
        quiet: Vec::new(),
    }
}

/// A nurse, then a physician, both there all the time.
pub(super) fn usual() -> DutyPlan {
    plan(&["nurse", "physician"], &[("nurse", "n1", -1, 192), ("physician", "d1", -1, 192)])
}

/// The same with channels: two of the nurse, one of the physician, and a phone of the ward for the first step.
pub(super) fn with_channels() -> DutyPlan {
    let mut plan = usual();
    plan.people[0].channels = vec![channel("n1-push"), channel("n1-sms")];
    plan.people[2].channels = vec![channel("d1-push")];
    plan
}

pub(super) fn channel(id: &str) -> ChannelId {
    id.parse().unwrap()
}

pub(super) fn on_duty(plan: DutyPlan) -> Input {
    Input::Duty(Some(Box::new(plan)))
}

/// A channel fails with something that is high.
pub(super) fn fails(scene: &mut Scene, by: &str) {
    let waits = Some(crate::model::alarm::Priority::High);
    let words = "503 Service Unavailable".to_owned();
    scene.fold(&[Input::Undelivered { channel: channel(by), waits, words }]);
}

/// Hours of a class, in hours of the scene.
pub(super) fn hours(response: Response, from: i64, until: i64) -> CallingHours {
    CallingHours { response, from: BEGIN + Span::hours(from), until: BEGIN + Span::hours(until) }
}

/// A bedside monitor of `p`, by a plan.
pub(super) fn bedside(plan: DutyPlan) -> Scene {
    let mut scene = Scene::bedside();
    scene.fold(&[on_duty(plan)]);
    scene
}

/// The same with SpO2 far too low, high since second 5; nothing is measured afterwards.
pub(super) fn desaturated(plan: DutyPlan) -> Scene {
    let mut scene = bedside(plan);
    scene.stream("dev", "spo2", 70.0, 6);
    scene.expect(&["raised high vitals_live.spo2_low: alarming, present"]);
    scene
}

impl Scene {
    /// Who answers for the open alarm of a rule.
    #[track_caller]
    pub(super) fn answers(&self, rule: &str) -> Responsibility {
        self.alarm(rule).responsibility.expect("somebody was asked")
    }

    /// The same in short words: `notified 1 nurse n1`.
    #[track_caller]
    pub(super) fn asked(&self, rule: &str) -> String {
        let Responsibility { state, step, role, person, .. } = self.answers(rule);
        let state = serde_json::to_value(state).unwrap();
        let parts = [
            state.as_str().map(str::to_owned),
            step.map(|step| step.to_string()),
            role.map(|role| role.to_string()),
            person,
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// What somebody does with the alarm of a rule as it is now.
    #[track_caller]
    pub(super) fn by(&mut self, actor: &str, rule: &str, act: AlarmAct) -> (Outcome, String) {
        let alarm = self.alarm(rule);
        let action = Action::Alarm { id: alarm.id, seen: alarm.seq, act };
        let before = self.log.len();
        let command = Command { actor: actor.to_owned(), action };
        self.fold(&[Input::Command(Box::new(command))]);
        match &self.log[before].body {
            TransitionBody::Answer { answer, .. } => (answer.outcome, answer.detail.clone()),
            other => panic!("the answer comes first, not {other:?}"),
        }
    }

    /// Goes on for so many seconds, its device with it: the same value every second.
    pub(super) fn low_for(&mut self, seconds: u32) {
        self.stream("dev", "spo2", 70.0, seconds);
    }

    /// When each ladder moved since the last look, in seconds, and how: `125 notified`.
    pub(super) fn ladder(&mut self) -> Vec<String> {
        let begin = self.now.wall() - (self.now.at - BEGIN);
        let words = |transition: &crate::output::transition::Transition| {
            let TransitionBody::Alarm { change, alarm, .. } = &transition.body else { return None };
            let second = (transition.at - begin).as_secs_f64();
            Some(format!("{second} {} {}", change.as_str(), alarm.rule))
        };
        let all = self.since_last_look().iter().filter_map(words).collect();
        self.skip();
        all
    }
}

/// Whoever a transition tells is told by it alone, and once by each channel.
pub(super) fn nothing_told_twice(caused: &[crate::output::transition::Transition]) {
    for transition in caused {
        let TransitionBody::Alarm { alarm, .. } = &transition.body else { continue };
        let told = alarm.responsibility.iter().flat_map(|r| &r.told);
        let mut keys: Vec<_> =
            told.clone().map(|told| (told.to.clone(), told.channel.clone())).collect();
        let all = keys.len();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), all, "{alarm:?}");
        assert!(told.clone().all(|told| told.seq <= alarm.seq), "{alarm:?}");
    }
}

/// A second of the scene.
pub(super) fn second(s: f64) -> Timestamp {
    at(s)
}

/// Every high alarm that is announced and not closed has an owner or a running timer.
pub(super) fn somebody_or_a_timer(scene: &Scene) {
    let of_patients = scene.core.patients.values().flat_map(|p| p.alarms.iter());
    for (_, open) in of_patients {
        let alarm = &open.alarm;
        let state = alarm.responsibility.as_ref().map(|r| r.state);
        let asks = alarm.priority_peak == crate::model::alarm::Priority::High
            && alarm.priority == crate::model::alarm::Priority::High
            && alarm.group.is_none()
            && alarm.quiet_until.is_none();
        if asks && scene.core.site.duty.plan().is_some() {
            let owned = state == Some(Assignment::Accepted);
            assert!(owned || open.ladder.deadline().is_some(), "{alarm:?}");
        }
    }
}
