//! Who may do what, and who is not answered at all.

use std::sync::Arc;

use super::fixture::Bench;
use super::ward::{answered, tokens};
use crate::http::AppState;
use crate::ingest::Refusals;
use vitalgate_domain::model::command::Outcome;
use vitalgate_domain::model::input::{Input, SignInWay};

#[tokio::test]
async fn every_route_asks_for_its_right() {
    let mut bench = Bench::start_with(|state| state.auth = tokens().into()).await;
    bench.answer(|_| answered(Outcome::Done));
    let everybody = [true, true, true];
    let bedside = [true, true, false];
    let clinician = [false, true, false];
    let ops = [false, false, true];
    let seen = "{\"seq\":1}";
    let routes = [
        ("GET", "/api/v1/alarms", "", bedside),
        ("GET", "/api/v1/alarms/A1", "", bedside),
        ("POST", "/api/v1/alarms/A1/acknowledge", seen, clinician),
        ("POST", "/api/v1/alarms/A1/unacknowledge", seen, clinician),
        ("POST", "/api/v1/alarms/A1/reset", seen, clinician),
        (
            "POST",
            "/api/v1/alarms/acknowledge",
            "{\"alarms\":[{\"id\":\"A\",\"seq\":1}]}",
            clinician,
        ),
        ("GET", "/api/v1/wards", "", bedside),
        ("POST", "/api/v1/wards", "{\"id\":\"w\"}", clinician),
        ("GET", "/api/v1/wards/icu/latest", "", bedside),
        ("GET", "/api/v1/beds", "", bedside),
        ("POST", "/api/v1/beds", "{\"id\":\"b\",\"ward\":\"w\"}", clinician),
        ("GET", "/api/v1/patients", "", bedside),
        ("POST", "/api/v1/patients", "{\"id\":\"p\",\"age_class\":\"adult\"}", clinician),
        ("GET", "/api/v1/patients/p-1", "", bedside),
        ("PATCH", "/api/v1/patients/p-1", "{}", clinician),
        ("POST", "/api/v1/patients/p-1/admit", "{\"age_class\":\"adult\"}", clinician),
        ("POST", "/api/v1/patients/p-1/transfer", "{\"bed\":null}", clinician),
        ("POST", "/api/v1/patients/p-1/discharge", "{}", clinician),
        ("GET", "/api/v1/patients/p-1/limits", "", bedside),
        ("PUT", "/api/v1/patients/p-1/limits", "{\"limits\":[]}", clinician),
        ("GET", "/api/v1/patients/p-1/series?signal=heart_rate", "", bedside),
        ("GET", "/api/v1/devices", "", everybody),
        ("POST", "/api/v1/devices", "{\"id\":\"d\",\"class\":\"c\"}", ops),
        ("GET", "/api/v1/devices/dev-1", "", everybody),
        ("PATCH", "/api/v1/devices/dev-1", "{}", ops),
        ("GET", "/api/v1/devices/dev-1/series?signal=heart_rate", "", bedside),
        ("GET", "/api/v1/devices/dev-1/binding", "", bedside),
        ("PUT", "/api/v1/devices/dev-1/binding", "{\"patient\":\"p-1\"}", clinician),
        (
            "PATCH",
            "/api/v1/devices/dev-1/binding",
            "{\"patient\":null,\"reason\":\"r\"}",
            clinician,
        ),
        ("DELETE", "/api/v1/devices/dev-1/binding", "", clinician),
        ("GET", "/api/v1/dead-letters", "", ops),
        ("GET", "/api/v1/audit", "", ops),
        ("GET", "/metrics", "", everybody),
    ];
    for (method, path, body, allowed) in routes {
        bench.call(method, path, &[], body).await.problem(401);
        // Few enough that nobody has to wait for an answer.
        if method == "GET" {
            bench.call(method, path, &[("authorization", "Bearer x")], body).await.problem(401);
        }
        for (token, allowed) in ["v", "c", "o"].into_iter().zip(allowed) {
            let header = format!("Bearer {token}");
            let reply = bench.call(method, path, &[("authorization", &header)], body).await;
            let refused = reply.status == 403;
            assert_eq!(refused, !allowed, "{method} {path} as {token}: {reply:?}");
            assert!(refused || reply.status < 300, "{method} {path}: {reply:?}");
        }
    }
    bench.call("GET", "/api/v1/stream", &[("authorization", "Bearer o")], "").await.problem(403);
    bench.get("/api/v1/patients?token=c").await.problem(401);
    let device =
        bench.call("GET", "/api/v1/devices/dev-1", &[("authorization", "Bearer o")], "").await;
    assert_eq!(device.json().get("patient"), None, "ops sees no patients");
    assert!(!device.body.contains("p-1") && !device.body.contains("token"));
    assert_eq!(bench.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn a_token_that_nobody_has_is_counted_by_address_and_a_missing_one_is_not() {
    let refusals = Arc::<Refusals>::default();
    let (of_bench, auth) = (Arc::clone(&refusals), tokens());
    let change = |state: &mut AppState| (state.auth, state.refusals) = (auth.into(), of_bench);
    let bench = Bench::start_with(change).await;
    let ask = async |header: &str| {
        bench.call("GET", "/api/v1/patients", &[("authorization", header)], "").await.status
    };
    for (header, status) in [("Bearer v", 200), ("bearer x", 401), ("Bearer y", 401)] {
        assert_eq!(ask(header).await, status, "{header}");
    }
    assert_eq!(ask("Basic eDp5").await, 401);
    assert_eq!(bench.get("/metrics").await.status, 401);
    let told = refusals.rest();
    let [Input::SignInsFailed(failed)] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((failed.way, failed.name.as_deref()), (Some(SignInWay::Http), None));
    assert_eq!((failed.address.as_deref(), failed.count), (Some("127.0.0.1"), 3));
    assert_eq!(failed.why, "not a token");
    assert!(bench.metrics.exposition().contains("sign_ins_failed_total{way=\"http\"} 3"));
}

#[tokio::test]
async fn without_authentication_foreign_pages_are_kept_out() {
    let bench = Bench::start().await;
    for (host, origin, status) in [
        ("localhost:8080", None, 200),
        ("127.0.0.1:8080", Some("http://127.0.0.1:8080"), 200),
        ("[::1]:8080", Some("http://[::1]:8080"), 200),
        ("evil.example", None, 403),
        ("localhost:8080", Some("http://evil.example"), 403),
        ("localhost:8080", Some("http://localhost:9090"), 403),
        ("localhost:8080", Some("null"), 403),
    ] {
        let mut headers = vec![("host", host)];
        headers.extend(origin.map(|origin| ("origin", origin)));
        let reply = bench.call("GET", "/api/v1/patients", &headers, "").await;
        assert_eq!(reply.status, status, "{host} {origin:?}");
    }
    for name in ["Forwarded", "X-Forwarded-For", "X-Real-IP", "Via"] {
        let reply = bench.call("GET", "/api/v1/patients", &[(name, "192.0.2.7")], "").await;
        assert_eq!(reply.status, 403, "a proxy says so by {name}");
    }
}
