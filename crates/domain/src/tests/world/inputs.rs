//! Each step as the input it is to the core.

use crate::model::alarm::Side;
use crate::model::command::{Action, AlarmAct, Command, PatientLimit};
use crate::model::input::Input;
use crate::model::message::{
    Body, Clock, DeviceInfo, Event, Kind, Message, Mode, Phase, Reading, ReadingTime,
    RefusalReason, Refused, Status,
};
use crate::model::pack::Pack;
use crate::model::pause::{Scope, What};
use crate::model::time::{Span, Timestamp};
use crate::tests::duty::{on_duty, usual, with_channels};
use crate::tests::scene::{BEGIN, Scene, shipped};

use super::steps::Step;
use super::{DEVICES, EVENTS, PATIENTS, PHASES, SIGNALS, World};

const SPO2_LOW: &str = "vitals_live.spo2_low";

impl World {
    pub(super) fn input(&mut self, step: &Step) -> Option<Input> {
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
            Step::Storm(d, times) => {
                let events = (0..*times).flat_map(|n| [(n, Phase::Start), (n, Phase::End)]);
                let at = ReadingTime::At(scene.now.wall());
                let second = scene.second();
                let event = |(n, phase): (u16, Phase)| Event {
                    index: 2 * u32::from(n) + u32::from(phase == Phase::End),
                    id: Some(format!("storm-{second}-{n}")),
                    time: at,
                    name: EVENTS[usize::from(n) % 3].to_owned(),
                    phase,
                    text: None,
                };
                let events = events.map(event).collect();
                (device(d), Body::Events { events, refused: Vec::new() })
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
            Step::Duty(which) => return Some(plan_of(*which, scene)),
            Step::Channel(which, takes) => {
                let channel = ["n1-push", "n1-sms", "d1-push"][*which].parse().unwrap();
                let told = scene.core.patients.values().flat_map(|p| p.alarms.iter());
                let mut told =
                    told.map(|(_, open)| &open.alarm).filter(|a| a.responsibility.is_some());
                let Some(alarm) = told.next().filter(|_| *takes) else {
                    return Some(Input::NotTaken { channel, words: "422".to_owned() });
                };
                return Some(Input::Delivered { channel, alarm: alarm.id.clone(), seq: alarm.seq });
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
                3 => AlarmAct::Pause { what: What::Alarm, reason: None, until: None },
                4 => AlarmAct::Off {
                    what: What::Audio,
                    reason: Some("washing".to_owned()),
                    until: Some(scene.now.wall() + Span::mins(30)),
                },
                5 => AlarmAct::Resume,
                6 => AlarmAct::Comment { text: "looked at".to_owned() },
                7 => AlarmAct::Accept,
                8 => AlarmAct::Reject,
                9 => AlarmAct::Release,
                10 => AlarmAct::Received,
                _ => AlarmAct::Reset { reason: Some("seen".to_owned()) },
            };
            Action::Alarm { id: open.alarm.id.clone(), seen: open.alarm.seq, act }
        }
        Step::Pause(scope, secs) => {
            let scope = match scope {
                0 | 1 => Scope { patient: Some(patient(scope)), ..Scope::default() },
                2 => Scope { rule: Some(SPO2_LOW.parse().unwrap()), ..Scope::default() },
                _ => Scope {
                    rule: Some("link.silence".parse().unwrap()),
                    patient: Some(patient(&0)),
                    ..Scope::default()
                },
            };
            let until = scene.now.wall() + Span::secs(*secs);
            Action::Pause { scope, reason: "CT".to_owned(), until }
        }
        Step::EndPause(which) => {
            let pauses = &scene.core.site.pauses;
            Action::EndPause { id: pauses.get(which % pauses.len().max(1))?.id }
        }
        Step::Admit(p) => Action::AdmitPatient(crate::model::command::PatientDetails {
            id: patient(p),
            age_class: crate::model::command::AgeClass::Adult,
            continuous: *p == 1,
            bed: None,
            pregnant: None,
        }),
        Step::Discharge(p) => Action::DischargePatient {
            patient: patient(p),
            reason: Some("home".to_owned()),
            replaces: None,
        },
        Step::Bind(d, p) => Action::Bind {
            device: device(d),
            patient: patient(p),
            from: None,
            zero_means_no_sensor: Some(
                ["heart_rate", "respiratory_rate"].map(|s| scene.signal(s)).into(),
            ),
            replaces: None,
        },
        Step::Unbind(d) => Action::Unbind { device: device(d), replaces: None },
        Step::Correct(d, p) => Action::CorrectBinding {
            device: device(d),
            patient: (*p < PATIENTS.len()).then(|| patient(p)),
            reason: "wrong bed".to_owned(),
            replaces: None,
        },
        Step::Register(d, signals) => Action::RegisterDevice(
            crate::model::command::DeviceDetails {
                id: device(d),
                class: DEVICES[*d].1.to_owned(),
                kind: crate::model::command::PrincipalKind::Device,
                token_sha256: None,
                via: Vec::new(),
                signals: expected(scene, *signals),
            }
            .into(),
        ),
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
                    until: None,
                    ends: None,
                }],
                from: Some(scene.now.wall() - Span::millis(*ago)),
                replaces: None,
                reason: None,
                only: None,
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

/// None, one that is whole, and some with holes, people asleep and hours, made for eight days from now.
fn plan_of(which: usize, scene: &Scene) -> Input {
    if which == 0 {
        return Input::Duty(None);
    }
    let mut plan = match which {
        1 => usual(),
        _ => with_channels(),
    };
    let by = scene.now.wall() - BEGIN;
    (plan.from, plan.until) = (plan.from + by, plan.until + by);
    for watch in &mut plan.watches {
        (watch.from, watch.until) = (watch.from + by, watch.until + by);
    }
    if which >= 3 {
        plan.watches[0].until = scene.now.wall() + Span::hours(5);
        plan.watches[1].on_call = true;
        let response = crate::model::alarm::Response::Prompt;
        let (from, until) = (scene.now.wall() + Span::hours(3), plan.until);
        plan.hours = vec![crate::model::duty::CallingHours { response, from, until }];
    }
    if which == 4 {
        plan.watches.remove(0);
        plan.people[1].actor = "who".to_owned();
    }
    on_duty(plan)
}

pub(super) fn configuration(changed: bool) -> Input {
    let crate::core::configuration::Texts { signals, mut rules, site, .. } = shipped();
    let mut pack = include_str!("../../../../../config/packs/vitals_live.toml").to_owned();
    if changed {
        pack = pack.replace("\ndelay = \"10s\"", "\ndelay = \"4s\"");
        rules = rules
            .replace("low = [\"88 %\"]", "low = [\"83 %\"]")
            .replace("low = \"15s\"", "low = \"10s\"")
            .replace("loss = \"20s\"", "loss = \"12s\"")
            .replace("text = \"Sustained VT reported\"", "text = \"VT\"");
    }
    let packs = vec![Pack { name: "vitals_live".to_owned(), text: pack }];
    Input::Configuration { signals, rules, site, packs }
}

/// Ways a reading may be in doubt; 0 and what is not named here is none at all.
pub(in crate::tests) fn how_sent(how: usize, message: &mut Message, reading: &mut Reading) {
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
