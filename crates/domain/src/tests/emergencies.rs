//! What follows from an emergency is one announcement with it (contract §5).

use crate::model::alarm::{Condition, Priority};
use crate::model::message::Phase;

use super::scene::Scene;

const VITALS: [&str; 5] = ["heart_rate", "respiratory_rate", "spo2", "etco2", "abp_sys"];

/// An adult who is well for half a minute, on a monitor of everything.
fn well() -> Scene {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "bedside", &VITALS);
    scene.bind("dev", "p");
    second_by_second(&mut scene, 30, |_| [70.0, 14.0, 97.0, 35.0, 120.0]);
    scene.skip();
    scene
}

fn second_by_second(scene: &mut Scene, seconds: u32, values: impl Fn(u32) -> [f64; 5]) {
    for second in 0..seconds {
        for (signal, value) in VITALS.into_iter().zip(values(second)) {
            scene.reading("dev", signal, value);
        }
        scene.advance(1.0);
    }
}

/// Nothing beats, nothing breathes, SpO2 falls.
fn arrest(scene: &mut Scene, seconds: u32) {
    second_by_second(scene, seconds, |second| {
        [0.0, 0.0, (97.0 - f64::from(second)).max(40.0), 5.0, 40.0]
    });
}

/// What a person hears since the last look: what is announced and follows from nothing.
fn heard(scene: &mut Scene) -> Vec<String> {
    let loud = |line: &String| {
        ["raised", "recurred", "priority_rose", "back_present", "unfolded"]
            .into_iter()
            .any(|word| line.starts_with(word))
    };
    let alone = |scene: &Scene, line: &str| {
        let rule = line.split(' ').nth(2).unwrap().trim_end_matches(':').to_owned();
        scene.log.iter().any(|transition| told(transition, &rule, line))
    };
    let news: Vec<String> = scene.news().into_iter().filter(loud).collect();
    news.into_iter()
        .filter(|line| alone(scene, line))
        .map(|line| line.split(':').next().unwrap().to_owned())
        .collect()
}

fn told(transition: &crate::output::transition::Transition, rule: &str, line: &str) -> bool {
    use crate::output::transition::TransitionBody;
    match &transition.body {
        TransitionBody::Alarm { change, alarm, .. } => {
            alarm.rule.as_str() == rule
                && line.starts_with(change.as_str())
                && alarm.group.is_none()
        }
        TransitionBody::Answer { .. }
        | TransitionBody::SignInsFailed(_)
        | TransitionBody::Note { .. }
        | TransitionBody::NotAllowed { .. } => false,
    }
}

#[test]
fn a_whole_arrest_is_eight_alarms_and_one_announcement() {
    let mut scene = well();
    arrest(&mut scene, 120);
    assert_eq!(heard(&mut scene), ["raised high vitals_live.asystole_low"]);
    let emergency = scene.alarm("vitals_live.asystole_low");
    let open: Vec<_> =
        scene.core.patients["p"].alarms.iter().map(|(_, open)| &open.alarm).collect();
    assert_eq!(open.len(), 8);
    for alarm in open.into_iter().filter(|alarm| alarm.id != emergency.id) {
        assert_eq!(alarm.group.as_deref(), Some(emergency.id.as_str()), "{}", alarm.rule);
        assert_eq!(alarm.priority, Priority::High, "{}", alarm.rule);
    }
}

#[test]
fn what_was_told_before_an_arrest_rises_within_it_without_a_word() {
    let mut scene = well();
    second_by_second(&mut scene, 20, |_| [70.0, 14.0, 86.0, 35.0, 120.0]);
    assert_eq!(heard(&mut scene), ["raised medium vitals_live.spo2_low"]);
    arrest(&mut scene, 40);
    assert_eq!(heard(&mut scene), ["raised high vitals_live.asystole_low"]);
    let alarm = scene.alarm("vitals_live.spo2_low");
    assert!(alarm.priority == Priority::High && alarm.group.is_some());
}

#[test]
fn what_follows_from_vf_is_folded_into_it_until_it_ends() {
    let mut scene = well();
    scene.event("dev", "vf_detected", Some("e"), Phase::Start);
    arrest(&mut scene, 120);
    assert_eq!(heard(&mut scene), ["raised high cied.vf"]);
    let vf = scene.alarm("cied.vf");
    for rule in ["vitals_live.asystole_low", "vitals_live.spo2_low", "vitals_live.apnoea_low"] {
        assert_eq!(scene.alarm(rule).group.as_deref(), Some(vf.id.as_str()), "{rule}");
    }
    scene.event("dev", "vf_detected", Some("e"), Phase::End);
    arrest(&mut scene, 4);
    assert_eq!(heard(&mut scene), ["unfolded high vitals_live.asystole_low"]);
    let asystole = scene.alarm("vitals_live.asystole_low");
    assert_eq!(scene.alarm("vitals_live.spo2_low").group, Some(asystole.id.to_string()));
}

