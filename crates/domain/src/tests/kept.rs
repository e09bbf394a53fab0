//! What history keeps of a reading (contract §2, "Same reading").

use std::collections::BTreeSet;

use crate::model::input::Input;
use crate::model::message::{
    Body, Clock, Comparator, DeviceInfo, ExpectedSignal, Message, Reading, ReadingTime, Relay,
    Status, Value,
};
use crate::model::sample::{Sample, flag};
use crate::model::time::{Span, Timestamp};

use super::scene::{Scene, at};

/// Which reading of its series it is.
fn reading(sample: &Sample) -> (Timestamp, i64) {
    (sample.at, sample.sent.ahead)
}

/// A message of `dev` whose clock was never set: so many readings of SpO2 97 %, a minute apart from the second
/// minute of 1970 on.
fn never_set(scene: &mut Scene, readings: u32) {
    let mut message = scene.message("dev");
    (message.clock, message.sent_at) = (None, None);
    let of = (0..readings).map(|n| {
        let mut reading = scene.measured("spo2", 97.0);
        reading.index = n;
        reading.time = ReadingTime::At(Timestamp::from_millis(i64::from(n + 1) * 60_000));
        reading
    });
    message.body = Body::Telemetry { readings: of.collect(), refused: Vec::new() };
    scene.fold(&[Input::Message(Box::new(message))]);
}

#[test]
fn equal_values_whose_stamps_cannot_be_are_kept_each() {
    let mut scene = Scene::bedside();
    never_set(&mut scene, 132);
    let times: BTreeSet<Timestamp> = scene.kept.iter().map(|sample| sample.at).collect();
    assert_eq!((scene.kept.len(), times.len()), (132, 132));
    let last = *times.last().unwrap();
    assert!(last - scene.now.wall() < Span::millis(1), "all of them at their arrival: {last}");
    // A step back of the gateway's clock does not hold the next one back.
    scene.now.offset = Span::hours(-1);
    scene.advance(60.0);
    never_set(&mut scene, 1);
    assert!(scene.kept.last().unwrap().at <= scene.now.wall());
}

#[test]
fn a_correction_of_a_stamp_that_cannot_be_takes_the_place_of_its_own() {
    let mut scene = Scene::bedside();
    never_set(&mut scene, 3);
    scene.advance(5.0);
    for status in [Status::Corrected, Status::EnteredInError] {
        let value = if status == Status::Corrected { 88.0 } else { 97.0 };
        scene.send("dev", "spo2", value, |message, reading| {
            (message.clock, message.sent_at, reading.status) = (None, None, status);
            let minute = if status == Status::Corrected { 2 } else { 3 };
            reading.time = ReadingTime::At(Timestamp::from_millis(minute * 60_000));
        });
    }
    let [_, second, third, corrected, withdrawn] = scene.kept.as_slice() else {
        panic!("{:?}", scene.kept)
    };
    assert_eq!((reading(corrected), corrected.value), (reading(second), 88.0));
    assert_eq!(reading(withdrawn), reading(third));
    assert_ne!(withdrawn.flags & flag::ERROR, 0);
}

#[test]
fn readings_of_two_instants_that_are_corrected_to_one_are_two() {
    let mut scene = Scene::bedside();
    scene.device("relay", "relay", &[]);
    // A relay that reads the implant's clock in whole seconds: once a second too little is seen.
    for (stamp, clock) in [(100.0, 110.0), (101.0, 121.0)] {
        scene.advance(10.0);
        let now = scene.now.wall();
        let by_implant = |second: f64| at(second) - Span::days(1);
        scene.send("dev", "heart_rate", 70.0, |message, reading| {
            message.principal = "relay".parse().unwrap();
            (message.clock, message.sent_at) = (None, None);
            reading.time = ReadingTime::At(by_implant(stamp));
            message.relay = Some(Relay {
                id: "relay".parse().unwrap(),
                device_clock: Some(by_implant(clock)),
                received_at: Some(now),
                sent_at: Some(now),
            });
        });
    }
    let [first, second] = scene.kept.as_slice() else { panic!("{:?}", scene.kept) };
    assert_eq!((first.at, first.value), (second.at, second.value));
    assert_ne!(reading(first), reading(second));
}

#[test]
fn what_is_sent_without_a_time_is_kept_however_much_arrives_at_once() {
    let mut scene = Scene::bedside();
    let mut message = scene.message("dev");
    let readings = (0..5).map(|index| {
        let mut reading = scene.measured("spo2", 97.0);
        (reading.index, reading.time) = (index, ReadingTime::Unstated);
        reading
    });
    message.body = Body::Telemetry { readings: readings.collect(), refused: Vec::new() };
    scene.fold(&[Input::Message(Box::new(message))]);
    let all: BTreeSet<_> = scene.kept.iter().map(reading).collect();
    assert_eq!(all.len(), 5);
}

