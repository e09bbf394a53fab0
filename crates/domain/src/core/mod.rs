//! The core: maps of device and patient machines, one site machine, one agenda of deadlines.
//!
//! `advance(a); advance(b)` equals `advance(b)`; results do not depend on where batches are cut;
//! the same rows give the same transitions, byte for byte. It cannot fail.

mod agenda;
mod ahead;
pub(crate) mod alarm_index;
mod commands;
pub mod configuration;
mod deadlines;
pub mod excerpt;
pub mod journal;
mod messages;
mod outages;
mod raised;
mod responsible;
pub mod snapshot;
mod synthetic;
mod upgrade;

use std::collections::BTreeMap;
use std::sync::Arc;

use minicbor::{Decode, Encode};

use self::agenda::Agenda;
use self::ahead::AHEAD;
use self::alarm_index::AlarmIndex;
use self::configuration::{Configuration, Texts};
use self::journal::numbers_in;
use crate::device::Device;
use crate::model::ids::{DeviceId, PatientId, SiteId};
use crate::model::input::Input;
use crate::model::pause::Pause;
use crate::model::signal::SignalId;
use crate::model::time::{IntakeGap, Span, Stamp, Timestamp};
use crate::output::Output;
use crate::patient::explain::Explanation;
use crate::patient::{Intake, Patient, RuleContext, ScoreShown};
use crate::site::Site;

/// The whole state. Cloning shares every machine until it changes.
#[derive(Clone, Debug)]
pub struct Core {
    /// The configuration in force.
    pub configuration: Arc<Configuration>,
    /// Devices, relays and connectors.
    pub devices: BTreeMap<DeviceId, Arc<Device>>,
    /// Patients, discharged ones included.
    pub patients: BTreeMap<PatientId, Arc<Patient>>,
    /// Wards, beds, the gateway's own alarms.
    pub site: Arc<Site>,
    /// What changed since the last call of [`Core::take_changed`].
    pub changed: Changed,
    /// Rises with every call of [`Core::take_changed`]; a machine that knows it stands in `changed`.
    epoch: u64,
    pub(super) head: Head,
    pub(super) agenda: Agenda,
    pub(crate) alarm_index: AlarmIndex,
    /// The pauses of the site, as patients are given them; no part of the state.
    pub(super) pauses: Arc<[Pause]>,
}

/// What belongs to no machine.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub(super) struct Head {
    #[n(0)]
    pub(super) site: SiteId,
    #[n(1)]
    pub(super) simulated: bool,
    #[n(2)]
    pub(super) texts: Texts,
    #[n(3)]
    pub(super) next_seq: u64,
    #[n(4)]
    pub(super) now: Stamp,
    /// The last intake gaps, oldest first.
    #[n(5)]
    pub(super) intake_gaps: Vec<IntakeGap>,
    #[n(6)]
    pub(super) row: u64,
    /// Commits fail since then, or the disk is full: intake may stand still, and no device is blamed for it.
    #[n(7)]
    pub(super) failing_since: Option<Timestamp>,
}

/// Whose state changed, for snapshots and views. Hardly anybody stands there twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Devices.
    pub devices: Vec<DeviceId>,
    /// Patients.
    pub patients: Vec<PatientId>,
    /// Wards, beds, gateway alarms.
    pub site: bool,
}

/// What came of time that passed. Where that is nothing, there need be no row.
#[must_use = "what time caused belongs into a row"]
#[derive(Debug)]
pub struct Advanced<'a> {
    core: &'a mut Core,
    out: Output,
}

impl Advanced<'_> {
    /// Whether time caused nothing. What a deadline did is of the stamp it was decided with, though it told nobody: a
    /// row holds that.
    pub fn is_nothing(&self) -> bool {
        self.out.transitions.is_empty() && !self.out.decided
    }

    /// What time caused, as a row of its own, which counts from here on.
    pub fn into_row(self) -> Output {
        self.core.head.row += 1;
        self.out
    }
}

impl Core {
    /// An empty core.
    pub fn new(site: SiteId, simulated: bool, configuration: Configuration) -> Self {
        let head = Head {
            site,
            simulated,
            texts: configuration.texts.clone(),
            next_seq: 1,
            now: Stamp::default(),
            intake_gaps: Vec::new(),
            row: 0,
            failing_since: None,
        };
        Self::assemble(head, configuration, Site::default(), BTreeMap::new(), BTreeMap::new())
    }