#[test]
fn a_single_event_explains_nothing_that_goes_on() {
    let mut scene = well();
    scene.event("dev", "vf_detected", None, Phase::Single);
    arrest(&mut scene, 10);
    assert_eq!(scene.alarm("cied.vf").condition, Condition::Momentary);
    let expected = ["raised high cied.vf", "raised high vitals_live.asystole_low"];
    assert_eq!(heard(&mut scene), expected);
}

#[test]
fn an_episode_that_nobody_ends_explains_nothing_after_ten_minutes() {
    let mut scene = well();
    scene.event("dev", "vf_detected", Some("e"), Phase::Start);
    arrest(&mut scene, 600);
    assert_eq!(heard(&mut scene), ["raised high cied.vf"]);
    arrest(&mut scene, 4);
    assert_eq!(heard(&mut scene), ["unfolded high vitals_live.asystole_low"]);
    assert_eq!(scene.alarm("cied.vf").condition, Condition::Present);
}

#[test]
fn an_episode_of_a_device_that_is_silent_explains_nothing() {
    let mut scene = well();
    scene.device("other", "bedside", &["spo2"]);
    scene.bind("other", "p");
    scene.event("dev", "vf_detected", Some("e"), Phase::Start);
    scene.skip();
    scene.stream("other", "spo2", 75.0, 12);
    assert_eq!(heard(&mut scene), [""; 0]);
    scene.stream("other", "spo2", 75.0, 10);
    let heard = heard(&mut scene);
    assert!(heard.contains(&"unfolded high vitals_live.spo2_low".to_owned()), "{heard:?}");
}

#[test]
fn what_is_graver_than_its_emergency_is_told() {
    let mut scene = well();
    scene.event("dev", "vt_detected", Some("e"), Phase::Start);
    second_by_second(&mut scene, 20, |_| [140.0, 14.0, 97.0, 35.0, 120.0]);
    assert_eq!(heard(&mut scene), ["raised medium cied.vt"]);
    assert!(scene.alarm("vitals_live.heart_rate_high").group.is_some());
    second_by_second(&mut scene, 20, |_| [180.0, 14.0, 97.0, 35.0, 120.0]);
    assert_eq!(heard(&mut scene), ["priority_rose high vitals_live.heart_rate_high"]);
    assert_eq!(scene.alarm("vitals_live.heart_rate_high").group, None);
}

#[test]
fn no_emergency_is_folded_into_a_lesser_one() {
    let mut scene = well();
    second_by_second(&mut scene, 10, |_| [25.0, 14.0, 97.0, 35.0, 120.0]);
    assert_eq!(heard(&mut scene), ["raised high vitals_live.bradycardia_low"]);
    second_by_second(&mut scene, 10, |_| [0.0, 14.0, 97.0, 35.0, 120.0]);
    assert_eq!(heard(&mut scene), ["raised high vitals_live.asystole_low"]);
}

#[test]
fn equipment_of_others_and_glucose_do_not_follow_from_an_arrest() {
    let mut scene = well();
    scene.device("oximeter", "bedside", &["spo2"]);
    scene.bind_with_zeros("oximeter", "p", &["spo2"]);
    scene.reading("oximeter", "spo2", 97.0);
    arrest(&mut scene, 10);
    scene.skip();
    scene.reading("oximeter", "spo2", 97.0);
    scene.reading("oximeter", "spo2", 0.0);
    scene.advance(1.0);
    scene.reading("oximeter", "glucose_blood", 50.0);
    let expected = ["raised high link.zero_or_off", "raised high glucose.blood_low"];
    assert_eq!(heard(&mut scene), expected);
}

/// What is heard of the patient, and not of equipment, while this happens.
fn heard_of_patient(scene: &mut Scene, happens: impl FnOnce(&mut Scene)) -> Vec<String> {
    scene.skip();
    happens(scene);
    let mut heard = scene.told();
    heard.retain(|line| line.contains("vitals_live"));
    heard
}

/// One signal of another monitor goes on, and nothing else.
fn only(scene: &mut Scene, device: &str, signal: &str, value: f64) -> Vec<String> {
    heard_of_patient(scene, |scene| scene.stream(device, signal, value, 30))
}

