//! How much one device may make of a patient's alarms (contract §5).

use serde::Deserialize;
use toml::Spanned;

use super::{BadRules, Text};
use crate::model::time::Span;

/// So much is told of a device; what is beyond it, and no first word, waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewsBudget {
    /// One more after so long.
    pub each: Span,
    /// All of it but one, as a time.
    pub but_one: Span,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    #[serde(default = "usual_at_once")]
    at_once: i64,
    #[serde(default = "usual_an_hour")]
    an_hour: i64,
}

const fn usual_at_once() -> i64 {
    240
}

const fn usual_an_hour() -> i64 {
    1_200
}

/// Fewer would hold back what a device that is well has to tell; more is no bound.
const AT_ONCE: (i64, i64) = (20, 10_000);
const AN_HOUR: (i64, i64) = (60, 36_000);

impl Default for NewsBudget {
    fn default() -> Self {
        Self::of(usual_at_once(), usual_an_hour())
    }
}

impl NewsBudget {
    const fn of(at_once: i64, an_hour: i64) -> Self {
        let each = 3_600_000_000 / an_hour;
        Self { each: Span::micros(each), but_one: Span::micros(each * (at_once - 1)) }
    }

    pub(super) fn read(entry: &Spanned<Entry>, text: Text<'_>) -> Result<Self, BadRules> {
        let Entry { at_once, an_hour } = entry.get_ref();
        if !(AT_ONCE.0..=AT_ONCE.1).contains(at_once) || !(AN_HOUR.0..=AN_HOUR.1).contains(an_hour)
        {
            let what = format!(
                "news: at_once must be {} to {}, an_hour {} to {}",
                AT_ONCE.0, AT_ONCE.1, AN_HOUR.0, AN_HOUR.1
            );
            return Err(text.refuse(entry, what));
        }
        Ok(Self::of(*at_once, *an_hour))
    }
}
