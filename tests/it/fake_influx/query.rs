//! Queries, and how they may be met.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::Response;
use hyper::body::Frame;
use hyper::http::request::Parts;
use serde_json::{Value, json};

use super::api::{Sight, refusal};
use super::bodies::{Answered, Body, Cut, Endless, whole};
use super::{State, flux};

const CSV: &str = "text/csv; charset=utf-8";

/// What a query of both kinds begins to be answered with.
const SOME_ROWS: &str = ",result,table,at,signal\r\n";

/// How every query is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QueryMood {
    /// As it should be.
    Well,
    /// With this status.
    Status(u16),
    /// With a page in place of tables, and 200.
    Page,
    /// With nothing at all, and 200.
    Empty,
    /// With no rows, as a server has it that holds none.
    NoRows,
    /// With tables of something else.
    Nonsense,
    /// With some rows, and then an error.
    Error,
    /// With some rows, and then the end of the connection.
    Cut,
    /// A byte at a time.
    Trickle,
    /// Not at all.
    Never,
    /// Without an end.
    Endless,
}

/// Counts a query while its connection is open.
struct Asking(Arc<Mutex<State>>);

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.lock().unwrap().asking -= 1;
    }
}

pub(super) async fn answer(parts: &Parts, body: &[u8], state: Arc<Mutex<State>>) -> Answered {
    let asked: Value = serde_json::from_slice(body).unwrap();
    assert_eq!(parts.uri.query(), Some("org=o"));
    let dialect = json!({
        "header": true, "delimiter": ",", "commentPrefix": "#",
        "annotations": ["datatype", "group", "default"],
    });
    assert_eq!((&asked["type"], &asked["dialect"]), (&json!("flux"), &dialect));
    assert_eq!(parts.headers["accept-encoding"], "identity");
    let query = asked["query"].as_str().unwrap().to_owned();
    let (mood, answered) = {
        let mut state = state.lock().unwrap();
        if state.sight == Sight::Nothing {
            return Ok(refusal(404, "could not find bucket \"b\""));
        }
        let mood = state.query_mood;
        let answered = (mood == QueryMood::Well).then(|| flux::run(&query, "b", &state.points));
        state.queries.push(query.clone());
        state.asking += 1;
        (mood, answered)
    };
    let asking = Asking(Arc::clone(&state));
    Ok(match mood {
        QueryMood::Well => match answered.expect("evaluated") {
            Ok(csv) => whole(200, CSV, csv),
            Err(why) => refusal(400, &format!("{why} in {query}")),
        },
        QueryMood::Status(status) => refusal(status, "not now"),
        QueryMood::Page => whole(200, "text/html", "<html>\n<p>down</p>\n"),
        QueryMood::Empty => whole(200, "text/plain", ""),
        QueryMood::NoRows => whole(200, CSV, ""),
        QueryMood::Nonsense => whole(200, CSV, ",result,table,at\r\n,,0,tomorrow\r\n"),
        QueryMood::Error => {
            let error = "#datatype,string,string\r\n#group,true,true\r\n#default,,\r\n\
                         ,error,reference\r\n,out of memory,897\r\n";
            whole(200, CSV, format!("{SOME_ROWS}\r\n{error}\r\n"))
        }
        QueryMood::Cut => {
            let half = Bytes::from_static(SOME_ROWS.as_bytes());
            streamed(Piece { next: Some(half), then: After::Cut, asking })
        }
        QueryMood::Trickle => streamed(Piece { next: None, then: After::Trickle(None), asking }),
        QueryMood::Never => {
            let _asking = asking;
            std::future::pending().await
        }
        QueryMood::Endless => {
            let mut answer = Response::new(Endless.boxed());
            answer.headers_mut().insert("content-type", CSV.parse().unwrap());
            answer
        }
    })
}

fn streamed(body: Piece) -> Response<Body> {
    let mut answer = Response::new(body.boxed());
    answer.headers_mut().insert("content-type", CSV.parse().unwrap());
    answer
}

/// A part of an answer, and what follows it.
struct Piece {
    next: Option<Bytes>,
    then: After,
    #[expect(dead_code, reason = "it counts as long as this lives")]
    asking: Asking,
}

enum After {
    Cut,
    Trickle(Option<Pin<Box<tokio::time::Sleep>>>),
}

impl hyper::body::Body for Piece {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        if let Some(next) = self.next.take() {
            return Poll::Ready(Some(Ok(Frame::data(next))));
        }
        match &mut self.then {
            After::Cut => Poll::Ready(Some(Err(Cut))),
            After::Trickle(pause) => {
                let nap = || Box::pin(tokio::time::sleep(Duration::from_millis(50)));
                let waited = pause.get_or_insert_with(nap).as_mut().poll(context);
                if waited.is_pending() {
                    return Poll::Pending;
                }
                *pause = None;
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b",")))))
            }
        }
    }
}
