//! The packs that are shipped: each is read beside the shipped rules, and finds what it is there for.

use crate::core::configuration::{Configuration, Texts};
use crate::model::message::Phase;

use super::scene::{Scene, shipped};

const CIED: &str = include_str!("../../../../config/packs/cied.toml");
const HF: &str = include_str!("../../../../config/packs/hf.toml");
const GLUCOSE: &str = include_str!("../../../../config/packs/glucose.toml");
const DAY: f64 = 86_400.0;

/// Somebody whose one device is of a class, under the shipped rules and a pack.
fn under(pack: &str, class: &str) -> Scene {
    let mut scene = Scene::empty();
    scene.reconfigure("# --- Events", &format!("{pack}\n# --- Events"));
    scene.admit("p");
    scene.device("dev", class, &[]);
    scene.bind("dev", "p");
    scene
}

fn days(scene: &mut Scene, signal: &str, instance: &str, values: &[f64]) {
    for value in values {
        scene.send("dev", signal, *value, |_, reading| reading.instance = instance.into());
        scene.advance(DAY);
    }
}

#[test]
fn all_packs_are_read_together() {
    let Texts { signals, rules, site } = shipped();
    let rules = [&rules, CIED, HF, GLUCOSE].join("\n");
    Configuration::parse(Texts { signals, rules, site }).unwrap();
}

#[test]
fn each_finds_what_it_is_there_for_and_nothing_in_a_steady_month() {
    for (pack, signal, instance, usual, then, rule) in [
        (CIED, "af_burden", "", 10.0, 60.0, "cied.af_burden"),
        (CIED, "pacing_percent", "BiV", 98.0, 88.0, "cied.resynchronisation"),
        (CIED, "pacing_percent", "BiV", 98.0, 75.0, "cied.resynchronisation_lost"),
        (CIED, "pvc_rate", "", 20.0, 150.0, "cied.extrasystoles"),
        (CIED, "mean_heart_rate_24h", "", 70.0, 82.0, "cied.rate_rise"),
        (CIED, "threshold", "RV", 0.8, 2.0, "cied.threshold_rise"),
        (HF, "weight", "", 80.0, 82.5, "hf.weight"),
        (HF, "activity", "", 3.0, 2.0, "hf.activity"),
        (HF, "thoracic_impedance", "", 70.0, 63.0, "hf.thoracic_impedance"),
    ] {
        let mut scene = under(pack, "cied");
        days(&mut scene, signal, instance, &[usual; 30]);
        assert!(scene.find(rule).is_none(), "{rule}");
        days(&mut scene, signal, instance, &[then; 7]);
        assert!(scene.find(rule).is_some(), "{rule}");
    }
}

#[test]
fn pacing_of_one_chamber_alone_is_no_resynchronisation() {
    let mut scene = under(CIED, "cied");
    days(&mut scene, "pacing_percent", "RA", &[12.0; 10]);
    assert!(scene.find("cied.resynchronisation").is_none());
}

#[test]
fn three_episodes_in_two_days_are_a_storm() {
    let mut scene = under(CIED, "cied");
    for (id, event) in [("1", "vt_detected"), ("2", "vf_detected"), ("3", "vt_sustained")] {
        assert!(scene.find("cied.vt_storm").is_none());
        scene.event("dev", event, Some(id), Phase::Single);
        scene.advance(DAY);
    }
    assert!(scene.find("cied.vt_storm").is_some());
}

#[test]
fn eighty_and_falling_fast_is_told_before_it_is_low() {
    let mut scene = under(GLUCOSE, "cgm");
    for value in [110.0, 95.0, 80.0] {
        scene.reading("dev", "glucose_cgm", value);
        scene.advance(300.0);
    }
    assert!(scene.find("cgm.glucose_low").is_none());
    assert!(scene.find("glucose.urgent_low_soon").is_some());
}
