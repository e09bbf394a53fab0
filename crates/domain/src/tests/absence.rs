//! Silence never looks like health (contract §1, §3).

use crate::model::command::Action;
use crate::model::input::Input;
use crate::model::message::{Body, DeviceInfo, Mode, Phase, RefusalReason, Refused};

use super::scene::Scene;

const SILENCE: &str = "link.silence";

fn monitored(continuous: bool) -> Scene {
    let mut scene = Scene::empty();
    scene.admit_with("p", |p| p.continuous = continuous);
    scene.device("dev", "bedside", &["spo2", "heart_rate"]);
    scene.bind("dev", "p");
    scene
}

fn both(scene: &mut Scene, seconds: u32) {
    for _ in 0..seconds {
        scene.reading("dev", "heart_rate", 70.0);
        scene.stream("dev", "spo2", 97.0, 1);
    }
}

#[test]
fn a_device_that_never_sent_anything_counts_and_climbs_the_ladder() {
    let mut scene = monitored(true);
    scene.advance(14.9);
    scene.expect(&[]);
    scene.advance(0.1);
    scene.expect(&["raised low link.silence: alarming, present"]);
    scene.advance(45.0);
    scene.expect(&["updated medium link.silence: alarming, present"]);
    scene.advance(240.0);
    scene.expect(&["priority_rose high link.silence: alarming, present"]);
    scene.advance(100_000.0);
    scene.expect(&[]);
}

#[test]
fn silence_is_high_only_for_patients_watched_continuously() {
    let mut scene = monitored(false);
    scene.advance(100_000.0);
    let news = scene.news();
    assert!(news.iter().all(|line| !line.contains("high")), "{news:?}");
    assert_eq!(scene.alarm(SILENCE).priority.as_str(), "medium");
}

#[test]
fn one_sensor_of_a_device_is_missed_by_name() {
    let mut scene = monitored(false);
    both(&mut scene, 5);
    scene.stream("dev", "heart_rate", 70.0, 20);
    scene.expect(&["raised low link.silence: alarming, present"]);
    let text = scene.alarm(SILENCE).text;
    assert!(text.contains("SpO2 (no data)") && !text.contains("Heart rate"), "{text}");
    both(&mut scene, 1);
    scene.expect(&["ended low link.silence: closed ended"]);
}

#[test]
fn a_whole_device_is_silent_until_both_are_back() {
    let mut scene = monitored(false);
    both(&mut scene, 3);
    scene.advance(20.0);
    scene.skip();
    let text = scene.alarm(SILENCE).text;
    assert!(text.contains("SpO2") && text.contains("Heart rate"), "{text}");
    scene.reading("dev", "spo2", 97.0);
    scene.expect(&["updated low link.silence: alarming, present"]);
    scene.reading("dev", "heart_rate", 70.0);
    scene.expect(&["ended low link.silence: closed ended"]);
}

#[test]
fn glucose_that_was_low_or_falls_makes_silence_high_at_once() {
    for (values, priority) in
        [([120.0, 119.0], "low"), ([85.0, 79.0], "high"), ([130.0, 120.0], "high")]
    {
        let mut scene = Scene::empty();
        scene.admit("p");
        scene.device("dev", "cgm", &["glucose_cgm"]);
        scene.bind("dev", "p");
        for value in values {
            scene.reading("dev", "glucose_cgm", value);
            scene.advance(300.0);
        }
        scene.advance(899.0);
        scene.expect(&[]);
        scene.advance(1.0);
        scene.expect(&[&format!("raised {priority} link.silence: alarming, present")]);
    }
}

#[test]
fn the_reason_is_named_whatever_it_is() {
    type Send = fn(&mut Scene);
    let cases: [(Send, &str); 4] = [
        (|s| s.send("dev", "spo2", 97.0, |_, r| r.quality = Some(0.3)), "quality 0.30"),
        (|s| s.send("dev", "spo2", 97.0, |m, _| m.mode = Mode::Test), "test mode"),
        (refused_unit, "rejected: unit"),
        (garbage, "rejected: syntax"),
    ];
    for (send, reason) in cases {
        let mut scene = Scene::empty();
        scene.admit("p");
        scene.device("dev", "bedside", &["spo2"]);
        scene.bind("dev", "p");
        // Poor quality is given twice as long.
        for _ in 0..30 {
            send(&mut scene);
            scene.advance(1.0);
        }
        let text = scene.alarm(SILENCE).text;
        assert!(text.contains(reason), "{text}");
    }
}

fn refused_unit(scene: &mut Scene) {
    let refused = Refused {
        index: 0,
        signal: Some(scene.signal("spo2")),
        reason: RefusalReason::Unit,
        detail: "mm[Hg] does not fit spo2".to_owned(),
    };
    let mut message = scene.message("dev");
    message.body = Body::Telemetry { readings: Vec::new(), refused: vec![refused] };
    scene.fold(&[Input::Message(Box::new(message))]);
}

