//! A device or binding that is written again: nothing that is not named is undone, and the second of two
//! writers is told.

use crate::model::command::{Action, DeviceDetails, Outcome, PrincipalKind, Registration};
use crate::model::ids::DeviceId;
use crate::model::message::ExpectedSignal;
use crate::model::signal::SignalId;

use super::scene::{Scene, at};

fn named(device: &str) -> Registration {
    Registration {
        id: device.parse().unwrap(),
        class: None,
        kind: None,
        token_sha256: None,
        via: None,
        signals: None,
        replaces: None,
        while_unbound: false,
    }
}

fn details<'a>(scene: &'a Scene, device: &str) -> &'a DeviceDetails {
    &scene.core.devices[device].details
}

#[test]
fn registering_again_undoes_nothing_that_it_does_not_name() {
    let mut scene = Scene::empty();
    scene.device("dev", "bedside", &["spo2"]);
    let hub: Vec<DeviceId> = vec!["hub".parse().unwrap()];
    let token = Some(vec![7; 32]);
    let change =
        Registration { via: Some(hub.clone()), token_sha256: token.clone(), ..named("dev") };
    scene.done(Action::ChangeDevice(change.clone()));
    let whole = details(&scene, "dev").clone();
    assert_eq!((&whole.via, &whole.token_sha256, whole.signals.len()), (&hub, &token, 1));
    let class = |class: &str| Registration { class: Some(class.to_owned()), ..named("dev") };
    assert_eq!(scene.command(Action::RegisterDevice(class("bedside"))).0, Outcome::AlreadySo);
    assert_eq!(scene.command(Action::ChangeDevice(change)).0, Outcome::AlreadySo);
    scene.done(Action::RegisterDevice(class("wearable")));
    let expected = DeviceDetails { class: "wearable".to_owned(), ..whole };
    assert_eq!(*details(&scene, "dev"), expected);
    let nothing = Registration { via: Some(Vec::new()), signals: Some(Vec::new()), ..named("dev") };
    scene.done(Action::ChangeDevice(nothing));
    let DeviceDetails { via, signals, .. } = details(&scene, "dev");
    assert!(via.is_empty() && signals.is_empty(), "what is named as empty is empty");
}

#[test]
fn registering_overwrites_nothing_and_says_which_version_stands() {
    let mut scene = Scene::empty();
    let class = |class: &str| Registration { class: Some(class.to_owned()), ..named("dev") };
    let first = Registration { token_sha256: Some(vec![7; 32]), ..class("bedside") };
    scene.done(Action::AddDevice(first.clone()));
    let (whole, stands) = (details(&scene, "dev").clone(), scene.core.devices["dev"].version);
    let other = [
        class("wearable"),
        Registration { token_sha256: Some(vec![8; 32]), ..class("bedside") },
        Registration { kind: Some(PrincipalKind::Relay), ..class("bedside") },
        Registration { via: Some(vec!["hub".parse().unwrap()]), ..class("bedside") },
        Registration { replaces: Some(stands), ..class("wearable") },
    ];
    for other in other {
        let answer = scene.answer(Action::AddDevice(other));
        assert_eq!((answer.outcome, answer.version), (Outcome::Conflict, Some(stands)));
        assert!(answer.detail.contains("as bedside"), "{}", answer.detail);
    }
    for same in [first, class("bedside")] {
        let answer = scene.answer(Action::AddDevice(same));
        assert_eq!((answer.outcome, answer.version), (Outcome::AlreadySo, Some(stands)));
    }
    let late = Registration { replaces: Some(stands + 1), ..class("bedside") };
    assert_eq!(scene.command(Action::AddDevice(late)).0, Outcome::Stale);
    assert_eq!((details(&scene, "dev"), scene.core.devices["dev"].version), (&whole, stands));
    scene.done(Action::RevokeDevice("dev".parse().unwrap()));
    assert_eq!(scene.command(Action::AddDevice(class("bedside"))).0, Outcome::Conflict);
    assert!(scene.core.devices["dev"].revoked, "and stays so");
}

#[test]
fn what_was_only_let_in_is_registered_like_a_new_device() {
    let mut scene = Scene::empty();
    scene.reading("dev", "spo2", 97.0);
    assert_eq!(details(&scene, "dev").class, "unknown");
    let class = Registration { class: Some("bedside".to_owned()), ..named("dev") };
    scene.done(Action::AddDevice(class));
    assert_eq!(details(&scene, "dev").class, "bedside");
}

