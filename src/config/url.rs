//! Addresses of servers that the gateway talks to.

use axum::http::Uri;
use serde::Deserialize;

/// `http` or `https`, host, port, path and query; no user, no fragment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ServerUrl {
    /// Whether TLS is spoken.
    pub tls: bool,
    /// Name or address, without brackets.
    pub host: String,
    /// 80 and 443 where the address names none.
    pub port: u16,
    /// Host and port as they stand in the `Host` header.
    pub authority: String,
    /// With the query, as written; `/` where there is none.
    pub path: String,
}

/// Text that is no address of a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an address: {0}; write `https://host/path`")]
pub struct NotAServer(pub(super) &'static str);

impl ServerUrl {
    /// What a path of the server is put behind: the path without a slash at its end.
    pub fn prefix(&self) -> &str {
        self.path.trim_end_matches('/')
    }

    /// Whether it names this machine by a loopback address.
    pub fn is_loopback(&self) -> bool {
        self.host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
    }

    /// Whether it is more than a path that others can be put behind.
    pub fn has_query(&self) -> bool {
        self.path.contains('?')
    }
}

impl TryFrom<String> for ServerUrl {
    type Error = NotAServer;
    fn try_from(text: String) -> Result<Self, NotAServer> {
        if text.contains('@') {
            return Err(NotAServer("a user or password has no place in it"));
        }
        if text.contains('#') {
            return Err(NotAServer("it has a `#`"));
        }
        let uri: Uri = text.parse().map_err(|_| NotAServer("it cannot be read"))?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(NotAServer("it begins with neither http:// nor https://")),
        };
        let authority = uri.authority().ok_or(NotAServer("it names no host"))?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(NotAServer("it names no host"));
        }
        let has_port = authority.as_str().len() > authority.host().len();
        if has_port && authority.port_u16().is_none_or(|port| port == 0) {
            return Err(NotAServer("its port is none"));
        }
        Ok(Self {
            tls,
            host,
            port: authority.port_u16().unwrap_or(if tls { 443 } else { 80 }),
            authority: authority.to_string(),
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Result<ServerUrl, NotAServer> {
        ServerUrl::try_from(text.to_owned())
    }

    #[test]
    fn an_address_has_a_host_and_may_have_port_and_path() {
        let full = url("https://influx.example.org:8443/tsdb/").unwrap();
        assert_eq!((full.tls, &*full.host, full.port), (true, "influx.example.org", 8443));
        assert_eq!((&*full.authority, full.prefix()), ("influx.example.org:8443", "/tsdb"));
        let plain = url("http://[::1]").unwrap();
        assert_eq!((plain.tls, &*plain.host, plain.port), (false, "::1", 80));
        assert_eq!((&*plain.authority, &*plain.path, plain.prefix()), ("[::1]", "/", ""));
        let asked = url("https://hc.example/a/?b=c").unwrap();
        assert_eq!((&*asked.path, asked.has_query()), ("/a/?b=c", true));
    }

    #[test]
    fn what_is_no_address_is_refused_and_not_repeated() {
        let none = ["", "a", "a.example/x", "ftp://a", "http://", "https:///x", "http://a/#b"];
        for bad in none.into_iter().chain(["http://a:x", "http://a:0"]) {
            assert!(url(bad).is_err(), "{bad}");
        }
        let refusal = url("https://me:secret@host").unwrap_err().to_string();
        assert!(!refusal.contains("secret"), "{refusal}");
    }
}
