//! What everybody may look at: an immutable board, published by the pipeline after each commit.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::shared_map::SharedMap;
use vitalgate_domain::device::BINDING_UNCERTAINTY;
use vitalgate_domain::model::alarm::{Alarm, AlarmKind};
use vitalgate_domain::model::command::{AgeClass, PatientLimit, PrincipalKind};
use vitalgate_domain::model::duty::DutyPlan;
use vitalgate_domain::model::ids::{AlarmId, BedId, DeviceId, PatientId, RuleId, WardId};
use vitalgate_domain::model::message::{DeviceInfo, ExpectedSignal};
use vitalgate_domain::model::pause::Pause;
use vitalgate_domain::model::signal::SignalId;
use vitalgate_domain::model::spo2_scale::PrescribedScale;
use vitalgate_domain::model::synthetic::SyntheticSeen;
use vitalgate_domain::model::time::Timestamp;
use vitalgate_domain::patient::Standing;
use vitalgate_domain::rules::news2::{Band, Input};

/// Everything readers see, as of one commit. Replaced whole, shared by parts.
#[derive(Clone, Debug, Default)]
pub struct Board {
    /// The last transition contained.
    pub seq: u64,
    /// The core has judged everything up to here (shown clock).
    pub judged_to: Timestamp,
    /// Whether the store was made by `demo` or by `--clock stream`.
    pub simulated: bool,
    /// Commits fail at present.
    pub store_failing: bool,
    /// The disk is full: nothing of devices is taken in at present.
    pub disk_full: bool,
    /// Wards and their beds.
    pub wards: Arc<BTreeMap<WardId, Vec<BedId>>>,
    /// Patients by id, discharged ones included.
    pub patients: Arc<BTreeMap<PatientId, Arc<PatientView>>>,
    /// Devices, relays and connectors by id.
    pub devices: Arc<SharedMap<DeviceId, Arc<DeviceView>>>,
    /// Of these, how many nobody registered.
    pub admitted: usize,
    /// Pauses of whatever alarm begins in a scope; those that are over may stand there for a while.
    pub pauses: Arc<[Pause]>,
    /// Who is on duty; `None` where no plan says so.
    pub duty: Option<Arc<DutyPlan>>,
    /// Open alarms by id.
    pub alarms: Arc<BTreeMap<AlarmId, Arc<Alarm>>>,
    /// Open alarms as judged while the store fails: not on the disk yet, and in place of those above.
    pub unconfirmed: Arc<BTreeMap<AlarmId, Arc<Alarm>>>,
    /// The synthetic patient, as it came out of the core last.
    pub synthetic: Option<SyntheticSeen>,
    /// Readings taken in whose judgement is not yet committed, and the age of the oldest in seconds.
    pub unjudged: (u64, f64),
}

impl Board {
    /// What people are shown of open alarms, each with whether it is on the disk.
    pub fn shown_alarms(&self) -> impl Iterator<Item = (&Alarm, bool)> {
        let confirmed = self.alarms.values().filter(|a| !self.unconfirmed.contains_key(&a.id));
        let confirmed = confirmed.map(|alarm| (&**alarm, true));
        confirmed.chain(self.unconfirmed.values().map(|alarm| (&**alarm, false)))
    }

    /// The alarms that follow from another, by the id of that one: in order.
    pub fn members(&self) -> BTreeMap<&str, Vec<AlarmId>> {
        let mut members: BTreeMap<&str, Vec<AlarmId>> = BTreeMap::new();
        for (alarm, _) in self.shown_alarms().filter(|(alarm, _)| alarm.is_open()) {
            if let Some(group) = &alarm.group {
                members.entry(group).or_default().push(alarm.id.clone());
            }
        }
        for ids in members.values_mut() {
            ids.sort();
        }
        members
    }

    /// Takes in what was judged and is not on the disk yet.
    pub(crate) fn judged_unconfirmed(&mut self, alarm: &Alarm) {
        let unconfirmed = Arc::make_mut(&mut self.unconfirmed);
        if alarm.is_open() {
            unconfirmed.insert(alarm.id.clone(), Arc::new(alarm.clone()));
        } else {
            unconfirmed.remove(&alarm.id);
        }
    }

