//! Errors as people and programs see them: problem+json (RFC 9457).

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::ports::ReadFailed;

/// A refused request.
#[derive(Debug)]
pub(crate) struct Problem(Box<Parts>);

#[derive(Debug)]
struct Parts {
    status: StatusCode,
    detail: String,
    more: Map<String, Value>,
    header: Option<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem of this status; `detail` says what was wrong and what to do.
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self(Box::new(Parts { status, detail: detail.into(), more: Map::new(), header: None }))
    }

    /// 503, with the seconds after which to try again.
    pub(crate) fn busy(detail: impl Into<String>, retry_after_s: u16) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
            .header(header::RETRY_AFTER, HeaderValue::from(retry_after_s))
    }

    /// 404 for a thing that is not there.
    pub(crate) fn missing(what: &str, id: &impl std::fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("there is no {what} `{id}`"))
    }

    /// Adds a member to the body.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.more.insert(name.to_owned(), value.into());
        self
    }

    /// The status it is answered with.
    pub(crate) fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Sets a header.
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.header = Some((name, value));
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Parts { status, detail, more, header: extra } = *self.0;
        let mut body = json!({
            "type": "about:blank",
            "title": status.canonical_reason().unwrap_or("Problem"),
            "status": status.as_u16(),
            "detail": detail,
        });
        if let Some(members) = body.as_object_mut() {
            members.extend(more);
        }
        let mut response = (status, Json(body)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if let Some((name, value)) = extra {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

impl From<ReadFailed> for Problem {
    fn from(failed: ReadFailed) -> Self {
        tracing::error!(error = %failed, "a request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the store could not be read; see the log")
    }
}
