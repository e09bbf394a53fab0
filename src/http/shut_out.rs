//! What shuts somebody out holds at once, whatever the disk does. Where it could not be written down yet the answer says so:
//! 202, with `unwritten`.

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::api::v1::session::NotYet;
use super::error::Problem;
use super::session::changing;
use crate::people::{Book, People, Refusal, Written};

/// What 202 says.
const UNWRITTEN: &str = "it holds now, and could not be written down yet: should the gateway end before, it is undone; it is \
                         tried again every second, and `degraded` names it until then";

/// Shuts somebody out, off the async threads.
pub(super) async fn shut_out<T: Send + 'static>(
    people: Arc<People>,
    change: impl Fn(&mut Book) -> Result<T, Refusal> + Send + 'static,
) -> Result<(T, Written), Problem> {
    changing(move || people.shut_out(change)).await
}

/// The answer where there is nothing else to tell.
pub(super) fn done(written: Written) -> Response {
    match unwritten(written) {
        None => StatusCode::NO_CONTENT.into_response(),
        Some(unwritten) => (StatusCode::ACCEPTED, Json(NotYet { unwritten })).into_response(),
    }
}

/// What goes with an answer that tells more.
pub(super) fn unwritten(written: Written) -> Option<&'static str> {
    match written {
        Written::Down => None,
        Written::NotYet => Some(UNWRITTEN),
    }
}

/// Its status.
pub(super) fn status(unwritten: Option<&str>) -> StatusCode {
    if unwritten.is_some() { StatusCode::ACCEPTED } else { StatusCode::OK }
}
