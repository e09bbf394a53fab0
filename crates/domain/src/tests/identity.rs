//! Which reading is which (contract §2, "Same reading").

use crate::model::input::Input;
use crate::model::instance::Instance;
use crate::model::message::{
    Body, Event, Message, Mode, Phase, Reading, ReadingTime, Relay, Status, Value,
};
use crate::model::time::Span;

use super::scene::{Scene, at};

const NIBP: &str = "vitals_live.nibp_sys_low";

#[test]
fn a_withdrawal_concerns_one_instance() {
    let mut scene = Scene::bedside();
    for lead in ["RA", "RV"] {
        scene.send("dev", "impedance", 2_500.0, |_, r| {
            r.instance = Instance::from(lead);
            r.time = ReadingTime::At(at(0.0));
        });
    }
    assert_eq!(scene.news().len(), 2);
    scene.send("dev", "impedance", 2_500.0, |_, r| {
        r.instance = Instance::from("RA");
        r.time = ReadingTime::At(at(0.0));
        r.status = Status::EnteredInError;
    });
    scene.expect(&["retracted medium cied.impedance_high: closed retracted"]);
    assert_eq!(scene.alarm("cied.impedance_high").source, "dev/RV");
}

#[test]
fn after_a_withdrawal_the_series_is_judged_by_what_remains() {
    let mut scene = Scene::bedside();
    scene.reading("dev", "nibp_sys", 70.0);
    scene.advance(60.0);
    scene.reading("dev", "nibp_sys", 72.0);
    scene.skip();
    scene.send("dev", "nibp_sys", 70.0, |_, r| {
        r.time = ReadingTime::At(at(0.0));
        r.status = Status::EnteredInError;
    });
    scene.expect(&[
        "retracted high vitals_live.nibp_sys_low: closed retracted",
        "raised high vitals_live.nibp_sys_low: alarming, present",
    ]);
    assert_eq!(scene.alarm(NIBP).trigger.value, Some(72.0));
}

#[test]
fn a_withdrawal_in_test_mode_withdraws_nothing() {
    let mut scene = Scene::bedside();
    scene.reading("dev", "nibp_sys", 70.0);
    scene.skip();
    scene.send("dev", "nibp_sys", 70.0, |m, r| {
        m.mode = Mode::Test;
        r.status = Status::EnteredInError;
    });
    scene.expect(&["raised medium link.test_mode: alarming, present"]);
    assert!(scene.find(NIBP).is_some());
}

#[test]
fn what_is_shown_does_not_freeze_where_numbers_stand_still() {
    let mut scene = Scene::bedside();
    for value in [97.0, 96.0, 95.0] {
        scene.send("dev", "spo2", value, |m, _| m.seq = Some(1));
        scene.advance(1.0);
    }
    assert_eq!(scene.latest("p", "dev", "spo2").map(|latest| latest.number.value), Some(95.0));
}

#[test]
fn the_first_copy_that_is_fit_is_judged() {
    for unfit in ["quality", "test", "unbound"] {
        let mut scene = Scene::bedside();
        if unfit == "unbound" {
            scene = Scene::empty();
            scene.admit("p");
            scene.device("dev", "bedside", &[]);
        }
        scene.advance(60.0);
        scene.send("dev", "nibp_sys", 60.0, |m, r| {
            r.time = ReadingTime::At(at(59.0));
            match unfit {
                "quality" => r.quality = Some(0.2),
                "test" => m.mode = Mode::Test,
                _ => {}
            }
        });
        if unfit == "unbound" {
            scene.done(crate::model::command::Action::Bind {
                device: "dev".parse().unwrap(),
                patient: "p".parse().unwrap(),
                from: Some(at(30.0)),
                zero_means_no_sensor: None,
                replaces: None,
            });
        }
        assert!(scene.find(NIBP).is_none(), "{unfit}");
        scene.send("dev", "nibp_sys", 60.0, |_, r| r.time = ReadingTime::At(at(59.0)));
        assert!(scene.find(NIBP).is_some(), "{unfit}");
    }
}

#[test]
fn two_values_of_one_time_are_both_judged_and_the_milder_clears_nothing() {
    let mut scene = Scene::bedside();
    for _ in 0..20 {
        let time = scene.second();
        for value in [97.0, 60.0] {
            scene.send("dev", "spo2", value, |_, r| r.time = ReadingTime::At(at(time)));
        }
        scene.advance(1.0);
    }
    let alarm = scene.alarm("vitals_live.spo2_low");
    assert_eq!((alarm.priority.to_string().as_str(), alarm.trigger.value), ("high", Some(60.0)));
}

