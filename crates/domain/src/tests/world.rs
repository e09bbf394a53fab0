//! Made-up stays on a ward: sequences of steps, lived through once and recorded as journal rows.

use proptest::prelude::*;

use crate::core::Core;
use crate::core::alarm_index::AlarmIndex;
use crate::core::journal::RowBody;
use crate::model::alarm::{AlarmKind, Condition, Side, State};
use crate::model::command::{Action, AlarmAct, Command, PatientLimit};
use crate::model::ids::AlarmId;
use crate::model::input::Input;
use crate::model::message::{
    Body, Clock, DeviceInfo, Kind, Message, Mode, Phase, Reading, ReadingTime, RefusalReason,
    Refused, Status,
};
use crate::model::time::{Span, Stamp, Timestamp};
use crate::output::transition::{Transition, TransitionBody};

use super::scene::{Scene, shipped};

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
/// Their places: one whose loss is watched, and one that goes on.
const BREATH: usize = 6;
const BEAT: usize = 1;
const EVENTS: [&str; 4] = ["vf_detected", "vt_detected", "af_detected", "never_heard_of"];
const PHASES: [Phase; 4] = [Phase::Single, Phase::Start, Phase::Update, Phase::End];

/// One thing that happens.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Reading { device: usize, signal: usize, value: usize, age: i64, how: usize },
    Burst { device: usize, signal: usize, value: usize, seconds: u8 },
    Apnoea { device: usize, seconds: u8, every: i64 },
    Again(usize),
    Event { device: usize, name: usize, id: Option<u8>, phase: usize, age: i64 },
    Info(usize, u8),
    Garbage(usize, bool),
    Link(usize, bool),
    Act(usize, usize),
    Admit(usize),
    Discharge(usize),
    Bind(usize, usize),
    Unbind(usize),
    Correct(usize, usize),
    Register(usize, u8),
    Limits { patient: usize, signal: usize, low: bool, limit: usize, ago: i64 },
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

