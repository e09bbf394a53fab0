//! What may be pruned, and how: a slice at a time, between commits, on the writer's thread.

use std::sync::Arc;

use rusqlite::{Connection, TransactionBehavior, params};
use tokio::sync::watch;

use super::ageing::{Aged, Ageing};
use super::alarm_log::AlarmLog;
use super::keep::Keep;
use super::merging::{Merged, Merging};
use super::pruned::Pruned;
use super::surplus;
use crate::audit::SignedHead;
use crate::audit::key::AuditKey;
use crate::audit::stand;
use crate::consumers::Hold;
use crate::dead_letters;
use crate::history::heads::Heads;
use crate::history::words::series::WordSeries;
use crate::host::Host;
use crate::types::Commit;
use vitalgate_domain::model::time::{Span, Timestamp};

/// How often the writer looks for what may be pruned, by the gateway's time.
const EVERY: Span = Span::secs(10);
/// A gateway that is never idle prunes a slice at least so often: more than it can write meanwhile.
const AT_LATEST: Span = Span::secs(1);
/// Rows of one table that are pruned in one slice.
pub(crate) const ROWS: i64 = 256;
/// Free pages returned to the file system in one slice, once there are many; as in [`vacuum`].
const PAGES: usize = 256;
/// Below this many free pages (8 MiB) the file keeps them for what comes next.
const SPARE_PAGES: i64 = 1_024;

/// Dead letters kept of all senders together; of one sender [`dead_letters`] bounds them.
const DEAD_LETTERS_BYTES: u64 = 256 << 20;

/// What is pruned, as it is counted: the parts of [`Keeper::delete`].
const KINDS: [&str; 6] =
    ["journal", "history_age", "history_bytes", "waves", "transitions", "dead_letters"];

/// Decides what is pruned next.
#[derive(Debug)]
pub(crate) struct Keeper {
    /// Notes what is pruned of a series before it is missing.
    heads: Arc<Heads>,
    words: Arc<WordSeries>,
    /// As of the last reload of the signals.
    keep: watch::Receiver<Arc<Keep>>,
    host: Arc<dyn Host>,
    ageing: Ageing,
    ageing_of_words: Ageing,
    alarm_log: AlarmLog,
    merging: Merging,
    /// Where the audit stands since transitions went last.
    head: Option<SignedHead>,
    snapshot_row: u64,
    sealed_to: u64,
    now: Timestamp,
    wall: Timestamp,
    looked: Timestamp,
    sliced: Timestamp,
    /// Whether the last slice left something that may be pruned.
    more: bool,
}

impl Keeper {
    pub(crate) fn new(
        keep: watch::Receiver<Arc<Keep>>,
        host: Arc<dyn Host>,
        heads: Arc<Heads>,
        words: Arc<WordSeries>,
        key: AuditKey,
        (snapshot_row, sealed_to): (Option<u64>, u64),
    ) -> Self {
        let never = Timestamp::default();
        let snapshot_row = snapshot_row.unwrap_or(0);
        Self {
            heads,
            words,
            ageing: Ageing::of(Aged::Blocks),
            ageing_of_words: Ageing::of(Aged::Words),
            alarm_log: AlarmLog::new(key),
            merging: Merging::default(),
            head: None,
            keep,
            host,
            snapshot_row,
            sealed_to,
            now: never,
            wall: never,
            looked: never,
            sliced: never,
            more: false,
        }
    }

    /// A row was committed; `sealed_to` as that commit wrote it.
    pub(crate) fn committed(&mut self, commit: &Commit, sealed_to: u64) {
        self.now = commit.row.at;
        self.wall = commit.row.at + commit.row.offset;
        self.snapshot_row = commit.snapshot_complete.unwrap_or(self.snapshot_row);
        self.sealed_to = sealed_to;
    }

    /// Whether the last slice left something that may be pruned.
    pub(crate) fn has_more(&self) -> bool {
        self.more
    }

