//! A pacemaker or defibrillator behind its relay: a report every day at its own hour, event
//! reports when something happens and again with every report until a person would have dealt
//! with it, days that are lost, and backlogs that arrive late. A pure function of its options.
//!
//! Two clocks: the implant's, which runs `SKEW_S` fast, and the relay's, which is right.

mod patient;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;

use crate::clock;
use crate::names;
use crate::noise::Rng;
use crate::wire::{Body, Event, Kind, Stamp};

use patient::{Patient, episodes};

const DAY: Duration = Duration::from_secs(86_400);
/// The implant's clock is fast by at most so many seconds.
const SKEW_S: i64 = 120;
/// Battery and leads are measured so long before the report.
const MEASURED_BEFORE: Duration = Duration::from_secs(120);
/// An episode is repeated in the reports of so many days.
const REPEATED_DAYS: u64 = 5;
/// No implant lasts longer.
const LIFETIME_DAYS: u64 = 40 * 365;
/// Implants count their episodes for life; this one has had some.
const FIRST_EPISODE: usize = 1042;
/// Given a lost day, the next is lost as well with this probability. With 12 % of days lost this
/// makes 2.4 gaps of more than three days a year.
const BURST: f64 = 0.47;

/// What happens to the patient or the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Scenario {
    /// Nothing.
    #[default]
    Stable,
    /// The right ventricular lead breaks: its impedance jumps beyond what the device can measure.
    LeadFault,
    /// The battery reaches its replacement indicator.
    Eri,
    /// A ventricular tachycardia that ends without a shock.
    Vt,
    /// A ventricular fibrillation ended by a shock.
    Shock,
    /// A ventricular fibrillation that the first shock does not end.
    IneffectiveShock,
    /// Three episodes within a day.
    Storm,
}

/// How an implant behaves.
#[derive(Clone, Debug)]
pub struct ImplantOptions {
    /// What happens.
    pub scenario: Scenario,
    /// When it begins, after the start.
    pub onset: Duration,
    /// When the daily report is made.
    pub report: ReportTime,
    /// The share of days whose report is not received on its day.
    pub lost_days: f64,
    /// The same seed gives the same patient, days and noise.
    pub seed: u64,
}

/// The hour of the daily report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportTime {
    /// So long after midnight UTC, every day.
    OfDay(Duration),
    /// At the time of day it is so long after the start, so that a first one comes soon.
    AfterStart(Duration),
}

impl Default for ImplantOptions {
    fn default() -> Self {
        Self {
            scenario: Scenario::Stable,
            onset: DAY,
            report: ReportTime::OfDay(Duration::from_secs(2 * 3600)),
            lost_days: 0.12,
            seed: 1,
        }
    }
}

/// A message as the relay hands it to the network.
#[derive(Clone, Debug)]
pub struct Handover {
    /// When the relay sends it.
    pub due: Timestamp,
    /// When the relay took it.
    pub received: Timestamp,
    /// The implant's clock when the relay took it.
    pub device_clock: Timestamp,
    /// The implant's number for it: one series a kind, holes where a message is lost.
    pub seq: u64,
    /// What it says.
    pub body: Body,
}

/// The implant and its relay.
#[derive(Clone, Debug)]
pub struct Implant {
    options: ImplantOptions,
    start: Timestamp,
    midnight: Timestamp,
    /// After midnight.
    report_at: Duration,
    day: u64,
    skew: Duration,
    patient: Patient,
    air: Rng,
    is_lost: bool,
    /// Whether the present gap's reports wait in the relay, or never reached it.
    is_kept: bool,
    backlog: VecDeque<Handover>,
    to_come: VecDeque<(Timestamp, Event)>,
    /// Episodes reported, each with the day it happened.
    episodes: Vec<(u64, Event)>,
    last_seq: [u64; 2],
    ready: BTreeMap<(Timestamp, u64), Handover>,
    handovers: u64,
}

