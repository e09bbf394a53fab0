//! What two readings of the contract differed over, each decided there.

use crate::model::alarm::{Condition, Side};
use crate::model::command::{Action, Outcome};
use crate::model::message::Phase::{Single, Start, Update};
use crate::model::message::{Reading, ReadingTime, Status};
use crate::model::time::Span;

use super::scene::{Scene, at};

/// So far back that no clock that is right says it.
const YEARS: Span = Span::days(2_000);
const SPO2: &str = "vitals_live.spo2_low";

/// A copy of what was measured at a second, with a status.
pub(super) fn again(
    second: f64,
    status: Status,
) -> impl FnOnce(&mut crate::model::message::Message, &mut Reading) {
    move |_, reading| {
        reading.time = ReadingTime::At(at(second));
        reading.status = status;
    }
}

fn correct_binding(scene: &mut Scene, patient: &str) {
    scene.done(Action::CorrectBinding {
        device: "dev".parse().unwrap(),
        patient: Some(patient.parse().unwrap()),
        reason: "wrong bed".to_owned(),
        replaces: None,
    });
}

#[test]
fn an_emergency_that_follows_from_another_is_told_when_that_is_over() {
    let mut scene = Scene::bedside();
    scene.device("chest", "bedside", &["heart_rate"]);
    scene.bind("chest", "p");
    for _ in 0..8 {
        scene.reading("dev", "heart_rate", 0.0);
        scene.reading("chest", "heart_rate", 0.0);
        scene.advance(1.0);
    }
    scene.skip();
    for _ in 0..70 {
        scene.reading("dev", "heart_rate", 0.0);
        scene.reading("chest", "heart_rate", 70.0);
        scene.advance(1.0);
    }
    let unfolded = "unfolded high vitals_live.asystole_low: alarming, present".to_owned();
    let news = scene.news();
    assert!(news.contains(&unfolded), "{news:?}");
}

#[test]
fn events_told_of_the_wrong_patient_are_told_of_the_right_one() {
    let mut scene = Scene::bedside();
    scene.admit("q");
    scene.event("dev", "vf_detected", Some("ep-1"), Start);
    scene.event("dev", "shock_delivered", Some("ep-2"), Single);
    scene.skip();
    correct_binding(&mut scene, "q");
    let news = scene.news();
    for line in
        ["raised high cied.vf: alarming, present", "raised medium cied.shock: alarming, momentary"]
    {
        assert!(news.contains(&line.to_owned()), "{news:?}");
    }
    assert_eq!(scene.alarm("cied.vf").patient.unwrap().as_str(), "q");
}

#[test]
fn silence_goes_on_for_the_right_patient() {
    let mut scene = Scene::bedside();
    scene.admit("q");
    scene.reading("dev", "spo2", 97.0);
    scene.advance(100.0);
    scene.skip();
    correct_binding(&mut scene, "q");
    let news = scene.news();
    let silent = "raised medium link.silence: alarming, present".to_owned();
    assert!(news.contains(&silent), "{news:?}");
}

#[test]
fn danger_that_a_withdrawn_value_hid_is_back() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 84.0, 5);
    scene.reading("dev", "spo2", 97.0);
    scene.expect(&[]);
    scene.send("dev", "spo2", 97.0, again(5.0, Status::EnteredInError));
    scene.expect(&["raised medium vitals_live.spo2_low: alarming, present"]);
    let latest = scene.latest("p", "dev", "spo2").map(|latest| latest.number.value);
    assert_eq!(latest, Some(84.0), "the value before is shown again");
}

#[test]
fn what_corrects_the_newest_reading_is_the_newest_however_old_it_is() {
    let mut scene = Scene::bedside();
    scene.reading("dev", "nibp_sys", 120.0);
    scene.advance(3_600.0);
    scene.skip();
    scene.send("dev", "nibp_sys", 70.0, again(0.0, Status::Corrected));
    scene.expect(&["raised high vitals_live.nibp_sys_low: alarming, present"]);
    let latest = scene.latest("p", "dev", "nibp_sys").map(|latest| latest.number.value);
    assert_eq!(latest, Some(70.0));
}

#[test]
fn a_clock_that_is_slewed_makes_no_correction_late() {
    let mut scene = Scene::bedside();
    scene.advance(60.0);
    scene.reading("dev", "nibp_sys", 120.0);
    scene.advance(1.3);
    scene.now.offset = scene.now.offset + crate::model::time::Span::micros(3);
    scene.skip();
    scene.send("dev", "nibp_sys", 70.0, again(60.0, Status::Corrected));
    scene.expect(&["raised high vitals_live.nibp_sys_low: alarming, present"]);
}

