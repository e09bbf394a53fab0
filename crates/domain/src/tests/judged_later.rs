//! What two judges of the contract answered differently: what is known of a series, and for how long (contract §2 to §5).

use crate::model::alarm::{Condition, Side};
use crate::model::command::{Action, AgeClass};
use crate::model::message::Phase::{End, Single};
use crate::model::message::{Clock, Message, Reading, ReadingTime, Relay, Status};
use crate::model::time::Span;

use super::differed::again;
use super::scene::{Scene, at};

const SPO2: &str = "vitals_live.spo2_low";
const HEART_LOW: &str = "vitals_live.heart_rate_low";
const CUFF_HIGH: &str = "vitals_live.nibp_sys_high";

/// An adult `p` with a device of a class, and another, `q`.
fn with(class: &str) -> Scene {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.admit("q");
    scene.device("dev", class, &[]);
    scene.bind("dev", "p");
    scene
}

fn unbind(scene: &mut Scene) {
    scene.done(Action::Unbind { device: "dev".parse().unwrap(), replaces: None });
}

fn belongs_to(scene: &mut Scene, patient: Option<&str>) {
    scene.done(Action::CorrectBinding {
        device: "dev".parse().unwrap(),
        patient: patient.map(|id| id.parse().unwrap()),
        reason: "wrong bed".to_owned(),
        replaces: None,
    });
}

/// By a clock that has no source and says no time of sending.
fn unsent(message: &mut Message) {
    (message.sent_at, message.clock) = (None, Some(Clock { source: None, timeline: None }));
}

/// Stamped years before it is sent, so that it is taken as of now and doubtful.
fn years_ago(message: &mut Message, reading: &mut Reading) {
    let _ = message;
    reading.time = ReadingTime::At(at(0.0) - Span::days(2_000));
}

#[test]
fn nobody_misses_the_device_of_somebody_who_went_home() {
    let mut scene = Scene::empty();
    scene.admit_with("p", |details| details.continuous = true);
    scene.device("dev", "bedside", &[]);
    scene.bind("dev", "p");
    scene.done(Action::DischargePatient {
        patient: "p".parse().unwrap(),
        reason: None,
        replaces: None,
    });
    scene.skip();
    belongs_to(&mut scene, None);
    scene.expect(&[]);
}

#[test]
fn what_was_heard_of_while_other_rules_judged_is_known_to_those_that_judge_again() {
    let mut scene = Scene::bedside();
    scene.reading("dev", "spo2", 70.0);
    scene.advance(30.0);
    assert_eq!(scene.alarm(SPO2).condition, Condition::Unknown);
    scene.change(Some(AgeClass::Paediatric), None);
    scene.advance(30.0);
    scene.reading("dev", "spo2", 60.0);
    scene.skip();
    scene.change(Some(AgeClass::Adult), None);
    assert_eq!(scene.alarm(SPO2).condition, Condition::Present);
    assert!(scene.told().iter().any(|told| told.contains(SPO2)));
}

#[test]
fn new_limits_are_no_reading_of_what_is_unknown() {
    let mut scene = Scene::bedside();
    scene.reading("dev", "nibp_sys", 235.0);
    scene.advance(600.0);
    assert_eq!(scene.alarm(CUFF_HIGH).condition, Condition::Unknown);
    scene.change(None, Some(true));
    scene.skip();
    scene.limit("nibp_sys", Side::High, Some(180.0));
    assert_eq!(scene.alarm(CUFF_HIGH).condition, Condition::Unknown);
    assert!(!scene.told().iter().any(|told| told.contains(CUFF_HIGH)), "nothing came");
}

#[test]
fn an_emergency_found_unknown_explains_nothing_that_was_heard_of_since() {
    let mut scene = with("wearable");
    scene.reading("dev", "heart_rate", 38.0);
    scene.advance(600.0);
    scene.reading("dev", "spo2", 60.0);
    scene.skip();
    scene.change(Some(AgeClass::Paediatric), None);
    let told = scene.told();
    assert_eq!(scene.alarm("vitals_live.bradycardia_child_low").condition, Condition::Unknown);
    assert!(told.iter().any(|told| told.contains("spo2_floor_low")), "{told:?}");
}

