//! The rules in force: device classes with their silence ladders, limit rules and event rules.
//!
//! The text is `config/rules.toml`; every limit carries its unit, and a unit that does not fit its
//! signal refuses the whole file with line and column.

mod amount;
mod class;
mod entry;
mod event;
mod limit;
mod loss;

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use toml::Spanned;

pub use amount::Amount;
pub(crate) use class::UNKNOWN_CLASS;
pub use class::{Class, Rung};
pub use event::EventRule;
pub use limit::{CRITICAL, Level, LimitRule, Relation, WARNING};
pub use loss::LossRule;

use crate::model::ids::RuleId;
use crate::model::signal::{SignalId, SignalTable};

/// All rules, checked against the signal table.
#[derive(Clone, Debug, Default)]
pub struct RuleSet {
    /// Readings of a lower quality are stored and not judged.
    pub quality_min: f32,
    /// By name, in order; so few that looking at each is faster than a search.
    classes: Vec<(String, Class)>,
    limits: Vec<LimitRule>,
    by_signal: BTreeMap<SignalId, Vec<usize>>,
    losses: Vec<LossRule>,
    events: Vec<EventRule>,
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
    class: BTreeMap<String, Class>,
    #[serde(default)]
    limit: Vec<entry::Entry>,
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
            classes: file.class.into_iter().collect(),
            ..Self::default()
        };
        let mut names = BTreeSet::<RuleId>::new();
        for entry in &file.limit {
            for rule in entry.rules(text, signals)? {
                if !names.insert(rule.id.clone()) {
                    return Err(text.refuse(&entry.id, format!("rule `{}` stands twice", rule.id)));
                }
                rules.by_signal.entry(rule.signal).or_default().push(rules.limits.len());
                rules.limits.push(rule);
            }
            if let Some(rule) = entry.loss_rule(text, signals)? {
                if !names.insert(rule.id.clone()) || rules.loss_of(rule.signal).is_some() {
                    let what = format!("the loss of {} stands twice", rule.signal_name);
                    return Err(text.refuse(&entry.id, what));
                }
                rules.losses.push(rule);
            }
        }
        for entry in file.event {
            if !names.insert(entry.id.get_ref().clone()) {
                let what = format!("rule `{}` stands twice", entry.id.get_ref());
                return Err(text.refuse(&entry.id, what));
            }
            rules.events.push(entry.rule());
        }
        Ok(rules)
    }

    /// The class of this name; a device of a class that is not configured has none.
    pub fn class(&self, name: &str) -> Option<&Class> {
        self.classes.iter().find(|(known, _)| known == name).map(|(_, class)| class)
    }

    /// The names of all classes.
    pub fn class_names(&self) -> impl Iterator<Item = &str> {
        self.classes.iter().map(|(name, _)| name.as_str())
    }

    /// The limit rules over a signal.
    pub fn limits_of(&self, signal: SignalId) -> impl Iterator<Item = &LimitRule> {
        self.by_signal.get(&signal).into_iter().flatten().filter_map(|i| self.limits.get(*i))
    }

    /// The limit rule of this name, or the one that asks for a repeat under it.
    pub fn limit(&self, id: &RuleId) -> Option<&LimitRule> {
        self.limits
            .iter()
            .find(|rule| rule.id == *id || rule.confirm.as_ref().is_some_and(|c| c.request == *id))
    }

    /// The loss rule over a signal; few signals have one.
    pub fn loss_of(&self, signal: SignalId) -> Option<&LossRule> {
        self.losses.iter().find(|rule| rule.signal == signal)
    }

    /// The loss rule of this name.
    pub fn loss(&self, id: &RuleId) -> Option<&LossRule> {
        self.losses.iter().find(|rule| rule.id == *id)
    }

    /// The rule for an event: the first that names it, else the one for `*`.
    pub fn event(&self, name: &str) -> Option<&EventRule> {
        let named =
            |wanted: &str| self.events.iter().find(|r| r.events.iter().any(|e| e == wanted));
        named(name).or_else(|| named("*"))
    }

    /// The event rule of this name.
    pub fn event_rule(&self, id: &RuleId) -> Option<&EventRule> {
        self.events.iter().find(|rule| rule.id == *id)
    }
}
