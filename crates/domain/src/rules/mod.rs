//! The rules in force: device classes with their silence ladders, and rules by kind.
//!
//! The text is `config/rules.toml`; every limit carries its unit, and a unit that does not fit its
//! signal refuses the whole file with line and column.
//!
//! A kind of rule is one module here, its entry in the text included, one variant of [`Rule`], and
//! one module of `patient` that judges by it.

mod amount;
mod calm;
mod class;
mod combination;
mod count;
mod event;
mod file;
mod frozen;
mod limit;
mod loss;
mod news;
mod prediction;
pub(crate) mod score;
mod trend;
mod whom;

use std::collections::BTreeMap;

pub use amount::Amount;
use calm::Together;
pub(crate) use class::UNKNOWN_CLASS;
pub use class::{AcknowledgeFor, Class, Rung};
pub use combination::{CombinationRule, Criterion};
pub use count::CountRule;
pub use event::EventRule;
use file::Text;
pub use frozen::FrozenRule;
pub(crate) use limit::REPEAT_DUE;
pub use limit::{Cover, InForce, Level, LevelLimits, LimitRule, Relation};
pub use loss::LossRule;
pub use news::NewsBudget;
pub use prediction::PredictionRule;
pub use score::{ByBand, Method, ScoreRule, news2};
pub use trend::{Against, By, TrendRule};
pub use whom::{Person, Whom};

use crate::model::command::PatientLimit;
use crate::model::ids::RuleId;
use crate::model::signal::SignalId;

/// A rule of any kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Rule {
    /// A limit of a signal, with the request for another measurement where it asks for one.
    Limit(LimitRule),
    /// The sudden loss of a signal.
    Loss(LossRule),
    /// What a device's own event is worth.
    Event(EventRule),
    /// How a signal goes over days.
    Trend(TrendRule),
    /// So many events within a span.
    Count(CountRule),
    /// A limit that the last readings go towards.
    Prediction(PredictionRule),
    /// A signal that has not moved.
    Frozen(FrozenRule),
    /// Points of several signals, added up.
    Score(ScoreRule),
    /// Several conditions at once.
    Combination(CombinationRule),
}

impl Rule {
    /// Its name.
    pub fn id(&self) -> &RuleId {
        match self {
            Self::Limit(rule) => &rule.id,
            Self::Loss(rule) => &rule.id,
            Self::Event(rule) => &rule.id,
            Self::Trend(rule) => &rule.id,
            Self::Prediction(rule) => &rule.id,
            Self::Frozen(rule) => &rule.id,
            Self::Count(rule) => &rule.id,
            Self::Score(rule) => &rule.id,
            Self::Combination(rule) => &rule.id,
        }
    }

    /// The signal it is over, if it is over one.
    pub fn signal(&self) -> Option<SignalId> {
        match self {
            Self::Limit(rule) => Some(rule.signal),
            Self::Loss(rule) => Some(rule.signal),
            Self::Trend(rule) => Some(rule.signal),
            Self::Prediction(rule) => Some(rule.signal),
            Self::Frozen(rule) => Some(rule.signal),
            Self::Event(_) | Self::Count(_) | Self::Score(_) | Self::Combination(_) => None,
        }
    }

    /// Whether it judges somebody who has these limits of his own, wherever he lies.
    pub fn stands_for(&self, person: Person, own: &[PatientLimit]) -> bool {
        match self {
            Self::Limit(rule) => rule.stands_for(person, own),
            Self::Loss(rule) => rule.whom.holds_for(person),
            Self::Event(_)
            | Self::Trend(_)
            | Self::Count(_)
            | Self::Prediction(_)
            | Self::Frozen(_) => true,
            Self::Score(_) | Self::Combination(_) => person.adult,
        }
    }