#[test]
fn what_is_stamped_a_little_ahead_can_be_corrected() {
    let mut scene = Scene::bedside();
    scene.send("dev", "nibp_sys", 120.0, again(0.2, Status::Final));
    scene.advance(1.0);
    scene.skip();
    scene.send("dev", "nibp_sys", 70.0, again(0.2, Status::Corrected));
    scene.expect(&["raised high vitals_live.nibp_sys_low: alarming, present"]);
}

#[test]
fn an_answer_to_what_was_over_is_none_to_what_came_back() {
    let mut scene = Scene::bedside();
    scene.event("dev", "pacing_failure", Some("ep-1"), Start);
    scene.advance(2.0);
    scene.event("dev", "pacing_failure", Some("ep-1"), crate::model::message::Phase::End);
    let rule = scene.core.patients["p"].alarms.iter().next().unwrap().0.rule.to_string();
    let seen = scene.alarm(&rule);
    assert_eq!(seen.condition, Condition::Absent);
    scene.advance(2.0);
    scene.event("dev", "pacing_failure", Some("ep-2"), Start);
    let answer = |seen_at: u64| Action::Alarm {
        id: seen.id.clone(),
        seen: seen_at,
        act: crate::model::command::AlarmAct::Acknowledge,
    };
    assert_eq!(scene.command(answer(seen.seq)).0, Outcome::Conflict);
    assert_eq!(scene.command(answer(u64::MAX)).0, Outcome::Conflict, "no such state was shown");
    assert_eq!(scene.acknowledge(&rule), Outcome::Done);
}

#[test]
fn a_binding_that_is_over_can_be_corrected_and_its_events_are_told_once() {
    let mut scene = Scene::bedside();
    scene.admit("q");
    scene.event("dev", "vf_detected", Some("ep-1"), Single);
    scene.done(Action::Unbind { device: "dev".parse().unwrap(), replaces: None });
    scene.skip();
    correct_binding(&mut scene, "q");
    let news = scene.news();
    assert!(news.contains(&"raised high cied.vf: alarming, momentary".to_owned()), "{news:?}");
    scene.event_at("dev", "vf_detected", Some("ep-1"), Single, 0.0);
    assert_eq!(scene.alarm("cied.vf").recurrence, 0, "a repetition");
}

#[test]
fn a_correction_is_no_sign_of_life() {
    let mut scene = Scene::bedside();
    scene.reading("dev", "spo2", 97.0);
    scene.advance(20.0);
    scene.expect(&["raised low link.silence: alarming, present"]);
    scene.send("dev", "spo2", 96.0, again(0.0, Status::Corrected));
    scene.expect(&[]);
}

#[test]
fn after_a_correction_no_other_value_of_its_instant_counts() {
    let mut scene = Scene::bedside();
    scene.send("dev", "nibp_sys", 120.0, again(0.0, Status::Corrected));
    scene.send("dev", "nibp_sys", 70.0, again(0.0, Status::Final));
    scene.expect(&[]);
}

#[test]
fn a_withdrawal_may_come_before_its_reading() {
    let mut scene = Scene::bedside();
    scene.send("dev", "nibp_sys", 70.0, again(0.0, Status::EnteredInError));
    scene.send("dev", "nibp_sys", 70.0, again(0.0, Status::Final));
    scene.expect(&[]);
    scene.send("dev", "nibp_sys", 72.0, again(0.0, Status::Final));
    scene.expect(&["raised high vitals_live.nibp_sys_low: alarming, present"]);
}

#[test]
fn a_zero_that_means_no_sensor_contradicts_no_value() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "bedside", &[]);
    scene.bind_with_zeros("dev", "p", &["heart_rate"]);
    scene.reading("dev", "heart_rate", 0.0);
    scene.send("dev", "heart_rate", 72.0, again(0.0, Status::Final));
    let latest = scene.latest("p", "dev", "heart_rate").map(|latest| latest.number.value);
    assert_eq!(latest, Some(72.0), "judged beyond doubt");
}

#[test]
fn late_readings_of_a_series_never_heard_live_make_up_an_excursion() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "wearable", &[]);
    scene.bind("dev", "p");
    scene.advance(7_200.0);
    scene.skip();
    for minute in 0..5 {
        scene.measured_at("dev", "spo2", 80.0, 600.0 + 60.0 * f64::from(minute));
    }
    assert!(scene.alarm(SPO2).late, "one a minute is one excursion");
}

#[test]
fn what_only_doubt_keeps_open_outlasts_a_rule_that_judges_no_more() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 84.0, 20);
    scene.advance(30.0);
    assert_eq!(scene.alarm(SPO2).condition, Condition::Unknown);
    scene.skip();
    scene.change(None, Some(true));
    assert!(!scene.news().iter().any(|line| line.contains("spo2")));
    assert_eq!(scene.reset(SPO2, Some("seen")), Outcome::Done);
}

