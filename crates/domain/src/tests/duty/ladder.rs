//! The ladder runs on plain time until somebody accepts.

use crate::model::alarm::Response;
use crate::model::command::{AlarmAct, Outcome};
use crate::model::message::Phase;
use crate::model::responsibility::{Assignment, Delivery};
use crate::model::time::Span;

use super::{SPO2, bedside, desaturated, hours, plan, second, somebody_or_a_timer, usual};
use crate::tests::scene::Scene;

#[test]
fn without_a_plan_nobody_is_asked() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 70.0, 6);
    scene.acknowledge(SPO2);
    scene.stream("dev", "spo2", 70.0, 1_000);
    assert_eq!(scene.alarm(SPO2).responsibility, None);
}

#[test]
fn a_high_alarm_asks_the_first_step_at_once_and_the_next_after_three_minutes() {
    let mut scene = desaturated(usual());
    let asked = scene.answers(SPO2);
    assert_eq!(scene.asked(SPO2), "notified 1 nurse n1");
    assert_eq!(asked.deadline, Some(second(5.0) + Span::mins(3)));
    let told: Vec<_> = asked.told.iter().map(|t| (t.to.as_str(), t.result)).collect();
    assert_eq!(told, [("n1", Delivery::Shown)]);
    assert_eq!(asked.told[0].seq, scene.alarm(SPO2).seq, "by the very transition that raised it");
    scene.low_for(178);
    assert_eq!(scene.ladder(), ["125 notified vitals_live.spo2_low"], "told again after 2 min");
    scene.low_for(2);
    assert_eq!(scene.ladder(), ["185 notified vitals_live.spo2_low"]);
    assert_eq!(scene.asked(SPO2), "notified 2 physician d1");
    somebody_or_a_timer(&scene);
}

#[test]
fn a_medium_alarm_gives_ten_minutes_for_each_step() {
    let mut scene = bedside(usual());
    scene.stream("dev", "spo2", 84.0, 16);
    scene.expect(&["raised medium vitals_live.spo2_low: alarming, present"]);
    scene.stream("dev", "spo2", 84.0, 598);
    assert_eq!(scene.ladder(), [""; 0]);
    scene.stream("dev", "spo2", 84.0, 1);
    assert_eq!(scene.ladder(), ["615 notified vitals_live.spo2_low"]);
    assert_eq!(scene.asked(SPO2), "notified 2 physician d1");
}

#[test]
fn all_are_told_again_and_again_once_nobody_took_it_and_one_alarm_says_so() {
    let mut scene = desaturated(usual());
    scene.low_for(360);
    let moved = scene.ladder();
    assert_eq!(
        moved[3..],
        ["365 exhausted vitals_live.spo2_low", "365 raised duty.exhausted"],
        "{moved:?}"
    );
    assert_eq!(scene.asked(SPO2), "exhausted");
    let says = scene.alarm("duty.exhausted");
    assert_eq!((says.priority.as_str(), says.kind.as_str()), ("high", "technical"));
    assert_eq!(says.responsibility, None, "it asks nobody");
    scene.low_for(240);
    assert_eq!(
        scene.ladder(),
        ["485 exhausted vitals_live.spo2_low", "605 exhausted vitals_live.spo2_low"]
    );
    let told: Vec<_> = scene.answers(SPO2).told.into_iter().map(|t| (t.to, t.at)).collect();
    assert_eq!(told, [("n1".to_owned(), second(605.0)), ("d1".to_owned(), second(605.0))]);
    somebody_or_a_timer(&scene);

    assert_eq!(scene.by("d1", SPO2, AlarmAct::Accept).0, Outcome::Done);
    assert_eq!(scene.asked(SPO2), "accepted 2 physician d1");
    scene.low_for(400);
    let moved: Vec<_> = scene.ladder();
    assert_eq!(moved, ["606 accepted vitals_live.spo2_low", "606 ended duty.exhausted"]);
}

#[test]
fn accepting_stops_the_ladder_once_and_everywhere() {
    let mut scene = desaturated(usual());
    assert_eq!(scene.by("n2", SPO2, AlarmAct::Accept).0, Outcome::Done, "whoever it is");
    assert_eq!(scene.asked(SPO2), "accepted 1 nurse n2");
    let (outcome, detail) = scene.by("n2", SPO2, AlarmAct::Accept);
    assert_eq!((outcome, detail.as_str()), (Outcome::AlreadySo, "accepted by n2"));
    scene.skip();
    scene.low_for(590);
    scene.expect(&[]);
    assert_eq!(scene.by("nurse", SPO2, AlarmAct::Accept).0, Outcome::Done, "taken over");
    assert_eq!(scene.asked(SPO2), "accepted 1 nurse n1");
}

#[test]
fn to_acknowledge_is_to_accept() {
    let mut scene = desaturated(usual());
    scene.acknowledge(SPO2);
    assert_eq!(scene.asked(SPO2), "accepted 1 nurse n1");
    scene.skip();
    scene.low_for(500);
    scene.expect(&[]);
}

#[test]
fn whoever_had_it_is_told_first_when_it_is_news_again() {
    let mut scene = desaturated(plan(
        &["nurse", "physician", "chief"],
        &[("nurse", "n1", -1, 192), ("physician", "d1", -1, 192), ("chief", "n2", -1, 192)],
    ));
    scene.by("d1", SPO2, AlarmAct::Acknowledge);
    scene.skip();
    scene.low_for(600);
    assert_eq!(scene.ladder(), ["606 acknowledgement_over vitals_live.spo2_low"]);
    assert_eq!(scene.asked(SPO2), "notified 2 physician d1");
    scene.low_for(180);
    assert_eq!(
        scene.ladder(),
        ["726 notified vitals_live.spo2_low", "786 notified vitals_live.spo2_low"]
    );
    assert_eq!(scene.asked(SPO2), "notified 3 chief n2", "from his step, where he alone is");
}

