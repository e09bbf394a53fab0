//! Which reading counts of an input.

use super::*;
use crate::model::command::Outcome;
use crate::model::message::{Comparator, ReadingTime, Status};
use crate::rules::news2::{Input as Part, Sum};
use crate::tests::scene::at;

impl Scene {
    /// The points of an input of `p`; `None` is missing.
    fn points(&self, input: Part) -> Option<u8> {
        self.score().inputs[input.place()].1.as_ref().map(|shown| shown.points)
    }
}

#[test]
fn the_last_measured_counts_of_whatever_device() {
    let mut scene = calm();
    scene.device("oxi", "bedside", &[]);
    scene.bind("oxi", "p");
    scene.reading("mon", "heart_rate", 71.0);
    scene.reading("oxi", "pulse_rate", 131.0);
    // Of one moment the signal that is named first counts.
    assert_eq!(scene.points(Part::Pulse), Some(0));
    scene.advance(2.0);
    scene.reading("oxi", "pulse_rate", 131.0);
    assert_eq!(scene.points(Part::Pulse), Some(3));
    scene.measured_at("mon", "heart_rate", 60.0, 2.0);
    assert_eq!(scene.points(Part::Pulse), Some(3), "it was measured before");
    scene.reading("mon", "heart_rate", 60.0);
    assert_eq!(scene.points(Part::Pulse), Some(0));
    scene.advance(1.0);
    scene.reading("mon", "abp_sys", 95.0);
    assert_eq!(scene.points(Part::Systolic), Some(2));
}

#[test]
fn of_two_devices_at_once_the_graver_counts_and_else_the_one_that_counts_longer() {
    let mut scene = calm();
    scene.reading("chart", "heart_rate", 70.0);
    scene.reading("mon", "heart_rate", 71.0);
    let until = |scene: &Scene| scene.score().inputs[Part::Pulse.place()].1.clone().unwrap().until;
    assert_eq!(until(&scene), at(1.0 + 12.0 * 3_600.0));
    scene.advance(1.0);
    scene.reading("mon", "heart_rate", 135.0);
    scene.reading("chart", "heart_rate", 71.0);
    assert_eq!((scene.points(Part::Pulse), until(&scene)), (Some(3), at(902.0)));
}

#[test]
fn a_reading_counts_for_its_age_and_a_single_one_for_longer() {
    let mut scene = calm();
    scene.advance(898.999);
    assert_eq!(scene.points(Part::Pulse), Some(0));
    scene.advance(0.001);
    assert_eq!(scene.sum(), (0, false, None));
    for input in Part::ALL {
        let single = [Part::Oxygen, Part::Systolic, Part::Consciousness, Part::Temperature];
        assert_eq!(scene.points(input).is_some(), single.contains(&input), "{input:?}");
    }
    scene.advance(12.0 * 3_600.0 - 900.001);
    assert_eq!(scene.points(Part::Consciousness), Some(0));
    scene.advance(0.001);
    assert_eq!(scene.points(Part::Consciousness), None);
    // Of a device that only measures singly pulse is single, too.
    scene.device("kiosk", "kiosk", &[]);
    scene.bind("kiosk", "p");
    scene.reading("kiosk", "pulse_rate", 80.0);
    scene.advance(12.0 * 3_600.0 - 0.001);
    assert_eq!(scene.points(Part::Pulse), Some(0));
}

#[test]
fn what_was_measured_later_and_grew_too_old_is_not_replaced_by_what_is_older() {
    let mut scene = calm();
    scene.advance(1.0);
    scene.reading("mon", "abp_sys", 120.0);
    scene.advance(901.0);
    assert_eq!(scene.points(Part::Systolic), None);
}

