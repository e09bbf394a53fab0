//! `people`: accounts, for whoever looks after them: an admin after all, a ward-admin after viewers and clinicians of the
//! own wards.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::api::v1::list::List;
use super::api::v1::session::Account;
use super::auth::Who;
use super::error::Problem;
use super::extract::Body;
use super::rights::{Right, Under};
use super::session::{changing, refused};
use super::shut_out::{shut_out, status, unwritten};
use super::state::{Ctx, Http};
use crate::config::Role;
use crate::people::{
    self, Book, Digest, INVITED_FOR, Link, People, Person, Refusal, Written, new_secret,
};
use vitalgate_domain::model::ids::{DeviceId, WardId};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct New {
    name: String,
    role: Role,
    /// `null`, or left out: the whole gateway.
    wards: Option<BTreeSet<WardId>>,
    /// Of a maker.
    #[serde(default)]
    devices: BTreeSet<DeviceId>,
}

/// What is left out stays as it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
pub(crate) struct Change {
    role: Option<Role>,
    wards: Wards,
    devices: Option<BTreeSet<DeviceId>>,
    disabled: Option<bool>,
}

/// Wards that are to be others.
#[derive(Default)]
enum Wards {
    #[default]
    AsTheyAre,
    /// `null` is the whole gateway.
    To(Option<BTreeSet<WardId>>),
}

impl<'de> Deserialize<'de> for Wards {
    fn deserialize<D: serde::Deserializer<'de>>(of: D) -> Result<Self, D::Error> {
        Deserialize::deserialize(of).map(Self::To)
    }
}

/// `GET people`.
pub(crate) async fn list(
    State(http): State<Ctx>,
    who: Who,
) -> Result<Json<List<Account>>, Problem> {
    let people = looked_after(&http, &who)?;
    let items = people.look(|book| {
        let own = book.people.iter().filter(|(_, person)| is_under(&who, person));
        own.map(|(name, person)| shown(name, person, None, None)).collect()
    });
    Ok(Json(List { items, next: None, seq: http.board().seq }))
}

/// `POST people`: an account, and the link by which its person sets a password; in the answer alone.
pub(crate) async fn add(
    State(http): State<Ctx>,
    who: Who,
    Body(New { name, role, wards, devices }): Body<New>,
) -> Result<Response, Problem> {
    let people = looked_after(&http, &who)?;
    let name = people::name(&name).map_err(|bad| refused(&bad.into()))?;
    if people.is_token(&name) {
        return Err(refused(&Refusal::Token(name).into()));
    }
    there_are(&http, wards.as_ref())?;
    let person = Person::new(role, wards, devices).map_err(|bad| refused(&bad.into()))?;
    if !is_under(&who, &person) {
        return Err(beyond(&who));
    }
    let (link, secret) = new_link(&http)?;
    let (actor, named) = (who.name, name.clone());
    let person = change(people, move |book| {
        book.add(&actor, &named, person)?;
        book.invite(&actor, &named, link)?;
        look(book, &named)
    });
    Ok((StatusCode::CREATED, Json(shown(&name, &person.await?, Some(secret), None)))
        .into_response())
}

/// `PATCH people/{name}`: other rights, or let in no more, or again; who is signed in has to do so again.
pub(crate) async fn alter(
    State(http): State<Ctx>,
    who: Who,
    Path(name): Path<String>,
    Body(to): Body<Change>,
) -> Result<Response, Problem> {
    let people = looked_after(&http, &who)?;
    if let Wards::To(wards) = &to.wards {
        there_are(&http, wards.as_ref())?;
    }
    let present = people.look(|book| under(book, &who, &name).cloned());
    let present = present.map_err(|bad| refused(&bad.into()))?;
    let Change { role, wards, devices, disabled } = to;
    let other = role.is_some() || matches!(wards, Wards::To(_)) || devices.is_some();
    let other = other.then(|| {
        let wards = match wards {
            Wards::AsTheyAre => present.wards,
            Wards::To(wards) => wards,
        };
        let devices = devices.unwrap_or(present.devices);
        Person::new(role.unwrap_or(present.role), wards, devices)
    });
    let other = other.transpose().map_err(|bad| refused(&bad.into()))?;
    if other.as_ref().is_some_and(|to| !is_under(&who, to)) {
        return Err(beyond(&who));
    }
    let named = name.clone();
    let altered = move |book: &mut Book| {
        under(book, &who, &named)?;
        if let Some(to) = other.clone() {
            book.change(&who.name, &named, to)?;
        }
        if let Some(disabled) = disabled {
            book.disable(&who.name, &named, disabled)?;
        }
        look(book, &named)
    };
    // Whoever is let in again waits for the disk.
    let (person, written) = match disabled {
        Some(false) => (change(people, altered).await?, Written::Down),
        Some(true) | None => shut_out(people, altered).await?,
    };
    let unwritten = unwritten(written);
    Ok((status(unwritten), Json(shown(&name, &person, None, unwritten))).into_response())
}

