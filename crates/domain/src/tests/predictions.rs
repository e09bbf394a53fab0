//! Predictions (contract §5, Predictions), each sentence of it.

use proptest::prelude::*;

use crate::core::configuration::{Configuration, Texts};
use crate::model::alarm::Condition;
use crate::model::unit::Unit;

use super::scene::{Scene, restored, shipped};

const RULE: &str = "glucose.low_soon";
const EVENTS: &str = "# --- Events";
const SOON: &str = r#"
[[prediction]]
id = "glucose.low_soon"
signal = "glucose_cgm"
low = ["55 mg/dL", "3.1 mmol/L"]
within = "20m"
over = "15m"
hysteresis = "5 mg/dL"
clear_delay = "10m"
priority = "medium"
response = "prompt"
"#;

fn sensed() -> Scene {
    let mut scene = Scene::empty();
    scene.reconfigure(EVENTS, &format!("{SOON}\n{EVENTS}"));
    scene.admit("p");
    scene.device("dev", "cgm", &["glucose_cgm"]);
    scene.bind("dev", "p");
    scene
}

/// A value every five minutes.
fn values(scene: &mut Scene, values: &[f64]) {
    for value in values {
        scene.reading("dev", "glucose_cgm", *value);
        scene.advance(300.0);
    }
}

fn lines(scene: &mut Scene) -> Vec<String> {
    scene.news().into_iter().filter(|line| line.contains(RULE)).collect()
}

#[test]
fn eighty_and_falling_by_three_a_minute_is_told_before_it_is_low() {
    let mut scene = sensed();
    values(&mut scene, &[125.0, 110.0, 95.0]);
    // 95 - 60 is 35, which is below 55: it is told with the third value that makes a line.
    assert_eq!(lines(&mut scene), ["raised medium glucose.low_soon: alarming, present"]);
    let alarm = scene.alarm(RULE);
    assert_eq!(alarm.text, "Glucose, sensor 95 mg/dL, below 55 mg/dL within 20 min");
    values(&mut scene, &[80.0]);
    assert_eq!(lines(&mut scene), [""; 0], "that it goes on is no news");
}

#[test]
fn what_falls_slowly_or_from_high_up_is_not() {
    let mut scene = sensed();
    values(&mut scene, &[100.0, 98.0, 96.0, 94.0, 92.0, 90.0]);
    values(&mut scene, &[90.0, 90.0, 90.0]);
    assert!(scene.find(RULE).is_none());
    let mut scene = sensed();
    values(&mut scene, &[300.0, 280.0, 260.0, 240.0]);
    assert!(scene.find(RULE).is_none());
}

#[test]
fn it_is_over_when_the_line_has_stayed_inside_for_the_clear_delay() {
    let mut scene = sensed();
    values(&mut scene, &[125.0, 110.0, 95.0, 80.0, 85.0]);
    assert_eq!(scene.alarm(RULE).condition, Condition::Present);
    values(&mut scene, &[88.0, 90.0]);
    assert_eq!(scene.alarm(RULE).condition, Condition::Present, "inside for five minutes");
    scene.core = restored(&scene.core);
    values(&mut scene, &[92.0]);
    assert_eq!(scene.alarm(RULE).condition, Condition::Absent);
}

#[test]
fn what_is_low_already_is_for_its_limit_to_tell() {
    let mut scene = sensed();
    values(&mut scene, &[54.0, 53.0, 52.0, 51.0]);
    assert!(scene.find(RULE).is_none());
    assert!(scene.find("cgm.glucose_low").is_some());
    // One that was predicted stands until it is away from the limit.
    let mut scene = sensed();
    values(&mut scene, &[90.0, 75.0, 60.0, 50.0, 50.0, 50.0, 50.0, 50.0]);
    assert_eq!(scene.alarm(RULE).condition, Condition::Present);
}

#[test]
fn fewer_than_three_or_in_half_the_time_make_no_line() {
    let mut scene = sensed();
    values(&mut scene, &[110.0, 80.0]);
    assert!(scene.find(RULE).is_none());
    let mut scene = sensed();
    for value in [110.0, 105.0, 100.0, 95.0] {
        scene.reading("dev", "glucose_cgm", value);
        scene.advance(60.0);
    }
    assert!(scene.find(RULE).is_none(), "three minutes are no line of fifteen");
}

#[test]
fn doubt_makes_no_line() {
    let mut scene = sensed();
    values(&mut scene, &[125.0, 110.0]);
    scene.send("dev", "glucose_cgm", 95.0, |_, reading| reading.unit_doubtful = true);
    scene.advance(300.0);
    scene.send("dev", "glucose_cgm", 80.0, |_, reading| reading.quality = Some(0.1));
    assert!(scene.find(RULE).is_none());
}

#[test]
fn a_sensor_that_is_silent_leaves_it_unknown_and_what_it_says_then_counts() {
    let mut scene = sensed();
    values(&mut scene, &[125.0, 110.0, 95.0]);
    scene.advance(1_200.0);
    assert_eq!(scene.alarm(RULE).condition, Condition::Unknown);
    scene.skip();
    values(&mut scene, &[120.0, 105.0, 90.0]);
    assert_eq!(lines(&mut scene), ["back_present medium glucose.low_soon: alarming, present"]);
}

