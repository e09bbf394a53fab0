//! Transitions of alarms that were closed long ago, and notes as old: the alarm log is not kept for ever.
//!
//! An open alarm keeps all of its transitions. Answers and refusals stay, as the audit does, and so does what the
//! journal still derives, what a consumer has not got, and the newest transition: its number is never used again.
//! Of what goes the audit's chain keeps the hashes, and a signed statement.

use rusqlite::{Transaction, params};

use super::retention::ROWS;
use crate::audit::SignedHead;
use crate::audit::cut::cut;
use crate::audit::key::AuditKey;
use vitalgate_domain::model::time::{Span, Timestamp};

/// How often a walk through what is old enough begins, by the wall clock.
const EVERY: Span = Span::hours(1);

/// Of the transitions after one, in order, those that are old enough to be looked at.
const OLD: &str = "SELECT seq, kind, alarm FROM transitions
   WHERE seq > ?1 AND at < ?2 AND n < (SELECT min(n) FROM journal) AND seq <= ?4
     AND seq < (SELECT max(seq) FROM transitions) ORDER BY seq LIMIT ?3";

/// When an alarm was closed; no row while it is open.
const CLOSED: &str = "SELECT at FROM (SELECT at, body FROM transitions
     WHERE alarm = ? AND kind = 'alarm' ORDER BY seq DESC LIMIT 1)
   WHERE CASE WHEN json_valid(body) THEN body ->> 'state' = 'closed' ELSE 1 END";

/// A walk, a slice at a time.
#[derive(Debug)]
pub(crate) struct AlarmLog {
    key: AuditKey,
    /// Where the audit stands after the last slice, if that took anything.
    head: Option<SignedHead>,
    begun: Timestamp,
    /// The last transition looked at, while a walk is under way.
    after: Option<i64>,
}

impl AlarmLog {
    /// Signed by this key.
    pub(crate) fn new(key: AuditKey) -> Self {
        Self { key, head: None, begun: Timestamp::default(), after: None }
    }

    /// Where the audit stands since the last slice, once what it took is committed.
    pub(crate) fn take_head(&mut self) -> Option<SignedHead> {
        self.head.take()
    }

    /// Whether a walk is not at its end.
    pub(crate) fn is_under_way(&self) -> bool {
        self.after.is_some()
    }

    /// Looks at no more than [`ROWS`] transitions that are older than they are kept and that every consumer
    /// has, up to `told_to`; says how many went.
    pub(crate) fn slice(
        &mut self,
        tx: &Transaction<'_>,
        keep: Span,
        wall: Timestamp,
        told_to: u64,
    ) -> rusqlite::Result<usize> {
        self.head = None;
        if self.after.is_none() {
            // A wall clock that was set back begins anew.
            if self.begun <= wall && wall - self.begun < EVERY {
                return Ok(0);
            }
            self.begun = wall;
        }
        let before = (wall - keep).as_micros();
        let after = self.after.unwrap_or(i64::MIN);
        let mut old = tx.prepare_cached(OLD)?;
        let told_to = i64::try_from(told_to).unwrap_or(i64::MAX);
        let old = old.query_map(params![after, before, ROWS, told_to], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, Option<String>>(2)?))
        })?;
        let old = old.collect::<rusqlite::Result<Vec<_>>>()?;
        let mut gone = Vec::new();
        for (seq, kind, alarm) in &old {
            let goes = match (kind.as_str(), alarm) {
                ("note", _) => true,
                ("alarm", Some(alarm)) => is_over(tx, alarm, before)?,
                _ => false,
            };
            gone.extend(goes.then_some(*seq as u64));
        }
        self.head = cut(tx, &self.key, &gone)?;
        self.after = old.last().map(|(seq, ..)| *seq).filter(|_| old.len() as i64 == ROWS);
        Ok(gone.len())
    }
}

