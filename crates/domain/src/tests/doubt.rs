//! Doubt is one-sided: it raises, marked, and clears nothing (contract, the one law).

use crate::model::alarm::TimeQuality;
use crate::model::command::AgeClass;
use crate::model::fate::Fate;
use crate::model::message::{
    Clock, ClockSource, Comparator, Delivery, Message, Mode, Reading, ReadingTime, Value,
};
use crate::model::time::{Span, Timestamp};

use crate::patient::{Doubt, SeriesState};

use super::scene::{Scene, at, restored};

type MakeDoubtful = fn(&mut Message, &mut Reading);

/// Everything that makes a reading doubtful without changing its number.
const DOUBTS: [(&str, MakeDoubtful); 9] = [
    ("stamp of 1970", |_, r| r.time = ReadingTime::At(Timestamp::from_millis(5_000))),
    ("stamp of 2090", |_, r| r.time = ReadingTime::At(Timestamp::from_millis(3_786_912_000_000))),
    ("no time, from a backlog", |m, r| {
        m.delivery.resumed = true;
        r.time = ReadingTime::Unstated;
    }),
    ("no time, redelivered", |m, r| {
        m.delivery.dup = true;
        r.time = ReadingTime::Unstated;
    }),
    ("estimated clock", |m, r| {
        m.clock = Some(Clock { source: None, timeline: Some(9) });
        m.sent_at = m.sent_at.map(|sent_at| sent_at - Span::secs(40));
        r.time = m.sent_at.map_or(r.time, ReadingTime::At);
    }),
    ("low quality", |_, r| r.quality = Some(0.2)),
    ("test mode", |m, _| m.mode = Mode::Test),
    ("demo mode", |m, _| m.mode = Mode::Demo),
    ("retained", |m, _| m.delivery.retained = true),
];

#[test]
fn doubt_never_clears_an_alarm_nor_becomes_the_latest_value() {
    for (name, doubt) in DOUBTS {
        let mut scene = Scene::bedside();
        scene.send("dev", "spo2", 84.0, |m, _| m.clock = Some(timeline(8)));
        scene.stream("dev", "spo2", 84.0, 16);
        scene.reading("dev", "nibp_sys", 70.0);
        scene.skip();
        let shown = scene.latest("p", "dev", "spo2");
        // A clock is believed after 10 s.
        let seconds = if name == "estimated clock" { 9 } else { 30 };
        for _ in 0..seconds {
            scene.send("dev", "spo2", 97.0, doubt);
            scene.send("dev", "nibp_sys", 120.0, doubt);
            scene.advance(1.0);
        }
        for rule in ["vitals_live.spo2_low", "vitals_live.nibp_sys_low"] {
            let condition = scene.alarm(rule).condition.as_str();
            assert!(["present", "unknown"].contains(&condition), "{name}: {rule} {condition}");
        }
        assert_eq!(scene.latest("p", "dev", "spo2"), shown, "{name}");
    }
}

#[test]
fn the_newest_number_of_a_series_is_known_in_doubt_or_not() {
    let newest = |scene: &Scene| {
        let newest = scene.series("p", "dev", "spo2").and_then(SeriesState::newest);
        newest.map(|newest| (newest.number.value, newest.doubt))
    };
    let mut scene = Scene::bedside();
    assert_eq!(newest(&scene), None);
    scene.reading("dev", "spo2", 97.0);
    assert_eq!(newest(&scene), Some((97.0, None)));
    scene.advance(1.0);
    scene.send("dev", "spo2", 84.0, DOUBTS[0].1);
    let doubt = Some(Doubt::Time(TimeQuality::Arrival));
    assert_eq!(newest(&scene), Some((84.0, doubt)), "though it clears nothing");
    let latest = scene.latest("p", "dev", "spo2").map(|latest| latest.number.value);
    assert_eq!(latest, Some(97.0));
    scene.send("dev", "spo2", 99.0, |_, r| r.time = ReadingTime::At(at(-3600.0)));
    assert_eq!(newest(&scene), Some((84.0, doubt)), "what was measured before is not newer");
    scene.advance(1.0);
    scene.reading("dev", "spo2", 96.0);
    assert_eq!(newest(&scene), Some((96.0, None)));
    scene.core = restored(&scene.core);
    assert_eq!(newest(&scene), Some((96.0, None)));
    scene.advance(1.0);
    scene.send("dev", "spo2", 85.0, DOUBTS[1].1);
    scene.core = restored(&scene.core);
    assert_eq!(newest(&scene), Some((85.0, doubt)), "a restart forgets nothing");
}

fn timeline(n: u64) -> Clock {
    Clock { source: Some(ClockSource::Ntp), timeline: Some(n) }
}

