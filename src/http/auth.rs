//! Who asks, and what that person or program may do.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::Response;
use tokio::sync::watch;

use super::connection::Connection;
use super::error::Problem;
use super::scope::Scope;
use super::state::Ctx;
pub use crate::config::{BadToken, Role, Token};
use crate::handles::Handles;
use crate::net::places::Standing;
use vitalgate_domain::model::ids::WardId;
use vitalgate_domain::model::input::SignInWay;

/// How the gateway knows who asks.
#[derive(Clone, Debug)]
pub enum Auth {
    /// Every request needs one of these tokens in `Authorization: Bearer …`.
    Tokens(Vec<Token>),
    /// Loopback without configured authentication: everybody is this actor and may do everything.
    /// `Host` and `Origin` are checked instead, so that no foreign page can act through a browser.
    Local(String),
}

impl Auth {
    /// With these tokens; where there are none, everybody on loopback may do everything.
    pub fn of(tokens: Vec<Token>) -> Self {
        if tokens.is_empty() {
            return Self::Local("local:anonymous".to_owned());
        }
        Self::Tokens(tokens)
    }

    /// Whether somebody who was let in still would be, with the same rights.
    fn knows(&self, who: &Who) -> bool {
        match (self, who.sha256) {
            (Self::Local(name), None) => *name == who.name,
            (Self::Tokens(tokens), Some(sha256)) => {
                let same = |token: &Token| {
                    (token.sha256, token.role) == (sha256, who.role)
                        && token.wards.as_ref() == who.scope.wards()
                };
                tokens.iter().any(same)
            }
            (Self::Local(_), Some(_)) | (Self::Tokens(_), None) => false,
        }
    }
}

/// How the gateway knows who asks at present; it may change while it runs.
#[derive(Clone, Debug)]
pub struct AuthInForce(watch::Receiver<Arc<Auth>>);

impl AuthInForce {
    /// What `current` holds, and whatever it will.
    pub fn new(current: watch::Receiver<Arc<Auth>>) -> Self {
        Self(current)
    }

    /// That at present.
    pub(super) fn now(&self) -> Arc<Auth> {
        Arc::clone(&self.0.borrow())
    }

