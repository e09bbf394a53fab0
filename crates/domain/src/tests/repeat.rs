//! A single measurement in the ordinary band asks for another (contract §7).

use super::limits::low;
use super::scene::{Scene, at};

const DUE: &str = "raised low vitals_live.nibp_sys_low_repeat_due: alarming, present";
const DUE_OVER: &str = "ended low vitals_live.nibp_sys_low_repeat_due: closed ended";
const LOW: &str = "raised medium vitals_live.nibp_sys_low: alarming, present";

#[test]
fn a_single_measurement_in_the_medium_band_asks_for_another() {
    for (second, expected) in [(84.0, vec![LOW, DUE_OVER]), (120.0, vec![DUE_OVER])] {
        let mut scene = Scene::bedside();
        scene.reading("dev", "nibp_sys", 85.0);
        scene.expect(&[DUE]);
        let text = scene.alarm("vitals_live.nibp_sys_low_repeat_due").text;
        assert!(text.contains("85") && text.ends_with("repeat due"), "{text}");
        scene.advance(60.0);
        let news = scene.news();
        assert!(news.iter().all(|line| line.contains("link.")), "{news:?}");
        scene.reading("dev", "nibp_sys", second);
        let news: Vec<String> = scene.news().into_iter().filter(|l| l.contains("nibp")).collect();
        assert_eq!(news, expected);
    }
}

#[test]
fn without_another_measurement_the_first_stands_by_itself() {
    let mut scene = Scene::bedside();
    scene.reading("dev", "nibp_sys", 85.0);
    scene.stream("dev", "heart_rate", 70.0, 299);
    scene.expect(&[DUE]);
    scene.stream("dev", "heart_rate", 70.0, 1);
    scene.expect(&[LOW, DUE_OVER]);
    assert_eq!(scene.alarm("vitals_live.nibp_sys_low").raised_at, at(300.0));
}

#[test]
fn a_critical_measurement_counts_at_once_and_so_does_one_entered_by_hand() {
    let mut scene = Scene::bedside();
    scene.reading("dev", "nibp_sys", 70.0);
    scene.expect(&["raised high vitals_live.nibp_sys_low: alarming, present"]);
    scene.stream("dev", "heart_rate", 70.0, 400);
    scene.expect(&[]);
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "charted", &[]);
    scene.bind("dev", "p");
    scene.reading("dev", "nibp_sys", 85.0);
    scene.expect(&[LOW]);
}

#[test]
fn a_limit_changed_or_a_rule_changed_takes_the_request_back() {
    let mut scene = Scene::bedside();
    scene.reading("dev", "nibp_sys", 85.0);
    scene.skip();
    scene.limits(low(60.0), None, None);
    scene.expect(&["limit_changed low vitals_live.nibp_sys_low_repeat_due: closed limit_changed"]);
    scene.stream("dev", "heart_rate", 70.0, 400);
    scene.expect(&[]);
    let mut scene = Scene::bedside();
    scene.reading("dev", "nibp_sys", 85.0);
    scene.skip();
    scene.reconfigure("confirm = \"5m\"\n", "");
    scene.expect(&[
        "rule_changed low vitals_live.nibp_sys_low_repeat_due: closed rule_changed",
        LOW,
    ]);
}

#[test]
fn single_measurements_are_raised_as_of_when_they_were_measured() {
    for class in ["charted", "kiosk"] {
        let mut scene = Scene::empty();
        scene.admit("p");
        scene.device("dev", class, &[]);
        scene.bind("dev", "p");
        scene.advance(600.0);
        scene.measured_at("dev", "heart_rate", 20.0, 590.0);
        for rule in ["vitals_live.heart_rate_low", "vitals_live.bradycardia_low"] {
            assert_eq!(scene.alarm(rule).raised_at, at(590.0), "{class} {rule}");
        }
    }
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "charted", &[]);
    scene.bind("dev", "p");
    scene.advance(900.0);
    scene.measured_at("dev", "nibp_sys", 85.0, 100.0);
    assert_eq!(scene.alarm("vitals_live.nibp_sys_low").raised_at, at(100.0), "no repeat was due");
}
