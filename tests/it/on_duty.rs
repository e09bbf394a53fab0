//! Who may not answer any more has no alarm any more, whatever the plan of duty says.

use serde_json::{Value, json};

use crate::harness::{Gateway, eventually, telemetry};
use crate::people::{Browser, PASSWORD, furnish, person, tokens};
use crate::setup::{RULES, Setup};

/// `jane` is asked first, then `john`.
const TEAMS: &str = r#"
[shifts]
always = "00:00-00:00"
[[person]]
id = "jane"
[[person]]
id = "john"
[[team]]
id = "icu"
wards = ["icu"]
steps = [{ role = "nurse" }, { role = "physician" }]
[[duty]]
team = "icu"
role = "nurse"
shift = "always"
people = ["jane"]
[[duty]]
team = "icu"
role = "physician"
shift = "always"
people = ["john"]
"#;

fn ward() -> Gateway {
    let setup = Setup::default().rules(RULES).teams(TEAMS).section("people", json!({}));
    let gateway = setup.section("http", json!({ "token": tokens() })).start();
    furnish(&gateway);
    for name in ["jane", "john"] {
        person(&gateway, &["add", name, "--role", "clinician", "--password-stdin"], PASSWORD);
    }
    gateway
}

/// The highest alarm, once somebody answers for it in this way.
fn held(gateway: &Gateway, state: &str, by: &str) -> Value {
    eventually(&format!("{state} by {by}"), || {
        let alarms = keeper(gateway, "/api/v1/alarms", "setter");
        let alarm = alarms["items"].as_array()?.iter().find(|a| a["priority"] == "high")?.clone();
        let responsibility = &alarm["responsibility"];
        (responsibility["state"] == state && responsibility["person"] == by).then_some(alarm)
    })
}

fn keeper(gateway: &Gateway, path: &str, token: &str) -> Value {
    let agent = ureq::Agent::new_with_defaults();
    let request = agent.get(gateway.url(path)).header("authorization", format!("Bearer {token}"));
    request.call().unwrap().body_mut().read_json().unwrap()
}

#[test]
fn who_is_disabled_or_may_answer_no_more_has_no_alarm_and_the_next_is_asked() {
    for lost in [&["disable", "jane"][..], &["change", "jane", "--role", "viewer"][..]] {
        let gateway = ward();
        eventually("the plan is known", || {
            let duty = keeper(&gateway, "/api/v1/duty", "setter");
            duty.to_string().contains("jane").then_some(())
        });
        let mut client = gateway.mqtt("dev-1");
        client.telemetry("dev-1", &telemetry(1, gateway.now(), &[("spo2", 70.0, "%")]));
        let alarm = held(&gateway, "notified", "jane");
        let mut jane = Browser::new(&gateway);
        eventually("jane signs in", || {
            let named = json!({ "name": "jane", "password": PASSWORD });
            (jane.post("/api/v1/session", &named).0 == 200).then_some(())
        });
        let path = format!("/api/v1/alarms/{}/accept", alarm["id"].as_str().unwrap());
        let (status, body) = jane.post(&path, &json!({ "seq": alarm["seq"] }));
        assert!(status < 300, "{status} {body}");
        held(&gateway, "accepted", "jane");

        person(&gateway, lost, "");
        held(&gateway, "notified", "john");
        let degraded = keeper(&gateway, "/readyz", "keeper")["degraded"].to_string();
        assert!(degraded.contains("1 of the plan of duty may answer nothing there"), "{degraded}");
        let said = checked(&gateway);
        assert!(said.contains("warning: `jane` is on duty for `icu` and is not asked"), "{said}");
        assert!(!said.contains("john"), "{said}");
    }
}

