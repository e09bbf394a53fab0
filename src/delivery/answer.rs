//! What an answer of the other side means, pure.

use crate::net::outbound::{Answer, NoAnswer};

/// Of what the other side says so many characters are told.
const WORDS: usize = 200;

/// What became of one request, and what the other side said to it. That may repeat what it was sent, so nobody is shown it
/// but who tries the channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) verdict: Verdict,
    pub(super) said: String,
}

/// What became of one request, in words that are ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was taken.
    Taken,
    /// It cannot be taken as it is; the next one may be.
    Refused(String),
    /// Nothing is taken now.
    Failing(String),
}

impl Outcome {
    /// Of an answer, or of none. A redirect is not followed: who may be told is decided by the configuration.
    pub(super) fn of(answer: Result<Answer, NoAnswer>) -> Self {
        let answer = match answer {
            Ok(answer) => answer,
            Err(why) => {
                return Self { verdict: Verdict::Failing(why.to_string()), said: String::new() };
            }
        };
        let words = format!("status {}", answer.status);
        let verdict = match answer.status {
            200..300 => Verdict::Taken,
            400 | 413 | 415 | 422 => Verdict::Refused(words),
            _ => Verdict::Failing(words),
        };
        Self { verdict, said: one_line(&String::from_utf8_lossy(&answer.body)) }
    }
}

impl Verdict {
    /// In metrics.
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Refused(_) => "refused",
            Self::Failing(_) => "failing",
        }
    }
}

/// What the other side says on one line, without what a screen would obey.
pub(super) fn one_line(said: &str) -> String {
    let line: String = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown = line.chars().filter(|c| c.is_ascii() && !c.is_ascii_control());
    shown.take(WORDS).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::http::HeaderMap;
    use bytes::Bytes;

    use super::*;

    fn outcome(status: u16, body: &'static str) -> Outcome {
        Outcome::of(Ok(Answer { status, headers: HeaderMap::new(), body: Bytes::from(body) }))
    }

    #[test]
    fn one_message_is_refused_or_nothing_is_taken() {
        assert_eq!(outcome(204, "").verdict, Verdict::Taken);
        assert_eq!(outcome(422, "no such field").verdict, Verdict::Refused("status 422".into()));
        for status in [301, 401, 403, 404, 408, 410, 429, 500, 503] {
            assert_eq!(outcome(status, "").verdict, Verdict::Failing(format!("status {status}")));
        }
        let late = Outcome::of(Err(NoAnswer::Late(Duration::from_secs(1)))).verdict;
        assert_eq!(late, Verdict::Failing("no answer within 1 s".into()));
    }

    #[test]
    fn what_the_other_side_says_is_one_line_of_plain_letters() {
        assert_eq!(outcome(500, "a\u{202e}b\x1b[31m\n\u{2028}c").said, "ab[31m c");
    }
}
