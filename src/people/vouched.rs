//! Accounts of people whom a provider vouches for: it says who they are and what they may, each time they come.

use super::book::{Book, Person, Refusal};

/// What the gateway calls itself in the audit, where it does what a provider says.
const ACTOR: &str = "gateway:oidc";

impl Book {
    /// Somebody is vouched for: an account is made, or has the rights that the provider says now. An account of somebody
    /// else, or one that was disabled here, stays as it is.
    pub fn admit(&mut self, named: &str, subject: &str, to: Person) -> Result<(), Refusal> {
        let Some(present) = self.people.get(named) else {
            return self.add(ACTOR, named, Person { subject: Some(subject.to_owned()), ..to });
        };
        if !present.is_of(subject) {
            return Err(Refusal::Elsewhere(named.to_owned()));
        }
        if (present.role, &present.wards) == (to.role, &to.wards) {
            return Ok(());
        }
        self.change(ACTOR, named, to)
    }
}

impl Person {
    /// Whether it is the account of whom a provider calls so, and lets them in.
    pub fn is_of(&self, subject: &str) -> bool {
        !self.disabled && self.subject.as_deref() == Some(subject)
    }

    /// Refuses a password for whoever signs in at the provider: it would outlive what the provider says.
    pub(super) fn has_password_here(&self, named: &str) -> Result<(), Refusal> {
        match self.subject {
            Some(_) => Err(Refusal::Elsewhere(named.to_owned())),
            None => Ok(()),
        }
    }
}
