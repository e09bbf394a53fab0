//! Trends over days (contract §5, Trends), each sentence of it.

use proptest::prelude::*;

use crate::core::configuration::{Configuration, Texts};
use crate::model::alarm::{AlarmKind, Condition};
use crate::model::command::{Action, Outcome};
use crate::model::message::{ReadingTime, Status};

use super::scene::{Scene, at, restored, shipped};

const ACTIVITY: &str = "hf.activity";
const PVC: &str = "cied.pvc";
const TRENDS: &str = r#"
[[trend]]
id = "hf.activity"
signal = "activity"
over = "168h"
at_least = 4
baseline = "672h"
baseline_at_least = 14
fall_share = 0.3
hysteresis = "0.2 h/d"
priority = "low"
response = "next_working_day"

[[trend]]
id = "cied.pvc"
signal = "pvc_rate"
over = "168h"
at_least = 4
above = "110 /h"
hysteresis = "10 /h"
priority = "medium"
response = "same_day"
"#;

const EVENTS: &str = "# --- Events";
const DAY: f64 = 86_400.0;

/// Somebody with an implant that reports every day, and rules with trends.
fn implanted() -> Scene {
    let mut scene = Scene::empty();
    follow(&mut scene);
    scene.admit("p");
    scene.device("dev", "cied", &["activity", "pvc_rate"]);
    scene.bind("dev", "p");
    scene
}

fn follow(scene: &mut Scene) {
    scene.reconfigure(EVENTS, &format!("{TRENDS}\n{EVENTS}"));
}

/// So many days with this value of a signal.
fn days(scene: &mut Scene, signal: &str, value: f64, days: u32) {
    for _ in 0..days {
        scene.reading("dev", signal, value);
        scene.advance(DAY);
    }
}

fn lines(scene: &mut Scene, rule: &str) -> Vec<String> {
    scene.news().into_iter().filter(|line| line.contains(rule)).collect()
}

#[test]
fn a_fall_against_what_was_usual_is_told_once_and_says_both() {
    let mut scene = implanted();
    days(&mut scene, "activity", 3.0, 28);
    days(&mut scene, "activity", 1.9, 3);
    assert_eq!(lines(&mut scene, ACTIVITY), [""; 0], "the median of seven days is not low yet");
    days(&mut scene, "activity", 1.9, 3);
    assert_eq!(lines(&mut scene, ACTIVITY), ["raised low hf.activity: alarming, present"]);
    let alarm = scene.alarm(ACTIVITY);
    assert_eq!(alarm.text, "Activity 1.9 h/d over 7 days, usually 3 h/d");
    assert_eq!((alarm.kind, alarm.trigger.limit), (AlarmKind::Physiological, Some(2.1)));
}

#[test]
fn usual_stays_what_it_was_while_the_alarm_stands() {
    let mut scene = implanted();
    days(&mut scene, "activity", 3.0, 28);
    days(&mut scene, "activity", 1.9, 60);
    assert_eq!(scene.alarm(ACTIVITY).condition, Condition::Present);
    scene.skip();
    // Above the limit of 2.1, and not by the hysteresis.
    days(&mut scene, "activity", 2.2, 7);
    assert_eq!(lines(&mut scene, ACTIVITY), [""; 0]);
    days(&mut scene, "activity", 2.4, 4);
    assert_eq!(lines(&mut scene, ACTIVITY), ["ended low hf.activity: closed ended"]);
}

#[test]
fn too_few_values_say_nothing() {
    let mut scene = implanted();
    days(&mut scene, "activity", 3.0, 13);
    days(&mut scene, "activity", 1.0, 7);
    assert!(scene.find(ACTIVITY).is_none(), "thirteen are too few to say what is usual");
    let mut scene = implanted();
    days(&mut scene, "activity", 3.0, 28);
    scene.advance(6.0 * DAY);
    days(&mut scene, "activity", 1.0, 3);
    assert!(scene.find(ACTIVITY).is_none(), "three are too few to say how it goes");
    days(&mut scene, "activity", 1.0, 1);
    assert!(scene.find(ACTIVITY).is_some());
}

#[test]
fn a_figure_needs_nothing_usual_and_is_itself_inside() {
    let mut scene = implanted();
    days(&mut scene, "pvc_rate", 110.0, 7);
    assert!(scene.find(PVC).is_none());
    days(&mut scene, "pvc_rate", 130.0, 4);
    assert_eq!(scene.alarm(PVC).text, "Ventricular extrasystoles 130 /h over 7 days, above 110 /h");
    days(&mut scene, "pvc_rate", 100.0, 4);
    let latched = scene.alarm(PVC);
    assert_eq!((latched.condition, latched.state.as_str()), (Condition::Absent, "latched"));
    days(&mut scene, "pvc_rate", 130.0, 4);
    let again = scene.alarm(PVC);
    assert_eq!((again.id, again.condition), (latched.id, Condition::Present));
}

