//! `vitalgate backtest`: recorded history judged again under another set of rules, beside today's.
//!
//! ```text
//!  journal ────────┐            ┌─▶ core, today's rules ─▶ figures ┐
//!  CSV and case ───┴─▶ rows ────┤                                  ├─▶ pairing ─▶ report: table, JSON, HTML
//!                               └─▶ core, rules tried   ─▶ figures ┘
//! ```
//!
//! The core itself judges. What is counted and how alarms are paired is pure (`figures`, `coverage`, `pairing`,
//! `spell`); inputs are read row by row, so that memory is bounded by patients, rules and what stands at once.

mod coverage;
mod figures;
mod html;
mod journal;
mod judge;
mod pairing;
mod readings;
mod recording;
mod report;
mod run;
mod spell;
mod table;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

pub use self::pairing::Kind;
pub use self::recording::Case;
pub use self::report::Report;
pub use self::run::{Request, RulesText, Source, backtest};

use super::replay::{BadColumn, BadRecording};
use super::verify::VerifyError;
use vitalgate_domain::core::configuration::BadConfiguration;
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::time::{Stamp, Timestamp};
use vitalgate_store::OpenError;

/// Why nothing was reported.
#[derive(Debug, thiserror::Error)]
pub enum BacktestError {
    /// A case that cannot be read.
    #[error("{file}: {1}", file = .0.display())]
    Case(PathBuf, String),
    /// A file that cannot be read.
    #[error("cannot read {file}: {1}", file = .0.display())]
    Unreadable(PathBuf, #[source] std::io::Error),
    /// A column that is none.
    #[error(transparent)]
    Column(#[from] BadColumn),
    /// What a file says is no recording.
    #[error("{file}: {1}", file = .0.display())]
    Recording(PathBuf, #[source] BadRecording),
    /// Its rows are too far from the order in which they arrived.
    #[error("{file}: a row arrived before others that stand more than {1} cells above it; sort the file by `stored_s`", file = .0.display())]
    Disorder(PathBuf, usize),
    /// Not a store, or one that cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A store that cannot be read.
    #[error(transparent)]
    Store(#[from] VerifyError),
    /// Rows that are missing.
    #[error(
        "journal rows {0} to {1} are missing, or were pruned while they were read: try again, or restore a backup"
    )]
    Gap(u64, u64),
    /// Rules that cannot be read.
    #[error("{0}: {1}")]
    Rules(String, #[source] BadConfiguration),
    /// Rules that do not fit the signals of the site at that time.
    #[error("{0} does not fit the signal table in force at {1}: {2}")]
    OldSignals(String, Timestamp, #[source] BadConfiguration),
    /// A class that one set of rules lacks.
    #[error("the case's device is of class `{0}`, which {1} does not have")]
    Class(String, String),
}

/// One row of what is played.
#[derive(Debug)]
struct Step {
    stamp: Stamp,
    inputs: Vec<Input>,
}
