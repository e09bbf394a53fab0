//! What people and programs ask of the gateway, and the answer.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

pub use super::act::AlarmAct;
use super::alarm::{Alarm, Side};
use super::ids::{AlarmId, BedId, DeviceId, PatientId, WardId};
use super::message::ExpectedSignal;
use super::pause::{Pause, Scope};
use super::signal::SignalId;
use super::time::Timestamp;
use super::unit::Unit;

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

/// What a person does that is about people, or only looks.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum PersonAct {
    /// Signed in by name.
    #[n(0)]
    SignIn,
    /// Signed out.
    #[n(1)]
    SignOut,
    /// Was signed out, for the session was over.
    #[n(2)]
    SessionOver,
    /// Gave somebody an account.
    #[n(3)]
    AddPerson,
    /// Changed what somebody may, or where.
    #[n(4)]
    ChangePerson,
    /// Let somebody in no more.
    #[n(5)]
    DisablePerson,
    /// Let somebody in again.
    #[n(6)]
    EnablePerson,
    /// Gave somebody a link to set a password.
    #[n(7)]
    InvitePerson,
    /// Set a password.
    #[n(8)]
    SetPassword,
    /// Made a token for a program.
    #[n(9)]
    AddToken,
    /// Took it back.
    #[n(10)]
    RevokeToken,
    /// Looked at a patient; once an hour.
    #[n(11)]
    SeePatient,
    /// Looked at the patients of wards; once an hour.
    #[n(12)]
    SeeWards,
    /// Set a PIN for stations, or took it back.
    #[n(13)]
    SetPin,
    /// Of a station: somebody gave a PIN there that is not that of the name.
    #[n(14)]
    WrongPin,
    /// Gave their PIN at a station.
    #[n(15)]
    Unlock,
    /// Signed the act that follows, at a station.
    #[n(16)]
    Sign,
    /// Made a station.
    #[n(17)]
    AddStation,
    /// Gave a link by which a browser becomes a station.
    #[n(18)]
    LinkStation,
    /// Of a station: a browser became it.
    #[n(19)]
    BecomeStation,
    /// Took a station back.
    #[n(20)]
    RemoveStation,
    /// Put another plan of duty in force.
    #[n(21)]
    ChangePlan,
}

impl PersonAct {
    /// Its word in the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::SignOut => "sign_out",
            Self::SessionOver => "session_over",
            Self::AddPerson => "add_person",
            Self::ChangePerson => "change_person",
            Self::DisablePerson => "disable_person",
            Self::EnablePerson => "enable_person",
            Self::InvitePerson => "invite_person",
            Self::SetPassword => "set_password",
            Self::AddToken => "add_token",
            Self::RevokeToken => "revoke_token",
            Self::SeePatient => "see_patient",
            Self::SeeWards => "see_wards",
            Self::SetPin => "set_pin",
            Self::WrongPin => "wrong_pin",
            Self::Unlock => "unlock",
            Self::Sign => "sign",
            Self::AddStation => "add_station",
            Self::LinkStation => "link_station",
            Self::BecomeStation => "become_station",
            Self::RemoveStation => "remove_station",
            Self::ChangePlan => "change_plan",
        }
    }
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

/// One limit of a patient, in place of the pack's.
#[derive(Clone, Debug, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct PatientLimit {
    /// The signal's name; applies to every limit rule over it.
    #[n(0)]
    pub signal: String,
    /// Low or high.
    #[n(1)]
    pub side: Side,
    /// Whether it is the critical limit.
    #[n(2)]
    #[serde(default)]
    pub critical: bool,
    /// The limit; `None` switches it off, which needs a reason.
    #[n(3)]
    pub value: Option<f64>,
    /// Its unit.
    #[n(4)]
    pub unit: Unit,
    /// When it ends, by the shown clock; `None` is with the stay.
    #[n(5)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The same once it is put.
    #[n(6)]
    #[serde(skip)]
    pub ends: Option<LimitEnd>,
}

/// The end of a limit that was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct LimitEnd {
    /// In the gateway's own time, which no step of the clock moves.
    #[n(0)]
    pub at: Timestamp,
    /// When it is told that it is near, if it is.
    #[n(1)]
    pub told_at: Option<Timestamp>,
}

