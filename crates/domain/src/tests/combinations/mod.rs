//! Combinations (contract §5, Combinations), each sentence of it: what counts of a condition, and what becomes of the
//! alarm.

mod alarms;
mod counts;
mod explained;
mod oracle;
mod refused;

use super::scene::{Scene, shipped};
use crate::core::configuration::Texts;
use crate::model::pack::Pack;

const RULE: &str = "together.slow_and_low";
const TOGETHER: &str = r#"
[[combination]]
id = "together.slow_and_low"
# wards = ["west"]
within = "60s"
delay = "10s"
clear_delay = "30s"
priority = "high"
response = "immediate"
advice = "Look at once"

[[combination.condition]]
signal = "heart_rate"
below = 50
unit = "/min"

[[combination.condition]]
signal = "spo2"
below = 90.0
unit = "%"
"#;

/// Any two of three.
const TWO_OF_THREE: &str = r#"at_least = 2

[[combination.condition]]
signal = "respiratory_rate"
above = 30
unit = "/min"

[[combination.condition]]
signal = "heart_rate""#;

/// The shipped texts, with the combination, changed as wished.
fn texts(old: &str, new: &str) -> Texts {
    assert!(TOGETHER.contains(old), "{old}");
    let packs = vec![Pack { name: "together".to_owned(), text: TOGETHER.replacen(old, new, 1) }];
    Texts { packs, ..shipped() }
}

/// Two of heart rate, oxygen saturation and respiration.
fn two_of_three() -> Scene {
    bedside_by("[[combination.condition]]\nsignal = \"heart_rate\"", TWO_OF_THREE)
}

/// An adult `p` with monitors `mon` and `oxi`, of whom nothing was measured yet.
fn bedside() -> Scene {
    bedside_by("", "")
}

fn bedside_by(old: &str, new: &str) -> Scene {
    staged(texts(old, new))
}

fn staged(texts: Texts) -> Scene {
    let mut scene = Scene::of(texts);
    scene.about = RULE;
    scene.admit("p");
    for device in ["mon", "oxi"] {
        scene.device(device, "bedside", &[]);
        scene.bind(device, "p");
    }
    scene.skip();
    scene
}

/// Both conditions hold since a second 0, and it is an alarm.
fn alarming() -> Scene {
    let mut scene = bedside();
    scene.both(42.0, 89.0);
    scene.moves_after(10.0, &["raised high together.slow_and_low: alarming, present"]);
    scene
}

impl Scene {
    /// Heart rate and oxygen saturation, measured now.
    fn both(&mut self, heart_rate: f64, spo2: f64) {
        self.reading("mon", "heart_rate", heart_rate);
        self.reading("mon", "spo2", spo2);
    }

    /// For so many seconds both come every 10 s as they are.
    fn goes_on(&mut self, seconds: u32, heart_rate: f64, spo2: f64) {
        for _ in 0..seconds / 10 {
            self.advance(10.0);
            self.both(heart_rate, spo2);
        }
    }

    /// Whether its condition is met now, not met, or undecided.
    #[track_caller]
    fn verdict(&self) -> Option<bool> {
        self.core.patients["p"].combination_met(&RULE.parse().unwrap())
    }
}
