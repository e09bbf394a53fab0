//! The events that streams publish: the pipeline puts them in after each commit, any number of cursors read.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::watch;

use crate::clock::Stopwatch;
use vitalgate_domain::model::alarm::Priority;
use vitalgate_domain::model::ids::{DeviceId, PatientId, WardId};

/// One server-sent event, serialised once for everybody.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Given by the ring, rising by one with every frame.
    pub index: u64,
    /// `alarm`, `vitals`, `device` or `heartbeat`.
    pub event: &'static str,
    /// The transition's number; `None` for what is not committed or not an alarm.
    pub seq: Option<u64>,
    /// Somebody went from one ward to another: both must see it.
    pub moved: bool,
    /// Which ward it concerns, for filters.
    pub ward: Option<WardId>,
    /// Which patient it concerns.
    pub patient: Option<PatientId>,
    /// Which device, where it is one that is told of.
    pub device: Option<DeviceId>,
    /// Of an alarm raised now: its priority, and the time since it was durable.
    pub raised: Option<(Priority, Stopwatch)>,
    /// The JSON.
    pub data: Bytes,
}

/// How many alarms, devices and heartbeats the ring holds: some 8 MiB of alarms, and hours of a
/// ward's.
const RING_FRAMES: usize = 4_096;
/// Of how many patients the newest vitals are held; of more, the longest silent is dropped first.
const RING_PATIENTS: usize = 16_384;

/// The recent frames: one writer, any number of cursors.
///
/// Alarms, devices and heartbeats stand in the order they came. Of a patient's vitals only the
/// newest is held, so that no number of patients pushes an alarm out.
#[derive(Debug)]
pub struct Ring {
    held: Mutex<Held>,
    newest: watch::Sender<u64>,
    watched: Mutex<Watched>,
}

/// What open streams show: every ward, or some.
#[derive(Debug, Default)]
struct Watched {
    everywhere: usize,
    wards: BTreeMap<WardId, usize>,
}

/// An open stream; the wards it shows are watched until it is dropped.
#[derive(Debug)]
pub struct Watching {
    ring: Arc<Ring>,
    wards: Option<BTreeSet<WardId>>,
}

#[derive(Debug, Default)]
struct Held {
    frames: VecDeque<Frame>,
    /// Index of the newest frame that fell off `frames`.
    gone: u64,
    vitals: BTreeMap<u64, Frame>,
    /// Where in `vitals` a patient's stand.
    newest_of: BTreeMap<Option<PatientId>, u64>,
}

impl Default for Ring {
    fn default() -> Self {
        Self { held: Mutex::default(), newest: watch::channel(0).0, watched: Mutex::default() }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let mut watched = self.ring.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(wards) = &self.wards else {
            watched.everywhere -= 1;
            return;
        };
        for ward in wards {
            if let Some(count) = watched.wards.get_mut(ward) {
                *count -= 1;
                if *count == 0 {
                    watched.wards.remove(ward);
                }
            }
        }
    }
}

/// What a cursor finds.
#[derive(Debug)]
pub enum Found {
    /// Frames after the cursor, oldest first; possibly none.
    Frames(Vec<Frame>),
    /// The cursor fell off the ring: the frames up to and with this index are gone.
    Lost(u64),
}

impl Ring {
    /// A stream opens that shows these wards, or all of them.
    pub fn enter(self: &Arc<Self>, wards: Option<BTreeSet<WardId>>) -> Watching {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        match &wards {
            None => watched.everywhere += 1,
            Some(wards) => {
                for ward in wards {
                    *watched.wards.entry(ward.clone()).or_default() += 1;
                }
            }
        }
        drop(watched);
        Watching { ring: Arc::clone(self), wards }
    }

    /// Whether some open stream shows this ward.
    pub fn is_watched(&self, ward: &WardId) -> bool {
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.everywhere > 0 || watched.wards.contains_key(ward)
    }

    /// Takes frames in, gives each its index, and wakes the readers once.
    pub fn publish(&self, frames: impl IntoIterator<Item = Frame>) {
        let mut held = self.held();
        let mut index = *self.newest.borrow();
        for mut frame in frames {
            index += 1;
            frame.index = index;
            match frame.event {
                "vitals" => held.keep_vitals(frame),
                _ => held.push(frame),
            }
        }
        drop(held);
        self.newest.send_replace(index);
    }

    /// Index of the newest frame, and a way to wait for more.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// At most `limit` alarms, devices and heartbeats with an index above `after`.
    pub fn after(&self, after: u64, limit: usize) -> Found {
        let held = self.held();
        if after < held.gone {
            return Found::Lost(held.gone);
        }
        let first = held.frames.partition_point(|frame| frame.index <= after);
        Found::Frames(held.frames.range(first..).take(limit).cloned().collect())
    }

