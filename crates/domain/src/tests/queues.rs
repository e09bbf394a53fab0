//! A clock or a queue (contract §3).

use crate::model::input::Input;
use crate::model::message::{Body, Event, Message, Phase, Reading, ReadingTime, Relay};
use crate::model::time::{Span, Timestamp};

use super::scene::{Scene, at};

/// A message made at a second of the scene and sent unchanged whenever it is sent, by a clock without source.
fn made(second: f64) -> impl FnOnce(&mut Message, &mut Reading) {
    move |message, reading| {
        message.clock = None;
        message.sent_at = Some(at(second));
        reading.time = ReadingTime::At(at(second));
    }
}

#[test]
fn a_queue_of_a_device_never_seen_is_late_and_belongs_to_its_time() {
    let mut scene = Scene::bedside();
    scene.advance(3_600.0);
    for n in 0..300 {
        scene.send("dev", "spo2", 70.0, made(f64::from(n) * 10.0));
        scene.advance(1.0 / 30.0);
    }
    let alarm = scene.alarm("vitals_live.spo2_low");
    assert!(alarm.late, "{alarm:?}");
    assert!(scene.latest("p", "dev", "spo2").is_none(), "nothing of it is the present");
    scene.send("dev", "spo2", 97.0, made(scene.second()));
    assert_eq!(scene.latest("p", "dev", "spo2").unwrap().measured, scene.now.wall());
}

#[test]
fn a_device_that_sends_and_leaves_is_judged_like_any_other() {
    let mut scene = Scene::bedside();
    scene.device("cuff", "spot", &[]);
    scene.bind("cuff", "p");
    scene.advance(60.0);
    scene.send("cuff", "nibp_sys", 70.0, made(scene.second()));
    assert!(scene.find("vitals_live.nibp_sys_low").is_some());
    for _ in 0..2 {
        assert_eq!(scene.alarm("vitals_live.nibp_sys_low").condition.as_str(), "present");
        scene.advance(600.0);
        scene.send("cuff", "nibp_sys", 120.0, made(scene.second()));
    }
    assert_eq!(
        scene.latest("p", "cuff", "nibp_sys").map(|latest| latest.number.value),
        Some(120.0)
    );
    assert_eq!(scene.alarm("vitals_live.nibp_sys_low").condition.as_str(), "absent");
}

#[test]
fn a_clock_put_right_is_believed_at_once_and_said() {
    let mut scene = Scene::bedside();
    let ahead = |message: &mut Message, reading: &mut Reading| {
        let stamp = message.sent_at.unwrap() + Span::hours(3);
        (message.clock, message.sent_at) = (None, Some(stamp));
        reading.time = ReadingTime::At(stamp);
    };
    for _ in 0..15 {
        scene.send("dev", "spo2", 97.0, ahead);
        scene.advance(1.0);
    }
    scene.skip();
    scene.send("dev", "spo2", 96.0, made(scene.second()));
    scene.expect(&["raised low clock.stepped: alarming, momentary"]);
    assert_eq!(scene.latest("p", "dev", "spo2").map(|latest| latest.number.value), Some(96.0));
}

#[test]
fn a_clock_of_years_ago_is_broken_and_what_it_says_is_told_as_of_now() {
    let mut scene = Scene::bedside();
    scene.advance(60.0);
    scene.send("dev", "nibp_sys", 235.0, made(-5.0 * 365.0 * 86_400.0));
    let alarm = scene.alarm("vitals_live.nibp_sys_high");
    assert!(!alarm.late && alarm.condition_reason.is_some(), "{alarm:?}");
    assert!(scene.find("clock.suspect").is_some());
}

#[test]
fn the_clock_of_one_relay_says_nothing_of_another() {
    let mut scene = Scene::bedside();
    for relay in ["good", "fast"] {
        scene.device(relay, "relay", &[]);
    }
    let by = |relay: &'static str, ahead: i64| {
        move |message: &mut Message, reading: &mut Reading| {
            message.principal = relay.parse().unwrap();
            let stamp = message.sent_at.unwrap() + Span::secs(ahead);
            (message.clock, message.sent_at) = (None, Some(stamp));
            reading.time = ReadingTime::At(stamp);
        }
    };
    for _ in 0..15 {
        scene.send("dev", "heart_rate", 70.0, by("fast", 180));
        scene.send("dev", "spo2", 97.0, by("good", 0));
        scene.advance(1.0);
    }
    assert_eq!(scene.latest("p", "dev", "spo2").unwrap().measured, at(14.0));
    assert_eq!(scene.latest("p", "dev", "heart_rate").unwrap().measured, at(14.0));
}