#[test]
fn a_monitor_unplugged_in_an_arrest_has_no_more_to_announce() {
    // Apnoea is told 20 s after the last breath: before the monitor is unplugged, or by its delay alone with no data.
    for seconds in [10, 19, 25, 60] {
        let mut scene = well();
        let heard = heard_of_patient(&mut scene, |scene| {
            arrest(scene, seconds);
            for _ in 0..600 {
                scene.advance(1.0);
            }
        });
        assert_eq!(heard, ["high vitals_live.asystole_low"], "{seconds} s");
        let emergency = scene.alarm("vitals_live.asystole_low");
        for (key, open) in scene.core.patients["p"].alarms.iter() {
            let of_patient = key.rule.as_str().starts_with("vitals_live");
            if of_patient && open.alarm.id != emergency.id {
                assert_eq!(open.alarm.condition, Condition::Unknown, "{}", key.rule);
                assert_eq!(open.alarm.group, Some(emergency.id.to_string()), "{}", key.rule);
            }
        }
    }
}

#[test]
fn an_arrest_that_goes_on_after_a_cable_is_back_is_announced_once() {
    let mut scene = well();
    arrest(&mut scene, 60);
    scene.advance(60.0);
    scene.skip();
    arrest(&mut scene, 20);
    assert_eq!(heard(&mut scene), ["back_present high vitals_live.asystole_low"]);
}

#[test]
fn each_gap_in_an_arrest_is_one_announcement_whatever_was_answered() {
    let answer_all: &[&str] = &["asystole_low", "bradycardia_low", "heart_rate_low"];
    for answered in [&[][..], &answer_all[..1], answer_all] {
        let mut scene = Scene::empty();
        scene.admit("p");
        scene.device("dev", "bedside", &["heart_rate"]);
        scene.bind("dev", "p");
        scene.stream("dev", "heart_rate", 70.0, 3);
        scene.skip();
        scene.stream("dev", "heart_rate", 0.0, 8);
        assert_eq!(heard(&mut scene), ["raised high vitals_live.asystole_low"]);
        for gap in [10.0, 13.0, 13.0, 40.0] {
            for rule in answered {
                scene.acknowledge(&format!("vitals_live.{rule}"));
            }
            scene.skip();
            scene.advance(gap);
            scene.stream("dev", "heart_rate", 0.0, 3);
            let heard = heard(&mut scene);
            let told = ["back_present high vitals_live.asystole_low"];
            let silent = "raised low link.silence".to_owned();
            let heard: Vec<_> = heard.into_iter().filter(|line| *line != silent).collect();
            assert_eq!(heard, told, "{gap} s, answered {answered:?}");
        }
    }
}

#[test]
fn what_another_monitor_goes_on_to_say_outlasts_an_emergency_that_is_unknown() {
    let mut scene = well();
    scene.device("belt", "bedside", &["respiratory_rate"]);
    scene.bind("belt", "p");
    let heard = heard_of_patient(&mut scene, |scene| {
        for _ in 0..40 {
            scene.reading("belt", "respiratory_rate", 0.0);
            arrest(scene, 1);
        }
    });
    assert_eq!(heard, ["high vitals_live.asystole_low"]);
    let heard = only(&mut scene, "belt", "respiratory_rate", 0.0);
    assert_eq!(heard, ["high vitals_live.apnoea_low"]);
}

#[test]
fn a_loss_that_goes_on_outlasts_an_emergency_that_is_unknown() {
    let mut scene = well();
    scene.device("belt", "bedside", &["respiratory_rate", "spo2"]);
    scene.bind("belt", "p");
    scene.reading("belt", "respiratory_rate", 14.0);
    let heard = heard_of_patient(&mut scene, |scene| {
        for _ in 0..40 {
            scene.reading("belt", "spo2", 97.0);
            second_by_second(scene, 1, |_| [0.0, 14.0, 97.0, 35.0, 120.0]);
        }
    });
    assert_eq!(heard, ["high vitals_live.asystole_low"]);
    assert!(scene.alarm("vitals_live.apnoea_lost").group.is_some());
    assert_eq!(only(&mut scene, "belt", "spo2", 97.0), ["high vitals_live.apnoea_lost"]);
}

#[test]
fn an_emergency_that_ends_hands_over_what_is_present() {
    let mut scene = well();
    arrest(&mut scene, 40);
    let heard = heard_of_patient(&mut scene, |scene| {
        second_by_second(scene, 63, |_| [70.0, 0.0, 97.0, 35.0, 120.0]);
    });
    assert_eq!(heard, ["high vitals_live.apnoea_low"]);
}

#[test]
fn what_is_found_after_an_emergency_became_unknown_is_announced() {
    let mut scene = well();
    scene.device("other", "bedside", &["spo2"]);
    scene.bind("other", "p");
    arrest(&mut scene, 10);
    scene.advance(20.0);
    assert_eq!(only(&mut scene, "other", "spo2", 75.0), ["high vitals_live.spo2_low"]);
}
