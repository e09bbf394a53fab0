//! More of what two readings of the contract differed over, each decided there.

use crate::model::alarm::{Condition, State};
use crate::model::command::{Action, AgeClass, AlarmAct};
use crate::model::message::{Message, Reading, ReadingTime, Status};
use crate::model::pause::What;

use super::differed::again;
use super::scene::{Scene, at};

const NIBP: &str = "vitals_live.nibp_sys_low";
const SPO2: &str = "vitals_live.spo2_low";
const SLOW: &str = "vitals_live.bradycardia_low";

/// Adult `p`, and two kiosks that measure singly.
fn two_kiosks() -> Scene {
    let mut scene = Scene::empty();
    scene.admit("p");
    for device in ["one", "two"] {
        scene.device(device, "kiosk", &[]);
        scene.bind(device, "p");
    }
    scene
}

/// What a device sends whose clock shows a second of the scene, and which says nothing else of its time.
fn by_its_clock(second: f64, status: Status) -> impl FnOnce(&mut Message, &mut Reading) {
    move |message, reading| {
        (message.sent_at, message.clock) = (None, None);
        reading.time = ReadingTime::At(at(second));
        reading.status = status;
    }
}

#[test]
fn what_follows_from_an_emergency_is_news_of_the_same_rule_by_another_device_as_well() {
    let mut scene = two_kiosks();
    scene.reading("one", "nibp_sys", 70.0);
    scene.acknowledge(NIBP);
    scene.advance(60.0);
    scene.reading("two", "heart_rate", 0.0);
    scene.advance(3_600.0);
    scene.skip();
    scene.reading("two", "nibp_sys", 70.0);
    assert_eq!(scene.told(), ["high vitals_live.nibp_sys_low"]);
}

#[test]
fn another_sensor_of_its_device_is_news_of_the_emergency_that_it_follows_from() {
    let mut scene = two_kiosks();
    scene.reading("one", "heart_rate", 25.0);
    scene.acknowledge(SLOW);
    scene.advance(3_600.0);
    scene.skip();
    scene.send("one", "heart_rate", 25.0, |_, reading| reading.instance = "B".into());
    assert_eq!(scene.told(), ["high vitals_live.bradycardia_low"]);
}

#[test]
fn what_was_withdrawn_and_came_again_is_the_newest_that_a_correction_corrects() {
    let mut scene = Scene::bedside();
    scene.send("dev", "nibp_sys", 120.0, by_its_clock(0.0, Status::Final));
    scene.advance(130.0);
    scene.send("dev", "nibp_sys", 121.0, by_its_clock(0.0, Status::Final));
    scene.advance(1.0);
    scene.send("dev", "nibp_sys", 121.0, by_its_clock(0.0, Status::EnteredInError));
    for _ in 0..3 {
        scene.advance(10.0);
        scene.send("dev", "nibp_sys", 120.0, by_its_clock(0.0, Status::Final));
    }
    scene.advance(3_600.0);
    scene.skip();
    scene.send("dev", "nibp_sys", 70.0, by_its_clock(0.0, Status::Corrected));
    assert!(scene.told().contains(&"high vitals_live.nibp_sys_low".to_owned()));
    assert_eq!(scene.alarm(NIBP).condition, Condition::Present);
}

/// A heart rate told as too high, then one inside, and a second one after it.
fn told_and_twice_inside() -> Scene {
    let mut scene = two_kiosks();
    scene.reading("one", "heart_rate", 135.0);
    scene.advance(3_600.0);
    scene.reading("one", "heart_rate", 72.0);
    scene.advance(3_600.0);
    scene.reading("one", "heart_rate", 72.0);
    scene.advance(3_600.0);
    scene
}

/// Three more that are inside, and one beyond that comes late, from before them.
fn late_after_three_more(scene: &mut Scene) -> Vec<String> {
    let before = scene.second() - 1.0;
    for _ in 0..4 {
        scene.reading("one", "heart_rate", 72.0);
        scene.advance(1.0);
    }
    scene.skip();
    scene.measured_at("one", "heart_rate", 135.0, before);
    scene.told()
}

