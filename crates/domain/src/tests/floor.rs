//! The lethal floor, and what follows from an emergency (contract §4, §5).

use crate::model::alarm::{Condition, Side};
use crate::model::command::{AgeClass, PatientDetails, PatientLimit};
use crate::model::input::Input;
use crate::model::message::{Body, ReadingTime};
use crate::model::unit::Unit;

use super::scene::{Scene, at};

/// A bedside monitor on somebody.
fn bedside(who: impl FnOnce(&mut PatientDetails)) -> Scene {
    let mut scene = Scene::empty();
    scene.admit_with("p", who);
    scene.device("dev", "bedside", &["heart_rate", "spo2", "respiratory_rate"]);
    scene.bind("dev", "p");
    scene
}

fn of_age(age_class: AgeClass) -> Scene {
    bedside(|details| details.age_class = age_class)
}

/// What high alarms there are after so many seconds of these values.
fn high(scene: &mut Scene, values: &[(&str, f64)], seconds: u32) -> Vec<String> {
    for _ in 0..seconds {
        for (signal, value) in values {
            scene.reading("dev", signal, *value);
        }
        scene.advance(1.0);
    }
    let raised = scene.news().into_iter().filter_map(|line| {
        let rule = line.strip_prefix("raised high ")?;
        Some(rule.split(':').next()?.to_owned())
    });
    raised.collect()
}

#[test]
fn the_lethal_floor_holds_for_every_age() {
    type Change = fn(&mut PatientDetails);
    let others: [(&str, Change); 4] = [
        ("child", |p| p.age_class = AgeClass::Paediatric),
        ("neonate", |p| p.age_class = AgeClass::Neonatal),
        ("nobody knows", |p| p.age_class = AgeClass::Unknown),
        ("pregnant", |p| p.pregnant = Some(true)),
    ];
    for (name, who) in others {
        let mut scene = bedside(who);
        let found = high(&mut scene, &[("heart_rate", 70.0), ("spo2", 97.0)], 5);
        assert_eq!(found, [""; 0], "{name}");
        let found = high(&mut scene, &[("spo2", 69.0)], 6);
        assert_eq!(found, ["vitals_live.spo2_floor_low"], "{name}");
        let apnoea = if name == "neonate" { "apnoea_neonate" } else { "apnoea" };
        let found = high(&mut scene, &[("respiratory_rate", 0.0), ("heart_rate", 90.0)], 21);
        assert_eq!(found, [format!("vitals_live.{apnoea}_low")], "{name}");
        let found = high(&mut scene, &[("heart_rate", 0.0)], 6);
        assert!(found.contains(&"vitals_live.asystole_low".to_owned()), "{name}: {found:?}");
        let text = scene.alarm("vitals_live.asystole_low").text;
        assert_eq!(text, "Asystole: Heart rate 0 /min");
    }
}

#[test]
fn a_heart_rate_that_is_lost_while_the_device_goes_on_is_asystole_at_any_age() {
    for age in [AgeClass::Adult, AgeClass::Neonatal] {
        let mut scene = of_age(age);
        high(&mut scene, &[("heart_rate", 120.0), ("spo2", 97.0)], 5);
        let found = high(&mut scene, &[("spo2", 97.0)], 13);
        assert_eq!(found, ["vitals_live.asystole_lost"], "{age:?}");
    }
}

#[test]
fn extreme_bradycardia_goes_by_age() {
    for (age, slow, enough, rule) in [
        (AgeClass::Unknown, 29.0, 31.0, "bradycardia"),
        (AgeClass::Paediatric, 39.0, 41.0, "bradycardia_child"),
        (AgeClass::Neonatal, 59.0, 61.0, "bradycardia_neonate"),
    ] {
        let mut scene = of_age(age);
        assert_eq!(high(&mut scene, &[("heart_rate", enough)], 10), [""; 0], "{age:?}");
        let found = high(&mut scene, &[("heart_rate", slow)], 6);
        assert_eq!(found, [format!("vitals_live.{rule}_low")], "{age:?}");
    }
}

#[test]
fn what_follows_from_an_emergency_is_shown_and_announced_only_when_it_stands_by_itself() {
    let mut scene = of_age(AgeClass::Adult);
    let found = high(&mut scene, &[("heart_rate", 0.0), ("spo2", 70.0)], 16);
    assert_eq!(
        found,
        ["asystole", "bradycardia", "heart_rate", "spo2"].map(|id| format!("vitals_live.{id}_low"))
    );
    let emergency = scene.alarm("vitals_live.asystole_low");
    for follows in
        ["vitals_live.bradycardia_low", "vitals_live.heart_rate_low", "vitals_live.spo2_low"]
    {
        assert_eq!(scene.alarm(follows).group.as_deref(), Some(emergency.id.as_str()));
    }
    assert_eq!(emergency.group, None);
    for _ in 0..62 {
        scene.reading("dev", "heart_rate", 70.0);
        scene.reading("dev", "spo2", 70.0);
        scene.advance(1.0);
    }
    let news = scene.news();
    assert!(news.contains(&"latched high vitals_live.asystole_low: latched, absent".to_owned()));
    let unfolded = "unfolded high vitals_live.spo2_low: alarming, present".to_owned();
    assert!(news.contains(&unfolded), "{news:?}");
    let alarm = scene.alarm("vitals_live.spo2_low");
    assert!(alarm.group.is_none() && alarm.announced_at > alarm.raised_at);
}

