//! A small stage for the core: readings, commands and time in; transitions in short words out.

mod messages;
mod news;
mod ward;

use crate::core::Core;
use crate::core::configuration::{Configuration, Texts};
use crate::core::journal::RowBody;
use crate::model::command::{Action, Command, CommandAnswer, Outcome};
use crate::model::input::Input;
use crate::model::sample::Sample;
use crate::model::signal::SignalId;
use crate::model::time::{Span, Stamp, Timestamp};
use crate::output::transition::{Transition, TransitionBody};

/// Second 0 of every scene: 2026-11-21T10:00:00Z.
pub(super) const BEGIN: Timestamp = Timestamp::from_millis(1_795_255_200_000);

/// The texts shipped with the program.
pub(super) fn shipped() -> Texts {
    Texts {
        signals: include_str!("../../../../../config/signals.toml").to_owned(),
        rules: include_str!("../../../../../config/rules.toml").to_owned(),
        site: "time_zone = \"Europe/Berlin\"\n".to_owned(),
        packs: Vec::new(),
    }
}

/// So many seconds into the scene.
pub(super) fn at(s: f64) -> Timestamp {
    BEGIN + Span::millis((s * 1_000.0).round() as i64)
}

/// A core with what came out of it since the last look.
pub(super) struct Scene {
    pub(super) core: Core,
    pub(super) now: Stamp,
    pub(super) log: Vec<Transition>,
    /// What history keeps.
    pub(super) kept: Vec<Sample>,
    looked: usize,
    /// The rule whose moves are looked at; all of them where it is none.
    pub(super) about: &'static str,
    seq: u64,
}

impl Scene {
    /// Nobody there yet.
    pub(super) fn empty() -> Self {
        Self::of(shipped())
    }

    /// The same under these texts.
    pub(super) fn of(texts: Texts) -> Self {
        let configuration = Configuration::parse(texts).unwrap();
        let core = Core::new("site-1".parse().unwrap(), false, configuration);
        let now = Stamp { at: BEGIN, offset: Span::ZERO };
        Self { core, now, log: Vec::new(), kept: Vec::new(), looked: 0, about: "", seq: 0 }
    }

    /// An adult `p` with a bedside monitor `dev` that keeps network time and sends what it likes.
    pub(super) fn bedside() -> Self {
        let mut scene = Self::empty();
        scene.admit("p");
        scene.device("dev", "bedside", &[]);
        scene.bind("dev", "p");
        scene
    }

    pub(super) fn signal(&self, name: &str) -> SignalId {
        self.core.configuration.signals.find(name).expect("a signal of the table").id
    }

    /// Seconds since the beginning, by the gateway's own time.
    pub(super) fn second(&self) -> f64 {
        (self.now.at - BEGIN).as_secs_f64()
    }

    /// Folds one row of these inputs at the present moment.
    pub(super) fn fold(&mut self, inputs: &[Input]) {
        let out = self.core.fold(self.core.row() + 1, self.now, inputs);
        let body = RowBody::new(inputs.to_vec(), &out.samples, self.now);
        let samples: Vec<_> = out.samples.into_iter().map(|(_, sample)| sample).collect();
        assert_eq!(body.samples(self.now), samples, "a row gives its samples without a fold");
        self.kept.extend(samples);
        self.log.extend(out.transitions);
    }

    /// Time passes, with nothing to take.
    pub(super) fn advance(&mut self, seconds: f64) {
        self.now.at = self.now.at + Span::millis((seconds * 1_000.0).round() as i64);
        let advanced = self.core.advance(self.now);
        if !advanced.is_nothing() {
            self.log.extend(advanced.into_row().transitions);
        }
    }

    /// Carries out a command; whatever else it caused stays to be looked at.
    pub(super) fn command(&mut self, action: Action) -> (Outcome, String) {
        let CommandAnswer { outcome, detail, .. } = self.answer(action);
        (outcome, detail)
    }

    /// The same, with the whole answer.
    pub(super) fn answer(&mut self, action: Action) -> CommandAnswer {
        let before = self.log.len();
        let command = Command { actor: "nurse".to_owned(), action };
        self.fold(&[Input::Command(Box::new(command))]);
        let first =
            self.log[before..].iter().find(|t| !matches!(t.body, TransitionBody::Note { .. }));
        match first.map(|t| &t.body) {
            Some(TransitionBody::Answer { answer, .. }) => answer.as_ref().clone(),
            other => panic!("the answer comes first, not {other:?}"),
        }
    }

    #[track_caller]
    pub(super) fn done(&mut self, action: Action) {
        let (outcome, detail) = self.command(action);
        assert_eq!(outcome, Outcome::Done, "{detail}");
    }

    /// The process ends here; a new one continues from its snapshot after an intake gap of so many seconds.
    pub(super) fn restart(&mut self, gap: f64) {
        self.core = restored(&self.core);
        let from = self.now.at;
        self.now.at = from + Span::millis((gap * 1_000.0) as i64);
        self.fold(&[Input::IntakeGap { from, to: self.now.at }]);
    }
}

/// A core put together again from its snapshot.
pub(super) fn restored(core: &Core) -> Core {
    let parts: Vec<_> =
        core.parts_since(0).into_iter().map(|(kind, key)| core.part(kind, &key).unwrap()).collect();
    Core::restore(parts.iter().map(|p| (p.kind, p.key.as_str(), p.body.as_slice()))).unwrap()
}
