//! `[slo]`: within how long alarms are announced and taken, and how many of them.

use serde::Deserialize;

use super::BadConfig;
use vitalgate_domain::model::time::Span;

/// `[slo]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Slo {
    /// From what raised it being received to its being committed and announced.
    pub announced_within: Span,
    /// From there to a channel taking it.
    pub taken_within: Span,
    /// How many of the last hour, as a part of 1.
    pub objective: f64,
}

const WITHIN: (Span, Span) = (Span::millis(10), Span::mins(10));

impl Default for Slo {
    /// A page says NOT MONITORED when judgement is more than 5 s behind; a request of a channel has 10 s, and a second try.
    fn default() -> Self {
        Self { announced_within: Span::secs(5), taken_within: Span::secs(30), objective: 0.99 }
    }
}

impl Slo {
    pub(super) fn check(&self) -> Result<(), BadConfig> {
        let fits = |span: Span| span >= WITHIN.0 && span <= WITHIN.1;
        let all = fits(self.announced_within)
            && fits(self.taken_within)
            && (0.5..=1.0).contains(&self.objective);
        if all { Ok(()) } else { Err(BadConfig::Slo) }
    }
}
