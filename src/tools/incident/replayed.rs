//! The alarm derived again from a bundle, and compared with what was stored of it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::bundle::{Bundle, Line, RowLine, decoded, listed};
use super::make::empty;
use crate::pipeline::stored as stored_form;
use crate::state::fold::FoldError;
use vitalgate_domain::CORE_VERSION;
use vitalgate_domain::core::Core;
use vitalgate_domain::core::journal::RowBody;
use vitalgate_domain::model::command::Action;
use vitalgate_domain::model::ids::AlarmId;
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::time::{Span, Stamp, Timestamp};
use vitalgate_domain::output::transition::TransitionBody;
use vitalgate_store::types::StoredTransition;

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Transitions of the alarm that were stored.
    pub stored: usize,
    /// Of these, derived again: the same id, the same moment, and the same in every word.
    pub same: usize,
    /// What differs, in words.
    pub differences: Vec<String>,
    /// Versions of the core that folded the rows and are not this program's.
    pub other_cores: Vec<u32>,
}

/// Where the numbers of the store stand in this derivation, which lacks what concerns others.
#[derive(Default)]
struct Numbers {
    here: BTreeMap<u64, u64>,
    there: BTreeMap<u64, u64>,
}

impl Numbers {
    fn note(&mut self, there: u64, here: u64) {
        self.here.insert(there, here);
        self.there.insert(here, there);
    }

    fn here(&self, there: u64) -> u64 {
        self.here.get(&there).copied().unwrap_or(there)
    }

    fn there(&self, here: u64) -> u64 {
        self.there.get(&here).copied().unwrap_or(here)
    }
}

impl Replayed {
    /// Whether the alarm is the same.
    pub fn is_same(&self) -> bool {
        self.differences.is_empty() && self.same == self.stored && self.stored > 0
    }

    /// What came of it, in one line.
    pub fn line(&self) -> String {
        let Self { stored, same, other_cores, .. } = self;
        let of = if self.is_same() {
            "the same id, the same moments, the same words".to_owned()
        } else {
            format!("{} differences", self.differences.len())
        };
        let cores = if other_cores.is_empty() {
            String::new()
        } else {
            format!("; folded by core {}, and here by core {CORE_VERSION}", listed(other_cores))
        };
        format!("{same} of {stored} transitions derived again: {of}{cores}")
    }
}

/// Derives the alarm of a bundle again.
pub fn replay(bundle: &Bundle) -> Result<Replayed, FoldError> {
    let mut replayed = Replayed::default();
    if let Some(why) = &bundle.head.not_replayable {
        replayed.differences.push(format!("nothing can be derived from it: {why}"));
        return Ok(replayed);
    }
    let cores = bundle.head.cores.iter().copied().filter(|core| *core != CORE_VERSION);
    replayed.other_cores = cores.collect();
    let mut core = begin(bundle)?;
    let (mut numbers, mut derived) = (Numbers::default(), Vec::new());
    for row in bundle.rows() {
        let bytes = decoded(&row.body);
        let body = bytes.map_err(|e| bad_row(row.n, e)).and_then(|b| RowBody::decode(row.n, &b))?;
        let inputs: Vec<Input> = body.inputs.into_iter().map(|i| renumbered(i, &numbers)).collect();
        let stamp = Stamp { at: Timestamp::from_micros(row.at), offset: Span::micros(row.offset) };
        let out = core.fold(row.n, stamp, &inputs);
        let stored: Vec<StoredTransition> = out.transitions.iter().map(stored_form).collect();
        let is_answer = |t: &&vitalgate_domain::output::transition::Transition| {
            matches!(t.body, TransitionBody::Answer { .. })
        };
        let answers = out.transitions.iter().filter(is_answer).map(|t| t.seq);
        row.answers.iter().zip(answers).for_each(|(there, here)| numbers.note(*there, here));
        note_moves(row, &stored, &mut numbers);
        let own = stored
            .into_iter()
            .filter(|t| t.kind == "alarm" && t.alarm.as_ref() == Some(&bundle.head.alarm));
        derived.extend(own.map(|t| (row.n, t)));
    }
    compare(bundle, &derived, &numbers, &mut replayed);
    Ok(replayed)
}

fn bad_row(n: u64, reason: String) -> vitalgate_domain::core::journal::BadRow {
    vitalgate_domain::core::journal::BadRow { n, reason }
}

