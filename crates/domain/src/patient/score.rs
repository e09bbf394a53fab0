//! Scores of a patient: what several signals add up to (contract §5, Scores). How they are judged stands in `several.rs`.

mod shown;

pub use self::shown::{InputShown, ScoreShown, ValueShown};
use super::several::{Counted, Found, Grade, OverSeveral, Read, Several, State, StateOf};
use super::several::{Value, Verdict};
use super::{Deadline, Patient};
use crate::model::alarm::{Priority, Response};
use crate::model::cause::Cause;
use crate::model::ids::{RuleId, WardId};
use crate::model::signal::SignalId;
use crate::model::spo2_scale::Spo2Scale;
use crate::model::time::{Span, Timestamp};
use crate::rules::news2::{Band, Input, Sum};
use crate::rules::score;
use crate::rules::{Method, Person, Rule, RuleSet, ScoreRule};
use crate::text;

const INPUTS: usize = Input::ALL.len();
const BANDS: usize = Band::ALL.len();

/// Where a score stands.
pub(super) type ScoreState = State<[Option<Counted>; INPUTS], Band, [Option<Timestamp>; BANDS]>;

/// By what else a number is read: how oxygen saturation is scored, and whether oxygen is given, where somebody said.
pub(super) struct Terms {
    scale: Spo2Scale,
    on_oxygen: Option<bool>,
}

impl Grade for Band {
    const GRADES: &'static [Self] = &Self::ALL;

    fn place(self) -> usize {
        self.place()
    }
}

impl OverSeveral for ScoreRule {
    type Grade = Band;
    type Each<T> = [T; INPUTS];
    type Since = [Option<Timestamp>; BANDS];
    type Terms = Terms;

    const SOURCE: &'static str = "score";

    fn of(rule: &Rule) -> Option<&Self> {
        rule.as_score()
    }

    fn all(rules: &RuleSet) -> impl Iterator<Item = &Self> {
        rules.scores()
    }

    fn reads_words(signal: &str) -> bool {
        score::reads_words(signal)
    }

    fn states(several: &Several) -> &[StateOf<Self>] {
        &several.scores
    }

    fn states_mut(several: &mut Several) -> &mut Vec<StateOf<Self>> {
        &mut several.scores
    }

    fn stale(patient: &mut Patient) -> &mut Option<Box<Cause>> {
        &mut patient.stale_scores
    }

    fn deadline(index: usize) -> Deadline<'static> {
        Deadline::Score(index)
    }

    fn index(deadline: Deadline<'_>) -> Option<usize> {
        if let Deadline::Score(index) = deadline { Some(index) } else { None }
    }

    fn id(&self) -> &RuleId {
        &self.id
    }

    fn judges(&self, person: Person, ward: Option<&WardId>) -> bool {
        Self::judges(self, person, ward)
    }

    fn delay(&self) -> Span {
        self.delay
    }

    fn clear_delay(&self) -> Span {
        self.clear_delay
    }

    fn gravity(&self, band: Band) -> (Priority, Response) {
        (self.priorities.of(band), self.responses.of(band))
    }

    fn advice(&self) -> Option<&String> {
        self.advice.as_ref()
    }

    fn text(&self, found: &[Option<Found<'_>>; INPUTS]) -> String {
        let points = found.map(|found| found.map(|one| one.points));
        let name = match self.method {
            Method::News2 => "NEWS2",
        };
        text::score(name, Sum::of(&points), &points)
    }

    fn each<T>(&self, of: impl FnMut(usize) -> T) -> [T; INPUTS] {
        std::array::from_fn(of)
    }

    fn reads(&self, signal: SignalId) -> impl Iterator<Item = Read> {
        let read = Self::reads(self, signal);
        let read =
            read.map(|(rank, read)| Read { input: read.input.place(), rank, single: read.single });
        read.into_iter()
    }

    fn age(&self, single: bool) -> Span {
        self.age_of(single)
    }

    fn terms(patient: &Patient, words: &dyn Fn(usize) -> Option<u8>) -> Terms {
        let on_oxygen = words(Input::Oxygen.place()).map(|points| points > 0);
        Terms { scale: patient.spo2_scale(), on_oxygen }
    }

    fn points(&self, input: usize, value: Value<'_>, terms: &Terms) -> Option<u8> {
        let input = Input::ALL.get(input)?;
        match value {
            Value::Number(number) => input.points(number, terms.scale, terms.on_oxygen),
            Value::Word(word) => input.points_of_word(word),
        }
    }

    fn verdict(&self, points: &[Option<u8>; INPUTS]) -> Verdict<Band> {
        let sum = Sum::of(points);
        Verdict { grade: sum.band, calm: sum.complete && sum.band.is_none() }
    }
}

impl Patient {
    /// By which scale oxygen saturation is scored.
    pub fn spo2_scale(&self) -> Spo2Scale {
        self.scale.as_ref().map_or(Spo2Scale::One, |prescribed| prescribed.scale)
    }
}