#[test]
fn a_timeline_stated_before_is_part_of_what_is_kept() {
    let mut scene = Scene::bedside();
    for timeline in [Some(3), None] {
        scene.send("dev", "spo2", 97.0, |message, _| {
            message.clock = message.clock.map(|clock| Clock { timeline, ..clock });
        });
        scene.advance(1.0);
    }
    let [stated, later] = scene.kept.as_slice() else { panic!("{:?}", scene.kept) };
    assert_eq!(stated.sent, later.sent);
    assert!(!stated.sent.is_plain());
}

#[test]
fn what_an_info_leaves_out_stands() {
    let mut scene = Scene::bedside();
    let spo2 = ExpectedSignal { signal: scene.signal("spo2"), interval: None };
    let whole = DeviceInfo {
        maker: Some("Acme".to_owned()),
        model: Some("One".to_owned()),
        serial: Some("7".to_owned()),
        udi: Some("udi".to_owned()),
        firmware: Some("1.0".to_owned()),
        battery_percent: Some(90.0),
        signals: vec![spo2],
    };
    let changed = DeviceInfo {
        firmware: Some("1.1".to_owned()),
        battery_percent: Some(80.0),
        ..DeviceInfo::default()
    };
    for info in [whole.clone(), changed.clone(), DeviceInfo::default()] {
        let mut message = scene.message("dev");
        message.body = Body::Info { info };
        scene.fold(&[Input::Message(Box::new(message))]);
    }
    let expected = DeviceInfo {
        firmware: changed.firmware,
        battery_percent: changed.battery_percent,
        ..whole
    };
    assert_eq!(scene.core.devices["dev"].info, expected);
}

#[test]
fn a_statistic_is_no_value_of_now() {
    let over = |seconds: i64| {
        move |_: &mut Message, reading: &mut Reading| {
            let ReadingTime::At(to) = reading.time else { panic!("{reading:?}") };
            reading.time = ReadingTime::Period(to - Span::secs(seconds), to);
        }
    };
    let mut scene = Scene::bedside();
    scene.stream("dev", "heart_rate", 70.0, 3);
    scene.skip();
    for _ in 0..30 {
        scene.send("dev", "heart_rate", 20.0, over(3_600));
        scene.advance(1.0);
    }
    scene.expect(&["raised low link.silence: alarming, present"]);
    let latest = scene.latest("p", "dev", "heart_rate").map(|latest| latest.number.value);
    assert_eq!(latest, Some(70.0), "the minimum of an hour is not shown as now");
    // The mean of the last seconds is.
    for _ in 0..30 {
        scene.send("dev", "heart_rate", 20.0, over(8));
        scene.advance(1.0);
    }
    assert!(scene.find("vitals_live.heart_rate_low").is_some(), "{:?}", scene.news());
    // What a daily device sends of its day is judged by the rules for it.
    scene.device("implant", "cied", &[]);
    scene.bind("implant", "p");
    scene.send("implant", "mean_heart_rate_24h", 120.0, over(86_400));
    assert!(scene.find("cied.mean_heart_rate_high").is_some());
}

#[test]
fn a_bound_that_nothing_judged_is_kept_as_such() {
    let mut scene = Scene::bedside();
    let bound = |comparator: Comparator| {
        move |_: &mut Message, reading: &mut Reading| {
            if let Value::Number { comparator: said, .. } = &mut reading.value {
                *said = Some(comparator);
            }
        }
    };
    // Below 95 is perhaps below 88; below 85 is; above 90 is not.
    for (value, comparator, judged) in [
        (95.0, Comparator::Less, false),
        (85.0, Comparator::Less, true),
        (90.0, Comparator::Greater, true),
    ] {
        scene.send("dev", "spo2", value, bound(comparator));
        let flags = scene.kept.last().unwrap().flags;
        assert_eq!(flags & flag::NOT_JUDGED == 0, judged, "{value}");
        scene.advance(1.0);
    }
}

#[test]
fn a_statistic_changes_nothing_of_what_live_values_say() {
    let night = |quality: Option<f32>| {
        move |_: &mut Message, reading: &mut Reading| {
            let ReadingTime::At(to) = reading.time else { panic!("{reading:?}") };
            reading.time = ReadingTime::Period(to - Span::hours(8), to);
            reading.quality = quality;
        }
    };
    for signals in [&["heart_rate"][..], &[]] {
        let mut scene = Scene::empty();
        scene.admit("p");
        scene.device("dev", "bedside", signals);
        scene.bind("dev", "p");
        scene.stream("dev", "heart_rate", 70.0, 3);
        for quality in [None, Some(0.1)] {
            scene.send("dev", "heart_rate", 40.0, night(quality));
            let expected = &scene.core.patients["p"].expectations[0];
            assert_eq!((expected.doubt.as_deref(), expected.poor), (None, false));
            assert_eq!(scene.series("p", "dev", "heart_rate").unwrap().doubt, None);
        }
        // Where nothing else comes, its silence names it.
        for _ in 0..20 {
            scene.advance(1.0);
            scene.send("dev", "heart_rate", 40.0, night(None));
        }
        assert!(scene.alarm("link.silence").text.contains("a statistic"));
    }
}