#[test]
fn of_what_is_measured_within_half_a_day_the_last_counts() {
    let mut scene = implanted();
    for _ in 0..4 {
        for value in [500.0, 400.0, 90.0] {
            scene.reading("dev", "pvc_rate", value);
            scene.advance(5.0 * 3600.0);
        }
        scene.advance(9.0 * 3600.0);
    }
    assert!(scene.find(PVC).is_none());
    // However often it comes, a half day begins anew.
    for _ in 0..40 {
        scene.reading("dev", "pvc_rate", 200.0);
        scene.advance(5.0 * 3600.0);
    }
    assert!(scene.find(PVC).is_some());
}

#[test]
fn what_is_late_or_in_doubt_does_not_count() {
    let mut scene = implanted();
    for _ in 0..8 {
        let second = scene.second() - 3.0 * DAY;
        scene.measured_at("dev", "pvc_rate", 200.0, second);
        scene.send("dev", "pvc_rate", 200.0, |_, reading| reading.unit_doubtful = true);
        scene.advance(DAY);
    }
    assert!(scene.find(PVC).is_none());
}

/// Five days, the third of which was wrong, by how it is put right.
fn put_right(value: f64, status: Status) -> Scene {
    let mut scene = implanted();
    days(&mut scene, "pvc_rate", 130.0, 2);
    let wrong = scene.second();
    days(&mut scene, "pvc_rate", 9.0, 3);
    assert!(scene.find(PVC).is_none());
    scene.send("dev", "pvc_rate", value, |_, reading| {
        (reading.time, reading.status) = (ReadingTime::At(at(wrong)), status);
    });
    scene
}

#[test]
fn what_was_wrong_is_taken_out_and_what_takes_its_place_counts() {
    assert!(put_right(140.0, Status::Corrected).find(PVC).is_some(), "130 130 140 9 9");
    let mut scene = put_right(9.0, Status::EnteredInError);
    assert!(scene.find(PVC).is_none(), "130 130 9 9");
    days(&mut scene, "pvc_rate", 130.0, 1);
    assert!(scene.find(PVC).is_some(), "130 130 9 9 130");
}

#[test]
fn another_rule_judges_what_is_known_anew() {
    let mut scene = implanted();
    days(&mut scene, "pvc_rate", 130.0, 5);
    scene.skip();
    let stricter = TRENDS.replace("110 /h", "120 /h");
    scene.reconfigure(EVENTS, &format!("{stricter}\n{EVENTS}"));
    assert_eq!(
        lines(&mut scene, PVC),
        [
            "rule_changed medium cied.pvc: closed rule_changed",
            "raised medium cied.pvc: alarming, present"
        ]
    );
    scene.reconfigure(EVENTS, EVENTS);
    assert!(scene.find(PVC).is_none());
}

#[test]
fn a_device_that_is_unbound_takes_its_days_with_it() {
    let mut scene = implanted();
    days(&mut scene, "pvc_rate", 130.0, 5);
    scene.done(Action::Unbind { device: "dev".parse().unwrap(), replaces: None });
    assert_eq!(scene.alarm(PVC).condition, Condition::Unknown);
    scene.bind("dev", "p");
    days(&mut scene, "pvc_rate", 20.0, 3);
    assert_eq!(scene.alarm(PVC).condition, Condition::Unknown);
    days(&mut scene, "pvc_rate", 20.0, 1);
    assert_eq!(scene.alarm(PVC).condition, Condition::Absent);
}

#[test]
fn it_is_answered_like_any_other() {
    let mut scene = implanted();
    days(&mut scene, "pvc_rate", 130.0, 4);
    assert_eq!(scene.acknowledge(PVC), Outcome::Done);
    scene.skip();
    days(&mut scene, "pvc_rate", 130.0, 2);
    assert_eq!(lines(&mut scene, PVC), [""; 0], "that it goes on is no news");
    days(&mut scene, "pvc_rate", 20.0, 6);
    assert_eq!(lines(&mut scene, PVC), ["ended medium cied.pvc: closed ended"]);
}

