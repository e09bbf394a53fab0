//! Scores of a patient: what several signals add up to, and the alarm that follows (contract §5, Scores).
//!
//! ```text
//! series, words ─▶ inputs: what counts of each now ─▶ sum, band ─▶ since when ─▶ alarm
//! ```
//!
//! A score is derived anew from what is remembered of the series whenever the points of an input may have changed; its
//! own state is since when it has reached what.

mod draft;
mod inputs;
mod said;
mod shown;
mod state;

use minicbor::{Decode, Encode};

use self::inputs::Counted;
pub(super) use self::inputs::Found;
pub(super) use self::said::{Gone, Said};
pub use self::shown::{InputShown, ScoreShown, ValueShown};
pub use self::state::ScoreState;
use super::deadline::Earliest;
use super::judgement::{Forgotten, Kind, Occurrence, Reading, Reconfigured};
use super::{Deadline, Patient, RuleContext};
use crate::alarms::book::{Key, Open};
use crate::model::alarm::{Alarm, Condition};
use crate::model::cause::Cause;
use crate::model::ids::RuleId;
use crate::model::spo2_scale::Spo2Scale;
use crate::model::time::Timestamp;
use crate::output::Output;
use crate::output::transition::Change;
use crate::rules::news2::Band;
use crate::rules::{Rule, ScoreRule};

/// The source of every alarm of a score: it is of the patient, and of no device.
pub(super) const SOURCE: &str = "score";

/// Why an alarm of a score is unknown.
const INCOMPLETE: &str = "incomplete";

/// What is remembered for the scores of a patient.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Scores {
    /// Words and bounds that say something of an input, the last of each series, in the order in which they came.
    #[n(0)]
    said: Vec<Said>,
    /// Each score that was judged.
    #[n(1)]
    of_rules: Vec<ScoreState>,
    /// Numbers that were corrected to what is no value, which limits go on to know.
    #[n(2)]
    gone: Vec<Gone>,
}

/// Scores, each by its rule.
pub(super) struct ScoreKind;

impl Kind for ScoreKind {
    fn observe(
        &self,
        patient: &mut Patient,
        occurrence: Occurrence<'_>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        match occurrence {
            Occurrence::Number(reading) => patient.score_number(reading, context, out),
            Occurrence::Word(observation, word) => {
                if patient.say(observation, word, context) {
                    patient.score_is_stale(Some(&observation.cause), out);
                }
            }
            Occurrence::Changed(cause) => patient.score_is_stale(cause, out),
            Occurrence::IntakeGap((_, to)) => {
                let states = patient.scores.iter_mut().flat_map(|scores| &mut scores.of_rules);
                states.for_each(|state| state.leave_out(to));
            }
            Occurrence::Implausible(observation, _) if observation.corrects => {
                patient.is_no_value(observation);
                patient.score_is_stale(Some(&observation.cause), out);
            }
            Occurrence::NoSensor { .. }
            | Occurrence::Implausible(..)
            | Occurrence::Episode(_)
            | Occurrence::Silence(_) => {}
        }
    }

    fn deadlines<'r>(
        &self,
        patient: &Patient,
        context: RuleContext<'r>,
        earliest: &mut Earliest<'r, '_>,
    ) {
        let Some(scores) = &patient.scores else { return };
        for (index, state) in scores.of_rules.iter().enumerate() {
            let rule = context.rules.scores().find(|rule| rule.id == state.rule);
            let Some(rule) = rule else { continue };
            let ages = state.inputs.iter().flatten().map(|counted| counted.until);
            let open = patient.score_alarm(state).map(|open| open.alarm.condition);
            let told = state.told.filter(|_| open.is_some());
            let news = Band::ALL.into_iter().filter(|band| told.is_none_or(|told| told < *band));
            let held = news.filter_map(|band| state.reached[band.place()]).min();
            let over = state.calm.filter(|_| open.is_some());
            let timers = [held.map(|at| at + rule.delay), over.map(|at| at + rule.clear_delay)];
            if let Some(at) = ages.chain(timers.into_iter().flatten()).min() {
                earliest.offer(at, Deadline::Score(index));
            }
        }
    }

    fn fire(
        &self,
        patient: &mut Patient,
        _due: Timestamp,
        deadline: Deadline<'_>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        let Deadline::Score(index) = deadline else { return };
        let state = patient.scores.as_ref().and_then(|scores| scores.of_rules.get(index));
        let rule = context.rules.scores().find(|rule| state.is_some_and(|s| s.rule == rule.id));
        if let Some(rule) = rule {
            // What has held for its time comes before what changes now.
            patient.score_has_held(rule, context, out);
            patient.judge_score(rule, None, context, out);
        }
    }

    fn reconfigure(
        &self,
        patient: &mut Patient,
        change: &mut Reconfigured<'_>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        match change {
            Reconfigured::Closed { rule: Rule::Score(before), open, .. } => {
                let rule = context.rules.scores().find(|rule| rule.id == before.id);
                if let Some(rule) = rule {
                    patient.tell_score_anew(rule, open, context, out);
                }
            }
            Reconfigured::Closed { .. } => {}
            Reconfigured::Rules(wanted) => {
                for rule in context.rules.scores().filter(|rule| wanted(&rule.id)) {
                    patient.begin_score_anew(rule, out.now.at);
                }
                patient.judge_scores(None, context, out);
            }
            Reconfigured::Inherited(_, handover) => {
                let (said, gone) =
                    (std::mem::take(&mut handover.said), std::mem::take(&mut handover.gone));
                if !said.is_empty() || !gone.is_empty() {
                    let scores = patient.scores.get_or_insert_default();
                    scores.said.extend(said);
                    scores.gone.extend(gone);
                }
                patient.judge_scores(None, context, out);
            }
        }
    }

    fn forget(&self, patient: &mut Patient, what: &mut Forgotten<'_>) {
        match what {
            Forgotten::Device(device, handover) => {
                let Some(scores) = &mut patient.scores else { return };
                let of_device = |said: &mut Said| said.source.device == **device;
                handover.said.extend(scores.said.extract_if(.., of_device));
                let of_device = |gone: &mut Gone| gone.source.device == **device;
                handover.gone.extend(scores.gone.extract_if(.., of_device));
            }
            Forgotten::Reading(source, Some(sent), _) => patient.unsay(source, *sent),
            Forgotten::Stay => patient.scores = None,
            Forgotten::Reading(_, None, _) | Forgotten::Rules(_) => {}
        }
    }
}