    /// Takes in what is on the disk now.
    pub(crate) fn confirmed(&mut self, alarm: &Alarm) {
        let alarms = Arc::make_mut(&mut self.alarms);
        if alarm.is_open() {
            alarms.insert(alarm.id.clone(), Arc::new(alarm.clone()));
        } else {
            alarms.remove(&alarm.id);
        }
        if self.unconfirmed.get(&alarm.id).is_some_and(|known| known.seq <= alarm.seq) {
            Arc::make_mut(&mut self.unconfirmed).remove(&alarm.id);
        }
    }

    /// Devices that have been silent for longer than they should be.
    pub fn silent_devices(&self) -> usize {
        let silent = |alarm: &Alarm| {
            alarm.kind == AlarmKind::Technical && alarm.rule.as_str() == "link.silence"
        };
        self.alarms.values().filter(|alarm| silent(alarm)).count()
    }
}

/// One patient.
#[derive(Clone, Debug, Serialize)]
pub struct PatientView {
    /// The pseudonymous key.
    pub id: PatientId,
    /// Where.
    pub ward: Option<WardId>,
    /// Where.
    pub bed: Option<BedId>,
    /// Age class.
    pub age_class: AgeClass,
    /// Watched continuously.
    pub continuous: bool,
    /// Pregnant, where known.
    pub pregnant: Option<bool>,
    /// Present, or discharged at this time.
    pub discharged_at: Option<Timestamp>,
    /// Whether an alarm would be announced if it got worse.
    pub monitored: Monitored,
    /// Latest judged values.
    pub vitals: Vec<Vital>,
    /// Devices bound now.
    pub devices: Vec<DeviceId>,
    /// The patient's own limits, each with who put it and what holds after.
    pub limits: Vec<Standing>,
    /// Rises with every change of the limits.
    pub limits_version: u64,
    /// Those of an earlier stay, while there are no others.
    pub limits_offered: Vec<PatientLimit>,
    /// Those that are to take their place, by when.
    pub limits_waiting: Vec<WaitingLimits>,
    /// Rises with every change of the patient, or of where the patient lies.
    pub version: u64,
    /// By which scale SpO2 is scored, where somebody prescribed one.
    pub spo2_scale: Option<PrescribedScale>,
    /// The scores that are judged of the patient.
    pub scores: Vec<Score>,
}

/// A score of a patient.
#[derive(Clone, Debug, Serialize)]
pub struct Score {
    /// By which rule.
    pub rule: RuleId,
    /// Of the inputs that are known.
    pub total: u8,
    /// Whether all of them are; else the total is a lower bound.
    pub complete: bool,
    /// How grave it is, as far as it is known; `None` in no band.
    pub band: Option<Band>,
    /// Since when it is in that band, or in none.
    pub since: Option<Timestamp>,
    /// What counts of each input.
    pub inputs: Vec<ScoreInput>,
}

/// What counts of an input of a score.
#[derive(Clone, Debug, Serialize)]
pub struct ScoreInput {
    /// Which.
    pub input: Input,
    /// Its points; `None` where it is missing, as everything after it.
    pub points: Option<u8>,
    /// The signal's name.
    pub signal: Option<String>,
    /// By which device.
    pub device: Option<DeviceId>,
    /// A number, in the unit sent.
    pub value: Option<f64>,
    /// The unit sent.
    pub unit: Option<String>,
    /// A word.
    pub text: Option<String>,
    /// When it was measured, corrected.
    pub measured_at: Option<Timestamp>,
    /// When it will be too old.
    pub until: Option<Timestamp>,
}

/// Limits that were put for a later time.
#[derive(Clone, Debug, Serialize)]
pub struct WaitingLimits {
    /// When they come into force.
    pub from: Timestamp,
    /// All of the patient's own from then on.
    pub limits: Vec<PatientLimit>,
}

/// `monitored` of a patient (contract §6).
#[derive(Clone, Debug, Serialize)]
pub struct Monitored {
    /// `monitored`, `partly` or `not`.
    pub state: &'static str,
    /// Why not fully.
    pub why: Vec<String>,
    /// Judged up to here.
    pub judged_to: Timestamp,
}

