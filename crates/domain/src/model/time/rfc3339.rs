//! Instants as text: RFC 3339 with a zone, §5.6, and nothing of what else ISO 8601 allows. The one reader
//! and the one writer of all times, whoever sends or asks.

use super::Timestamp;

/// 0000-01-01T00:00:00Z.
const FIRST: i64 = -62_167_219_200_000_000;
/// 9999-12-31T23:59:59.999999Z.
const LAST: i64 = 253_402_300_799_999_999;
/// Days.
const MARCH_0000_TO_1970: i64 = 719_468;
const DAYS_OF_400_YEARS: i64 = 146_097;

/// An instant. The form that nearly everybody sends is read here; the others are only recognised here, and
/// read by a library of calendars.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    utc(text.as_bytes()).or_else(|| is_written_so(text).then(|| rarer(text)).flatten())
}

/// One with a zone, a leap second, a longer fraction or small letters.
fn rarer(text: &str) -> Option<Timestamp> {
    let instant: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp::from_micros(instant.as_microsecond()))
}

/// `YYYY-MM-DDTHH:MM:SS[.f]Z` with up to six digits of fraction.
fn utc(text: &[u8]) -> Option<Timestamp> {
    let (stamp, rest) = text.split_first_chunk::<19>()?;
    let [y1, y2, y3, y4, b'-', mo1, mo2, b'-', d1, d2, b'T', h1, h2, b':', m1, m2, b':', s1, s2] =
        *stamp
    else {
        return None;
    };
    let fraction = match rest {
        b"Z" => 0,
        [b'.', digits @ .., b'Z'] if (1..=6).contains(&digits.len()) => micros(digits)?,
        _ => return None,
    };
    if !are_digits([y1, y2, y3, y4, mo1, mo2, d1, d2, h1, h2, m1, m2, s1, s2]) {
        return None;
    }
    let two = |tens: u8, ones: u8| i64::from((tens - b'0') * 10 + (ones - b'0'));
    let (year, month, day) = (two(y1, y2) * 100 + two(y3, y4), two(mo1, mo2), two(d1, d2));
    let (hour, minute, second) = (two(h1, h2), two(m1, m2), two(s1, s2));
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let month_days = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let sound = (1..=12).contains(&month)
        && (1..=month_days).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !sound {
        return None;
    }
    let seconds = ((days_since_1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    Some(Timestamp::from_micros(seconds * 1_000_000 + fraction))
}

/// Whether all of these are digits, without a branch for each.
fn are_digits(bytes: [u8; 14]) -> bool {
    bytes.iter().fold(true, |all, byte| all & byte.is_ascii_digit())
}

/// Up to six digits of a fraction of a second.
fn micros(digits: &[u8]) -> Option<i64> {
    let mut six = [b'0'; 6];
    six.get_mut(..digits.len())?.copy_from_slice(digits);
    six.iter().try_fold(0, |number, &byte| {
        byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0'))
    })
}

/// Days of the Gregorian calendar from the year 0 on, counted in years that begin in March, so that the leap day is
/// the last of its year.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    // The year before 0 is that of a whole cycle later, whose days are taken off again.
    let (year, month) = if month > 2 { (year + 400, month - 3) } else { (year + 399, month + 9) };
    let year = year as u32;
    let leap_days = i64::from(year / 4 - year / 100 + year / 400);
    i64::from(year) * 365 + leap_days + (month * 153 + 2) / 5 + day
        - 1
        - MARCH_0000_TO_1970
        - DAYS_OF_400_YEARS
}

/// Whether a text is a `date-time`; its fields may still be out of range.
fn is_written_so(text: &str) -> bool {
    let Some((stamp, rest)) = text.as_bytes().split_at_checked(STAMP.len()) else { return false };
    let fits = |(byte, form): (&u8, &u8)| match form {
        b'0' => byte.is_ascii_digit(),
        form => byte.eq_ignore_ascii_case(form),
    };
    stamp.iter().zip(STAMP).all(fits) && zone(rest).is_some_and(is_zone)
}

const STAMP: &[u8; 19] = b"0000-00-00T00:00:00";

/// What follows the fraction of a second, if there is a fraction.
fn zone(rest: &[u8]) -> Option<&[u8]> {
    let Some(fraction) = rest.strip_prefix(b".") else { return Some(rest) };
    let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (digits > 0).then(|| &fraction[digits..])
}

fn is_zone(zone: &[u8]) -> bool {
    match zone {
        [b'Z' | b'z'] => true,
        [b'+' | b'-', h1 @ b'0'..=b'2', h2 @ b'0'..=b'9', b':', b'0'..=b'5', b'0'..=b'9'] => {
            (h1 - b'0') * 10 + (h2 - b'0') < 24
        }
        _ => false,
    }
}

/// The text of an instant, such as `2026-11-21T10:00:00.25Z`. What lies outside the years 0 to 9999 has
/// none, and is written as the first or last instant that has.
pub(super) struct Text {
    bytes: [u8; 27],
    length: usize,
}

impl Text {
    /// An answer holds thousands of instants: this is several times as fast as a library of calendars.
    pub(super) fn of(at: Timestamp) -> Self {
        let micros = at.as_micros().clamp(FIRST, LAST);
        let (year, month, day) = date(micros.div_euclid(86_400_000_000));
        let in_day = micros.rem_euclid(86_400_000_000);
        let (second, fraction) = (in_day / 1_000_000, in_day % 1_000_000);
        let mut bytes = *b"0000-00-00T00:00:00.000000Z";
        digits(&mut bytes[..4], year);
        digits(&mut bytes[5..7], month);
        digits(&mut bytes[8..10], day);
        digits(&mut bytes[11..13], second / 3_600);
        digits(&mut bytes[14..16], second / 60 % 60);
        digits(&mut bytes[17..19], second % 60);
        digits(&mut bytes[20..26], fraction);
        let end = if fraction == 0 {
            19
        } else {
            bytes[..26].iter().rposition(|digit| *digit != b'0').map_or(26, |last| last + 1)
        };
        bytes[end] = b'Z';
        Self { bytes, length: end + 1 }
    }

    pub(super) fn as_str(&self) -> &str {
        str::from_utf8(&self.bytes[..self.length]).unwrap_or_else(|_| unreachable!("ASCII"))
    }
}

/// Writes a number right-aligned over zeros.
fn digits(into: &mut [u8], mut number: i64) {
    for digit in into.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Year, month and day of a day since 1970-01-01, by the Gregorian calendar: years are counted from
/// March on, so that a leap day ends one.
fn date(day: i64) -> (i64, i64, i64) {
    let day = day + MARCH_0000_TO_1970;
    let (era, of_era) = (day.div_euclid(DAYS_OF_400_YEARS), day.rem_euclid(DAYS_OF_400_YEARS));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    (era * 400 + year + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The last instant that `jiff` has.
    const LAST_OF_JIFF: i64 = 253_402_207_200_000_000;

    fn by_calendar(text: &str) -> Option<i64> {
        text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_microsecond)
    }

    proptest! {
        /// Every instant that has a text, with any end of its fraction.
        #[test]
        fn an_instant_is_written_and_read_as_the_calendar_has_it(
            near in FIRST..LAST_OF_JIFF,
            unit in prop_oneof![Just(1), Just(1_000), Just(1_000_000), Just(86_400_000_000_i64)],
        ) {
            let micros = near - near.rem_euclid(unit);
            let expected = jiff::Timestamp::from_microsecond(micros).unwrap().to_string();
            let at = Timestamp::from_micros(micros);
            prop_assert_eq!(at.to_string(), &*expected);
            prop_assert_eq!(parse(&expected), Some(at));
            prop_assert_eq!(serde_json::to_value(at).unwrap(), expected);
        }

        /// Days that are none, leap seconds, any fraction.
        #[test]
        fn a_text_is_read_as_the_calendar_says(
            text in "[0-9]{4}-[0-3][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{1,9})?(Z|z|[+-][0-2][0-9]:[0-5][0-9])",
        ) {
            let read = parse(&text).map(Timestamp::as_micros);
            let beyond_jiff = read.is_some_and(|micros| micros > LAST_OF_JIFF);
            prop_assert!(beyond_jiff || read == by_calendar(&text) || !is_written_so(&text), "{}", text);
        }
    }

    #[test]
    fn the_ends_of_the_calendar_are_written_and_read_too() {
        for (micros, text) in [
            (i64::MIN + 1, "0000-01-01T00:00:00Z"),
            (FIRST - 1, "0000-01-01T00:00:00Z"),
            (FIRST, "0000-01-01T00:00:00Z"),
            (-1_000_000, "1969-12-31T23:59:59Z"),
            (LAST_OF_JIFF + 1, "9999-12-30T22:00:00.000001Z"),
            (LAST, "9999-12-31T23:59:59.999999Z"),
            (i64::MAX, "9999-12-31T23:59:59.999999Z"),
        ] {
            let at = Timestamp::from_micros(micros);
            assert_eq!(at.to_string(), text);
            assert_eq!(parse(text).unwrap().as_micros(), micros.clamp(FIRST, LAST));
            assert_eq!(serde_json::to_value(at).unwrap(), text);
        }
    }

    #[test]
    fn what_rfc_3339_allows_is_read() {
        for (text, same) in [
            ("2026-11-28T20:00:00Z", "2026-11-28T20:00:00Z"),
            ("2026-11-28t20:00:00z", "2026-11-28T20:00:00Z"),
            ("2026-11-28T20:00:00.1234567Z", "2026-11-28T20:00:00.123456Z"),
            ("2026-11-28T20:00:00+23:59", "2026-11-27T20:01:00Z"),
            ("2026-11-28T20:00:00-00:00", "2026-11-28T20:00:00Z"),
            ("2024-02-29T00:00:00.000+01:00", "2024-02-28T23:00:00Z"),
            ("2026-12-31T23:59:60Z", "2026-12-31T23:59:59Z"),
        ] {
            let same = parse(same);
            assert!(same.is_some());
            assert_eq!(parse(text), same, "{text}");
        }
    }

    #[test]
    fn what_else_iso_8601_allows_is_not() {
        for text in [
            "20261128T200000Z",
            "2026-11-28T20:00:00+24:00",
            "2026-11-28T20:00:00+0100",
            "2026-11-28T20:00:00+01",
            "2026-11-28T20:00:00+01:60",
            "2026-11-28T20:00:00+01:00[Europe/Berlin]",
            "2026-11-28T20:00Z",
            "2026-11-28 20:00:00Z",
            "2026-11-28T20:00:00",
            "2026-11-28T20:00:00,5Z",
            "2026-11-28T20:00:00.Z",
            "2026-11-28T20:00:00.5",
            "+002026-11-28T20:00:00Z",
            "2026-W48-6T20:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-11-28T24:00:00Z",
            " 2026-11-28T20:00:00Z",
            "2026-11-28T20:00:00Z ",
            "2026-11-28T20:00:00\u{2212}01:00",
            "",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
