//! Health, organisations and buckets, as `doctor` asks for them.

use hyper::http::request::Parts;
use hyper::{Method, Response};
use serde_json::{Value, json};

use super::State;
use super::bodies::{Body, whole};

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

fn answered(status: u16, body: &Value) -> Response<Body> {
    whole(status, "application/json", body.to_string())
}

pub(super) fn refusal(status: u16, message: &str) -> Response<Body> {
    answered(status, &json!({ "code": "-", "message": message }))
}

pub(super) fn health(state: &State) -> Response<Body> {
    answered(200, &json!({ "name": "influxdb", "status": "pass", "version": state.version }))
}

/// Lists organisations or buckets, or makes one.
pub(super) fn list(parts: &Parts, body: &[u8], state: &mut State) -> Response<Body> {
    let is_orgs = parts.uri.path().ends_with("/orgs");
    if parts.method == Method::POST {
        let wanted: Value = serde_json::from_slice(body).unwrap();
        let name = wanted["name"].as_str().unwrap().to_owned();
        if !is_orgs {
            assert_eq!(wanted["orgID"], "id-of-o");
        }
        let made = json!({ "id": format!("id-of-{name}"), "name": name });
        if is_orgs { &mut state.orgs } else { &mut state.buckets }.push(name);
        return answered(201, &made);
    }
    let query = parts.uri.query().unwrap_or_default();
    let asked =
        |key: &str| query.split('&').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='));
    if is_orgs {
        return match state.sight {
            _ if !state.orgs.iter().any(|org| Some(org.as_str()) == asked("org")) => {
                refusal(404, "organization name not found")
            }
            Sight::Everything => found("orgs", &state.orgs, asked("org"), 0),
            Sight::Bucket | Sight::Nothing => found("orgs", &[], None, 0),
            Sight::Refused => refusal(403, "insufficient permissions"),
        };
    }
    match state.sight {
        Sight::Everything => assert_eq!(asked("orgID"), Some("id-of-o")),
        Sight::Bucket | Sight::Nothing | Sight::Refused => assert_eq!(asked("org"), Some("o")),
    }
    match state.sight {
        Sight::Everything | Sight::Bucket => {
            found("buckets", &state.buckets, asked("name"), state.retention_s)
        }
        Sight::Nothing => found("buckets", &[], None, 0),
        Sight::Refused => refusal(403, "insufficient permissions"),
    }
}

fn found(key: &str, all: &[String], asked: Option<&str>, retention_s: u64) -> Response<Body> {
    let rules = if retention_s == 0 {
        json!([])
    } else {
        json!([{ "type": "expire", "everySeconds": retention_s }])
    };
    let of = |name: &String| json!({ "id": format!("id-of-{name}"), "name": name, "retentionRules": rules });
    let found: Vec<Value> = all.iter().filter(|name| asked == Some(name)).map(of).collect();
    answered(200, &json!({ key: found }))
}
