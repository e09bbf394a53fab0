//! What the server says of a request, and what it means.

use std::time::Duration;

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerReply {
    /// The server answered.
    Status {
        /// The status.
        code: u16,
        /// `Retry-After`, where it was given in seconds.
        retry_after: Option<Duration>,
        /// The beginning of its words.
        words: String,
    },
    /// It did not, and why.
    None(String),
}

/// What a reply means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All lines are written.
    Written,
    /// Some line is bad.
    BadLine,
    /// Some line is older than the bucket keeps anything.
    TooOld,
    /// Too much at once.
    TooLarge,
    /// Somebody must change something: nothing is lost, nothing goes on.
    Refused,
    /// Not now; the same again later.
    Later,
}

/// Every [class](ServerReply::class) of a reply.
pub const CLASSES: [&str; 8] = ["none", "204", "400", "401", "413", "429", "5xx", "other"];

impl ServerReply {
    /// What it means.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::None(_) => Verdict::Later,
            Self::Status { code, .. } => match code {
                204 => Verdict::Written,
                400 | 422 if self.says("retention policy") => Verdict::TooOld,
                400 | 422 => Verdict::BadLine,
                413 => Verdict::TooLarge,
                408 | 425 | 429 | 500..=599 => Verdict::Later,
                _ => Verdict::Refused,
            },
        }
    }

    pub(super) fn says(&self, what: &str) -> bool {
        match self {
            Self::None(_) => false,
            Self::Status { words, .. } => words.to_ascii_lowercase().contains(what),
        }
    }

    /// How many lines it says were dropped.
    pub(super) fn dropped(&self) -> Option<u64> {
        let Self::Status { words, .. } = self else { return None };
        let (_, number) = words.split_once("dropped=")?;
        let end = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
        number[..end].parse().ok()
    }

    /// Its class in the metrics.
    pub fn class(&self) -> &'static str {
        match self {
            Self::None(_) => "none",
            Self::Status { code, .. } => match code {
                204 => "204",
                400 | 422 => "400",
                401 | 403 | 404 => "401",
                413 => "413",
                429 => "429",
                500..=599 => "5xx",
                _ => "other",
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(code: u16, words: &str) -> ServerReply {
        ServerReply::Status { code, retry_after: None, words: words.to_owned() }
    }

    fn status(code: u16) -> ServerReply {
        reply(code, "")
    }

    #[test]
    fn only_204_is_success_and_what_nobody_knows_waits_for_a_person() {
        for (codes, verdict) in [
            (&[204][..], Verdict::Written),
            (&[400, 422], Verdict::BadLine),
            (&[413], Verdict::TooLarge),
            (&[429, 500, 502, 503, 504, 408], Verdict::Later),
            (&[200, 301, 307, 401, 403, 404, 405, 100], Verdict::Refused),
        ] {
            for code in codes {
                assert_eq!(status(*code).verdict(), verdict, "{code}");
                assert!(CLASSES.contains(&status(*code).class()), "{code}");
            }
        }
        assert_eq!(ServerReply::None("timeout".into()).verdict(), Verdict::Later);
        for words in ["points beyond retention policy dropped=2", "outside the Retention Policy"] {
            assert_eq!(reply(422, words).verdict(), Verdict::TooOld);
            assert_eq!(reply(400, words).verdict(), Verdict::TooOld);
            assert_eq!(reply(503, words).verdict(), Verdict::Later);
        }
    }
}
