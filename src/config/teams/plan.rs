//! Local times made into instants: what the core sees of `teams.toml`.

use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::days::{Turn, day_of};
use super::{Absence, DutyEntry, Teams};
use crate::config::site::TimeZone as ZoneName;
use vitalgate_domain::model::alarm::Response;
use vitalgate_domain::model::duty::{CallingHours, DutyPlan, QuietHours, Watch};
use vitalgate_domain::model::ids::PersonId;
use vitalgate_domain::model::time::{Span, Timestamp};

/// Substitutes of substitutes are followed so far.
const SUBSTITUTES: usize = 8;

impl Teams {
    /// Who is on duty from an instant on, for so long.
    pub fn plan(&self, zone: &ZoneName, from: Timestamp, for_long: Span) -> DutyPlan {
        let zone = TimeZone::get(zone.name()).unwrap_or(TimeZone::UTC);
        let until = from + for_long;
        let (mut watches, mut hours, mut quiet) = (Vec::new(), Vec::new(), Vec::new());
        // What is going on may have begun the day before.
        let last = day_of(until, &zone);
        let mut date = day_of(from, &zone).saturating_sub(1.day());
        while date <= last {
            watches.extend(self.duty.iter().filter_map(|entry| self.watch(entry, date, &zone)));
            hours.extend(self.calling(date, &zone));
            quiet.extend(self.quiet(date, &zone));
            date = date.saturating_add(1.day());
        }
        let mut watches = joined(watches);
        watches.retain(|watch| watch.until > from && watch.from < until);
        hours.sort_by_key(|hours: &CallingHours| (hours.from, hours.response));
        hours.retain(|hours| hours.until > from && hours.from < until);
        quiet.sort_by(|a: &QuietHours, b| (a.from, &a.person).cmp(&(b.from, &b.person)));
        quiet.retain(|quiet| quiet.until > from && quiet.from < until);
        let (people, teams) = (self.people(), self.teams());
        DutyPlan { from, until, people, teams, watches, hours, quiet }
    }

    fn quiet(&self, date: Date, zone: &TimeZone) -> impl Iterator<Item = QuietHours> {
        self.person.iter().filter_map(move |entry| {
            let (from, until) = entry.quiet.as_ref()?.on(date, &self.holidays, zone)?;
            Some(QuietHours { person: entry.id.get_ref().clone(), from, until })
        })
    }

    fn calling(&self, date: Date, zone: &TimeZone) -> impl Iterator<Item = CallingHours> {
        let classes = [
            (Response::Prompt, &self.hours.prompt),
            (Response::SameDay, &self.hours.same_day),
            (Response::NextWorkingDay, &self.hours.next_working_day),
        ];
        classes.into_iter().filter_map(move |(response, hours)| {
            let (from, until) = hours.on(date, &self.holidays, zone)?;
            Some(CallingHours { response, from, until })
        })
    }

    /// Who is on a duty that begins on a day.
    fn watch(&self, entry: &DutyEntry, date: Date, zone: &TimeZone) -> Option<Watch> {
        let on_this_day = match entry.date {
            Some(only) => only.0 == date,
            None => entry.days.holds(date, &self.holidays) && !self.is_replaced(entry, date),
        };
        if !on_this_day {
            return None;
        }
        let person = self.present(entry.whose_turn(date)?, date)?;
        let (from, until) = self.shifts.get(entry.shift.get_ref())?.on(date, zone);
        Some(Watch {
            team: entry.team.get_ref().clone(),
            role: entry.role.get_ref().clone(),
            person: person.clone(),
            from,
            until,
            on_call: entry.on_call,
        })
    }

    /// Whether another entry is for this very day.
    fn is_replaced(&self, entry: &DutyEntry, date: Date) -> bool {
        let same = |other: &&DutyEntry| {
            other.team.get_ref() == entry.team.get_ref()
                && other.role.get_ref() == entry.role.get_ref()
                && other.shift.get_ref() == entry.shift.get_ref()
        };
        self.duty.iter().filter(same).any(|other| other.date.is_some_and(|only| only.0 == date))
    }

    /// Somebody, or who stands in for them on a day.
    fn present<'a>(&'a self, person: &'a PersonId, date: Date) -> Option<&'a PersonId> {
        let mut person = person;
        for _ in 0..SUBSTITUTES {
            let away = |absence: &&Absence| {
                absence.person.get_ref() == person
                    && absence.from.get_ref().0 <= date
                    && date <= absence.to.0
            };
            let Some(absence) = self.absence.iter().find(away) else { return Some(person) };
            person = absence.substitute.as_ref()?.get_ref();
        }
        None
    }
}

impl DutyEntry {
    fn whose_turn(&self, date: Date) -> Option<&PersonId> {
        let people = self.people.get_ref();
        let turns = match (self.turn, self.since) {
            (Some(turn), Some(since)) => Turn::between(turn, since.0, date),
            _ => 0,
        };
        let index = usize::try_from(turns.rem_euclid(people.len().max(1) as i64)).ok()?;
        people.get(index).map(toml::Spanned::get_ref)
    }
}

/// Watches of one person as the same that follow each other are one.
fn joined(mut watches: Vec<Watch>) -> Vec<Watch> {
    watches.sort_by(|a, b| {
        let key = |w: &Watch| (w.team.clone(), w.role.clone(), w.person.clone(), w.on_call);
        key(a).cmp(&key(b)).then_with(|| (a.from, a.until).cmp(&(b.from, b.until)))
    });
    let mut all: Vec<Watch> = Vec::new();
    for watch in watches {
        if let Some(before) = all.last_mut()
            && (&before.team, &before.role, &before.person, before.on_call)
                == (&watch.team, &watch.role, &watch.person, watch.on_call)
            && watch.from <= before.until
        {
            before.until = before.until.max(watch.until);
        } else {
            all.push(watch);
        }
    }
    all.sort_by_key(|watch| watch.from);
    all
}
