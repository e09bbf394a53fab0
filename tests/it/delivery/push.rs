//! Web Push: what calls a person, as a browser and a push service of others' making read it, and the answer given there.

use std::process::{Command, Stdio};

use data_encoding::BASE64;
use serde_json::{Value, json};

use super::receiver::Receiver;
use super::send;
use crate::harness::{Gateway, eventually, node_modules, port_of_ones_own, python, root};
use crate::page::chromium;
use crate::people::{Browser, PASSWORD, person};
use crate::setup::{RULES, Setup};

const TEAMS: &str = r#"
[shifts]
always = "00:00-00:00"
[[person]]
id = "n1"
signs_in_as = "jane"
channels = ["jane-push"]
[[team]]
id = "icu"
steps = [{ role = "nurse" }]
[[duty]]
team = "icu"
role = "nurse"
shift = "always"
people = ["n1"]
"#;
const SUBJECT: &str = "mailto:it@icu.example";

/// A push service, a ward, and `jane`, who is on duty and signed in.
struct House {
    gateway: Gateway,
    service: Receiver,
    cookie: String,
    /// Of the browser.
    keys: Value,
}

impl House {
    fn begin() -> Self {
        let service = Receiver::start(0);
        service.answers(|_| 201);
        let sha256 = |secret: &str| {
            let digest = ring::digest::digest(&ring::digest::SHA256, secret.as_bytes());
            data_encoding::HEXLOWER.encode(digest.as_ref())
        };
        let address = format!("127.0.0.1:{}", port_of_ones_own());
        let http = json!({ "listen": address, "token": [
            { "name": "setter", "role": "clinician", "sha256": sha256("setter") },
            { "name": "keeper", "role": "ops", "sha256": sha256("keeper") },
        ] });
        let services = json!([format!("127.0.0.1:{}", service.port)]);
        let gateway = Setup::default()
            .rules(RULES)
            .teams(TEAMS)
            .section("people", json!({}))
            .section("push", json!({ "subject": SUBJECT, "services": services }))
            .section("channel", json!([{ "id": "jane-push", "kind": "web_push" }]))
            .section("http", http)
            .start();
        let agent = ureq::Agent::new_with_defaults();
        for (token, path, body) in [
            ("setter", "wards", json!({ "id": "w1" })),
            ("setter", "beds", json!({ "id": "bed-1", "ward": "w1" })),
            ("setter", "patients", json!({ "id": "p1", "age_class": "adult", "bed": "bed-1" })),
            (
                "keeper",
                "devices",
                json!({ "id": "dev-1", "class": "bedside", "signals": [{ "signal": "spo2" }] }),
            ),
        ] {
            let request = agent.post(gateway.url(&format!("/api/v1/{path}")));
            request.header("authorization", format!("Bearer {token}")).send_json(body).unwrap();
        }
        let from = gateway.now() - vitalgate_domain::model::time::Span::days(1);
        agent
            .put(gateway.url("/api/v1/devices/dev-1/binding"))
            .header("authorization", "Bearer setter")
            .send_json(json!({ "patient": "p1", "from": from, "zero_means_no_sensor": [] }))
            .unwrap();
        person(&gateway, &["add", "jane", "--role", "clinician", "--password-stdin"], PASSWORD);
        let cookie = eventually("jane can sign in", || {
            let mut jane = Browser::new(&gateway);
            let asked = json!({ "name": "jane", "password": PASSWORD });
            (jane.post("/api/v1/session", &asked).0 == 200).then_some(jane.cookie)
        });
        eventually("the plan is known", || {
            let mut answer = agent
                .get(gateway.url("/api/v1/duty"))
                .header("authorization", "Bearer setter")
                .call()
                .unwrap();
            let duty: Value = answer.body_mut().read_json().unwrap();
            (!duty["items"].as_array().unwrap().is_empty()).then_some(())
        });
        let keys = run_python(&["keys"], &Value::Null);
        Self { gateway, service, cookie, keys }
    }

    fn jane(&self) -> Browser<'_> {
        let mut jane = Browser::new(&self.gateway);
        jane.cookie.clone_from(&self.cookie);
        jane
    }

    fn subscription(&self, endpoint: &str) -> Value {
        let keys = json!({ "p256dh": self.keys["p256dh"], "auth": self.keys["auth"] });
        json!({ "endpoint": endpoint, "expirationTime": null, "keys": keys })
    }

    fn turn_on(&self) -> String {
        let endpoint = format!("http://127.0.0.1:{}/send/1", self.service.port);
        let (status, body) = self.jane().post("/api/v1/push", &self.subscription(&endpoint));
        assert_eq!(status, 201, "{body}");
        body["id"].as_str().unwrap().to_owned()
    }

    /// What the browser reads of all that was pushed, each verified.
    fn read(&self) -> Vec<Value> {
        let pushed: Vec<Value> = self
            .service
            .taken()
            .iter()
            .map(
                |one| json!({ "headers": one.headers(), "body": BASE64.encode(&one.body_bytes()) }),
            )
            .collect();
        let text = |key: &str| self.keys[key].as_str().unwrap();
        let audience = format!("http://127.0.0.1:{}", self.service.port);
        let args = ["read", text("private"), text("auth"), &audience, SUBJECT];
        run_python(&args, &json!(pushed)).as_array().unwrap().clone()
    }

    fn alarm(&self) -> Value {
        let (_, list) = self.jane().get("/api/v1/alarms?patient=p1");
        list["items"][0].clone()
    }

    /// The first call that was pushed.
    fn call(&self) -> Value {
        eventually("it is pushed", || (!self.service.taken().is_empty()).then_some(()));
        self.read().remove(0)
    }
}

