//! A small stage for the core: readings, commands and time in; transitions in short words out.

use crate::core::Core;
use crate::core::configuration::{Configuration, Texts};
use crate::core::journal::RowBody;
use crate::model::alarm::{Alarm, AlarmKind, Side};
use crate::model::command::{
    Action, AgeClass, AlarmAct, Command, DeviceDetails, Outcome, PatientDetails, PatientLimit,
    PrincipalKind,
};
use crate::model::ids::DeviceId;
use crate::model::input::Input;
use crate::model::instance::Instance;
use crate::model::message::{
    Body, Clock, ClockSource, Delivery, Event, ExpectedSignal, Message, Mode, Phase, Reading,
    ReadingTime, Status, Value,
};
use crate::model::observation::Source;
use crate::model::signal::SignalId;
use crate::model::time::{Span, Stamp, Timestamp};
use crate::model::unit::Unit;
use crate::output::transition::{Transition, TransitionBody};
use crate::patient::LatestValue;

/// Second 0 of every scene: 2026-11-21T10:00:00Z.
pub(super) const BEGIN: Timestamp = Timestamp::from_millis(1_795_255_200_000);

/// The texts shipped with the program.
pub(super) fn shipped() -> Texts {
    Texts {
        signals: include_str!("../../../../config/signals.toml").to_owned(),
        rules: include_str!("../../../../config/rules.toml").to_owned(),
        site: "time_zone = \"Europe/Berlin\"\n".to_owned(),
    }
}

/// So many seconds into the scene.
pub(super) fn at(s: f64) -> Timestamp {
    BEGIN + Span::millis((s * 1_000.0).round() as i64)
}

/// A core with what came out of it since the last look.
pub(super) struct Scene {
    pub(super) core: Core,
    pub(super) now: Stamp,
    pub(super) log: Vec<Transition>,
    looked: usize,
    seq: u64,
}

impl Scene {
    /// Nobody there yet.
    pub(super) fn empty() -> Self {
        let configuration = Configuration::parse(shipped()).unwrap();
        let core = Core::new("site-1".parse().unwrap(), false, configuration);
        let now = Stamp { at: BEGIN, offset: Span::ZERO };
        Self { core, now, log: Vec::new(), looked: 0, seq: 0 }
    }

    /// An adult `p` with a bedside monitor `dev` that keeps network time and sends what it likes.
    pub(super) fn bedside() -> Self {
        let mut scene = Self::empty();
        scene.admit("p");
        scene.device("dev", "bedside", &[]);
        scene.bind("dev", "p");
        scene
    }

    pub(super) fn admit(&mut self, patient: &str) {
        self.admit_with(patient, |_| {});
    }

    pub(super) fn admit_with(&mut self, patient: &str, change: impl FnOnce(&mut PatientDetails)) {
        let mut details = PatientDetails {
            id: patient.parse().unwrap(),
            age_class: AgeClass::Adult,
            continuous: false,
            bed: None,
            pregnant: None,
        };
        change(&mut details);
        self.done(Action::AdmitPatient(details));
    }

    pub(super) fn device(&mut self, device: &str, class: &str, signals: &[&str]) {
        let signals = signals
            .iter()
            .map(|name| ExpectedSignal { signal: self.signal(name), interval: None })
            .collect();
        self.done(Action::RegisterDevice(DeviceDetails {
            id: device.parse().unwrap(),
            class: class.to_owned(),
            kind: PrincipalKind::Device,
            token_sha256: None,
            via: Vec::new(),
            signals,
        }));
    }

    pub(super) fn bind(&mut self, device: &str, patient: &str) {
        self.bind_with_zeros(device, patient, &[]);
    }

    pub(super) fn bind_with_zeros(&mut self, device: &str, patient: &str, zeros: &[&str]) {
        let zero_means_no_sensor = zeros.iter().map(|name| self.signal(name)).collect();
        self.done(Action::Bind {
            device: device.parse().unwrap(),
            patient: patient.parse().unwrap(),
            from: None,
            zero_means_no_sensor,
        });
    }

