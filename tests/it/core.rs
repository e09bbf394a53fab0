//! The pure core alone, fed with the recordings, against the second judge.

use std::collections::BTreeMap;

use serde_json::Value;
use vitalgate::pipeline::stored::StoredAlarm;
use vitalgate_domain::core::Core;
use vitalgate_domain::core::configuration::{Configuration, Texts};
use vitalgate_domain::model::command::{
    Action, AgeClass, Command, DeviceDetails, Outcome, PatientDetails, PrincipalKind,
};
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::instance::Instance;
use vitalgate_domain::model::message::{
    self, Body, Clock, ClockSource, Delivery, ExpectedSignal, Message, Mode, Reading, ReadingTime,
    Status,
};
use vitalgate_domain::model::signal::SignalId;
use vitalgate_domain::model::time::{Span, Stamp, Timestamp};
use vitalgate_domain::output::transition::TransitionBody;

use crate::cases::{Case, Limits, at, cases};

cases!(check);

fn check(name: &str, late: usize) {
    let case = Case::load(name);
    Played::play(&case).compare(late);
}

/// A case played into a core of its own.
struct Played<'a> {
    case: &'a Case,
    core: Core,
    row: u64,
    moved: Vec<(String, Value)>,
    answers: Vec<Outcome>,
}

impl<'a> Played<'a> {
    fn play(case: &'a Case) -> Self {
        let texts = Texts {
            signals: include_str!("../../config/signals.toml").to_owned(),
            rules: include_str!("../../config/rules.toml").to_owned(),
            site: "time_zone = \"Europe/Berlin\"\n".to_owned(),
            packs: Vec::new(),
        };
        let core =
            Core::new("site-1".parse().unwrap(), false, Configuration::parse(texts).unwrap());
        let mut played = Self { case, core, row: 0, moved: Vec::new(), answers: Vec::new() };
        played.admit();
        let mut limits = case.charted_limits().into_iter().peekable();
        for (sent, message) in played.messages() {
            while let Some(change) = limits.next_if(|change| change.from <= sent) {
                played.put_limits(change);
            }
            played.fold(sent, message);
        }
        limits.for_each(|change| played.put_limits(change));
        played
    }

    fn compare(&self, late: usize) {
        self.case.compare(&self.moved, late);
    }

    fn fold(&mut self, now: Timestamp, input: Input) {
        self.row += 1;
        let out = self.core.fold(self.row, Stamp { at: now, offset: Span::ZERO }, &[input]);
        for transition in out.transitions {
            match transition.body {
                TransitionBody::Answer { answer, .. } => self.answers.push(answer.outcome),
                TransitionBody::Alarm { change, alarm, .. } => {
                    let alarm = serde_json::to_value(StoredAlarm::new(&alarm, true)).unwrap();
                    self.moved.push((change.as_str().to_owned(), alarm));
                }
                TransitionBody::Note { .. }
                | TransitionBody::NotAllowed { .. }
                | TransitionBody::SignInsFailed(_) => {}
            }
        }
    }

    fn command(&mut self, now: Timestamp, action: Action) -> Outcome {
        let command = Command { actor: "test".to_owned(), action };
        self.fold(now, Input::Command(Box::new(command)));
        self.answers.pop().expect("an answer")
    }

    fn signal(&self, name: &str) -> SignalId {
        self.core.configuration.signals.find(name).expect("a signal").id
    }

