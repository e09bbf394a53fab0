//! Who may what, and where: one rule for each route of the router, and a route without a rule fails.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};

use super::client::Reply;
use super::fixture::Bench;
use super::people::House;
use super::rules::{CARERS, GATEWAY, Rule, rules};
use super::ward::{answered, sample_alarm, tokens, two_wards};
use crate::http::Role;
use crate::http::router::routes;
use crate::people::{Digest, PersonalToken};
use vitalgate_domain::model::alarm::Alarm;
use vitalgate_domain::model::command::Outcome;

static NEW: AtomicUsize = AtomicUsize::new(0);

/// Asks with a token; of a stream only how it begins.
async fn ask(bench: &Bench, token: &str, method: &str, path: &str, body: &str) -> Reply {
    let bearer = format!("Bearer {token}");
    ask_with(bench, &[("authorization", bearer.as_str())], method, path, body).await
}

async fn ask_with(
    bench: &Bench,
    headers: &[(&str, &str)],
    method: &str,
    path: &str,
    body: &str,
) -> Reply {
    let path = format!("/api/v1{path}");
    // Each new one has a name of its own.
    let number = NEW.fetch_add(1, Ordering::Relaxed).to_string();
    let body = &*body.replace("{n}", &number);
    if !path.starts_with("/api/v1/stream") {
        return bench.call(method, &path, headers, body).await;
    }
    let mut socket = BufReader::new(bench.send(method, &path, headers, body).await);
    let mut line = String::new();
    socket.read_line(&mut line).await.unwrap();
    Reply::parse(&format!("{line}\r\n\r\n"))
}

async fn two_wards_bench() -> Bench {
    let bench = Bench::start_with(|state| state.auth = tokens().into()).await;
    bench.board.send_replace(Arc::new(two_wards()));
    bench
}

#[test]
fn every_route_has_one_rule() {
    let routes: Vec<_> =
        routes().iter().map(|r| (r.method.to_string(), r.path.to_owned())).collect();
    let rules: Vec<_> =
        rules().iter().map(|rule| (rule.method.to_owned(), rule.route.to_owned())).collect();
    let set = |list: &[(String, String)]| list.iter().cloned().collect::<BTreeSet<_>>();
    assert_eq!(set(&routes), set(&rules));
    assert_eq!(rules.len(), routes.len());
}