    /// Waits until somebody would not be let in any more as he was.
    pub(super) async fn withdrawn(mut self, who: &Who) {
        while self.0.borrow_and_update().knows(who) {
            if self.0.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

impl From<Auth> for AuthInForce {
    fn from(always: Auth) -> Self {
        Self(watch::channel(Arc::new(always)).1)
    }
}

/// What a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Patients, beds, wards, alarms, series, the stream.
    SeePatients,
    /// Acknowledge and reset.
    AnswerAlarms,
    /// Admit, transfer, discharge, limits, bindings, wards and beds.
    ChangePatients,
    /// Devices and their state.
    SeeDevices,
    /// Register devices, and change who speaks for them.
    ChangeDevices,
    /// Change how a device is judged: its class, and the signals expected of it.
    ChangeJudging,
    /// Dead letters; what was in them goes with the right to see patients.
    SeeDeadLetters,
    /// The audit, which names no patient.
    SeeAudit,
    /// Metrics.
    SeeHealth,
}

/// Whether a role has a right. The only place that decides it.
pub const fn can(role: Role, right: Right) -> bool {
    match right {
        Right::SeePatients => !matches!(role, Role::Ops),
        Right::AnswerAlarms | Right::ChangePatients | Right::ChangeJudging => {
            matches!(role, Role::Clinician | Role::Local)
        }
        Right::SeeDevices | Right::SeeHealth => true,
        Right::SeeDeadLetters => !matches!(role, Role::Viewer),
        Right::ChangeDevices | Right::SeeAudit => {
            matches!(role, Role::Ops | Role::Local)
        }
    }
}

/// Who asks. Every handler takes one and names the right that it needs.
#[derive(Clone, Debug)]
pub(crate) struct Who {
    /// The actor.
    pub(crate) name: String,
    /// What it may do.
    pub(crate) role: Role,
    /// Where.
    pub(crate) scope: Scope,
    /// The SHA-256 of its token, where one was asked for.
    sha256: Option<[u8; 32]>,
}

impl Who {
    /// Refuses with 403 unless the role has the right.
    pub(crate) fn may(&self, right: Right) -> Result<(), Problem> {
        if can(self.role, right) {
            return Ok(());
        }
        let Self { name, role, .. } = self;
        let detail = format!("`{name}` is a {} and lacks the right {right:?}", role.as_str());
        Err(Problem::new(StatusCode::FORBIDDEN, detail))
    }
}

impl<S: Sync> FromRequestParts<S> for Who {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(unauthorized)
    }
}

/// Finds out who asks. Everything below `/api` and `/metrics` goes through here.
pub(crate) async fn sign_in(
    State(http): State<Ctx>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    match identify(&http.app.auth.now(), request.headers()) {
        Ok(who) => {
            if let Some(connection) = request.extensions().get::<Connection>()
                && connection.settle(&who.name, Standing::Known).is_err()
            {
                return Err(Problem::busy("the gateway has no place for another connection", 5));
            }
            no_such_ward(&http, &who)?;
            request.extensions_mut().insert(who)
        }
        Err(refused) => {
            let failed = refused.why().zip(request.extensions().get());
            let wait = failed.map(|(why, from)| sign_in_failed(&http, why, from));
            tokio::time::sleep(wait.unwrap_or_default()).await;
            return Err(unauthorized());
        }
    };
    Ok(next.run(request).await)
}

/// Refuses whoever is for wards none of which exists: empty lists would read as if all was well.
fn no_such_ward(http: &Ctx, who: &Who) -> Result<(), Problem> {
    let (board, own) = (http.board(), who.scope.wards());
    match own.filter(|own| !own.iter().any(|ward| board.wards.contains_key(ward))) {
        Some(own) => {
            let named: Vec<&str> = own.iter().map(WardId::as_str).collect();
            let detail =
                format!("`{}` is for {}, which is no ward here", who.name, named.join(", "));
            Err(Problem::new(StatusCode::FORBIDDEN, detail))
        }
        None => Ok(()),
    }
}

/// Counts a token that nobody has; it is reported to the audit. There is no name in it. How long the answer
/// is to wait.
fn sign_in_failed(http: &Ctx, why: &'static str, from: &Connection) -> Duration {
    let Handles { metrics, clock, .. } = &http.app.handles;
    let address = from.peer.ip();
    metrics.sign_in_failed("http");
    let now = clock.wall();
    if http.app.refusals.may_log(address, now) {
        tracing::warn!(%address, why, "sign-in refused");
    }
    http.app.refusals.note_sign_in(SignInWay::Http, None, address, why, now)
}

/// What a proxy says of whoever asks through it: then the peer is not the person, loopback or not.
const FORWARDING: [&str; 6] =
    ["forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "fly-client-ip"];
/// And what those begin with that others made up.
const FORWARDING_KINDS: [&str; 5] =
    ["x-forwarded", "x-original-", "x-cluster-client", "x-envoy-external", "cf-connecting"];

/// Refuses a request that names two hosts, for whoever stands in front of the gateway may have gone by the other; and
/// keeps foreign pages out where there is no authentication. A name that resolves to loopback is not
/// enough: `Host` must be loopback itself, and `Origin` must be the gateway's own page.
pub(crate) async fn same_site(
    State(http): State<Ctx>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let host = host_of(&request)?;
    if matches!(*http.app.auth.now(), Auth::Local(_)) {
        if !is_loopback(host) {
            let detail = "without authentication only requests to localhost are answered";
            return Err(Problem::new(StatusCode::FORBIDDEN, detail));
        }
        let forwards = |name: &&str| {
            FORWARDING.contains(name) || FORWARDING_KINDS.iter().any(|kind| name.starts_with(kind))
        };
        if let Some(name) = request.headers().keys().map(HeaderName::as_str).find(forwards) {
            let detail = format!(
                "without authentication nobody is answered through a proxy (`{name}`): set a `[[http.token]]`"
            );
            return Err(Problem::new(StatusCode::FORBIDDEN, detail));
        }
        let tls = request.extensions().get().is_some_and(|from: &Connection| from.tls);
        let scheme = if tls { "https://" } else { "http://" };
        if let Some(origin) = request.headers().get(header::ORIGIN)
            && origin.to_str().ok().and_then(|o| o.strip_prefix(scheme)) != Some(host)
        {
            let detail = "without authentication only this gateway's own page may ask";
            return Err(Problem::new(StatusCode::FORBIDDEN, detail));
        }
    }
    Ok(next.run(request).await)
}

/// The one host a request is for: `Host`, or what HTTP/2 has in its place.
fn host_of(request: &Request) -> Result<&str, Problem> {
    let refused = |why| Problem::new(StatusCode::BAD_REQUEST, why);
    let mut named = request.headers().get_all(header::HOST).iter();
    let header = named.next().map(|host| host.to_str().unwrap_or_default());
    if named.next().is_some() {
        return Err(refused("`Host` stands there more than once"));
    }
    match (request.uri().authority().map(Authority::as_str), header) {
        (Some(target), Some(host)) if !target.eq_ignore_ascii_case(host) => {
            Err(refused("`Host` is another than the address that is asked for"))
        }
        (Some(host), _) | (None, Some(host)) => Ok(host),
        (None, None) => Ok(""),
    }
}

/// Why nobody was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    /// Nothing was shown: a page asks so before a person has signed in.
    Nothing,
    /// What was shown is no token.
    Nonsense,
    /// Nobody has this token.
    Unknown,
}

impl Refused {
    /// In words, where somebody tried to sign in.
    fn why(self) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::Nonsense => Some("not a token"),
            Self::Unknown => Some("unknown token"),
        }
    }
}

