//! `[people]`: that people sign in by name, and how long that lasts.

use serde::Deserialize;

use super::BadConfig;
use vitalgate_domain::model::time::Span;

/// Shorter, and nobody could work; longer, and it would be a day before a screen that was left is closed.
const IDLE: (Span, Span) = (Span::mins(5), Span::hours(24));
/// Shorter, and nobody could finish an act; longer, and the next person acts in the name of the one before.
const UNLOCKED: (Span, Span) = (Span::secs(10), Span::mins(5));
const LONGEST: (Span, Span) = (Span::mins(15), Span::days(30));

/// `[people]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct People {
    /// A session without a request and without an open stream ends after so long.
    pub idle: Span,
    /// And every session after so long.
    pub longest: Span,
    /// A station is open to whoever gave their PIN for so long after their last act.
    pub unlocked: Span,
}

impl People {
    pub(super) fn check(&self) -> Result<(), BadConfig> {
        let within = |span: Span, (least, most): (Span, Span)| (least..=most).contains(&span);
        if within(self.idle, IDLE)
            && within(self.longest, LONGEST)
            && within(self.unlocked, UNLOCKED)
        {
            return Ok(());
        }
        Err(BadConfig::Sessions)
    }
}

impl Default for People {
    fn default() -> Self {
        Self { idle: Span::hours(1), longest: Span::hours(12), unlocked: Span::mins(1) }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Config;

    #[test]
    fn sessions_end_and_passwords_have_tls() {
        let tls = "[http.tls]\nlisten = \"0.0.0.0:8443\"\ncertificate = \"c\"\nkey = \"k\"\n";
        for (text, good) in [
            ("[people]".to_owned(), true),
            ("[people]\nidle = \"1m\"".to_owned(), false),
            ("[people]\nlongest = \"31d\"".to_owned(), false),
            ("[people]\nunlocked = \"10m\"".to_owned(), false),
            (tls.to_owned(), false),
            (format!("{tls}[people]"), true),
            ("[people]\n[http]\nlisten = \"0.0.0.0:8080\"".to_owned(), false),
        ] {
            let config = Config::parse(&text, Path::new("gateway.toml"));
            assert_eq!(config.is_ok(), good, "{text}");
        }
    }
}
