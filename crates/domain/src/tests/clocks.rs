//! Clocks that lag or stand still: what they stamp is not old (contract §3).

use crate::model::message::{Message, Phase, Reading, ReadingTime, Relay};
use crate::model::time::Span;

use super::scene::Scene;

const ASYSTOLE: &str = "vitals_live.asystole_low";

/// How a device sends whose clock is wrong.
type Sent = fn(&mut Message, &mut Reading);

/// Kept by NTP, it says, and 10 min behind.
fn ntp(message: &mut Message, reading: &mut Reading) {
    let stamp = message.sent_at.unwrap() - Span::mins(10);
    (message.sent_at, reading.time) = (Some(stamp), ReadingTime::At(stamp));
}

/// Two hours behind in what it measures, right where it sends.
fn zone(message: &mut Message, reading: &mut Reading) {
    message.clock = None;
    reading.time = ReadingTime::At(message.sent_at.unwrap() - Span::hours(2));
}

/// An hour behind, through a relay whose own clock is right and that says nothing of the other.
fn summer(message: &mut Message, reading: &mut Reading) {
    let now = message.sent_at.take();
    message.clock = None;
    message.principal = "hub".parse().unwrap();
    let id = "hub".parse().unwrap();
    message.relay = Some(Relay { id, device_clock: None, received_at: None, sent_at: now });
    reading.time = ReadingTime::At(now.unwrap() - Span::hours(1));
}

/// A monitor registered four hours ago, and bound then or just now.
fn bound(hours_ago: bool) -> Scene {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "bedside", &["heart_rate"]);
    scene.device("hub", "relay", &[]);
    if hours_ago {
        scene.bind("dev", "p");
    }
    scene.advance(14_400.0);
    if !hours_ago {
        scene.bind("dev", "p");
    }
    scene.skip();
    scene
}

fn beats(scene: &mut Scene, value: f64, seconds: u32, sent: impl Fn(&mut Message, &mut Reading)) {
    for _ in 0..seconds {
        scene.send("dev", "heart_rate", value, &sent);
        scene.advance(1.0);
    }
}

#[test]
fn a_clock_that_lags_keeps_nobody_from_being_told() {
    let clocks: [(&str, Sent); 3] = [("ntp", ntp), ("zone", zone), ("summer", summer)];
    for (name, sent) in clocks {
        for hours_ago in [true, false] {
            let mut scene = bound(hours_ago);
            beats(&mut scene, 0.0, 20, sent);
            let alarm = scene.alarm(ASYSTOLE);
            let is = (alarm.late, alarm.condition.as_str(), alarm.priority.as_str());
            assert_eq!(is, (false, "present", "high"), "{name}, {hours_ago}");
            assert!(scene.find("clock.suspect").is_some(), "{name}, {hours_ago}");
            // What is doubtful clears nothing and is no sign of life.
            beats(&mut scene, 70.0, 120, sent);
            assert_eq!(scene.alarm(ASYSTOLE).condition.as_str(), "unknown", "{name}, {hours_ago}");
            assert!(scene.find("link.silence").is_some(), "{name}, {hours_ago}");
            // Put right, it is a clock like any other.
            beats(&mut scene, 70.0, 70, |_, _| {});
            assert_eq!(scene.alarm(ASYSTOLE).condition.as_str(), "absent", "{name}, {hours_ago}");
            assert!(scene.find("link.silence").is_none(), "{name}, {hours_ago}");
        }
    }
}

#[test]
fn what_lags_is_of_whom_the_device_is_bound_to_now() {
    let mut scene = bound(true);
    scene.admit("q");
    scene.done(crate::model::command::Action::Unbind {
        device: "dev".parse().unwrap(),
        replaces: None,
    });
    scene.advance(60.0);
    scene.bind("dev", "q");
    beats(&mut scene, 0.0, 30, ntp);
    let mut alarms = scene.core.patients["q"].alarms.iter();
    assert!(alarms.any(|(key, _)| key.rule.as_str() == ASYSTOLE));
}

#[test]
fn an_event_of_a_clock_that_lags_is_of_now() {
    let mut scene = bound(false);
    beats(&mut scene, 70.0, 15, zone);
    scene.event_at("dev", "vf_detected", Some("1"), Phase::Start, scene.second() - 7_200.0);
    let alarm = scene.alarm("cied.vf");
    assert_eq!((alarm.late, alarm.condition.as_str()), (false, "present"));
}

#[test]
fn a_queue_that_says_when_it_is_sent_is_no_clock_that_lags() {
    let mut scene = bound(true);
    for n in 0..300 {
        let measured = scene.now.wall() - Span::hours(1) + Span::secs(n);
        scene.send("dev", "heart_rate", 0.0, |_, r| r.time = ReadingTime::At(measured));
        scene.advance(0.2);
    }
    assert!(scene.alarm(ASYSTOLE).late);
    assert!(scene.find("clock.suspect").is_none());
}

