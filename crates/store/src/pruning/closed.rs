//! Alarms that were closed long ago: their moves, and what they stood on. What people did stays.

use rusqlite::{Transaction, params};

use super::retention::ROWS;
use crate::audit::SignedHead;
use crate::audit::cut::cut;
use crate::audit::key::AuditKey;
use crate::file::row::unsigned;
use vitalgate_domain::model::time::{Span, Timestamp};

/// How often a walk through all transitions begins, by the wall clock.
const EVERY: Span = Span::hours(1);

/// The next transitions, and whether each is a move that closed its alarm and the last one of it. The newest
/// transition never is: the next one is counted from it. Nor what the journal still derives, for `verify`
/// would miss it.
const NEXT: &str = "SELECT seq, at, alarm, kind = 'alarm' AND json_valid(body)
       AND iif(json_valid(body), body ->> 'state' = 'closed', 0)
       AND n < (SELECT min(n) FROM journal) AND seq < (SELECT max(seq) FROM transitions)
       AND NOT EXISTS (SELECT 1 FROM transitions later
         WHERE later.alarm = t.alarm AND later.seq > t.seq AND later.kind = 'alarm')
     FROM transitions t WHERE seq > ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3";

/// A walk through the transitions, a slice at a time.
#[derive(Debug, Default)]
pub(crate) struct Closed {
    begun: Timestamp,
    /// The last transition done with, while a walk is under way.
    after: Option<u64>,
}

/// What a slice took.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) moves: usize,
    /// Where the audit stands after it; on the disk with it.
    pub(crate) head: SignedHead,
}

impl Closed {
    /// Whether a walk is not at its end.
    pub(crate) fn is_under_way(&self) -> bool {
        self.after.is_some()
    }

