//! Where an open alarm is found by its id.

use std::collections::{BTreeMap, btree_map};
use std::sync::Arc;

use super::Core;
use crate::alarms::book::Key;
use crate::model::alarm::Alarm;
use crate::model::ids::{AlarmId, PatientId};
use crate::patient::Patient;
use crate::site::Site;

/// The patient that holds an open alarm; `None` for the site.
pub(crate) type Holder = Option<PatientId>;

/// The holder of each open alarm. It follows from the books and is no part of the state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AlarmIndex(BTreeMap<AlarmId, Holder>);

impl AlarmIndex {
    /// The index of these books.
    pub(crate) fn of(patients: &BTreeMap<PatientId, Arc<Patient>>, site: &Site) -> Self {
        let of_patients = patients.iter().flat_map(|(id, patient)| {
            patient.alarms.shown().map(|alarm| (alarm.id.clone(), Some(id.clone())))
        });
        let of_site = site.alarms.shown().map(|alarm| (alarm.id.clone(), None));
        Self(of_patients.chain(of_site).collect())
    }

    /// An alarm moved. The holder of an open alarm never changes, so that it is looked for once.
    pub(crate) fn moved(&mut self, alarm: &Alarm, patients: &BTreeMap<PatientId, Arc<Patient>>) {
        if !alarm.is_open() {
            self.0.remove(&alarm.id);
        } else if let btree_map::Entry::Vacant(entry) = self.0.entry(alarm.id.clone()) {
            // The site holds the alarms of a patient whom nobody knows.
            let holder = alarm.patient.as_ref().filter(|id| patients.contains_key(*id));
            entry.insert(holder.cloned());
        }
    }
}

impl Core {
    /// The holder and the key of an open alarm.
    pub(crate) fn find_alarm(&self, id: &AlarmId) -> Option<(Holder, Key)> {
        let holder = self.alarm_index.0.get(id)?;
        let book = match holder {
            Some(patient) => &self.patients.get(patient)?.alarms,
            None => &self.site.alarms,
        };
        Some((holder.clone(), book.key_of(id)?))
    }
}
