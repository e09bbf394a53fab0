//! Who is on duty is told by their own channels, of what is for them alone, until somebody takes it.

use std::fs;

use serde_json::{Value, json};

use super::receiver::{Posted, Receiver};
use super::{SECRET, send, webhook};
use crate::harness::{Gateway, eventually};
use crate::setup::{RULES, Setup};

/// A nurse, who is whoever asks on this machine, then a physician; each with a channel.
pub(super) const TEAMS: &str = r#"
[shifts]
always = "00:00-00:00"
[[person]]
id = "n1"
channels = ["phone"]
signs_in_as = "local:anonymous"
[[person]]
id = "d1"
channels = ["doctor"]
[[team]]
id = "icu"
steps = [{ role = "nurse" }, { role = "physician" }]
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

pub(super) struct Ward {
    pub(super) gateway: Gateway,
    pub(super) phone: Receiver,
    doctor: Receiver,
    pub(super) pager: Receiver,
    _secrets: tempfile::TempDir,
}

impl Ward {
    pub(super) fn begin() -> Self {
        let secrets = tempfile::tempdir().unwrap();
        let (phone, doctor, pager) = (Receiver::start(0), Receiver::start(0), Receiver::start(0));
        fs::write(secrets.path().join("webhook-secret"), SECRET).unwrap();
        let channel = |id: &str, receiver: &Receiver| {
            let mut channel = webhook(secrets.path(), receiver.port);
            channel["id"] = json!(id);
            channel
        };
        let channels =
            json!([channel("phone", &phone), channel("doctor", &doctor), channel("pager", &pager)]);
        let setup = Setup::default().rules(RULES).teams(TEAMS).section("channel", channels);
        let gateway = setup.start();
        gateway.admit("p1", "dev-1");
        let ward = Self { gateway, phone, doctor, pager, _secrets: secrets };
        assert_eq!(ward.on_duty(), ["n1", "d1"]);
        ward
    }

    /// Who is on duty, as soon as the core knows.
    fn on_duty(&self) -> Vec<String> {
        eventually("the plan is known", || {
            let duty = self.gateway.get("/api/v1/duty");
            let items = duty["items"].as_array().unwrap();
            let people: Vec<String> = items
                .iter()
                .map(|item| item["person"].as_str().unwrap_or("nobody").to_owned())
                .collect();
            (!people.is_empty()).then_some(people)
        })
    }

    pub(super) fn alarm(&self) -> Value {
        eventually("an alarm", || self.gateway.alarms("p1").pop())
    }

    pub(super) fn act(&self, act: &str) -> (u16, Value) {
        self.gateway.command(&self.alarm(), act)
    }
}

fn kinds(receiver: &Receiver) -> Vec<(String, Value)> {
    let one = |posted: &Posted| (posted.kind(), posted.body()["announces"].clone());
    receiver.taken().iter().map(one).collect()
}

#[test]
fn whoever_is_on_duty_is_called_and_hears_that_it_was_taken() {
    let ward = Ward::begin();
    send(&ward.gateway, 1, &[70.0]);
    let asked = eventually("the nurse's phone took it", || {
        let responsibility = ward.alarm()["responsibility"].clone();
        (responsibility["state"] == "notified").then_some(responsibility)
    });
    assert_eq!(
        (&asked["person"], &asked["role"], &asked["step"]),
        (&json!("n1"), &json!("nurse"), &json!(1))
    );
    assert_eq!(asked["told"][0]["result"], "taken", "{asked}");
    assert_eq!(kinds(&ward.phone), [("raised".to_owned(), json!(true))]);

    let (status, body) = ward.act("reject");
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["alarm"]["responsibility"]["person"], "d1", "{body}");
    eventually("the physician is called", || (kinds(&ward.doctor).len() == 1).then_some(()));
    assert_eq!(kinds(&ward.doctor), [("rejected".to_owned(), json!(true))]);

    let (status, body) = ward.act("accept");
    assert_eq!(status, 200, "{body}");
    let accepted = body["alarm"]["responsibility"].clone();
    assert_eq!((&accepted["state"], &accepted["person"]), (&json!("accepted"), &json!("n1")));
    for receiver in [&ward.phone, &ward.doctor] {
        let last = eventually("they hear so", || {
            kinds(receiver).into_iter().find(|(kind, _)| kind == "accepted")
        });
        assert_eq!(last.1, json!(false));
    }
    let (status, body) = ward.act("release");
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["alarm"]["responsibility"]["person"], "d1", "{body}");

    let all = eventually("a channel of nobody is told everything", || {
        let kinds: Vec<String> = kinds(&ward.pager).into_iter().map(|(kind, _)| kind).collect();
        kinds.contains(&"released".to_owned()).then_some(kinds)
    });
    for word in ["raised", "received", "rejected", "accepted"] {
        assert!(all.contains(&word.to_owned()), "{word}: {all:?}");
    }
    assert!(kinds(&ward.phone).iter().all(|(kind, _)| kind != "received"), "a receipt is no news");
}

#[test]
fn another_plan_is_in_force_at_once_and_a_wrong_one_changes_nothing() {
    let ward = Ward::begin();
    ward.gateway
        .reload("teams.toml", &TEAMS.replace("role = \"nurse\"\nshift", "role = \"chief\"\nshift"));
    let degraded = eventually("the file is refused", || {
        let degraded = ward.gateway.get("/readyz")["degraded"].to_string();
        degraded.contains("teams").then_some(degraded)
    });
    assert!(degraded.contains("line "), "{degraded}");
    assert_eq!(ward.on_duty(), ["n1", "d1"]);

    ward.gateway.reload("teams.toml", &TEAMS.replace("people = [\"n1\"]", "people = [\"d1\"]"));
    eventually("the other is on duty", || (ward.on_duty() == ["d1", "d1"]).then_some(()));
    eventually("nothing is wrong any more", || {
        let degraded = ward.gateway.get("/readyz")["degraded"].to_string();
        (!degraded.contains("teams")).then_some(())
    });
}

#[test]
fn a_plan_that_is_put_takes_the_place_of_a_file_that_was_refused() {
    let ward = Ward::begin();
    let wrong = TEAMS.replace("role = \"nurse\"\nshift", "role = \"chief\"\nshift");
    ward.gateway.reload("teams.toml", &wrong);
    let degraded = || ward.gateway.get("/readyz")["degraded"].to_string();
    eventually("the file is refused", || degraded().contains("teams").then_some(()));
    let (status, body) = ward.gateway.put("/api/v1/duty/plan", &json!({ "text": TEAMS }));
    assert_eq!(status, 200, "{body}");
    assert!(!degraded().contains("teams"), "{}", degraded());
    assert_eq!(ward.on_duty(), ["n1", "d1"]);
}