    /// Prunes a slice if it is time, and merges small blocks unless `pressed`; gives about how many
    /// bytes that adds to the log. Of what consumers still need the newest
    /// rows stay, for each as many as its bound takes.
    pub(crate) fn slice(
        &mut self,
        conn: &mut Connection,
        idle: bool,
        pressed: bool,
        holds: &[Hold],
    ) -> rusqlite::Result<u64> {
        if self.now - self.looked >= EVERY {
            self.looked = self.now;
            self.more = true;
        }
        if !self.more || !(idle || self.now - self.sliced >= AT_LATEST) {
            return Ok(0);
        }
        self.sliced = self.now;
        self.more = false;
        let pruned = self.delete(conn, holds)?;
        for (what, rows) in KINDS.into_iter().zip(pruned) {
            self.host.pruned(what, rows as u64);
        }
        let merged = if pressed { None } else { self.merge(conn) };
        let freed = vacuum(conn)?;
        let full = pruned.iter().any(|rows| *rows as i64 >= ROWS);
        let merging = merged.is_some() && self.merging.is_under_way();
        let ageing = self.ageing.is_under_way()
            || self.ageing_of_words.is_under_way()
            || self.alarm_log.is_under_way();
        self.more = full || freed || ageing || merging;
        let pages =
            pruned.iter().sum::<usize>() + merged.unwrap_or(0) + if freed { PAGES } else { 0 };
        Ok(pages as u64 * 8_192)
    }

    /// Where the audit stands, if transitions went since this was asked: the disk has that head, and an older one
    /// must not follow it.
    pub(crate) fn take_head(&mut self) -> Option<SignedHead> {
        self.head.take()
    }

    /// Merges small blocks; how many rows that changed. `None` if it could not: nothing waits for it,
    /// and it is tried again when it is next looked for what may be pruned.
    fn merge(&mut self, conn: &mut Connection) -> Option<usize> {
        match self.merge_slice(conn) {
            Ok(merged) => {
                self.host.merged(merged.small as u64);
                Some(merged.small + merged.large)
            }
            Err(error) => {
                tracing::warn!(%error, "small blocks cannot be merged; trying again later");
                None
            }
        }
    }

    fn merge_slice(&mut self, conn: &mut Connection) -> rusqlite::Result<Merged> {
        let keep = Arc::clone(&self.keep.borrow());
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let before = self.merging.clone();
        let merged = self.merging.slice(&tx, &keep, self.now, self.wall)?;
        tx.commit().inspect_err(|_| self.merging = before)?;
        Ok(merged)
    }

    fn delete(&mut self, conn: &mut Connection, holds: &[Hold]) -> rusqlite::Result<[usize; 6]> {
        let keep = Arc::clone(&self.keep.borrow());
        let Keep { journal, journal_bytes, history_bytes, waves, waves_bytes, .. } = *keep;
        let before = |keep: Span| (self.now - keep).as_micros();
        let told_to = holds.iter().map(|hold| hold.after_seq).min().unwrap_or(u64::MAX);
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let vouched_to = stand::vouched_to(&tx)?.unwrap_or(u64::MAX);
        let needed_after = self.snapshot_row.min(self.sealed_to).min(vouched_to) as i64;
        let (mut of_series, mut of_words) = (Pruned::default(), Pruned::default());
        let pruned = [
            // The newest row stays for ever: the clock goes on from it.
            tx.prepare_cached(
                "DELETE FROM journal WHERE n < (SELECT min(n) FROM journal) + ?1 AND n <= ?2
                   AND n < (SELECT max(n) FROM journal)
                   AND (upto <= (SELECT upto FROM journal ORDER BY n DESC LIMIT 1) - ?4
                     OR at < ?3 AND NOT EXISTS (SELECT 1 FROM json_each(?5) hold
                       WHERE n > hold.value ->> 0 AND upto >
                         (SELECT upto FROM journal ORDER BY n DESC LIMIT 1) - (hold.value ->> 1)))",
            )?
            .execute(params![
                ROWS,
                needed_after,
                before(journal),
                journal_bytes as i64,
                held(holds),
            ])?,
            self.ageing.slice(&tx, &keep, self.wall, &mut of_series)?
                + self.ageing_of_words.slice(&tx, &keep, self.wall, &mut of_words)?,
            surplus::slice(&tx, history_bytes, &mut of_series, &mut of_words)?,
            tx.prepare_cached(
                "DELETE FROM waves WHERE id < (SELECT min(id) FROM waves) + ?1 AND (received < ?2
                   OR upto <= (SELECT upto FROM waves ORDER BY id DESC LIMIT 1) - ?3)",
            )?
            .execute(params![ROWS, before(waves), waves_bytes as i64])?,
            self.alarm_log.slice(&tx, keep.transitions, self.wall, told_to)?,
            dead_letters::prune_beyond(&tx, DEAD_LETTERS_BYTES, ROWS)?,
        ];
        if pruned == [0; 6] {
            return Ok(pruned);
        }
        of_series.write(&tx)?;
        of_words.write_words(&tx)?;
        // Before the commit: a reader may believe that more is pruned than is, never less.
        self.heads.prune(&of_series.0);
        self.words.prune(&of_words.0);
        tx.commit()?;
        self.head = self.alarm_log.take_head().or_else(|| self.head.take());
        Ok(pruned)
    }
}

