//! What one device may make of a patient's alarms (contract §5).

use crate::core::configuration::{Configuration, Texts};
use crate::model::alarm::{Condition, State};
use crate::model::command::{Action, Outcome, Registration};
use crate::model::input::Input;
use crate::model::message::Phase::{End, Single, Start};

use super::scene::{Scene, shipped};

/// So many at once, and so many in an hour, of what can wait; with each at most one first word.
const AT_ONCE: usize = 240;
const AN_HOUR: usize = 1_200;

fn implant() -> Scene {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "cied", &[]);
    scene.bind("dev", "p");
    scene.skip();
    scene
}

/// Episodes that begin and end at once.
fn storm(scene: &mut Scene, name: &str, first: u32, times: u32) {
    for n in first..first + times {
        scene.event("dev", name, Some(&format!("ep-{n}")), Start);
        scene.event("dev", name, Some(&format!("ep-{n}")), End);
    }
}

#[test]
fn episodes_that_begin_and_end_for_an_hour_are_one_long_one() {
    let mut scene = implant();
    for second in 0..3_600 {
        storm(&mut scene, "vt_detected", second * 5, 5);
        scene.advance(1.0);
    }
    let news = scene.news();
    assert_eq!(news[0], "raised medium cied.vt: alarming, present");
    assert!(news.len() < 2 * (AT_ONCE + AN_HOUR), "{} of 36,000", news.len());
    let told = |rule: &str| news.iter().filter(|line| line.contains(rule)).count();
    assert_eq!(told("link.over_budget"), 1, "{:?}", &news[..300]);
    assert!(scene.find("link.over_budget").is_some());
    scene.advance(800.0);
    let after = scene.news();
    assert!(after.contains(&"ended medium link.over_budget: closed ended".to_owned()), "{after:?}");
    let alarm = scene.alarm("cied.vt");
    assert_eq!((alarm.state, alarm.condition), (State::Latched, Condition::Absent));
    assert_eq!(scene.news(), Vec::<String>::new());
}

#[test]
fn an_alarm_that_closes_and_comes_back_goes_on_under_its_id() {
    let mut scene = implant();
    storm(&mut scene, "vt_detected", 0, 200);
    scene.event("dev", "af_detected", Some("1"), Start);
    let id = scene.alarm("cied.atrial").id;
    scene.skip();
    for n in 2..50 {
        scene.event("dev", "af_detected", Some(&(n - 1).to_string()), End);
        assert!(scene.find("cied.atrial").is_none());
        scene.event("dev", "af_detected", Some(&n.to_string()), Start);
        assert_eq!(scene.alarm("cied.atrial").id, id);
    }
    scene.expect(&[]);
    scene.event("dev", "af_detected", Some("49"), End);
    scene.advance(60.0);
    let news = scene.news();
    assert_eq!(news.last().unwrap(), "ended low cied.atrial: closed ended", "{news:?}");
    scene.event("dev", "af_detected", Some("50"), Start);
    assert_ne!(scene.alarm("cied.atrial").id, id);
}

#[test]
fn what_is_first_or_graver_is_told_at_once_whatever_was_spent() {
    let mut scene = implant();
    storm(&mut scene, "vt_detected", 0, 1_000);
    scene.skip();
    scene.event("dev", "vf_detected", Some("1"), Single);
    scene.expect(&["raised high cied.vf: alarming, momentary"]);
    assert_eq!(scene.acknowledge("cied.vf"), Outcome::Done);
    scene.skip();
    scene.advance(1.0);
    scene.event("dev", "vf_detected", Some("2"), Single);
    let news = scene.news();
    assert!(news.contains(&"recurred high cied.vf: alarming, momentary".to_owned()), "{news:?}");
}

#[test]
fn what_followed_from_an_emergency_is_announced_when_that_is_told_as_over() {
    let mut scene = Scene::bedside();
    scene.event("dev", "vf_detected", Some("1"), Start);
    scene.stream("dev", "heart_rate", 20.0, 8);
    assert!(scene.alarm("vitals_live.bradycardia_low").group.is_some());
    storm(&mut scene, "vt_detected", 0, 1_000);
    scene.event("dev", "vf_detected", Some("1"), End);
    scene.skip();
    for second in 0..8 {
        scene.stream("dev", "heart_rate", 20.0, 1);
        storm(&mut scene, "vt_detected", 1_000 + second * 20, 20);
    }
    let news = scene.news();
    let unfolded =
        |line: &String| line.starts_with("unfolded high") && line.contains("bradycardia");
    assert!(news.iter().any(unfolded), "{news:?}");
}

#[test]
fn whoever_answers_is_told_how_it_is() {
    let mut scene = implant();
    storm(&mut scene, "vt_detected", 0, 1_000);
    let alarm = scene.alarm("cied.vt");
    scene.event("dev", "vt_detected", Some("last"), Start);
    scene.skip();
    assert_eq!(scene.acknowledge("cied.vt"), Outcome::Done);
    assert_eq!(scene.alarm("cied.vt").id, alarm.id);
    assert_eq!(scene.alarm("cied.vt").state, State::Acknowledged);
    scene.event("dev", "vt_detected", Some("last"), End);
    scene.skip();
    scene.advance(60.0);
    let news = scene.news();
    assert_eq!(news.last().unwrap(), "ended medium cied.vt: closed ended", "{news:?}");
}

#[test]
fn a_cuff_that_goes_up_and_down_makes_few_transitions() {
    let mut scene = Scene::bedside();
    scene.skip();
    for n in 0..5_000 {
        let value = if n % 2 == 0 { 60.0 } else { 120.0 };
        scene.reading("dev", "nibp_sys", value);
        scene.advance(0.2);
        if n % 4 == 0 {
            scene.advance(40.0);
        }
    }
    let made = scene.news().len();
    let hours = (scene.second() / 3_600.0).ceil() as usize;
    assert!(made < 2 * (AT_ONCE + hours * AN_HOUR), "{made} in {hours} h");
}

