//! Combination rules: several conditions that hold of a patient at once (contract §5, Combinations).

use serde::Deserialize;
use toml::Spanned;

use super::{BadRules, Person, Text};
use crate::model::alarm::{Priority, Response, Side};
use crate::model::ids::{RuleId, WardId};
use crate::model::message::Comparator;
use crate::model::observation::Number;
use crate::model::signal::{SignalId, SignalTable};
use crate::model::time::Span;
use crate::model::unit::Unit;

/// Several conditions that hold at once.
#[derive(Clone, Debug, PartialEq)]
pub struct CombinationRule {
    /// Its name.
    pub id: RuleId,
    /// Only for whoever lies in one of these; `None` for everybody.
    pub wards: Option<Vec<WardId>>,
    /// So many of the conditions must hold.
    pub at_least: usize,
    /// Two or more.
    pub conditions: Vec<Criterion>,
    /// No reading that is older counts.
    pub within: Span,
    /// So long they must hold before it is an alarm.
    pub delay: Span,
    /// So long they must be known not to hold before its alarm is over.
    pub clear_delay: Span,
    /// How serious.
    pub priority: Priority,
    /// How fast somebody must act.
    pub response: Response,
    /// What to do.
    pub advice: Option<String>,
}

/// A signal beyond a figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Criterion {
    /// Of which signal.
    pub signal: SignalId,
    /// The signal's words for people.
    pub label: String,
    /// Below it, or above.
    pub side: Side,
    /// The figure, which itself is not beyond.
    pub figure: f64,
    /// In which unit it is compared.
    pub unit: Unit,
}

impl CombinationRule {
    /// Whether it judges this person, who lies there.
    pub fn judges(&self, person: Person, ward: Option<&WardId>) -> bool {
        let there = |wards: &Vec<WardId>| ward.is_some_and(|ward| wards.contains(ward));
        person.adult && self.wards.as_ref().is_none_or(there)
    }

    /// What it watches, for people.
    pub fn label(&self) -> String {
        let mut labels: Vec<&str> = Vec::new();
        for condition in &self.conditions {
            if !labels.contains(&condition.label.as_str()) {
                labels.push(&condition.label);
            }
        }
        labels.join(" + ")
    }
}

impl Criterion {
    /// Whether a number is beyond the figure; `None` where not all that it may stand for gives the same answer.
    pub fn holds(&self, number: &Number) -> Option<bool> {
        let value = number.unit.convert(number.value, self.unit)?;
        // As if it were always below.
        let (value, figure, mirrored) = match self.side {
            Side::Low => (value, self.figure, number.comparator),
            Side::High => (-value, -self.figure, number.comparator.map(mirrored)),
        };
        match mirrored {
            None => Some(value < figure),
            Some(Comparator::Less) => (value <= figure).then_some(true),
            Some(Comparator::LessOrEqual) => (value < figure).then_some(true),
            Some(Comparator::Greater | Comparator::GreaterOrEqual) => {
                (value >= figure).then_some(false)
            }
        }
    }
}

