//! InfluxDB 2 behind the gateway: what is committed is exported there, once and completely.
//!
//! ```text
//!  store: journal, transitions ──feed──▶ lines ──policy──▶ transport ──relay──▶ InfluxDB
//!         history, for what the journal lost ──┘                │
//!  store: the cursor, with the next commit ◀────── 204 ─────────┘
//! ```
//!
//! The cursor moves only after 204, and lines exported twice are the same points: whatever is killed,
//! nothing is lost and nothing doubled. What is in memory is two batches, whatever the server does.

pub mod archive;
pub mod csv;
mod deliver;
mod feed;
mod gather;
pub mod line;
pub mod policy;
pub mod query;
mod refused;
mod relay;
pub mod reply;
mod size;
pub mod text;
pub mod transport;
mod words;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use self::feed::{BadFeed, Batch, Feed, SETTLED};
use self::policy::{FIRST_PAUSE, LONGEST_PAUSE};
use self::refused::{LetterBudget, RefusedLines, Untold};
use self::reply::CLASSES;
use self::size::Size;
use self::transport::{BadTransport, Transport};
use crate::clock::Stopwatch;
use crate::config::Influx;
use crate::handles::Handles;
use crate::net::backoff::Backoff;
use crate::pipeline::load_shedding::{Load, Work};
use crate::privacy::pseudonym::Pseudonyms;
use vitalgate_domain::model::consent::Purpose;
use vitalgate_domain::model::input::{Input, LineRefusal};
use vitalgate_domain::model::time::{Span, Timestamp};
use vitalgate_store::audit::SignedHead;
use vitalgate_store::consumers::{Consumer, ConsumerCursor, Registration};
use vitalgate_store::history::range::History;
use vitalgate_store::types::Identity;
use vitalgate_store::{BadKey, ReadError, Reader};

/// How often lag is looked at, while nothing goes on and while one batch follows the other.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long it may go on at shutdown with what is committed; the rest waits for the next start.
const FLUSH: Duration = Duration::from_secs(3);
/// After the store could not be read.
const READ_AGAIN: Duration = Duration::from_secs(5);
/// Under this name dead letters of the sink are kept, and it is degraded.
const NAME: &str = "influxdb";

/// As the store knows it: under this name existing stores hold how far it has come.
pub const CONSUMER: Registration = Registration::new("influx");

/// Why there is no sink.
#[derive(Debug, thiserror::Error)]
pub enum BadSink {
    /// Nothing can be sent.
    #[error(transparent)]
    Transport(#[from] BadTransport),
    /// No names for patients.
    #[error(transparent)]
    Pseudonyms(#[from] BadKey),
}

/// What the sink works with.
#[derive(Debug)]
pub struct Parts {
    /// What the store is.
    pub identity: Identity,
    /// The journal.
    pub reader: Reader,
    /// What the journal lost.
    pub history: History,
    /// Where the cursor is kept.
    pub consumer: Consumer,
    /// What it shares with every interface.
    pub handles: Handles,
    /// What is shed.
    pub load: Load,
    /// Whether an alarm of an earlier sink is open.
    pub alarming: bool,
    /// Where the audit stands.
    pub heads: watch::Receiver<Option<SignedHead>>,
}

/// The sink, not yet running.
#[derive(Debug)]
pub struct Sink {
    feed: Arc<Feed>,
    transport: Transport,
    consumer: Consumer,
    handles: Handles,
    load: Load,
    batch_age: Duration,
    max_lag: Span,
    size: Size,
    backoff: Backoff,
    /// The line that was taken last.
    witness: Option<Bytes>,
    letters: LetterBudget,
    untold: Untold,
    state: State,
    reported: Option<State>,
    answered: bool,
    looked: Stopwatch,
}

/// What its alarms say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct State {
    refused: Option<u16>,
    behind: bool,
    /// What the server says, since it takes nothing.
    words: Option<String>,
}

impl State {
    /// What of it is told: words belong to an alarm.
    fn told(&self) -> Self {
        let alarming = self.refused.is_some() || self.behind;
        Self { words: self.words.clone().filter(|_| alarming), ..*self }
    }
}

impl Sink {
    /// Reads secret and keys; connects to nothing. From here on journal rows are held back for it.
    pub async fn new(
        config: &Influx,
        folder: &std::path::Path,
        parts: Parts,
    ) -> Result<Self, BadSink> {
        let Parts { identity, reader, history, consumer, handles, load, alarming, heads } = parts;
        let feed = Feed {
            reader,
            history,
            board: handles.board.clone(),
            signals: handles.signals.clone(),
            pseudonyms: Pseudonyms::open(folder, Purpose::Care)?,
            store: line::Store::new(identity.site.as_str(), identity.is_simulated()),
            batch_bytes: config.batch_bytes,
            cache: Mutex::default(),
            heads,
            told: Mutex::default(),
        };
        let transport = Transport::new(config).await?;
        consumer.begin();
        handles.metrics.influx_begins(&CLASSES, &LineRefusal::ALL.map(LineRefusal::as_str));
        Ok(Self {
            feed: Arc::new(feed),
            transport,
            consumer,
            handles,
            load,
            batch_age: Duration::from_micros(config.batch_age.as_micros().unsigned_abs()),
            max_lag: config.max_lag,
            size: Size::new(config.batch_bytes),
            backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
            witness: None,
            letters: LetterBudget::new(),
            untold: Untold::default(),
            state: State::default(),
            reported: (!alarming).then(State::default),
            answered: false,
            looked: Stopwatch::start(),
        })
    }

