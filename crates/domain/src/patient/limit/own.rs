//! A patient's own limits, with their history: judged by those valid at the measured time.

use minicbor::{Decode, Encode};

use super::ends::{check_ends, with_end};
use super::known::Known;
use super::watch::{Evidence, Track, Watch};
use crate::alarms::book::Key;
use crate::model::alarm::{Alarm, Condition, Priority, Side};
use crate::model::command::PatientLimit;
use crate::model::observation::Source;
use crate::model::signal::Signal;
use crate::model::time::{Span, Stamp, Timestamp};
use crate::model::unit::Unit;
use crate::patient::alarms::PatientAlarms;
use crate::patient::{Intake, Patient, RuleContext, SeriesState};
use crate::rules::{InForce, Level, LimitRule, Relation, RuleSet};

/// Limits valid from a time on.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct LimitSet {
    /// Rises with every change.
    #[n(0)]
    pub version: u64,
    /// Valid for readings measured from here on.
    #[n(1)]
    pub from: Timestamp,
    /// Who set them.
    #[n(2)]
    pub by: String,
    /// Why.
    #[n(3)]
    pub reason: Option<String>,
    /// All of them.
    #[n(4)]
    pub limits: Vec<PatientLimit>,
    /// `from` in the gateway's own time, which no step of the clock moves.
    #[n(5)]
    pub since: Timestamp,
    /// They were put for later, and that time has not come.
    #[n(6)]
    #[cbor(default)]
    pub waits: bool,
    /// Nobody put them: they are those before, without what ends then.
    #[n(7)]
    #[cbor(default)]
    pub of_an_end: bool,
}

impl Patient {
    /// The limits in force at an instant of the gateway's own time.
    pub fn limits_at(&self, measured: Timestamp) -> InForce<'_> {
        valid_at(&self.limits, self.is_adult(), measured)
    }

    /// Whether an alarm can come of a signal at an instant of the gateway's own time: a limit over it is in
    /// force for this patient, and what lies beyond it is announced. What only the lethal floor judges has none.
    pub fn has_limit(&self, signal: &Signal, at: Timestamp, rules: &RuleSet) -> bool {
        let Some(unit) = signal.unit else { return false };
        let limits = self.limits_at(at);
        // A patient's own limit holds for whom those for adults refuse, too.
        let judges = |rule: &&LimitRule| {
            !rule.floor && (rule.whom.adults_only || rule.whom.holds_for(self.person()))
        };
        rules.limits_of(signal.id).filter(judges).any(|rule| {
            Level::ALL.into_iter().any(|level| {
                rule.limit(level, limits, unit).is_some() && rule.priority(level) > Priority::Info
            })
        })
    }

    /// The version that stands: the newest of all, whenever it holds.
    pub fn limits_version(&self) -> u64 {
        self.limits.iter().map(|set| set.version).max().unwrap_or_default()
    }

    /// What becomes of the limits if these are put in force from an instant on: all of them, or those of `only` one
    /// signal. A signal whose limits are refused keeps those that hold then, and costs no other signal its own.
    pub fn check_limits(
        &self,
        asked: &[PatientLimit],
        only: Option<&str>,
        (since, reason, now): (Timestamp, Option<&str>, Stamp),
        context: RuleContext<'_>,
    ) -> Checked {
        let stands = valid_at(&self.limits, true, since).own;
        let mut checked = Checked::default();
        let mut accepted = asked.is_empty();
        if let Some(signal) = only {
            let name = context.signals.find(signal).map_or(signal, |signal| &signal.name);
            checked.limits.extend(stands.iter().filter(|limit| limit.signal != name).cloned());
            checked.only = Some(name.to_owned());
        }
        for (signal, limits) in by_signal(asked, context) {
            let limits: Vec<PatientLimit> =
                limits.into_iter().map(|limit| with_end(limit, stands, since, now)).collect();
            let fault = match signal {
                Err(name) => Err(format!("`{name}` is no signal")),
                Ok(signal) => check_signal(signal, &limits, reason, context.rules)
                    .and_then(|()| check_ends(signal, &limits, since.max(now.at), context.rules)),
            };
            match fault {
                Ok(()) => {
                    accepted = true;
                    checked.limits.extend(limits);
                }
                Err(why) => {
                    let kept = stands.iter().filter(|l| l.signal == limits[0].signal).cloned();
                    checked.limits.extend(kept);
                    checked.refused.push(why);
                }
            }
        }
        in_order(&mut checked.limits);
        let mut before = stands.to_vec();
        in_order(&mut before);
        let later = self.limits.iter().filter(|set| set.since > since && !set.of_an_end);
        checked.later = later.clone().map(|set| set.from).collect();
        let same_later = match &checked.only {
            Some(name) => later.clone().all(|set| {
                of(&set.limits, name) == holding_at(of(&checked.limits, name), set.since)
            }),
            None => checked.later.is_empty(),
        };
        checked.unchanged = !accepted || (before == checked.limits && same_later);
        checked
    }
}

