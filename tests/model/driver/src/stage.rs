//! The core, step by step.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use anyhow::{Context, bail};
use serde_json::Value;
use vitalgate_domain::core::Core;
use vitalgate_domain::core::configuration::{Configuration, Texts};
use vitalgate_domain::model::alarm::Alarm;
use vitalgate_domain::model::command::{Action, AlarmAct, Command, PatientDetails, Registration};
use vitalgate_domain::model::ids::{AlarmId, DeviceId};
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::message::{Delivery, ExpectedSignal, Kind};
use vitalgate_domain::model::pack::Pack;
use vitalgate_domain::model::pause::{Pause, Scope, What as Kept};
use vitalgate_domain::model::signal::SignalId;
use vitalgate_domain::model::time::{Span, Stamp, Timestamp};
use vitalgate_domain::output::transition::{Change, Transition, TransitionBody};
use vitalgate_formats::{Request, decode};

use crate::answer::{self, Seen};
use crate::duty::{self, NotTaken, Taken};
use crate::step::{self, Duty, Header, Step, What};

const SIGNALS: &str = include_str!("../../../../config/signals.toml");
const RULES: &str = include_str!("../../../../config/rules.toml");
const PACKS: [(&str, &str); 2] = [
    ("news2", include_str!("../../../../config/packs/news2.toml")),
    ("vitals_live", include_str!("../../../../config/packs/vitals_live.toml")),
];

/// As long as the shipped configuration keeps what is measured.
const RETENTION: Span = Span::days(400);

/// Patient, rule and source.
type Key = (Option<String>, String, String);

/// One history on its way.
#[derive(Debug)]
pub(crate) struct Stage {
    history: Value,
    site: String,
    packs: Vec<String>,
    begin: Timestamp,
    core: Core,
    now: Stamp,
    steps: u64,
    log: Vec<Transition>,
    /// The number of each alarm's first transition.
    raised: BTreeMap<AlarmId, u64>,
    /// Patient, rule and source of alarms that are closed: the gateway refuses commands about them (row 27).
    closed: BTreeSet<Key>,
}

impl Stage {
    pub(crate) fn new(header: &Header, packs: &[String]) -> anyhow::Result<Self> {
        let site = format!("time_zone = {}\n", Value::from(header.time_zone.as_str()));
        let packs = header.packs.clone().unwrap_or_else(|| packs.to_vec());
        let texts = texts(site.clone(), &packs, header.rules.as_deref().unwrap_or_default())?;
        let core = Core::new(header.site.parse()?, false, Configuration::parse(texts)?);
        let at: Timestamp = header.begin.parse()?;
        Ok(Self {
            history: header.history.clone(),
            site,
            packs,
            begin: at,
            core,
            now: Stamp { at, offset: Span::ZERO },
            steps: 0,
            log: Vec::new(),
            raised: BTreeMap::new(),
            closed: BTreeSet::new(),
        })
    }

    /// Lets time pass until the step, takes it, and says what came of both.
    pub(crate) fn step(&mut self, step: &Step) -> anyhow::Result<Seen> {
        self.log.clear();
        let to = Stamp { at: self.at(step.t), offset: Span::ZERO };
        if let Some(gap) = &step.gap {
            self.now = to;
            let from = self.at(gap.from);
            self.fold(Input::IntakeGap { from, to: to.at });
        } else {
            self.advance(to);
        }
        if let Some(message) = &step.message {
            self.message(message)?;
        }
        let mut refused = None;
        if let Some(command) = &step.command {
            match self.action(&command.what)? {
                Asked::Of(action) => {
                    let actor = command.actor.clone();
                    self.fold(Input::Command(Box::new(Command { actor, action })));
                }
                Asked::Nothing { closed: true } => refused = Some("conflict"),
                Asked::Nothing { closed: false } => refused = Some("not_found"),
                Asked::NotBuilt => {}
            }
        }
        if let Some(packs) = &step.packs {
            self.packs.clone_from(packs);
        }
        if step.reload.is_some() || step.packs.is_some() {
            let changes = step.reload.as_deref().unwrap_or_default();
            let Texts { signals, rules, site, packs } =
                texts(self.site.clone(), &self.packs, changes)?;
            self.fold(Input::Configuration { signals, rules, site, packs });
        }
        match &step.duty {
            None => {}
            Some(Duty::Unplanned) => self.fold(Input::Duty(None)),
            Some(Duty::By(plan)) => {
                let plan = plan.read(self.begin)?;
                self.fold(Input::Duty(Some(Box::new(plan))));
            }
        }
        if let Some(taken) = &step.delivered {
            self.delivered(taken)?;
        }
        if let Some(NotTaken { channel, waits }) = &step.undelivered {
            let (channel, words) = (id(channel)?, "503".to_owned());
            self.fold(Input::Undelivered { channel, waits: *waits, words });
        }
        if step.restart {
            self.restart()?;
        }
        let answer = Seen::of(self.history.clone(), self.steps, &self.core, &self.log, self.begin);
        self.steps += 1;
        Ok(answer.or(refused))
    }