    pub(super) fn signal(&self, name: &str) -> SignalId {
        self.core.configuration.signals.find(name).expect("a signal of the table").id
    }

    /// Seconds since the beginning, by the gateway's own time.
    pub(super) fn second(&self) -> f64 {
        (self.now.at - BEGIN).as_secs_f64()
    }

    /// Folds one row of these inputs at the present moment.
    pub(super) fn fold(&mut self, inputs: &[Input]) {
        let out = self.core.fold(self.core.row() + 1, self.now, inputs);
        let body = RowBody::new(inputs.to_vec(), &out.samples, self.now);
        let samples: Vec<_> = out.samples.into_iter().map(|(_, sample)| sample).collect();
        assert_eq!(body.samples(self.now), samples, "a row tells its samples without a fold");
        self.log.extend(out.transitions);
    }

    /// Time passes, with nothing to take.
    pub(super) fn advance(&mut self, seconds: f64) {
        self.now.at = self.now.at + Span::millis((seconds * 1_000.0).round() as i64);
        let advanced = self.core.advance(self.now);
        if !advanced.is_nothing() {
            self.log.extend(advanced.into_row().transitions);
        }
    }

    /// Carries out a command; whatever else it caused stays to be looked at.
    pub(super) fn command(&mut self, action: Action) -> (Outcome, String) {
        let before = self.log.len();
        let command = Command { actor: "nurse".to_owned(), action };
        self.fold(&[Input::Command(Box::new(command))]);
        let first =
            self.log[before..].iter().find(|t| !matches!(t.body, TransitionBody::Note { .. }));
        match first.map(|t| &t.body) {
            Some(TransitionBody::Answer { answer, .. }) => (answer.outcome, answer.detail.clone()),
            other => panic!("the answer comes first, not {other:?}"),
        }
    }

    #[track_caller]
    pub(super) fn done(&mut self, action: Action) {
        let (outcome, detail) = self.command(action);
        assert_eq!(outcome, Outcome::Done, "{detail}");
    }