#[tokio::test]
async fn every_route_asks_for_its_right() {
    let mut house = House::open().await;
    house.bench.answer(|_| answered(Outcome::Done));
    for Rule { method, here: (path, body), may, .. } in rules() {
        let bench = &house.bench;
        bench.call(method, &format!("/api/v1{path}"), &[], body).await.problem(401);
        // Few enough that nobody has to wait for an answer.
        if method == "GET" {
            assert_eq!(ask(bench, "x", method, path, body).await.status, 401);
        }
        // A ward-admin of the configuration is of every ward.
        for (token, allowed) in ["v", "c", "w", "o", "a"].into_iter().zip(may) {
            house.furnish();
            let reply = ask(bench, token, method, path, body).await;
            let refused = reply.status == 403;
            assert_eq!(refused, !allowed, "{method} {path} as {token}: {reply:?}");
            assert!(refused || reply.status < 300, "{method} {path}: {reply:?}");
        }
    }
    let bench = &house.bench;
    bench.get("/api/v1/patients?token=c").await.problem(401);
    let device = ask(bench, "o", "GET", "/devices/dev-1", "").await;
    assert_eq!(device.json().get("patient"), None, "ops sees no patients");
    assert!(!device.body.contains("p-1") && !device.body.contains("token"));
    // Whoever is nobody had to wait, and nothing steps here.
    bench.pulse.beat();
    assert_eq!(bench.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn whoever_is_bound_to_wards_sees_and_does_nothing_beyond_them() {
    let mut house = House::open().await;
    let done = house.bench.answer(|_| answered(Outcome::Done));
    let bench = &house.bench;
    for Rule { method, here: (path, body), may, elsewhere, .. } in rules() {
        for (token, allowed) in ["vi", "ci"].into_iter().zip(may) {
            house.furnish();
            let reply = ask(bench, token, method, path, body).await;
            let allowed_here = allowed && elsewhere.2 != GATEWAY;
            let said = format!("{method} {path} as {token}: {reply:?}");
            assert_eq!(reply.status < 300, allowed_here, "{said}");
            assert!(allowed_here || reply.status == 403, "{said}");
            for other in ["p-2", "p-3", "dev-3", "west", "A3"] {
                assert!(!reply.body.contains(other), "{other}: {said}");
            }
            if elsewhere.2 != GATEWAY {
                let (path, body, status) = elsewhere;
                let reply = ask(bench, token, method_of(path, method), path, body).await;
                let expected = if allowed { status } else { 403 };
                assert_eq!(reply.status, expected, "{method} {path} {body} as {token}: {reply:?}");
            }
        }
    }
    let done = format!("{:?}", done.lock().unwrap());
    for other in ["p-3", "dev-3", "west", "A3", "G1"] {
        assert!(!done.contains(other), "{other} in {done}");
    }
    let metrics = bench.call("GET", "/metrics", &[("authorization", "Bearer vi")], "").await;
    metrics.problem(403);
}

/// Lists without a filter by ward are asked for a thing of another ward.
fn method_of(path: &str, method: &'static str) -> &'static str {
    if path.ends_with("/latest") { "GET" } else { method }
}

#[tokio::test]
async fn what_reaches_from_one_ward_into_another_is_refused() {
    let mut bench = two_wards_bench().await;
    let done = bench.answer(|_| answered(Outcome::Done));
    for (method, path, body, status) in [
        ("PUT", "/devices/dev-1/binding", r#"{"patient":"p-3"}"#, 404),
        ("PATCH", "/devices/dev-1/binding", r#"{"patient":"p-3","reason":"r"}"#, 404),
        ("PATCH", "/devices/free-1/binding", r#"{"patient":"p-1","reason":"r"}"#, 403),
        ("PATCH", "/devices/free-1", r#"{"class":"c"}"#, 403),
        ("POST", "/patients/p-1/transfer", r#"{"bed":"west-1"}"#, 403),
        ("POST", "/patients/p-1/transfer", r#"{"bed":null}"#, 403),
        ("POST", "/patients", r#"{"id":"p-9","age_class":"adult"}"#, 403),
        ("POST", "/beds", r#"{"id":"icu-1","ward":"west"}"#, 403),
        ("GET", "/alarms?patient=p-3", "", 404),
        ("POST", "/pauses", r#"{"bed":"west-1","reason":"r","until":"2026-11-18T12:00:00Z"}"#, 404),
        (
            "POST",
            "/pauses",
            r#"{"rule":"vitals_live.spo2_low","reason":"r","until":"2026-11-18T12:00:00Z"}"#,
            403,
        ),
        ("DELETE", "/pauses/9", "", 403),
    ] {
        let reply = ask(&bench, "ci", method, path, body).await;
        assert_eq!(reply.status, status, "{method} {path} {body}: {reply:?}");
    }
    assert!(done.lock().unwrap().is_empty(), "nothing was asked of the core");
    let several = r#"{"alarms":[{"id":"A1","seq":1},{"id":"A3","seq":3},{"id":"G1","seq":4}]}"#;
    let items = ask(&bench, "ci", "POST", "/alarms/acknowledge", several).await.json();
    let mut each: Vec<_> = items["items"].as_array().unwrap().iter().collect();
    each.sort_by_key(|item| item["id"].as_str());
    let each: Vec<_> = each.iter().map(|item| (&item["id"], &item["status"])).collect();
    let expected =
        [(json!("A1"), json!(200)), (json!("A3"), json!(404)), (json!("G1"), json!(403))];
    assert_eq!(each, expected.iter().map(|(id, status)| (id, status)).collect::<Vec<_>>());
    let alarms = ask(&bench, "vi", "GET", "/alarms", "").await.json();
    let ids: Vec<_> = alarms["items"].as_array().unwrap().iter().map(|a| &a["id"]).collect();
    assert_eq!(ids.len(), 2, "its own, and the gateway's: {ids:?}");
    let free = ask(&bench, "vi", "GET", "/devices/free-1", "").await.json();
    assert_eq!(free["bindings"], json!([]), "whose it was before is not told");
}

#[tokio::test]
async fn an_outage_is_answered_in_its_ward_and_names_what_follows_from_it() {
    let mut bench = two_wards_bench().await;
    let _done = bench.answer(|_| answered(Outcome::Done));
    bench.board.send_modify(|board| {
        let alarms = Arc::make_mut(&mut Arc::make_mut(board).alarms);
        let at = |ward: &str, id: &str| {
            let ward = Some(ward.parse().unwrap());
            let rule = "link.outage".parse().unwrap();
            Alarm { patient: None, rule, ward_now: ward.clone(), ward, ..sample_alarm(id, 5) }
        };
        let member = |id: &str| Alarm { group: Some("O1".to_owned()), ..sample_alarm(id, 6) };
        for alarm in [at("icu", "O1"), at("west", "O2"), member("M2"), member("M1")] {
            alarms.insert(alarm.id.clone(), Arc::new(alarm));
        }
    });
    let seen = r#"{"seq":5}"#;
    for (path, status) in [("/alarms/O1/acknowledge", 200), ("/alarms/O2/acknowledge", 403)] {
        let reply = ask(&bench, "ci", "POST", path, seen).await;
        assert_eq!(reply.status, status, "{path}: {reply:?}");
    }
    let members = json!(["M1", "M2"]);
    let one = ask(&bench, "ci", "GET", "/alarms/O1", "").await.json();
    assert_eq!(one["alarm"]["members"], members);
    let all = ask(&bench, "ci", "GET", "/alarms", "").await.json();
    let all = all["items"].as_array().unwrap();
    let of = |id: &str| all.iter().find(|alarm| alarm["id"] == id).unwrap()["members"].clone();
    assert_eq!((of("O1"), of("M1")), (members, json!([])));
}

#[tokio::test]
async fn a_token_for_wards_that_do_not_exist_is_told_so_at_once() {
    let bench = two_wards_bench().await;
    bench.board.send_modify(|board| {
        Arc::make_mut(&mut Arc::make_mut(board).wards).remove("icu");
    });
    let problem = ask(&bench, "vi", "GET", "/alarms", "").await.problem(403);
    assert!(problem["detail"].as_str().unwrap().contains("no ward here"), "{problem}");
}

/// The roles of people, each as which of the rules' it is; a maker has some of its own.
const ROLES: [(Role, Option<usize>); 6] = [
    (Role::Viewer, Some(0)),
    (Role::Clinician, Some(1)),
    (Role::WardAdmin, Some(2)),
    (Role::Maker, None),
    (Role::Ops, Some(3)),
    (Role::Admin, Some(4)),
];

#[tokio::test]
async fn every_role_may_on_every_route_what_its_rule_says_by_name_and_by_a_token_of_its_own() {
    let mut house = House::open().await;
    house.bench.answer(|_| answered(Outcome::Done));
    for (role, of) in ROLES {
        let name = role.as_str();
        let wards = if role == Role::WardAdmin { ["icu", "west"].as_slice() } else { &[] };
        house.person(name, role, wards);
        let cookie = house.session(name);
        let signed_in = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
        let text = format!("vg_{name}");
        let bearer = format!("Bearer {text}");
        let token = PersonalToken {
            sha256: Digest::of(&text),
            role,
            wards: house.people.look(|book| book.people[name].wards.clone()),
            until: "2100-01-01T00:00:00Z".parse().unwrap(),
        };
        house.people.change(|book| book.add_token(name, "program", token)).unwrap();
        let with_token = [("authorization", bearer.as_str())];
        for Rule { method, route, here: (path, body), may, elsewhere } in rules() {
            let rule_may = may;
            let of_gateway = role == Role::WardAdmin && elsewhere.2 == GATEWAY;
            let may = match of {
                Some(of) => may[of] && !of_gateway,
                None => method == "GET" && ["/devices", "/devices/{id}"].contains(&route),
            };
            for (how, headers) in [("signed in", &signed_in[..]), ("by token", &with_token)] {
                let of_person = route.starts_with("/tokens") || route.starts_with("/push");
                let own = of_person && how == "signed in";
                // What outlives a session is done by a person, and by no program of theirs.
                let may = may && (rule_may != CARERS || how == "signed in");
                house.furnish();
                let reply = ask_with(&house.bench, headers, method, path, body).await;
                let said = format!("{method} {route} as {name} {how}: {reply:?}");
                assert_eq!(reply.status < 300, may || own, "{said}");
                assert!(may || own || reply.status == 403, "{said}");
            }
        }
    }
    let sees = ["viewer", "clinician", "ward-admin"];
    let looks = house.people.take_looks();
    assert!(looks.iter().all(|look| sees.iter().any(|name| look.actor.starts_with(name))));
}

#[tokio::test]
async fn a_maker_sees_devices_of_its_own_and_no_patient() {
    let house = House::open().await;
    house.person("maker", Role::Maker, &[]);
    let cookie = house.session("maker");
    let ask = async |path: &str| house.bench.call("GET", path, &[("cookie", &cookie)], "").await;
    let devices = ask("/api/v1/devices").await;
    let list = devices.json();
    let ids: Vec<_> = list["items"].as_array().unwrap().iter().map(|d| d["id"].clone()).collect();
    assert_eq!(ids, [json!("dev-1")], "{devices:?}");
    let device = ask("/api/v1/devices/dev-1").await;
    assert_eq!(device.status, 200);
    for reply in [&devices, &device] {
        assert!(!reply.body.contains("p-1") && !reply.body.contains("icu"), "{reply:?}");
    }
    ask("/api/v1/devices/dev-3").await.problem(404);
    ask("/api/v1/devices/free-1").await.problem(404);
    assert_eq!(ask("/metrics").await.status, 403);
}

#[tokio::test]
async fn a_token_of_a_person_is_shown_once_and_is_taken_back() {
    let house = House::open().await;
    house.person("jane", Role::Clinician, &["icu"]);
    let cookie = house.session("jane");
    let signed_in = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
    let add = async |body: &str| ask_with(&house.bench, &signed_in, "POST", "/tokens", body).await;
    for beyond in [
        r#"{"name":"t","role":"ops"}"#,
        r#"{"name":"t","wards":["west"]}"#,
        r#"{"name":"t","days":0}"#,
    ] {
        add(beyond).await.problem(422);
    }
    let made = add(r#"{"name":"t","role":"viewer","days":1}"#).await;
    assert_eq!(made.status, 201);
    assert_eq!((&made.json()["role"], &made.json()["wards"]), (&json!("viewer"), &json!(["icu"])));
    let text = made.json()["token"].as_str().unwrap().to_owned();
    add(r#"{"name":"t"}"#).await.problem(409);
    assert_eq!(ask(&house.bench, &text, "GET", "/patients/p-1", "").await.status, 200);
    assert_eq!(ask(&house.bench, &text, "GET", "/patients/p-3", "").await.status, 404);
    let list = ask_with(&house.bench, &signed_in, "GET", "/tokens", "").await;
    assert!(list.body.contains("\"t\"") && !list.body.contains(&text));
    let revoked = ask_with(&house.bench, &signed_in, "DELETE", "/tokens/t", "").await;
    assert_eq!(revoked.status, 204);
    ask(&house.bench, &text, "GET", "/patients/p-1", "").await.problem(401);
}

#[tokio::test]
async fn a_station_sees_on_every_route_what_a_viewer_sees_and_acts_on_none_without_a_pin() {
    let mut house = House::open().await;
    house.bench.answer(|_| answered(Outcome::Done));
    house.person("jane", Role::WardAdmin, &["icu", "north"]);
    let cookie = house.station("desk", &["icu", "west"]);
    let signature = house.unlock(&cookie, "jane");
    let at_it = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
    let signed = [at_it[0], at_it[1], ("vitalgate-signature", signature.as_str())];
    for Rule { method, route, here: (path, body), may, elsewhere } in rules() {
        house.furnish();
        let reply = ask_with(&house.bench, &at_it, method, path, body).await;
        let expected = match (method, may[0] && elsewhere.2 != GATEWAY) {
            ("GET", true) => 200,
            ("GET", false) => 403,
            _ => 423,
        };
        assert_eq!(reply.status, expected, "{method} {route}: {reply:?}");
        if method == "GET" {
            continue;
        }
        // As jane is a ward-admin, but of what both have, and not for what outlives her PIN.
        let allowed = may[2] && may != CARERS && elsewhere.2 != GATEWAY;
        let reply = ask_with(&house.bench, &signed, method, path, body).await;
        let said = format!("{method} {route} signed: {reply:?}");
        assert_eq!(reply.status < 300, allowed, "{said}");
        assert!(allowed || reply.status == 403, "{said}");
        if elsewhere.2 != GATEWAY && allowed {
            let (path, body, status) = elsewhere;
            let reply = ask_with(&house.bench, &signed, method, path, body).await;
            assert_eq!(reply.status, status, "{method} {path} {body}: {reply:?}");
        }
    }
}

#[tokio::test]
async fn whoever_looks_after_the_people_of_a_ward_looks_after_nobody_elses() {
    let house = House::open().await;
    house.person("chief", Role::WardAdmin, &["icu"]);
    house.person("second", Role::WardAdmin, &["icu"]);
    house.person("both", Role::Clinician, &["icu", "west"]);
    house.person("all", Role::Clinician, &[]);
    house.furnish();
    let cookie = house.session("chief");
    let chief = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
    let ask = async |method: &str, path: &str, body: &str| {
        ask_with(&house.bench, &chief, method, path, body).await
    };
    let list = ask("GET", "/people", "").await.json();
    let names: Vec<_> = list["items"].as_array().unwrap().iter().map(|p| &p["name"]).collect();
    assert_eq!(names, [&json!("near")]);
    let stations = ask("GET", "/stations", "").await.json();
    assert_eq!(stations["items"].as_array().unwrap().len(), 1, "{stations}");
    for name in ["chief", "second", "both", "all", "far", "nobody"] {
        ask("PATCH", &format!("/people/{name}"), r#"{"disabled":true}"#).await.problem(404);
        ask("POST", &format!("/people/{name}/link"), "{}").await.problem(404);
    }
    for (method, path, body, status) in [
        ("POST", "/people", r#"{"name":"x","role":"ward-admin","wards":["icu"]}"#, 403),
        ("POST", "/people", r#"{"name":"x","role":"admin"}"#, 403),
        ("POST", "/people", r#"{"name":"x","role":"viewer"}"#, 403),
        ("POST", "/people", r#"{"name":"x","role":"viewer","wards":["icu","west"]}"#, 403),
        ("POST", "/people", r#"{"name":"x","role":"viewer","wards":["nosuchward"]}"#, 422),
        ("POST", "/people", r#"{"name":"a/b","role":"viewer","wards":["icu"]}"#, 422),
        ("POST", "/people", r#"{"name":"near","role":"viewer","wards":["icu"]}"#, 409),
        ("PATCH", "/people/near", r#"{"role":"ops","wards":null}"#, 403),
        ("PATCH", "/people/near", r#"{"wards":null}"#, 403),
        ("PATCH", "/people/near", r#"{"wards":[]}"#, 422),
        ("PATCH", "/people/near", r#"{"wards":["nosuchward"]}"#, 422),
        ("POST", "/stations", r#"{"name":"x","wards":["icu","west"]}"#, 403),
        ("POST", "/stations", r#"{"name":"x","wards":[]}"#, 422),
        ("POST", "/stations", r#"{"name":"x","wards":["nosuchward"]}"#, 422),
        ("PATCH", "/people/near", r#"{"role":"clinician","disabled":true}"#, 200),
    ] {
        let reply = ask(method, path, body).await;
        assert_eq!(reply.status, status, "{method} {path} {body}: {reply:?}");
    }
    let list = ask("GET", "/people", "").await.json();
    assert_eq!(
        (&list["items"][0]["role"], &list["items"][0]["state"]),
        (&json!("clinician"), &json!("disabled"))
    );
}
