//! What is reported, as data. The table and the page are made of it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::coverage::{SHIFTS, days};
use super::figures::{ByPriority, Figures};
use super::pairing::{Difference, Kind};
use super::run::{Played, Request, Source};
use super::spell::{ANNOUNCED, About, Reading, Spell, Trace, place};
use vitalgate_domain::core::configuration::Configuration;
use vitalgate_domain::model::alarm::{Priority, Side};
use vitalgate_domain::model::ids::{BedId, PatientId, RuleId};
use vitalgate_domain::model::time::{Span, Timestamp};
use vitalgate_domain::rules::{InForce, Level};

/// What would have been announced, beside what is by today's rules. In JSON it only grows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Of this form.
    pub version: u32,
    /// What was played.
    pub covered: Covered,
    /// Under today's rules.
    pub old: Sums,
    /// Under those tried.
    pub new: Sums,
    /// By rule, the one that announces most first.
    pub rules: Vec<RuleRow>,
    /// By bed, where any is known.
    pub beds: Vec<PlaceRow>,
    /// By shift, where the wall clock is known.
    pub shifts: Vec<PlaceRow>,
    /// Alarm by alarm.
    pub differences: Differences,
    /// What could not be known.
    pub unknown: Vec<String>,
}

/// Whom and how long it is about.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Covered {
    /// Of whom anything came.
    pub patients: u64,
    /// Days of 24 hours in which each was heard of.
    pub patient_days: f64,
    /// Stretches in between in which they were not.
    pub gaps: u64,
    /// All of these together.
    pub gap_hours: f64,
    /// Numbers that were played.
    pub readings: u64,
    /// The first instant; `None` where no wall clock is known.
    pub from: Option<Timestamp>,
    /// The last one.
    pub to: Option<Timestamp>,
}

/// Figures of one set of rules over everything.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sums {
    /// The file.
    pub rules: String,
    /// All announcements about patients.
    pub announcements: Tally,
    /// More than 10 announcements of one patient within 10 minutes, each counted once.
    pub floods: u64,
    /// Alarms that people were told and that are over.
    pub ended: u64,
    /// How long half of them stood at most, in seconds.
    pub median_s: Option<i64>,
    /// The longest, in seconds.
    pub longest_s: Option<f64>,
    /// How many of them were over by themselves within 15 s.
    pub brief: u64,
    /// The same as a share.
    pub brief_share: Option<f64>,
    /// Told, and standing at the end.
    pub standing: u64,
    /// Alarms that nobody was told of.
    pub shown_only: u64,
    /// Announcements about the gateway and its ways, no patient.
    pub of_gateway: u64,
}

/// Announcements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Tally {
    /// All of them.
    pub count: u64,
    /// For each patient and day; `None` where there was none.
    pub per_patient_day: Option<f64>,
    /// Of high priority.
    pub high: u64,
    /// Of medium priority.
    pub medium: u64,
    /// Of low priority.
    pub low: u64,
}

/// Announcements of one rule under either set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuleRow {
    /// Which rule.
    pub rule: RuleId,
    /// Under today's rules.
    pub old: Tally,
    /// Under those tried.
    pub new: Tally,
}

/// Announcements in a bed, or in a shift.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlaceRow {
    /// Which; `None` for patients without a bed.
    pub name: Option<String>,
    /// How much of the patient-days.
    pub patient_days: f64,
    /// Announcements under today's rules.
    pub old: u64,
    /// Under those tried.
    pub new: u64,
    /// For each patient and day in a bed, for each patient and shift in a shift.
    pub old_rate: Option<f64>,
    /// Likewise.
    pub new_rate: Option<f64>,
}

/// How alarms differ.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Differences {
    /// Alarms told within 2 s, as gravely.
    pub same: u64,
    /// Alarms of the old rules that the new ones tell by one that stands already.
    pub joined: u64,
    /// The other way round.
    pub parted: u64,
    /// Alarms beyond the first 1,024 within one that stands all along.
    pub not_compared: u64,
    /// By kind, the worst first.
    pub kinds: Vec<(Kind, u64)>,
    /// The gravest, and of these the worst, first.
    pub listed: Vec<Listed>,
    /// How many are not listed.
    pub left_out: u64,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Listed {
    /// How it differs.
    pub kind: Kind,
    /// The gravest priority at which it does.
    pub priority: Priority,
    /// By so many seconds it is later; earlier where that is negative.
    pub by_s: Option<f64>,
    /// Of whom: an id only where ids were asked for.
    pub patient: Option<String>,
    /// When people were told first; `None` where the wall clock is not known.
    pub at: Option<Timestamp>,
    /// The same from the start of the recording, in seconds, where it is not.
    pub at_s: Option<f64>,
    /// The signal and side, or the rule.
    pub about: String,
    /// The rule by which it was raised.
    pub old_rule: Option<RuleId>,
    /// Likewise.
    pub new_rule: Option<RuleId>,
    /// What it was beyond, in `unit`.
    pub limit: Option<f64>,
    /// The limits of either set for that signal and side, without those of a patient's own.
    pub old_limits: Vec<f64>,
    /// Likewise.
    pub new_limits: Vec<f64>,
    /// As sent.
    pub unit: Option<&'static str>,
    /// The last readings before it was raised, oldest first.
    pub readings: Vec<Measured>,
}