impl Patient {
    /// By which scale oxygen saturation is scored.
    pub fn spo2_scale(&self) -> Spo2Scale {
        self.scale.as_ref().map_or(Spo2Scale::One, |prescribed| prescribed.scale)
    }

    /// What is known of the patient is other than before, though nothing came.
    pub fn changed(&mut self, context: RuleContext<'_>, out: &mut Output) {
        if self.discharged_at.is_none() {
            self.judge(Occurrence::Changed(None), context, out);
            self.settle_scores(context, out);
        }
    }

    /// All of a message was judged: scores are those of what is known now, and not of what was between two readings
    /// of it.
    pub fn settle_scores(&mut self, context: RuleContext<'_>, out: &mut Output) {
        if let Some(cause) = self.stale.take()
            && self.discharged_at.is_none()
        {
            self.judge_scores(Some(&cause), context, out);
        }
    }

    /// What counts in a score may be other than before, by the first thing of a message that made it so.
    fn score_is_stale(&mut self, cause: Option<&Cause>, out: &Output) {
        if self.stale.is_none() {
            let cause = cause.cloned().unwrap_or_else(|| Cause::noticed(None, out.now.at));
            self.stale = Some(Box::new(cause));
        }
    }

    /// A number came: where it is of an input, and its points are others, the score is.
    fn score_number(&mut self, reading: Reading<'_>, context: RuleContext<'_>, out: &Output) {
        if reading.number.comparator.is_some() {
            self.say_bound(reading, context);
        }
        if reading.observation.earlier {
            // Nothing measured before a binding counts (contract §4), though limits know it.
            self.is_no_value(reading.observation);
        } else if reading.observation.corrects {
            self.is_a_value(reading.observation);
        }
        if !context.rules.has_scores() {
            return;
        }
        let corrects = reading.observation.corrects;
        let passed_over = reading.observation.earlier || !inputs::counts(reading);
        if !corrects && passed_over {
            return;
        }
        let signal = reading.observation.source.signal;
        let person = self.person();
        for rule in context.rules.scores() {
            let Some(read) = rule.reads(signal) else { continue };
            if !rule.judges(person, self.ward.as_ref()) {
                continue;
            }
            if corrects || !self.says_the_same(reading, read, rule) {
                self.score_is_stale(Some(&reading.observation.cause), out);
            }
        }
    }

    /// Every score, where it is judged; and those no more that judge this patient no more (row 23).
    fn judge_scores(&mut self, cause: Option<&Cause>, context: RuleContext<'_>, out: &mut Output) {
        if !context.rules.has_scores() && self.scores.is_none() {
            return;
        }
        let (person, ward) = (self.person(), self.ward.as_ref());
        let judging = context.rules.scores().filter(|rule| rule.judges(person, ward));
        let judging: Vec<&ScoreRule> = judging.collect();
        let gone = |state: &mut ScoreState| judging.iter().all(|rule| rule.id != state.rule);
        let states = self.scores.as_mut().map(|scores| &mut scores.of_rules);
        let gone: Vec<ScoreState> =
            states.map_or_else(Vec::new, |states| states.extract_if(.., gone).collect());
        let known = |open: &Open| open.alarm.condition != Condition::Unknown;
        for state in gone {
            let of_it = |key: &Key| key.rule == state.rule;
            for key in self.alarms.keys_where(|key, open| of_it(key) && known(open)) {
                self.alarms.close(&key, Change::RuleChanged, "rule_changed", None, out);
            }
            if self.score_alarm(&state).is_some() {
                // What is unknown stays, and is told of again where the rule judges once more.
                let begun = ScoreState::begun(&state.rule, out.now.at);
                let scores = self.scores.get_or_insert_default();
                scores.of_rules.push(ScoreState { told: state.told, ..begun });
            }
        }
        for rule in judging {
            self.judge_score(rule, cause, context, out);
        }
    }

