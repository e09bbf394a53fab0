//! Who is on duty when, as the core sees it: a plan that was made of local times before, in instants. So it follows from
//! the journal alone, whatever becomes of the rules of time zones.

use std::collections::BTreeSet;

use minicbor::{Decode, Encode};

use super::alarm::{Alarm, Response};
use super::ids::{ChannelId, DutyRole, PersonId, TeamId, WardId};
use super::time::Timestamp;

/// Who is on duty, from an instant to another. Times are those of the shown clock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct DutyPlan {
    /// From when on it is made.
    #[n(0)]
    pub from: Timestamp,
    /// Until when; nothing is known of what comes after.
    #[n(1)]
    pub until: Timestamp,
    /// Who may be called.
    #[n(2)]
    pub people: Vec<Person>,
    /// Who answers for what, the first that serves an alarm.
    #[n(3)]
    pub teams: Vec<Team>,
    /// Who is on duty, by when they begin.
    #[n(4)]
    pub watches: Vec<Watch>,
    /// When people are called for what need not be answered at once, by when that begins.
    #[n(5)]
    pub hours: Vec<CallingHours>,
    /// When some of them are called for what is immediate alone, by when that begins.
    #[n(6)]
    #[cbor(default, skip_if = "Vec::is_empty")]
    pub quiet: Vec<QuietHours>,
}

/// Somebody who may be called.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Person {
    /// Who.
    #[n(0)]
    pub id: PersonId,
    /// The actor of what this person does.
    #[n(1)]
    pub actor: String,
    /// By which channels, the first of them first; with none on the stream alone.
    #[n(2)]
    pub channels: Vec<ChannelId>,
    /// The wards whose patients' alarms they may answer; `None` is all.
    #[n(3)]
    pub wards: Option<BTreeSet<WardId>>,
}

/// Those who answer for the same alarms, and in which order they are asked.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Team {
    /// Which.
    #[n(0)]
    pub id: TeamId,
    /// The wards it serves; none for all.
    #[n(1)]
    pub wards: Vec<WardId>,
    /// The packs of rules it serves, what stands before the first dot of a rule; none for all.
    #[n(2)]
    pub packs: Vec<String>,
    /// The response classes it serves; none for all.
    #[n(3)]
    pub responses: Vec<Response>,
    /// Whether it answers for the gateway itself, and for that alone.
    #[n(4)]
    pub gateway: bool,
    /// The ladder: who is asked, one after the other.
    #[n(5)]
    pub steps: Vec<DutyStep>,
}

/// One step of a ladder.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct DutyStep {
    /// Whoever is on duty as this.
    #[n(0)]
    pub role: DutyRole,
    /// What is told beside the person's own channels: a phone of the ward.
    #[n(1)]
    pub channels: Vec<ChannelId>,
}

/// Somebody is on duty.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Watch {
    /// Of which team.
    #[n(0)]
    pub team: TeamId,
    /// As what.
    #[n(1)]
    pub role: DutyRole,
    /// Who.
    #[n(2)]
    pub person: PersonId,
    /// From then on.
    #[n(3)]
    pub from: Timestamp,
    /// Until then.
    #[n(4)]
    pub until: Timestamp,
    /// Whether the person may be asleep: only what is immediate wakes anybody.
    #[n(5)]
    pub on_call: bool,
}

/// People are called for alarms of a response class.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct CallingHours {
    /// Of which class.
    #[n(0)]
    pub response: Response,
    /// From then on.
    #[n(1)]
    pub from: Timestamp,
    /// Until then.
    #[n(2)]
    pub until: Timestamp,
}

/// Somebody is called for what is immediate alone.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct QuietHours {
    /// Who.
    #[n(0)]
    pub person: PersonId,
    /// From then on.
    #[n(1)]
    pub from: Timestamp,
    /// Until then.
    #[n(2)]
    pub until: Timestamp,
}

/// Nobody is on duty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hole {
    /// From then on.
    pub from: Timestamp,
    /// Until then, as far as the plan goes.
    pub until: Timestamp,
    /// Of which team.
    pub team: TeamId,
    /// As what.
    pub role: DutyRole,
}

/// Whether somebody may be called at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calling {
    /// Now.
    Now,
    /// At this instant first, as far as the plan goes.
    From(Timestamp),
}

impl DutyPlan {
    /// The team that answers for an alarm.
    pub fn team_for(&self, alarm: &Alarm) -> Option<&Team> {
        self.teams.iter().find(|team| team.serves(alarm))
    }

    /// The team of this id.
    pub fn team(&self, id: &TeamId) -> Option<&Team> {
        self.teams.iter().find(|team| team.id == *id)
    }

    /// Who is on duty as something; of several who began last.
    pub fn on_duty(&self, team: &TeamId, role: &DutyRole, at: Timestamp) -> Option<&Watch> {
        let is_it = |watch: &&Watch| watch.is_of(team, role) && watch.covers(at);
        self.watches.iter().rev().find(is_it)
    }

    /// Whether somebody may answer an alarm where its patient is.
    pub fn may_answer(&self, person: &PersonId, alarm: &Alarm) -> bool {
        !alarm.is_of_patients() || self.answers_in(person, alarm.ward_shown())
    }

    /// Whether somebody may answer alarms of patients of a ward; `None` is of those in none.
    pub fn answers_in(&self, person: &PersonId, ward: Option<&WardId>) -> bool {
        let wards = self.person(person).and_then(|person| person.wards.as_ref());
        wards.is_none_or(|wards| ward.is_some_and(|ward| wards.contains(ward)))
    }

