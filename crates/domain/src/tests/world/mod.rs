//! Made-up stays on a ward: sequences of steps, lived through once and recorded as journal rows.

mod inputs;
mod steps;

use crate::core::Core;
use crate::core::alarm_index::AlarmIndex;
use crate::core::journal::RowBody;
use crate::model::alarm::{AlarmKind, Condition, State};
use crate::model::ids::AlarmId;
use crate::model::input::Input;
use crate::model::message::{Body, Message, Phase, ReadingTime};
use crate::model::time::{Span, Stamp};
use crate::output::transition::{Change, Transition, TransitionBody};

use super::scene::Scene;

use inputs::configuration;
pub(super) use inputs::how_sent;
pub(super) use steps::{Step, step};

pub(super) const DEVICES: [(&str, &str); 4] =
    [("mon", "bedside"), ("cgm", "cgm"), ("icd", "cied"), ("gone", "unknown")];

pub(super) const PATIENTS: [&str; 2] = ["p", "q"];

/// A signal, and values inside, beyond, far beyond and impossible.
pub(super) const SIGNALS: [(&str, [f64; 5]); 7] = [
    ("spo2", [97.0, 84.0, 70.0, 0.0, 140.0]),
    ("heart_rate", [70.0, 140.0, 170.0, 0.0, 900.0]),
    ("nibp_sys", [120.0, 85.0, 60.0, 100.0, 500.0]),
    ("glucose_cgm", [110.0, 65.0, 45.0, 300.0, 5.0]),
    ("temperature_core", [37.0, 39.0, 34.0, 36.0, 90.0]),
    ("impedance", [500.0, 2_500.0, 100.0, 0.0, 90_000.0]),
    ("respiratory_rate", [15.0, 32.0, 3.0, 0.0, 200.0]),
];

/// Their indexes: one whose loss is watched, and one that continues.
const BREATH: usize = 6;

const BEAT: usize = 1;

const EVENTS: [&str; 4] = ["vf_detected", "vt_detected", "af_detected", "never_heard_of"];

const PHASES: [Phase; 4] = [Phase::Single, Phase::Start, Phase::Update, Phase::End];

/// A row of the journal as it is on disk, and what it caused when it was lived.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) now: Stamp,
    pub(super) body: Vec<u8>,
    pub(super) caused: Vec<Transition>,
}

impl Row {
    pub(super) fn inputs(&self) -> Vec<Input> {
        RowBody::decode(0, &self.body).unwrap().inputs
    }
}

/// A ward being lived through.
pub(super) struct World {
    pub(super) scene: Scene,
    pub(super) rows: Vec<Row>,
    last: [Option<Message>; DEVICES.len()],
    closed: Vec<AlarmId>,
}

impl World {
    /// Begins with everybody there and bound, and lives through the steps.
    pub(super) fn live(steps: &[Step]) -> Self {
        let mut world = Self::begin();
        for step in steps {
            world.step(step);
        }
        world
    }

    pub(super) fn begin() -> Self {
        let mut scene = Scene::empty();
        scene.core.configuration = std::sync::Arc::default();
        let last = std::array::from_fn(|_| None);
        let mut world = Self { scene, rows: Vec::new(), last, closed: Vec::new() };
        world.row(&[configuration(false)]);
        for patient in 0..PATIENTS.len() {
            world.step(&Step::Admit(patient));
        }
        for device in 0..DEVICES.len() - 1 {
            world.step(&Step::Register(device, if device == 0 { 3 } else { 0 }));
            world.step(&Step::Bind(device, device % 2));
        }
        world
    }

    /// One row, as the pipeline makes it; and the laws every row keeps.
    fn row(&mut self, inputs: &[Input]) {
        let core = &mut self.scene.core;
        let before = core.next_seq();
        let out = core.fold(core.row() + 1, self.scene.now, inputs);
        let body = RowBody::new(inputs.to_vec(), &out.samples, self.scene.now);
        let samples: Vec<_> = out.samples.into_iter().map(|(_, sample)| sample).collect();
        assert_eq!(body.samples(self.scene.now), samples, "the samples of a row");
        let encoded = body.encode();
        assert_eq!(RowBody::decode(0, &encoded).unwrap(), body, "a row survives its encoding");
        if let [Input::Command(_)] = inputs {
            let first = out.transitions.first().map(|t| &t.body);
            assert!(matches!(first, Some(TransitionBody::Answer { .. })), "the answer comes first");
        }
        self.keep(encoded, out.transitions, before);
    }

