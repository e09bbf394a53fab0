//! What the pipeline publishes after a commit: an immutable board and a sequenced ring of events.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::watch;

use crate::domain::alarm::{Alarm, AlarmOnWire};
use crate::domain::command::{AgeClass, PatientLimit, PrincipalKind};
use crate::domain::ids::{AlarmId, BedId, DeviceId, PatientId, WardId};
use crate::domain::message::{DeviceInfo, ExpectedSignal};
use crate::domain::time::Timestamp;

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
    /// Wards and their beds.
    pub wards: Arc<BTreeMap<WardId, Vec<BedId>>>,
    /// Patients by id, discharged ones included.
    pub patients: Arc<BTreeMap<PatientId, Arc<PatientView>>>,
    /// Devices, relays and connectors by id.
    pub devices: Arc<BTreeMap<DeviceId, Arc<DeviceView>>>,
    /// Open alarms by id.
    pub alarms: Arc<BTreeMap<AlarmId, Arc<Alarm>>>,
    /// Readings taken in whose judgement is not yet committed, and the age of the oldest in seconds.
    pub unjudged: (u64, f64),
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
    /// Pregnant, where said.
    pub pregnant: Option<bool>,
    /// Present, or discharged at this time.
    pub discharged_at: Option<Timestamp>,
    /// Whether somebody would be told if it got worse.
    pub monitored: Monitored,
    /// Latest judged values.
    pub vitals: Vec<Vital>,
    /// Devices bound now.
    pub devices: Vec<DeviceId>,
    /// The patient's own limits, and their version.
    pub limits: Vec<PatientLimit>,
    /// Rises with every change of the limits.
    pub limits_version: u64,
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

/// The alarm of contract §5 as compact JSON.
pub fn alarm_json(alarm: &Alarm, confirmed: bool) -> String {
    serde_json::to_string(&AlarmOnWire::new(alarm, confirmed)).unwrap_or_default()
}

/// One server-sent event, serialised once for everybody.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Place in the ring, rising by one.
    pub index: u64,
    /// `alarm`, `vitals`, `device` or `heartbeat`.
    pub event: &'static str,
    /// The transition's number; `None` for what is not committed or not an alarm.
    pub seq: Option<u64>,
    /// Which ward it concerns, for filters.
    pub ward: Option<WardId>,
    /// Which patient it concerns.
    pub patient: Option<PatientId>,
    /// The JSON.
    pub data: Bytes,
}

/// How many frames the ring holds: 4,096 are some 8 MiB of alarms and minutes of a busy ward.
const RING_FRAMES: usize = 4_096;

/// The ring of recent frames: one writer, any number of cursors.
#[derive(Debug)]
pub struct Ring {
    frames: Mutex<VecDeque<Frame>>,
    newest: watch::Sender<u64>,
}

impl Default for Ring {
    fn default() -> Self {
        Self {
            frames: Mutex::new(VecDeque::with_capacity(RING_FRAMES)),
            newest: watch::channel(0).0,
        }
    }
}

/// What a cursor finds.
#[derive(Debug)]
pub enum Found {
    /// Frames after the cursor, oldest first; possibly none.
    Frames(Vec<Frame>),
    /// The cursor fell off the ring.
    Lost,
}

impl Ring {
    /// Appends frames made from `(event, seq, ward, patient, data)`, and wakes the readers once.
    pub fn publish(&self, frames: impl IntoIterator<Item = Frame>) {
        let mut ring = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
        let mut index = *self.newest.borrow();
        for mut frame in frames {
            index += 1;
            frame.index = index;
            if ring.len() == RING_FRAMES {
                ring.pop_front();
            }
            ring.push_back(frame);
        }
        drop(ring);
        self.newest.send_replace(index);
    }

    /// Index of the newest frame, and a way to wait for more.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// At most `limit` frames with an index above `after`.
    pub fn after(&self, after: u64, limit: usize) -> Found {
        let ring = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(first) = ring.front().map(|f| f.index) else {
            return Found::Frames(Vec::new());
        };
        if after + 1 < first {
            return Found::Lost;
        }
        let skip = (after + 1 - first) as usize;
        Found::Frames(ring.iter().skip(skip).take(limit).cloned().collect())
    }

    /// Index after which every alarm frame newer than transition `seq` lies, if the ring reaches back that far.
    pub fn index_of_seq(&self, seq: u64) -> Option<u64> {
        let ring = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
        ring.iter().rev().find(|f| f.seq.is_some_and(|s| s <= seq)).map(|f| f.index)
    }
}
