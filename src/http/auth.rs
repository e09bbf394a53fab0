//! Who asks, and what that person or program may do.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use tokio::sync::watch;

use super::connection::Connection;
use super::cookie;
use super::error::Problem;
use super::origin::{host_of, own_page};
use super::scope::Scope;
use super::state::Ctx;
use crate::clock::Clock;
pub use crate::config::{BadToken, Role, Token};
use crate::handles::Handles;
use crate::net::places::Standing;
use crate::oidc::{Provider, Vouched};
use crate::people::{self, Known, People};
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
}

/// How the gateway knows who asks at present; it may change while it runs.
#[derive(Clone, Debug)]
pub struct AuthInForce {
    auth: watch::Receiver<Arc<Auth>>,
    people: Option<(Arc<People>, Clock)>,
    oidc: Option<Arc<Provider>>,
}

impl AuthInForce {
    /// What `current` holds, and whatever it will.
    pub fn new(current: watch::Receiver<Arc<Auth>>) -> Self {
        Self { auth: current, people: None, oidc: None }
    }

    /// Beside it people sign in by name.
    #[must_use]
    pub fn with_people(self, people: Option<Arc<People>>, clock: &Clock) -> Self {
        Self { people: people.map(|people| (people, clock.clone())), ..self }
    }

    /// And a provider vouches for people.
    #[must_use]
    pub fn with_oidc(self, oidc: Option<Arc<Provider>>) -> Self {
        Self { oidc, ..self }
    }

    /// The provider that vouches for people, where people sign in.
    pub(super) fn oidc(&self) -> Option<&Arc<Provider>> {
        self.people()?;
        self.oidc.as_ref()
    }

    /// Who somebody is whom the provider vouches for: no token of the configuration, and nobody else's account.
    fn vouched(&self, vouched: Vouched) -> Option<Who> {
        let people = self.people()?;
        let Vouched { name, subject, .. } = &vouched;
        let free = people.look(|book| book.people.get(name).is_none_or(|p| p.is_of(subject)));
        (free && !people.is_token(name)).then_some(())?;
        let (name, role, scope) = (name.clone(), vouched.role, Scope::of(vouched.wards.clone()));
        Some(Who { name, role, scope, proof: Proof::Vouched(Box::new(vouched)) })
    }

    /// When what somebody is known by ends of itself.
    fn ends(&self, who: &Who) -> Option<Duration> {
        let (Proof::Vouched(vouched), Some((_, clock))) = (&who.proof, &self.people) else {
            return None;
        };
        let left = (vouched.until - clock.wall()).as_micros();
        Some(Duration::from_micros(u64::try_from(left).unwrap_or_default()))
    }

    /// That at present.
    pub(super) fn now(&self) -> Arc<Auth> {
        Arc::clone(&self.auth.borrow())
    }

    /// The people who sign in by name; `None` where nobody does.
    pub(crate) fn people(&self) -> Option<&Arc<People>> {
        let (people, _) = self.people.as_ref()?;
        matches!(*self.now(), Auth::Tokens(_)).then_some(people)
    }

    /// Somebody by name, with what they may at present: whoever holds a link that was sent to them alone.
    pub(super) fn by_name(&self, name: &str) -> Option<Who> {
        let who = |role, scope| Who { name: name.to_owned(), role, scope, proof: Proof::Nothing };
        let auth = self.now();
        let tokens = match &*auth {
            Auth::Local(_) => return Some(who(Role::Local, Scope::default())),
            Auth::Tokens(tokens) => tokens,
        };
        if let Some(token) = tokens.iter().find(|token| token.name == name) {
            return Some(who(token.role, Scope::of(token.wards.clone())));
        }
        let of_account = self.people()?.look(|book| {
            let person = book.people.get(name).filter(|person| !person.disabled)?;
            Some((person.role, person.wards.clone()))
        });
        // Devices of a maker are no way to an alarm.
        let (role, wards) = of_account.filter(|(role, _)| *role != Role::Maker)?;
        Some(who(role, Scope::of(wards)))
    }

    /// Waits until anybody may do what they might not, or the other way round.
    pub(crate) async fn changed(&mut self) {
        let mut people = self.people.as_ref().map(|(people, _)| people.changes());
        tokio::select! {
            () = changed(Some(&mut self.auth)) => {}
            () = changed(people.as_mut()) => {}
        }
    }

