//! Late data: told once for each excursion, whatever order they come in, and never too little (contract §3).

use crate::model::command::{Action, Outcome};

use super::scene::Scene;

const SPO2: &str = "vitals_live.spo2_low";
const RAISED: &str = "late raised low vitals_live.spo2_low: alarming, momentary";

/// A bedside monitor at second 1,000.
fn later() -> Scene {
    let mut scene = Scene::bedside();
    scene.advance(1_000.0);
    scene.skip();
    scene
}

#[test]
fn a_late_crossing_is_announced_again_after_good_live_values() {
    let mut scene = Scene::bedside();
    scene.advance(1_000.0);
    scene.skip();
    scene.measured_at("dev", "nibp_sys", 85.0, 500.0);
    scene.expect(&["late raised low vitals_live.nibp_sys_low: alarming, momentary"]);
    assert_eq!(scene.reset("vitals_live.nibp_sys_low", None), Outcome::Done);
    scene.reading("dev", "nibp_sys", 120.0);
    scene.advance(2_000.0);
    scene.skip();
    scene.measured_at("dev", "nibp_sys", 84.0, 2_000.0);
    scene.expect(&["late raised low vitals_live.nibp_sys_low: alarming, momentary"]);
}

#[test]
fn a_late_value_that_is_worse_than_the_one_announced_is_announced_too() {
    let mut scene = Scene::bedside();
    scene.advance(1_000.0);
    scene.skip();
    for second in 0..40 {
        let value = if second < 20 { 87.0 } else { 60.0 };
        scene.measured_at("dev", "spo2", value, 500.0 + f64::from(second));
    }
    scene.expect(&[
        "late raised low vitals_live.spo2_low: alarming, momentary",
        "late recurred medium vitals_live.spo2_low: alarming, momentary",
    ]);
    assert!(scene.alarm("vitals_live.spo2_low").text.starts_with("SpO2 60 %"));
}

#[test]
fn ten_minutes_sent_newest_first_are_told_like_those_sent_oldest_first() {
    for newest_first in [false, true] {
        let mut scene = later();
        let mut seconds: Vec<u32> = (0..600).collect();
        if newest_first {
            seconds.reverse();
        }
        for second in seconds {
            scene.measured_at("dev", "spo2", 85.0, 100.0 + f64::from(second));
        }
        scene.expect(&[RAISED]);
    }
}

#[test]
fn a_late_dip_that_is_interrupted_is_none() {
    let mut scene = later();
    // 10 s twice, one good value between them.
    for second in (100..121).rev() {
        let value = if second == 110 { 97.0 } else { 85.0 };
        scene.measured_at("dev", "spo2", value, f64::from(second));
    }
    scene.expect(&[]);
    assert!(scene.find(SPO2).is_none());
}

#[test]
fn a_late_crossing_on_a_latched_alarm_is_a_recurrence() {
    let mut scene = later();
    scene.stream("dev", "spo2", 85.0, 20);
    scene.stream("dev", "spo2", 97.0, 70);
    scene.skip();
    for second in 0..20 {
        scene.measured_at("dev", "spo2", 86.0, 500.0 + f64::from(second));
    }
    scene.expect(&["late recurred medium vitals_live.spo2_low: alarming, momentary"]);
    let alarm = scene.alarm(SPO2);
    assert_eq!((alarm.recurrence, alarm.text.as_str()), (1, "SpO2 86 % below 88 % (late)"));
}

#[test]
fn a_late_crossing_on_a_present_alarm_is_a_note() {
    let mut scene = later();
    scene.stream("dev", "spo2", 85.0, 20);
    scene.skip();
    for second in 0..20 {
        scene.measured_at("dev", "spo2", 60.0, 500.0 + f64::from(second));
    }
    scene.expect(&["note late"]);
}

#[test]
fn one_late_excursion_is_told_once_and_again_only_where_it_is_graver() {
    let mut scene = later();
    let minute = |scene: &mut Scene, value: f64, from: f64| {
        for second in 0..60 {
            scene.measured_at("dev", "spo2", value, from + f64::from(second));
        }
    };
    minute(&mut scene, 75.0, 200.0);
    scene.expect(&["late raised medium vitals_live.spo2_low: alarming, momentary"]);
    // What comes right after it is milder, and of the same excursion.
    minute(&mut scene, 86.0, 260.0);
    for second in (140..200).rev() {
        scene.measured_at("dev", "spo2", 86.0, f64::from(second));
    }
    scene.expect(&[]);
    assert_eq!(scene.reset(SPO2, None), Outcome::Done);
    scene.skip();
    minute(&mut scene, 74.0, 320.0);
    scene.expect(&[]);
    // Another excursion, after a good value.
    scene.measured_at("dev", "spo2", 97.0, 390.0);
    minute(&mut scene, 86.0, 400.0);
    scene.expect(&[RAISED]);
}

