//! InfluxDB 2 as its API description has it, as far as `doctor` asks: health, organisations, buckets,
//! a plain write, a query.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::extract::{Query, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

/// The path prefix of the reverse proxy before it.
pub(crate) const PREFIX: &str = "/tsdb";

/// What a token may see in lists; writing and querying are another matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sight {
    /// An operator's.
    #[default]
    Everything,
    /// One that may read and write the bucket: organisations are left out of their list.
    Bucket,
    /// One that may write the bucket and not read it: both lists are empty.
    Nothing,
    /// Both lists are refused.
    Refused,
}

/// What it holds and how it behaves.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) orgs: Vec<String>,
    pub(crate) buckets: Vec<String>,
    /// Of every bucket; 0 keeps everything.
    pub(crate) retention_s: u64,
    pub(crate) version: String,
    /// What `Authorization` must be.
    pub(crate) authorization: String,
    /// Whether the token may write.
    pub(crate) read_only: bool,
    /// What the token may see of organisations and buckets.
    pub(crate) sight: Sight,
    /// Whether written points are forgotten.
    pub(crate) forgetful: bool,
    pub(crate) lines: Vec<String>,
}

/// A running server; gone when dropped.
pub(crate) struct FakeApi {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    _runtime: tokio::runtime::Runtime,
}

type Ctx = Shared<Arc<Mutex<State>>>;
type Args = Query<std::collections::BTreeMap<String, String>>;

impl FakeApi {
    /// On a free port, with organisation `o` and bucket `b`.
    pub(crate) fn start() -> Self {
        let state = Arc::new(Mutex::new(State {
            orgs: vec!["o".into()],
            buckets: vec!["b".into()],
            version: "v2.7.11".into(),
            authorization: "Token secret-token".into(),
            ..State::default()
        }));
        let api = Router::new()
            .route("/health", get(health))
            .route("/api/v2/orgs", get(orgs).post(make_org))
            .route("/api/v2/buckets", get(buckets).post(make_bucket))
            .route("/api/v2/write", post(write))
            .route("/api/v2/query", post(query));
        let app = Router::new().nest(PREFIX, api).with_state(Arc::clone(&state));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let service = hyper_util::service::TowerToHyperService::new(app.clone());
                let io = hyper_util::rt::TokioIo::new(stream);
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(io, service),
                );
            }
        });
        Self { address, state, _runtime: runtime }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

/// The answer to who has not the right token.
fn stranger(state: &State, headers: &HeaderMap) -> Option<Response> {
    let shown = headers.get("authorization").and_then(|v| v.to_str().ok());
    let is_known = shown == Some(state.authorization.as_str());
    (!is_known).then(|| refusal(StatusCode::UNAUTHORIZED, "unauthorized access"))
}

fn refusal(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "code": "-", "message": message }))).into_response()
}

async fn health(Shared(state): Ctx) -> Json<Value> {
    Json(json!({ "name": "influxdb", "status": "pass", "version": state.lock().unwrap().version }))
}

fn list(key: &str, all: &[String], asked: Option<&String>, retention_s: u64) -> Json<Value> {
    let of = |name: &String| {
        let rules = if retention_s == 0 {
            json!([])
        } else {
            json!([{ "type": "expire", "everySeconds": retention_s }])
        };
        json!({ "id": format!("id-of-{name}"), "name": name, "retentionRules": rules })
    };
    let found: Vec<Value> = all.iter().filter(|name| asked == Some(name)).map(of).collect();
    Json(json!({ key: found }))
}

async fn orgs(Shared(state): Ctx, Query(args): Args, headers: HeaderMap) -> Response {
    let state = state.lock().unwrap();
    if let Some(refused) = stranger(&state, &headers) {
        return refused;
    }
    if !args.get("org").is_some_and(|org| state.orgs.contains(org)) {
        return refusal(StatusCode::NOT_FOUND, "organization name not found");
    }
    match state.sight {
        Sight::Everything => list("orgs", &state.orgs, args.get("org"), 0).into_response(),
        Sight::Bucket | Sight::Nothing => list("orgs", &[], None, 0).into_response(),
        Sight::Refused => refusal(StatusCode::FORBIDDEN, "insufficient permissions"),
    }
}

async fn make_org(Shared(state): Ctx, Json(wanted): Json<Value>) -> Response {
    let name = wanted["name"].as_str().unwrap().to_owned();
    state.lock().unwrap().orgs.push(name.clone());
    (StatusCode::CREATED, Json(json!({ "id": format!("id-of-{name}"), "name": name })))
        .into_response()
}

async fn buckets(Shared(state): Ctx, Query(args): Args, headers: HeaderMap) -> Response {
    let state = state.lock().unwrap();
    if let Some(refused) = stranger(&state, &headers) {
        return refused;
    }
    match state.sight {
        Sight::Everything => assert_eq!(args["orgID"], "id-of-o"),
        Sight::Bucket | Sight::Nothing | Sight::Refused => assert_eq!(args["org"], "o"),
    }
    let seen = match state.sight {
        Sight::Everything | Sight::Bucket => &*state.buckets,
        Sight::Nothing => &[],
        Sight::Refused => return refusal(StatusCode::FORBIDDEN, "insufficient permissions"),
    };
    list("buckets", seen, args.get("name"), state.retention_s).into_response()
}

async fn make_bucket(Shared(state): Ctx, Json(wanted): Json<Value>) -> Response {
    assert_eq!(wanted["orgID"], "id-of-o");
    state.lock().unwrap().buckets.push(wanted["name"].as_str().unwrap().to_owned());
    (StatusCode::CREATED, Json(wanted)).into_response()
}

async fn write(
    Shared(state): Ctx,
    Query(args): Args,
    headers: HeaderMap,
    body: String,
) -> Response {
    let mut state = state.lock().unwrap();
    if let Some(refused) = stranger(&state, &headers) {
        return refused;
    }
    assert_eq!((&*args["org"], &*args["bucket"], &*args["precision"]), ("o", "b", "ms"));
    if state.read_only {
        return refusal(StatusCode::FORBIDDEN, "insufficient permissions for write");
    }
    if !state.buckets.contains(&args["bucket"]) {
        return refusal(StatusCode::NOT_FOUND, "bucket \"b\" not found");
    }
    state.lines.push(body);
    StatusCode::NO_CONTENT.into_response()
}

async fn query(Shared(state): Ctx, Query(args): Args, Json(query): Json<Value>) -> Response {
    let state = state.lock().unwrap();
    assert_eq!(args["org"], "o");
    if state.sight == Sight::Nothing {
        return refusal(StatusCode::NOT_FOUND, "could not find bucket \"b\"");
    }
    let flux = query["query"].as_str().unwrap();
    assert!(flux.contains("from(bucket: \"b\")") && flux.contains("vitalgate_doctor"), "{flux}");
    let mut csv = ",result,table,_time,_value,_field\r\n".to_owned();
    if let Some(line) = state.lines.last().filter(|_| !state.forgetful) {
        let value = line.split("checked=").nth(1).unwrap().split('i').next().unwrap();
        csv.extend([",_result,0,2026-11-21T10:00:00Z,", value, ",checked\r\n"]);
    }
    ([("content-type", "application/csv")], csv).into_response()
}