#[test]
fn a_doubtful_value_beyond_one_limit_says_where_its_signal_stands_to_whoever_gets_the_device() {
    let mut scene = with("bedside");
    scene.reading("dev", "heart_rate", 20.0);
    scene.advance(20.0);
    scene.send("dev", "heart_rate", 170.0, years_ago);
    belongs_to(&mut scene, Some("q"));
    for rule in [HEART_LOW, "vitals_live.heart_rate_high", "vitals_live.bradycardia_low"] {
        assert_eq!(scene.alarm(rule).condition, Condition::Present, "{rule}");
    }
}

#[test]
fn a_limit_that_was_lifted_ends_its_alarm_though_the_device_was_away_and_the_rules_changed() {
    let mut scene = with("wearable");
    for _ in 0..2 {
        scene.reading("dev", "spo2", 86.0);
        scene.advance(60.0);
    }
    scene.advance(600.0);
    scene.limit("spo2", Side::Low, None);
    unbind(&mut scene);
    scene.change(Some(AgeClass::Paediatric), None);
    scene.bind("dev", "p");
    assert_eq!(scene.alarm(SPO2).condition, Condition::Unknown);
    scene.advance(60.0);
    scene.reading("dev", "spo2", 93.0);
    assert_eq!(scene.alarm(SPO2).condition, Condition::Absent);
}

#[test]
fn what_was_unknown_stays_so_when_the_reading_it_stood_on_is_withdrawn() {
    let mut scene = with("bedside");
    let began = scene.second();
    for _ in 0..2 {
        scene.reading("dev", "abp_sys", 60.0);
        scene.advance(1.0);
    }
    scene.advance(300.0);
    scene.send("dev", "abp_sys", 230.0, years_ago);
    scene.advance(2.0);
    scene.skip();
    scene.send("dev", "abp_sys", 60.0, again(began, Status::EnteredInError));
    assert!(scene.news().iter().any(|line| line.contains("abp_sys_low: closed retracted")));
    assert_eq!(scene.alarm("vitals_live.abp_sys_low").condition, Condition::Unknown);
}

#[test]
fn a_delay_that_was_lost_does_not_run_on_when_the_next_one_loses_its_begin() {
    let mut scene = Scene::bedside();
    scene.advance(1_000.0);
    scene.measured_at("dev", "spo2", 86.0, 500.0);
    for _ in 0..2 {
        scene.reading("dev", "spo2", 86.0);
        scene.advance(2.0);
    }
    scene.advance(12.0);
    let second = scene.second();
    scene.reading("dev", "spo2", 86.0);
    scene.advance(2.0);
    scene.reading("dev", "spo2", 86.0);
    scene.skip();
    scene.send("dev", "spo2", 86.0, again(second, Status::EnteredInError));
    scene.advance(5.0);
    assert!(scene.find(SPO2).is_none(), "seven seconds are no fifteen");
}

#[test]
fn what_follows_from_another_emergency_waits_until_it_outlasts_that_one() {
    let mut scene = Scene::bedside();
    scene.device("other", "bedside", &["heart_rate"]);
    scene.bind("other", "p");
    scene.reading("dev", "heart_rate", 0.0);
    scene.advance(33.0);
    scene.reading("other", "heart_rate", 0.0);
    scene.advance(9.0);
    scene.send("dev", "heart_rate", 39.0, years_ago);
    let second = scene.alarm("vitals_live.asystole_low").id;
    assert_eq!(scene.alarm(HEART_LOW).condition, Condition::Present, "{second}");
    scene.advance(1.5);
    scene.skip();
    scene.advance(1.0);
    assert!(!scene.told().iter().any(|told| told.contains(HEART_LOW)), "not two seconds yet");
    scene.advance(1.0);
    assert!(scene.told().iter().any(|told| told.contains(HEART_LOW)));
}

