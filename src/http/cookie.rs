//! The cookie of a session. Its name makes a browser keep it for this host alone, over TLS, on every path.

use axum::extract::Request;
use axum::http::{HeaderValue, header};

use super::connection::Connection;
use vitalgate_domain::model::time::Span;

const NAME: &str = "__Host-vitalgate";

/// Of whoever is away at a provider. It comes back with them from another site, so it is not as strict.
const AWAY: &str = "__Host-vitalgate-away";

/// The secret of a session in a request that nobody on the way could have read.
pub(super) fn session(request: &Request) -> Option<&str> {
    named(request, NAME)
}

/// The same of a sign-in that was begun by way of a provider.
pub(super) fn away(request: &Request) -> Option<&str> {
    named(request, AWAY)
}

fn named<'a>(request: &'a Request, wanted: &str) -> Option<&'a str> {
    is_private(request).then_some(())?;
    let all = request.headers().get_all(header::COOKIE).iter();
    let pairs = all.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(';'));
    let mut named = pairs.filter_map(|pair| pair.trim().split_once('='));
    named.find(|(name, _)| *name == wanted).map(|(_, secret)| secret)
}

/// Whether it came over TLS, or from this machine: a proxy on it speaks TLS for the gateway, and a page on it is nobody
/// else's.
pub(super) fn is_private(request: &Request) -> bool {
    let from = request.extensions().get::<Connection>();
    from.is_some_and(|from| from.tls || from.peer.ip().to_canonical().is_loopback())
}

/// Has the browser keep a session's secret for so long.
pub(super) fn keep(secret: &str, longest: Span) -> Option<HeaderValue> {
    line(NAME, secret, longest.as_micros() / 1_000_000, "Strict")
}

/// Has it keep what a sign-in by way of a provider ends with, for so long.
pub(super) fn keep_while_away(secret: &str, longest: Span) -> Option<HeaderValue> {
    line(AWAY, secret, longest.as_micros() / 1_000_000, "Lax")
}

/// Has it forget that.
pub(super) fn forget_away() -> Option<HeaderValue> {
    line(AWAY, "", 0, "Lax")
}

/// Has the browser forget it.
pub(super) fn forget() -> Option<HeaderValue> {
    line(NAME, "", 0, "Strict")
}

fn line(name: &str, secret: &str, seconds: i64, site: &str) -> Option<HeaderValue> {
    let line =
        format!("{name}={secret}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite={site}");
    HeaderValue::from_str(&line).ok()
}
