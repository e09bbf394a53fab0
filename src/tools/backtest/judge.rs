//! One core under one set of rules, and what is counted of what it puts out.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use super::coverage::Shifts;
use super::figures::{BRIEF, Figures, Place};
use super::pairing::{Pairing, Set};
use super::readings::Readings;
use super::spell::{Key, Reading, Spell, Told, Trace};
use super::{BacktestError, RulesText, Step};
use vitalgate_domain::core::Core;
use vitalgate_domain::core::configuration::{Configuration, Texts};
use vitalgate_domain::model::alarm::{Alarm, Condition, Side, State, Trigger};
use vitalgate_domain::model::command::Action;
use vitalgate_domain::model::ids::AlarmId;
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::sample::{Sample, SeriesKey};
use vitalgate_domain::model::time::Timestamp;
use vitalgate_domain::output::transition::{Change, Transition, TransitionBody};

/// What one row made of a core.
#[derive(Debug, Default)]
pub(super) struct Made {
    pub(super) transitions: Vec<Transition>,
    pub(super) samples: Vec<(u32, Sample)>,
}

/// A core, and the alarms that stand in it.
#[derive(Debug)]
pub(super) struct Judge {
    pub(super) set: Set,
    pub(super) core: Core,
    rules: RulesText,
    row: u64,
    /// Of every alarm that is open: the number of its last transition, and its series.
    open: BTreeMap<AlarmId, (u64, Option<SeriesKey>)>,
    standing: BTreeMap<AlarmId, Standing>,
    /// The series whose alarms stand, each with what is watched.
    watched: HashMap<SeriesKey, Vec<AlarmId>>,
    pub(super) figures: Figures,
    shifts: Option<Shifts>,
    /// What people did to alarms that are not there under these rules.
    pub(super) acts_without: u64,
}

#[derive(Debug)]
struct Standing {
    key: Key,
    spell: Spell,
    series: Option<SeriesKey>,
    limit: Option<Watched>,
    /// Since when all readings are inside the limit.
    inside_since: Option<Timestamp>,
}

/// The limit an alarm was raised by.
#[derive(Clone, Copy, Debug)]
struct Watched {
    side: Side,
    limit: f64,
    /// What is at the limit is beyond it.
    inclusive: bool,
}

impl Watched {
    fn of(Trigger { side, limit, value, .. }: &Trigger) -> Option<Self> {
        let (side, limit) = ((*side)?, (*limit)?);
        Some(Self { side, limit, inclusive: *value == Some(limit) })
    }

    fn is_beyond(self, value: f64) -> bool {
        let beyond = match self.side {
            Side::Low => Ordering::Less,
            Side::High => Ordering::Greater,
        };
        match value.partial_cmp(&self.limit) {
            Some(Ordering::Equal) => self.inclusive,
            Some(found) => found == beyond,
            None => false,
        }
    }
}

impl Judge {
    /// A core that knows nobody yet.
    pub(super) fn new(
        (set, core): (Set, Core),
        rules: RulesText,
        shifts: Option<Shifts>,
        figures: Figures,
    ) -> Self {
        Self {
            set,
            core,
            rules,
            row: 0,
            open: BTreeMap::new(),
            standing: BTreeMap::new(),
            watched: HashMap::new(),
            figures,
            shifts,
            acts_without: 0,
        }
    }

    /// Folds a row, with these rules and with the numbers that alarms have here.
    pub(super) fn fold(&mut self, step: &Step) -> Result<Made, BacktestError> {
        let mut made = Made::default();
        let mut rest = step.inputs.as_slice();
        while let Some(special) = rest.iter().position(is_special) {
            let (plain, from) = rest.split_at(special);
            self.step(step, plain, &mut made);
            if let Some((first, after)) = from.split_first() {
                if let Some(own) = self.own(first, step)? {
                    self.step(step, &[own], &mut made);
                }
                rest = after;
            }
        }
        self.step(step, rest, &mut made);
        Ok(made)
    }

