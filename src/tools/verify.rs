//! `verify`: fold the journal, and compare what it derives with what the store holds.
//!
//! Read-only, also beside a running gateway: rows up to the last one at the start are compared with
//! the transitions stored with those rows. After an upgrade it begins, as the gateway did, with the
//! newest snapshot: folding rows of an older core from the first on could give another state.
//! What the journal no longer holds, the audit's chain and the heads that vouch for it stand for.

mod account;

use std::collections::BTreeMap;
use std::path::Path;
use vitalgate_domain::CORE_VERSION;

pub use self::account::Account;
use crate::pipeline::stored;
use crate::state::fold::{FoldError, begin, fold};
use vitalgate_domain::core::Core;
use vitalgate_domain::model::time::Timestamp;
use vitalgate_store::audit::{AuditKey, Checked, Evidence, SignedHead};
use vitalgate_store::reader::TransitionRow;
use vitalgate_store::types::{SeriesKey, StoredTransition, WordSample};
use vitalgate_store::{BadKey, OpenError, ReadError, Reader};

/// Differences listed; all are counted.
const LISTED: usize = 20;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Rows folded.
    pub rows: u64,
    /// Transitions that the fold and the store agree on.
    pub same: u64,
    /// Readings that are no number and that both agree on.
    pub words: u64,
    /// Transitions and words derived, and not stored.
    pub missing: u64,
    /// Stored, and not derived, or stored otherwise than derived.
    pub extra: u64,
    /// Transitions of rows before the first that was folded, of which nothing can be said.
    pub outside_before: u64,
    /// Rows that should be there and are not; nothing behind them can be derived.
    pub missing_rows: u64,
    /// Rows that another version of the core folded.
    pub outside_version: u64,
    /// What was found of the audit.
    pub audit: Checked,
    /// Where the audit stands, signed now; `None` where it is not whole, or the key is not to be had.
    pub head: Option<SignedHead>,
    /// What it gives account of.
    pub account: Account,
    /// What cannot be known, in words.
    pub unknown: Vec<String>,
    /// The first differences, in words.
    pub differences: Vec<String>,
}

/// Why nothing could be said.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// Not a store, or one that cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// There is no state.
    #[error(transparent)]
    Fold(#[from] FoldError),
}

impl Verdict {
    /// Whether the store holds exactly what its journal derives.
    pub fn is_clean(&self) -> bool {
        let differing = self.missing + self.extra + self.missing_rows;
        differing == 0 && self.audit.is_whole()
    }

    /// One line of counts.
    pub fn line(&self) -> String {
        let Checked { transitions, acts, cut, unsigned, found, .. } = self.audit;
        let whole = match found {
            0 => "whole".to_owned(),
            found => format!("not whole, {found} findings"),
        };
        format!(
            "{} rows, {} missing: {} transitions and {} words as derived, {} missing, {} extra; \
             outside: {} of rows before, {} rows of another core; audit {whole}: {transitions} transitions, \
             {acts} acts, {cut} cut by retention, {unsigned} not signed yet",
            self.rows,
            self.missing_rows,
            self.same,
            self.words,
            self.missing,
            self.extra,
            self.outside_before,
            self.outside_version
        )
    }

    fn differs(&mut self, what: String) {
        if self.differences.len() < LISTED {
            self.differences.push(what);
        }
    }
}