fn mirrored(comparator: Comparator) -> Comparator {
    match comparator {
        Comparator::Less => Comparator::Greater,
        Comparator::LessOrEqual => Comparator::GreaterOrEqual,
        Comparator::Greater => Comparator::Less,
        Comparator::GreaterOrEqual => Comparator::LessOrEqual,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) id: Spanned<RuleId>,
    #[serde(default)]
    wards: Option<Spanned<Vec<WardId>>>,
    #[serde(default)]
    at_least: Option<Spanned<usize>>,
    #[serde(default)]
    condition: Vec<Spanned<ConditionEntry>>,
    within: Spanned<Span>,
    delay: Spanned<Span>,
    clear_delay: Spanned<Span>,
    priority: Priority,
    response: Response,
    #[serde(default)]
    advice: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConditionEntry {
    signal: Spanned<String>,
    #[serde(default)]
    below: Option<Spanned<f64>>,
    #[serde(default)]
    above: Option<Spanned<f64>>,
    unit: Spanned<Unit>,
}

/// More conditions are not looked at by one rule.
const MOST: usize = 16;
/// No reading counts for longer.
const LONGEST: Span = Span::days(31);

impl Entry {
    pub(super) fn rule(
        self,
        text: Text<'_>,
        signals: &SignalTable,
    ) -> Result<CombinationRule, BadRules> {
        let read = self.condition.iter().map(|entry| entry.get_ref().read(entry, text, signals));
        let conditions = read.collect::<Result<Vec<Criterion>, BadRules>>()?;
        if !(2..=MOST).contains(&conditions.len()) {
            let what = format!(
                "it names {} conditions: write 2 to {MOST} as [[combination.condition]]; one alone is a [[limit]]",
                conditions.len()
            );
            return Err(text.refuse(&self.id, what));
        }
        for (place, (condition, entry)) in conditions.iter().zip(&self.condition).enumerate() {
            if conditions[..place].contains(condition) {
                return Err(text.refuse(entry, "this condition stands twice".to_owned()));
            }
        }
        let at_least = self.at_least.as_ref().map_or(conditions.len(), |it| *it.get_ref());
        if let Some(given) = self.at_least.as_ref()
            && !(1..=conditions.len()).contains(&at_least)
        {
            let what = format!("`at_least` goes from 1 to {}: so many it names", conditions.len());
            return Err(text.refuse(given, what));
        }
        let most = most_at_once(&conditions);
        if at_least > most {
            let what = format!(
                "no more than {most} of its conditions can hold at once, and it asks for {at_least}"
            );
            return Err(match &self.at_least {
                Some(given) => text.refuse(given, what),
                None => text.refuse(&self.id, what),
            });
        }
        if *self.within.get_ref() <= Span::ZERO || *self.within.get_ref() > LONGEST {
            let what =
                "`within` is some time: write a span such as `60s`, of 31 days (744h) at most";
            return Err(text.refuse(&self.within, what.to_owned()));
        }
        if let Some(wards) = self.wards.as_ref().filter(|wards| wards.get_ref().is_empty()) {
            let what = "`wards` names none: leave it out for all of them".to_owned();
            return Err(text.refuse(wards, what));
        }
        Ok(CombinationRule {
            id: self.id.into_inner(),
            wards: self.wards.map(Spanned::into_inner),
            at_least,
            conditions,
            within: self.within.into_inner(),
            delay: self.delay.into_inner(),
            clear_delay: self.clear_delay.into_inner(),
            priority: self.priority,
            response: self.response,
            advice: self.advice,
        })
    }
}

impl ConditionEntry {
    fn read(
        &self,
        place: &Spanned<Self>,
        text: Text<'_>,
        signals: &SignalTable,
    ) -> Result<Criterion, BadRules> {
        let signal = text.signal(&self.signal, signals)?;
        let (side, figure) = match (&self.below, &self.above) {
            (Some(figure), None) => (Side::Low, figure),
            (None, Some(figure)) => (Side::High, figure),
            _ => return Err(text.refuse(place, "write either below or above".to_owned())),
        };
        if !figure.get_ref().is_finite() {
            return Err(text.refuse(figure, "write a number".to_owned()));
        }
        let unit = *self.unit.get_ref();
        match signal.unit {
            Some(own) if own.quantity() == unit.quantity() => {}
            Some(own) => {
                let what =
                    format!("{unit} does not fit {}, which is measured in {own}", signal.name);
                return Err(text.refuse(&self.unit, what));
            }
            None => {
                let what = format!("{} has no numbers", signal.name);
                return Err(text.refuse(&self.signal, what));
            }
        }
        let (signal, label, figure) = (signal.id, signal.label.clone(), *figure.get_ref());
        Ok(Criterion { signal, label, side, figure, unit })
    }
}

/// How many of these can hold of one value of each signal.
fn most_at_once(conditions: &[Criterion]) -> usize {
    let mut signals: Vec<SignalId> = conditions.iter().map(|condition| condition.signal).collect();
    signals.sort_unstable();
    signals.dedup();
    let of_signal = |signal: SignalId| {
        let all: Vec<&Criterion> = conditions.iter().filter(|c| c.signal == signal).collect();
        let unit = all.first().map(|first| first.unit);
        let figures = |side: Side| {
            let of_side = all.iter().filter(move |condition| condition.side == side);
            of_side.filter_map(|c| c.unit.convert(c.figure, unit?)).collect::<Vec<f64>>()
        };
        let (below, above) = (figures(Side::Low), figures(Side::High));
        // Just above each figure, and below all of them.
        let just_above = above.iter().map(|at| {
            let of_above = above.iter().filter(|figure| *figure <= at);
            of_above.count() + below.iter().filter(|figure| *figure > at).count()
        });
        just_above.chain([below.len()]).max().unwrap_or(0)
    };
    signals.into_iter().map(of_signal).sum()
}
