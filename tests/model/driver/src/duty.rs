//! Who is on duty, how channels take what they are given, and who was told: between a history and the core.

use std::str::FromStr;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use vitalgate_domain::core::Core;
use vitalgate_domain::model::alarm::{Alarm, Priority, Response};
use vitalgate_domain::model::duty::{CallingHours, DutyPlan, DutyStep, Person, Team, Watch};
use vitalgate_domain::model::responsibility::{Assignment, Delivery, Responsibility};
use vitalgate_domain::model::time::{Span, Timestamp};

use crate::answer;

/// A plan; times are seconds of the history.
#[derive(Debug, Deserialize)]
pub(crate) struct Plan {
    from: f64,
    until: f64,
    people: Vec<Somebody>,
    teams: Vec<OfTeam>,
    watches: Vec<OnDuty>,
    #[serde(default)]
    hours: Vec<Hours>,
}

#[derive(Debug, Deserialize)]
struct Somebody {
    id: String,
    actor: Option<String>,
    #[serde(default)]
    channels: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct OfTeam {
    id: String,
    #[serde(default)]
    wards: Vec<String>,
    #[serde(default)]
    packs: Vec<String>,
    #[serde(default)]
    responses: Vec<Response>,
    #[serde(default)]
    gateway: bool,
    steps: Vec<OfLadder>,
}

#[derive(Debug, Deserialize)]
struct OfLadder {
    role: String,
    #[serde(default)]
    channels: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct OnDuty {
    team: String,
    role: String,
    person: String,
    from: f64,
    until: f64,
    #[serde(default)]
    on_call: bool,
}

#[derive(Debug, Deserialize)]
struct Hours {
    response: Response,
    from: f64,
    until: f64,
}

/// A channel took the last it was given of an alarm.
#[derive(Debug, Deserialize)]
pub(crate) struct Taken {
    pub(crate) channel: String,
    pub(crate) patient: Option<String>,
    pub(crate) rule: String,
    pub(crate) source: String,
}

/// How grave what a channel does not take is; nothing where it takes all.
#[derive(Debug, Deserialize)]
pub(crate) struct NotTaken {
    pub(crate) channel: String,
    pub(crate) waits: Option<Priority>,
}

/// Who answers for an open alarm. Times are seconds since the begin of the history, in millionths.
#[derive(Debug, Serialize, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Responsible {
    patient: Option<String>,
    rule: String,
    source: String,
    state: Assignment,
    team: Option<String>,
    step: Option<u32>,
    role: Option<String>,
    person: Option<String>,
    deadline: Option<i64>,
    offered: Option<String>,
    told: Vec<(String, String, i64, Delivery)>,
}

/// Somebody was told of an alarm: whom, by what, when.
pub(crate) type Call = (Option<String>, String, String, String, String, i64);

impl Plan {
    pub(crate) fn read(&self, begin: Timestamp) -> anyhow::Result<DutyPlan> {
        let at = |seconds: f64| begin + Span::micros((seconds * 1e6).round() as i64);
        let people = self.people.iter().map(|one| {
            Ok(Person {
                id: id(&one.id)?,
                actor: one.actor.clone().unwrap_or_else(|| one.id.clone()),
                channels: ids(&one.channels)?,
                wards: None,
            })
        });
        let teams = self.teams.iter().map(|one| {
            let step = |step: &OfLadder| {
                Ok(DutyStep { role: id(&step.role)?, channels: ids(&step.channels)? })
            };
            Ok(Team {
                id: id(&one.id)?,
                wards: ids(&one.wards)?,
                packs: one.packs.clone(),
                responses: one.responses.clone(),
                gateway: one.gateway,
                steps: one.steps.iter().map(step).collect::<anyhow::Result<_>>()?,
            })
        });
        let watches = self.watches.iter().map(|one| {
            Ok(Watch {
                team: id(&one.team)?,
                role: id(&one.role)?,
                person: id(&one.person)?,
                from: at(one.from),
                until: at(one.until),
                on_call: one.on_call,
            })
        });
        let hours = self.hours.iter().map(|one| CallingHours {
            response: one.response,
            from: at(one.from),
            until: at(one.until),
        });
        let mut watches = watches.collect::<anyhow::Result<Vec<_>>>()?;
        watches.sort_by_key(|watch| watch.from);
        let mut hours: Vec<_> = hours.collect();
        hours.sort_by_key(|hours| hours.from);
        Ok(DutyPlan {
            quiet: Vec::new(),
            from: at(self.from),
            until: at(self.until),
            people: people.collect::<anyhow::Result<_>>()?,
            teams: teams.collect::<anyhow::Result<_>>()?,
            watches,
            hours,
        })
    }
}

impl Responsible {
    pub(crate) fn of(alarm: &Alarm, core: &Core, begin: Timestamp) -> Option<Self> {
        let one = alarm.responsibility.as_ref()?;
        let (patient, rule, source) = key(alarm, core);
        let told = |told: &vitalgate_domain::model::responsibility::Told| {
            (told.to.clone(), text(told.channel.as_ref()), since(told.at, begin), told.result)
        };
        let mut told: Vec<_> = one.told.iter().map(told).collect();
        told.sort();
        (one.state != Assignment::None).then(|| Self {
            patient,
            rule,
            source,
            state: one.state,
            team: one.team.as_ref().map(ToString::to_string),
            step: one.step,
            role: one.role.as_ref().map(ToString::to_string),
            person: one.person.clone(),
            deadline: one.deadline.map(|at| since(at, begin)),
            offered: one.offered.clone(),
            told,
        })
    }
}

/// Whom a transition told.
pub(crate) fn calls(
    alarm: &Alarm,
    seq: u64,
    core: &Core,
    begin: Timestamp,
) -> impl Iterator<Item = Call> {
    let (patient, rule, source) = key(alarm, core);
    let told = alarm.responsibility.iter().flat_map(|one| one.told.clone());
    told.filter(move |told| told.seq == seq).map(move |told| {
        let channel = text(told.channel.as_ref());
        (patient.clone(), rule.clone(), source.clone(), told.to, channel, since(told.at, begin))
    })
}

/// The transition that told somebody by a channel last.
pub(crate) fn last_told(one: &Responsibility, channel: &str) -> Option<u64> {
    let by_it = one.told.iter().filter(|told| text(told.channel.as_ref()) == channel);
    by_it.map(|told| told.seq).max()
}

fn key(alarm: &Alarm, core: &Core) -> (Option<String>, String, String) {
    let patient = alarm.patient.as_ref().map(ToString::to_string);
    (patient, alarm.rule.to_string(), answer::source(alarm, core))
}

fn text(id: Option<&impl ToString>) -> String {
    id.map(ToString::to_string).unwrap_or_default()
}

fn since(at: Timestamp, begin: Timestamp) -> i64 {
    (at - begin).as_micros()
}

fn ids<T: FromStr>(texts: &[String]) -> anyhow::Result<Vec<T>>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    texts.iter().map(|text| id(text)).collect()
}

fn id<T: FromStr>(text: &str) -> anyhow::Result<T>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    text.parse().with_context(|| format!("`{text}` is no id"))
}
