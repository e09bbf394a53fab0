//! A CSV recording as the rows a gateway would have journalled of it, one after the other.

use std::collections::{BTreeMap, BinaryHeap};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Lines};
use std::iter::Peekable;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{BacktestError, Step};
use crate::tools::replay::{Cell, Column, Layout, MESSAGE, Message, check_columns};
use vitalgate_domain::model::command::{
    Action, AgeClass, Command, DeviceDetails, PatientDetails, PrincipalKind,
};
use vitalgate_domain::model::ids::{DeviceId, PatientId};
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::message::{Delivery, ExpectedSignal, Kind};
use vitalgate_domain::model::signal::SignalTable;
use vitalgate_domain::model::time::{Span, Stamp, Timestamp};
use vitalgate_domain::model::unit::Unit;
use vitalgate_formats::{Request, decode};

/// Rows that may have arrived in another order than they stand in the file.
const DISORDER: usize = 200_000;
/// Whoever is admitted is so for so long before the first row.
const BEFORE: Span = Span::mins(1);
/// Time passes for so long after the last row: delays run out, and silence is noticed.
const AFTER: Span = Span::mins(10);
/// Nothing of a recording is too old.
const RETENTION: Span = Span::days(36_500);

/// How a recording is played: the columns, and whose they are. Of the files of `tests/model/cases` what is
/// named here is read, and nothing else.
#[derive(Clone, Debug, Deserialize)]
pub struct Case {
    /// The patient's id.
    patient: PatientId,
    /// The device's id.
    device: DeviceId,
    /// Its class in the rules.
    class: String,
    /// The name of the CSV file.
    recording: PathBuf,
    /// How often each signal comes, in seconds.
    interval_s: i64,
    /// By the name in the file.
    columns: BTreeMap<String, CaseColumn>,
    /// A 0 in the file is an empty cell.
    #[serde(default)]
    zeros_are_gaps: bool,
    /// The age class; adult without.
    #[serde(default)]
    age_class: Option<AgeClass>,
    /// Only `zero_means_no_sensor` of a signal is read.
    #[serde(default)]
    rules: BTreeMap<String, CaseRule>,
}

#[derive(Clone, Debug, Deserialize)]
struct CaseColumn {
    signal: String,
    unit: Unit,
    #[serde(default)]
    factor: Option<f64>,
}

#[derive(Clone, Debug, Deserialize)]
struct CaseRule {
    #[serde(default)]
    zero_means_no_sensor: bool,
}

impl Case {
    /// Reads a case.
    pub fn read(path: &Path) -> Result<Self, BacktestError> {
        let bad = |why: String| BacktestError::Case(path.to_owned(), why);
        let text = std::fs::read_to_string(path).map_err(|e| bad(e.to_string()))?;
        serde_json::from_str(&text).map_err(|e| bad(e.to_string()))
    }

    /// The name of its CSV file.
    pub fn recording(&self) -> &Path {
        &self.recording
    }

    pub(super) fn class(&self) -> &str {
        &self.class
    }

    pub(super) fn columns(&self) -> Vec<Column> {
        let column = |(name, about): (&String, &CaseColumn)| Column {
            name: name.clone(),
            signal: about.signal.clone(),
            unit: about.unit,
            factor: about.factor.unwrap_or(1.0),
        };
        self.columns.iter().map(column).collect()
    }

    /// The patient, the device, and that it is the patient's.
    fn admission(&self, signals: &SignalTable) -> Vec<Input> {
        let known = |name: &str| signals.find(name).map(|signal| signal.id);
        let interval = Some(Span::secs(self.interval_s));
        let expected = self.columns.values().filter_map(|about| known(&about.signal));
        let zeros = self.rules.iter().filter(|(_, rule)| rule.zero_means_no_sensor);
        let zeros = zeros.filter_map(|(name, _)| known(name)).collect();
        let device = DeviceDetails {
            id: self.device.clone(),
            class: self.class.clone(),
            kind: PrincipalKind::Device,
            token_sha256: None,
            via: Vec::new(),
            signals: expected.map(|signal| ExpectedSignal { signal, interval }).collect(),
        };
        let patient = PatientDetails {
            id: self.patient.clone(),
            age_class: self.age_class.unwrap_or(AgeClass::Adult),
            continuous: false,
            bed: None,
            pregnant: None,
        };
        let bind = Action::Bind {
            device: self.device.clone(),
            patient: self.patient.clone(),
            from: None,
            zero_means_no_sensor: Some(zeros),
            replaces: None,
        };
        [Action::AdmitPatient(patient), Action::RegisterDevice(device.into()), bind]
            .into_iter()
            .map(|action| Command { actor: "backtest".to_owned(), action })
            .map(|command| Input::Command(Box::new(command)))
            .collect()
    }
}