    /// Exports everything; from `stop` on only what is committed by then, as far as it gets in time.
    pub async fn run(mut self, stop: CancellationToken) {
        let late = async {
            stop.cancelled().await;
            tokio::time::sleep(FLUSH).await;
        };
        tokio::select! {
            () = late => {}
            () = self.export_all(&stop) => {}
        }
    }

    async fn export_all(&mut self, stop: &CancellationToken) {
        let mut cursor = self.consumer.begin();
        let mut ahead = None;
        let mut last = false;
        loop {
            let batch = match ahead.take() {
                Some(batch) => batch,
                None => read(&self.feed, cursor.clone(), self.handles.clock.now()).await,
            };
            let batch = match batch {
                Ok(batch) => batch,
                Err(error) => {
                    self.unreadable(&error, &cursor).await;
                    continue;
                }
            };
            // A new store is exported from its first row on.
            cursor.upto = cursor.upto.max(batch.exported_to);
            let (feed, now) = (Arc::clone(&self.feed), self.handles.clock.now());
            let next = async {
                if batch.more { Some(read(&feed, batch.cursor.clone(), now).await) } else { None }
            };
            let (dead, next) = tokio::join!(self.deliver(&batch, &cursor), next);
            ahead = next;
            self.exported(batch, dead, &mut cursor).await;
            if ahead.is_some() {
                continue;
            }
            if cursor.refill.is_none() {
                if last {
                    return;
                }
                // Once more after `stop`: what was committed meanwhile.
                last = tokio::time::timeout(self.batch_age, stop.cancelled()).await.is_ok();
                continue;
            }
            // In between, a batch of what the journal lost.
            match refill(&self.feed, cursor.clone()).await {
                Ok(batch) => {
                    let dead = self.deliver(&batch, &cursor).await;
                    self.exported(batch, dead, &mut cursor).await;
                }
                Err(error) => self.unreadable(&error, &cursor).await,
            }
        }
    }

    /// All of a batch is written or dead: the cursor moves.
    async fn exported(&mut self, batch: Batch, dead: RefusedLines, cursor: &mut ConsumerCursor) {
        self.handles.metrics.influx_unwritable(batch.unwritable);
        for (why, lines) in dead.counts() {
            self.handles.metrics.influx_refused(why.as_str(), lines);
        }
        self.untold.note(&dead);
        // What is passed over is told before: whatever is killed, it is not silent.
        let told = self.tell().await;
        if batch.cursor != *cursor {
            *cursor = batch.cursor;
            if told {
                let letters = dead.into_letters();
                self.letters.spend(letters.len());
                self.consumer.put(cursor.clone(), letters);
            }
        }
        let late = self.looked.seconds() >= LOOK_EVERY.as_secs_f64();
        if late || !batch.more || self.reported.as_ref() != Some(&self.state.told()) {
            self.look(cursor).await;
        }
    }

