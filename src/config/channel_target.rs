//! Where a channel leads: a server that is asked by HTTP, or one that takes mail.

use std::net::IpAddr;

use serde::Deserialize;

use super::url::{NotAServer, ServerUrl};

/// `https://host/path`, or `smtps://host` and `smtp://host`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum ChannelTarget {
    /// Asked by POST.
    Web(ServerUrl),
    /// Sent letters by SMTP.
    Mail(MailServer),
}

/// A server that takes letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailServer {
    /// Name or address, without brackets.
    pub host: String,
    /// 465 with `smtps`, else 587, where the address names none.
    pub port: u16,
    /// When TLS begins.
    pub tls: MailTls,
}

/// When TLS begins on the way to a server that takes letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailTls {
    /// With the connection: `smtps`.
    AtOnce,
    /// After STARTTLS, without which nothing is sent: `smtp`.
    Started,
    /// Never: `smtp` at a loopback address.
    Never,
}

impl ChannelTarget {
    /// Whether nobody on the way can read along.
    pub(super) fn is_private(&self) -> bool {
        match self {
            Self::Web(url) => url.tls || is_loopback(&url.host),
            Self::Mail(server) => server.tls != MailTls::Never || is_loopback(&server.host),
        }
    }

    /// The server that is asked by POST; `None` of mail.
    pub fn web(&self) -> Option<&ServerUrl> {
        match self {
            Self::Web(url) => Some(url),
            Self::Mail(_) => None,
        }
    }
}

impl TryFrom<String> for ChannelTarget {
    type Error = NotAServer;
    fn try_from(text: String) -> Result<Self, NotAServer> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("", &text));
        let (port, tls) = match scheme {
            "smtps" => (465, MailTls::AtOnce),
            "smtp" => (587, MailTls::Started),
            _ => return text.try_into().map(Self::Web),
        };
        // What an address of a server must be is the same for both.
        let url = ServerUrl::try_from(format!("https://{rest}"))?;
        if url.path != "/" {
            return Err(NotAServer("mail has no path"));
        }
        let tls =
            if tls == MailTls::Started && is_loopback(&url.host) { MailTls::Never } else { tls };
        let is_named =
            url.authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let port = if is_named { url.port } else { port };
        Ok(Self::Mail(MailServer { host: url.host, port, tls }))
    }
}

fn is_loopback(host: &str) -> bool {
    host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(text: &str) -> (String, u16, MailTls) {
        match ChannelTarget::try_from(text.to_owned()) {
            Ok(ChannelTarget::Mail(MailServer { host, port, tls })) => (host, port, tls),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn mail_is_never_sent_in_the_clear_but_to_this_machine() {
        assert_eq!(mail("smtps://mail.example"), ("mail.example".into(), 465, MailTls::AtOnce));
        assert_eq!(mail("smtp://mail.example"), ("mail.example".into(), 587, MailTls::Started));
        assert_eq!(mail("smtp://mail.example:25"), ("mail.example".into(), 25, MailTls::Started));
        assert_eq!(mail("smtp://127.0.0.1:2525/"), ("127.0.0.1".into(), 2525, MailTls::Never));
        assert_eq!(mail("smtp://[::1]"), ("::1".into(), 587, MailTls::Never));
        for bad in ["smtp://", "smtp://a/b", "smtp://me@a", "smtp://a:0", "imap://a", "a"] {
            assert!(ChannelTarget::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