#[test]
fn what_a_relay_says_it_kept_is_late_and_no_clock_that_lags() {
    let mut scene = bound(true);
    beats(&mut scene, 0.0, 30, |message, reading| {
        summer(message, reading);
        let relay = message.relay.as_mut().unwrap();
        relay.received_at = relay.sent_at.map(|sent_at| sent_at - Span::hours(1));
    });
    assert!(scene.alarm(ASYSTOLE).late);
    assert!(scene.find("clock.suspect").is_none());
}

#[test]
fn a_lag_that_its_class_allows_is_none() {
    let mut scene = bound(true);
    beats(&mut scene, 0.0, 20, |message, reading| {
        reading.time = ReadingTime::At(message.sent_at.unwrap() - Span::secs(50));
    });
    assert!(scene.find("clock.suspect").is_none());
    assert_eq!(scene.alarm(ASYSTOLE).condition.as_str(), "present");
}

#[test]
fn a_clock_that_stands_an_hour_back_keeps_nobody_from_being_told() {
    for sends in [true, false] {
        let mut scene = bound(true);
        let stamp = scene.now.wall() - Span::hours(1);
        let stands = |message: &mut Message, reading: &mut Reading| {
            (message.clock, message.sent_at) = (None, sends.then_some(stamp));
            reading.time = ReadingTime::At(stamp);
        };
        beats(&mut scene, 0.0, 20, stands);
        let alarm = scene.alarm(ASYSTOLE);
        let is = (alarm.late, alarm.condition.as_str(), alarm.priority.as_str());
        assert_eq!(is, (false, "present", "high"), "{sends}");
        assert!(scene.find("clock.suspect").is_some(), "{sends}");
        beats(&mut scene, 70.0, 60, stands);
        assert_eq!(scene.alarm(ASYSTOLE).condition.as_str(), "unknown", "{sends}");
        assert!(scene.find("link.silence").is_some(), "{sends}");
        // For 30 s more what came at that stamp contradicts each other.
        beats(&mut scene, 70.0, 100, |_, _| {});
        assert_eq!(scene.alarm(ASYSTOLE).condition.as_str(), "absent", "{sends}");
    }
}

#[test]
fn a_measurement_that_is_sent_again_and_again_is_no_clock_that_stands() {
    let mut scene = bound(true);
    let stamp = scene.now.wall() - Span::mins(10);
    for _ in 0..60 {
        scene.send("dev", "nibp_sys", 85.0, |_, reading| reading.time = ReadingTime::At(stamp));
        scene.advance(1.0);
    }
    assert!(scene.find("clock.suspect").is_none());
    assert!(scene.alarm("vitals_live.nibp_sys_low").late);
}

#[test]
fn stamps_by_the_minute_are_no_clock_that_stands() {
    let mut scene = bound(true);
    for n in 0..300 {
        let stamp = scene.now.wall() - Span::secs(n % 60);
        scene.send("dev", "heart_rate", 70.0, |message, reading| {
            (message.clock, message.sent_at) = (None, None);
            reading.time = ReadingTime::At(stamp);
        });
        scene.advance(1.0);
    }
    assert!(scene.find("clock.suspect").is_none());
}

#[test]
fn a_device_that_lost_its_counter_and_its_clock_is_heard_again() {
    for hours_ago in [true, false] {
        let mut scene = bound(hours_ago);
        let boot = |boot, behind| {
            move |message: &mut Message, reading: &mut Reading| {
                let stamp = message.sent_at.unwrap() - behind;
                (message.clock, message.boot) = (None, Some(boot));
                (message.sent_at, reading.time) = (Some(stamp), ReadingTime::At(stamp));
            }
        };
        beats(&mut scene, 70.0, 5, boot(9, Span::ZERO));
        beats(&mut scene, 0.0, 40, boot(1, Span::hours(1)));
        let alarm = scene.alarm(ASYSTOLE);
        assert_eq!((alarm.late, alarm.condition.as_str()), (false, "present"), "{hours_ago}");
        assert_eq!(scene.alarm("link.boot_reset").priority.as_str(), "low");
    }
}

#[test]
fn silence_says_that_what_comes_is_stamped_before_the_binding() {
    let mut scene = bound(false);
    for minutes in [50, 90, 70, 20] {
        scene.send("dev", "heart_rate", 70.0, |message, reading| {
            reading.time = ReadingTime::At(message.sent_at.unwrap() - Span::mins(minutes));
        });
        scene.advance(5.0);
    }
    let text = scene.alarm("link.silence").text;
    assert!(text.contains("Heart rate (stamped before it was bound)"), "{text}");
}
