//! Rows 9 to 19 and 27: what people do about an alarm.

use crate::model::command::{Action, AlarmAct, Outcome};
use crate::model::message::Phase;
use crate::tests::scene::Scene;

use super::{SPO2, low_event, low_spo2};

#[test]
fn row_09_acknowledging_holds_for_the_time_of_its_priority() {
    let mut scene = low_spo2();
    assert_eq!(scene.acknowledge(SPO2), Outcome::Done);
    scene.expect(&["acknowledged medium vitals_live.spo2_low: acknowledged, present"]);
    let taken = scene.alarm(SPO2).acknowledged.unwrap();
    assert_eq!(taken.by, "nurse");
    assert_eq!(taken.until.unwrap(), taken.at + crate::model::time::Span::mins(60));
    let (outcome, detail) = scene.act(SPO2, AlarmAct::Acknowledge);
    assert_eq!(outcome, Outcome::AlreadySo);
    assert!(detail.contains("nurse"), "{detail}");
}

#[test]
fn row_10_an_acknowledgement_runs_out() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 70.0, 6);
    scene.expect(&["raised high vitals_live.spo2_low: alarming, present"]);
    scene.acknowledge(SPO2);
    scene.stream("dev", "spo2", 70.0, 599);
    scene.expect(&["acknowledged high vitals_live.spo2_low: acknowledged, present"]);
    scene.stream("dev", "spo2", 70.0, 1);
    scene.expect(&["acknowledgement_over high vitals_live.spo2_low: alarming, present"]);
}

#[test]
fn row_10_asks_for_news() {
    let mut scene = Scene::bedside();
    scene.reading("dev", "nibp_sys", 70.0);
    scene.acknowledge("vitals_live.nibp_sys_low");
    scene.skip();
    // Nothing was measured since: the acknowledgement holds.
    scene.stream("dev", "heart_rate", 70.0, 2_000);
    scene.expect(&[]);
    scene.reading("dev", "nibp_sys", 71.0);
    scene.expect(&["acknowledgement_over high vitals_live.nibp_sys_low: alarming, present"]);
}

#[test]
fn row_10_or_that_the_signal_is_silent() {
    let mut scene = low_spo2();
    scene.acknowledge(SPO2);
    scene.stream("dev", "spo2", 86.0, 5);
    scene.skip();
    scene.advance(9.0);
    scene.stream("dev", "heart_rate", 70.0, 3_700);
    let of_spo2 = |line: &String| line.contains("spo2");
    let news: Vec<_> = scene.news().into_iter().filter(of_spo2).collect();
    assert_eq!(
        news,
        [
            "unknown medium vitals_live.spo2_low: acknowledged, unknown",
            "acknowledgement_over medium vitals_live.spo2_low: alarming, unknown",
        ]
    );
}

#[test]
fn row_10_a_rule_or_a_class_may_say_for_how_long() {
    let by_rule = ("id = \"vitals_live.spo2\"\n", "low");
    for (anchor, word) in [by_rule, ("[class.bedside]\n", "medium")] {
        let mut scene = Scene::bedside();
        scene.reconfigure(anchor, &format!("{anchor}acknowledge_for = {{ {word} = \"2m\" }}\n"));
        scene.stream("dev", "spo2", 84.0, 16);
        scene.acknowledge(SPO2);
        scene.skip();
        scene.stream("dev", "spo2", 84.0, 119);
        scene.expect(&[]);
        scene.stream("dev", "spo2", 84.0, 3);
        scene.expect(&["acknowledgement_over medium vitals_live.spo2_low: alarming, present"]);
    }
}

#[test]
fn row_10_goes_by_the_limit_that_the_newest_reading_is_beyond() {
    let mut scene = Scene::bedside();
    let id = "id = \"vitals_live.spo2\"\n";
    let holds = "acknowledge_for = { low = \"3m\", critical_low = \"1m\" }";
    scene.reconfigure(id, &format!("{id}{holds}\n"));
    scene.stream("dev", "spo2", 75.0, 6);
    scene.acknowledge(SPO2);
    scene.skip();
    scene.stream("dev", "spo2", 84.0, 100);
    scene.expect(&["updated high vitals_live.spo2_low: acknowledged, present"]);
    let taken = scene.alarm(SPO2).acknowledged.unwrap();
    assert_eq!(taken.until.unwrap(), taken.at + crate::model::time::Span::mins(3));
    scene.stream("dev", "spo2", 75.0, 1);
    scene.expect(&["acknowledgement_over high vitals_live.spo2_low: alarming, present"]);
}