#[test]
fn what_parts_two_excursions_goes_on_to_where_the_first_that_lay_inside_is_withdrawn() {
    let mut scene = told_and_twice_inside();
    scene.send("one", "heart_rate", 72.0, |_, reading| {
        (reading.time, reading.status) = (ReadingTime::At(at(3_600.0)), Status::EnteredInError);
    });
    assert_eq!(late_after_three_more(&mut scene), ["late medium vitals_live.heart_rate_high"]);
}

#[test]
fn what_parts_two_excursions_goes_on_to_where_the_first_that_lay_inside_is_contradicted() {
    let mut scene = told_and_twice_inside();
    scene.measured_at("one", "heart_rate", 80.0, 3_600.0);
    assert_eq!(late_after_three_more(&mut scene), ["late medium vitals_live.heart_rate_high"]);
}

#[test]
fn nothing_was_told_up_to_the_last_value_of_a_standing_clock_once_that_is_withdrawn() {
    let mut scene = two_kiosks();
    let second = |at| by_its_clock(at, Status::Final);
    scene.send("one", "heart_rate", 38.0, second(0.0));
    for (arrives, value, measured) in
        [(60.0, 80.0, 60.0), (100.0, 38.0, 100.0), (250.0, 37.0, 100.0), (400.0, 80.0, 100.0)]
    {
        scene.advance(arrives - scene.second());
        scene.send("one", "heart_rate", value, second(measured));
    }
    scene.advance(10.0);
    scene.send("one", "heart_rate", 80.0, by_its_clock(100.0, Status::EnteredInError));
    for inside in [12_000.0, 12_060.0] {
        scene.advance(inside - scene.second());
        scene.send("one", "heart_rate", 80.0, second(inside));
    }
    assert_eq!(scene.alarm("vitals_live.heart_rate_low").condition, Condition::Absent);
    scene.skip();
    scene.send("one", "heart_rate", 38.0, second(200.0));
    assert_eq!(scene.told(), ["late medium vitals_live.heart_rate_low"], "80 lay between");
}

#[test]
fn what_no_limit_judged_and_was_withdrawn_since_was_heard_of_the_right_patient() {
    let mut scene = Scene::empty();
    scene.admit_with("p", |p| p.age_class = AgeClass::Unknown);
    scene.admit("q");
    scene.device("dev", "bedside", &["nibp_sys"]);
    scene.bind("dev", "p");
    scene.advance(28.0);
    scene.reading("dev", "nibp_sys", 190.0);
    scene.advance(4_000.0);
    scene.reading("dev", "nibp_sys", 190.0);
    scene.advance(1.0);
    scene.send("dev", "nibp_sys", 190.0, again(4_028.0, Status::EnteredInError));
    scene.done(Action::CorrectBinding {
        device: "dev".parse().unwrap(),
        patient: Some("q".parse().unwrap()),
        reason: "wrong bed".to_owned(),
        replaces: None,
    });
    assert_eq!(scene.alarm("vitals_live.nibp_sys_high").condition, Condition::Present);
}

#[test]
fn what_ran_out_while_all_of_it_was_kept_back_calls_where_only_its_sound_is() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 75.0, 10);
    scene.acknowledge(SPO2);
    scene.stream("dev", "spo2", 75.0, 590);
    scene.act(SPO2, AlarmAct::Pause { what: What::Alarm, reason: None, until: None });
    scene.skip();
    scene.stream("dev", "spo2", 75.0, 60);
    assert_eq!(scene.told(), Vec::<String>::new());
    scene.act(SPO2, AlarmAct::Pause { what: What::Audio, reason: None, until: None });
    assert_eq!(scene.told(), ["high vitals_live.spo2_low"]);
    assert_eq!(scene.alarm(SPO2).state, State::Paused);
}
