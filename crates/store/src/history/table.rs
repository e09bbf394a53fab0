//! The table of blocks: how one is put in, and how its unit reads back.

use rusqlite::{Transaction, params};

use super::block::Block;
use crate::file::error::ReadError;
use vitalgate_domain::model::unit::Unit;

/// Puts a block of a series in, under a number that no other of its blocks has.
pub(crate) fn insert(
    tx: &Transaction<'_>,
    series: i64,
    id: i64,
    block: &Block,
) -> rusqlite::Result<()> {
    let Block { summary, body } = block;
    let values = summary.values;
    tx.prepare_cached("INSERT INTO blocks VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?.execute(
        params![
            series,
            summary.t0.as_micros(),
            id,
            summary.t1.as_micros(),
            values.map_or(0, |v| v.count as i64),
            values.map(|v| v.min),
            values.map(|v| v.max),
            values.map(|v| v.sum),
            values.map(|v| v.last),
            summary.unit.number(),
            body,
        ],
    )?;
    Ok(())
}

/// The unit of a stored number.
pub(crate) fn unit_of(number: u8) -> Result<Unit, ReadError> {
    Unit::from_number(number).ok_or_else(|| ReadError::Strange(format!("unit {number}")))
}
