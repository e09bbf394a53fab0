//! An answer comes back by the way the call went: as the person it was sent to, once, and by no machine that looks at links.

use std::path::Path;

use serde_json::{Value, json};

use super::receiver::{Posted, Receiver};
use super::{SECRET, send, webhook};
use crate::harness::{Gateway, eventually, port_of_ones_own};
use crate::setup::{RULES, Setup};

/// A nurse with two channels of her own, and a phone of the ward beside them; then a physician.
const TEAMS: &str = r#"
[shifts]
always = "00:00-00:00"
[[person]]
id = "n1"
channels = ["hook", "topic"]
[[person]]
id = "d1"
channels = ["doctor"]
[[team]]
id = "icu"
steps = [{ role = "nurse", channels = ["ward"] }, { role = "physician" }]
[[duty]]
team = "icu"
role = "nurse"
shift = "always"
people = ["n1"]
[[duty]]
team = "icu"
role = "physician"
shift = "always"
people = ["d1"]
"#;

struct Ward {
    gateway: Gateway,
    hook: Receiver,
    topic: Receiver,
    doctor: Receiver,
    phone: Receiver,
    dir: tempfile::TempDir,
}

impl Ward {
    fn begin() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let [hook, topic, doctor, phone] = [0; 4].map(Receiver::start);
        std::fs::write(dir.path().join("webhook-secret"), SECRET).unwrap();
        let named = |id: &str, receiver: &Receiver| {
            let mut channel = webhook(dir.path(), receiver.port);
            channel["id"] = json!(id);
            channel
        };
        let url = format!("http://127.0.0.1:{}/n1", topic.port);
        let channels = json!([
            named("hook", &hook),
            { "id": "topic", "kind": "ntfy", "url": url },
            named("doctor", &doctor),
            named("ward", &phone),
        ]);
        let address = format!("127.0.0.1:{}", port_of_ones_own());
        let public = format!("http://{address}");
        let http = json!({ "listen": address, "public_address": public });
        let setup = Setup::default().rules(RULES).teams(TEAMS).section("channel", channels);
        let gateway = setup.section("http", http).start();
        gateway.admit("p1", "dev-1");
        eventually("the plan is known", || {
            let duty = gateway.get("/api/v1/duty");
            (!duty["items"].as_array().unwrap().is_empty()).then_some(())
        });
        Self { gateway, hook, topic, doctor, phone, dir }
    }

    fn alarm(&self) -> Value {
        eventually("an alarm", || self.gateway.alarms("p1").pop())
    }

    fn holder(&self) -> (Value, Value) {
        let responsibility = self.alarm()["responsibility"].clone();
        (responsibility["state"].clone(), responsibility["person"].clone())
    }

    /// The links in what calls somebody: to accept, to acknowledge, to reject.
    fn links(receiver: &Receiver) -> [String; 3] {
        let call = eventually("a call", || called(receiver));
        ["accept", "acknowledge", "reject"].map(|act| call[act].as_str().unwrap().to_owned())
    }
}

/// The last that called somebody.
fn called(receiver: &Receiver) -> Option<Value> {
    let calls = |body: &Value| body["announces"] == true;
    receiver.taken().iter().rev().map(Posted::body).find(calls)
}

/// What a link answers: status and page. `text` is posted, or it is only opened.
fn open(url: &str) -> (u16, String) {
    answer(agent().get(url).call())
}

fn post(url: &str) -> (u16, String) {
    answer(agent().post(url).send_empty())
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).build().new_agent()
}

