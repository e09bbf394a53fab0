//! `series` of a device, or of a patient over all devices bound at the time. Gaps stay gaps.

mod answer;
mod cursor;
mod item;
mod joined;
mod older;
mod query;
mod question;
mod reply;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;

use self::answer::{Answer, Chart, SamplePage};
use self::cursor::{Cursor, PAGE};
use self::item::items;
pub use self::older::ExportedHistory;
use self::query::{SeriesQuery, Stretch};
use self::reply::Older;
use super::auth::Who;
use super::devices;
use super::error::Problem;
use super::extract::{Id, Params};
use super::patients;
use super::rights::Right;
use super::scope::Scope;
use super::state::{Ctx, Http};
use crate::projection::view::{Board, DeviceView};
use vitalgate_domain::device::stretches;
use vitalgate_domain::model::consent::{Purpose, may};
use vitalgate_domain::model::ids::{DeviceId, PatientId};
use vitalgate_domain::model::signal::{SignalId, SignalTable};
use vitalgate_domain::model::time::{Span, Timestamp};
use vitalgate_store::ReadError;
use vitalgate_store::history::buckets::Grid;
use vitalgate_store::history::range::History;

/// Signals of one answer at most: more than a bedside shows.
const MAX_SIGNALS: usize = 16;
/// Buckets of one series at most: more than a screen has columns.
const MAX_POINTS: u32 = 2_000;
/// Buckets of one answer at most, over all its series: a signal has one for each device and instance.
const MAX_BUCKETS: usize = 16_000;
/// The range when none is asked for.
const DEFAULT_RANGE: Span = Span::hours(24);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Range {
    /// One or several, with commas.
    signal: String,
    instance: Option<String>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    /// How many buckets; left out, the samples themselves in pages.
    points: Option<u32>,
    /// Samples of one page.
    limit: Option<usize>,
    cursor: Option<String>,
}

/// `GET devices/{id}/series`.
pub(crate) async fn of_device(
    State(http): State<Ctx>,
    who: Who,
    Id(id): Id<DeviceId>,
    Params(range): Params<Range>,
) -> Result<Answer, Problem> {
    who.may(Right::SeePatients)?;
    let device = devices::find(&http, &who, &id)?;
    known_instance(&http, [&id], &range)?;
    let care = |from, to| {
        let patients = patients_of(&http, &id, from, to);
        patients.iter().all(|patient| may(Purpose::Care, patient))
    };
    let stretches = |from, to| {
        if who.scope.is_limited() {
            own_stretches(&http.board(), &device, &who.scope, from, to)
        } else {
            vec![Stretch { device: id.clone(), from, to }]
        }
    };
    answer(&http, range, care, stretches).await
}

/// `GET patients/{id}/series`.
pub(crate) async fn of_patient(
    State(http): State<Ctx>,
    who: Who,
    Id(id): Id<PatientId>,
    Params(range): Params<Range>,
) -> Result<Answer, Problem> {
    who.may(Right::SeePatients)?;
    patients::find(&http, &who, &id)?;
    let board = http.board();
    let whose =
        |device: &&DeviceView| device.bindings.iter().any(|b| b.patient.as_ref() == Some(&id));
    let devices = board.devices.values().map(AsRef::as_ref).filter(whose);
    known_instance(&http, devices.map(|device| &device.id), &range)?;
    let care = |_, _| may(Purpose::Care, &id);
    answer(&http, range, care, |from, to| stretches_of(&http, &id, from, to)).await
}

async fn answer(
    http: &Http,
    range: Range,
    care: impl FnOnce(Timestamp, Timestamp) -> bool,
    stretches: impl FnOnce(Timestamp, Timestamp) -> Vec<Stretch>,
) -> Result<Answer, Problem> {
    let table = http.signals();
    let signals = signals(&table, &range.signal)?;
    let to = range.to.unwrap_or_else(|| http.app.handles.clock.wall() + Span::micros(1));
    let from = range.from.unwrap_or(to - DEFAULT_RANGE);
    if from >= to {
        return Err(bad("`from` must be before `to`"));
    }
    let stretches = stretches(from, to);
    let only_from = BTreeMap::new();
    let query = SeriesQuery { stretches, signals, instance: range.instance, only_from };
    let seq = http.board().seq;
    if let Some(points) = range.points {
        if range.limit.is_some() || range.cursor.is_some() {
            return Err(bad("`limit` and `cursor` are for samples: `points` has no pages"));
        }
        let grid = grid(http, &query, from, to, points)?;
        let chart = Chart { grid, table, seq };
        return buckets(http, &query, from, to, chart, || care(from, to)).await;
    }
    let start = range.cursor.as_deref().map_or(Ok(Cursor::before(from)), Cursor::parse)?;
    let size = range.limit.unwrap_or(PAGE).clamp(1, PAGE);
    let page = SamplePage { start, size, table, seq };
    samples(http, &query, to, page, || care(start.at, to)).await
}

async fn buckets(
    http: &Http,
    query: &SeriesQuery,
    from: Timestamp,
    to: Timestamp,
    chart: Chart,
    care: impl FnOnce() -> bool,
) -> Result<Answer, Problem> {
    let (asked, written) = (query.clone(), chart.clone());
    let read = move |history: &History| {
        let buckets = asked.buckets(history, written.grid, &written.table)?;
        let words = asked.word_buckets(history, written.grid)?;
        let older = Older::of_words(asked.words_pruned(history, from, to), &written.table);
        Ok(written.write(&buckets, &words, older))
    };
    match held(http, query, from, to, read).await? {
        Some(answer) => Ok(answer),
        None => older::Request { http, query, from, to, allowed: care() }.buckets(chart).await,
    }
}

