//! Which alarm is which, by data.

use crate::tools::backtest::pairing::{Kind, Pairing, Set};
use crate::tools::backtest::spell::{About, Key, Spell, Told, Trace};
use vitalgate_domain::model::alarm::{Priority, Side};
use vitalgate_domain::model::time::{Span, Timestamp};

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_772_409_600_000) + Span::secs(seconds)
}

pub(super) fn key() -> Key {
    Key {
        patient: Some("p".parse().unwrap()),
        source: "dev".to_owned(),
        about: About::Limit("spo2".to_owned(), Side::Low),
    }
}

/// From, to, and when people were told with which priority.
type Row<'a> = (i64, Option<i64>, &'a [(i64, Priority)]);

pub(super) fn spell((from, to, told): Row<'_>) -> Spell {
    let mut first = Told::default();
    for (seconds, priority) in told {
        first.note(*priority, at(*seconds));
    }
    Spell {
        rule: "vitals_live.spo2_low".parse().unwrap(),
        begin: at(from),
        end: to.map(at),
        told: first,
        trace: Trace::default(),
    }
}

/// Plays both in the order of time.
pub(super) fn paired(old: Vec<Spell>, new: Vec<Spell>) -> Pairing {
    let mut pairing = Pairing::new(100);
    let mut moves = Vec::new();
    for (set, spells) in [(Set::Old, old), (Set::New, new)] {
        for spell in spells {
            moves.push((spell.begin, 0, None));
            let end = spell.end.unwrap_or(at(1_000_000_000));
            moves.push((end, 1, Some((set, spell))));
        }
    }
    moves.sort_by_key(|(at, ends, _)| (*at, *ends));
    for (at, _, ended) in moves {
        match ended {
            None => pairing.begin(&key(), at),
            Some((set, spell)) => pairing.end(set, &key(), spell),
        }
    }
    pairing.finish();
    pairing
}

