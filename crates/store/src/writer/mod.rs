//! The one thread that writes.
//!
//! **What a failed commit leaves behind.** SQLite appends the pages of a transaction to the log,
//! syncs the log, and only then moves the end of the log that it keeps in shared memory. When the
//! write or the sync fails, that end has not moved: the next attempt on the same connection writes
//! the same places of the log again, which makes the kernel's pages dirty again, and syncs them. So
//! a sync that failed is never followed by one that succeeds over pages the kernel has given up.
//! Opening the file anew is different: recovery would take the failed transaction out of the page
//! cache as if it were on the disk. Hence a connection that failed is kept and tried again, and only
//! when it stays unusable is it replaced, after which the whole log must be copied into the file, with
//! a sync of its own, before anything is reported as committed. [`Store::open`](crate::Store::open)
//! does the same, because the process before it may have been killed in the middle of a failure.

pub(crate) mod alarm_context;
pub(crate) mod commit;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{mpsc, watch};

use self::commit::{CommitError, PackError, Packed, RowCompressor, is_full_disk};
use crate::audit::head::SignedHead;
use crate::audit::key::AuditKey;
use crate::audit::stand;
use crate::consumers::Consumers;
use crate::file::connection;
use crate::file::lock::Lock;
use crate::file::reserve::Reserve;
use crate::history::heads::Heads;
use crate::history::words::series::WordSeries;
use crate::history::words::write::Placed;
use crate::host::{Alone, Host};
use crate::open::Opened;
use crate::pruning::keep::Keep;
use crate::pruning::retention::Keeper;
use crate::stopwatch::Stopwatch;
use crate::types::Commit;

/// One is being written, one waits beside it; more would only hide how late the disk is. What waits
/// longer stays batched in the pipeline.
const WAITING: usize = 2;
/// Every commit under way may report, and the failing one beside them.
const REPORTS: usize = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// After so many failures in a row the connection itself is suspect.
const REPLACE_AFTER: u32 = 5;
/// After so many failures in a row a gateway that is shutting down gives up.
const GIVE_UP_AFTER: u32 = 10;
/// The log is copied into the file after about so many bytes, however busy it is: a larger log
/// holds the same page more often and is copied in less, a smaller one stalls a commit for less.
const CHECKPOINT_BYTES: u64 = 32 << 20;
/// The same while no commit waits.
const IDLE_CHECKPOINT_BYTES: u64 = 4 << 20;
/// The audit is signed at most so often, in seconds.
const SIGNED_EVERY: f64 = 1.0;
/// A page of the file.
const PAGE_BYTES: u64 = 8_192;
/// Slices of retention after one commit where the disk is nearly full.
const SLICES_WHERE_SHORT: u32 = 64;

/// What became of a commit.
#[derive(Debug, Clone, PartialEq)]
pub enum Report {
    /// It is on the disk.
    Committed {
        /// Its row.
        n: u64,
        /// How long it took, failures included.
        seconds: f64,
        /// Bytes the disk still has for what devices send, the reserve left aside.
        room: u64,
    },
    /// It failed and is being tried again, exactly as it is; those after it wait.
    Failing {
        /// Its row.
        n: u64,
        /// Why, in words.
        error: String,
    },
}

/// The way in: commits are written in the order sent. Dropping the last one ends the thread, once
/// what was sent is on the disk.
#[derive(Clone, Debug)]
pub struct Committer(mpsc::Sender<Commit>);

/// The store's thread has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the store has stopped")]
pub struct StoreStopped;

impl Committer {
    /// Waits for room, then hands over. Whoever waits here must go on reading the reports.
    pub async fn send(&self, commit: Commit) -> Result<(), StoreStopped> {
        self.0.send(commit).await.map_err(|_| StoreStopped)
    }

    /// Hands over if there is room; else gives the commit back.
    pub fn offer(&self, commit: Commit) -> Result<(), NotTaken> {
        self.0.try_send(commit).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(commit) => NotTaken::Full(Box::new(commit)),
            mpsc::error::TrySendError::Closed(_) => NotTaken::Stopped,
        })
    }
}

/// Why a commit was not taken.
#[derive(Debug)]
pub enum NotTaken {
    /// There is no room yet.
    Full(Box<Commit>),
    /// The store's thread has ended; its end of the reports says so too.
    Stopped,
}

