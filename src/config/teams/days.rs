//! Days and times of day as people write them.

use std::str::FromStr;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan as _};
use serde::Deserialize;

use vitalgate_domain::model::time::Timestamp;

/// From a time of day to another; where that is not later, of the next day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct LocalTimes {
    from: Time,
    until: Time,
}

/// A date: `2026-12-24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct LocalDate(pub(super) Date);

/// Which days.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) enum Days {
    /// Every day.
    #[default]
    Daily,
    /// From Monday to Friday, but for holidays.
    Working,
    /// All others.
    Free,
    /// These days of the week.
    Of(Vec<Weekday>),
}

/// Times of some days: `08:00-16:00 working`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Hours {
    times: LocalTimes,
    days: Days,
}

/// How long each of several people has a duty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Turn {
    /// A day.
    Day,
    /// A week.
    Week,
}

/// A day on which nobody works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) enum Holiday {
    /// Of every year: month and day.
    Yearly(i8, i8),
    /// So many days from Easter Sunday.
    Easter(i16),
    /// Once.
    Once(Date),
}

impl LocalTimes {
    /// When it begins and ends that begins on a day. A time that there is twice is the first of both; one that there is
    /// not is as much later as the clock is put forward.
    pub(super) fn on(self, date: Date, zone: &TimeZone) -> (Timestamp, Timestamp) {
        let next = date.saturating_add(1.day());
        let last = if self.until > self.from { date } else { next };
        (instant(date, self.from, zone), instant(last, self.until, zone))
    }
}

impl Hours {
    /// When it begins and ends on a day, if it is on that.
    pub(super) fn on(
        &self,
        date: Date,
        holidays: &[Holiday],
        zone: &TimeZone,
    ) -> Option<(Timestamp, Timestamp)> {
        self.days.holds(date, holidays).then(|| self.times.on(date, zone))
    }
}

impl Days {
    pub(super) fn holds(&self, date: Date, holidays: &[Holiday]) -> bool {
        let weekend = matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday);
        let free = weekend || holidays.iter().any(|holiday| holiday.is(date));
        match self {
            Self::Daily => true,
            Self::Working => !free,
            Self::Free => free,
            Self::Of(days) => days.contains(&date.weekday()),
        }
    }
}

impl Turn {
    /// How many turns lie between two days.
    pub(super) fn between(self, since: Date, date: Date) -> i64 {
        let days = i64::from((date - since).get_days());
        match self {
            Self::Day => days,
            Self::Week => days.div_euclid(7),
        }
    }
}

impl Holiday {
    fn is(self, date: Date) -> bool {
        match self {
            Self::Yearly(month, day) => (date.month(), date.day()) == (month, day),
            Self::Easter(days) => easter(date.year()).is_some_and(|easter| {
                easter.checked_add(Span::new().days(i64::from(days))).is_ok_and(|it| it == date)
            }),
            Self::Once(once) => once == date,
        }
    }
}

/// An instant of a local time.
pub(super) fn instant(date: Date, time: Time, zone: &TimeZone) -> Timestamp {
    let zoned = zone.to_ambiguous_zoned(date.to_datetime(time)).compatible();
    let micros = zoned.map_or(i64::MAX, |zoned| zoned.timestamp().as_microsecond());
    Timestamp::from_micros(micros)
}

/// The local day of an instant.
pub(super) fn day_of(at: Timestamp, zone: &TimeZone) -> Date {
    let instant = jiff::Timestamp::from_microsecond(at.as_micros());
    zone.to_datetime(instant.unwrap_or_default()).date()
}

/// Easter Sunday of a year, by the Gregorian reckoning (the anonymous algorithm).
fn easter(year: i16) -> Option<Date> {
    let year = i32::from(year);
    let (golden, century, rest) = (year % 19, year / 100, year % 100);
    let moon =
        (19 * golden + century - century / 4 - (century - (century + 8) / 25 + 1) / 3 + 15) % 30;
    let sunday = (32 + 2 * (century % 4) + 2 * (rest / 4) - moon - rest % 4) % 7;
    let late = (golden + 11 * moon + 22 * sunday) / 451;
    let sum = moon + sunday - 7 * late + 114;
    Date::new(
        i16::try_from(year).ok()?,
        i8::try_from(sum / 31).ok()?,
        i8::try_from(sum % 31 + 1).ok()?,
    )
    .ok()
}

