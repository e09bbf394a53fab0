//! Another program fills the disk: whoever is shut out is out at once, and stays so (contract §0.24).

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::disk::Tmpfs;
use crate::harness::{Gateway, eventually};
use crate::people::{Browser, PASSWORD, first_link, person, with_a_patient};

/// A gateway on a small disk; `jane`, a clinician, and `john`, a viewer, with their cookies; an admin, and the station `desk`.
fn crowd(store: &Path) -> (Gateway, String, [String; 2]) {
    let gateway = with_a_patient(json!({}), Some(store), None);
    let mut admin = Browser::new(&gateway);
    let first = json!({ "link": first_link(&gateway), "name": "root.one", "password": PASSWORD });
    assert_eq!(admin.post("/api/v1/session/link", &first).0, 200);
    let cookies = [("jane", "clinician"), ("john", "viewer")].map(|(name, role)| {
        person(&gateway, &["add", name, "--role", role, "--password-stdin"], PASSWORD);
        eventually("they sign in", || {
            let mut browser = Browser::new(&gateway);
            let asked = json!({ "name": name, "password": PASSWORD });
            (browser.post("/api/v1/session", &asked).0 == 200).then_some(browser.cookie)
        })
    });
    let desk = json!({ "name": "desk", "wards": ["icu"] });
    assert_eq!(admin.post("/api/v1/stations", &desk).0, 201);
    let cookie = admin.cookie;
    (gateway, cookie, cookies)
}

fn status(gateway: &Gateway, cookie: &str) -> u16 {
    Browser::with_cookie(gateway, cookie).get("/api/v1/patients").0
}

fn degraded(gateway: &Gateway) -> String {
    Browser::new(gateway).get("/readyz").1["degraded"].to_string()
}

fn account(gateway: &Gateway, admin: &str, name: &str) -> Value {
    let (_, people) = Browser::with_cookie(gateway, admin).get("/api/v1/people");
    let mut all = people["items"].as_array().unwrap().iter();
    all.find(|account| account["name"] == name).unwrap().clone()
}

#[test]
#[ignore = "needs to mount a tmpfs"]
fn on_a_full_disk_accounts_stations_and_sessions_end_and_stay_ended_after_a_kill() {
    let disk = Tmpfs::mount("24m");
    let store = disk.dir.path().join("store");
    let (mut gateway, root, [jane, john]) = crowd(&store);
    disk.take_what_is_left(&disk.dir.path().join("filler"));

    let admin = Browser::with_cookie(&gateway, &root);
    // Each of them is written: more often than the room that is kept would do if it was not taken again.
    for n in 0..40 {
        let role = ["viewer", "clinician"][n % 2];
        let (status, body) = admin.patch("/api/v1/people/john", &json!({ "role": role }));
        assert_eq!(status, 200, "{n}: {body}");
    }
    let (answered, body) = admin.patch("/api/v1/people/jane", &json!({ "disabled": true }));
    assert_eq!((answered, &body["state"]), (200, &json!("disabled")), "{body}");
    assert_eq!(status(&gateway, &jane), 401);
    assert_eq!(admin.delete("/api/v1/stations/desk").0, 204);
    assert_eq!(status(&gateway, &john), 401, "he has other rights now");
    let mut john = Browser::new(&gateway);
    let asked = json!({ "name": "john", "password": PASSWORD });
    assert_eq!(john.post("/api/v1/session", &asked).0, 200);
    assert_eq!(john.delete("/api/v1/session").0, 204);
    let john = john.cookie;

    gateway.restart();
    assert_eq!(status(&gateway, &jane), 401);
    assert_eq!(status(&gateway, &john), 401, "he signed out");
    assert_eq!(account(&gateway, &root, "jane")["state"], "disabled");
    let (_, stations) = Browser::with_cookie(&gateway, &root).get("/api/v1/stations");
    assert_eq!(stations["items"], json!([]));
    let disabled = gateway.command_line("person", &["disable", "john"]);
    assert!(disabled.status.success(), "{disabled:?}");
}

#[test]
#[ignore = "needs to mount a tmpfs"]
fn where_not_a_byte_can_be_written_whoever_is_shut_out_is_out_and_the_answer_says_what_is_missing()
{
    let disk = Tmpfs::mount("24m");
    let store = disk.dir.path().join("store");
    let (gateway, root, [jane, john]) = crowd(&store);
    let filler = disk.dir.path().join("filler");
    // The room that is kept is gone too.
    let room = store.join("people.reserve");
    fs::remove_file(&room).unwrap();
    fs::create_dir(&room).unwrap();
    let full = disk.stays_full(&filler);

    let admin = Browser::with_cookie(&gateway, &root);
    let (answered, body) = admin.patch("/api/v1/people/jane", &json!({ "disabled": true }));
    assert_eq!((answered, &body["state"]), (202, &json!("disabled")), "{body}");
    assert!(body["unwritten"].as_str().unwrap().starts_with("it holds now"), "{body}");
    assert_eq!(status(&gateway, &jane), 401);
    let (answered, body) = admin.delete("/api/v1/stations/desk");
    assert_eq!((answered, body["unwritten"].is_string()), (202, true), "{body}");
    let enabled = admin.patch("/api/v1/people/jane", &json!({ "disabled": false })).0;
    assert_eq!(enabled, 503, "whoever is let in again waits for the disk");
    let disabled = gateway.command_line("person", &["disable", "john"]);
    assert!(disabled.status.success(), "{disabled:?}");
    eventually("john is out", || (status(&gateway, &john) == 401).then_some(()));
    eventually("it is told", || degraded(&gateway).contains("people not written: ").then_some(()));
    assert!(degraded(&gateway).contains("room for people"), "{}", degraded(&gateway));

    drop(full);
    fs::remove_file(&filler).unwrap();
    fs::remove_dir(&room).unwrap();
    eventually("it is written", || (!degraded(&gateway).contains("people")).then_some(()));
    let book = fs::read_to_string(store.join("people.json")).unwrap();
    let book: Value = serde_json::from_str(&book).unwrap();
    assert_eq!(book["people"]["jane"]["disabled"], true);
    assert_eq!(book["people"]["john"]["disabled"], true);
    let left = fs::read_dir(&store).unwrap().filter(|file| {
        file.as_ref().unwrap().file_name().to_string_lossy().starts_with("people.out.")
    });
    assert_eq!(left.count(), 0);
    assert_eq!(book["stations"].as_object().map_or(0, serde_json::Map::len), 0);
}
