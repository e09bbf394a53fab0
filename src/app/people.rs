//! The people of a gateway, opened beside its store.

use std::sync::Arc;

use anyhow::{Context as _, bail};

use super::RunMode;
use crate::config::Config;
use crate::people::{Digest, Lasting, Link, People, SETUP_FOR, new_secret};
use vitalgate_domain::model::time::Timestamp;

/// Those who sign in by name, where they do; and while there is no admin the secret by which one makes an account.
pub(super) fn open(
    config: &Config,
    mode: RunMode,
    now: Timestamp,
) -> anyhow::Result<(Option<Arc<People>>, Option<String>)> {
    let Some(settings) = config.people.as_ref().filter(|_| !mode.demo && !mode.headless) else {
        return Ok((None, None));
    };
    let lasting = Lasting { idle: settings.idle, longest: settings.longest };
    let people = People::open(&config.store.dir, lasting).context("[people]")?;
    for token in config.http.tokens()? {
        if people.look(|book| book.people.contains_key(&token.name.to_ascii_lowercase())) {
            bail!(
                "`{}` is a person and a [[http.token]]: in audit and alarms nobody could tell them apart",
                token.name
            );
        }
    }
    let setup = if people.has_admin() { None } else { Some(invite(&people, now)?) };
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
