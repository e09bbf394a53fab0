//! `devices` and their bindings.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::api::v1::device::{Binding, Bindings, Device, Info, Signal};
use super::api::v1::list::List;
use super::auth::Who;
use super::command::ask_one;
use super::error::Problem;
use super::extract::{Body, Id, Params, page_size};
use super::patients;
use super::rights::{Place, Right, can};
use super::state::{Ctx, Http};
use super::version::{etag, version_seen};
use crate::projection::view::{Board, DeviceView};
use vitalgate_domain::model::command::{Action, PrincipalKind, Registration};
use vitalgate_domain::model::ids::{DeviceId, PatientId};
use vitalgate_domain::model::message::{DeviceInfo, ExpectedSignal};
use vitalgate_domain::model::signal::{SignalId, SignalTable};
use vitalgate_domain::model::time::{Span, Timestamp};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    cursor: Option<DeviceId>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewDevice {
    id: DeviceId,
    class: String,
    kind: Option<PrincipalKind>,
    token_sha256: Option<String>,
    via: Option<Vec<DeviceId>>,
    signals: Option<Vec<Expected>>,
}

/// What may be changed of a device. What is left out stays as it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    class: Option<String>,
    kind: Option<PrincipalKind>,
    /// SHA-256 of the token in hexadecimal.
    token_sha256: Option<String>,
    via: Option<Vec<DeviceId>>,
    signals: Option<Vec<Expected>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    signal: String,
    interval: Option<Span>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewBinding {
    patient: PatientId,
    from: Option<Timestamp>,
    zero_means_no_sensor: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Correction {
    /// `null` stands for nobody; the field must be there.
    #[serde(deserialize_with = "Option::deserialize")]
    patient: Option<PatientId>,
    reason: String,
}

/// `GET devices`, by id.
pub(crate) async fn list(
    State(http): State<Ctx>,
    who: Who,
    Params(which): Params<Which>,
) -> Result<Json<List<Device>>, Problem> {
    who.may(Right::SeeDevices)?;
    let board = http.board();
    let signals = http.signals();
    let limit = page_size(which.limit);
    let after = which.cursor;
    let mut found: Vec<&DeviceView> = board
        .devices
        .values()
        .map(AsRef::as_ref)
        .filter(|d| after.as_ref().is_none_or(|after| d.id > *after))
        .filter(|d| who.scope.has_device(&board, d))
        .take(limit + 1)
        .collect();
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|d| d.id.to_string());
    let items = found.into_iter().map(|d| shown(d, &board, &signals, &who)).collect();
    Ok(Json(List { items, next, seq: board.seq }))
}

/// `GET devices/{id}`, with the version of its registration as `ETag`.
pub(crate) async fn get(
    State(http): State<Ctx>,
    who: Who,
    Id(id): Id<DeviceId>,
) -> Result<Response, Problem> {
    who.may(Right::SeeDevices)?;
    let device = find(&http, &who, &id)?;
    let body = Json(shown(&device, &http.board(), &http.signals(), &who));
    Ok(([(header::ETAG, etag(device.version))], body).into_response())
}

/// `POST devices`: register. One that is registered stays as it is: where it is to be otherwise the answer is 409,
/// with the device as it is.
pub(crate) async fn add(
    State(http): State<Ctx>,
    who: Who,
    headers: HeaderMap,
    Body(new): Body<NewDevice>,
) -> Result<Response, Problem> {
    who.may(Right::ChangeDevices)?;
    let NewDevice { id, class, kind, token_sha256, via, signals } = new;
    let change = Change { class: Some(class), kind, token_sha256, via, signals };
    let named = registration(&http, id.clone(), change, &headers)?;
    let admitted = find(&http, &who, &id).ok().filter(|device| device.is_only_admitted());
    let named = how_judged(&who, named, admitted.as_deref())?;
    let answered = ask_one(&http, &who, Action::AddDevice(named), StatusCode::CREATED).await;
    answered.map_err(|problem| match find(&http, &who, &id) {
        Ok(device) if problem.status() == StatusCode::CONFLICT => problem
            .header(header::ETAG, etag(device.version))
            .with_device(shown(&device, &http.board(), &http.signals(), &who)),
        Ok(_) | Err(_) => problem,
    })
}

/// `PATCH devices/{id}`: change what is named; `If-Match` names the version changed.
pub(crate) async fn change(
    State(http): State<Ctx>,
    who: Who,
    Id(id): Id<DeviceId>,
    headers: HeaderMap,
    Body(change): Body<Change>,
) -> Result<Response, Problem> {
    let connects = change.kind.is_some() || change.token_sha256.is_some() || change.via.is_some();
    let judges = !connects && can(&who, Right::ChangeJudging, Place::Somewhere);
    let right = if judges { Right::ChangeJudging } else { Right::ChangeDevices };
    who.may(right)?;
    let known = match find(&http, &who, &id) {
        Err(missing) if who.scope.is_limited() => return Err(missing),
        known => known.ok(),
    };
    if known.as_ref().is_some_and(|device| device.patient.is_none()) {
        who.may_everywhere(right, "a device that watches nobody")?;
    }
    let named = registration(&http, id, change, &headers)?;
    let named = how_judged(&who, named, known.as_deref())?;
    ask_one(&http, &who, Action::ChangeDevice(named), StatusCode::OK).await
}

