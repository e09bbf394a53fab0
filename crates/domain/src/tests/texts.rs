//! What alarms read out: the value now and the worst, in words for people (contract §5).

use crate::model::alarm::AlarmKind;
use crate::model::input::Input;
use crate::model::message::{ReadingTime, Status};
use crate::model::observation::Number;
use crate::model::time::Span;
use crate::model::unit::Unit;
use crate::output::transition::TransitionBody;

use super::scene::{Scene, at};

const SPO2: &str = "vitals_live.spo2_low";

fn each_second(scene: &mut Scene, signal: &str, values: &[f64]) {
    for value in values {
        scene.reading("dev", signal, *value);
        scene.advance(1.0);
    }
}

#[test]
fn a_text_says_the_value_now_and_the_worst_as_of_its_transition() {
    let mut scene = Scene::bedside();
    let falling: Vec<f64> = (0..15).map(|i| if i == 7 { 82.0 } else { 85.0 }).collect();
    each_second(&mut scene, "spo2", &falling);
    assert_eq!(scene.alarm(SPO2).text, "SpO2 85 % (lowest 82 %) below 88 %");
    scene.skip();
    each_second(&mut scene, "spo2", &[81.0, 83.0]);
    scene.expect(&[]);
    scene.acknowledge(SPO2);
    assert_eq!(scene.alarm(SPO2).text, "SpO2 83 % (lowest 81 %) below 88 %");
    each_second(&mut scene, "spo2", &[74.0; 6]);
    assert_eq!(scene.alarm(SPO2).text, "SpO2 74 % below 80 %");
    each_second(&mut scene, "spo2", &[97.0; 62]);
    assert_eq!(scene.alarm(SPO2).text, "SpO2 97 % (lowest 74 %, limit 80 %)");
}

#[test]
fn an_answer_shows_what_is_known_when_it_is_given() {
    let mut scene = Scene::bedside();
    each_second(&mut scene, "spo2", &[85.0; 16]);
    each_second(&mut scene, "spo2", &[83.0]);
    let before = scene.log.len();
    scene.acknowledge(SPO2);
    let texts: Vec<_> = scene.log[before..]
        .iter()
        .map(|transition| match &transition.body {
            TransitionBody::Answer { answer, .. } => answer.alarm.as_ref().unwrap().text.clone(),
            TransitionBody::Alarm { alarm, .. } => alarm.text.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(texts, ["SpO2 83 % below 88 %"; 2]);
}

#[test]
fn an_emergency_is_named_before_its_value() {
    let mut scene = Scene::bedside();
    each_second(&mut scene, "heart_rate", &[25.0, 22.0, 25.0, 25.0, 25.0, 28.0]);
    let text = scene.alarm("vitals_live.bradycardia_low").text;
    assert_eq!(text, "Extreme bradycardia: Heart rate 25 /min (lowest 22 /min)");
}

#[test]
fn a_high_alarm_says_the_highest() {
    let mut scene = Scene::bedside();
    each_second(&mut scene, "heart_rate", &[170.0, 181.0, 175.0, 175.0, 175.0, 165.0]);
    let text = scene.alarm("vitals_live.heart_rate_high").text;
    assert_eq!(text, "Heart rate 175 /min (highest 181 /min) above 160 /min");
}

#[test]
fn a_reading_entered_in_error_is_not_the_worst() {
    let mut scene = Scene::bedside();
    each_second(&mut scene, "spo2", &[85.0; 16]);
    let second = scene.second();
    each_second(&mut scene, "spo2", &[40.0, 84.0]);
    scene.send("dev", "spo2", 40.0, |_, reading| {
        reading.time = ReadingTime::At(at(second));
        reading.status = Status::EnteredInError;
    });
    scene.acknowledge(SPO2);
    assert_eq!(scene.alarm(SPO2).text, "SpO2 84 % below 88 %");
}

#[test]
fn what_came_late_is_told_with_its_worst_and_stays_so() {
    let mut scene = Scene::bedside();
    scene.advance(1_000.0);
    for (value, second) in [(85.0, 100.0), (78.0, 110.0), (85.0, 120.0)] {
        scene.measured_at("dev", "spo2", value, second);
    }
    scene.reading("dev", "spo2", 97.0);
    scene.acknowledge(SPO2);
    assert_eq!(scene.alarm(SPO2).text, "SpO2 78 % below 88 % (late)");
}

#[test]
fn no_text_holds_a_stamp() {
    let mut scene = Scene::bedside();
    let (from, to) = (scene.now.at, scene.now.at + Span::secs(6));
    scene.now.at = to;
    scene.fold(&[Input::IntakeGap { from, to }]);
    let alarm = scene.alarm("gateway.deaf");
    assert_eq!(alarm.kind, AlarmKind::Technical);
    assert_eq!(alarm.text, "nothing was taken in for 6 s of a minute");
}

#[test]
fn a_value_beyond_its_limit_looks_so_and_a_zero_has_no_sign() {
    let mut scene = Scene::bedside();
    each_second(&mut scene, "spo2", &[79.999; 16]);
    assert_eq!(scene.alarm(SPO2).text, "SpO2 79.999 % below 80 %");
    let unit = Unit::PerMinute;
    let zero = Number { value: -0.0, unit, comparator: None, unit_doubtful: false };
    let implausible = crate::text::implausible("Heart rate", &zero);
    assert_eq!(implausible, "Heart rate 0 /min is implausible");
}

#[test]
fn what_a_device_calls_an_event_is_said_without_what_cannot_be_seen() {
    use crate::text::event;
    let said = "Event reported by the device";
    assert_eq!(event(said, Some("VF_DETECTED"), None), "Event reported by the device: VF_DETECTED");
    let words = Some("\u{202e}mrala eslaf\u{2028}\u{1b}[2J größe \"1\"");
    assert_eq!(event("VF", None, words), "VF: \u{fffd}mrala eslaf\u{fffd}\u{fffd}[2J größe \"1\"");
}
