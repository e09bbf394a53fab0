//! Readings that are not taken: refused when decoded, or beyond the series of a device.

use super::{Device, Observed};
use crate::model::alarm::TimeQuality;
use crate::model::fate::Fate;
use crate::model::ids::PatientId;
use crate::model::instance::Instance;
use crate::model::message::{Message, Reading, RefusalReason, Refused};
use crate::model::observation::{Content, Observation, Source, Timeliness, Timing};
use crate::model::signal::SignalId;
use crate::model::time::Stamp;
use crate::output::Output;

impl Device {
    /// Counts what was refused; the patient machine learns why it is not judged.
    pub(super) fn refused(
        &mut self,
        message: &Message,
        refused: &[Refused],
        observed: &mut Vec<(PatientId, Observed)>,
        out: &mut Output,
    ) {
        for refused in refused {
            self.count(Fate::Refused, out);
            out.count_refusal(refused.reason.as_str());
            if let Some(signal) = refused.signal {
                let reason = format!("rejected: {}", refused.reason.as_str());
                self.rejected(message, (signal, refused.index), reason, observed, out.now);
            }
        }
    }

    /// Refuses an entry that is older than it is kept, by its corrected time: it may be of a signal.
    pub(super) fn too_old(
        &mut self,
        message: &Message,
        (signal, index): (Option<SignalId>, u32),
        observed: &mut Vec<(PatientId, Observed)>,
        out: &mut Output,
    ) {
        let refused =
            Refused { index, signal, reason: RefusalReason::TooOld, detail: String::new() };
        self.refused(message, &[refused], observed, out);
        out.too_old.push(index);
    }

    /// A device that makes up ever new instances gets no more series.
    pub(super) fn one_too_many(
        &mut self,
        message: &Message,
        reading: &Reading,
        observed: &mut Vec<(PatientId, Observed)>,
        out: &mut Output,
    ) {
        self.count(Fate::TooManySeries, out);
        let reason = "rejected: too many series".to_owned();
        self.rejected(message, (reading.signal, reading.index), reason, observed, out.now);
    }

    /// Something of this signal came and is not judged: the patient machine learns why.
    pub(super) fn rejected(
        &self,
        message: &Message,
        (signal, index): (SignalId, u32),
        reason: String,
        observed: &mut Vec<(PatientId, Observed)>,
        now: Stamp,
    ) {
        let Some(patient) = self.patient() else { return };
        let observation = Observation {
            source: Source {
                device: self.details.id.clone(),
                signal,
                instance: Instance::default(),
            },
            cause: self.cause(message, index, now),
            timing: Timing {
                measured: now.wall(),
                own: now.at,
                rule_at: now.at,
                received: now.wall(),
                relay_at: None,
                quality: TimeQuality::Unknown,
                timeliness: Timeliness::Live,
            },
            sent: None,
            conflict: false,
            contradicted: false,
            corrects: false,
            earlier: false,
            content: Content::NotJudged(reason),
            number: None,
        };
        observed.push((patient.clone(), Observed::Reading(observation)));
    }
}