/// A reading before an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// When it was measured; `None` where the wall clock is not known.
    pub at: Option<Timestamp>,
    /// The same from the start of the recording, in seconds, where it is not.
    pub at_s: Option<f64>,
    /// In `unit`.
    pub value: f64,
}

/// What patients are called.
#[derive(Debug)]
pub(super) struct Names {
    ids: bool,
    met: BTreeMap<(usize, PatientId), usize>,
}

impl Names {
    pub(super) fn new(ids: bool) -> Self {
        Self { ids, met: BTreeMap::new() }
    }

    /// Somebody appears, in a source.
    pub(super) fn meet(&mut self, source: usize, patient: &PatientId) -> usize {
        let next = self.met.len() + 1;
        *self.met.entry((source, patient.clone())).or_insert(next)
    }

    fn name(&mut self, source: usize, patient: &PatientId) -> String {
        if self.ids {
            return patient.to_string();
        }
        format!("p{}", self.meet(source, patient))
    }
}

impl Report {
    pub(super) fn of(
        request: &Request,
        configurations: &[Configuration; 2],
        mut all: Played,
    ) -> Self {
        let patient_days = days(all.covered.covered);
        let [old, new] = &all.figures;
        let covered = Covered {
            patients: all.covered.patients,
            patient_days,
            gaps: all.covered.gaps,
            gap_hours: days(all.covered.gaps_for) * 24.0,
            readings: all.readings,
            from: all.extent.map(|(from, _)| from),
            to: all.extent.map(|(_, to)| to),
        };
        let names = &mut all.names;
        let listed = all.pairing.listed();
        let listed: Vec<Listed> =
            listed.map(|one| Listed::of(one, request, configurations, names)).collect();
        let kinds = Kind::ALL.map(|kind| (kind, *all.pairing.kinds.get(&kind).unwrap_or(&0)));
        let differences = Differences {
            same: all.pairing.same,
            joined: all.pairing.joined,
            parted: all.pairing.parted,
            not_compared: all.pairing.not_compared,
            kinds: kinds.to_vec(),
            left_out: all.pairing.differing() - listed.len() as u64,
            listed,
        };
        Self {
            version: 1,
            covered,
            old: Sums::of(&request.against.name, old, patient_days),
            new: Sums::of(&request.rules.name, new, patient_days),
            rules: rules(old, new, patient_days),
            beds: beds(&all),
            shifts: shifts(&all),
            differences,
            unknown: unknown(request, &all),
        }
    }
}

impl Sums {
    fn of(rules: &str, figures: &Figures, patient_days: f64) -> Self {
        let ended = figures.durations.of;
        Self {
            rules: rules.to_owned(),
            announcements: Tally::of(figures.by_priority, patient_days),
            floods: figures.floods.count,
            ended,
            median_s: figures.durations.median_s(),
            longest_s: figures.durations.longest.map(Span::as_secs_f64),
            brief: figures.brief,
            brief_share: (ended > 0).then(|| figures.brief as f64 / ended as f64),
            standing: figures.standing,
            shown_only: figures.shown_only,
            of_gateway: figures.of_gateway,
        }
    }
}

impl Tally {
    fn of(by: ByPriority, patient_days: f64) -> Self {
        let of = |priority| by[place(priority)];
        let count = ANNOUNCED.into_iter().map(of).sum();
        Self {
            count,
            per_patient_day: rate(count, patient_days),
            high: of(Priority::High),
            medium: of(Priority::Medium),
            low: of(Priority::Low),
        }
    }
}

fn rate(count: u64, of: f64) -> Option<f64> {
    (of > 0.0).then(|| count as f64 / of)
}

fn rules(old: &Figures, new: &Figures, patient_days: f64) -> Vec<RuleRow> {
    let mut by_rule: BTreeMap<&RuleId, [ByPriority; 2]> = BTreeMap::new();
    for (which, figures) in [old, new].into_iter().enumerate() {
        for (rule, count) in &figures.by_rule {
            by_rule.entry(rule).or_default()[which] = *count;
        }
    }
    let row = |(rule, [old, new]): (&RuleId, [ByPriority; 2])| RuleRow {
        rule: rule.clone(),
        old: Tally::of(old, patient_days),
        new: Tally::of(new, patient_days),
    };
    let mut rows: Vec<RuleRow> = by_rule.into_iter().map(row).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.old.count.max(row.new.count)));
    rows
}

fn beds(all: &Played) -> Vec<PlaceRow> {
    let [old, new] = &all.figures;
    let known = all.covered.by_bed.keys().chain(old.by_bed.keys()).chain(new.by_bed.keys());
    let beds: std::collections::BTreeSet<&Option<BedId>> = known.collect();
    if beds.iter().all(|bed| bed.is_none()) {
        return Vec::new();
    }
    let row = |bed: &Option<BedId>| {
        let patient_days = all.covered.by_bed.get(bed).map_or(0.0, |span| days(*span));
        let count = |figures: &Figures| figures.by_bed.get(bed).copied().unwrap_or_default();
        let (old, new) = (count(old), count(new));
        PlaceRow {
            name: bed.as_ref().map(ToString::to_string),
            patient_days,
            old,
            new,
            old_rate: rate(old, patient_days),
            new_rate: rate(new, patient_days),
        }
    };
    beds.into_iter().map(row).collect()
}

