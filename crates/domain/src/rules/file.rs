//! How rules are read: `config/rules.toml`, and the packs beside it.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::{
    BadRules, Class, Cover, NewsBudget, Over, Rule, RuleSet, combination, count, event, frozen,
    limit, news, prediction, score, trend,
};
use crate::model::ids::RuleId;
use crate::model::pack::Pack;
use crate::model::signal::{Signal, SignalId, SignalTable};

impl RuleSet {
    /// Reads the text of `config/rules.toml`, and the packs that are switched on, one after the other.
    pub fn parse(text: &str, packs: &[Pack], signals: &SignalTable) -> Result<Self, BadRules> {
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
        let File { limit, event, score, trend, count, prediction, frozen, combination, .. } = file;
        let entries =
            Entries { limit, event, score, trend, count, prediction, frozen, combination };
        rules.add_all(entries, text, signals)?;
        for pack in packs {
            let read = Entries::of(pack);
            let read = read.and_then(|it| rules.add_all(it, Text(&pack.text), signals));
            read.map_err(|why| BadRules::Pack { pack: pack.name.clone(), why: Box::new(why) })?;
        }
        rules.cover_floors();
        rules.name_requests();
        rules.take_together(signals);
        Ok(rules)
    }

    fn add_all(
        &mut self,
        entries: Entries,
        text: Text<'_>,
        signals: &SignalTable,
    ) -> Result<(), BadRules> {
        for entry in &entries.limit {
            for rule in entry.rules(text, signals)? {
                self.add(Rule::Limit(rule), text, &entry.id)?;
            }
            if let Some(rule) = entry.loss_rule(text, signals)? {
                self.add(Rule::Loss(rule), text, &entry.id)?;
            }
        }
        for entry in entries.event {
            let id = entry.id.clone();
            self.add(Rule::Event(entry.rule(text, signals)?), text, &id)?;
        }
        for entry in entries.score {
            let id = entry.id.clone();
            self.add(Rule::Score(entry.rule(text, signals)?), text, &id)?;
        }
        for entry in entries.trend {
            let id = entry.id.clone();
            self.add(Rule::Trend(entry.rule(text, signals)?), text, &id)?;
        }
        for entry in entries.count {
            let id = entry.id.clone();
            self.add(Rule::Count(entry.rule(text)?), text, &id)?;
        }
        for entry in entries.prediction {
            let id = entry.id.clone();
            self.add(Rule::Prediction(entry.rule(text, signals)?), text, &id)?;
        }
        for entry in entries.frozen {
            let id = entry.id.clone();
            self.add(Rule::Frozen(entry.rule(text, signals)?), text, &id)?;
        }
        for entry in entries.combination {
            let id = entry.id.clone();
            self.add(Rule::Combination(entry.rule(text, signals)?), text, &id)?;
        }
        Ok(())
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
            let of_its_kind = match rule {
                Rule::Loss(_) => &mut over.losses,
                Rule::Trend(_) => &mut over.trends,
                Rule::Prediction(_) => &mut over.predictions,
                Rule::Frozen(_) => &mut over.frozen,
                Rule::Limit(_)
                | Rule::Event(_)
                | Rule::Count(_)
                | Rule::Score(_)
                | Rule::Combination(_) => &mut over.limits,
            };
            of_its_kind.push(index);
        }
        if matches!(rule, Rule::Score(_)) {
            self.scores.push(index);
        }
        if matches!(rule, Rule::Combination(_)) {
            self.combinations.push(index);
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

    /// An alarm that asks for another measurement is found under the rule that asks.
    fn name_requests(&mut self) {
        for (index, rule) in self.rules.iter().enumerate() {
            if let Some(confirm) = rule.as_limit().and_then(|rule| rule.confirm.as_ref()) {
                self.by_id.entry(confirm.request.clone()).or_insert(index);
            }
        }
    }
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
    #[serde(default)]
    score: Vec<score::Entry>,
    #[serde(default)]
    trend: Vec<trend::Entry>,
    #[serde(default)]
    count: Vec<count::Entry>,
    #[serde(default)]
    prediction: Vec<prediction::Entry>,
    #[serde(default)]
    frozen: Vec<frozen::Entry>,
    #[serde(default)]
    combination: Vec<combination::Entry>,
}

/// What rules are read from: all that a pack may hold.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Entries {
    limit: Vec<limit::Entry>,
    event: Vec<event::Entry>,
    score: Vec<score::Entry>,
    trend: Vec<trend::Entry>,
    count: Vec<count::Entry>,
    prediction: Vec<prediction::Entry>,
    frozen: Vec<frozen::Entry>,
    combination: Vec<combination::Entry>,
}

impl Entries {
    fn of(pack: &Pack) -> Result<Self, BadRules> {
        toml::from_str(&pack.text).map_err(|e| BadRules::Toml(e.to_string()))
    }
}

/// The text of the file being read, to turn spans into lines.
#[derive(Clone, Copy)]
pub(super) struct Text<'a>(&'a str);

impl Text<'_> {
    pub(super) fn refuse<T>(self, place: &Spanned<T>, what: String) -> BadRules {
        let before = &self.0[..place.span().start.min(self.0.len())];
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        BadRules::At { line, column, what }
    }

    /// The signal of this name.
    pub(super) fn signal<'s>(
        self,
        name: &Spanned<String>,
        signals: &'s SignalTable,
    ) -> Result<&'s Signal, BadRules> {
        let what = || format!("`{}` is no signal of signals.toml", name.get_ref());
        signals.find(name.get_ref()).ok_or_else(|| self.refuse(name, what()))
    }

    /// The signals of these names.
    pub(super) fn signals(
        self,
        names: &[Spanned<String>],
        signals: &SignalTable,
    ) -> Result<Vec<SignalId>, BadRules> {
        names.iter().map(|name| Ok(self.signal(name, signals)?.id)).collect()
    }
}
