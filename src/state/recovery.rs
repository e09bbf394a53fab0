//! State = snapshot + fold: brings a core, and the history's heads, to where the store stands.
//!
//! Rows of an older core are folded by this one; what follows otherwise from them than was announced is
//! settled by the first input after them, [`upgraded`].

use crate::state::fold::{FoldError, begin, fold};
use vitalgate_domain::CORE_VERSION;
use vitalgate_domain::core::Core;
use vitalgate_domain::core::snapshot::BadSnapshot;
use vitalgate_domain::model::alarm::{Alarm, State};
use vitalgate_domain::model::input::Input;
use vitalgate_store::reader::AlarmFilter;
use vitalgate_store::{Opened, ReadError};

/// Why a store cannot be brought back.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// There is no state.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// Neither snapshot nor journal gives the state.
    #[error("{snapshot}, and without it: {journal}")]
    Neither {
        /// Why the snapshot cannot be read.
        snapshot: String,
        /// Why the journal does not stand in for it.
        journal: FoldError,
    },
    /// The alarm log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// An alarm that stands open in the alarm log cannot be taken over by a newer core.
    #[error(
        "transition {seq} of an open alarm cannot be read: {reason}; report this and go back to the \
         older program{}",
        .way_back.as_ref().map(|way| format!(": {way}")).unwrap_or_default()
    )]
    Alarm {
        /// The number of its newest transition.
        seq: u64,
        /// Why.
        reason: String,
        /// How to go back, where the file was upgraded too: the older program would refuse it.
        way_back: Option<String>,
    },
}

/// What came out of a store.
#[derive(Debug)]
pub struct Recovered {
    /// The core as of the last row.
    pub core: Core,
    /// Why the snapshot could not be read, where the whole journal was folded in its place.
    pub replayed: Option<String>,
}

/// The core as of the last row; samples not yet in blocks go back into memory. A snapshot that cannot be read stops
/// nothing as long as the journal holds every row from the first on.
pub fn recover(opened: &Opened) -> Result<Recovered, RecoveryError> {
    let replayed = match (&opened.snapshot_fault, begin(&opened.identity, &opened.snapshot)) {
        (None, Ok(core)) => {
            return Ok(Recovered { core: brought_up(opened, core)?, replayed: None });
        }
        (Some(why), _) => why.clone(),
        (
            None,
            Err(FoldError::Snapshot(why @ (BadSnapshot::Part { .. } | BadSnapshot::Missing(_)))),
        ) => why.to_string(),
        (None, Err(other)) => return Err(other.into()),
    };
    tracing::error!(why = replayed, "the snapshot cannot be read: the whole journal is folded");
    let core = begin(&opened.identity, &[])?;
    match brought_up(opened, core) {
        Ok(core) => Ok(Recovered { core, replayed: Some(replayed) }),
        Err(journal) => Err(RecoveryError::Neither { snapshot: replayed, journal }),
    }
}

/// Folds the rows that a core does not know yet.
fn brought_up(opened: &Opened, mut core: Core) -> Result<Core, FoldError> {
    let after = core.row().min(opened.sealed_to);
    let last = opened.last_row.map_or(0, |row| row.n);
    fold(&opened.reader(), &mut core, after, last, |row, body, _| {
        if row.n > opened.sealed_to {
            opened.restore(row.n, row.at, &body.samples(row.stamp()));
        }
        Ok(())
    })?;
    if !is_of_older_core(opened) && core.next_seq() != opened.next_seq {
        tracing::error!(
            derived = core.next_seq(),
            stored = opened.next_seq,
            "the journal derives another number of transitions than the store holds; run `vitalgate verify`"
        );
        core.continue_from(opened.next_seq);
    }
    // What recovery touched need not be published: the first board holds everything.
    core.take_changed();
    Ok(core)
}

/// The first input after rows of an older core: what was announced of them and is not over. None where
/// the last row is of this core, and those before it were not folded anew.
pub fn upgraded(opened: &Opened, replayed: bool) -> Result<Option<Input>, RecoveryError> {
    let Some(last) = opened.last_row else { return Ok(None) };
    let older =
        is_of_older_core(opened) || replayed && opened.reader().rows_of_other_cores(last.n)? > 0;
    if !older {
        return Ok(None);
    }
    let open = [State::Alarming, State::Acknowledged, State::Paused, State::Off, State::Latched];
    let filter = AlarmFilter {
        states: open.iter().map(State::to_string).collect(),
        ..AlarmFilter::default()
    };
    let mut held = Vec::new();
    for row in opened.reader().alarms(&filter, None, i64::MAX as usize)? {
        let alarm: Alarm =
            serde_json::from_str(&row.body).map_err(|e| unreadable(opened, row.seq, &e))?;
        held.push(Alarm { seq: row.seq, ..alarm });
    }
    tracing::warn!(
        from = last.core,
        to = CORE_VERSION,
        open = held.len(),
        "the last rows were judged by an older version of the core; alarms that this one does not \
         find in them stay until a person closes them"
    );
    Ok(Some(Input::Upgraded { from: last.core, next_seq: opened.next_seq, held }))
}

