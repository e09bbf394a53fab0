//! `export`: readings and alarms as CSV or JSON Lines, read-only, also beside a running gateway.
//!
//! What is exported is the store as it stood at one row: what comes later is left out, and what goes
//! meanwhile ends the export with an error. No transaction is open between two pages.

mod alarms;
mod as_of;
mod names;
mod readings;
mod table;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

pub use table::{Format, UnknownFormat};

use crate::state::fold::FoldError;
use as_of::AsOf;
use names::Names;
use vitalgate_domain::model::consent::Purpose;
use vitalgate_domain::model::ids::PatientId;
use vitalgate_domain::model::signal::{SignalId, SignalTable};
use vitalgate_domain::model::time::Timestamp;
use vitalgate_store::{BadKey, OpenError, ReadError, Reader};

/// What is wanted.
#[derive(Debug, Clone)]
pub struct Request {
    /// Of what.
    pub what: What,
    /// Readings measured, and alarms moved, from this instant on.
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
    /// Only of these patients; empty takes all, and what belongs to nobody.
    pub patients: Vec<PatientId>,
    /// Only these signals, as devices name them; empty takes all.
    pub signals: Vec<String>,
    /// How rows are written.
    pub format: Format,
    /// What for.
    pub purpose: Purpose,
    /// With the site's own ids in place of pseudonyms.
    pub identified: bool,
}

/// Of what rows are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// One row a reading of the history, by device, signal, instance and time.
    Readings,
    /// One row a move of an alarm, in the order they were announced.
    Alarms,
}

/// How far an export has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Rows looked at.
    pub done: u64,
    /// About how many there are.
    pub of: u64,
}

/// What was exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Rows written.
    pub rows: u64,
    /// Patients in them.
    pub patients: usize,
    /// Rows held back because nobody consented to the purpose.
    pub withheld: u64,
    /// Patients they belong to.
    pub withheld_patients: usize,
    /// The journal row at which the store stood.
    pub row: u64,
    /// Its time, by the wall clock.
    pub at: Timestamp,
    /// Whether the store is simulated.
    pub simulated: bool,
}

/// Why there is no export, or none that is whole.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Not a store, or one that cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// There is no state.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// There are no pseudonyms.
    #[error(transparent)]
    Key(#[from] BadKey),
    /// Nothing was ever written.
    #[error("the store is empty: no row was ever committed")]
    Empty,
    /// Retention overtook the reading of the journal again and again.
    #[error("the journal goes faster than it can be read; try again when the gateway is less busy")]
    Overtaken,
    /// Samples went while they were read.
    #[error(
        "the store changed under the export: at least {gone} samples of {series} are gone, by \
         retention or because it took more than a day; what was written is not whole: ask for less \
         with a later --from"
    )]
    Changed {
        /// How many.
        gone: u64,
        /// Of which series.
        series: String,
    },
    /// Retention took alarms that were to be exported.
    #[error(
        "the store changed under the export: {gone} moves of alarms are gone, by retention; what was \
         written is not whole: try again"
    )]
    Cut {
        /// How many.
        gone: u64,
    },
    /// Another store stands in its place.
    #[error("the store was replaced under the export; what was written is not whole: try again")]
    Replaced,
    /// A transition that cannot be read.
    #[error("transition {seq} cannot be read: {reason}; restore a backup")]
    Transition {
        /// Which.
        seq: u64,
        /// Why.
        reason: String,
    },
    /// No such patient.
    #[error("there is no patient `{0}` in this store")]
    NoPatient(PatientId),
    /// No such signal.
    #[error("`{0}` is not a signal of this store's signal table")]
    NoSignal(String),
    /// For others the site's own ids never leave.
    #[error("only an export for care may be identified: leave --identified out")]
    Identified,
    /// It cannot be written.
    #[error("the export cannot be written, and is not whole")]
    Write(#[from] io::Error),
}

/// Exports from the store in `dir` to `out`; `progress` is called now and then with how far it is.
pub fn export(
    dir: &Path,
    request: &Request,
    out: impl io::Write,
    mut progress: impl FnMut(Progress),
) -> Result<Report, ExportError> {
    if request.identified && request.purpose != Purpose::Care {
        return Err(ExportError::Identified);
    }
    let reader = Reader::of(dir)?;
    let as_of = AsOf::of(&reader)?;
    let known = &as_of.core.patients;
    if let Some(nobody) = request.patients.iter().find(|id| !known.contains_key(*id)) {
        return Err(ExportError::NoPatient(nobody.clone()));
    }
    let signals = signals(&as_of.core.configuration.signals, request)?;
    let names = Names::open(dir, request)?;
    let wanted = Wanted { request, signals, names: &names };
    let out = io::BufWriter::new(out);
    let report = match request.what {
        What::Readings => readings::write(&as_of, &wanted, out, &mut progress)?,
        What::Alarms => alarms::write(&reader, &as_of, &wanted, out, &mut progress)?,
    };
    if reader.identity()?.store != as_of.frozen.identity.store {
        return Err(ExportError::Replaced);
    }
    Ok(report)
}

/// A request, checked against the store.
#[derive(Debug)]
struct Wanted<'a> {
    request: &'a Request,
    /// `None` for all.
    signals: Option<BTreeSet<SignalId>>,
    names: &'a Names<'a>,
}

fn signals(
    table: &SignalTable,
    request: &Request,
) -> Result<Option<BTreeSet<SignalId>>, ExportError> {
    if request.signals.is_empty() {
        return Ok(None);
    }
    let find = |name: &String| {
        let signal = table.find(name).map(|signal| signal.id);
        signal.ok_or_else(|| ExportError::NoSignal(name.clone()))
    };
    request.signals.iter().map(find).collect::<Result<_, _>>().map(Some)
}

/// The key file of the pseudonyms of a purpose, to name it to people.
pub fn key_file(dir: &Path, purpose: Purpose) -> PathBuf {
    dir.join("keys").join(format!("{}.key", purpose.as_str()))
}

#[cfg(test)]
mod tests;
