//! People who sign in by name, through the whole program: the first link, the command line, the audit.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::harness::{Gateway, eventually, node_modules, root};
use crate::page::chromium;
use crate::pki::Pki;
use crate::setup::{RULES, Setup};

pub(crate) const PASSWORD: &str = "four words stand here";

/// Asks as the gateway's own page does.
pub(crate) struct Browser<'a> {
    gateway: &'a Gateway,
    agent: ureq::Agent,
    pub(crate) cookie: String,
}

impl<'a> Browser<'a> {
    pub(crate) fn new(gateway: &'a Gateway) -> Self {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
        Self { gateway, agent, cookie: String::new() }
    }

    /// The same browser, later.
    pub(crate) fn with_cookie(gateway: &'a Gateway, cookie: &str) -> Self {
        Self { cookie: cookie.to_owned(), ..Self::new(gateway) }
    }

    pub(crate) fn get(&self, path: &str) -> (u16, Value) {
        let request = self.agent.get(self.gateway.url(path)).header("cookie", &self.cookie);
        let mut answer = request.call().unwrap();
        (answer.status().as_u16(), answer.body_mut().read_json().unwrap_or_default())
    }

    pub(crate) fn patch(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = self.agent.patch(self.gateway.url(path)).header("cookie", &self.cookie);
        let mut answer = request.header("sec-fetch-site", "same-origin").send_json(body).unwrap();
        (answer.status().as_u16(), answer.body_mut().read_json().unwrap_or_default())
    }

    pub(crate) fn delete(&self, path: &str) -> (u16, Value) {
        let request = self.agent.delete(self.gateway.url(path)).header("cookie", &self.cookie);
        let mut answer = request.header("sec-fetch-site", "same-origin").call().unwrap();
        (answer.status().as_u16(), answer.body_mut().read_json().unwrap_or_default())
    }

    pub(crate) fn post(&mut self, path: &str, body: &Value) -> (u16, Value) {
        let request = self.agent.post(self.gateway.url(path)).header("cookie", &self.cookie);
        let mut answer = request.header("sec-fetch-site", "same-origin").send_json(body).unwrap();
        if let Some(line) = answer.headers().get("set-cookie") {
            line.to_str().unwrap().split(';').next().unwrap().clone_into(&mut self.cookie);
        }
        (answer.status().as_u16(), answer.body_mut().read_json().unwrap_or_default())
    }
}

pub(crate) fn link_in(text: &str) -> String {
    let link = text.split("/#").nth(1).unwrap_or_else(|| panic!("no link in {text}"));
    let secret = link.split_once('/').unwrap().1;
    secret.split_whitespace().next().unwrap().to_owned()
}

/// `person` with a password on standard input.
pub(crate) fn person(gateway: &Gateway, args: &[&str], input: &str) -> String {
    use std::io::Write as _;
    let mut child = Command::new(env!("CARGO_BIN_EXE_vitalgate"))
        .args(["person", "--config"])
        .arg(gateway.config_file())
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{printed}");
    printed
}

#[test]
fn people_come_by_a_link_act_under_their_name_and_go_within_a_second() {
    let mut gateway = Setup::default().section("people", json!({})).start();
    let link = eventually("the first link is printed", || {
        let log = gateway.log();
        log.contains("#setup/").then(|| link_in(&log))
    });
    let mut admin = Browser::new(&gateway);
    assert_eq!(admin.get("/api/v1/patients").0, 401);
    let first = json!({ "link": link, "name": "root.one", "password": PASSWORD });
    let (status, session) = admin.post("/api/v1/session/link", &first);
    assert_eq!((status, &session["role"]), (200, &json!("admin")), "{session}");
    assert_eq!(admin.post("/api/v1/session/link", &first).0, 403);

    let said = person(&gateway, &["add", "Jane", "--role", "clinician"], "");
    let mut jane = Browser::new(&gateway);
    let link = json!({ "link": link_in(&said), "password": PASSWORD });
    let set = || {
        eventually("the gateway knows of jane", || {
            let mut jane = Browser::new(&gateway);
            let (status, _) = jane.post("/api/v1/session/link", &link);
            (status == 200).then_some(jane)
        })
    };
    jane.cookie = set().cookie;
    let ward = json!({ "id": "icu" });
    assert_eq!(jane.post("/api/v1/wards", &ward).0, 201);
    assert_eq!(jane.get("/api/v1/patients").0, 200);
    person(&gateway, &["add", "john", "--role", "viewer", "--password-stdin"], PASSWORD);
    assert!(person(&gateway, &["list"], "").contains("john\tviewer\tactive\t-"));

    person(&gateway, &["disable", "jane"], "");
    eventually("jane is out", || (jane.get("/api/v1/patients").0 == 401).then_some(()));
    let expected = [
        ("root.one", "add_person"),
        ("root.one", "set_password"),
        ("root.one", "sign_in"),
        ("local:cli", "add_person"),
        ("local:cli", "invite_person"),
        ("jane", "set_password"),
        ("jane", "sign_in"),
        ("jane", "add_ward"),
        ("jane", "see_wards"),
        ("local:cli", "disable_person"),
    ];
    let acts = eventually("the audit knows", || {
        let (_, audit) = admin.get("/api/v1/audit");
        let items = audit["items"].as_array().unwrap().clone();
        let all = |(actor, what): &(&str, &str)| {
            items.iter().any(|act| act["actor"] == *actor && act["what"] == *what)
        };
        expected.iter().all(all).then_some(audit)
    });
    assert!(!acts.to_string().contains(PASSWORD));

    // Whoever is signed in stays so over a restart.
    let cookie = admin.cookie.clone();
    gateway.stop();
    gateway.start_again();
    let admin = Browser { cookie, ..Browser::new(&gateway) };
    assert_eq!(admin.get("/api/v1/audit").0, 200);
    gateway.verify();
    gateway.stop();
}

