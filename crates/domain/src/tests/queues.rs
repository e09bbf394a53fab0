//! A clock or a queue (contract §3).

use crate::model::message::{Message, Reading, ReadingTime};
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