    /// A message of `device` with one reading, changed as wished, sent now.
    pub(super) fn send(
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
    pub(super) fn reading(&mut self, device: &str, signal: &str, value: f64) {
        self.send(device, signal, value, |_, _| {});
    }

    /// A reading measured at a second of the scene, sent now.
    pub(super) fn measured_at(&mut self, device: &str, signal: &str, value: f64, second: f64) {
        self.send(device, signal, value, |_, reading| reading.time = ReadingTime::At(at(second)));
    }

    /// One reading a second for so many seconds; time moves with them.
    pub(super) fn stream(&mut self, device: &str, signal: &str, value: f64, seconds: u32) {
        for _ in 0..seconds {
            self.reading(device, signal, value);
            self.advance(1.0);
        }
    }

    pub(super) fn measured(&self, signal: &str, value: f64) -> Reading {
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

    pub(super) fn message(&mut self, device: &str) -> Message {
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
            body: Body::Telemetry { readings: Vec::new(), refused: Vec::new() },
        }
    }

    /// An event that happened and was sent now.
    pub(super) fn event(&mut self, device: &str, name: &str, id: Option<&str>, phase: Phase) {
        self.event_at(device, name, id, phase, self.second());
    }

    pub(super) fn event_at(
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

    /// What moved since the last look: `raised high vitals_live.spo2_low: alarming, present`.
    pub(super) fn news(&mut self) -> Vec<String> {
        let news = self.log[self.looked..].iter().filter_map(|t| words(&t.body)).collect();
        self.looked = self.log.len();
        news
    }

    #[track_caller]
    pub(super) fn expect(&mut self, expected: &[&str]) {
        let second = self.second();
        assert_eq!(self.news(), expected, "at second {second}");
    }

    /// Lets go by what moved.
    pub(super) fn skip(&mut self) {
        self.looked = self.log.len();
    }

    /// The open alarm of a rule, of whomever.
    #[track_caller]
    pub(super) fn alarm(&self, rule: &str) -> Alarm {
        self.find(rule).unwrap_or_else(|| panic!("{rule} is not open"))
    }

    pub(super) fn find(&self, rule: &str) -> Option<Alarm> {
        let of_patients = self.core.patients.values().flat_map(|p| p.alarms.iter());
        let mut all = of_patients.chain(self.core.site.alarms.iter());
        all.find(|(key, _)| key.rule.as_str() == rule).map(|(_, open)| open.alarm.clone())
    }

    /// Somebody acts on the open alarm of a rule, having seen it as it is.
    pub(super) fn act(&mut self, rule: &str, act: AlarmAct) -> (Outcome, String) {
        let Alarm { id, seq, .. } = self.alarm(rule);
        self.command(Action::Alarm { id, seen: seq, act })
    }

    pub(super) fn acknowledge(&mut self, rule: &str) -> Outcome {
        self.act(rule, AlarmAct::Acknowledge).0
    }

    pub(super) fn reset(&mut self, rule: &str, reason: Option<&str>) -> Outcome {
        self.act(rule, AlarmAct::Reset { reason: reason.map(str::to_owned) }).0
    }

    pub(super) fn latest(&self, patient: &str, device: &str, signal: &str) -> Option<LatestValue> {
        let source = Source {
            device: device.parse::<DeviceId>().unwrap(),
            signal: self.signal(signal),
            instance: Instance::default(),
        };
        self.core.patients[patient].sources.get(&source)?.latest.clone()
    }

    /// Sets one limit of `p`, in place of all others.
    pub(super) fn limit(&mut self, signal: &str, side: Side, value: Option<f64>) -> Outcome {
        let unit = self.core.configuration.signals.find(signal).unwrap().unit.unwrap();
        let critical =
            PatientLimit { signal: signal.to_owned(), side, critical: true, value: None, unit };
        let limit = PatientLimit { critical: false, value, ..critical.clone() };
        self.limits(vec![limit, critical], None, None).0
    }

    pub(super) fn limits(
        &mut self,
        limits: Vec<PatientLimit>,
        from: Option<Timestamp>,
        replaces: Option<u64>,
    ) -> (Outcome, String) {
        let patient = "p".parse().unwrap();
        let reason = Some("as usual for this patient".to_owned());
        self.command(Action::SetLimits { patient, limits, from, replaces, reason })
    }

    /// New rules: the shipped ones with `old` replaced by `new`.
    pub(super) fn reconfigure(&mut self, old: &str, new: &str) {
        let Texts { signals, rules, site } = shipped();
        assert!(rules.contains(old), "{old}");
        let rules = rules.replace(old, new);
        self.fold(&[Input::Configuration { signals, rules, site }]);
    }

    /// The process ends here; a new one goes on from its snapshot, deaf for so many seconds.
    pub(super) fn restart(&mut self, deaf: f64) {
        self.core = restored(&self.core);
        let from = self.now.at;
        self.now.at = from + Span::millis((deaf * 1_000.0) as i64);
        self.fold(&[Input::IntakeGap { from, to: self.now.at }]);
    }
}

/// A core put together again from its snapshot.
pub(super) fn restored(core: &Core) -> Core {
    let parts: Vec<_> =
        core.parts_since(0).into_iter().map(|(kind, key)| core.part(kind, &key).unwrap()).collect();
    Core::restore(parts.iter().map(|p| (p.kind, p.key.as_str(), p.body.as_slice()))).unwrap()
}

/// A transition in short words; answers have none.
pub(super) fn words(body: &TransitionBody) -> Option<String> {
    match body {
        TransitionBody::Alarm { change, alarm, .. } => {
            let late = if alarm.late { "late " } else { "" };
            let state = match &alarm.closed_reason {
                Some(reason) => format!("closed {reason}"),
                None => format!("{}, {}", alarm.state, alarm.condition),
            };
            debug_assert!(alarm.kind != AlarmKind::Technical || !alarm.latches());
            Some(format!("{late}{} {} {}: {state}", change.as_str(), alarm.priority, alarm.rule))
        }
        TransitionBody::Note { what, .. } => Some(format!("note {what}")),
        TransitionBody::Answer { .. } | TransitionBody::NotAllowed { .. } => None,
    }
}