/// Verifies the store in `dir`. Without a key among the evidence the one beside the store counts.
pub fn verify(dir: &Path, evidence: Evidence) -> Result<Verdict, VerifyError> {
    let reader = Reader::of(dir)?;
    let audit = audited(&reader, evidence)?;
    loop {
        let mut core = beginning(&reader)?;
        let mut verdict = audit.clone();
        verdict.outside_before = reader.transitions_up_to(core.row())?;
        verdict.outside_version = reader.rows_of_other_cores(core.row())?;
        let (after, last) = (core.row(), newest(&reader)?);
        let words_after = reader.words_after_row()?;
        let mut pruned = BTreeMap::new();
        let folded = fold(&reader, &mut core, after, last, |row, _, out| {
            verdict.rows += 1;
            if row.core == CORE_VERSION {
                let (transitions, words) =
                    out.map_or_else(Default::default, |out| (out.transitions, out.words));
                let derived: Vec<StoredTransition> = transitions.iter().map(stored).collect();
                let found = reader.transitions_of_rows(row.n, row.n)?;
                compare(row.n, &derived, &found, &mut verdict);
                // An older version of the store had no place for them.
                if row.n > words_after {
                    let found = reader.words_of_row(row.n)?;
                    if words.len() != found.len() {
                        pruned = reader.words_pruned()?.into_iter().collect();
                    }
                    compare_words(row.n, words, found, &pruned, &mut verdict);
                }
            } else {
                verdict.outside_version += 1;
            }
            Ok(())
        });
        match folded {
            Ok(()) => {
                beyond_the_end(&reader, last, &mut verdict)?;
                verdict.account = account::account(&reader, after + 1, &core)?;
                return Ok(verdict);
            }
            Err(FoldError::Gap { first, .. }) if is_overtaken(&reader, first)? => {}
            Err(FoldError::Gap { first, last }) => {
                verdict.missing_rows = last - first + 1;
                verdict.differs(format!("rows {first} to {last} are missing"));
                verdict.account = account::account(&reader, after + 1, &core)?;
                return Ok(verdict);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Transitions of rows behind the last one: they came with rows, which somebody took away.
fn beyond_the_end(reader: &Reader, last: u64, verdict: &mut Verdict) -> Result<(), ReadError> {
    if last == 0 {
        return Ok(());
    }
    let beyond = reader.transitions_of_rows(last + 1, i64::MAX as u64)?;
    // What a running gateway committed meanwhile has its row.
    let end = newest(reader)?;
    let of = beyond.iter().map(|transition| transition.n).filter(|n| *n > end).max();
    if let Some(n) = of {
        verdict.missing_rows = n - end;
        verdict.differs(format!("rows {} to {n} are missing at the end", end + 1));
    }
    Ok(())
}

/// The part of a verdict that is about the audit.
fn audited(reader: &Reader, mut evidence: Evidence) -> Result<Verdict, ReadError> {
    let key = AuditKey::read(reader.folder());
    let own = key.as_ref().ok().and_then(Option::as_ref);
    evidence.key = evidence.key.or_else(|| own.map(AuditKey::public));
    let audit = reader.check_audit(&evidence)?;
    let end = audit.end.clone().filter(|_| audit.is_whole());
    let head = end.zip(own).map(|(end, key)| end.signed(key));
    let unknown = unknown(&evidence, &audit, key.err());
    Ok(Verdict { audit, head, unknown, ..Verdict::default() })
}

fn unknown(evidence: &Evidence, audit: &Checked, no_key: Option<BadKey>) -> Vec<String> {
    let mut unknown = Vec::new();
    if let Some(why) = no_key {
        unknown.push(format!("whether the head is signed by the key beside the store: {why}"));
    }
    if evidence.key.is_none() {
        let what =
            "whether the key that the store names is the one it was made with: give it by --key";
        unknown.push(what.to_owned());
    }
    let newest = evidence.heads.iter().map(|head| head.head.seq).max();
    unknown.push(match newest {
        None => {
            "whether an older copy stands in the place of the store, or all of it was made anew by \
                 whoever has its key: give a head that was kept elsewhere by --head"
                .to_owned()
        }
        Some(seq) => format!(
            "what whoever has its key rewrote after transition {seq}, the newest head given"
        ),
    });
    if audit.unsigned > 0 {
        let count = audit.unsigned;
        unknown.push(format!(
            "where the last {count} entries come from: no head vouches for them yet"
        ));
    }
    unknown
}

/// The state a store stands at: its journal folded from where it begins.
pub fn state(reader: &Reader) -> Result<Core, VerifyError> {
    loop {
        let mut core = beginning(reader)?;
        let (after, last) = (core.row(), newest(reader)?);
        match fold(reader, &mut core, after, last, |_, _, _| Ok(())) {
            Ok(()) => return Ok(core),
            Err(FoldError::Gap { first, .. }) if is_overtaken(reader, first)? => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The empty core if the journal still has its first row and that is of this core, else the last
/// snapshot.
pub(super) fn beginning(reader: &Reader) -> Result<Core, VerifyError> {
    let identity = reader.identity()?;
    let (first, core) =
        reader.rows(0)?.next().transpose()?.map_or((0, CORE_VERSION), |row| (row.n, row.core));
    let snapshot = reader.snapshot()?;
    let whole = first <= 1 && core == CORE_VERSION;
    let parts = snapshot.filter(|_| !whole).map_or_else(Vec::new, |(_, parts)| parts);
    Ok(begin(&identity, &parts)?)
}

fn newest(reader: &Reader) -> Result<u64, ReadError> {
    Ok(reader.last_row()?.map_or(0, |row| row.n))
}

/// Whether retention took row `first` before it was read: the snapshot then stands behind it.
fn is_overtaken(reader: &Reader, first: u64) -> Result<bool, ReadError> {
    Ok(first_row(reader)? > first && snapshot_row(reader)? >= first)
}

fn first_row(reader: &Reader) -> Result<u64, ReadError> {
    Ok(reader.rows(0)?.next().transpose()?.map_or(0, |row| row.n))
}

fn snapshot_row(reader: &Reader) -> Result<u64, ReadError> {
    Ok(reader.snapshot()?.map_or(0, |(row, _)| row))
}

fn compare(row: u64, derived: &[StoredTransition], found: &[TransitionRow], verdict: &mut Verdict) {
    let mut found = found.iter().peekable();
    for derived in derived {
        while let Some(extra) = found.next_if(|f| f.seq < derived.seq) {
            verdict.extra += 1;
            verdict.differs(format!("row {row}: {} {} is stored only", extra.seq, extra.change));
        }
        match found.next_if(|f| f.seq == derived.seq) {
            Some(f) if same(f, derived) => verdict.same += 1,
            Some(_) => {
                verdict.extra += 1;
                let what = format!("row {row}: {} {} differs", derived.seq, derived.change);
                verdict.differs(what);
            }
            None => {
                verdict.missing += 1;
                let what = format!("row {row}: {} {} is missing", derived.seq, derived.change);
                verdict.differs(what);
            }
        }
    }
    for extra in found {
        verdict.extra += 1;
        verdict.differs(format!("row {row}: {} {} is stored only", extra.seq, extra.change));
    }
}

/// Each by itself: retention takes words singly, and `pruned` says up to which instant of their series.
fn compare_words(
    row: u64,
    derived: Vec<WordSample>,
    mut found: Vec<WordSample>,
    pruned: &BTreeMap<SeriesKey, Timestamp>,
    verdict: &mut Verdict,
) {
    for mut word in derived {
        word.received = Timestamp::from_millis(word.received.as_millis());
        let what = format!("{} of {}", word.word.kind(), word.series.device);
        if let Some(place) = found.iter().position(|found| *found == word) {
            found.remove(place);
            verdict.words += 1;
        } else if pruned.get(&word.series).is_none_or(|upto| *upto < word.at) {
            verdict.missing += 1;
            verdict.differs(format!("row {row}: a {what} is missing"));
        }
    }
    for extra in found {
        verdict.extra += 1;
        let what = format!("{} of {}", extra.word.kind(), extra.series.device);
        verdict.differs(format!("row {row}: a {what} is stored only"));
    }
}

fn same(found: &TransitionRow, derived: &StoredTransition) -> bool {
    let StoredTransition { seq, at, kind, change, alarm, patient, actor, body } = derived;
    (found.seq, found.at) == (*seq, *at)
        && (found.kind.as_str(), found.change.as_str()) == (*kind, *change)
        && (&found.alarm, &found.patient, &found.actor) == (alarm, patient, actor)
        && found.body == *body
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::stores::{tamper, ward};

    #[test]
    fn whatever_differs_is_reported() {
        let check = |sql: &str, expected: &str| {
            let dir = tempfile::tempdir().unwrap();
            ward(dir.path());
            assert!(verify(dir.path(), Evidence::default()).unwrap().is_clean());
            tamper(dir.path(), sql);
            let verdict = verify(dir.path(), Evidence::default()).unwrap();
            assert!(!verdict.is_clean(), "{sql}");
            let differences = verdict.differences.join("\n");
            assert!(differences.contains(expected), "{sql}: {differences}");
        };
        for column in
            ["kind = 'note'", "at = at + 1", "actor = 'doctor'", "patient = 'p-9'", "body = '{}'"]
        {
            check(&format!("UPDATE transitions SET {column} WHERE n = 5"), "row 5: ");
        }
        check("UPDATE transitions SET alarm = 'a-1' WHERE n = 5", "differs");
        check("DELETE FROM transitions WHERE n = 5", "is missing");
        check("DELETE FROM journal WHERE n BETWEEN 6 AND 7", "rows 6 to 7 are missing");
        check("DELETE FROM journal WHERE n <= 5", "rows 5 to 5 are missing");
    }

    #[test]
    fn the_rows_that_retention_took_are_stood_for_by_the_snapshot() {
        let dir = tempfile::tempdir().unwrap();
        ward(dir.path());
        tamper(dir.path(), "DELETE FROM journal WHERE n <= 3");
        let verdict = verify(dir.path(), Evidence::default()).unwrap();
        assert!(verdict.is_clean(), "{verdict:?}");
        assert_eq!((verdict.rows, verdict.missing_rows), (4, 0));
        assert!(verdict.outside_before > 0);
    }

    #[test]
    fn retention_that_overtakes_the_reading_is_no_damage() {
        let dir = tempfile::tempdir().unwrap();
        ward(dir.path());
        let reader = Reader::of(dir.path()).unwrap();
        let mut core = beginning(&reader).unwrap();
        tamper(dir.path(), "DELETE FROM journal WHERE n <= 4");
        let folded = fold(&reader, &mut core, 0, 8, |_, _, _| Ok(()));
        assert!(matches!(folded, Err(FoldError::Gap { first: 1, last: 4 })));
        assert!(is_overtaken(&reader, 1).unwrap());
        assert_eq!(state(&reader).unwrap().row(), 8);
    }
}