    /// Whether it is made for adults, and refuses others (contract §4).
    pub fn adults_only(&self) -> bool {
        match self {
            Self::Limit(rule) => rule.whom.adults_only,
            Self::Loss(rule) => rule.whom.adults_only,
            Self::Event(_)
            | Self::Trend(_)
            | Self::Count(_)
            | Self::Prediction(_)
            | Self::Frozen(_)
            // It judges nobody else, and refuses nothing that is measured.
            | Self::Score(_)
            | Self::Combination(_) => false,
        }
    }

    /// It as a limit rule.
    pub fn as_limit(&self) -> Option<&LimitRule> {
        if let Self::Limit(rule) = self { Some(rule) } else { None }
    }

    /// It as a loss rule.
    pub fn as_loss(&self) -> Option<&LossRule> {
        if let Self::Loss(rule) = self { Some(rule) } else { None }
    }

    /// It as an event rule.
    pub fn as_event(&self) -> Option<&EventRule> {
        if let Self::Event(rule) = self { Some(rule) } else { None }
    }

    /// It as a trend rule.
    pub fn as_trend(&self) -> Option<&TrendRule> {
        if let Self::Trend(rule) = self { Some(rule) } else { None }
    }

    /// It as a score rule.
    pub fn as_score(&self) -> Option<&ScoreRule> {
        if let Self::Score(rule) = self { Some(rule) } else { None }
    }

    /// It as a combination.
    pub fn as_combination(&self) -> Option<&CombinationRule> {
        if let Self::Combination(rule) = self { Some(rule) } else { None }
    }
}

/// All rules, checked against the signal table.
#[derive(Clone, Debug, Default)]
pub struct RuleSet {
    /// Readings of a lower quality are stored and not judged.
    pub quality_min: f32,
    /// How much one device may make of a patient's alarms.
    pub news: NewsBudget,
    /// By name, in order; so few that looking at each is faster than a search.
    classes: Vec<(String, Class)>,
    /// In the order of the text, kind by kind.
    rules: Vec<Rule>,
    by_id: BTreeMap<RuleId, usize>,
    /// By the number of their signal, of which there are few, and none is high.
    by_signal: Vec<Over>,
    /// The score rules, as indices; hardly ever more than one.
    scores: Vec<usize>,
    /// The combinations, as indices.
    combinations: Vec<usize>,
}

/// The rules over a signal, as indices, in the order of the text.
#[derive(Clone, Debug, Default)]
struct Over {
    limits: Vec<usize>,
    losses: Vec<usize>,
    trends: Vec<usize>,
    predictions: Vec<usize>,
    frozen: Vec<usize>,
    /// All limits of them.
    together: Together,
}

/// Why a rules file was refused; nothing of it is used then.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BadRules {
    /// Not TOML, or a field of the wrong shape; the text names line and column.
    #[error("rules: {0}")]
    Toml(String),
    /// A field that makes no sense where it stands.
    #[error("rules: line {line}, column {column}: {what}")]
    At {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
        /// What is wrong and what to write instead.
        what: String,
    },
    /// A pack, which is read into the same set.
    #[error("pack `{pack}`: {why}")]
    Pack {
        /// As it was named.
        pack: String,
        /// What is wrong in it.
        why: Box<BadRules>,
    },
}

impl RuleSet {
    /// The ordinary rule over the side of a floor, whose critical limit may say the same.
    pub fn beside(&self, floor: &LimitRule) -> Option<&LimitRule> {
        self.limits_of(floor.signal)
            .find(|rule| rule.side == floor.side && !rule.floor && rule.whom.ages.is_empty())
    }

    /// All of them, in the order of the text.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }

    /// The class of this name; a device of a class that is not configured has none.
    pub fn class(&self, name: &str) -> Option<&Class> {
        self.classes.iter().find(|(known, _)| known == name).map(|(_, class)| class)
    }

    /// The names of all classes.
    pub fn class_names(&self) -> impl Iterator<Item = &str> {
        self.classes.iter().map(|(name, _)| name.as_str())
    }

