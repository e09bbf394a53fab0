//! `Idempotency-Key` on POST: a request that is repeated gets the answer it got first, as long as this
//! process runs.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use ring::digest::{Context, SHA256};

use super::auth::Who;
use super::error::Problem;
use super::extract::read_bytes;
use super::state::Ctx;

/// How many answers are remembered; the oldest are forgotten. An answer is about 2 KiB, and a client
/// repeats a request within seconds.
const REMEMBERED: usize = 256;
/// The longest key; longer ones are refused.
const MAX_KEY: usize = 200;
/// The longest answer: it names 200 alarms of some 2 KiB.
const MAX_ANSWER: usize = 1 << 20;

type Key = (String, String);

/// Answers by actor and key.
#[derive(Debug, Default)]
pub(crate) struct Replies(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    entries: BTreeMap<Key, Entry>,
    order: VecDeque<Key>,
}

#[derive(Debug)]
struct Entry {
    request: [u8; 32],
    answer: Option<(StatusCode, axum::http::HeaderMap, Bytes)>,
}

/// Answers a repeated POST from memory, and remembers the answer of a new one.
pub(crate) async fn replay(
    State(http): State<Ctx>,
    who: Who,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let key = request.headers().get("idempotency-key").cloned();
    let Some(key) = key.filter(|_| request.method() == Method::POST) else {
        return Ok(next.run(request).await);
    };
    let key = key.to_str().ok().filter(|k| (1..=MAX_KEY).contains(&k.len())).ok_or_else(|| {
        let detail = format!("`Idempotency-Key` must be 1 to {MAX_KEY} printable characters");
        Problem::new(StatusCode::BAD_REQUEST, detail)
    })?;
    let key = (who.name, key.to_owned());
    let (parts, body) = request.into_parts();
    let body = read_bytes(Request::from_parts(parts.clone(), body), &()).await?;
    let print = fingerprint(parts.uri.path(), &body);
    if let Some(answer) = http.replies.begin(&key, print)? {
        return Ok(answer);
    }
    let mut running = Running { replies: &http.replies, key: Some(key) };
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    if response.status().is_server_error() {
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, MAX_ANSWER).await.map_err(|_| {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the answer was too long to remember")
    })?;
    running.finish(parts.status, parts.headers.clone(), body.clone());
    Ok(Response::from_parts(parts, Body::from(body)))
}

impl Replies {
    /// The remembered answer, or room for a new one.
    fn begin(&self, key: &Key, request: [u8; 32]) -> Result<Option<Response>, Problem> {
        let mut known = self.lock();
        if let Some(entry) = known.entries.get(key) {
            if entry.request != request {
                let detail = "this `Idempotency-Key` was used for another request";
                return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
            }
            let Some((status, headers, body)) = entry.answer.clone() else {
                let detail = "the first request with this `Idempotency-Key` is still running";
                return Err(Problem::new(StatusCode::CONFLICT, detail));
            };
            return Ok(Some((status, headers, body).into_response()));
        }
        if known.order.len() == REMEMBERED
            && let Some(oldest) = known.order.pop_front()
        {
            known.entries.remove(&oldest);
        }
        known.order.push_back(key.clone());
        known.entries.insert(key.clone(), Entry { request, answer: None });
        Ok(None)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request under way. It is forgotten unless it finishes, so that it can be tried again.
struct Running<'a> {
    replies: &'a Replies,
    key: Option<Key>,
}

impl Running<'_> {
    fn finish(&mut self, status: StatusCode, headers: axum::http::HeaderMap, body: Bytes) {
        if let Some(key) = self.key.take()
            && let Some(entry) = self.replies.lock().entries.get_mut(&key)
        {
            entry.answer = Some((status, headers, body));
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            let mut known = self.replies.lock();
            known.entries.remove(&key);
            known.order.retain(|k| *k != key);
        }
    }
}

fn fingerprint(path: &str, body: &[u8]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    context.update(path.as_bytes());
    context.update(&[0]);
    context.update(body);
    let mut print = [0; 32];
    print.copy_from_slice(context.finish().as_ref());
    print
}