#[test]
fn row_10_is_not_told_of_what_was_beyond_and_is_no_more() {
    let mut scene = Scene::bedside();
    let id = "id = \"vitals_live.spo2\"\n";
    scene.reconfigure(id, &format!("{id}acknowledge_for = {{ low = \"2m\" }}\n"));
    scene.stream("dev", "spo2", 84.0, 16);
    scene.acknowledge(SPO2);
    scene.skip();
    scene.stream("dev", "spo2", 84.0, 60);
    // Not beyond, and not inside by the hysteresis.
    scene.stream("dev", "spo2", 89.0, 120);
    scene.expect(&[]);
    scene.stream("dev", "spo2", 84.0, 1);
    scene.expect(&["acknowledgement_over medium vitals_live.spo2_low: alarming, present"]);
}

#[test]
fn row_11_over_while_acknowledged_closes() {
    let mut scene = low_spo2();
    scene.acknowledge(SPO2);
    scene.skip();
    scene.stream("dev", "spo2", 97.0, 61);
    scene.expect(&["ended medium vitals_live.spo2_low: closed ended"]);
}

#[test]
fn row_12_worse_voids_the_acknowledgement() {
    let mut scene = low_spo2();
    scene.acknowledge(SPO2);
    scene.skip();
    scene.stream("dev", "spo2", 70.0, 4);
    scene.expect(&[]);
    scene.stream("dev", "spo2", 70.0, 1);
    scene.expect(&["priority_rose high vitals_live.spo2_low: alarming, present"]);
}

#[test]
fn row_12_a_new_event_id_voids_it_too() {
    let mut scene = low_event();
    scene.acknowledge("cied.atrial");
    scene.skip();
    scene.advance(1.0);
    scene.event("dev", "af_detected", Some("b"), Phase::Start);
    scene.expect(&["recurred low cied.atrial: alarming, present"]);
    assert_eq!(scene.alarm("cied.atrial").recurrence, 1);
}

#[test]
fn row_13_an_acknowledgement_is_taken_back() {
    let mut scene = low_spo2();
    scene.acknowledge(SPO2);
    scene.skip();
    assert_eq!(scene.act(SPO2, AlarmAct::Unacknowledge).0, Outcome::Done);
    scene.expect(&["unacknowledged medium vitals_live.spo2_low: alarming, present"]);
    assert_eq!(scene.act(SPO2, AlarmAct::Unacknowledge).0, Outcome::AlreadySo);
}

#[test]
fn row_19_a_latched_alarm_is_reset_by_either_word() {
    for act in [AlarmAct::Acknowledge, AlarmAct::Reset { reason: None }] {
        let mut scene = low_spo2();
        assert_eq!(scene.reset(SPO2, None), Outcome::Conflict, "while present");
        scene.stream("dev", "spo2", 97.0, 61);
        scene.skip();
        assert_eq!(scene.act(SPO2, act).0, Outcome::Done);
        scene.expect(&["reset medium vitals_live.spo2_low: closed reset"]);
    }
}

#[test]
fn row_19_while_unknown_only_with_a_reason() {
    let mut scene = low_spo2();
    scene.advance(10.0);
    scene.skip();
    assert_eq!(scene.reset(SPO2, None), Outcome::Conflict);
    assert_eq!(scene.reset(SPO2, Some(" ")), Outcome::Conflict);
    assert_eq!(scene.reset(SPO2, Some("patient is in theatre")), Outcome::Done);
    scene.expect(&["reset medium vitals_live.spo2_low: closed reset"]);
}

#[test]
fn row_27_a_closed_alarm_takes_no_command() {
    let mut scene = low_event();
    let before = scene.alarm("cied.atrial");
    scene.event("dev", "af_detected", Some("a"), Phase::End);
    scene.skip();
    for act in [
        AlarmAct::Acknowledge,
        AlarmAct::Unacknowledge,
        AlarmAct::Reset { reason: Some("x".to_owned()) },
    ] {
        let action = Action::Alarm { id: before.id.clone(), seen: before.seq, act };
        let (outcome, _) = scene.command(action);
        assert!(matches!(outcome, Outcome::NotFound | Outcome::Conflict), "{outcome:?}");
    }
    scene.expect(&[]);
}

#[test]
fn a_command_of_somebody_who_saw_less_is_refused() {
    let mut scene = low_spo2();
    let seen = scene.alarm(SPO2);
    scene.stream("dev", "spo2", 70.0, 6);
    scene.skip();
    let act = AlarmAct::Acknowledge;
    let (outcome, _) = scene.command(Action::Alarm { id: seen.id, seen: seen.seq, act });
    assert_eq!(outcome, Outcome::Conflict);
    assert_eq!(scene.acknowledge(SPO2), Outcome::Done);
}

#[test]
fn an_acknowledged_alarm_of_the_gateway_sounds_again_too() {
    use crate::model::input::Input;
    let mut scene = Scene::empty();
    scene.fold(&[Input::Store { failing: true }]);
    scene.acknowledge("store.failing");
    scene.skip();
    scene.advance(600.0);
    scene.expect(&["acknowledgement_over high store.failing: alarming, present"]);
    scene.fold(&[Input::Store { failing: false }]);
    scene.expect(&["ended high store.failing: closed ended"]);
}