    fn at(&self, seconds: f64) -> Timestamp {
        self.begin + Span::micros((seconds * 1e6).round() as i64)
    }

    fn advance(&mut self, to: Stamp) {
        self.now = to;
        let advanced = self.core.advance(to);
        if !advanced.is_nothing() {
            let transitions = advanced.into_row().transitions;
            self.keep(transitions);
        }
    }

    fn fold(&mut self, input: Input) {
        let out = self.core.fold(self.core.row() + 1, self.now, &[input]);
        self.keep(out.transitions);
    }

    fn keep(&mut self, transitions: Vec<Transition>) {
        for transition in &transitions {
            if let TransitionBody::Alarm { change: Change::Raised, alarm, .. } = &transition.body {
                self.raised.insert(alarm.id.clone(), transition.seq);
            }
            if let TransitionBody::Alarm { alarm, .. } = &transition.body
                && alarm.closed_reason.is_some()
            {
                let patient = alarm.patient.as_ref().map(ToString::to_string);
                let source = answer::source(alarm, &self.core);
                self.closed.insert((patient, alarm.rule.to_string(), source));
            }
        }
        self.log.extend(transitions);
    }

    /// A core put together again from its snapshot goes on in its place.
    fn restart(&mut self) -> anyhow::Result<()> {
        let parts: Vec<_> = self
            .core
            .parts_since(0)
            .into_iter()
            .filter_map(|(kind, key)| self.core.part(kind, &key))
            .collect();
        self.core =
            Core::restore(parts.iter().map(|p| (p.kind, p.key.as_str(), p.body.as_slice())))?;
        Ok(())
    }

    /// A channel took the last it was given of an alarm that is open.
    fn delivered(&mut self, taken: &Taken) -> anyhow::Result<()> {
        let alarm = self.open(taken.patient.as_deref(), &taken.rule, &taken.source);
        let told = alarm.and_then(|alarm| {
            let seq = duty::last_told(alarm.responsibility.as_ref()?, &taken.channel)?;
            Some((alarm.id.clone(), seq))
        });
        if let Some((alarm, seq)) = told {
            self.fold(Input::Delivered { channel: id(&taken.channel)?, alarm, seq });
        }
        Ok(())
    }

    /// A message that its principal may bring; what the listener would not take is nothing here.
    fn message(&mut self, message: &step::Message) -> anyhow::Result<()> {
        let principal: DeviceId = id(&message.principal)?;
        let device: DeviceId = id(&message.device)?;
        let Some(known) = self.core.devices.get(&device) else { return Ok(()) };
        if principal != device && !known.details.via.contains(&principal) {
            return Ok(());
        }
        let kind = match message.kind.as_str() {
            "telemetry" => Kind::Telemetry,
            "events" => Kind::Events,
            "waves" => Kind::Waves,
            "status" => Kind::Status,
            "info" => Kind::Info,
            other => bail!("there is no kind {other}"),
        };
        let payload = serde_json::to_vec(&message.body)?;
        let delivery = Delivery {
            qos: message.qos,
            retained: message.retain,
            dup: message.dup,
            resumed: message.backlog,
        };
        let topic = format!("vitalgate/v1/{device}/{}", message.kind);
        let request = Request {
            principal: &principal,
            device: &device,
            kind,
            payload: &payload,
            delivery,
            received: self.now.wall(),
            retention: RETENTION,
            topic: &topic,
        };
        let decoded = decode(&request, &self.core.configuration.signals);
        self.fold(Input::Message(Box::new(decoded.message)));
        Ok(())
    }

