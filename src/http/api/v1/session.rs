//! Who somebody is here, and what it takes to be.

use std::collections::BTreeSet;

use serde::Serialize;

use vitalgate_domain::model::ids::WardId;
use vitalgate_domain::model::time::Timestamp;

/// Who asks, and how people sign in here.
#[derive(Debug, Serialize)]
pub struct Session {
    /// The actor; `null` for nobody yet.
    pub actor: Option<String>,
    /// Whether people sign in by name and password.
    pub by_name: bool,
    /// What they may.
    pub role: Option<&'static str>,
    /// Whether there is no admin yet.
    pub unset: bool,
    /// Where; `null` is the whole gateway.
    pub wards: Option<BTreeSet<WardId>>,
}

/// A token of a person for a program.
#[derive(Debug, Serialize)]
pub struct PersonalToken {
    /// Its name among the person's.
    pub name: String,
    /// What it may.
    pub role: &'static str,
    /// Its text, in the answer that makes it alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// When it ends.
    pub until: Timestamp,
    /// Where; `null` is the whole gateway.
    pub wards: Option<BTreeSet<WardId>>,
}
