//! Tokens of people for programs of theirs.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::book::{Book, Person, Refusal, name};
use super::digest::Digest;
use crate::config::Role;
use vitalgate_domain::model::command::PersonAct;
use vitalgate_domain::model::ids::WardId;
use vitalgate_domain::model::time::Timestamp;

/// Tokens of one person.
pub const TOKENS_EACH: usize = 16;

/// A token of a person for a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonalToken {
    /// Of the token's text.
    pub sha256: Digest,
    /// What it may, at most what its person may.
    pub role: Role,
    /// Where, at most where its person may.
    pub wards: Option<BTreeSet<WardId>>,
    /// When it ends.
    pub until: Timestamp,
}

impl Book {
    /// Adds a token of a person for a program.
    pub fn add_token(
        &mut self,
        named: &str,
        token_name: &str,
        token: PersonalToken,
    ) -> Result<(), Refusal> {
        let token_name = name(token_name)?;
        let person = self.person_mut(named)?;
        if !person.may_give(token.role, token.wards.as_ref()) {
            return Err(Refusal::Beyond);
        }
        if person.tokens.contains_key(&token_name) {
            return Err(Refusal::Known(token_name));
        }
        if person.tokens.len() >= TOKENS_EACH {
            return Err(Refusal::TooMany);
        }
        let subject = format!("{token_name} {}", token.role.as_str());
        person.tokens.insert(token_name, token);
        self.tell(named, PersonAct::AddToken, subject);
        Ok(())
    }

    /// Takes a token back.
    pub fn revoke_token(&mut self, named: &str, token_name: &str) -> Result<(), Refusal> {
        let person = self.person_mut(named)?;
        if person.tokens.remove(token_name).is_none() {
            return Err(Refusal::Unknown(token_name.to_owned()));
        }
        self.tell(named, PersonAct::RevokeToken, token_name);
        Ok(())
    }

    /// Whose token it is, and what it may.
    pub fn token(
        &self,
        sha256: Digest,
        now: Timestamp,
    ) -> Option<(&str, &str, &Person, &PersonalToken)> {
        let people = self.people.iter().filter(|(_, person)| !person.disabled);
        let all = people.flat_map(|(named, person)| {
            person.tokens.iter().map(move |(name, token)| (&**named, &**name, person, token))
        });
        let mut good = all.filter(|(.., token)| token.sha256 == sha256 && now < token.until);
        good.find(|(_, _, person, token)| person.may_give(token.role, token.wards.as_ref()))
    }
}

impl Person {
    /// Whether they may give a token such a role in such wards: their own, or a viewer's where they see patients.
    fn may_give(&self, role: Role, wards: Option<&BTreeSet<WardId>>) -> bool {
        let sees = matches!(self.role, Role::Clinician | Role::WardAdmin);
        let of_role = role == self.role
            || (sees && matches!(role, Role::Viewer | Role::Clinician))
            || (self.role == Role::Admin && role == Role::Ops);
        let within = match (&self.wards, wards) {
            (None, _) => true,
            (Some(own), Some(asked)) => !asked.is_empty() && asked.is_subset(own),
            (Some(_), None) => false,
        };
        of_role && within
    }
}
