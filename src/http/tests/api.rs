//! Routes and statuses.

use std::sync::Arc;

use serde_json::json;

use super::client::Reply;
use super::fixture::Bench;
use super::store::transition;
use super::ward::{answered, now, sample_alarm, tokens, two_wards};
use crate::pipeline::load_shedding::{LoadShedding, Pressure};
use crate::telemetry::Metrics;
use vitalgate_domain::model::alarm::{Alarm, State};
use vitalgate_domain::model::command::{Action, AgeClass, AlarmAct, Outcome};
use vitalgate_domain::model::ids::WardId;
use vitalgate_domain::model::message::DeadLetter;
use vitalgate_domain::model::signal::SignalId;
use vitalgate_domain::model::time::Span;

const ACKNOWLEDGE: &str = "/api/v1/alarms/A1/acknowledge";

#[tokio::test]
async fn lists_and_things_are_read_from_the_board() {
    let bench = Bench::start().await;
    let letter = DeadLetter {
        principal: "dev-1".parse().unwrap(),
        device: None,
        topic: "vitalgate/v1/dev-1/telemetry".into(),
        kind: None,
        reason: "shape: not JSON".into(),
        length: 3,
        head: b"\xffno".to_vec(),
    };
    bench.store.commit(|row| row.dead_letters = vec![letter]);
    let check = async |path: &str, pointer: &str, expected: serde_json::Value| {
        let reply = bench.get(path).await;
        assert_eq!(reply.status, 200, "{path}: {reply:?}");
        assert_eq!(reply.headers["cache-control"], "no-store");
        assert_eq!(reply.json().pointer(pointer), Some(&expected), "{path}: {}", reply.body);
    };
    check("/api/v1/alarms", "/items/0/id", json!("A1")).await;
    check("/api/v1/alarms?state=latched", "/items", json!([])).await;
    check("/api/v1/alarms?state=alarming,latched&ward=icu", "/items/0/seq", json!(1)).await;
    check("/api/v1/alarms/A1", "/alarm/trigger/signal", json!("heart_rate")).await;
    check("/api/v1/patients?ward=icu", "/items/0/id", json!("p-1")).await;
    check("/api/v1/patients/p-1", "/monitored/state", json!("monitored")).await;
    check("/api/v1/patients/p-1/limits", "/version", json!(3)).await;
    let limits = bench.get("/api/v1/patients/p-1/limits").await;
    assert_eq!(limits.headers["etag"], "\"3\"");
    check("/api/v1/wards", "/items/0/beds/1", json!("icu-2")).await;
    check("/api/v1/beds", "/items/0/patient", json!("p-1")).await;
    check("/api/v1/beds", "/items/1/patient", json!(null)).await;
    check("/api/v1/devices?limit=1", "/items/0/connectivity", json!("connected")).await;
    check("/api/v1/devices/dev-1/binding", "/binding/patient", json!("p-1")).await;
    check("/api/v1/dead-letters", "/items/0/head_base64", json!("/25v")).await;
}

#[tokio::test]
async fn what_was_refused_is_shown_without_its_body_to_those_who_see_no_values() {
    let bench = Bench::start_with(|state| state.auth = tokens().into()).await;
    let letter = |head: &[u8]| DeadLetter {
        principal: "hub".parse().unwrap(),
        device: Some("dev-1".parse().unwrap()),
        topic: "vitalgate/v1/dev-1/telemetry".into(),
        kind: None,
        reason: "shape: not JSON".into(),
        length: head.len() as u64,
        head: head.to_vec(),
    };
    let letters = vec![letter(b"spo2 84"), letter(b"spo2 84"), letter(b"spo2 85")];
    bench.store.commit(|row| row.dead_letters = letters);
    let ask = async |token: &str| {
        let bearer = format!("Bearer {token}");
        bench.call("GET", "/api/v1/dead-letters", &[("authorization", &bearer)], "").await.json()
    };
    let (mut ops, clinician) = (ask("o").await, ask("c").await);
    assert_eq!(clinician["items"][1]["head_base64"], "c3BvMiA4NA==");
    let items = ops["items"].as_array().unwrap();
    assert!(items.iter().all(|item| item["head_base64"].is_null()), "{ops}");
    let digest = |n: usize| items[n]["head_digest"].as_str().unwrap();
    assert!(digest(1) == digest(2) && digest(0) != digest(1), "what came twice can be told");
    let sha256 = ring::digest::digest(&ring::digest::SHA256, b"spo2 84");
    assert_ne!(digest(1), data_encoding::HEXLOWER.encode(sha256.as_ref()), "nor guessed");
    for n in 0..3 {
        ops["items"][n]["head_base64"] = clinician["items"][n]["head_base64"].clone();
    }
    assert_eq!(ops, clinician, "all else is the same");
}