#[test]
fn a_series_is_judged_in_the_order_of_its_times() {
    let mut scene = Scene::bedside();
    scene.advance(20.0);
    let mut readings: Vec<_> = (0..16)
        .map(|n| {
            let mut reading = scene.measured("spo2", 70.0);
            reading.time = ReadingTime::At(at(f64::from(19 - n)));
            reading.index = n as u32;
            reading
        })
        .collect();
    readings.push(scene.measured("spo2", 70.0));
    let mut message = scene.message("dev");
    message.body = Body::Telemetry { readings, refused: Vec::new() };
    scene.fold(&[Input::Message(Box::new(message))]);
    assert!(scene.find("vitals_live.spo2_low").is_some(), "newest first is no less");
}

#[test]
fn an_event_is_used_up_when_it_was_judged_for_a_patient() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "cied", &[]);
    scene.advance(60.0);
    scene.event_at("dev", "vf_detected", Some("1"), Phase::Single, 50.0);
    scene.expect(&[]);
    scene.done(crate::model::command::Action::Bind {
        device: "dev".parse().unwrap(),
        patient: "p".parse().unwrap(),
        from: Some(at(30.0)),
        zero_means_no_sensor: None,
        replaces: None,
    });
    scene.event_at("dev", "vf_detected", Some("1"), Phase::Single, 50.0);
    assert_eq!(scene.news().len(), 1);
    scene.event_at("dev", "vf_detected", Some("1"), Phase::Single, 50.0);
    scene.expect(&[]);
}

/// An implant `dev` of `p`, which may be silent for days.
fn implant() -> Scene {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "cied", &[]);
    scene.bind("dev", "p");
    scene
}

/// An event of an id under a boot, happened and sent now.
fn reported(scene: &mut Scene, id: &str, phase: Phase, boot: u64, second: f64) {
    let mut message = scene.message("dev");
    message.boot = Some(boot);
    let event = Event {
        index: 0,
        id: Some(id.to_owned()),
        time: ReadingTime::At(at(second)),
        name: "vf_detected".to_owned(),
        phase,
        text: None,
    };
    message.body = Body::Events { events: vec![event], refused: Vec::new() };
    scene.fold(&[Input::Message(Box::new(message))]);
}

#[test]
fn an_id_that_is_counted_anew_after_a_restart_is_of_another_event() {
    let mut scene = implant();
    reported(&mut scene, "1", Phase::Start, 1, 0.0);
    scene.advance(1.0);
    reported(&mut scene, "1", Phase::End, 1, 1.0);
    scene.reset("cied.vf", None);
    scene.advance(3_600.0);
    scene.skip();
    // The memory of the device is sent once more after the restart: that is no news.
    reported(&mut scene, "1", Phase::Start, 2, 0.0);
    scene.expect(&[]);
    reported(&mut scene, "1", Phase::Start, 2, 3_601.0);
    scene.expect(&["raised high cied.vf: alarming, present"]);
    scene.advance(1.0);
    reported(&mut scene, "1", Phase::End, 2, 3_602.0);
    scene.expect(&["latched high cied.vf: latched, absent"]);
    for boot in [2, 3] {
        reported(&mut scene, "1", Phase::Start, boot, 0.0);
        reported(&mut scene, "1", Phase::Start, boot, 3_601.0);
        scene.expect(&[]);
    }
}

#[test]
fn a_restart_in_the_middle_of_an_episode_ends_it_all_the_same_and_single_events_are_told_apart() {
    let mut scene = implant();
    reported(&mut scene, "1", Phase::Start, 1, 0.0);
    scene.advance(5.0);
    scene.skip();
    reported(&mut scene, "1", Phase::Update, 2, 5.0);
    reported(&mut scene, "1", Phase::End, 2, 5.0);
    scene.expect(&["latched high cied.vf: latched, absent"]);
    for (id, boot) in [("2", 2), ("2", 3), ("2", 4)] {
        scene.advance(5.0);
        let now = scene.second();
        reported(&mut scene, id, Phase::Single, boot, now);
        reported(&mut scene, id, Phase::Single, boot, now);
        assert_eq!(scene.news().len(), 1, "{boot}");
    }
}

