//! Letters: what calls somebody and what became of it, one letter each, those of one alarm in one thread.

use std::path::Path;
use std::time::Duration;

use lettre::address::AddressError;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, SinglePart};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use tokio::time::timeout;

use super::answer::{Outcome, Verdict, one_line};
use super::event::Event;
use super::words::{Words, label};
use crate::answers::Replies;
use crate::config::{Detail, MailServer, MailTls};
use vitalgate_domain::model::time::Timestamp;

/// To whom, from whom and how much is written.
#[derive(Debug)]
pub(super) struct Mail {
    post: AsyncSmtpTransport<Tokio1Executor>,
    within: Duration,
    from: Mailbox,
    to: Vec<Mailbox>,
    site: String,
    detail: Detail,
}

/// Who writes to whom, and what is written.
#[derive(Debug)]
pub(super) struct Letters<'a> {
    pub(super) from: &'a str,
    pub(super) to: &'a [String],
    pub(super) site: String,
    pub(super) detail: Detail,
    /// Name and password where the server asks for them.
    pub(super) login: Option<(String, String)>,
}

/// Why letters cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum BadMail {
    /// No address of mail.
    #[error("`{address}` is no address of mail: {why}")]
    Address {
        /// As it is written.
        address: String,
        /// Why.
        why: AddressError,
    },
    /// The file of certificates cannot be read.
    #[error("ca: {0}")]
    File(std::io::Error),
    /// TLS cannot be set up.
    #[error("ca: {0}")]
    Tls(String),
}

impl Mail {
    /// Reads certificates; connects to nothing.
    pub(super) fn new(
        server: &MailServer,
        ca: Option<&Path>,
        within: Duration,
        letters: Letters<'_>,
    ) -> Result<Self, BadMail> {
        let Letters { from, to, site, detail, login } = letters;
        let mut post = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&server.host)
            .port(server.port)
            .timeout(Some(within))
            .tls(tls(server, ca)?);
        if let Some((name, password)) = login {
            post = post.credentials(Credentials::new(name, password));
        }
        let to = to.iter().map(|address| mailbox(address)).collect::<Result<_, _>>()?;
        Ok(Self { post: post.build(), within, from: mailbox(from)?, to, site, detail })
    }

    /// What is written of an event; `None` where nobody need hear of it.
    pub(super) fn letter(&self, event: &Event) -> Option<Letter> {
        event.is_for_people().then(|| Letter {
            words: with_links(Words::of(event, self.detail), event.replies.as_ref()),
            key: event.key(),
            thread: Some(event.alarm.id.to_string()),
            at: event.at,
        })
    }

    /// Sends it to everybody it is for.
    pub(super) async fn send(&self, letter: &Letter) -> Outcome {
        let message = match self.message(letter) {
            Ok(message) => message,
            Err(why) => {
                return Outcome { verdict: Verdict::Refused(why.to_string()), said: String::new() };
            }
        };
        let sent = timeout(self.within, self.post.send(message)).await;
        let said = |error: &Error| one_line(&error.to_string());
        match sent {
            Ok(Ok(_)) => Outcome { verdict: Verdict::Taken, said: String::new() },
            Ok(Err(error)) => Outcome { verdict: verdict(&error), said: said(&error) },
            Err(_) => {
                let words = format!("no answer within {} s", self.within.as_secs_f64());
                Outcome { verdict: Verdict::Failing(words), said: String::new() }
            }
        }
    }

    fn message(&self, letter: &Letter) -> Result<Message, lettre::error::Error> {
        let Letter { words, key, thread, at } = letter;
        let id = |name: &str| format!("<{name}@{}.vitalgate>", self.site);
        let written = std::time::UNIX_EPOCH + Duration::from_micros(at.as_micros().unsigned_abs());
        let mut message = Message::builder()
            .from(self.from.clone())
            .subject(&words.title)
            .date(written)
            .message_id(Some(id(key)));
        for to in &self.to {
            message = message.to(to.clone());
        }
        if let Some(thread) = thread {
            message = message.in_reply_to(id(thread)).references(id(thread));
        }
        // Nobody who is away answers it by a machine (RFC 3834).
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        message
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
            .singlepart(SinglePart::plain(words.message.clone()))
    }
}

/// What is opened shows a button: whatever opens a letter's links before its reader does answers nothing.
fn with_links(mut words: Words, replies: Option<&Replies>) -> Words {
    for (answer, url) in replies.map(Replies::urls).unwrap_or_default() {
        let lines = ["\r\n\r\n", label(answer), ":\r\n", &url];
        words.message.extend(lines);
    }
    words
}

