//! Quiet hours of a person hold back what can wait, and never what is immediate.

use crate::model::alarm::Response;
use crate::model::command::AlarmAct;
use crate::model::duty::{Calling, DutyPlan, QuietHours};
use crate::model::time::Span;
use crate::tests::scene::{BEGIN, Scene};

use super::{SPO2, bedside, hours, plan, second, usual};

/// SpO2 that is low and not critical: medium, prompt.
const LOW: f64 = 86.0;

/// Somebody's quiet hours, in seconds of the scene.
fn quiet(person: &str, from: i64, until: i64) -> QuietHours {
    let (from, until) = (BEGIN + Span::secs(from), BEGIN + Span::secs(until));
    QuietHours { person: person.parse().unwrap(), from, until }
}

fn with(quiet: Vec<QuietHours>) -> DutyPlan {
    DutyPlan { quiet, ..usual() }
}

#[test]
fn what_is_immediate_calls_in_quiet_hours_as_ever() {
    let both = vec![quiet("n1", -100, 7_200), quiet("d1", -100, 7_200)];
    let mut scene = bedside(with(both));
    scene.skip();
    scene.low_for(6);
    assert_eq!(scene.asked(SPO2), "notified 1 nurse n1");
    scene.low_for(180);
    assert_eq!(scene.asked(SPO2), "notified 2 physician d1");
}

#[test]
fn what_can_wait_asks_whoever_has_none_and_else_waits_for_their_end() {
    let medium = |plan| {
        let mut scene = bedside(plan);
        scene.skip();
        scene.stream("dev", "spo2", LOW, 60);
        scene
    };
    let scene = medium(with(vec![quiet("n1", -100, 7_200)]));
    assert_eq!(scene.asked(SPO2), "notified 2 physician d1");
    let both = vec![quiet("n1", -100, 900), quiet("d1", -100, 7_200)];
    let mut scene = medium(with(both));
    assert_eq!(scene.asked(SPO2), "unassigned");
    assert_eq!(scene.answers(SPO2).deadline, Some(second(900.0)));
    assert!(scene.find("duty.exhausted").is_none(), "somebody will be there");
    scene.stream("dev", "spo2", LOW, 839);
    assert_eq!(scene.asked(SPO2), "unassigned");
    scene.stream("dev", "spo2", LOW, 2);
    assert_eq!(scene.asked(SPO2), "notified 1 nurse n1");
}

#[test]
fn what_becomes_immediate_waits_for_nothing_any_more() {
    let mut scene = bedside(with(vec![quiet("n1", -100, 7_200), quiet("d1", -100, 7_200)]));
    scene.stream("dev", "spo2", LOW, 60);
    assert_eq!(scene.asked(SPO2), "unassigned");
    scene.low_for(6);
    assert_eq!(scene.asked(SPO2), "notified 1 nurse n1");
}

#[test]
fn what_somebody_had_goes_to_others_where_it_comes_back_in_their_quiet_hours() {
    let mut scene = bedside(with(vec![quiet("n1", 100, 7_200)]));
    scene.stream("dev", "spo2", LOW, 60);
    scene.by("nurse", SPO2, AlarmAct::Acknowledge);
    assert_eq!(scene.asked(SPO2), "accepted 1 nurse n1");
    scene.stream("dev", "spo2", LOW, 60);
    scene.by("nurse", SPO2, AlarmAct::Unacknowledge);
    assert_eq!(scene.asked(SPO2), "notified 2 physician d1");
    let told = scene.answers(SPO2).told;
    let of_nurse = told.iter().find(|told| told.to == "n1").unwrap();
    assert!(of_nurse.at < second(100.0), "{told:?}");
}

#[test]
fn hours_of_calling_and_quiet_hours_are_both_waited_for() {
    let mut plan = plan(&["nurse"], &[("nurse", "n1", -1, 192)]);
    plan.hours = vec![hours(Response::SameDay, 1, 3), hours(Response::SameDay, 25, 27)];
    let opens = |plan: &DutyPlan| {
        let watch = plan.watches[0].clone();
        plan.calls_on(&watch, Response::SameDay, BEGIN)
    };
    let hour = |hour: i64| Calling::From(BEGIN + Span::hours(hour));
    assert_eq!(opens(&plan), hour(1));
    plan.quiet = vec![quiet("n1", 0, 7_200)];
    assert_eq!(opens(&plan), hour(2));
    plan.quiet.push(quiet("n1", 3_600, 4 * 3_600));
    assert_eq!(opens(&plan), hour(25));
    plan.quiet.push(quiet("n1", 24 * 3_600, 400 * 3_600));
    assert_eq!(opens(&plan), hour(400), "beyond the plan as well");
}

#[test]
fn a_plan_without_quiet_hours_is_written_as_ever() {
    let bytes = minicbor::to_vec(usual()).unwrap();
    assert_eq!(minicbor::decode::<DutyPlan>(&bytes).unwrap(), usual());
    let with = with(vec![quiet("n1", 0, 1)]);
    let longer = minicbor::to_vec(&with).unwrap();
    assert_eq!(minicbor::decode::<DutyPlan>(&longer).unwrap(), with);
    assert!(longer.len() > bytes.len());
}

/// Nobody is called by quiet hours of somebody else.
#[test]
fn quiet_hours_are_one_persons_alone() {
    let mut scene: Scene = bedside(with(vec![quiet("n2", -100, 7_200)]));
    scene.stream("dev", "spo2", LOW, 60);
    assert_eq!(scene.asked(SPO2), "notified 1 nurse n1");
}
