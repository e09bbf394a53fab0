//! `teams.toml`: who is called for alarms, when and in which order. Local times of the site's time zone; what the core
//! sees of them is made by [`Teams::plan`].

mod days;
mod file;
mod left_out;
mod nobody;
mod place;
mod plan;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

pub use self::file::{MOST_BYTES, NotPut, TeamsFile, version};
pub use self::left_out::{Places, left_out};
pub use self::nobody::{NoPlace, Unanswered, leaves_nobody};

use self::days::{Days, Hours, LocalDate, LocalTimes, Turn};
use self::place::Text;
use vitalgate_domain::model::alarm::Response;
use vitalgate_domain::model::duty::{DutyStep, Person, Team};
use vitalgate_domain::model::ids::{ChannelId, DutyRole, PersonId, TeamId, WardId};

/// A file that was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", path.display())]
pub struct BadTeams {
    /// Which file.
    pub path: PathBuf,
    /// Line, column and reason.
    pub message: String,
}

/// `teams.toml`, checked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Teams {
    /// Days on which nobody works.
    #[serde(default)]
    holidays: Vec<days::Holiday>,
    #[serde(default)]
    hours: HoursOf,
    #[serde(default)]
    shifts: BTreeMap<String, LocalTimes>,
    #[serde(default)]
    person: Vec<PersonEntry>,
    #[serde(default)]
    absence: Vec<Absence>,
    #[serde(default)]
    team: Vec<TeamEntry>,
    #[serde(default)]
    duty: Vec<DutyEntry>,
}

