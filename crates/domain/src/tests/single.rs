//! Single measurements beyond a critical limit end with one inside that a second of any kind confirms (contract §5).

use crate::model::alarm::Condition;

use super::scene::Scene;

const RULE: &str = "vitals_live.spo2_low";

/// An oximeter for single measurements on an adult, beside a monitor; the first measurement is this.
fn measured(value: f64) -> Scene {
    let mut scene = Scene::empty();
    scene.admit("p");
    for (device, class) in [("clip", "spot"), ("monitor", "bedside")] {
        scene.device(device, class, &["spo2"]);
        scene.bind(device, "p");
    }
    scene.reading("clip", "spo2", value);
    scene.advance(5.0);
    assert_eq!(scene.alarm(RULE).condition, Condition::Present);
    scene
}

fn is_over(scene: &Scene) -> bool {
    scene.alarm(RULE).condition == Condition::Absent
}

#[test]
fn one_inside_and_a_second_of_another_device_end_a_critical_single_measurement() {
    let mut scene = measured(70.0);
    scene.reading("clip", "spo2", 97.0);
    scene.advance(1.0);
    assert!(!is_over(&scene), "one alone confirms nothing");
    scene.reading("monitor", "spo2", 96.0);
    assert!(is_over(&scene));
}

#[test]
fn a_second_of_its_own_confirms_as_well_and_only_half_a_minute_later() {
    let mut scene = measured(70.0);
    scene.reading("clip", "spo2", 97.0);
    scene.advance(10.0);
    scene.reading("clip", "spo2", 97.0);
    assert!(!is_over(&scene));
    scene.advance(20.0);
    scene.reading("clip", "spo2", 97.0);
    assert!(is_over(&scene));
}

#[test]
fn what_another_device_said_before_confirms_nothing() {
    let mut scene = measured(70.0);
    scene.reading("monitor", "spo2", 96.0);
    scene.advance(1.0);
    scene.reading("clip", "spo2", 97.0);
    assert!(!is_over(&scene));
}

#[test]
fn a_second_that_is_doubtful_late_or_beyond_confirms_nothing() {
    let mut scene = measured(70.0);
    scene.reading("clip", "spo2", 97.0);
    scene.advance(1.0);
    scene.send("monitor", "spo2", 96.0, |_, reading| reading.quality = Some(0.1));
    scene.advance(1.0);
    scene.measured_at("monitor", "spo2", 96.0, scene.second() - 600.0);
    scene.send("monitor", "spo2", 0.97, |_, reading| reading.unit_doubtful = true);
    scene.advance(1.0);
    scene.reading("monitor", "spo2", 75.0);
    let alarm = scene.alarm(RULE);
    assert_eq!(alarm.condition, Condition::Present);
    scene.advance(1.0);
    scene.reading("monitor", "spo2", 96.0);
    assert!(is_over(&scene));
}

#[test]
fn what_is_beyond_the_ordinary_limit_alone_asks_for_two_of_its_own() {
    let mut scene = measured(85.0);
    scene.reading("clip", "spo2", 97.0);
    scene.advance(1.0);
    scene.reading("monitor", "spo2", 96.0);
    assert!(!is_over(&scene));
}

#[test]
fn an_answer_confirms_nothing() {
    let mut scene = measured(70.0);
    scene.reading("clip", "spo2", 97.0);
    scene.acknowledge(RULE);
    assert_eq!(scene.alarm(RULE).condition, Condition::Present);
}
