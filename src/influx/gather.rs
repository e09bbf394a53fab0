//! A batch being put together: readings and moves of alarms as lines, with the tags of a series made
//! once.

use std::collections::HashMap;
use std::sync::{Arc, MutexGuard};
use std::thread;

use bytes::Bytes;

use super::feed::Batch;
use super::line::{Move, Store, Tags};
use super::transport::gzip;
use crate::privacy::pseudonym::Pseudonyms;
use crate::projection::view::{Board, DeviceView};
use vitalgate_domain::model::consent::{Purpose, may};
use vitalgate_domain::model::ids::{DeviceId, PatientId};
use vitalgate_domain::model::signal::SignalTable;
use vitalgate_domain::model::time::Timestamp;
use vitalgate_store::audit::SignedHead;
use vitalgate_store::consumers::ConsumerCursor;
use vitalgate_store::history::point::Point;
use vitalgate_store::types::{Sample, SeriesKey, WordSample};

/// Series whose tags are remembered.
const SERIES: usize = 65_536;
/// After so many lines, some 100 µs, others may have the processor.
const TURN: u64 = 128;

/// Tags made before.
pub(super) type Cache = HashMap<SeriesKey, Known>;

/// The tags of a series while it belongs to one patient.
#[derive(Debug)]
pub(super) struct Known {
    patient: Option<PatientId>,
    tags: Tags,
}

/// Lines being gathered.
pub(super) struct Gathering<'a> {
    /// What every line says.
    pub store: &'a Store,
    /// Names for patients.
    pub pseudonyms: &'a Pseudonyms,
    /// Who was bound to whom.
    pub board: Arc<Board>,
    /// Names of signals.
    pub signals: Arc<SignalTable>,
    /// Tags made before.
    pub cache: MutexGuard<'a, Cache>,
    /// Whole lines.
    pub lines: Vec<u8>,
    /// How many there are.
    pub points: u64,
    /// What no line can say.
    pub unwritable: u64,
}

impl Gathering<'_> {
    /// The samples of a row.
    pub(super) fn samples(&mut self, samples: &[Sample]) {
        for of_one in samples.chunk_by(|a, b| a.series.device == b.series.device) {
            let points = of_one.iter().map(|sample| (&sample.series, Point::of(sample)));
            self.readings(&of_one[0].series.device, points);
        }
    }

    /// Numbers of one device.
    pub(super) fn readings<'s>(
        &mut self,
        device: &DeviceId,
        points: impl Iterator<Item = (&'s SeriesKey, Point)>,
    ) {
        let Self { store, pseudonyms, board, signals, cache, lines, points: written, unwritable } =
            self;
        let device = board.devices.get(device);
        for (series, point) in points {
            let patient = device.and_then(|device| DeviceView::patient_at(device, point.at));
            if patient.is_some_and(|patient| !may(Purpose::Care, patient)) {
                continue;
            }
            let known = cache.get(series).filter(|known| known.patient.as_ref() == patient);
            let line = if let Some(known) = known {
                store.reading(lines, &known.tags, &point)
            } else {
                let name = patient.map(|patient| pseudonyms.of(patient));
                let tags = store.tags(series, &signals.name(series.signal), name.as_deref());
                let line = store.reading(lines, &tags, &point);
                if cache.len() >= SERIES {
                    cache.clear();
                }
                cache.insert(series.clone(), Known { patient: patient.cloned(), tags });
                line
            };
            match line {
                Ok(()) => *written += 1,
                Err(_) => *unwritable += 1,
            }
            if (*written + *unwritable).is_multiple_of(TURN) {
                thread::yield_now();
            }
        }
    }

    /// A reading that is no number.
    pub(super) fn word(&mut self, word: &WordSample) {
        let device = self.board.devices.get(&word.series.device);
        let patient = device.and_then(|device| DeviceView::patient_at(device, word.at));
        if patient.is_some_and(|patient| !may(Purpose::Care, patient)) {
            return;
        }
        let name = patient.map(|patient| self.pseudonyms.of(patient));
        let signal = self.signals.name(word.series.signal);
        let tags = self.store.word_tags(&word.series, &signal, name.as_deref());
        match self.store.word(&mut self.lines, &tags, word) {
            Ok(()) => self.points += 1,
            Err(_) => self.unwritable += 1,
        }
    }

    /// A move of an alarm.
    pub(super) fn alarm(&mut self, transition: &Move<'_>) {
        if transition.patient.is_some_and(|patient| !may(Purpose::Care, patient)) {
            return;
        }
        let name = |patient: &PatientId| Some(self.pseudonyms.of(patient));
        match self.store.alarm(&mut self.lines, transition, name) {
            Ok(()) => self.points += 1,
            Err(_) => self.unwritable += 1,
        }
    }

    /// Where the audit stands.
    pub(super) fn head(&mut self, head: &SignedHead) {
        match self.store.head(&mut self.lines, head) {
            Ok(()) => self.points += 1,
            Err(_) => self.unwritable += 1,
        }
    }

    /// All of it; the cursor stands at its end.
    pub(super) fn batch(self, exported_to: Timestamp, cursor: ConsumerCursor, more: bool) -> Batch {
        let Self { lines, points, unwritable, .. } = self;
        let compressed = if lines.is_empty() { Bytes::new() } else { gzip(&lines) };
        Batch {
            lines: Bytes::from(lines),
            compressed,
            points,
            unwritable,
            exported_to,
            cursor,
            more,
        }
    }
}
