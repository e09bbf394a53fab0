//! Accounts, by HTTP: invited, changed, let in no more.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::client::Reply;
use super::people::{House, OWN, PASSWORD, kept, now};
use crate::http::Role;
use crate::people::{BY_COMMAND, Digest, Link, Person};
use vitalgate_domain::model::time::Span;

impl House {
    async fn admin(&self, cookie: &str, method: &str, path: &str, body: Value) -> Reply {
        let headers = [("cookie", cookie), OWN];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.bench.call(method, &format!("/api/v1/people{path}"), &headers, &body).await
    }
}

#[tokio::test]
async fn a_link_of_the_command_line_is_good_at_once() {
    let house = House::open().await;
    let link = |secret: &str| Link { sha256: Digest::of(secret), until: now() + Span::hours(1) };
    let wards = BTreeSet::from(["icu".parse().unwrap()]);
    house
        .command_line()
        .change(|book| {
            let person = Person::new(Role::Viewer, Some(wards.clone()), BTreeSet::new())?;
            book.add(BY_COMMAND, "jane", person)?;
            book.invite(BY_COMMAND, "jane", link("of jane"))?;
            book.add_station(BY_COMMAND, "desk", wards)?;
            book.link_station(BY_COMMAND, "desk", link("of desk"))
        })
        .unwrap();
    let body = json!({ "link": "of jane", "password": PASSWORD }).to_string();
    let jane = house.bench.call("POST", "/api/v1/session/link", &[OWN], &body).await;
    assert_eq!(jane.status, 200, "{jane:?}");
    house
        .command_line()
        .change(|book| book.link_station(BY_COMMAND, "desk", link("another of desk")))
        .unwrap();
    let body = json!({ "link": "another of desk" }).to_string();
    let desk = house.bench.call("POST", "/api/v1/session/station", &[OWN], &body).await;
    assert_eq!(desk.status, 200, "{desk:?}");
}

#[tokio::test]
async fn an_admin_invites_changes_and_lets_in_no_more_and_the_audit_knows_who_it_was() {
    let house = House::open().await;
    house.person("root", Role::Admin, &[]);
    let root = house.session("root");
    let ask =
        async |method: &str, path: &str, body: Value| house.admin(&root, method, path, body).await;
    let invited =
        ask("POST", "", json!({ "name": "Jane", "role": "clinician", "wards": ["icu"] })).await;
    assert_eq!(invited.status, 201);
    let account = invited.json();
    let link = account["link"].as_str().unwrap().strip_prefix("#invited/").unwrap().to_owned();
    let mut expected = json!({ "devices": [], "has_pin": false, "name": "jane", "role": "clinician", "state": "invited", "wards": ["icu"] });
    assert_eq!(ask("GET", "", Value::Null).await.json()["items"][0], expected);
    ask("POST", "", json!({ "name": "jane", "role": "viewer" })).await.problem(409);
    ask("POST", "", json!({ "name": "x", "role": "clinician", "wards": ["nosuchward"] }))
        .await
        .problem(422);
    ask("POST", "", json!({ "name": "x", "role": "maker" })).await.problem(422);
    ask("POST", "", json!({ "name": "x", "role": "nosuchrole" })).await.problem(422);

    let body = json!({ "link": link, "password": PASSWORD }).to_string();
    let jane = house.bench.call("POST", "/api/v1/session/link", &[OWN], &body).await;
    assert_eq!((jane.status, &jane.json()["actor"]), (200, &json!("jane")));
    let jane = kept(&jane);
    house.admin(&jane, "GET", "", Value::Null).await.problem(403);

    // Other rights hold at once: whoever is signed in does so anew.
    let changed =
        ask("PATCH", "/jane", json!({ "role": "viewer", "wards": ["west"] })).await.json();
    expected["role"] = json!("viewer");
    expected["wards"] = json!(["west"]);
    expected["state"] = json!("active");
    assert_eq!(changed, expected);
    house.get(&jane, "/api/v1/patients").await.problem(401);
    let disabled = ask("PATCH", "/jane", json!({ "disabled": true })).await.json();
    assert_eq!((&disabled["state"], &disabled["wards"]), (&json!("disabled"), &json!(["west"])));
    house.sign_in("jane", PASSWORD).await.problem(401);
    ask("PATCH", "/jane", json!({ "disabled": false, "wards": null })).await;
    assert_eq!(house.sign_in("jane", PASSWORD).await.json()["wards"], Value::Null);

    let again = ask("POST", "/jane/link", json!({})).await.json();
    assert!(again["link"].as_str().unwrap().starts_with("#invited/"), "{again}");
    house.sign_in("jane", PASSWORD).await.problem(401);
    ask("PATCH", "/root", json!({ "disabled": true })).await.problem(409);
    ask("PATCH", "/nobody", json!({ "disabled": true })).await.problem(404);

    let told = house.people.untold();
    let of_root: Vec<_> =
        told.iter().filter(|t| t.actor == "root").map(|t| t.act.as_str()).collect();
    let expected = [
        "sign_in",
        "add_person",
        "invite_person",
        "change_person",
        "disable_person",
        "change_person",
        "enable_person",
        "invite_person",
    ];
    assert_eq!(of_root, expected);
}
