//! Nobody on duty is an alarm before it matters, and at once where an alarm finds nobody.

use crate::model::input::Input;
use crate::model::message::{Body, Reading, ReadingTime};
use crate::model::time::Span;

use super::{SPO2, bedside, desaturated, on_duty, plan, second, usual};
use crate::tests::scene::Scene;

const HOUR: f64 = 3_600.0;

#[test]
fn a_hole_is_told_twelve_hours_before_and_when_it_begins() {
    let mut scene = Scene::empty();
    scene.fold(&[on_duty(plan(&["nurse"], &[("nurse", "n1", -1, 20), ("nurse", "n2", 22, 192)]))]);
    scene.expect(&[]);
    scene.advance(8.0 * HOUR - 1.0);
    scene.expect(&[]);
    scene.advance(1.0);
    scene.expect(&["raised medium duty.hole: alarming, present"]);
    assert_eq!(scene.alarm("duty.hole").text, "Nobody will soon be on duty as nurse of icu");
    scene.advance(12.0 * HOUR);
    scene.expect(&["priority_rose high duty.hole: alarming, present"]);
    assert_eq!(scene.alarm("duty.hole").text, "Nobody is on duty as nurse of icu");
    scene.advance(2.0 * HOUR);
    scene.expect(&["ended high duty.hole: closed ended"]);
    assert!(scene.find("duty.hole").is_none());
}

#[test]
fn a_hole_that_is_filled_is_none() {
    let mut scene = Scene::empty();
    scene.fold(&[on_duty(plan(&["nurse"], &[("nurse", "n1", -1, 2)]))]);
    scene.expect(&["raised medium duty.hole: alarming, present"]);
    scene.fold(&[on_duty(usual())]);
    scene.expect(&["ended medium duty.hole: closed ended"]);
    scene.fold(&[on_duty(plan(&["nurse"], &[]))]);
    scene.expect(&["raised high duty.hole: alarming, present"]);
    scene.fold(&[Input::Duty(None)]);
    scene.expect(&["ended high duty.hole: closed ended"]);
}

#[test]
fn a_plan_that_nobody_renews_is_told_before_its_end() {
    let mut scene = Scene::empty();
    scene.fold(&[on_duty(usual())]);
    scene.advance(7.5 * 24.0 * HOUR - 1.0);
    scene.expect(&[]);
    scene.advance(1.0);
    scene.expect(&["raised medium duty.hole: alarming, present"]);
    scene.advance(12.0 * HOUR);
    let news = scene.news();
    assert!(news[0].starts_with("priority_rose high duty.hole"), "{news:?}");
}

#[test]
fn an_alarm_that_finds_nobody_says_so_at_once_and_asks_whoever_comes() {
    let mut scene = bedside(plan(&["nurse"], &[("nurse", "n1", 2, 192)]));
    scene.skip();
    scene.low_for(6);
    scene.expect(&[
        "raised high vitals_live.spo2_low: alarming, present",
        "raised high duty.exhausted: alarming, present",
    ]);
    assert_eq!(scene.asked(SPO2), "unassigned");
    scene.low_for(7_194);
    assert_eq!(scene.asked(SPO2), "notified 1 nurse n1");
    assert!(scene.find("duty.exhausted").is_none());
    assert_eq!(scene.answers(SPO2).since, second(2.0 * HOUR));
}

#[test]
fn a_step_with_nobody_is_passed_over() {
    let scene = desaturated_(plan(&["nurse", "physician"], &[("physician", "d1", -1, 192)]));
    assert_eq!(scene.asked(SPO2), "notified 2 physician d1");
}

fn desaturated_(plan: crate::model::duty::DutyPlan) -> Scene {
    let mut scene = bedside(plan);
    scene.skip();
    scene.low_for(6);
    scene
}

#[test]
fn a_patient_whom_no_team_serves_is_told_of() {
    let mut other = usual();
    other.teams[0].wards = vec!["west".parse().unwrap()];
    let scene = desaturated_(other);
    assert_eq!(scene.asked(SPO2), "unassigned");
    let says = scene.alarm("duty.exhausted");
    assert_eq!(says.text, "No team answers for alarms of patients in no ward");
}

#[test]
fn what_is_raised_and_over_at_once_leaves_nothing_that_nobody_takes() {
    let mut scene = bedside({
        let mut plan = usual();
        plan.teams[0].packs = vec!["vitals_live".into()];
        plan
    });
    scene.done(crate::model::command::Action::Bind {
        device: "dev".parse().unwrap(),
        patient: "p".parse().unwrap(),
        from: None,
        zero_means_no_sensor: Some(vec![scene.signal("heart_rate")]),
        replaces: None,
    });
    scene.reading("dev", "heart_rate", 70.0);
    scene.advance(2.0);
    scene.skip();
    let (zero, later) = (scene.measured("heart_rate", 0.0), second(1.0));
    scene.send("dev", "heart_rate", 75.0, |message, _| {
        if let Body::Telemetry { readings, .. } = &mut message.body {
            readings.push(Reading { time: ReadingTime::At(later), ..zero });
        }
    });
    let news = scene.news();
    assert!(news[0].starts_with("raised high link.zero_or_off"), "{news:?}");
    assert!(news.iter().any(|line| line.starts_with("ended high link.zero_or_off")), "{news:?}");
    assert!(scene.find("duty.exhausted").is_none(), "{news:?}");
}

#[test]
fn the_first_team_that_serves_an_alarm_answers_for_it() {
    let mut two = usual();
    two.teams
        .insert(0, crate::model::duty::Team { packs: vec!["cied".into()], ..two.teams[0].clone() });
    two.teams[0].id = "devices".parse().unwrap();
    let scene = desaturated_(two.clone());
    assert_eq!(scene.answers(SPO2).team.unwrap().as_str(), "icu");
    two.teams[0].packs = vec!["vitals".into(), "vitals_live".into()];
    let scene = desaturated_(two);
    assert_eq!(scene.answers(SPO2).team.unwrap().as_str(), "devices");
}

#[test]
fn an_alarm_of_the_gateway_asks_a_team_for_that_alone() {
    let mut scene = bedside(usual());
    scene.fold(&[Input::Store { failing: true }]);
    assert_eq!(scene.alarm("store.failing").responsibility, None);
    let mut with = usual();
    with.teams.push(crate::model::duty::Team { gateway: true, ..with.teams[0].clone() });
    let mut scene = bedside(with);
    scene.fold(&[Input::Store { failing: true }]);
    assert_eq!(scene.asked("store.failing"), "notified 1 nurse n1");
}

#[test]
fn a_wall_clock_that_is_set_moves_shifts_and_no_timer() {
    let both = [("nurse", "n1", -1, 1), ("nurse", "n2", 1, 192)];
    let mut scene = desaturated(plan(&["nurse"], &both));
    scene.by("nurse", SPO2, crate::model::command::AlarmAct::Accept);
    let from_us = scene.now.offset.as_micros();
    scene.now.offset = scene.now.offset - Span::mins(30);
    scene.fold(&[Input::ClockStep { from_us, to_us: scene.now.offset.as_micros() }]);
    scene.low_for(3_600);
    assert_eq!(scene.asked(SPO2), "accepted 1 nurse n1");
    scene.low_for(1_800);
    assert_eq!(scene.asked(SPO2), "notified 1 nurse n2");
}
