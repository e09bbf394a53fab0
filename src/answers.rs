//! Links by which a person answers an alarm from wherever they were told of it. Each is of one person, one alarm as it was
//! told, one act and an end, and signed by a key of the store's folder; `delivery` makes them, `http` takes them.
//!
//! Whoever holds one is taken for that person, for that one act. It is used once: that the act was done stands in the log,
//! in the commit that did it, and nowhere else.

use std::fmt;
use std::path::Path;

use data_encoding::BASE64URL_NOPAD;
use ring::hmac;

use crate::config::ServerUrl;
use vitalgate_domain::model::command::AlarmAct;
use vitalgate_domain::model::ids::{AlarmId, PersonId};
use vitalgate_domain::model::time::{Span, Timestamp};
use vitalgate_domain::output::transition::Change;
use vitalgate_store::{BadKey, open_key};

/// Where a link leads, below the gateway's own address.
pub const PATH: &str = "/answer/";
/// A link holds for a shift; whoever is still asked then is told anew, with another.
const HOLDS: Span = Span::hours(12);
/// The key in the store's folder.
const KEY: &str = "answers";
/// The form of what is signed, and nothing else that this key might ever sign.
const FORM: &str = "answer-1";
/// Longer than any link.
const MOST_BYTES: usize = 1_024;

/// What a person answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// They take care of it.
    Accept,
    /// They took note of it.
    Acknowledge,
    /// They cannot: the next is asked.
    Reject,
}

/// One link, as it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Whose it is.
    pub person: PersonId,
    /// Of which alarm.
    pub alarm: AlarmId,
    /// The transition that told it: what the person has seen.
    pub seq: u64,
    /// What it does.
    pub answer: Answer,
    /// When it ends.
    pub until: Timestamp,
}

/// Why a link does nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLink {
    /// Nobody here made it.
    #[error("this is no link of this gateway: it was cut short, or changed on its way")]
    Forged,
    /// It was made too long ago.
    #[error("this link has ended: whoever is asked now has another")]
    Over,
}

/// Makes links and knows them again.
#[derive(Clone)]
pub struct Answers {
    key: hmac::Key,
    store: String,
    public: Option<String>,
}

/// The links that stand in what one person is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replies {
    public: Option<String>,
    /// In the order of [`Answer::ALL`].
    tokens: [String; 3],
}

impl Answer {
    /// All of them, the one that is asked for first.
    pub const ALL: [Self; 3] = [Self::Accept, Self::Acknowledge, Self::Reject];

    /// In a link, and wherever a program reads it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Acknowledge => "acknowledge",
            Self::Reject => "reject",
        }
    }

    /// What it does.
    pub fn act(self) -> AlarmAct {
        match self {
            Self::Accept => AlarmAct::Accept,
            Self::Acknowledge => AlarmAct::Acknowledge,
            Self::Reject => AlarmAct::Reject,
        }
    }

    /// The word in the log by which it is known to be done.
    pub const fn done(self) -> Change {
        match self {
            Self::Accept => Change::Accepted,
            Self::Acknowledge => Change::Acknowledged,
            Self::Reject => Change::Rejected,
        }
    }

    fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|answer| answer.as_str() == word)
    }
}

impl Answers {
    /// Of the store in a folder; its key is made at the first use. `public` is where people reach the gateway: without it
    /// there is nothing to open.
    pub fn open(dir: &Path, store: &str, public: Option<&ServerUrl>) -> Result<Self, BadKey> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &open_key(dir, KEY)?);
        let public = public.map(|url| {
            let scheme = if url.tls { "https" } else { "http" };
            format!("{scheme}://{}{}", url.authority, url.prefix())
        });
        Ok(Self { key, store: store.to_owned(), public })
    }

    /// What somebody is sent who was told of an alarm by a transition: the same however often it is sent.
    pub fn to(&self, person: &PersonId, alarm: &AlarmId, seq: u64, told: Timestamp) -> Replies {
        let token = |answer| {
            let (person, alarm) = (person.clone(), alarm.clone());
            self.token(&Link { person, alarm, seq, answer, until: told + HOLDS })
        };
        Replies { public: self.public.clone(), tokens: Answer::ALL.map(token) }
    }

    /// The link of this text, if it is one and has not ended.
    pub fn known(&self, token: &str, now: Timestamp) -> Result<Link, BadLink> {
        let link = self.read(token).ok_or(BadLink::Forged)?;
        if now < link.until { Ok(link) } else { Err(BadLink::Over) }
    }

    fn token(&self, link: &Link) -> String {
        let Link { person, alarm, seq, answer, until } = link;
        let store = &self.store;
        let said = format!(
            "{FORM} {store} {person} {alarm} {seq} {} {}",
            answer.as_str(),
            until.as_micros()
        );
        let tag = hmac::sign(&self.key, said.as_bytes());
        let [said, tag] = [said.as_bytes(), tag.as_ref()].map(|part| BASE64URL_NOPAD.encode(part));
        format!("{said}.{tag}")
    }

    fn read(&self, token: &str) -> Option<Link> {
        let (said, tag) = token.split_once('.').filter(|_| token.len() <= MOST_BYTES)?;
        let said = BASE64URL_NOPAD.decode(said.as_bytes()).ok()?;
        let tag = BASE64URL_NOPAD.decode(tag.as_bytes()).ok()?;
        hmac::verify(&self.key, &said, &tag).ok()?;
        let said = String::from_utf8(said).ok()?;
        let [form, store, person, alarm, seq, answer, until] =
            said.split(' ').collect::<Vec<_>>().try_into().ok()?;
        // A copy of the store that is restored counts on in numbers of its own.
        (form == FORM && store == self.store).then_some(())?;
        Some(Link {
            person: person.parse().ok()?,
            alarm: alarm.parse().ok()?,
            seq: seq.parse().ok()?,
            answer: Answer::of(answer)?,
            until: Timestamp::from_micros(until.parse().ok()?),
        })
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers").field("public", &self.public).finish_non_exhaustive()
    }
}

