//! What holds whatever is played.

use proptest::prelude::*;

use super::pairs::{paired, spell};
use super::whole::{Played, played, rules};
use crate::tools::backtest::spell::Spell;
use vitalgate_domain::model::alarm::Priority;

fn spells() -> impl Strategy<Value = Vec<Spell>> {
    let one = (0..40_i64, 1..60_i64, proptest::option::of(0..10_i64), 0..3_usize, any::<bool>());
    proptest::collection::vec(one, 0..8).prop_map(|all| {
        let mut from = 0;
        let row = |(pause, lasts, told, priority, open): (i64, i64, Option<i64>, usize, bool)| {
            let begin = from + pause;
            from = begin + lasts;
            let priority = [Priority::Low, Priority::Medium, Priority::High][priority];
            let told: Vec<_> =
                told.map(|after| (begin + after.min(lasts), priority)).into_iter().collect();
            let end = (!open || lasts < 50).then_some(from);
            spell((begin, end, &told))
        };
        all.into_iter().map(row).collect()
    })
}

proptest! {
    #[test]
    fn alarms_do_not_differ_from_themselves(all in spells()) {
        let told = all.iter().filter(|one| one.told.anybody()).count() as u64;
        let pairing = paired(all.clone(), all);
        prop_assert_eq!((pairing.same, pairing.joined, pairing.parted), (told, 0, 0));
        prop_assert_eq!(pairing.differing(), 0);
    }

    #[test]
    fn every_alarm_that_was_told_is_accounted_for(old in spells(), new in spells()) {
        let pairing = paired(old.clone(), new.clone());
        let turned = paired(new, old);
        prop_assert_eq!(pairing.same, turned.same);
        prop_assert_eq!((pairing.joined, pairing.parted), (turned.parted, turned.joined));
        prop_assert_eq!(pairing.differing(), turned.differing());
    }

}

proptest! {
    // Each plays a recording.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn rules_against_themselves_differ_in_nothing(values in series(), limit in 85..93_i64) {
        let report = played(&Played { old: &rules(limit), new: &rules(limit), values: &values });
        prop_assert_eq!(&report.old.announcements, &report.new.announcements);
        prop_assert!(report.differences.listed.is_empty(), "{:?}", report.differences);
        prop_assert_eq!((report.differences.joined, report.differences.parted), (0, 0));
    }

    #[test]
    fn a_tighter_limit_loses_no_alarm(values in series(), limit in 85..93_i64, by in 1..5_i64) {
        let report = played(&Played { old: &rules(limit), new: &rules(limit + by), values: &values });
        for one in &report.differences.listed {
            prop_assert!(!one.kind.is_worse(), "{one:?}");
        }
    }
}

/// A saturation a second, without a gap.
fn series() -> impl Strategy<Value = Vec<f64>> {
    let stretch = (80..100_i64, 1..40_usize);
    proptest::collection::vec(stretch, 1..12).prop_map(|stretches| {
        let values = stretches.into_iter().flat_map(|(value, count)| vec![value as f64; count]);
        values.collect()
    })
}
