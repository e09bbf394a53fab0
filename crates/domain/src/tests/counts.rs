//! Counts of events (contract §5, Counts), each sentence of it.

use proptest::prelude::*;

use crate::core::configuration::{Configuration, Texts};
use crate::model::alarm::{Condition, Priority};
use crate::model::message::Phase;

use super::scene::{Scene, restored, shipped};

const RULE: &str = "cied.vt_storm";
const EVENTS: &str = "# --- Events";
const HOUR: f64 = 3_600.0;
const COUNT: &str = r#"
[[count]]
id = "cied.vt_storm"
events = ["vt_detected", "vf_detected"]
times = 3
within = "48h"
priority = "high"
response = "immediate"
text = "VT/VF storm"
"#;

fn implanted() -> Scene {
    let mut scene = Scene::empty();
    scene.reconfigure(EVENTS, &format!("{COUNT}\n{EVENTS}"));
    scene.admit("p");
    scene.device("dev", "cied", &[]);
    scene.bind("dev", "p");
    scene
}

fn lines(scene: &mut Scene) -> Vec<String> {
    scene.news().into_iter().filter(|line| line.contains(RULE)).collect()
}

#[test]
fn the_third_within_two_days_is_a_storm_and_the_fourth_is_news() {
    let mut scene = implanted();
    scene.event("dev", "vt_detected", Some("1"), Phase::Single);
    scene.advance(24.0 * HOUR);
    scene.event("dev", "vf_detected", Some("2"), Phase::Start);
    scene.advance(24.0 * HOUR);
    assert_eq!(lines(&mut scene), [""; 0]);
    scene.event("dev", "vt_detected", Some("3"), Phase::Single);
    assert_eq!(lines(&mut scene), ["raised high cied.vt_storm: alarming, momentary"]);
    assert_eq!(scene.alarm(RULE).text, "VT/VF storm: 3 within 48 h");
    scene.advance(HOUR);
    scene.event("dev", "vt_detected", Some("4"), Phase::Single);
    scene.advance(2.0);
    assert_eq!(lines(&mut scene), ["recurred high cied.vt_storm: alarming, momentary"]);
    // The first lies outside of the span that ends with it.
    assert_eq!(scene.alarm(RULE).text, "VT/VF storm: 3 within 48 h");
}

#[test]
fn an_episode_counts_once_however_often_and_wherever_it_is_told() {
    let mut scene = implanted();
    let begin = scene.second();
    for _ in 0..3 {
        scene.event_at("dev", "vt_detected", Some("1"), Phase::Start, begin);
        scene.event_at("dev", "vt_detected", Some("1"), Phase::Update, begin);
        scene.advance(60.0);
    }
    scene.event("dev", "vt_detected", Some("1"), Phase::End);
    scene.event("dev", "vt_detected", Some("2"), Phase::Single);
    assert!(scene.find(RULE).is_none());
    scene.core = restored(&scene.core);
    scene.event("dev", "af_detected", Some("3"), Phase::Single);
    assert!(scene.find(RULE).is_none(), "another event");
    scene.event("dev", "vt_detected", Some("4"), Phase::Single);
    assert!(scene.find(RULE).is_some());
}

#[test]
fn what_comes_late_counts_where_it_happened() {
    let mut scene = implanted();
    scene.advance(10.0 * 24.0 * HOUR);
    let now = scene.second();
    scene.event_at("dev", "vt_detected", Some("3"), Phase::Single, now);
    scene.event_at("dev", "vt_detected", Some("2"), Phase::Single, now - 47.0 * HOUR);
    assert!(scene.find(RULE).is_none());
    // It is no storm with the newest, and one with what lies between.
    scene.event_at("dev", "vt_detected", Some("1"), Phase::Single, now - 49.0 * HOUR);
    assert!(scene.find(RULE).is_none());
    scene.skip();
    scene.event_at("dev", "vt_detected", Some("0"), Phase::Single, now - 48.0 * HOUR);
    assert_eq!(lines(&mut scene), [""; 0], "it lies too long ago for an alarm");
    scene.event_at("dev", "vt_detected", Some("5"), Phase::Single, now - 1.0 * HOUR);
    assert_eq!(scene.alarm(RULE).priority, Priority::High, "an hour of an implant is live");
}