impl Implant {
    /// An implant already in service at `start`.
    pub fn new(options: ImplantOptions, start: Timestamp) -> Self {
        let since_midnight = Duration::from_secs(start.as_second().rem_euclid(86_400) as u64);
        let midnight = start.as_second() - since_midnight.as_secs() as i64;
        let midnight = Timestamp::from_second(midnight).unwrap_or(start);
        let report_at = match options.report {
            ReportTime::OfDay(after) => after,
            ReportTime::AfterStart(after) => since_midnight + after,
        };
        let report_at = Duration::from_secs(report_at.as_secs() % DAY.as_secs());
        let mut air = Rng::fork(options.seed, 11);
        let skew = Duration::from_secs(air.whole(1, SKEW_S) as u64);
        let to_come = episodes(options.scenario).iter().enumerate().map(|(n, episode)| {
            let (after, event, text) = *episode;
            let at = clock::add(start, options.onset + Duration::from_secs(after));
            let stamp = Stamp(clock::add(at, skew));
            let id = format!("ep-{}", FIRST_EPISODE + n);
            (at, Event { id, at: stamp, event, phase: "single", text })
        });
        let mut implant = Self {
            to_come: to_come.collect(),
            skew,
            patient: Patient::new(options.seed),
            start,
            midnight,
            report_at,
            day: 0,
            air,
            is_lost: false,
            is_kept: false,
            backlog: VecDeque::new(),
            episodes: Vec::new(),
            last_seq: [0; 2],
            ready: BTreeMap::new(),
            handovers: 0,
            options,
        };
        implant.foresee();
        implant
    }

    /// When the next message is due.
    pub fn due(&self) -> Timestamp {
        self.ready.first_key_value().map_or(Timestamp::MAX, |((due, _), _)| *due)
    }

    /// The next message.
    pub fn handover(&mut self) -> Option<Handover> {
        let (_, handover) = self.ready.pop_first()?;
        self.foresee();
        Some(handover)
    }

    /// Lives on until the first message waiting cannot be preceded by a later day's.
    fn foresee(&mut self) {
        while self.day < LIFETIME_DAYS
            && self.ready.first_key_value().is_none_or(|((due, _), _)| *due >= self.begin_of_day())
        {
            self.live_a_day();
        }
    }

    fn begin_of_day(&self) -> Timestamp {
        clock::add(self.midnight, DAY * self.day as u32)
    }

    fn live_a_day(&mut self) {
        let begin = self.begin_of_day();
        let end = clock::add(begin, DAY);
        let report = clock::add(begin, self.report_at);
        self.turn_of_the_air();
        let mut is_reported = false;
        let today = self.to_come.iter().take_while(|(at, _)| *at < end).count();
        for (at, event) in self.to_come.drain(..today).collect::<Vec<_>>() {
            if !is_reported && report < at {
                self.report(report);
                is_reported = true;
            }
            self.happen(at, event);
        }
        if !is_reported {
            self.report(report);
        }
        self.day += 1;
    }

    /// Whether today's messages get through: a two-state chain, so that losses come in bursts.
    fn turn_of_the_air(&mut self) {
        let p = self.options.lost_days.clamp(0.0, 0.9);
        let first = (p * (1.0 - BURST) / (1.0 - p)).min(1.0);
        let was_lost = self.is_lost;
        self.is_lost = self.air.chance(if was_lost && p > 0.0 { BURST } else { first });
        if self.is_lost && !was_lost {
            self.is_kept = self.air.chance(0.5);
        }
    }

    /// An episode, over at `at` by true time; the relay learns of it seconds later.
    fn happen(&mut self, at: Timestamp, event: Event) {
        self.patient.suffer(self.options.scenario);
        self.episodes.push((self.day, event.clone()));
        let received = clock::add(at, Duration::from_secs(self.air.whole(2, 6) as u64));
        self.transmit(received, Body::Events { events: vec![event] });
    }

    /// The daily report at `at`: readings, and the episodes of the last days again.
    fn report(&mut self, at: Timestamp) {
        if at < self.start {
            return;
        }
        let measured = self.implant_clock(at);
        let received = clock::add(at, Duration::from_secs(self.air.whole(1, 4) as u64));
        let readings = self.patient.report(self.day, measured, MEASURED_BEFORE, DAY);
        self.transmit(received, Body::Telemetry { readings });
        self.episodes.retain(|(since, _)| self.day - since <= REPEATED_DAYS);
        let events: Vec<Event> = self.episodes.iter().map(|(_, event)| event.clone()).collect();
        if !events.is_empty() {
            self.transmit(received, Body::Events { events });
        }
    }

