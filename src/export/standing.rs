//! The store as it stood at one row: who was where, and the whole history up to it.

use crate::domain::configuration::Configuration;
use crate::domain::core::Core;
use crate::domain::journal::RowBody;
use crate::domain::time::Stamp;
use crate::store::frozen::Frozen;
use crate::store::{ReadError, Reader};

use super::ExportError;

/// How often the beginning of the journal may go before it was read.
const ATTEMPTS: usize = 5;

/// The state and the history at one row.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) frozen: Frozen,
    pub(super) core: Core,
}

impl Standing {
    /// As the store stands now. Retention may take rows while they are read; a newer snapshot then
    /// stands in for them, and it begins anew.
    pub(super) fn of(reader: &Reader) -> Result<Self, ExportError> {
        for _ in 0..ATTEMPTS {
            let frozen = reader.freeze()?.ok_or(ExportError::Empty)?;
            match fold(reader, &frozen) {
                Ok(core) => return Ok(Self { frozen, core }),
                Err(ExportError::Gap { first, .. }) if first_row(reader)? > first => {}
                Err(error) => return Err(error),
            }
        }
        Err(ExportError::Overtaken)
    }
}

/// The core at the frozen row; samples not yet in blocks go into memory.
fn fold(reader: &Reader, frozen: &Frozen) -> Result<Core, ExportError> {
    let mut core = if frozen.snapshot.is_empty() {
        let identity = &frozen.identity;
        Core::new(identity.site.clone(), identity.is_simulated(), Configuration::default())
    } else {
        Core::restore(frozen.snapshot.iter().map(|p| (p.kind, p.key.as_str(), p.body.as_slice())))?
    };
    let after = core.row().min(frozen.sealed_to);
    let mut next = after + 1;
    for row in reader.rows(after)? {
        let row = row?;
        if next > frozen.last.n {
            break;
        }
        if row.n != next {
            return Err(ExportError::Gap { first: next, last: row.n - 1 });
        }
        next += 1;
        let now = Stamp { at: row.at, offset: row.offset };
        let body = RowBody::decode(row.n, &row.body)?;
        if row.n > frozen.sealed_to {
            frozen.restore(row.n, row.at, &body.samples(now));
        }
        if row.n > core.row() {
            core.fold(row.n, now, &body.inputs);
        }
    }
    if next <= frozen.last.n {
        return Err(ExportError::Gap { first: next, last: frozen.last.n });
    }
    Ok(core)
}

fn first_row(reader: &Reader) -> Result<u64, ReadError> {
    Ok(reader.rows(0)?.next().transpose()?.map_or(0, |row| row.n))
}
