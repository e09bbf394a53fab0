//! What the chain says of other tables, and whether SQLite itself finds them whole.

use rusqlite::Connection;

use super::Checked;
use crate::audit::grounds;
use crate::file::row::unsigned;

/// The tables that the audit is in.
const TABLES: [&str; 5] = ["transitions", "statements", "cut", "audit", "alarm_grounds"];

/// What each alarm stands on, by the last transition that says so.
const GROUNDS: &str = "SELECT t.seq, t.grounds, g.limits, g.readings FROM transitions t
     LEFT JOIN alarm_grounds g ON g.alarm = t.alarm
   WHERE t.grounds IS NOT NULL AND NOT EXISTS (SELECT 1 FROM transitions later
     WHERE later.alarm = t.alarm AND later.seq > t.seq AND later.grounds IS NOT NULL) ORDER BY t.seq";

/// Rows that no entry of the chain stands for.
const STRANGE: [(&str, &str); 3] = [
    (
        "alarms have something they stand on that was never chained",
        "SELECT count(*) FROM alarm_grounds g WHERE NOT EXISTS
           (SELECT 1 FROM transitions t WHERE t.alarm = g.alarm AND t.grounds IS NOT NULL)",
    ),
    (
        "acts are listed without their transition",
        "SELECT count(*) FROM audit a WHERE NOT EXISTS (SELECT 1 FROM transitions t WHERE t.seq = a.seq)",
    ),
    ("transitions are cut and there", "SELECT count(*) FROM cut JOIN transitions USING(seq)"),
];

/// Checks them.
pub(super) fn check(conn: &Connection, checked: &mut Checked) -> rusqlite::Result<()> {
    let mut stands_on = conn.prepare(GROUNDS)?;
    let mut stands_on = stands_on.query([])?;
    while let Some(row) = stands_on.next()? {
        let text = |at| Ok::<_, rusqlite::Error>(row.get_ref(at)?.as_bytes_or_null()?);
        let seq = unsigned(row, 0)?;
        let stored = text(2)?.zip(text(3)?).map(|(limits, readings)| grounds(limits, readings));
        match stored {
            None => checked.find(format!("what the alarm of transition {seq} stands on is gone")),
            Some(stored) if text(1)? != Some(&stored) => {
                checked.find(format!("what the alarm of transition {seq} stands on was changed"));
            }
            Some(_) => {}
        }
    }
    for (what, sql) in STRANGE {
        let count = conn.query_row(sql, [], |row| unsigned(row, 0))?;
        if count > 0 {
            checked.find(format!("{count} {what}"));
        }
    }
    for table in TABLES {
        let mut lines = conn.prepare(&format!("PRAGMA integrity_check({table})"))?;
        let lines = lines.query_map([], |row| row.get::<_, String>(0))?;
        for line in lines.collect::<rusqlite::Result<Vec<_>>>()? {
            if line != "ok" {
                checked.find(format!("{table}: {line:?}"));
            }
        }
    }
    Ok(())
}
