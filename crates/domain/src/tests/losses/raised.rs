//! When a signal counts as lost, and when not.

use crate::model::alarm::AlarmKind;
use crate::model::command::Action;
use crate::model::input::Input;
use crate::model::message::{Body, ExpectedSignal, ReadingTime};
use crate::model::time::Span;
use crate::tests::scene::{Scene, at};

use super::{BREATH, CO2, RAISED, beats, both, breathing, expect};

#[test]
fn a_signal_lost_while_the_device_goes_on_is_high_after_its_time() {
    for (signal, value, rule, seconds) in
        [("etco2", 38.0, CO2, 10), ("respiratory_rate", 15.0, BREATH, 20)]
    {
        let mut scene = Scene::bedside();
        scene.reading("dev", signal, value);
        // The first reading without it comes after 1 s.
        beats(&mut scene, seconds);
        expect(&mut scene, &[]);
        beats(&mut scene, 1);
        expect(&mut scene, &[&format!("raised high {rule}: alarming, present")]);
        let alarm = scene.alarm(rule);
        assert_eq!(alarm.kind, AlarmKind::Physiological);
        assert_eq!(alarm.response.as_str(), "immediate");
        assert!(alarm.text.ends_with(": no value while the device goes on"), "{}", alarm.text);
        assert_eq!(alarm.raised_at, at(f64::from(seconds) + 1.0));
        assert_eq!(alarm.trigger.received_at, Some(at(1.0)), "the first reading without it");
        assert_eq!(alarm.latest.unwrap().measured_at, at(0.0));
        beats(&mut scene, 100);
        expect(&mut scene, &[]);
    }
}

#[test]
fn what_is_there_and_not_judged_is_lost_too_and_says_why() {
    use crate::model::message::{Message, Reading};
    type Doubt = fn(&mut Message, &mut Reading);
    let cases: [(Doubt, &str); 4] = [
        (|_, r| r.quality = Some(0.3), "quality 0.30"),
        (|_, r| r.value = crate::model::message::Value::Absent("sensor".to_owned()), "sensor"),
        (|_, r| r.implausible = true, "implausible"),
        (|m, r| r.time = ReadingTime::At(m.sent_at.unwrap() - Span::secs(100)), "late"),
    ];
    for (doubt, reason) in cases {
        let mut scene = Scene::bedside();
        scene.advance(200.0);
        both(&mut scene, 5);
        for _ in 0..12 {
            scene.send("dev", "etco2", 38.0, doubt);
            beats(&mut scene, 1);
        }
        expect(&mut scene, &[RAISED]);
        let stated = scene.alarm(CO2).condition_reason.unwrap_or_default();
        assert!(stated.contains(reason), "{reason}: {stated}");
    }
}

#[test]
fn a_signal_never_observed_or_observed_in_doubt_alone_is_not_lost() {
    let mut scene = Scene::bedside();
    beats(&mut scene, 60);
    scene.send("dev", "etco2", 38.0, |m, r| {
        m.delivery.resumed = true;
        r.time = ReadingTime::Unstated;
    });
    beats(&mut scene, 60);
    expect(&mut scene, &[]);
}

#[test]
fn a_value_in_doubt_neither_keeps_nor_brings_it_back() {
    let mut scene = breathing();
    for _ in 0..15 {
        scene.send("dev", "etco2", 38.0, |m, r| {
            m.delivery.resumed = true;
            r.time = ReadingTime::Unstated;
        });
        beats(&mut scene, 1);
    }
    expect(&mut scene, &[RAISED]);
}

#[test]
fn what_comes_together_says_nothing_of_what_comes_with_it() {
    let mut scene = Scene::bedside();
    let interval = Some(Span::mins(1));
    let signals =
        ["etco2", "heart_rate"].map(|name| ExpectedSignal { signal: scene.signal(name), interval });
    let mut details = scene.core.devices["dev"].details.clone();
    details.signals = signals.to_vec();
    scene.done(Action::RegisterDevice(details.into()));
    for minute in 0..8 {
        // The third and the last three are missing.
        if ![3, 5, 6, 7].contains(&minute) {
            scene.reading("dev", "etco2", 38.0);
        }
        beats(&mut scene, 1);
        expect(&mut scene, if minute == 7 { &[RAISED] } else { &[] });
        scene.advance(59.0);
    }
}

#[test]
fn a_value_a_moment_after_another_is_no_loss_whichever_comes_first() {
    let mut scene = breathing();
    scene.advance(4.0);
    scene.reading("dev", "heart_rate", 70.0);
    scene.advance(5.0);
    // It has lasted 9 s with this one, and longer with the next.
    scene.reading("dev", "heart_rate", 70.0);
    scene.advance(5.0);
    let mut message = scene.message("dev");
    let mut readings = vec![scene.measured("heart_rate", 70.0), scene.measured("etco2", 38.0)];
    readings[1].index = 1;
    message.body = Body::Telemetry { readings, refused: Vec::new() };
    scene.fold(&[Input::Message(Box::new(message))]);
    scene.advance(30.0);
    expect(&mut scene, &[]);
    for late in [0.9, 1.0] {
        scene.reading("dev", "etco2", 38.0);
        for _ in 0..3 {
            scene.advance(5.0);
            scene.reading("dev", "heart_rate", 70.0);
        }
        scene.advance(late);
        scene.reading("dev", "etco2", 38.0);
        let latched = "latched high vitals_live.etco2_lost: latched, absent";
        let expected: &[&str] = if late < 1.0 { &[] } else { &[RAISED, latched] };
        expect(&mut scene, expected);
        scene.advance(30.0);
    }
}

#[test]
fn charted_values_are_not_lost() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "charted", &[]);
    scene.bind("dev", "p");
    both(&mut scene, 5);
    beats(&mut scene, 60);
    expect(&mut scene, &[]);
}

#[test]
fn another_instance_of_the_signal_is_as_good() {
    let mut scene = breathing();
    beats(&mut scene, 12);
    expect(&mut scene, &[RAISED]);
    scene.send("dev", "etco2", 38.0, |_, reading| reading.instance = "b".into());
    expect(&mut scene, &["latched high vitals_live.etco2_lost: latched, absent"]);
    for _ in 0..30 {
        scene.send("dev", "etco2", 38.0, |_, reading| reading.instance = "b".into());
        beats(&mut scene, 1);
    }
    expect(&mut scene, &[]);
}
