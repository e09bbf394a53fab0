//! Looking ahead: what the next messages will need is read a little before it is needed.
//!
//! Of thousands of devices and patients no cache holds the state, and a message that waits for one part of it after the
//! other waits longer than it takes to be judged. So the parts of several are asked for at once, level by level as
//! each is found through the one before. Nothing follows from what is read.

use std::hint::black_box;

use super::Core;
use crate::device::Device;
use crate::model::input::Input;
use crate::patient::Patient;

/// Messages looked ahead at a time: their state fits into the nearer caches beside that of the code.
pub(super) const AHEAD: usize = 16;
/// With fewer devices their state stays in a cache anyway.
const MANY: usize = 512;

impl Core {
    /// Reads what these inputs, [`AHEAD`] at most, will need.
    pub(super) fn look_ahead(&self, inputs: &[Input]) {
        if self.devices.len() < MANY {
            return;
        }
        let mut devices: [Option<&Device>; AHEAD] = [None; AHEAD];
        for (device, input) in devices.iter_mut().zip(inputs) {
            let message = input.message();
            *device = message.and_then(|m| self.devices.get(&m.device)).map(|shared| &**shared);
        }
        let devices = devices.iter().flatten();
        let mut read: usize = devices.clone().map(|device| device.glance()).sum();
        let mut patients: [Option<&Patient>; AHEAD] = [None; AHEAD];
        for (patient, device) in patients.iter_mut().zip(devices.clone()) {
            read ^= device.glance_at_parts();
            let id = device.patient();
            *patient = id.and_then(|id| self.patients.get(id)).map(|shared| &**shared);
        }
        let patients = patients.iter().flatten();
        for device in devices {
            read ^= device.glance_inside();
        }
        read ^= patients.clone().map(|patient| patient.glance()).sum::<usize>();
        read ^= patients.clone().map(|patient| patient.glance_at_parts()).sum::<usize>();
        read ^= patients.clone().map(|patient| patient.glance_inside()).sum::<usize>();
        black_box(read);
    }
}
