//! A signal that stops while its device sends on (contract §7).

mod changed;
mod ended;
mod pauses;
mod raised;

use super::scene::Scene;

const CO2: &str = "vitals_live.etco2_lost";

const BREATH: &str = "vitals_live.apnoea_lost";

const RAISED: &str = "raised high vitals_live.etco2_lost: alarming, present";

/// Carbon dioxide and heart rate were received for 5 s.
fn breathing() -> Scene {
    let mut scene = Scene::bedside();
    both(&mut scene, 5);
    scene
}

fn both(scene: &mut Scene, seconds: u32) {
    for _ in 0..seconds {
        scene.reading("dev", "etco2", 38.0);
        scene.stream("dev", "heart_rate", 70.0, 1);
    }
}

/// The heart rate alone.
fn beats(scene: &mut Scene, seconds: u32) {
    scene.stream("dev", "heart_rate", 70.0, seconds);
}

/// What moved of losses.
fn losses(scene: &mut Scene) -> Vec<String> {
    scene.news().into_iter().filter(|line| line.contains("_lost:")).collect()
}

#[track_caller]
fn expect(scene: &mut Scene, expected: &[&str]) {
    let second = scene.second();
    assert_eq!(losses(scene), expected, "at second {second}");
}
