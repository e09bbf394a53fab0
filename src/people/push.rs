//! The browsers in which a person turned on push: where each is written to, and with which keys.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::book::{Book, Refusal};
use super::digest::Digest;
use vitalgate_domain::model::command::PersonAct;
use vitalgate_domain::model::time::Timestamp;

/// Browsers of one person; the one that was turned on longest ago goes.
const BROWSERS_EACH: usize = 8;
/// So many letters of the digest of its address are a browser's name here.
const NAME_LETTERS: usize = 16;

/// One browser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Browser {
    /// Where its push service is asked.
    pub endpoint: String,
    /// Its public key, in base64 for addresses.
    pub p256dh: String,
    /// What it shares with whoever writes to it, likewise.
    pub auth: String,
    /// When it was turned on.
    pub since: Timestamp,
}

impl Browser {
    /// What it is called: nothing by which it could be written to.
    pub fn name(&self) -> String {
        let mut name = String::from(Digest::of(&self.endpoint));
        name.truncate(NAME_LETTERS);
        name
    }
}

impl Book {
    /// Writes to a browser from now on what a person is called for. It is one person's at a time. Which of that person's it
    /// takes the place of, where there are no more.
    pub fn turn_on_push(
        &mut self,
        named: &str,
        browser: Browser,
    ) -> Result<Vec<(String, Browser)>, Refusal> {
        if !self.people.contains_key(named) {
            return Err(Refusal::Unknown(named.to_owned()));
        }
        let name = browser.name();
        for (_, other) in self.people.iter_mut().filter(|(other, _)| *other != named) {
            other.browsers.remove(&name);
        }
        let mut replaced = Vec::new();
        let Some(person) = self.people.get_mut(named) else { return Ok(replaced) };
        let known = person.browsers.insert(name.clone(), browser);
        while person.browsers.len() > BROWSERS_EACH {
            let oldest = person.browsers.iter().min_by_key(|(_, browser)| browser.since);
            let Some(oldest) = oldest.map(|(name, _)| name.clone()) else { break };
            replaced.extend(person.browsers.remove_entry(&oldest));
        }
        // A page says so each time it is opened.
        if known.is_none() {
            self.tell(named, PersonAct::AddToken, format!("push/{name}"));
        }
        for (gone, _) in &replaced {
            self.tell(named, PersonAct::RevokeToken, format!("push/{gone}"));
        }
        Ok(replaced)
    }

    /// Writes to a browser no more.
    pub fn turn_off_push(&mut self, named: &str, browser: &str) -> Result<(), Refusal> {
        let person =
            self.people.get_mut(named).ok_or_else(|| Refusal::Unknown(named.to_owned()))?;
        if person.browsers.remove(browser).is_none() {
            return Err(Refusal::Unknown(browser.to_owned()));
        }
        self.tell(named, PersonAct::RevokeToken, format!("push/{browser}"));
        Ok(())
    }

    /// The browsers of somebody who is let in.
    pub fn browsers(&self, named: &str) -> BTreeMap<String, Browser> {
        let person = self.people.get(named).filter(|person| !person.disabled);
        person.map(|person| person.browsers.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::book::Person;
    use super::*;
    use crate::config::Role;

    fn book() -> Book {
        let mut book = Book::default();
        for name in ["jane", "john"] {
            let clinician = Person::new(Role::Clinician, None, BTreeSet::new()).unwrap();
            book.add("local:cli", name, clinician).unwrap();
        }
        book
    }

    fn browser(n: i64) -> Browser {
        Browser {
            endpoint: format!("https://push.example/{n}"),
            p256dh: "p".into(),
            auth: "a".into(),
            since: Timestamp::from_micros(n),
        }
    }

    #[test]
    fn a_browser_is_one_persons_at_a_time_and_there_are_eight_at_most() {
        let mut book = book();
        for n in 0..8 {
            assert_eq!(book.turn_on_push("jane", browser(n)).unwrap(), []);
        }
        let replaced = book.turn_on_push("jane", browser(8)).unwrap();
        assert_eq!(replaced, [(browser(0).name(), browser(0))], "whoever asks is told");
        let told = book.untold.last().unwrap();
        assert_eq!(told.subject, format!("push/{}", browser(0).name()), "and so is the audit");
        let known = book.browsers("jane");
        assert_eq!((known.len(), known.contains_key(&browser(0).name())), (8, false));
        book.turn_on_push("john", browser(5)).unwrap();
        assert_eq!((book.browsers("jane").len(), book.browsers("john").len()), (7, 1));
        assert!(book.turn_on_push("nobody", browser(1)).is_err());
    }

    #[test]
    fn whoever_is_let_in_no_more_or_has_another_password_is_written_to_no_more() {
        let mut book = book();
        let name = browser(1).name();
        book.turn_on_push("jane", browser(1)).unwrap();
        let told = book.untold.len();
        book.turn_on_push("jane", browser(1)).unwrap();
        assert_eq!(book.untold.len(), told, "a page says so each time it is opened");
        book.disable("local:cli", "jane", true).unwrap();
        assert!(book.browsers("jane").is_empty());
        book.disable("local:cli", "jane", false).unwrap();
        assert_eq!(book.browsers("jane").len(), 1);
        book.set_password("jane", "jane", "hash".into()).unwrap();
        assert!(book.browsers("jane").is_empty(), "whoever knew the old one may have turned it on");
        assert!(book.turn_off_push("jane", &name).is_err());
    }
}
