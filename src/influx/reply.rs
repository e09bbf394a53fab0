//! What the server says of a request, and what it means.

use std::time::Duration;

use vitalgate_domain::model::input::LineRefusal;

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
    /// Some line is refused, whatever comes later.
    Refuses(LineRefusal),
    /// Too much at once.
    TooLarge,
    /// Somebody must change something: nothing is lost, nothing goes on.
    Refused,
    /// It failed at this. Perhaps it fails at everything, perhaps at one line.
    Failed,
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
            Self::Status { code, words, .. } => match (code, kind(words)) {
                (204, _) => Verdict::Written,
                (400 | 422, why) => Verdict::Refuses(why.unwrap_or(LineRefusal::Line)),
                (413, _) => Verdict::TooLarge,
                // Some versions say so of a point that is only too old.
                (500..=599, Some(why)) => Verdict::Refuses(why),
                (500, None) => Verdict::Failed,
                (408 | 425 | 429 | 501..=599, _) => Verdict::Later,
                _ => Verdict::Refused,
            },
        }
    }

    /// Whether it says that the rest of the request is written.
    pub(super) fn is_partial(&self) -> bool {
        self.words().to_ascii_lowercase().contains("partial write")
    }

    /// The beginning of the server's words; empty where it did not answer.
    pub(super) fn words(&self) -> &str {
        match self {
            Self::None(_) => "",
            Self::Status { words, .. } => words,
        }
    }

    /// How many lines it says were dropped.
    pub(super) fn dropped(&self) -> Option<u64> {
        let (_, number) = self.words().split_once("dropped=")?;
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

/// What a server's words have against a line, where they tell: only what no outage and no overload says.
fn kind(words: &str) -> Option<LineRefusal> {
    let words = words.to_ascii_lowercase();
    let any = |all: &[&str]| all.iter().any(|part| words.contains(part));
    let beyond = ["beyond", "beyond the", "outside", "outside the", "older than the"];
    let before = words.find("retention policy").map_or("", |at| words[..at].trim_end());
    if beyond.iter().any(|word| before.ends_with(word)) {
        Some(LineRefusal::Retention)
    } else if any(&["max-series", "max-values-per-tag"])
        || (any(&["cardinality", "new series"]) && any(&["limit", "exceed"]))
        || (any(&["hard limit reached"]) && any(&["series", "partial write"]))
    {
        Some(LineRefusal::Series)
    } else if any(&["field type conflict", "already exists as type"]) {
        Some(LineRefusal::FieldType)
    } else {
        None
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
            (&[400, 422], Verdict::Refuses(LineRefusal::Line)),
            (&[413], Verdict::TooLarge),
            (&[500], Verdict::Failed),
            (&[429, 502, 503, 504, 507, 408], Verdict::Later),
            (&[200, 301, 307, 401, 403, 404, 405, 100], Verdict::Refused),
        ] {
            for code in codes {
                assert_eq!(status(*code).verdict(), verdict, "{code}");
                assert!(CLASSES.contains(&status(*code).class()), "{code}");
            }
        }
        assert_eq!(ServerReply::None("timeout".into()).verdict(), Verdict::Later);
    }

    #[test]
    fn what_is_refused_as_a_kind_is_known_by_its_words_whatever_the_status() {
        for (words, why) in [
            ("partial write: points beyond retention policy dropped=2", LineRefusal::Retention),
            ("point is outside the Retention Policy", LineRefusal::Retention),
            ("partial write: max-series-per-database limit exceeded: (9)", LineRefusal::Series),
            ("max-values-per-tag limit exceeded (9/9)", LineRefusal::Series),
            ("series cardinality limit reached", LineRefusal::Series),
            ("partial write: hard limit reached dropped=7", LineRefusal::Series),
            ("field type conflict: input field \"value\"", LineRefusal::FieldType),
        ] {
            for code in [400, 422, 500, 503] {
                assert_eq!(reply(code, words).verdict(), Verdict::Refuses(why), "{code} {words}");
            }
            assert_eq!(reply(429, words).verdict(), Verdict::Later, "{words}");
            assert_eq!(reply(401, words).verdict(), Verdict::Refused, "{words}");
        }
    }

    #[test]
    fn what_an_outage_or_an_overload_says_is_no_refusal_of_a_line() {
        for words in [
            "",
            "engine: cache-max-memory-size exceeded: (1073741824/1073741824)",
            "retention policy not found: autogen",
            "cannot open series file",
            "hard limit reached",
            "timeout; max-concurrent-write-limit exceeded",
            "the service beyond this proxy is away; its retention of requests is limited",
        ] {
            assert_eq!(reply(503, words).verdict(), Verdict::Later, "{words}");
            assert_eq!(reply(500, words).verdict(), Verdict::Failed, "{words}");
        }
    }
}