#[test]
fn a_late_excursion_is_told_with_its_worst_value() {
    let mut scene = later();
    for (second, value) in [(0, 84.0), (5, 81.0), (10, 86.0), (15, 87.0)] {
        scene.measured_at("dev", "spo2", value, 200.0 + f64::from(second));
    }
    scene.expect(&[RAISED]);
    assert_eq!(scene.alarm(SPO2).text, "SpO2 81 % below 88 % (late)");
}

#[test]
fn late_readings_of_an_excursion_that_was_told_in_time_are_no_news() {
    let mut scene = later();
    scene.stream("dev", "spo2", 85.0, 40);
    scene.stream("dev", "spo2", 97.0, 70);
    assert_eq!(scene.reset(SPO2, None), Outcome::Done);
    scene.skip();
    // Those a relay sends again, between the ones that came.
    for second in 0..38 {
        scene.measured_at("dev", "spo2", 84.0, 1_000.5 + f64::from(second));
    }
    scene.expect(&[]);
}

#[test]
fn an_excursion_that_began_too_long_ago_is_told_where_it_went_on() {
    let mut scene = Scene::bedside();
    let day = 86_400.0;
    scene.advance(2.0 * day);
    scene.skip();
    let mut news = Vec::new();
    for minute in 0..180 {
        // From 25 h ago to 22 h ago.
        scene.measured_at("dev", "temperature", 39.5, 23.0 * 3_600.0 + 60.0 * f64::from(minute));
        news.extend(scene.news());
    }
    let told = news.iter().filter(|line| line.contains("temperature_high")).count();
    assert_eq!(told, 1, "{news:?}");
    let noted = scene.log.iter().filter(|t| format!("{:?}", t.body).contains("historical")).count();
    assert_eq!(noted, 1, "what is too old is noted once");
}

#[test]
fn late_readings_with_a_late_value_between_them_are_two_excursions() {
    let mut scene = later();
    scene.measured_at("dev", "nibp_sys", 85.0, 500.0);
    scene.measured_at("dev", "nibp_sys", 120.0, 400.0);
    scene.skip();
    scene.advance(2.0);
    scene.measured_at("dev", "nibp_sys", 84.0, 300.0);
    scene.expect(&["late recurred low vitals_live.nibp_sys_low: alarming, momentary"]);
}

#[test]
fn a_series_that_was_unbound_keeps_what_parts_its_excursions() {
    let mut scene = Scene::bedside();
    scene.advance(100.0);
    scene.reading("dev", "nibp_sys", 120.0);
    scene.advance(100.0);
    scene.done(Action::Unbind { device: "dev".parse().unwrap(), replaces: None });
    scene.advance(100.0);
    scene.skip();
    scene.measured_at("dev", "nibp_sys", 85.0, 50.0);
    scene.advance(2.0);
    scene.measured_at("dev", "nibp_sys", 84.0, 150.0);
    scene.expect(&[
        "late raised low vitals_live.nibp_sys_low: alarming, momentary",
        "late recurred low vitals_live.nibp_sys_low: alarming, momentary",
    ]);
}

#[test]
fn news_that_waits_is_told_whoever_answers_at_that_instant() {
    let mut scene = later();
    scene.measured_at("dev", "nibp_sys", 85.0, 500.0);
    scene.measured_at("dev", "nibp_sys", 120.0, 510.0);
    scene.advance(0.5);
    scene.measured_at("dev", "nibp_sys", 84.0, 520.0);
    scene.measured_at("dev", "nibp_sys", 120.0, 530.0);
    scene.advance(0.5);
    scene.measured_at("dev", "nibp_sys", 83.0, 540.0);
    scene.acknowledge("vitals_live.nibp_sys_low");
    scene.skip();
    scene.advance(1.0);
    scene.expect(&["late recurred low vitals_live.nibp_sys_low: alarming, momentary"]);
}

#[test]
fn an_hour_of_danger_read_once_a_minute_is_told_though_the_gap_is_shorter() {
    let mut scene = Scene::bedside();
    scene.advance(7_200.0);
    scene.reading("dev", "spo2", 97.0);
    scene.skip();
    for minute in 0..60 {
        scene.measured_at("dev", "spo2", 75.0, 1_000.0 + 60.0 * f64::from(minute));
    }
    let raised = "late raised medium vitals_live.spo2_low: alarming, momentary".to_owned();
    assert!(scene.news().contains(&raised));
}

#[test]
fn of_late_values_of_one_instant_the_milder_one_parts_nothing() {
    for values in [[60.0, 97.0], [97.0, 60.0]] {
        let mut scene = later();
        for second in 0..30 {
            for value in values {
                scene.measured_at("dev", "spo2", value, 500.0 + f64::from(second));
            }
        }
        let news = scene.news();
        assert!(news.iter().any(|line| line.contains("raised medium")), "{values:?}: {news:?}");
    }
}
