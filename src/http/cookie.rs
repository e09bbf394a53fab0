//! The cookie of a session. Its name makes a browser keep it for this host alone, over TLS, on every path.

use axum::extract::Request;
use axum::http::{HeaderValue, header};

use super::connection::Connection;
use vitalgate_domain::model::time::Span;

const NAME: &str = "__Host-vitalgate";

/// The secret of a session in a request that nobody on the way could have read.
pub(super) fn session(request: &Request) -> Option<&str> {
    is_private(request).then_some(())?;
    let all = request.headers().get_all(header::COOKIE).iter();
    let pairs = all.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(';'));
    let mut named = pairs.filter_map(|pair| pair.trim().split_once('='));
    named.find(|(name, _)| *name == NAME).map(|(_, secret)| secret)
}

/// Whether it came over TLS, or from this machine: a proxy on it speaks TLS for the gateway, and a page on it is nobody
/// else's.
pub(super) fn is_private(request: &Request) -> bool {
    let from = request.extensions().get::<Connection>();
    from.is_some_and(|from| from.tls || from.peer.ip().to_canonical().is_loopback())
}

/// Has the browser keep a session's secret for so long.
pub(super) fn keep(secret: &str, longest: Span) -> Option<HeaderValue> {
    line(secret, longest.as_micros() / 1_000_000)
}

/// Has the browser forget it.
pub(super) fn forget() -> Option<HeaderValue> {
    line("", 0)
}

fn line(secret: &str, seconds: i64) -> Option<HeaderValue> {
    let line =
        format!("{NAME}={secret}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Strict");
    HeaderValue::from_str(&line).ok()
}