fn unreadable(opened: &Opened, seq: u64, error: &serde_json::Error) -> RecoveryError {
    RecoveryError::Alarm { seq, reason: error.to_string(), way_back: opened.way_back() }
}

fn is_of_older_core(opened: &Opened) -> bool {
    opened.last_row.is_some_and(|last| last.core < CORE_VERSION)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::stores::{configuration, of_version_4, row, store_of, tamper, ward, write};
    use crate::tools::verify::verify;
    use vitalgate_domain::model::time::Stamp;
    use vitalgate_domain::model::time::Timestamp;
    use vitalgate_domain::output::transition::{Change, TransitionBody};
    use vitalgate_store::audit::Evidence;
    use vitalgate_store::{OpenError, Store};

    /// An older core left eight rows, its snapshot at row `frozen`; it announced the ward w2 in row 7 and
    /// the ward w3 in row 8, and nobody has closed them.
    fn left_behind(dir: &std::path::Path, frozen: u64) {
        let unwatched =
            |wards: &[&str]| Input::Unwatched(wards.iter().map(|w| w.parse().unwrap()).collect());
        let rows = [&["w1"][..], &[], &["w1"], &["w1"], &[], &[], &["w2"], &["w2", "w3"]];
        let mut rows = rows.map(|wards| vec![unwatched(wards)]);
        rows[0].insert(0, configuration());
        store_of(dir, rows, frozen);
        tamper(dir, "UPDATE journal SET core = 0");
    }

    /// The first row after the upgrade, as the gateway makes it: written unless the process dies.
    fn settle(dir: &std::path::Path, dies: bool) -> Vec<(Change, String, u64)> {
        let opened = Store::open(dir).unwrap();
        let Some(input) = upgraded(&opened, false).unwrap() else { return Vec::new() };
        let mut core = recover(&opened).unwrap().core;
        let (n, at) = (core.row() + 1, Timestamp::from_millis(1_795_000_001_000));
        let mut twin = core.clone();
        let commit = row(&mut core, n, at, vec![input.clone()]);
        assert!(
            dies || commit.transitions.iter().map(|t| t.seq).eq(opened.next_seq..core.next_seq())
        );
        if !dies {
            write(opened, [commit]);
        }
        let announced = twin.fold(n, Stamp { at, ..Stamp::default() }, &[input]).transitions;
        announced
            .into_iter()
            .map(|t| match t.body {
                TransitionBody::Alarm { change, alarm, .. } => {
                    (change, alarm.ward.unwrap().to_string(), t.seq)
                }
                other @ (TransitionBody::Answer { .. }
                | TransitionBody::Note { .. }
                | TransitionBody::NotAllowed { .. }
                | TransitionBody::SignInsFailed(_)) => {
                    panic!("{other:?}")
                }
            })
            .collect()
    }

    #[test]
    fn rows_of_an_older_core_are_settled_once_and_with_nothing_lost() {
        for frozen in [99, 4, 8] {
            let check = |sql: &[&str], expected: &[(Change, &str, u64)]| {
                let dir = tempfile::tempdir().unwrap();
                left_behind(dir.path(), frozen);
                for sql in sql {
                    tamper(dir.path(), sql);
                }
                of_version_4(dir.path());
                let expected: Vec<_> =
                    expected.iter().map(|(c, w, n)| (*c, (*w).to_owned(), *n)).collect();
                assert_eq!(settle(dir.path(), true), expected, "frozen at {frozen}");
                assert_eq!(settle(dir.path(), false), expected, "again after a kill");
                assert_eq!(settle(dir.path(), false), [], "and no third time");
                let verdict = verify(dir.path(), Evidence::default()).unwrap();
                assert!(verdict.is_clean(), "{verdict:?}");
                assert_eq!(verdict.outside_version, 8);
                assert_eq!(verdict.same, expected.len() as u64);
            };
            check(&[], &[]);
            let others = "DELETE FROM transitions WHERE n = 8";
            check(&[others], &[(Change::Raised, "w3", 6)]);
            let announced =
                "INSERT INTO transitions SELECT seq + 2, n, at, kind, change, 'lost', patient,
                actor, json_set(body, '$.id', 'lost', '$.ward', 'w9'), NULL, NULL
                FROM transitions WHERE n = 8";
            check(&[announced], &[(Change::Upgraded, "w9", 9)]);
            let closed = "UPDATE transitions SET body = json_set(body, '$.state', 'closed')
                WHERE n = 7";
            check(&[closed, announced], &[(Change::Raised, "w2", 9), (Change::Upgraded, "w9", 10)]);
        }
    }

    #[test]
    fn rows_of_this_core_need_no_settling_and_those_of_a_newer_one_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        ward(dir.path());
        assert!(upgraded(&Store::open(dir.path()).unwrap(), true).unwrap().is_none());
        tamper(dir.path(), "UPDATE journal SET core = 99 WHERE n = 8");
        let before = std::fs::read(Store::file(dir.path())).unwrap();
        let refused = Store::open(dir.path());
        assert!(matches!(refused, Err(OpenError::NewerCore { found: 99, .. })), "{refused:?}");
        assert_eq!(std::fs::read(Store::file(dir.path())).unwrap(), before, "untouched");
    }

    #[test]
    fn an_alarm_that_cannot_be_read_is_named_and_not_dropped() {
        let dir = tempfile::tempdir().unwrap();
        left_behind(dir.path(), 4);
        tamper(dir.path(), "UPDATE transitions SET body = json_remove(body, '$.text') WHERE n = 8");
        let refused = upgraded(&Store::open(dir.path()).unwrap(), false).unwrap_err().to_string();
        assert!(refused.contains("missing field `text`"), "{refused}");
        assert!(refused.ends_with("go back to the older program"), "{refused}");
    }

    #[test]
    fn a_copy_to_go_back_to_is_named_as_long_as_it_is_the_store_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        left_behind(dir.path(), 4);
        tamper(dir.path(), "UPDATE transitions SET body = json_remove(body, '$.text') WHERE n = 8");
        let refused =
            || upgraded(&Store::open(dir.path()).unwrap(), false).unwrap_err().to_string();
        let was_upgraded_at = |row: u64| {
            let sql =
                "INSERT OR REPLACE INTO meta VALUES('upgraded_from', 1), ('upgraded_at_row', ROW)";
            tamper(dir.path(), &sql.replace("ROW", &row.to_string()));
        };
        was_upgraded_at(8);
        assert!(refused().ends_with("older program"), "there is no copy");
        std::fs::write(dir.path().join("vitalgate.v1.db"), "the copy").unwrap();
        assert!(refused().contains("vitalgate.v1.db to "), "{}", refused());
        was_upgraded_at(7);
        assert!(refused().ends_with("older program"), "the copy lacks what was taken in since");
    }

    #[test]
    fn a_snapshot_that_cannot_be_read_is_made_up_for_by_the_whole_journal() {
        let check = |damage: &str, rows_gone: bool| {
            let dir = tempfile::tempdir().unwrap();
            ward(dir.path());
            let whole = recover(&Store::open(dir.path()).unwrap()).unwrap();
            assert!(whole.replayed.is_none());
            tamper(dir.path(), damage);
            if rows_gone {
                tamper(dir.path(), "DELETE FROM journal WHERE n = 1");
            }
            let found = recover(&Store::open(dir.path()).unwrap());
            if rows_gone {
                let why = found.unwrap_err().to_string();
                assert!(why.contains("journal rows 1 to 1 are missing"), "{damage}: {why}");
                return;
            }
            let found = found.unwrap();
            assert!(found.replayed.is_some(), "{damage}");
            let parts = |core: &Core| {
                let keys = core.parts_since(0).into_iter();
                keys.map(|(kind, key)| core.part(kind, &key).unwrap().body).collect::<Vec<_>>()
            };
            assert_eq!(parts(&found.core), parts(&whole.core), "{damage}: the same state");
        };
        for damage in [
            "UPDATE snapshots SET body = x'ff' WHERE kind = 'core'",
            "UPDATE snapshots SET body = x'' WHERE kind = 'site'",
            "UPDATE snapshots SET kind = 'else' WHERE kind = 'site'",
            "DELETE FROM snapshots WHERE kind = 'core'",
        ] {
            check(damage, false);
            check(damage, true);
        }
    }

    #[test]
    fn missing_rows_are_named_and_nothing_is_built_on_what_follows() {
        let check = |gone: &str, expected: Result<u64, &str>| {
            let dir = tempfile::tempdir().unwrap();
            ward(dir.path());
            tamper(dir.path(), &format!("DELETE FROM journal WHERE {gone}"));
            let recovered = recover(&Store::open(dir.path()).unwrap());
            let row = recovered.map(|found| found.core.row()).map_err(|e| e.to_string());
            match (row, expected) {
                (Ok(row), Ok(expected)) => assert_eq!(row, expected, "{gone}"),
                (Err(reason), Err(expected)) => {
                    assert!(reason.contains(expected), "{gone}: {reason}");
                }
                (row, expected) => panic!("{gone}: {row:?}, not {expected:?}"),
            }
        };
        check("n = 8", Ok(7));
        check("n <= 3", Ok(8));
        check("n = 6", Err("rows 6 to 6"));
        check("n BETWEEN 5 AND 7", Err("rows 5 to 7"));
    }
}
