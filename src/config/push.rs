//! `[push]`: Web Push, by the services of browsers' makers.

use serde::Deserialize;

use super::url::ServerUrl;

/// Those of Chrome, Firefox, Safari and Edge.
const USUAL: [&str; 4] = [
    "fcm.googleapis.com",
    "*.push.services.mozilla.com",
    "*.push.apple.com",
    "*.notify.windows.com",
];

/// `[push]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Push {
    /// To whom a push service may write: `mailto:` an address, or `https:` one.
    pub subject: String,
    /// The hosts of push services, `*.` before one for all below it; asked by HTTPS at port 443. A browser names its own,
    /// so that whoever turns on push would otherwise say whom the gateway talks to. For tests a loopback address with port.
    #[serde(default = "usual")]
    pub services: Vec<String>,
}

/// Why `[push]` cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPush {
    /// Nobody to write to.
    #[error("push.subject must be `mailto:` with an address, or an https:// address")]
    Subject,
    /// No host.
    #[error(
        "push.services: each must be a host, `*.` and a host with a dot in it, or a loopback address with port"
    )]
    Service,
    /// A channel without it.
    #[error(
        "a channel of the kind `web_push` needs [push], [people] who turn it on, and [teams] that say whose it is"
    )]
    Missing,
}

fn usual() -> Vec<String> {
    USUAL.map(str::to_owned).to_vec()
}

impl Push {
    pub(super) fn check(&self) -> Result<(), BadPush> {
        let printable =
            self.subject.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\');
        let written = |start: &str| self.subject.strip_prefix(start).is_some_and(|s| !s.is_empty());
        if !printable || !(written("mailto:") || written("https://")) {
            return Err(BadPush::Subject);
        }
        let is_host = |host: &str| {
            let letters =
                |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
            host.contains('.') && !host.starts_with('.') && host.bytes().all(letters)
        };
        let good = |service: &String| match service.strip_prefix("*.") {
            Some(host) => is_host(host),
            None => is_host(service) || is_loopback(service),
        };
        if self.services.is_empty() || !self.services.iter().all(good) {
            return Err(BadPush::Service);
        }
        Ok(())
    }

    /// Whether an address that a browser gave is one of a push service.
    pub fn knows(&self, endpoint: &ServerUrl) -> bool {
        let host = endpoint.host.to_ascii_lowercase();
        self.services.iter().any(|service| match service.strip_prefix("*.") {
            Some(below) => {
                let name = host.strip_suffix(below).and_then(|name| name.strip_suffix('.'));
                endpoint.tls && endpoint.port == 443 && name.is_some_and(|name| !name.is_empty())
            }
            None if is_loopback(service) => endpoint.authority == *service,
            None => endpoint.tls && endpoint.port == 443 && host == *service,
        })
    }
}

fn is_loopback(service: &str) -> bool {
    service.parse().is_ok_and(|address: std::net::SocketAddr| address.ip().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn push(services: &[&str]) -> Push {
        let services = services.iter().map(|&service| service.to_owned()).collect();
        Push { subject: "mailto:it@icu.example".into(), services }
    }

    fn knows(push: &Push, url: &str) -> bool {
        push.knows(&ServerUrl::try_from(url.to_owned()).unwrap())
    }

    #[test]
    fn only_a_push_service_is_talked_to() {
        let usual = Push { services: usual(), ..push(&[]) };
        assert_eq!(usual.check(), Ok(()));
        for good in [
            "https://fcm.googleapis.com/fcm/send/abc",
            "https://updates.push.services.mozilla.com/wpush/v2/abc",
            "https://web.push.apple.com/abc",
            "https://WNS2-par02p.notify.windows.com/w/?token=abc",
        ] {
            assert!(knows(&usual, good), "{good}");
        }
        for bad in [
            "http://fcm.googleapis.com/fcm/send/abc",
            "https://fcm.googleapis.com:8443/abc",
            "https://fcm.googleapis.com.evil.example/abc",
            "https://evilnotify.windows.com/abc",
            "https://notify.windows.com/abc",
            "https://127.0.0.1/abc",
            "https://[::1]:443/abc",
            "https://169.254.169.254/latest",
        ] {
            assert!(!knows(&usual, bad), "{bad}");
        }
        let local = push(&["127.0.0.1:9"]);
        assert_eq!(local.check(), Ok(()));
        assert!(knows(&local, "http://127.0.0.1:9/abc"));
        assert!(
            !knows(&local, "http://127.0.0.1:10/abc") && !knows(&local, "http://127.0.0.1/abc")
        );
    }

    #[test]
    fn a_channel_that_pushes_is_one_persons() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("gateway.toml");
        let text = "[people]\n[push]\nsubject = \"mailto:it@icu.example\"\n[teams]\nfile = \"teams.toml\"\n\
                    [[channel]]\nid = \"own\"\nkind = \"web_push\"\n";
        std::fs::write(&file, text).unwrap();
        let why = |teams: &str| {
            std::fs::write(dir.path().join("teams.toml"), teams).unwrap();
            let config = Config::read(&file).unwrap();
            config.teams().map(drop).map_err(|e| e.to_string())
        };
        let one = "[[person]]\nid = \"a\"\nchannels = [\"own\"]\n";
        assert_eq!(why(one), Ok(()));
        for bad in [String::new(), one.to_owned() + &one.replace("\"a\"", "\"b\"")] {
            assert!(why(&bad).is_err_and(|e| e.contains("`own` pushes")), "{bad}");
        }
        for part in ["[people]\n", "[teams]\nfile = \"teams.toml\"\n"] {
            std::fs::write(&file, text.replace(part, "")).unwrap();
            assert!(
                Config::read(&file).is_err_and(|e| e.to_string().contains("web_push")),
                "{part}"
            );
        }
    }

    #[test]
    fn what_names_nobody_is_refused() {
        for bad in [&[][..], &["*"], &["*.com"], &["192.0.2.1:80"], &["localhost"], &["A.example"]]
        {
            assert_eq!(push(bad).check(), Err(BadPush::Service), "{bad:?}");
        }
        for bad in ["", "mailto:", "it@icu.example", "https://", "mailto:a b", "mailto:a\"b"] {
            let push = Push { subject: bad.into(), ..push(&["a.example"]) };
            assert_eq!(push.check(), Err(BadPush::Subject), "{bad}");
        }
    }
}
