//! Errors as people and programs see them: problem+json (RFC 9457).

use std::collections::BTreeSet;

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::api::v1;
use super::api::v1::alarm::Alarm;
use super::api::v1::device::Device;
use super::api::v1::problem::Refused;
use crate::config::Unanswered;
use vitalgate_store::ReadError;

/// A refused request.
#[derive(Debug)]
pub(crate) struct Problem(Box<Parts>);

#[derive(Debug)]
struct Parts {
    status: StatusCode,
    body: v1::problem::Problem,
    header: Option<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem of this status; `detail` says what was wrong and what to do.
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let body = v1::problem::Problem {
            alarm: None,
            detail: detail.into(),
            device: None,
            nobody_for: BTreeSet::new(),
            outcome: None,
            status: status.as_u16(),
            title: status.canonical_reason().unwrap_or("Problem"),
            kind: "about:blank",
            version: None,
        };
        Self(Box::new(Parts { status, body, header: None }))
    }

    /// 503, with the seconds after which to try again.
    pub(crate) fn busy(detail: impl Into<String>, retry_after_s: u16) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
            .header(header::RETRY_AFTER, HeaderValue::from(retry_after_s))
    }

    /// 404: there is no such thing.
    pub(crate) fn missing(what: &str, id: &impl std::fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("there is no {what} `{id}`"))
    }

    /// Adds the alarm that the command was about, or `null`.
    pub(crate) fn with_alarm(mut self, alarm: Option<Alarm>) -> Self {
        self.0.body.alarm = Some(alarm);
        self
    }

    /// Adds the device that was to be registered otherwise.
    pub(crate) fn with_device(mut self, device: Device) -> Self {
        self.0.body.device = Some(device);
        self
    }

    /// Adds where nobody would be called any more.
    pub(crate) fn with_nobody_for(mut self, places: BTreeSet<Unanswered>) -> Self {
        self.0.body.nobody_for = places;
        self
    }

    /// Adds what became of the command.
    pub(crate) fn with_outcome(mut self, outcome: Refused) -> Self {
        self.0.body.outcome = Some(outcome);
        self
    }

    /// Adds the present version, or `null`.
    pub(crate) fn with_version(mut self, version: Option<u64>) -> Self {
        self.0.body.version = Some(version);
        self
    }

    /// What was wrong.
    pub(crate) fn detail(&self) -> &str {
        &self.0.body.detail
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
        let Parts { status, body, header: extra } = *self.0;
        let mut response = (status, Json(body)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if let Some((name, value)) = extra {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        tracing::error!(%error, "a request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the store could not be read; see the log")
    }
}
