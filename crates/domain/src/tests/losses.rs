//! A signal that stops while its device goes on (contract §7).

use crate::model::alarm::AlarmKind;
use crate::model::command::{Action, AgeClass, Outcome};
use crate::model::input::Input;
use crate::model::message::{Body, ExpectedSignal, Mode, Phase, ReadingTime, Status};
use crate::model::time::Span;

use super::scene::{Scene, at};

const CO2: &str = "vitals_live.etco2_lost";
const BREATH: &str = "vitals_live.respiratory_rate_lost";
const RAISED: &str = "raised high vitals_live.etco2_lost: alarming, present";

/// Carbon dioxide and heart rate were heard for 5 s.
fn breathing() -> Scene {
    let mut scene = Scene::bedside();
    both(&mut scene, 5);
    scene
}

fn both(scene: &mut Scene, seconds: u32) {
    for _ in 0..seconds {
        scene.reading("dev", "etco2", 38.0);
        scene.stream("dev", "heart_rate", 70.0, 1);
    }
}

/// The heart rate alone.
fn beats(scene: &mut Scene, seconds: u32) {
    scene.stream("dev", "heart_rate", 70.0, seconds);
}

/// What moved of losses.
fn losses(scene: &mut Scene) -> Vec<String> {
    scene.news().into_iter().filter(|line| line.contains("_lost:")).collect()
}

#[track_caller]
fn expect(scene: &mut Scene, expected: &[&str]) {
    let second = scene.second();
    assert_eq!(losses(scene), expected, "at second {second}");
}

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
        assert!(
            alarm.text.ends_with(": no value since 2026-11-21T10:00:00Z while the device goes on"),
            "{}",
            alarm.text
        );
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
        let told = scene.alarm(CO2).condition_reason.unwrap_or_default();
        assert!(told.contains(reason), "{reason}: {told}");
    }
}

#[test]
fn a_signal_never_heard_or_heard_in_doubt_alone_is_not_lost() {
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
fn a_value_ends_it_and_it_latches() {
    let mut scene = breathing();
    beats(&mut scene, 12);
    expect(&mut scene, &[RAISED]);
    assert_eq!(scene.reset(CO2, Some("seen")), Outcome::Conflict, "while it holds");
    scene.skip();
    both(&mut scene, 1);
    expect(&mut scene, &["latched high vitals_live.etco2_lost: latched, absent"]);
    beats(&mut scene, 12);
    expect(&mut scene, &["recurred high vitals_live.etco2_lost: alarming, present"]);
    assert_eq!(scene.acknowledge(CO2), Outcome::Done);
    scene.skip();
    both(&mut scene, 1);
    expect(&mut scene, &["ended high vitals_live.etco2_lost: closed ended"]);
}

#[test]
fn a_value_too_low_ends_the_loss_and_is_judged_as_a_value() {
    let mut scene = breathing();
    beats(&mut scene, 12);
    scene.skip();
    for _ in 0..11 {
        scene.reading("dev", "etco2", 5.0);
        beats(&mut scene, 1);
    }
    let alarm = scene.alarm("vitals_live.etco2_low");
    assert_eq!((alarm.priority.as_str(), alarm.condition.as_str()), ("high", "present"));
    assert_eq!(scene.alarm(CO2).state.as_str(), "latched");
}

#[test]
fn its_own_silence_does_not_make_it_unknown() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "bedside", &["etco2", "heart_rate"]);
    scene.bind("dev", "p");
    both(&mut scene, 5);
    beats(&mut scene, 300);
    let news = scene.news();
    assert!(news.contains(&RAISED.to_owned()), "{news:?}");
    assert!(news.contains(&"raised low link.silence: alarming, present".to_owned()), "{news:?}");
    assert!(news.iter().all(|line| !line.starts_with("unknown")), "{news:?}");
}

#[test]
fn a_device_that_falls_silent_altogether_is_silent_and_loses_nothing() {
    let mut scene = breathing();
    beats(&mut scene, 1);
    scene.advance(600.0);
    expect(&mut scene, &[]);
    // Its signals come back a moment apart.
    for _ in 0..20 {
        scene.reading("dev", "heart_rate", 70.0);
        scene.advance(0.5);
        scene.reading("dev", "etco2", 38.0);
        scene.advance(29.5);
    }
    expect(&mut scene, &[]);
}

#[test]
fn a_pause_of_the_device_counts_as_half_at_most() {
    for (pause, more) in [(2.0, 4), (9.0, 1), (9.9, 1), (10.0, 9), (100.0, 9)] {
        let mut scene = breathing();
        beats(&mut scene, 4);
        // It has lasted 3 s.
        scene.advance(pause - 1.0);
        beats(&mut scene, more);
        expect(&mut scene, &[]);
        beats(&mut scene, 1);
        expect(&mut scene, &[RAISED]);
    }
}