#[test]
fn another_rule_looks_ahead_anew() {
    let mut scene = sensed();
    values(&mut scene, &[100.0, 95.0, 90.0, 85.0]);
    scene.advance(-299.0);
    assert!(scene.find(RULE).is_none(), "85 - 20 is 65");
    let wider = SOON.replace("\"55 mg/dL\", \"3.1 mmol/L\"", "\"70 mg/dL\"");
    scene.reconfigure(EVENTS, &format!("{wider}\n{EVENTS}"));
    assert!(scene.find(RULE).is_some());
    scene.reconfigure(EVENTS, EVENTS);
    assert!(scene.find(RULE).is_none());
}

#[test]
fn a_prediction_that_makes_no_sense_is_refused_where_it_stands() {
    for (old, new, place, what) in [
        ("low = [\"55 mg/dL\", \"3.1 mmol/L\"]", "", "\"glucose.low_soon\"", "either low or high"),
        ("[\"55 mg/dL\", \"3.1 mmol/L\"]", "[]", "[]\nwithin", "write a limit"),
        ("\"55 mg/dL\"", "\"55 %\"", "\"55 %\"", "does not fit"),
        ("\"5 mg/dL\"", "\"5 Cel\"", "\"5 Cel\"", "does not fit"),
        ("within = \"20m\"", "within = \"0s\"", "\"0s\"", "above zero"),
        ("over = \"15m\"", "over = \"24h\"", "\"24h\"\nhyst", "6 h at most"),
        ("\"glucose_cgm\"", "\"glucose\"", "\"glucose\"", "is no signal"),
    ] {
        assert!(SOON.contains(old), "{old}");
        let rules = shipped().rules + &SOON.replacen(old, new, 1);
        let before = &rules[..rules.rfind(place).unwrap()];
        let line = before.matches('\n').count() + 1;
        let refusal = Configuration::parse(Texts { rules, ..shipped() }).unwrap_err().to_string();
        assert!(
            refusal.contains(what) && refusal.contains(&format!("line {line}, column ")),
            "{line}: {refusal}"
        );
    }
}

/// Where the line through some values ends 20 min after the last, by its normal equations.
fn ahead(points: &[(f64, f64)]) -> f64 {
    let last = points.last().unwrap();
    let n = points.len() as f64;
    let (sx, sy): (f64, f64) = points.iter().fold((0.0, 0.0), |s, p| (s.0 + p.0, s.1 + p.1));
    let (sxx, sxy) = points.iter().fold((0.0, 0.0), |s, p| (s.0 + p.0 * p.0, s.1 + p.0 * p.1));
    last.1 + 20.0 * (n * sxy - sx * sy) / (n * sxx - sx * sx)
}

proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 128, ..Default::default() })]

    /// Over values with gaps, copies, late ones and restarts: what stands is what somebody finds who draws each line from
    /// all that was ever told.
    #[test]
    fn what_stands_is_what_the_lines_say(
        steps in prop::collection::vec((1_u32..4, 0_u32..10, 0_u32..90), 10..80),
    ) {
        let mut scene = sensed();
        let (mut all, mut stands, mut inside) = (Vec::<(f64, f64)>::new(), false, None::<f64>);
        for (gap, what, tenths) in steps {
            scene.advance(f64::from(gap) * 293.0);
            let minute = scene.second() / 60.0;
            let value = 50.0 + f64::from(tenths) * 1.037;
            match what {
                0 => scene.measured_at("dev", "glucose_cgm", 41.0, scene.second() - 3_600.0),
                1 => scene.core = restored(&scene.core),
                _ => {
                    for _ in 0..2 {
                        scene.reading("dev", "glucose_cgm", value);
                    }
                    // Of a silent sensor nobody knows where it goes.
                    inside = inside.filter(|_| all.last().is_none_or(|(at, _)| minute - at < 20.0));
                    all.push((minute, value));
                    // The last four are known.
                    let known = &all[all.len().saturating_sub(4)..];
                    let line: Vec<_> =
                        known.iter().filter(|(at, _)| minute - at <= 15.0 + 1e-6).copied().collect();
                    if line.len() >= 3 && minute - line[0].0 >= 7.5 - 1e-6 {
                        let ahead = ahead(&line);
                        if ahead <= 55.0 && (stands || value > 55.0) {
                            (stands, inside) = (true, None);
                        } else if stands && ahead > 60.0 && value > 55.0 {
                            let since = *inside.get_or_insert(minute);
                            if minute - since >= 10.0 - 1e-6 {
                                (stands, inside) = (false, None);
                            }
                        } else {
                            inside = None;
                        }
                    }
                }
            }
            let alarm = scene.find(RULE).filter(|alarm| alarm.condition != Condition::Absent);
            prop_assert_eq!(alarm.is_some(), stands, "minute {} of {:?}", minute, all);
        }
    }

    /// The unit in which a sensor writes changes nothing.
    #[test]
    fn in_whatever_unit(steps in prop::collection::vec(56.0_f64..140.0, 4..20)) {
        let [mut one, mut other] = [sensed(), sensed()];
        for value in steps {
            one.reading("dev", "glucose_cgm", value);
            let number = |reading: &mut crate::model::message::Reading| {
                let value = Unit::MgPerDl.convert(value, Unit::MmolPerL).unwrap();
                reading.value = crate::model::message::Value::Number {
                    value,
                    unit: Unit::MmolPerL,
                    comparator: None,
                };
            };
            other.send("dev", "glucose_cgm", value, |_, reading| number(reading));
            one.advance(300.0);
            other.advance(300.0);
        }
        // 3.1 mmol/L is 55.86 mg/dL: it is told no later there.
        prop_assert!(one.find(RULE).is_none() || other.find(RULE).is_some());
    }
}
