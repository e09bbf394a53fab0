//! What can happen on a ward, and how often.

use proptest::prelude::*;

use super::{DEVICES, EVENTS, PATIENTS, PHASES, SIGNALS};

/// One thing that happens.
#[derive(Clone, Debug)]
pub(in crate::tests) enum Step {
    Reading {
        device: usize,
        signal: usize,
        value: usize,
        age: i64,
        how: usize,
    },
    Burst {
        device: usize,
        signal: usize,
        value: usize,
        seconds: u8,
    },
    Apnoea {
        device: usize,
        seconds: u8,
        every: i64,
    },
    Again(usize),
    Event {
        device: usize,
        name: usize,
        id: Option<u8>,
        phase: usize,
        age: i64,
    },
    /// Episodes that begin and end at once, so many.
    Storm(usize, u16),
    Info(usize, u8),
    Garbage(usize, bool),
    Link(usize, bool),
    Act(usize, usize),
    Pause(usize, i64),
    EndPause(usize),
    Admit(usize),
    Discharge(usize),
    Bind(usize, usize),
    Unbind(usize),
    Correct(usize, usize),
    Register(usize, u8),
    Limits {
        patient: usize,
        signal: usize,
        low: bool,
        limit: usize,
        ago: i64,
    },
    Configure(bool),
    Wait(i64),
    IntakeGap(i64),
    ClockBack(i64),
    Store(bool),
    Broker(bool),
}

/// Milliseconds people and machines wait.
fn pause() -> impl Strategy<Value = i64> {
    prop_oneof![
        4 => 1_i64..5_000,
        3 => 5_000_i64..70_000,
        1 => 70_000_i64..4_000_000,
        1 => 4_000_000_i64..200_000_000,
    ]
}

/// How old a reading is when it is sent, in milliseconds.
fn age() -> impl Strategy<Value = i64> {
    prop_oneof![
        6 => Just(0_i64),
        2 => 0_i64..20_000,
        1 => 20_000_i64..4_000_000,
        1 => 4_000_000_i64..400_000_000,
        1 => Just(-600_000_i64),
    ]
}

pub(in crate::tests) fn step() -> impl Strategy<Value = Step> {
    let device = 0..DEVICES.len();
    let signal = 0..SIGNALS.len();
    let patient = 0..PATIENTS.len();
    prop_oneof![
        12 => (device.clone(), signal.clone(), 0_usize..5, age(), 0_usize..14).prop_map(
            |(device, signal, value, age, how)| Step::Reading { device, signal, value, age, how }
        ),
        8 => (device.clone(), signal.clone(), 0_usize..4, 1_u8..22).prop_map(
            |(device, signal, value, seconds)| Step::Burst { device, signal, value, seconds }
        ),
        2 => (device.clone(), 10_u8..40, 500_i64..4_000).prop_map(
            |(device, seconds, every)| Step::Apnoea { device, seconds, every }
        ),
        2 => device.clone().prop_map(Step::Again),
        4 => (device.clone(), 0..EVENTS.len(), prop::option::of(0_u8..4), 0..PHASES.len(), age())
            .prop_map(|(device, name, id, phase, age)| Step::Event { device, name, id, phase, age }),
        1 => (device.clone(), 100_u16..250).prop_map(|(d, times)| Step::Storm(d, times)),
        1 => (device.clone(), 0_u8..128).prop_map(|(d, s)| Step::Info(d, s)),
        1 => (device.clone(), any::<bool>()).prop_map(|(d, all)| Step::Garbage(d, all)),
        1 => (device.clone(), any::<bool>()).prop_map(|(d, on)| Step::Link(d, on)),
        6 => (0_usize..8, 0_usize..8).prop_map(|(which, act)| Step::Act(which, act)),
        2 => (0_usize..4, 1_i64..8_000).prop_map(|(scope, secs)| Step::Pause(scope, secs)),
        1 => (0_usize..4).prop_map(Step::EndPause),
        1 => patient.clone().prop_map(Step::Admit),
        1 => patient.clone().prop_map(Step::Discharge),
        3 => (device.clone(), patient.clone()).prop_map(|(d, p)| Step::Bind(d, p)),
        1 => device.clone().prop_map(Step::Unbind),
        1 => (device.clone(), 0_usize..3).prop_map(|(d, p)| Step::Correct(d, p)),
        1 => (device.clone(), 0_u8..128).prop_map(|(d, s)| Step::Register(d, s)),
        2 => (patient, signal, any::<bool>(), 0_usize..3, -100_000_i64..100_000).prop_map(
            |(patient, signal, low, limit, ago)| Step::Limits { patient, signal, low, limit, ago }
        ),
        1 => any::<bool>().prop_map(Step::Configure),
        10 => pause().prop_map(Step::Wait),
        2 => (1_000_i64..100_000).prop_map(Step::IntakeGap),
        1 => (1_i64..4_000_000).prop_map(Step::ClockBack),
        1 => any::<bool>().prop_map(Step::Store),
        1 => any::<bool>().prop_map(Step::Broker),
    ]
}