#[test]
fn limits_that_a_person_put_for_a_child_hold() {
    let mut scene = of_age(AgeClass::Paediatric);
    let low = |value| PatientLimit {
        signal: "spo2".to_owned(),
        side: Side::Low,
        critical: false,
        value: Some(value),
        unit: Unit::Percent,
        until: None,
        ends: None,
    };
    scene.limits(vec![low(92.0)], None, None);
    scene.skip();
    scene.stream("dev", "spo2", 91.0, 16);
    let news = scene.news();
    let raised = "raised medium vitals_live.spo2_low: alarming, present".to_owned();
    assert!(news.contains(&raised), "{news:?}");
    assert!(scene.alarm("vitals_live.spo2_low").text.ends_with("below 92 %"));
}

#[test]
fn no_limit_of_a_patient_takes_the_place_of_the_floor() {
    let mut scene = of_age(AgeClass::Adult);
    let off = |critical| PatientLimit {
        signal: "heart_rate".to_owned(),
        side: Side::Low,
        critical,
        value: None,
        unit: Unit::PerMinute,
        until: None,
        ends: None,
    };
    scene.limits(vec![off(false), off(true)], None, None);
    let found = high(&mut scene, &[("heart_rate", 0.0)], 6);
    assert_eq!(found, ["vitals_live.asystole_low", "vitals_live.bradycardia_low"]);
}

/// The lower limits of SpO2 of a patient's own.
fn own(scene: &mut Scene, low: Option<f64>, critical: Option<f64>) {
    let limit = |critical, value| PatientLimit {
        signal: "spo2".to_owned(),
        side: Side::Low,
        critical,
        value,
        unit: Unit::Percent,
        until: None,
        ends: None,
    };
    scene.limits(vec![limit(false, low), limit(true, critical)], None, None);
}

#[test]
fn the_floor_of_an_adult_is_left_to_a_limit_that_says_the_same() {
    for (limits, rule) in [
        (None, "spo2"),
        (Some((Some(90.0), Some(75.0))), "spo2"),
        (Some((Some(90.0), Some(60.0))), "spo2_floor"),
        (Some((Some(90.0), None)), "spo2_floor"),
        (Some((None, None)), "spo2_floor"),
    ] {
        let mut scene = of_age(AgeClass::Adult);
        if let Some((low, critical)) = limits {
            own(&mut scene, low, critical);
        }
        let found = high(&mut scene, &[("spo2", 65.0)], 10);
        assert_eq!(found, [format!("vitals_live.{rule}_low")], "{limits:?}");
    }
}

#[test]
fn the_floor_stands_as_soon_as_the_limit_beside_it_is_lifted() {
    let mut scene = of_age(AgeClass::Adult);
    assert_eq!(high(&mut scene, &[("spo2", 65.0)], 10), ["vitals_live.spo2_low"]);
    scene.skip();
    // What one of the two told, the other goes on telling.
    for (limits, goes_on, rests) in [
        ((None, None), "vitals_live.spo2_floor_low", "vitals_live.spo2_low"),
        ((Some(88.0), Some(80.0)), "vitals_live.spo2_low", "vitals_live.spo2_floor_low"),
        ((None, None), "vitals_live.spo2_floor_low", "vitals_live.spo2_low"),
    ] {
        own(&mut scene, limits.0, limits.1);
        assert_eq!(scene.alarm(goes_on).condition, Condition::Present, "{limits:?}");
        assert_eq!(scene.alarm(goes_on).group, None, "{limits:?}");
        let alarm = scene.alarm(rests);
        assert_eq!(alarm.condition, Condition::Absent, "{limits:?}");
        assert_eq!(alarm.condition_reason.as_deref(), Some("limit_changed"), "{limits:?}");
        scene.stream("dev", "spo2", 65.0, 3);
    }
    // What nothing told waits for its delay.
    let mut scene = of_age(AgeClass::Adult);
    own(&mut scene, None, None);
    scene.stream("dev", "spo2", 75.0, 9);
    own(&mut scene, Some(88.0), Some(80.0));
    scene.skip();
    scene.stream("dev", "spo2", 75.0, 4);
    assert!(scene.find("vitals_live.spo2_low").is_none());
}

