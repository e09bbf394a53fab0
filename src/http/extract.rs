//! Parts of a request. One that cannot be read is refused with a problem that names what was wrong.

use std::str::FromStr;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::error::Problem;

/// Bodies above this are refused; the largest sensible one is a list of limits.
pub(crate) const MAX_BODY: usize = 64 << 10;
/// How long a body may take to arrive.
const BODY_WAIT: Duration = Duration::from_secs(10);

/// The only id in the path.
#[derive(Debug)]
pub(crate) struct Id<T>(pub(crate) T);

impl<T, S> FromRequestParts<S> for Id<T>
where
    T: FromStr<Err: std::fmt::Display>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|e| Problem::new(e.status(), e.body_text()))?;
        let id =
            text.parse().map_err(|e: T::Err| Problem::new(StatusCode::NOT_FOUND, e.to_string()))?;
        Ok(Self(id))
    }
}

/// The query.
#[derive(Debug)]
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(query) = Query::from_request_parts(parts, state)
            .await
            .map_err(|e| Problem::new(e.status(), e.body_text()))?;
        Ok(Self(query))
    }
}

/// A JSON body; an empty one reads as `{}`.
#[derive(Debug)]
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let json = request.headers().get(header::CONTENT_TYPE).is_some_and(|kind| {
            let kind = kind.to_str().unwrap_or_default();
            kind.split(';')
                .next()
                .is_some_and(|k| k.trim().eq_ignore_ascii_case("application/json"))
        });
        let bytes = read_bytes(request, state).await?;
        if bytes.is_empty() {
            return parse(b"{}").map(Self);
        }
        if !json {
            let detail = "send JSON, with `content-type: application/json`";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
        }
        parse(&bytes).map(Self)
    }
}

/// The JSON body of a request.
pub(crate) async fn from_request<T: DeserializeOwned>(
    request: Request,
) -> Result<Body<T>, Problem> {
    Body::from_request(request, &()).await
}

/// The whole body, within [`MAX_BODY`] and [`BODY_WAIT`].
pub(crate) async fn read_bytes<S: Send + Sync>(
    request: Request,
    state: &S,
) -> Result<Bytes, Problem> {
    match tokio::time::timeout(BODY_WAIT, Bytes::from_request(request, state)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(e)) => Err(Problem::new(e.status(), e.body_text())),
        Err(_) => Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "the body did not come")),
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // A list would be read as the fields of `T` in their order.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        let detail = "send one JSON object, not a list";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    serde_json::from_slice(bytes).map_err(|e| {
        let status = match e.classify() {
            Category::Data => StatusCode::UNPROCESSABLE_ENTITY,
            Category::Io | Category::Syntax | Category::Eof => StatusCode::BAD_REQUEST,
        };
        Problem::new(status, e.to_string())
    })
}

/// How many items of a list to give at most: 100 unless asked otherwise, 1,000 at most.
pub(crate) fn page_size(asked: Option<usize>) -> usize {
    asked.unwrap_or(100).clamp(1, 1_000)
}
