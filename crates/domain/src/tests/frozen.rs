//! Frozen values (contract §5, Frozen values), each sentence of it.

use proptest::prelude::*;

use crate::core::configuration::{Configuration, Texts};
use crate::model::alarm::{AlarmKind, Condition};

use super::scene::{Scene, restored, shipped};

const RULE: &str = "pressure.frozen";
const EVENTS: &str = "# --- Events";
const STILL: &str = r#"
[[frozen]]
id = "pressure.frozen"
signal = "abp_mean"
readings = 20
priority = "low"
response = "prompt"
"#;

fn monitored() -> Scene {
    let mut scene = Scene::empty();
    scene.reconfigure(EVENTS, &format!("{STILL}\n{EVENTS}"));
    scene.admit("p");
    scene.device("dev", "bedside", &["abp_mean"]);
    scene.bind("dev", "p");
    scene
}

fn lines(scene: &mut Scene) -> Vec<String> {
    scene.news().into_iter().filter(|line| line.contains(RULE)).collect()
}

#[test]
fn twenty_of_one_value_are_not_believed_and_another_ends_it() {
    let mut scene = monitored();
    scene.stream("dev", "abp_mean", 80.0, 19);
    assert_eq!(lines(&mut scene), [""; 0]);
    scene.stream("dev", "abp_mean", 80.0, 30);
    assert_eq!(lines(&mut scene), ["raised low pressure.frozen: alarming, present"]);
    let alarm = scene.alarm(RULE);
    assert_eq!(alarm.kind, AlarmKind::Technical);
    assert_eq!(alarm.text, "Arterial pressure, mean has stood still at 80 mmHg");
    scene.stream("dev", "abp_mean", 80.1, 1);
    assert_eq!(lines(&mut scene), ["ended low pressure.frozen: closed ended"]);
}

#[test]
fn copies_and_what_is_in_doubt_show_nothing() {
    let mut scene = monitored();
    for _ in 0..10 {
        scene.reading("dev", "abp_mean", 80.0);
        scene.reading("dev", "abp_mean", 80.0);
        scene.advance(1.0);
        scene.send("dev", "abp_mean", 80.0, |_, reading| reading.quality = Some(0.1));
        scene.advance(1.0);
    }
    assert!(scene.find(RULE).is_none());
    scene.stream("dev", "abp_mean", 80.0, 10);
    assert!(scene.find(RULE).is_some());
    scene.send("dev", "abp_mean", 85.0, |_, reading| reading.quality = Some(0.1));
    assert!(scene.find(RULE).is_some(), "doubt ends nothing");
}

#[test]
fn of_a_silent_signal_nobody_knows_and_what_it_says_then_counts_on() {
    let mut scene = monitored();
    scene.stream("dev", "abp_mean", 80.0, 25);
    scene.advance(30.0);
    assert_eq!(scene.alarm(RULE).condition, Condition::Unknown);
    scene.core = restored(&scene.core);
    scene.stream("dev", "abp_mean", 80.0, 1);
    assert_eq!(scene.alarm(RULE).condition, Condition::Present);
    scene.advance(30.0);
    scene.stream("dev", "abp_mean", 81.0, 1);
    assert!(scene.find(RULE).is_none());
}

#[test]
fn other_rules_judge_anew_how_long_it_has_stood_still() {
    let mut scene = monitored();
    scene.stream("dev", "abp_mean", 80.0, 15);
    let sooner = STILL.replace("20", "10");
    scene.reconfigure(EVENTS, &format!("{sooner}\n{EVENTS}"));
    assert!(scene.find(RULE).is_some());
    scene.reconfigure(EVENTS, &format!("{STILL}\n{EVENTS}"));
    assert!(scene.find(RULE).is_none());
}

#[test]
fn one_that_makes_no_sense_is_refused_where_it_stands() {
    for (old, new, place, what) in [
        ("readings = 20", "readings = 2", "2\npriority", "write 3 or more"),
        ("\"abp_mean\"", "\"abp\"", "\"abp\"", "is no signal"),
        ("\"abp_mean\"", "\"battery_status\"", "\"battery_status\"", "no numbers"),
    ] {
        let rules = shipped().rules + &STILL.replacen(old, new, 1);
        let before = &rules[..rules.rfind(place).unwrap()];
        let line = before.matches('\n').count() + 1;
        let refusal = Configuration::parse(Texts { rules, ..shipped() }).unwrap_err().to_string();
        assert!(
            refusal.contains(what) && refusal.contains(&format!("line {line}, column ")),
            "{line}: {refusal}"
        );
    }
}

proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 64, ..Default::default() })]

    /// Over runs of values with copies, late ones and restarts: it stands exactly where the last twenty are one.
    #[test]
    fn it_stands_where_the_last_twenty_are_one(
        runs in prop::collection::vec((0_u32..3, 1_usize..40, 0_u32..5), 1..12),
    ) {
        let mut scene = monitored();
        let mut all = Vec::new();
        for (value, times, what) in runs {
            for _ in 0..times {
                all.push(value);
                let last = value;
                let value = 80.0 + f64::from(value);
                scene.reading("dev", "abp_mean", value);
                match what {
                    0 => scene.reading("dev", "abp_mean", value),
                    1 => scene.core = restored(&scene.core),
                    2 => scene.measured_at("dev", "abp_mean", 60.0, scene.second() - 600.0),
                    _ => {}
                }
                scene.advance(1.0);
                let run = all.iter().rev().take_while(|one| **one == last).count();
                prop_assert_eq!(scene.find(RULE).is_some(), run >= 20, "{} of {}", run, last);
            }
        }
    }
}
