//! What is known of people, through the whole program: a file that is damaged or gone, wards that are not there, copies.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{Gateway, eventually};
use crate::people::{Browser, PASSWORD, first_link, person, with_a_patient};

/// The line about people under `degraded`, as soon as one says this; with `None`, that there is none.
fn people_are(gateway: &Gateway, said: Option<&str>) {
    let what = format!("`degraded` says of people: {said:?}");
    eventually(&what, || {
        let (_, ready) = Browser::new(gateway).get("/readyz");
        let lines = ready["degraded"].as_array()?.clone();
        let line = lines.iter().filter_map(Value::as_str).find(|line| line.starts_with("people: "));
        (line.is_some() == said.is_some() && line.unwrap_or("").contains(said.unwrap_or("")))
            .then_some(())
    });
}

fn sign_in(gateway: &Gateway, name: &str) -> (u16, String) {
    let mut browser = Browser::new(gateway);
    let (status, _) =
        browser.post("/api/v1/session", &json!({ "name": name, "password": PASSWORD }));
    (status, browser.cookie)
}

fn signed_in<'a>(gateway: &'a Gateway, cookie: &str) -> Browser<'a> {
    Browser::with_cookie(gateway, cookie)
}

/// Patients, whoever damages the accounts.
fn judges(gateway: &Gateway) {
    let agent = ureq::Agent::new_with_defaults();
    let request = agent.get(gateway.url("/api/v1/wards/icu/latest"));
    let mut answer = request.header("authorization", "Bearer setter").call().unwrap();
    let latest: Value = answer.body_mut().read_json().unwrap();
    assert!(latest.to_string().contains("p1"), "{latest}");
}

fn jane(store: &Path) -> Gateway {
    let gateway = with_a_patient(json!({}), Some(store), None);
    person(&gateway, &["add", "jane", "--role", "clinician", "--password-stdin"], PASSWORD);
    gateway
}

#[test]
fn a_start_with_a_damaged_file_judges_lets_nobody_in_by_name_and_goes_on_when_it_is_right_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let mut gateway = jane(&store);
    gateway.stop();
    let file = store.join("people.json");
    let good = fs::read(&file).unwrap();
    for damage in ["", "{\"version\":1", "null"] {
        fs::write(&file, damage).unwrap();
        gateway.start_again();
        people_are(&gateway, Some("is damaged"));
        judges(&gateway);
        assert_eq!(sign_in(&gateway, "jane").0, 503, "{damage:?}");
        assert_eq!(fs::read_to_string(&file).unwrap(), damage, "it stays to be looked at");
        fs::write(&file, &good).unwrap();
        eventually("jane is let in", || (sign_in(&gateway, "jane").0 == 200).then_some(()));
        people_are(&gateway, None);
        gateway.stop();
        fs::write(&file, &good).unwrap();
    }
}

#[test]
fn a_file_deleted_or_damaged_while_the_gateway_runs_signs_nobody_out_and_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let mut gateway = jane(&store);
    let (_, cookie) = eventually("jane is known", || {
        Some(sign_in(&gateway, "jane")).filter(|(status, _)| *status == 200)
    });
    let file = store.join("people.json");
    fs::remove_file(&file).unwrap();
    people_are(&gateway, Some("was deleted while the gateway ran"));
    assert_eq!(signed_in(&gateway, &cookie).get("/api/v1/patients").0, 200);
    assert!(fs::read_to_string(&file).unwrap().contains("jane"), "it was written again");
    assert_eq!(sign_in(&gateway, "jane").0, 200);

    let good = fs::read(&file).unwrap();
    fs::write(&file, "{").unwrap();
    people_are(&gateway, Some("until then people are as they were last known"));
    assert_eq!(signed_in(&gateway, &cookie).get("/api/v1/patients").0, 200);
    let (status, later) = sign_in(&gateway, "jane");
    assert_eq!(status, 200, "as she was known");
    fs::write(&file, &good).unwrap();
    people_are(&gateway, Some("was deleted"));
    for cookie in [&cookie, &later] {
        assert_eq!(signed_in(&gateway, cookie).get("/api/v1/patients").0, 200);
    }
    assert!(gateway.log().contains("the file of people was deleted"));
    gateway.stop();
    gateway.start_again();
    assert_eq!(signed_in(&gateway, &cookie).get("/api/v1/patients").0, 200);
}

#[test]
fn a_ward_that_is_not_there_is_refused_unless_it_is_said_to_come() {
    let gateway = with_a_patient(json!({}), None, None);
    let add = |args: &[&str]| {
        let output = gateway.command_line("person", args);
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.success(), said)
    };
    let (done, said) = add(&["add", "jane", "--role", "clinician", "--ward", "nosuchward"]);
    assert!(!done && said.contains("there is no ward `nosuchward` (wards: icu)"), "{said}");
    assert!(!add(&["list"]).1.contains("jane"));
    assert!(add(&["add", "jane", "--role", "clinician", "--ward", "icu"]).0);
    assert!(!add(&["change", "jane", "--role", "clinician", "--ward", "nosuchward"]).0);
    assert!(add(&["add", "john", "--role", "viewer", "--ward", "west", "--ahead"]).0);
    let (_, list) = add(&["list"]);
    assert!(
        list.contains("jane\tclinician\tinvited\ticu") && list.contains("john\tviewer"),
        "{list}"
    );
    let station = gateway.command_line("station", &["add", "desk", "--ward", "nosuchward"]);
    assert!(!station.status.success());
}

#[test]
fn a_copy_of_a_store_holds_its_people_and_no_session() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = jane(&folder.path().join("store"));
    let first = first_link(&gateway);
    let (_, cookie) = eventually("jane is known", || {
        Some(sign_in(&gateway, "jane")).filter(|(status, _)| *status == 200)
    });
    let copy = folder.path().join("copy");
    let copy = copy.to_str().unwrap();
    let output = gateway.command_line("backup", &[copy]);
    assert!(output.status.success(), "{output:?}");
    let people = fs::read_to_string(format!("{copy}.people.json")).unwrap();
    assert!(people.contains("jane") && !people.contains(&first));

    let store = folder.path().join("restored");
    let restored = gateway.command_line("restore", &["--dir", store.to_str().unwrap(), copy]);
    let said = String::from_utf8(restored.stdout).unwrap();
    assert!(restored.status.success() && said.contains("people are as of the copy"), "{said}");
    let other = crate::setup::Setup::default().section("people", json!({})).store(&store).start();
    assert_eq!(signed_in(&other, &cookie).get("/api/v1/patients").0, 401);
    assert_eq!(sign_in(&other, "jane").0, 200);
}
