//! Judgement by kind: what every kind of rule does for a patient, in the same five verbs.
//!
//! A kind that follows one series keeps its state in [`SeriesState`], which also
//! holds the latest certain value and the newest of all, noted before any kind sees them. A kind
//! that follows several series keeps its state in a list of its own in [`Patient`], as losses do.

use super::deadline::Earliest;
use super::event::Events;
use super::limit::News;
use super::series::{Before, Doubt};
use super::{Deadline, Handover, KINDS, Patient, RuleContext, SeriesState};
use crate::alarms::book::{Key, Open};
use crate::model::alarm::Condition;
use crate::model::cause::Cause;
use crate::model::ids::{DeviceId, RuleId};
use crate::model::observation::{
    ABSENT, Content, DeviceInstant, Episode, Number, Observation, Source, Timeliness,
};
use crate::model::signal::SignalId;
use crate::model::time::{IntakeGap, Span, Timestamp};
use crate::output::transition::Change;
use crate::output::{Output, StillUnknown};
use crate::rules::{Class, LimitRule, Person, Rule, Whom};

/// A kind of rule, or of what is judged without one. A verb that a kind has no use for it leaves out.
pub(super) trait Kind: Sync {
    /// Judges what was observed.
    fn observe(
        &self,
        patient: &mut Patient,
        occurrence: Occurrence<'_>,
        context: RuleContext<'_>,
        out: &mut Output,
    );

    /// Offers every deadline it waits for.
    fn deadlines<'r>(
        &self,
        _patient: &Patient,
        _context: RuleContext<'r>,
        _earliest: &mut Earliest<'r, '_>,
    ) {
    }

    /// Acts on a deadline that fell at `due`, if it is of this kind.
    fn fire(
        &self,
        _patient: &mut Patient,
        _due: Timestamp,
        _deadline: Deadline<'_>,
        _context: RuleContext<'_>,
        _out: &mut Output,
    ) {
    }

    /// Judges what is already known again, because the rules for it changed (row 23).
    fn reconfigure(
        &self,
        _patient: &mut Patient,
        _change: &mut Reconfigured<'_>,
        _context: RuleContext<'_>,
        _out: &mut Output,
    ) {
    }

    /// Forgets what no longer counts.
    fn forget(&self, _patient: &mut Patient, _what: &mut Forgotten<'_>) {}
}

/// What kinds judge.
#[derive(Clone, Copy)]
pub(super) enum Occurrence<'a> {
    /// A number, live or late.
    Number(Reading<'a>),
    /// A code or text, live.
    Word(&'a Observation, &'a str),
    /// A zero that means "no sensor", live.
    NoSensor {
        /// The reading.
        observation: &'a Observation,
        /// Whether there was a value a moment before.
        sudden: bool,
    },
    /// A number outside the plausible range, live.
    Implausible(&'a Observation, &'a Number),
    /// A device's own event, live or late.
    Episode(&'a Episode),
    /// A device, or one signal of it, has been silent for longer than it may be.
    Silence(Silent<'a>),
    /// Nothing was taken in for a time.
    IntakeGap(IntakeGap),
    /// What is known of the patient is other than before, though nothing came: a reading counts no more, a device left,
    /// the bed stands elsewhere, another scale was prescribed. The message, if one did it.
    Changed(Option<&'a Cause>),
}

/// What is silent.
#[derive(Clone, Copy)]
pub(super) struct Silent<'a> {
    /// Which device.
    pub(super) device: &'a DeviceId,
    /// Which signal; `None` for all of them.
    pub(super) signal: Option<SignalId>,
    /// When it had been silent for too long.
    pub(super) due: Timestamp,
    /// How long it may be silent before anybody is told.
    pub(super) within: Span,
    /// Why what came, if anything did, was not judged.
    pub(super) reason: &'a str,
}

/// A number of a series.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    /// What was observed.
    pub(super) observation: &'a Observation,
    /// Its number.
    pub(super) number: &'a Number,
    /// The index of its series in the patient.
    pub(super) series: usize,
    /// Its device only measures singly.
    pub(super) spot: bool,
    /// A person entered it, and so confirmed it.
    pub(super) by_hand: bool,
    /// Only a bound is known of it, and that allows more than one answer to a rule.
    pub(super) ambiguous: bool,
    /// There are rules over its signal, and all of them refuse this patient.
    pub(super) refused: bool,
    /// How its series stood before it.
    pub(super) before: Before,
}

impl Reading<'_> {
    /// Whether it is young enough to speak of the present.
    pub(super) fn is_live(&self) -> bool {
        self.observation.timing.timeliness == Timeliness::Live
    }

    /// Whether it is live and nothing about it is in doubt: only then it may clear.
    pub(super) fn is_certain(&self) -> bool {
        self.is_live() && self.doubt().is_none()
    }

    /// What about it is in doubt, if anything is.
    pub(super) fn doubt(&self) -> Option<Doubt> {
        if self.is_live() { self.doubt_beside_age() } else { Some(Doubt::Late) }
    }

    /// The same, however late it came.
    pub(super) fn doubt_beside_age(&self) -> Option<Doubt> {
        let timing = &self.observation.timing;
        if timing.is_doubtful() {
            Some(Doubt::Time(timing.quality))
        } else if self.observation.conflict {
            Some(Doubt::Conflict)
        } else if self.number.unit_doubtful {
            Some(Doubt::Unit)
        } else if self.ambiguous {
            Some(Doubt::Bound)
        } else if self.refused {
            Some(Doubt::Refused)
        } else {
            None
        }
    }
}

