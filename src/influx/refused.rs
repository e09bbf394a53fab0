//! Lines that the server will never take: counted by reason, some of them kept, all of them told.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::Stopwatch;
use vitalgate_domain::model::input::{Input, LineRefusal};
use vitalgate_domain::model::message::DeadLetter;

/// Dead letters of the sink in an hour: the store keeps a thousand of all senders together.
const LETTERS: usize = 100;
const HOUR: Duration = Duration::from_secs(3_600);
/// One reason is told at most so often; what comes in between is told then.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// What of one batch is refused for good.
#[derive(Debug)]
pub(super) struct RefusedLines {
    reasons: BTreeMap<LineRefusal, Reason>,
    letters: Vec<DeadLetter>,
    most: usize,
}

/// Lines refused for one reason.
#[derive(Clone, Debug, Default)]
struct Reason {
    lines: u64,
    /// The server's words for the first of them, fit for everybody's eyes.
    words: String,
}

impl RefusedLines {
    /// None yet; at most so many are kept.
    pub(super) fn new(most: usize) -> Self {
        Self { reasons: BTreeMap::new(), letters: Vec::new(), most }
    }

    /// So many more, and why.
    pub(super) fn add(&mut self, why: LineRefusal, lines: u64, words: String) {
        self.reasons.entry(why).or_insert(Reason { lines: 0, words }).lines += lines;
    }

    /// Keeps one of them, if there is room.
    pub(super) fn keep(&mut self, letter: impl FnOnce() -> DeadLetter) {
        if self.letters.len() < self.most {
            self.letters.push(letter());
        }
    }

    /// Those of this reason were not dead.
    pub(super) fn forget(&mut self, why: LineRefusal) {
        self.reasons.remove(&why);
        self.letters.clear();
    }

    /// How many in all.
    pub(super) fn lines(&self) -> u64 {
        self.reasons.values().map(|reason| reason.lines).sum()
    }

    /// How many for each reason.
    pub(super) fn counts(&self) -> impl Iterator<Item = (LineRefusal, u64)> {
        self.reasons.iter().map(|(why, reason)| (*why, reason.lines))
    }

    /// Those that are kept.
    pub(super) fn into_letters(self) -> Vec<DeadLetter> {
        self.letters
    }
}

/// How many more dead letters this hour has room for.
#[derive(Debug)]
pub(super) struct LetterBudget {
    since: Stopwatch,
    left: usize,
}

impl LetterBudget {
    /// All of it.
    pub(super) fn new() -> Self {
        Self { since: Stopwatch::start(), left: LETTERS }
    }

    /// What is left of it.
    pub(super) fn left(&mut self) -> usize {
        if self.since.seconds() >= HOUR.as_secs_f64() {
            *self = Self::new();
        }
        self.left
    }

    /// So many were kept.
    pub(super) fn spend(&mut self, letters: usize) {
        self.left = self.left.saturating_sub(letters);
    }
}

/// What the core has not been told yet.
#[derive(Debug, Default)]
pub(super) struct Untold {
    reasons: BTreeMap<LineRefusal, Reason>,
    told: BTreeMap<LineRefusal, Stopwatch>,
}

impl Untold {
    /// Takes note of what became of a batch.
    pub(super) fn note(&mut self, refused: &RefusedLines) {
        for (why, reason) in &refused.reasons {
            let untold = self.reasons.entry(*why).or_default();
            untold.lines += reason.lines;
            untold.words.clone_from(&reason.words);
        }
    }

    /// What is to be told now.
    pub(super) fn due(&self) -> Vec<Input> {
        let just_told = |why: &LineRefusal| {
            self.told.get(why).is_some_and(|told| told.seconds() < TELL_EVERY.as_secs_f64())
        };
        let due = self.reasons.iter().filter(|(why, _)| !just_told(why));
        due.map(|(why, reason)| {
            let words = reason.words.clone();
            Input::LinesRefused { why: *why, lines: reason.lines, words }
        })
        .collect()
    }

    /// It was told.
    pub(super) fn told(&mut self, inputs: &[Input]) {
        for input in inputs {
            if let Input::LinesRefused { why, .. } = input {
                self.reasons.remove(why);
                self.told.insert(*why, Stopwatch::start());
            }
        }
    }
}
