//! What people hear of recorded patients: announcements by patient-day against plain thresholds, whether any
//! excursion that lasts for its delay is told to nobody, the same for each recording, and what the announcements are:
//! `cargo bench --bench burden`. It reads the recordings named by `VITALGATE_RECORDINGS`, and makes a series of its own
//! at 1 Hz.

#![expect(clippy::print_stdout, reason = "figures are for people")]

#[path = "support/heard.rs"]
mod heard;
#[path = "support/series.rs"]
mod series;

use std::collections::BTreeMap;

use vitalgate_domain::core::Core;
use vitalgate_domain::core::configuration::{Configuration, Texts};
use vitalgate_domain::model::alarm::{Alarm, AlarmKind, Condition, Priority, State};
use vitalgate_domain::model::command::{
    Action, AgeClass, AlarmAct, Command, DeviceDetails, PatientDetails, PrincipalKind,
};
use vitalgate_domain::model::ids::RuleId;
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::instance::Instance;
use vitalgate_domain::model::message::{
    self, Body, Clock, ClockSource, Delivery, ExpectedSignal, Message, Mode, Reading, ReadingTime,
    Status,
};
use vitalgate_domain::model::signal::{Signal, SignalId};
use vitalgate_domain::model::time::{Span, Stamp, Timestamp};
use vitalgate_domain::model::unit::Unit;
use vitalgate_domain::output::transition::{Change, TransitionBody};
use vitalgate_domain::rules::{InForce, Level, LimitRule, Relation};

use heard::{Family, Figures};
use series::{COLUMNS, FAMILIES, Row, made, recorded};

/// Second 0 of every series: 2026-03-02T00:00:00Z.
const START: Timestamp = Timestamp::from_millis(1_772_409_600_000);

fn main() -> anyhow::Result<()> {
    let mut all = vec![Family::play("1 Hz", "bedside", 1, &[("made", made(86_400))])?];
    for (family, class, interval, files) in FAMILIES {
        let series = files
            .iter()
            .map(|file| Ok((*file, recorded(file)?)))
            .collect::<anyhow::Result<Vec<_>>>()?;
        all.push(Family::play(family, class, interval, &series)?);
    }
    println!("announcements to people, by patient-day; plain: one at each crossing of a limit");
    println!(
        "{:<15} {:<9} {:>7} {:>8} {:>8} {:>7} {:>8} {:>12}",
        "series", "answers", "days", "plain", "told", "change", "untold", "technical"
    );
    all.iter().for_each(Family::print_sums);
    println!(
        "\nby recording; shown: of the plain ones those of limits that are shown and not announced"
    );
    println!(
        "{:<15} {:<29} {:>7} {:>7} {:>6} {:>7} {:>8} {:>8} {:>7}",
        "series", "recording", "days", "plain", "shown", "nobody", "at once", "untold", "repeats"
    );
    all.iter().for_each(Family::print_recordings);
    println!("\nwhat the announcements are, over all of a family");
    all.iter().for_each(Family::print_words);
    Ok(())
}

fn play(rows: &[Row], class: &str, interval: i64, at_once: bool) -> anyhow::Result<Figures> {
    let mut stay = Stay::begin(rows, class, interval, at_once)?;
    let mut rest = rows;
    while let Some(first) = rest.first() {
        let together = rest.iter().take_while(|row| row.arrived <= first.arrived).count();
        let (message, others) = rest.split_at(together);
        rest = others;
        stay.arrive(message);
    }
    let last = rows.last().map_or(0.0, |row| row.arrived);
    stay.pass(last + 600.0);
    Ok(stay.figures(last / 86_400.0))
}

