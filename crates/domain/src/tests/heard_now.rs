//! What no rule once said anything of: mean pressure, temperature far out, what an implant tells of its lead, its charge
//! and its battery (docs/clinical.md §1.6, §4.2).

use crate::model::alarm::Priority;

use super::scene::Scene;

/// An adult whose one device is of this class and sends these signals.
fn watched(class: &str, signals: &[&str]) -> Scene {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", class, signals);
    scene.bind("dev", "p");
    scene
}

/// Both pressures, a second each.
fn pressures(scene: &mut Scene, seconds: u32, systolic: f64, mean: f64) {
    for _ in 0..seconds {
        scene.reading("dev", "abp_sys", systolic);
        scene.reading("dev", "abp_mean", mean);
        scene.advance(1.0);
    }
}

#[test]
fn a_mean_pressure_that_feeds_no_organ_is_high_though_the_systolic_one_is_well() {
    let mut scene = watched("bedside", &["abp_sys", "abp_mean"]);
    pressures(&mut scene, 10, 118.0, 80.0);
    scene.skip();
    pressures(&mut scene, 12, 92.0, 48.0);
    scene.expect(&["raised high vitals_live.abp_mean_low: alarming, present"]);
}

#[test]
fn of_two_pressures_that_are_low_together_one_is_announced() {
    let mut scene = watched("bedside", &["abp_sys", "abp_mean"]);
    pressures(&mut scene, 10, 118.0, 80.0);
    pressures(&mut scene, 12, 86.0, 57.0);
    let (systolic, mean) =
        (scene.alarm("vitals_live.abp_sys_low"), scene.alarm("vitals_live.abp_mean_low"));
    assert_eq!((systolic.group, mean.group), (None, Some(systolic.id.to_string())));
    // What is graver than the systolic one follows from nothing.
    pressures(&mut scene, 8, 86.0, 45.0);
    let mean = scene.alarm("vitals_live.abp_mean_low");
    assert_eq!((mean.priority, mean.group), (Priority::High, None));
}

#[test]
fn a_cuff_asks_once_more_for_a_low_mean_and_not_for_a_lethal_one() {
    let mut scene = watched("spot", &["nibp_mean"]);
    scene.reading("dev", "nibp_mean", 56.0);
    scene.expect(&["raised low vitals_live.nibp_mean_low_repeat_due: alarming, present"]);
    scene.advance(60.0);
    scene.reading("dev", "nibp_mean", 44.0);
    assert_eq!(scene.alarm("vitals_live.nibp_mean_low").priority, Priority::High);
}

#[test]
fn a_temperature_far_out_is_high_wherever_it_is_measured() {
    for (signal, value, rule) in [
        ("temperature", 41.4, "vitals_live.temperature_high"),
        ("temperature", 31.8, "vitals_live.temperature_low"),
        ("temperature_core", 41.4, "vitals_live.temperature_core_high"),
        ("temperature_core", 31.8, "vitals_live.temperature_core_low"),
    ] {
        let mut scene = watched("bedside", &[signal]);
        for _ in 0..61 {
            scene.reading("dev", signal, value);
            scene.advance(1.0);
        }
        assert_eq!(scene.alarm(rule).priority, Priority::High, "{signal} {value}");
    }
}

#[test]
fn what_an_implant_measures_of_itself_is_for_the_day_and_for_the_work_list() {
    let mut scene = watched("cied", &["threshold", "charge_time", "battery_remaining"]);
    for (signal, value, told) in [
        ("threshold", 2.5, None),
        ("threshold", 2.8, Some("medium cied.threshold_high")),
        ("charge_time", 15.0, None),
        ("charge_time", 16.0, Some("medium cied.charge_time_high")),
        ("battery_remaining", 6.0, None),
        ("battery_remaining", 5.0, Some("low cied.battery_remaining_low")),
    ] {
        scene.skip();
        scene.reading("dev", signal, value);
        let expected: Vec<String> =
            told.iter().map(|told| format!("raised {told}: alarming, present")).collect();
        scene.expect(&expected.iter().map(String::as_str).collect::<Vec<_>>());
        scene.advance(3600.0);
    }
    scene.skip();
    scene.reading("dev", "battery_remaining", 3.0);
    scene.expect(&["priority_rose medium cied.battery_remaining_low: alarming, present"]);
}
