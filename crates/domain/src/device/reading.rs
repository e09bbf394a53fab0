//! What becomes of a reading: whether it came before, whose it is, and what the rules may see of it.

use std::collections::BTreeSet;

use super::binding::Attribution;
use super::content::{content, fate, fingerprint, flags, zero};
use super::identity::{Before, Copied, Series};
use super::timing::{Pace, device_time, is_of_now, is_too_old, live_window, timing};
use super::{Device, Observed, Surroundings, Taken};
use crate::model::fate::Fate;
use crate::model::ids::PatientId;
use crate::model::message::{Message, Mode, Reading, Status, Value};
use crate::model::observation::{Content, DeviceInstant, Observation, Source, Timeliness, Timing};
use crate::model::sample::{Sample, Sent, SeriesKey, Word, WordSample, flag};
use crate::model::time::{Span, Timestamp};
use crate::output::Output;
use crate::rules::Class;

/// Series of one device; what comes beyond them is refused.
const SERIES: usize = 256;

/// A clock that still gives the same time so long after it gave it first stands still.
const STOPPED: Span = Span::mins(2);

/// Why what a bound device sends is not judged, where it was measured before that.
const BEFORE_BINDING: &str = "stamped before it was bound";

/// Two values of one time are in conflict for so long, or for so many intervals of their signal.
const CONFLICT: Span = Span::secs(30);

/// The surroundings of a reading, and the class of its device.
#[derive(Clone, Copy, Debug)]
pub(super) struct Around<'a> {
    pub(super) class: Option<&'a Class>,
    pub(super) everywhere: Surroundings<'a>,
}

/// A reading in its message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) reading: &'a Reading,
    /// Its place among all numbers of the row.
    pub(super) number: u32,
    /// Another value of the same series and time stands in the same message.
    pub(super) contradicted: bool,
    /// Another correction of the same reading, with another value, stands before it in the same message.
    pub(super) rival: bool,
    /// How its message was taken.
    pub(super) taken: Taken,
}