    pub(super) fn assemble(
        head: Head,
        configuration: Configuration,
        site: Site,
        devices: BTreeMap<DeviceId, Arc<Device>>,
        patients: BTreeMap<PatientId, Arc<Patient>>,
    ) -> Self {
        let alarm_index = AlarmIndex::of(&patients, &site);
        let pauses = site.pauses.clone().into();
        let mut core = Self {
            configuration: Arc::new(configuration),
            devices,
            patients,
            site: Arc::new(site),
            pauses,
            changed: Changed::default(),
            epoch: 1,
            head,
            agenda: Agenda::default(),
            alarm_index,
        };
        core.note_site_deadline();
        let ids: Vec<PatientId> = core.patients.keys().cloned().collect();
        for id in ids {
            core.note_deadline(&id);
        }
        core
    }

    /// The row last folded in.
    pub fn row(&self) -> u64 {
        self.head.row
    }

    /// The stamp up to which everything is judged.
    pub fn now(&self) -> Stamp {
        self.head.now
    }

    /// The number the next transition will have.
    pub fn next_seq(&self) -> u64 {
        self.head.next_seq
    }

    /// Numbers already used in the store are never used again.
    pub fn continue_from(&mut self, next_seq: u64) {
        self.head.next_seq = self.head.next_seq.max(next_seq);
    }

    /// The scores of everybody who is here and of whom one is judged.
    pub fn scores(&self) -> impl Iterator<Item = (&PatientId, ScoreShown)> {
        let scores = self.patients.iter().map(|(id, patient)| (id, self.scores_of(patient)));
        scores.flat_map(|(id, scores)| scores.into_iter().map(move |score| (id, score)))
    }

    /// The scores that are judged of a patient.
    pub fn scores_of(&self, patient: &Patient) -> Vec<ScoreShown> {
        patient.shown_scores(self.context(), self.head.now)
    }

    /// The site this core belongs to.
    pub fn site_id(&self) -> &SiteId {
        &self.head.site
    }

    /// Whether its store is simulated.
    pub fn is_simulated(&self) -> bool {
        self.head.simulated
    }

    /// Folds one row: its stamp and its inputs, in order.
    pub fn fold(&mut self, row: u64, now: Stamp, inputs: &[Input]) -> Output {
        self.head.row = row;
        let mut out = self.output(now);
        out.samples.reserve_exact(
            inputs.iter().filter_map(Input::message).map(numbers_in).sum::<u32>() as usize,
        );
        for (number, input) in inputs.iter().enumerate() {
            if number % AHEAD == 0 {
                self.look_ahead(inputs[number..].get(..AHEAD).unwrap_or(&inputs[number..]));
            }
            match input {
                Input::IntakeGap { from, to } => self.intake_gap(*from, *to, &mut out),
                Input::ClockStep { .. } | Input::Upgraded { .. } => {}
                Input::Message(_)
                | Input::Link { .. }
                | Input::Command(_)
                | Input::Configuration { .. }
                | Input::Store { .. }
                | Input::Unwatched(_)
                | Input::Synchronised(_)
                | Input::NotAllowed { .. }
                | Input::Broker { .. }
                | Input::Sink { .. }
                | Input::LinesRefused { .. }
                | Input::SignInsFailed(_)
                | Input::Crowded { .. }
                | Input::Disk { .. }
                | Input::OverBudget { .. }
                | Input::Undelivered { .. }
                | Input::NotTaken { .. }
                | Input::Duty(_)
                | Input::Delivered { .. }
                | Input::Synthetic { .. }
                | Input::Late { .. } => self.advance_to(now, &mut out),
            }
            self.note_alarms(&mut out);
            self.step(input, &mut out);
            self.note_members(&mut out);
            self.note_unanswered(&mut out);
        }
        self.advance_to(now, &mut out);
        self.note_alarms(&mut out);
        self.head.next_seq = out.next_seq;
        out
    }

