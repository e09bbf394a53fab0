//! Builds the published views from the core's machines.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::projection::view::{BindingView, Board, DeviceView, Monitored, PatientView, Vital};
use vitalgate_domain::core::configuration::Configuration;
use vitalgate_domain::core::{Changed, Core};
use vitalgate_domain::device::Device;
use vitalgate_domain::model::alarm::Alarm;
use vitalgate_domain::model::ids::{AlarmId, BedId, DeviceId, PatientId, WardId};
use vitalgate_domain::model::message::Comparator;
use vitalgate_domain::model::observation::Source;
use vitalgate_domain::model::time::{Span, Stamp};
use vitalgate_domain::patient::{Expectation, Patient, SeriesState};
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
    }
    if !changed.devices.is_empty() {
        let devices = Arc::make_mut(&mut board.devices);
        for id in &changed.devices {
            if let Some(device) = core.devices.get(id) {
                let view = device_view(device, &core.configuration.rules);
                devices.insert(id.clone(), Arc::new(view));
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
    let limits = patient.limits_at(now.at).own;
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
        limits: limits.to_vec(),
        limits_version: patient.limits_version(),
        limits_offered: patient.offered_limits().to_vec(),
        version: patient.version,
    }
}

fn monitored(patient: &Patient, core: &Core, no_device: bool, now: Stamp) -> Monitored {
    let signals = &core.configuration.signals;
    let mut why = Vec::new();
    if no_device {
        why.push("no device is bound".to_owned());
    }
    let expected = patient.expectations.len();
    // Judged lately, and of those, what an alarm can come of.
    let (mut judged, mut limited) = (0, 0);
    let mut unlimited = false;
    for expectation in &patient.expectations {
        let what = expectation.signal.map_or_else(
            || expectation.device.to_string(),
            |s| signals.get(s).map_or_else(|| signals.name(s), |s| s.label.clone()),
        );
        let has_limit = has_limit(patient, expectation, core, now);
        let has_rule = |s| core.configuration.rules.limits_of(s).next().is_some();
        if !has_limit && expectation.signal.is_some_and(has_rule) {
            unlimited = true;
            why.push(format!("{what}: no limit is in force"));
        }
        match (&expectation.rung, &expectation.doubt) {
            (None, None) if expectation.judged => {
                judged += 1;
                limited += usize::from(has_limit);
            }
            (None, None) => why.push(format!("{what}: not heard yet")),
            (_, Some(doubt)) => why.push(format!("{what}: {doubt}")),
            (Some(_), None) => why.push(format!("{what}: no data")),
        }
    }
    let refused = patient.rules_refuse(&core.configuration.rules);
    if refused {
        why.push("limits for adults are not applied: age class or pregnancy".to_owned());
    }
    if judged > 0 && limited == 0 {
        why.push("nothing that comes has a limit: no alarm can come of it".to_owned());
    }
    let state = match limited {
        _ if patient.discharged_at.is_some() || no_device => "not",
        0 => "not",
        _ if judged < expected || refused || unlimited => "partly",
        _ => "monitored",
    };
    Monitored { state, why, judged_to: now.wall() }
}

/// Whether an alarm can come of what is expected: by the limits of its signal, else by those of anything
/// that was judged of its device.
fn has_limit(patient: &Patient, expectation: &Expectation, core: &Core, now: Stamp) -> bool {
    let Configuration { signals, rules, .. } = &*core.configuration;
    let limited = |id| signals.get(id).is_some_and(|s| patient.has_limit(s, now.at, rules));
    let Some(signal) = expectation.signal else {
        let of_device = patient.series.iter().filter(|(source, state)| {
            source.device == expectation.device && state.latest.is_some()
        });
        return of_device.map(|(source, _)| source.signal).any(limited);
    };
    limited(signal)
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

#[cfg(test)]
mod tests {
    use vitalgate_domain::model::alarm::Side;
    use vitalgate_domain::model::command::{
        Action, AgeClass, Command, DeviceDetails, PatientDetails, PatientLimit, PrincipalKind,
    };
    use vitalgate_domain::model::input::Input;
    use vitalgate_domain::model::message::{Delivery, ExpectedSignal, Kind};
    use vitalgate_domain::model::time::Timestamp;
    use vitalgate_domain::model::unit::Unit;
    use vitalgate_formats::{Request, decode};

    use super::*;
    use crate::config::Config;

    /// A core in which a bedside monitor of two signals is bound to `p`.
    struct Bed {
        core: Core,
        row: u64,
    }

    impl Bed {
        fn new() -> Self {
            Self::of("bedside", &["spo2", "heart_rate"])
        }

        fn of(class: &str, signals: &[&str]) -> Self {
            let configuration: Configuration = Config::built_in().unwrap().configuration().unwrap();
            let expected = |name: &str| ExpectedSignal {
                signal: configuration.signals.find(name).unwrap().id,
                interval: None,
            };
            let signals = signals.iter().copied().map(expected).collect();
            let core = Core::new("site".parse().unwrap(), false, configuration);
            let mut bed = Self { core, row: 0 };
            bed.command(Action::AdmitPatient(PatientDetails {
                id: "p".parse().unwrap(),
                bed: None,
                age_class: AgeClass::Adult,
                pregnant: None,
                continuous: false,
            }));
            bed.command(Action::RegisterDevice(
                DeviceDetails {
                    id: "dev".parse().unwrap(),
                    class: class.to_owned(),
                    kind: PrincipalKind::Device,
                    token_sha256: None,
                    via: Vec::new(),
                    signals,
                }
                .into(),
            ));
            bed.command(Action::Bind {
                device: "dev".parse().unwrap(),
                patient: "p".parse().unwrap(),
                from: None,
                zero_means_no_sensor: None,
                replaces: None,
            });
            bed
        }

        fn now(&self) -> Stamp {
            let at = Timestamp::from_millis(1_795_255_200_000 + self.row as i64 * 1_000);
            Stamp { at, offset: Span::ZERO }
        }

        fn fold(&mut self, input: Input) {
            self.row += 1;
            self.core.fold(self.row, self.now(), &[input]);
        }

        fn command(&mut self, action: Action) {
            self.fold(Input::Command(Box::new(Command { actor: "local:test".to_owned(), action })));
        }

        /// All limits of SpO2 are switched off.
        fn temperature_off(&mut self) {
            let off = |side| PatientLimit {
                signal: "temperature".to_owned(),
                side,
                critical: false,
                value: None,
                unit: Unit::Celsius,
            };
            self.command(Action::SetLimits {
                patient: "p".parse().unwrap(),
                limits: vec![off(Side::Low), off(Side::High)],
                from: None,
                replaces: None,
                reason: Some("comfort care".to_owned()),
                only: None,
            });
        }

        fn reading(&mut self, signal: &str, value: f64, unit: &str) {
            let received = Timestamp::from_millis(self.now().at.as_micros() / 1_000 + 1_000);
            let payload = format!(
                r#"{{"seq":{},"sent_at":"{received}","clock":{{"source":"network"}},"readings":
                   [{{"at":"{received}","signal":"{signal}","value":{value},"unit":"{unit}"}}]}}"#,
                self.row
            );
            let id = "dev".parse().unwrap();
            let request = Request {
                principal: &id,
                device: &id,
                kind: Kind::Telemetry,
                payload: payload.as_bytes(),
                delivery: Delivery::default(),
                received,
                retention: Span::days(90),
                topic: "vitalgate/v1/dev/telemetry",
            };
            let decoded = decode(&request, &self.core.configuration.signals);
            assert!(decoded.dead_letter.is_none(), "{decoded:?}");
            self.fold(Input::Message(Box::new(decoded.message)));
        }

        fn expect(&self, state: &str, reasons: &[&str]) {
            let board = of(&self.core);
            let monitored = &board.patients["p"].monitored;
            let found = (monitored.state, monitored.why.len());
            assert_eq!(found, (state, reasons.len()), "{monitored:?}");
            for (why, reason) in monitored.why.iter().zip(reasons) {
                assert!(why.contains(reason), "{why}");
            }
        }
    }

    #[test]
    fn a_patient_with_only_a_scale_is_not_monitored() {
        let mut bed = Bed::of("spot", &["weight"]);
        bed.reading("weight", 80.0, "kg");
        bed.expect("not", &["nothing that comes has a limit"]);
    }

    #[test]
    fn what_a_device_sends_unasked_counts_where_it_never_said_what_it_sends() {
        let mut bed = Bed::of("bedside", &[]);
        bed.reading("weight", 80.0, "kg");
        bed.expect("not", &["nothing that comes has a limit"]);
        bed.reading("spo2", 97.0, "%");
        bed.expect("monitored", &[]);
    }

    #[test]
    fn a_signal_whose_limits_are_all_off_is_not_monitored() {
        let mut bed = Bed::of("bedside", &["temperature"]);
        bed.reading("temperature", 37.0, "Cel");
        bed.expect("monitored", &[]);
        bed.temperature_off();
        bed.expect("not", &["Temperature: no limit is in force", "nothing that comes has a limit"]);
        let mut bed = Bed::of("bedside", &["temperature", "heart_rate"]);
        bed.reading("temperature", 37.0, "Cel");
        bed.reading("heart_rate", 70.0, "/min");
        bed.temperature_off();
        bed.expect("partly", &["Temperature: no limit is in force"]);
    }

    #[test]
    fn nobody_is_monitored_without_data_or_without_judgement() {
        let mut bed = Bed::new();
        bed.expect("not", &["SpO2: not heard yet", "Heart rate: not heard yet"]);
        bed.reading("spo2", 97.0, "%");
        bed.expect("partly", &["Heart rate: not heard yet"]);
        bed.reading("heart_rate", 70.0, "/min");
        bed.expect("monitored", &[]);
        bed.command(Action::ChangePatient {
            patient: "p".parse().unwrap(),
            age_class: None,
            continuous: None,
            pregnant: Some(true),
            replaces: None,
        });
        bed.expect("partly", &["limits for adults are not applied"]);
    }
}