/// Limits as they can be put in force.
#[derive(Debug, Default)]
pub struct Checked {
    /// All of them, by their signals' names.
    pub limits: Vec<PatientLimit>,
    /// Why limits of a signal are not among them, a line for each signal.
    pub refused: Vec<String>,
    /// The name of the one signal they are of.
    pub only: Option<String>,
    /// When others were to be put in force after them.
    pub later: Vec<Timestamp>,
    /// They hold already, then and later, or nothing of what was asked can be put in force.
    pub unchanged: bool,
}

/// The limits of each signal, by its name.
fn by_signal<'a>(
    asked: &'a [PatientLimit],
    context: RuleContext<'a>,
) -> Vec<(Result<&'a Signal, &'a str>, Vec<PatientLimit>)> {
    let mut found: Vec<(Result<&Signal, &str>, Vec<PatientLimit>)> = Vec::new();
    for limit in asked {
        let signal = context.signals.find(&limit.signal).ok_or(limit.signal.as_str());
        let name = signal.map_or_else(str::to_owned, |signal| signal.name.clone());
        let limit = PatientLimit { signal: name, ..limit.clone() };
        match found.iter_mut().find(|(_, limits)| limits[0].signal == limit.signal) {
            Some((_, limits)) => limits.push(limit),
            None => found.push((signal, vec![limit])),
        }
    }
    found
}

/// Those of one signal.
pub(super) fn of(limits: &[PatientLimit], signal: &str) -> Vec<PatientLimit> {
    limits.iter().filter(|limit| limit.signal == signal).cloned().collect()
}

/// By what those of one side of it judge.
pub(super) fn on(
    limits: &[PatientLimit],
    signal: &str,
    side: Side,
) -> Vec<(bool, Option<f64>, Unit)> {
    let of_it = limits.iter().filter(|limit| limit.signal == signal && limit.side == side);
    of_it.map(|limit| (limit.critical, limit.value, limit.unit)).collect()
}

/// Those that have not ended by an instant of the gateway's own time.
pub(super) fn holding_at(limits: Vec<PatientLimit>, at: Timestamp) -> Vec<PatientLimit> {
    limits.into_iter().filter(|limit| limit.holds_at(at)).collect()
}

/// One order for all, so that the same limits are the same.
pub(super) fn in_order(limits: &mut [PatientLimit]) {
    let key =
        |limit: &PatientLimit| (limit.signal.clone(), limit.side == Side::High, limit.critical);
    limits.sort_by_key(key);
}

