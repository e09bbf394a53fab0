//! While the store fails, or the disk is full, nobody is blamed for silence, and nothing else stands still.

use super::scene::Scene;
use crate::model::input::Input;

const SPO2: &str = "vitals_live.spo2_low";
const FAILS: Input = Input::Store { failing: true };
const WELL: Input = Input::Store { failing: false };

#[test]
fn silence_while_the_store_fails_belongs_to_the_store() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 97.0, 5);
    scene.fold(&[FAILS]);
    scene.expect(&["raised high store.failing: alarming, present"]);
    scene.advance(3_600.0);
    scene.expect(&[]);
    scene.fold(&[WELL]);
    scene.expect(&["ended high store.failing: closed ended"]);
    scene.advance(9.0);
    scene.expect(&[]);
    scene.advance(2.0);
    let news = scene.news();
    assert!(
        news.iter().any(|n| n.contains("link.silence")),
        "a device that stays away afterwards is announced: {news:?}"
    );
}

#[test]
fn a_device_that_sends_again_in_time_is_not_announced() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 97.0, 5);
    scene.fold(&[FAILS]);
    scene.advance(600.0);
    scene.fold(&[WELL]);
    scene.skip();
    scene.stream("dev", "spo2", 97.0, 30);
    scene.expect(&[]);
}

#[test]
fn what_still_comes_is_judged_and_acknowledgements_run_out() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 84.0, 16);
    scene.acknowledge(SPO2);
    scene.fold(&[FAILS]);
    scene.skip();
    scene.stream("dev", "spo2", 79.0, 6);
    scene.expect(&["priority_rose high vitals_live.spo2_low: alarming, present"]);
    scene.acknowledge(SPO2);
    scene.skip();
    scene.stream("dev", "spo2", 79.0, 601);
    scene.expect(&["acknowledgement_over high vitals_live.spo2_low: alarming, present"]);
}

#[test]
fn silence_while_the_disk_is_full_belongs_to_the_disk_whatever_the_store_does() {
    let full = |full| Input::Disk { full };
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 97.0, 5);
    scene.fold(&[full(true)]);
    scene.expect(&["raised high store.full: alarming, present"]);
    scene.fold(&[FAILS]);
    scene.fold(&[WELL]);
    scene.skip();
    scene.advance(3_600.0);
    scene.expect(&[]);
    scene.fold(&[full(false)]);
    scene.expect(&["ended high store.full: closed ended"]);
    scene.stream("dev", "spo2", 97.0, 30);
    scene.expect(&[]);
}