/// An adult with an oximeter.
fn oximeter() -> Scene {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "bedside", &["spo2"]);
    scene.bind("dev", "p");
    scene
}

#[test]
fn one_fall_of_a_series_is_announced_by_its_gravest_rule() {
    let mut scene = oximeter();
    own(&mut scene, Some(88.0), None);
    scene.skip();
    scene.stream("dev", "spo2", 65.0, 30);
    assert_eq!(scene.told(), ["high vitals_live.spo2_floor_low"]);
    let (floor, milder) =
        (scene.alarm("vitals_live.spo2_floor_low"), scene.alarm("vitals_live.spo2_low"));
    assert_eq!((milder.condition, milder.group), (Condition::Present, Some(floor.id.to_string())));
    // Above the floor, and below the limit still.
    scene.stream("dev", "spo2", 80.0, 64);
    assert_eq!(scene.told(), ["medium vitals_live.spo2_low"]);
}

#[test]
fn a_milder_rule_of_another_series_is_announced_beside_a_graver() {
    let mut scene = oximeter();
    scene.device("other", "bedside", &["spo2"]);
    scene.bind("other", "p");
    own(&mut scene, Some(88.0), None);
    scene.skip();
    for _ in 0..20 {
        scene.reading("dev", "spo2", 65.0);
        scene.reading("other", "spo2", 85.0);
        scene.advance(1.0);
    }
    assert_eq!(scene.told(), ["high vitals_live.spo2_floor_low", "medium vitals_live.spo2_low"]);
}

#[test]
fn limits_for_adults_and_the_floor_take_turns_with_the_age_class() {
    let mut scene = of_age(AgeClass::Unknown);
    assert_eq!(high(&mut scene, &[("spo2", 65.0)], 10), ["vitals_live.spo2_floor_low"]);
    scene.change(Some(AgeClass::Adult), None);
    let news = scene.news();
    let closed = "rule_changed high vitals_live.spo2_floor_low: closed rule_changed".to_owned();
    let raised = "raised high vitals_live.spo2_low: alarming, present".to_owned();
    assert!(news.contains(&closed) && news.contains(&raised), "{news:?}");
    scene.change(Some(AgeClass::Unknown), None);
    let news = scene.news();
    let raised = "raised high vitals_live.spo2_floor_low: alarming, present".to_owned();
    assert!(news.contains(&raised), "{news:?}");
    assert!(scene.find("vitals_live.spo2_low").is_none());
}

#[test]
fn extreme_bradycardia_of_an_adult_has_its_name_also_by_an_oximeter_alone() {
    for (signal, rule) in [("heart_rate", "bradycardia_low"), ("pulse_rate", "slow_pulse_low")] {
        let mut scene = of_age(AgeClass::Adult);
        let found = high(&mut scene, &[(signal, 25.0)], 6);
        let ordinary = format!("vitals_live.{signal}_low");
        assert!(found.contains(&ordinary), "{found:?}");
        let emergency = scene.alarm(&format!("vitals_live.{rule}"));
        assert!(emergency.text.starts_with("Extreme bradycardia: "), "{}", emergency.text);
        assert_eq!(emergency.group, None);
        assert_eq!(scene.alarm(&ordinary).group.as_deref(), Some(emergency.id.as_str()));
    }
}

#[test]
fn what_no_limit_judges_is_not_judged_and_says_so() {
    let mut scene = Scene::empty();
    scene.admit_with("p", |details| details.age_class = AgeClass::Unknown);
    scene.device("dev", "bedside", &["temperature"]);
    scene.bind("dev", "p");
    scene.stream("dev", "temperature", 37.0, 16);
    assert!(scene.latest("p", "dev", "temperature").is_none());
    let text = scene.alarm("link.silence").text;
    assert!(text.contains("age class or pregnancy"), "{text}");
}

#[test]
fn a_change_of_the_age_class_changes_the_floor() {
    let mut scene = of_age(AgeClass::Neonatal);
    let found = high(&mut scene, &[("heart_rate", 50.0)], 6);
    assert_eq!(found, ["vitals_live.bradycardia_neonate_low"]);
    scene.change(Some(AgeClass::Paediatric), None);
    let closed = "rule_changed high vitals_live.bradycardia_neonate_low: closed rule_changed";
    assert!(scene.news().contains(&closed.to_owned()));
    scene.change(Some(AgeClass::Neonatal), None);
    let again = "raised high vitals_live.bradycardia_neonate_low: alarming, present";
    assert!(scene.news().contains(&again.to_owned()), "judged at once");
}