/// Which rules a change is about.
pub(super) type Wanted<'a> = &'a dyn Fn(&RuleId) -> bool;

/// How the rules over what is already known changed.
pub(super) enum Reconfigured<'a> {
    /// An alarm was closed, because its rule changed.
    Closed {
        /// The rule as it was.
        rule: &'a Rule,
        /// The alarm before it was closed.
        open: &'a Open,
        /// What began it.
        cause: Option<&'a Cause>,
    },
    /// These rules are new or changed, or apply only now.
    Rules(Wanted<'a>),
    /// These series were another patient's, by whose rules they were judged.
    Inherited(&'a [Source], &'a mut Handover),
}

/// What no longer counts.
pub(super) enum Forgotten<'a> {
    /// What a device said; another patient may take it over.
    Device(&'a DeviceId, &'a mut Handover),
    /// The reading of a series of that instant, which raised these alarms.
    Reading(&'a Source, Option<DeviceInstant>, &'a [Key]),
    /// How series stand to these rules.
    Rules(Wanted<'a>),
    /// Everything: the stay ends.
    Stay,
}

impl Patient {
    /// The limits that judge what is measured of a signal at an instant of the gateway's own time: those made for this
    /// patient, and what a person put for somebody whom those for adults refuse.
    pub(super) fn judging<'r>(
        &self,
        signal: SignalId,
        at: Timestamp,
        context: RuleContext<'r>,
    ) -> impl Iterator<Item = &'r LimitRule> + use<'r> {
        let (person, own) = (self.person(), self.limits_at(at).own);
        let own = !own.is_empty() && {
            let name = context.signals.name(signal);
            own.iter().any(|limit| limit.signal == name)
        };
        let made_for = move |whom: &Whom| whom.holds_for(person) || (own && whom.adults_only);
        context.rules.limits_of(signal).filter(move |rule| made_for(&rule.whom))
    }

    /// Whether what is measured of a signal at an instant is judged: by some limit, or there is none at all over it.
    fn is_judged(&self, signal: SignalId, at: Timestamp, context: RuleContext<'_>) -> bool {
        context.rules.limits_of(signal).next().is_none()
            || self.judging(signal, at, context).next().is_some()
    }

    /// Judges a reading by every kind.
    pub(super) fn judge_reading(
        &mut self,
        observation: &Observation,
        class: Option<&Class>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        let source = &observation.source;
        let live = observation.timing.timeliness == Timeliness::Live;
        if observation.corrects && matches!(observation.content, Content::NoSensor) {
            // There was no sensor: what it corrects was no value.
            self.withdraw(observation, context, out);
        }
        let occurrence = match &observation.content {
            Content::Number(number) => {
                if observation.corrects {
                    self.correct(observation, number, context, out);
                }
                let reading = self.note(observation, number, class, context, out);
                let says_nothing =
                    reading.ambiguous && self.rules_beyond(reading, context).is_empty();
                if let Some(number) = observation.number.filter(|_| says_nothing) {
                    out.not_judged(number);
                }
                Occurrence::Number(reading)
            }
            Content::Word(word) if live => Occurrence::Word(observation, word.as_str()),
            Content::Word(_) => {
                if observation.corrects {
                    self.is_no_value(observation);
                    self.judge(Occurrence::Changed(Some(&observation.cause)), context, out);
                }
                return self.not_judged(Some(source), &source.device, "late");
            }
            Content::NoSensor if live => {
                let before = self.series.get(source).and_then(|s| s.value_before(observation));
                let sudden = before.is_some_and(|at| self.is_judged(source.signal, at, context));
                Occurrence::NoSensor { observation, sudden }
            }
            Content::Implausible(number) if live => Occurrence::Implausible(observation, number),
            Content::NoSensor | Content::Implausible(_) => return,
            Content::Statistic => return self.statistic_came(source, context, out),
            // What corrects an earlier value does not show that anything comes.
            Content::NotJudged(reason) if observation.corrects => {
                // What is of too low a quality, or in test mode, corrects nothing.
                if reason.starts_with(ABSENT) {
                    self.is_no_value(observation);
                    self.judge(Occurrence::Changed(Some(&observation.cause)), context, out);
                }
                return;
            }
            Content::NotJudged(reason) => {
                self.poor_came(source, reason, out.now.at);
                return self.not_judged(Some(source), &source.device, reason);
            }
            Content::Withdrawn => return self.withdraw(observation, context, out),
        };
        self.judge(occurrence, context, out);
        if observation.corrects {
            self.hurry_silence(&source.device, context, out);
        }
        let is_number = matches!(occurrence, Occurrence::Number(_));
        if is_number && live && self.is_refused(source.signal, context.rules) {
            self.refuse_age(&observation.cause, out);
        }
    }

    /// Notes a number in the record of its series, before any kind judges it.
    fn note<'a>(
        &mut self,
        observation: &'a Observation,
        number: &'a Number,
        class: Option<&Class>,
        context: RuleContext<'_>,
        out: &Output,
    ) -> Reading<'a> {
        let of_class = class.map(|class| class.expected_interval);
        let interval = self.interval_of(&observation.source, context).or(of_class);
        let signal = observation.source.signal;
        let ambiguous = self.is_bound(signal, observation.timing.own, number, context);
        let refused = !self.is_judged(signal, observation.timing.own, context);
        let series = self.series.index_of(&observation.source);
        // Of values of one time that contradict each other none parts anything that comes late.
        if let Some(sent) = observation.sent.filter(|_| observation.contradicted) {
            let instant = (sent, observation.timing.rule_at);
            self.contradict(&observation.source, instant, context);
        }
        let state = self.series.at(series);
        let was = std::mem::replace(&mut state.interval, interval);
        let before = Before { interval: was, ..Before::default() };
        let spot = class.is_some_and(|class| class.spot_only);
        state.spot = spot;
        let by_hand = class.is_some_and(|class| class.charted);
        let reading =
            Reading { observation, number, series, spot, by_hand, ambiguous, refused, before };
        if reading.is_live() {
            let rule_at = state.note_live(reading, out.now);
            Reading { before: Before { rule_at, ..before }, ..reading }
        } else {
            state.note_doubtful(reading);
            reading
        }
    }

    /// Judges one thing by every kind.
    pub(super) fn judge(
        &mut self,
        occurrence: Occurrence<'_>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        for kind in KINDS {
            kind.observe(self, occurrence, context, out);
        }
    }

    /// Acts on a deadline that fell at `due`.
    pub fn fire(
        &mut self,
        due: Timestamp,
        deadline: Deadline<'_>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        if deadline == Deadline::Alarm {
            return self.alarms.fire(due, out);
        }
        if deadline == Deadline::NoDevice {
            return self.no_device(due, out);
        }
        for kind in KINDS {
            kind.fire(self, due, deadline, context, out);
        }
    }

    /// Rules changed or went (row 23): their alarms close, and what still holds is raised anew.
    pub fn reconfigure(
        &mut self,
        before: RuleContext<'_>,
        after: RuleContext<'_>,
        out: &mut Output,
    ) {
        let changed = |id: &RuleId| before.rules.get(id) != after.rules.get(id);
        // What happened and has no end waits for a person, whatever the rule says now.
        let ended = |open: &Open| open.alarm.condition != Condition::Momentary;
        for key in self.alarms.keys_where(|key, open| changed(&key.rule) && ended(open)) {
            let open = self.alarms.get(&key).cloned();
            let cause = self.alarms.cause(&key).cloned();
            let before_it = open.as_ref().map(|open| &open.alarm);
            if let Some(alarm) = before_it.filter(|alarm| alarm.condition == Condition::Unknown) {
                let reason = alarm.condition_reason.clone().unwrap_or_default();
                // A rule that changed brings no data back.
                let (rule, source) = (key.rule.clone(), key.source.clone());
                let since = alarm.condition_since;
                out.still_unknown.push(StillUnknown { rule, source, reason, since });
            }
            self.alarms.close(&key, Change::RuleChanged, "rule_changed", None, out);
            if let Some((rule, open)) = before.rules.get(&key.rule).zip(open) {
                let mut closed = Reconfigured::Closed { rule, open: &open, cause: cause.as_ref() };
                self.judge_again(&mut closed, after, out);
            }
        }
        self.judge_again(&mut Reconfigured::Rules(&changed), after, out);
        for StillUnknown { rule, source, reason, .. } in std::mem::take(&mut out.still_unknown) {
            let key = Key::new(rule, source);
            self.alarms.change(&key, None, out, |alarm, now| alarm.input_lost(&reason, now));
        }
    }

    /// What is known of the patient changed: rules may apply now, or no more (row 23).
    pub fn details_changed(&mut self, before: Person, context: RuleContext<'_>, out: &mut Output) {
        let after = self.person();
        let own = self.limits_at(out.now.at).own.to_vec();
        let holds = |id: &RuleId, person| {
            context.rules.get(id).is_some_and(|rule| rule.stands_for(person, &own))
        };
        let gone = |id: &RuleId| holds(id, before) && !holds(id, after);
        let new = |id: &RuleId| holds(id, before) != holds(id, after);
        if after.adult {
            self.accept_age(out);
        }
        // What only doubt keeps open waits for a person.
        let known =
            |open: &Open| matches!(open.alarm.condition, Condition::Present | Condition::Absent);
        for key in self.alarms.keys_where(|key, open| gone(&key.rule) && known(open)) {
            self.alarms.close(&key, Change::RuleChanged, "rule_changed", None, out);
        }
        // Where limits of the patient's own judged before, what they found goes on, and what more there is is judged.
        let owned = |id: &RuleId| {
            let rule = context.rules.get(id).and_then(Rule::as_limit);
            rule.is_some_and(|rule| holds(id, after) && new(id) && rule.has_own(&own))
        };
        let anew = |id: &RuleId| new(id) && !owned(id);
        let judged = self.active_rules();
        self.judge_again(&mut Reconfigured::Rules(&anew), context, out);
        let all: Vec<usize> = (0..self.series.len()).collect();
        self.judge_all_latest(&all, &owned, News::OfWhatWasHeard(&judged), context, out);
        if self.rules_refuse(context.rules) {
            self.refuse_age(&Cause::noticed(None, out.now.at), out);
        }
    }

    /// Takes over what a device said under another's binding: it is judged at once.
    pub fn inherit(&mut self, mut handover: Handover, context: RuleContext<'_>, out: &mut Output) {
        let mut series = std::mem::take(&mut handover.series);
        for (source, state) in series.iter_mut() {
            // What came of an earlier binding is known beside it.
            state.know_as_well(self.series.get_mut(source).and_then(|left| left.earlier.take()));
        }
        let inherited: Vec<Source> = series.keys().cloned().collect();
        for (source, mut state) in series {
            let signal = source.signal;
            let ambiguous = |at, number: &Number| self.is_bound(signal, at, number, context);
            state.doubt_bounds(&|known| ambiguous(known.rule_at, &known.number));
            if self.is_judged(signal, out.now.at, context) {
                state.believe_bound(&ambiguous, out.now);
            }
            // What stands open of an earlier binding goes on.
            let left = self.series.get_mut(&source).map(|left| std::mem::take(&mut left.watches));
            // By whose limits it lies beyond one is another's question now.
            let (watches, counted) = (left.unwrap_or_default(), state.judged);
            self.series.insert(source, SeriesState { watches, counted, ..state });
        }
        let mut change = Reconfigured::Inherited(&inherited, &mut handover);
        // What explains the rest is found before it.
        Events.reconfigure(self, &mut change, context, out);
        self.judge_again(&mut change, context, out);
    }

    fn judge_again(
        &mut self,
        change: &mut Reconfigured<'_>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        for kind in KINDS {
            kind.reconfigure(self, change, context, out);
        }
    }

    /// Forgets a device, and hands over what it said.
    pub(super) fn release(&mut self, device: &DeviceId) -> Handover {
        let series = self.series.take_out(|source, _| source.device == *device);
        let mut handover = Handover { series, ..Handover::default() };
        self.forget(&mut Forgotten::Device(device, &mut handover));
        handover
    }

    pub(super) fn forget(&mut self, what: &mut Forgotten<'_>) {
        for kind in KINDS {
            kind.forget(self, what);
        }
    }
}