async fn samples(
    http: &Http,
    query: &SeriesQuery,
    to: Timestamp,
    page: SamplePage,
    care: impl FnOnce() -> bool,
) -> Result<Answer, Problem> {
    let from = page.start.at;
    let (asked, written) = (query.clone(), page.clone());
    let read = move |history: &History| {
        let samples = asked.samples(history, from, to, written.limit())?;
        let words = asked.words(history, from, to, written.limit())?;
        let older = Older::of_words(asked.words_pruned(history, from, to), &written.table);
        Ok(written.write(items(samples, words), None, older))
    };
    match held(http, query, from, to, read).await? {
        Some(answer) => Ok(answer),
        None => older::Request { http, query, from, to, allowed: care() }.samples(page).await,
    }
}

/// The buckets asked for, unless an answer could not hold them.
fn grid(
    http: &Http,
    query: &SeriesQuery,
    from: Timestamp,
    to: Timestamp,
    points: u32,
) -> Result<Grid, Problem> {
    if !(1..=MAX_POINTS).contains(&points) {
        return Err(bad(&format!("`points` must be 1 to {MAX_POINTS}")));
    }
    let series = query.series(&http.app.history);
    if series.saturating_mul(points as usize) > MAX_BUCKETS {
        return Err(too_many(series, points));
    }
    Ok(Grid::new(from, to, points as usize))
}

/// Reads what the store holds; `None` where retention pruned some of the range, before or meanwhile.
async fn held(
    http: &Http,
    query: &SeriesQuery,
    from: Timestamp,
    to: Timestamp,
    read: impl FnOnce(&History) -> Result<Answer, ReadError> + Send + 'static,
) -> Result<Option<Answer>, Problem> {
    let is_whole = || query.pruned(&http.app.history, from, to).is_empty();
    if !is_whole() {
        return Ok(None);
    }
    let answer = http.read_history(read).await?;
    Ok(is_whole().then_some(answer))
}

/// Refuses an instance that no series of these devices has: an empty answer would read as a gap.
fn known_instance<'a>(
    http: &Http,
    devices: impl IntoIterator<Item = &'a DeviceId>,
    range: &Range,
) -> Result<(), Problem> {
    let signals = signals(&http.signals(), &range.signal)?;
    let Some(asked) = &range.instance else { return Ok(()) };
    let history = &http.app.history;
    let has = |device: &DeviceId| {
        let series = history.series_of(device).into_iter().chain(history.word_series_of(device));
        let mut own = series.filter(|key| signals.contains(&key.signal));
        own.any(|key| key.instance.as_str() == asked)
    };
    let known = devices.into_iter().any(has);
    known.then_some(()).ok_or_else(|| Problem::missing("instance", asked))
}

/// The signals named, each once.
fn signals(table: &SignalTable, names: &str) -> Result<Vec<SignalId>, Problem> {
    let mut signals = Vec::new();
    for name in names.split(',') {
        let signal = devices::signal(table, name.trim())?;
        if !signals.contains(&signal) {
            signals.push(signal);
        }
    }
    if signals.len() > MAX_SIGNALS {
        return Err(bad(&format!("at most {MAX_SIGNALS} signals at once")));
    }
    Ok(signals)
}

/// Whose a device was in a range.
fn patients_of(http: &Http, device: &DeviceId, from: Timestamp, to: Timestamp) -> Vec<PatientId> {
    let board = http.board();
    let bindings = board.devices.get(device).map(|device| device.bindings.as_slice());
    let inside = bindings
        .unwrap_or_default()
        .iter()
        .filter(|held| held.from < to && held.to.is_none_or(|end| from < end));
    inside.filter_map(|held| held.patient.clone()).collect()
}

/// When the patient's devices were the patient's.
fn stretches_of(http: &Http, patient: &PatientId, from: Timestamp, to: Timestamp) -> Vec<Stretch> {
    let board = http.board();
    let devices = board.devices.values();
    devices.flat_map(|device| stretches_while(device, from, to, |whose| whose == patient)).collect()
}

/// When the device was of patients who are in these wards now; what was nobody's may be of others.
fn own_stretches(
    board: &Board,
    device: &DeviceView,
    scope: &Scope,
    from: Timestamp,
    to: Timestamp,
) -> Vec<Stretch> {
    stretches_while(device, from, to, |whose| scope.has_named(board, whose))
}

/// When the device was of these patients.
fn stretches_while(
    device: &DeviceView,
    from: Timestamp,
    to: Timestamp,
    theirs: impl Fn(&PatientId) -> bool,
) -> Vec<Stretch> {
    let bindings = device.bindings.iter().map(|b| (b.patient.as_ref(), b.from, b.to));
    let held = stretches(bindings).into_iter().filter(|held| theirs(held.patient));
    let cut = held.map(|held| Stretch {
        device: device.id.clone(),
        from: held.from.max(from),
        to: held.to.unwrap_or(to).min(to),
    });
    cut.filter(|stretch| stretch.from < stretch.to).collect()
}

fn too_many(series: usize, points: u32) -> Problem {
    bad(&format!(
        "{series} series of {points} `points` are more than {MAX_BUCKETS} buckets: ask for fewer \
         `points` or signals, or name one `instance`"
    ))
}

fn bad(detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail)
}
