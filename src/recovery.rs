//! State = snapshot + fold: brings a core, and the history's heads, to where the store stands.

use crate::domain::configuration::Configuration;
use crate::domain::core::Core;
use crate::domain::journal::{BadRow, RowBody};
use crate::domain::snapshot::BadSnapshot;
use crate::domain::time::Stamp;
use crate::store::{Opened, ReadError};

/// Why a store cannot be brought back.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// The snapshot is damaged.
    #[error(transparent)]
    Snapshot(#[from] BadSnapshot),
    /// A row is damaged.
    #[error(transparent)]
    Row(#[from] BadRow),
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Rows that would tell the state are gone, and no snapshot stands in for them.
    #[error("journal rows {first} to {last} are missing: restore a backup")]
    Gap {
        /// The first.
        first: u64,
        /// The last.
        last: u64,
    },
}

/// The core as of the last row; samples not yet in blocks go back into memory.
pub fn recover(opened: &Opened) -> Result<Core, RecoveryError> {
    let mut core = if opened.snapshot.is_empty() {
        let identity = &opened.identity;
        Core::new(identity.site.clone(), identity.is_simulated(), Configuration::default())
    } else {
        Core::restore(opened.snapshot.iter().map(|p| (p.kind, p.key.as_str(), p.body.as_slice())))?
    };
    let after = core.row().min(opened.sealed_to);
    for (row, n) in opened.reader().rows(after)?.zip(after + 1..) {
        let row = row?;
        if row.n != n {
            return Err(RecoveryError::Gap { first: n, last: row.n - 1 });
        }
        let now = Stamp { at: row.at, offset: row.offset };
        let body = RowBody::decode(row.n, &row.body)?;
        if row.n > opened.sealed_to {
            opened.restore(row.n, row.at, &body.samples(now));
        }
        if row.n > core.row() {
            core.fold(row.n, now, &body.inputs);
        }
    }
    if core.next_seq() != opened.next_seq {
        tracing::error!(
            derived = core.next_seq(),
            stored = opened.next_seq,
            "the journal derives another number of transitions than the store holds; run `vitalgate verify`"
        );
        core.continue_from(opened.next_seq);
    }
    // What recovery touched needs no telling: the first board holds everything.
    core.take_changed();
    Ok(core)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use crate::verify::tests::{tamper, ward};

    #[test]
    fn missing_rows_are_named_and_nothing_is_built_on_what_follows() {
        let check = |gone: &str, expected: Result<u64, &str>| {
            let dir = tempfile::tempdir().unwrap();
            ward(dir.path());
            tamper(dir.path(), &format!("DELETE FROM journal WHERE {gone}"));
            let recovered = recover(&Store::open(dir.path()).unwrap());
            let told = recovered.map(|core| core.row()).map_err(|e| e.to_string());
            match (told, expected) {
                (Ok(row), Ok(expected)) => assert_eq!(row, expected, "{gone}"),
                (Err(said), Err(expected)) => assert!(said.contains(expected), "{gone}: {said}"),
                (told, expected) => panic!("{gone}: {told:?}, not {expected:?}"),
            }
        };
        check("n = 8", Ok(7));
        check("n <= 3", Ok(8));
        check("n = 6", Err("rows 6 to 6"));
        check("n BETWEEN 5 AND 7", Err("rows 5 to 7"));
    }
}
