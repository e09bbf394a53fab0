//! Contract §5, row by row.

mod changed;
mod condition;
mod pauses;
mod people;
mod scopes;

use crate::model::message::Phase;

use super::scene::Scene;

const SPO2: &str = "vitals_live.spo2_low";

/// SpO2 has been below its limit for its delay: medium.
fn low_spo2() -> Scene {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 97.0, 5);
    scene.stream("dev", "spo2", 84.0, 16);
    scene.expect(&["raised medium vitals_live.spo2_low: alarming, present"]);
    scene
}

/// A low alarm of an event that goes on: it does not latch.
fn low_event() -> Scene {
    let mut scene = Scene::bedside();
    scene.event("dev", "af_detected", Some("a"), Phase::Start);
    scene.expect(&["raised low cied.atrial: alarming, present"]);
    scene
}
