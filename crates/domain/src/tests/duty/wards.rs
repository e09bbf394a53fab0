//! A ward that no screen shows, and where nobody on duty can be reached, is an alarm of its own.

use super::{SPO2, bedside, channel, on_duty, plan, usual, with_channels};
use crate::model::alarm::Priority;
use crate::model::command::{Action, AlarmAct, Outcome};
use crate::model::input::Input;
use crate::tests::scene::Scene;

fn unwatched(wards: &[&str]) -> Input {
    Input::Unwatched(wards.iter().map(|ward| ward.parse().unwrap()).collect())
}

fn fails(id: &str, waits: Option<Priority>) -> Input {
    Input::Undelivered { channel: channel(id), waits, words: String::new() }
}

const UNWATCHED: &str = "raised medium ward.unwatched: alarming, present";
const UNATTENDED: &str = "raised high ward.unattended: alarming, present";
const OVER: &str = "ended high ward.unattended: closed ended";

#[test]
fn a_ward_that_nobody_watches_is_attended_as_long_as_somebody_on_duty_can_be_reached() {
    let mut scene = Scene::empty();
    scene.fold(&[on_duty(with_channels())]);
    scene.skip();
    scene.fold(&[unwatched(&["w1"])]);
    scene.expect(&[UNWATCHED]);
    let high = Some(Priority::High);
    for id in ["n1-push", "n1-sms"] {
        scene.fold(&[fails(id, high)]);
        scene.expect(&["raised high delivery.failing: alarming, present"]);
    }
    scene.fold(&[fails("d1-push", high)]);
    scene.expect(&["raised high delivery.failing: alarming, present", UNATTENDED]);
    let alarm = scene.alarm("ward.unattended");
    assert_eq!(alarm.ward.unwrap().as_str(), "w1");
    assert_eq!(alarm.text, "no screen shows ward w1, and nobody on duty for it can be reached");
    scene.fold(&[fails("n1-sms", None)]);
    scene.expect(&["ended high delivery.failing: closed ended", OVER]);
    scene.fold(&[fails("n1-sms", high)]);
    scene.skip();
    scene.fold(&[unwatched(&[])]);
    scene.expect(&["ended medium ward.unwatched: closed ended", OVER]);
}

#[test]
fn whoever_has_no_channel_is_reached_on_a_screen_alone() {
    let mut scene = Scene::empty();
    let both = |begins: i64| {
        let mut both =
            plan(&["nurse"], &[("nurse", "n1", -1, begins), ("nurse", "n2", begins, 192)]);
        both.people[1].channels = vec![channel("n2-push")];
        both
    };
    scene.fold(&[on_duty(both(2))]);
    scene.skip();
    scene.fold(&[unwatched(&["w1", "w2"])]);
    scene.expect(&[UNWATCHED, UNWATCHED, UNATTENDED, UNATTENDED]);
    scene.advance(2.0 * 3_600.0 - 1.0);
    scene.expect(&[]);
    scene.advance(1.0);
    scene.expect(&[OVER, OVER]);
}

#[test]
fn a_team_of_other_wards_reaches_nobody_here() {
    let mut scene = Scene::empty();
    let mut elsewhere = with_channels();
    elsewhere.teams[0].wards = vec!["w2".parse().unwrap()];
    scene.fold(&[on_duty(elsewhere)]);
    scene.skip();
    scene.fold(&[unwatched(&["w1", "w2"])]);
    scene.expect(&[UNWATCHED, UNWATCHED, UNATTENDED]);
    scene.fold(&[on_duty(with_channels())]);
    scene.expect(&[OVER]);
}

#[test]
fn without_a_plan_nothing_is_said_of_who_can_be_reached() {
    let mut scene = Scene::empty();
    scene.fold(&[unwatched(&["w1"])]);
    scene.expect(&[UNWATCHED]);
    scene.fold(&[on_duty(plan(&["nurse"], &[]))]);
    let news = scene.news();
    assert!(news.contains(&UNATTENDED.to_owned()), "{news:?}");
    scene.fold(&[Input::Duty(None)]);
    let news = scene.news();
    assert!(news.contains(&OVER.to_owned()), "{news:?}");
}

/// A patient of `w1` with SpO2 far too low, where the nurse may answer alarms of these wards alone.
fn bound(wards: &[&str]) -> Scene {
    let mut plan = usual();
    plan.people[0].wards = Some(wards.iter().map(|ward| ward.parse().unwrap()).collect());
    let mut scene = bedside(plan);
    for (ward, bed) in [("w1", "here"), ("w2", "there")] {
        scene.done(Action::AddWard(ward.parse().unwrap()));
        scene.done(Action::AddBed { bed: bed.parse().unwrap(), ward: ward.parse().unwrap() });
    }
    goes(&mut scene, "here");
    scene.stream("dev", "spo2", 70.0, 6);
    scene
}

fn goes(scene: &mut Scene, to: &str) {
    let bed = Some(to.parse().unwrap());
    scene.done(Action::TransferPatient { patient: "p".parse().unwrap(), bed, replaces: None });
}

#[test]
fn who_may_answer_nothing_of_a_ward_does_not_attend_it() {
    let mut scene = Scene::empty();
    let mut elsewhere = with_channels();
    for person in &mut elsewhere.people {
        person.wards = Some(["w2".parse().unwrap()].into());
    }
    scene.fold(&[on_duty(elsewhere)]);
    scene.skip();
    scene.fold(&[unwatched(&["w1", "w2"])]);
    scene.expect(&[UNWATCHED, UNWATCHED, UNATTENDED]);
    assert_eq!(scene.alarm("ward.unattended").ward.unwrap().as_str(), "w1");
}

#[test]
fn who_may_answer_nothing_of_a_ward_is_not_asked_there() {
    assert_eq!(bound(&["w2"]).asked(SPO2), "notified 2 physician d1");
    assert_eq!(bound(&["w1", "w2"]).asked(SPO2), "notified 1 nurse n1");
}

#[test]
fn who_has_an_alarm_of_a_patient_who_goes_to_a_ward_that_is_not_theirs_has_it_no_more() {
    for accepts in [false, true] {
        let mut scene = bound(&["w1"]);
        if accepts {
            assert_eq!(scene.by("nurse", SPO2, AlarmAct::Accept).0, Outcome::Done);
        }
        goes(&mut scene, "there");
        assert_eq!(scene.asked(SPO2), "notified 2 physician d1", "accepted before: {accepts}");
        goes(&mut scene, "here");
        assert_eq!(scene.asked(SPO2), "notified 2 physician d1", "who is asked has their time");
    }
}