/// How a device is judged that watches a patient is a clinician's to say: refused to others here, where it is `known`
/// to be bound, and by the core, where it was bound meanwhile.
fn how_judged(
    who: &Who,
    named: Registration,
    known: Option<&DeviceView>,
) -> Result<Registration, Problem> {
    if can(who, Right::ChangeJudging, Place::Somewhere) {
        return Ok(named);
    }
    let otherwise = |device: &&DeviceView| {
        named.class.as_ref().is_some_and(|class| *class != device.class)
            || named.signals.as_ref().is_some_and(|signals| *signals != device.signals)
    };
    if let Some(device) = known.filter(|device| device.patient.is_some()).filter(otherwise) {
        let detail = format!("{} is bound: a clinician says how it is judged", device.id);
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    Ok(Registration { while_unbound: true, ..named })
}

fn registration(
    http: &Http,
    id: DeviceId,
    change: Change,
    headers: &HeaderMap,
) -> Result<Registration, Problem> {
    let table = http.signals();
    let expected = |e: Expected| {
        let signal = signal(&table, &e.signal)?;
        Ok(ExpectedSignal { signal, interval: e.interval.map(interval).transpose()? })
    };
    let expected = |signals: Vec<Expected>| {
        let all = signals.into_iter().map(expected).collect::<Result<Vec<_>, Problem>>()?;
        once_each(&table, &all)?;
        Ok::<_, Problem>(all)
    };
    let Change { class, kind, token_sha256, via, signals } = change;
    if via.as_ref().is_some_and(|via| via.contains(&id)) {
        let detail =
            format!("`via` names relays and connectors, and {id} speaks for itself anyway");
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    Ok(Registration {
        id,
        class,
        kind,
        token_sha256: token_sha256.as_deref().map(sha256).transpose()?,
        via,
        signals: signals.map(expected).transpose()?,
        replaces: version_seen(headers, "the device")?,
        while_unbound: false,
    })
}

/// A signal that stands twice would have two intervals: nobody knows which.
fn once_each(table: &SignalTable, all: &[ExpectedSignal]) -> Result<(), Problem> {
    let twice = |(place, one): &(usize, &ExpectedSignal)| {
        all[..*place].iter().any(|other| other.signal == one.signal)
    };
    let Some((_, doubled)) = all.iter().enumerate().find(twice) else { return Ok(()) };
    let detail = format!("`{}` stands twice in `signals`", table.name(doubled.signal));
    Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail))
}

/// `GET devices/{id}/binding`: the present binding and all before it, with their version as `ETag`.
pub(crate) async fn binding(
    State(http): State<Ctx>,
    who: Who,
    Id(id): Id<DeviceId>,
) -> Result<Response, Problem> {
    who.may(Right::SeePatients)?;
    let device = find(&http, &who, &id)?;
    let board = http.board();
    let own: Vec<_> = device.bindings.iter().filter(|b| who.scope.has_binding(&board, b)).collect();
    let table = http.signals();
    let present = device.bindings.last().filter(|b| b.to.is_none());
    let zeros = device.zero_means_no_sensor.iter().map(|signal| table.name(*signal));
    let body = Json(Bindings {
        binding: present.map(Binding::from),
        bindings: own.into_iter().map(Binding::from).collect(),
        device: id,
        zero_means_no_sensor: zeros.collect(),
    });
    Ok(([(header::ETAG, etag(device.binding_version))], body).into_response())
}