/// The holds as JSON, for SQLite, whose numbers have a sign.
fn held(holds: &[Hold]) -> String {
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let holds = holds.iter().map(|hold| [number(hold.after_row), number(hold.bytes)]);
    holds.collect::<serde_json::Value>().to_string()
}

/// Returns some free pages to the file system where more are free than the store will soon reuse.
fn vacuum(conn: &Connection) -> rusqlite::Result<bool> {
    let free: i64 = conn.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
    let all: i64 = conn.pragma_query_value(None, "page_count", |row| row.get(0))?;
    if free <= SPARE_PAGES.max(all / 4) {
        return Ok(false);
    }
    let mut statement = conn.prepare(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
    let mut steps = statement.query([])?;
    while steps.next()?.is_some() {}
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::consumers::{ConsumerCursor, Registration};
    use crate::history::range;
    use crate::tests::{commit, purpose, sample, second, write};
    use crate::types::Commit;
    use crate::{Opened, Report, Running, Store, Terms, start};
    use vitalgate_domain::model::message::WaveChunk;
    use vitalgate_domain::model::message::WaveSamples;

    /// Rows `from..=to`, a thousand seconds apart, each with one sample; a snapshot where it says so.
    fn rows(from: u64, to: u64, snapshot_at: Option<u64>) -> Vec<Commit> {
        let row = |n: u64| {
            let mut row = commit(n);
            row.row.at = second(n * 1_000);
            row.samples = vec![sample(row.row.at, n as f64)];
            row.snapshot_complete = snapshot_at.filter(|at| *at == n);
            row
        };
        (from..=to).map(row).collect()
    }

    fn first_row(opened: &Opened) -> u64 {
        opened.reader().rows(0).unwrap().next().unwrap().unwrap().n
    }

    #[test]
    fn a_row_stays_while_a_snapshot_or_a_head_needs_it_or_it_is_young() {
        let check = |keep: &Keep, snapshot_at: Option<u64>, expected: u64| {
            let dir = tempfile::tempdir().unwrap();
            let opened = Store::create(dir.path(), &purpose()).unwrap();
            write(opened, keep.clone(), rows(1, 30, snapshot_at));
            let opened = Store::open(dir.path()).unwrap();
            assert_eq!(first_row(&opened), expected, "{keep:?} {snapshot_at:?}");
            assert_eq!(opened.last_row.unwrap().n, 30);
        };
        let short = Keep { journal: Span::secs(10_000), ..Keep::default() };
        let small = Keep { journal_bytes: 1, ..Keep::default() };
        check(&Keep::default(), Some(20), 1);
        check(&short, None, 1);
        check(&short, Some(7), 8);
        check(&short, Some(30), 20);
        // Heads are sealed an hour (four rows) after their first sample.
        check(&small, Some(30), 29);
        check(&small, Some(12), 13);
    }

    #[test]
    fn a_row_that_a_consumer_needs_stays_while_there_is_room() {
        let check = |keep: Keep, had_to: Option<u64>, expected: u64| {
            let dir = tempfile::tempdir().unwrap();
            let opened = Store::create(dir.path(), &purpose()).unwrap();
            let slot = opened.consumer(Registration::new("archive")).unwrap();
            let cursor = had_to.map(|row| ConsumerCursor { row, ..slot.begin() });
            if let Some(cursor) = cursor {
                slot.put(cursor, Vec::new());
            }
            write(opened, keep.clone(), rows(1, 30, Some(30)));
            let opened = Store::open(dir.path()).unwrap();
            assert_eq!(first_row(&opened), expected, "{keep:?} {had_to:?}");
        };
        let short = Keep { journal: Span::secs(10_000), ..Keep::default() };
        let small = Keep { journal: Span::secs(10_000), journal_bytes: 1, ..Keep::default() };
        check(short.clone(), None, 20);
        check(short.clone(), Some(0), 1);
        check(short.clone(), Some(12), 13);
        check(short, Some(25), 20);
        check(small, Some(0), 29);
    }

    #[test]
    fn history_is_pruned_by_the_time_it_was_measured() {
        let dir = tempfile::tempdir().unwrap();
        let opened = Store::create(dir.path(), &purpose()).unwrap();
        let keep = Keep { history: Span::secs(20_001), ..Keep::default() };
        write(opened, keep, rows(1, 60, None));
        let opened = Store::open(dir.path()).unwrap();
        let piece = range::Piece {
            series: sample(second(0), 0.0).series,
            from: second(0),
            to: second(100_000),
        };
        let page = opened.history().raw(&[piece], None, 99).unwrap();
        let first = page.points.first().unwrap().1.value;
        assert!(
            (37.0..=40.0).contains(&first),
            "nothing younger is pruned, no block older: {first}"
        );
    }

    #[test]
    fn retention_does_not_wait_for_merging() {
        let dir = tempfile::tempdir().unwrap();
        let opened = Store::create(dir.path(), &purpose()).unwrap();
        let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON blocks WHEN NEW.n > 10
          BEGIN SELECT RAISE(ABORT, 'refused'); END";
        opened.conn.execute_batch(refuse).unwrap();
        let days = Span::days(3) + Span::secs(1);
        let keep = Keep { history: days, journal: days, ..Keep::default() };
        write(opened, keep, rows(1, 600, Some(600)));
        let opened = Store::open(dir.path()).unwrap();
        let oldest = opened.conn.query_row("SELECT min(t1) FROM blocks", [], |row| row.get(0));
        assert!(Timestamp::from_micros(oldest.unwrap()) >= second(600_000) - days);
        assert!(first_row(&opened) > 1);
        let merged: i64 = opened
            .conn
            .query_row("SELECT value FROM meta WHERE key = 'merged_to'", [], |row| row.get(0))
            .unwrap();
        assert!(Timestamp::from_micros(merged) > second(600_000) - days, "the walks go on");
    }

    /// Everything after the instant that is given is held, whatever took the rest, after a restart too.
    #[test]
    fn what_is_pruned_is_known_to_the_instant() {
        let series = sample(second(0), 0.0).series;
        let check = |keep: Keep| {
            let dir = tempfile::tempdir().unwrap();
            let opened = Store::create(dir.path(), &purpose()).unwrap();
            let history = opened.history();
            assert_eq!(history.pruned_to(&series), None);
            write(opened, keep.clone(), rows(1, 60, None));
            let pruned_to = history.pruned_to(&series).expect("something was pruned");
            let opened = Store::open(dir.path()).unwrap();
            assert_eq!(opened.history().pruned_to(&series), Some(pruned_to));
            let oldest = opened.conn.query_row("SELECT min(t0) FROM blocks", [], |row| row.get(0));
            let oldest = Timestamp::from_micros(oldest.unwrap());
            assert_eq!(oldest - pruned_to, Span::secs(1_000), "{keep:?}");
        };
        check(Keep { history: Span::secs(20_001), ..Keep::default() });
        check(Keep { history_bytes: 2_000, ..Keep::default() });
    }

    #[test]
    fn what_a_reload_says_is_kept_while_the_store_runs() {
        let dir = tempfile::tempdir().unwrap();
        let opened = Store::create(dir.path(), &purpose()).unwrap();
        let reader = opened.reader();
        let (kept, keep) = watch::channel(Arc::new(Keep::default()));
        let terms = Terms { keep, ..Terms::default() };
        let Running { committer, mut reports, thread, .. } = start(opened, terms).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut write = |commits: Vec<Commit>| {
            runtime.block_on(async {
                for commit in commits {
                    let n = commit.row.n;
                    committer.send(commit).await.unwrap();
                    let report = reports.recv().await;
                    assert!(matches!(report, Some(Report::Committed { n: m, .. }) if m == n));
                }
            });
        };
        let blocks = || -> i64 {
            let conn = rusqlite::Connection::open(reader.path()).unwrap();
            let old = "SELECT count(*) FROM blocks WHERE t1 < ?";
            conn.query_row(old, [second(30_000).as_micros()], |row| row.get(0)).unwrap()
        };
        write(rows(1, 60, None));
        assert!(blocks() > 3);
        let signal = sample(second(0), 0.0).series.signal;
        let history_of = BTreeMap::from([(signal, Span::secs(20_001))]);
        kept.send_replace(Arc::new(Keep { history_of, ..Keep::default() }));
        write(rows(61, 63, None));
        drop(committer);
        thread.join().unwrap().unwrap();
        assert_eq!(blocks(), 0);
    }

    #[test]
    fn waves_are_pruned_by_age_and_by_bytes() {
        let wave = |n: u64| {
            let mut row = commit(n);
            row.row.at = second(n * 1_000);
            row.waves = vec![WaveSamples {
                device: "dev-1".parse().unwrap(),
                chunk: WaveChunk {
                    index: 0,
                    at: row.row.at,
                    signal: "ecg_ii".into(),
                    rate_hz: 250.0,
                    unit: "mV".into(),
                    scale: 0.001,
                    offset: 0.0,
                    samples: 250,
                },
                samples: (0..250).map(|i| i * i % 251).collect(),
            }];
            row
        };
        let check = |keep: Keep, expected: &[i64]| {
            let dir = tempfile::tempdir().unwrap();
            write(
                Store::create(dir.path(), &purpose()).unwrap(),
                keep.clone(),
                (1..=9).map(wave).collect(),
            );
            let opened = Store::open(dir.path()).unwrap();
            let mut statement = opened.conn.prepare("SELECT n FROM waves ORDER BY id").unwrap();
            let kept: Vec<i64> =
                statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
            assert_eq!(kept, expected, "{keep:?}");
        };
        check(Keep::default(), &[1, 2, 3, 4, 5, 6, 7, 8, 9]);
        check(Keep { waves: Span::secs(3_000), ..Keep::default() }, &[6, 7, 8, 9]);
        let packed = crate::history::wave::pack(&wave(1).waves[0].samples).unwrap().len() as u64;
        check(Keep { waves_bytes: 2 * packed, ..Keep::default() }, &[8, 9]);
    }

    #[test]
    fn freed_pages_go_back_to_the_file_system_in_slices() {
        let dir = tempfile::tempdir().unwrap();
        let conn = &Store::create(dir.path(), &purpose()).unwrap().conn;
        let pages =
            |name: &str| -> i64 { conn.pragma_query_value(None, name, |row| row.get(0)).unwrap() };
        conn.execute("INSERT INTO meta VALUES('large', zeroblob(20000000))", []).unwrap();
        assert!(!vacuum(conn).unwrap());
        conn.execute("DELETE FROM meta WHERE key = 'large'", []).unwrap();
        let all = pages("page_count");
        assert!(vacuum(conn).unwrap());
        assert_eq!(pages("page_count"), all - PAGES as i64);
        while vacuum(conn).unwrap() {}
        assert!(pages("freelist_count") <= SPARE_PAGES);
    }
}
