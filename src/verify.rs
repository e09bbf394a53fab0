//! `verify`: fold the journal, and compare what it derives with what the store holds.
//!
//! Read-only, also beside a running gateway: rows up to the last one at the start are compared with
//! the transitions stored with those rows.

use std::path::Path;

use crate::domain::configuration::Configuration;
use crate::domain::core::Core;
use crate::domain::journal::{BadRow, RowBody};
use crate::domain::snapshot::BadSnapshot;
use crate::domain::time::Stamp;
use crate::pipeline::stored;
use crate::store::reader::TransitionRow;
use crate::store::types::{CORE_VERSION, StoredTransition};
use crate::store::{OpenError, ReadError, Reader};

/// Differences listed; all are counted.
const LISTED: usize = 20;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Rows folded.
    pub rows: u64,
    /// Transitions that the fold and the store agree on.
    pub same: u64,
    /// Derived, and not stored.
    pub missing: u64,
    /// Stored, and not derived, or stored otherwise than derived.
    pub extra: u64,
    /// Transitions of rows that are gone, so that nothing can be said of them.
    pub outside_gone: u64,
    /// Rows folded by another version of the core.
    pub outside_version: u64,
    /// Whether the chain of the audit is whole, and if not, where it breaks.
    pub audit_break: Option<u64>,
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
    /// A row is damaged.
    #[error(transparent)]
    Row(#[from] BadRow),
    /// The snapshot it would begin with is damaged.
    #[error(transparent)]
    Snapshot(#[from] BadSnapshot),
}

impl Verdict {
    /// Whether the store holds exactly what its journal derives.
    pub fn is_clean(&self) -> bool {
        self.missing == 0 && self.extra == 0 && self.audit_break.is_none()
    }

    /// One line of counts.
    pub fn line(&self) -> String {
        let audit = match self.audit_break {
            None => "whole".to_owned(),
            Some(seq) => format!("broken at {seq}"),
        };
        format!(
            "{} rows: {} transitions as derived, {} missing, {} extra; outside: {} of rows gone, \
             {} rows of another core; audit {audit}",
            self.rows, self.same, self.missing, self.extra, self.outside_gone, self.outside_version
        )
    }

    fn differs(&mut self, what: String) {
        if self.differences.len() < LISTED {
            self.differences.push(what);
        }
    }
}

/// Verifies the store in `dir`.
pub fn verify(dir: &Path) -> Result<Verdict, VerifyError> {
    let reader = Reader::of(dir)?;
    let last = reader.last_row()?.map_or(0, |row| row.n);
    let mut core = beginning(&reader)?;
    let mut verdict = Verdict { audit_break: reader.audit_break()?, ..Verdict::default() };
    let begin = core.row();
    let gone = reader.transitions_of_rows(0, begin)?;
    verdict.outside_gone = gone.len() as u64;
    for row in reader.rows(begin)? {
        let row = row?;
        if row.n > last {
            break;
        }
        let body = RowBody::decode(row.n, &row.body)?;
        let out = core.fold(row.n, Stamp { at: row.at, offset: row.offset }, &body.inputs);
        verdict.rows += 1;
        if row.core != CORE_VERSION {
            verdict.outside_version += 1;
            continue;
        }
        let derived: Vec<StoredTransition> = out.transitions.iter().map(stored).collect();
        let found = reader.transitions_of_rows(row.n, row.n)?;
        compare(row.n, &derived, &found, &mut verdict);
    }
    Ok(verdict)
}

/// The state a store stands at: its journal folded from where it begins.
pub fn state(reader: &Reader) -> Result<Core, VerifyError> {
    let mut core = beginning(reader)?;
    for row in reader.rows(core.row())? {
        let row = row?;
        let body = RowBody::decode(row.n, &row.body)?;
        core.fold(row.n, Stamp { at: row.at, offset: row.offset }, &body.inputs);
    }
    Ok(core)
}

/// The empty core if the journal still has its first row, else the last snapshot.
fn beginning(reader: &Reader) -> Result<Core, VerifyError> {
    let identity = reader.identity()?;
    let first = reader.rows(0)?.next().transpose()?.map_or(0, |row| row.n);
    if first <= 1 {
        return Ok(Core::new(
            identity.site.clone(),
            identity.is_simulated(),
            Configuration::default(),
        ));
    }
    let parts = reader.snapshot()?.map_or_else(Vec::new, |(_, parts)| parts);
    Ok(Core::restore(parts.iter().map(|p| (p.kind, p.key.as_str(), p.body.as_slice())))?)
}

fn compare(row: u64, derived: &[StoredTransition], found: &[TransitionRow], verdict: &mut Verdict) {
    let mut found = found.iter().peekable();
    for derived in derived {
        while let Some(extra) = found.next_if(|f| f.seq < derived.seq) {
            verdict.extra += 1;
            verdict.differs(format!("row {row}: {} {} is stored only", extra.seq, extra.change));
        }
        match found.next_if(|f| f.seq == derived.seq) {
            Some(f) if f.body == derived.body && f.change == derived.change => verdict.same += 1,
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
