//! Stamps on the wire.

use super::rfc3339;
use vitalgate_domain::model::time::Timestamp;

/// RFC 3339 with a zone, and no laxer. The form nearly every device sends is read here; all others by
/// the rules of [`Timestamp`].
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let rarer = || rfc3339::is_written_so(text).then(|| text.parse().ok()).flatten();
    utc(text.as_bytes()).or_else(rarer)
}

/// `YYYY-MM-DDTHH:MM:SS[.f]Z` with up to six digits of fraction, from 1970 on.
fn utc(text: &[u8]) -> Option<Timestamp> {
    let (stamp, rest) = text.split_at_checked(19)?;
    let separators = [stamp[4], stamp[7], stamp[10], stamp[13], stamp[16]];
    if separators != *b"--T::" {
        return None;
    }
    let fraction = match rest {
        b"Z" => 0,
        [b'.', digits @ .., b'Z'] if (1..=6).contains(&digits.len()) => {
            number(digits)? * 10_i64.pow(6 - digits.len() as u32)
        }
        _ => return None,
    };
    let (year, month, day) = (number(&stamp[..4])?, number(&stamp[5..7])?, number(&stamp[8..10])?);
    let (hour, minute, second) =
        (number(&stamp[11..13])?, number(&stamp[14..16])?, number(&stamp[17..])?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let month_days = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let sound = (1970..=9998).contains(&year)
        && (1..=12).contains(&month)
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

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |number, &byte| {
        byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0'))
    })
}

/// Days of the Gregorian calendar, counted in years that begin in March, so that the leap day is
/// the last of its year.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    const MARCH_0000_TO_1970: i64 = 719_468;
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year / 4 - year / 100 + year / 400;
    year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - MARCH_0000_TO_1970
}