fn identify(auth: &Auth, headers: &HeaderMap) -> Result<Who, Refused> {
    match auth {
        Auth::Local(name) => {
            Ok(Who { name: name.clone(), role: Role::Local, scope: Scope::default(), sha256: None })
        }
        Auth::Tokens(tokens) => {
            let shown = headers.get(header::AUTHORIZATION).ok_or(Refused::Nothing)?;
            let (scheme, token) =
                shown.to_str().ok().and_then(|s| s.split_once(' ')).ok_or(Refused::Nonsense)?;
            if !scheme.eq_ignore_ascii_case("bearer") {
                return Err(Refused::Nonsense);
            }
            let hash = ring::digest::digest(&ring::digest::SHA256, token.trim().as_bytes());
            let known = tokens.iter().find(|t| t.sha256 == hash.as_ref());
            let known = known.ok_or(Refused::Unknown)?;
            let Token { name, role, sha256, wards } = known.clone();
            Ok(Who { name, role, scope: Scope::of(wards), sha256: Some(sha256) })
        }
    }
}

fn is_loopback(host: &str) -> bool {
    let Ok(uri) = host.parse::<Uri>() else { return false };
    let Some(name) = uri.host() else { return false };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || address.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn unauthorized() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "send a token: `Authorization: Bearer …`")
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_rights() {
        use Right::{
            AnswerAlarms, ChangeDevices, ChangeJudging, ChangePatients, SeeAudit, SeeDeadLetters,
            SeeDevices, SeeHealth, SeePatients,
        };
        //                      viewer clinician ops   local
        let table = [
            (SeePatients, [true, true, false, true]),
            (AnswerAlarms, [false, true, false, true]),
            (ChangePatients, [false, true, false, true]),
            (SeeDevices, [true, true, true, true]),
            (ChangeDevices, [false, false, true, true]),
            (ChangeJudging, [false, true, false, true]),
            (SeeDeadLetters, [false, true, true, true]),
            (SeeAudit, [false, false, true, true]),
            (SeeHealth, [true, true, true, true]),
        ];
        for (right, expected) in table {
            let roles = [Role::Viewer, Role::Clinician, Role::Ops, Role::Local];
            assert_eq!(roles.map(|role| can(role, right)), expected, "{right:?}");
        }
    }

    #[test]
    fn hosts_that_are_loopback() {
        for good in ["localhost:8080", "LOCALHOST", "127.0.0.1:1", "127.9.9.9", "[::1]:8080"] {
            assert!(is_loopback(good), "{good}");
        }
        for bad in ["", "evil.example", "localhost.evil.example:80", "10.0.0.1", "127.0.0.1.nip.io"]
        {
            assert!(!is_loopback(bad), "{bad}");
        }
    }

    #[test]
    fn tokens_are_read_from_hexadecimal() {
        assert!(Token::new("a", Role::Viewer, &"aB".repeat(32)).is_ok());
        for bad in ["", "xx", &"a".repeat(63), &"a".repeat(66)] {
            let expected = Err(BadToken::Hash("a".into()));
            assert_eq!(Token::new("a", Role::Viewer, bad), expected, "{bad}");
        }
    }
}
