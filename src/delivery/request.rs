//! What a channel sends of an event.

use axum::http::{HeaderMap, HeaderValue, header};
use bytes::Bytes;
use serde::Serialize;

/// One request by POST.
#[derive(Clone, Debug, Default)]
pub(super) struct Request {
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Request {
    /// With a body in JSON.
    pub(super) fn json(path: &str, body: &impl Serialize) -> Self {
        let body = serde_json::to_vec(body).unwrap_or_default().into();
        let kind = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Self { path: path.to_owned(), headers: HeaderMap::from_iter([kind]), body }
    }
}