#[tokio::test]
async fn a_patient_is_judged_up_to_where_the_board_is() {
    let bench = Bench::start().await;
    let later = now() + Span::secs(90);
    bench.board.send_modify(|board| Arc::make_mut(board).judged_to = later);
    for (path, place) in [("/api/v1/patients/p-1", ""), ("/api/v1/patients", "/items/0")] {
        let reply = bench.get(path).await.json();
        let judged_to = reply.pointer(&format!("{place}/monitored/judged_to"));
        assert_eq!(judged_to, Some(&json!(later)), "{path}");
    }
}

#[tokio::test]
async fn closed_alarms_come_from_the_log_in_pages() {
    let bench = Bench::start().await;
    bench.commit_all(1..=4, "icu");
    // A1 to A3 are closed, A4 is not.
    let closed = (1..=3).map(|n| {
        let mut alarm = sample_alarm(&format!("A{n}"), 4 + n);
        alarm.state = State::Closed;
        transition(&alarm, "closed")
    });
    bench.store.commit_transitions(closed.collect());
    let page = bench.get("/api/v1/alarms?state=closed&limit=2").await.json();
    assert_eq!((&page["items"][0]["id"], &page["items"][1]["id"]), (&json!("A3"), &json!("A2")));
    assert_eq!(page["next"], "6");
    let rest = bench.get("/api/v1/alarms?state=closed&limit=2&cursor=6").await.json();
    assert_eq!((&rest["items"][0]["id"], &rest["next"]), (&json!("A1"), &json!(null)));
    bench.board.send_replace(Arc::new(two_wards()));
    let elsewhere = bench.get("/api/v1/alarms?state=closed&ward=west").await.json();
    assert_eq!(elsewhere["items"], json!([]));
    let story = bench.get("/api/v1/alarms/A2").await.json();
    let change = |n: usize| story["transitions"][n]["change"].clone();
    assert_eq!((change(0), change(1)), (json!("raised"), json!("closed")));
}

#[tokio::test]
async fn a_ward_or_a_patient_that_is_not_there_is_no_empty_answer() {
    let bench = Bench::start_with(|state| state.auth = tokens().into()).await;
    bench.board.send_replace(Arc::new(two_wards()));
    let ask = async |token: &str, path: &str| {
        let bearer = format!("Bearer {token}");
        let reply = bench.call("GET", path, &[("authorization", &bearer)], "").await;
        let detail = |reply: &Reply| reply.json()["detail"].as_str().unwrap_or("").to_owned();
        (reply.status, if reply.status == 200 { String::new() } else { detail(&reply) })
    };
    for list in ["alarms?ward=", "alarms?state=closed&ward=", "patients?ward=", "stream?wards="] {
        let missing = ask("v", &format!("/api/v1/{list}nosuch")).await;
        assert_eq!(missing, (404, "there is no ward `nosuch`".to_owned()), "{list}");
        let of = async |ward: &str| {
            let (status, detail) = ask("vi", &format!("/api/v1/{list}{ward}")).await;
            (status, detail.replace(ward, "…"))
        };
        let elsewhere = of("west").await;
        assert_eq!((elsewhere.0, &elsewhere), (403, &of("nosuch").await), "{list}");
    }
    assert_eq!(ask("v", "/api/v1/stream?wards=icu,nosuch").await.0, 404);
    for list in ["alarms?patient=", "alarms?state=closed&patient="] {
        let missing = ask("v", &format!("/api/v1/{list}nobody")).await;
        assert_eq!(missing, (404, "there is no patient `nobody`".to_owned()), "{list}");
        for patient in ["nobody", "p-3"] {
            assert_eq!(ask("vi", &format!("/api/v1/{list}{patient}")).await.0, 404, "{patient}");
        }
        for token in ["v", "vi"] {
            assert_eq!(ask(token, &format!("/api/v1/{list}p-1")).await.0, 200, "{list}");
        }
    }

    // What was here of whoever is elsewhere now, or is not known any more, is shown.
    let before = [("A7", "p-3", 7), ("A8", "gone", 8)].map(|(id, patient, seq)| {
        let closed_at = Some(now());
        let patient = Some(patient.parse().unwrap());
        let icu: Option<WardId> = Some("icu".parse().unwrap());
        let (ward, ward_now) = (icu.clone(), icu);
        let state = State::Closed;
        transition(
            &Alarm { closed_at, patient, ward, ward_now, state, ..sample_alarm(id, seq) },
            "closed",
        )
    });
    bench.store.commit_transitions(before.to_vec());
    for patient in ["p-3", "gone"] {
        let path = format!("/api/v1/alarms?state=closed&patient={patient}");
        assert_eq!((ask("v", &path).await.0, ask("vi", &path).await.0), (200, 200), "{patient}");
    }
}

