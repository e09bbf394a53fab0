//! `series` of a device, or of a patient over all devices bound at the time. Gaps stay gaps.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::auth::{Right, Who};
use super::devices;
use super::error::Problem;
use super::extract::{Id, List, Params};
use super::patients;
use super::ports::{Bucket, SeriesQuery, Stretch};
use super::state::{Ctx, Http};
use crate::domain::ids::{DeviceId, PatientId};
use crate::domain::time::{Span, Timestamp};
use crate::store::types::{Sample, flag};

/// Raw samples of one page.
const PAGE: usize = 5_000;
/// Buckets of one answer at most.
const MAX_POINTS: u32 = 2_000;
/// The range when none is asked for.
const DEFAULT_RANGE: Span = Span::hours(24);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Range {
    signal: String,
    instance: Option<String>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    /// How many buckets; left out, the samples themselves in pages.
    points: Option<u32>,
    cursor: Option<String>,
}

/// `GET devices/{id}/series`.
pub(crate) async fn of_device(
    State(http): State<Ctx>,
    who: Who,
    Id(id): Id<DeviceId>,
    Params(range): Params<Range>,
) -> Result<Json<List<Value>>, Problem> {
    who.may(Right::SeePatients)?;
    devices::find(&http, &id)?;
    answer(&http, range, |from, to| vec![Stretch { device: id.clone(), from, to }]).await
}

/// `GET patients/{id}/series`.
pub(crate) async fn of_patient(
    State(http): State<Ctx>,
    who: Who,
    Id(id): Id<PatientId>,
    Params(range): Params<Range>,
) -> Result<Json<List<Value>>, Problem> {
    who.may(Right::SeePatients)?;
    patients::find(&http, &id)?;
    answer(&http, range, |from, to| stretches_of(&http, &id, from, to)).await
}

async fn answer(
    http: &Http,
    range: Range,
    stretches: impl FnOnce(Timestamp, Timestamp) -> Vec<Stretch>,
) -> Result<Json<List<Value>>, Problem> {
    let signal = devices::signal(&http.signals(), &range.signal)?;
    let to = range.to.unwrap_or_else(|| http.app.clock.wall() + Span::micros(1));
    let from = range.from.unwrap_or(to - DEFAULT_RANGE);
    if from >= to {
        return Err(bad("`from` must be before `to`"));
    }
    let query = SeriesQuery { stretches: stretches(from, to), signal, instance: range.instance };
    let seq = http.board().seq;
    if let Some(points) = range.points {
        if !(1..=MAX_POINTS).contains(&points) {
            return Err(bad(&format!("`points` must be 1 to {MAX_POINTS}")));
        }
        let buckets = http.read_history(move |h| h.buckets(&query, from, to, points)).await?;
        let items = buckets.iter().map(bucket).collect();
        return Ok(Json(List { items, next: None, seq }));
    }
    let start = range.cursor.as_deref().map_or(Ok(Cursor { at: from, skip: 0 }), Cursor::parse)?;
    let limit = start.skip + PAGE + 1;
    let mut samples = http.read_history(move |h| h.samples(&query, start.at, to, limit)).await?;
    let full = samples.len() == limit;
    samples.drain(..start.skip.min(samples.len()));
    samples.truncate(PAGE);
    let next = full.then(|| start.after(&samples).text());
    let items = samples.iter().map(sample).collect();
    Ok(Json(List { items, next, seq }))
}

/// When the patient's devices were the patient's.
fn stretches_of(http: &Http, patient: &PatientId, from: Timestamp, to: Timestamp) -> Vec<Stretch> {
    let board = http.board();
    let bindings = board.devices.values().flat_map(|d| d.bindings.iter().map(move |b| (d, b)));
    bindings
        .filter(|(_, binding)| binding.patient.as_ref() == Some(patient))
        .map(|(device, binding)| Stretch {
            device: device.id.clone(),
            from: binding.from.max(from),
            to: binding.to.unwrap_or(to).min(to),
        })
        .filter(|stretch| stretch.from < stretch.to)
        .collect()
}

/// Where a page begins: a time, and how many samples of that very time were given before.
#[derive(Clone, Copy)]
struct Cursor {
    at: Timestamp,
    skip: usize,
}

impl Cursor {
    fn parse(text: &str) -> Result<Self, Problem> {
        let parts = text.split_once('.').and_then(|(at, skip)| {
            let skip = skip.parse().ok().filter(|skip| *skip <= PAGE)?;
            Some(Self { at: Timestamp::from_micros(at.parse().ok()?), skip })
        });
        parts.ok_or_else(|| bad("`cursor` must be the `next` of the page before"))
    }

    fn after(self, page: &[Sample]) -> Self {
        let Some(at) = page.last().map(|s| s.at) else { return self };
        let same = page.iter().rev().take_while(|s| s.at == at).count();
        let skip = if at == self.at { self.skip + same } else { same };
        Self { at, skip }
    }

    fn text(self) -> String {
        format!("{}.{}", self.at.as_micros(), self.skip)
    }
}

fn sample(sample: &Sample) -> Value {
    json!({
        "at": sample.at,
        "received_at": sample.received,
        "device": sample.series.device,
        "instance": sample.series.instance,
        "value": sample.value,
        "comparator": comparator(sample.flags),
        "unit": sample.unit,
        "flags": flag_words(sample.flags),
    })
}

fn bucket(bucket: &Bucket) -> Value {
    json!({
        "from": bucket.from,
        "to": bucket.to,
        "device": bucket.series.device,
        "instance": bucket.series.instance,
        "unit": bucket.unit,
        "count": bucket.count,
        "min": bucket.min,
        "max": bucket.max,
        "mean": bucket.mean,
        "last": bucket.last,
    })
}

pub(super) fn comparator(flags: u8) -> Option<&'static str> {
    match (flags & flag::BELOW != 0, flags & flag::ABOVE != 0) {
        (true, false) => Some("<"),
        (false, true) => Some(">"),
        (false, false) | (true, true) => None,
    }
}

pub(super) fn flag_words(flags: u8) -> Vec<&'static str> {
    const WORDS: [(u8, &str); 6] = [
        (flag::IMPLAUSIBLE, "implausible"),
        (flag::LATE, "late"),
        (flag::TIME_DOUBTFUL, "time_doubtful"),
        (flag::NOT_JUDGED, "not_judged"),
        (flag::CORRECTED, "corrected"),
        (flag::ERROR, "entered_in_error"),
    ];
    WORDS.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, word)| *word).collect()
}

fn bad(detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail)
}