    /// Who is on duty as something and may answer an alarm.
    pub fn answering(
        &self,
        team: &TeamId,
        role: &DutyRole,
        alarm: &Alarm,
        at: Timestamp,
    ) -> Option<&Watch> {
        self.on_duty(team, role, at).filter(|watch| self.may_answer(&watch.person, alarm))
    }

    /// When somebody next begins to be on duty for a team.
    pub fn next_watch(&self, team: &TeamId, after: Timestamp) -> Option<Timestamp> {
        let begins = |watch: &&Watch| watch.team == *team && watch.from > after;
        self.watches.iter().find(begins).map(|watch| watch.from)
    }

    /// Until when somebody goes on being on duty, as whatever; `None` where they are not.
    pub fn on_duty_until(&self, person: &PersonId, at: Timestamp) -> Option<Timestamp> {
        let mut until = None;
        for watch in self.watches.iter().filter(|watch| watch.person == *person) {
            if watch.covers(until.unwrap_or(at)) {
                until = until.max(Some(watch.until));
            }
        }
        until
    }

    /// Whether people who are up may be called for a response class.
    pub fn calls(&self, response: Response, at: Timestamp) -> Calling {
        match response {
            Response::Immediate | Response::Prompt => Calling::Now,
            Response::SameDay | Response::NextWorkingDay => self.hours(response, at),
        }
    }

    /// Whether somebody on a watch may be called: who may be asleep, or has quiet hours, is woken by what is immediate
    /// alone.
    pub fn calls_on(&self, watch: &Watch, response: Response, at: Timestamp) -> Calling {
        let mut when = at;
        loop {
            if let Calling::From(later) = self.hours_on(watch, response, when) {
                when = when.max(later);
            }
            match self.quiet_until(&watch.person, response, when) {
                Some(until) => when = until,
                None if when <= at => return Calling::Now,
                None => return Calling::From(when),
            }
        }
    }

    /// Until when somebody's quiet hours hold back what is of a response class; `None` where they hold back nothing.
    pub fn quiet_until(
        &self,
        person: &PersonId,
        response: Response,
        at: Timestamp,
    ) -> Option<Timestamp> {
        let covers =
            |quiet: &&QuietHours| quiet.person == *person && quiet.from <= at && at < quiet.until;
        let quiet = self.quiet.iter().find(covers).map(|quiet| quiet.until);
        quiet.filter(|_| response != Response::Immediate)
    }

    /// The same by the hours of calling alone.
    fn hours_on(&self, watch: &Watch, response: Response, at: Timestamp) -> Calling {
        match response {
            Response::Prompt if watch.on_call => self.hours(response, at),
            Response::Immediate
            | Response::Prompt
            | Response::SameDay
            | Response::NextWorkingDay => self.calls(response, at),
        }
    }

    fn hours(&self, response: Response, at: Timestamp) -> Calling {
        let to_come = |hours: &&CallingHours| hours.response == response && hours.until > at;
        match self.hours.iter().find(to_come) {
            Some(hours) if hours.from <= at => Calling::Now,
            Some(hours) => Calling::From(hours.from),
            None => Calling::From(self.until),
        }
    }

    /// Who does what an actor does, if that is one of these people.
    pub fn person_of(&self, actor: &str) -> Option<&Person> {
        self.people.iter().find(|person| person.actor == actor)
    }

    /// Somebody by id.
    pub fn person(&self, id: &PersonId) -> Option<&Person> {
        self.people.iter().find(|person| person.id == *id)
    }

    /// Somebody as people name them: by what they sign in as, or by id.
    pub fn named(&self, name: &str) -> Option<&Person> {
        let by_id = || self.people.iter().find(|person| person.id.as_str() == name);
        self.person_of(name).or_else(by_id)
    }

    /// When nobody is on duty as something that a ladder asks for, from an instant on, by when it begins.
    pub fn holes(&self, from: Timestamp) -> Vec<Hole> {
        let mut holes = Vec::new();
        for team in &self.teams {
            for DutyStep { role, .. } in &team.steps {
                let mut covered = from.max(self.from);
                let mut found = |from: Timestamp, until: Timestamp| {
                    let (team, role) = (team.id.clone(), role.clone());
                    holes.push(Hole { from, until, team, role });
                };
                for watch in self.watches.iter().filter(|watch| watch.is_of(&team.id, role)) {
                    if watch.from > covered {
                        found(covered, watch.from.min(self.until));
                    }
                    covered = covered.max(watch.until);
                    if covered >= self.until {
                        break;
                    }
                }
                if covered < self.until {
                    found(covered, self.until);
                }
            }
        }
        holes.retain(|hole| hole.from < hole.until);
        holes.sort();
        holes.dedup();
        holes
    }
}

impl Team {
    fn serves(&self, alarm: &Alarm) -> bool {
        let of_pack = |pack: &String| {
            let rest = alarm.rule.as_str().strip_prefix(pack.as_str());
            rest.is_some_and(|rest| rest.starts_with('.'))
        };
        let here = |ward: &WardId| alarm.ward_shown() == Some(ward);
        self.gateway != alarm.is_of_patients()
            && (self.wards.is_empty() || self.wards.iter().any(here))
            && (self.packs.is_empty() || self.packs.iter().any(of_pack))
            && (self.responses.is_empty() || self.responses.contains(&alarm.response))
    }
}

impl Watch {
    /// Whether it is going on.
    pub fn covers(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }

    fn is_of(&self, team: &TeamId, role: &DutyRole) -> bool {
        self.team == *team && self.role == *role
    }
}
