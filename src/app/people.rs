//! The people of a gateway, opened beside its store.

use std::sync::Arc;

use anyhow::Context as _;

use tokio::sync::watch;

use super::RunMode;
use super::interfaces::auth;
use crate::clock::Clock;
use crate::config::Config;
use crate::http::AuthInForce;
use crate::oidc::Provider;
use crate::people::{Digest, Link, People, SETUP_FOR, new_secret};
use crate::telemetry::Degraded;
use vitalgate_domain::model::time::Timestamp;

/// Who may do what by the configuration and the accounts in the store's folder, for whoever only looks.
pub fn known(config: &Config) -> anyhow::Result<AuthInForce> {
    let auth = watch::channel(Arc::new(auth(config, RunMode::default())?)).1;
    let settings = config.people.as_ref();
    let people = settings.map(|settings| People::read(&config.store.dir, settings.into()));
    let oidc = provider(config, people.as_ref())?;
    let clock = Clock::system(Timestamp::default());
    Ok(AuthInForce::new(auth).with_people(people, &clock).with_oidc(oidc))
}

/// Those who sign in by name, where they do; and while there is no admin the secret by which one makes an account.
pub(super) fn open(
    config: &Config,
    mode: RunMode,
    now: Timestamp,
    degraded: &Degraded,
    is_new: bool,
) -> anyhow::Result<(Option<Arc<People>>, Option<String>)> {
    let Some(settings) = config.people.as_ref().filter(|_| !mode.demo && !mode.headless) else {
        return Ok((None, None));
    };
    // Nobody goes without judging or alarms because of the accounts: what is wrong with them is told, and looked at again.
    let people = People::open(&config.store.dir, settings.into());
    people.tokens_are(config.http.tokens()?.iter().map(|token| &*token.name));
    degraded.set("people", people.damaged().or_else(|| people.exposed()));
    degraded.set("people and tokens", people.clash());
    if !people.lacks_admin() {
        return Ok((Some(people), None));
    }
    if !is_new {
        let why = "nobody looks after the people: there is no admin; make one by the link that the start printed";
        degraded.set("admin", Some(why.to_owned()));
    }
    let setup = match invite(&people, now) {
        Ok(secret) => Some(secret),
        Err(error) => {
            degraded.set("people", Some(format!("{error:#}")));
            None
        }
    };
    Ok((Some(people), setup))
}

fn invite(people: &People, now: Timestamp) -> anyhow::Result<String> {
    let secret = new_secret().context("the machine gives no random numbers")?;
    let link = Link { sha256: Digest::of(&secret), until: now + SETUP_FOR };
    people.change(|book| {
        book.setup = Some(link);
        Ok(())
    })?;
    Ok(secret)
}

/// The provider that vouches for people, where people sign in.
pub(super) fn provider(
    config: &Config,
    people: Option<&Arc<People>>,
) -> anyhow::Result<Option<Arc<Provider>>> {
    let Some(oidc) = config.oidc.as_ref().filter(|_| people.is_some()) else { return Ok(None) };
    Ok(Some(Arc::new(Provider::new(oidc).context("[oidc]")?)))
}
