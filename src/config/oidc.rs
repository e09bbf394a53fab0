//! `[oidc]`: a provider of the site where people sign in, and whose tokens programs send.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::http::Role;
use super::url::ServerUrl;
use vitalgate_domain::model::time::Span;

const MOST_SKEW: Span = Span::mins(5);

/// `[oidc]`; without it nobody is known by another than the gateway.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Oidc {
    /// The provider, as its tokens write it.
    pub issuer: String,
    /// What it knows the gateway as.
    pub client_id: String,
    /// Its password for the gateway, if it asks for one: a file of one line.
    #[serde(default)]
    pub secret_file: Option<PathBuf>,
    /// For whom tokens of programs must be; the gateway as a client where left out.
    #[serde(default)]
    pub audience: Option<String>,
    /// The page's address as browsers know it, without a path.
    pub page: String,
    /// What is asked for at a sign-in.
    #[serde(default = "scope")]
    pub scope: String,
    /// The claim of a person's name.
    #[serde(default = "name")]
    pub name: String,
    /// The claim of what they may, dots between what lies within another.
    #[serde(default = "roles")]
    pub roles: String,
    /// Which of its values is which role.
    pub role: BTreeMap<String, Role>,
    /// The claim of their wards; left out, everybody is for the whole gateway.
    #[serde(default)]
    pub wards: Option<String>,
    /// How far its clock may be from the gateway's.
    #[serde(default = "skew")]
    pub skew: Span,
    /// Who signs its certificate, PEM; else the system's authorities.
    #[serde(default)]
    pub ca: Option<PathBuf>,
}

fn scope() -> String {
    "openid profile".to_owned()
}

fn name() -> String {
    "preferred_username".to_owned()
}

fn roles() -> String {
    "roles".to_owned()
}

fn skew() -> Span {
    Span::mins(1)
}

/// Why `[oidc]` cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadOidc {
    /// Nobody signs in by name.
    #[error("[oidc] needs [people]: whoever comes by it has an account and a session there")]
    NoPeople,
    /// An address on which others could read along.
    #[error("oidc.{0} must be https://…, or on this machine, without a query")]
    Address(&'static str),
    /// An address with a path.
    #[error("oidc.page must be the page's address alone, such as https://gateway.example:8443")]
    Page,
    /// No role, or one that names devices.
    #[error(
        "oidc.role must name at least one role, and none of them is a maker: whose devices they are stands here"
    )]
    Roles,
    /// A clock that is believed whatever it says.
    #[error("oidc.skew must be 0s to 5m")]
    Skew,
}

impl Oidc {
    pub(super) fn within(&mut self, folder: &Path) {
        for file in [&mut self.ca, &mut self.secret_file].into_iter().flatten() {
            *file = folder.join(&*file);
        }
    }

    pub(super) fn check(&self, people: bool) -> Result<(), BadOidc> {
        if !people {
            return Err(BadOidc::NoPeople);
        }
        private(&self.issuer).ok_or(BadOidc::Address("issuer"))?;
        let page = private(&self.page).ok_or(BadOidc::Address("page"))?;
        if page.path != "/" || self.page.ends_with('/') {
            return Err(BadOidc::Page);
        }
        if self.role.is_empty() || self.role.values().any(|role| *role == Role::Maker) {
            return Err(BadOidc::Roles);
        }
        if !(Span::ZERO..=MOST_SKEW).contains(&self.skew) {
            return Err(BadOidc::Skew);
        }
        Ok(())
    }
}

/// An address that nobody on the way reads: over TLS, or on this machine.
pub fn private(text: &str) -> Option<ServerUrl> {
    let url = ServerUrl::try_from(text.to_owned()).ok()?;
    let own = url.host == "localhost"
        || url.host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    ((url.tls || own) && !url.has_query()).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use std::path::Path;

    #[test]
    fn a_provider_is_reached_in_private_and_gives_known_roles() {
        let good = [
            "issuer = \"https://id.example/realms/a\"",
            "client_id = \"vitalgate\"",
            "page = \"https://gateway.example:8443\"",
            "role = { nurses = \"clinician\" }",
        ];
        let with = |index: usize, line: &str| {
            let mut lines = good.map(str::to_owned);
            line.clone_into(&mut lines[index]);
            format!("[people]\n[oidc]\n{}", lines.join("\n"))
        };
        for (text, is_good) in [
            (with(0, good[0]), true),
            (with(0, "issuer = \"http://127.0.0.1:9000\""), true),
            (with(0, "issuer = \"http://id.example\""), false),
            (with(0, "issuer = \"https://id.example/?a=b\""), false),
            (with(2, "page = \"https://gateway.example/path\""), false),
            (with(2, "page = \"http://gateway.example\""), false),
            (with(3, "role = {}"), false),
            (with(3, "role = { makers = \"maker\" }"), false),
            (with(3, "role = { nurses = \"boss\" }"), false),
            (with(3, "role = { nurses = \"clinician\" }\nskew = \"6m\""), false),
            (with(0, good[0]).replace("[people]\n", ""), false),
        ] {
            let config = Config::parse(&text, Path::new("gateway.toml"));
            assert_eq!(config.is_ok(), is_good, "{text}: {:?}", config.err());
        }
    }
}