/// `[hours]`: when people are called for what need not be answered at once.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct HoursOf {
    prompt: Hours,
    same_day: Hours,
    next_working_day: Hours,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonEntry {
    id: Spanned<PersonId>,
    #[serde(default)]
    channels: Vec<Spanned<ChannelId>>,
    /// When they are called for what is immediate alone.
    quiet: Option<Hours>,
    /// The actor of what the person does; the id where it is left out.
    signs_in_as: Option<Spanned<String>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Absence {
    person: Spanned<PersonId>,
    from: Spanned<LocalDate>,
    /// The last day.
    to: LocalDate,
    substitute: Option<Spanned<PersonId>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TeamEntry {
    id: Spanned<TeamId>,
    #[serde(default)]
    wards: Vec<WardId>,
    #[serde(default)]
    packs: Vec<String>,
    #[serde(default)]
    responses: Vec<Response>,
    #[serde(default)]
    gateway: bool,
    steps: Spanned<Vec<StepEntry>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StepEntry {
    role: DutyRole,
    #[serde(default)]
    channels: Vec<Spanned<ChannelId>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DutyEntry {
    team: Spanned<TeamId>,
    role: Spanned<DutyRole>,
    shift: Spanned<String>,
    #[serde(default)]
    days: Days,
    /// On this day alone, in place of whoever else would be.
    date: Option<LocalDate>,
    people: Spanned<Vec<Spanned<PersonId>>>,
    /// How long each of several has it.
    turn: Option<Turn>,
    /// The day on which the turn of the first begins.
    since: Option<LocalDate>,
    #[serde(default)]
    on_call: bool,
}

impl Default for HoursOf {
    fn default() -> Self {
        let hours = |text: &str| {
            text.parse().unwrap_or_else(|e| unreachable!("`{text}` is a literal: {e}"))
        };
        Self {
            prompt: hours("07:00-22:00"),
            same_day: hours("08:00-20:00"),
            next_working_day: hours("08:00-16:00 working"),
        }
    }
}

impl Teams {
    /// Reads a text; an error has its line and column. `channels` are those there are.
    pub fn parse(text: &str, channels: &[ChannelId]) -> Result<Self, String> {
        let text = Text(text);
        let teams: Self = toml::from_str(text.0).map_err(|e| text.refused(&e))?;
        teams.check(channels).map_err(|(span, why)| text.at(span.start, &why))?;
        Ok(teams)
    }

    /// Whether no team is there whom anybody could call.
    pub fn is_empty(&self) -> bool {
        self.team.is_empty()
    }

    /// Whether a channel is somebody's, or a step's: it tells what is for them alone.
    pub fn names(&self, channel: &ChannelId) -> bool {
        let of_people = self.person.iter().flat_map(|person| &person.channels);
        let of_steps = self.team.iter().flat_map(|team| team.steps.get_ref());
        let mut all = of_people.chain(of_steps.flat_map(|step| &step.channels));
        all.any(|named| named.get_ref() == channel)
    }

    /// The actor of whoever has a channel of their own.
    pub fn actor_of(&self, channel: &ChannelId) -> Option<&str> {
        let id = self.whose(channel)?;
        let person = self.person.iter().find(|person| person.id.get_ref() == id)?;
        Some(person.signs_in_as.as_ref().map_or(id.as_str(), |actor| actor.get_ref()))
    }

    /// Whose own a channel is: named by one person, and by no step, which is a phone of the ward.
    pub fn whose(&self, channel: &ChannelId) -> Option<&PersonId> {
        let has = |all: &[Spanned<ChannelId>]| all.iter().any(|named| named.get_ref() == channel);
        let mut steps = self.team.iter().flat_map(|team| team.steps.get_ref());
        let mut people = self.person.iter().filter(|person| has(&person.channels));
        let person = people.next().filter(|_| !steps.any(|step| has(&step.channels)))?;
        people.next().is_none().then(|| person.id.get_ref())
    }

    fn check(&self, channels: &[ChannelId]) -> Result<(), place::Fault> {
        let known = |channel: &Spanned<ChannelId>| {
            if channels.contains(channel.get_ref()) {
                return Ok(());
            }
            place::fault(channel, format!("there is no channel `{}`", channel.get_ref()))
        };
        let mut actors = BTreeMap::new();
        for (index, person) in self.person.iter().enumerate() {
            let id = &person.id;
            if self.person[..index].iter().any(|other| other.id.get_ref() == id.get_ref()) {
                return place::fault(id, format!("there are two of `{}`", id.get_ref()));
            }
            let (span, actor) = match &person.signs_in_as {
                Some(actor) => (actor.span(), actor.get_ref().as_str()),
                None => (id.span(), id.get_ref().as_str()),
            };
            if let Some(other) = actors.insert(actor, id.get_ref()) {
                return Err((span, format!("`{actor}` is what `{other}` signs in as")));
            }
            person.channels.iter().try_for_each(known)?;
        }
        for absence in &self.absence {
            self.known(&absence.person)?;
            if let Some(substitute) = &absence.substitute {
                self.known(substitute)?;
            }
            if *absence.from.get_ref() > absence.to {
                return place::fault(&absence.from, "it ends before it begins".to_owned());
            }
        }
        for (index, team) in self.team.iter().enumerate() {
            let id = team.id.get_ref();
            if self.team[..index].iter().any(|other| other.id.get_ref() == id) {
                return place::fault(&team.id, format!("there are two teams `{id}`"));
            }
            if team.steps.get_ref().is_empty() {
                return place::fault(&team.steps, "a ladder has at least one step".to_owned());
            }
            for step in team.steps.get_ref() {
                step.channels.iter().try_for_each(known)?;
            }
        }
        self.duty.iter().try_for_each(|entry| self.check_duty(entry))
    }

    fn check_duty(&self, entry: &DutyEntry) -> Result<(), place::Fault> {
        let team = self.team.iter().find(|team| team.id.get_ref() == entry.team.get_ref());
        let Some(team) = team else {
            return place::fault(
                &entry.team,
                format!("there is no team `{}`", entry.team.get_ref()),
            );
        };
        let role = entry.role.get_ref();
        if team.steps.get_ref().iter().all(|step| step.role != *role) {
            return place::fault(&entry.role, format!("`{role}` is no step of that team"));
        }
        let shift = entry.shift.get_ref();
        if !self.shifts.contains_key(shift) {
            return place::fault(&entry.shift, format!("there is no shift `{shift}`"));
        }
        let people = entry.people.get_ref();
        people.iter().try_for_each(|person| self.known(person))?;
        match (people.len(), entry.turn, entry.since) {
            (0, ..) => place::fault(&entry.people, "it names nobody".to_owned()),
            (1, ..) | (_, Some(_), Some(_)) => Ok(()),
            (..) => {
                let why = "several take it in turn: `turn` and `since` are missing".to_owned();
                place::fault(&entry.people, why)
            }
        }
    }

    fn known(&self, id: &Spanned<PersonId>) -> Result<(), place::Fault> {
        if self.person.iter().any(|person| person.id.get_ref() == id.get_ref()) {
            return Ok(());
        }
        place::fault(id, format!("there is nobody `{}`", id.get_ref()))
    }

    fn people(&self) -> Vec<Person> {
        let bare = |all: &[Spanned<ChannelId>]| all.iter().map(|c| c.get_ref().clone()).collect();
        let person = |entry: &PersonEntry| {
            let id = entry.id.get_ref().clone();
            let actor = entry.signs_in_as.as_ref().map(|actor| actor.get_ref().clone());
            let actor = actor.unwrap_or_else(|| id.to_string());
            Person { id, actor, channels: bare(&entry.channels), wards: None }
        };
        self.person.iter().map(person).collect()
    }

    fn teams(&self) -> Vec<Team> {
        let bare = |all: &[Spanned<ChannelId>]| all.iter().map(|c| c.get_ref().clone()).collect();
        let step = |entry: &StepEntry| DutyStep {
            role: entry.role.clone(),
            channels: bare(&entry.channels),
        };
        let team = |entry: &TeamEntry| Team {
            id: entry.id.get_ref().clone(),
            wards: entry.wards.clone(),
            packs: entry.packs.clone(),
            responses: entry.responses.clone(),
            gateway: entry.gateway,
            steps: entry.steps.get_ref().iter().map(step).collect(),
        };
        self.team.iter().map(team).collect()
    }
}

#[cfg(test)]
mod tests;