fn time_of(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let two = |part: &str| (part.len() == 2).then(|| part.parse().ok()).flatten();
    Time::new(two(hour)?, two(minute)?, 0, 0).ok()
}

impl FromStr for LocalTimes {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let times = text
            .split_once('-')
            .and_then(|(from, until)| Some(Self { from: time_of(from)?, until: time_of(until)? }));
        times.ok_or_else(|| format!("`{text}` is no span of a day, such as `22:00-06:00`"))
    }
}

impl FromStr for Days {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let day = |name: &str| match name.trim() {
            "mon" => Ok(Weekday::Monday),
            "tue" => Ok(Weekday::Tuesday),
            "wed" => Ok(Weekday::Wednesday),
            "thu" => Ok(Weekday::Thursday),
            "fri" => Ok(Weekday::Friday),
            "sat" => Ok(Weekday::Saturday),
            "sun" => Ok(Weekday::Sunday),
            _ => Err(format!(
                "`{text}` is neither `daily`, `working`, `free` nor days such as `mon,tue`"
            )),
        };
        match text {
            "daily" => Ok(Self::Daily),
            "working" => Ok(Self::Working),
            "free" => Ok(Self::Free),
            days => Ok(Self::Of(days.split(',').map(day).collect::<Result<_, _>>()?)),
        }
    }
}

impl FromStr for Hours {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (times, days) = text.split_once(' ').unwrap_or((text, "daily"));
        Ok(Self { times: times.parse()?, days: days.trim().parse()? })
    }
}

impl FromStr for LocalDate {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let date = text.parse().map(Self);
        date.map_err(|_| format!("`{text}` is no date, such as `2026-12-24`"))
    }
}

impl FromStr for Holiday {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let yearly = || {
            let (month, day) = text.split_once('-')?;
            let (month, day) = (month.parse().ok()?, day.parse().ok()?);
            // A leap year, so that 29 February may be one.
            Date::new(2028, month, day).ok().map(|_| Self::Yearly(month, day))
        };
        let holiday = match text.strip_prefix("easter") {
            Some("") => Some(Self::Easter(0)),
            Some(days) if days.starts_with(['+', '-']) => days.parse().ok().map(Self::Easter),
            Some(_) => None,
            None => yearly().or_else(|| text.parse().ok().map(Self::Once)),
        };
        holiday.ok_or_else(|| {
            format!("`{text}` is no holiday: write `12-25`, `easter+1` or `2026-12-24`")
        })
    }
}

macro_rules! from_text {
    ($($name:ident),*) => {$(
        impl TryFrom<String> for $name {
            type Error = String;
            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        }
    )*};
}

from_text!(LocalTimes, LocalDate, Days, Hours, Holiday);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn easter_is_when_the_almanac_says() {
        for (year, month, day) in [
            (2000, 4, 23),
            (2008, 3, 23),
            (2011, 4, 24),
            (2026, 4, 5),
            (2027, 3, 28),
            (2038, 4, 25),
        ] {
            assert_eq!(easter(year), Date::new(year, month, day).ok(), "{year}");
        }
    }

    #[test]
    fn holidays_are_yearly_by_easter_or_once() {
        let is = |holiday: &str, date: &str| {
            holiday.parse::<Holiday>().unwrap().is(date.parse().unwrap())
        };
        assert!(is("12-25", "2026-12-25") && is("12-25", "2031-12-25"));
        assert!(is("easter-2", "2026-04-03") && is("easter+39", "2026-05-14"));
        assert!(is("2026-06-04", "2026-06-04") && !is("2026-06-04", "2027-06-04"));
        for text in ["", "13-01", "02-30", "easter1", "easter+", "christmas", "2026-02-30"] {
            assert!(text.parse::<Holiday>().is_err(), "{text}");
        }
    }

    #[test]
    fn days_and_times_that_are_none_are_refused() {
        for text in ["", "7:00-8:00", "07:00", "24:00-25:00", "07:00-8", "a-b"] {
            assert!(text.parse::<LocalTimes>().is_err(), "{text}");
        }
        for text in ["", "never", "mon;tue", "mon,tues"] {
            assert!(text.parse::<Days>().is_err(), "{text}");
        }
        assert!("08:00-16:00 sat,sun".parse::<Hours>().is_ok());
    }
}
