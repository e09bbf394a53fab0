//! What the HTTP side is given, and the state that its handlers share.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use ring::hmac;
use ring::rand::SystemRandom;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::auth::AuthInForce;
use super::error::Problem;
use super::idempotency::Replies;
use super::seats::Seats;
use super::series::ExportedHistory;
use super::session::HASHES;
use crate::answers::Answers;
use crate::config::TeamsFile;
use crate::delivery::Waits;
use crate::handles::Handles;
use crate::ingest::Refusals;
use crate::net::places::Bounds;
use crate::pipeline::asked::Ask;
use crate::pipeline::load_shedding::{Load, Work};
use crate::pipeline::pulse::Pulse;
use crate::projection::ring::Ring;
use crate::projection::view::Board;
use vitalgate_domain::model::signal::SignalTable;
use vitalgate_store::history::range::History;
use vitalgate_store::types::Identity;
use vitalgate_store::{ReadError, Reader};

/// The collaborators of the HTTP side.
#[derive(Debug)]
pub struct AppState {
    /// What all interfaces share. A board is published before the frames in `ring` that it brings
    /// with it.
    pub handles: Handles,
    /// Recent frames of the stream.
    pub ring: Arc<Ring>,
    /// Which store it is.
    pub identity: Identity,
    /// How the gateway knows who asks.
    pub auth: AuthInForce,
    /// The links by which people answer from wherever they are told.
    pub answers: Arc<Answers>,
    /// By which services browsers are pushed to, where they are.
    pub push: Option<crate::config::Push>,
    /// Who is called for alarms, where a file says so.
    pub teams: Option<Arc<TeamsFile>>,
    /// Who could not say so, for the audit.
    pub refusals: Arc<Refusals>,
    /// Reads transitions, dead letters and the audit.
    pub reader: Reader,
    /// Reads series.
    pub history: History,
    /// Where numbers that retention pruned are still held.
    pub exported_history: Option<ExportedHistory>,
    /// What each channel has not told yet.
    pub waits: Vec<Waits>,
    /// When the pipeline last stepped, and whether the listeners are up.
    pub pulse: Pulse,
    /// What is shed at present.
    pub load: Load,
    /// Where the core is asked what is not on the board.
    pub ask: Ask,
    /// Bounds on what clients may hold.
    pub limits: Limits,
}

/// Bounds on what clients may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Open connections of whoever has signed in; a quarter as many of others beside them.
    pub connections: usize,
    /// Open streams in all.
    pub streams: usize,
    /// Open streams of one token, or of one address where there are no tokens.
    pub streams_each: usize,
    /// A stream is cut off when its client has not read for this long while something waits for it.
    pub stall: Duration,
    /// How long a handshake and a request's head may take to arrive; a connection on which nothing is asked is closed
    /// after it too.
    pub idle: Duration,
    /// How long open requests may go on after a shutdown began.
    pub grace: Duration,
}

impl Default for Limits {
    /// A thousand streams are some 20 MiB; 64 are a ward's screens behind one token.
    fn default() -> Self {
        Self {
            connections: 2_048,
            streams: 1_024,
            streams_each: 64,
            stall: Duration::from_secs(20),
            idle: Duration::from_secs(30),
            grace: Duration::from_secs(5),
        }
    }
}

impl Limits {
    /// With room for so many streams, and as many connections for requests beside them as by default.
    #[must_use]
    pub fn of_streams(streams: usize) -> Self {
        let usual = Self::default();
        Self { connections: usual.connections - usual.streams + streams, streams, ..usual }
    }

    /// How many connections there may be. A token may hold all of them: behind a proxy that is a whole
    /// hospital.
    pub(crate) fn places(&self) -> Bounds {
        Bounds::of(self.connections, self.connections)
    }
}

/// Reads of transitions, dead letters or the audit at a time; further ones wait their turn.
const LOG_READS: usize = 2;
/// Range queries at a time; further ones wait for [`QUERY_WAIT`] and are then refused.
const HISTORY_READS: usize = 2;
const QUERY_WAIT: Duration = Duration::from_secs(2);

/// State shared by all handlers.
#[derive(Debug)]
pub(crate) struct Http {
    pub(crate) app: AppState,
    pub(crate) seats: Arc<Seats>,
    pub(crate) replies: Replies,
    pub(crate) tracker: TaskTracker,
    pub(crate) cancel: CancellationToken,
    /// Digests of dead letters are made with it: with none of its own, few possible bodies could be tried out.
    pub(crate) letters: hmac::Key,
    /// Turns at hashing passwords.
    pub(crate) hashes: Arc<Semaphore>,
    log_reads: Arc<Semaphore>,
    history_reads: Arc<Semaphore>,
}

/// How handlers hold that state.
pub(crate) type Ctx = Arc<Http>;

impl Http {
    pub(crate) fn new(app: AppState, tracker: TaskTracker, cancel: CancellationToken) -> Ctx {
        Arc::new(Self {
            seats: Seats::new(app.limits, app.handles.metrics.clone()),
            replies: Replies::default(),
            letters: new_key(),
            hashes: Arc::new(Semaphore::new(HASHES)),
            log_reads: Arc::new(Semaphore::new(LOG_READS)),
            history_reads: Arc::new(Semaphore::new(HISTORY_READS)),
            app,
            tracker,
            cancel,
        })
    }

    /// The board as it is now.
    pub(crate) fn board(&self) -> Arc<Board> {
        self.app.handles.board()
    }

    /// The signal table in force.
    pub(crate) fn signals(&self) -> Arc<SignalTable> {
        self.app.handles.signals()
    }

    /// Reads transitions, dead letters or the audit off the async threads.
    pub(crate) async fn read_log<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = Arc::clone(&self.log_reads).acquire_owned().await;
        let reader = self.app.reader.clone();
        off_thread(turn, move || read(&reader)).await
    }

    /// Refuses to read the history while range queries are shed.
    pub(crate) fn range_queries_allowed(&self) -> Result<(), Problem> {
        if self.app.load.is_shed(Work::RangeQueries) {
            return Err(self.shed("the gateway is overloaded; try again"));
        }
        Ok(())
    }

    fn shed(&self, why: &str) -> Problem {
        self.app.handles.metrics.shed(Work::RangeQueries.as_str());
        Problem::busy(why, 5)
    }

    /// Reads the history off the async threads. Range queries are shed under load
    /// (docs/architecture.md).
    pub(crate) async fn read_history<T: Send + 'static>(
        &self,
        read: impl FnOnce(&History) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, Problem> {
        self.range_queries_allowed()?;
        let turn = Arc::clone(&self.history_reads).acquire_owned();
        let Ok(turn) = tokio::time::timeout(QUERY_WAIT, turn).await else {
            return Err(self.shed("too many range queries at once; try again"));
        };
        let history = self.app.history.clone();
        off_thread(turn, move || read(&history)).await
    }
}

/// A key that nobody knows and that ends with the process.
fn new_key() -> hmac::Key {
    let random = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new());
    random.unwrap_or_else(|_| hmac::Key::new(hmac::HMAC_SHA256, &[]))
}

/// Reads off the async threads. The turn is kept until the read ends: when a client hangs up, its read
/// goes on.
async fn off_thread<T: Send + 'static>(
    turn: impl Send + 'static,
    read: impl FnOnce() -> Result<T, ReadError> + Send + 'static,
) -> Result<T, Problem> {
    let read = move || {
        let _turn = turn;
        read()
    };
    match tokio::task::spawn_blocking(read).await {
        Ok(read) => Ok(read?),
        Err(_) => Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "a read was cut short")),
    }
}