    /// The implant sends; the relay receives it, or not, and hands it on, or keeps it.
    fn transmit(&mut self, received: Timestamp, body: Body) {
        let series = usize::from(body.kind() == Kind::Events);
        self.last_seq[series] += 1;
        let delay = Duration::from_millis(self.air.whole(500, 6000) as u64);
        let handover = Handover {
            due: clock::add(received, delay),
            received,
            device_clock: self.implant_clock(received),
            seq: self.last_seq[series],
            body,
        };
        match (self.is_lost, self.is_kept) {
            (true, true) => self.backlog.push_back(handover),
            (true, false) => {}
            (false, _) => {
                for kept in std::mem::take(&mut self.backlog) {
                    self.hand_over(Handover { due: handover.due, ..kept });
                }
                self.hand_over(handover);
            }
        }
    }

    fn hand_over(&mut self, handover: Handover) {
        self.handovers += 1;
        self.ready.insert((handover.due, self.handovers), handover);
    }

    fn implant_clock(&self, at: Timestamp) -> Timestamp {
        clock::add(at, self.skew)
    }
}

/// The signals an implant announces, all daily.
pub const SIGNALS: [names::Signal; 14] = [
    names::IMPEDANCE,
    names::SENSING_AMPLITUDE,
    names::THRESHOLD,
    names::BATTERY_VOLTAGE,
    names::BATTERY_STATUS,
    names::BATTERY_REMAINING,
    names::PACING_PERCENT,
    names::AF_BURDEN,
    names::MEAN_HEART_RATE_24H,
    names::MEAN_HEART_RATE_REST,
    names::ACTIVITY,
    names::PVC_RATE,
    names::THORACIC_IMPEDANCE,
    names::CHARGE_TIME,
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::wire::{Reading, ReadingTime, Value};

    fn start() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }

    fn run(scenario: Scenario, seed: u64, days: i64) -> Vec<Handover> {
        let options = ImplantOptions { scenario, seed, ..ImplantOptions::default() };
        let mut implant = Implant::new(options, start());
        let end = Timestamp::from_second(start().as_second() + days * 86_400).unwrap();
        let mut found = Vec::new();
        while implant.due() < end {
            found.extend(implant.handover());
        }
        found
    }

    fn events(handovers: &[Handover]) -> Vec<(&Handover, &Event)> {
        handovers
            .iter()
            .filter_map(|handover| match &handover.body {
                Body::Events { events } => Some((handover, events)),
                Body::Telemetry { .. } | Body::Info { .. } | Body::Status { .. } => None,
            })
            .flat_map(|(handover, events)| events.iter().map(move |event| (handover, event)))
            .collect()
    }

    fn readings(body: &Body) -> &[Reading] {
        match body {
            Body::Telemetry { readings } => readings,
            Body::Events { .. } | Body::Info { .. } | Body::Status { .. } => &[],
        }
    }

    fn numbers(
        handovers: &[Handover],
        signal: names::Signal,
        lead: &str,
    ) -> Vec<(f64, Option<&'static str>)> {
        let of = |r: &Reading| match r.value {
            Value::Number { value, comparator, .. } => Some((value, comparator)),
            Value::Code { .. } | Value::Absent { .. } => None,
        };
        let all = handovers.iter().flat_map(|h| readings(&h.body));
        all.filter(|r| r.signal == signal.name && r.instance.unwrap_or("") == lead)
            .filter_map(of)
            .collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_life_and_another_does_not() {
        let text = |seed| format!("{:?}", run(Scenario::Storm, seed, 200));
        assert_eq!(text(1), text(1));
        assert_ne!(text(1), text(2));
    }

    #[test]
    fn reports_come_in_order_of_sending_each_measured_at_the_hour_set() {
        for seed in 0..10 {
            let life = run(Scenario::Shock, seed, 365);
            assert!(life.is_sorted_by_key(|h| h.due), "seed {seed}");
            for report in life.iter().filter(|h| h.body.kind() == Kind::Telemetry) {
                assert!(report.received <= report.due);
                let second = report.received.as_second().rem_euclid(86_400);
                assert!((7200..7210).contains(&second), "received at second {second} of the day");
                for reading in readings(&report.body) {
                    let (from, to) = match reading.time {
                        ReadingTime::At { at } => (at.0, at.0),
                        ReadingTime::Period { from, to } => (from.0, to.0),
                    };
                    assert!(to <= report.device_clock, "measured before it was received");
                    assert!(report.device_clock.duration_since(from).as_hours() <= 24);
                }
            }
        }
    }

    #[test]
    fn one_day_in_eight_does_not_arrive_on_its_day_and_some_backlogs_come_late() {
        let (mut on_time, mut late, mut days) = (0, 0, 0);
        for seed in 0..40 {
            let life = run(Scenario::Stable, seed, 365);
            let reports = life.iter().filter(|h| h.body.kind() == Kind::Telemetry);
            for report in reports {
                let delay = report.due.duration_since(report.received).as_secs();
                if delay < 3600 { on_time += 1 } else { late += 1 }
            }
            days += 365;
        }
        let share = f64::from(days - on_time) / f64::from(days);
        assert!((0.10..0.14).contains(&share), "{share} of days lost");
        assert!(
            late > 0 && late < days - on_time,
            "{late} of {} lost days came late",
            days - on_time
        );
    }

    #[test]
    fn numbers_of_a_kind_rise_and_leave_holes_only_for_what_is_lost_for_good() {
        let life = run(Scenario::Storm, 3, 730);
        for kind in [Kind::Telemetry, Kind::Events] {
            let of_kind = life.iter().filter(|h| h.body.kind() == kind);
            let numbers: Vec<u64> = of_kind.map(|h| h.seq).collect();
            assert!(numbers.is_sorted_by(|a, b| a < b), "{kind:?}: {numbers:?}");
            let holes = numbers.last().unwrap() - numbers.len() as u64;
            assert!(kind == Kind::Events || holes > 0, "two years without a lost report");
        }
    }

    #[test]
    fn an_episode_is_reported_at_once_and_again_under_the_same_id_for_some_days() {
        let options = ImplantOptions {
            scenario: Scenario::Shock,
            lost_days: 0.0,
            ..ImplantOptions::default()
        };
        let mut implant = Implant::new(options, start());
        let life: Vec<Handover> = (0..20).filter_map(|_| implant.handover()).collect();
        let reported = events(&life);
        let ids: BTreeSet<&str> = reported.iter().map(|(_, e)| e.id.as_str()).collect();
        assert_eq!(ids, BTreeSet::from(["ep-1042", "ep-1043"]));
        let first: Vec<_> = reported.iter().filter(|(_, e)| e.id == "ep-1042").collect();
        assert_eq!(first.len() as u64, 1 + REPEATED_DAYS + 1, "at once, that night, and five more");
        assert!(first.iter().all(|(_, e)| e.at == first[0].1.at && e.event == "vf_detected"));
        assert!(first[0].0.due.duration_since(start()).as_secs() < 86_400 + 60);
    }

    #[test]
    fn a_lead_fault_is_a_jump_beyond_what_the_device_measures() {
        let life = run(Scenario::LeadFault, 2, 40);
        let found = numbers(&life, names::IMPEDANCE, names::RV);
        let jump = found.iter().position(|(_, comparator)| comparator.is_some()).unwrap();
        assert!(found[..jump].iter().all(|(v, _)| (400.0..=800.0).contains(v)), "{found:?}");
        assert!(found[jump..].iter().all(|found| *found == (3000.0, Some(">"))));
        assert!(events(&life).iter().any(|(_, e)| e.event == names::IMPEDANCE_OUT_OF_RANGE));
    }

    #[test]
    fn a_battery_at_its_end_says_so_by_its_code() {
        let life = run(Scenario::Eri, 2, 40);
        let codes: Vec<&str> = life
            .iter()
            .flat_map(|h| readings(&h.body))
            .filter_map(|r| match r.value {
                Value::Code { code } => Some(code),
                Value::Number { .. } | Value::Absent { .. } => None,
            })
            .collect();
        assert_eq!(codes.first(), Some(&names::BATTERY_IN_SERVICE));
        assert_eq!(codes.last(), Some(&names::BATTERY_REPLACE));
        assert!(codes.is_sorted(), "it never goes back");
    }

    #[test]
    fn every_signal_is_reported_and_the_shock_lead_every_fourth_day() {
        let options = ImplantOptions { lost_days: 0.0, ..ImplantOptions::default() };
        let mut implant = Implant::new(options, start());
        let life: Vec<Handover> = (0..8).filter_map(|_| implant.handover()).collect();
        let sent: BTreeSet<&str> =
            life.iter().flat_map(|h| readings(&h.body)).map(|r| r.signal).collect();
        let daily: BTreeSet<&str> = SIGNALS.iter().map(|s| s.name).collect();
        let shock = BTreeSet::from([names::SHOCK_IMPEDANCE.name]);
        assert_eq!(sent, &daily | &shock);
        assert_eq!(numbers(&life, names::SHOCK_IMPEDANCE, "").len(), 2);
    }
}
