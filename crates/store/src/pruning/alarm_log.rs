//! Transitions of alarms that were closed long ago, and notes as old: the alarm log is not kept for ever.
//!
//! An open alarm keeps all of its transitions. Answers and refusals stay, as the audit does, and so does what the
//! journal still derives, and the newest transition: its number is never used again.

use rusqlite::{Transaction, params};

use super::retention::ROWS;
use vitalgate_domain::model::time::{Span, Timestamp};

/// How often a walk through what is old enough begins, by the wall clock.
const EVERY: Span = Span::hours(1);

/// Of the transitions after one, in order, those that are old enough to be looked at.
const OLD: &str = "SELECT seq, kind, alarm FROM transitions
   WHERE seq > ?1 AND at < ?2 AND n < (SELECT min(n) FROM journal)
     AND seq < (SELECT max(seq) FROM transitions) ORDER BY seq LIMIT ?3";

/// When an alarm was closed; no row while it is open.
const CLOSED: &str = "SELECT at FROM (SELECT at, body FROM transitions
     WHERE alarm = ? AND kind = 'alarm' ORDER BY seq DESC LIMIT 1)
   WHERE CASE WHEN json_valid(body) THEN body ->> 'state' = 'closed' ELSE 1 END";

/// A walk, a slice at a time.
#[derive(Debug, Default)]
pub(crate) struct AlarmLog {
    begun: Timestamp,
    /// The last transition looked at, while a walk is under way.
    after: Option<i64>,
}

impl AlarmLog {
    /// Whether a walk is not at its end.
    pub(crate) fn is_under_way(&self) -> bool {
        self.after.is_some()
    }

    /// Looks at no more than [`ROWS`] transitions that are older than they are kept; says how many went.
    pub(crate) fn slice(
        &mut self,
        tx: &Transaction<'_>,
        keep: Span,
        wall: Timestamp,
    ) -> rusqlite::Result<usize> {
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
        let old = old.query_map(params![after, before, ROWS], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, Option<String>>(2)?))
        })?;
        let old = old.collect::<rusqlite::Result<Vec<_>>>()?;
        let mut gone = 0;
        for (seq, kind, alarm) in &old {
            gone += match (kind.as_str(), alarm) {
                ("note", _) => delete(tx, *seq)?,
                ("alarm", Some(alarm)) if is_over(tx, alarm, before)? => {
                    tx.prepare_cached("DELETE FROM alarm_grounds WHERE alarm = ?")?
                        .execute([alarm])?;
                    delete(tx, *seq)?
                }
                _ => 0,
            };
        }
        self.after = old.last().map(|(seq, ..)| *seq).filter(|_| old.len() as i64 == ROWS);
        Ok(gone)
    }
}

/// Whether an alarm was closed before an instant. Of one that is pruned already but for some, as well.
fn is_over(tx: &Transaction<'_>, alarm: &str, before: i64) -> rusqlite::Result<bool> {
    let mut closed = tx.prepare_cached(CLOSED)?;
    let mut rows = closed.query([alarm])?;
    let closed: Option<i64> = rows.next()?.map(|row| row.get(0)).transpose()?;
    Ok(closed.is_some_and(|closed| closed < before))
}

fn delete(tx: &Transaction<'_>, seq: i64) -> rusqlite::Result<usize> {
    tx.prepare_cached("DELETE FROM transitions WHERE seq = ?")?.execute([seq])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{commit, purpose, second, write};
    use crate::types::{Commit, StoredTransition};
    use crate::{Keep, Store};

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
}
