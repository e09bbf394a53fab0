//! Who somebody is here, and what it takes to be.

use std::collections::BTreeSet;

use serde::Serialize;

use vitalgate_domain::model::ids::{DeviceId, WardId};
use vitalgate_domain::model::time::Timestamp;

/// Who asks, and how people sign in here.
#[derive(Debug, Serialize)]
pub struct Session {
    /// The actor; `null` for nobody yet.
    pub actor: Option<String>,
    /// Whether people sign in by name and password.
    pub by_name: bool,
    /// Whether they may sign in by way of a provider; left out where there is none.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub oidc: bool,
    /// What they may.
    pub role: Option<&'static str>,
    /// Whether this browser is a station.
    pub station: bool,
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

/// A station that is open to somebody.
#[derive(Debug, Serialize)]
pub struct Unlocked {
    /// Whose acts they are.
    pub actor: String,
    /// What they may.
    pub role: &'static str,
    /// What goes with each act.
    pub signature: String,
    /// How long after the last act it locks, in seconds.
    pub unlocked_s: i64,
    /// When it locks, unless they act before.
    pub until: Timestamp,
}

/// A browser that is a ward's.
#[derive(Debug, Serialize)]
pub struct Station {
    /// Whether a browser is it.
    pub in_use: bool,
    /// The link by which a browser becomes it, in the answer that makes it alone: what stands behind the page's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Its name.
    pub name: String,
    /// Whose patients it shows.
    pub wards: BTreeSet<WardId>,
}

/// Somebody is shut out, which could not be written down yet (202).
#[derive(Debug, Serialize)]
pub struct NotYet {
    /// In words.
    pub unwritten: &'static str,
}

/// Somebody's account, for whoever looks after it.
#[derive(Debug, Serialize)]
pub struct Account {
    /// Of a maker: these, and those registered via them.
    pub devices: BTreeSet<DeviceId>,
    /// Whether they can sign at a station.
    pub has_pin: bool,
    /// The link to set a password, in the answer that makes it alone: what stands behind the page's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// What they sign in as.
    pub name: String,
    /// What they may.
    pub role: &'static str,
    /// `invited`, until a password was set, `active` or `disabled`.
    pub state: &'static str,
    /// That it could not be written down yet (202); left out where it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unwritten: Option<&'static str>,
    /// Where; `null` is the whole gateway.
    pub wards: Option<BTreeSet<WardId>>,
}