/// `POST people/{name}/link`: another link to set a password; the present one is void, as are PIN and tokens.
pub(crate) async fn link(
    State(http): State<Ctx>,
    who: Who,
    Path(name): Path<String>,
) -> Result<Json<Account>, Problem> {
    let people = looked_after(&http, &who)?;
    let (link, secret) = new_link(&http)?;
    let named = name.clone();
    let person = change(people, move |book| {
        under(book, &who, &named)?;
        book.invite(&who.name, &named, link)?;
        look(book, &named)
    });
    Ok(Json(shown(&name, &person.await?, Some(secret), None)))
}

/// The people, for whoever looks after some. What outlives a session is done by a person who is signed in by name.
pub(super) fn looked_after(http: &Http, who: &Who) -> Result<Arc<People>, Problem> {
    who.may(Right::LookAfterPeople)?;
    who.is_not_a_program()?;
    let Some(people) = http.app.auth.people() else {
        let detail = "nobody signs in by name here: add [people] to the configuration";
        return Err(Problem::new(StatusCode::NOT_FOUND, detail));
    };
    Ok(Arc::clone(people))
}

/// Refuses wards that are not there: whoever is for them alone would see nothing.
pub(super) fn there_are(http: &Http, wards: Option<&BTreeSet<WardId>>) -> Result<(), Problem> {
    let board = http.board();
    match wards.into_iter().flatten().find(|ward| !board.wards.contains_key(*ward)) {
        Some(ward) => {
            let detail = format!("there is no ward `{ward}`: add it first");
            Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail))
        }
        None => Ok(()),
    }
}

/// A link, and its secret.
pub(super) fn new_link(http: &Http) -> Result<(Link, String), Problem> {
    let secret =
        new_secret().ok_or_else(|| Problem::busy("the machine gives no random numbers", 5))?;
    let until = http.app.handles.clock.wall() + INVITED_FOR;
    Ok((Link { sha256: Digest::of(&secret), until }, secret))
}

fn is_under(who: &Who, person: &Person) -> bool {
    who.looks_after(Under { role: person.role, wards: person.wards.as_ref() })
}

/// Somebody whom whoever asks looks after; whether there is another of that name is not told.
fn under<'a>(book: &'a Book, who: &Who, name: &str) -> Result<&'a Person, Refusal> {
    let person = book.people.get(name).filter(|person| is_under(who, person));
    person.ok_or_else(|| Refusal::Unknown(name.to_owned()))
}

fn look(book: &Book, name: &str) -> Result<Person, Refusal> {
    book.people.get(name).cloned().ok_or_else(|| Refusal::Unknown(name.to_owned()))
}

async fn change(
    people: Arc<People>,
    change: impl FnOnce(&mut Book) -> Result<Person, Refusal> + Send + 'static,
) -> Result<Person, Problem> {
    changing(move || people.change(change)).await
}

fn beyond(who: &Who) -> Problem {
    let detail = format!("`{}` looks after viewers and clinicians of the own wards", who.name);
    Problem::new(StatusCode::FORBIDDEN, detail)
}

fn shown(
    name: &str,
    person: &Person,
    link: Option<String>,
    unwritten: Option<&'static str>,
) -> Account {
    Account {
        devices: person.devices.clone(),
        has_pin: person.pin.is_some(),
        link: link.map(|secret| format!("#invited/{secret}")),
        name: name.to_owned(),
        role: person.role.as_str(),
        state: match (person.disabled, person.password.is_some() || person.subject.is_some()) {
            (true, _) => "disabled",
            (false, false) => "invited",
            (false, true) => "active",
        },
        unwritten,
        wards: person.wards.clone(),
    }
}