impl Device {
    /// Takes in one reading of a message.
    pub(super) fn reading(
        &mut self,
        message: &Message,
        place: Place<'_>,
        around: Around<'_>,
        observed: &mut Vec<(PatientId, Observed)>,
        out: &mut Output,
    ) {
        let now = out.now;
        let Place { reading, number, contradicted, rival, taken } = place;
        let Around { class, everywhere: Surroundings { rules, intake_gaps } } = around;
        let known = self.series_of(reading);
        if known.is_err() && self.series.len() >= SERIES {
            return self.one_too_many(message, reading, observed, out);
        }
        let value = fingerprint(reading);
        let sent = device_time(message, reading.time).map(|at| DeviceInstant {
            at,
            timeline: self.clock_of(message).timeline(message.clock.as_ref()),
        });
        let withdraws = reading.status == Status::EnteredInError && message.mode == Mode::Real;
        let state = known.ok().and_then(|series| self.series.value_at(series));
        // Most readings are the first of their time: what else there is to know of it is nothing.
        let heard = state.zip(sent).filter(|(state, sent)| state.knows(*sent));
        let is_correction = reading.status == Status::Corrected;
        let is_heard = heard.is_some();
        let before = match heard {
            Some((state, sent)) if is_correction => state.before_correction(sent, value),
            Some((state, sent)) => state.before(sent, value),
            None => Before::Nothing,
        };
        let is_corrected = heard.is_some_and(|(state, sent)| state.is_corrected(sent));
        if is_corrected && matches!(reading.status, Status::Final | Status::Preliminary) {
            return self.count(Fate::Duplicate, out);
        }
        let judged_before = before.seen().is_some_and(|seen| !seen.unjudged);
        let is_same = matches!(before, Before::Same(_));
        let gone = heard.and_then(|(state, sent)| state.withdrawn(sent));
        let again = reading.status == Status::Corrected
            && gone.is_some()
            && before.seen().is_none_or(|seen| seen.withdrawn);
        let says_now = message.sent_at.is_none_or(|sent_at| sent.is_some_and(|s| s.at == sent_at));
        let instant = heard.and_then(|(state, sent)| state.first_of(sent));
        // What only came late, of a time that has other values too, may be of the present all the same.
        let came_late = before.seen().is_some_and(|seen| seen.flags & flag::LATE != 0)
            && (contradicted
                || heard.is_some_and(|(state, sent)| state.is_contradicted(sent, value)));
        let interval = self.interval_of(reading.signal);
        let of_now = is_of_now(self, message, reading.time, (class, interval, taken), now);
        let stands = of_now && taken.behind.is_some_and(|behind| behind.stands);
        let stood_long = (!is_same || (judged_before && came_late))
            && says_now
            && class.is_none_or(|class| !class.charted)
            && instant.and_then(|seen| seen.arrived).is_some_and(|at| now.at - at > STOPPED);
        let stands_still = (stands || stood_long) && reading.status == Status::Final;
        if is_same && judged_before && !withdraws && !again && !stands_still {
            return self.count(Fate::Duplicate, out);
        }
        let instant = instant.or(gone.filter(|_| again));
        let corrected_before = instant.and_then(|seen| seen.measured);
        let flags_before = before.seen().filter(|_| is_same).map(|seen| seen.flags);
        let newest = state.and_then(|state| state.newest);
        let of_instant = instant.and_then(|seen| seen.rule_at);
        let of_now = of_now || stands_still;
        let pace = Pace {
            class,
            interval,
            newest,
            instant: of_instant,
            is_correction,
            intake_gaps,
            of_now,
            taken,
        };
        let (mut timing, suspect) = timing(self, message, reading.time, pace, now);
        // What was withdrawn before it came is nothing that could be corrected.
        let came = again && gone.is_some_and(|seen| seen.arrived.is_some());
        let corrects = is_correction && !rival && (came || matches!(before, Before::Other(_)));
        // Where it is judged as the newest it is of no other time.
        let of_time = timing.rule_at;
        let kept = corrected_before.filter(|_| !suspect || withdraws || is_correction);
        if let Some(measured) = kept {
            timing.measured = measured;
            timing.own = now.own(measured).min(now.at);
            // What was stamped ahead is no younger than its first copy.
            if let Some(arrived) = instant.and_then(|seen| seen.arrived) {
                timing.own = timing.own.min(arrived);
                if class.is_none_or(|class| !class.charted) {
                    timing.measured = measured.min(now.shown(arrived));
                }
            }
            // What corrects the newest reading is the newest, however old that is.
            let is_newest = heard.is_some_and(|(state, sent)| state.is_newest(sent));
            if corrects && !taken.old && !message.delivery.retained && is_newest {
                timing.rule_at = newest.unwrap_or(timing.rule_at);
                timing.timeliness = Timeliness::Live;
            }
        }
        if is_too_old(message, reading.index, &timing, suspect) {
            return self.too_old(message, (Some(reading.signal), reading.index), observed, out);
        }
        // Whatever speaks about a reading is kept where that is.
        let names_another = is_same || corrects || withdraws;
        let same = before.seen().filter(|seen| is_same && !seen.withdrawn);
        let same = same.or(instant).filter(|_| names_another);
        let at = match same.and_then(|seen| seen.measured.or(instant?.measured)) {
            Some(at) => at,
            None if timing.measured == timing.received => {
                self.series_at(known, reading).kept_at_arrival(now)
            }
            None => kept.unwrap_or(timing.measured),
        };
        let known = known.or_else(|_| self.series_of(reading));
        let cause = self.cause(message, reading.index, now);
        // What is withdrawn names a reading of before, and says nothing of the clock now.
        let says_when = reading.status != Status::EnteredInError;
        if suspect
            && says_when
            && let Some(patient) = self.patient()
        {
            observed.push((patient.clone(), Observed::ClockSuspect(cause.clone())));
        }
        let content = content(message, reading, rules, live_window(class, interval));
        // What came of its instant before has settled whose it is.
        let settled =
            Taken { stepped: taken.stepped.filter(|_| corrected_before.is_none()), ..taken };
        let attribution = self.whose(message, reading.time, (&timing, suspect), settled, now);
        if timing.measured > timing.received && class.is_some_and(|class| class.charted) {
            // Whosever it is, what people chart ahead is judged by the limits of its own arrival.
            timing.own = now.at;
        }
        if let Attribution::Patient { present: false, .. } = attribution {
            timing.timeliness = Timeliness::Late;
        }
        let is_fit =
            !matches!(content, Content::Statistic | Content::NotJudged(_) | Content::Withdrawn);
        let judged = is_fit && matches!(attribution, Attribution::Patient { .. });
        let is_told = is_fit && matches!(attribution, Attribution::Uncertain(_));
        if is_same && !judged && !withdraws && !is_told {
            if let Some(sent) = sent.filter(|_| reading.status == Status::Corrected) {
                self.series_at(known, reading).confirm(sent, value);
            }
            return self.count(Fate::Duplicate, out);
        }
        let flags = flags(reading, &timing, &content);
        let is_kept = flags_before != Some(flags);
        if is_kept {
            self.sample(reading, (at, sent), flags, number, out);
        }
        if withdraws {
            // Whoever it was of, it does not count any more.
            if let Some(sent) = sent {
                self.series_at(known, reading).withdraw(sent, Some(value));
            }
            let withdrawn = Observation::withdrawn(self.source_of(reading), cause, timing, sent);
            let everybody: BTreeSet<&PatientId> =
                self.bindings.iter().filter_map(|binding| binding.patient.as_ref()).collect();
            let told = everybody.into_iter().cloned();
            observed.extend(told.map(|whose| (whose, Observed::Reading(withdrawn.clone()))));
            return self.count(Fate::Withdrawn, out);
        }
        let (patient, content) = match attribution {
            Attribution::Unbound | Attribution::Uncertain(_) => {
                let fate = if let Attribution::Uncertain(patient) = attribution {
                    // What is withdrawn says nothing of whose it was.
                    if says_when {
                        observed.push((patient.clone(), Observed::Unattributed(cause)));
                    }
                    Fate::Unattributed
                } else {
                    let (of, why) = ((reading.signal, reading.index), BEFORE_BINDING.to_owned());
                    self.rejected(message, of, why, observed, now);
                    Fate::Unbound
                };
                let times = (&timing, at);
                self.note_reading(known, reading, (sent, value), times, false, flags, now.at);
                return self.count(fate, out);
            }
            Attribution::Patient { patient, zeros, .. } => {
                (patient.clone(), zero(content, zeros, reading))
            }
        };
        if corrects {
            // Whoever else it was told of has nothing of it any more.
            let others = self.bindings.iter().filter_map(|binding| binding.patient.as_ref());
            let others: BTreeSet<&PatientId> = others.filter(|other| **other != patient).collect();
            let (source, cause, timing) = (self.source_of(reading), cause.clone(), timing.clone());
            let gone = Observation::withdrawn(source, cause, timing, sent);
            let gone = others.into_iter().map(|whose| (whose.clone(), gone.clone()));
            observed.extend(gone.map(|(whose, gone)| (whose, Observed::Reading(gone))));
        }
        if let Some(sent) = sent.filter(|_| corrects) {
            let known = known.or_else(|_| self.series_of(reading));
            self.series_at(known, reading).withdraw(sent, None);
        }
        let known = known.or_else(|_| self.series_of(reading));
        // A zero that means no sensor, and what cannot be, are no values that another contradicts.
        let judged = judged && matches!(content, Content::Number(_) | Content::Word(_));
        // It may take the place of the oldest that is known, which it contradicts.
        let known_of_it = known.ok().and_then(|series| self.series.value_at(series)).zip(sent);
        let contradicts =
            is_heard && known_of_it.is_some_and(|(of, sent)| of.is_contradicted(sent, value));
        self.note_reading(known, reading, (sent, value), (&timing, at), judged, flags, now.at);
        let window = conflict_window(class, interval);
        let index = known.or_else(|_| self.series_of(reading));
        let series = self.series_at(index, reading);
        let corrected = reading.status == Status::Corrected;
        let contradicted = (judged && !corrected && contradicts) || contradicted;
        if contradicted {
            series.contradict(timing.rule_at);
        }
        let conflict = rival || series.is_in_conflict(of_time, window);
        let speaks = matches!(content, Content::Number(_) | Content::Word(_));
        let live = timing.timeliness == Timeliness::Live;
        if speaks && live && !timing.is_doubtful() && !conflict {
            series.judged(timing.rule_at, sent);
        }
        let plain = fate(message, reading, &content, &timing);
        let fate = if conflict && matches!(plain, Fate::Judged | Fate::Doubtful) {
            Fate::Conflict
        } else if corrects && plain == Fate::Judged {
            Fate::Correction
        } else {
            plain
        };
        self.count(fate, out);
        let source = self.source_of(reading);
        let number = is_kept.then_some(number);
        let earlier = self.bindings.last().is_some_and(|now| timing.own < now.since);
        let observation = Observation {
            source,
            cause,
            timing,
            sent,
            conflict,
            contradicted,
            corrects,
            earlier,
            content,
            number,
        };
        observed.push((patient, Observed::Reading(observation)));
    }