/// Plays a recording: `each` gets one row after the other.
pub(super) fn play(
    path: &Path,
    case: &Case,
    columns: &[Column],
    start: Timestamp,
    signals: &SignalTable,
    each: &mut dyn FnMut(Step) -> Result<(), BacktestError>,
) -> Result<(), BacktestError> {
    check_columns(columns, signals)?;
    let at = |at: Timestamp| Stamp { at, offset: Span::ZERO };
    let mut arrivals = Arrivals::open(path, columns, case.zeros_are_gaps)?.peekable();
    let first = match arrivals.peek() {
        Some(Ok(cell)) => start + cell.arrived,
        Some(Err(_)) | None => start,
    };
    each(Step { stamp: at(first - BEFORE), inputs: case.admission(signals) })?;
    let (mut seq, mut last) = (0, first);
    while let Some(cells) = together(&mut arrivals)? {
        seq += 1;
        let message = Message::of(1, seq, start, &cells);
        let payload =
            message.encode().map_err(|e| BacktestError::Case(path.to_owned(), e.to_string()))?;
        last = message.sent_at;
        let request = Request {
            principal: &case.device,
            device: &case.device,
            kind: Kind::Telemetry,
            payload: &payload,
            delivery: Delivery { qos: 1, ..Delivery::default() },
            received: last,
            retention: RETENTION,
            topic: "",
        };
        let message = Input::Message(Box::new(decode(&request, signals).message));
        each(Step { stamp: at(last), inputs: vec![message] })?;
    }
    each(Step { stamp: at(last + AFTER), inputs: Vec::new() })
}

/// What arrived at the same time, as one message.
fn together<'a>(
    arrivals: &mut Peekable<Arrivals<'a>>,
) -> Result<Option<Vec<Cell<'a>>>, BacktestError> {
    let Some(first) = arrivals.next().transpose()? else { return Ok(None) };
    let mut cells = vec![first];
    while cells.len() < MESSAGE
        && let Some(more) =
            arrivals.next_if(|next| !matches!(next, Ok(cell) if cell.arrived != first.arrived))
    {
        cells.push(more?);
    }
    Ok(Some(cells))
}

/// The cells of a file in the order in which they arrived, [`DISORDER`] of them in memory.
struct Arrivals<'a> {
    path: PathBuf,
    lines: Lines<BufReader<File>>,
    layout: Layout<'a>,
    line: usize,
    ended: bool,
    zeros_are_gaps: bool,
    waiting: BinaryHeap<Waiting<'a>>,
    number: u64,
    given: Option<Span>,
    cells: Vec<Cell<'a>>,
}

/// The earliest comes first, and of those that arrived together the first of the file.
struct Waiting<'a> {
    number: u64,
    cell: Cell<'a>,
}

impl Waiting<'_> {
    fn place(&self) -> std::cmp::Reverse<(Span, u64)> {
        std::cmp::Reverse((self.cell.arrived, self.number))
    }
}

impl PartialEq for Waiting<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl Eq for Waiting<'_> {}

impl PartialOrd for Waiting<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.place().cmp(&other.place())
    }
}

impl<'a> Arrivals<'a> {
    fn open(
        path: &Path,
        columns: &'a [Column],
        zeros_are_gaps: bool,
    ) -> Result<Self, BacktestError> {
        let unreadable = |e| BacktestError::Unreadable(path.to_owned(), e);
        let mut lines = BufReader::new(File::open(path).map_err(unreadable)?).lines();
        let header = lines.next().transpose().map_err(unreadable)?.unwrap_or_default();
        let bad = |e| BacktestError::Recording(path.to_owned(), e);
        let layout =
            Layout::of(header.trim_start_matches('\u{feff}'), columns, &[]).map_err(bad)?;
        Ok(Self {
            path: path.to_owned(),
            lines,
            layout,
            line: 1,
            ended: false,
            zeros_are_gaps,
            waiting: BinaryHeap::new(),
            number: 0,
            given: None,
            cells: Vec::new(),
        })
    }

    /// Reads a line.
    fn read(&mut self) -> Result<(), BacktestError> {
        let bad = |e| BacktestError::Recording(self.path.clone(), e);
        let Some(text) = self.lines.next() else {
            self.ended = true;
            return self.layout.end().map_err(bad);
        };
        let text = text.map_err(|e| BacktestError::Unreadable(self.path.clone(), e))?;
        self.line += 1;
        self.layout.cells(self.line, &text, &mut self.cells).map_err(bad)?;
        for cell in self.cells.drain(..) {
            if self.zeros_are_gaps && cell.value == 0.0 {
                continue;
            }
            self.number += 1;
            self.waiting.push(Waiting { number: self.number, cell });
        }
        Ok(())
    }
}

impl<'a> Iterator for Arrivals<'a> {
    type Item = Result<Cell<'a>, BacktestError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended && self.waiting.len() < DISORDER {
            if let Err(error) = self.read() {
                self.ended = true;
                self.waiting.clear();
                return Some(Err(error));
            }
        }
        let Waiting { cell, .. } = self.waiting.pop()?;
        if self.given.is_some_and(|given| cell.arrived < given) {
            self.ended = true;
            self.waiting.clear();
            return Some(Err(BacktestError::Disorder(self.path.clone(), DISORDER)));
        }
        self.given = Some(cell.arrived);
        Some(Ok(cell))
    }
}
