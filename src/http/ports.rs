//! What the HTTP side reads from the store. Calls block; they run off the async threads.

use std::collections::BTreeMap;
use std::fmt;

use vitalgate_domain::model::ids::{AlarmId, DeviceId, PatientId, WardId};
use vitalgate_domain::model::message::DeadLetter;
use vitalgate_domain::model::signal::SignalId;
use vitalgate_domain::model::time::Timestamp;
use vitalgate_domain::model::unit::Unit;
use vitalgate_store::history::point::Point;
use vitalgate_store::types::{Sample, SeriesKey};

/// The store could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the store could not be read: {0}")]
pub struct ReadFailed(pub String);

/// One transition of an alarm as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedAlarm {
    /// Its number.
    pub seq: u64,
    /// Shown time.
    pub at: Timestamp,
    /// How the alarm moved.
    pub change: String,
    /// Who moved it, where a person did.
    pub actor: Option<String>,
    /// The alarm of contract §5 as compact JSON.
    pub body: String,
}

/// What an alarm was raised on, as kept with it.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptGrounds {
    /// The limits in force, as a JSON list.
    pub limits: String,
    /// Its last readings, oldest first.
    pub readings: Vec<Point>,
}

/// An act in the audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// The transition it is.
    pub seq: u64,
    /// Shown time.
    pub at: Timestamp,
    /// Who; `None` for several devices at once.
    pub actor: Option<String>,
    /// What was asked, or `not_allowed`.
    pub what: String,
    /// What became of it, unless that was erased.
    pub outcome: Option<String>,
    /// Of what is not allowed: who tried what, as JSON.
    pub tried: Option<String>,
    /// SHA-256 of the body.
    pub hash: Vec<u8>,
    /// The link of the chain.
    pub chain: Vec<u8>,
}

/// Which closed alarms.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClosedFilter {
    /// Only of this ward.
    pub ward: Option<WardId>,
    /// Only of this patient.
    pub patient: Option<PatientId>,
    /// Only those whose last transition is older than this one.
    pub before: Option<u64>,
}

/// A dead letter as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptDeadLetter {
    /// Its number, rising with arrival.
    pub n: u64,
    /// When it arrived.
    pub at: Timestamp,
    /// What it was.
    pub letter: DeadLetter,
}

/// The transitions table and the dead letters.
pub trait AlarmLog: fmt::Debug + Send + Sync {
    /// At most `limit` transitions of alarms with a number above `seq`, oldest first.
    fn after(&self, seq: u64, limit: usize) -> Result<Vec<LoggedAlarm>, ReadFailed>;

    /// Every transition of one alarm, oldest first.
    fn of_alarm(&self, id: &AlarmId) -> Result<Vec<LoggedAlarm>, ReadFailed>;

    /// What an alarm was raised on; `None` where the store does not say.
    fn grounds(&self, id: &AlarmId) -> Result<Option<KeptGrounds>, ReadFailed>;

    /// The last transition of at most `limit` closed alarms, newest first.
    fn closed(&self, filter: &ClosedFilter, limit: usize) -> Result<Vec<LoggedAlarm>, ReadFailed>;

    /// The oldest transition of any kind still kept; `None` when there is none.
    fn oldest_seq(&self) -> Result<Option<u64>, ReadFailed>;

    /// At most `limit` acts of the audit, newest first, numbered below `before`.
    fn audit(&self, before: Option<u64>, limit: usize) -> Result<Vec<Act>, ReadFailed>;

    /// At most `limit` dead letters, newest first, numbered below `before`.
    fn dead_letters(
        &self,
        device: Option<&DeviceId>,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<KeptDeadLetter>, ReadFailed>;
}

/// What a device measured from `from` (included) to `to` (excluded).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// Whose readings.
    pub device: DeviceId,
    /// From.
    pub from: Timestamp,
    /// To.
    pub to: Timestamp,
}

/// Some signals over some stretches; a patient's history is the union over the bindings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesQuery {
    /// Which devices, when.
    pub stretches: Vec<Stretch>,
    /// What.
    pub signals: Vec<SignalId>,
    /// Lead or channel; `None` is every one.
    pub instance: Option<String>,
    /// Of these series only what was measured from then on.
    pub only_from: BTreeMap<SeriesKey, Timestamp>,
}

/// Part of a series that retention took: what the store still has of it are remnants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// Which series.
    pub series: SeriesKey,
    /// From.
    pub from: Timestamp,
    /// To.
    pub to: Timestamp,
    /// Whether it ends with the last number that was taken: there was something in it.
    pub held_something: bool,
}

/// The samples of one series in `[from, to)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Bucket {
    /// Which series.
    pub series: SeriesKey,
    /// The unit of the signal table; what was sent in another unit is converted.
    pub unit: Unit,
    /// From.
    pub from: Timestamp,
    /// To.
    pub to: Timestamp,
    /// Their summary; `None` where there are none.
    pub values: Option<Summary>,
}

/// What a bucket holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// How many samples.
    pub count: u64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// The mean.
    pub mean: f64,
    /// The last.
    pub last: f64,
}

/// The history of numbers.
pub trait HistoryRead: fmt::Debug + Send + Sync {
    /// How many series the query asks for: at most so many hold anything.
    fn series(&self, query: &SeriesQuery) -> usize;

    /// What retention took of them in `[from, to)`, a part for each series and stretch. Does not wait
    /// for the disk. What is asked for after a read is true of that read.
    fn gone(&self, query: &SeriesQuery, from: Timestamp, to: Timestamp) -> Vec<Gone>;

    /// At most `limit` samples in `[from, to)` by time, then device, signal and instance.
    fn samples(
        &self,
        query: &SeriesQuery,
        from: Timestamp,
        to: Timestamp,
        limit: usize,
    ) -> Result<Vec<Sample>, ReadFailed>;

    /// `[from, to)` cut into `points` equal buckets, by time, then device, signal and instance: all
    /// of them, also the empty ones, of every series that holds anything inside.
    fn buckets(
        &self,
        query: &SeriesQuery,
        from: Timestamp,
        to: Timestamp,
        points: u32,
    ) -> Result<Vec<Bucket>, ReadFailed>;
}
