//! From which page a request comes, and whether that may act: what keeps foreign pages out.

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::Response;

use super::auth::Auth;
use super::connection::Connection;
use super::error::Problem;
use super::state::Ctx;

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
pub(super) fn host_of(request: &Request) -> Result<&str, Problem> {
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

/// Refuses an act that a browser does on behalf of a page of another site. A browser says from where a request comes, in
/// words that no page can change; who says nothing is no browser, and has no business with cookies.
pub(super) fn own_page(headers: &HeaderMap, host: &str) -> Result<(), Problem> {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let site = text(HeaderName::from_static("sec-fetch-site"));
    let origin = text(header::ORIGIN);
    // A proxy may speak TLS for the gateway: the scheme is not compared, the name with its port is.
    let own = |origin: &str| {
        let named = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        named.is_some_and(|named| named.eq_ignore_ascii_case(host))
    };
    if (site.is_some() || origin.is_some())
        && site.is_none_or(|site| site == "same-origin")
        && origin.is_none_or(own)
    {
        return Ok(());
    }
    let detail = "only this gateway's own page may do that with what the browser keeps; a program sends a token";
    Err(Problem::new(StatusCode::FORBIDDEN, detail))
}

fn is_loopback(host: &str) -> bool {
    let Ok(uri) = host.parse::<Uri>() else { return false };
    let Some(name) = uri.host() else { return false };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || address.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

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
    fn only_the_own_page_acts_with_a_cookie() {
        let host = "gateway.example:8443";
        let own = "https://gateway.example:8443";
        for (site, origin, may) in [
            (Some("same-origin"), Some(own), true),
            (Some("same-origin"), None, true),
            (None, Some(own), true),
            (None, Some("http://gateway.example:8443"), true),
            (None, None, false),
            (Some("same-site"), None, false),
            (Some("cross-site"), Some(own), false),
            (Some("none"), None, false),
            (Some("same-origin"), Some("https://gateway.example"), false),
            (None, Some("https://evil.example"), false),
            (None, Some("null"), false),
            (None, Some("https://gateway.example:8443.evil.example"), false),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in [("sec-fetch-site", site), ("origin", origin)] {
                if let Some(value) = value {
                    headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
                }
            }
            assert_eq!(own_page(&headers, host).is_ok(), may, "{site:?} {origin:?}");
        }
    }
}