#[test]
fn an_earlier_boot_is_never_the_present_and_a_new_counter_after_three() {
    let mut scene = Scene::bedside();
    let boot = |boot: u64| move |message: &mut Message, _: &mut Reading| message.boot = Some(boot);
    scene.send("dev", "nibp_sys", 70.0, boot(5));
    scene.advance(60.0);
    scene.send("dev", "nibp_sys", 120.0, |m, r| {
        (m.boot, m.sent_at, r.time) = (Some(4), None, ReadingTime::Unstated);
    });
    assert_ne!(scene.alarm("vitals_live.nibp_sys_low").condition.as_str(), "absent");
    scene.skip();
    for _ in 0..4 {
        scene.advance(60.0);
        scene.send("dev", "nibp_sys", 120.0, boot(1));
    }
    assert!(scene.find("link.boot_reset").is_some());
    assert_eq!(scene.alarm("vitals_live.nibp_sys_low").condition.as_str(), "absent");
}

/// Heart rate 70 for 5 s, then 0, from a device that numbers these messages so.
fn numbered(numbers: impl IntoIterator<Item = u64>) -> Scene {
    let mut scene = Scene::bedside();
    for (n, seq) in numbers.into_iter().enumerate() {
        let value = if n < 5 { 70.0 } else { 0.0 };
        scene.send("dev", "heart_rate", value, |message, _| message.seq = Some(seq));
        scene.advance(1.0);
    }
    scene
}

#[test]
fn a_counter_of_eight_bits_that_wraps_keeps_nobody_from_being_told() {
    let scene = numbered((251..256).chain(0..20));
    let alarm = scene.alarm("vitals_live.asystole_low");
    assert_eq!((alarm.late, alarm.condition.as_str()), (false, "present"));
    assert_eq!(scene.alarm("link.boot_reset").priority.as_str(), "low");
}

#[test]
fn one_wild_number_keeps_nobody_from_being_told() {
    let scene = numbered((1..5).chain([(1 << 53) - 1]).chain(5..25));
    let alarm = scene.alarm("vitals_live.asystole_low");
    assert_eq!((alarm.late, alarm.condition.as_str()), (false, "present"));
    assert_eq!(scene.alarm("link.boot_reset").priority.as_str(), "low");
}

#[test]
fn a_clock_that_stands_years_back_is_a_broken_one_in_whatever_year() {
    for year in [946_684_800_i64, 1_577_836_800, 1_609_459_200] {
        let mut scene = Scene::bedside();
        scene.send("dev", "nibp_sys", 235.0, move |message, reading| {
            let stamp = Timestamp::from_millis(year * 1_000);
            (message.clock, message.sent_at, reading.time) =
                (None, Some(stamp), ReadingTime::At(stamp));
        });
        let alarm = scene.alarm("vitals_live.nibp_sys_high");
        assert_eq!((alarm.priority.as_str(), alarm.late), ("high", false), "{year}");
        assert!(scene.find("clock.suspect").is_some());
    }
}

/// A monitor that is the first patient's for two hours and the second's from then on; now it is so many seconds.
fn handed_on(second: f64) -> Scene {
    let mut scene = Scene::bedside();
    scene.admit("q");
    scene.advance(7_200.0);
    scene.done(crate::model::command::Action::Unbind {
        device: "dev".parse().unwrap(),
        replaces: None,
    });
    scene.bind("dev", "q");
    scene.advance(second - 7_200.0);
    scene.skip();
    scene
}

#[test]
fn readings_of_a_queue_belong_to_whom_the_device_was_bound_then() {
    for (made_at, whose, other) in [(0.0, "p", "q"), (8_000.0, "q", "p")] {
        let mut scene = handed_on(14_400.0);
        for n in 0..100 {
            scene.send("dev", "spo2", 70.0, made(made_at + f64::from(n) * 10.0));
            scene.advance(1.0 / 30.0);
        }
        let alarm = scene.alarm("vitals_live.spo2_low");
        assert_eq!((alarm.patient.unwrap().as_str(), alarm.late), (whose, true));
        assert!(scene.series(other, "dev", "spo2").is_none(), "nothing of it is of {other}");
    }
}

/// The clock of the monitor of the second patient stood three hours ahead, was known to, and is right now.
fn about_to_be_put_right() -> Scene {
    let mut scene = handed_on(4.0 * 3_600.0);
    for _ in 0..15 {
        scene.send("dev", "spo2", 97.0, made(scene.second() + 3.0 * 3_600.0));
        scene.advance(1.0);
    }
    scene.skip();
    scene
}

#[test]
fn after_its_clock_was_put_right_a_monitor_speaks_of_its_patient_and_not_of_the_one_before() {
    let mut scene = about_to_be_put_right();
    for _ in 0..6 {
        scene.send("dev", "heart_rate", 20.0, made(scene.second()));
        scene.advance(1.0);
    }
    scene.expect(&[
        "raised low clock.stepped: alarming, momentary",
        "raised high vitals_live.bradycardia_low: alarming, present",
        "raised high vitals_live.heart_rate_low: alarming, present",
    ]);
    assert_eq!(scene.alarm("vitals_live.heart_rate_low").patient.unwrap().as_str(), "q");
    assert!(scene.core.patients["p"].alarms.is_empty());
    assert!(scene.series("p", "dev", "heart_rate").is_none());
}

