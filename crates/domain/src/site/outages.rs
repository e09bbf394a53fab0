//! By whom nothing comes any more, one alarm for each ward.

use super::{GATEWAY, Site, present};
use crate::alarms::book::{AlarmSubject, Draft, Key};
use crate::model::alarm::{Alarm, Condition, OUTAGE, Priority};
use crate::model::cause::Cause;
use crate::model::ids::{DeviceId, WardId};
use crate::output::{Outage, Output, rule};
use crate::text;

impl Site {
    /// By whom nothing comes any more, as it is told.
    pub(crate) fn outages(&self) -> Vec<Outage> {
        let told = self.alarms.iter().filter(|(key, open)| {
            key.rule.as_str() == OUTAGE && open.alarm.condition == Condition::Present
        });
        let outage = |alarm: &Alarm| {
            let (ward, alarm_id) = (alarm.ward.clone(), alarm.id.clone());
            Some(Outage { way: alarm.device.clone()?, ward, alarm: alarm_id })
        };
        told.filter_map(|(_, open)| outage(&open.alarm)).collect()
    }

    /// Nothing comes by a sender any more, of devices of so many patients of a ward. As grave as what follows from it.
    pub(crate) fn outage(
        &mut self,
        way: &DeviceId,
        ward: Option<&WardId>,
        (priority, patients): (Priority, usize),
        out: &mut Output,
    ) {
        let source = ward.map_or_else(|| way.to_string(), |ward| format!("{way}/{ward}"));
        let text = text::outage(way, patients);
        let cause = Cause::noticed(Some(way.clone()), out.wall());
        let draft = present(Key::new(rule(OUTAGE), source), priority, text, out);
        let draft = Draft { cause, device: Some(way.clone()), ..draft };
        self.alarms.raise(AlarmSubject { ward, ..GATEWAY }, draft, out);
    }

    /// Whether an outage is told of as less grave than that.
    pub(crate) fn is_milder(&self, outage: &str, priority: Priority) -> bool {
        self.outage_of(outage).is_some_and(|(_, alarm)| alarm.priority < priority)
    }

    /// What follows from an outage became graver.
    pub(crate) fn outage_as_grave(&mut self, outage: &str, priority: Priority, out: &mut Output) {
        let Some((key, alarm)) = self.outage_of(outage) else { return };
        let draft = present(key.clone(), priority, alarm.text.clone(), out);
        let (ward, device) = (alarm.ward.clone(), alarm.device.clone());
        let subject = AlarmSubject { ward: ward.as_ref(), ..GATEWAY };
        self.alarms.raise(subject, Draft { device, ..draft }, out);
    }

    /// Something came of a sender.
    pub(crate) fn way_is_back(&mut self, way: &DeviceId, out: &mut Output) {
        let of_it = self.alarms.keys_where(|key, open| {
            key.rule.as_str() == OUTAGE && open.alarm.device.as_ref() == Some(way)
        });
        for key in of_it {
            self.alarms.change(&key, None, out, Alarm::absent);
        }
    }

    fn outage_of(&self, id: &str) -> Option<(&Key, &Alarm)> {
        let all = self.alarms.iter().filter(|(key, _)| key.rule.as_str() == OUTAGE);
        all.map(|(key, open)| (key, &open.alarm)).find(|(_, alarm)| alarm.id.as_str() == id)
    }
}