/// Something to send.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    words: Words,
    /// The same however often it is sent.
    key: String,
    /// Of which alarm.
    thread: Option<String>,
    at: Timestamp,
}

impl Letter {
    /// One that calls nobody.
    pub(super) fn test(now: Timestamp) -> Self {
        let key = format!("test-{}", now.as_micros());
        Self { words: Words::of_test(), key, thread: None, at: now }
    }
}

fn mailbox(address: &str) -> Result<Mailbox, BadMail> {
    address.parse().map_err(|why| BadMail::Address { address: address.to_owned(), why })
}

/// A code of five hundred is said of this letter, or of everything; the rest is said of now.
fn verdict(error: &Error) -> Verdict {
    match error.status() {
        Some(code) if error.is_permanent() => Verdict::Refused(format!("SMTP status {code}")),
        Some(code) => Verdict::Failing(format!("SMTP status {code}")),
        None if error.is_timeout() => Verdict::Failing("no answer in time".to_owned()),
        None if error.is_tls() => Verdict::Failing("TLS does not come about".to_owned()),
        None if error.is_response() => Verdict::Failing("it does not speak SMTP".to_owned()),
        None if error.is_client() => {
            Verdict::Failing("it does not offer what is needed".to_owned())
        }
        None => Verdict::Failing("cannot connect".to_owned()),
    }
}

fn tls(server: &MailServer, ca: Option<&Path>) -> Result<Tls, BadMail> {
    if server.tls == MailTls::Never {
        return Ok(Tls::None);
    }
    let wrong = |error: Error| BadMail::Tls(error.to_string());
    let mut parameters = TlsParameters::builder(server.host.clone());
    if let Some(ca) = ca {
        let pem = std::fs::read(ca).map_err(BadMail::File)?;
        parameters = parameters
            .certificate_store(CertificateStore::None)
            .add_root_certificate(Certificate::from_pem(&pem).map_err(wrong)?);
    }
    let parameters = parameters.build_rustls().map_err(wrong)?;
    Ok(match server.tls {
        MailTls::AtOnce => Tls::Wrapper(parameters),
        MailTls::Started | MailTls::Never => Tls::Required(parameters),
    })
}

#[cfg(test)]
mod tests {
    use super::super::event::tests::{call, event};
    use super::*;
    use vitalgate_domain::output::transition::Change;

    fn mail(to: &str) -> Result<Mail, BadMail> {
        let server = MailServer { host: "127.0.0.1".into(), port: 1, tls: MailTls::Never };
        let to = [to.to_owned()];
        let letters = Letters {
            from: "vitalgate <gateway@north.example>",
            to: &to,
            site: "north".into(),
            detail: Detail::Place,
            login: None,
        };
        Mail::new(&server, None, Duration::from_secs(1), letters)
    }

    #[test]
    fn a_letter_says_what_it_is_once_and_stands_in_the_thread_of_its_alarm() {
        let mail = mail("nurses@icu.example").unwrap();
        let letter = mail.letter(&event(Change::Raised, |_| {})).unwrap();
        let text = String::from_utf8(mail.message(&letter).unwrap().formatted()).unwrap();
        for line in [
            "From: vitalgate <gateway@north.example>",
            "To: nurses@icu.example",
            "Subject: High: icu, icu-2",
            "Message-ID: <A1-S1-7@north.vitalgate>",
            "In-Reply-To: <A1@north.vitalgate>",
            "Auto-Submitted: auto-generated",
            "Date: Sun, 01 Mar 2026 00:00:10 +0000",
        ] {
            assert!(text.contains(&format!("{line}\r\n")), "{line}: {text}");
        }
        assert!(!text.contains("84"), "nothing that was measured: {text}");
        assert!(mail.letter(&event(Change::Updated, |_| {})).is_none());
    }

    #[test]
    fn a_letter_to_whoever_is_called_says_where_it_is_answered() {
        let letter = mail("jane@icu.example").unwrap().letter(&call(Some("https://icu.example")));
        let text = letter.unwrap().words.message;
        for label in ["Accept", "Acknowledge", "I cannot"] {
            assert!(text.contains(&format!("{label}:\r\nhttps://icu.example/answer/")), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_named() {
        let why = mail("nurses").unwrap_err().to_string();
        assert!(why.starts_with("`nurses` is no address"), "{why}");
    }
}