impl PatientLimit {
    /// Whether a person asks for the same by both.
    pub fn is_same(&self, other: &Self) -> bool {
        Self { ends: None, ..self.clone() } == Self { ends: None, ..other.clone() }
    }

    /// Whether both are of one signal, side and level.
    pub fn is_in_place_of(&self, other: &Self) -> bool {
        (&self.signal, self.side, self.critical) == (&other.signal, other.side, other.critical)
    }

    /// Whether it still holds at an instant of the gateway's own time, having begun before.
    pub fn holds_at(&self, at: Timestamp) -> bool {
        self.ends.is_none_or(|end| end.at > at)
    }
}

/// What kind of principal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum PrincipalKind {
    /// Publishes under its own id.
    #[default]
    #[n(0)]
    Device,
    /// Publishes for the devices registered `via` it, and of itself.
    #[n(1)]
    Relay,
    /// A maker's cloud: like a relay.
    #[n(2)]
    Connector,
}

/// What is registered of a device.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct DeviceDetails {
    /// Its id.
    #[n(0)]
    pub id: DeviceId,
    /// The class in `config/rules.toml` that sets its intervals and silence ladder.
    #[n(1)]
    pub class: String,
    /// Device, relay or connector.
    #[n(2)]
    pub kind: PrincipalKind,
    /// SHA-256 of its token; `None` keeps the one it has.
    #[n(3)]
    pub token_sha256: Option<Vec<u8>>,
    /// Relays and connectors that may speak for it.
    #[n(4)]
    pub via: Vec<DeviceId>,
    /// Signals expected of it; empty takes those of its `info`, else any signal counts.
    #[n(5)]
    pub signals: Vec<ExpectedSignal>,
}

/// What is named of a device to be registered or changed; what is `None` stays as it is. The numbers are
/// those of [`DeviceDetails`], all of which older journals hold.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Registration {
    /// Its id.
    #[n(0)]
    pub id: DeviceId,
    /// Its class, needed for a device nobody knows.
    #[n(1)]
    pub class: Option<String>,
    /// Device, relay or connector; a device at first.
    #[n(2)]
    pub kind: Option<PrincipalKind>,
    /// SHA-256 of its token.
    #[n(3)]
    pub token_sha256: Option<Vec<u8>>,
    /// Relays and connectors that may speak for it.
    #[n(4)]
    pub via: Option<Vec<DeviceId>>,
    /// Signals expected of it.
    #[n(5)]
    pub signals: Option<Vec<ExpectedSignal>>,
    /// The version replaced (`If-Match`); `None` replaces whatever stands.
    #[n(6)]
    pub replaces: Option<u64>,
    /// Whoever asks may say how a device is judged (class and signals) only while it is bound to nobody.
    #[n(7)]
    #[cbor(default, skip_if = "std::ops::Not::not")]
    pub while_unbound: bool,
}

impl From<DeviceDetails> for Registration {
    /// All of it is named.
    fn from(details: DeviceDetails) -> Self {
        let DeviceDetails { id, class, kind, token_sha256, via, signals } = details;
        Self {
            id,
            class: Some(class),
            kind: Some(kind),
            token_sha256,
            via: Some(via),
            signals: Some(signals),
            replaces: None,
            while_unbound: false,
        }
    }
}

impl Registration {
    /// What is registered with it, after what was; `None` where the class is missing.
    pub fn after(&self, before: Option<&DeviceDetails>) -> Option<DeviceDetails> {
        let before = before.cloned();
        let class = self.class.clone();
        let (token, via, signals) = (&self.token_sha256, &self.via, &self.signals);
        Some(match before {
            Some(before) => DeviceDetails {
                class: class.unwrap_or(before.class),
                kind: self.kind.unwrap_or(before.kind),
                token_sha256: token.clone().or(before.token_sha256),
                via: via.clone().unwrap_or(before.via),
                signals: signals.clone().unwrap_or(before.signals),
                id: before.id,
            },
            None => DeviceDetails {
                id: self.id.clone(),
                class: class?,
                kind: self.kind.unwrap_or_default(),
                token_sha256: token.clone(),
                via: via.clone().unwrap_or_default(),
                signals: signals.clone().unwrap_or_default(),
            },
        })
    }
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