#[test]
fn a_device_that_sends_in_bursts_is_no_exception() {
    let mut scene = breathing();
    for _ in 0..4 {
        scene.reading("dev", "heart_rate", 70.0);
        scene.advance(5.0);
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
    scene.done(Action::RegisterDevice(details));
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
        let told: &[&str] = if late < 1.0 { &[] } else { &[RAISED, latched] };
        expect(&mut scene, told);
        scene.advance(30.0);
    }
}

#[test]
fn a_zero_that_means_no_sensor_is_told_once_until_it_lives_again() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "bedside", &[]);
    scene.bind_with_zeros("dev", "p", &["etco2"]);
    both(&mut scene, 5);
    scene.reading("dev", "etco2", 0.0);
    beats(&mut scene, 60);
    scene.expect(&["raised high link.zero_or_off: alarming, present"]);
    both(&mut scene, 1);
    beats(&mut scene, 12);
    expect(&mut scene, &[RAISED]);
    // What is lost stays lost when the device says that it has no sensor.
    scene.reading("dev", "etco2", 0.0);
    scene.advance(1.0);
    expect(&mut scene, &[]);
    both(&mut scene, 1);
    expect(&mut scene, &["latched high vitals_live.etco2_lost: latched, absent"]);
}

#[test]
fn an_alarm_of_a_device_silent_altogether_is_unknown_and_comes_back() {
    for (reset, back) in [(false, "back_present"), (true, "raised")] {
        let mut scene = breathing();
        beats(&mut scene, 12);
        scene.skip();
        scene.advance(20.0);
        expect(&mut scene, &["unknown high vitals_live.etco2_lost: alarming, unknown"]);
        if reset {
            assert_eq!(scene.reset(CO2, None), Outcome::Conflict);
            assert_eq!(scene.reset(CO2, Some("taken off")), Outcome::Done);
            scene.skip();
        }
        beats(&mut scene, 9);
        expect(&mut scene, &[]);
        beats(&mut scene, 1);
        expect(&mut scene, &[&format!("{back} high vitals_live.etco2_lost: alarming, present")]);
    }
}

#[test]
fn a_value_ends_it_after_a_silence_too() {
    let mut scene = breathing();
    beats(&mut scene, 12);
    scene.advance(20.0);
    scene.skip();
    scene.reading("dev", "etco2", 38.0);
    expect(&mut scene, &["back_absent high vitals_live.etco2_lost: latched, absent"]);
}

#[test]
fn a_device_heard_by_its_events_alone_does_not_go_on() {
    let mut scene = breathing();
    for n in 0..30 {
        scene.event("dev", "button", Some(&n.to_string()), Phase::Single);
        scene.advance(1.0);
    }
    expect(&mut scene, &[]);
}

#[test]
fn another_device_does_not_stand_for_it_and_a_restart_forgets_nothing() {
    let mut scene = breathing();
    scene.device("other", "bedside", &[]);
    scene.bind("other", "p");
    scene.stream("other", "heart_rate", 70.0, 60);
    expect(&mut scene, &[]);
}

#[test]
fn a_loss_goes_on_through_a_restart_and_waits_for_what_is_redelivered() {
    for deaf in [3.0, 60.0] {
        let mut scene = breathing();
        beats(&mut scene, 8);
        scene.restart(deaf);
        scene.skip();
        beats(&mut scene, 9);
        expect(&mut scene, &[]);
        beats(&mut scene, 1);
        expect(&mut scene, &[RAISED]);
    }
    // A value heard again in time overtakes it.
    let mut scene = breathing();
    beats(&mut scene, 8);
    scene.restart(3.0);
    beats(&mut scene, 9);
    both(&mut scene, 5);
    expect(&mut scene, &[]);
}

#[test]
fn while_the_store_fails_what_is_not_taken_in_is_not_lost() {
    let mut scene = breathing();
    beats(&mut scene, 8);
    scene.fold(&[Input::Store { failing: true }]);
    scene.advance(300.0);
    scene.fold(&[Input::Store { failing: false }]);
    beats(&mut scene, 9);
    both(&mut scene, 5);
    expect(&mut scene, &[]);
}

#[test]
fn charted_values_and_those_of_an_unbound_device_are_not_lost() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "charted", &[]);
    scene.bind("dev", "p");
    both(&mut scene, 5);
    beats(&mut scene, 60);
    expect(&mut scene, &[]);
    let mut scene = breathing();
    scene.done(Action::Unbind("dev".parse().unwrap()));
    beats(&mut scene, 60);
    scene.bind("dev", "p");
    beats(&mut scene, 60);
    expect(&mut scene, &[]);
}

#[test]
fn limits_for_adults_say_nothing_of_the_loss_of_others() {
    let mut scene = breathing();
    beats(&mut scene, 12);
    expect(&mut scene, &[RAISED]);
    let mut details = scene.core.patients["p"].details.clone();
    details.age_class = AgeClass::Paediatric;
    scene.done(Action::ChangePatient(details.clone()));
    expect(&mut scene, &["rule_changed high vitals_live.etco2_lost: closed rule_changed"]);
    beats(&mut scene, 12);
    expect(&mut scene, &[]);
    details.age_class = AgeClass::Adult;
    scene.done(Action::ChangePatient(details));
    expect(&mut scene, &[RAISED]);
}