#[test]
fn what_is_in_doubt_counts_for_nothing_and_leaves_what_was_known() {
    let mut scene = calm();
    let known = scene.sum();
    scene.advance(10.0);
    scene.send("mon", "heart_rate", 135.0, |_, reading| reading.quality = Some(0.2));
    scene.send("mon", "heart_rate", 135.0, |message, _| {
        message.mode = crate::model::message::Mode::Test;
    });
    scene.measured_at("mon", "respiratory_rate", 30.0, -600.0);
    scene.send("mon", "spo2", 80.0, |_, reading| reading.unit_doubtful = true);
    scene.reading("mon", "heart_rate", 900.0);
    scene.send("mon", "heart_rate", 1.0, |_, reading| {
        reading.value = Value::Absent("off".to_owned());
    });
    scene.word("chart", "consciousness", "X");
    scene.word("chart", "supplemental_oxygen", "yes");
    assert_eq!(scene.sum(), known);
    // Two values of one time contradict each other: the second is in doubt.
    scene.advance(10.0);
    scene.reading("mon", "heart_rate", 95.0);
    scene.reading("mon", "heart_rate", 135.0);
    assert_eq!(scene.points(Part::Pulse), Some(1));
}

#[test]
fn a_bound_counts_where_all_that_it_allows_has_the_same_points() {
    let mut scene = calm();
    let bound = |scene: &mut Scene, value, bound| {
        scene.advance(1.0);
        scene.send("mon", "spo2", value, |_, reading| {
            if let Value::Number { comparator, .. } = &mut reading.value {
                *comparator = Some(bound);
            }
        });
        scene.points(Part::Saturation)
    };
    assert_eq!(bound(&mut scene, 91.0, Comparator::LessOrEqual), Some(3));
    assert_eq!(bound(&mut scene, 95.0, Comparator::GreaterOrEqual), Some(3), "it may be 0 or 1");
    assert_eq!(bound(&mut scene, 96.0, Comparator::GreaterOrEqual), Some(0));
    assert_eq!(bound(&mut scene, 70.0, Comparator::Less), Some(3), "and no limit matters");
}

#[test]
fn by_scale_2_high_saturation_has_points_with_oxygen_alone() {
    let mut scene = bedside();
    assert_eq!(scene.prescribe(Spo2Scale::Two, None), Outcome::Invalid);
    assert_eq!(scene.prescribe(Spo2Scale::Two, Some(" ")), Outcome::Invalid);
    assert_eq!(scene.prescribe(Spo2Scale::One, Some("usual")), Outcome::AlreadySo);
    scene.reading("mon", "spo2", 98.0);
    assert_eq!(scene.points(Part::Saturation), Some(0));
    let version = scene.core.patients["p"].version;
    assert_eq!(scene.prescribe(Spo2Scale::Two, Some("hypercapnic failure")), Outcome::Done);
    assert_eq!(scene.prescribe(Spo2Scale::Two, Some("once more")), Outcome::AlreadySo);
    let prescribed = scene.core.patients["p"].scale.clone().unwrap();
    assert_eq!((prescribed.by.as_str(), prescribed.at), ("nurse", scene.now.wall()));
    assert_eq!(prescribed.reason, "hypercapnic failure");
    assert_eq!(scene.core.patients["p"].version, version + 1);
    assert_eq!(scene.points(Part::Saturation), Some(0), "where nobody said: no points");
    scene.word("chart", "supplemental_oxygen", "oxygen");
    assert_eq!(scene.points(Part::Saturation), Some(3));
    scene.advance(1.0);
    scene.word("chart", "supplemental_oxygen", "air");
    assert_eq!(scene.points(Part::Saturation), Some(0));
    scene.reading("mon", "spo2", 90.0);
    assert_eq!(scene.points(Part::Saturation), Some(0));
    assert_eq!(scene.prescribe(Spo2Scale::One, Some("it was another's")), Outcome::Done);
    assert_eq!(scene.points(Part::Saturation), Some(3));
}