    fn action(&self, what: &What) -> anyhow::Result<Asked> {
        Ok(Asked::Of(match what {
            What::Admit { patient, age_class, continuous, pregnant, bed } => {
                Action::AdmitPatient(PatientDetails {
                    id: id(patient)?,
                    age_class: *age_class,
                    continuous: *continuous,
                    bed: bed.as_deref().map(id).transpose()?,
                    pregnant: *pregnant,
                })
            }
            What::PatchPatient { patient, age_class, continuous, pregnant, spo2_scale, reason } => {
                Action::ChangePatient {
                    patient: id(patient)?,
                    age_class: *age_class,
                    continuous: *continuous,
                    pregnant: *pregnant,
                    replaces: None,
                    spo2_scale: *spo2_scale,
                    reason: reason.clone(),
                }
            }
            What::Discharge { patient, reason } => Action::DischargePatient {
                patient: id(patient)?,
                reason: reason.clone(),
                replaces: None,
            },
            What::Transfer { patient, bed } => Action::TransferPatient {
                patient: id(patient)?,
                bed: bed.as_deref().map(id).transpose()?,
                replaces: None,
            },
            What::AddWard { ward } => Action::AddWard(id(ward)?),
            What::AddBed { bed, ward } => Action::AddBed { bed: id(bed)?, ward: id(ward)? },
            What::Register { device, class, kind, via, signals } => {
                let ids = |via: &Vec<String>| via.iter().map(|via| id(via)).collect();
                Action::RegisterDevice(Registration {
                    id: id(device)?,
                    class: Some(class.clone()),
                    kind: *kind,
                    token_sha256: None,
                    via: via.as_ref().map(ids).transpose()?,
                    signals: signals.as_ref().map(|all| self.expected(all)).transpose()?,
                    replaces: None,
                    while_unbound: false,
                })
            }
            What::Bind { device, patient, from, zero_means_no_sensor } => {
                let named = |all: &Vec<String>| all.iter().map(|name| self.signal(name)).collect();
                Action::Bind {
                    device: id(device)?,
                    patient: id(patient)?,
                    from: from.as_deref().map(Timestamp::from_str).transpose()?,
                    zero_means_no_sensor: zero_means_no_sensor.as_ref().map(named).transpose()?,
                    replaces: None,
                }
            }
            What::Unbind { device } => Action::Unbind { device: id(device)?, replaces: None },
            What::CorrectBinding { device, patient, reason } => Action::CorrectBinding {
                device: id(device)?,
                patient: patient.as_deref().map(id).transpose()?,
                reason: reason.clone(),
                replaces: None,
            },
            What::Limits { patient, limits, from, reason } => Action::SetLimits {
                patient: id(patient)?,
                limits: limits.clone(),
                from: from.map(|seconds| self.at(seconds)),
                replaces: None,
                reason: reason.clone(),
                only: None,
            },
            What::Alarm { patient, rule, source, act, seen, reason, what, until, text } => {
                let Some(alarm) = self.open(patient.as_deref(), rule, source) else {
                    let key = (patient.clone(), rule.clone(), source.clone());
                    return Ok(Asked::Nothing { closed: self.closed.contains(&key) });
                };
                let act = match act.as_str() {
                    "acknowledge" => AlarmAct::Acknowledge,
                    "unacknowledge" => AlarmAct::Unacknowledge,
                    "reset" => AlarmAct::Reset { reason: reason.clone() },
                    "accept" => AlarmAct::Accept,
                    "reject" => AlarmAct::Reject,
                    "release" => AlarmAct::Release,
                    "received" => AlarmAct::Received,
                    "pause" | "off" => {
                        let (what, reason) = (what.unwrap_or(Kept::Alarm), reason.clone());
                        let until = until.map(|seconds| self.at(seconds));
                        match act.as_str() {
                            "pause" => AlarmAct::Pause { what, reason, until },
                            _ => AlarmAct::Off { what, reason, until },
                        }
                    }
                    "resume" => AlarmAct::Resume,
                    "comment" => AlarmAct::Comment { text: text.clone() },
                    _ => return Ok(Asked::NotBuilt),
                };
                let first = self.raised.get(&alarm.id).copied();
                let seen = if seen == "first" { first.unwrap_or(alarm.seq) } else { alarm.seq };
                Action::Alarm { id: alarm.id.clone(), seen, act }
            }
            What::HandOver { to } => Action::HandOver { to: to.clone() },
            What::TakeOver { from, alarms } => Action::TakeOver {
                from: from.clone(),
                alarms: alarms.iter().filter_map(|key| self.seen(key)).collect(),
            },
            What::Pause { scope, reason, until } => Action::Pause {
                scope: scope_of(scope)?,
                reason: reason.clone(),
                until: self.at(*until),
            },
            What::EndPause { scope } => {
                let scope = scope_of(scope)?;
                let mut pauses = self.core.site.pauses.iter().rev();
                // What is over is none, also where it is still listed.
                let lasts = |one: &&Pause| one.scope == scope && one.until > self.now.wall();
                let id = pauses.find(lasts).map(|one| one.id);
                Action::EndPause { id: id.unwrap_or_default() }
            }
        }))
    }

