//! `stations`: browsers that are a ward's, and who signs at them. A station shows, and an act at it is whoever's who gave
//! their PIN there.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::api::v1::list::List;
use super::api::v1::session::{Session, Station as Shown, Unlocked};
use super::auth::{self, Proof, Who};
use super::cookie;
use super::error::Problem;
use super::extract::Body;
use super::origin::{host_of, own_page};
use super::people::{looked_after, new_link, there_are};
use super::rights::Under;
use super::route::{Route, delete, post, put};
use super::session::{At, STATION_KEPT, asked, changing, guessed, refused, set, too_soon};
use super::shut_out::{done, shut_out};
use super::state::Ctx;
use crate::config::Role;
use crate::people::{self, Digest, Known, People, Proof as Held, Refusal};
use vitalgate_domain::model::ids::WardId;

/// What whoever stands before a browser asks of it; each looks for itself who that is.
pub(crate) fn at_the_browser() -> Vec<Route> {
    vec![
        post("/api/v1/session/station", become_one),
        post("/api/v1/session/signature", unlock),
        delete("/api/v1/session/signature", lock),
        put("/api/v1/session/pin", set_pin),
    ]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ByLink {
    link: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    name: String,
    pin: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPin {
    password: String,
    /// Left out: none from now on.
    pin: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct New {
    name: String,
    wards: BTreeSet<WardId>,
}

/// `GET stations`.
pub(crate) async fn list(State(http): State<Ctx>, who: Who) -> Result<Json<List<Shown>>, Problem> {
    let people = looked_after(&http, &who)?;
    let items = people.look(|book| {
        let own = book.stations.iter().filter(|(_, station)| has(&who, &station.wards));
        own.map(|(name, station)| shown(name.clone(), station, None)).collect()
    });
    Ok(Json(List { items, next: None, seq: http.board().seq }))
}

/// `POST stations`: the link by which a browser becomes it is in the answer, and nowhere else.
pub(crate) async fn add(
    State(http): State<Ctx>,
    who: Who,
    Body(New { name, wards }): Body<New>,
) -> Result<Response, Problem> {
    let people = looked_after(&http, &who)?;
    there_are(&http, Some(&wards))?;
    who.scope.shows(Some(wards.clone()))?;
    let name = people::name(&name).map_err(|bad| refused(&bad.into()))?;
    let (link, secret) = new_link(&http)?;
    let (actor, kept) = (who.name.clone(), name.clone());
    let station = changing(move || {
        people.change(|book| {
            book.add_station(&actor, &kept, wards)?;
            book.link_station(&actor, &kept, link)?;
            Ok(book.stations.get(&kept).cloned())
        })
    });
    let station = station.await?.ok_or_else(|| Problem::missing("station", &name))?;
    Ok((StatusCode::CREATED, Json(shown(name, &station, Some(secret)))).into_response())
}

/// `POST stations/{name}/link`: another link; the browser that is the station stays so until it is used.
pub(crate) async fn link(
    State(http): State<Ctx>,
    who: Who,
    Path(name): Path<String>,
) -> Result<Json<Shown>, Problem> {
    let people = looked_after(&http, &who)?;
    own(&people, &who, &name)?;
    let (link, secret) = new_link(&http)?;
    let (actor, kept) = (who.name.clone(), name.clone());
    let station = changing(move || {
        people.change(|book| {
            book.link_station(&actor, &kept, link)?;
            Ok(book.stations.get(&kept).cloned())
        })
    });
    let station = station.await?.ok_or_else(|| Problem::missing("station", &name))?;
    Ok(Json(shown(name, &station, Some(secret))))
}

/// `DELETE stations/{name}`: its browser shows nothing more.
pub(crate) async fn remove(
    State(http): State<Ctx>,
    who: Who,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let people = looked_after(&http, &who)?;
    own(&people, &who, &name)?;
    let actor = who.name.clone();
    let ((), written) = shut_out(people, move |book| book.remove_station(&actor, &name)).await?;
    Ok(done(written))
}

/// `POST session/station`: this browser becomes a station, by a link that is used once.
async fn become_one(State(http): State<Ctx>, request: Request) -> Result<Response, Problem> {
    let (people, at, asked): (_, _, ByLink) = asked(&http, request).await?;
    let (address, now) = (at.from.peer.ip(), http.app.handles.clock.wall());
    // No name has a slash.
    let stranger = format!("link/{address}");
    let mut attempt = people.attempt(&stranger, address, now).map_err(too_soon)?;
    let (book, link, before) = (Arc::clone(&people), Digest::of(&asked.link), at.before);
    let became = changing(move || {
        let secret = book.become_station(link, now)?;
        // A browser is one person's, or a ward's.
        book.change_if_possible(move |book| {
            if let Some(before) = before {
                book.end(before);
            }
            Ok(())
        })?;
        Ok(secret)
    });
    let secret = match became.await {
        Ok(secret) => {
            attempt.give_back();
            secret.ok_or_else(no_random)?
        }
        Err(problem) => {
            drop(attempt);
            auth::sign_in_failed(&http, None, "no such link", &at.from);
            return Err(problem);
        }
    };
    let known = people.by_session(&secret, now).ok_or_else(auth::unauthorized)?;
    let who = Who::from(known);
    let session = Session {
        actor: Some(who.name),
        by_name: true,
        oidc: http.app.auth.oidc().is_some(),
        role: Some(who.role.as_str()),
        station: true,
        unset: people.lacks_admin(),
        wards: who.scope.wards().cloned(),
    };
    Ok((set(cookie::keep(&secret, STATION_KEPT)), Json(session)).into_response())
}

/// `POST session/signature`: opens this station to whoever gives name and PIN.
async fn unlock(State(http): State<Ctx>, request: Request) -> Result<Json<Unlocked>, Problem> {
    let browser = station(&http, &request)?;
    let (people, _, asked): (_, At, Given) = asked(&http, request).await?;
    let name = people::name(&asked.name).unwrap_or_default();
    let now = http.app.handles.clock.wall();
    let mut attempt = people.pin_attempt(&name, browser, now).map_err(too_soon)?;
    let kept = people.pin_of(&name);
    let (pin, held) = (asked.pin, kept.clone());
    let verify = move || people::verify(&pin, held.as_deref());
    let right = guessed(&http, &mut attempt, verify).await?;
    if !right || people.pin_of(&name) != kept {
        drop(attempt);
        let (book, of) = (Arc::clone(&people), name.clone());
        changing(move || book.wrong_pin(&of, browser)).await?;
        http.app.handles.metrics.sign_in_failed("http");
        let detail = "the name or the PIN is wrong, or no PIN was set: it is set under `#account`, signed in by name";
        return Err(Problem::new(StatusCode::UNAUTHORIZED, detail));
    }
    attempt.give_back();
    let (book, of) = (Arc::clone(&people), name);
    let unlocked = changing(move || book.unlock(&of, browser, now)).await?.ok_or_else(no_random)?;
    let signer = people.signer(browser, &unlocked.signature, now);
    let (known, until) = signer.ok_or_else(auth::unauthorized)?;
    Ok(Json(Unlocked {
        actor: known.name,
        role: known.role.as_str(),
        signature: unlocked.signature,
        unlocked_s: people.lasting().unlocked.as_micros() / 1_000_000,
        until,
    }))
}

/// `DELETE session/signature`: locks this station, which goes on showing.
async fn lock(State(http): State<Ctx>, request: Request) -> Result<StatusCode, Problem> {
    own_page(request.headers(), host_of(&request)?)?;
    let browser = station(&http, &request)?;
    if let Some(people) = http.app.auth.people() {
        people.lock(browser);
    }
    Ok(StatusCode::NO_CONTENT)
}

/// `PUT session/pin`: the PIN by which its person signs at stations; set by whoever knows the password.
async fn set_pin(State(http): State<Ctx>, request: Request) -> Result<Response, Problem> {
    let who = auth::identify(&http, &request).map_err(|_| auth::unauthorized())?;
    let Proof::Person(Known { proof: Held::Session(_), name, .. }) = who.proof else {
        let detail = "a PIN is set by its person, signed in by name";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    };
    let (people, at, asked): (_, At, NewPin) = asked(&http, request).await?;
    let (address, now) = (at.from.peer.ip(), http.app.handles.clock.wall());
    let mut attempt = people.attempt(&name, address, now).map_err(too_soon)?;
    let kept = people.password_of(&name);
    let hashed = guessed(&http, &mut attempt, move || {
        let right = people::verify(&asked.password, kept.as_deref());
        right.then(|| asked.pin.as_deref().map(people::hash_pin).transpose())
    });
    let Some(hash) = hashed.await? else {
        drop(attempt);
        auth::sign_in_failed(&http, Some(&name), "wrong password at a change", &at.from);
        return Err(Problem::new(StatusCode::FORBIDDEN, "the present password is wrong"));
    };
    attempt.give_back();
    let weak =
        |bad: people::BadPin| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, bad.to_string());
    let hash = hash.map_err(weak)?;
    let Some(hash) = hash else {
        let ((), written) = shut_out(people, move |book| book.set_pin(&name, &name, None)).await?;
        return Ok(done(written));
    };
    changing(move || people.change(|book| book.set_pin(&name, &name, Some(hash)))).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The browser of the station that asks.
fn station(http: &Ctx, request: &Request) -> Result<Digest, Problem> {
    match auth::identify(http, request).map_err(|_| auth::unauthorized())?.proof {
        Proof::Person(Known { proof: Held::Station(browser), .. }) => Ok(browser),
        Proof::Person(_) | Proof::Vouched(_) | Proof::Token(_) | Proof::Nothing => {
            let detail = "a PIN signs at a station alone, and this browser is none";
            Err(Problem::new(StatusCode::FORBIDDEN, detail))
        }
    }
}

fn own(people: &People, who: &Who, name: &str) -> Result<(), Problem> {
    let wards = people.look(|book| book.stations.get(name).map(|station| station.wards.clone()));
    let own = wards.filter(|wards| has(who, wards));
    own.map(drop).ok_or_else(|| refused(&Refusal::NoStation(name.to_owned()).into()))
}

fn has(who: &Who, wards: &BTreeSet<WardId>) -> bool {
    who.looks_after(Under { role: Role::Viewer, wards: Some(wards) })
}

fn no_random() -> Problem {
    Problem::busy("the machine gives no random numbers", 5)
}

fn shown(name: String, station: &people::Station, link: Option<String>) -> Shown {
    let link = link.map(|secret| format!("#station/{secret}"));
    Shown { in_use: station.browser.is_some(), link, name, wards: station.wards.clone() }
}