    async fn unreadable(&mut self, error: &BadFeed, cursor: &ConsumerCursor) {
        tracing::error!(%error, "the store cannot be read for InfluxDB; trying again");
        self.handles.degraded.set(NAME, Some("the store cannot be read for it".to_owned()));
        self.rest(READ_AGAIN, cursor).await;
    }

    /// Waits while there is more important work than this, and reports meanwhile how far behind it
    /// falls.
    async fn wait_its_turn(&mut self, cursor: &ConsumerCursor) {
        if !self.load.is_shed(Work::Influx) {
            return;
        }
        self.handles.metrics.shed(Work::Influx.as_str());
        while tokio::time::timeout(LOOK_EVERY, self.load.resumed(Work::Influx)).await.is_err() {
            self.look(cursor).await;
        }
    }

    /// Waits, and reports meanwhile how far behind it falls.
    async fn rest(&mut self, pause: Duration, cursor: &ConsumerCursor) {
        let mut left = pause;
        loop {
            self.look(cursor).await;
            if left.is_zero() {
                return;
            }
            let nap = left.min(LOOK_EVERY);
            tokio::time::sleep(nap).await;
            left -= nap;
        }
    }

    /// Reports how far behind it is; an alarm is raised or ended where that changed.
    async fn look(&mut self, cursor: &ConsumerCursor) {
        self.looked = Stopwatch::start();
        let reader = self.feed.reader.clone();
        let ends = move || Ok::<_, ReadError>((reader.first_row()?, reader.last_row()?));
        let ends = tokio::task::spawn_blocking(ends).await;
        let Ok(Ok((Some(first), Some(newest)))) = ends else { return };
        let rows = newest.n.saturating_sub(cursor.row);
        let lag = lag(rows, cursor.upto, first.at, self.handles.clock.wall());
        self.handles.metrics.influx_lag(rows, lag.as_secs_f64().max(0.0), cursor.refill.is_some());
        // What waits on purpose is not behind.
        self.state.behind = lag > self.max_lag + SETTLED;
        self.tell().await;
        let unsure = self.reported.is_none() && !self.answered;
        let state = self.state.told();
        if unsure || self.reported.as_ref() == Some(&state) {
            return;
        }
        let State { refused, behind, words } = state.clone();
        if self.handles.tell(vec![Input::Sink { refused, behind, words }]).await {
            self.reported = Some(state);
        }
    }

    /// Tells what will never be exported and was not told yet; whether nothing of it is left.
    async fn tell(&mut self) -> bool {
        let due = self.untold.due();
        let told = due.is_empty() || self.handles.tell(due.clone()).await;
        if told {
            self.untold.told(&due);
        }
        told
    }
}

/// How long so many rows have waited: since what was exported last, or since the first row where nothing was, as when a
/// server is away from the start. Before a stream's first message there is no time.
fn lag(rows: u64, upto: Timestamp, first: Timestamp, now: Timestamp) -> Span {
    let since = if upto == Timestamp::default() { first } else { upto };
    if rows == 0 || since == Timestamp::default() { Span::ZERO } else { now - since }
}

async fn read(feed: &Arc<Feed>, cursor: ConsumerCursor, now: Timestamp) -> Result<Batch, BadFeed> {
    let feed = Arc::clone(feed);
    joined(tokio::task::spawn_blocking(move || feed.next(cursor, now)).await)
}

async fn refill(feed: &Arc<Feed>, cursor: ConsumerCursor) -> Result<Batch, BadFeed> {
    let feed = Arc::clone(feed);
    joined(tokio::task::spawn_blocking(move || feed.refill(cursor)).await)
}

fn joined(read: Result<Result<Batch, BadFeed>, tokio::task::JoinError>) -> Result<Batch, BadFeed> {
    read.unwrap_or_else(|e| Err(ReadError::Strange(e.to_string()).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_away_from_the_start_is_behind_as_well() {
        let second = |n| Timestamp::YEAR_2000 + Span::secs(n);
        let never = Timestamp::default();
        assert_eq!(lag(3, second(4), second(1), second(9)), Span::secs(5));
        assert_eq!(lag(3, never, second(1), second(9)), Span::secs(8), "nothing was exported yet");
        assert_eq!(lag(0, second(4), second(1), second(9)), Span::ZERO, "all of it was");
        assert_eq!(lag(3, never, never, second(9)), Span::ZERO, "time has not begun");
    }
}