fn shifts(all: &Played) -> Vec<PlaceRow> {
    let [old, new] = &all.figures;
    let row = |shift: usize| {
        let patient_days = days(all.covered.by_shift[shift]);
        let (old, new) = (old.by_shift[shift], new.by_shift[shift]);
        PlaceRow {
            name: Some(SHIFTS[shift].to_owned()),
            patient_days,
            old,
            new,
            old_rate: rate(old, patient_days * 3.0),
            new_rate: rate(new, patient_days * 3.0),
        }
    };
    let rows: Vec<PlaceRow> = (0..SHIFTS.len()).map(row).collect();
    let known = rows.iter().any(|row| row.patient_days > 0.0);
    if known { rows } else { Vec::new() }
}

impl Listed {
    fn of(
        one: &Difference,
        request: &Request,
        [old, new]: &[Configuration; 2],
        names: &mut Names,
    ) -> Self {
        let Difference { kind, priority, by, at, source, key, .. } = one;
        let dated = request.is_dated(*source);
        let about = match &key.about {
            About::Limit(signal, Side::Low) => format!("{signal} low"),
            About::Limit(signal, Side::High) => format!("{signal} high"),
            About::Rule(rule) => rule.to_string(),
        };
        let raised = match kind {
            Kind::Lost | Kind::ShownOnly | Kind::Milder | Kind::Later => one.old.as_ref(),
            Kind::Gained | Kind::Announced | Kind::Graver | Kind::Earlier => one.new.as_ref(),
        };
        let trace = raised.map(|spell| spell.trace.clone()).unwrap_or_default();
        let rule = |spell: &Option<Spell>| spell.as_ref().map(|spell| spell.rule.clone());
        let since_start = |at: Timestamp| (at - request.second_0()).as_secs_f64();
        let measured = |reading: &Reading| Measured {
            at: dated.then_some(reading.at),
            at_s: (!dated).then(|| since_start(reading.at)),
            value: reading.value,
        };
        Self {
            kind: *kind,
            priority: *priority,
            by_s: by.map(Span::as_secs_f64),
            patient: key.patient.as_ref().map(|patient| names.name(*source, patient)),
            at: dated.then_some(*at),
            at_s: (!dated).then(|| since_start(*at)),
            readings: trace.readings.iter().map(measured).collect(),
            about,
            old_rule: rule(&one.old),
            new_rule: rule(&one.new),
            limit: trace.limit,
            old_limits: limits(&trace, old),
            new_limits: limits(&trace, new),
            unit: trace.unit,
        }
    }
}

/// The limits that rules have for a signal on a side, in a unit, without those of a patient's own.
fn limits(trace: &Trace, Configuration { signals, rules, .. }: &Configuration) -> Vec<f64> {
    let Some(signal) = signals.find(&trace.signal) else { return Vec::new() };
    let unit = trace.unit.and_then(|unit| unit.parse().ok()).or(signal.unit);
    let (Some(unit), Some(side)) = (unit, trace.side) else { return Vec::new() };
    let pack = InForce { own: &[], version: 0, adult: true };
    let of_side = rules.limits_of(signal.id).filter(|rule| rule.side == side && !rule.floor);
    let limits = of_side.flat_map(|rule| Level::ALL.map(|level| rule.limit(level, pack, unit)));
    limits.flatten().map(|(limit, _)| limit).collect()
}

fn unknown(request: &Request, all: &Played) -> Vec<String> {
    let mut words = all.unknown.clone();
    let is_store = |source: &Source| matches!(source, Source::Store(_));
    if request.sources.iter().any(is_store) {
        let [old, new] = all.acts_without;
        words.push(format!(
            "what people would have done: their acts are those recorded, each on the same alarm as it is here; {old} \
             under the old rules and {new} under the new were on alarms that are not there, and are left out"
        ));
        words.push(
            "pauses of a scope that somebody ended early: under other rules they may run to their end".to_owned(),
        );
        words.push(
            "what never reached the journal: messages refused, or older than it is kept".to_owned(),
        );
    }
    if !request.sources.iter().all(is_store) {
        words.push(
            "what people would have done: nobody acknowledges, pauses or resets anything in a recording, so what latches \
             stays, and is announced again when its condition comes back"
                .to_owned(),
        );
        words.push(
            "what no recording holds: devices that were silent between and after recordings, connections, other \
             devices of the same patient, limits of a patient's own, those that a case has charted included"
                .to_owned(),
        );
        if request.start.is_none() {
            words.push("the shift: a recording has no wall clock without --start".to_owned());
        }
    }
    words.push(
        "whether an alarm was worth its noise: no outcome is recorded; what a nurse would call false is not known"
            .to_owned(),
    );
    words
}
