//! `[store]`: where it is, and what is kept how long.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use vitalgate_domain::model::signal::SignalTable;
use vitalgate_domain::model::time::Span;
use vitalgate_store::Keep;

/// `[store]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// The folder.
    pub dir: PathBuf,
    /// How long the journal is kept, at least.
    pub journal_keep: Span,
    /// Bytes of journal kept, at most, once it may go.
    pub journal_max_bytes: u64,
    /// How long numbers are kept; readings older than this are refused.
    pub history_keep: Span,
    /// The same for classes of signals that are kept longer or shorter.
    pub history_keep_by_class: BTreeMap<String, Span>,
    /// Bytes of blocks of numbers kept, at most.
    pub history_max_bytes: u64,
    /// How long waveforms are kept.
    pub waves_keep: Span,
    /// Bytes of waveforms kept, at most.
    pub waves_max_bytes: u64,
    /// How long transitions are kept after their alarm was closed, and notes.
    pub transitions_keep: Span,
    /// Bytes of the disk kept for what must go on when it is full; without it the smaller of 256 MiB and 5 % of the
    /// disk.
    pub reserve_bytes: Option<u64>,
}

impl Store {
    /// What is kept; `signals` know their classes' share of it.
    pub fn keep(&self, signals: &SignalTable) -> Keep {
        Keep {
            history_of: signals.kept(),
            journal: self.journal_keep,
            journal_bytes: self.journal_max_bytes,
            history: self.history_keep,
            history_bytes: self.history_max_bytes,
            waves: self.waves_keep,
            waves_bytes: self.waves_max_bytes,
            transitions: self.transitions_keep,
        }
    }
}

impl Default for Store {
    fn default() -> Self {
        let keep = Keep::default();
        Self {
            dir: PathBuf::from("vitalgate-data"),
            journal_keep: keep.journal,
            journal_max_bytes: keep.journal_bytes,
            history_keep: keep.history,
            history_keep_by_class: BTreeMap::new(),
            history_max_bytes: keep.history_bytes,
            waves_keep: keep.waves,
            waves_max_bytes: keep.waves_bytes,
            transitions_keep: keep.transitions,
            reserve_bytes: None,
        }
    }
}
