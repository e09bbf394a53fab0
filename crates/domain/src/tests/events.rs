//! Event rules: phases, ids, lateness, expiry.

use crate::model::command::{Action, AlarmAct, Outcome};
use crate::model::message::Phase::{End, Single, Start, Update};

use super::scene::Scene;

fn implant() -> Scene {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "cied", &[]);
    scene.bind("dev", "p");
    scene
}

#[test]
fn a_single_event_stays_until_a_person_acts() {
    let mut scene = implant();
    scene.event("dev", "vf_detected", Some("ep-1"), Single);
    scene.expect(&["raised high cied.vf: alarming, momentary"]);
    scene.advance(40.0 * 3_600.0);
    scene.expect(&[]);
    assert_eq!(scene.reset("cied.vf", None), crate::model::command::Outcome::Done);
    scene.expect(&["reset high cied.vf: closed reset"]);
}

#[test]
fn the_same_event_never_counts_twice_however_it_comes() {
    let mut scene = implant();
    for hour in 0..5 {
        scene.event_at("dev", "vf_detected", Some("ep-1"), Single, 0.0);
        scene.event_at("dev", "vt_detected", None, Single, 0.0);
        scene.advance(3_600.0);
        if hour == 0 {
            scene.expect(&[
                "raised high cied.vf: alarming, momentary",
                "raised medium cied.vt: alarming, momentary",
            ]);
        }
    }
    scene.expect(&[]);
    assert_eq!(scene.alarm("cied.vf").recurrence, 0);
}

#[test]
fn every_new_id_is_news_and_voids_the_acknowledgement() {
    let mut scene = implant();
    scene.event("dev", "vf_detected", Some("ep-1"), Single);
    scene.acknowledge("cied.vf");
    scene.skip();
    for n in 2..=4 {
        scene.advance(1.0);
        scene.event("dev", "vf_detected", Some(&format!("ep-{n}")), Single);
        scene.expect(&["recurred high cied.vf: alarming, momentary"]);
    }
    assert_eq!(scene.alarm("cied.vf").recurrence, 3);
    assert!(scene.alarm("cied.vf").acknowledged.is_none());
}

#[test]
fn a_start_makes_a_condition_that_its_end_ends() {
    let mut scene = implant();
    scene.event("dev", "vt_detected", Some("1"), Start);
    scene.expect(&["raised medium cied.vt: alarming, present"]);
    scene.event("dev", "vt_detected", Some("1"), Update);
    scene.expect(&[]);
    scene.advance(60.0);
    scene.event("dev", "vt_detected", Some("1"), End);
    scene.expect(&["latched medium cied.vt: latched, absent"]);
    scene.event("dev", "vt_detected", Some("1"), Start);
    scene.expect(&[]);
    scene.event("dev", "vt_detected", Some("2"), Start);
    scene.expect(&["recurred medium cied.vt: alarming, present"]);
}

#[test]
fn the_end_of_an_earlier_episode_does_not_end_a_later_one() {
    let mut scene = implant();
    scene.event("dev", "vt_detected", Some("1"), Start);
    scene.advance(300.0);
    scene.event("dev", "vt_detected", Some("2"), Start);
    scene.skip();
    scene.event_at("dev", "vt_detected", Some("1"), End, 60.0);
    scene.expect(&[]);
    scene.event("dev", "vt_detected", Some("2"), End);
    scene.expect(&["latched medium cied.vt: latched, absent"]);
}

#[test]
fn a_late_event_is_announced_as_late_and_one_step_lower_where_it_was_urgent() {
    let mut scene = implant();
    scene.device("slow", "bedside", &[]);
    scene.bind("slow", "p");
    scene.advance(3_600.0);
    scene.event_at("slow", "pacing_failure", Some("1"), Single, 5.0);
    scene.event_at("slow", "lead_fault", Some("1"), Single, 5.0);
    let news: Vec<String> =
        scene.news().into_iter().filter(|line| !line.contains("link.")).collect();
    assert_eq!(
        news,
        [
            "late raised medium cied.pacing_failure: alarming, momentary",
            "late raised medium cied.lead: alarming, momentary",
        ]
    );
}

#[test]
fn what_is_always_notified_is_an_alarm_however_old() {
    let mut scene = Scene::empty();
    scene.now.at = scene.now.at + crate::model::time::Span::hours(-400);
    scene.admit("p");
    scene.device("dev", "cied", &[]);
    scene.bind("dev", "p");
    scene.advance(400.0 * 3_600.0);
    scene.skip();
    scene.event_at("dev", "shock_delivered", Some("1"), Single, -300.0 * 3_600.0);
    let news = scene.news();
    assert!(
        news.contains(&"late raised medium cied.shock: alarming, momentary".to_owned()),
        "{news:?}"
    );
    scene.event_at("dev", "vt_detected", Some("1"), Single, -300.0 * 3_600.0);
    scene.expect(&["note historical"]);
}

