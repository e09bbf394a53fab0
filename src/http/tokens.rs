//! `tokens`: of a person, for programs of theirs. Made by whoever is signed in by name, never by a token.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::api::v1::list::List;
use super::api::v1::session::PersonalToken as Shown;
use super::auth::{Proof, Who};
use super::error::Problem;
use super::extract::Body;
use super::session::changing;
use super::shut_out::{done, shut_out};
use super::state::Ctx;
use crate::config::Role;
use crate::people::{
    Digest, Known, People, PersonalToken, Proof as Held, TOKEN_PREFIX, new_secret,
};
use vitalgate_domain::model::ids::WardId;
use vitalgate_domain::model::time::Span;

/// A token ends after so many days, unless another number is asked for.
const DAYS: u16 = 90;
const MOST_DAYS: u16 = 366;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct New {
    name: String,
    /// At most the person's own, which it is where none is named.
    role: Option<Role>,
    wards: Option<BTreeSet<WardId>>,
    days: Option<u16>,
}

/// `GET tokens`.
pub(crate) async fn list(State(http): State<Ctx>, who: Who) -> Result<Json<List<Shown>>, Problem> {
    let (people, name) = person(&http, &who)?;
    let items = people.look(|book| {
        let tokens = book.people.get(&name).map(|person| person.tokens.clone()).unwrap_or_default();
        tokens.into_iter().map(|(name, token)| shown(name, &token, None)).collect()
    });
    Ok(Json(List { items, next: None, seq: http.board().seq }))
}

/// `POST tokens`: the text is in the answer, and nowhere else.
pub(crate) async fn add(
    State(http): State<Ctx>,
    who: Who,
    Body(new): Body<New>,
) -> Result<Response, Problem> {
    let (people, person) = person(&http, &who)?;
    let days = new.days.unwrap_or(DAYS);
    if !(1..=MOST_DAYS).contains(&days) {
        let detail = format!("`days` is 1 to {MOST_DAYS}");
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    let secret =
        new_secret().ok_or_else(|| Problem::busy("the machine gives no random numbers", 5))?;
    let text = format!("{TOKEN_PREFIX}{secret}");
    let token = PersonalToken {
        sha256: Digest::of(&text),
        role: new.role.unwrap_or(who.role),
        wards: new.wards.or_else(|| who.scope.wards().cloned()),
        until: http.app.handles.clock.wall() + Span::days(i64::from(days)),
    };
    let (name, kept) = (new.name.clone(), token.clone());
    changing(move || people.change(|book| book.add_token(&person, &name, kept))).await?;
    Ok((StatusCode::CREATED, Json(shown(new.name, &token, Some(text)))).into_response())
}

/// `DELETE tokens/{name}`: whoever holds it is let in no more.
pub(crate) async fn revoke(
    State(http): State<Ctx>,
    who: Who,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let (people, person) = person(&http, &who)?;
    let ((), written) = shut_out(people, move |book| book.revoke_token(&person, &name)).await?;
    Ok(done(written))
}

/// Whoever is signed in by name.
fn person(http: &Ctx, who: &Who) -> Result<(Arc<People>, String), Problem> {
    if let Some(people) = http.app.auth.people()
        && let Proof::Person(Known { proof: Held::Session(_), name, .. }) = &who.proof
    {
        return Ok((Arc::clone(people), name.clone()));
    }
    let detail = "tokens are made and taken back by their person, signed in by name";
    Err(Problem::new(StatusCode::FORBIDDEN, detail))
}

fn shown(name: String, token: &PersonalToken, text: Option<String>) -> Shown {
    let PersonalToken { role, wards, until, .. } = token.clone();
    Shown { name, role: role.as_str(), token: text, until, wards }
}