    fn keep(&mut self, body: Vec<u8>, caused: Vec<Transition>, before: u64) {
        let core = &self.scene.core;
        assert_eq!(core.alarm_index, AlarmIndex::of(&core.patients, &core.site));
        for (transition, seq) in caused.iter().zip(before..) {
            assert_eq!(transition.seq, seq, "numbers have no gaps");
            if let TransitionBody::Alarm { change, alarm, .. } = &transition.body {
                // What is closed moves no more: at most it is told at the end of its pause.
                let told = *change == Change::EndedWhilePaused && alarm.state == State::Closed;
                assert_eq!(self.closed.contains(&alarm.id), told, "{alarm:?}");
                assert_eq!(alarm.seq, seq);
                assert!(alarm.priority <= alarm.priority_peak);
                if alarm.state == State::Closed && !told {
                    self.closed.push(alarm.id.clone());
                }
                if alarm.kind == AlarmKind::Technical {
                    assert_ne!(alarm.state, State::Latched);
                }
                let latched = alarm.state == State::Latched;
                assert!(!latched || alarm.condition == Condition::Absent, "{alarm:?}");
            }
        }
        self.rows.push(Row { now: self.scene.now, body, caused });
    }

    /// Time passes; the core is woken at each deadline, and a wake-up that causes nothing is no row.
    fn wait(&mut self, span: Span) {
        let to = self.scene.now.at + span;
        let mut woken = 0;
        while let Some(due) = self.scene.core.next_deadline().filter(|due| *due <= to) {
            woken += 1;
            assert!(woken < 10_000, "a deadline that is due for ever");
            self.scene.now.at = due.max(self.scene.now.at);
            self.wake();
        }
        self.scene.now.at = to;
        self.wake();
    }

    fn wake(&mut self) {
        // Two clocks are read one after the other: what is shown differs a little at each step.
        self.scene.now.offset = Span::micros(self.scene.now.at.as_micros().rem_euclid(7));
        let before = self.scene.core.next_seq();
        let advanced = self.scene.core.advance(self.scene.now);
        if !advanced.is_nothing() {
            let caused = advanced.into_row().transitions;
            self.keep(RowBody::default().encode(), caused, before);
        }
    }

    pub(super) fn step(&mut self, step: &Step) {
        match step.clone() {
            Step::Wait(ms) => self.wait(Span::millis(ms)),
            Step::Burst { device, signal, value, seconds } => {
                for _ in 0..seconds {
                    self.say(device, signal, value, 0, 0);
                    self.wait(Span::secs(1));
                }
            }
            Step::Reading { device, signal, value, age, how } => {
                self.say(device, signal, value, age, how);
            }
            Step::Apnoea { device, seconds, every } => {
                self.say(device, BREATH, 0, 0, 0);
                for _ in 0..i64::from(seconds) * 1_000 / every {
                    self.wait(Span::millis(every));
                    self.say(device, BEAT, 0, 0, 0);
                }
            }
            Step::Again(device) => {
                if let Some(message) = self.last[device].clone() {
                    self.row(&[Input::Message(Box::new(message))]);
                }
            }
            Step::IntakeGap(ms) => {
                let from = self.scene.now.at;
                self.scene.now.at = from + Span::millis(ms);
                self.row(&[Input::IntakeGap { from, to: self.scene.now.at }]);
            }
            Step::ClockBack(ms) => {
                let from_us = self.scene.now.offset.as_micros();
                self.scene.now.offset = self.scene.now.offset - Span::millis(ms);
                let to_us = self.scene.now.offset.as_micros();
                self.row(&[Input::ClockStep { from_us, to_us }]);
            }
            other => {
                if let Some(input) = self.input(&other) {
                    self.row(&[input]);
                }
            }
        }
    }

    fn say(&mut self, device: usize, signal: usize, value: usize, age: i64, how: usize) {
        let (name, values) = SIGNALS[signal];
        let mut reading = self.scene.measured(name, values[value]);
        reading.time = ReadingTime::At(self.scene.now.wall() - Span::millis(age));
        let mut message = self.scene.message(DEVICES[device].0);
        how_sent(how, &mut message, &mut reading);
        message.body = Body::Telemetry { readings: vec![reading], refused: Vec::new() };
        self.last[device] = Some(message.clone());
        self.row(&[Input::Message(Box::new(message))]);
    }
}

/// A fresh core, as the program starts with.
pub(super) fn fresh() -> Core {
    let mut scene = Scene::empty();
    scene.core.configuration = std::sync::Arc::default();
    Core::new(
        "site-1".parse().unwrap(),
        false,
        crate::core::configuration::Configuration::default(),
    )
}
