//! `[site]`: which site this is, and where its days begin.

use serde::Deserialize;

use vitalgate_domain::model::ids::SiteId;

/// `[site]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Site {
    /// Part of every alarm id; fixed when the store is made.
    pub id: SiteId,
    /// Decides what a day is.
    pub time_zone: TimeZone,
}

/// An IANA time zone that exists.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct TimeZone(String);

impl TimeZone {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl Default for Site {
    fn default() -> Self {
        let id = "site".parse().unwrap_or_else(|_| unreachable!("`site` is an id"));
        Self { id, time_zone: TimeZone("UTC".to_owned()) }
    }
}

impl TryFrom<String> for TimeZone {
    type Error = String;
    fn try_from(name: String) -> Result<Self, String> {
        match jiff::tz::TimeZone::get(&name) {
            Ok(_) => Ok(Self(name)),
            Err(_) => Err(format!("`{name}` is not an IANA time zone, such as `Europe/Berlin`")),
        }
    }
}