    /// Lets time pass.
    pub fn advance(&mut self, now: Stamp) -> Advanced<'_> {
        let row = self.head.row;
        let out = self.fold(row + 1, now, &[]);
        self.head.row = row;
        Advanced { core: self, out }
    }

    /// Whether advancing to `at` could fire anything.
    pub fn is_due(&self, at: Timestamp) -> bool {
        self.next_deadline().is_some_and(|due| due <= at)
    }

    /// When the core next wants to be woken, at the latest.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.agenda.next()
    }

    /// What watches a patient, or one signal of him, and why something does not alarm, at an instant up to which nothing
    /// is due; `None` where there is no such patient.
    pub fn explain(
        &self,
        patient: &PatientId,
        only: Option<SignalId>,
        now: Stamp,
    ) -> Option<Explanation> {
        let patient = self.patients.get(patient)?;
        Some(patient.explain(only, &self.pauses, self.context(), now))
    }

    /// What changed since the last call.
    pub fn take_changed(&mut self) -> Changed {
        self.epoch += 1;
        std::mem::take(&mut self.changed)
    }

    fn output(&self, now: Stamp) -> Output {
        let head = &self.head;
        let news = self.configuration.rules.news;
        let pauses = Arc::clone(&self.pauses);
        let out = Output::new(now, head.next_seq, head.site.clone(), head.simulated, news, pauses);
        let duty = self.site.duty.plan();
        // Without a plan nobody is told by a channel of their own.
        let failing = duty.as_ref().map_or_else(Vec::new, |_| self.site.failing_channels());
        Output { duty, failing, outages: self.site.outages(), ..out }
    }

    fn step(&mut self, input: &Input, out: &mut Output) {
        match input {
            Input::Message(message) => {
                self.message(message, out);
                out.numbers += numbers_in(message);
            }
            Input::Link { principal, connected, clean: _ } => {
                self.link(principal, *connected, out.now);
            }
            Input::Command(command) => {
                self.note_ways(out);
                self.command(command, out);
                out.ways.clear();
            }
            Input::Configuration { signals, rules, site, packs } => {
                let texts = Texts {
                    signals: signals.clone(),
                    rules: rules.clone(),
                    site: site.clone(),
                    packs: packs.clone(),
                };
                self.note_ways(out);
                self.configure(texts, out);
                out.ways.clear();
            }
            Input::IntakeGap { from, to } => {
                if *from >= Timestamp::YEAR_2000 {
                    // What ran out meanwhile holds no news back.
                    self.advance_to(out.now, out);
                    let within_a_minute = self.deaf_for((*to - Span::mins(1), *to));
                    self.site_mut().deaf(within_a_minute, out);
                    self.note_site_deadline();
                }
            }
            Input::ClockStep { from_us, to_us } => {
                let text = format!(
                    "the wall clock moved by {} ms against the gateway's own time",
                    (to_us - from_us) / 1_000
                );
                out.note(None, None, "clock_step", text);
                self.clocks_stepped(Span::micros(to_us - from_us));
                self.site_mut().clock(Span::micros(*to_us), out);
                self.note_site_deadline();
                self.replan(out);
            }
            Input::Synchronised(word) => {
                self.site_mut().synchronised(word, out);
                self.note_site_deadline();
            }
            Input::Upgraded { from: _, next_seq, held } => self.settle(*next_seq, held, out),
            Input::Unwatched(wards) => {
                self.site_mut().unwatched(wards, out);
                self.note_site_deadline();
            }
            Input::NotAllowed { principal, name, count, since, topic } => {
                let (principal, name) = (principal.as_ref(), name.as_ref());
                out.not_allowed(principal, (name, topic.as_deref()), *count, *since);
                self.site_mut().refused(principal, (name, topic.as_deref()), out);
                self.note_site_deadline();
            }
            Input::SignInsFailed(failed) => out.sign_ins_failed(failed),
            Input::Crowded { way, ended, address } => {
                self.site_mut().crowded(*way, *ended, address.as_deref(), out);
                self.note_site_deadline();
            }
            Input::Broker { id, fault } => {
                self.site_mut().broker(id, fault.as_deref(), out);
                self.note_site_deadline();
            }
            Input::Sink { refused, behind, words } => {
                self.site_mut().sink(*refused, *behind, words.as_deref().unwrap_or_default(), out);
                self.note_site_deadline();
            }
            Input::LinesRefused { why, lines, words } => {
                self.site_mut().lines_refused(*why, *lines, words, out);
                self.note_site_deadline();
            }
            Input::Undelivered { channel, waits, words } => {
                self.site_mut().undelivered(channel, *waits, words, out);
                out.failing = self.site.failing_channels();
                self.site_mut().look_at_wards(out);
                self.note_site_deadline();
                if waits.is_some() {
                    self.undeliverable(channel, out);
                }
            }
            Input::NotTaken { channel, words } => {
                self.site_mut().not_taken(channel, words, out);
                self.note_site_deadline();
                self.undeliverable(channel, out);
            }
            Input::Store { failing } => {
                self.stalled(*failing || self.site.is_disk_full(), out);
                self.site_mut().store(*failing, out);
                self.note_site_deadline();
            }
            Input::Duty(plan) => self.on_duty(plan.as_deref(), out),
            Input::Delivered { channel, alarm, seq } => self.delivered(channel, alarm, *seq, out),
            Input::Synthetic { fault } => {
                self.site_mut().synthetic(fault.as_deref(), out);
                self.note_site_deadline();
            }
            Input::Late { stretch, found } => {
                self.site_mut().late(*stretch, found.as_ref(), out);
                self.note_site_deadline();
            }
            Input::OverBudget { sender, over } => self.over_budget(sender, *over, out),
            Input::Disk { full } => {
                self.stalled(*full || self.site.is_store_failing(), out);
                self.site_mut().disk(*full, out);
                self.note_site_deadline();
            }
        }
    }

    /// Devices keep their time when the gateway's wall clock is set.
    fn clocks_stepped(&mut self, by: Span) {
        let ids: Vec<DeviceId> = self.devices.keys().cloned().collect();
        for id in ids {
            self.device_mut(&id, self.head.now).wall_stepped(by);
        }
    }

    /// The device of this id, admitted as it is if nobody registered it: the listener let it in.
    pub(super) fn device_mut(&mut self, id: &DeviceId, now: Stamp) -> &mut Device {
        Arc::make_mut(self.device_and_gaps(id, now).0)
    }

    /// The same, beside the intake gaps that it judges its clock by.
    pub(super) fn device_and_gaps(
        &mut self,
        id: &DeviceId,
        now: Stamp,
    ) -> (&mut Arc<Device>, &[IntakeGap]) {
        let shared = self
            .devices
            .entry(id.clone())
            .or_insert_with(|| Arc::new(Device::admitted(id.clone(), now)));
        let device = Arc::make_mut(shared);
        device.touched = self.head.row;
        if std::mem::replace(&mut device.changed_in, self.epoch) != self.epoch {
            self.changed.devices.push(id.clone());
        }
        (shared, &self.head.intake_gaps)
    }

    /// What patients are judged by at this moment.
    pub(super) fn ground(&self) -> Ground {
        let Head { failing_since, intake_gaps, .. } = &self.head;
        let configuration = Arc::clone(&self.configuration);
        Ground { configuration, held: *failing_since, gaps: intake_gaps.clone() }
    }

    pub(super) fn patient_mut(&mut self, id: &PatientId) -> Option<&mut Patient> {
        let patient = Arc::make_mut(self.patients.get_mut(id)?);
        patient.touched = self.head.row;
        if std::mem::replace(&mut patient.changed_in, self.epoch) != self.epoch {
            self.changed.patients.push(id.clone());
        }
        Some(patient)
    }

    pub(super) fn site_mut(&mut self) -> &mut Site {
        let site = Arc::make_mut(&mut self.site);
        site.touched = self.head.row;
        self.changed.site = true;
        site
    }
}

/// What patients are judged by at a moment, held while one of them changes.
pub(super) struct Ground {
    pub(super) configuration: Arc<Configuration>,
    held: Option<Timestamp>,
    gaps: Vec<IntakeGap>,
}

impl Ground {
    /// The context of its configuration.
    pub(super) fn context(&self) -> RuleContext<'_> {
        self.context_of(&self.configuration)
    }

    /// The context of another configuration at the same moment.
    pub(super) fn context_of<'a>(&'a self, configuration: &'a Configuration) -> RuleContext<'a> {
        let intake = Intake { held: self.held, gaps: &self.gaps };
        RuleContext { signals: &configuration.signals, rules: &configuration.rules, intake }
    }
}