#[test]
fn low_and_info_events_are_held_for_a_day() {
    let mut scene = implant();
    scene.event("dev", "af_detected", Some("1"), Single);
    scene.event("dev", "button_pressed", Some("1"), Single);
    scene.expect(&[
        "raised low cied.atrial: alarming, momentary",
        "raised info event.other: alarming, momentary",
    ]);
    scene.advance(20.0 * 3_600.0);
    scene.event("dev", "af_detected", Some("2"), Single);
    scene.expect(&["recurred low cied.atrial: alarming, momentary"]);
    scene.advance(4.0 * 3_600.0);
    scene.expect(&["expired info event.other: closed expired"]);
    scene.advance(20.0 * 3_600.0);
    scene.expect(&["expired low cied.atrial: closed expired"]);
}

#[test]
fn a_late_or_doubtful_end_ends_nothing() {
    let mut scene = implant();
    scene.event("dev", "vt_detected", Some("1"), Start);
    scene.skip();
    scene.advance(40.0 * 3_600.0);
    scene.event_at("dev", "vt_detected", Some("1"), End, 60.0);
    scene.expect(&[]);
    assert_eq!(scene.alarm("cied.vt").condition.as_str(), "present");
}

#[test]
fn a_message_redelivered_long_after_never_moves_what_is_closed() {
    use crate::model::input::Input;
    use crate::model::message::{Body, Mode, ReadingTime};
    let mut scene = Scene::bedside();
    let mut old = scene.message("dev");
    let mut reading = scene.measured("nibp_sys", 70.0);
    reading.time = ReadingTime::Unstated;
    old.mode = Mode::Test;
    old.body = Body::Telemetry { readings: vec![reading], refused: Vec::new() };
    let old = Input::Message(Box::new(old));
    let mut ids = Vec::new();
    for _ in 0..3 {
        scene.fold(std::slice::from_ref(&old));
        ids.push(scene.alarm("link.test_mode").id);
        scene.stream("dev", "spo2", 97.0, 70);
        scene.send("dev", "spo2", 97.0, |m, _| m.mode = Mode::Test);
        ids.push(scene.alarm("link.test_mode").id);
        scene.advance(1.0);
        scene.stream("dev", "spo2", 97.0, 1);
    }
    let raised = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), raised);
}

#[test]
fn events_without_id_and_time_are_distinguished_by_their_message() {
    use crate::model::input::Input;
    use crate::model::message::{Body, Event, ReadingTime};
    for numbered in [true, false] {
        let mut scene = implant();
        let send = |scene: &mut Scene, again: bool| {
            let event = Event {
                index: 0,
                id: None,
                time: ReadingTime::Unstated,
                name: "vf_detected".to_owned(),
                phase: Single,
                text: None,
            };
            let mut message = scene.message("dev");
            message.sent_at = None;
            message.seq = message.seq.filter(|_| numbered);
            message.body = Body::Events { events: vec![event], refused: Vec::new() };
            let twice = if again { 2 } else { 1 };
            for _ in 0..twice {
                scene.fold(&[Input::Message(Box::new(message.clone()))]);
            }
        };
        send(&mut scene, numbered);
        scene.expect(&["raised high cied.vf: alarming, momentary"]);
        scene.advance(60.0);
        send(&mut scene, numbered);
        scene.expect(&["recurred high cied.vf: alarming, momentary"]);
    }
}

#[test]
fn an_event_in_test_mode_does_not_hide_the_real_one() {
    use crate::model::input::Input;
    use crate::model::message::{Body, Event, Mode, ReadingTime};
    let mut scene = implant();
    let event = Event {
        index: 0,
        id: Some("ep-1".to_owned()),
        time: ReadingTime::At(scene.now.wall()),
        name: "vf_detected".to_owned(),
        phase: Single,
        text: None,
    };
    for (mode, expected) in [
        (Mode::Test, vec!["raised medium link.test_mode: alarming, present"]),
        (
            Mode::Real,
            vec![
                "ended medium link.test_mode: closed ended",
                "raised high cied.vf: alarming, momentary",
            ],
        ),
    ] {
        let mut message = scene.message("dev");
        message.mode = mode;
        message.body = Body::Events { events: vec![event.clone()], refused: Vec::new() };
        scene.fold(&[Input::Message(Box::new(message))]);
        scene.expect(&expected);
    }
}