    /// Whether somebody who was let in still would be, with the same rights.
    fn knows(&self, who: &Who) -> bool {
        match (&**self.auth.borrow(), &who.proof) {
            (Auth::Local(name), Proof::Nothing) => *name == who.name,
            (Auth::Tokens(tokens), Proof::Token(sha256)) => {
                let same = |token: &Token| {
                    (token.sha256, token.role) == (*sha256, who.role)
                        && token.wards.as_ref() == who.scope.wards()
                };
                tokens.iter().any(same)
            }
            (Auth::Tokens(_), Proof::Person(known)) => {
                let people = self.people.as_ref();
                people.is_some_and(|(people, clock)| people.still(known, clock.wall()))
            }
            (Auth::Tokens(_), Proof::Vouched(vouched)) => {
                self.ends(who).is_some_and(|left| left > Duration::ZERO)
                    && self.vouched(Vouched::clone(vouched)).is_some()
            }
            (Auth::Local(_), Proof::Token(_) | Proof::Person(_) | Proof::Vouched(_))
            | (Auth::Tokens(_), Proof::Nothing) => false,
        }
    }

    /// Waits until somebody would not be let in any more as he was.
    pub(super) async fn withdrawn(mut self, who: &Who) {
        let mut people = self.people.as_ref().map(|(people, _)| people.changes());
        loop {
            self.auth.mark_unchanged();
            if let Some(people) = &mut people {
                people.mark_unchanged();
            }
            if !self.knows(who) {
                return;
            }
            let ends = self.ends(who);
            tokio::select! {
                () = over(ends) => {}
                () = changed(Some(&mut self.auth)) => {}
                () = changed(people.as_mut()) => {}
            }
        }
    }
}

/// Waits so long; for ever, where nothing ends.
async fn over(ends: Option<Duration>) {
    match ends {
        Some(left) => tokio::time::sleep(left).await,
        None => std::future::pending().await,
    }
}

/// Waits for a change; for ever, where none can come.
async fn changed<T>(what: Option<&mut watch::Receiver<T>>) {
    let comes = match what {
        Some(what) => what.changed().await.is_ok(),
        None => false,
    };
    if !comes {
        std::future::pending::<()>().await;
    }
}

impl From<Auth> for AuthInForce {
    fn from(always: Auth) -> Self {
        Self::new(watch::channel(Arc::new(always)).1)
    }
}

/// What goes with an act of whoever gave their PIN at a station.
pub(super) const SIGNATURE: &str = "vitalgate-signature";

/// Who asks. Every handler takes one and names the right that it needs.
#[derive(Clone, Debug)]
pub(crate) struct Who {
    /// The actor.
    pub(crate) name: String,
    /// What it may do.
    pub(crate) role: Role,
    /// Where.
    pub(crate) scope: Scope,
    /// By what it is known.
    pub(super) proof: Proof,
}

/// By what somebody is known.
#[derive(Clone, Debug)]
pub(crate) enum Proof {
    /// Nothing was asked for.
    Nothing,
    /// A token of the configuration, by its SHA-256.
    Token([u8; 32]),
    /// A session, or a token, of somebody with an account.
    Person(Known),
    /// A token of the provider.
    Vouched(Box<Vouched>),
}

impl Who {
    /// Whether it is a station, which shows and does not act.
    pub(super) fn is_station(&self) -> bool {
        matches!(&self.proof, Proof::Person(Known { proof: people::Proof::Station(_), .. }))
    }

    /// The station at which it signs.
    pub(super) fn signs_at(&self) -> Option<&str> {
        match &self.proof {
            Proof::Person(known) => known.station.as_deref(),
            Proof::Nothing | Proof::Token(_) | Proof::Vouched(_) => None,
        }
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
    if let (Some(oidc), Some(token)) = (http.app.auth.oidc(), bearer(&request)) {
        oidc.learn_key_of(token, http.app.handles.clock.wall()).await;
    }
    match identify(&http, &request) {
        Ok(who) => {
            let who = if request.method().is_safe() { who } else { acting(&http, &request, who)? };
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
            let wait = failed.map(|(why, from)| sign_in_failed(&http, None, why, from));
            tokio::time::sleep(wait.unwrap_or_default()).await;
            return Err(unauthorized());
        }
    };
    Ok(next.run(request).await)
}

/// Who acts. What a browser keeps counts from our own page alone, and at a station whoever signs is who acts.
fn acting(http: &Ctx, request: &Request, who: Who) -> Result<Who, Problem> {
    let Proof::Person(known) = &who.proof else { return Ok(who) };
    match known.proof {
        people::Proof::Token(_) | people::Proof::Signature(_) => Ok(who),
        people::Proof::Session(_) => {
            own_page(request.headers(), host_of(request)?)?;
            Ok(who)
        }
        people::Proof::Station(browser) => {
            own_page(request.headers(), host_of(request)?)?;
            let signature = request.headers().get(SIGNATURE).and_then(|text| text.to_str().ok());
            let now = http.app.handles.clock.wall();
            let signer = http
                .app
                .auth
                .people()
                .zip(signature)
                .and_then(|(people, signature)| people.signer(browser, signature, now));
            signer.map(|(known, _)| Who::from(known)).ok_or_else(locked)
        }
    }
}

/// A station shows, and does nothing of itself.
fn locked() -> Problem {
    let detail =
        "this station is locked: it shows, and whoever acts gives their name and PIN first";
    Problem::new(StatusCode::LOCKED, detail)
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

/// Counts a token that nobody has, which has no name in it, or a name whose password was wrong; it is reported to the audit.
/// How long the answer is to wait.
pub(super) fn sign_in_failed(
    http: &Ctx,
    name: Option<&str>,
    why: &'static str,
    from: &Connection,
) -> Duration {
    let Handles { metrics, clock, .. } = &http.app.handles;
    let address = from.peer.ip();
    metrics.sign_in_failed("http");
    let now = clock.wall();
    if http.app.refusals.may_log(address, now) {
        tracing::warn!(%address, why, "sign-in refused");
    }
    http.app.refusals.note_sign_in(SignInWay::Http, name, address, why, now)
}

/// Why nobody was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Nothing was shown: a page asks so before a person has signed in.
    Nothing,
    /// What was shown is no token.
    Nonsense,
    /// Nobody has this token.
    Unknown,
    /// The session is over: a page asks so once more before its person signs in again.
    Over,
}

impl Refused {
    /// In words, where somebody tried to sign in.
    fn why(self) -> Option<&'static str> {
        match self {
            Self::Nothing | Self::Over => None,
            Self::Nonsense => Some("not a token"),
            Self::Unknown => Some("unknown token"),
        }
    }
}

