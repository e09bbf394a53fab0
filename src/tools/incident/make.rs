//! Putting a bundle together.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use serde_json::Value;

use super::bundle::{Bundle, FORMAT, Head, Line, RowLine, encoded};
use crate::pipeline::stored;
use crate::state::fold::{FoldError, begin};
use crate::tools::verify::{VerifyError, beginning};
use vitalgate_domain::core::Core;
use vitalgate_domain::core::configuration::Texts;
use vitalgate_domain::core::excerpt::Excerpt;
use vitalgate_domain::core::journal::RowBody;
use vitalgate_domain::model::command::Action;
use vitalgate_domain::model::ids::AlarmId;
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::time::Span;
use vitalgate_domain::output::transition::Change;
use vitalgate_store::deliveries::Delivered;
use vitalgate_store::reader::TransitionRow;
use vitalgate_store::types::Row;
use vitalgate_store::{ReadError, Reader};

/// So much of what came before the alarm is in it.
const LEAD: Span = Span::hours(1);

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
pub enum IncidentError {
    /// There is no such alarm.
    #[error(
        "there is no alarm {0}: it never was, or it closed longer ago than the alarm log is kept"
    )]
    Missing(AlarmId),
    /// The store cannot be read, or folded.
    #[error(transparent)]
    Store(#[from] VerifyError),
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A row cannot be folded.
    #[error(transparent)]
    Fold(#[from] FoldError),
}

/// The numbers that what a row caused has in the store.
#[derive(Default)]
struct Numbers {
    moves: BTreeMap<u64, Vec<(u64, AlarmId)>>,
    answers: BTreeMap<u64, Vec<u64>>,
}

/// Everything a store holds about an alarm, up to its last move.
pub fn make(reader: &Reader, id: &AlarmId) -> Result<Bundle, IncidentError> {
    let mut story = reader.alarm_history(id)?;
    story.retain(|row| row.kind == "alarm");
    let (Some(first), Some(last)) = (story.first(), story.last()) else {
        return Err(IncidentError::Missing(id.clone()));
    };
    let (from, upto, raised_at) = (first.n, last.n, first.at);
    let identity = reader.identity()?;
    let mut head = Head {
        format: FORMAT,
        alarm: id.clone(),
        patient: first.patient.clone(),
        site: identity.site.clone(),
        store: identity.store.clone(),
        simulated: identity.is_simulated(),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        cores: Vec::new(),
        rules: Vec::new(),
        not_replayable: None,
    };
    let mut lines: Vec<Line> = story.iter().map(transition).collect();
    let place = lines.len();
    lines.extend(reader.deliveries(id)?.into_iter().map(delivery));

    let begins = beginning(reader)?;
    if begins.row() >= from {
        let row = begins.row() + 1;
        head.not_replayable = Some(format!(
            "it was raised in row {from}, and what is left of the journal begins with row {row}"
        ));
        lines.splice(place..place, grounds(reader, id, &story, &begins)?);
        return Ok(Bundle { head, lines });
    }
    let of = excerpt(reader, &head, begins.clone(), upto)?;
    let numbers = numbers(reader, &head, begins.row() + 1, upto)?;
    let mut core = begins;
    let (mut parts, mut rows) = (None, Vec::new());
    walk(reader, core.row(), upto, |row, body| {
        let wall = row.at + row.offset;
        if parts.is_none() && (wall >= raised_at - LEAD || row.n == from) {
            parts = Some(parts_of(&core, &of));
        }
        if row.n == from {
            lines.push(configuration(&core));
        }
        let before = has_command(&body).then(|| core.clone());
        let begun = parts.is_some();
        if begun && before.is_none() {
            rows.extend(excerpted(&of, &row, &body, (&core, &core), &numbers));
        }
        drop(core.fold(row.n, row.stamp(), &body.inputs));
        if let Some(before) = before.filter(|_| begun) {
            rows.extend(excerpted(&of, &row, &body, (&before, &core), &numbers));
        }
    })?;
    lines.splice(place..place, grounds(reader, id, &story, &core)?);
    for row in &rows {
        if !head.cores.contains(&row.core) {
            head.cores.push(row.core);
        }
        if !head.rules.contains(&row.rules) {
            head.rules.push(row.rules.clone());
        }
    }
    lines.extend(parts.unwrap_or_default());
    lines.extend(rows.into_iter().map(Line::Row));
    Ok(Bundle { head, lines })
}

/// What the alarm was raised on, the readings of its own patient alone: by the bindings of this state.
fn grounds(
    reader: &Reader,
    id: &AlarmId,
    story: &[TransitionRow],
    core: &Core,
) -> Result<Option<Line>, ReadError> {
    let Some((limits, readings)) = reader.alarm_grounds(id)? else { return Ok(None) };
    let raised = story.iter().rfind(|row| row.change == Change::Raised.as_str());
    // What cannot be read says of nobody whose the readings are.
    let alarm = raised.or(story.last()).and_then(|row| stored::alarm(&row.body).ok());
    let readings = alarm.map_or_else(Vec::new, |alarm| {
        let device = alarm.device.as_ref().and_then(|device| core.devices.get(device));
        let bindings = device.into_iter().flat_map(|device| &device.bindings);
        stored::own_readings(&alarm, bindings.map(|b| (b.patient.as_ref(), b.from, b.to)), readings)
    });
    Ok(Some(Line::Grounds {
        limits: serde_json::from_str(&limits).unwrap_or(Value::Null),
        readings: serde_json::to_value(readings).unwrap_or(Value::Null),
    }))
}

/// Whom it is of: the devices that ever were the patient's, and who else had them.
fn excerpt(
    reader: &Reader,
    head: &Head,
    mut core: Core,
    upto: u64,
) -> Result<Excerpt, IncidentError> {
    let alarms = reader.moves_of(head.patient.as_ref(), upto)?;
    let alarms = alarms.into_iter().map(|(_, _, alarm)| alarm).collect();
    let mut of = Excerpt { patient: head.patient.clone(), alarms, ..Excerpt::default() };
    of.learn(&core);
    walk(reader, core.row(), upto, |row, body| {
        drop(core.fold(row.n, row.stamp(), &body.inputs));
        if has_command(&body) {
            of.learn(&core);
        }
    })?;
    of.learn(&core);
    Ok(of)
}

fn numbers(reader: &Reader, head: &Head, first: u64, last: u64) -> Result<Numbers, ReadError> {
    let mut numbers = Numbers::default();
    for (n, seq, alarm) in reader.moves_of(head.patient.as_ref(), last)? {
        numbers.moves.entry(n).or_default().push((seq, alarm));
    }
    for (n, seq) in reader.answers_of_rows(first, last)? {
        numbers.answers.entry(n).or_default().push(seq);
    }
    Ok(numbers)
}

/// What of a row belongs to the excerpt; `None` where that is nothing.
fn excerpted(
    of: &Excerpt,
    row: &Row,
    body: &RowBody,
    states: (&Core, &Core),
    numbers: &Numbers,
) -> Option<RowLine> {
    let mut answered = numbers.answers.get(&row.n).into_iter().flatten();
    let (mut inputs, mut answers) = (Vec::new(), Vec::new());
    for input in &body.inputs {
        let answer = matches!(input, Input::Command(_)).then(|| answered.next()).flatten();
        let Some(kept) = of.of(input, states) else { continue };
        answers.extend(answer.filter(|_| matches!(kept, Input::Command(_))));
        inputs.push(kept);
    }
    let moves = numbers.moves.get(&row.n).cloned().unwrap_or_default();
    if inputs.is_empty() && moves.is_empty() {
        return None;
    }
    let body = RowBody { inputs, exceptions: Vec::new() }.encode();
    Some(RowLine {
        n: row.n,
        at: row.at.as_micros(),
        offset: row.offset.as_micros(),
        core: row.core,
        rules: HEXLOWER.encode(&row.rules),
        body: encoded(&body),
        answers,
        moves,
    })
}

/// Whether a row may change whose something is.
fn has_command(body: &RowBody) -> bool {
    body.inputs.iter().any(|input| {
        let Input::Command(command) = input else { return false };
        !matches!(command.action, Action::Alarm { .. } | Action::Person { .. })
    })
}

/// Calls `each` with the rows after `after` up to row `last`, each right behind the one before.
fn walk(
    reader: &Reader,
    after: u64,
    last: u64,
    mut each: impl FnMut(Row, RowBody),
) -> Result<(), IncidentError> {
    let mut next = after + 1;
    for row in reader.rows(after)? {
        let row = row?;
        if next > last {
            return Ok(());
        }
        if row.n != next {
            return Err(FoldError::Gap { first: next, last: row.n - 1 }.into());
        }
        next += 1;
        let body = RowBody::decode(row.n, &row.body).map_err(FoldError::from)?;
        each(row, body);
    }
    if next <= last {
        return Err(FoldError::Gap { first: next, last }.into());
    }
    Ok(())
}

/// The state before the first row; nothing where that is the state of a store that is empty.
fn parts_of(core: &Core, of: &Excerpt) -> Vec<Line> {
    if core.row() == 0 {
        return Vec::new();
    }
    let own = core.excerpt(of);
    let part = |(kind, key): (&'static str, String)| own.part(kind, &key);
    let parts = own.parts_since(0).into_iter().filter_map(part);
    parts
        .map(|part| Line::Part {
            part: part.kind.to_owned(),
            key: part.key,
            body: encoded(&part.body),
        })
        .collect()
}

fn configuration(core: &Core) -> Line {
    let Texts { signals, rules, site, packs } = core.configuration.texts.clone();
    Line::Configuration { signals, rules, site, packs }
}

fn transition(row: &TransitionRow) -> Line {
    let TransitionRow { seq, n, at, change, actor, body, .. } = row.clone();
    let body = serde_json::from_str(&body).unwrap_or(Value::Null);
    Line::Transition { seq, row: n, at, change, actor, body }
}

fn delivery(of: Delivered) -> Line {
    let Delivered { seq, channel, tried, at, tries, result } = of;
    Line::Delivery { seq, channel, tried, at, tries, result }
}

/// An empty core, where a bundle begins with the store itself.
pub(super) fn empty(head: &Head) -> Result<Core, FoldError> {
    let identity = vitalgate_store::types::Identity {
        store: head.store.clone(),
        site: head.site.clone(),
        simulated: head.simulated,
        stream_clock: false,
    };
    begin(&identity, &[])
}
