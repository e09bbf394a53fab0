//! What devices of a scene send.

use crate::model::input::Input;
use crate::model::instance::Instance;
use crate::model::message::{
    Body, Clock, ClockSource, Delivery, Event, Message, Mode, Phase, Reading, ReadingTime, Status,
    Value,
};
use crate::model::unit::Unit;

use super::{Scene, at};

impl Scene {
    /// A message of `device` with one reading, changed as wished, sent now.
    pub(in crate::tests) fn send(
        &mut self,
        device: &str,
        signal: &str,
        value: f64,
        change: impl FnOnce(&mut Message, &mut Reading),
    ) {
        let mut reading = self.measured(signal, value);
        let mut message = self.message(device);
        change(&mut message, &mut reading);
        if let Body::Telemetry { readings, .. } = &mut message.body {
            readings.push(reading);
        }
        self.fold(&[Input::Message(Box::new(message))]);
    }

    /// A reading measured and sent now.
    pub(in crate::tests) fn reading(&mut self, device: &str, signal: &str, value: f64) {
        self.send(device, signal, value, |_, _| {});
    }

    /// A reading measured at a second of the scene, sent now.
    pub(in crate::tests) fn measured_at(
        &mut self,
        device: &str,
        signal: &str,
        value: f64,
        second: f64,
    ) {
        self.send(device, signal, value, |_, reading| reading.time = ReadingTime::At(at(second)));
    }

    /// One reading a second for so many seconds; time moves with them.
    pub(in crate::tests) fn stream(
        &mut self,
        device: &str,
        signal: &str,
        value: f64,
        seconds: u32,
    ) {
        for _ in 0..seconds {
            self.reading(device, signal, value);
            self.advance(1.0);
        }
    }

    pub(in crate::tests) fn measured(&self, signal: &str, value: f64) -> Reading {
        let signal = self.core.configuration.signals.find(signal).expect("a signal of the table");
        let (low, high) = signal.plausible.unwrap_or((f64::MIN, f64::MAX));
        Reading {
            index: 0,
            signal: signal.id,
            instance: Instance::default(),
            time: ReadingTime::At(self.now.wall()),
            value: Value::Number {
                value,
                unit: signal.unit.unwrap_or(Unit::One),
                comparator: None,
            },
            quality: None,
            status: Status::Final,
            implausible: !(low..=high).contains(&value),
            unit_doubtful: false,
        }
    }

    pub(in crate::tests) fn message(&mut self, device: &str) -> Message {
        self.seq += 1;
        Message {
            principal: device.parse().unwrap(),
            device: device.parse().unwrap(),
            boot: Some(1),
            seq: Some(self.seq),
            sent_at: Some(self.now.wall()),
            mode: Mode::Real,
            clock: Some(Clock { source: Some(ClockSource::Ntp), timeline: None }),
            relay: None,
            hash: self.seq,
            delivery: Delivery { qos: 1, ..Delivery::default() },
            unknown_fields: 0,
            old: None,
            body: Body::Telemetry { readings: Vec::new(), refused: Vec::new() },
        }
    }

    /// An event that happened and was sent now.
    pub(in crate::tests) fn event(
        &mut self,
        device: &str,
        name: &str,
        id: Option<&str>,
        phase: Phase,
    ) {
        self.event_at(device, name, id, phase, self.second());
    }

    pub(in crate::tests) fn event_at(
        &mut self,
        device: &str,
        name: &str,
        id: Option<&str>,
        phase: Phase,
        second: f64,
    ) {
        let event = Event {
            index: 0,
            id: id.map(str::to_owned),
            time: ReadingTime::At(at(second)),
            name: name.to_owned(),
            phase,
            text: None,
        };
        let mut message = self.message(device);
        message.body = Body::Events { events: vec![event], refused: Vec::new() };
        self.fold(&[Input::Message(Box::new(message))]);
    }
}
