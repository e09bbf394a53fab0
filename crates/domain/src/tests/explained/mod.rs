//! What is said of why something does not alarm is true: each state, each reason, and that what is to fire fires.

mod laws;
mod reasons;
mod states;

use super::scene::Scene;
use crate::patient::explain::{Explained, Explanation, KeptBack, State};

const LOW: &str = "vitals_live.spo2_low";
const PRESSURE: &str = "vitals_live.nibp_sys_low";

/// What watches `p`.
fn explained(scene: &Scene) -> Explanation {
    scene.core.explain(&"p".parse().unwrap(), None, scene.now).unwrap()
}

/// The only row of a rule.
#[track_caller]
fn row(scene: &Scene, rule: &str) -> Explained {
    let mut rows = explained(scene).rules;
    rows.retain(|row| row.rule.as_str() == rule);
    assert_eq!(rows.len(), 1, "{rule}: {rows:?}");
    rows.remove(0)
}

/// The word of where a rule stands, with why where it does not judge.
#[track_caller]
fn stands(scene: &Scene, rule: &str) -> String {
    match row(scene, rule).state {
        State::NotJudged(why) => format!("not_judged {}", why.as_str()),
        state => state.as_str().to_owned(),
    }
}

/// Why nobody hears of a rule.
#[track_caller]
fn kept(scene: &Scene, rule: &str) -> Vec<&'static str> {
    row(scene, rule).kept_back.iter().map(KeptBack::as_str).collect()
}