/// What the program of the browser's side prints.
fn run_python(args: &[&str], input: &Value) -> Value {
    let mut program = Command::new(python())
        .arg(root().join("tests/external/read_push.py"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    serde_json::to_writer(program.stdin.take().unwrap(), input).unwrap();
    let output = program.wait_with_output().unwrap();
    assert!(output.status.success(), "{args:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).build().new_agent()
}

fn post(gateway: &Gateway, path: &str) -> u16 {
    agent().post(gateway.url(path)).send_empty().unwrap().status().as_u16()
}

fn open(gateway: &Gateway, path: &str) -> u16 {
    agent().get(gateway.url(path)).call().unwrap().status().as_u16()
}

#[test]
#[ignore = "needs python packages"]
fn what_calls_a_person_is_read_by_their_browser_alone_and_answered_from_there() {
    let house = House::begin();
    let evil = house.subscription("http://127.0.0.1:1/send/1");
    assert_eq!(house.jane().post("/api/v1/push", &evil).0, 422, "no push service");
    let id = house.turn_on();
    let (_, listed) = house.jane().get("/api/v1/push");
    assert_eq!(listed["items"][0]["id"], json!(id), "{listed}");
    let mut stranger = Browser::new(&house.gateway);
    assert_eq!(
        (stranger.get("/api/v1/push").0, stranger.post("/api/v1/push", &evil).0),
        (401, 401)
    );

    send(&house.gateway, 1, &[70.0]);
    let call = house.call();
    assert_eq!((&call["lead"], &call["place"]), (&json!("High"), &json!("w1, bed-1")));
    assert_eq!((&call["calls"], &call["high"]), (&json!(true), &json!(true)));
    for text in ["p1", "spo2", "SpO2", "70"] {
        assert!(
            !call["lead"].to_string().contains(text) && !call["place"].to_string().contains(text)
        );
    }
    {
        let taken = house.service.taken();
        assert_eq!((taken[0].path.as_str(), taken[0].header("urgency")), ("/send/1", "high"));
        assert_eq!(taken[0].header("topic"), call["tag"].as_str().unwrap());
    }
    let accept = call["answers"]["accept"].as_str().unwrap();
    assert_eq!(post(&house.gateway, accept), 200);
    let responsibility = house.alarm()["responsibility"].clone();
    assert_eq!(responsibility["person"], "n1", "{responsibility}");
    assert_eq!(responsibility["state"], "accepted");
    let over = eventually("what became of it", || {
        let pushed = house.service.taken().len();
        (pushed > 1).then(|| house.read().pop().unwrap())
    });
    assert_eq!((&over["lead"], &over["calls"]), (&json!("Taken"), &json!(false)));
    assert_eq!((&over["answers"], &over["tag"]), (&Value::Null, &call["tag"]));
}

#[test]
#[ignore = "needs python packages"]
fn whoever_is_let_in_no_more_answers_nothing() {
    let house = House::begin();
    house.turn_on();
    send(&house.gateway, 1, &[70.0]);
    let call = house.call();
    person(&house.gateway, &["disable", "jane"], "");
    let accept = call["answers"]["accept"].as_str().unwrap();
    // Opened, it uses nothing up.
    eventually("her link does nothing", || (open(&house.gateway, accept) == 403).then_some(()));
    assert_eq!(post(&house.gateway, accept), 403);
    person(&house.gateway, &["enable", "jane"], "");
    eventually("she is let in again", || (open(&house.gateway, accept) == 200).then_some(()));
    assert_eq!(post(&house.gateway, accept), 200);
}

#[test]
#[ignore = "needs python packages"]
fn a_browser_that_is_no_more_is_forgotten_and_that_nobody_is_reached_is_told() {
    let house = House::begin();
    house.turn_on();
    house.service.answers(|_| 410);
    send(&house.gateway, 1, &[70.0]);
    let degraded = eventually("nobody is reached", || {
        let text = house.gateway.request("/readyz").body_mut().read_to_string().unwrap();
        text.contains("channel jane-push").then_some(text)
    });
    assert!(!degraded.contains("/send/1"), "{degraded}");
    let (_, listed) = house.jane().get("/api/v1/push");
    assert_eq!(listed["items"], json!([]), "{listed}");
    let out = house.gateway.command_line("notify", &["test", "jane-push"]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(said.contains("turned on push in no browser"), "{said}");
    // What waits goes to whatever browser is turned on next.
    house.service.answers(|_| 201);
    house.turn_on();
    assert_eq!(house.call()["lead"], "High");
    assert!(house.gateway.command_line("notify", &["test", "jane-push"]).status.success());
}

#[test]
#[ignore = "needs chromium and python packages"]
fn the_service_worker_shows_what_is_pushed_and_its_answer_is_the_cores() {
    let house = House::begin();
    house.turn_on();
    send(&house.gateway, 1, &[70.0]);
    let call = house.call();
    let status = Command::new("node")
        .arg(root().join("tests/external/push.cjs"))
        .env("NODE_PATH", node_modules())
        .args(["--url", &house.gateway.url("/"), "--told", &call.to_string(), "--chromium"])
        .arg(chromium())
        .status()
        .unwrap();
    assert!(status.success(), "a step failed; its name is above");
    let responsibility = house.alarm()["responsibility"].clone();
    assert_eq!(responsibility["state"], "accepted", "{responsibility}");
    assert_eq!(responsibility["person"], "n1");
}
