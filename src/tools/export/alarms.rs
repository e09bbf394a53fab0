//! Alarms: one row a move, in the order they were announced.

use std::collections::BTreeSet;
use std::io::Write;

use super::as_of::AsOf;
use super::names::{Fate, Names};
use super::table::{Cell, Table};
use super::{ExportError, Progress, Report, Wanted};
use crate::pipeline::stored;
use vitalgate_domain::model::alarm::Alarm;
use vitalgate_domain::model::ids::{BedId, WardId};
use vitalgate_domain::model::message::Comparator;
use vitalgate_domain::model::time::Timestamp;
use vitalgate_domain::model::unit::Unit;
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
    as_of: &AsOf,
    wanted: &Wanted<'_>,
    out: impl Write,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, ExportError> {
    let Wanted { request, signals, names } = wanted;
    let AsOf { frozen, core } = as_of;
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
            let moved = Move::read(row)?;
            let of = core.configuration.signals.find(&moved.alarm.trigger.signal);
            if let Some(signals) = signals
                && !of.is_some_and(|signal| signals.contains(&signal.id))
            {
                continue;
            }
            match names.fate(moved.row.patient.as_ref()) {
                Fate::NotWanted => {}
                Fate::Withheld => {
                    withheld += 1;
                    withheld_of.extend(moved.row.patient);
                }
                Fate::Given => {
                    rows += 1;
                    moved.write(&mut table, as_of, names)?;
                    given_to.extend(moved.row.patient);
                }
            }
        }
        after = last;
        progress(Progress { done: last, of: frozen.last_seq });
    }
    let gone = frozen.lost_transitions()?;
    if gone > 0 {
        return Err(ExportError::Cut { gone });
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
struct Move {
    row: TransitionRow,
    alarm: Alarm,
}

impl Move {
    fn read(row: TransitionRow) -> Result<Self, ExportError> {
        let alarm = stored::alarm(&row.body)
            .map_err(|e| ExportError::Transition { seq: row.seq, reason: e.to_string() })?;
        Ok(Self { row, alarm })
    }

    fn write(
        &self,
        table: &mut Table<impl Write, { COLUMNS.len() }>,
        as_of: &AsOf,
        names: &Names<'_>,
    ) -> std::io::Result<()> {
        let Self { row, alarm } = self;
        let trigger = &alarm.trigger;
        let own = |text| if names.are_own() { Cell::text(text) } else { Cell::Empty };
        let number = |value: Option<f64>| value.map_or(Cell::Empty, Cell::Number);
        let time = |at: Option<Timestamp>| at.map_or(Cell::Empty, Cell::Time);
        let device = alarm.device.as_ref().map(|id| names.device(id));
        let patient = row.patient.as_ref().map(|id| names.patient(id));
        let id = row.alarm.as_ref().map(|id| names.alarm(id));
        let actor = row.actor.as_deref().filter(|_| names.are_own());
        table.row([
            Cell::Text(as_of.frozen.identity.site.as_str()),
            Cell::Integer(row.seq),
            Cell::Time(row.at),
            Cell::Text(&row.change),
            Cell::text(actor),
            Cell::text(id.as_deref()),
            Cell::text(patient.as_deref()),
            own(alarm.ward.as_ref().map(WardId::as_str)),
            own(alarm.bed.as_ref().map(BedId::as_str)),
            Cell::text(device.as_deref()),
            Cell::Text(alarm.rule.as_str()),
            Cell::Text(alarm.kind.as_str()),
            Cell::Text(alarm.priority.as_str()),
            Cell::Text(alarm.response.as_str()),
            Cell::Text(alarm.state.as_str()),
            Cell::Text(alarm.condition.as_str()),
            Cell::Text(&trigger.signal),
            number(trigger.value),
            Cell::text(trigger.comparator.map(Comparator::as_str)),
            Cell::text(trigger.unit.map(Unit::ucum)),
            number(trigger.limit),
            time(trigger.measured_at),
            Cell::Time(alarm.raised_at),
            time(alarm.ended_at),
            time(alarm.closed_at),
            Cell::text(alarm.closed_reason.as_deref()),
            Cell::Flag(alarm.late),
            Cell::Number(f64::from(alarm.recurrence)),
            own(Some(&alarm.text)),
            Cell::Flag(as_of.frozen.identity.is_simulated()),
        ])
    }
}
