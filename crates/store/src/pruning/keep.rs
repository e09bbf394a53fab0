//! How long things are kept, and how much of them.

use std::collections::BTreeMap;

use vitalgate_domain::model::signal::SignalId;
use vitalgate_domain::model::time::Span;

/// How long things are kept. The audit, and what people asked and were answered, is kept for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keep {
    /// Journal rows, at least as long as something still needs them.
    pub journal: Span,
    /// Journal bodies in bytes, compressed; the oldest are pruned first, though never one still needed.
    pub journal_bytes: u64,
    /// Numbers of the history, by the time they were measured.
    pub history: Span,
    /// The same for signals that are kept longer or shorter.
    pub history_of: BTreeMap<SignalId, Span>,
    /// Blocks of numbers in bytes, compressed; the oldest measured are pruned first.
    pub history_bytes: u64,
    /// Waveforms, by the time they arrived.
    pub waves: Span,
    /// Waveforms in bytes, compressed; the oldest are pruned first.
    pub waves_bytes: u64,
    /// Transitions of alarms, from when they were closed, and notes; never less than the journal.
    pub transitions: Span,
}

impl Default for Keep {
    fn default() -> Self {
        Self {
            journal: Span::days(7),
            journal_bytes: 16 << 30,
            history: Span::days(400),
            history_of: BTreeMap::new(),
            history_bytes: 64 << 30,
            waves: Span::days(7),
            waves_bytes: 16 << 30,
            transitions: Span::days(400),
        }
    }
}
