//! What the page behind a link says, in the language that a browser asks for.

use axum::http::{HeaderMap, StatusCode, header};

use crate::answers::Answer;
use vitalgate_domain::model::alarm::Priority;

/// What became of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// It did what it is for.
    Done(Answer),
    /// It did so before.
    Used,
    /// Nobody here made it.
    Forged,
    /// It was made too long ago.
    Ended,
    /// Whose it is may not do that any more.
    NoRight,
    /// The alarm is over.
    Over,
    /// There is news that its person has not seen, or the alarm asks for something else.
    News,
    /// Nobody knows, or not now.
    Busy,
}

impl Said {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Done(_) => StatusCode::OK,
            Self::Used | Self::Over | Self::News => StatusCode::CONFLICT,
            Self::Forged => StatusCode::NOT_FOUND,
            Self::Ended => StatusCode::GONE,
            Self::NoRight => StatusCode::FORBIDDEN,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// All of it in one language.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) language: &'static str,
    pub(super) you_are: &'static str,
    pub(super) has_it: &'static str,
    pub(super) nobody: &'static str,
    pub(super) no_ward: &'static str,
    pub(super) gateway: &'static str,
    pub(super) page: &'static str,
    /// High, medium, low.
    graves: [&'static str; 3],
    /// Of accept, acknowledge and reject: the button, and what is said when it is done.
    answers: [(&'static str, &'static str); 3],
    done: &'static str,
    not_done: &'static str,
    used: &'static str,
    forged: &'static str,
    ended: &'static str,
    no_right: &'static str,
    over: &'static str,
    news: &'static str,
    busy: &'static str,
}

const ENGLISH: Words = Words {
    language: "en",
    you_are: "You answer as",
    has_it: "At present it is with",
    nobody: "Nobody has taken it yet.",
    no_ward: "a patient in no ward",
    gateway: "Gateway",
    page: "Open the page",
    graves: ["High alarm", "Medium alarm", "Low alarm"],
    answers: [
        ("I take care of it", "It is yours now, and nobody else is asked."),
        ("I have taken note of it", "That you took note of it stands under your name."),
        ("I cannot: ask the next", "The next one is asked."),
    ],
    done: "Done",
    not_done: "NOT done",
    used: "That was answered already: this link does nothing more.",
    forged: "This is no link of this gateway: it was cut short, or changed on its way.",
    ended: "This link has ended. If you are still asked you were told again, with another; else open the page.",
    no_right: "Whoever this link is of may not do that any more.",
    over: "The alarm is over, or waits for somebody who looks: open the page.",
    news: "There is news of it, or it is not asked of you any more: open the page and look.",
    busy: "Nobody knows whether it was done: open the page, or call.",
};

const GERMAN: Words = Words {
    language: "de",
    you_are: "Sie antworten als",
    has_it: "Zurzeit übernommen von",
    nobody: "Noch hat ihn niemand übernommen.",
    no_ward: "ein Patient ohne Station",
    gateway: "Gateway",
    page: "Seite öffnen",
    graves: ["Alarm hoher Priorität", "Alarm mittlerer Priorität", "Alarm niedriger Priorität"],
    answers: [
        ("Ich übernehme", "Sie haben ihn übernommen; niemand sonst wird gefragt."),
        ("Zur Kenntnis genommen", "Ihre Kenntnisnahme steht unter Ihrem Namen."),
        ("Ich kann nicht: nächste Person fragen", "Die nächste Person wird gefragt."),
    ],
    done: "Erledigt",
    not_done: "NICHT erledigt",
    used: "Darauf wurde schon geantwortet: Dieser Link bewirkt nichts mehr.",
    forged: "Das ist kein Link dieses Gateways: Er wurde abgeschnitten oder unterwegs verändert.",
    ended: "Dieser Link ist abgelaufen. Wer noch gefragt ist, hat einen neuen bekommen; sonst öffnen Sie die Seite.",
    no_right: "Wem dieser Link gehört, darf das nicht mehr.",
    over: "Der Alarm ist vorbei oder wartet auf jemanden, der nachsieht: Öffnen Sie die Seite.",
    news: "Es gibt Neues dazu, oder Sie sind nicht mehr gefragt: Öffnen Sie die Seite und sehen Sie nach.",
    busy: "Niemand weiß, ob es erledigt ist: Öffnen Sie die Seite, oder rufen Sie an.",
};

impl Words {
    /// In the first language that is asked for, if it is known; else in English.
    pub(super) fn of(headers: &HeaderMap) -> &'static Self {
        let asked = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        let first = asked.and_then(|all| all.split([',', ';']).next()).unwrap_or_default();
        let is_german =
            first.trim().split('-').next().is_some_and(|l| l.eq_ignore_ascii_case("de"));
        if is_german { &GERMAN } else { &ENGLISH }
    }

    pub(super) fn grave(&self, priority: Priority) -> &'static str {
        match priority {
            Priority::High => self.graves[0],
            Priority::Medium => self.graves[1],
            Priority::Low | Priority::Info => self.graves[2],
        }
    }

    pub(super) fn button(&self, answer: Answer) -> &'static str {
        self.answer(answer).0
    }

    /// A headline and what stands below it.
    pub(super) fn said(&self, said: Said) -> (&'static str, &'static str) {
        match said {
            Said::Done(answer) => (self.done, self.answer(answer).1),
            Said::Used => (self.not_done, self.used),
            Said::Forged => (self.not_done, self.forged),
            Said::Ended => (self.not_done, self.ended),
            Said::NoRight => (self.not_done, self.no_right),
            Said::Over => (self.not_done, self.over),
            Said::News => (self.not_done, self.news),
            Said::Busy => (self.not_done, self.busy),
        }
    }

    fn answer(&self, answer: Answer) -> (&'static str, &'static str) {
        match answer {
            Answer::Accept => self.answers[0],
            Answer::Acknowledge => self.answers[1],
            Answer::Reject => self.answers[2],
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_browser_is_answered_in_its_language() {
        let language = |asked: &'static str| {
            let headers =
                HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, HeaderValue::from_static(asked))]);
            Words::of(&headers).language
        };
        assert_eq!(language("de-AT,de;q=0.9,en;q=0.8"), "de");
        assert_eq!((language("en-GB,de;q=0.5"), language("fr"), language("")), ("en", "en", "en"));
        assert_eq!(Words::of(&HeaderMap::new()).language, "en");
    }
}