/// A stay under way, and what was said of it.
struct Stay {
    core: Core,
    now: f64,
    row: u64,
    seq: u64,
    at_once: bool,
    spot: bool,
    interval: Span,
    /// Of each limit: the readings that count, by their measured time.
    judged: BTreeMap<(RuleId, usize), Vec<Judged>>,
    /// Which of them arrived with the last message.
    fresh: Vec<((RuleId, usize), usize)>,
    words: BTreeMap<&'static str, usize>,
    repeats: usize,
    /// When what is technical was announced, by its cause.
    technical: BTreeMap<String, Vec<f64>>,
    /// When an alarm of a rule was open and not known to be over, from and to.
    held: BTreeMap<RuleId, Vec<(f64, f64)>>,
}

/// A reading against one limit.
#[derive(Clone, Copy)]
struct Judged {
    measured: f64,
    /// Something measured later had arrived before.
    late: bool,
    beyond: bool,
    told: bool,
}

impl Stay {
    fn begin(rows: &[Row], class: &str, interval: i64, at_once: bool) -> anyhow::Result<Self> {
        let texts = Texts {
            signals: include_str!("../config/signals.toml").to_owned(),
            rules: include_str!("../config/rules.toml").to_owned(),
            site: "time_zone = \"Europe/Berlin\"\n".to_owned(),
            packs: Vec::new(),
        };
        let core = Core::new("bench".parse()?, false, Configuration::parse(texts)?);
        let spot = core.configuration.rules.class(class).is_some_and(|class| class.spot_only);
        let interval = Span::secs(interval);
        let mut stay = Self {
            core,
            now: -60.0,
            row: 0,
            seq: 0,
            at_once,
            spot,
            interval,
            judged: BTreeMap::new(),
            fresh: Vec::new(),
            words: BTreeMap::new(),
            repeats: 0,
            technical: BTreeMap::new(),
            held: BTreeMap::new(),
        };
        let mut signals: Vec<SignalId> =
            rows.iter().map(|row| stay.signal(&row.column).id).collect();
        signals.sort();
        signals.dedup();
        let zeros = if class == "bedside" { signals.clone() } else { Vec::new() };
        let expected =
            |signal: &SignalId| ExpectedSignal { signal: *signal, interval: Some(interval) };
        for action in [
            Action::AdmitPatient(PatientDetails {
                id: "p".parse()?,
                age_class: AgeClass::Adult,
                continuous: false,
                bed: None,
                pregnant: None,
            }),
            Action::RegisterDevice(
                DeviceDetails {
                    id: "dev".parse()?,
                    class: class.to_owned(),
                    kind: PrincipalKind::Device,
                    token_sha256: None,
                    via: Vec::new(),
                    signals: signals.iter().map(expected).collect(),
                }
                .into(),
            ),
            Action::Bind {
                device: "dev".parse()?,
                patient: "p".parse()?,
                from: None,
                zero_means_no_sensor: Some(zeros),
                replaces: None,
            },
        ] {
            stay.command(action);
        }
        Ok(stay)
    }

    fn signal(&self, column: &str) -> &Signal {
        let name = COLUMNS.iter().find(|(known, _)| *known == column).map(|(_, name)| *name);
        let signals = &self.core.configuration.signals;
        name.and_then(|name| signals.find(name)).expect("a signal of the table")
    }

    fn command(&mut self, action: Action) {
        let command = Command { actor: "nurse".to_owned(), action };
        self.fold(&[Input::Command(Box::new(command))]);
    }

    fn fold(&mut self, inputs: &[Input]) {
        self.row += 1;
        let at =
            Stamp { at: START + Span::millis((self.now * 1_000.0) as i64), offset: Span::ZERO };
        for transition in self.core.fold(self.row, at, inputs).transitions {
            let TransitionBody::Alarm { change, alarm, .. } = transition.body else { continue };
            if !announces(change, &alarm) {
                continue;
            }
            if alarm.kind == AlarmKind::Physiological {
                *self.words.entry(change.as_str()).or_default() += 1;
            } else if alarm.rule.as_str().ends_with("_repeat_due") {
                self.repeats += 1;
            } else {
                let cause = format!("{} {}", alarm.rule, alarm.source);
                self.technical.entry(cause).or_default().push(self.now);
            }
        }
    }

