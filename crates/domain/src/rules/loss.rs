//! Loss rules: a signal that stops while its device goes on (contract §7).

use toml::Spanned;

use super::{BadRules, Text, Whom};
use crate::model::ids::RuleId;
use crate::model::signal::{Cadence, Signal, SignalId};
use crate::model::time::Span;

/// What a limit entry says of its loss as well.
#[derive(Debug)]
pub(super) struct About {
    pub(super) whom: Whom,
    pub(super) name: Option<String>,
    pub(super) folds: Vec<SignalId>,
    pub(super) advice: Option<String>,
}

/// The sudden loss of one signal; high, and to be answered at once.
#[derive(Clone, Debug, PartialEq)]
pub struct LossRule {
    /// Its name: the limit entry's with `_lost`.
    pub id: RuleId,
    /// Of which signal.
    pub signal: SignalId,
    /// The signal's name on the wire.
    pub signal_name: String,
    /// The signal's words for people.
    pub label: String,
    /// No value for so long, while the device goes on, is a loss.
    pub within: Span,
    /// Whom it judges.
    pub whom: Whom,
    /// The name of what it finds, where that has one: `Asystole`.
    pub name: Option<String>,
    /// What follows from what it finds: alarms over these signals are shown and not announced while it is present.
    pub folds: Vec<SignalId>,
    /// What to do.
    pub advice: Option<String>,
}

impl LossRule {
    /// The rule over the loss of its signal that a limit entry of this name asks for.
    pub(super) fn parse(
        (entry, within): (&Spanned<RuleId>, &Spanned<Span>),
        signal: &Signal,
        about: About,
        text: Text<'_>,
    ) -> Result<Self, BadRules> {
        if signal.cadence == Cadence::Spot {
            let what = format!("{} is measured singly: it cannot be lost suddenly", signal.name);
            return Err(text.refuse(within, what));
        }
        if *within.get_ref() <= Span::ZERO {
            let what = "a loss lasts for some time: write a span such as `20s`".to_owned();
            return Err(text.refuse(within, what));
        }
        let id = format!("{}_lost", entry.get_ref()).parse();
        Ok(Self {
            id: id.map_err(|e| text.refuse(entry, format!("{e}")))?,
            signal: signal.id,
            signal_name: signal.name.clone(),
            label: signal.label.clone(),
            within: *within.get_ref(),
            whom: about.whom,
            name: about.name,
            folds: about.folds,
            advice: about.advice,
        })
    }

    /// How long a loss must last: never less than two of the intervals the signal comes in.
    pub fn lasts(&self, interval: Option<Span>) -> Span {
        let two = interval.map_or(Span::ZERO, |interval| interval + interval);
        self.within.max(two)
    }
}
