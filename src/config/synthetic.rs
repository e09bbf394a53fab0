//! `[synthetic]`: the patient that the gateway makes up, to see that alarms get through.

use serde::Deserialize;

use super::BadConfig;
use vitalgate_domain::model::time::Span;

/// `[synthetic]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Synthetic {
    /// Whether it is sent.
    pub enabled: bool,
    /// How often.
    pub every: Span,
    /// Within how long it must have come out.
    pub within: Span,
}

const EVERY: (Span, Span) = (Span::secs(1), Span::hours(1));
const WITHIN: Span = Span::millis(100);

impl Default for Synthetic {
    fn default() -> Self {
        Self { enabled: true, every: Span::mins(1), within: Span::secs(10) }
    }
}

impl Synthetic {
    pub(super) fn check(&self) -> Result<(), BadConfig> {
        let fits = self.every >= EVERY.0
            && self.every <= EVERY.1
            && self.within >= WITHIN
            && self.within <= self.every;
        if fits { Ok(()) } else { Err(BadConfig::Synthetic) }
    }
}
