//! What of the news a stream is sent: by the wards it shows, which are those of whoever opened it at most.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Deserialize;

use super::error::Problem;
use super::scope::Scope;
use crate::projection::ring::Frame;
use crate::projection::view::{Board, DeviceView};
use vitalgate_domain::model::alarm::Alarm;
use vitalgate_domain::model::ids::{DeviceId, PatientId, WardId};
use vitalgate_domain::output::transition::Change;
use vitalgate_store::reader::TransitionRow;

/// The wards that a stream shows.
pub(crate) struct Selection {
    wards: Option<BTreeSet<WardId>>,
    scope: Scope,
}

/// What of something is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// It.
    Whole,
    /// Only that something may no longer be there to be seen.
    Left,
    /// Nothing.
    Nothing,
}

/// Where an alarm is, from its body; nowhere where that cannot be read.
#[derive(Default, Deserialize)]
struct Where {
    patient: Option<PatientId>,
    ward: Option<WardId>,
    ward_now: Option<WardId>,
}

impl Selection {
    /// Of these wards, or of all that may be seen.
    pub(crate) fn new(scope: Scope, asked: Option<BTreeSet<WardId>>) -> Result<Self, Problem> {
        Ok(Self { wards: scope.shows(asked)?, scope })
    }

    /// Which wards; `None` is all of them.
    pub(crate) fn wards(&self) -> Option<&BTreeSet<WardId>> {
        self.wards.as_ref()
    }

    /// Whether whoever opened it is bound to wards.
    pub(crate) fn is_limited(&self) -> bool {
        self.scope.is_limited()
    }

    /// What is sent of a frame.
    pub(crate) fn of_frame(&self, frame: &Frame, board: impl FnOnce() -> Arc<Board>) -> Sent {
        if let Some(id) = frame.device.as_ref().filter(|_| self.is_limited()) {
            return self.of_device(id, &board());
        }
        self.of(frame.moved, frame.patient.as_ref(), frame.ward.as_ref())
    }

    /// What is sent of a transition of an alarm, read from the log.
    pub(crate) fn of_logged(&self, logged: &TransitionRow) -> Sent {
        if self.wards.is_none() {
            return Sent::Whole;
        }
        let at: Where = serde_json::from_str(&logged.body).unwrap_or_default();
        let patient = at.patient.as_ref().or(logged.patient.as_ref());
        let moved = logged.change == Change::Moved.as_str();
        self.of(moved, patient, at.ward_now.as_ref().or(at.ward.as_ref()))
    }

    /// Whether an alarm is sent.
    pub(crate) fn has_alarm(&self, alarm: &Alarm) -> bool {
        self.of(false, alarm.patient.as_ref(), alarm.ward_shown()) == Sent::Whole
    }

    /// Whether a device is sent.
    pub(crate) fn has(&self, board: &Board, device: &DeviceView) -> bool {
        self.scope.has_device(board, device)
    }

    /// A device without those it was bound to who are elsewhere.
    pub(crate) fn shown(&self, board: &Board, device: &Arc<DeviceView>) -> Arc<DeviceView> {
        let mut shown = Arc::clone(device);
        if self.is_limited() {
            let own = |binding: &_| self.scope.has_binding(board, binding);
            Arc::make_mut(&mut shown).bindings.retain(own);
        }
        shown
    }

    /// Somebody who goes from one ward to another is seen by both; whoever is bound to wards, and may not see where,
    /// hears that somebody left. What is of no ward is sent to everybody, but for a patient who lies nowhere.
    fn of(&self, moved: bool, patient: Option<&PatientId>, ward: Option<&WardId>) -> Sent {
        let shown = match (&self.wards, ward) {
            (Some(wards), Some(ward)) => wards.contains(ward),
            (None, _) | (_, None) => true,
        };
        let hidden = patient.is_some() && !self.scope.has(ward);
        match (moved, shown && !hidden, self.is_limited()) {
            (_, true, _) | (true, _, false) => Sent::Whole,
            (true, false, true) => Sent::Left,
            (false, false, _) => Sent::Nothing,
        }
    }

    /// A device that watches somebody who is seen here, or nobody, or did so until now.
    fn of_device(&self, id: &DeviceId, board: &Board) -> Sent {
        let Some(device) = board.devices.get(id) else { return Sent::Nothing };
        if self.has(board, device) {
            return Sent::Whole;
        }
        let before = device.bindings.iter().rev().nth(1).and_then(|before| before.patient.as_ref());
        let was_seen = before.is_some_and(|patient| self.scope.has_named(board, patient));
        if was_seen { Sent::Left } else { Sent::Nothing }
    }
}
