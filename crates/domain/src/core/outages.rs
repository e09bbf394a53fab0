//! A relay, connector or broker by which nothing comes any more: one alarm for each ward, from which the silence of what
//! came by it follows (contract §5, "One cause for many").

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Core;
use crate::model::ids::{DeviceId, PatientId, WardId};
use crate::model::message::Message;
use crate::model::time::{Span, Stamp};
use crate::output::Output;
use crate::patient::{FirstSilence, Patient, RuleContext};

/// Devices of so many patients that fall silent together have one cause.
const MANY: usize = 3;

impl Core {
    /// A silence is due: whether it follows from the outage of its device's way is known before it is told.
    pub(super) fn look_for_outage(
        &mut self,
        id: &PatientId,
        silent: usize,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        let due = self.patients.get(id).and_then(|p| p.silence_due(silent, context, out.now.at));
        if let Some(silence) = due {
            self.look_at_way(id, silence, out);
        }
    }

    /// Whether the way of a device is out, of which a silence is to be told.
    fn look_at_way(&mut self, id: &PatientId, silence: FirstSilence, out: &mut Output) {
        let Some(patient) = self.patients.get(id) else { return };
        let FirstSilence { device, after, priority, is_news } = silence;
        let way = self.devices.get(&device).and_then(|device| device.way.clone());
        let Some(way) = way.filter(|_| patient.may_be_member(&device, priority)) else { return };
        let ward = patient.ward.clone();
        if !out.is_out(&way, ward.as_ref()) {
            if !is_news {
                return;
            }
            let silent = self.fell_silent_by(&way, after, out);
            if silent.len() < MANY {
                return;
            }
            let is_of_it = |(id, patient): &(&PatientId, &Arc<Patient>)| {
                patient.ward == ward && (silent.contains(*id) || patient.is_hidden_by(&way))
            };
            let patients = self.patients.iter().filter(is_of_it).count();
            self.site_mut().outage(&way, ward.as_ref(), (priority, patients), out);
            self.note_site_deadline();
            out.outages = self.site.outages();
        }
        out.ways = vec![(device, way)];
    }

    /// What a person or new rules change may show that a device is silent: what is out by now is known then.
    pub(super) fn note_ways(&self, out: &mut Output) {
        let is_out = |way: &DeviceId| out.outages.iter().any(|outage| outage.way == *way);
        if !out.outages.is_empty() {
            let ways =
                self.devices.iter().filter_map(|(id, device)| Some((id, device.way.as_ref()?)));
            let ways = ways.filter(|(_, way)| is_out(way));
            out.ways = ways.map(|(id, way)| (id.clone(), way.clone())).collect();
        }
    }

    /// A message comes by another way than the last one of its device, as hardly ever.
    pub(super) fn note_way(&mut self, message: &Message, now: Stamp) {
        let way = Some(&message.principal).filter(|principal| **principal != message.device);
        let before = self.devices.get(&message.device).and_then(|device| device.way.as_ref());
        if message.delivery.retained || before == way {
            return;
        }
        if let Some(before) = before.cloned() {
            let sender = self.device_mut(&before, now);
            sender.brings = sender.brings.saturating_sub(1);
        }
        if let Some(way) = way {
            self.device_mut(way, now).brings += 1;
        }
        self.device_mut(&message.device, now).way = way.cloned();
    }

    /// What follows from an alarm makes it as grave.
    pub(super) fn note_members(&mut self, out: &mut Output) {
        for (cause, priority) in std::mem::take(&mut out.members) {
            if self.site.is_milder(&cause, priority) {
                self.site_mut().outage_as_grave(&cause, priority, out);
                self.note_site_deadline();
            }
        }
    }

    /// Something came of a sender: what is silent still stands by itself before long.
    pub(super) fn way_is_back(&mut self, way: &DeviceId, out: &mut Output) {
        let over: Vec<_> = out.outages.extract_if(.., |outage| outage.way == *way).collect();
        if over.is_empty() {
            return;
        }
        self.site_mut().way_is_back(way, out);
        self.note_site_deadline();
        let follows = |patient: &Patient| {
            let mut groups =
                patient.alarms.iter().filter_map(|(_, open)| open.alarm.group.as_ref());
            groups.any(|group| over.iter().any(|outage| outage.alarm.as_str() == group))
        };
        let members = self.patients.iter().filter(|(_, patient)| follows(patient));
        let members: Vec<PatientId> = members.map(|(id, _)| id.clone()).collect();
        for id in members {
            if let Some(patient) = self.patient_mut(&id) {
                for outage in &over {
                    patient.alarms.followed(&outage.alarm, out);
                }
            }
            self.note_deadline(&id);
        }
    }

    /// The patients who are here and whose devices were heard by a sender until it fell silent, if it did: for half of
    /// `after` nothing came of it, and theirs came no longer than `after` before its last.
    fn fell_silent_by(&self, way: &DeviceId, after: Span, out: &Output) -> BTreeSet<PatientId> {
        let half = Span::micros(after.as_micros() / 2);
        let sender = self.devices.get(way).filter(|sender| sender.brings as usize >= MANY);
        let last = sender.and_then(|sender| sender.heard_at);
        let Some(last) = last.filter(|last| out.now.at - *last >= half) else {
            return BTreeSet::new();
        };
        let by_it = self.devices.values().filter(|device| device.way.as_ref() == Some(way));
        let together = by_it.filter(|device| device.heard_at.is_some_and(|at| last - at <= after));
        together.filter_map(|device| device.patient().cloned()).collect()
    }
}

impl Output {
    /// Whether nothing comes by a sender any more for patients of a ward.
    fn is_out(&self, way: &DeviceId, ward: Option<&WardId>) -> bool {
        self.outages.iter().any(|outage| outage.way == *way && outage.ward.as_ref() == ward)
    }
}