/// Why the store's thread ended before its time.
#[derive(Debug, thiserror::Error)]
pub enum WriterError {
    /// A commit cannot be put into bytes; trying again would not help.
    #[error("cannot pack row {n}")]
    Pack {
        /// Its row.
        n: u64,
        /// Why.
        source: PackError,
    },
    /// The disk kept failing while the gateway shut down.
    #[error("gave up on row {n} and what followed it; nothing of it was reported as committed")]
    GaveUp {
        /// The first row not written.
        n: u64,
        /// The last failure.
        source: CommitError,
    },
}

/// A running writer: where commits go in, where reports come out, and the thread.
#[derive(Debug)]
pub struct Running {
    /// Where commits go in.
    pub committer: Committer,
    /// Where reports come out.
    pub reports: mpsc::Receiver<Report>,
    /// Ends when the committer is dropped and everything sent is written, or with an error.
    pub thread: JoinHandle<Result<(), WriterError>>,
    /// The room of the disk as it is now.
    pub room: Room,
}

/// What the disk has for what devices send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Bytes left, those of the reserve not counted.
    pub left: u64,
    /// Of these, bytes that commands and open alarms may need before the reserve is touched.
    pub margin: u64,
}

/// On what terms a store is run.
#[derive(Debug)]
pub struct Terms {
    /// How long things are kept, from now on whenever it changes.
    pub keep: watch::Receiver<Arc<Keep>>,
    /// Who runs it.
    pub host: Arc<dyn Host>,
    /// Bytes of the disk that are kept for what must go on when it is full; `None` for the smaller of 256 MiB and
    /// 5 % of it.
    pub reserve: Option<u64>,
}

impl From<Keep> for Terms {
    fn from(keep: Keep) -> Self {
        let keep = watch::channel(Arc::new(keep)).1;
        Self { keep, host: Arc::new(Alone), reserve: Some(0) }
    }
}

impl Default for Terms {
    fn default() -> Self {
        Keep::default().into()
    }
}

/// Starts the thread `store`.
pub fn start(opened: Opened, terms: impl Into<Terms>) -> std::io::Result<Running> {
    let Terms { keep, host, reserve } = terms.into();
    let mut reserve = Reserve::of(opened.path.parent().unwrap_or(Path::new(".")), reserve);
    reserve.fill();
    let (committer, commits) = mpsc::channel(WAITING);
    let (reporter, reports) = mpsc::channel(REPORTS);
    let writer = Writer {
        heads: Arc::clone(opened.heads()),
        words: Arc::clone(opened.words()),
        consumers: opened.consumers.clone(),
        keeper: Keeper::new(
            keep,
            Arc::clone(&host),
            Arc::clone(opened.heads()),
            Arc::clone(opened.words()),
            opened.key.clone(),
            (opened.snapshot_row, opened.sealed_to),
        ),
        signing: Signing { key: opened.key, moved: true, last: None, unwritten: None },
        conn: opened.conn,
        path: opened.path,
        _lock: opened.lock,
        commits,
        reporter,
        host,
        rows: RowCompressor::new()?,
        log_bytes: 0,
        lacking: reserve.lacks(),
        reserve,
    };
    writer.host.reserve_lacks(writer.lacking);
    let room = Room { left: writer.room(), margin: writer.reserve.margin() };
    let thread = std::thread::Builder::new().name("store".into()).spawn(|| writer.run())?;
    Ok(Running { committer: Committer(committer), reports, thread, room })
}

struct Writer {
    conn: Connection,
    path: PathBuf,
    _lock: Lock,
    heads: Arc<Heads>,
    words: Arc<WordSeries>,
    keeper: Keeper,
    consumers: Consumers,
    signing: Signing,
    commits: mpsc::Receiver<Commit>,
    reporter: mpsc::Sender<Report>,
    host: Arc<dyn Host>,
    rows: RowCompressor,
    /// About how much was written since the last checkpoint.
    log_bytes: u64,
    reserve: Reserve,
    /// What it lacked when that was last told.
    lacking: u64,
}

/// When the audit is signed, and what of it is not on the disk.
struct Signing {
    key: AuditKey,
    /// Whether there are entries after the last head.
    moved: bool,
    last: Option<Stopwatch>,
    unwritten: Option<SignedHead>,
}