pub(super) fn step() -> impl Strategy<Value = Step> {
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
        1 => (device.clone(), 0_u8..128).prop_map(|(d, s)| Step::Info(d, s)),
        1 => (device.clone(), any::<bool>()).prop_map(|(d, all)| Step::Garbage(d, all)),
        1 => (device.clone(), any::<bool>()).prop_map(|(d, on)| Step::Link(d, on)),
        6 => (0_usize..8, 0_usize..4).prop_map(|(which, act)| Step::Act(which, act)),
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
            if let TransitionBody::Alarm { alarm, .. } = &transition.body {
                assert!(!self.closed.contains(&alarm.id), "what is closed moves: {alarm:?}");
                assert_eq!(alarm.seq, seq);
                assert!(alarm.priority <= alarm.priority_peak);
                if alarm.state == State::Closed {
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

    /// Time passes; the core is woken at each deadline, and a wake-up that tells nothing is no row.
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

    fn input(&mut self, step: &Step) -> Option<Input> {
        let scene = &mut self.scene;
        let device = |d: &usize| DEVICES[*d].0;
        let patient = |p: &usize| PATIENTS[*p].parse().unwrap();
        let body = match step {
            Step::Event { device: d, name, id, phase, age } => {
                let event = crate::model::message::Event {
                    index: 0,
                    id: id.map(|id| format!("ep-{id}")),
                    time: ReadingTime::At(scene.now.wall() - Span::millis(*age)),
                    name: EVENTS[*name].to_owned(),
                    phase: PHASES[*phase],
                    text: None,
                };
                (device(d), Body::Events { events: vec![event], refused: Vec::new() })
            }
            Step::Info(d, signals) => {
                let signals = expected(scene, *signals);
                let info = DeviceInfo { signals, ..DeviceInfo::default() };
                (device(d), Body::Info { info })
            }
            Step::Garbage(d, true) => {
                let reason = "syntax".to_owned();
                (device(d), Body::Undecodable { kind: Kind::Telemetry, reason })
            }
            Step::Garbage(d, false) => {
                let refused = Refused {
                    index: 0,
                    signal: Some(scene.signal("spo2")),
                    reason: RefusalReason::Unit,
                    detail: String::new(),
                };
                (device(d), Body::Telemetry { readings: Vec::new(), refused: vec![refused] })
            }
            Step::Link(d, connected) => {
                let principal = device(d).parse().unwrap();
                return Some(Input::Link { principal, connected: *connected, clean: true });
            }
            Step::Broker(well) => {
                let fault = (!well).then(|| "no probe came back".to_owned());
                return Some(Input::Broker { id: "b1".parse().unwrap(), fault });
            }
            Step::Store(failing) => return Some(Input::Store { failing: *failing }),
            Step::Configure(changed) => return Some(configuration(*changed)),
            other => {
                let action = action(scene, other, patient)?;
                return Some(Input::Command(Box::new(Command { actor: "who".into(), action })));
            }
        };
        let (device, body) = body;
        let mut message = scene.message(device);
        message.body = body;
        Some(Input::Message(Box::new(message)))
    }
}

fn action(
    scene: &Scene,
    step: &Step,
    patient: impl Fn(&usize) -> crate::model::ids::PatientId,
) -> Option<Action> {
    let device = |d: &usize| DEVICES[*d].0.parse().unwrap();
    Some(match step {
        Step::Act(which, act) => {
            let open: Vec<_> = scene.core.patients.values().flat_map(|p| p.alarms.iter()).collect();
            let (_, open) = open.get(which % open.len().max(1))?;
            let act = match act {
                0 | 1 => AlarmAct::Acknowledge,
                2 => AlarmAct::Unacknowledge,
                _ => AlarmAct::Reset { reason: Some("seen".to_owned()) },
            };
            Action::Alarm { id: open.alarm.id.clone(), seen: open.alarm.seq, act }
        }
        Step::Admit(p) => Action::AdmitPatient(crate::model::command::PatientDetails {
            id: patient(p),
            age_class: crate::model::command::AgeClass::Adult,
            continuous: *p == 1,
            bed: None,
            pregnant: None,
        }),
        Step::Discharge(p) => {
            Action::DischargePatient { patient: patient(p), reason: Some("home".to_owned()) }
        }
        Step::Bind(d, p) => Action::Bind {
            device: device(d),
            patient: patient(p),
            from: None,
            zero_means_no_sensor: ["heart_rate", "respiratory_rate"]
                .map(|s| scene.signal(s))
                .into(),
        },
        Step::Unbind(d) => Action::Unbind(device(d)),
        Step::Correct(d, p) => Action::CorrectBinding {
            device: device(d),
            patient: (*p < PATIENTS.len()).then(|| patient(p)),
            reason: "wrong bed".to_owned(),
        },
        Step::Register(d, signals) => {
            Action::RegisterDevice(crate::model::command::DeviceDetails {
                id: device(d),
                class: DEVICES[*d].1.to_owned(),
                kind: crate::model::command::PrincipalKind::Device,
                token_sha256: None,
                via: Vec::new(),
                signals: expected(scene, *signals),
            })
        }
        Step::Limits { patient: p, signal, low, limit, ago } => {
            let (name, values) = SIGNALS[*signal];
            let signal = scene.core.configuration.signals.find(name).unwrap();
            Action::SetLimits {
                patient: patient(p),
                limits: vec![PatientLimit {
                    signal: name.to_owned(),
                    side: if *low { Side::Low } else { Side::High },
                    critical: false,
                    value: Some(values[*limit]),
                    unit: signal.unit.unwrap(),
                }],
                from: Some(scene.now.wall() - Span::millis(*ago)),
                replaces: None,
                reason: None,
            }
        }
        _ => return None,
    })
}

fn expected(scene: &Scene, bits: u8) -> Vec<crate::model::message::ExpectedSignal> {
    let wanted = SIGNALS.iter().enumerate().filter(|(i, _)| bits & (1 << i) != 0);
    wanted
        .map(|(_, (name, _))| crate::model::message::ExpectedSignal {
            signal: scene.signal(name),
            interval: None,
        })
        .collect()
}

fn configuration(changed: bool) -> Input {
    let crate::core::configuration::Texts { signals, mut rules, site } = shipped();
    if changed {
        rules = rules
            .replace("low = [\"88 %\"]", "low = [\"83 %\"]")
            .replace("low = \"15s\"", "low = \"10s\"")
            .replace("loss = \"20s\"", "loss = \"12s\"")
            .replace("text = \"Sustained VT reported\"", "text = \"VT\"");
    }
    Input::Configuration { signals, rules, site }
}

/// Ways a reading may be in doubt; 0 and what is not named here is none at all.
pub(super) fn how_sent(how: usize, message: &mut Message, reading: &mut Reading) {
    match how {
        1 => reading.quality = Some(0.1),
        2 => message.mode = Mode::Test,
        3 => reading.time = ReadingTime::At(Timestamp::from_millis(5_000)),
        4 => {
            message.delivery.resumed = true;
            reading.time = ReadingTime::Unstated;
        }
        5 => message.delivery.retained = true,
        6 => message.clock = Some(Clock { source: None, timeline: Some(3) }),
        7 => reading.unit_doubtful = true,
        8 => reading.status = Status::EnteredInError,
        9 => reading.status = Status::Corrected,
        10 => (message.sent_at, reading.time) = (None, ReadingTime::Age(Span::secs(2))),
        _ => {}
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