#[test]
fn a_correction_that_was_nobodys_makes_good_what_was_withdrawn() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "bedside", &[]);
    let second = scene.second();
    scene.reading("dev", "nibp_sys", 120.0);
    scene.advance(200.0);
    scene.bind("dev", "p");
    scene.send("dev", "nibp_sys", 120.0, again(second, Status::EnteredInError));
    scene.send("dev", "nibp_sys", 120.0, again(second, Status::Corrected));
    let stands = |message: &mut Message, reading: &mut Reading| {
        unsent(message);
        reading.time = ReadingTime::At(at(second));
    };
    for _ in 0..3 {
        scene.advance(10.0);
        scene.send("dev", "spo2", 97.0, stands);
    }
    scene.send("dev", "nibp_sys", 60.0, stands);
    assert!(scene.find("vitals_live.nibp_sys_low").is_none(), "no other value of it counts");
}

#[test]
fn a_clock_that_stands_is_nobodys_near_a_change_of_patients_each_time() {
    let mut scene = with("bedside");
    let second = scene.second();
    scene.advance(125.0);
    let stands = |message: &mut Message, reading: &mut Reading| {
        unsent(message);
        reading.time = ReadingTime::At(at(second));
    };
    scene.send("dev", "spo2", 85.0, stands);
    scene.advance(12.0);
    unbind(&mut scene);
    scene.bind("dev", "q");
    scene.advance(2.0);
    scene.send("dev", "spo2", 97.0, stands);
    scene.skip();
    scene.send("dev", "spo2", 97.0, stands);
    let news = scene.news();
    assert!(news.iter().any(|line| line.contains("link.unattributed")), "{news:?}");
}

#[test]
fn a_correction_is_of_the_time_of_what_it_corrects_though_its_own_stamp_cannot_be() {
    let mut scene = with("bedside");
    let ahead = Span::hours(2);
    let by_relay = |device_clock: bool| {
        move |message: &mut Message, reading: &mut Reading| {
            let now = message.sent_at;
            unsent(message);
            message.relay = Some(Relay {
                id: "relay".parse().unwrap(),
                device_clock: now.map(|now| now + ahead).filter(|_| device_clock),
                received_at: now,
                sent_at: now,
            });
            reading.time = ReadingTime::At(now.unwrap() + ahead);
        }
    };
    scene.send("dev", "respiratory_rate", 40.0, by_relay(true));
    let stamp = at(scene.second()) + ahead;
    scene.advance(10.0);
    scene.send("dev", "respiratory_rate", 16.0, by_relay(true));
    scene.advance(15.0);
    scene.send("dev", "respiratory_rate", 41.0, |message, reading| {
        by_relay(false)(message, reading);
        (reading.time, reading.status) = (ReadingTime::At(stamp), Status::Corrected);
    });
    scene.advance(14.0);
    assert!(scene.find("link.lost_while_pending").is_none(), "it is no value of now");
    assert!(scene.find("vitals_live.respiratory_rate_high").is_none());
}

#[test]
fn a_stamp_that_cannot_be_is_of_now_when_the_clock_was_put_right_as_well() {
    let mut scene = with("cgm");
    let wrong = |message: &mut Message, by: Span| {
        message.clock = Some(Clock { source: None, timeline: None });
        message.sent_at = message.sent_at.map(|sent| sent + by);
    };
    for _ in 0..4 {
        scene.advance(10.0);
        scene.send("dev", "glucose_cgm", 140.0, |message, reading| {
            wrong(message, Span::mins(3));
            reading.time = ReadingTime::At(message.sent_at.unwrap());
        });
    }
    scene.advance(30.0);
    scene.send("dev", "glucose_cgm", 40.0, |message, reading| {
        wrong(message, Span::ZERO);
        reading.time = ReadingTime::At(at(0.0) - Span::days(2_000));
    });
    assert_eq!(scene.alarm("clock.stepped").condition, Condition::Momentary);
    assert_eq!(scene.alarm("cgm.glucose_low").condition, Condition::Present);
    assert!(scene.find("link.unattributed").is_none());
}

#[test]
fn of_two_rungs_at_one_moment_the_highest_is_told_to_whoever_answered() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "bedside", &["pulse_rate", "temperature"]);
    scene.bind("dev", "p");
    for _ in 0..4 {
        scene.advance(10.0);
        scene.reading("dev", "temperature", 37.0);
    }
    scene.advance(2.0);
    scene.acknowledge("link.silence");
    let from = scene.now.at;
    scene.now.at = from + Span::secs(20);
    scene.fold(&[crate::model::input::Input::IntakeGap { from, to: scene.now.at }]);
    scene.skip();
    scene.advance(10.0);
    let told: Vec<_> = scene.told().into_iter().filter(|told| told.contains("silence")).collect();
    assert_eq!(told, ["medium link.silence"]);
}