#[test]
fn an_id_that_is_used_again_after_its_end_is_of_another_event() {
    let mut scene = implant();
    reported(&mut scene, "7", Phase::End, 1, 0.0);
    scene.advance(5.0);
    reported(&mut scene, "7", Phase::Start, 1, 4.0);
    scene.expect(&["raised high cied.vf: alarming, present"]);
    // Without an end between them it is the same, however often it is stamped.
    scene.advance(5.0);
    reported(&mut scene, "7", Phase::Start, 1, 10.0);
    scene.expect(&[]);
    reported(&mut scene, "7", Phase::End, 1, 10.0);
    scene.skip();
    scene.advance(60.0);
    reported(&mut scene, "7", Phase::Start, 1, 70.0);
    scene.expect(&["recurred high cied.vf: alarming, present"]);
}

fn at_second(second: f64, status: Status) -> impl Fn(&mut Message, &mut Reading) {
    move |_, reading| (reading.time, reading.status) = (ReadingTime::At(at(second)), status)
}

#[test]
fn a_correction_retracts_what_stood_on_the_wrong_value_and_only_that() {
    for (corrected, news) in
        [(120.0, vec!["retracted high vitals_live.nibp_sys_low: closed retracted"]), (75.0, vec![])]
    {
        let mut scene = Scene::bedside();
        scene.send("dev", "nibp_sys", 70.0, at_second(0.0, Status::Final));
        scene.advance(5.0);
        scene.skip();
        scene.send("dev", "nibp_sys", corrected, at_second(0.0, Status::Corrected));
        scene.expect(&news);
        // The wrong value sent once more, as from a queue, is known to be wrong.
        scene.send("dev", "nibp_sys", 70.0, at_second(0.0, Status::Final));
        scene.expect(&[]);
    }
}

#[test]
fn after_a_withdrawal_another_value_of_its_time_contradicts_nothing() {
    let mut scene = Scene::bedside();
    scene.send("dev", "nibp_sys", 70.0, at_second(0.0, Status::Final));
    scene.send("dev", "nibp_sys", 70.0, at_second(0.0, Status::EnteredInError));
    scene.advance(5.0);
    scene.send("dev", "nibp_sys", 120.0, at_second(0.0, Status::Final));
    assert_eq!(scene.latest("p", "dev", "nibp_sys").map(|l| l.number.value), Some(120.0));
}

#[test]
fn a_correction_is_no_sign_of_life() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "bedside", &["spo2"]);
    scene.bind("dev", "p");
    scene.reading("dev", "spo2", 97.0);
    for n in 1..=15 {
        scene.advance(1.0);
        scene.send("dev", "spo2", 97.0 - f64::from(n % 2), at_second(0.0, Status::Corrected));
    }
    assert!(scene.find("link.silence").is_some());
}

#[test]
fn a_request_is_withdrawn_with_the_measurement_it_asks_to_confirm() {
    let mut scene = Scene::bedside();
    scene.reading("dev", "nibp_sys", 85.0);
    scene.skip();
    scene.send("dev", "nibp_sys", 85.0, |_, r| {
        r.time = ReadingTime::At(at(0.0));
        r.status = Status::EnteredInError;
    });
    scene.expect(&["retracted low vitals_live.nibp_sys_low_repeat_due: closed retracted"]);
}

#[test]
fn a_withdrawn_value_inside_ends_nothing() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "heart_rate", 190.0, 15);
    assert!(scene.find("vitals_live.heart_rate_high").is_some(), "{:?}", scene.news());
    scene.reading("dev", "heart_rate", 70.0);
    let inside = at(scene.second());
    scene.advance(1.0);
    scene.skip();
    scene.send("dev", "heart_rate", 70.0, |_, r| {
        r.time = ReadingTime::At(inside);
        r.status = Status::EnteredInError;
    });
    scene.advance(60.0);
    let news = scene.news();
    let over = "latched high vitals_live.heart_rate_high: latched, absent".to_owned();
    assert!(!news.contains(&over), "{news:?}");
}