#[test]
fn another_scale_changes_the_score_at_once_and_the_alarm_after_the_delay() {
    let mut scene = calm();
    scene.word("chart", "supplemental_oxygen", "oxygen");
    scene.advance(10.0);
    scene.prescribe(Spo2Scale::Two, Some("hypercapnic failure"));
    assert_eq!(scene.sum(), (5, true, Some(Band::Medium)));
    scene.moves_after(60.0, &["raised medium news2.score: alarming, present"]);
    // It is of this stay.
    scene.done(Action::DischargePatient {
        patient: "p".parse().unwrap(),
        reason: Some("well".to_owned()),
        replaces: None,
    });
    scene.admit("p");
    assert_eq!(scene.core.patients["p"].spo2_scale(), Spo2Scale::One);
}

#[test]
fn what_was_withdrawn_or_corrected_counts_no_more() {
    let mut scene = calm();
    scene.advance(10.0);
    scene.reading("mon", "heart_rate", 135.0);
    scene.word("chart", "consciousness", "U");
    assert_eq!(scene.sum(), (6, true, Some(Band::Medium)));
    let then = scene.second();
    scene.advance(10.0);
    let of_then = |status| {
        move |_: &mut Message, reading: &mut Reading| {
            (reading.time, reading.status) = (ReadingTime::At(at(then)), status);
        }
    };
    scene.send("mon", "heart_rate", 135.0, of_then(Status::EnteredInError));
    assert_eq!(scene.points(Part::Pulse), Some(0), "the one before counts again");
    scene.word_with("chart", "consciousness", "U", of_then(Status::EnteredInError));
    assert_eq!(scene.points(Part::Consciousness), Some(0));
    scene.reading("mon", "heart_rate", 100.0);
    scene.word("chart", "consciousness", "P");
    let then = scene.second();
    scene.advance(5.0);
    let of_then = |status| {
        move |_: &mut Message, reading: &mut Reading| {
            (reading.time, reading.status) = (ReadingTime::At(at(then)), status);
        }
    };
    scene.send("mon", "heart_rate", 120.0, of_then(Status::Corrected));
    assert_eq!(scene.points(Part::Pulse), Some(2));
    scene.word_with("chart", "consciousness", "A", of_then(Status::Corrected));
    assert_eq!(scene.points(Part::Consciousness), Some(0));
    // Corrected to what is no value, it is gone: what was before counts. What is poor corrects nothing.
    scene.reading("mon", "heart_rate", 135.0);
    scene.word("chart", "consciousness", "V");
    let then = scene.second();
    scene.advance(5.0);
    scene.word_with("chart", "consciousness", "", |_, reading| {
        reading.value = Value::Absent("not looked at".to_owned());
        (reading.time, reading.status) = (ReadingTime::At(at(then)), Status::Corrected);
    });
    assert_eq!(scene.points(Part::Consciousness), Some(0));
    let corrected = |_: &mut Message, reading: &mut Reading| {
        (reading.time, reading.status) = (ReadingTime::At(at(then)), Status::Corrected);
    };
    scene.send("mon", "heart_rate", 90.0, |message, reading| {
        corrected(message, reading);
        reading.quality = Some(0.1);
    });
    assert_eq!(scene.points(Part::Pulse), Some(3));
    scene.send("mon", "heart_rate", 900.0, corrected);
    assert_eq!(scene.points(Part::Pulse), Some(2));
    scene.send("mon", "heart_rate", 80.0, corrected);
    assert_eq!(scene.points(Part::Pulse), Some(0));
}

