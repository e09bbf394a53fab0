//! Who may do what, and who is not answered at all.

use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::fixture::Bench;
use super::ward::tokens;
use crate::http::AppState;
use crate::ingest::Refusals;
use vitalgate_domain::model::input::{Input, SignInWay};

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
async fn a_request_that_names_two_hosts_is_refused_whoever_asks() {
    for auth in [None, Some(tokens())] {
        let bench = Bench::start_with(|state| {
            if let Some(auth) = auth {
                state.auth = auth.into();
            }
        })
        .await;
        for second in ["evil.example", "localhost"] {
            let mut socket = TcpStream::connect(bench.addr).await.unwrap();
            let request = format!(
                "GET /api/v1/patients HTTP/1.1\r\nhost: localhost\r\nhost: {second}\r\n\
                 authorization: Bearer v\r\nconnection: close\r\n\r\n"
            );
            socket.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            socket.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 400 "), "{second}: {answer}");
        }
    }
}

/// Asks twice on one connection, the body of the first in two pieces with another request between them; all that comes back.
async fn twice(bench: &Bench, first: &str, body: (&str, &str)) -> String {
    let mut socket = TcpStream::connect(bench.addr).await.unwrap();
    let length = body.0.len() + body.1.len();
    let head = format!("{first}\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n");
    socket.write_all([&head, body.0].concat().as_bytes()).await.unwrap();
    // By then the head was looked at.
    assert_eq!(bench.get("/healthz").await.status, 200);
    let next = "GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    socket.write_all([body.1, next].concat().as_bytes()).await.ok();
    let mut answers = String::new();
    socket.read_to_string(&mut answers).await.ok();
    answers
}

#[tokio::test]
async fn a_refusal_before_the_body_was_read_costs_no_other_request() {
    let bench = Bench::start_with(|state| state.auth = tokens().into()).await;
    for (first, status) in [
        ("POST /api/v1/alarms/A1/acknowledge HTTP/1.1", "401"),
        ("PUT /api/v1/nothing HTTP/1.1\r\nauthorization: Bearer v", "404"),
        ("POST /healthz HTTP/1.1", "405"),
    ] {
        for body in [("{\"seq\"", ":1}"), ("", "{\"id\":\"a\"}")] {
            let answers = twice(&bench, first, body).await;
            let statuses: Vec<&str> = answers
                .split("HTTP/1.1 ")
                .skip(1)
                .filter_map(|one| one.split(' ').next())
                .collect();
            assert_eq!(statuses, [status, "200"], "{first} {body:?}: {answers}");
        }
    }
    // What does not come is not waited for, and the answer says that nothing follows.
    let mut socket = TcpStream::connect(bench.addr).await.unwrap();
    let head = "PUT /api/v1/nothing HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n";
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 401 ") && answer.contains("connection: close"),
        "{answer}"
    );
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