/// The latest judged value of one series.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Vital {
    /// The signal's name.
    pub signal: String,
    /// Its label for people.
    pub label: String,
    /// Lead or channel.
    pub instance: String,
    /// Which device.
    pub device: DeviceId,
    /// The value, in the unit sent; `null` for codes and texts, and before any value was judged.
    pub value: Option<f64>,
    /// `<`, `<=`, `>=` or `>`.
    pub comparator: Option<&'static str>,
    /// The unit sent.
    pub unit: Option<String>,
    /// Codes and texts.
    pub text: Option<String>,
    /// When it was measured, corrected.
    pub measured_at: Option<Timestamp>,
    /// When it arrived.
    pub received_at: Option<Timestamp>,
    /// After this the value is stale.
    pub stale_after: Option<Timestamp>,
    /// Why the latest reading was not judged, if it was not.
    pub doubt: Option<String>,
}

/// One device, relay or connector.
#[derive(Clone, Debug, Serialize)]
pub struct DeviceView {
    /// Its id.
    pub id: DeviceId,
    /// Its class.
    pub class: String,
    /// Device, relay or connector.
    pub kind: PrincipalKind,
    /// Whether it may connect.
    pub revoked: bool,
    /// SHA-256 of its token; never sent to anybody.
    #[serde(skip)]
    pub token_sha256: Option<Vec<u8>>,
    /// Who may speak for it.
    pub via: Vec<DeviceId>,
    /// Bound to this patient now.
    pub patient: Option<PatientId>,
    /// Every binding, the open one last.
    pub bindings: Vec<BindingView>,
    /// Signals whose 0 means "no sensor" on the binding that stands.
    #[serde(skip)]
    pub zero_means_no_sensor: Vec<SignalId>,
    /// The version of its registration.
    #[serde(skip)]
    pub version: u64,
    /// The version of its bindings.
    #[serde(skip)]
    pub binding_version: u64,
    /// `connected`, `disconnected`, `not_set_up`, …
    pub connectivity: &'static str,
    /// Last message of its own.
    pub last_device_contact: Option<Timestamp>,
    /// Last time its relay spoke.
    pub last_relay_contact: Option<Timestamp>,
    /// When something should come.
    pub expected_next: Option<Timestamp>,
    /// Offset of its clock against the gateway's, in milliseconds, once established.
    pub clock_offset_ms: Option<i64>,
    /// What it expects to send.
    pub signals: Vec<ExpectedSignal>,
    /// What it says of itself.
    pub info: DeviceInfo,
    /// Readings and messages by fate.
    pub counts: BTreeMap<&'static str, u64>,
}

/// The class of whoever nobody gave one.
pub const UNKNOWN_CLASS: &str = "unknown";

impl DeviceView {
    /// Whether nobody registered it: it was only let in.
    pub fn is_only_admitted(&self) -> bool {
        self.kind == PrincipalKind::Device && self.class == UNKNOWN_CLASS
    }
}

impl DeviceView {
    /// Whose a reading measured then is; nobody's within the uncertainty of a change of patient.
    pub fn patient_at(&self, measured: Timestamp) -> Option<&PatientId> {
        let near = |a: Timestamp, b: Timestamp| {
            (a - b).as_micros().abs() < BINDING_UNCERTAINTY.as_micros()
        };
        let uncertain = self.bindings.windows(2).any(|pair| {
            let [before, after] = pair else { return false };
            let both = before.patient.is_some() && after.patient.is_some();
            let Some(end) = before.to.filter(|_| both && before.patient != after.patient) else {
                return false;
            };
            (near(measured, end) || near(measured, after.from)) && near(end, after.from)
        });
        let held = |b: &&BindingView| b.from <= measured && b.to.is_none_or(|to| measured < to);
        self.bindings.iter().rev().find(held).filter(|_| !uncertain)?.patient.as_ref()
    }
}

/// A device was this patient's from `from` to `to`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BindingView {
    /// Whose; `None` after a correction to nobody.
    pub patient: Option<PatientId>,
    /// From.
    pub from: Timestamp,
    /// To; `None` while it lasts.
    pub to: Option<Timestamp>,
}