#[test]
fn a_rise_asks_whoever_had_it_and_hastens_what_was_asked() {
    let mut scene = bedside(usual());
    scene.stream("dev", "spo2", 84.0, 16);
    scene.by("nurse", SPO2, AlarmAct::Accept);
    scene.skip();
    scene.low_for(10);
    assert_eq!(scene.asked(SPO2), "notified 1 nurse n1");
    scene.expect(&["priority_rose high vitals_live.spo2_low: alarming, present"]);

    let mut scene = bedside(usual());
    scene.stream("dev", "spo2", 84.0, 16);
    scene.skip();
    scene.low_for(10);
    let rose = scene.ladder();
    assert_eq!(rose.len(), 1, "{rose:?}");
    let asked = scene.answers(SPO2);
    assert_eq!(asked.told[0].seq, scene.alarm(SPO2).seq, "told that it is graver");
    scene.low_for(181);
    assert_eq!(scene.asked(SPO2), "notified 2 physician d1", "3 min from its rise");
}

#[test]
fn a_latched_high_alarm_goes_on_and_a_latched_medium_one_is_a_note() {
    let mut scene = desaturated(usual());
    scene.stream("dev", "spo2", 97.0, 70);
    scene.expect(&["latched high vitals_live.spo2_low: latched, absent"]);
    scene.stream("dev", "spo2", 97.0, 115);
    assert_eq!(scene.asked(SPO2), "notified 2 physician d1");

    let mut scene = bedside(usual());
    scene.stream("dev", "spo2", 84.0, 16);
    scene.stream("dev", "spo2", 97.0, 70);
    assert_eq!(scene.asked(SPO2), "none");
    scene.skip();
    scene.stream("dev", "spo2", 97.0, 3_000);
    scene.expect(&[]);
}

#[test]
fn one_that_comes_back_asks_again() {
    let mut scene = desaturated(usual());
    scene.by("nurse", SPO2, AlarmAct::Accept);
    scene.stream("dev", "spo2", 97.0, 70);
    assert_eq!(scene.asked(SPO2), "accepted 1 nurse n1", "it is over, and still theirs");
    scene.skip();
    scene.low_for(10);
    assert_eq!(scene.asked(SPO2), "notified 1 nurse n1");
    scene.expect(&["recurred high vitals_live.spo2_low: alarming, present"]);
}

#[test]
fn what_is_low_or_only_shown_asks_nobody() {
    let mut scene = bedside(usual());
    scene.stream("dev", "heart_rate", 0.0, 20);
    let all = scene.core.patients["p"].alarms.iter().map(|(_, open)| open.alarm.clone());
    let all: Vec<_> = all.collect();
    let folded = all.iter().filter(|alarm| alarm.group.is_some());
    assert!(folded.clone().count() > 0, "{all:?}");
    for alarm in folded {
        let state = alarm.responsibility.as_ref().map(|r| r.state);
        assert!(state.is_none_or(|state| state == Assignment::None), "{alarm:?}");
    }
    assert_eq!(scene.asked("vitals_live.asystole_low"), "notified 1 nurse n1");
}

#[test]
fn whoever_was_told_is_told_that_it_is_over() {
    let mut scene = desaturated(usual());
    scene.stream("dev", "spo2", 97.0, 70);
    scene.reset(SPO2, None);
    let closed = scene.closed(SPO2).responsibility.unwrap();
    assert_eq!(closed.state, Assignment::Ended);
    assert_eq!(closed.deadline, None);
    assert!(closed.told.iter().any(|told| told.to == "n1"));
}

#[test]
fn what_can_wait_waits_for_hours_and_then_goes_on() {
    let mut plan = usual();
    plan.hours = vec![hours(Response::SameDay, 8, 12), hours(Response::SameDay, 32, 36)];
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("icd", "cied", &[]);
    scene.bind("icd", "p");
    scene.fold(&[super::on_duty(plan)]);
    scene.event("icd", "shock_delivered", Some("1"), Phase::Single);
    assert_eq!(scene.asked("cied.shock"), "unassigned");
    assert_eq!(scene.answers("cied.shock").deadline, Some(second(8.0 * 3_600.0)));
    assert!(scene.find("duty.exhausted").is_none(), "it waits as it should");
    scene.advance(8.0 * 3_600.0);
    assert_eq!(scene.asked("cied.shock"), "notified 1 nurse n1");
    scene.advance(20.0 * 60.0);
    assert_eq!(scene.asked("cied.shock"), "exhausted");
    scene.skip();
    // Once a day, and never outside of hours.
    scene.advance(12.0 * 3_600.0);
    scene.advance(12.0 * 3_600.0 - 1.0);
    assert!(scene.ladder().iter().all(|line| !line.contains("cied.shock")));
    scene.advance(1.0);
    assert!(scene.ladder().iter().any(|line| line.contains("exhausted cied.shock")));
}

#[test]
fn only_what_is_immediate_wakes_anybody() {
    let asleep = || {
        let mut plan = plan(&["physician"], &[("physician", "d1", -1, 192)]);
        plan.watches[0].on_call = true;
        plan.hours = vec![hours(Response::Prompt, 8, 20)];
        plan
    };
    let mut scene = bedside(asleep());
    scene.stream("dev", "spo2", 84.0, 16);
    assert_eq!(scene.asked(SPO2), "unassigned", "medium is prompt");
    assert_eq!(scene.answers(SPO2).deadline, Some(second(8.0 * 3_600.0)));
    let scene = desaturated(asleep());
    assert_eq!(scene.asked(SPO2), "notified 1 physician d1");
}
