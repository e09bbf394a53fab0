//! A ward that nobody's screen shows is an alarm, and another ward is news.

use super::scene::Scene;
use crate::model::input::Input;

fn unwatched(wards: &[&str]) -> Input {
    Input::Unwatched(wards.iter().map(|ward| ward.parse().unwrap()).collect())
}

#[test]
fn each_unwatched_ward_has_an_alarm_until_a_screen_shows_it() {
    let mut scene = Scene::empty();
    scene.fold(&[unwatched(&["w1", "w2"])]);
    scene.expect(&["raised medium ward.unwatched: alarming, present"; 2]);
    scene.fold(&[unwatched(&["w1", "w2"])]);
    scene.expect(&[]);
    scene.fold(&[unwatched(&["w2"])]);
    scene.expect(&["ended medium ward.unwatched: closed ended"]);
    assert_eq!(scene.alarm("ward.unwatched").text, "no screen shows ward w2");
    scene.fold(&[unwatched(&[])]);
    scene.expect(&["ended medium ward.unwatched: closed ended"]);
}