#[test]
fn what_was_stamped_before_a_clock_was_put_right_is_nobodys_where_the_old_clock_says_another() {
    let mut scene = about_to_be_put_right();
    let now = scene.second();
    // By the clock as it is now of the second patient, as it was before of the first.
    scene.send("dev", "heart_rate", 20.0, |message, reading| {
        made(now)(message, reading);
        reading.time = ReadingTime::At(at(now - 3_600.0));
    });
    scene.expect(&[
        "raised low clock.stepped: alarming, momentary",
        "raised low link.unattributed: alarming, momentary",
    ]);
    for patient in ["p", "q"] {
        assert!(scene.series(patient, "dev", "heart_rate").is_none(), "{patient}");
    }
    assert_eq!(scene.alarm("link.unattributed").patient.unwrap().as_str(), "q");
}

#[test]
fn an_episode_of_an_implant_whose_clock_stands_years_back_is_told_live_through_its_relay() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("implant", "cied", &[]);
    scene.device("home", "relay", &[]);
    scene.bind("implant", "p");
    scene.advance(600.0);
    let now = scene.now.wall();
    let years = Span::days(11 * 365);
    let mut message = scene.message("implant");
    message.principal = "home".parse().unwrap();
    (message.sent_at, message.clock) = (None, None);
    message.relay = Some(Relay {
        id: "home".parse().unwrap(),
        device_clock: Some(now - years),
        received_at: Some(now),
        sent_at: Some(now),
    });
    let event = Event {
        index: 0,
        id: Some("ep-1".to_owned()),
        time: ReadingTime::At(now - years - Span::secs(30)),
        name: "vf_detected".to_owned(),
        phase: Phase::Single,
        text: None,
    };
    message.body = Body::Events { events: vec![event], refused: Vec::new() };
    scene.fold(&[Input::Message(Box::new(message))]);
    scene.expect(&["raised high cied.vf: alarming, momentary"]);
    assert_eq!(scene.alarm("cied.vf").trigger.measured_at, Some(at(570.0)));
}

#[test]
fn after_a_boot_that_went_back_the_clock_is_learnt_like_any_other() {
    for ahead in [1_200.0, -60.0] {
        let mut scene = Scene::bedside();
        for _ in 0..5 {
            scene.send("dev", "spo2", 97.0, |message, reading| {
                made(at_now(message))(message, reading);
                message.boot = Some(5);
            });
            scene.advance(1.0);
        }
        for _ in 0..90 {
            scene.send("dev", "spo2", 96.0, |message, reading| {
                made(at_now(message) + ahead)(message, reading);
                message.boot = Some(1);
            });
            scene.advance(1.0);
        }
        let latest = scene.latest("p", "dev", "spo2").unwrap();
        assert_eq!((latest.number.value, latest.measured), (96.0, at(94.0)), "{ahead} s ahead");
    }
}

/// The second of the scene at which a message is sent.
fn at_now(message: &Message) -> f64 {
    (message.sent_at.unwrap() - at(0.0)).as_secs_f64()
}

#[test]
fn what_a_stopped_clock_stamps_is_judged_whenever_it_falls() {
    // Until a clock has stood for 2 min its stamps may be true: what they say is late from the second minute on.
    for (fall, judged) in [(30, 36), (80, 127), (150, 156)] {
        let mut scene = Scene::bedside();
        for second in 0..judged {
            let value = if second < fall { 97.0 } else { 60.0 + f64::from(second % 2) };
            scene.send("dev", "spo2", value, made(0.0));
            scene.advance(1.0);
        }
        let alarm = scene.alarm("vitals_live.spo2_low");
        assert_eq!((alarm.priority.as_str(), alarm.late), ("high", false), "at {fall} s");
    }
}

#[test]
fn one_stamp_four_minutes_ahead_makes_nothing_late_that_comes_after_it() {
    let mut scene = Scene::bedside();
    scene.reading("dev", "spo2", 97.0);
    scene.advance(1.0);
    scene.measured_at("dev", "spo2", 97.0, 241.0);
    scene.advance(1.0);
    scene.skip();
    scene.stream("dev", "spo2", 60.0, 6);
    scene.expect(&["raised high vitals_live.spo2_low: alarming, present"]);
    scene.advance(1.0);
    scene.reading("dev", "spo2", 61.0);
    assert_eq!(scene.latest("p", "dev", "spo2").map(|latest| latest.number.value), Some(61.0));
}
