//! Builds the published views from the core's machines.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::projection::monitored::monitored;
use crate::projection::scores::scores;
use crate::projection::view::{BindingView, Board, DeviceView, PatientView, Vital, WaitingLimits};
use vitalgate_domain::core::{Changed, Core};
use vitalgate_domain::device::Device;
use vitalgate_domain::model::alarm::Alarm;
use vitalgate_domain::model::ids::{AlarmId, BedId, DeviceId, PatientId, WardId};
use vitalgate_domain::model::message::Comparator;
use vitalgate_domain::model::observation::Source;
use vitalgate_domain::model::time::{Span, Stamp};
use vitalgate_domain::patient::{Patient, SeriesState};
use vitalgate_domain::rules::RuleSet;
use vitalgate_domain::text;

/// A spot value is stale after so long when its class has no window of its own.
const SPOT_STALE: Span = Span::hours(12);

/// The board of a core, all of it.
pub fn of(core: &Core) -> Board {
    let mut board = Board {
        seq: core.next_seq() - 1,
        judged_to: core.now().wall(),
        simulated: core.is_simulated(),
        alarms: Arc::new(open_alarms(core)),
        ..Board::default()
    };
    let all = Changed {
        devices: core.devices.keys().cloned().collect(),
        patients: core.patients.keys().cloned().collect(),
        site: true,
    };
    refresh(&mut board, core, &all);
    board
}

/// Brings the parts of a board that changed up to the core's state.
pub fn refresh(board: &mut Board, core: &Core, changed: &Changed) {
    let now = core.now();
    if changed.site {
        board.wards = Arc::new(wards(core));
        board.pauses = core.site.pauses.clone().into();
        board.duty = core.site.duty.plan();
    }
    if !changed.devices.is_empty() {
        let devices = Arc::make_mut(&mut board.devices);
        for id in &changed.devices {
            if let Some(device) = core.devices.get(id) {
                let view = device_view(device, &core.configuration.rules);
                board.admitted += usize::from(view.is_only_admitted());
                let before = devices.insert(id.clone(), Arc::new(view));
                let was_admitted = before.is_some_and(|before| before.is_only_admitted());
                board.admitted -= usize::from(was_admitted);
            }
        }
    }
    if !changed.patients.is_empty() {
        let patients = Arc::make_mut(&mut board.patients);
        let mut bound = bound(core);
        for id in &changed.patients {
            if let Some(patient) = core.patients.get(id) {
                let devices = bound.remove(id).unwrap_or_default();
                let view = patient_view(patient, devices, core, now);
                patients.insert(id.clone(), Arc::new(view));
            }
        }
    }
}

/// Until an upgrade is committed people see what was announced to them, not what the new core holds.
pub fn show_announced(board: &mut Board, next_seq: u64, held: Vec<Alarm>) {
    board.seq = next_seq - 1;
    board.alarms = Arc::new(held.into_iter().map(|a| (a.id.clone(), Arc::new(a))).collect());
}

/// All open alarms of a core.
fn open_alarms(core: &Core) -> BTreeMap<AlarmId, Arc<Alarm>> {
    let of_patients = core.patients.values().flat_map(|p| p.alarms.iter());
    of_patients
        .chain(core.site.alarms.iter())
        .map(|(_, open)| (open.alarm.id.clone(), Arc::new(open.alarm.clone())))
        .collect()
}

fn wards(core: &Core) -> BTreeMap<WardId, Vec<BedId>> {
    let mut wards: BTreeMap<WardId, Vec<BedId>> =
        core.site.wards.iter().map(|ward| (ward.clone(), Vec::new())).collect();
    for (bed, ward) in &core.site.beds {
        wards.entry(ward.clone()).or_default().push(bed.clone());
    }
    wards
}

fn device_view(device: &Device, rules: &RuleSet) -> DeviceView {
    let class = rules.class(&device.details.class);
    let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
    for (fate, count) in device.fates().iter() {
        counts.insert(fate.as_str(), *count);
    }
    counts.insert("holes", device.holes());
    DeviceView {
        id: device.details.id.clone(),
        class: device.details.class.clone(),
        kind: device.details.kind,
        revoked: device.revoked,
        token_sha256: device.details.token_sha256.clone(),
        via: device.details.via.clone(),
        patient: device.patient().cloned(),
        bindings: device
            .bindings
            .iter()
            .map(|b| BindingView { patient: b.patient.clone(), from: b.from, to: b.to })
            .collect(),
        zero_means_no_sensor: device
            .bindings
            .last()
            .filter(|b| b.to.is_none())
            .map(|b| b.zero_means_no_sensor.clone())
            .unwrap_or_default(),
        version: device.version,
        binding_version: device.binding_version,
        connectivity: connectivity(device),
        last_device_contact: device.last_contact,
        last_relay_contact: device.last_relay_contact,
        expected_next: class.zip(device.last_contact).map(|(c, last)| c.expected_next(last)),
        clock_offset_ms: device.clock.shown_ms(),
        signals: device.expected().to_vec(),
        info: device.info.clone(),
        counts,
    }
}