/// A gateway where people sign in, with the tokens `setter`, a clinician, and `keeper`, ops; a ward, a patient and its
/// device.
pub(crate) fn with_a_patient(http: Value, store: Option<&Path>, oidc: Option<Value>) -> Gateway {
    let mut http = http;
    http["token"] = tokens();
    let setup = Setup::default().rules(RULES).section("people", json!({})).section("http", http);
    let setup = match oidc {
        Some(oidc) => setup.section("oidc", oidc),
        None => setup,
    };
    let setup = match store {
        Some(store) => setup.store(store),
        None => setup,
    };
    let gateway = setup.start();
    furnish(&gateway);
    gateway
}

/// Those of whoever furnishes a ward.
pub(crate) fn tokens() -> Value {
    let token = |name: &str, role: &str| {
        let digest = ring::digest::digest(&ring::digest::SHA256, name.as_bytes());
        let sha256 = data_encoding::HEXLOWER.encode(digest.as_ref());
        json!({ "name": name, "role": role, "sha256": sha256 })
    };
    json!([token("setter", "clinician"), token("keeper", "ops")])
}

/// A patient in a bed of `icu` with a device, by the tokens `setter` and `keeper`.
pub(crate) fn furnish(gateway: &Gateway) {
    let agent = ureq::Agent::new_with_defaults();
    for (token, path, body) in [
        ("setter", "wards", json!({ "id": "icu" })),
        ("setter", "beds", json!({ "id": "bed-1", "ward": "icu" })),
        ("setter", "patients", json!({ "id": "p1", "age_class": "adult", "bed": "bed-1" })),
        (
            "keeper",
            "devices",
            json!({ "id": "dev-1", "class": "bedside", "kind": "device", "signals": [{ "signal": "spo2" }] }),
        ),
    ] {
        let request = agent.post(gateway.url(&format!("/api/v1/{path}")));
        request.header("authorization", format!("Bearer {token}")).send_json(body).unwrap();
    }
    let bound = agent.put(gateway.url("/api/v1/devices/dev-1/binding"));
    bound.header("authorization", "Bearer setter").send_json(json!({ "patient": "p1" })).unwrap();
}

/// The link that the start printed, for the first person.
pub(crate) fn first_link(gateway: &Gateway) -> String {
    eventually("the first link is printed", || {
        let log = gateway.log();
        log.contains("#setup/").then(|| link_in(&log))
    })
}

/// A gateway with a patient, and the links of its first person and of `jane`, a clinician.
fn with_links(http: Value) -> (Gateway, String, String) {
    let gateway = with_a_patient(http, None, None);
    let first = first_link(&gateway);
    let invited = link_in(&person(&gateway, &["add", "jane", "--role", "clinician"], ""));
    (gateway, first, invited)
}

#[track_caller]
fn people_sign_in_at(url: &str, (first, invited): (&str, &str)) {
    let status = Command::new("node")
        .arg(root().join("tests/external/sign_in.cjs"))
        .env("NODE_PATH", node_modules())
        .args([format!("--link={first}"), format!("--invited={invited}")])
        .args(["--url", url, "--chromium"])
        .arg(chromium())
        .status()
        .unwrap();
    assert!(status.success(), "a step failed; its name is above");
}

#[test]
#[ignore = "needs chromium"]
fn people_sign_in_and_out_in_a_browser_over_https() {
    let (pki, folder) = (Pki::new(), tempfile::tempdir().unwrap());
    let (certificate, key) = pki.issue(folder.path(), "own", "localhost");
    let tls = json!({ "listen": "127.0.0.1:0", "certificate": certificate, "key": key });
    let (gateway, first, invited) = with_links(json!({ "tls": tls }));
    let port = gateway.address("https").rsplit(':').next().unwrap();
    people_sign_in_at(&format!("https://localhost:{port}/"), (&first, &invited));
}

#[test]
#[ignore = "needs chromium"]
fn people_sign_in_and_out_in_a_browser_on_the_machine_itself() {
    let (gateway, first, invited) = with_links(json!({}));
    people_sign_in_at(&gateway.url("/"), (&first, &invited));
}