/// `PUT devices/{id}/binding`: bind to a patient; bound to that patient already, change what is named.
/// `If-Match` names the version replaced.
pub(crate) async fn bind(
    State(http): State<Ctx>,
    who: Who,
    Id(device): Id<DeviceId>,
    headers: HeaderMap,
    Body(new): Body<NewBinding>,
) -> Result<Response, Problem> {
    who.may(Right::ChangePatients)?;
    within(&http, &who, &device)?;
    patients::within(&http, &who, &new.patient)?;
    if http.board().devices.get(&device).is_some_and(|device| device.revoked) {
        let detail = format!("{device} was revoked: nothing it sends is taken");
        return Err(Problem::new(StatusCode::CONFLICT, detail));
    }
    let table = http.signals();
    let NewBinding { patient, from, zero_means_no_sensor } = new;
    let now = http.app.handles.clock.wall();
    if let Some(from) = from.filter(|from| *from > now + CLOCKS_APART) {
        let detail = format!("`from` is {from}, and now it is {now}: bind when it begins");
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    let named = |names: Vec<String>| {
        names.iter().map(|name| signal(&table, name)).collect::<Result<Vec<_>, Problem>>()
    };
    let zero_means_no_sensor = zero_means_no_sensor.map(named).transpose()?;
    let replaces = version_seen(&headers, BINDING)?;
    let action = Action::Bind { device, patient, from, zero_means_no_sensor, replaces };
    ask_one(&http, &who, action, StatusCode::OK).await
}

/// `DELETE devices/{id}/binding`: end it now; `If-Match` names the version ended.
pub(crate) async fn unbind(
    State(http): State<Ctx>,
    who: Who,
    Id(device): Id<DeviceId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    who.may(Right::ChangePatients)?;
    within(&http, &who, &device)?;
    let replaces = version_seen(&headers, BINDING)?;
    ask_one(&http, &who, Action::Unbind { device, replaces }, StatusCode::OK).await
}

/// `PATCH devices/{id}/binding`: the present binding was another patient's from its start. `If-Match`
/// names the version corrected.
pub(crate) async fn correct_binding(
    State(http): State<Ctx>,
    who: Who,
    Id(device): Id<DeviceId>,
    headers: HeaderMap,
    Body(correction): Body<Correction>,
) -> Result<Response, Problem> {
    who.may(Right::ChangePatients)?;
    within(&http, &who, &device)?;
    let Correction { patient, reason } = correction;
    if let Some(patient) = &patient {
        patients::within(&http, &who, patient)?;
    }
    let board = http.board();
    let last = board.devices.get(&device).and_then(|device| device.bindings.last());
    if last.is_some_and(|last| !who.scope.has_binding(&board, last)) {
        who.may_everywhere(Right::ChangePatients, "the binding of a patient who is elsewhere")?;
    }
    let replaces = version_seen(&headers, BINDING)?;
    let action = Action::CorrectBinding { device, patient, reason, replaces };
    ask_one(&http, &who, action, StatusCode::OK).await
}

/// By how much the clock of whoever asks may be ahead of the gateway's.
const CLOCKS_APART: Span = Span::secs(5);
/// What `If-Match` is of, in words.
const BINDING: &str = "the binding";

/// The device, or 404: one that watches somebody elsewhere is not there for whoever is bound to wards.
pub(crate) fn find(http: &Http, who: &Who, id: &DeviceId) -> Result<Arc<DeviceView>, Problem> {
    let board = http.board();
    let own = board.devices.get(id).filter(|device| who.scope.has_device(&board, device));
    own.cloned().ok_or_else(|| Problem::missing("device", id))
}

/// Whether somebody may act on the device, as far as wards say: whether there is one is the core's to answer.
fn within(http: &Http, who: &Who, id: &DeviceId) -> Result<(), Problem> {
    if who.scope.is_limited() { find(http, who, id).map(drop) } else { Ok(()) }
}

/// The number of a signal by name or code, or 422.
pub(crate) fn signal(table: &SignalTable, name: &str) -> Result<SignalId, Problem> {
    table.find(name).map(|signal| signal.id).ok_or_else(|| {
        let detail = format!("`{name}` is not a signal of the signal table");
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    })
}

/// A device with its signals by name, and without the patients whom whoever asks may not see.
fn shown(device: &DeviceView, board: &Board, table: &SignalTable, who: &Who) -> Device {
    let sees_patients = can(who, Right::SeePatients, Place::Somewhere);
    let own = device.bindings.iter().filter(|binding| who.scope.has_binding(board, binding));
    let bindings = || own.map(Binding::from).collect();
    Device {
        bindings: sees_patients.then(bindings),
        class: device.class.clone(),
        clock_offset_ms: device.clock_offset_ms,
        connectivity: device.connectivity,
        counts: device.counts.clone(),
        expected_next: device.expected_next,
        id: device.id.clone(),
        info: info(&device.info, table),
        kind: device.kind,
        last_device_contact: device.last_device_contact,
        last_relay_contact: device.last_relay_contact,
        patient: sees_patients.then(|| device.patient.clone()),
        revoked: device.revoked,
        signals: named(&device.signals, table),
        via: device.via.clone(),
    }
}

fn info(info: &DeviceInfo, table: &SignalTable) -> Info {
    let DeviceInfo { maker, model, serial, udi, firmware, battery_percent, signals } = info.clone();
    let signals = named(&signals, table);
    Info { battery_percent, firmware, maker, model, serial, signals, udi }
}

fn named(signals: &[ExpectedSignal], table: &SignalTable) -> Vec<Signal> {
    let one = |e: &ExpectedSignal| Signal { interval: e.interval, signal: table.name(e.signal) };
    signals.iter().map(one).collect()
}

/// How often a signal comes: within what `info` may say (`docs/wire.md`).
fn interval(span: Span) -> Result<Span, Problem> {
    if Span::ZERO < span && span <= Span::days(366) {
        return Ok(span);
    }
    let detail = "`interval` must be above 0, and at most 366 days";
    Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail))
}

fn sha256(text: &str) -> Result<Vec<u8>, Problem> {
    let hash = data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).unwrap_or_default();
    if hash.len() == 32 {
        return Ok(hash);
    }
    let detail = "`token_sha256` must be 64 hexadecimal digits";
    Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail))
}
