//! Tables, indexes, views and triggers that no version of this program makes.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::schema::MIGRATIONS;

/// What is in a file, by its kind and name: of which table, and as it was made.
type Objects = BTreeMap<(String, String), (String, Option<String>)>;

/// What differs from the tables of the file's own version, in words; names as they would be written in a
/// program, for they may be anything.
pub(crate) fn foreign(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    let version: u32 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let own = Connection::open_in_memory()?;
    for step in MIGRATIONS.iter().take(version as usize) {
        own.execute_batch(step)?;
    }
    let (mut own, found) = (objects(&own)?, objects(conn)?);
    let mut differ = Vec::new();
    for ((kind, name), (table, sql)) in found {
        match own.remove(&(kind.clone(), name.clone())) {
            None => differ.push(format!("the {kind} {name:?} of {table:?} is none of the store's")),
            Some(made) if made != (table, sql) => {
                differ.push(format!("the {kind} {name:?} is not as the store makes it"));
            }
            Some(_) => {}
        }
    }
    differ.extend(own.into_keys().map(|(kind, name)| format!("the {kind} {name:?} is missing")));
    Ok(differ)
}

fn objects(conn: &Connection) -> rusqlite::Result<Objects> {
    let mut all = conn.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema")?;
    let all =
        all.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), (row.get(2)?, row.get(3)?))))?;
    all.collect()
}
