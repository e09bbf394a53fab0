//! Letters to a real mail server, aiosmtpd: TLS, login, threads, and what it does not take.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use super::{own_alarm, send};
use crate::harness::{Gateway, eventually, port_of_ones_own, python, root};
use crate::pki::Pki;
use crate::setup::{RULES, Setup};

/// A mail server; gone when dropped.
struct MailServer {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl MailServer {
    fn start(wanted: &Value) -> Self {
        let mut child = Command::new(python())
            .arg(root().join("tests/external/mail_server.py"))
            .arg(wanted.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        let mut server = Self { child, said };
        assert_eq!(server.line(), "ready");
        server
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// The next letter.
    fn letter(&mut self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn gateway(dir: &Path, url: &str, to: &str, more: &Value) -> Gateway {
    let secret = dir.join("login");
    std::fs::write(&secret, "gateway\nits password\n").unwrap();
    let mut channel = json!({
        "id": "letters", "kind": "email", "url": url, "from": "gateway@north.example", "to": [to],
        "timeout": "5s",
    });
    if more["login"] == true {
        channel["secret_file"] = json!(secret);
    }
    if more["ca"].is_string() {
        channel["ca"] = more["ca"].clone();
    }
    let gateway = Setup::default().rules(RULES).section("channel", json!([channel])).start();
    gateway.admit("p1", "dev-1");
    gateway
}

fn failing(gateway: &Gateway) -> String {
    let alarm = eventually("the gateway says so", || own_alarm(gateway, "delivery.failing"));
    alarm["text"].as_str().unwrap().to_owned()
}

#[test]
#[ignore = "needs python packages"]
fn letters_arrive_by_tls_from_who_may_write_in_the_thread_of_their_alarm() {
    let dir = tempfile::tempdir().unwrap();
    let pki = Pki::new();
    let ca = pki.authority(dir.path());
    let (certificate, key) = pki.issue(dir.path(), "mail", "localhost");
    for (scheme, at_once) in [("smtp", false), ("smtps", true)] {
        let port = port_of_ones_own();
        let mut server = MailServer::start(&json!({
            "port": port, "certificate": certificate, "key": key, "at_once": at_once,
            "login": ["gateway", "its password"],
        }));
        let url = format!("{scheme}://localhost:{port}");
        let more = json!({ "login": true, "ca": ca });
        let gateway = gateway(dir.path(), &url, "nurses@icu.example", &more);
        send(&gateway, 1, &[70.0, 97.0]);
        let (raised, over) = (server.letter(), server.letter());
        assert_eq!(
            (&raised["to"], &raised["from"]),
            (&json!(["nurses@icu.example"]), &json!("gateway@north.example"))
        );
        assert_eq!(raised["tls"], json!(true));
        let header =
            |letter: &Value, name: &str| letter["headers"][name].as_str().unwrap().to_owned();
        assert_eq!(header(&raised, "subject"), "High: w1, bed-p1");
        assert_eq!(header(&over, "subject"), "Over: w1, bed-p1");
        assert_eq!(header(&raised, "references"), header(&over, "references"));
        assert_ne!(header(&raised, "message-id"), header(&over, "message-id"));
        assert!(!raised.to_string().contains("70"), "nothing that was measured: {raised}");
    }
}

#[test]
#[ignore = "needs python packages"]
fn a_server_without_tls_or_that_knows_nobody_gets_nothing_and_is_told_of() {
    let dir = tempfile::tempdir().unwrap();
    let port = port_of_ones_own();
    let mut server = MailServer::start(&json!({ "port": port }));
    let by_name =
        gateway(dir.path(), &format!("smtp://localhost:{port}"), "a@b.example", &json!({}));
    send(&by_name, 1, &[70.0]);
    let text = failing(&by_name);
    assert!(text.contains("does not offer what is needed"), "{text}");
    let here = format!("smtp://127.0.0.1:{port}");
    for (to, status) in [("nobody@b.example", "550"), ("later@b.example", "451")] {
        let gateway = gateway(dir.path(), &here, to, &json!({}));
        send(&gateway, 1, &[70.0]);
        let text = failing(&gateway);
        assert!(text.contains(&format!("SMTP status {status}")), "{text}");
        assert!(!text.contains("no such person"), "what it says may repeat what it was sent");
    }
    let gateway = gateway(dir.path(), &here, "a@b.example", &json!({}));
    send(&gateway, 1, &[70.0]);
    let letter = server.letter();
    assert_eq!((&letter["tls"], &letter["to"]), (&json!(false), &json!(["a@b.example"])));
}
