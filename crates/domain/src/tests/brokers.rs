//! A broker whose probe does not come back is an alarm until it does.

use super::scene::Scene;
use crate::model::input::Input;
use crate::model::message::Mode;

fn broker(id: &str, fault: Option<&str>) -> Input {
    Input::Broker { id: id.parse().unwrap(), fault: fault.map(str::to_owned) }
}

#[test]
fn each_broker_has_an_alarm_until_its_probe_comes_back() {
    let mut scene = Scene::empty();
    scene.fold(&[broker("b1", None)]);
    scene.expect(&[]);
    scene.fold(&[broker("b1", Some("no probe came back for 30 s"))]);
    scene.expect(&["raised high link.broker: alarming, present"]);
    assert_eq!(scene.alarm("link.broker").text, "broker b1: no probe came back for 30 s");
    for expected in [&["updated high link.broker: alarming, present"][..], &[]] {
        scene.fold(&[broker("b1", Some("cannot be reached")), broker("b2", None)]);
        scene.expect(expected);
        assert_eq!(scene.alarm("link.broker").text, "broker b1: cannot be reached");
    }
    scene.fold(&[broker("b2", Some("cannot be reached"))]);
    scene.expect(&["raised high link.broker: alarming, present"]);
    scene.fold(&[broker("b1", None)]);
    scene.expect(&["ended high link.broker: closed ended"]);
    let faulty: Vec<String> = scene.core.site.broker_faults().map(|id| id.to_string()).collect();
    assert_eq!(faulty, ["b2"]);
}

#[test]
fn a_probe_is_a_receipt_and_nothing_else() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 97.0, 5);
    scene.send("dev", "spo2", 10.0, |m, _| m.mode = Mode::Probe);
    scene.expect(&[]);
    scene.advance(60.0);
    let news = scene.news();
    assert!(news.iter().any(|n| n.contains("link.silence")), "no sign of life: {news:?}");
}

#[test]
fn what_a_broker_retained_is_no_contact_with_its_device() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 97.0, 5);
    let contact = |scene: &Scene| scene.core.devices["dev"].last_contact;
    let before = contact(&scene);
    scene.advance(30.0);
    scene.send("dev", "spo2", 97.0, |m, _| m.delivery.retained = true);
    assert_eq!(contact(&scene), before);
    scene.send("dev", "spo2", 97.0, |_, _| {});
    assert!(contact(&scene) > before);
}
