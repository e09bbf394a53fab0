//! What goes over one HTTP/2 connection: its open exchanges, and bounds on those that are given up, not read, or
//! missing.
//!
//! In HTTP/1 a client that does not read stops the whole connection, and the kernel notices. In HTTP/2 it may go on
//! reading the connection and leave one answer where it is. So an answer is handed over in pieces, each only when the
//! client made room for it, and one that waits for room for too long ends the connection.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio_util::sync::CancellationToken;

/// So much of an answer is handed over at a time: hyper buffers a whole piece, however little room there is for it.
const PIECE: usize = 16 << 10;
/// Requests given up before their answer, beyond those that were answered since: a page that goes elsewhere gives up a
/// few, and whoever opens and resets them in a flood does nothing else.
const GIVEN_UP: u32 = 100;
/// A wait is known to a quarter of itself.
const TICKS: u32 = 4;

/// How often a connection is looked at, and after how many looks it ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub(super) tick: Duration,
    stalled: u32,
    idle: u32,
}

impl Patience {
    /// An answer may wait for room for `stall`, and nothing may be asked for `idle`.
    pub(super) fn new(stall: Duration, idle: Duration) -> Self {
        let tick = (stall.min(idle) / TICKS).max(Duration::from_millis(1));
        let ticks = |wait: Duration| wait.as_nanos().div_ceil(tick.as_nanos()) as u32;
        Self { tick, stalled: ticks(stall), idle: ticks(idle) }
    }
}

/// What is to become of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// It goes on.
    Well,
    /// The client leaves an answer where it is.
    Stalled,
    /// Nothing was asked for long.
    Idle,
}

/// All exchanges of one connection.
#[derive(Debug)]
pub(super) struct Traffic {
    patience: Patience,
    /// Cuts the connection off.
    abort: CancellationToken,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    /// Looks since a piece was handed over and no room was made for the next; `None` where the gateway is to speak.
    open: BTreeMap<u64, Option<u32>>,
    given_up: u32,
    /// Whether anything was open since the last look, and looks since something was.
    used: bool,
    quiet: u32,
}

impl Traffic {
    pub(super) fn new(patience: Patience, abort: CancellationToken) -> Arc<Self> {
        Arc::new(Self { patience, abort, state: Mutex::default() })
    }

    /// A request came.
    pub(super) fn begin(self: &Arc<Self>) -> Exchange {
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        state.used = true;
        state.open.insert(number, None);
        Exchange { traffic: Arc::clone(self), number, answered: false }
    }

    /// To be called once a tick.
    pub(super) fn look(&self) -> Look {
        let mut state = self.lock();
        let mut longest = 0;
        for waited in state.open.values_mut().flatten() {
            *waited += 1;
            longest = longest.max(*waited);
        }
        state.quiet = if state.used || !state.open.is_empty() { 0 } else { state.quiet + 1 };
        state.used = false;
        match () {
            () if longest > self.patience.stalled => Look::Stalled,
            () if state.quiet >= self.patience.idle => Look::Idle,
            () => Look::Well,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request and its answer; over on drop.
#[derive(Debug)]
pub(super) struct Exchange {
    traffic: Arc<Traffic>,
    number: u64,
    answered: bool,
}

impl Exchange {
    /// The answer, to be handed over in pieces.
    pub(super) fn answer(mut self, body: Body) -> Paced {
        self.answered = true;
        Paced { body, rest: Bytes::new(), exchange: self }
    }

    fn waits_for_room(&self, waits: bool) {
        if let Some(waited) = self.traffic.lock().open.get_mut(&self.number) {
            *waited = waits.then_some(0);
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let mut state = self.traffic.lock();
        state.open.remove(&self.number);
        if self.answered {
            state.given_up = state.given_up.saturating_sub(1);
            return;
        }
        state.given_up += 1;
        if state.given_up > GIVEN_UP {
            self.traffic.abort.cancel();
        }
    }
}

/// The body of an answer, in pieces.
#[derive(Debug)]
pub(super) struct Paced {
    body: Body,
    /// What of its last frame is not handed over yet.
    rest: Bytes,
    exchange: Exchange,
}

impl Paced {
    fn piece(&mut self) -> Frame<Bytes> {
        let most = self.rest.len().min(PIECE);
        self.exchange.waits_for_room(true);
        Frame::data(self.rest.split_to(most))
    }
}

impl HttpBody for Paced {
    type Data = Bytes;
    type Error = axum::Error;

    /// Asked for only when the client has room for more.
    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.exchange.waits_for_room(false);
        if !self.rest.is_empty() {
            return Poll::Ready(Some(Ok(self.piece())));
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let frame = match frame {
            Some(Ok(frame)) => frame,
            ended => return Poll::Ready(ended),
        };
        Poll::Ready(Some(Ok(match frame.into_data() {
            Ok(data) => {
                self.rest = data;
                self.piece()
            }
            Err(trailers) => trailers,
        })))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (body, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(body.lower() + rest);
        if let Some(upper) = body.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traffic() -> Arc<Traffic> {
        let second = Duration::from_secs(1);
        Traffic::new(Patience::new(2 * second, 6 * second), CancellationToken::new())
    }

    #[test]
    fn who_gives_up_more_than_is_answered_is_cut_off() {
        let traffic = traffic();
        for _ in 0..GIVEN_UP {
            drop(traffic.begin());
        }
        assert!(!traffic.abort.is_cancelled());
        drop(traffic.begin().answer(Body::empty()));
        drop(traffic.begin());
        assert!(!traffic.abort.is_cancelled(), "an answer makes up for one");
        drop(traffic.begin());
        assert!(traffic.abort.is_cancelled());
    }

    #[tokio::test]
    async fn an_answer_that_nobody_makes_room_for_stalls_and_one_that_has_nothing_to_say_does_not()
    {
        let traffic = traffic();
        let silent = traffic.begin();
        let mut paced = traffic.begin().answer(Body::from(vec![7; PIECE + 1]));
        assert_eq!(paced.size_hint().exact(), Some(PIECE as u64 + 1));
        let piece = std::future::poll_fn(|context| Pin::new(&mut paced).poll_frame(context));
        let piece = piece.await.unwrap().unwrap().into_data().unwrap();
        assert_eq!((piece.len(), paced.is_end_stream()), (PIECE, false));
        assert_eq!(paced.size_hint().exact(), Some(1));
        for _ in 0..traffic.patience.stalled {
            assert_eq!(traffic.look(), Look::Well);
        }
        assert_eq!(traffic.look(), Look::Stalled);
        let rest = std::future::poll_fn(|context| Pin::new(&mut paced).poll_frame(context));
        assert_eq!(rest.await.unwrap().unwrap().into_data().unwrap().len(), 1);
        assert!(paced.is_end_stream());
        drop(paced);
        for _ in 0..100 {
            assert_eq!(traffic.look(), Look::Well, "the gateway is to speak");
        }
        drop(silent);
    }

    #[test]
    fn a_connection_on_which_nothing_is_asked_is_idle_after_its_time() {
        let traffic = traffic();
        for _ in 0..3 {
            drop(traffic.begin().answer(Body::empty()));
            for _ in 0..traffic.patience.idle {
                assert_eq!(traffic.look(), Look::Well);
            }
        }
        assert_eq!(traffic.look(), Look::Idle);
    }
}