#[test]
fn whoever_may_not_say_how_a_device_is_judged_says_it_only_while_it_watches_nobody() {
    let mut scene = Scene::bedside();
    let change = |class: Option<&str>, signals, via| {
        let class = class.map(str::to_owned);
        let while_unbound = true;
        Action::ChangeDevice(Registration { class, via, signals, while_unbound, ..named("dev") })
    };
    let whole = details(&scene, "dev").clone();
    assert_eq!(scene.command(change(Some("wearable"), None, None)).0, Outcome::Conflict);
    let spo2 = ExpectedSignal { signal: scene.signal("spo2"), interval: None };
    assert_eq!(scene.command(change(None, Some(vec![spo2]), None)).0, Outcome::Conflict);
    assert_eq!(*details(&scene, "dev"), whole);
    scene.done(change(Some(&whole.class), None, Some(vec!["hub".parse().unwrap()])));
    scene.done(Action::Unbind { device: "dev".parse().unwrap(), replaces: None });
    scene.done(change(Some("wearable"), None, None));
    assert_eq!(details(&scene, "dev").class, "wearable");
}

#[test]
fn only_what_is_known_can_be_changed_and_only_with_a_class_can_it_be_registered() {
    let mut scene = Scene::empty();
    let class = || Registration { class: Some("bedside".to_owned()), ..named("new") };
    assert_eq!(scene.command(Action::ChangeDevice(class())).0, Outcome::NotFound);
    assert_eq!(scene.command(Action::RegisterDevice(named("new"))).0, Outcome::Invalid);
    let seen = Registration { replaces: Some(0), ..class() };
    assert_eq!(scene.command(Action::RegisterDevice(seen)).0, Outcome::Stale);
    assert!(scene.core.devices.is_empty());
    scene.done(Action::RegisterDevice(class()));
}

#[test]
fn the_second_of_two_who_change_a_device_is_told() {
    let mut scene = Scene::empty();
    scene.device("dev", "bedside", &[]);
    let stands = scene.core.devices["dev"].version;
    let change = |class: &str, replaces| {
        let class = Some(class.to_owned());
        Action::ChangeDevice(Registration { class, replaces, ..named("dev") })
    };
    scene.done(change("wearable", Some(stands)));
    let (outcome, detail) = scene.command(change("cgm", Some(stands)));
    assert_eq!((outcome, &*detail), (Outcome::Stale, &*format!("version {} stands", stands + 1)));
    assert_eq!(details(&scene, "dev").class, "wearable");
    // What changes nothing makes no version.
    assert_eq!(scene.command(change("wearable", Some(stands + 1))).0, Outcome::AlreadySo);
    scene.done(Action::RevokeDevice("dev".parse().unwrap()));
    assert_eq!(scene.core.devices["dev"].version, stands + 2);
}

#[test]
fn a_binding_written_again_undoes_nothing_and_says_what_it_cannot_do() {
    let mut scene = Scene::bedside();
    let bind = |zeros: Option<Vec<SignalId>>, from| Action::Bind {
        device: "dev".parse().unwrap(),
        patient: "p".parse().unwrap(),
        from,
        zero_means_no_sensor: zeros,
        replaces: None,
    };
    let zeros = vec![scene.signal("heart_rate")];
    scene.done(bind(Some(zeros.clone()), None));
    let binding = |scene: &Scene| scene.core.devices["dev"].bindings.last().unwrap().clone();
    let stands = binding(&scene);
    assert_eq!(stands.zero_means_no_sensor, zeros);
    scene.advance(10.0);
    assert_eq!(scene.command(bind(None, None)).0, Outcome::AlreadySo);
    assert_eq!(scene.command(bind(None, Some(stands.from))).0, Outcome::AlreadySo);
    let (outcome, detail) = scene.command(bind(Some(Vec::new()), Some(at(5.0))));
    assert_eq!(outcome, Outcome::Conflict);
    assert!(detail.contains("since 2026-11-21T10:00:00Z"), "{detail}");
    assert_eq!(binding(&scene), stands, "refused whole");
    scene.done(bind(Some(Vec::new()), None));
    assert!(binding(&scene).zero_means_no_sensor.is_empty());
}

#[test]
fn the_second_of_two_who_change_a_binding_is_told() {
    let device: DeviceId = "dev".parse().unwrap();
    let mut scene = Scene::bedside();
    scene.admit("q");
    let version = |scene: &Scene| scene.core.devices["dev"].binding_version;
    let seen = Some(version(&scene));
    let unbind = |replaces| Action::Unbind { device: device.clone(), replaces };
    let bind = |replaces| Action::Bind {
        device: device.clone(),
        patient: "q".parse().unwrap(),
        from: None,
        zero_means_no_sensor: None,
        replaces,
    };
    let correct = |replaces| {
        let (patient, reason) = (None, "a phantom".to_owned());
        Action::CorrectBinding { device: device.clone(), patient, reason, replaces }
    };
    scene.done(unbind(seen));
    for late in [unbind(seen), bind(seen), correct(seen)] {
        assert_eq!(scene.command(late).0, Outcome::Stale);
    }
    scene.done(bind(Some(version(&scene))));
    scene.done(correct(Some(version(&scene))));
    assert_eq!(Some(version(&scene)), seen.map(|seen| seen + 3), "each made a version");
}