#[test]
fn doubtful_time_raises_and_says_so() {
    for (name, doubt, quality) in [
        ("1970", DOUBTS[0].1, TimeQuality::Arrival),
        ("2090", DOUBTS[1].1, TimeQuality::Arrival),
        ("backlog", DOUBTS[2].1, TimeQuality::Unknown),
        ("estimated", DOUBTS[4].1, TimeQuality::Estimated),
    ] {
        let mut scene = Scene::bedside();
        scene.advance(60.0);
        scene.send("dev", "nibp_sys", 70.0, doubt);
        let alarm = scene.alarm("vitals_live.nibp_sys_low");
        assert_eq!(alarm.trigger.time_quality, quality, "{name}");
        assert!(alarm.condition_reason.is_some(), "{name}: marked");
    }
}

#[test]
fn an_impossible_clock_is_an_alarm_and_only_good_live_data_end_it() {
    // A stamp that stands is of now each time it comes; of one that is ahead the first copy counts.
    for (stamp, name, last) in [(5_000, "1970", 19), (3_786_912_000_000, "2090", 0)] {
        let absurd = move |message: &mut Message, reading: &mut Reading| {
            message.sent_at = Some(Timestamp::from_millis(stamp));
            reading.time = ReadingTime::At(Timestamp::from_millis(stamp));
            message.clock = None;
        };
        let mut scene = Scene::bedside();
        for _ in 0..20 {
            scene.send("dev", "spo2", 97.0, absurd);
            scene.advance(1.0);
        }
        scene.expect(&[
            "raised medium clock.suspect: alarming, present",
            "raised low link.silence: alarming, present",
        ]);
        scene.measured_at("dev", "spo2", 97.0, -500.0);
        scene.expect(&[]);
        let ended = "ended medium clock.suspect: closed ended".to_owned();
        scene.stream("dev", "spo2", 97.0, 1_780 + last);
        assert!(!scene.news().contains(&ended), "{name}: not within half an hour");
        scene.reading("dev", "spo2", 97.0);
        let news = scene.news();
        assert!(news.contains(&ended), "{name}: {news:?}");
    }
}

#[test]
fn a_stamp_of_an_earlier_timeline_is_suspect() {
    let mut scene = Scene::bedside();
    scene.send("dev", "spo2", 97.0, |m, _| m.clock = Some(timeline(4)));
    scene.advance(20.0);
    scene.skip();
    scene.send("dev", "spo2", 97.0, |m, _| m.clock = Some(timeline(3)));
    scene.expect(&["raised medium clock.suspect: alarming, present"]);
    scene.advance(1_800.0);
    scene.send("dev", "spo2", 97.0, |m, _| m.clock = Some(timeline(4)));
    let news = scene.news();
    assert!(news.contains(&"ended medium clock.suspect: closed ended".to_owned()), "{news:?}");
}

#[test]
fn a_clock_ahead_by_hours_is_learnt_and_no_reason_to_doubt() {
    let mut scene = Scene::bedside();
    let ahead = |message: &mut Message, reading: &mut Reading| {
        message.clock = None;
        let stamp = message.sent_at.unwrap() + crate::model::time::Span::hours(2);
        message.sent_at = Some(stamp);
        reading.time = ReadingTime::At(stamp);
    };
    for _ in 0..12 {
        scene.send("dev", "spo2", 97.0, ahead);
        scene.advance(1.0);
    }
    // Until its pace is known nobody can tell it from a slip.
    scene.expect(&["raised medium clock.suspect: alarming, present"]);
    let latest = scene.latest("p", "dev", "spo2").expect("believed after 10 s");
    assert_eq!(latest.measured, at(11.0));
}

#[test]
fn an_age_without_a_time_of_sending_counts_from_arrival() {
    let mut scene = Scene::bedside();
    let aged = |message: &mut Message, reading: &mut Reading| {
        message.sent_at = None;
        message.clock = None;
        reading.time = ReadingTime::Age(crate::model::time::Span::secs(3));
    };
    scene.advance(10.0);
    scene.send("dev", "spo2", 97.0, aged);
    assert_eq!(scene.latest("p", "dev", "spo2").unwrap().measured, at(7.0));
}

#[test]
fn an_implausible_value_has_the_critical_priority_after_a_good_one() {
    for (first, signal, value, priority) in [
        (Some(120.0), "abp_sys", 400.0, "high"),
        (None, "abp_sys", 400.0, "medium"),
        (Some(70.0), "heart_rate", 400.0, "high"),
        (Some(15.0), "respiratory_rate", 400.0, "medium"),
    ] {
        let mut scene = Scene::bedside();
        if let Some(first) = first {
            scene.reading("dev", signal, first);
        }
        scene.advance(1.0);
        scene.reading("dev", signal, value);
        scene.expect(&[&format!("raised {priority} link.implausible: alarming, present")]);
        scene.advance(1.0);
        scene.reading("dev", signal, first.unwrap_or(120.0));
        scene.expect(&[&format!("ended {priority} link.implausible: closed ended")]);
    }
}