#[tokio::test]
async fn what_is_wrong_is_said_in_problems() {
    let mut bench = Bench::start().await;
    bench.answer(|_| answered(Outcome::Done));
    let check = |reply: Reply, status: u16, words: &str| {
        let detail = reply.problem(status)["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(words), "{detail}");
    };
    check(bench.get("/api/v1/nothing").await, 404, "/nothing");
    check(bench.get("/api/v1/patients/nobody").await, 404, "nobody");
    check(bench.get("/api/v1/patients/%20").await, 404, "not an id");
    check(bench.get("/api/v1/patients?wart=icu").await, 400, "wart");
    check(bench.get("/api/v1/alarms?state=loud").await, 400, "loud");
    check(bench.get("/api/v1/alarms/A1/reset").await, 405, "GET");
    check(bench.post(ACKNOWLEDGE, "").await, 428, "seq");
    check(bench.post(ACKNOWLEDGE, "{\"seq\":1,\"sek\":2}").await, 422, "unknown field `sek`");
    check(bench.post(ACKNOWLEDGE, "{\"seq\":").await, 400, "EOF");
    check(bench.post("/api/v1/patients", "{\"id\":\"a b\"}").await, 422, "not an id");
    check(bench.post("/api/v1/patients", &" ".repeat(70_000)).await, 413, "");
    let text = [("content-type", "text/plain")];
    check(bench.call("POST", ACKNOWLEDGE, &text, "{\"seq\":1}").await, 415, "application/json");
    let tag = [("if-match", "three")];
    let path = "/api/v1/patients/p-1/limits";
    check(bench.call("PUT", path, &tag, "{\"limits\":[]}").await, 400, "If-Match");
    check(bench.get("/api/v1/devices/dev-1/series?signal=hart").await, 422, "hart");
}

#[tokio::test]
async fn answers_become_statuses() {
    for (outcome, status) in [
        (Outcome::Done, 201),
        (Outcome::AlreadySo, 200),
        (Outcome::NotFound, 404),
        (Outcome::Conflict, 409),
        (Outcome::Stale, 412),
        (Outcome::Invalid, 422),
    ] {
        let mut bench = Bench::start().await;
        bench.answer(move |_| answered(outcome));
        assert_eq!(bench.post("/api/v1/wards", "{\"id\":\"w\"}").await.status, status);
    }
}

#[tokio::test]
async fn a_conflict_carries_the_alarm_as_it_is() {
    let mut bench = Bench::start().await;
    let observed = bench.answer(|_| {
        let mut answer = answered(Outcome::Conflict);
        answer.alarm = Some(sample_alarm("A1", 44));
        answer
    });
    let problem = bench.post(ACKNOWLEDGE, "{\"seq\":12}").await.problem(409);
    assert_eq!(problem["alarm"]["seq"], 44);
    assert_eq!(problem["outcome"], "conflict");
    let command = observed.lock().unwrap()[0].clone();
    assert_eq!(command.actor, "local:demo");
    let id = "A1".parse().unwrap();
    let expected = Action::Alarm { id, seen: 12, act: AlarmAct::Acknowledge };
    assert_eq!(command.action, expected);
}

#[tokio::test]
async fn several_alarms_are_acknowledged_in_one_commit() {
    let mut bench = Bench::start().await;
    bench.answer(|command| {
        let first = matches!(command.action, Action::Alarm { seen: 1, .. });
        answered(if first { Outcome::Done } else { Outcome::Conflict })
    });
    let body = "{\"alarms\":[{\"id\":\"A1\",\"seq\":1},{\"id\":\"A2\",\"seq\":2}]}";
    let items = bench.post("/api/v1/alarms/acknowledge", body).await.json()["items"].clone();
    assert_eq!((&items[0]["id"], &items[0]["status"]), (&json!("A1"), &json!(200)));
    assert_eq!((&items[1]["id"], &items[1]["status"]), (&json!("A2"), &json!(409)));
    let body = "{\"alarms\":[{\"id\":\"A1\"}]}";
    bench.post("/api/v1/alarms/acknowledge", body).await.problem(428);
}

#[tokio::test]
async fn a_limit_of_spo2_that_looks_like_a_fraction_is_refused_with_what_it_may_mean() {
    let mut bench = Bench::start().await;
    let observed = bench.answer(|_| answered(Outcome::Done));
    let limit = |signal: &str, value: f64| json!({ "signal": signal, "side": "low", "value": value, "unit": "%" });
    let path = "/api/v1/patients/p-1/limits";
    for (value, meant) in [(0.9, "90 %"), (1.0, "100 %"), (0.0, "per cent")] {
        let signal = "spo2";
        let limits = [limit(signal, value)];
        let put = json!({ "limits": limits }).to_string();
        let patch = json!({ "signal": signal, "limits": limits }).to_string();
        for (method, body) in [("PUT", put), ("PATCH", patch)] {
            let reply = bench.call(method, path, &[], &body).await;
            assert_eq!(reply.status, 422, "{method} {value}: {reply:?}");
            assert!(reply.body.contains("per cent"), "{}", reply.body);
            assert!(reply.body.contains(meant), "{}", reply.body);
        }
    }
    assert!(observed.lock().unwrap().is_empty());
    let body = json!({ "limits": [limit("spo2", 90.0)] }).to_string();
    bench.call("PUT", path, &[], &body).await;
    assert_eq!(observed.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn limits_and_bindings_become_commands() {
    let mut bench = Bench::start().await;
    let observed = bench.answer(|_| answered(Outcome::Done));
    let tag = [("if-match", "\"3\"")];
    let limits = "{\"limits\":[{\"signal\":\"heart_rate\",\"side\":\"high\",\"value\":150,\"unit\":\"/min\",\"until\":\"2026-11-22T10:00:00Z\"}]}";
    bench.call("PUT", "/api/v1/patients/p-1/limits", &tag, limits).await;
    let path = "/api/v1/devices/dev-1/binding";
    let zeros = "{\"patient\":\"p-1\",\"zero_means_no_sensor\":[\"heart_rate\"]}";
    bench.call("PUT", path, &[], zeros).await;
    bench.call("PATCH", path, &[], "{\"patient\":null,\"reason\":\"mixed up\"}").await;
    bench.call("PATCH", path, &[], "{\"reason\":\"mixed up\"}").await.problem(422);
    bench.call("DELETE", path, &[], "").await;
    bench.call("PATCH", "/api/v1/patients/p-1", &[], "{\"continuous\":false}").await;
    let actions: Vec<_> = observed.lock().unwrap().iter().map(|c| c.action.clone()).collect();
    let device: vitalgate_domain::model::ids::DeviceId = "dev-1".parse().unwrap();
    assert!(matches!(&actions[0], Action::SetLimits { replaces: Some(3), limits, .. }
        if limits[0].value == Some(150.0) && limits[0].until == "2026-11-22T10:00:00Z".parse().ok()));
    assert!(matches!(&actions[1], Action::Bind { zero_means_no_sensor, .. }
        if *zero_means_no_sensor == Some(vec![SignalId(1)])));
    let reason = "mixed up".into();
    let correction =
        Action::CorrectBinding { device: device.clone(), patient: None, reason, replaces: None };
    assert_eq!(actions[2], correction);
    assert_eq!(actions[3], Action::Unbind { device, replaces: None });
    assert!(matches!(
        &actions[4],
        Action::ChangePatient { continuous: Some(false), age_class: None, .. }
    ));
}

#[tokio::test]
async fn an_admission_states_the_age_class_and_unknown_is_an_answer() {
    let mut bench = Bench::start().await;
    let observed = bench.answer(|_| answered(Outcome::Done));
    let ways =
        [("/api/v1/patients", r#"{"id":"p-7"AGE}"#), ("/api/v1/patients/p-7/admit", "{AGE}")];
    for (path, body) in ways {
        let ask =
            async |age: &str| bench.post(path, &body.replace("AGE", age).replace("{,", "{")).await;
        for missing in ["", r#","age_class":null"#] {
            let refused = ask(missing).await;
            let detail = refused.problem(422)["detail"].to_string();
            for class in ["adult", "paediatric", "neonatal", "unknown"] {
                assert!(detail.contains(&format!("`{class}`")), "{path}: {detail}");
            }
        }
        ask(r#","age_class":"child""#).await.problem(422);
        assert!(ask(r#","age_class":"unknown""#).await.status < 300, "{path}");
    }
    let observed = observed.lock().unwrap();
    assert_eq!(observed.len(), ways.len(), "what is refused does not become a command");
    for command in observed.iter() {
        let Action::AdmitPatient(details) = &command.action else { panic!("{command:?}") };
        assert_eq!((details.id.as_str(), details.age_class), ("p-7", AgeClass::Unknown));
    }
}

#[tokio::test]
async fn a_failing_store_refuses_new_commands_and_leaves_waiting_ones_unknown() {
    let mut bench = Bench::start().await;
    let mut submissions = bench.submissions.take().unwrap();
    let waiting = bench.post(ACKNOWLEDGE, "{\"seq\":1}");
    let fail = async {
        let held = submissions.recv().await.unwrap();
        bench.board.send_modify(|board| Arc::make_mut(board).store_failing = true);
        held
    };
    let (reply, _held) = tokio::join!(waiting, fail);
    assert_eq!(reply.problem(503)["outcome"], "unknown");
    let refused = bench.post(ACKNOWLEDGE, "{\"seq\":1}").await;
    assert_eq!(refused.problem(503)["outcome"], "refused");
    assert!(submissions.try_recv().is_err(), "nothing was handed over");
}

#[tokio::test]
async fn a_command_whose_receipt_is_dropped_was_not_accepted() {
    let mut bench = Bench::start().await;
    let mut submissions = bench.submissions.take().unwrap();
    let drop_it = async { drop(submissions.recv().await) };
    let (reply, ()) = tokio::join!(bench.post(ACKNOWLEDGE, "{\"seq\":1}"), drop_it);
    assert_eq!(reply.problem(503).get("outcome"), None);
}

#[tokio::test]
async fn the_same_key_gets_the_same_answer_without_a_second_command() {
    let mut bench = Bench::start().await;
    let observed = bench.answer(|_| answered(Outcome::Done));
    let key = [("idempotency-key", "k-1")];
    let first = bench.call("POST", "/api/v1/wards", &key, "{\"id\":\"w\"}").await;
    let again = bench.call("POST", "/api/v1/wards", &key, "{\"id\":\"w\"}").await;
    assert_eq!((first.status, &first.body), (again.status, &again.body));
    assert_eq!(observed.lock().unwrap().len(), 1);
    bench.call("POST", "/api/v1/wards", &key, "{\"id\":\"x\"}").await.problem(422);
}

#[tokio::test]
async fn range_queries_are_shed_under_load_and_nothing_else_does() {
    let mut shedding = LoadShedding::new(Metrics::default());
    let load = shedding.load();
    let bench = Bench::start_with(|app| app.load = load).await;
    let path = "/api/v1/devices/dev-1/series?signal=heart_rate";
    shedding.observe(Pressure { bytes: 0, waited_s: 0.9 });
    assert_eq!(bench.get(path).await.status, 200);
    shedding.observe(Pressure { bytes: 0, waited_s: 9.0 });
    let refused = bench.get(path).await;
    refused.problem(503);
    assert_eq!(refused.headers["retry-after"], "5");
    let counted = "vitalgate_gave_way_total{what=\"range_query\"} 1";
    assert!(bench.metrics.exposition().contains(counted));
    for path in ["/api/v1/alarms", "/api/v1/alarms/A1", "/api/v1/patients/p-1"] {
        assert_eq!(bench.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn readiness_names_its_reasons() {
    let bench = Bench::start().await;
    let reply = bench.get("/readyz").await;
    assert_eq!(reply.status, 503);
    assert_eq!(reply.json()["reasons"][0], "not listening");
    bench.pulse.set_listening(true);
    bench.board.send_modify(|board| {
        Arc::make_mut(board).judged_to =
            vitalgate_domain::model::time::Timestamp::from_millis(i64::MAX);
    });
    assert_eq!(bench.get("/readyz").await.status, 200);
    assert!(bench.get("/metrics").await.body.ends_with("# EOF\n"));
}

#[tokio::test]
async fn the_page_is_served_and_asked_for_again() {
    let bench = Bench::start().await;
    let page = bench.get("/").await;
    assert_eq!(page.status, 200);
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(page.headers["cache-control"], "no-cache");
    assert!(page.headers["content-security-policy"].contains("default-src 'none'"));
    let tag = [("if-none-match", page.headers["etag"].as_str())];
    assert_eq!(bench.call("GET", "/", &tag, "").await.status, 304);
    bench.get("/../Cargo.toml").await.problem(404);
}