    /// At most `limit` vitals with an index above `after`, oldest first, one of a patient.
    pub fn vitals_after(&self, after: u64, limit: usize) -> Vec<Frame> {
        let held = self.held();
        held.vitals.range(after + 1..).take(limit).map(|(_, frame)| frame.clone()).collect()
    }

    /// Index after which every alarm frame newer than transition `seq` lies, if the ring reaches back that far.
    pub fn index_of_seq(&self, seq: u64) -> Option<u64> {
        let held = self.held();
        held.frames.iter().rev().find(|f| f.seq.is_some_and(|s| s <= seq)).map(|f| f.index)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn push(&mut self, frame: Frame) {
        if self.frames.len() == RING_FRAMES
            && let Some(oldest) = self.frames.pop_front()
        {
            self.gone = oldest.index;
        }
        self.frames.push_back(frame);
    }

    fn keep_vitals(&mut self, frame: Frame) {
        if let Some(older) = self.newest_of.insert(frame.patient.clone(), frame.index) {
            self.vitals.remove(&older);
        }
        self.vitals.insert(frame.index, frame);
        if self.vitals.len() > RING_PATIENTS
            && let Some((_, oldest)) = self.vitals.pop_first()
        {
            self.newest_of.remove(&oldest.patient);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(event: &'static str, patient: &str, seq: Option<u64>) -> Frame {
        let patient = Some(patient.parse().unwrap());
        Frame {
            index: 0,
            event,
            seq,
            moved: false,
            ward: None,
            patient,
            device: None,
            raised: None,
            data: Bytes::new(),
        }
    }

    #[test]
    fn a_ward_is_watched_while_a_stream_that_shows_it_is_open() {
        let ring = Arc::new(Ring::default());
        let [one, two]: [WardId; 2] = ["w1", "w2"].map(|ward| ward.parse().unwrap());
        let watched = |ring: &Ring| (ring.is_watched(&one), ring.is_watched(&two));
        let everywhere = ring.enter(None);
        let first = ring.enter(Some(BTreeSet::from([one.clone()])));
        let again = ring.enter(Some(BTreeSet::from([one.clone()])));
        assert_eq!(watched(&ring), (true, true));
        drop(everywhere);
        drop(first);
        assert_eq!(watched(&ring), (true, false));
        drop(again);
        assert_eq!(watched(&ring), (false, false));
    }

    fn seqs(found: Found) -> Vec<u64> {
        match found {
            Found::Frames(frames) => frames.iter().filter_map(|f| f.seq).collect(),
            Found::Lost(gone) => panic!("lost up to {gone}"),
        }
    }

    #[test]
    fn vitals_never_push_an_alarm_out() {
        let ring = Ring::default();
        ring.publish([frame("alarm", "p-1", Some(1))]);
        for _ in 0..2 * RING_FRAMES {
            ring.publish([frame("vitals", "p-1", None), frame("vitals", "p-2", None)]);
        }
        ring.publish([frame("alarm", "p-1", Some(2))]);
        assert_eq!(seqs(ring.after(0, 9)), [1, 2]);
        assert_eq!(seqs(ring.after(1, 9)), [2]);
        assert_eq!(ring.index_of_seq(1), Some(1));
    }

    #[test]
    fn of_a_patients_vitals_the_newest_is_found_once() {
        let ring = Ring::default();
        for patient in ["p-1", "p-2", "p-1", "p-3"] {
            ring.publish([frame("vitals", patient, None)]);
        }
        let after = |after, limit| -> Vec<u64> {
            ring.vitals_after(after, limit).iter().map(|f| f.index).collect()
        };
        assert_eq!(after(0, 9), [2, 3, 4]);
        assert_eq!(after(2, 1), [3]);
        assert!(after(4, 9).is_empty());
    }

    #[test]
    fn a_cursor_is_lost_only_when_what_it_has_not_seen_is_gone() {
        let ring = Ring::default();
        ring.publish([frame("vitals", "p-1", None)]);
        ring.publish((1..=RING_FRAMES as u64 + 1).map(|seq| frame("alarm", "p-1", Some(seq))));
        assert!(matches!(ring.after(0, 9), Found::Lost(2)));
        assert_eq!(seqs(ring.after(2, 1)), [2]);
    }

    #[test]
    fn the_patient_silent_longest_goes_first() {
        let ring = Ring::default();
        let patients = RING_PATIENTS as u64 + 1;
        ring.publish((1..=patients).map(|n| frame("vitals", &format!("p-{n}"), None)));
        let held = ring.vitals_after(0, usize::MAX);
        assert_eq!((held.len(), held[0].index), (RING_PATIENTS, 2));
        ring.publish([frame("vitals", "p-1", None)]);
        assert_eq!(ring.vitals_after(0, 1)[0].index, 3);
    }
}
