//! `session`: people come and go. These routes are for whoever is not signed in yet; each looks for itself.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::api::v1::session::Session;
use super::auth::{self, Proof, Who};
use super::connection::Connection;
use super::cookie;
use super::error::Problem;
use super::extract::{Body, from_request};
use super::origin::{host_of, own_page};
use super::route::{self, Route};
use super::shut_out::{done, shut_out};
use super::state::{Ctx, Http};
use crate::people::{
    self, Attempt, BadPassword, BadPeople, Digest, Known, People, Proof as Shown, Refusal,
};
use vitalgate_domain::model::time::Span;

/// Passwords hashed at a time: each takes 19 MiB and a processor.
pub(super) const HASHES: usize = 2;

/// A browser keeps no cookie for longer.
pub(super) const STATION_KEPT: Span = Span::days(400);

/// The routes.
pub(crate) fn routes() -> Vec<Route> {
    vec![
        route::get("/api/v1/session", get),
        route::post("/api/v1/session", begin),
        route::delete("/api/v1/session", end),
        route::post("/api/v1/session/link", use_link),
        route::post("/api/v1/session/password", change_password),
    ]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignIn {
    name: String,
    password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UseLink {
    link: String,
    /// Chosen by the first admin; whose link it is otherwise.
    #[serde(default)]
    name: String,
    password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    password: String,
    new: String,
}

/// `GET session`: who asks, and how people sign in here. A station keeps its cookie for as long again.
async fn get(State(http): State<Ctx>, request: Request) -> Response {
    let who = auth::identify(&http, &request).ok();
    let people = http.app.auth.people();
    let secret = cookie::session(&request).filter(|_| who.as_ref().is_some_and(Who::is_station));
    let again = secret.and_then(|secret| cookie::keep(secret, STATION_KEPT));
    let session = Json(Session {
        actor: who.as_ref().map(|who| who.name.clone()),
        by_name: people.is_some(),
        oidc: http.app.auth.oidc().is_some(),
        role: who.as_ref().map(|who| who.role.as_str()),
        station: who.as_ref().is_some_and(Who::is_station),
        unset: people.is_some_and(|people| people.lacks_admin()),
        wards: who.and_then(|who| who.scope.wards().cloned()),
    });
    (set(again), session).into_response()
}

/// `POST session`: signs in by name and password.
async fn begin(State(http): State<Ctx>, request: Request) -> Result<Response, Problem> {
    not_a_station(&http, &request)?;
    let (people, at, asked): (_, _, SignIn) = asked(&http, request).await?;
    let name = people::name(&asked.name).unwrap_or_default();
    let (address, now) = (at.from.peer.ip(), http.app.handles.clock.wall());
    let mut attempt = people.attempt(&name, address, now).map_err(too_soon)?;
    let kept = people.password_of(&name);
    let (password, held) = (asked.password, kept.clone());
    let verify = move || people::verify(&password, held.as_deref());
    let right = guessed(&http, &mut attempt, verify).await?;
    // Another may have changed it meanwhile: then the one that was given is no more.
    if !right || people.password_of(&name) != kept {
        drop(attempt);
        let wait = auth::sign_in_failed(&http, Some(&name), "wrong name or password", &at.from);
        tokio::time::sleep(wait).await;
        let detail = "the name or the password is wrong";
        return Err(Problem::new(StatusCode::UNAUTHORIZED, detail));
    }
    attempt.give_back();
    own_name(&people, &name)?;
    signed_in(&http, &people, name, &at).await
}

/// `DELETE session`: signs out, in this browser.
async fn end(State(http): State<Ctx>, request: Request) -> Result<Response, Problem> {
    own_page(request.headers(), host_of(&request)?)?;
    not_a_station(&http, &request)?;
    if let (Some(people), Some(secret)) = (http.app.auth.people(), cookie::session(&request)) {
        let digest = Digest::of(secret);
        let ended = shut_out(Arc::clone(people), move |book| {
            book.end(digest);
            Ok(())
        });
        let ((), written) = ended.await?;
        return Ok((set(cookie::forget()), done(written)).into_response());
    }
    Ok((StatusCode::NO_CONTENT, set(cookie::forget())).into_response())
}

/// `POST session/link`: sets a password by a link that is used once, and signs in. The first admin makes an account.
async fn use_link(State(http): State<Ctx>, request: Request) -> Result<Response, Problem> {
    not_a_station(&http, &request)?;
    let (people, at, asked): (_, _, UseLink) = asked(&http, request).await?;
    let (address, now) = (at.from.peer.ip(), http.app.handles.clock.wall());
    let digest = Digest::of(&asked.link);
    // No name has a slash.
    let stranger = format!("link/{address}");
    let mut attempt = people.attempt(&stranger, address, now).map_err(too_soon)?;
    let whose = people.look(|book| book.link(digest, now).map(|whose| whose.map(str::to_owned)));
    let name = match whose {
        Ok(Some(name)) => name,
        Ok(None) => {
            attempt.give_back();
            people::name(&asked.name).map_err(|e| refused(&e.into()))?
        }
        Err(refusal) => {
            drop(attempt);
            auth::sign_in_failed(&http, None, "no such link", &at.from);
            return Err(refused(&refusal.into()));
        }
    };
    attempt.give_back();
    own_name(&people, &name)?;
    let (own, password) = (name.clone(), asked.password);
    let hash = hashing(&http, move || people::hash(&own, &password)).await?.map_err(weak)?;
    let (book, own) = (Arc::clone(&people), name.clone());
    changing(move || book.change(|book| book.use_link(digest, &own, hash, now))).await?;
    signed_in(&http, &people, name, &at).await
}

/// `POST session/password`: another password; every session of that person ends but this, which begins anew.
async fn change_password(State(http): State<Ctx>, request: Request) -> Result<Response, Problem> {
    let who = auth::identify(&http, &request).map_err(|_| auth::unauthorized())?;
    let Proof::Person(Known { proof: Shown::Session(_), name, .. }) = who.proof else {
        let detail = "a password is changed by its person, signed in by name";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    };
    let (people, at, asked): (_, _, NewPassword) = asked(&http, request).await?;
    let (address, now) = (at.from.peer.ip(), http.app.handles.clock.wall());
    let mut attempt = people.attempt(&name, address, now).map_err(too_soon)?;
    let kept = people.password_of(&name);
    let (own, old, new) = (name.clone(), asked.password, asked.new);
    let hashed = guessed(&http, &mut attempt, move || {
        people::verify(&old, kept.as_deref()).then(|| people::hash(&own, &new))
    });
    let Some(hash) = hashed.await? else {
        drop(attempt);
        auth::sign_in_failed(&http, Some(&name), "wrong password at a change", &at.from);
        return Err(Problem::new(StatusCode::FORBIDDEN, "the present password is wrong"));
    };
    attempt.give_back();
    let (hash, book, own) = (hash.map_err(weak)?, Arc::clone(&people), name.clone());
    changing(move || book.change(|book| book.set_password(&own, &own, hash))).await?;
    signed_in(&http, &people, name, &at).await
}

/// Whoever signs in, or out, at a station would take its cookie away, and the ward would see nothing there.
pub(super) fn not_a_station(http: &Ctx, request: &Request) -> Result<(), Problem> {
    let people = http.app.auth.people().zip(cookie::session(request));
    if people.is_some_and(|(people, secret)| people.is_station(secret)) {
        let detail = "this browser is a station: sign in elsewhere, or in another browser; whoever looks after people takes \
                      a station back";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    Ok(())
}

/// From where somebody signs in.
pub(super) struct At {
    pub(super) from: Connection,
    /// The session that this browser had until now.
    pub(super) before: Option<Digest>,
}

/// Refuses a name that a token of the configuration has.
pub(super) fn own_name(people: &People, name: &str) -> Result<(), Problem> {
    if people.is_token(name) {
        Err(refused(&Refusal::Token(name.to_owned()).into()))
    } else {
        Ok(())
    }
}

/// What a page of our own asks of those who sign in by name, over a way that nobody reads.
pub(super) async fn asked<T: DeserializeOwned>(
    http: &Ctx,
    request: Request,
) -> Result<(Arc<People>, At, T), Problem> {
    own_page(request.headers(), host_of(&request)?)?;
    let (people, at) = asked_from(http, &request)?;
    let Body(asked) = from_request(request).await?;
    // Who was added, or given a link, a moment ago is not told that there is no such person.
    let book = Arc::clone(&people);
    let known = tokio::task::spawn_blocking(move || book.catch_up()).await;
    known.map_err(|_| Problem::busy("the people could not be looked up; try again", 5))?;
    Ok((people, at, asked))
}

/// Where people sign in, and from where, over a way that nobody reads.
pub(super) fn asked_from(http: &Ctx, request: &Request) -> Result<(Arc<People>, At), Problem> {
    let Some(people) = http.app.auth.people().map(Arc::clone) else {
        let detail = "nobody signs in by name here";
        return Err(Problem::new(StatusCode::NOT_FOUND, detail));
    };
    if !cookie::is_private(request) {
        let detail = "a password is not taken where others could read it: use HTTPS";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    let from = request.extensions().get::<Connection>().cloned().ok_or_else(auth::unauthorized)?;
    let before = cookie::session(request).map(Digest::of);
    if !people.are_known() {
        let detail = "nobody can sign in by name at present: what is known of people cannot be believed; whoever looks after \
                      the gateway finds why under `degraded`";
        return Err(Problem::busy(detail, 5));
    }
    Ok((people, At { from, before }))
}

/// Begins a session in this browser, and says who that is.
async fn signed_in(
    http: &Ctx,
    people: &Arc<People>,
    name: String,
    at: &At,
) -> Result<Response, Problem> {
    let (secret, who) = begun(http, people, name, at).await?;
    let session = Session {
        actor: Some(who.name),
        by_name: true,
        oidc: http.app.auth.oidc().is_some(),
        role: Some(who.role.as_str()),
        station: false,
        unset: people.lacks_admin(),
        wards: who.scope.wards().cloned(),
    };
    Ok((set(cookie::keep(&secret, people.lasting().longest)), Json(session)).into_response())
}

/// Begins a session in this browser: its secret, and who that is.
pub(super) async fn begun(
    http: &Ctx,
    people: &Arc<People>,
    name: String,
    at: &At,
) -> Result<(String, Who), Problem> {
    let (book, address, now) =
        (Arc::clone(people), at.from.peer.ip(), http.app.handles.clock.wall());
    let before = at.before;
    let secret = changing(move || book.begin(&name, before, address, now)).await?;
    let secret = secret.ok_or_else(|| Problem::busy("the machine gives no random numbers", 5))?;
    let known = people.by_session(&secret, now).ok_or_else(auth::unauthorized)?;
    Ok((secret, Who::from(known)))
}

pub(super) fn set(cookie: Option<HeaderValue>) -> HeaderMap {
    cookie.map(|line| (header::SET_COOKIE, line)).into_iter().collect()
}

/// Hashes off the async threads, a few at a time.
pub(super) async fn hashing<T: Send + 'static>(
    http: &Http,
    hash: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    let busy = || Problem::busy("too many people sign in at once; try again", 2);
    let turn = http.hashes.clone().acquire_owned();
    let turn = tokio::time::timeout(http.app.limits.grace, turn).await.map_err(|_| busy())?;
    let hashing = move || {
        let _turn = turn;
        hash()
    };
    tokio::task::spawn_blocking(hashing).await.map_err(|_| busy())
}

/// The same of what somebody guessed at; where it was never hashed nobody learnt anything, and it does not count.
pub(super) async fn guessed<T: Send + 'static>(
    http: &Http,
    attempt: &mut Attempt,
    hash: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    hashing(http, hash).await.inspect_err(|_| attempt.give_back())
}

/// Changes the book off the async threads.
pub(super) async fn changing<T: Send + 'static>(
    change: impl FnOnce() -> Result<T, BadPeople> + Send + 'static,
) -> Result<T, Problem> {
    let cut = || Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the change was cut short");
    tokio::task::spawn_blocking(change).await.map_err(|_| cut())?.map_err(|bad| refused(&bad))
}

pub(super) fn refused(bad: &BadPeople) -> Problem {
    let status = match bad {
        BadPeople::Refused(Refusal::Known(_) | Refusal::Token(_) | Refusal::LastAdmin(_)) => {
            StatusCode::CONFLICT
        }
        BadPeople::Refused(Refusal::Unknown(_) | Refusal::NoStation(_)) => StatusCode::NOT_FOUND,
        BadPeople::Refused(
            Refusal::Link
            | Refusal::NotAtStations(_)
            | Refusal::OtherWards(_)
            | Refusal::Elsewhere(_),
        ) => StatusCode::FORBIDDEN,
        BadPeople::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
        BadPeople::File { .. }
        | BadPeople::Content { .. }
        | BadPeople::Foreign { .. }
        | BadPeople::NoFile { .. } => {
            tracing::error!(error = %bad, "what is known of people could not be changed");
            return Problem::busy("that could not be written down; look at the log", 5);
        }
    };
    Problem::new(status, bad.to_string())
}

fn weak(bad: BadPassword) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, bad.to_string())
}

pub(super) fn too_soon(wait: Span) -> Problem {
    let seconds = (wait.as_micros() + 999_999) / 1_000_000;
    let detail = format!("too many attempts failed: wait {seconds} s, then try again");
    Problem::new(StatusCode::TOO_MANY_REQUESTS, detail)
        .header(header::RETRY_AFTER, HeaderValue::from(seconds))
}