    /// Notes which alarms held since the last look.
    fn note_held(&mut self, since: f64) {
        let holds =
            |alarm: &&Alarm| matches!(alarm.condition, Condition::Present | Condition::Unknown);
        let rules: Vec<RuleId> = self.alarms().filter(holds).map(|a| a.rule.clone()).collect();
        for rule in rules {
            let held = self.held.entry(rule).or_default();
            match held.last_mut().filter(|(_, to)| *to >= since) {
                Some((_, to)) => *to = self.now,
                None => held.push((self.now, self.now)),
            }
        }
    }

    /// Time passes; whoever answers at once answers what there is.
    fn pass(&mut self, to: f64) {
        let since = std::mem::replace(&mut self.now, to);
        self.fold(&[]);
        self.note_held(since);
        self.note_told();
        self.fresh.clear();
        if self.at_once {
            let waits = |alarm: &&Alarm| matches!(alarm.state, State::Alarming | State::Latched);
            let open: Vec<_> = self.alarms().filter(waits).map(|a| (a.id.clone(), a.seq)).collect();
            for (id, seen) in open {
                self.command(Action::Alarm { id, seen, act: AlarmAct::Acknowledge });
            }
        }
    }

    fn alarms(&self) -> impl Iterator<Item = &Alarm> {
        self.core.patients.values().flat_map(|p| p.alarms.iter()).map(|(_, open)| &open.alarm)
    }

    fn arrive(&mut self, rows: &[Row]) {
        let Some(first) = rows.first() else { return };
        self.pass(first.arrived);
        let mut readings = Vec::new();
        for row in rows {
            let signal = self.signal(&row.column);
            let unit = signal.unit.expect("a signal with a unit");
            let (low, high) = signal.plausible.unwrap_or((f64::MIN, f64::MAX));
            let implausible = !(low..=high).contains(&row.value);
            let id = signal.id;
            readings.push(Reading {
                index: readings.len() as u32,
                signal: id,
                instance: Instance::default(),
                time: ReadingTime::At(START + Span::millis((row.measured * 1_000.0) as i64)),
                value: message::Value::Number { value: row.value, unit, comparator: None },
                quality: None,
                status: Status::Final,
                implausible,
                unit_doubtful: false,
            });
            let no_sensor = !self.spot && row.value == 0.0;
            if !implausible && !no_sensor {
                self.judge(id, row, unit);
            }
        }
        self.seq += 1;
        let message = Message {
            principal: "dev".parse().expect("an id"),
            device: "dev".parse().expect("an id"),
            boot: Some(1),
            seq: Some(self.seq),
            sent_at: Some(START + Span::millis((self.now * 1_000.0) as i64)),
            mode: Mode::Real,
            clock: Some(Clock { source: Some(ClockSource::Ntp), timeline: None }),
            relay: None,
            hash: self.seq,
            delivery: Delivery { qos: 1, ..Delivery::default() },
            unknown_fields: 0,
            old: None,
            body: Body::Telemetry { readings, refused: Vec::new() },
        };
        // What an alarm holds that is present already is told by it, a late value by a note on it.
        self.note_told();
        self.fold(&[Input::Message(Box::new(message))]);
        self.note_held(self.now);
        self.note_told();
    }

    /// Where a reading stands to every limit of its signal, without any memory.
    fn judge(&mut self, signal: SignalId, row: &Row, unit: Unit) {
        let pack = InForce { own: &[], version: 0, adult: true };
        let rules: Vec<LimitRule> = self
            .core
            .configuration
            .rules
            .limits_of(signal)
            .filter(|rule| !rule.floor)
            .cloned()
            .collect();
        for rule in rules {
            for level in Level::ALL {
                let relation = rule.relation(level, pack, row.value, unit, None);
                if relation == Relation::NoLimit {
                    continue;
                }
                let key = (rule.id.clone(), usize::from(level == Level::Critical));
                let of_limit = self.judged.entry(key.clone()).or_default();
                let beyond = matches!(relation, Relation::Beyond { .. });
                let late = of_limit.iter().any(|known| known.measured > row.measured);
                of_limit.push(Judged { measured: row.measured, late, beyond, told: false });
                if beyond {
                    self.fresh.push((key, of_limit.len() - 1));
                }
            }
        }
    }