fn answer(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> (u16, String) {
    let mut answer = answer.unwrap();
    assert_eq!(answer.headers()["cache-control"], "no-store");
    (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
}

#[test]
fn a_link_shows_a_button_when_opened_and_answers_once_as_its_person_when_posted() {
    let ward = Ward::begin();
    send(&ward.gateway, 1, &[70.0]);
    let [accept, acknowledge, _] = Ward::links(&ward.hook);
    for _ in 0..3 {
        let (status, page) = open(&accept);
        assert_eq!(status, 200, "{page}");
        assert!(page.contains("<form method=\"post\">") && page.contains("High alarm"), "{page}");
        assert!(page.contains("You answer as n1"), "{page}");
        assert!(!page.contains("70") && !page.contains("<script"), "nothing measured: {page}");
    }
    assert_ne!(ward.holder().0, "accepted", "who opens it has not answered");

    let (status, page) = post(&accept);
    assert_eq!(status, 200, "{page}");
    assert!(page.contains("It is yours now"), "{page}");
    assert_eq!(ward.holder(), (json!("accepted"), json!("n1")));
    let id = ward.alarm()["id"].as_str().unwrap().to_owned();
    let story = ward.gateway.get(&format!("/api/v1/alarms/{id}"));
    let by = |change: &str| {
        let all = story["transitions"].as_array().unwrap().clone();
        all.into_iter().find(|one| one["change"] == change).map(|one| one["actor"].clone())
    };
    assert_eq!(by("accepted"), Some(json!("n1")), "{story}");

    for again in [open(&accept), post(&accept)] {
        assert_eq!(again.0, 409, "{}", again.1);
        assert!(again.1.contains("answered already") && !again.1.contains("<form"), "{}", again.1);
    }
    assert_eq!(post(&acknowledge).0, 200);
    assert_eq!(ward.alarm()["acknowledged"]["by"], "n1");
    // Somebody else accepts, and a link of before does not take it back.
    let (status, _) = ward.gateway.command(&ward.alarm(), "accept");
    assert_eq!(status, 200);
    assert_eq!(post(&accept).0, 409);
    assert_eq!(ward.holder().1, "local:anonymous");
}

#[test]
fn only_a_channel_of_ones_own_has_links_and_a_phone_of_the_ward_has_none() {
    let ward = Ward::begin();
    send(&ward.gateway, 1, &[70.0]);
    let [_, _, reject] = Ward::links(&ward.hook);
    let of_ward = eventually("the ward is told", || called(&ward.phone));
    assert_eq!(of_ward["accept"], Value::Null);
    let (status, page) = post(&reject);
    assert_eq!(status, 200, "{page}");
    assert_eq!(ward.holder().1, "d1");
    let [accept, ..] = Ward::links(&ward.doctor);
    assert_eq!(post(&accept).0, 200);
    assert_eq!(ward.holder(), (json!("accepted"), json!("d1")));
}

#[test]
fn a_link_that_was_changed_or_is_of_what_is_over_answers_nothing() {
    let mut ward = Ward::begin();
    send(&ward.gateway, 1, &[70.0]);
    let [accept, acknowledge, _] = Ward::links(&ward.hook);
    let forged = format!("{}A", accept.trim_end_matches(|c: char| c != '.'));
    let (status, page) = post(&forged);
    assert_eq!((status, page.contains("no link of this gateway")), (404, true), "{page}");
    // A restart knows its links.
    ward.gateway.restart();
    assert_eq!(open(&accept).0, 200);
    send(&ward.gateway, 2, &[97.0]);
    eventually("it waits for a look", || (ward.alarm()["state"] == "latched").then_some(()));
    for link in [&accept, &acknowledge] {
        assert_eq!(post(link).0, 409, "what is over is closed by nobody who did not look");
    }
    let (status, body) = ward.gateway.command(&ward.alarm(), "reset");
    assert_eq!(status, 200, "{body}");
    assert_eq!(post(&accept).0, 409);
    assert!(ward.gateway.alarms("p1").is_empty());
}

/// As ntfy's own app does with an action of the kind `http`.
#[test]
fn the_buttons_of_a_topic_answer_as_its_person() {
    let ward = Ward::begin();
    ward.hook.answers(|_| 503);
    send(&ward.gateway, 1, &[70.0]);
    let published = eventually("the next channel is told at once", || {
        ward.topic.taken().iter().map(Posted::body).find(|body| !body["actions"].is_null())
    });
    let actions = published["actions"].as_array().unwrap().clone();
    assert_eq!(actions.len(), 3);
    let accept = &actions[0];
    assert_eq!((&accept["action"], &accept["method"]), (&json!("http"), &json!("POST")));
    assert_eq!(post(accept["url"].as_str().unwrap()).0, 200);
    assert_eq!(ward.holder(), (json!("accepted"), json!("n1")));
}

#[test]
fn what_cannot_be_delivered_goes_to_the_next_channel_and_step_at_once() {
    let ward = Ward::begin();
    ward.hook.answers(|_| 503);
    send(&ward.gateway, 1, &[70.0]);
    eventually("the gateway says so", || super::own_alarm(&ward.gateway, "delivery.failing"));
    eventually("the physician is called", || called(&ward.doctor));
    let asked = ward.alarm()["responsibility"].clone();
    assert_eq!((&asked["step"], &asked["person"]), (&json!(2), &json!("d1")), "{asked}");
    let told = |channel: &str| {
        let all = asked["told"].as_array().unwrap();
        all.iter().find(|told| told["channel"] == channel).map(|told| told["result"].clone())
    };
    assert_eq!(told("hook"), Some(json!("failed")), "{asked}");
    assert!(told("topic").is_some() && told("ward").is_some(), "{asked}");
    assert!(ward.dir.path().join("webhook-secret").is_file());
}

#[test]
fn a_template_with_links_needs_an_address_to_lead_to() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("gateway.toml");
    let text = "[[channel]]\nid = \"sms\"\nkind = \"template\"\nurl = \"https://sms.example\"\n\
                content_type = \"text/plain\"\nbody = \"{title} {accept}\"\n";
    let check = |text: &str, config: &Path| {
        std::fs::write(config, text).unwrap();
        let output = crate::harness::vitalgate("check", config, &[]);
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let said = check(text, &config);
    assert!(said.contains("http.public_address"), "{said}");
    let with = format!("[http]\npublic_address = \"https://icu.example\"\n{text}");
    assert!(!check(&with, &config).contains("public_address"));
    let plain = format!("[http]\npublic_address = \"http://icu.example\"\n{text}");
    assert!(check(&plain, &config).contains("https://"));
}