#[test]
fn findings_of_the_past_are_counted_where_they_are_many() {
    let mut scene = implant();
    scene.advance(3_600.0 * 400.0);
    scene.skip();
    for n in 0..2_000 {
        scene.event_at(
            "dev",
            "vt_detected",
            Some(&format!("old-{n}")),
            Single,
            f64::from(n) / 10.0,
        );
    }
    let notes = |news: Vec<String>| news.iter().filter(|line| *line == "note historical").count();
    let at_once = notes(scene.news());
    assert!((100..=AT_ONCE).contains(&at_once), "{at_once}");
    scene.advance(3_600.0);
    assert_eq!(notes(scene.news()), 1);
}

#[test]
fn who_leaves_leaves_no_alarm_behind() {
    let mut scene = implant();
    storm(&mut scene, "af_detected", 0, 1_000);
    scene.skip();
    let (outcome, why) = scene.command(Action::DischargePatient {
        patient: "p".parse().unwrap(),
        reason: Some("home".to_owned()),
        replaces: None,
    });
    assert_eq!(outcome, Outcome::Done, "{why}");
    let news = scene.news();
    assert!(news.iter().any(|line| line == "ended low cied.atrial: closed ended"), "{news:?}");
    assert!(scene.core.patients["p"].alarms.shown().next().is_none());
    scene.advance(10_000.0);
    scene.expect(&[]);
}

#[test]
fn who_is_read_slowly_is_named_to_operators_and_to_its_patient() {
    let mut scene = implant();
    let over = |sender: &str, over| Input::OverBudget { sender: sender.parse().unwrap(), over };
    scene.fold(&[over("dev", true)]);
    scene.expect(&[
        "raised medium gateway.sender_over_budget: alarming, present",
        "raised medium link.read_slowly: alarming, present",
    ]);
    assert!(scene.alarm("gateway.sender_over_budget").text.starts_with("dev sends more"));
    scene.fold(&[over("dev", true), over("relay", true)]);
    scene.expect(&["raised medium gateway.sender_over_budget: alarming, present"]);
    assert_eq!(scene.core.site.over_budgets().count(), 2);
    scene.fold(&[over("dev", false), over("relay", false)]);
    scene.expect(&[
        "ended medium gateway.sender_over_budget: closed ended",
        "ended medium link.read_slowly: closed ended",
        "ended medium gateway.sender_over_budget: closed ended",
    ]);
}

#[test]
fn whoever_is_measured_through_a_relay_that_is_read_slowly_is_told_so() {
    let mut scene = Scene::empty();
    scene.device("relay", "relay", &[]);
    let behind = |device: &str, via: &[&str]| Registration {
        id: device.parse().unwrap(),
        class: None,
        kind: None,
        token_sha256: None,
        via: Some(via.iter().map(|id| id.parse().unwrap()).collect()),
        signals: None,
        replaces: None,
        while_unbound: false,
    };
    for (patient, device, via) in [
        ("p", "a", &["relay"][..]),
        ("q", "b", &["relay"]),
        ("r", "c", &["other"]),
        ("s", "d", &["relay"]),
    ] {
        scene.admit(patient);
        scene.device(device, "bedside", &[]);
        scene.done(Action::ChangeDevice(behind(device, via)));
        if patient != "s" {
            scene.bind(device, patient);
        }
    }
    scene.skip();
    let over = |over| Input::OverBudget { sender: "relay".parse().unwrap(), over };
    scene.fold(&[over(true)]);
    let raised = "raised low link.read_slowly: alarming, present";
    scene.expect(&["raised medium gateway.sender_over_budget: alarming, present", raised, raised]);
    let texts: Vec<String> = scene
        .core
        .patients
        .values()
        .flat_map(|patient| patient.alarms.iter().map(|(_, open)| open.alarm.text.clone()))
        .collect();
    assert!(texts[0].starts_with("relay sends more") && texts[0].contains("what a measures"));
    scene.bind("d", "s");
    assert!(scene.news().contains(&raised.to_owned()), "who is bound meanwhile waits as well");
    scene.done(Action::Unbind { device: "b".parse().unwrap(), replaces: None });
    scene.skip();
    scene.fold(&[over(false)]);
    let ended = scene.news().into_iter().filter(|news| news.contains("link.read_slowly")).count();
    let told = scene.core.patients.values().flat_map(|patient| patient.alarms.iter());
    assert_eq!((ended, told.count()), (2, 0), "what was unbound told of no more");
}

#[test]
fn how_much_is_told_is_a_setting() {
    let told = |news: &str| {
        let mut scene = implant();
        scene.reconfigure("quality_min = 0.5", &format!("quality_min = 0.5\n{news}"));
        storm(&mut scene, "vt_detected", 0, 400);
        scene.news().len()
    };
    let (usual, fewer) = (told(""), told("[news]\nat_once = 20"));
    assert!(
        (AT_ONCE..AT_ONCE + 9).contains(&usual) && (20..30).contains(&fewer),
        "{usual} {fewer}"
    );
    let Texts { signals, rules, site, packs } = shipped();
    let rules = rules.replace("quality_min = 0.5", "quality_min = 0.5\n[news]\nan_hour = 59");
    let refused =
        Configuration::parse(Texts { signals, rules, site, packs }).unwrap_err().to_string();
    assert!(refused.contains("an_hour 60 to 36000"), "{refused}");
}