impl Writer {
    fn run(mut self) -> Result<(), WriterError> {
        while let Some(commit) = self.commits.blocking_recv() {
            let n = commit.row.n;
            let packed = self.pack(commit).map_err(|source| WriterError::Pack { n, source })?;
            let seconds = self.write(&packed)?;
            let Packed { commit, sealed, sealed_to, .. } = &packed;
            self.signing.unwritten = None;
            self.signing.moved |= !commit.transitions.is_empty();
            self.heads.committed(sealed, n, commit.row.at, &commit.samples);
            self.consumers.stored(&packed.news);
            self.log_bytes += packed.bytes();
            let room = self.room();
            // The pipeline may be gone already at shutdown; the row stays committed.
            drop(self.reporter.blocking_send(Report::Committed { n, seconds, room }));
            self.keeper.committed(commit, *sealed_to);
            self.sign(SIGNED_EVERY);
            self.tidy();
        }
        self.sign(0.0);
        self.write_last_cursors();
        self.write_last_head();
        self.checkpoint();
        Ok(())
    }

    fn pack(&mut self, commit: Commit) -> Result<Packed, PackError> {
        let readings = alarm_context::gather(&self.conn, &self.heads, &commit);
        let (now, samples) = (commit.row.at, commit.samples.len());
        let due = if self.host.is_overloaded() && self.heads.some_may_wait(now) {
            self.host.sealing_deferred();
            self.heads.cannot_wait(now, samples)
        } else {
            self.heads.due(now, samples)
        };
        let sealed_to = self.heads.sealed_to(&due);
        let words = Placed::of(&commit, &self.words);
        let packed = Packed::new(commit, due, sealed_to, &mut self.rows)?
            .with_readings(readings)
            .with_words(words);
        let head = self.signing.unwritten.clone();
        Ok(packed.with_news(self.consumers.take()).with_head(head))
    }

    /// Writes until it succeeds; gives up only when nobody sends any more.
    fn write(&mut self, packed: &Packed) -> Result<f64, WriterError> {
        let n = packed.commit.row.n;
        let watch = Stopwatch::start();
        let mut pause = FIRST_PAUSE;
        let mut failures = 0;
        while let Err(source) = packed.write(&mut self.conn) {
            if source.is_full_disk() && self.reserve.give() {
                continue;
            }
            failures += 1;
            let error = in_words(&source);
            tracing::error!(row = n, failures, error, "the store failed; trying the row again");
            // A full channel holds a report of this failure already.
            drop(self.reporter.try_send(Report::Failing { n, error }));
            if failures >= GIVE_UP_AFTER && self.commits.is_closed() {
                return Err(WriterError::GaveUp { n, source });
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
            if failures % REPLACE_AFTER == 0 {
                self.replace_connection();
            }
        }
        if failures > 0 {
            tracing::info!(row = n, failures, "the store commits again");
        }
        Ok(watch.seconds())
    }

    /// At the end there is no further commit to carry what the consumers left.
    fn write_last_cursors(&mut self) {
        for news in self.consumers.take() {
            let written = self.conn.transaction().and_then(|tx| {
                commit::insert_news(&tx, news.cursor().upto, &news)?;
                tx.commit()
            });
            if let Err(error) = written {
                let consumer = news.name();
                tracing::warn!(%error, consumer, "it reads its last rows again at the next start");
            }
        }
    }

    /// Signs the audit, if it has moved and was not signed in the last seconds. The head goes on the disk with
    /// the next commit.
    fn sign(&mut self, every: f64) {
        let Signing { key, moved, last, unwritten } = &mut self.signing;
        if !*moved || last.as_ref().is_some_and(|last| last.seconds() < every) {
            return;
        }
        match stand::sign(&self.conn, key) {
            Ok(head) => {
                self.host.head(&head);
                *unwritten = Some(head);
                *moved = false;
            }
            Err(error) => tracing::warn!(%error, "the audit could not be signed; trying again"),
        }
        *last = Some(Stopwatch::start());
    }

    fn write_last_head(&mut self) {
        if let Some(head) = &self.signing.unwritten
            && let Err(error) = stand::keep(&self.conn, head)
        {
            tracing::warn!(%error, "the last head of the audit is not on the disk");
        }
    }

    /// Takes a new connection, if one can be had whose whole log reaches the disk.
    fn replace_connection(&mut self) {
        let fresh = connection::writable(&self.path)
            .and_then(|conn| connection::checkpoint_all(&conn).map(|()| conn));
        match fresh {
            Ok(conn) => self.conn = conn,
            Err(error) => tracing::warn!(%error, "the store cannot be opened anew yet"),
        }
    }

    /// Between commits: retention and merging in slices, and checkpoints. Nobody waits for it but the next commit.
    fn tidy(&mut self) {
        // Where room is short, what may be pruned is.
        let mut slices = if self.is_short() { SLICES_WHERE_SHORT } else { 1 };
        loop {
            let idle = self.commits.is_empty();
            let pressed = self.host.is_overloaded();
            match self.keeper.slice(&mut self.conn, idle, pressed, &self.consumers.holds()) {
                Ok(bytes) => self.log_bytes += bytes,
                Err(error) => tracing::warn!(%error, "retention failed; trying again later"),
            }
            if let Some(head) = self.keeper.take_head() {
                self.host.head(&head);
                self.signing.unwritten = None;
                self.signing.moved = false;
            }
            let most = if idle { IDLE_CHECKPOINT_BYTES } else { CHECKPOINT_BYTES };
            if self.log_bytes >= self.reserve.most_in_log(most) {
                self.checkpoint();
            }
            slices -= 1;
            if slices == 0 || !idle || !self.keeper.has_more() {
                break;
            }
        }
        self.reserve.fill();
        let lacks = self.reserve.lacks();
        if std::mem::replace(&mut self.lacking, lacks) != lacks {
            self.host.reserve_lacks(lacks);
        }
    }

    fn checkpoint(&mut self) {
        let copy = |conn: &Connection| {
            conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
                Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
            })
        };
        let mut copied = copy(&self.conn);
        while copied.as_ref().is_err_and(is_full_disk) && self.reserve.give() {
            copied = copy(&self.conn);
        }
        match copied {
            // A reader may hold back the rest.
            Ok((pages, copied)) => self.log_bytes = (pages - copied).max(0) as u64 * PAGE_BYTES,
            // What is committed stays in the log, and the next commit tries again.
            Err(error) => tracing::warn!(%error, "the log could not be copied into the store file"),
        }
    }

    /// Bytes the disk has for what devices send: what is free beside the reserve, and free in the file, less what the
    /// log will still add to the file.
    fn room(&self) -> u64 {
        let beside = self.reserve.room();
        // Pages of the file matter only where little else is left.
        let pages = if beside < 8 * self.reserve.margin() {
            let free = self.conn.pragma_query_value(None, "freelist_count", |row| row.get(0));
            free.map_or(0, |pages: i64| pages.max(0) as u64)
        } else {
            0
        };
        (beside.saturating_add(pages * PAGE_BYTES)).saturating_sub(self.log_bytes)
    }

    fn is_short(&self) -> bool {
        self.room() < 4 * self.reserve.margin()
    }
}

