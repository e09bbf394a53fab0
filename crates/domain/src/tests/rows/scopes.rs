//! Row 2: what begins under a pause of a rule, a patient or a bed.

use crate::model::alarm::State;
use crate::model::command::{Action, AgeClass, AlarmAct, Outcome};
use crate::model::pause::{Pause, Scope, What};
use crate::model::time::Span;
use crate::tests::scene::Scene;

use super::SPO2;

/// Adult `p` in bed `b` of ward `w`, with the monitor `dev`.
fn in_bed() -> Scene {
    let mut scene = Scene::empty();
    scene.done(Action::AddWard("w".parse().unwrap()));
    for bed in ["b", "c"] {
        scene.done(Action::AddBed { bed: bed.parse().unwrap(), ward: "w".parse().unwrap() });
    }
    scene.admit_with("p", |details| details.bed = Some("b".parse().unwrap()));
    scene.device("dev", "bedside", &[]);
    scene.bind("dev", "p");
    scene.skip();
    scene
}

fn of_rule(rule: &str) -> Scope {
    Scope { rule: Some(rule.parse().unwrap()), ..Scope::default() }
}

fn of_patient() -> Scope {
    Scope { patient: Some("p".parse().unwrap()), ..Scope::default() }
}

fn of_bed() -> Scope {
    Scope { bed: Some("b".parse().unwrap()), ..Scope::default() }
}

fn ask(scene: &Scene, scope: Scope, seconds: i64) -> Action {
    let until = scene.now.wall() + Span::secs(seconds);
    Action::Pause { scope, reason: "CT".to_owned(), until }
}

#[track_caller]
fn pause(scene: &mut Scene, scope: Scope, seconds: i64) -> Pause {
    let action = ask(scene, scope, seconds);
    let answer = scene.answer(action);
    assert_eq!(answer.outcome, Outcome::Done, "{}", answer.detail);
    answer.pause.unwrap()
}

#[test]
fn row_02_what_begins_under_a_pause_is_paused() {
    for scope in
        [of_rule(SPO2), of_patient(), of_bed(), Scope { rule: of_rule(SPO2).rule, ..of_bed() }]
    {
        let mut scene = in_bed();
        pause(&mut scene, scope, 3_600);
        scene.stream("dev", "spo2", 84.0, 16);
        scene.expect(&["raised medium vitals_live.spo2_low: paused, present"]);
        let kept_back = scene.alarm(SPO2).inactivation.unwrap();
        assert_eq!((&*kept_back.by, kept_back.reason.as_deref()), ("nurse", Some("CT")));
        assert_eq!(kept_back.until, kept_back.at + Span::mins(10), "no longer than any medium one");
        assert_eq!(scene.alarm(SPO2).ladder_held_until(scene.now.wall()), Some(kept_back.until));
    }
}

#[test]
fn row_02_a_high_one_is_announced_after_2_min_at_the_latest() {
    let mut scene = in_bed();
    pause(&mut scene, of_patient(), 3_600);
    scene.stream("dev", "spo2", 75.0, 125);
    assert_eq!(scene.told(), ["high vitals_live.spo2_low"]);
    assert_eq!(scene.alarm(SPO2).announced_at - scene.alarm(SPO2).raised_at, Span::mins(2));
}

#[test]
fn row_02_and_what_is_worse_breaks_through() {
    let mut scene = in_bed();
    pause(&mut scene, of_patient(), 3_600);
    scene.stream("dev", "spo2", 84.0, 16);
    scene.skip();
    scene.stream("dev", "spo2", 75.0, 6);
    scene.expect(&["priority_rose high vitals_live.spo2_low: alarming, present"]);
}

#[test]
fn row_02_ends_with_the_pause_that_lasts_longest() {
    let mut scene = in_bed();
    pause(&mut scene, of_patient(), 60);
    let longest = pause(&mut scene, of_bed(), 90);
    pause(&mut scene, of_rule(SPO2), 30);
    scene.stream("dev", "spo2", 84.0, 16);
    assert_eq!(scene.alarm(SPO2).inactivation.unwrap().until, longest.until);
    scene.skip();
    scene.stream("dev", "spo2", 84.0, 75);
    scene.expect(&["pause_over medium vitals_live.spo2_low: alarming, present"]);
}