#[test]
fn a_correction_to_one_of_two_values_takes_the_place_of_the_other() {
    let mut scene = with("wearable");
    let second = scene.second();
    scene.reading("dev", "temperature", 37.2);
    scene.send("dev", "temperature", 34.5, again(second, Status::Final));
    assert_eq!(scene.alarm("vitals_live.temperature_low").condition, Condition::Present);
    scene.advance(30.0);
    scene.send("dev", "temperature", 37.2, again(second, Status::Corrected));
    assert!(scene.find("vitals_live.temperature_low").is_none());
}

#[test]
fn a_value_that_first_lay_inside_ends_nothing_once_it_was_corrected_however_long_ago() {
    let mut scene = with("wearable");
    for _ in 0..2 {
        scene.reading("dev", "heart_rate", 38.0);
        scene.advance(60.0);
    }
    let second = scene.second();
    for _ in 0..6 {
        scene.reading("dev", "heart_rate", 72.0);
        scene.advance(60.0);
    }
    // 44 is inside, and not by the hysteresis.
    scene.send("dev", "heart_rate", 44.0, again(second, Status::Corrected));
    for _ in 0..5 {
        scene.reading("dev", "heart_rate", 72.0);
        scene.advance(60.0);
    }
    assert_eq!(scene.alarm(HEART_LOW).condition, Condition::Present);
}

#[test]
fn what_is_withdrawn_in_test_mode_is_nobodys_reading() {
    let mut scene = with("bedside");
    unbind(&mut scene);
    scene.bind("dev", "q");
    scene.skip();
    scene.send("dev", "spo2", 97.0, |message, reading| {
        message.mode = crate::model::message::Mode::Test;
        (reading.time, reading.status) = (ReadingTime::Unstated, Status::EnteredInError);
    });
    assert!(scene.find("link.unattributed").is_none());
}

#[test]
fn another_reading_that_waits_asks_again_when_the_one_that_asked_is_corrected() {
    let mut scene = with("bedside");
    let second = scene.second();
    scene.reading("dev", "nibp_sys", 190.0);
    scene.advance(4.0);
    scene.reading("dev", "nibp_sys", 190.0);
    scene.advance(10.0);
    scene.send("dev", "nibp_sys", 120.0, again(second, Status::Corrected));
    assert!(scene.find("vitals_live.nibp_sys_high_repeat_due").is_some());
}

#[test]
fn an_end_that_comes_again_is_no_sign_of_life_whoever_heard_of_its_begin() {
    let mut scene = with("wearable");
    scene.event("dev", "pacing_failure", Some("ep-1"), Single);
    scene.advance(100.0);
    unbind(&mut scene);
    scene.bind("dev", "q");
    scene.advance(100.0);
    scene.event("dev", "pacing_failure", Some("ep-1"), End);
    scene.advance(3_600.0);
    scene.skip();
    scene.event("dev", "pacing_failure", Some("ep-1"), End);
    scene.expect(&[]);
}

#[test]
fn what_was_withdrawn_and_comes_again_has_the_time_at_which_it_came() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "bedside", &[]);
    let second = scene.second();
    scene.reading("dev", "temperature", 41.0);
    scene.advance(100.0);
    scene.bind("dev", "p");
    scene.send("dev", "temperature", 41.0, again(second, Status::EnteredInError));
    let stands = |message: &mut Message, reading: &mut Reading| {
        unsent(message);
        reading.time = ReadingTime::At(at(second));
    };
    scene.advance(100.0);
    for _ in 0..3 {
        scene.advance(10.0);
        scene.send("dev", "temperature", 41.0, stands);
    }
    assert_eq!(scene.alarm("vitals_live.temperature_high").condition, Condition::Present);
    scene.advance(30.0);
    scene.send("dev", "temperature", 36.8, |message, reading| {
        stands(message, reading);
        reading.status = Status::Corrected;
    });
    assert!(scene.find("vitals_live.temperature_high").is_none());
}
