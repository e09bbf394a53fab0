//! What people and programs ask of the gateway, and the answer.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

pub use super::act::AlarmAct;
use super::alarm::Alarm;
use super::ids::{AlarmId, BedId, DeviceId, PatientId, WardId};
pub use super::limit::{LimitEnd, PatientLimit};
use super::pause::{Pause, Scope};
pub use super::person_act::PersonAct;
pub use super::registration::{DeviceDetails, PrincipalKind, Registration};
use super::signal::SignalId;
use super::spo2_scale::Spo2Scale;
use super::time::Timestamp;

/// A command with its actor; journalled like any input, refused ones too.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Command {
    /// Who asks: a token's name, `local:demo` or `local:cli`.
    #[n(0)]
    pub actor: String,
    /// What.
    #[n(1)]
    pub action: Action,
}

/// What can be asked.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub enum Action {
    /// Something with an open alarm.
    #[n(0)]
    Alarm {
        /// Which.
        #[n(0)]
        id: AlarmId,
        /// The `seq` of the alarm the person saw.
        #[n(1)]
        seen: u64,
        /// What.
        #[n(2)]
        act: AlarmAct,
    },
    /// Make a ward, or keep it.
    #[n(1)]
    AddWard(#[n(0)] WardId),
    /// Make a bed in a ward, or move it there.
    #[n(2)]
    AddBed {
        /// Which bed.
        #[n(0)]
        bed: BedId,
        /// Its ward, which must exist.
        #[n(1)]
        ward: WardId,
    },
    /// Admit a patient.
    #[n(3)]
    AdmitPatient(#[n(0)] PatientDetails),
    /// Replace all that is known of a patient, the bed included; only in journals of core 1.
    #[n(4)]
    ReplacePatient(#[n(0)] PatientDetails),
    /// Move to a bed.
    #[n(5)]
    TransferPatient {
        /// Whom.
        #[n(0)]
        patient: PatientId,
        /// Where to; `None` leaves the bed.
        #[n(1)]
        bed: Option<BedId>,
        /// The version of the patient that was seen; another one refuses it.
        #[n(2)]
        replaces: Option<u64>,
    },
    /// End the stay: closes alarms, unbinds devices.
    #[n(6)]
    DischargePatient {
        /// Whom.
        #[n(0)]
        patient: PatientId,
        /// Needed while an alarm of high priority waits for an answer.
        #[n(1)]
        reason: Option<String>,
        /// The version of the patient that was seen; another one refuses it.
        #[n(2)]
        replaces: Option<u64>,
    },
    /// Replace the limits of a patient from a time on.
    #[n(7)]
    SetLimits {
        /// Whose.
        #[n(0)]
        patient: PatientId,
        /// All of them; a rule not named falls back to its pack.
        #[n(1)]
        limits: Vec<PatientLimit>,
        /// Valid for readings measured from here on; `None` is now.
        #[n(2)]
        from: Option<Timestamp>,
        /// The version replaced (`If-Match`); `None` replaces whatever stands.
        #[n(3)]
        replaces: Option<u64>,
        /// Why.
        #[n(4)]
        reason: Option<String>,
        /// These are limits of one signal: those of the others stay.
        #[n(5)]
        only: Option<String>,
    },
    /// Register a device, relay or connector, or change what is named of it: what the gateway itself asks for a
    /// broker, and older journals hold.
    #[n(8)]
    RegisterDevice(#[n(0)] Registration),
    /// Take its right to connect.
    #[n(9)]
    RevokeDevice(#[n(0)] DeviceId),
    /// Bind to a patient, or change what is named of the binding to that patient.
    #[n(10)]
    Bind {
        /// Which device.
        #[n(0)]
        device: DeviceId,
        /// To whom.
        #[n(1)]
        patient: PatientId,
        /// From when on; `None` is now. Never before a previous binding ended, and of a binding that
        /// stands never another.
        #[n(2)]
        from: Option<Timestamp>,
        /// Signals whose 0 means "no sensor" on this binding (contract §2); `None` leaves them as they
        /// are, which is none at first.
        #[n(3)]
        zero_means_no_sensor: Option<Vec<SignalId>>,
        /// The version replaced (`If-Match`); `None` replaces whatever stands.
        #[n(4)]
        replaces: Option<u64>,
    },
    /// End the binding now.
    #[n(11)]
    Unbind {
        /// Of which device.
        #[n(0)]
        device: DeviceId,
        /// The version ended (`If-Match`); `None` ends whatever stands.
        #[n(1)]
        replaces: Option<u64>,
    },
    /// State that the present binding was of another patient from its start (contract §4).
    #[n(12)]
    CorrectBinding {
        /// Which device.
        #[n(0)]
        device: DeviceId,
        /// Whose it was; `None` for nobody's.
        #[n(1)]
        patient: Option<PatientId>,
        /// Why.
        #[n(2)]
        reason: String,
        /// The version corrected (`If-Match`); `None` corrects whatever stands.
        #[n(3)]
        replaces: Option<u64>,
    },
    /// Change what is named of a patient.
    #[n(13)]
    ChangePatient {
        /// Whom.
        #[n(0)]
        patient: PatientId,
        /// Its age class.
        #[n(1)]
        age_class: Option<AgeClass>,
        /// Whether it is watched continuously.
        #[n(2)]
        continuous: Option<bool>,
        /// Whether it is pregnant.
        #[n(3)]
        pregnant: Option<bool>,
        /// The version changed (`If-Match`); `None` changes whatever stands.
        #[n(4)]
        replaces: Option<u64>,
        /// By which scale SpO2 is scored.
        #[n(5)]
        spo2_scale: Option<Spo2Scale>,
        /// Why; needed for that.
        #[n(6)]
        reason: Option<String>,
    },
    /// Change what is named of a device that is known.
    #[n(14)]
    ChangeDevice(#[n(0)] Registration),
    /// Register a device, relay or connector; one that is registered stays as it is.
    #[n(15)]
    AddDevice(#[n(0)] Registration),
    /// Pause whatever alarm begins in a scope (row 2).
    #[n(16)]
    Pause {
        /// Which alarms.
        #[n(0)]
        scope: Scope,
        /// Why.
        #[n(1)]
        reason: String,
        /// Until when, by the shown clock.
        #[n(2)]
        until: Timestamp,
    },
    /// End a pause of a scope now.
    #[n(17)]
    EndPause {
        /// Which.
        #[n(0)]
        id: u64,
    },
    /// Nothing of the core's: what a person did at the gateway, for the audit.
    #[n(18)]
    Person {
        /// What.
        #[n(0)]
        act: PersonAct,
        /// Whom or what it is about; empty where that is the person alone.
        #[n(1)]
        subject: String,
    },
    /// Hand over every alarm that one has to somebody, who must take them.
    #[n(40)]
    HandOver {
        /// To whom: a person's id, else an actor.
        #[n(0)]
        to: String,
    },
    /// Take all that somebody hands over.
    #[n(41)]
    TakeOver {
        /// Whose it was.
        #[n(0)]
        from: String,
        /// All of them, each with the `seq` that the person saw.
        #[n(1)]
        alarms: Vec<(AlarmId, u64)>,
    },
}

/// What is known of a patient.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PatientDetails {
    /// The site's pseudonymous key.
    #[n(0)]
    pub id: PatientId,
    /// Rules for adults judge adults only.
    #[n(1)]
    pub age_class: AgeClass,
    /// Watched continuously: silence becomes high.
    #[n(2)]
    pub continuous: bool,
    /// Where the patient lies.
    #[n(3)]
    pub bed: Option<BedId>,
    /// `Some(true)` refuses rule packs for adults.
    #[n(4)]
    pub pregnant: Option<bool>,
}

/// Age class of a patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum AgeClass {
    /// 18 and older.
    #[n(0)]
    Adult,
    /// A child.
    #[n(1)]
    Paediatric,
    /// A new-born.
    #[n(2)]
    Neonatal,
    /// Nobody knows it: limits for adults are not applied silently.
    #[n(3)]
    Unknown,
}

/// What became of a command; the first transition it makes.
#[derive(Clone, Debug, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct CommandAnswer {
    /// Done, already so, or refused.
    #[n(0)]
    pub outcome: Outcome,
    /// Why, or who had done it and when.
    #[n(1)]
    pub detail: String,
    /// The alarm as it is now, for commands about alarms.
    #[n(2)]
    pub alarm: Option<Alarm>,
    /// The version of what was changed, for `ETag`.
    #[n(3)]
    pub version: Option<u64>,
    /// The pause of a scope that was begun or ended.
    #[n(4)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
}

/// The three answers, the refusals by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is so now.
    #[n(0)]
    Done,
    /// It was so before.
    #[n(1)]
    AlreadySo,
    /// What it names does not exist.
    #[n(2)]
    NotFound,
    /// It does not fit the present state (409).
    #[n(3)]
    Conflict,
    /// The version seen is not the version that stands (412).
    #[n(4)]
    Stale,
    /// It makes no sense in itself (422).
    #[n(5)]
    Invalid,
}