#[test]
fn who_was_disabled_is_not_asked_again_where_nobody_is_known_after_a_start() {
    const OUT: &str = "1 of the plan of duty may answer nothing there";
    const HELD: &str = "the plan of duty is as it was before the start";
    let degraded = |gateway: &Gateway, what: &str, says: bool| {
        eventually(&format!("{what}: {says}"), || {
            let degraded = keeper(gateway, "/readyz", "keeper")["degraded"].to_string();
            (degraded.contains(what) == says).then_some(())
        });
    };
    let mut gateway = ward();
    person(&gateway, &["disable", "jane"], "");
    degraded(&gateway, OUT, true);
    let book = gateway.store().join("people.json");
    let text = std::fs::read(&book).unwrap();
    gateway.kill();
    std::fs::write(&book, b"{").unwrap();
    gateway.restart();
    degraded(&gateway, HELD, true);
    let mut client = gateway.mqtt("dev-1");
    client.telemetry("dev-1", &telemetry(1, gateway.now(), &[("spo2", 70.0, "%")]));
    held(&gateway, "notified", "john");

    // Whoever says so has the plan that is there now.
    gateway.signal("HUP");
    degraded(&gateway, HELD, false);
    std::fs::write(&book, text).unwrap();
    degraded(&gateway, OUT, true);
}

#[test]
fn whose_token_is_taken_away_has_no_alarm_any_more() {
    let teams = TEAMS.replace("id = \"jane\"", "id = \"jane\"\nsigns_in_as = \"nurse\"");
    let mut all = tokens();
    let nurse = json!({ "name": "nurse", "role": "clinician", "sha256": "ab".repeat(32) });
    all.as_array_mut().unwrap().push(nurse);
    let setup = Setup::default().rules(RULES).teams(&teams).section("people", json!({}));
    let gateway = setup.section("http", json!({ "token": all })).start();
    furnish(&gateway);
    eventually("the plan is known", || {
        keeper(&gateway, "/api/v1/duty", "setter").to_string().contains("jane").then_some(())
    });
    let mut client = gateway.mqtt("dev-1");
    client.telemetry("dev-1", &telemetry(1, gateway.now(), &[("spo2", 70.0, "%")]));
    held(&gateway, "notified", "jane");
    gateway.set("http", "token", &tokens());
    gateway.signal("HUP");
    held(&gateway, "notified", "john");
}

#[test]
fn who_is_on_the_plan_and_has_no_account_is_named_before_they_are_asked() {
    let teams = TEAMS.replace("id = \"john\"", "id = \"john\"\nsigns_in_as = \"jhon\"");
    let setup = Setup::default().rules(RULES).teams(&teams).section("people", json!({}));
    let gateway = setup.section("http", json!({ "token": tokens() })).start();
    person(&gateway, &["add", "jane", "--role", "clinician", "--password-stdin"], PASSWORD);
    let said = checked(&gateway);
    assert!(
        said.contains("`john` is on duty for `icu`, and `jhon` is no account and no token"),
        "{said}"
    );
    assert!(!said.contains("jane"), "{said}");
}

#[test]
fn a_plan_of_nobody_who_may_answer_is_a_hole_and_is_not_put_by_mistake() {
    let gateway = ward();
    person(&gateway, &["change", "john", "--role", "viewer"], "");
    let said = checked(&gateway);
    assert!(said.contains("nobody is on duty as physician of icu"), "{said}");
    assert!(!said.contains("as nurse of icu"), "{said}");
    let text = TEAMS.replace("people = [\"jane\"]", "people = [\"john\"]");
    let file = gateway.config_file().with_file_name("another.toml");
    std::fs::write(&file, text).unwrap();
    let put = gateway.command_line("duty", &["put", file.to_str().unwrap()]);
    let said = String::from_utf8([put.stdout, put.stderr].concat()).unwrap();
    assert!(!put.status.success(), "{said}");
    assert!(said.contains("by this plan nobody is called for some or all alarms of"), "{said}");
}

#[test]
fn who_has_no_token_is_named_where_nobody_has_an_account() {
    let setup = Setup::default().rules(RULES).teams(TEAMS);
    let gateway = setup.section("http", json!({ "token": tokens() })).start();
    let said = checked(&gateway);
    for ghost in ["jane", "john"] {
        assert!(said.contains(&format!("`{ghost}` is no account and no token here")), "{said}");
    }
}

/// What `duty check` prints.
fn checked(gateway: &Gateway) -> String {
    let output = gateway.command_line("duty", &["check"]);
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}
