//! A channel that does not take alarms is an alarm, as grave as what waits, until all of it has arrived; one that will never
//! take an alarm is told once.

use super::scene::Scene;
use crate::model::alarm::Priority;
use crate::model::input::Input;

fn waits(waits: Option<Priority>, words: &str) -> Input {
    Input::Undelivered { channel: "pager".parse().unwrap(), waits, words: words.into() }
}

#[test]
fn what_waits_is_as_grave_as_the_gravest_of_it_until_all_has_arrived() {
    let mut scene = Scene::empty();
    scene.fold(&[waits(None, "")]);
    scene.expect(&[]);
    scene.fold(&[waits(Some(Priority::Medium), "status 503")]);
    scene.expect(&["raised medium delivery.failing: alarming, present"]);
    let alarm = scene.alarm("delivery.failing");
    assert_eq!(alarm.source, "pager");
    assert!(alarm.text.contains("pager") && alarm.text.ends_with("status 503"), "{}", alarm.text);
    scene.fold(&[waits(Some(Priority::High), "status 503")]);
    scene.expect(&["priority_rose high delivery.failing: alarming, present"]);
    let told: Vec<_> = scene.core.site.undelivered_channels().map(|(_, told)| told).collect();
    assert_eq!(told, [Priority::High]);
    scene.fold(&[waits(None, "")]);
    scene.expect(&["ended high delivery.failing: closed ended"]);
    assert_eq!(scene.core.site.undelivered_channels().count(), 0);
}

#[test]
fn what_is_never_taken_is_told_once_until_somebody_has_looked() {
    let mut scene = Scene::empty();
    let not_taken =
        || Input::NotTaken { channel: "pager".parse().unwrap(), words: "status 422".into() };
    scene.fold(&[not_taken(), not_taken()]);
    scene.expect(&["raised medium delivery.refused: alarming, momentary"]);
    scene.advance(86_400.0);
    scene.expect(&["expired medium delivery.refused: closed expired"]);
}