    fn step(&mut self, Step { stamp, .. }: &Step, inputs: &[Input], made: &mut Made) {
        self.row += 1;
        let out = self.core.fold(self.row, *stamp, inputs);
        for transition in &out.transitions {
            if let TransitionBody::Alarm { alarm, context, .. } = &transition.body {
                self.note_open(alarm, context.as_ref().and_then(|context| context.series.as_ref()));
            }
        }
        if made.samples.is_empty() && made.transitions.is_empty() {
            *made = Made { transitions: out.transitions, samples: out.samples };
        } else {
            made.transitions.extend(out.transitions);
            made.samples.extend(out.samples);
        }
    }

    fn note_open(&mut self, alarm: &Alarm, series: Option<&SeriesKey>) {
        if alarm.state == State::Closed {
            self.open.remove(&alarm.id);
            return;
        }
        let open = self.open.entry(alarm.id.clone()).or_default();
        open.0 = alarm.seq;
        if series.is_some() {
            open.1 = series.cloned();
        }
    }

    /// An input that [`is_special`] as it is under these rules; `None` where it has nothing to act on.
    fn own(&mut self, input: &Input, step: &Step) -> Result<Option<Input>, BacktestError> {
        if let Input::Configuration { signals, site, packs, .. } = input {
            let packs = self.rules.packs.as_ref().unwrap_or(packs).clone();
            let (signals, site) = (signals.clone(), site.clone());
            let texts = Texts { signals, rules: self.rules.text.clone(), site, packs };
            Configuration::parse(texts.clone()).map_err(|e| {
                BacktestError::OldSignals(self.rules.name.clone(), step.stamp.wall(), e)
            })?;
            let Texts { signals, rules, site, packs } = texts;
            return Ok(Some(Input::Configuration { signals, rules, site, packs }));
        }
        // What an older core had announced is judged anew from the inputs alone.
        let Input::Command(command) = input else { return Ok(None) };
        let mut command = command.clone();
        let mut there = true;
        if let Action::Alarm { id, seen, .. } = &mut command.action {
            there = self.seen(id, seen);
        }
        if let Action::TakeOver { alarms, .. } = &mut command.action {
            alarms.retain_mut(|(id, seen)| self.seen(id, seen));
            there = !alarms.is_empty();
        }
        self.acts_without += u64::from(!there);
        Ok(there.then_some(Input::Command(command)))
    }

    /// Whoever acted on an alarm is taken to have seen it as it is here.
    fn seen(&self, id: &AlarmId, seen: &mut u64) -> bool {
        let here = self.open.get(id);
        if let Some((seq, _)) = here {
            *seen = *seq;
        }
        here.is_some()
    }

    /// Takes readings into account that came with a row.
    pub(super) fn read(&mut self, samples: &[(u32, Sample)]) {
        if self.watched.is_empty() {
            return;
        }
        for (_, sample) in samples {
            let Some(watched) = self.watched.get(&sample.series) else { continue };
            for id in watched {
                let Some(standing) = self.standing.get_mut(id) else { continue };
                if standing.limit.is_none_or(|limit| limit.is_beyond(sample.value)) {
                    standing.inside_since = None;
                } else {
                    standing.inside_since.get_or_insert(sample.at);
                }
            }
        }
    }

    /// Takes into account what a row put out.
    pub(super) fn note(
        &mut self,
        transitions: &[Transition],
        readings: &Readings,
        pairing: &mut Pairing,
    ) {
        for transition in transitions {
            if let TransitionBody::Alarm { change, alarm, context, .. } = &transition.body {
                let series = context.as_ref().and_then(|context| context.series.clone());
                let known = || self.open.get(&alarm.id).and_then(|(_, series)| series.clone());
                let series = series.or_else(known);
                self.moved((transition.at, *change), alarm, series, readings, pairing);
            }
        }
    }

    fn moved(
        &mut self,
        (at, change): (Timestamp, Change),
        alarm: &Alarm,
        series: Option<SeriesKey>,
        readings: &Readings,
        pairing: &mut Pairing,
    ) {
        let told = change.announces() && !alarm.is_shown_only();
        if told {
            self.announced(alarm, at);
        }
        let holds = matches!(alarm.condition, Condition::Present | Condition::Unknown);
        let stands = holds && alarm.state != State::Closed;
        let event = alarm.condition == Condition::Momentary
            && matches!(change, Change::Raised | Change::Recurred);
        if !self.standing.contains_key(&alarm.id) && (stands || event) {
            self.begin(alarm, at, series, readings, pairing);
        }
        if let Some(standing) = self.standing.get_mut(&alarm.id)
            && told
        {
            standing.spell.told.note(alarm.priority, at);
        }
        if !stands {
            let itself = matches!(
                change,
                Change::Ended | Change::Latched | Change::BackAbsent | Change::EndedWhilePaused
            );
            self.end(&alarm.id, Some(at), itself, pairing);
        }
    }