    /// The rule of this name, or the one that asks for another measurement under it.
    pub fn get(&self, id: &RuleId) -> Option<&Rule> {
        self.by_id.get(id).and_then(|index| self.rules.get(*index))
    }

    /// The rules over a signal.
    pub fn over(&self, signal: SignalId) -> impl Iterator<Item = &Rule> {
        let (limits, losses) = self.indices_over(signal);
        limits.iter().chain(losses).filter_map(|index| self.rules.get(*index))
    }

    /// The limit rules over a signal.
    pub fn limits_of(&self, signal: SignalId) -> impl Iterator<Item = &LimitRule> {
        let (limits, _) = self.indices_over(signal);
        limits.iter().filter_map(|index| self.rules.get(*index)?.as_limit())
    }

    /// The loss rules over a signal: at most one for anybody.
    pub fn losses_of(&self, signal: SignalId) -> impl Iterator<Item = &LossRule> {
        let (_, losses) = self.indices_over(signal);
        losses.iter().filter_map(|index| self.rules.get(*index)?.as_loss())
    }

    fn indices_over(&self, signal: SignalId) -> (&[usize], &[usize]) {
        let over = self.by_signal.get(usize::from(signal.0));
        over.map_or((&[], &[]), |over| (&over.limits, &over.losses))
    }

    /// The trend rules over a signal.
    pub fn trends_of(&self, signal: SignalId) -> impl Iterator<Item = &TrendRule> {
        let over = self.by_signal.get(usize::from(signal.0));
        let trends = over.map_or(&[][..], |over| &over.trends);
        trends.iter().filter_map(|index| self.rules.get(*index)?.as_trend())
    }

    /// The frozen rules over a signal.
    pub fn frozen_of(&self, signal: SignalId) -> impl Iterator<Item = &FrozenRule> {
        let over = self.by_signal.get(usize::from(signal.0));
        over.map_or(&[][..], |over| &over.frozen).iter().filter_map(|index| {
            if let Rule::Frozen(rule) = self.rules.get(*index)? { Some(rule) } else { None }
        })
    }

    /// The prediction rules over a signal.
    pub fn predictions_of(&self, signal: SignalId) -> impl Iterator<Item = &PredictionRule> {
        let over = self.by_signal.get(usize::from(signal.0));
        let predictions = over.map_or(&[][..], |over| &over.predictions);
        predictions.iter().filter_map(|index| {
            if let Rule::Prediction(rule) = self.rules.get(*index)? { Some(rule) } else { None }
        })
    }

    /// The loss rule over a signal that judges somebody.
    pub fn loss_of(&self, signal: SignalId, person: Person) -> Option<&LossRule> {
        self.losses_of(signal).find(|rule| rule.whom.holds_for(person))
    }

    /// The rules that count an event.
    pub fn counts_of<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a CountRule> {
        let counts = self
            .rules
            .iter()
            .filter_map(|rule| if let Rule::Count(rule) = rule { Some(rule) } else { None });
        counts.filter(move |rule| rule.events.iter().any(|event| event == name))
    }

    /// Whether there is any score rule: where there is none, nothing need be looked at for one.
    pub fn has_scores(&self) -> bool {
        !self.scores.is_empty()
    }

    /// The score rules.
    pub fn scores(&self) -> impl Iterator<Item = &ScoreRule> {
        self.scores.iter().filter_map(|index| self.rules.get(*index)?.as_score())
    }

    /// The combinations.
    pub fn combinations(&self) -> impl Iterator<Item = &CombinationRule> {
        self.combinations.iter().filter_map(|index| self.rules.get(*index)?.as_combination())
    }

    /// The rule for an event: the first that names it, else the one for `*`.
    pub fn event(&self, name: &str) -> Option<&EventRule> {
        let events = || self.rules.iter().filter_map(Rule::as_event);
        let named = |wanted: &str| events().find(|r| r.events.iter().any(|e| e == wanted));
        named(name).or_else(|| named("*"))
    }
}
