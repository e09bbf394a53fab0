//! What a provider says of somebody, as an account: a name, one role, wards.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::config::{Oidc, Role};
use crate::people::{self, Person};
use vitalgate_domain::model::ids::WardId;
use vitalgate_domain::model::time::Timestamp;

/// What a token says; signature, issuer, audience and time were looked at.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Claims {
    sub: String,
    exp: i64,
    #[serde(default)]
    nbf: Option<i64>,
    #[serde(default)]
    pub(super) nonce: Option<String>,
    #[serde(default)]
    pub(super) azp: Option<String>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// Somebody a provider vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vouched {
    /// What they are called here.
    pub name: String,
    /// Who that is there, and at which provider; stays so, whatever they are called.
    pub subject: String,
    /// What they may.
    pub role: Role,
    /// Where; `None` is the whole gateway.
    pub wards: Option<BTreeSet<WardId>>,
    /// Until when the token holds.
    pub until: Timestamp,
}

/// Why somebody a provider knows is nobody here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadClaims {
    /// A claim is not there, or is something else.
    #[error("the claim `{0}` is missing, or not what it should be")]
    Claim(String),
    /// A name, or wards, that cannot be.
    #[error(transparent)]
    Person(#[from] people::Refusal),
    /// None of the values is a role here.
    #[error("none of their roles at the provider is one here")]
    NoRole,
    /// More than one.
    #[error("their roles at the provider are several here, and an account has one")]
    SeveralRoles,
}

impl Claims {
    pub(super) fn expires(&self) -> i64 {
        self.exp
    }

    pub(super) fn begins(&self) -> Option<i64> {
        self.nbf
    }

    /// Who it is there, and at which provider.
    pub(super) fn subject(&self, config: &Oidc) -> String {
        format!("{} {}", config.issuer, self.sub)
    }

    /// What a claim says; dots stand between what lies within another.
    fn find(&self, claim: &str) -> Option<&Value> {
        // A name with dots in it, as some providers have, stands for itself.
        if let Some(value) = self.rest.get(claim) {
            return Some(value);
        }
        let mut parts = claim.split('.');
        let first = self.rest.get(parts.next()?)?;
        parts.try_fold(first, |within, part| within.get(part))
    }

    /// The words of a claim: a list of them, or one.
    fn words(&self, claim: &str) -> Option<Vec<&str>> {
        match self.find(claim)? {
            Value::String(word) => Some(vec![word]),
            Value::Array(words) => words.iter().map(Value::as_str).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
        }
    }
}

impl Vouched {
    pub(super) fn of(claims: &Claims, config: &Oidc) -> Result<Self, BadClaims> {
        let missing = |claim: &str| BadClaims::Claim(claim.to_owned());
        let name = claims.find(&config.name).and_then(Value::as_str);
        let name = people::name(name.ok_or_else(|| missing(&config.name))?)?;
        let words = claims.words(&config.roles).ok_or_else(|| missing(&config.roles))?;
        let mut roles: Vec<Role> =
            words.iter().filter_map(|word| config.role.get(*word).copied()).collect();
        roles.dedup();
        let role = match roles.as_slice() {
            [] => return Err(BadClaims::NoRole),
            [role] => *role,
            [first, rest @ ..] if rest.iter().all(|role| role == first) => *first,
            [..] => return Err(BadClaims::SeveralRoles),
        };
        let of_wards = matches!(role, Role::Viewer | Role::Clinician | Role::WardAdmin);
        let wards = match config.wards.as_ref().filter(|_| of_wards) {
            None => None,
            Some(claim) => {
                let words = claims.words(claim).ok_or_else(|| missing(claim))?;
                let wards = words.iter().map(|word| word.parse().map_err(|_| missing(claim)));
                Some(wards.collect::<Result<BTreeSet<WardId>, _>>()?)
            }
        };
        Person::new(role, wards.clone(), BTreeSet::new())?;
        let until = Timestamp::from_millis(claims.exp.saturating_mul(1_000));
        let subject = claims.subject(config);
        Ok(Self { name, subject, role, wards, until })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config() -> Oidc {
        let text = r#"
            issuer = "https://id.example"
            client_id = "vitalgate"
            page = "https://gateway.example"
            roles = "realm_access.roles"
            wards = "wards"
            role = { nurses = "clinician", doctors = "clinician", it = "ops", heads = "ward-admin" }
        "#;
        toml::from_str(text).unwrap()
    }

    fn vouched(more: &Value) -> Result<Vouched, BadClaims> {
        let mut all = json!({
            "sub": "17", "exp": 1_795_000_000, "preferred_username": "Jane",
            "realm_access": { "roles": ["other", "nurses"] }, "wards": ["icu"],
        });
        for (key, value) in more.as_object().unwrap() {
            all[key] = value.clone();
        }
        Vouched::of(&serde_json::from_value(all).unwrap(), &config())
    }

    #[test]
    fn somebody_has_the_name_role_and_wards_that_the_provider_says() {
        let jane = vouched(&json!({})).unwrap();
        assert_eq!(
            (&*jane.name, &*jane.subject, jane.role),
            ("jane", "https://id.example 17", Role::Clinician)
        );
        assert_eq!(jane.wards, Some(BTreeSet::from(["icu".parse().unwrap()])));
        let both = json!({ "realm_access": { "roles": ["doctors", "nurses"] } });
        assert_eq!(vouched(&both).unwrap().role, Role::Clinician, "two words for one role");
        let ops = vouched(&json!({ "realm_access": { "roles": "it" }, "wards": null })).unwrap();
        assert_eq!((ops.role, ops.wards), (Role::Ops, None));
    }

    #[test]
    fn whoever_it_says_too_little_or_too_much_of_is_nobody_here() {
        for more in [
            json!({ "preferred_username": null }),
            json!({ "preferred_username": "local" }),
            json!({ "preferred_username": "jane/program" }),
            json!({ "realm_access": {} }),
            json!({ "realm_access": { "roles": ["other"] } }),
            json!({ "realm_access": { "roles": ["nurses", "it"] } }),
            json!({ "realm_access": { "roles": [7] } }),
            json!({ "wards": null }),
            json!({ "wards": [] }),
            json!({ "wards": ["a ward"] }),
        ] {
            assert!(vouched(&more).is_err(), "{more}");
        }
    }
}
