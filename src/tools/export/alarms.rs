//! Alarms: one row a move, in the order they were announced.

use std::collections::BTreeSet;
use std::io::Write;

use serde_json::Value;

use super::names::{Fate, Names};
use super::standing::Standing;
use super::table::{Cell, Table};
use super::{ExportError, Progress, Report, Wanted};
use vitalgate_domain::model::ids::DeviceId;
use vitalgate_domain::model::time::Timestamp;
use vitalgate_store::Reader;
use vitalgate_store::reader::TransitionRow;

/// Transitions read at once: some 2 MiB.
const PAGE: usize = 1_024;

const COLUMNS: [&str; 30] = [
    "site",
    "seq",
    "at",
    "change",
    "actor",
    "alarm",
    "patient",
    "ward",
    "bed",
    "device",
    "rule",
    "kind",
    "priority",
    "response",
    "state",
    "condition",
    "signal",
    "value",
    "comparator",
    "unit",
    "limit",
    "measured_at",
    "raised_at",
    "ended_at",
    "closed_at",
    "closed_reason",
    "late",
    "recurrence",
    "text",
    "simulated",
];

pub(super) fn write(
    reader: &Reader,
    standing: &Standing,
    wanted: &Wanted<'_>,
    out: impl Write,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, ExportError> {
    let Wanted { request, signals, names } = wanted;
    let Standing { frozen, core } = standing;
    let mut table = Table::begin(out, request.format, COLUMNS)?;
    let (mut rows, mut withheld, mut after) = (0, 0, 0);
    let (mut given_to, mut withheld_of) = (BTreeSet::new(), BTreeSet::new());
    loop {
        let mut page = reader.alarms_after(after, PAGE)?;
        page.retain(|row| row.seq <= frozen.last_seq);
        let Some(last) = page.last().map(|row| row.seq) else { break };
        for row in page {
            if row.at < request.from || row.at >= request.to {
                continue;
            }
            let alarm = Alarm::read(row)?;
            let of = alarm.signal().and_then(|name| core.configuration.signals.find(name));
            if let Some(signals) = signals
                && !of.is_some_and(|signal| signals.contains(&signal.id))
            {
                continue;
            }
            match names.fate(alarm.row.patient.as_ref()) {
                Fate::NotWanted => {}
                Fate::Withheld => {
                    withheld += 1;
                    withheld_of.extend(alarm.row.patient);
                }
                Fate::Given => {
                    rows += 1;
                    alarm.write(&mut table, standing, names)?;
                    given_to.extend(alarm.row.patient);
                }
            }
        }
        after = last;
        progress(Progress { done: last, of: frozen.last_seq });
    }
    table.end()?;
    Ok(Report {
        rows,
        patients: given_to.len(),
        withheld,
        withheld_patients: withheld_of.len(),
        row: frozen.last.n,
        at: frozen.last.at + frozen.last.offset,
        simulated: frozen.identity.is_simulated(),
    })
}

/// A move of an alarm, and the alarm as it was announced.
struct Alarm {
    row: TransitionRow,
    body: Value,
}

impl Alarm {
    fn read(row: TransitionRow) -> Result<Self, ExportError> {
        let body = serde_json::from_str(&row.body)
            .map_err(|e| ExportError::Transition { seq: row.seq, reason: e.to_string() })?;
        Ok(Self { row, body })
    }

    fn signal(&self) -> Option<&str> {
        self.body.pointer("/trigger/signal").and_then(Value::as_str)
    }

    fn write(
        &self,
        table: &mut Table<impl Write, { COLUMNS.len() }>,
        standing: &Standing,
        names: &Names<'_>,
    ) -> std::io::Result<()> {
        let Self { row, body } = self;
        let text = |pointer: &str| Cell::text(body.pointer(pointer).and_then(Value::as_str));
        let own = |pointer: &str| if names.are_own() { text(pointer) } else { Cell::Empty };
        let number = |pointer: &str| {
            body.pointer(pointer).and_then(Value::as_f64).map_or(Cell::Empty, Cell::Number)
        };
        let time = |pointer: &str| {
            let at = body.pointer(pointer).and_then(Value::as_str);
            let at = at.and_then(|at| at.parse::<Timestamp>().ok());
            at.map_or(Cell::Empty, Cell::Time)
        };
        let device = body.pointer("/device").and_then(Value::as_str);
        let device = device.and_then(|id| id.parse::<DeviceId>().ok()).map(|id| names.device(&id));
        let patient = row.patient.as_ref().map(|id| names.patient(id));
        let alarm = row.alarm.as_ref().map(|id| names.alarm(id));
        let actor = row.actor.as_deref().filter(|_| names.are_own());
        table.row([
            Cell::Text(standing.frozen.identity.site.as_str()),
            Cell::Integer(row.seq),
            Cell::Time(row.at),
            Cell::Text(&row.change),
            Cell::text(actor),
            Cell::text(alarm.as_deref()),
            Cell::text(patient.as_deref()),
            own("/ward"),
            own("/bed"),
            Cell::text(device.as_deref()),
            text("/rule"),
            text("/kind"),
            text("/priority"),
            text("/response"),
            text("/state"),
            text("/condition"),
            text("/trigger/signal"),
            number("/trigger/value"),
            text("/trigger/comparator"),
            text("/trigger/unit"),
            number("/trigger/limit"),
            time("/trigger/measured_at"),
            time("/raised_at"),
            time("/ended_at"),
            time("/closed_at"),
            text("/closed_reason"),
            Cell::Flag(body.pointer("/late").and_then(Value::as_bool).unwrap_or_default()),
            number("/recurrence"),
            own("/text"),
            Cell::Flag(standing.frozen.identity.is_simulated()),
        ])
    }
}