#[test]
fn row_02_other_alarms_and_those_that_stood_are_not_paused() {
    let mut scene = in_bed();
    scene.stream("dev", "spo2", 84.0, 16);
    pause(&mut scene, of_rule("vitals_live.heart_rate_high"), 3_600);
    pause(&mut scene, of_rule(SPO2), 3_600);
    assert_eq!(scene.alarm(SPO2).state, State::Alarming);
    scene.skip();
    scene.admit("q");
    scene.device("dev-2", "bedside", &[]);
    scene.bind("dev-2", "q");
    scene.stream("dev-2", "respiratory_rate", 3.0, 30);
    assert!(scene.told().iter().any(|told| told.contains("respiratory_rate_low")));
}

#[test]
fn row_02_a_pause_that_a_person_ends_ends_that_of_what_began_under_it() {
    let mut scene = in_bed();
    let stands = pause(&mut scene, of_patient(), 3_600);
    scene.stream("dev", "spo2", 84.0, 16);
    scene.skip();
    let answer = scene.answer(Action::EndPause { id: stands.id });
    assert_eq!((answer.outcome, answer.pause.unwrap().id), (Outcome::Done, stands.id));
    scene.expect(&["pause_over medium vitals_live.spo2_low: alarming, present"]);
    assert_eq!(scene.command(Action::EndPause { id: stands.id }).0, Outcome::NotFound);
}

#[test]
fn row_16_what_was_high_and_over_before_anybody_heard_of_it_calls_at_the_end_of_its_pause() {
    for by_hand in [false, true] {
        let mut scene = in_bed();
        let stands = pause(&mut scene, of_patient(), 3_600);
        scene.stream("dev", "spo2", 75.0, 6);
        scene.stream("dev", "spo2", 97.0, 62);
        assert_eq!(scene.told(), Vec::<String>::new());
        assert_eq!(scene.alarm(SPO2).state, State::Latched);
        if by_hand {
            scene.done(Action::EndPause { id: stands.id });
        } else {
            scene.stream("dev", "spo2", 97.0, 60);
        }
        assert_eq!(scene.told(), ["high vitals_live.spo2_low"]);
        assert_eq!(scene.alarm(SPO2).state, State::Latched);
    }
    // Of what is less grave there is a word, and nobody is called.
    let mut scene = in_bed();
    pause(&mut scene, of_patient(), 3_600);
    scene.stream("dev", "spo2", 84.0, 16);
    scene.stream("dev", "spo2", 97.0, 62);
    scene.skip();
    scene.stream("dev", "spo2", 97.0, 600);
    scene.expect(&["ended_while_paused medium vitals_live.spo2_low: latched, absent"]);
}

#[test]
fn row_02_a_pause_that_is_over_is_none() {
    let mut scene = in_bed();
    let stands = pause(&mut scene, of_patient(), 10);
    scene.advance(10.0);
    scene.stream("dev", "spo2", 84.0, 16);
    scene.expect(&["raised medium vitals_live.spo2_low: alarming, present"]);
    assert_eq!(scene.command(Action::EndPause { id: stands.id }).0, Outcome::NotFound);
    assert!(scene.core.site.pauses.is_empty());
}

#[test]
fn nobody_inherits_a_pause() {
    let patient = || "p".parse().unwrap();
    let leaves = [
        Action::DischargePatient { patient: patient(), reason: None, replaces: None },
        Action::TransferPatient {
            patient: patient(),
            bed: Some("c".parse().unwrap()),
            replaces: None,
        },
    ];
    for (way, leaves) in leaves.into_iter().enumerate() {
        let mut scene = in_bed();
        pause(&mut scene, of_bed(), 3_600);
        pause(&mut scene, of_patient(), 3_600);
        scene.done(leaves);
        let stand = scene.core.site.pauses.iter().map(|one| one.scope.clone());
        let stand: Vec<Scope> = stand.collect();
        assert_eq!(stand, if way == 0 { vec![] } else { vec![of_patient()] });
    }
}

