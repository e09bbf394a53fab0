//! The store as of one row: who was where, and the whole history up to it.

use crate::state::fold::{FoldError, begin, fold};
use vitalgate_domain::core::Core;
use vitalgate_store::frozen::Frozen;
use vitalgate_store::{ReadError, Reader};

use super::ExportError;

/// How often the beginning of the journal may be pruned before it was read.
const ATTEMPTS: usize = 5;

/// The state and the history at one row.
#[derive(Debug)]
pub(super) struct AsOf {
    pub(super) frozen: Frozen,
    pub(super) core: Core,
}

impl AsOf {
    /// As of the newest row. Retention may prune rows while they are read; it then begins anew with a
    /// newer snapshot, which holds them.
    pub(super) fn of(reader: &Reader) -> Result<Self, ExportError> {
        for _ in 0..ATTEMPTS {
            let frozen = reader.freeze()?.ok_or(ExportError::Empty)?;
            match core_of(reader, &frozen) {
                Ok(core) => return Ok(Self { frozen, core }),
                Err(FoldError::Gap { first, .. }) if first_row(reader)? > first => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ExportError::Overtaken)
    }
}

/// The core at the frozen row; samples not yet in blocks go into memory.
fn core_of(reader: &Reader, frozen: &Frozen) -> Result<Core, FoldError> {
    let mut core = begin(&frozen.identity, &frozen.snapshot)?;
    let after = core.row().min(frozen.sealed_to);
    fold(reader, &mut core, after, frozen.last.n, |row, body, _| {
        if row.n > frozen.sealed_to {
            frozen.restore(row.n, row.at, &body.samples(row.stamp()));
        }
        Ok(())
    })?;
    Ok(core)
}

fn first_row(reader: &Reader) -> Result<u64, ReadError> {
    Ok(reader.rows(0)?.next().transpose()?.map_or(0, |row| row.n))
}