#[test]
fn a_trend_that_makes_no_sense_is_refused_where_it_stands() {
    for (old, new, place, what) in [
        ("fall_share = 0.3", "fall_share = 0.0", "0.0", "share"),
        (
            "fall_share = 0.3",
            "fall_share = 0.3\nabove = \"1 h/d\"",
            "\"hf.activity\"",
            "write one of",
        ),
        ("fall_share = 0.3", "", "\"hf.activity\"", "write one of"),
        ("baseline_at_least = 14\n", "", "\"hf.activity\"", "what is usual needs"),
        ("above = \"110 /h\"", "above = \"110 %\"", "\"110 %\"", "does not fit"),
        ("hysteresis = \"10 /h\"", "hysteresis = \"0 /h\"", "\"0 /h\"", "above zero"),
        ("signal = \"pvc_rate\"", "signal = \"pvc\"", "\"pvc\"", "is no signal"),
        (
            "signal = \"pvc_rate\"",
            "signal = \"battery_status\"",
            "\"battery_status\"",
            "no numbers",
        ),
        ("baseline = \"672h\"", "baseline = \"6720h\"", "\"6720h\"", "half a year"),
        (
            "over = \"168h\"\nat_least = 4\nabove",
            "over = \"0s\"\nat_least = 4\nabove",
            "\"0s\"",
            "above zero",
        ),
        ("at_least = 4\nabove", "at_least = 0\nabove", "0\nabove", "one value at least"),
        ("id = \"cied.pvc\"", "id = \"hf.activity\"", "\"hf.activity\"\nsignal = \"pvc", "twice"),
    ] {
        assert!(TRENDS.contains(old), "{old}");
        let rules = shipped().rules + &TRENDS.replacen(old, new, 1);
        let before = &rules[..rules.rfind(place).unwrap()];
        let line = before.matches('\n').count() + 1;
        let refusal = Configuration::parse(Texts { rules, ..shipped() }).unwrap_err().to_string();
        assert!(
            refusal.contains(what) && refusal.contains(&format!("line {line}, column ")),
            "{line}: {refusal}"
        );
    }
}

/// What counts, in days and values: of what was measured within half a day the last.
fn counted(told: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let (mut begin, mut counted): (f64, Vec<(f64, f64)>) = (f64::MIN, Vec::new());
    for (day, value) in told {
        // Whole seconds: half a day in shares of days may be a hair less.
        if ((day - begin) * DAY).round() < DAY / 2.0 {
            *counted.last_mut().unwrap() = (*day, *value);
        } else {
            begin = *day;
            counted.push((*day, *value));
        }
    }
    counted
}

fn middle(values: impl Iterator<Item = f64>) -> Option<(f64, usize)> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.get(values.len().checked_sub(1)? / 2)?, values[values.len() / 2]);
    Some(((low + high) / 2.0, values.len()))
}

proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 96, ..Default::default() })]

    /// Over days with gaps, values within half a day, late ones, copies and restarts: what stands is what somebody finds
    /// who looks at all that was ever told.
    #[test]
    fn what_stands_is_what_the_whole_record_says(
        steps in prop::collection::vec((1_u32..60, 0_u32..12, 0_u32..20), 20..120),
    ) {
        let mut scene = implanted();
        let (mut told, mut stands, mut usual) = (Vec::new(), false, 0.0);
        for (hours, what, tenths) in steps {
            // Of what comes more rarely than every day and a half the next is still live.
            scene.advance(f64::from(hours.min(35)) * 3600.0);
            let day = scene.second() / DAY;
            // None lies on a limit.
            let value = f64::from(tenths) * 0.1017 + if what > 6 { 2.0 } else { 0.513 };
            match what {
                0 => scene.measured_at("dev", "activity", 0.1, scene.second() - 4.0 * DAY),
                1 => scene.core = restored(&scene.core),
                _ => {
                    scene.reading("dev", "activity", value);
                    scene.reading("dev", "activity", value);
                    told.push((day, value));
                }
            }
            if what < 2 {
                continue;
            }
            let all = counted(&told);
            let newest = all.last().unwrap().0;
            let within = |from: f64, to: f64| {
                let age = move |at: f64| ((newest - at) * DAY).round() / DAY;
                all.iter().filter(move |(at, _)| age(*at) >= from && age(*at) < to).map(|(_, v)| *v)
            };
            let now = middle(within(0.0, 7.0)).filter(|(_, count)| *count >= 4);
            let before = middle(within(7.0, 35.0)).filter(|(_, count)| *count >= 14);
            if let Some((now, _)) = now {
                if stands {
                    stands = now < usual * 0.7 + 0.2;
                } else if let Some((before, _)) = before {
                    (stands, usual) = (now < before * 0.7, before);
                }
            }
            let open = scene.find(ACTIVITY).is_some();
            prop_assert_eq!(open, stands, "day {} {:?} {:?} {}", day, now, before, usual);
        }
    }
}