    fn admit(&mut self) {
        let patient = self.case.text("patient").parse().unwrap();
        let device = self.case.text("device").parse().unwrap();
        let interval = Some(self.case.interval());
        let signals = self.case.columns().map(|(_, name, _)| self.signal(name));
        let signals = signals.map(|signal| ExpectedSignal { signal, interval }).collect();
        let zero = self.case.zero_means_no_sensor();
        let zero_means_no_sensor = zero.into_iter().map(|name| self.signal(name));
        for action in [
            Action::AdmitPatient(PatientDetails {
                id: self.case.text("patient").parse().unwrap(),
                age_class: AgeClass::Adult,
                continuous: false,
                bed: None,
                pregnant: None,
            }),
            Action::RegisterDevice(
                DeviceDetails {
                    id: self.case.text("device").parse().unwrap(),
                    class: self.case.text("class").to_owned(),
                    kind: PrincipalKind::Device,
                    token_sha256: None,
                    via: Vec::new(),
                    signals,
                }
                .into(),
            ),
            Action::Bind {
                device,
                patient,
                from: None,
                zero_means_no_sensor: Some(zero_means_no_sensor.collect()),
                replaces: None,
            },
        ] {
            assert_eq!(self.command(at(-60.0), action), Outcome::Done);
        }
    }

    fn put_limits(&mut self, change: Limits) {
        let action = Action::SetLimits {
            patient: self.case.text("patient").parse().unwrap(),
            limits: serde_json::from_value(change.all).unwrap(),
            from: None,
            replaces: None,
            reason: Some("as charted".to_owned()),
            only: None,
        };
        let outcome = self.command(change.from, action);
        let expected = if change.mistyped { Outcome::Invalid } else { Outcome::Done };
        assert_eq!(outcome, expected, "limits from {}", change.from);
    }

    /// One message for everything that arrives together.
    fn messages(&self) -> Vec<(Timestamp, Input)> {
        let mut arrivals: BTreeMap<Timestamp, Vec<Reading>> = BTreeMap::new();
        for (measured, arrived, column, value) in rows(self.case) {
            let Some((_, signal, unit)) = self.case.columns().find(|(name, ..)| *name == column)
            else {
                continue;
            };
            let together = arrivals.entry(at(arrived)).or_default();
            let signal = self.core.configuration.signals.find(signal).expect("a signal");
            let (low, high) = signal.plausible.expect("a range");
            together.push(Reading {
                index: together.len() as u32,
                signal: signal.id,
                instance: Instance::default(),
                time: ReadingTime::At(at(measured)),
                value: message::Value::Number {
                    value,
                    unit: unit.parse().unwrap(),
                    comparator: None,
                },
                quality: None,
                status: Status::Final,
                implausible: !(low..=high).contains(&value),
                unit_doubtful: false,
            });
        }
        let numbered = arrivals.into_iter().zip(1..);
        numbered.map(|((sent, readings), seq)| (sent, self.message(seq, sent, readings))).collect()
    }

    fn message(&self, seq: u64, sent: Timestamp, readings: Vec<Reading>) -> Input {
        let device = self.case.text("device");
        Input::Message(Box::new(Message {
            principal: device.parse().unwrap(),
            device: device.parse().unwrap(),
            boot: Some(1),
            seq: Some(seq),
            sent_at: Some(sent),
            mode: Mode::Real,
            clock: Some(Clock { source: Some(ClockSource::Ntp), timeline: None }),
            relay: None,
            hash: seq,
            delivery: Delivery { qos: 1, ..Delivery::default() },
            unknown_fields: 0,
            old: None,
            body: Body::Telemetry { readings, refused: Vec::new() },
        }))
    }
}

/// Measured, arrived, column, value: from the long form and from the wide one.
fn rows(case: &Case) -> Vec<(f64, f64, String, f64)> {
    let text = std::fs::read_to_string(case.recording()).unwrap();
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().expect("a header");
    let number = |cell: &str| cell.parse::<f64>().unwrap();
    let mut rows = Vec::new();
    for line in lines {
        if header[1] == "stored_s" {
            rows.push((number(line[0]), number(line[1]), line[2].to_owned(), number(line[3])));
            continue;
        }
        let cells = header.iter().zip(&line).skip(1).filter(|(_, cell)| !cell.is_empty());
        let time = number(line[0]);
        rows.extend(cells.map(|(name, cell)| (time, time, (*name).to_owned(), number(cell))));
    }
    rows
}