    /// Takes the moves of alarms that were closed longer than `keep` ago, of transitions that every consumer
    /// has (`told_to`).
    pub(crate) fn slice(
        &mut self,
        tx: &Transaction<'_>,
        key: &AuditKey,
        keep: Span,
        wall: Timestamp,
        told_to: u64,
    ) -> rusqlite::Result<Option<Taken>> {
        if self.after.is_none() {
            // A wall clock that was set back begins anew.
            if self.begun <= wall && wall - self.begun < EVERY {
                return Ok(None);
            }
            self.begun = wall;
        }
        let mut after = self.after.unwrap_or(0);
        let mut closed = Vec::new();
        let mut looked_at = 0;
        let mut next = tx.prepare_cached(NEXT)?;
        let told_to = i64::try_from(told_to).unwrap_or(i64::MAX);
        let mut rows = next.query([after as i64, told_to, ROWS])?;
        while let Some(row) = rows.next()? {
            if Timestamp::from_micros(row.get(1)?) >= wall - keep {
                break;
            }
            after = unsigned(row, 0)?;
            looked_at += 1;
            if row.get::<_, Option<bool>>(3)? == Some(true) {
                closed.extend(row.get::<_, Option<String>>(2)?);
            }
        }
        self.after = (looked_at == ROWS).then_some(after);
        let mut seqs = Vec::new();
        for alarm in closed {
            let sql = "SELECT seq FROM transitions WHERE alarm = ? AND kind = 'alarm'";
            let mut moves = tx.prepare_cached(sql)?;
            let moves = moves.query_map(params![alarm], |row| unsigned(row, 0))?;
            seqs.extend(moves.collect::<rusqlite::Result<Vec<_>>>()?);
        }
        seqs.sort_unstable();
        let head = cut(tx, key, &seqs)?;
        Ok(head.map(|head| Taken { moves: seqs.len(), head }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Evidence;
    use crate::consumers::{ConsumerCursor, Registration};
    use crate::tests::{commit, purpose, write};
    use crate::types::{Commit, RaisedOn, StoredTransition};
    use crate::{Keep, Opened, Reader, Store};

    /// Row `n`, a day after the one before: of an alarm that is raised, one that is closed and is that of
    /// the row before, an act. Every third alarm stays open.
    fn row(n: u64) -> Commit {
        let mut row = commit(n);
        row.row.at = Timestamp::from_millis(1_700_000_000_000) + Span::days(n as i64);
        let transition = |seq, kind, change, alarm: u64, state| StoredTransition {
            seq,
            at: row.row.at,
            kind,
            change,
            alarm: Some(format!("A{alarm}").parse().unwrap()),
            patient: None,
            actor: None,
            body: format!("{{\"state\":\"{state}\"}}"),
        };
        let ends = if n.is_multiple_of(3) { "acknowledged" } else { "closed" };
        let seq = (n - 1) * 3;
        row.transitions = vec![
            transition(seq + 1, "alarm", "raised", n, "alarming"),
            transition(seq + 2, "alarm", ends, (n - 1).max(1), ends),
            transition(seq + 3, "answer", "acknowledge", n, "done"),
        ];
        row.raised = vec![RaisedOn {
            alarm: format!("A{n}").parse().unwrap(),
            series: None,
            until: row.row.at,
            limits: "[]".to_owned(),
        }];
        row.snapshot_complete = Some(n);
        row
    }

    fn short() -> Keep {
        Keep { alarms: Span::days(10), journal: Span::days(2), ..Keep::default() }
    }

    fn seqs(opened: &Opened) -> Vec<u64> {
        let all = opened.reader().transitions(0, 999).unwrap();
        all.into_iter().map(|transition| transition.seq).collect()
    }

    #[test]
    fn alarms_go_so_long_after_they_closed_and_open_ones_and_acts_never() {
        let dir = tempfile::tempdir().unwrap();
        let opened = Store::create(dir.path(), &purpose()).unwrap();
        write(opened, short(), (1..=30).map(row).collect());
        let opened = Store::open(dir.path()).unwrap();
        // Row 30 is of the thirtieth day, and some milliseconds: what was closed in row 20 or before is gone.
        let gone = |seq: u64| {
            let (n, place) = ((seq - 1) / 3 + 1, (seq - 1) % 3);
            let closed = |alarm: u64| (1..20).contains(&alarm) && !(alarm + 1).is_multiple_of(3);
            place == 0 && closed(n) || place == 1 && closed((n - 1).max(1))
        };
        let expected: Vec<u64> = (1..=90).filter(|seq| !gone(*seq)).collect();
        assert_eq!(seqs(&opened), expected);
        let grounds: i64 = opened
            .conn
            .query_row("SELECT count(*) FROM alarm_grounds", [], |row| row.get(0))
            .unwrap();
        assert_eq!(grounds as usize, expected.iter().filter(|seq| *seq % 3 == 1).count());
        drop(opened);
        let checked = Reader::of(dir.path()).unwrap().check_audit(&Evidence::default()).unwrap();
        assert!(checked.is_whole(), "{checked:?}");
        assert_eq!(checked.cut, 90 - expected.len() as u64);
        assert_eq!(checked.unsigned, 0);
    }

    #[test]
    fn what_the_journal_derives_and_what_a_consumer_lacks_stays() {
        let check = |keep: Keep, told_to: Option<u64>, first: u64| {
            let dir = tempfile::tempdir().unwrap();
            let opened = Store::create(dir.path(), &purpose()).unwrap();
            if let Some(seq) = told_to {
                let consumer = opened.consumer(Registration::new("archive")).unwrap();
                let begin = consumer.begin();
                consumer.put(ConsumerCursor { seq, row: 99, ..begin }, Vec::new());
            }
            write(opened, keep, (1..=30).map(row).collect());
            let opened = Store::open(dir.path()).unwrap();
            let moves: Vec<u64> = seqs(&opened).into_iter().filter(|seq| seq % 3 != 0).collect();
            assert_eq!(moves[0], first, "{told_to:?}");
        };
        check(short(), None, 4);
        check(Keep { journal: Span::days(999), ..short() }, None, 1);
        check(short(), Some(0), 1);
        check(short(), Some(90), 4);
    }
}
