//! What people do with an alarm that they are asked for, and shifts that end.

use crate::model::command::{AlarmAct, Outcome};

use super::{SPO2, desaturated, on_duty, plan, usual};
use crate::model::time::Span;
use crate::tests::scene::restored;

#[test]
fn who_cannot_take_it_says_so_and_the_next_is_asked_at_once() {
    let mut scene = desaturated(usual());
    assert_eq!(scene.by("d1", SPO2, AlarmAct::Reject).0, Outcome::Conflict, "nobody asked");
    assert_eq!(scene.by("nurse", SPO2, AlarmAct::Reject).0, Outcome::Done);
    assert_eq!(scene.asked(SPO2), "notified 2 physician d1");
    scene.by("d1", SPO2, AlarmAct::Reject);
    assert_eq!(scene.asked(SPO2), "exhausted");
    assert!(scene.find("duty.exhausted").is_some());
}

#[test]
fn who_has_it_gives_it_back_to_others() {
    let mut scene = desaturated(usual());
    scene.by("nurse", SPO2, AlarmAct::Acknowledge);
    assert_eq!(scene.by("d1", SPO2, AlarmAct::Release).0, Outcome::Conflict);
    scene.skip();
    assert_eq!(scene.by("nurse", SPO2, AlarmAct::Release).0, Outcome::Done);
    scene.expect(&["released high vitals_live.spo2_low: alarming, present"]);
    assert_eq!(scene.asked(SPO2), "notified 2 physician d1");
}

#[test]
fn what_the_last_step_gives_back_goes_to_all_others_at_once() {
    let mut scene = desaturated(usual());
    scene.by("d1", SPO2, AlarmAct::Accept);
    scene.low_for(600);
    scene.by("d1", SPO2, AlarmAct::Release);
    assert_eq!(scene.asked(SPO2), "exhausted");
    let now = scene.now.wall();
    let told: Vec<_> =
        scene.answers(SPO2).told.into_iter().map(|told| (told.to, told.at)).collect();
    assert_eq!(told, [("n1".to_owned(), now)]);
}

#[test]
fn at_the_end_of_a_shift_the_next_is_asked() {
    let both = [("nurse", "n1", -1, 1), ("nurse", "n2", 1, 192), ("physician", "d1", -1, 192)];
    let mut scene = desaturated(plan(&["nurse", "physician"], &both));
    scene.by("nurse", SPO2, AlarmAct::Accept);
    assert_eq!(scene.answers(SPO2).deadline, Some(super::second(3_600.0)));
    scene.skip();
    scene.low_for(3_594);
    assert_eq!(scene.ladder(), ["3600 shift_over vitals_live.spo2_low"]);
    assert_eq!(scene.asked(SPO2), "notified 1 nurse n2");
    let told: Vec<_> =
        scene.answers(SPO2).told.into_iter().map(|told| (told.to, told.at)).collect();
    let now = super::second(3_600.0);
    assert_eq!(told, [("n1".to_owned(), now), ("n2".to_owned(), now)], "the one who had it, too");
}

#[test]
fn who_is_asked_at_the_end_of_a_shift_is_who_comes_then() {
    let both = [("nurse", "n1", -1, 1), ("nurse", "n2", 1, 192), ("physician", "d1", -1, 192)];
    let mut scene = super::bedside(plan(&["nurse", "physician"], &both));
    scene.stream("dev", "spo2", 97.0, 3_540);
    scene.low_for(6);
    assert_eq!(scene.asked(SPO2), "notified 1 nurse n1");
    scene.low_for(55);
    assert_eq!(scene.asked(SPO2), "notified 1 nurse n2");
    assert_eq!(
        scene.answers(SPO2).deadline,
        Some(super::second(3_725.0)),
        "what was left of 3 min"
    );
}

#[test]
fn times_go_on_across_a_restart() {
    let mut scene = desaturated(usual());
    scene.low_for(100);
    scene.restart(100.0);
    assert_eq!(scene.asked(SPO2), "notified 2 physician d1");
    let told = scene.ladder();
    assert!(told.contains(&"185 notified vitals_live.spo2_low".to_owned()), "{told:?}");
    assert_eq!(restored(&scene.core).site.duty, scene.core.site.duty);
}

#[test]
fn an_acknowledgement_from_before_there_was_a_plan_is_somebodys() {
    let mut scene = crate::tests::scene::Scene::bedside();
    scene.stream("dev", "spo2", 70.0, 6);
    scene.acknowledge(SPO2);
    scene.fold(&[super::on_duty(usual())]);
    assert_eq!(scene.asked(SPO2), "accepted 1 nurse n1");
    let mut other = crate::tests::scene::Scene::bedside();
    other.stream("dev", "spo2", 70.0, 6);
    other.fold(&[super::on_duty(usual())]);
    assert_eq!(other.asked(SPO2), "notified 1 nurse n1");
    other.fold(&[crate::model::input::Input::Duty(None)]);
    assert_eq!(other.asked(SPO2), "none");
}

#[test]
fn who_is_not_on_duty_has_an_alarm_for_as_long_as_an_acknowledgement_would_hold() {
    let mut scene = desaturated(usual());
    let accepted = scene.now.wall();
    scene.by("n2", SPO2, AlarmAct::Accept);
    assert_eq!(scene.answers(SPO2).deadline, Some(accepted + Span::mins(10)));
    scene.low_for(599);
    assert_eq!(scene.asked(SPO2), "accepted 1 nurse n2");
    scene.low_for(2);
    assert_eq!(scene.asked(SPO2), "notified 1 nurse n1");
    assert!(scene.ladder().iter().any(|line| line.ends_with("shift_over vitals_live.spo2_low")));
}

#[test]
fn who_is_taken_out_of_the_plan_has_no_alarm_any_more() {
    let without = || plan(&["nurse", "physician"], &[("physician", "d1", -1, 192)]);
    let mut scene = desaturated(usual());
    scene.by("nurse", SPO2, AlarmAct::Accept);
    scene.fold(&[on_duty(without())]);
    assert_eq!(scene.asked(SPO2), "notified 2 physician d1", "on duty no more");

    let mut scene = desaturated(usual());
    scene.by("n2", SPO2, AlarmAct::Accept);
    scene.fold(&[on_duty(without())]);
    assert_eq!(scene.asked(SPO2), "accepted 1 nurse n2", "they never were on duty");
    scene.low_for(601);
    assert_eq!(scene.asked(SPO2), "notified 2 physician d1");
}