pub(super) fn identify(http: &Ctx, request: &Request) -> Result<Who, Refused> {
    let auth = http.app.auth.now();
    let tokens = match &*auth {
        Auth::Local(name) => {
            let (name, scope) = (name.clone(), Scope::default());
            return Ok(Who { name, role: Role::Local, scope, proof: Proof::Nothing });
        }
        Auth::Tokens(tokens) => tokens,
    };
    let (people, now) = (http.app.auth.people(), http.app.handles.clock.wall());
    let Some(shown) = request.headers().get(header::AUTHORIZATION) else {
        let secret = cookie::session(request).ok_or(Refused::Nothing)?;
        let known = people.and_then(|people| people.by_session(secret, now));
        return known.map(Who::from).ok_or(Refused::Over);
    };
    let (scheme, token) =
        shown.to_str().ok().and_then(|s| s.split_once(' ')).ok_or(Refused::Nonsense)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Refused::Nonsense);
    }
    let token = token.trim();
    let hash = ring::digest::digest(&ring::digest::SHA256, token.as_bytes());
    if let Some(known) = tokens.iter().find(|t| t.sha256 == hash.as_ref()) {
        let Token { name, role, sha256, wards } = known.clone();
        return Ok(Who { name, role, scope: Scope::of(wards), proof: Proof::Token(sha256) });
    }
    if let Some(known) = people.and_then(|people| people.by_token(token, now)) {
        return Ok(Who::from(known));
    }
    let oidc = http.app.auth.oidc().ok_or(Refused::Unknown)?;
    let vouched = oidc.vouched(token, now).map_err(|why| {
        tracing::debug!(%why, "a token that is not believed");
        Refused::Unknown
    })?;
    http.app.auth.vouched(vouched).ok_or(Refused::Unknown)
}

/// What stands behind `Bearer`, of whoever sends one and no other: two say two things, and a proxy may have read the other.
fn bearer(request: &Request) -> Option<&str> {
    let mut sent = request.headers().get_all(header::AUTHORIZATION).iter();
    let only = sent.next().filter(|_| sent.next().is_none())?;
    let (scheme, token) = only.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

impl From<Known> for Who {
    fn from(known: Known) -> Self {
        let scope = match known.role {
            Role::Maker => Scope::of_devices(known.devices.clone()),
            Role::Viewer
            | Role::Clinician
            | Role::WardAdmin
            | Role::Ops
            | Role::Admin
            | Role::Local => Scope::of(known.wards.clone()),
        };
        Self { name: known.name.clone(), role: known.role, scope, proof: Proof::Person(known) }
    }
}

pub(super) fn unauthorized() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "sign in, or send a token: `Authorization: Bearer …`")
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_from_hexadecimal() {
        assert!(Token::new("a", Role::Viewer, &"aB".repeat(32)).is_ok());
        for bad in ["", "xx", &"a".repeat(63), &"a".repeat(66)] {
            let expected = Err(BadToken::Hash("a".into()));
            assert_eq!(Token::new("a", Role::Viewer, bad), expected, "{bad}");
        }
    }

    #[test]
    fn who_sends_two_tokens_sends_none() {
        let with = |tokens: &[&str]| {
            let mut request = Request::default();
            for token in tokens {
                request.headers_mut().append(header::AUTHORIZATION, token.parse().unwrap());
            }
            request
        };
        assert_eq!(bearer(&with(&["Bearer a"])), Some("a"));
        assert_eq!(bearer(&with(&["Bearer a", "Bearer b"])), None);
        assert_eq!(bearer(&with(&["Bearer a", "Bearer a"])), None);
        assert_eq!(bearer(&with(&["Basic a"])), None);
    }
}