impl Replies {
    /// Where an answer is opened or posted; `None` where nobody said by which address people reach the gateway.
    pub fn url(&self, answer: Answer) -> Option<String> {
        Some(format!("{}{}", self.public.as_ref()?, self.path(answer)))
    }

    /// The same, below the gateway's own address.
    pub fn path(&self, answer: Answer) -> String {
        let at = Answer::ALL.iter().position(|known| *known == answer);
        format!("{PATH}{}", at.map_or("", |at| &self.tokens[at]))
    }

    /// All of them, with what they do.
    pub fn urls(&self) -> Vec<(Answer, String)> {
        Answer::ALL.into_iter().filter_map(|answer| Some((answer, self.url(answer)?))).collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_780_000_000_000_000);

    /// Of a store and an address of its own, with the key in a folder.
    pub(crate) fn answers(dir: &Path, store: &str, public: Option<&str>) -> Answers {
        let public = public.map(|url| ServerUrl::try_from(url.to_owned()).unwrap());
        Answers::open(dir, store, public.as_ref()).unwrap()
    }

    fn replies(answers: &Answers) -> Replies {
        answers.to(&"n.1".parse().unwrap(), &"A1".parse().unwrap(), 7, NOW)
    }

    fn token(url: &str) -> &str {
        url.rsplit('/').next().unwrap()
    }

    #[test]
    fn a_link_says_who_what_and_until_when_and_is_the_same_each_time() {
        let dir = tempfile::tempdir().unwrap();
        let answers = answers(dir.path(), "S1", Some("https://icu.example/vitals/"));
        let url = replies(&answers).url(Answer::Accept).unwrap();
        assert!(url.starts_with("https://icu.example/vitals/answer/"), "{url}");
        assert_eq!(replies(&answers).url(Answer::Accept).unwrap(), url);
        let link = answers.known(token(&url), NOW + HOLDS - Span::secs(1)).unwrap();
        assert_eq!((link.person.as_str(), link.alarm.as_str(), link.seq), ("n.1", "A1", 7));
        assert_eq!((link.answer, link.until), (Answer::Accept, NOW + HOLDS));
        let acknowledge = answers.known(token(&replies(&answers).path(Answer::Acknowledge)), NOW);
        assert_eq!(acknowledge.unwrap().answer, Answer::Acknowledge);
        assert_eq!(answers.known(token(&url), NOW + HOLDS), Err(BadLink::Over));
    }

    #[test]
    fn without_an_address_of_its_own_there_is_nothing_to_open() {
        let dir = tempfile::tempdir().unwrap();
        let replies = replies(&answers(dir.path(), "S1", None));
        assert_eq!((replies.url(Answer::Accept), replies.urls().len()), (None, 0));
    }

    #[test]
    fn nothing_of_a_link_can_be_changed_and_another_store_does_not_know_it() {
        let dir = tempfile::tempdir().unwrap();
        let here = answers(dir.path(), "S1", None);
        let path = replies(&here).path(Answer::Acknowledge);
        let good = token(&path);
        let (said, tag) = good.split_once('.').unwrap();
        let said = String::from_utf8(BASE64URL_NOPAD.decode(said.as_bytes()).unwrap()).unwrap();
        for (part, another) in
            [("n.1", "d.1"), ("A1", "A2"), (" 7 ", " 8 "), ("acknowledge", "accept")]
        {
            assert!(said.contains(part), "{said}");
            let said = BASE64URL_NOPAD.encode(said.replace(part, another).as_bytes());
            assert_eq!(here.known(&format!("{said}.{tag}"), NOW), Err(BadLink::Forged), "{part}");
        }
        for bad in ["", ".", good.trim_end_matches(|c| c != '.'), &"a".repeat(2_000), "ä.ö"] {
            assert_eq!(here.known(bad, NOW), Err(BadLink::Forged), "{bad}");
        }
        assert!(here.known(good, NOW).is_ok());
        assert_eq!(answers(dir.path(), "S2", None).known(good, NOW), Err(BadLink::Forged));
        let elsewhere = tempfile::tempdir().unwrap();
        assert_eq!(answers(elsewhere.path(), "S1", None).known(good, NOW), Err(BadLink::Forged));
    }
}
