//! Scores (contract §5, Scores): what counts of an input, and what becomes of the band.

mod alarms;
mod changes;
mod counts;
mod oracle;

use super::scene::{Scene, shipped};
use crate::core::configuration::Texts;
use crate::model::command::Action;
use crate::model::input::Input;
use crate::model::message::{Body, Message, Reading, Value};
use crate::model::pack::Pack;
use crate::model::spo2_scale::Spo2Scale;
use crate::output::transition::TransitionBody;
use crate::patient::ScoreShown;
use crate::rules::news2::Band;

const RULE: &str = "news2.score";

/// The shipped texts, with the pack, changed as wished.
fn texts(old: &str, new: &str) -> Texts {
    let text = include_str!("../../../../../config/packs/news2.toml");
    assert!(text.contains(old), "{old}");
    let packs = vec![Pack { name: "news2".to_owned(), text: text.replace(old, new) }];
    Texts { packs, ..shipped() }
}

/// An adult `p` with a monitor `mon` and whatever people chart, `chart`; nothing was measured yet.
fn bedside() -> Scene {
    bedside_by("", "")
}

fn bedside_by(old: &str, new: &str) -> Scene {
    let mut scene = Scene::of(texts(old, new));
    scene.about = RULE;
    scene.admit("p");
    for (device, class) in [("mon", "bedside"), ("chart", "charted")] {
        scene.device(device, class, &[]);
        scene.bind(device, "p");
    }
    scene.skip();
    scene
}

/// The same, of whom everything is known, and nothing has points.
fn calm() -> Scene {
    let mut scene = bedside();
    all_calm(&mut scene);
    // What comes of the same instant would contradict it.
    scene.advance(1.0);
    scene.skip();
    scene
}

fn all_calm(scene: &mut Scene) {
    charted_calm(scene);
    monitored_calm(scene);
}

fn charted_calm(scene: &mut Scene) {
    scene.word("chart", "consciousness", "A");
    scene.word("chart", "supplemental_oxygen", "air");
    scene.reading("chart", "temperature", 37.0);
    scene.reading("chart", "nibp_sys", 120.0);
}

fn monitored_calm(scene: &mut Scene) {
    for (signal, value) in [("respiratory_rate", 16.0), ("spo2", 97.0), ("heart_rate", 70.0)] {
        scene.reading("mon", signal, value);
    }
}

impl Scene {
    /// A word of a signal, said and sent now.
    fn word(&mut self, device: &str, signal: &str, word: &str) {
        self.word_with(device, signal, word, |_, _| {});
    }

    fn word_with(
        &mut self,
        device: &str,
        signal: &str,
        word: &str,
        change: impl FnOnce(&mut Message, &mut Reading),
    ) {
        let mut reading =
            Reading { value: Value::Code(word.to_owned()), ..self.measured(signal, 0.0) };
        let mut message = self.message(device);
        change(&mut message, &mut reading);
        if let Body::Telemetry { readings, .. } = &mut message.body {
            readings.push(reading);
        }
        self.fold(&[Input::Message(Box::new(message))]);
    }

    /// The score of `p`.
    #[track_caller]
    fn score(&self) -> ScoreShown {
        let mut scores = self.core.scores_of(&self.core.patients["p"]);
        assert_eq!(scores.len(), 1);
        scores.remove(0)
    }

    /// Its total, whether it is complete, and its band.
    #[track_caller]
    fn sum(&self) -> (u8, bool, Option<Band>) {
        let sum = self.score().sum;
        (sum.total, sum.complete, sum.band)
    }

    /// Time passes, in which the monitor goes on as it is, every 5 minutes.
    fn monitored(&mut self, minutes: u32, values: &[(&str, f64)]) {
        for _ in 0..minutes / 5 {
            self.advance(300.0);
            for (signal, value) in values {
                self.reading("mon", signal, *value);
            }
        }
    }

    fn prescribe(
        &mut self,
        scale: Spo2Scale,
        reason: Option<&str>,
    ) -> crate::model::command::Outcome {
        self.command(Action::ChangePatient {
            patient: "p".parse().unwrap(),
            age_class: None,
            continuous: None,
            pregnant: None,
            replaces: None,
            spo2_scale: Some(scale),
            reason: reason.map(str::to_owned),
        })
        .0
    }

    /// How often an alarm of a score moved in all.
    fn transitions_of_scores(&self) -> usize {
        let of_score = |body: &TransitionBody| matches!(body, TransitionBody::Alarm { alarm, .. } if alarm.rule.as_str() == RULE);
        self.log.iter().filter(|transition| of_score(&transition.body)).count()
    }
}