#[test]
fn row_23_a_loss_is_judged_anew_when_its_rule_changes() {
    let changed = "rule_changed high vitals_live.etco2_lost: closed rule_changed";
    for (new, told) in [
        ("loss = \"11s\"", vec![changed, RAISED]),
        ("loss = \"5m\"", vec![changed]),
        ("", vec![changed]),
    ] {
        let mut scene = breathing();
        beats(&mut scene, 14);
        scene.skip();
        scene.reconfigure("loss = \"10s\"", new);
        expect(&mut scene, &told);
        beats(&mut scene, 30);
        expect(&mut scene, &[]);
    }
    let mut scene = breathing();
    beats(&mut scene, 8);
    scene.reconfigure("loss = \"10s\"", "loss = \"5s\"");
    expect(&mut scene, &[RAISED]);
}

#[test]
fn row_23_a_loss_of_which_nothing_is_known_is_not_closed_by_a_changed_rule() {
    let mut scene = breathing();
    beats(&mut scene, 12);
    scene.advance(20.0);
    scene.skip();
    scene.reconfigure("loss = \"10s\"", "loss = \"5m\"");
    expect(
        &mut scene,
        &[
            "rule_changed high vitals_live.etco2_lost: closed rule_changed",
            "raised high vitals_live.etco2_lost: alarming, unknown",
        ],
    );
    scene.reading("dev", "etco2", 38.0);
    expect(&mut scene, &["back_absent high vitals_live.etco2_lost: latched, absent"]);
}

#[test]
fn row_24_a_loss_stays_with_the_patient_when_its_device_goes() {
    let mut scene = breathing();
    beats(&mut scene, 12);
    scene.skip();
    scene.done(Action::Unbind("dev".parse().unwrap()));
    expect(&mut scene, &["source_unbound high vitals_live.etco2_lost: alarming, unknown"]);
    scene.device("other", "bedside", &[]);
    scene.bind("other", "p");
    scene.stream("other", "heart_rate", 70.0, 5);
    expect(&mut scene, &[]);
    scene.reading("other", "etco2", 38.0);
    expect(&mut scene, &["source_replaced high vitals_live.etco2_lost: closed source_replaced"]);
}

#[test]
fn row_26_a_corrected_binding_takes_the_loss_to_the_right_patient() {
    let mut scene = breathing();
    beats(&mut scene, 12);
    scene.skip();
    scene.admit("q");
    scene.done(Action::CorrectBinding {
        device: "dev".parse().unwrap(),
        patient: Some("q".parse().unwrap()),
        reason: "wrong bed".to_owned(),
    });
    expect(&mut scene, &["retracted high vitals_live.etco2_lost: closed retracted", RAISED]);
    assert_eq!(scene.alarm(CO2).patient.unwrap().as_str(), "q");
}

#[test]
fn row_26_a_last_value_entered_in_error_retracts_no_loss() {
    let mut scene = breathing();
    beats(&mut scene, 12);
    scene.skip();
    scene.send("dev", "etco2", 38.0, |_, reading| {
        reading.status = Status::EnteredInError;
        reading.time = ReadingTime::At(at(4.0));
    });
    expect(&mut scene, &[]);
    assert_eq!(scene.alarm(CO2).condition.as_str(), "present");
}

#[test]
fn a_device_in_test_mode_does_not_go_on() {
    let mut scene = breathing();
    for _ in 0..30 {
        scene.send("dev", "heart_rate", 70.0, |m, _| m.mode = Mode::Test);
        scene.advance(1.0);
    }
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

#[test]
fn a_loss_that_makes_no_sense_is_refused_where_it_stands() {
    use crate::core::configuration::{Configuration, Texts};
    let second = "[[limit]]\nid = \"x\"\nsignal = \"etco2\"\nlow = [\"20 mm[Hg]\"]\nhysteresis = \"2 mm[Hg]\"\nloss = \"5s\"\n\n[[event]]";
    for (old, new, place, what) in [
        (
            "confirm = \"5m\"",
            "loss = \"20s\"",
            "loss = \"20s\"\nadults_only = true\n\n[[limit]]\nid = \"vitals_live.abp",
            "measured singly",
        ),
        ("loss = \"10s\"", "loss = \"0s\"", "loss = \"0s\"", "lasts for some time"),
        ("[[event]]", second, "\"x\"", "stands twice"),
    ] {
        let shipped = super::scene::shipped();
        let rules = shipped.rules.replacen(old, new, 1);
        let before = &rules[..rules.find(place).unwrap()];
        let line = before.matches('\n').count() + 1;
        let told = Configuration::parse(Texts { rules, ..shipped }).unwrap_err().to_string();
        assert!(told.contains(what) && told.contains(&format!("line {line}, column ")), "{told}");
    }
}