#[test]
fn a_rule_that_changed_brings_no_data_back() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 84.0, 20);
    scene.advance(30.0);
    scene.skip();
    scene.reconfigure("delay = \"15s\"", "delay = \"10s\"");
    let condition = scene.alarm(SPO2).condition;
    assert_eq!(condition, Condition::Unknown);
}

#[test]
fn doubtful_readings_beyond_after_a_gap_are_lost_in_their_turn() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 84.0, 20);
    scene.advance(30.0);
    scene.send("dev", "spo2", 84.0, |_, reading| reading.time = ReadingTime::At(at(0.0) - YEARS));
    assert_eq!(scene.alarm(SPO2).condition, Condition::Present, "it points to danger");
    scene.advance(12.0);
    assert_eq!(scene.alarm(SPO2).condition, Condition::Unknown);
}

#[test]
fn new_limits_bring_no_data_back() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 84.0, 20);
    scene.advance(30.0);
    scene.skip();
    scene.limit("spo2", Side::Low, Some(86.0));
    assert_eq!(scene.alarm(SPO2).condition, Condition::Unknown);
    assert!(!scene.news().iter().any(|line| line.starts_with("back_present")));
}

#[test]
fn an_alarm_that_outlasted_its_rule_ends_when_that_judges_again() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 84.0, 20);
    scene.advance(30.0);
    scene.change(None, Some(true));
    scene.change(None, Some(false));
    scene.stream("dev", "spo2", 97.0, 80);
    assert_eq!(scene.alarm(SPO2).condition, Condition::Absent);
}

#[test]
fn a_device_corrected_to_nobodys_is_bound_again_and_to_one_patient() {
    let mut scene = Scene::bedside();
    scene.admit("q");
    scene.done(Action::CorrectBinding {
        device: "dev".parse().unwrap(),
        patient: None,
        reason: "wrong device".to_owned(),
        replaces: None,
    });
    scene.advance(60.0);
    scene.bind("dev", "q");
    let open = scene.core.devices["dev"].bindings.iter().filter(|binding| binding.to.is_none());
    assert_eq!(open.count(), 1);
}

#[test]
fn news_on_an_episode_that_goes_on_is_told_once_a_second() {
    let mut scene = Scene::bedside();
    scene.event("dev", "vt_detected", Some("ep-0"), Start);
    scene.advance(2.0);
    scene.skip();
    for n in 1..40 {
        scene.event("dev", "vt_detected", Some(&format!("ep-{n}")), Single);
        scene.advance(0.02);
    }
    assert_eq!(scene.news().len(), 1, "the first at once, the rest after a second");
    assert_eq!(scene.alarm("cied.vt").condition, Condition::Present, "the episode goes on");
}

#[test]
fn an_update_of_an_event_never_heard_is_its_start() {
    let mut scene = Scene::bedside();
    scene.event("dev", "vt_detected", Some("ep-1"), Update);
    scene.advance(2.0);
    scene.skip();
    scene.event("dev", "vt_detected", Some("ep-2"), Update);
    scene.expect(&["recurred medium cied.vt: alarming, present"]);
    scene.event("dev", "vt_detected", Some("ep-2"), Update);
    scene.expect(&[]);
}

#[test]
fn registering_again_takes_back_no_revocation() {
    let mut scene = Scene::bedside();
    scene.done(Action::RevokeDevice("dev".parse().unwrap()));
    let details = scene.core.devices["dev"].details.clone();
    assert_eq!(scene.command(Action::RegisterDevice(details.into())).0, Outcome::Conflict);
    assert!(scene.core.devices["dev"].revoked);
}

#[test]
fn a_patient_is_discharged_once() {
    let mut scene = Scene::bedside();
    let discharge =
        || Action::DischargePatient { patient: "p".parse().unwrap(), reason: None, replaces: None };
    assert_eq!(scene.command(discharge()).0, Outcome::Done);
    assert_eq!(scene.command(discharge()).0, Outcome::AlreadySo);
}

#[test]
fn what_an_alarm_waits_for_is_not_put_off_with_the_data() {
    let mut scene = Scene::bedside();
    scene.event("dev", "vf_detected", Some("ep-1"), Start);
    scene.acknowledge("cied.vf");
    scene.advance(595.0);
    scene.skip();
    scene.restart(4.0);
    scene.advance(1.0);
    let over = "acknowledgement_over high cied.vf: alarming, present".to_owned();
    assert!(scene.news().contains(&over), "10 min are over, whatever was not taken in");
}
