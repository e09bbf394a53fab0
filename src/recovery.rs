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
    /// The rows that would tell the state are gone, and no snapshot stands in for them.
    #[error("the journal begins at row {first} and there is no snapshot: restore a backup")]
    Gap {
        /// The first row there is.
        first: u64,
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
    for row in opened.reader().rows(after)? {
        let row = row?;
        if core.row() == 0 && row.n > 1 {
            return Err(RecoveryError::Gap { first: row.n });
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