#[test]
fn nothing_but_a_person_ends_it_and_nobody_inherits_it() {
    let mut scene = implanted();
    for number in 1..=3 {
        scene.event("dev", "vt_detected", Some(&number.to_string()), Phase::Single);
        scene.advance(HOUR);
    }
    scene.advance(20.0 * 24.0 * HOUR);
    assert_eq!(scene.alarm(RULE).condition, Condition::Momentary);
    scene.reset(RULE, None);
    assert!(scene.find(RULE).is_none());
    scene.event("dev", "vt_detected", Some("4"), Phase::Single);
    assert!(scene.find(RULE).is_none(), "one alone is no storm");
    scene.advance(HOUR);
    scene.event("dev", "vt_detected", Some("5"), Phase::Single);
    let action =
        crate::model::command::Action::Unbind { device: "dev".parse().unwrap(), replaces: None };
    scene.done(action);
    scene.bind("dev", "p");
    scene.advance(HOUR);
    scene.event("dev", "vt_detected", Some("6"), Phase::Single);
    assert!(scene.find(RULE).is_none(), "those of a binding before do not count");
}

#[test]
fn a_count_that_changed_begins_anew_and_ends_nothing() {
    let mut scene = implanted();
    for number in 1..=3 {
        scene.event("dev", "vt_detected", Some(&number.to_string()), Phase::Single);
        scene.advance(HOUR);
    }
    let two = COUNT.replace("times = 3", "times = 2");
    scene.reconfigure(EVENTS, &format!("{two}\n{EVENTS}"));
    assert!(scene.find(RULE).is_some());
    scene.skip();
    scene.event("dev", "vt_detected", Some("4"), Phase::Single);
    scene.advance(2.0);
    assert_eq!(lines(&mut scene), [""; 0]);
    scene.event("dev", "vt_detected", Some("5"), Phase::Single);
    scene.advance(2.0);
    assert_eq!(lines(&mut scene), ["recurred high cied.vt_storm: alarming, momentary"]);
}

#[test]
fn a_count_that_makes_no_sense_is_refused_where_it_stands() {
    for (old, new, place, what) in [
        ("times = 3", "times = 1", "1\nwithin", "one alone is an [[event]]"),
        ("\"48h\"", "\"0s\"", "\"0s\"", "above zero"),
        ("\"48h\"", "\"7440h\"", "\"7440h\"", "31 days"),
        ("[\"vt_detected\", \"vf_detected\"]", "[]", "[]\ntimes", "name the events"),
        (
            "id = \"cied.vt_storm\"",
            "id = \"cied.vt\"",
            "\"cied.vt\"\nevents = [\"vt_detected\", \"vf",
            "twice",
        ),
    ] {
        assert!(COUNT.contains(old), "{old}");
        let rules = shipped().rules + &COUNT.replacen(old, new, 1);
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
    #![proptest_config(proptest::test_runner::Config { cases: 128, ..Default::default() })]

    /// With gaps, copies and episodes that come hours late: it is told exactly where an episode that comes has two others
    /// within two days around it.
    #[test]
    fn it_is_told_where_three_of_all_that_came_lie_within_two_days(
        steps in prop::collection::vec((0_u32..40, 0_u32..20, 0_u32..4), 3..40),
    ) {
        let mut scene = implanted();
        scene.advance(4.0 * 24.0 * HOUR);
        let (mut all, mut number) = (Vec::new(), 0);
        for (hours, back, what) in steps {
            scene.advance(f64::from(hours) * HOUR + 61.0);
            if what == 0 {
                scene.core = restored(&scene.core);
            }
            let at = scene.second() - f64::from(back) * HOUR;
            number += 1;
            scene.skip();
            for _ in 0..2 {
                scene.event_at("dev", "vt_detected", Some(&number.to_string()), Phase::Single, at);
            }
            scene.advance(2.0);
            all.push(at);
            let three = all.iter().any(|first| {
                let within = |one: &&f64| **one >= *first && **one <= *first + 48.0 * HOUR;
                (*first..=*first + 48.0 * HOUR).contains(&at) && all.iter().filter(within).count() >= 3
            });
            let told = lines(&mut scene).iter().any(|line| line.starts_with("raised") || line.starts_with("recurred"));
            prop_assert_eq!(told, three, "at {} of {:?}", at, all);
        }
    }
}