fn garbage(scene: &mut Scene) {
    let mut message = scene.message("dev");
    message.body = Body::Undecodable {
        kind: crate::model::message::Kind::Telemetry,
        reason: "syntax".to_owned(),
    };
    scene.fold(&[Input::Message(Box::new(message))]);
}

#[test]
fn late_and_doubtful_data_are_no_sign_of_life() {
    type Send = fn(&mut Scene);
    let cases: [Send; 5] = [
        |s| s.measured_at("dev", "spo2", 97.0, -3_000.0 + s.second()),
        |s| {
            s.send("dev", "spo2", 97.0, |m, r| {
                m.delivery.dup = true;
                r.time = crate::model::message::ReadingTime::Unstated;
            });
        },
        |s| s.measured_at("dev", "spo2", 97.0, 1e9),
        |s| s.send("dev", "spo2", 97.0, |m, _| m.delivery.retained = true),
        |s| s.event_at("dev", "button", Some(&s.second().to_string()), Phase::Single, -5e3),
    ];
    for (i, send) in cases.into_iter().enumerate() {
        let mut scene = Scene::empty();
        scene.admit("p");
        scene.now.at = scene.now.at + crate::model::time::Span::hours(-2);
        scene.device("dev", "bedside", &[]);
        scene.bind("dev", "p");
        scene.now.at = scene.now.at + crate::model::time::Span::hours(2);
        scene.advance(0.0);
        scene.reading("dev", "heart_rate", 70.0);
        scene.advance(5.0);
        scene.skip();
        for _ in 0..10 {
            send(&mut scene);
            scene.advance(1.0);
        }
        let news = scene.news();
        let raised = news.iter().any(|line| line.contains("raised low link.silence"));
        assert!(raised, "case {i}: {news:?}");
    }
}

#[test]
fn a_device_of_no_known_class_is_missed_too() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.reading("stray", "spo2", 97.0);
    scene.bind("stray", "p");
    scene.advance(301.0);
    scene.expect(&["raised medium link.silence: alarming, present"]);
}

#[test]
fn charted_data_have_no_ladder() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "charted", &["heart_rate"]);
    scene.bind("dev", "p");
    scene.advance(1e6);
    scene.expect(&[]);
}

#[test]
fn a_device_that_drops_a_silent_sensor_from_its_list_is_still_missed() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "bedside", &[]);
    scene.bind("dev", "p");
    let announce = |scene: &mut Scene, names: &[&str]| {
        let signals = names
            .iter()
            .map(|name| crate::model::message::ExpectedSignal {
                signal: scene.signal(name),
                interval: None,
            })
            .collect();
        let mut message = scene.message("dev");
        message.body = Body::Info { info: DeviceInfo { signals, ..DeviceInfo::default() } };
        scene.fold(&[Input::Message(Box::new(message))]);
    };
    announce(&mut scene, &["spo2", "heart_rate"]);
    scene.stream("dev", "heart_rate", 70.0, 16);
    scene.expect(&["raised low link.silence: alarming, present"]);
    announce(&mut scene, &["heart_rate"]);
    scene.expect(&[]);
    // A person may say that it is not expected any more.
    scene.device("dev", "bedside", &["heart_rate"]);
    scene.expect(&["ended low link.silence: closed ended"]);
}

#[test]
fn an_unbound_device_is_not_expected() {
    let mut scene = monitored(false);
    scene.advance(20.0);
    scene.skip();
    scene.done(Action::Unbind { device: "dev".parse().unwrap(), replaces: None });
    scene.expect(&["source_unbound low link.silence: closed source_unbound"]);
    scene.advance(1e6);
    scene.expect(&[]);
}

fn announce(scene: &mut Scene, signals: &[(&str, Option<crate::model::time::Span>)]) {
    let signals = signals
        .iter()
        .map(|(name, interval)| crate::model::message::ExpectedSignal {
            signal: scene.signal(name),
            interval: *interval,
        })
        .collect();
    let mut message = scene.message("dev");
    message.body = Body::Info { info: DeviceInfo { signals, ..DeviceInfo::default() } };
    scene.fold(&[Input::Message(Box::new(message))]);
}

#[test]
fn a_device_that_states_nothing_of_its_signals_keeps_what_it_stated_before() {
    let mut scene = Scene::bedside();
    announce(&mut scene, &[("spo2", None)]);
    announce(&mut scene, &[]);
    assert_eq!(scene.core.devices["dev"].expected().len(), 1);
}

#[test]
fn a_device_cannot_put_off_its_own_silence_for_ever() {
    use crate::model::time::Span;
    let mut scene = Scene::bedside();
    let year = Some(Span::days(365));
    announce(&mut scene, &[("spo2", year), ("nibp_sys", year), ("temperature", Some(Span::ZERO))]);
    let intervals: Vec<_> =
        scene.core.devices["dev"].expected().iter().filter_map(|e| e.interval).collect();
    assert_eq!(intervals, [Span::mins(1), Span::hours(24), Span::ZERO]);
    scene.skip();
    scene.advance(74.0);
    assert!(scene.find(SILENCE).is_some());
}