    /// Derives a score from what counts now, and moves its alarm where that is at once.
    fn judge_score(
        &mut self,
        rule: &ScoreRule,
        cause: Option<&Cause>,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        let inputs = self.found(rule, context, out.now.at).map(|found| found.map(Counted::from));
        let state = self.score_state(rule, out.now.at);
        let sum = state.take(inputs, cause, out.now.at);
        match (self.score_alarm_of(&rule.id).map(|open| open.alarm.condition), sum.band) {
            (Some(Condition::Present), None) if !sum.complete => {
                self.move_score(rule, context, out, |alarm, now| alarm.input_lost(INCOMPLETE, now));
            }
            (Some(Condition::Unknown), Some(band)) => {
                self.score_state(rule, out.now.at).told = Some(band);
                let draft = self.score_draft(rule, (band, out.wall()), context, out);
                self.raise(draft, out);
            }
            _ => {}
        }
    }

    /// What has held for its time: a band, or that there is none.
    fn score_has_held(&mut self, rule: &ScoreRule, context: RuleContext<'_>, out: &mut Output) {
        let now = out.now.at;
        let is_decided = |due| context.intake.is_decided(due, now);
        let Some(state) = self.scores.as_ref().and_then(|scores| scores.of(&rule.id)) else {
            return;
        };
        let open = self.score_alarm(state);
        let told = state.told.filter(|_| open.is_some());
        let over = state.calm.is_some_and(|since| is_decided(since + rule.clear_delay));
        let held = state.held(rule, is_decided);
        let held = held.filter(|(band, _)| told.is_none_or(|told| told < *band));
        if let Some((band, at)) = held {
            let draft = self.score_draft(rule, (band, out.now.shown(at)), context, out);
            self.score_state(rule, now).told = Some(band);
            self.raise(draft, out);
        } else if over && open.is_some() {
            self.score_state(rule, now).told = None;
            self.move_score(rule, context, out, Alarm::absent);
        }
    }

    /// A rule that changed begins with the score as it is.
    fn begin_score_anew(&mut self, rule: &ScoreRule, now: Timestamp) {
        let known = self.scores.as_ref().and_then(|scores| scores.of(&rule.id));
        let Some(known) = known else { return };
        let told = known.told.filter(|_| self.score_alarm(known).is_some());
        *self.score_state(rule, now) = ScoreState { told, ..ScoreState::begun(&rule.id, now) };
    }

    /// Its alarm was closed because its rule changed (row 23): what still holds is raised anew at once, and what
    /// nobody knows to be over as unknown.
    fn tell_score_anew(
        &mut self,
        rule: &ScoreRule,
        before: &Open,
        context: RuleContext<'_>,
        out: &mut Output,
    ) {
        let now = out.now.at;
        let known = self.scores.as_ref().and_then(|scores| scores.of(&rule.id));
        let told = known.and_then(|state| state.told);
        let judges = rule.judges(self.person(), self.ward.as_ref());
        if !judges || before.alarm.condition == Condition::Absent {
            return;
        }
        *self.score_state(rule, now) = ScoreState::begun(&rule.id, now);
        self.judge_score(rule, None, context, out);
        let unknown = before.alarm.condition == Condition::Unknown;
        let state = self.score_state(rule, now);
        let holds = state.band.or_else(|| told.filter(|_| unknown || state.calm.is_none()));
        let Some(band) = holds else { return };
        let known = state.band.is_some();
        state.told = Some(band);
        let mut draft = self.score_draft(rule, (band, out.wall()), context, out);
        if !known {
            (draft.condition, draft.reason) = (Condition::Unknown, Some(INCOMPLETE.to_owned()));
        }
        self.raise(draft, out);
        // What was unknown, and by the new rule is in a band, is back.
        self.judge_score(rule, None, context, out);
    }

    fn score_state(&mut self, rule: &ScoreRule, now: Timestamp) -> &mut ScoreState {
        let states = &mut self.scores.get_or_insert_default().of_rules;
        let known = states.iter().position(|state| state.rule == rule.id);
        let index = known.unwrap_or_else(|| {
            states.reserve_exact(1);
            states.push(ScoreState::begun(&rule.id, now));
            states.len() - 1
        });
        &mut states[index]
    }

    /// The alarm of a score that holds, as far as is known.
    fn score_alarm(&self, state: &ScoreState) -> Option<&Open> {
        state.told.and_then(|_| self.score_alarm_of(&state.rule))
    }

    fn score_alarm_of(&self, rule: &RuleId) -> Option<&Open> {
        let of_it = self.alarms.iter().find(|(key, _)| key.rule == *rule && key.source == SOURCE);
        let holds = |open: &&Open| open.alarm.condition != Condition::Absent;
        of_it.map(|(_, open)| open).filter(holds)
    }
}

impl Scores {
    fn of(&self, rule: &RuleId) -> Option<&ScoreState> {
        self.of_rules.iter().find(|state| state.rule == *rule)
    }
}
