//! What the pipeline hands to the store, and what comes back.

use vitalgate_domain::model::ids::{AlarmId, PatientId, SiteId};
use vitalgate_domain::model::message::{DeadLetter, WaveSamples};
pub use vitalgate_domain::model::sample::{Sample, Sent, SeriesKey, Word, WordSample, flag};
use vitalgate_domain::model::time::{Span, Stamp, Timestamp};

/// One commit: one journal row with everything it caused, in one transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct Commit {
    /// The journal row.
    pub row: Row,
    /// What it caused, in order; their `seq` follow each other without gaps.
    pub transitions: Vec<StoredTransition>,
    /// Numbers for the history.
    pub samples: Vec<Sample>,
    /// What was said in place of a number, for the history.
    pub words: Vec<WordSample>,
    /// What the alarms it raises stand on.
    pub raised: Vec<RaisedOn>,
    /// What could not be decoded.
    pub dead_letters: Vec<DeadLetter>,
    /// Samples of wave chunks.
    pub waves: Vec<WaveSamples>,
    /// A slice of the snapshot being written.
    pub snapshot: Vec<SnapshotPart>,
    /// Set on the commit that completes a snapshot: the row at which the state was frozen.
    pub snapshot_complete: Option<u64>,
}

/// A journal row (docs/store.md).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Rises by one without gaps, from 1.
    pub n: u64,
    /// The gateway's own time.
    pub at: Timestamp,
    /// Wall clock − `at`.
    pub offset: Span,
    /// [`CORE_VERSION`](vitalgate_domain::CORE_VERSION) of the program that folded it.
    pub core: u32,
    /// The first 8 bytes of the SHA-256 of everything the core is configured by.
    pub rules: [u8; 8],
    /// CBOR of a [`RowBody`](vitalgate_domain::core::journal::RowBody); the store compresses it.
    pub body: Vec<u8>,
}

impl Row {
    /// When it was stepped.
    pub fn stamp(&self) -> Stamp {
        Stamp { at: self.at, offset: self.offset }
    }
}

/// A transition as stored: the columns people query, and the whole as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTransition {
    /// Its number.
    pub seq: u64,
    /// Shown time.
    pub at: Timestamp,
    /// `alarm`, `answer`, `refusal` or `note`.
    pub kind: &'static str,
    /// The word of the change, or what was asked.
    pub change: &'static str,
    /// For alarms.
    pub alarm: Option<AlarmId>,
    /// Whom it concerns.
    pub patient: Option<PatientId>,
    /// Who did it, where a person did, or who was refused.
    pub actor: Option<String>,
    /// JSON: for alarms exactly the alarm of contract §5.
    pub body: String,
}

/// What an alarm was raised on, to be kept with it; the store adds the last readings.
#[derive(Debug, Clone, PartialEq)]
pub struct RaisedOn {
    /// Which alarm.
    pub alarm: AlarmId,
    /// Its series, if a number raised it.
    pub series: Option<SeriesKey>,
    /// When the last reading that counted was measured.
    pub until: Timestamp,
    /// The limits in force, as JSON.
    pub limits: String,
}

/// One machine's state in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotPart {
    /// `core`, `site`, `device` or `patient`.
    pub kind: &'static str,
    /// Its id; empty for `core` and `site`.
    pub key: String,
    /// The row the state is as of.
    pub n: u64,
    /// CBOR.
    pub body: Vec<u8>,
}

/// What a store is, fixed when it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Made with the store and anew when a copy is restored; opaque to clients.
    pub store: String,
    /// Part of alarm ids.
    pub site: SiteId,
    /// Made by `demo`: never to be opened by `run`.
    pub simulated: bool,
    /// Made with `--clock stream`: opened only with the same clock.
    pub stream_clock: bool,
}

impl Identity {
    /// Whether what it holds did not happen to patients as it says: everything is marked so.
    pub fn is_simulated(&self) -> bool {
        self.simulated || self.stream_clock
    }
}