    fn announced(&mut self, alarm: &Alarm, at: Timestamp) {
        let of = alarm.patient.as_ref().map(|patient| Place {
            patient,
            bed: alarm.bed_now.as_ref().or(alarm.bed.as_ref()),
            shift: self.shifts.as_ref().map(|shifts| shifts.of(at)),
        });
        self.figures.announced(&alarm.rule, alarm.priority, at, of);
    }

    fn begin(
        &mut self,
        alarm: &Alarm,
        at: Timestamp,
        series: Option<SeriesKey>,
        readings: &Readings,
        pairing: &mut Pairing,
    ) {
        let key = Key::of(alarm);
        pairing.begin(&key, at);
        let trigger = &alarm.trigger;
        let trace = Trace {
            signal: trigger.signal.clone(),
            side: trigger.side,
            limit: trigger.limit,
            unit: trigger.unit.map(vitalgate_domain::model::unit::Unit::ucum),
            readings: series.as_ref().map_or_else(Vec::new, |series| readings.before(series, at)),
        };
        let spell =
            Spell { rule: alarm.rule.clone(), begin: at, end: None, told: Told::default(), trace };
        let limit = Watched::of(trigger);
        let series = series.filter(|_| limit.is_some());
        let newest = series.as_ref().and_then(|series| readings.newest(series));
        let inside = |reading: &Reading| limit.is_some_and(|limit| !limit.is_beyond(reading.value));
        let inside_since = newest.filter(inside).map(|reading| reading.at);
        if let Some(series) = &series {
            self.watched.entry(series.clone()).or_default().push(alarm.id.clone());
        }
        let standing = Standing { key, spell, series, limit, inside_since };
        self.standing.insert(alarm.id.clone(), standing);
    }

    fn end(&mut self, id: &AlarmId, at: Option<Timestamp>, itself: bool, pairing: &mut Pairing) {
        let Some(standing) = self.standing.remove(id) else { return };
        let Standing { key, mut spell, series, inside_since, .. } = standing;
        if let Some(series) = series
            && let Some(watched) = self.watched.get_mut(&series)
        {
            watched.retain(|other| other != id);
            if watched.is_empty() {
                self.watched.remove(&series);
            }
        }
        spell.end = at;
        if !spell.told.anybody() {
            self.figures.shown_only += 1;
        } else if let Some(at) = at {
            // An event has no duration.
            if at > spell.begin {
                self.figures.durations.note(at - spell.begin);
                let over = inside_since.filter(|_| itself).unwrap_or(at);
                let brief = itself && over - spell.begin <= BRIEF;
                self.figures.brief += u64::from(brief);
            }
        } else {
            self.figures.standing += 1;
        }
        pairing.end(self.set, &key, spell);
    }

    /// What these rules say nothing of, in words.
    pub(super) fn classless(&self) -> Option<String> {
        let rules = &self.core.configuration.rules;
        let devices = self.core.devices.values();
        let without = devices.filter(|device| rules.class(&device.details.class).is_none()).count();
        let name = &self.rules.name;
        (without > 0).then(|| {
            format!(
                "when {without} devices are silent or late: {name} does not have the class that they are registered with"
            )
        })
    }

    /// Nothing more comes: what stands, stands to the end.
    pub(super) fn finish(&mut self, pairing: &mut Pairing) {
        let ids: Vec<AlarmId> = self.standing.keys().cloned().collect();
        for id in ids {
            self.end(&id, None, false, pairing);
        }
    }
}

/// What is another input under other rules.
fn is_special(input: &Input) -> bool {
    let acts = |action: &Action| matches!(action, Action::Alarm { .. } | Action::TakeOver { .. });
    matches!(input, Input::Configuration { .. } | Input::Upgraded { .. })
        || matches!(input, Input::Command(command) if acts(&command.action))
}