#[track_caller]
fn check(
    why: &str,
    old: &[Row<'_>],
    new: &[Row<'_>],
    expected: &[(Kind, Option<i64>)],
) -> (u64, u64, u64) {
    let spells = |rows: &[Row<'_>]| rows.iter().map(|row| spell(*row)).collect::<Vec<_>>();
    let pairing = paired(spells(old), spells(new));
    let found: Vec<_> = pairing
        .listed()
        .map(|one| (one.kind, one.by.map(|by| by.as_micros() / 1_000_000)))
        .collect();
    assert_eq!(found, expected, "{why}");
    let turned = paired(spells(new), spells(old));
    assert_eq!(turned.differing(), pairing.differing(), "{why}, seen from the other side");
    assert_eq!((turned.joined, turned.parted), (pairing.parted, pairing.joined), "{why}");
    (pairing.same, pairing.joined, pairing.parted)
}

use Priority::{High, Medium};

#[test]
fn an_alarm_is_the_same_within_two_seconds() {
    for by in [-2, 0, 2] {
        let counts = check(
            "near",
            &[(10, Some(90), &[(10, High)])],
            &[(10 + by, Some(90), &[(10 + by, High)])],
            &[],
        );
        assert_eq!(counts, (1, 0, 0));
    }
    check(
        "later",
        &[(10, Some(90), &[(10, High)])],
        &[(13, Some(90), &[(13, High)])],
        &[(Kind::Later, Some(3))],
    );
    check(
        "earlier",
        &[(10, Some(90), &[(10, High)])],
        &[(3, Some(90), &[(3, High)])],
        &[(Kind::Earlier, Some(-7))],
    );
}

#[test]
fn what_does_not_stand_at_the_same_time_is_lost_and_gained() {
    let (old, new): (Row<'_>, Row<'_>) =
        ((10, Some(20), &[(10, High)]), (23, Some(40), &[(23, High)]));
    check("apart", &[old], &[new], &[(Kind::Lost, None), (Kind::Gained, None)]);
    check("touching", &[old], &[(22, Some(40), &[(22, High)])], &[(Kind::Later, Some(12))]);
    check("lost", &[old], &[], &[(Kind::Lost, None)]);
    check(
        "it stands to the end",
        &[(10, None, &[(10, High)])],
        &[(99, None, &[(99, High)])],
        &[(Kind::Later, Some(89))],
    );
}

#[test]
fn the_gravest_that_differs_says_how() {
    let old: Row<'_> = (10, Some(90), &[(10, Medium), (20, High)]);
    check(
        "the high one is later",
        &[old],
        &[(10, Some(90), &[(10, Medium), (50, High)])],
        &[(Kind::Later, Some(30))],
    );
    check("never high", &[old], &[(10, Some(90), &[(10, Medium)])], &[(Kind::Milder, None)]);
    check("never told", &[old], &[(10, Some(90), &[])], &[(Kind::ShownOnly, None)]);
    check("high at once", &[old], &[(10, Some(90), &[(10, High)])], &[(Kind::Earlier, Some(-10))]);
    check("nobody told by either", &[(10, Some(90), &[])], &[(10, Some(90), &[])], &[]);
    check("shown and nowhere", &[(10, Some(90), &[])], &[], &[]);
}

#[test]
fn what_another_tells_already_is_no_loss() {
    let two: [Row<'_>; 2] = [(10, Some(20), &[(10, High)]), (50, Some(60), &[(50, High)])];
    let counts = check("one for both", &two, &[(10, Some(99), &[(10, High)])], &[]);
    assert_eq!(counts, (1, 1, 0));
    let milder: Row<'_> = (10, Some(99), &[(10, Medium)]);
    check("milder for both", &two, &[milder], &[(Kind::Milder, None), (Kind::Milder, None)]);
    let late: Row<'_> = (10, Some(99), &[(10, Medium), (55, High)]);
    check(
        "high once for both, later than either",
        &two,
        &[late],
        &[(Kind::Later, Some(45)), (Kind::Later, Some(5))],
    );
}

#[test]
fn the_nearer_of_two_is_the_one() {
    let old: [Row<'_>; 2] = [(0, Some(10), &[(0, High)]), (11, Some(90), &[(11, High)])];
    let counts = check("the second", &old, &[(11, Some(90), &[(11, High)])], &[(Kind::Lost, None)]);
    assert_eq!(counts.0, 1);
}

#[test]
fn a_rule_of_another_name_over_the_same_signal_is_the_same_alarm() {
    let old = spell((10, Some(90), &[(10, High)]));
    let new = Spell { rule: "ward.saturation_low".parse().unwrap(), ..old.clone() };
    let pairing = paired(vec![old.clone()], vec![new.clone()]);
    assert_eq!((pairing.same, pairing.differing()), (1, 0));
    // Where one of the same name is there as well it goes first.
    let later = Spell { told: Told::default(), ..old.clone() };
    let pairing = paired(vec![old], vec![new, later]);
    assert_eq!(pairing.kinds.get(&Kind::ShownOnly), Some(&1));
}

#[test]
fn the_gravest_and_worst_are_listed_and_the_rest_is_counted() {
    let mut pairing = Pairing::new(2);
    for n in 0..50 {
        let priority = if n == 40 { High } else { Medium };
        pairing.begin(&key(), at(n * 100));
        pairing.end(Set::Old, &key(), spell((n * 100, Some(n * 100 + 9), &[(n * 100, priority)])));
    }
    pairing.finish();
    assert_eq!((pairing.differing(), pairing.kinds[&Kind::Lost]), (50, 50));
    let listed: Vec<_> = pairing.listed().map(|one| (one.priority, one.at)).collect();
    assert_eq!(listed, [(High, at(4_000)), (Medium, at(0))]);
    let mut none = Pairing::new(0);
    none.begin(&key(), at(0));
    none.end(Set::Old, &key(), spell((0, Some(9), &[(0, High)])));
    none.finish();
    assert_eq!((none.differing(), none.listed().count()), (1, 0));
}