    #[expect(clippy::too_many_arguments, reason = "one copy of one reading")]
    fn note_reading(
        &mut self,
        known: Result<usize, usize>,
        reading: &Reading,
        (sent, value): (Option<DeviceInstant>, u64),
        (timing, measured): (&Timing, Timestamp),
        judged: bool,
        flags: u16,
        arrived: Timestamp,
    ) {
        let Some(sent) = sent.filter(|_| reading.status != Status::EnteredInError) else { return };
        let rule_at = timing.rule_at;
        let copied = Copied { measured, rule_at, arrived, judged, flags };
        self.series_at(known, reading).note(sent, value, copied);
    }

    fn source_of(&self, reading: &Reading) -> Source {
        let (signal, instance) = (reading.signal, reading.instance.clone());
        Source { device: self.details.id.clone(), signal, instance }
    }

    /// The index of a reading's series, or the one it would take.
    fn series_of(&self, reading: &Reading) -> Result<usize, usize> {
        let wanted = (reading.signal, &reading.instance);
        self.series.find_by(|(signal, instance)| (*signal, instance).cmp(&wanted))
    }

    fn series_at(&mut self, index: Result<usize, usize>, reading: &Reading) -> &mut Series {
        let index = index.unwrap_or_else(|index| {
            let key = (reading.signal, reading.instance.clone());
            self.series.add(index, key, Series::default());
            index
        });
        self.series.at(index)
    }

    fn sample(
        &self,
        reading: &Reading,
        (at, sent): (Timestamp, Option<DeviceInstant>),
        flags: u16,
        number: u32,
        out: &mut Output,
    ) {
        let series = SeriesKey {
            device: self.details.id.clone(),
            signal: reading.signal,
            instance: reading.instance.clone(),
        };
        let (sent, received) = (Sent::of(sent, reading.time, at), out.wall());
        if let Value::Number { value, unit, .. } = reading.value {
            out.samples.push((number, Sample { series, at, sent, received, value, unit, flags }));
        } else if let Some(word) = Word::of(&reading.value) {
            out.words.push(WordSample { series, at, sent, received, word, flags });
        }
    }
}

/// What is measured singly is another measurement by its time alone.
fn conflict_window(class: Option<&Class>, interval: Option<Span>) -> Span {
    let interval = interval.or(class.map(|class| class.expected_interval)).unwrap_or(Span::ZERO);
    if class.is_some_and(|class| class.spot_only) {
        return CONFLICT;
    }
    CONFLICT.max(interval + interval + interval)
}
