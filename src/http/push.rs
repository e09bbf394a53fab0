//! `push`: the browsers in which whoever is signed in turned on push. Each person sees and changes their own alone.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::api::v1::push::{Browser as Shown, Push, TurnedOn};
use super::auth::{Proof, Who};
use super::error::Problem;
use super::extract::Body;
use super::session::changing;
use super::shut_out::{done, shut_out};
use super::state::Ctx;
use crate::config::{Push as Settings, ServerUrl};
use crate::delivery::{BrowserKeys, Vapid};
use crate::people::{Browser, Known, People, Proof as Held};

/// Longer than any push service's address.
const MOST_BYTES: usize = 2_048;

/// What a browser says of itself, as it writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Subscription {
    endpoint: String,
    keys: Keys,
    #[serde(default, rename = "expirationTime")]
    _until: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    p256dh: String,
    auth: String,
}

/// `GET push`: the key that a browser subscribes with, and the browsers of whoever asks.
pub(crate) async fn list(State(http): State<Ctx>, who: Who) -> Result<Json<Push>, Problem> {
    let (people, _, name) = person(&http, &who)?;
    let book = Arc::clone(&people);
    let vapid = changing(move || Vapid::of(&book)).await?.ok_or_else(no_key)?;
    let items = people.look(|book| book.browsers(&name)).into_iter();
    let items = items.map(|(id, Browser { since, .. })| Shown { id, since }).collect();
    Ok(Json(Push { items, key: vapid.public() }))
}

/// `POST push`: writes to this browser from now on.
pub(crate) async fn turn_on(
    State(http): State<Ctx>,
    who: Who,
    Body(asked): Body<Subscription>,
) -> Result<Response, Problem> {
    let (people, settings, name) = person(&http, &who)?;
    let Subscription { endpoint, keys: Keys { p256dh, auth }, .. } = asked;
    let url = ServerUrl::try_from(endpoint.clone()).ok();
    let known = url.is_some_and(|url| settings.knows(&url)) && endpoint.len() <= MOST_BYTES;
    if !known {
        let detail = "that is no push service this gateway writes to: `push.services` of its configuration names them";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    if BrowserKeys::of(&p256dh, &auth).is_none() {
        let detail = "`keys` are none that anything could be encrypted with";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    let since = http.app.handles.clock.wall();
    let browser = Browser { endpoint, p256dh, auth, since };
    let id = browser.name();
    let turned = move || people.change(|book| book.turn_on_push(&name, browser));
    let replaced = changing(turned).await?.into_iter();
    let replaced = replaced.map(|(id, Browser { since, .. })| Shown { id, since }).collect();
    Ok((StatusCode::CREATED, Json(TurnedOn { id, replaced, since })).into_response())
}

/// `DELETE push/{id}`: writes to it no more.
pub(crate) async fn turn_off(
    State(http): State<Ctx>,
    who: Who,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let (people, _, name) = person(&http, &who)?;
    let ((), written) = shut_out(people, move |book| book.turn_off_push(&name, &id)).await?;
    Ok(done(written))
}

/// Whoever is signed in by name in a browser, where there is push.
fn person(http: &Ctx, who: &Who) -> Result<(Arc<People>, Settings, String), Problem> {
    let Proof::Person(Known { proof: Held::Session(_), name, .. }) = &who.proof else {
        let detail = "push is turned on by its person, signed in by name";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    };
    let settings = http.app.push.clone();
    match (http.app.auth.people(), settings) {
        (Some(people), Some(settings)) => Ok((Arc::clone(people), settings, name.clone())),
        _ => Err(Problem::new(StatusCode::NOT_FOUND, "there is no [push] here")),
    }
}

fn no_key() -> Problem {
    Problem::busy("the key of push cannot be used; look at the log", 5)
}
