//! One patient and rule, several devices: one announcement.

use crate::model::alarm::State;
use crate::model::command::{Action, AlarmAct, Outcome};
use crate::model::ids::AlarmId;
use crate::model::pause::What;

use super::scene::Scene;

const SPO2: &str = "vitals_live.spo2_low";
const NIBP: &str = "vitals_live.nibp_sys_low";

/// Adult `p` on the monitor `dev` and the monitor `other`.
fn two_devices() -> Scene {
    let mut scene = Scene::bedside();
    scene.device("other", "bedside", &[]);
    scene.bind("other", "p");
    scene.skip();
    scene
}

/// A reading of SpO2 by each device, every second.
fn both(scene: &mut Scene, values: [f64; 2], seconds: u32) {
    for _ in 0..seconds {
        scene.reading("dev", "spo2", values[0]);
        scene.reading("other", "spo2", values[1]);
        scene.advance(1.0);
    }
}

/// The id of the open alarm of a device, what it follows from, and how it stands.
fn of(scene: &Scene, device: &str) -> (AlarmId, Option<String>, State) {
    let alarms = scene.core.patients["p"].alarms.iter();
    let mut own = alarms.filter(|(key, _)| key.rule.as_str() == SPO2 && key.source == device);
    let (_, open) = own.next().unwrap();
    (open.alarm.id.clone(), open.alarm.group.clone(), open.alarm.state)
}

#[test]
fn what_two_devices_find_by_one_rule_is_announced_once() {
    let mut scene = two_devices();
    both(&mut scene, [84.0, 84.0], 60);
    assert_eq!(scene.told(), ["medium vitals_live.spo2_low"]);
    let (first, group, _) = of(&scene, "dev");
    assert_eq!((group, of(&scene, "other").1), (None, Some(first.to_string())));
}

#[test]
fn what_the_other_finds_worse_is_announced() {
    let mut scene = two_devices();
    both(&mut scene, [84.0, 84.0], 30);
    scene.skip();
    both(&mut scene, [84.0, 75.0], 10);
    assert_eq!(scene.told(), ["high vitals_live.spo2_low"]);
    assert_eq!(of(&scene, "other").1, None);
}

#[test]
fn what_outlasts_the_first_is_announced() {
    let mut scene = two_devices();
    both(&mut scene, [84.0, 84.0], 30);
    scene.skip();
    both(&mut scene, [97.0, 84.0], 66);
    assert_eq!(scene.told(), ["medium vitals_live.spo2_low"]);
    assert_eq!((of(&scene, "dev").2, of(&scene, "other").2), (State::Latched, State::Alarming));
    assert_eq!(of(&scene, "other").1, None);
}

#[test]
fn to_pause_the_first_pauses_the_group_and_its_end_tells_once() {
    let mut scene = two_devices();
    scene.stream("dev", "spo2", 84.0, 16);
    scene.act(SPO2, AlarmAct::Pause { what: What::Alarm, reason: None, until: None });
    scene.skip();
    both(&mut scene, [84.0, 84.0], 599);
    assert_eq!(scene.told(), Vec::<String>::new());
    both(&mut scene, [84.0, 84.0], 2);
    assert_eq!(scene.told(), ["medium vitals_live.spo2_low"]);
}

#[test]
fn what_the_other_finds_is_news_of_what_was_acknowledged() {
    let mut scene = two_devices();
    scene.reading("dev", "nibp_sys", 70.0);
    scene.acknowledge("vitals_live.nibp_sys_low");
    scene.stream("dev", "heart_rate", 70.0, 300);
    scene.skip();
    scene.reading("other", "nibp_sys", 70.0);
    assert_eq!(told_of_pressure(&mut scene), Vec::<String>::new(), "it is acknowledged");
    scene.stream("dev", "heart_rate", 70.0, 299);
    assert_eq!(told_of_pressure(&mut scene), Vec::<String>::new());
    // It runs out, and the first of the two devices measured nothing since.
    scene.stream("dev", "heart_rate", 70.0, 1);
    assert_eq!(told_of_pressure(&mut scene), ["high vitals_live.nibp_sys_low"]);
}

fn told_of_pressure(scene: &mut Scene) -> Vec<String> {
    scene.told().into_iter().filter(|told| told.contains("nibp")).collect()
}

#[test]
fn two_sensors_of_one_device_are_not_two_devices() {
    let mut scene = Scene::bedside();
    for _ in 0..30 {
        for instance in ["", "2"] {
            scene.send("dev", "spo2", 84.0, |_, reading| {
                reading.instance = instance.into();
            });
        }
        scene.advance(1.0);
    }
    assert_eq!(scene.told(), ["medium vitals_live.spo2_low", "medium vitals_live.spo2_low"]);
}

#[test]
fn what_the_other_finds_is_news_of_each_of_two_sensors_that_are_announced_apart() {
    let mut scene = two_devices();
    for instance in ["", "2"] {
        scene.send("dev", "nibp_sys", 70.0, |_, reading| reading.instance = instance.into());
    }
    let own = scene.core.patients["p"].alarms.iter().filter(|(key, _)| key.rule.as_str() == NIBP);
    let shown: Vec<_> = own.map(|(_, open)| (open.alarm.id.clone(), open.alarm.seq)).collect();
    for (id, seen) in shown {
        scene.done(Action::Alarm { id, seen, act: AlarmAct::Acknowledge });
    }
    scene.stream("dev", "heart_rate", 70.0, 300);
    scene.reading("other", "nibp_sys", 70.0);
    scene.stream("dev", "heart_rate", 70.0, 299);
    scene.skip();
    scene.stream("dev", "heart_rate", 70.0, 1);
    assert_eq!(told_of_pressure(&mut scene), [format!("high {NIBP}"), format!("high {NIBP}")]);
}

#[test]
fn what_the_other_finds_anew_is_news_of_the_first() {
    let mut scene = two_devices();
    let alive = |scene: &mut Scene, seconds: u32| {
        for _ in 0..seconds / 10 {
            scene.reading("dev", "temperature", 37.0);
            scene.reading("other", "temperature", 37.0);
            scene.advance(10.0);
        }
    };
    alive(&mut scene, 300);
    scene.reading("dev", "nibp_sys", 70.0);
    assert_eq!(scene.acknowledge(NIBP), Outcome::Done);
    // Of what came late nobody knows whether it goes on.
    scene.measured_at("other", "nibp_sys", 70.0, 100.0);
    alive(&mut scene, 700);
    scene.skip();
    scene.reading("other", "nibp_sys", 70.0);
    let news = scene.news();
    let again = "acknowledgement_over high vitals_live.nibp_sys_low: alarming, present".to_owned();
    assert!(news.contains(&again), "{news:?}");
}