/// Whether an alarm was closed before an instant. Of one that is pruned already but for some, as well.
fn is_over(tx: &Transaction<'_>, alarm: &str, before: i64) -> rusqlite::Result<bool> {
    let mut closed = tx.prepare_cached(CLOSED)?;
    let mut rows = closed.query([alarm])?;
    let closed: Option<i64> = rows.next()?.map(|row| row.get(0)).transpose()?;
    Ok(closed.is_some_and(|closed| closed < before))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Evidence, Standing};
    use crate::consumers::{ConsumerCursor, Registration};
    use crate::tests::{commit, purpose, second, write};
    use crate::types::{Commit, RaisedOn, StoredTransition};
    use crate::{Keep, Reader, Store};

    const DAY: u64 = 86_400;

    /// Row `n`, on day `n`, with transitions `10 n` and after.
    fn day(n: u64, moves: &[(&'static str, Option<&str>, &str)]) -> Commit {
        let mut row = commit(n);
        row.row.at = second(n * DAY);
        let numbered = moves.iter().zip(10 * n..);
        let moved = numbered.map(|((kind, alarm, state), seq)| StoredTransition {
            seq,
            at: row.row.at,
            kind,
            change: "raised",
            alarm: alarm.map(|id| id.parse().unwrap()),
            patient: None,
            actor: None,
            body: if state.is_empty() {
                String::new()
            } else {
                format!("{{\"state\":\"{state}\"}}")
            },
        });
        row.transitions = moved.collect();
        row.snapshot_complete = Some(n);
        row
    }

    #[test]
    fn closed_alarms_go_when_they_are_old_and_open_ones_never() {
        let dir = tempfile::tempdir().unwrap();
        let alarm = |id, state| ("alarm", Some(id), state);
        let mut rows = vec![
            day(1, &[alarm("A", "alarming"), alarm("B", "alarming"), alarm("C", "alarming")]),
            day(2, &[alarm("A", "closed"), ("answer", Some("A"), "closed"), ("note", None, "")]),
            day(3, &[alarm("D", "alarming"), alarm("D", "closed"), ("refusal", None, "")]),
            day(30, &[alarm("C", "closed"), alarm("E", "alarming")]),
        ];
        rows.extend((31..=42).map(|n| day(n, &[])));
        let keep = Keep { journal: Span::days(2), transitions: Span::days(20), ..Keep::default() };
        write(Store::create(dir.path(), &purpose()).unwrap(), keep.clone(), rows);
        let left = |dir| -> Vec<i64> {
            let opened = Store::open(dir).unwrap();
            assert_eq!(opened.next_seq, 302);
            let mut seqs = opened.conn.prepare("SELECT seq FROM transitions ORDER BY seq").unwrap();
            seqs.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        // Of A and D the answer and the refusal, B all, C for it was closed on day 30, E.
        assert_eq!(left(dir.path()), [11, 12, 21, 32, 300, 301]);
        let later = (43..=60).map(|n| day(n, &[])).collect();
        write(Store::open(dir.path()).unwrap(), keep, later);
        assert_eq!(left(dir.path()), [11, 21, 32, 301]);
    }

    #[test]
    fn what_goes_is_stated_and_what_a_sink_lacks_stays() {
        let check = |told_to: Option<u64>, expected: u64| {
            let dir = tempfile::tempdir().unwrap();
            let opened = Store::create(dir.path(), &purpose()).unwrap();
            if let Some(seq) = told_to {
                let consumer = opened.consumer(Registration::new("archive")).unwrap();
                let begin = consumer.begin();
                consumer.put(ConsumerCursor { seq, row: 999, ..begin }, Vec::new());
            }
            let moved = |n, state| {
                let alarm = format!("A{}", n / 2);
                let mut row =
                    day(n, &[("alarm", Some(&alarm), state), ("answer", Some(&alarm), "")]);
                row.transitions.iter_mut().zip(2 * n - 1..).for_each(|(t, seq)| t.seq = seq);
                row.raised = vec![RaisedOn {
                    alarm: alarm.parse().unwrap(),
                    series: None,
                    until: row.row.at,
                    limits: "[]".to_owned(),
                }];
                row
            };
            let rows = (1..=60).map(|n| moved(n, if n % 2 == 0 { "alarming" } else { "closed" }));
            let keep =
                Keep { journal: Span::days(2), transitions: Span::days(20), ..Keep::default() };
            write(opened, keep, rows.collect());
            assert_eq!(Store::open(dir.path()).unwrap().standing, Standing::default());
            let reader = Reader::of(dir.path()).unwrap();
            let checked = reader.check_audit(&Evidence::default()).unwrap();
            assert!(checked.is_whole(), "{checked:?}");
            assert_eq!((checked.cut, checked.transitions), (expected, 120 - expected));
        };
        check(None, 39);
        check(Some(0), 0);
        check(Some(40), 20);
    }
}
