//! `[people]`: that people sign in by name, and how long that lasts.

use serde::Deserialize;

use super::BadConfig;
use vitalgate_domain::model::time::Span;

/// Shorter, and nobody could work; longer, and it would be a day before a screen that was left is closed.
const IDLE: (Span, Span) = (Span::mins(5), Span::hours(24));
const LONGEST: (Span, Span) = (Span::mins(15), Span::days(30));

/// `[people]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct People {
    /// A session without a request and without an open stream ends after so long.
    pub idle: Span,
    /// And every session after so long.
    pub longest: Span,
}

impl People {
    pub(super) fn check(&self) -> Result<(), BadConfig> {
        let within = |span: Span, (least, most): (Span, Span)| (least..=most).contains(&span);
        if within(self.idle, IDLE) && within(self.longest, LONGEST) {
            return Ok(());
        }
        Err(BadConfig::Sessions)
    }
}

impl Default for People {
    fn default() -> Self {
        Self { idle: Span::hours(1), longest: Span::hours(12) }
    }
}
