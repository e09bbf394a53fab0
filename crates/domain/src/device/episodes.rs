//! Which events a device has reported already (contract §2, `events`).

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};

use crate::model::ids::PatientId;
use crate::model::message::Phase;
use crate::model::time::Timestamp;

/// Episodes remembered by device; implants repeat a few, for days.
const REMEMBERED: usize = 256;

/// The episodes one device has reported.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct Episodes {
    #[n(0)]
    reported: BTreeMap<EpisodeKey, Reported>,
}

/// What makes an event the same event: the device's own number of it, else its time by the device's
/// clock, else its place in the device's messages, else its arrival.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub(super) enum EpisodeKey {
    /// Event and id.
    #[n(0)]
    Numbered(#[n(0)] String, #[n(1)] String),
    /// Event and time.
    #[n(1)]
    Timed(#[n(0)] String, #[n(1)] Timestamp),
    /// Event; boot, number and index of its message.
    #[n(2)]
    Placed(#[n(0)] String, #[n(1)] Option<u64>, #[n(2)] u64, #[n(3)] u32),
    /// Event, arrival and index.
    #[n(3)]
    Arrived(#[n(0)] String, #[n(1)] Timestamp, #[n(2)] u32),
    /// Event, id and time, of one whose id another has taken since.
    #[n(4)]
    Former(#[n(0)] String, #[n(1)] String, #[n(2)] Timestamp),
}

/// One report of an event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Report {
    pub(super) phase: Phase,
    /// Of which `boot` of its device.
    pub(super) boot: Option<u64>,
    /// By the device's clock.
    pub(super) at: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct Reported {
    #[n(0)]
    phase: u8,
    /// When it was reported last.
    #[n(1)]
    last: Timestamp,
    /// For whom it was judged.
    #[n(2)]
    #[cbor(default)]
    patient: Option<PatientId>,
    /// Under which `boot` it was judged first.
    #[n(3)]
    #[cbor(default)]
    boot: Option<u64>,
    /// When it began, by the device's clock.
    #[n(4)]
    #[cbor(default)]
    at: Option<Timestamp>,
    /// When it ended, by the device's clock.
    #[n(5)]
    #[cbor(default)]
    ended: Option<Timestamp>,
    /// Whom else its end was judged for.
    #[n(6)]
    #[cbor(default)]
    ended_for: Option<PatientId>,
}

impl Reported {
    /// Whether a report of the same id is of another episode: ids are counted anew after a restart, and used again.
    fn is_before(&self, report: Report) -> bool {
        let Some(at) = report.at.filter(|at| self.at != Some(*at)) else { return false };
        let restarted = report.phase != Phase::Update
            && self.at.is_some()
            && self.boot.zip(report.boot).is_some_and(|(before, now)| now > before);
        restarted || self.ended.is_some_and(|ended| at > ended)
    }
}

impl Episodes {
    /// The key of an event once it is judged: where another took its id since, its own; where it takes the id of another,
    /// that one makes way.
    pub(super) fn settle(&mut self, key: EpisodeKey, report: Report) -> EpisodeKey {
        let (EpisodeKey::Numbered(name, id), Some(at), true) =
            (&key, report.at, report.phase != Phase::End)
        else {
            return key;
        };
        let former = |at| EpisodeKey::Former(name.clone(), id.clone(), at);
        if self.reported.contains_key(&former(at)) {
            return former(at);
        }
        let before = self.reported.get(&key).filter(|reported| reported.is_before(report));
        if let Some(began) = before.and_then(|reported| reported.at.or(reported.ended))
            && let Some(reported) = self.reported.remove(&key)
        {
            self.reported.insert(former(began), reported);
        }
        key
    }

    /// Whether this is news for a patient: an event is used up when it was judged for that patient.
    pub(super) fn is_news(&self, key: &EpisodeKey, phase: Phase, patient: &PatientId) -> bool {
        self.reported.get(key).is_none_or(|reported| {
            let ended = reported.phase == ONLY_ENDED && phase == Phase::End;
            let is_others = reported.patient.as_ref().is_some_and(|p| p != patient);
            let has_ended = phase == Phase::End && reported.ended_for.as_ref() == Some(patient);
            !has_ended && ((rank(phase) > reported.phase && !ended) || is_others)
        })
    }

    /// Whether its end was heard, whoever heard of it.
    pub(super) fn has_ended(&self, key: &EpisodeKey) -> bool {
        self.reported.get(key).is_some_and(|reported| {
            let ended = [ONLY_ENDED, rank(Phase::End)].contains(&reported.phase);
            ended || reported.ended_for.is_some()
        })
    }

    /// Its end was heard: before its start, it says that the start will be of something over.
    pub(super) fn note_end(
        &mut self,
        key: EpisodeKey,
        certain: bool,
        ended: Option<Timestamp>,
        patient: &PatientId,
        now: Timestamp,
    ) {
        let heard = self.reported.get(&key).is_some_and(|reported| reported.phase > ONLY_ENDED);
        // An end that cannot be used yet is heard again.
        if !certain {
            return;
        }
        let others = |reported: &&mut Reported| {
            heard && reported.patient.as_ref().is_some_and(|p| p != patient)
        };
        let reported = if let Some(reported) = self.reported.get_mut(&key).filter(others) {
            // It stays used up for whom it was judged.
            (reported.ended_for, reported.last) = (Some(patient.clone()), now);
            reported
        } else {
            let phase = if heard { rank(Phase::End) } else { ONLY_ENDED };
            self.set(key, phase, patient, now)
        };
        reported.ended = ended.or(reported.ended);
    }

    /// Events of these names were told of the wrong patient: to the right one a repetition is no news.
    pub(super) fn belong_to(&mut self, names: &[String], wrong: &PatientId, right: &PatientId) {
        let told =
            |(_, reported): &(&EpisodeKey, &mut Reported)| reported.patient.as_ref() == Some(wrong);
        for (key, reported) in self.reported.iter_mut().filter(told) {
            let (EpisodeKey::Numbered(name, _)
            | EpisodeKey::Timed(name, _)
            | EpisodeKey::Placed(name, ..)
            | EpisodeKey::Arrived(name, ..)
            | EpisodeKey::Former(name, ..)) = key;
            // What has ended has ended, whoever it was told of.
            if names.contains(name) || reported.phase != rank(Phase::Start) {
                reported.patient = Some(right.clone());
            }
            if !names.contains(name) && reported.phase == rank(Phase::End) {
                reported.phase = ONLY_ENDED;
            }
        }
    }

    /// A repetition refreshes "last reported".
    pub(super) fn repeat(&mut self, key: &EpisodeKey, now: Timestamp) {
        if let Some(reported) = self.reported.get_mut(key) {
            reported.last = now;
        }
    }

    /// It was judged for a patient.
    pub(super) fn note(
        &mut self,
        key: EpisodeKey,
        report: Report,
        patient: &PatientId,
        now: Timestamp,
    ) {
        let reported = self.set(key, rank(report.phase), patient, now);
        (reported.boot, reported.at) = (report.boot, report.at);
    }

    fn set(
        &mut self,
        key: EpisodeKey,
        phase: u8,
        patient: &PatientId,
        now: Timestamp,
    ) -> &mut Reported {
        if self.reported.len() >= REMEMBERED && !self.reported.contains_key(&key) {
            let oldest = self.reported.iter().min_by_key(|(_, t)| t.last);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                self.reported.remove(&oldest);
            }
        }
        let new = Reported {
            phase,
            last: now,
            patient: None,
            boot: None,
            at: None,
            ended: None,
            ended_for: None,
        };
        let reported = self.reported.entry(key).or_insert(new);
        (reported.phase, reported.last) = (phase, now);
        reported.patient = Some(patient.clone());
        reported
    }
}

/// Nothing of an episode was heard but that it ended.
const ONLY_ENDED: u8 = 0;

/// How far an episode has gone.
fn rank(phase: Phase) -> u8 {
    match phase {
        Phase::Single | Phase::Start | Phase::Update => 1,
        Phase::End => 3,
    }
}