#[test]
fn a_late_implausible_value_is_only_stored() {
    let mut scene = Scene::bedside();
    scene.advance(600.0);
    scene.skip();
    scene.measured_at("dev", "heart_rate", 400.0, 1.0);
    scene.expect(&[]);
}

#[test]
fn glucose_in_an_unlikely_unit_is_urgent_and_never_clears() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "cgm", &[]);
    scene.bind("dev", "p");
    let doubtful = |_: &mut Message, reading: &mut Reading| reading.unit_doubtful = true;
    scene.send("dev", "glucose_cgm", 12.0, doubtful);
    scene.expect(&["raised high cgm.glucose_low: alarming, present"]);
    assert_eq!(scene.alarm("cgm.glucose_low").condition_reason.as_deref(), Some("unit doubtful"));
    assert!(scene.latest("p", "dev", "glucose_cgm").is_none());
    scene.advance(300.0);
    scene.send("dev", "glucose_cgm", 120.0, doubtful);
    scene.expect(&[]);
}

#[test]
fn a_bound_is_judged_only_where_every_value_it_allows_agrees() {
    for (value, comparator, raised) in [
        (39.0, Comparator::Less, true),
        (55.0, Comparator::Less, true),
        (100.0, Comparator::Less, false),
        (400.0, Comparator::Greater, false),
        (40.0, Comparator::GreaterOrEqual, false),
    ] {
        let mut scene = Scene::bedside();
        scene.send("dev", "glucose_blood", value, |_, reading| {
            if let Value::Number { comparator: c, .. } = &mut reading.value {
                *c = Some(comparator);
            }
        });
        let open = scene.find("glucose.blood_low").is_some();
        assert_eq!(open, raised, "{} {value}", comparator.as_str());
    }
}

#[test]
fn a_declared_zero_is_a_lost_sensor_and_an_undeclared_one_asystole() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "bedside", &[]);
    scene.bind_with_zeros("dev", "p", &["heart_rate", "spo2"]);
    scene.reading("dev", "heart_rate", 70.0);
    scene.advance(30.0);
    scene.skip();
    scene.reading("dev", "heart_rate", 0.0);
    scene.expect(&["raised high link.zero_or_off: alarming, present"]);
    assert_eq!(scene.alarm("link.zero_or_off").text, "Heart rate 0 or sensor off");
    scene.advance(1.0);
    scene.reading("dev", "heart_rate", 0.0);
    scene.reading("dev", "spo2", 0.0);
    scene.expect(&[]);
    scene.advance(1.0);
    scene.reading("dev", "heart_rate", 70.0);
    let news = scene.news();
    assert!(news.contains(&"ended high link.zero_or_off: closed ended".to_owned()), "{news:?}");

    let mut scene = Scene::bedside();
    scene.stream("dev", "heart_rate", 0.0, 6);
    scene.expect(&[
        "raised high vitals_live.asystole_low: alarming, present",
        "raised high vitals_live.bradycardia_low: alarming, present",
        "raised high vitals_live.heart_rate_low: alarming, present",
    ]);
    scene.stream("dev", "spo2", 0.0, 6);
    let news = scene.news();
    assert!(news.contains(&"raised high vitals_live.spo2_low: alarming, present".to_owned()));
}

#[test]
fn test_mode_on_a_patient_is_announced_at_once_and_raises_nothing_else() {
    let mut scene = Scene::bedside();
    scene.send("dev", "nibp_sys", 40.0, |m, _| m.mode = Mode::Test);
    scene.expect(&["raised medium link.test_mode: alarming, present"]);
    scene.measured_at("dev", "spo2", 97.0, -300.0);
    scene.expect(&[]);
    scene.advance(1.0);
    scene.reading("dev", "spo2", 97.0);
    scene.expect(&["ended medium link.test_mode: closed ended"]);
}

#[test]
fn limits_for_adults_refuse_others_aloud() {
    for (age_class, pregnant) in [
        (AgeClass::Neonatal, None),
        (AgeClass::Paediatric, None),
        (AgeClass::Unknown, None),
        (AgeClass::Adult, Some(true)),
    ] {
        let mut scene = Scene::empty();
        scene.admit_with("p", |p| (p.age_class, p.pregnant) = (age_class, pregnant));
        scene.device("dev", "bedside", &[]);
        scene.bind("dev", "p");
        scene.reading("dev", "nibp_sys", 60.0);
        scene.expect(&["raised medium rules.age_class: alarming, present"]);
        // Limits that are not for adults alone hold for everybody.
        scene.reading("dev", "glucose_blood", 50.0);
        scene.expect(&["raised high glucose.blood_low: alarming, present"]);
    }
}

