//! The copy of what raised an alarm: its last readings and the limits in force, kept as long as the
//! alarm is, whatever becomes of journal and history.
//!
//! It is made when the alarm is committed, and it is for people: nothing is judged by it, so that
//! what cannot be read is left out rather than in the way of the commit.

use rusqlite::{Connection, Transaction, params};

use crate::audit::{Link, grounds};
use crate::file::error::ReadError;
use crate::history::block;
use crate::history::heads::Heads;
use crate::history::point::{Point, settle};
use crate::history::table::unit_of;
use crate::types::{Commit, RaisedOn, Sample, SeriesKey};
use vitalgate_domain::model::ids::AlarmId;
use vitalgate_domain::model::time::{Span, Timestamp};

/// Readings copied for one alarm.
const READINGS: usize = 20;
/// Alarms of one commit for which blocks are looked into, so that a storm of them holds up nobody;
/// the others get what is in memory.
const LOOKS: usize = 64;
/// Blocks looked into for one alarm: right after a head was sealed the last one is enough.
const BLOCKS: i64 = 2;

/// Gathers the last readings of every alarm that a commit raises.
pub(crate) fn gather(conn: &Connection, heads: &Heads, commit: &Commit) -> Vec<Vec<Point>> {
    let mut looks = LOOKS;
    let mut readings_of = |raised: &RaisedOn| {
        let Some(series) = &raised.series else { return Vec::new() };
        let mut points =
            heads.points(series, Timestamp::from_micros(i64::MIN), raised.until + Span::micros(1));
        let with = |s: &&Sample| s.series == *series && s.at <= raised.until;
        points.extend(commit.samples.iter().filter(with).map(Point::of));
        settle(&mut points);
        if points.len() < READINGS && looks > 0 {
            looks -= 1;
            match sealed(conn, series, raised.until) {
                Ok(older) => points.extend(older),
                Err(error) => {
                    tracing::warn!(%error, "an alarm is kept without some of its readings");
                }
            }
            settle(&mut points);
        }
        points.split_off(points.len().saturating_sub(READINGS))
    };
    commit.raised.iter().map(&mut readings_of).collect()
}

/// Writes what was gathered, and gives the SHA-256 of it by alarm.
pub(crate) fn insert<'a>(
    tx: &Transaction<'_>,
    raised: &'a [RaisedOn],
    readings: &[Vec<Point>],
) -> rusqlite::Result<Vec<(&'a AlarmId, Link)>> {
    let mut hashes = Vec::new();
    for (RaisedOn { alarm, limits, .. }, readings) in raised.iter().zip(readings) {
        let readings = serde_json::to_string(readings).unwrap_or_default();
        tx.prepare_cached("INSERT OR REPLACE INTO alarm_grounds VALUES(?, ?, ?)")?
            .execute(params![alarm.as_str(), limits, readings])?;
        hashes.push((alarm, grounds(limits.as_bytes(), readings.as_bytes())));
    }
    Ok(hashes)
}

fn sealed(
    conn: &Connection,
    series: &SeriesKey,
    until: Timestamp,
) -> Result<Vec<Point>, ReadError> {
    let mut statement = conn.prepare_cached(
        "SELECT t0, unit, body FROM blocks WHERE series =
           (SELECT id FROM series WHERE device = ? AND signal = ? AND instance = ?)
           AND t0 <= ? ORDER BY t0 DESC LIMIT ?",
    )?;
    let SeriesKey { device, signal, instance } = series;
    let of = params![device.as_str(), signal.0, instance.as_str(), until.as_micros(), BLOCKS];
    let mut rows = statement.query(of)?;
    let mut points = Vec::new();
    while let Some(row) = rows.next()? {
        let unit = unit_of(row.get(1)?)?;
        let body = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
        let opened = block::open(Timestamp::from_micros(row.get(0)?), unit, body)?;
        points.extend(opened.into_iter().filter(|point| point.at <= until));
    }
    Ok(points)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{commit, purpose, sample, second, series, write};
    use crate::{Keep, Store};

    /// Row `n` of the values of `seconds`, which raises an alarm on those up to `until`.
    fn raising(n: u64, seconds: std::ops::Range<u64>, until: u64) -> Commit {
        let mut row = commit(n);
        row.samples = seconds.map(|s| sample(second(s), s as f64)).collect();
        row.raised = vec![RaisedOn {
            alarm: format!("A{n}").parse().unwrap(),
            series: Some(series()),
            until: second(until),
            limits: "[]".to_owned(),
        }];
        row
    }

    #[test]
    fn the_last_readings_are_copied_wherever_they_are_and_outlive_them() {
        let dir = tempfile::tempdir().unwrap();
        // The head of the first two rows is sealed with the third, hours later.
        let mut third = raising(3, 30..32, 31);
        third.row.at = second(9_000);
        let mut fourth = raising(4, 32..33, 32);
        fourth.row.at = second(9_001);
        let rows = vec![raising(1, 0..5, 4), raising(2, 5..30, 26), third, fourth];
        write(Store::create(dir.path(), &purpose()).unwrap(), Keep::default(), rows);
        let mut nothing = commit(5);
        nothing.row.at = second(99_000);
        let keep = Keep { history_bytes: 0, ..Keep::default() };
        write(Store::open(dir.path()).unwrap(), keep, vec![nothing]);

        let opened = Store::open(dir.path()).unwrap();
        let blocks: i64 =
            opened.conn.query_row("SELECT count(*) FROM blocks", [], |r| r.get(0)).unwrap();
        assert_eq!(blocks, 0);
        for (alarm, expected) in [("A1", 0..5), ("A2", 7..27), ("A3", 12..32), ("A4", 13..33)] {
            let kept = opened.reader().alarm_grounds(&alarm.parse().unwrap()).unwrap();
            let (limits, readings) = kept.unwrap();
            let values: Vec<u64> = readings.iter().map(|p| p.value as u64).collect();
            assert_eq!((limits.as_str(), values), ("[]", expected.collect()), "{alarm}");
        }
        assert_eq!(opened.reader().alarm_grounds(&"A9".parse().unwrap()).unwrap(), None);
    }

    #[test]
    fn what_cannot_be_read_is_left_out_and_the_commit_succeeds() {
        let dir = tempfile::tempdir().unwrap();
        let opened = Store::create(dir.path(), &purpose()).unwrap();
        let series = "INSERT INTO series VALUES(1, 'dev-1', 3, '', 0)";
        let broken = "INSERT INTO blocks VALUES(1, 0, 1, 1, 0, NULL, NULL, NULL, NULL, 1, x'00')";
        opened.conn.execute_batch(&format!("{series}; {broken}")).unwrap();
        write(opened, Keep::default(), vec![raising(1, 3..5, 4)]);
        let kept = Store::open(dir.path()).unwrap().reader();
        assert_eq!(kept.alarm_grounds(&"A1".parse().unwrap()).unwrap().unwrap().1.len(), 2);
    }
}
