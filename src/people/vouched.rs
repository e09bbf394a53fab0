//! Accounts of people whom a provider vouches for: it says who they are and what they may, each time they come.

use super::book::{Book, Person, Refusal};
use vitalgate_domain::model::command::PersonAct;

/// What the gateway calls itself in the audit, where it does what a provider says.
const ACTOR: &str = "gateway:oidc";

impl Book {
    /// Somebody is vouched for: an account is made, or has the rights that the provider says now. An account of somebody
    /// else, or one that was disabled here, stays as it is.
    pub fn admit(&mut self, named: &str, subject: &str, to: Person) -> Result<(), Refusal> {
        let Some(present) = self.people.get_mut(named) else {
            return self.add(ACTOR, named, Person { subject: Some(subject.to_owned()), ..to });
        };
        if !present.is_of(subject) {
            return Err(Refusal::Elsewhere(named.to_owned()));
        }
        let again = present.no_more_vouched;
        if again {
            (present.no_more_vouched, present.disabled) = (false, false);
            self.tell(ACTOR, PersonAct::EnablePerson, named);
        }
        let present = self.person_mut(named)?;
        if (present.role, &present.wards) == (to.role, &to.wards) {
            return Ok(());
        }
        self.change(ACTOR, named, to)
    }

    /// A provider says of somebody now what gives nobody anything here: whoever had an account by it is let in no more, until
    /// it vouches for them again.
    pub fn no_more_vouched(&mut self, subject: &str) {
        let theirs = self
            .people
            .iter_mut()
            .filter(|(_, person)| person.subject.as_deref() == Some(subject) && !person.disabled);
        let mut named = Vec::new();
        for (name, person) in theirs {
            (person.disabled, person.no_more_vouched) = (true, true);
            person.epoch += 1;
            named.push(name.clone());
        }
        for name in named {
            self.tell(ACTOR, PersonAct::DisablePerson, name);
        }
    }
}

impl Person {
    /// Whether it is the account of whom a provider calls so, and was not disabled here.
    pub fn is_of(&self, subject: &str) -> bool {
        let let_in = !self.disabled || self.no_more_vouched;
        let_in && self.subject.as_deref() == Some(subject)
    }

    /// Refuses a password for whoever signs in at the provider: it would outlive what the provider says.
    pub(super) fn has_password_here(&self, named: &str) -> Result<(), Refusal> {
        match self.subject {
            Some(_) => Err(Refusal::Elsewhere(named.to_owned())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::digest::Digest;
    use super::*;
    use crate::config::Role;
    use vitalgate_domain::model::time::Timestamp;

    fn viewer() -> Person {
        Person::new(Role::Viewer, None, BTreeSet::new()).unwrap()
    }

    #[test]
    fn whoever_is_vouched_for_no_more_is_out_until_the_provider_says_otherwise() {
        let mut book = Book::default();
        for (name, subject) in [("jane", "p 17"), ("john", "p 18")] {
            book.admit(name, subject, viewer()).unwrap();
            book.begin(name, Digest::of(name), Timestamp::default()).unwrap();
        }
        let epoch = book.people["jane"].epoch;
        book.no_more_vouched("p 17");
        let (jane, john) = (&book.people["jane"], &book.people["john"]);
        assert!(jane.disabled && jane.epoch > epoch && !john.disabled);
        assert_eq!(book.untold.last().unwrap().act, PersonAct::DisablePerson);
        let told = book.untold.len();
        book.no_more_vouched("p 17");
        book.no_more_vouched("p 99");
        assert_eq!(book.untold.len(), told, "that is no news");
        assert!(book.admit("jane", "p 99", viewer()).is_err());
        book.admit("jane", "p 17", viewer()).unwrap();
        assert!(!book.people["jane"].disabled);

        // Whom somebody here disables the provider lets in no more, whatever it said before.
        book.no_more_vouched("p 17");
        book.disable("local:cli", "jane", true).unwrap();
        assert!(book.admit("jane", "p 17", viewer()).is_err());
    }
}