#[test]
fn a_qos_0_message_is_judged_like_any_other() {
    let mut scene = Scene::bedside();
    scene.send("dev", "nibp_sys", 70.0, |m, _| m.delivery = Delivery::default());
    scene.expect(&["raised high vitals_live.nibp_sys_low: alarming, present"]);
}

#[test]
fn a_device_that_makes_up_series_gets_no_more_of_them() {
    let mut scene = Scene::bedside();
    for n in 0..300 {
        scene.send("dev", "spo2", 97.0, |_, reading| {
            reading.instance = n.to_string().as_str().into();
        });
    }
    let device = &scene.core.devices["dev"];
    assert_eq!(device.fates()[&Fate::TooManySeries], 44);
    assert_eq!(scene.core.patients["p"].series.len(), 256);
    assert_eq!(
        scene.core.patients["p"].expectations[0].doubt.as_deref(),
        Some("rejected: too many series")
    );
    scene.skip();
    scene.reading("dev", "nibp_sys", 60.0);
    scene.expect(&[]);
}

#[test]
fn alarms_for_adults_close_when_the_patient_is_none_and_come_back_at_once() {
    let mut scene = Scene::bedside();
    scene.reading("dev", "nibp_sys", 60.0);
    scene.reading("dev", "glucose_blood", 50.0);
    scene.skip();
    scene.change(None, Some(true));
    scene.expect(&[
        "rule_changed high vitals_live.nibp_sys_low: closed rule_changed",
        "raised medium rules.age_class: alarming, present",
    ]);
    scene.change(None, Some(false));
    scene.expect(&[
        "ended medium rules.age_class: closed ended",
        "raised high vitals_live.nibp_sys_low: alarming, present",
    ]);
}

#[test]
fn a_fraction_where_per_cent_is_expected_is_judged_as_per_cent_and_clears_nothing() {
    let fraction = |_: &mut Message, reading: &mut Reading| reading.unit_doubtful = true;
    let mut scene = Scene::bedside();
    for _ in 0..20 {
        scene.send("dev", "spo2", 0.97, fraction);
        scene.advance(1.0);
    }
    assert!(scene.find("vitals_live.spo2_low").is_none());
    assert!(scene.latest("p", "dev", "spo2").is_none());
    for _ in 0..6 {
        scene.send("dev", "spo2", 0.6, fraction);
        scene.advance(1.0);
    }
    let alarm = scene.alarm("vitals_live.spo2_low");
    assert_eq!((alarm.priority.as_str(), alarm.text.as_str()), ("high", "SpO2 60 % below 80 %"));
    assert_eq!(alarm.condition_reason.as_deref(), Some("unit doubtful"));
}

#[test]
fn what_a_bound_leaves_open_is_not_judged_and_its_silence_says_why() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "bedside", &["spo2", "heart_rate"]);
    scene.bind("dev", "p");
    for _ in 0..420 {
        scene.reading("dev", "heart_rate", 70.0);
        scene.send("dev", "spo2", 50.0, |_, reading| {
            if let Value::Number { comparator, .. } = &mut reading.value {
                *comparator = Some(Comparator::GreaterOrEqual);
            }
        });
        scene.advance(1.0);
    }
    assert!(scene.latest("p", "dev", "spo2").is_none(), "nothing of it is fresh");
    let alarm = scene.alarm("link.silence");
    assert_eq!(alarm.priority.as_str(), "medium");
    assert_eq!(alarm.text, "No judged data from dev: SpO2 (only a bound is known)");
}

#[test]
fn what_people_chart_up_to_two_hours_ahead_is_no_fault_of_a_clock() {
    for (ahead, suspect) in [(35 * 60, false), (2 * 3_600, false), (2 * 3_600 + 1, true)] {
        let mut scene = Scene::empty();
        scene.admit("p");
        scene.device("chart", "charted", &[]);
        scene.bind("chart", "p");
        scene.advance(60.0);
        scene.measured_at("chart", "nibp_sys", 70.0, 60.0 + f64::from(ahead));
        assert_eq!(scene.alarm("vitals_live.nibp_sys_low").priority.as_str(), "high", "{ahead} s");
        assert_eq!(scene.find("clock.suspect").is_some(), suspect, "{ahead} s");
    }
}

#[test]
fn good_and_absurd_stamps_in_turn_are_announced_once() {
    let mut scene = Scene::bedside();
    for _ in 0..300 {
        scene.reading("dev", "spo2", 97.0);
        scene.advance(1.0);
        scene.measured_at("dev", "spo2", 97.0, scene.second() + 100_000.0);
        scene.advance(1.0);
    }
    let told = scene.told();
    assert_eq!(told, ["medium clock.suspect"]);
}