    /// Marks the readings of the last message that an alarm tells, or the request for another measurement.
    fn note_told(&mut self) {
        for ((rule, level), index) in &self.fresh {
            let late = self.judged.get(&(rule.clone(), *level)).is_some_and(|all| all[*index].late);
            let tells = |alarm: &Alarm| {
                let repeat = *level == 0 && alarm.rule.as_str() == format!("{rule}_repeat_due");
                let grave = late
                    || *level == 0
                    || alarm.late
                    || alarm.priority_peak >= gravest(&self.core, rule);
                (alarm.rule == *rule && grave || repeat) && alarm.condition != Condition::Absent
            };
            let told = self
                .core
                .patients
                .values()
                .flat_map(|p| p.alarms.iter())
                .any(|(_, open)| tells(&open.alarm));
            if let Some(judged) = self.judged.get_mut(&(rule.clone(), *level)) {
                judged[*index].told |= told;
            }
        }
    }

    fn figures(self, days: f64) -> Figures {
        let technical = self.technical.values().map(|times| most_in_an_hour(times)).max();
        let mut figures = Figures {
            days,
            words: self.words,
            repeats: self.repeats,
            technical: technical.unwrap_or_default(),
            ..Figures::default()
        };
        for ((rule, level), mut readings) in self.judged {
            // Plain thresholds see readings as they come.
            let crossings = readings.windows(2).filter(|pair| !pair[0].beyond && pair[1].beyond);
            let plain = crossings.count() + usize::from(readings[0].beyond);
            figures.plain += plain;
            let rules = &self.core.configuration.rules;
            let held = self.held.get(&rule).map_or(&[][..], Vec::as_slice);
            let Some(rule) = rules.get(&rule).and_then(|rule| rule.as_limit()) else { continue };
            let spot = self.spot || rule.spot;
            let level = if level == 1 { Level::Critical } else { Level::Warning };
            if rule.priority(level) == Priority::Info {
                figures.shown += plain;
            }
            let delay = if spot { 0.0 } else { rule.delay(level).as_secs_f64() };
            let gap = rule.tolerated_gap(Some(self.interval)).as_secs_f64();
            readings.sort_by(|a, b| a.measured.total_cmp(&b.measured));
            let same = |a: &Judged, b: &Judged| {
                a.beyond == b.beyond && (spot || b.measured - a.measured <= gap)
            };
            for run in readings.chunk_by(same).filter(|run| run[0].beyond) {
                if run[run.len() - 1].measured - run[0].measured >= delay {
                    figures.excursions += 1;
                    let told = |judged: &Judged| {
                        let within =
                            |(from, to): &(f64, f64)| (*from..=*to).contains(&judged.measured);
                        judged.told || held.iter().any(within)
                    };
                    figures.untold += usize::from(!run.iter().any(told));
                }
            }
        }
        figures
    }
}

/// The most of these times that fall into any 60 minutes.
fn most_in_an_hour(times: &[f64]) -> usize {
    let within =
        |first: &f64| times.iter().filter(|at| (*first..*first + 3_600.0).contains(*at)).count();
    times.iter().map(within).max().unwrap_or_default()
}

fn gravest(core: &Core, rule: &RuleId) -> Priority {
    let rule = core.configuration.rules.get(rule).and_then(|rule| rule.as_limit());
    rule.map_or(Priority::Info, |rule| rule.priority(Level::Critical))
}

/// Whether a person hears of it: information, what follows from another alarm and a third time
/// within an hour are shown only.
fn announces(change: Change, alarm: &Alarm) -> bool {
    change.announces() && !alarm.is_shown_only()
}
