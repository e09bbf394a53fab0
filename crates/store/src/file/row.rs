//! Values read out of the columns of a row.

use rusqlite::Row;

use crate::types::SeriesKey;
use vitalgate_domain::model::signal::SignalId;

/// The series in columns `at`, `at + 1` and `at + 2`.
pub(crate) fn series_key(row: &Row<'_>, at: usize) -> rusqlite::Result<SeriesKey> {
    Ok(SeriesKey {
        device: id(row, at)?,
        signal: SignalId(row.get(at + 1)?),
        instance: row.get::<_, String>(at + 2)?.as_str().into(),
    })
}

/// A number that is never negative.
pub(crate) fn unsigned(row: &Row<'_>, at: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(at).map(|n| n as u64)
}

/// An id.
pub(crate) fn id<T>(row: &Row<'_>, at: usize) -> rusqlite::Result<T>
where
    T: std::str::FromStr<Err = vitalgate_domain::model::ids::NotAnId>,
{
    parse(row.get_ref(at)?.as_str()?, at)
}

/// An id, or none.
pub(crate) fn optional_id<T>(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<T>>
where
    T: std::str::FromStr<Err = vitalgate_domain::model::ids::NotAnId>,
{
    row.get_ref(at)?.as_str_or_null()?.map(|text| parse(text, at)).transpose()
}

fn parse<T>(text: &str, at: usize) -> rusqlite::Result<T>
where
    T: std::str::FromStr<Err = vitalgate_domain::model::ids::NotAnId>,
{
    text.parse().map_err(|e: vitalgate_domain::model::ids::NotAnId| {
        rusqlite::Error::FromSqlConversionFailure(at, rusqlite::types::Type::Text, Box::new(e))
    })
}
