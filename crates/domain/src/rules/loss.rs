//! Loss rules: a signal that stops while its device goes on (contract §7).

use crate::model::ids::RuleId;
use crate::model::signal::SignalId;
use crate::model::time::Span;

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
    /// Made for adults: says nothing of others (contract §4).
    pub adults_only: bool,
    /// What to do.
    pub advice: Option<String>,
}

impl LossRule {
    /// How long a loss must last: never less than two of the intervals the signal comes in.
    pub fn lasts(&self, interval: Option<Span>) -> Span {
        let two = interval.map_or(Span::ZERO, |interval| interval + interval);
        self.within.max(two)
    }
}