#[test]
fn a_pause_that_could_have_no_effect_is_refused() {
    let mut scene = in_bed();
    let bed = |bed: &str| Scope { bed: Some(bed.parse().unwrap()), ..Scope::default() };
    for (scope, seconds, outcome) in [
        (Scope::default(), 60, Outcome::Invalid),
        (Scope { patient: of_patient().patient, ..of_bed() }, 60, Outcome::Invalid),
        (of_patient(), 0, Outcome::Invalid),
        (of_patient(), 24 * 3_600 + 1, Outcome::Invalid),
        (of_rule("vitals_live.spo2"), 60, Outcome::NotFound),
        (of_rule("store.failing"), 60, Outcome::NotFound),
        (Scope { patient: Some("q".parse().unwrap()), ..Scope::default() }, 60, Outcome::NotFound),
        (bed("x"), 60, Outcome::NotFound),
        (bed("c"), 60, Outcome::Conflict),
        (of_rule("link.silence"), 60, Outcome::Done),
    ] {
        let action = ask(&scene, scope.clone(), seconds);
        assert_eq!(scene.command(action).0, outcome, "{scope:?}");
    }
    let until = scene.now.wall() + Span::mins(1);
    let no_reason = Action::Pause { scope: of_patient(), reason: " ".to_owned(), until };
    assert_eq!(scene.command(no_reason).0, Outcome::Invalid);
}

#[test]
fn pauses_outlive_a_restart() {
    let mut scene = in_bed();
    pause(&mut scene, of_bed(), 3_600);
    scene.restart(1.0);
    scene.skip();
    scene.stream("dev", "spo2", 84.0, 16);
    let news = scene.news();
    assert!(
        news.contains(&"raised medium vitals_live.spo2_low: paused, present".to_owned()),
        "{news:?}"
    );
}

/// Alarm of medium priority that began and latched under a pause of the patient.
fn latched_under_a_pause() -> Scene {
    let mut scene = in_bed();
    pause(&mut scene, of_patient(), 3_600);
    scene.stream("dev", "spo2", 84.0, 16);
    scene.stream("dev", "spo2", 97.0, 62);
    assert_eq!(scene.alarm(SPO2).state, State::Latched);
    scene.skip();
    scene
}

#[test]
fn row_16_what_was_over_under_a_pause_is_told_though_its_rule_judges_no_more() {
    let mut scene = latched_under_a_pause();
    scene.change(Some(AgeClass::Paediatric), None);
    scene.stream("dev", "spo2", 97.0, 600);
    let told = "ended_while_paused medium vitals_live.spo2_low: closed rule_changed".to_owned();
    let news = scene.news();
    assert!(news.contains(&told), "{news:?}");
}

#[test]
fn row_25_what_was_over_under_a_pause_is_told_with_the_stay() {
    let mut scene = latched_under_a_pause();
    scene.done(Action::DischargePatient {
        patient: "p".parse().unwrap(),
        reason: None,
        replaces: None,
    });
    scene.expect(&[
        "discharged medium vitals_live.spo2_low: closed discharged",
        "ended_while_paused medium vitals_live.spo2_low: closed discharged",
    ]);
}

#[test]
fn row_16_what_was_high_and_nobody_heard_of_calls_though_it_was_paused_anew() {
    let mut scene = in_bed();
    pause(&mut scene, of_patient(), 3_600);
    scene.stream("dev", "spo2", 75.0, 6);
    scene.stream("dev", "spo2", 97.0, 62);
    let anew = AlarmAct::Pause { what: What::Alarm, reason: None, until: None };
    assert_eq!(scene.act(SPO2, anew).0, Outcome::Done);
    assert_eq!(scene.told(), Vec::<String>::new());
    scene.stream("dev", "spo2", 97.0, 60);
    assert_eq!(scene.told(), ["high vitals_live.spo2_low"]);
    assert_eq!(scene.alarm(SPO2).state, State::Latched);
}