impl PatientAlarms<'_> {
    /// Judges what is known last of a series by limits that are new to it. What lies beyond begins now; what was
    /// beyond ends if nothing in doubt speaks against it. What is `told` by any rule over its side needs no delay.
    pub(super) fn judge_by_new_limits(
        &mut self,
        rule: &LimitRule,
        source: &Source,
        state: &mut SeriesState,
        (limits, intake): (InForce<'_>, Intake<'_>),
        (told, actor): (bool, &str),
    ) {
        let key = Key::new(rule.id.clone(), source.name());
        let open = self.open(&key).map(|(condition, _)| condition);
        let spot = state.spot || rule.spot;
        let known = state.known(source, self.now());
        state.count_known(rule, &known, limits);
        let now = self.now().at;
        let is_past = |counted| !spot && intake.is_decided(counted + state.gap(rule), now);
        let was_active = state.watches.of(rule).and_then(Watch::active_level).is_some();
        let certain = !known.is_empty() && known.iter().all(|one| one.certain);
        if known.is_empty() {
            return;
        }
        let is_past = state.counted.or(state.arrival).is_some_and(is_past);
        // What is heard of is lost no more; what is told is unknown until a reading says otherwise.
        state.lost &= is_past || was_active;
        let was_unknown = state.lost || open == Some(Condition::Unknown);
        // New limits are no reading: what is unknown stays so where nothing came since.
        let unheard =
            open == Some(Condition::Unknown) && !self.book().is_heard_since(&key, state.counted);
        let unknown = is_past || unheard || (was_unknown && was_active);
        let judges = Level::ALL.into_iter().any(|level| {
            known.iter().any(|one| one.relation(rule, level, limits) != Relation::NoLimit)
        });
        for level in Level::ALL {
            let relation = |one: &Known| one.relation(rule, level, limits);
            let beyond = known.iter().rev().find_map(|one| match relation(one) {
                Relation::Beyond { limit, from } => Some(one.beyond(limit, from, limits.version)),
                Relation::Inside | Relation::Between | Relation::Ambiguous | Relation::NoLimit => {
                    None
                }
            });
            let ambiguous = known.iter().any(|one| relation(one) == Relation::Ambiguous);
            let watch = state.watches.of_mut(rule);
            let track = &mut watch.tracks[level];
            match beyond {
                Some(began) if track.began.is_none() && !unknown => {
                    // What is told of goes on.
                    let active = spot || rule.delay(level) == Span::ZERO || was_active || told;
                    let began = Box::new(Evidence { rule_at: now, ..*began });
                    *track = Track { active, ..Track::beyond(began) };
                }
                Some(_) => {}
                None if track.active && (unknown || !certain || ambiguous) => {}
                None if ambiguous => {}
                None => {
                    let told = track.told();
                    *track = Track::default();
                    watch.note_told(level, told);
                }
            }
        }
        if state.watches.of(rule).and_then(Watch::active_level).is_some() {
            // A change of limits is no reading: it is news only where it begins something.
            self.settle(rule, source, state, [!unknown && !was_active; 2], (false, false));
        } else if (open != Some(Condition::Unknown) || (spot && certain && !unknown && judges))
            && !state.watches.of(rule).is_some_and(Watch::is_pending)
        {
            self.change(&key, Some(actor), Alarm::limit_changed);
        }
        if let Some(confirm) = &rule.confirm
            && state.watches.of(rule).is_none_or(|watch| !watch.is_pending())
        {
            let request = Key::new(confirm.request.clone(), source.name());
            match state.watches.of(rule).and_then(Watch::active_level) {
                Some(_) => self.change(&request, None, Alarm::absent),
                None => self.change(&request, Some(actor), Alarm::limit_changed),
            }
        }
    }
}

/// What was in force for somebody, an adult or not, at a time.
pub(super) fn valid_at(sets: &[LimitSet], adult: bool, measured: Timestamp) -> InForce<'_> {
    let valid = sets.iter().rev().find(|set| set.since <= measured);
    let (own, version) = valid.map_or((&[][..], 0), |set| (&set.limits[..], set.version));
    InForce { own, version, adult }
}