#[test]
fn of_a_message_the_score_is_taken_once() {
    let mut scene = calm();
    scene.reading("mon", "heart_rate", 135.0);
    scene.advance(60.0);
    scene.skip();
    scene.prescribe(Spo2Scale::Two, Some("hypercapnic failure"));
    scene.advance(961.0);
    scene.skip();
    // Between its readings it was in a band, and back in none.
    let mut message = scene.message("mon");
    let readings = vec![scene.measured("heart_rate", 135.0), {
        let mut later = scene.measured("heart_rate", 70.0);
        later.time = ReadingTime::At(scene.now.wall() + crate::model::time::Span::micros(1));
        later.index = 1;
        later
    }];
    message.body = Body::Telemetry { readings, refused: Vec::new() };
    scene.now.at = scene.now.at + crate::model::time::Span::millis(1);
    message.sent_at = Some(scene.now.wall());
    scene.fold(&[Input::Message(Box::new(message))]);
    scene.moves(&[]);
    assert_eq!(scene.points(Part::Pulse), Some(0));
}

#[test]
fn a_device_that_left_is_counted_no_more_and_one_that_was_anothers_is_of_the_right_patient() {
    let mut scene = calm();
    scene.reading("mon", "heart_rate", 135.0);
    scene.advance(60.0);
    scene.moves(&["raised low news2.score: alarming, present"]);
    let device = || "mon".parse().unwrap();
    scene.done(Action::Unbind { device: device(), replaces: None });
    scene.moves(&["unknown low news2.score: alarming, unknown"]);
    scene.bind("mon", "p");
    assert_eq!(scene.points(Part::Pulse), None, "what was before it is bound counts no more");
    scene.admit("q");
    scene.reading("mon", "heart_rate", 135.0);
    scene.moves(&["back_present low news2.score: alarming, present"]);
    scene.word("chart", "consciousness", "U");
    for device in ["mon", "chart"] {
        scene.done(Action::CorrectBinding {
            device: device.parse().unwrap(),
            patient: Some("q".parse().unwrap()),
            reason: "the other bed".to_owned(),
            replaces: None,
        });
    }
    scene.moves(&["unknown low news2.score: alarming, unknown"]);
    assert_eq!(scene.sum(), (0, false, None));
    let scores = scene.core.scores_of(&scene.core.patients["q"]);
    let Sum { total, complete, band } = scores[0].sum;
    assert_eq!((total, complete, band), (6, false, Some(Band::Medium)));
    scene.moves_after(60.0, &["raised medium news2.score: alarming, present"]);
}

#[test]
fn what_was_measured_before_a_binding_counts_for_nothing_also_where_it_was_the_same_patients() {
    let mut scene = calm();
    scene.advance(10.0);
    for device in ["mon", "chart"] {
        scene.done(Action::Unbind { device: device.parse().unwrap(), replaces: None });
        scene.bind(device, "p");
    }
    scene.measured_at("mon", "heart_rate", 135.0, 5.0);
    scene.measured_at("chart", "temperature", 40.0, 5.0);
    scene.word_with("chart", "consciousness", "U", |_, reading| {
        reading.time = ReadingTime::At(at(5.0));
    });
    assert_eq!(scene.sum(), (0, false, None));
    scene.reading("mon", "heart_rate", 135.0);
    assert_eq!(scene.sum(), (3, false, Some(Band::Single)));
}

#[test]
fn it_shows_what_counts_with_its_value_and_until_when() {
    let mut scene = calm();
    scene.advance(5.0);
    scene.reading("mon", "heart_rate", 95.0);
    let score = scene.score();
    assert_eq!(score.rule.as_str(), RULE);
    assert_eq!(score.since, Some(at(0.0)));
    let pulse = score.inputs[Part::Pulse.place()].1.clone().unwrap();
    assert_eq!((pulse.points, pulse.measured_at, pulse.until), (1, at(6.0), at(906.0)));
    assert_eq!(
        pulse.value,
        crate::patient::ValueShown::Number(95.0, crate::model::unit::Unit::PerMinute)
    );
    let word = score.inputs[Part::Consciousness.place()].1.clone().unwrap();
    assert_eq!(word.value, crate::patient::ValueShown::Word("A".to_owned()));
    assert_eq!(word.until, at(12.0 * 3_600.0));
}
