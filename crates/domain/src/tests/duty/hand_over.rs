//! Alarms handed over: all of them are taken, or none.

use crate::model::alarm::Alarm;
use crate::model::command::{Action, AlarmAct, Command, Outcome};
use crate::model::input::Input;
use crate::output::transition::TransitionBody;
use crate::tests::scene::Scene;

use super::{SPO2, bedside, usual};

const HEART: &str = "vitals_live.heart_rate_high";

/// Two alarms of nurse `n1`.
fn of_the_nurse() -> Scene {
    let mut scene = bedside(usual());
    for _ in 0..40 {
        scene.reading("dev", "spo2", 70.0);
        scene.reading("dev", "heart_rate", 170.0);
        scene.advance(1.0);
    }
    for rule in [SPO2, HEART] {
        assert_eq!(scene.by("nurse", rule, AlarmAct::Accept).0, Outcome::Done, "{rule}");
    }
    scene
}

fn ask(scene: &mut Scene, actor: &str, action: Action) -> (Outcome, String) {
    let before = scene.log.len();
    scene.fold(&[Input::Command(Box::new(Command { actor: actor.to_owned(), action }))]);
    match &scene.log[before].body {
        TransitionBody::Answer { answer, .. } => (answer.outcome, answer.detail.clone()),
        other => panic!("the answer comes first, not {other:?}"),
    }
}

fn hand_over(to: &str) -> Action {
    Action::HandOver { to: to.to_owned() }
}

fn take(from: &str, alarms: &[&Alarm]) -> Action {
    let alarms = alarms.iter().map(|alarm| (alarm.id.clone(), alarm.seq)).collect();
    Action::TakeOver { from: from.to_owned(), alarms }
}

#[test]
fn what_is_handed_over_stays_until_all_of_it_is_taken() {
    let mut scene = of_the_nurse();
    let both = |scene: &Scene| (scene.alarm(SPO2), scene.alarm(HEART));
    let (low, fast) = both(&scene);
    let early = ask(&mut scene, "n2", take("n1", &[&low, &fast]));
    assert_eq!(early.0, Outcome::NotFound, "nobody handed anything over");

    scene.skip();
    let (outcome, detail) = ask(&mut scene, "nurse", hand_over("n2"));
    assert_eq!((outcome, detail.as_str()), (Outcome::Done, "n2 has to take 2"));
    let offered = scene.news();
    assert_eq!(offered.len(), 2, "{offered:?}");
    assert!(offered.iter().all(|line| line.starts_with("offered high")), "{offered:?}");
    assert_eq!(scene.asked(SPO2), "accepted 1 nurse n1", "still theirs");
    assert_eq!(scene.answers(SPO2).offered.as_deref(), Some("n2"));
    assert!(
        scene.answers(SPO2).told.iter().any(|told| told.to == "n2"),
        "who has to take it hears"
    );

    let (low, fast) = both(&scene);
    let part = ask(&mut scene, "n2", take("n1", &[&low]));
    assert_eq!(part.0, Outcome::Conflict);
    assert!(part.1.contains(fast.id.as_str()), "{}", part.1);
    assert_eq!(ask(&mut scene, "d1", take("n1", &[&low, &fast])).0, Outcome::NotFound);
    assert_eq!(ask(&mut scene, "n2", take("nurse", &[&low, &fast])).0, Outcome::Done);
    for rule in [SPO2, HEART] {
        let has = scene.answers(rule);
        assert_eq!((has.person.as_deref(), has.offered), (Some("n2"), None));
    }
    let again = ask(&mut scene, "n2", take("n1", &[&low, &fast]));
    assert_eq!(again.0, Outcome::NotFound);
}

#[test]
fn nobody_hands_over_what_they_have_not() {
    let mut scene = of_the_nurse();
    assert_eq!(ask(&mut scene, "d1", hand_over("n2")).0, Outcome::AlreadySo);
    assert_eq!(ask(&mut scene, "nurse", hand_over("n1")).0, Outcome::Invalid);
    assert_eq!(ask(&mut scene, "nurse", hand_over("nurse")).0, Outcome::Invalid);
}

#[test]
fn who_is_not_of_the_plan_is_handed_nothing() {
    let mut scene = of_the_nurse();
    scene.skip();
    for to in ["nurse-night", ""] {
        assert_eq!(ask(&mut scene, "nurse", hand_over(to)).0, Outcome::Invalid, "{to}");
    }
    assert_eq!(scene.answers(SPO2).offered, None);
    assert!(scene.answers(SPO2).told.iter().all(|told| told.to != "nurse-night"));
}

#[test]
fn what_is_news_is_handed_over_no_more() {
    let mut scene = of_the_nurse();
    ask(&mut scene, "nurse", hand_over("n2"));
    scene.by("nurse", SPO2, AlarmAct::Release);
    assert_eq!(scene.answers(SPO2).offered, None);
    let fast = scene.alarm(HEART);
    assert_eq!(ask(&mut scene, "n2", take("n1", &[&fast])).0, Outcome::Done);
}