/// Whether the limits of one signal can be put in force.
fn check_signal(
    signal: &Signal,
    limits: &[PatientLimit],
    reason: Option<&str>,
    rules: &RuleSet,
) -> Result<(), String> {
    let name = &signal.name;
    if rules.limits_of(signal.id).all(|rule| rule.floor) {
        return Err(format!("no rule judges {name}: a limit of it would do nothing"));
    }
    for (i, limit) in limits.iter().enumerate() {
        let same =
            |other: &PatientLimit| other.side == limit.side && other.critical == limit.critical;
        if limits[..i].iter().any(same) {
            return Err(format!("{name} {} stands twice", limit.side));
        }
        check_value(limit, signal, reason, rules)?;
    }
    check_order(signal, limits, rules)
}

fn check_value(
    limit: &PatientLimit,
    signal: &Signal,
    reason: Option<&str>,
    rules: &RuleSet,
) -> Result<(), String> {
    let PatientLimit { signal: name, side, .. } = limit;
    let Some(unit) = signal.unit.filter(|unit| unit.quantity() == limit.unit.quantity()) else {
        return Err(format!("{} does not fit {name}", limit.unit));
    };
    let urgent_low =
        limit.critical && *side == Side::Low && unit.quantity() == Unit::MgPerDl.quantity();
    let Some(value) = limit.value else {
        if urgent_low {
            return Err(format!("the urgent low of {name} cannot be switched off"));
        }
        if reason.is_none_or(|r| r.trim().is_empty()) {
            return Err(format!("switching off {name} {side} needs a reason"));
        }
        return Ok(());
    };
    let shipped = rules.limits_of(signal.id).find(|r| r.side == *side && !r.floor);
    let shipped = shipped.and_then(|rule| rule.limit(Level::Critical, pack(&[]), limit.unit));
    if urgent_low && shipped.is_some_and(|(least, _)| value < least) {
        return Err(format!("the urgent low of {name} cannot be set below that of the rules"));
    }
    let inside = limit.unit.convert(value, unit).is_some_and(|value| {
        value.is_finite() && signal.plausible.is_none_or(|(l, h)| (l..=h).contains(&value))
    });
    if inside {
        Ok(())
    } else {
        Err(format!("{name} {side} {value} {} is implausible", limit.unit))
    }
}

/// These limits over those of a pack for adults.
fn pack(own: &[PatientLimit]) -> InForce<'_> {
    InForce { own, version: 0, adult: true }
}

/// Limits rise from the critical low over low and high to the critical high, those of the rules among them where a
/// patient has none of his own.
pub(super) fn check_order(
    signal: &Signal,
    limits: &[PatientLimit],
    rules: &RuleSet,
) -> Result<(), String> {
    let Some(unit) = signal.unit else { return Ok(()) };
    let of = |side, level| {
        let rule = rules.limits_of(signal.id).find(|r| r.side == side && !r.floor)?;
        rule.limit(level, pack(limits), unit).map(|(value, _)| value)
    };
    let named = |side, level, word| of(side, level).map(|value| (word, value));
    let rising: Vec<(&str, f64)> = [
        named(Side::Low, Level::Critical, "the critical low limit"),
        named(Side::Low, Level::Warning, "the low limit"),
        named(Side::High, Level::Warning, "the high limit"),
        named(Side::High, Level::Critical, "the critical high limit"),
    ]
    .into_iter()
    .flatten()
    .collect();
    for pair in rising.windows(2) {
        let [(lower, a), (upper, b)] = pair else { continue };
        // The two limits of one side may be the same, those of two sides not.
        let one_side = lower.ends_with("low limit") == upper.ends_with("low limit");
        let rises = if one_side { a <= b } else { a < b };
        if !rises {
            return Err(format!(
                "{}: {lower} {a} is not below {upper} {b} (in {unit})",
                signal.name
            ));
        }
    }
    Ok(())
}
