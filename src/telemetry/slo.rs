//! How many alarms of the last hour were late on a stretch of their way, and whether that is more than may be.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::Stopwatch;
use vitalgate_domain::model::input::{LateAlarms, Stretch};

const MINUTES: usize = 60;

/// Within how long an alarm is there, and how many of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Targets {
    /// Seconds of each stretch, in the order of [`Stretch::ALL`].
    pub within_s: [f64; 2],
    /// As a part of 1.
    pub objective: f64,
}

/// What is kept of the last hour.
#[derive(Debug)]
pub(super) struct Slo(Mutex<Kept>);

#[derive(Debug)]
struct Kept {
    begun: Stopwatch,
    targets: Option<Targets>,
    hours: [Hour; 2],
}

/// The minutes of an hour, each in the place of the one an hour before.
#[derive(Debug)]
struct Hour([Minute; MINUTES]);

#[derive(Clone, Copy, Debug, Default)]
struct Minute {
    number: u64,
    all: u64,
    late: u64,
    worst_s: f64,
}

impl Default for Slo {
    fn default() -> Self {
        let hour = || Hour([Minute::default(); MINUTES]);
        Self(Mutex::new(Kept { begun: Stopwatch::start(), targets: None, hours: [hour(), hour()] }))
    }
}

impl Slo {
    pub(super) fn aim(&self, targets: Targets) {
        self.kept().targets = Some(targets);
    }

    /// An alarm took so long; whether that was too long.
    pub(super) fn took(&self, stretch: Stretch, seconds: f64) -> bool {
        let mut kept = self.kept();
        let (minute, targets) = (kept.minute(), kept.targets);
        let within = targets.map_or(f64::INFINITY, |targets| targets.within_s[place(stretch)]);
        kept.hours[place(stretch)].took(minute, seconds, within);
        seconds > within
    }

    /// The late ones of the last hour, where they are more than may be.
    pub(super) fn breach(&self, stretch: Stretch) -> Option<LateAlarms> {
        let kept = self.kept();
        let targets = kept.targets?;
        kept.hours[place(stretch)].breach(
            kept.minute(),
            targets.within_s[place(stretch)],
            targets.objective,
        )
    }

    /// Whether an hour has been looked at.
    pub(super) fn is_whole(&self) -> bool {
        self.kept().minute() > MINUTES as u64
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Minutes since the start, from 1 on.
    fn minute(&self) -> u64 {
        (self.begun.seconds() / 60.0) as u64 + 1
    }
}

impl Hour {
    fn took(&mut self, minute: u64, seconds: f64, within: f64) {
        let place = &mut self.0[(minute % MINUTES as u64) as usize];
        if place.number != minute {
            *place = Minute { number: minute, ..Minute::default() };
        }
        place.all += 1;
        place.late += u64::from(seconds > within);
        place.worst_s = place.worst_s.max(seconds);
    }

    fn breach(&self, minute: u64, within_s: f64, objective: f64) -> Option<LateAlarms> {
        let recent =
            || self.0.iter().filter(|m| m.number > 0 && m.number + MINUTES as u64 > minute);
        let all: u64 = recent().map(|m| m.all).sum();
        let late: u64 = recent().map(|m| m.late).sum();
        let worst_s = recent().map(|m| m.worst_s).fold(0.0, f64::max);
        let ms = |seconds: f64| (seconds * 1_000.0).round() as u64;
        let found = LateAlarms { late, all, within_ms: ms(within_s), worst_ms: ms(worst_s) };
        (late > 0 && (all - late) as f64 / (all as f64) < objective).then_some(found)
    }
}

fn place(stretch: Stretch) -> usize {
    match stretch {
        Stretch::Announced => 0,
        Stretch::Taken => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_late_alarm_of_few_is_more_than_may_be_and_of_many_is_not() {
        let mut hour = Hour([Minute::default(); MINUTES]);
        hour.took(1, 0.2, 5.0);
        assert_eq!(hour.breach(1, 5.0, 0.99), None);
        hour.took(1, 7.5, 5.0);
        let found = LateAlarms { late: 1, all: 2, within_ms: 5_000, worst_ms: 7_500 };
        assert_eq!(hour.breach(2, 5.0, 0.99), Some(found));
        for _ in 0..98 {
            hour.took(3, 0.1, 5.0);
        }
        assert_eq!(hour.breach(3, 5.0, 0.99), None, "one of a hundred");
        hour.took(4, 6.0, 5.0);
        assert_eq!(hour.breach(4, 5.0, 0.99).map(|f| (f.late, f.all)), Some((2, 101)));
    }

    #[test]
    fn what_was_an_hour_ago_counts_no_more() {
        let mut hour = Hour([Minute::default(); MINUTES]);
        hour.took(1, 9.0, 5.0);
        assert!(hour.breach(60, 5.0, 0.99).is_some());
        assert_eq!(hour.breach(61, 5.0, 0.99), None);
        hour.took(61, 1.0, 5.0);
        assert_eq!(hour.breach(61, 5.0, 0.99), None, "it takes the place of the first minute");
    }
}