    fn open(&self, patient: Option<&str>, rule: &str, source: &str) -> Option<&Alarm> {
        let wanted = |alarm: &&Alarm| {
            alarm.rule.as_str() == rule && answer::source(alarm, &self.core) == source
        };
        let alarms = match patient {
            Some(patient) => &self.core.patients.get(patient)?.alarms,
            None => &self.core.site.alarms,
        };
        alarms.iter().map(|(_, open)| &open.alarm).find(wanted)
    }

    /// Id and number of an open alarm, as somebody sees it.
    fn seen(&self, (patient, rule, source): &Key) -> Option<(AlarmId, u64)> {
        self.open(patient.as_deref(), rule, source).map(|alarm| (alarm.id.clone(), alarm.seq))
    }

    fn expected(&self, signals: &[step::Expected]) -> anyhow::Result<Vec<ExpectedSignal>> {
        let one = |expected: &step::Expected| {
            let interval = match &expected.interval {
                None | Some(Value::Null) => None,
                Some(Value::String(text)) => Some(text.parse()?),
                Some(number) => {
                    let seconds = number.as_f64().context("an interval is seconds or a text")?;
                    Some(Span::micros((seconds * 1e6) as i64))
                }
            };
            Ok(ExpectedSignal { signal: self.signal(&expected.signal)?, interval })
        };
        signals.iter().map(one).collect()
    }

    fn signal(&self, name: &str) -> anyhow::Result<SignalId> {
        let signal = self.core.configuration.signals.find(name);
        signal.map(|signal| signal.id).with_context(|| format!("there is no signal {name}"))
    }
}

/// What a command of a history asks of the core.
#[derive(Debug)]
enum Asked {
    Of(Action),
    /// It names what is not there, or not any more.
    Nothing {
        closed: bool,
    },
    /// The core does not know it yet, such as handing an alarm over.
    NotBuilt,
}

fn scope_of(named: &step::Scoped) -> anyhow::Result<Scope> {
    Ok(Scope {
        rule: named.rule.as_deref().map(id).transpose()?,
        patient: named.patient.as_deref().map(id).transpose()?,
        bed: named.bed.as_deref().map(id).transpose()?,
    })
}

fn id<T: FromStr>(text: &str) -> anyhow::Result<T>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    text.parse().with_context(|| format!("`{text}` is no id"))
}

/// The shipped texts with these packs, and these replacements in the rules or in a pack.
fn texts(site: String, named: &[String], changes: &[(String, String)]) -> anyhow::Result<Texts> {
    let mut rules = RULES.to_owned();
    let pack = |name: &String| {
        let known = PACKS.iter().find(|(known, _)| known == name);
        let (_, text) = known.with_context(|| format!("there is no pack {name}"))?;
        anyhow::Ok(Pack { name: name.clone(), text: (*text).to_owned() })
    };
    let mut packs: Vec<Pack> = named.iter().map(pack).collect::<anyhow::Result<_>>()?;
    for (old, new) in changes {
        let all = std::iter::once(&mut rules).chain(packs.iter_mut().map(|pack| &mut pack.text));
        let Some(text) = all.into_iter().find(|text| text.contains(old.as_str())) else {
            bail!("the rules do not contain `{old}`");
        };
        *text = text.replacen(old, new, 1);
    }
    Ok(Texts { signals: SIGNALS.to_owned(), rules, site, packs })
}
