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
mod event;
mod limit;
mod loss;
mod news;
mod whom;

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

pub use amount::Amount;
use calm::Together;
pub(crate) use class::UNKNOWN_CLASS;
pub use class::{AcknowledgeFor, Class, Rung};
pub use event::EventRule;
pub(crate) use limit::REPEAT_DUE;
pub use limit::{Cover, InForce, Level, LevelLimits, LimitRule, Relation};
pub use loss::LossRule;
pub use news::NewsBudget;
pub use whom::{Person, Whom};

use crate::model::command::PatientLimit;
use crate::model::ids::RuleId;
use crate::model::signal::{SignalId, SignalTable};

/// A rule of any kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Rule {
    /// A limit of a signal, with the request for another measurement where it asks for one.
    Limit(LimitRule),
    /// The sudden loss of a signal.
    Loss(LossRule),
    /// What a device's own event is worth.
    Event(EventRule),
}

impl Rule {
    /// Its name.
    pub fn id(&self) -> &RuleId {
        match self {
            Self::Limit(rule) => &rule.id,
            Self::Loss(rule) => &rule.id,
            Self::Event(rule) => &rule.id,
        }
    }

    /// The signal it is over, if it is over one.
    pub fn signal(&self) -> Option<SignalId> {
        match self {
            Self::Limit(rule) => Some(rule.signal),
            Self::Loss(rule) => Some(rule.signal),
            Self::Event(_) => None,
        }
    }

    /// Whether it judges somebody who has these limits of his own.
    pub fn stands_for(&self, person: Person, own: &[PatientLimit]) -> bool {
        match self {
            Self::Limit(rule) => rule.stands_for(person, own),
            Self::Loss(rule) => rule.whom.holds_for(person),
            Self::Event(_) => true,
        }
    }

    /// Whether it is made for adults, and refuses others (contract §4).
    pub fn adults_only(&self) -> bool {
        match self {
            Self::Limit(rule) => rule.whom.adults_only,
            Self::Loss(rule) => rule.whom.adults_only,
            Self::Event(_) => false,
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
}

/// The rules over a signal, as indices, in the order of the text.
#[derive(Clone, Debug, Default)]
struct Over {
    limits: Vec<usize>,
    losses: Vec<usize>,
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
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    quality_min: Spanned<f32>,
    #[serde(default)]
    news: Option<Spanned<news::Entry>>,
    class: BTreeMap<String, Class>,
    #[serde(default)]
    limit: Vec<limit::Entry>,
    #[serde(default)]
    event: Vec<event::Entry>,
}

/// The text of the file being read, to turn spans into lines.
#[derive(Clone, Copy)]
struct Text<'a>(&'a str);

impl Text<'_> {
    fn refuse<T>(self, place: &Spanned<T>, what: String) -> BadRules {
        let before = &self.0[..place.span().start.min(self.0.len())];
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        BadRules::At { line, column, what }
    }

    /// The signals of these names.
    fn signals(
        self,
        names: &[Spanned<String>],
        signals: &SignalTable,
    ) -> Result<Vec<SignalId>, BadRules> {
        let id = |name: &Spanned<String>| {
            let what = || format!("`{}` is no signal of signals.toml", name.get_ref());
            let signal = signals.find(name.get_ref());
            signal.map(|signal| signal.id).ok_or_else(|| self.refuse(name, what()))
        };
        names.iter().map(id).collect()
    }
}

impl RuleSet {
    /// Reads the text of `config/rules.toml`.
    pub fn parse(text: &str, signals: &SignalTable) -> Result<Self, BadRules> {
        let file: File = toml::from_str(text).map_err(|e| BadRules::Toml(e.to_string()))?;
        let text = Text(text);
        if !(0.0..=1.0).contains(file.quality_min.get_ref()) {
            return Err(text.refuse(&file.quality_min, "quality_min must be 0 to 1".to_owned()));
        }
        let mut rules = Self {
            quality_min: file.quality_min.into_inner(),
            news: file.news.map_or(Ok(NewsBudget::default()), |e| NewsBudget::read(&e, text))?,
            classes: file.class.into_iter().collect(),
            ..Self::default()
        };
        for entry in &file.limit {
            for rule in entry.rules(text, signals)? {
                rules.add(Rule::Limit(rule), text, &entry.id)?;
            }
            if let Some(rule) = entry.loss_rule(text, signals)? {
                rules.add(Rule::Loss(rule), text, &entry.id)?;
            }
        }
        for entry in file.event {
            let id = entry.id.clone();
            rules.add(Rule::Event(entry.rule(text, signals)?), text, &id)?;
        }
        rules.cover_floors();
        rules.name_requests();
        rules.take_together(signals);
        Ok(rules)
    }

    fn add(&mut self, rule: Rule, text: Text<'_>, entry: &Spanned<RuleId>) -> Result<(), BadRules> {
        let known = self.by_id.contains_key(rule.id());
        if let Rule::Loss(rule) = &rule
            && (known || self.losses_of(rule.signal).any(|other| other.whom.meets(&rule.whom)))
        {
            return Err(
                text.refuse(entry, format!("the loss of {} stands twice", rule.signal_name))
            );
        }
        if known {
            return Err(text.refuse(entry, format!("rule `{}` stands twice", rule.id())));
        }
        let index = self.rules.len();
        self.by_id.insert(rule.id().clone(), index);
        if let Some(signal) = rule.signal() {
            let place = usize::from(signal.0);
            if self.by_signal.len() <= place {
                self.by_signal.resize_with(place + 1, Over::default);
            }
            let over = &mut self.by_signal[place];
            let losses = matches!(rule, Rule::Loss(_));
            if losses { &mut over.losses } else { &mut over.limits }.push(index);
        }
        self.rules.push(rule);
        Ok(())
    }

    /// A floor that names no emergency says nothing where the ordinary critical limit of its signal says it already.
    fn cover_floors(&mut self) {
        let found: Vec<(usize, Cover)> = self
            .rules
            .iter()
            .enumerate()
            .filter_map(|(index, rule)| {
                let floor = rule.as_limit().filter(|rule| rule.floor && rule.name.is_none())?;
                Some((index, Cover::by(self.beside(floor)?)))
            })
            .collect();
        for (index, cover) in found {
            if let Some(Rule::Limit(floor)) = self.rules.get_mut(index) {
                floor.cover = Some(Box::new(cover));
            }
        }
    }

    /// The ordinary rule over the side of a floor, whose critical limit may say the same.
    pub fn beside(&self, floor: &LimitRule) -> Option<&LimitRule> {
        self.limits_of(floor.signal)
            .find(|rule| rule.side == floor.side && !rule.floor && rule.whom.ages.is_empty())
    }

    /// An alarm that asks for another measurement is found under the rule that asks.
    fn name_requests(&mut self) {
        for (index, rule) in self.rules.iter().enumerate() {
            if let Some(confirm) = rule.as_limit().and_then(|rule| rule.confirm.as_ref()) {
                self.by_id.entry(confirm.request.clone()).or_insert(index);
            }
        }
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

    /// The loss rule over a signal that judges somebody.
    pub fn loss_of(&self, signal: SignalId, person: Person) -> Option<&LossRule> {
        self.losses_of(signal).find(|rule| rule.whom.holds_for(person))
    }

    /// The rule for an event: the first that names it, else the one for `*`.
    pub fn event(&self, name: &str) -> Option<&EventRule> {
        let events = || self.rules.iter().filter_map(Rule::as_event);
        let named = |wanted: &str| events().find(|r| r.events.iter().any(|e| e == wanted));
        named(name).or_else(|| named("*"))
    }
}
