//! How a loss ends, and what stands beside it.

use crate::model::alarm::Condition;
use crate::model::command::Outcome;
use crate::tests::scene::Scene;

use super::{CO2, RAISED, beats, both, breathing, expect};

#[test]
fn a_value_ends_it_and_it_latches() {
    let mut scene = breathing();
    beats(&mut scene, 12);
    expect(&mut scene, &[RAISED]);
    assert_eq!(scene.reset(CO2, Some("seen")), Outcome::Conflict, "while it holds");
    scene.skip();
    both(&mut scene, 1);
    expect(&mut scene, &["latched high vitals_live.etco2_lost: latched, absent"]);
    beats(&mut scene, 12);
    expect(&mut scene, &["recurred high vitals_live.etco2_lost: alarming, present"]);
    assert_eq!(scene.acknowledge(CO2), Outcome::Done);
    scene.skip();
    both(&mut scene, 1);
    expect(&mut scene, &["ended high vitals_live.etco2_lost: closed ended"]);
}

#[test]
fn a_value_too_low_ends_the_loss_and_is_judged_as_a_value() {
    let mut scene = breathing();
    beats(&mut scene, 12);
    scene.skip();
    for _ in 0..11 {
        scene.reading("dev", "etco2", 5.0);
        beats(&mut scene, 1);
    }
    let alarm = scene.alarm("vitals_live.etco2_low");
    assert_eq!((alarm.priority.as_str(), alarm.condition.as_str()), ("high", "present"));
    assert_eq!(scene.alarm(CO2).state.as_str(), "latched");
}

#[test]
fn its_own_silence_does_not_make_it_unknown() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "bedside", &["etco2", "heart_rate"]);
    scene.bind("dev", "p");
    both(&mut scene, 5);
    beats(&mut scene, 300);
    let news = scene.news();
    assert!(news.contains(&RAISED.to_owned()), "{news:?}");
    assert!(news.contains(&"raised low link.silence: alarming, present".to_owned()), "{news:?}");
    assert!(news.iter().all(|line| !line.starts_with("unknown")), "{news:?}");
}

#[test]
fn a_zero_that_means_no_sensor_is_announced_once_until_it_lives_again() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "bedside", &[]);
    scene.bind_with_zeros("dev", "p", &["etco2"]);
    both(&mut scene, 5);
    scene.reading("dev", "etco2", 0.0);
    beats(&mut scene, 60);
    scene.expect(&["raised high link.zero_or_off: alarming, present"]);
    both(&mut scene, 1);
    beats(&mut scene, 12);
    expect(&mut scene, &[RAISED]);
    // What is lost stays lost when the device says that it has no sensor.
    scene.reading("dev", "etco2", 0.0);
    scene.advance(1.0);
    expect(&mut scene, &[]);
    both(&mut scene, 1);
    expect(&mut scene, &["latched high vitals_live.etco2_lost: latched, absent"]);
}

#[test]
fn an_alarm_of_a_device_silent_altogether_is_unknown_and_comes_back() {
    for (reset, back) in [(false, "back_present"), (true, "raised")] {
        let mut scene = breathing();
        beats(&mut scene, 12);
        scene.skip();
        scene.advance(20.0);
        expect(&mut scene, &["unknown high vitals_live.etco2_lost: alarming, unknown"]);
        if reset {
            assert_eq!(scene.reset(CO2, None), Outcome::Conflict);
            assert_eq!(scene.reset(CO2, Some("taken off")), Outcome::Done);
            scene.skip();
        }
        beats(&mut scene, 9);
        expect(&mut scene, &[]);
        beats(&mut scene, 1);
        expect(&mut scene, &[&format!("{back} high vitals_live.etco2_lost: alarming, present")]);
    }
}

#[test]
fn a_value_ends_it_after_a_silence_too() {
    let mut scene = breathing();
    beats(&mut scene, 12);
    scene.advance(20.0);
    scene.skip();
    scene.reading("dev", "etco2", 38.0);
    expect(&mut scene, &["back_absent high vitals_live.etco2_lost: latched, absent"]);
}

#[test]
fn a_loss_that_is_unknown_explains_nothing_that_is_heard_of_since() {
    let mut scene = Scene::bedside();
    scene.reading("dev", "heart_rate", 72.0);
    for value in [120.0, 60.0] {
        for _ in 0..15 {
            scene.advance(1.0);
            scene.reading("dev", "abp_sys", value);
        }
    }
    let (lost, low) = ("vitals_live.asystole_lost", "vitals_live.abp_sys_low");
    assert!(scene.alarm(low).group.is_some());
    scene.advance(70.0);
    assert_eq!(scene.alarm(lost).condition, Condition::Unknown);
    scene.reading("dev", "abp_sys", 60.0);
    scene.advance(2.0);
    assert_eq!(
        scene.alarm(low).group,
        None,
        "its device goes on, and may send the heart rate as well"
    );
}
