//! For how long somebody was heard of, by patient, bed and shift. Pure.
//!
//! A patient is covered from each message of a device of theirs for as long as the class of that device lets it be
//! silent and counts it as live. What lies between is a gap: no rule can find anything in it but silence.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use vitalgate_domain::model::ids::{BedId, PatientId};
use vitalgate_domain::model::time::{Span, Timestamp};

/// Shifts begin at 6, 14 and 22 o'clock.
const FIRST_SHIFT_H: i64 = 6;
const SHIFT_H: i64 = 8;
/// What the shifts are called.
pub(super) const SHIFTS: [&str; 3] = ["06–14", "14–22", "22–06"];

/// The shifts of a place.
#[derive(Clone, Debug)]
pub(super) struct Shifts(pub(super) TimeZone);

impl Shifts {
    /// Which one an instant is in.
    pub(super) fn of(&self, at: Timestamp) -> usize {
        self.of_and_rest(at).0
    }

    /// Which one an instant is in, and how long that lasts from there by the clock on the wall.
    fn of_and_rest(&self, at: Timestamp) -> (usize, Span) {
        let instant = jiff::Timestamp::from_microsecond(at.as_micros()).unwrap_or_default();
        let time = self.0.to_datetime(instant).time();
        let seconds = i64::from(time.hour()) * 3_600
            + i64::from(time.minute()) * 60
            + i64::from(time.second());
        let since_first = (seconds - FIRST_SHIFT_H * 3_600).rem_euclid(86_400);
        let shift = since_first / (SHIFT_H * 3_600);
        (shift as usize, Span::secs((shift + 1) * SHIFT_H * 3_600 - since_first))
    }
}

/// What is covered, of everybody.
#[derive(Debug)]
pub(super) struct Coverage {
    /// `None` where no wall clock is known.
    pub(super) shifts: Option<Shifts>,
    now: BTreeMap<PatientId, Stretch>,
    pub(super) patients: u64,
    pub(super) covered: Span,
    pub(super) by_bed: BTreeMap<Option<BedId>, Span>,
    pub(super) by_shift: [Span; 3],
    pub(super) gaps: u64,
    pub(super) gaps_for: Span,
}

#[derive(Debug)]
struct Stretch {
    from: Timestamp,
    to: Timestamp,
    bed: Option<BedId>,
}

impl Coverage {
    /// Nobody was heard of yet.
    pub(super) fn new() -> Self {
        Self {
            shifts: None,
            now: BTreeMap::new(),
            patients: 0,
            covered: Span::ZERO,
            by_bed: BTreeMap::new(),
            by_shift: [Span::ZERO; 3],
            gaps: 0,
            gaps_for: Span::ZERO,
        }
    }

    /// Something came of a patient in a bed, which counts for so long. Whether it is the first of the patient.
    pub(super) fn heard(
        &mut self,
        patient: &PatientId,
        bed: Option<&BedId>,
        at: Timestamp,
        window: Span,
    ) -> bool {
        let Some(stretch) = self.now.get_mut(patient) else {
            self.patients += 1;
            let stretch = Stretch { from: at, to: at + window, bed: bed.cloned() };
            self.now.insert(patient.clone(), stretch);
            return true;
        };
        if at <= stretch.to && stretch.bed.as_ref() == bed {
            stretch.to = stretch.to.max(at + window);
            return false;
        }
        let next = Stretch { from: at, to: at + window, bed: bed.cloned() };
        let mut before = std::mem::replace(stretch, next);
        if at > before.to {
            self.gaps += 1;
            self.gaps_for = self.gaps_for + (at - before.to);
        } else {
            before.to = at;
        }
        self.close(before);
        false
    }

    /// Nothing comes after this.
    pub(super) fn finish(&mut self, last: Timestamp) {
        for (_, mut stretch) in std::mem::take(&mut self.now) {
            stretch.to = stretch.to.min(last);
            self.close(stretch);
        }
    }

    fn close(&mut self, Stretch { from, to, bed }: Stretch) {
        let span = (to - from).max(Span::ZERO);
        self.covered = self.covered + span;
        let of_bed = self.by_bed.entry(bed).or_insert(Span::ZERO);
        *of_bed = *of_bed + span;
        let Some(shifts) = &self.shifts else { return };
        let mut at = from;
        while at < to {
            let (shift, rest) = shifts.of_and_rest(at);
            // No more than an hour at once: clocks are put forward and back at some hour.
            let until = to.min(at + rest.clamp(Span::secs(1), Span::hours(1)));
            self.by_shift[shift] = self.by_shift[shift] + (until - at);
            at = until;
        }
    }
}

/// In days of 24 hours.
pub(super) fn days(span: Span) -> f64 {
    span.as_secs_f64() / 86_400.0
}