#[test]
fn a_correction_is_of_the_same_reading_though_the_offset_of_its_clock_moved_since() {
    for moved in [300, 1_300] {
        let mut scene = Scene::bedside();
        scene.advance(60.0);
        let by_a_clock = |behind: i64| {
            move |message: &mut Message, reading: &mut Reading| {
                message.clock = None;
                message.sent_at = message.sent_at.map(|sent_at| sent_at - Span::millis(behind));
                reading.time = ReadingTime::At(at(59.0));
            }
        };
        scene.send("dev", "nibp_sys", 70.0, by_a_clock(1_000));
        let first = scene.latest("p", "dev", "nibp_sys").unwrap();
        scene.advance(5.0);
        scene.skip();
        scene.send("dev", "nibp_sys", 120.0, |message, reading| {
            by_a_clock(1_000 - moved)(message, reading);
            reading.status = Status::Corrected;
        });
        scene.expect(&["retracted high vitals_live.nibp_sys_low: closed retracted"]);
        let corrected = scene.latest("p", "dev", "nibp_sys").unwrap();
        assert_eq!((corrected.number.value, corrected.measured), (120.0, first.measured));
    }
}

#[test]
fn a_sensor_that_comes_off_is_told_where_numbers_stand_still() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "bedside", &[]);
    scene.bind_with_zeros("dev", "p", &["spo2"]);
    for value in [97.0, 96.0, 0.0] {
        scene.expect(&[]);
        scene.advance(1.0);
        scene.send("dev", "spo2", value, |message, _| message.seq = Some(1));
    }
    scene.expect(&["raised high link.zero_or_off: alarming, present"]);
}

#[test]
fn of_two_codes_of_one_signal_each_is_judged_by_itself() {
    let mut scene = Scene::bedside();
    for _ in 0..22 {
        for (code, value) in [("mdc:151562", 19.0), ("mdc:151570", 3.0)] {
            scene.send("dev", "respiratory_rate", value, |_, reading| {
                reading.instance = Instance::from(code);
            });
        }
        scene.advance(1.0);
    }
    scene.expect(&["raised high vitals_live.respiratory_rate_low: alarming, present"]);
    assert_eq!(scene.alarm("vitals_live.respiratory_rate_low").source, "dev/mdc:151570");
}

#[test]
fn what_comes_final_after_something_milder_of_its_time_is_judged() {
    type Before = fn(&mut Message, &mut Reading);
    let milder: [(&str, Before); 4] = [
        ("preliminary", |_, reading| reading.status = Status::Preliminary),
        ("absent", |_, reading| reading.value = Value::Absent("not-performed".to_owned())),
        ("final, of the same minute", |_, _| {}),
        ("unlikely", |_, reading| reading.quality = Some(0.2)),
    ];
    for (name, before) in milder {
        let mut scene = Scene::bedside();
        scene.advance(10.0);
        scene.send("dev", "nibp_sys", 120.0, |message, reading| {
            reading.time = ReadingTime::At(at(0.0));
            before(message, reading);
        });
        scene.advance(40.0);
        scene.skip();
        scene.send("dev", "nibp_sys", 60.0, at_second(0.0, Status::Final));
        let told = scene.told();
        assert_eq!(told, ["high vitals_live.nibp_sys_low"], "{name}");
    }
}

#[test]
fn the_same_measurement_by_another_hub_confirms_nothing() {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("cuff", "spot", &[]);
    scene.bind("cuff", "p");
    for hub in ["hub-1", "hub-2"] {
        scene.device(hub, "relay", &[]);
    }
    let through = |hub: &'static str, second: f64| {
        move |message: &mut Message, reading: &mut Reading| {
            let now = message.sent_at;
            message.principal = hub.parse().unwrap();
            (message.sent_at, message.clock) = (None, None);
            message.relay = Some(Relay {
                id: hub.parse().unwrap(),
                device_clock: now,
                received_at: now,
                sent_at: now,
            });
            reading.time = ReadingTime::At(at(second));
        }
    };
    scene.advance(10.0);
    scene.send("cuff", "nibp_sys", 85.0, through("hub-1", 5.0));
    scene.expect(&["raised low vitals_live.nibp_sys_low_repeat_due: alarming, present"]);
    scene.advance(50.0);
    scene.send("cuff", "nibp_sys", 85.0, through("hub-2", 5.0));
    scene.expect(&[]);
    scene.advance(5.0);
    scene.send("cuff", "nibp_sys", 85.0, through("hub-2", 60.0));
    let news = scene.news();
    let raised = "raised medium vitals_live.nibp_sys_low: alarming, present".to_owned();
    assert!(news.contains(&raised), "another measurement does: {news:?}");
}
