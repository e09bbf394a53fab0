//! The first row after an upgrade: what was announced of the rows before is settled with what this
//! version of the core makes of them, so that nothing ends silently (docs/store.md).

use std::collections::BTreeMap;

use super::Core;
use crate::model::alarm::Alarm;
use crate::model::ids::{AlarmId, PatientId};
use crate::output::Output;

impl Core {
    /// `next_seq` is the number of the next transition, whatever the fold arrived at; `held` are the
    /// alarms that were announced and not closed.
    pub(crate) fn settle(&mut self, next_seq: u64, held: &[Alarm], out: &mut Output) {
        out.next_seq = next_seq;
        let mut announced: BTreeMap<&AlarmId, &Alarm> = held.iter().map(|a| (&a.id, a)).collect();
        let with_alarms = self.patients.iter().filter(|(_, p)| !p.alarms.is_empty());
        let ids: Vec<PatientId> = with_alarms.map(|(id, _)| id.clone()).collect();
        for id in ids {
            if let Some(patient) = self.patient_mut(&id) {
                patient.alarms.settle(&mut announced, out);
            }
            self.note_deadline(&id);
        }
        self.site_mut().alarms.settle(&mut announced, out);
        for alarm in announced.into_values() {
            self.keep(alarm, out);
        }
        self.note_site_deadline();
    }

    fn keep(&mut self, announced: &Alarm, out: &mut Output) {
        let signal = self.configuration.signals.find(&announced.trigger.signal).map(|s| s.id);
        if let Some(id) = &announced.patient
            && let Some(patient) = self.patient_mut(id)
        {
            patient.alarms.keep(announced, false, signal, out);
            self.note_deadline(id);
        } else {
            self.site_mut().alarms.keep(announced, announced.patient.is_some(), signal, out);
        }
    }
}