#[test]
fn what_a_device_alone_says_makes_its_class_no_rarer_and_is_told() {
    use crate::model::time::Span;
    for (class, stated, believed, told) in
        [("bedside", 60, 60, false), ("bedside", 61, 60, true), ("cgm", 301, 300, true)]
    {
        let mut scene = Scene::empty();
        scene.admit("p");
        scene.device("dev", class, &[]);
        scene.bind("dev", "p");
        scene.skip();
        announce(&mut scene, &[("glucose_cgm", Some(Span::secs(stated)))]);
        let interval = scene.core.devices["dev"].expected()[0].interval;
        assert_eq!(interval, Some(Span::secs(believed)), "{class}");
        let raised: &[&str] =
            if told { &["raised low link.interval: alarming, momentary"] } else { &[] };
        scene.expect(raised);
        announce(&mut scene, &[("glucose_cgm", Some(Span::secs(stated)))]);
        scene.expect(&[]);
    }
    // What a person registers may be rarer.
    let mut scene = Scene::bedside();
    let signals = vec![crate::model::message::ExpectedSignal {
        signal: scene.signal("spo2"),
        interval: Some(Span::mins(17)),
    }];
    let details = scene.core.devices["dev"].details.clone();
    let details = crate::model::command::DeviceDetails { signals, ..details };
    scene.done(Action::RegisterDevice(details.into()));
    assert_eq!(scene.core.devices["dev"].expected()[0].interval, Some(Span::mins(17)));
}

#[test]
fn a_class_that_is_not_configured_is_refused_and_one_removed_raises_an_alarm() {
    use crate::model::command::{DeviceDetails, Outcome, PrincipalKind};
    let mut scene = Scene::bedside();
    let details = |class: &str| DeviceDetails {
        id: "other".parse().unwrap(),
        class: class.to_owned(),
        kind: PrincipalKind::Device,
        token_sha256: None,
        via: Vec::new(),
        signals: Vec::new(),
    };
    let (outcome, detail) = scene.command(Action::RegisterDevice(details("bedsite").into()));
    assert_eq!(outcome, Outcome::Invalid);
    assert!(detail.contains("bedside, cgm"), "{detail}");
    scene.done(Action::RegisterDevice(details("unknown").into()));
    scene.skip();
    scene.reconfigure("[class.bedside]", "[class.ward]");
    scene.expect(&["note class_removed"]);
}

#[test]
fn silence_names_lateness_and_the_clock() {
    use crate::model::message::ReadingTime;
    use crate::model::time::Span;
    for (behind, reason) in [(600, "SpO2 (late)"), (-600, "SpO2 (clock: time arrival)")] {
        let mut scene = monitored(false);
        scene.advance(1_000.0);
        both(&mut scene, 1);
        for _ in 0..20 {
            scene.reading("dev", "heart_rate", 70.0);
            let measured = scene.now.wall() - Span::secs(behind);
            scene.send("dev", "spo2", 97.0, |_, r| r.time = ReadingTime::At(measured));
            scene.advance(1.0);
        }
        let text = scene.alarm(SILENCE).text;
        assert!(text.contains(reason), "{text}");
        scene.reading("dev", "spo2", 97.0);
        assert!(scene.find(SILENCE).is_none());
    }
}

#[test]
fn what_a_device_states_in_test_mode_or_of_an_earlier_boot_changes_nothing() {
    let state = |scene: &mut Scene, signal: &str, mode: Mode, boot: u64| {
        let expected =
            crate::model::message::ExpectedSignal { signal: scene.signal(signal), interval: None };
        let mut message = scene.message("dev");
        (message.mode, message.boot) = (mode, Some(boot));
        let info = DeviceInfo { signals: vec![expected], ..DeviceInfo::default() };
        message.body = Body::Info { info };
        scene.fold(&[Input::Message(Box::new(message))]);
    };
    let mut scene = Scene::bedside();
    state(&mut scene, "spo2", Mode::Real, 5);
    state(&mut scene, "heart_rate", Mode::Test, 5);
    state(&mut scene, "heart_rate", Mode::Demo, 5);
    state(&mut scene, "heart_rate", Mode::Real, 4);
    scene.skip();
    let expected = scene.core.devices["dev"].expected();
    assert_eq!(expected.iter().map(|e| e.signal).collect::<Vec<_>>(), [scene.signal("spo2")]);
    scene.stream("dev", "heart_rate", 70.0, 15);
    scene.advance(0.0);
    assert!(scene.alarm(SILENCE).text.contains("SpO2 (no data)"));
}
