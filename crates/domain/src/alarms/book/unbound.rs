//! Alarms of a device that is bound to the patient no more, or again.

use super::{Book, Key};
use crate::model::alarm::Condition;
use crate::model::ids::DeviceId;
use crate::output::Output;
use crate::output::transition::Change;

impl Book {
    /// A device is bound again: nothing else takes its place.
    pub fn bound(&mut self, device: &DeviceId) {
        for open in self.open.values_mut() {
            open.unbound &= open.alarm.device.as_ref() != Some(device);
        }
    }

    /// The source of an alarm is gone: what held is unknown (row 24). What ended, or had no end, waits
    /// for a person as before.
    pub fn unbind(&mut self, key: &Key, out: &mut Output) {
        let now = out.wall();
        let Some(open) = self.open.get_mut(key) else { return };
        if open.known_until().is_some() {
            open.known_at = Some(out.now.at);
        }
        let alarm = &mut open.alarm;
        if matches!(alarm.condition, Condition::Present | Condition::Unknown) {
            open.unbound = true;
            alarm.condition = Condition::Unknown;
            alarm.condition_since = now;
            alarm.condition_reason = Some("source unbound".to_owned());
            self.record(key, Change::SourceUnbound, None, out);
            self.run_out(key, out);
        }
    }
}