/// A device that never spoke is not set up; one behind a relay is as reachable as its last word.
fn connectivity(device: &Device) -> &'static str {
    match (device.connected, device.last_contact) {
        (Some(true), _) => "connected",
        (None, Some(_)) if !device.details.via.is_empty() => "connected",
        (None, None) => "not_set_up",
        (Some(false) | None, _) => "disconnected",
    }
}

/// The devices of each patient, found in one go because only devices know of it.
fn bound(core: &Core) -> BTreeMap<&PatientId, Vec<DeviceId>> {
    let mut bound: BTreeMap<&PatientId, Vec<DeviceId>> = BTreeMap::new();
    for device in core.devices.values() {
        if let Some(patient) = device.patient() {
            bound.entry(patient).or_default().push(device.details.id.clone());
        }
    }
    bound
}

fn patient_view(patient: &Patient, devices: Vec<DeviceId>, core: &Core, now: Stamp) -> PatientView {
    let (signals, rules) = (&core.configuration.signals, &core.configuration.rules);
    PatientView {
        id: patient.details.id.clone(),
        ward: patient.ward.clone(),
        bed: patient.details.bed.clone(),
        age_class: patient.details.age_class,
        continuous: patient.details.continuous,
        pregnant: patient.details.pregnant,
        discharged_at: patient.discharged_at,
        monitored: monitored(patient, core, devices.is_empty(), now),
        vitals: patient
            .series
            .iter()
            .filter(|(_, state)| state.is_heard())
            .map(|(source, state)| vital(source, state, core, now))
            .collect(),
        devices,
        limits: patient.standing_limits(now.at, signals, rules),
        limits_version: patient.limits_version(),
        limits_offered: patient.offered_limits().to_vec(),
        limits_waiting: patient
            .waiting_limits()
            .map(|set| WaitingLimits { from: set.from, limits: set.limits.clone() })
            .collect(),
        version: patient.version,
        spo2_scale: patient.scale.as_deref().cloned(),
        scores: scores(patient, core),
    }
}

fn vital(source: &Source, state: &SeriesState, core: &Core, now: Stamp) -> Vital {
    let signals = &core.configuration.signals;
    let rules = &core.configuration.rules;
    let signal = signals.get(source.signal);
    let device = core.devices.get(&source.device);
    let window = device.and_then(|d| {
        rules.class(&d.details.class).map(|c| c.live_window_for(d.interval_of(source.signal)))
    });
    let gap = rules.limits_of(source.signal).filter(|r| !r.spot).map(|r| state.gap(r)).max();
    let stale = gap.or(window).unwrap_or(SPOT_STALE);
    let latest = state.latest.as_ref();
    Vital {
        signal: signals.name(source.signal),
        label: signal.map_or_else(|| signals.name(source.signal), |s| s.label.clone()),
        instance: source.instance.to_string(),
        device: source.device.clone(),
        value: latest.map(|l| l.number.value),
        comparator: latest.and_then(|l| l.number.comparator).map(Comparator::as_str),
        unit: latest.map(|l| l.number.unit.ucum().to_owned()),
        text: state.word.as_ref().map(|word| text::seen(&word.to_string())),
        measured_at: latest.map(|l| l.measured),
        received_at: latest.map(|l| l.received),
        stale_after: latest
            .map(|l| now.shown(l.rule_at + stale))
            .or_else(|| state.arrival.map(|arrival| now.shown(arrival + stale))),
        doubt: state.doubt.as_ref().map(ToString::to_string),
    }
}

/// The patients whose vitals are worth publishing again.
pub fn vitals_frame(view: &PatientView) -> serde_json::Value {
    serde_json::json!({
        "patient": view.id,
        "ward": view.ward,
        "bed": view.bed,
        "vitals": view.vitals,
        "monitored": view.monitored,
    })
}

/// Who of `changed` is a patient still here.
pub fn present<'a>(
    board: &'a Board,
    changed: impl IntoIterator<Item = &'a PatientId>,
) -> impl Iterator<Item = &'a Arc<PatientView>> {
    changed
        .into_iter()
        .filter_map(|id| board.patients.get(id))
        .filter(|view| view.discharged_at.is_none())
}
