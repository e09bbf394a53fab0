//! Whole devices and bindings, and parts of them: what is named reaches the core, and what was seen.

use std::sync::Arc;

use super::fixture::Bench;
use super::ward::{answered, tokens};
use vitalgate_domain::model::command::{Action, Command, CommandAnswer, Outcome, Registration};
use vitalgate_domain::model::signal::SignalId;
use vitalgate_domain::model::time::Timestamp;

const DEVICE: &str = "/api/v1/devices/dev-1";
const BINDING: &str = "/api/v1/devices/dev-1/binding";

#[tokio::test]
async fn a_device_and_its_binding_are_given_with_their_versions() {
    let bench = Bench::start().await;
    assert_eq!(bench.get(DEVICE).await.headers["etag"], "\"4\"");
    let binding = bench.get(BINDING).await;
    assert_eq!(binding.headers["etag"], "\"7\"");
    assert_eq!(binding.json()["zero_means_no_sensor"], serde_json::json!(["heart_rate"]));
}

#[tokio::test]
async fn only_what_is_named_of_a_device_or_binding_is_asked_for() {
    let mut bench = Bench::start().await;
    let observed = bench.answer(|_| answered(Outcome::Done));
    let seen = [("if-match", "\"4\"")];
    bench.post("/api/v1/devices", r#"{"id":"dev-1","class":"monitor"}"#).await;
    bench.call("PATCH", DEVICE, &seen, r#"{"via":["hub"],"signals":[]}"#).await;
    let seen = [("if-match", "\"7\"")];
    bench.call("PUT", BINDING, &seen, r#"{"patient":"p-1"}"#).await;
    bench.call("PUT", BINDING, &[], r#"{"patient":"p-1","zero_means_no_sensor":["spo2"]}"#).await;
    bench.call("PATCH", BINDING, &seen, r#"{"patient":null,"reason":"mixed up"}"#).await;
    bench.call("DELETE", BINDING, &seen, "").await;
    let actions: Vec<_> = observed.lock().unwrap().iter().map(|c| c.action.clone()).collect();
    let nothing = Registration {
        id: "dev-1".parse().unwrap(),
        class: None,
        kind: None,
        token_sha256: None,
        via: None,
        signals: None,
        replaces: None,
        while_unbound: false,
    };
    let registered = Registration { class: Some("monitor".into()), ..nothing.clone() };
    let changed = Registration {
        via: Some(vec!["hub".parse().unwrap()]),
        signals: Some(Vec::new()),
        replaces: Some(4),
        ..nothing
    };
    let bound = |zero_means_no_sensor, replaces| Action::Bind {
        device: "dev-1".parse().unwrap(),
        patient: "p-1".parse().unwrap(),
        from: None,
        zero_means_no_sensor,
        replaces,
    };
    let device = || "dev-1".parse().unwrap();
    let expected = [
        Action::AddDevice(registered),
        Action::ChangeDevice(changed),
        bound(None, Some(7)),
        bound(Some(vec![SignalId(3)]), None),
        Action::CorrectBinding {
            device: device(),
            patient: None,
            reason: "mixed up".into(),
            replaces: Some(7),
        },
        Action::Unbind { device: device(), replaces: Some(7) },
    ];
    assert_eq!(actions, expected);
}

#[tokio::test]
async fn registering_what_is_there_otherwise_is_answered_with_what_is_there() {
    let mut bench = Bench::start_with(|state| state.auth = tokens().into()).await;
    let conflict = CommandAnswer { version: Some(4), ..answered(Outcome::Conflict) };
    bench.answer(move |_| conflict.clone());
    let ops = [("authorization", "Bearer o")];
    let body = r#"{"id":"dev-1","class":"wearable"}"#;
    let reply = bench.call("POST", "/api/v1/devices", &ops, body).await;
    let problem = reply.problem(409);
    assert_eq!((&*reply.headers["etag"], &problem["version"]), ("\"4\"", &4.into()));
    let there = bench.call("GET", DEVICE, &ops, "").await.json();
    assert_eq!(problem["device"], there, "as the same person sees it: without patients");
    assert!(problem["device"].get("patient").is_none());
}

#[tokio::test]
async fn registering_what_is_there_so_is_answered_with_its_version() {
    let mut bench = Bench::start().await;
    bench.answer(|_| CommandAnswer { version: Some(4), ..answered(Outcome::AlreadySo) });
    let same = bench.post("/api/v1/devices", r#"{"id":"dev-1","class":"monitor"}"#).await;
    assert_eq!((same.status, &*same.headers["etag"]), (200, "\"4\""));
    assert_eq!(same.json()["outcome"], "already_so");
}

#[tokio::test]
async fn how_a_bound_device_is_judged_only_a_clinician_says() {
    let mut bench = Bench::start_with(|state| state.auth = tokens().into()).await;
    let asked = bench.answer(|_| answered(Outcome::Done));
    let judged = [r#"{"class":"wearable"}"#, r#"{"signals":[{"signal":"spo2"}]}"#];
    let connects = [
        r#"{"via":["hub"]}"#.to_owned(),
        r#"{"kind":"relay"}"#.to_owned(),
        format!(r#"{{"token_sha256":"{}"}}"#, "ab".repeat(32)),
    ];
    let ask = async |token: &str, body: &str| {
        let bearer = format!("Bearer {token}");
        bench.call("PATCH", DEVICE, &[("authorization", &bearer)], body).await
    };
    for body in judged {
        assert_eq!(ask("c", body).await.status, 200, "{body}");
        let problem = ask("o", body).await.problem(403);
        assert!(problem["detail"].as_str().unwrap().contains("clinician"), "{problem}");
    }
    for body in &connects {
        assert_eq!(ask("o", body).await.status, 200, "{body}");
        ask("c", body).await.problem(403);
    }
    assert_eq!(ask("o", r#"{"class":"monitor"}"#).await.status, 200, "it is so");
    // Of one that watches nobody ops says it, for as long as it watches nobody.
    bench.board.send_modify(|board| {
        let devices = Arc::make_mut(&mut Arc::make_mut(board).devices);
        Arc::make_mut(devices.get_mut("dev-1").unwrap()).patient = None;
    });
    assert_eq!(ask("o", judged[0]).await.status, 200);
    let asked = asked.lock().unwrap();
    let while_unbound = |command: &Command| {
        let Action::ChangeDevice(named) = &command.action else { panic!("{command:?}") };
        named.while_unbound
    };
    let of_ops = asked.iter().filter(|command| command.actor == "o");
    assert!(of_ops.clone().count() == 5 && of_ops.into_iter().all(while_unbound));
    assert!(!asked.iter().filter(|command| command.actor == "c").any(while_unbound));
}

#[tokio::test]
async fn a_signal_that_stands_twice_is_refused_by_its_name() {
    let mut bench = Bench::start().await;
    let asked = bench.answer(|_| answered(Outcome::Done));
    let signals = r#""signals":[{"signal":"spo2"},{"signal":"heart_rate"},{"signal":"spo2"}]"#;
    let register = format!(r#"{{"id":"dev-1","class":"monitor",{signals}}}"#);
    for (method, path, body) in
        [("POST", "/api/v1/devices", register), ("PATCH", DEVICE, format!("{{{signals}}}"))]
    {
        let refused = bench.call(method, path, &[], &body).await;
        assert_eq!(refused.status, 422, "{method}: {refused:?}");
        assert!(refused.body.contains("`spo2` stands twice"), "{}", refused.body);
    }
    assert!(asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn whoever_saw_another_version_gets_412_and_the_one_that_stands() {
    let mut bench = Bench::start().await;
    let stale = CommandAnswer { version: Some(9), ..answered(Outcome::Stale) };
    bench.answer(move |_| stale.clone());
    let seen = [("if-match", "\"3\"")];
    for (method, path, body) in [
        ("POST", "/api/v1/devices", r#"{"id":"dev-1","class":"monitor"}"#),
        ("PATCH", DEVICE, "{}"),
        ("PUT", BINDING, r#"{"patient":"p-1"}"#),
        ("PATCH", BINDING, r#"{"patient":null,"reason":"mixed up"}"#),
        ("DELETE", BINDING, ""),
    ] {
        let problem = bench.call(method, path, &seen, body).await.problem(412);
        assert_eq!(problem["version"], 9, "{method} {path}");
        let nonsense = [("if-match", "3")];
        bench.call(method, path, &nonsense, body).await.problem(400);
    }
}

#[tokio::test]
async fn what_could_have_no_effect_is_refused_and_asked_of_nobody() {
    let mut bench = Bench::start().await;
    let observed = bench.answer(|_| answered(Outcome::Done));
    for (method, path, body, named) in [
        ("POST", "/api/v1/devices", r#"{"id":"dev-9","class":"monitor","via":["dev-9"]}"#, "`via`"),
        ("PATCH", DEVICE, r#"{"via":["hub","dev-1"]}"#, "`via`"),
        ("PATCH", DEVICE, r#"{"signals":[{"signal":"spo2","interval":"0s"}]}"#, "`interval`"),
        ("PATCH", DEVICE, r#"{"signals":[{"signal":"spo2","interval":"367d"}]}"#, "`interval`"),
        ("POST", "/api/v1/devices", r#"["dev-9","monitor",null,null,null,null]"#, "object"),
    ] {
        let problem = bench.call(method, path, &[], body).await.problem(422);
        assert!(problem["detail"].as_str().unwrap().contains(named), "{body}: {problem}");
    }
    let later = Timestamp::from_millis(4_102_444_800_000);
    let body = format!(r#"{{"patient":"p-1","from":"{later}"}}"#);
    let problem = bench.call("PUT", BINDING, &[], &body).await.problem(422);
    assert!(problem["detail"].as_str().unwrap().contains("`from`"), "{problem}");
    bench.board.send_modify(|board| {
        let devices = Arc::make_mut(&mut Arc::make_mut(board).devices);
        Arc::make_mut(devices.get_mut("dev-1").unwrap()).revoked = true;
    });
    let problem = bench.call("PUT", BINDING, &[], r#"{"patient":"p-1"}"#).await.problem(409);
    assert!(problem["detail"].as_str().unwrap().contains("revoked"), "{problem}");
    assert!(observed.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_transfer_names_its_bed_and_none_is_null() {
    let mut bench = Bench::start().await;
    let observed = bench.answer(|_| answered(Outcome::Done));
    for forgotten in ["", "{}"] {
        let reply = bench.call("POST", "/api/v1/patients/p-1/transfer", &[], forgotten).await;
        assert_eq!(reply.status, 422, "{forgotten}: {}", reply.body);
        assert!(reply.body.contains("`bed`"), "{}", reply.body);
    }
    assert_eq!(observed.lock().unwrap().len(), 0, "nobody is taken out of bed");
    for (body, bed) in [(r#"{"bed":null}"#, None), (r#"{"bed":"icu-2"}"#, Some("icu-2"))] {
        assert_eq!(bench.post("/api/v1/patients/p-1/transfer", body).await.status, 200);
        let action = observed.lock().unwrap().pop().unwrap().action;
        let bed = bed.map(|bed| bed.parse().unwrap());
        assert_eq!(
            action,
            Action::TransferPatient { patient: "p-1".parse().unwrap(), bed, replaces: None }
        );
    }
}

#[tokio::test]
async fn whoever_moves_or_discharges_may_say_whom_they_saw() {
    let mut bench = Bench::start().await;
    let observed = bench.answer(|_| answered(Outcome::Done));
    let seen = [("if-match", "\"7\"")];
    for (path, body) in [("transfer", r#"{"bed":null}"#), ("discharge", "{}")] {
        let path = format!("/api/v1/patients/p-1/{path}");
        assert_eq!(bench.call("POST", &path, &seen, body).await.status, 200);
        let action = observed.lock().unwrap().pop().unwrap().action;
        let replaces = if let Action::TransferPatient { replaces, .. } = action {
            replaces
        } else if let Action::DischargePatient { replaces, .. } = action {
            replaces
        } else {
            panic!("{action:?}");
        };
        assert_eq!(replaces, Some(7));
        let bad = bench.call("POST", &path, &[("if-match", "7")], body).await;
        assert_eq!(bad.status, 400, "{}", bad.body);
    }
}
