//! State = snapshot + fold: the one way from what a store holds to a core.

use vitalgate_domain::core::Core;
use vitalgate_domain::core::configuration::Configuration;
use vitalgate_domain::core::journal::{BadRow, RowBody};
use vitalgate_domain::core::snapshot::BadSnapshot;
use vitalgate_domain::output::Output;
use vitalgate_store::types::{Identity, Row, SnapshotPart};
use vitalgate_store::{ReadError, Reader};

/// Why there is no core.
#[derive(Debug, thiserror::Error)]
pub enum FoldError {
    /// The snapshot is damaged.
    #[error(transparent)]
    Snapshot(#[from] BadSnapshot),
    /// A row is damaged.
    #[error(transparent)]
    Row(#[from] BadRow),
    /// The store cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Rows that would say the state are gone, and no snapshot stands in for them.
    #[error("journal rows {first} to {last} are missing: restore a backup")]
    Gap {
        /// The first.
        first: u64,
        /// The last.
        last: u64,
    },
}

/// The core of a snapshot; an empty one without.
pub fn begin(identity: &Identity, snapshot: &[SnapshotPart]) -> Result<Core, FoldError> {
    if snapshot.is_empty() {
        let simulated = identity.is_simulated();
        return Ok(Core::new(identity.site.clone(), simulated, Configuration::default()));
    }
    let parts = snapshot.iter().map(|part| (part.kind, part.key.as_str(), part.body.as_slice()));
    Ok(Core::restore(parts)?)
}

/// Takes `core` through the journal up to row `last`, each row right behind the one before. `each`
/// sees every row after `after`, also those that the core knows already: these put nothing out.
pub fn fold(
    reader: &Reader,
    core: &mut Core,
    after: u64,
    last: u64,
    mut each: impl FnMut(&Row, &RowBody, Option<Output>) -> Result<(), ReadError>,
) -> Result<(), FoldError> {
    let mut next = after + 1;
    for row in reader.rows(after)? {
        let row = row?;
        if next > last {
            break;
        }
        if row.n != next {
            return Err(FoldError::Gap { first: next, last: row.n - 1 });
        }
        next += 1;
        let body = RowBody::decode(row.n, &row.body)?;
        let known = row.n <= core.row();
        let out = (!known).then(|| core.fold(row.n, row.stamp(), &body.inputs));
        each(&row, &body, out)?;
    }
    if next <= last {
        return Err(FoldError::Gap { first: next, last });
    }
    Ok(())
}