/// An error with its causes, on one line.
fn in_words(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |e| e.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;
    use crate::tests::{commit, purpose};

    #[test]
    fn a_failing_row_is_reported_and_tried_again_until_the_disk_takes_it() {
        let dir = tempfile::tempdir().unwrap();
        let opened = Store::create(dir.path(), &purpose()).unwrap();
        // This connection meets a full disk; the one that replaces it does not.
        let pages: i64 =
            opened.conn.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        opened.conn.query_row(&format!("PRAGMA max_page_count={pages}"), [], |_| Ok(())).unwrap();
        let reader = opened.reader();
        let Running { committer, mut reports, thread, .. } =
            start(opened, Keep::default()).unwrap();
        let mut large = commit(1);
        large.row.body = (0..100_000_u32).flat_map(|i| i.wrapping_mul(i).to_le_bytes()).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let reported = runtime.block_on(async {
            committer.send(large.clone()).await.unwrap();
            committer.send(commit(2)).await.unwrap();
            let first = reports.recv().await;
            assert!(
                matches!(&first, Some(Report::Failing { n: 1, error }) if error.contains("full")),
                "{first:?}"
            );
            assert_eq!(reader.rows(0).unwrap().count(), 0);
            let mut reported = Vec::new();
            while reported.len() < 2 {
                match reports.recv().await {
                    Some(Report::Committed { n, .. }) => reported.push(n),
                    Some(Report::Failing { n, .. }) => assert_eq!(n, 1),
                    None => panic!("the store stopped"),
                }
            }
            reported
        });
        assert_eq!(reported, [1, 2]);
        drop(committer);
        thread.join().unwrap().unwrap();
        let rows: Vec<_> = reader.rows(0).unwrap().map(Result::unwrap).collect();
        assert_eq!(rows, [large.row, commit(2).row]);
    }
}
