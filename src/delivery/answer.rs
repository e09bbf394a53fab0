//! What an answer of the other side means, pure.

use crate::net::outbound::{Answer, NoAnswer};

/// Of what the other side says so many characters are told.
const WORDS: usize = 200;

/// What became of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was taken.
    Taken,
    /// It cannot be taken as it is; the next one may be.
    Refused(String),
    /// Nothing is taken now.
    Failing(String),
}

impl Verdict {
    /// Of an answer, or of none. A redirect is not followed: who may be told is decided by the configuration.
    pub(super) fn of(answer: Result<Answer, NoAnswer>) -> Self {
        let answer = match answer {
            Ok(answer) => answer,
            Err(why) => return Self::Failing(why.to_string()),
        };
        let words = words(&answer);
        match answer.status {
            200..300 => Self::Taken,
            400 | 413 | 415 | 422 => Self::Refused(words),
            _ => Self::Failing(words),
        }
    }

    /// In metrics.
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Refused(_) => "refused",
            Self::Failing(_) => "failing",
        }
    }
}

/// Status and words, on one line and without what a screen would obey.
fn words(answer: &Answer) -> String {
    let said = String::from_utf8_lossy(&answer.body);
    let line: String = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown: String = line.chars().filter(|c| c.is_ascii() && !c.is_ascii_control()).collect();
    let cut: String = shown.chars().take(WORDS).collect();
    format!("status {} {cut}", answer.status).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::http::HeaderMap;
    use bytes::Bytes;

    use super::*;

    fn verdict(status: u16, body: &'static str) -> Verdict {
        Verdict::of(Ok(Answer { status, headers: HeaderMap::new(), body: Bytes::from(body) }))
    }

    #[test]
    fn one_message_is_refused_or_nothing_is_taken() {
        assert_eq!(verdict(204, ""), Verdict::Taken);
        assert_eq!(
            verdict(422, "no\nsuch field"),
            Verdict::Refused("status 422 no such field".into())
        );
        for status in [301, 401, 403, 404, 408, 410, 429, 500, 503] {
            assert_eq!(verdict(status, ""), Verdict::Failing(format!("status {status}")));
        }
        let late = Verdict::of(Err(NoAnswer::Late(Duration::from_secs(1))));
        assert_eq!(late, Verdict::Failing("no answer within 1 s".into()));
    }

    #[test]
    fn what_the_other_side_says_is_one_line_of_plain_letters() {
        let Verdict::Failing(words) = verdict(500, "a\u{202e}b\x1b[31m\n\u{2028}c") else {
            panic!()
        };
        assert_eq!(words, "status 500 ab[31m c");
    }
}