#[test]
fn the_end_of_one_event_does_not_end_another_of_the_same_rule() {
    let mut scene = implant();
    scene.event("dev", "battery_empty", Some("1"), Start);
    scene.expect(&["raised high pump.delivery_stopped: alarming, present"]);
    scene.event("dev", "occlusion", Some("1"), Start);
    scene.advance(10.0);
    scene.skip();
    scene.event("dev", "occlusion", Some("1"), End);
    scene.event("dev", "cartridge_empty", Some("1"), End);
    scene.expect(&[]);
    scene.event("dev", "battery_empty", Some("1"), End);
    scene.expect(&["latched high pump.delivery_stopped: latched, absent"]);
}

#[test]
fn an_episode_that_goes_on_outlives_a_change_of_its_rule() {
    let mut scene = implant();
    scene.event("dev", "battery_empty", Some("1"), Start);
    scene.event("dev", "occlusion", None, Start);
    scene.skip();
    scene.reconfigure("Insulin delivery stopped", "No insulin");
    scene.expect(&[
        "rule_changed high pump.delivery_stopped: closed rule_changed",
        "raised high pump.delivery_stopped: alarming, present",
    ]);
    scene.advance(1.0);
    scene.event("dev", "battery_empty", Some("1"), End);
    scene.expect(&[]);
    scene.event("dev", "occlusion", None, End);
    scene.expect(&["latched high pump.delivery_stopped: latched, absent"]);
}

#[test]
fn no_stream_of_events_makes_an_alarm_unanswerable() {
    let mut scene = implant();
    scene.event("dev", "vf_detected", Some("0"), Single);
    let seen = scene.alarm("cied.vf");
    scene.skip();
    let mut answered = 0;
    for n in 1..=150 {
        scene.advance(0.02);
        scene.event("dev", "vf_detected", Some(&n.to_string()), Single);
        if n % 6 == 0 {
            let (id, seen) = (seen.id.clone(), seen.seq);
            let action = Action::Alarm { id, seen, act: AlarmAct::Acknowledge };
            let (outcome, why) = scene.command(action);
            assert!(matches!(outcome, Outcome::Done | Outcome::AlreadySo), "{why}");
            answered += 1;
        }
    }
    scene.advance(0.5);
    scene.event("dev", "vf_detected", Some("last"), Single);
    scene.advance(1.0);
    assert_eq!(answered, 25);
    let told: Vec<_> =
        scene.news().into_iter().filter(|line| line.starts_with("recurred")).collect();
    assert!(told.len() <= 5, "one a second: {told:?}");
    let alarm = scene.alarm("cied.vf");
    assert!(alarm.acknowledged.is_none(), "the last events were told after the last answer");
    // What nobody could have read is not reset.
    scene.event("dev", "vf_detected", Some("a"), Single);
    scene.event("dev", "vf_detected", Some("b"), Single);
    assert_eq!(scene.reset("cied.vf", None), Outcome::Conflict);
    scene.advance(1.0);
    assert_eq!(scene.reset("cied.vf", None), Outcome::Done);
}

#[test]
fn a_start_heard_after_its_end_is_told_as_over() {
    let mut scene = implant();
    scene.event("dev", "vf_detected", Some("7"), End);
    scene.event("dev", "vf_detected", Some("7"), End);
    scene.expect(&[]);
    scene.event("dev", "vf_detected", Some("7"), Start);
    scene.expect(&["raised high cied.vf: alarming, momentary"]);
    scene.event("dev", "vf_detected", Some("7"), Start);
    scene.event("dev", "vf_detected", Some("7"), End);
    scene.expect(&[]);
}

#[test]
fn without_a_number_a_start_at_the_time_of_an_end_begins_another_episode() {
    let mut scene = implant();
    scene.event_at("dev", "occlusion", None, End, 0.0);
    scene.expect(&[]);
    scene.event_at("dev", "occlusion", None, Start, 0.0);
    scene.expect(&["raised high pump.delivery_stopped: alarming, present"]);
}

#[test]
fn an_end_that_came_too_late_is_heard_again_live_and_ends_its_episode() {
    let mut scene = Scene::bedside();
    scene.event("dev", "vt_detected", Some("1"), Start);
    scene.advance(200.0);
    scene.skip();
    scene.event_at("dev", "vt_detected", Some("1"), End, 30.0);
    scene.expect(&[]);
    assert_eq!(scene.reset("cied.vt", None), Outcome::Conflict, "it may go on");
    scene.advance(1.0);
    scene.skip();
    scene.event("dev", "vt_detected", Some("1"), End);
    let news = scene.news();
    assert!(news.contains(&"latched medium cied.vt: latched, absent".to_owned()), "{news:?}");
    assert_eq!(scene.reset("cied.vt", None), Outcome::Done);
}