#[test]
fn what_ends_a_moment_after_its_emergency_is_not_announced() {
    let mut scene = of_age(AgeClass::Adult);
    high(&mut scene, &[("heart_rate", 0.0)], 16);
    assert!(scene.alarm("vitals_live.heart_rate_low").group.is_some());
    scene.skip();
    for _ in 0..90 {
        scene.reading("dev", "heart_rate", 70.0);
        scene.advance(1.0);
    }
    let news = scene.news();
    assert!(news.contains(&"latched high vitals_live.heart_rate_low: latched, absent".to_owned()));
    assert!(!news.iter().any(|line| line.starts_with("unfolded")), "{news:?}");
    assert_eq!(scene.alarm("vitals_live.heart_rate_low").group, None);
}

#[test]
fn what_recurs_during_an_emergency_follows_from_it() {
    let mut scene = of_age(AgeClass::Adult);
    high(&mut scene, &[("heart_rate", 70.0), ("spo2", 75.0)], 16);
    high(&mut scene, &[("heart_rate", 70.0), ("spo2", 98.0)], 70);
    assert_eq!(scene.alarm("vitals_live.spo2_low").condition, Condition::Absent);
    high(&mut scene, &[("heart_rate", 0.0), ("spo2", 75.0)], 16);
    let alarm = scene.alarm("vitals_live.spo2_low");
    assert_eq!((alarm.condition, alarm.recurrence), (Condition::Present, 1));
    let emergency = scene.alarm("vitals_live.asystole_low");
    assert_eq!(alarm.group.as_deref(), Some(emergency.id.as_str()));
}

#[test]
fn what_ends_with_its_emergency_is_not_announced_for_a_moment() {
    let mut scene = of_age(AgeClass::Unknown);
    high(&mut scene, &[("heart_rate", 0.0)], 6);
    assert!(scene.alarm("vitals_live.bradycardia_low").group.is_some());
    scene.skip();
    scene.done(crate::model::command::Action::DischargePatient {
        patient: "p".parse().unwrap(),
        reason: Some("moved to the operating theatre".to_owned()),
        replaces: None,
    });
    let news = scene.news();
    assert!(!news.iter().any(|line| line.starts_with("unfolded")), "{news:?}");
}

/// An arrest as a monitor shows it: no heart rate, no breath, and after some seconds no oxygen and no carbon dioxide.
fn arrest(scene: &mut Scene, seconds: u32) {
    for second in 0..seconds {
        let fallen = f64::from(second.min(60));
        scene.reading("dev", "heart_rate", 0.0);
        scene.reading("dev", "respiratory_rate", 0.0);
        scene.reading("dev", "spo2", 97.0 - fallen);
        scene.reading("dev", "etco2", (38.0 - fallen).max(0.0));
        scene.advance(1.0);
    }
}

#[test]
fn a_whole_arrest_is_announced_by_its_name_alone() {
    let mut scene = of_age(AgeClass::Adult);
    for _ in 0..30 {
        for (signal, value) in
            [("heart_rate", 70.0), ("respiratory_rate", 14.0), ("spo2", 97.0), ("etco2", 38.0)]
        {
            scene.reading("dev", signal, value);
        }
        scene.advance(1.0);
    }
    assert_eq!(scene.told(), [""; 0]);
    arrest(&mut scene, 300);
    assert_eq!(scene.told(), ["high vitals_live.asystole_low"]);
    let open: Vec<_> = scene.core.patients["p"]
        .alarms
        .iter()
        .map(|(key, open)| (key.rule.to_string(), open.alarm.group.is_some()))
        .collect();
    let follows = ["apnoea", "bradycardia", "etco2", "heart_rate", "respiratory_rate", "spo2"]
        .map(|rule| (format!("vitals_live.{rule}_low"), true));
    let emergency = ("vitals_live.asystole_low".to_owned(), false);
    let mut expected = vec![emergency];
    expected.extend(follows);
    expected.sort();
    assert_eq!(open, expected);
}

#[test]
fn an_emergency_folds_what_stands_before_it_in_its_message() {
    for signals in [["heart_rate", "spo2"], ["spo2", "heart_rate"]] {
        let mut scene = of_age(AgeClass::Adult);
        scene.advance(6.0);
        let mut readings = Vec::new();
        for second in 0..=6 {
            for signal in signals {
                let mut reading = scene.measured(signal, if signal == "spo2" { 60.0 } else { 0.0 });
                reading.index = readings.len() as u32;
                reading.time = ReadingTime::At(at(f64::from(second)));
                readings.push(reading);
            }
        }
        let mut message = scene.message("dev");
        message.body = Body::Telemetry { readings, refused: Vec::new() };
        scene.fold(&[Input::Message(Box::new(message))]);
        assert_eq!(scene.told(), ["high vitals_live.asystole_low"], "{signals:?}");
        assert!(scene.alarm("vitals_live.spo2_low").group.is_some());
    }
}