fn begin(bundle: &Bundle) -> Result<Core, FoldError> {
    let mut parts = Vec::new();
    for line in &bundle.lines {
        if let Line::Part { part, key, body } = line {
            let body = decoded(body).unwrap_or_default();
            parts.push((part.as_str(), key.as_str(), body));
        }
    }
    if parts.is_empty() {
        return empty(&bundle.head);
    }
    Ok(Core::restore(parts.iter().map(|(part, key, body)| (*part, *key, body.as_slice())))?)
}

/// The moves of each alarm came in the order of the store.
fn note_moves(row: &RowLine, stored: &[StoredTransition], numbers: &mut Numbers) {
    let mut of_alarm: BTreeMap<&AlarmId, Vec<u64>> = BTreeMap::new();
    for transition in stored.iter().filter(|t| t.kind == "alarm").rev() {
        if let Some(alarm) = &transition.alarm {
            of_alarm.entry(alarm).or_default().push(transition.seq);
        }
    }
    for (there, alarm) in &row.moves {
        if let Some(here) = of_alarm.get_mut(alarm).and_then(Vec::pop) {
            numbers.note(*there, here);
        }
    }
}

/// An input that names numbers of the store, with those they have here.
fn renumbered(mut input: Input, numbers: &Numbers) -> Input {
    if let Input::Delivered { seq, .. } = &mut input {
        *seq = numbers.here(*seq);
    }
    if let Input::Command(command) = &mut input {
        if let Action::Alarm { seen, .. } = &mut command.action {
            *seen = numbers.here(*seen);
        }
        if let Action::EndPause { id } = &mut command.action {
            *id = numbers.here(*id);
        }
        if let Action::TakeOver { alarms, .. } = &mut command.action {
            for (_, seen) in alarms {
                *seen = numbers.here(*seen);
            }
        }
    }
    input
}

fn compare(
    bundle: &Bundle,
    derived: &[(u64, StoredTransition)],
    numbers: &Numbers,
    replayed: &mut Replayed,
) {
    let mut derived = derived.iter();
    for line in &bundle.lines {
        let Line::Transition { seq, row, at, change, actor, body } = line else { continue };
        replayed.stored += 1;
        let number = replayed.stored;
        let Some((here, found)) = derived.next() else {
            let what = format!("transition {number}, {change} at {at}, is not derived");
            replayed.differences.push(what);
            continue;
        };
        let mut found_body: Value = serde_json::from_str(&found.body).unwrap_or(Value::Null);
        as_there(&mut found_body, numbers);
        let fields = [
            ("number", json!(seq), json!(numbers.there(found.seq))),
            ("row", json!(row), json!(here)),
            ("moment", json!(at), json!(found.at)),
            ("change", json!(change), json!(found.change)),
            ("actor", json!(actor), json!(found.actor)),
        ];
        let before = replayed.differences.len();
        for (name, there, here) in fields.iter().filter(|(_, there, here)| there != here) {
            let what = format!(
                "transition {number}, {change} at {at}: its {name} is {there}, and here {here}"
            );
            replayed.differences.push(what);
        }
        for name in different(body, &found_body) {
            let (there, here) = (&body[&name], &found_body[&name]);
            let what = format!(
                "transition {number}, {change} at {at}: `{name}` is {there}, and here {here}"
            );
            replayed.differences.push(what);
        }
        replayed.same += usize::from(replayed.differences.len() == before);
    }
    for (row, more) in derived {
        let what = format!("{} in row {row} is derived, and was never stored", more.change);
        replayed.differences.push(what);
    }
}

/// The numbers in the body of an alarm as they are in the store.
fn as_there(body: &mut Value, numbers: &Numbers) {
    let renumber = |value: &mut Value| {
        if let Some(here) = value.as_u64() {
            *value = json!(numbers.there(here));
        }
    };
    for path in ["/seq", "/acknowledged/seq"] {
        if let Some(value) = body.pointer_mut(path) {
            renumber(value);
        }
    }
    let told = body.pointer_mut("/responsibility/told").and_then(Value::as_array_mut);
    for told in told.into_iter().flatten() {
        if let Some(value) = told.pointer_mut("/seq") {
            renumber(value);
        }
    }
}

fn different(there: &Value, here: &Value) -> Vec<String> {
    match (there.as_object(), here.as_object()) {
        (Some(a), Some(b)) => {
            let names = a.keys().chain(b.keys().filter(|name| !a.contains_key(*name)));
            names.filter(|name| a.get(*name) != b.get(*name)).cloned().collect()
        }
        _ if there == here => Vec::new(),
        _ => vec!["body".to_owned()],
    }
}
