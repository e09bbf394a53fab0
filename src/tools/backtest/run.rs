//! Inputs through two cores, side by side.

use std::collections::HashMap;
use std::path::PathBuf;

use jiff::tz::TimeZone;

use super::coverage::{Coverage, Shifts};
use super::figures::Figures;
use super::judge::Judge;
use super::pairing::{Pairing, Set};
use super::readings::Readings;
use super::recording::{self, Case};
use super::report::{Names, Report};
use super::{BacktestError, Step, journal};
use crate::tools::verify::VerifyError;
use vitalgate_domain::core::Core;
use vitalgate_domain::core::configuration::{Configuration, Texts};
use vitalgate_domain::model::ids::{BedId, DeviceId, PatientId, SiteId};
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::message::Body;
use vitalgate_domain::model::pack::Pack;
use vitalgate_domain::model::synthetic::SYNTHETIC;
use vitalgate_domain::model::time::{Span, Timestamp};
use vitalgate_store::Reader;

/// Rows between two words of how far it is.
const PROGRESS: u64 = 4_096;

/// A rules file, and what is switched on beside it.
#[derive(Clone, Debug)]
pub struct RulesText {
    /// What it is called.
    pub name: String,
    /// All of it.
    pub text: String,
    /// The packs; `None` for those of the site, in a journal for those of that time.
    pub packs: Option<Vec<Pack>>,
}

/// What is played.
#[derive(Clone, Debug)]
pub enum Source {
    /// The journal of the store in this folder.
    Store(PathBuf),
    /// A recording, and how it is played.
    Recording {
        /// The CSV file.
        file: PathBuf,
        /// Whose it is.
        case: Box<Case>,
    },
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Request {
    /// Signals, settings and packs of the site; its rules are not used.
    pub texts: Texts,
    /// Its id, where a recording has none.
    pub site: SiteId,
    /// Its time zone.
    pub zone: String,
    /// The rules tried.
    pub rules: RulesText,
    /// Today's.
    pub against: RulesText,
    /// What is played, one after the other.
    pub sources: Vec<Source>,
    /// Second 0 of recordings; without it no shifts are known.
    pub start: Option<Timestamp>,
    /// How many differences are listed.
    pub differences: usize,
    /// With the site's own ids of patients.
    pub patients: bool,
}

/// Second 0 of a recording of which nobody says when it was: 2026-03-02T00:00:00Z.
const SOME_DAY: Timestamp = Timestamp::from_millis(1_772_409_600_000);

/// Plays everything under both sets of rules. `progress` is told the readings so far, now and then.
pub fn backtest(request: &Request, mut progress: impl FnMut(u64)) -> Result<Report, BacktestError> {
    let configurations = [request.parsed(&request.against)?, request.parsed(&request.rules)?];
    let mut all = Played {
        covered: Coverage::new(),
        figures: [Figures::default(), Figures::default()],
        pairing: Pairing::new(request.differences),
        names: Names::new(request.patients),
        readings: 0,
        rows: 0,
        extent: None,
        acts_without: [0; 2],
        unknown: Vec::new(),
    };
    for (number, source) in request.sources.iter().enumerate() {
        let mut run = Run::begin(request, (number, source), &configurations, &mut all)?;
        let mut each = |step: Step| {
            run.step(&step)?;
            if run.all.rows.is_multiple_of(PROGRESS) {
                progress(run.all.readings + run.readings.count);
            }
            Ok(())
        };
        match source {
            Source::Store(folder) => {
                let mut unknown = Vec::new();
                journal::play(&Reader::of(folder)?, &mut unknown, &mut each)?;
                run.all.unknown.extend(unknown);
            }
            Source::Recording { file, case } => {
                let (start, signals) = (request.second_0(), &configurations[0].signals);
                recording::play(file, case, &case.columns(), start, signals, &mut each)?;
            }
        }
        run.finish();
    }
    all.pairing.finish();
    Ok(Report::of(request, &configurations, all))
}

impl Request {
    /// Whether the wall clock of a source is known.
    pub(super) fn is_dated(&self, source: usize) -> bool {
        self.start.is_some() || matches!(self.sources.get(source), Some(Source::Store(_)))
    }

    /// Where recordings begin.
    pub(super) fn second_0(&self) -> Timestamp {
        self.start.unwrap_or(SOME_DAY)
    }

    /// Rules with the signals and settings of the site.
    pub fn parsed(&self, rules: &RulesText) -> Result<Configuration, BacktestError> {
        let packs = rules.packs.as_ref().unwrap_or(&self.texts.packs).clone();
        let texts = Texts { rules: rules.text.clone(), packs, ..self.texts.clone() };
        Configuration::parse(texts).map_err(|e| BacktestError::Rules(rules.name.clone(), e))
    }
}

/// What came of everything that was played.
#[derive(Debug)]
pub(super) struct Played {
    pub(super) covered: Coverage,
    /// Of the old rules and of the new.
    pub(super) figures: [Figures; 2],
    pub(super) pairing: Pairing,
    pub(super) names: Names,
    pub(super) readings: u64,
    pub(super) rows: u64,
    /// The first and the last instant, where the wall clock is known.
    pub(super) extent: Option<(Timestamp, Timestamp)>,
    pub(super) acts_without: [u64; 2],
    pub(super) unknown: Vec<String>,
}

/// Where what a device says belongs.
#[derive(Clone, Debug)]
struct Whose {
    patient: PatientId,
    bed: Option<BedId>,
    window: Span,
}

/// One source on its way through both cores.
struct Run<'a> {
    number: usize,
    judges: [Judge; 2],
    readings: Readings,
    whose: HashMap<DeviceId, Option<Whose>>,
    last: Option<Timestamp>,
    dated: bool,
    all: &'a mut Played,
}

impl<'a> Run<'a> {
    fn begin(
        request: &Request,
        (number, source): (usize, &Source),
        configurations: &[Configuration; 2],
        all: &'a mut Played,
    ) -> Result<Self, BacktestError> {
        let (cores, dated) = match source {
            Source::Store(folder) => {
                let identity = Reader::of(folder)?.identity().map_err(VerifyError::from)?;
                let simulated = identity.is_simulated();
                let core = || Core::new(identity.site.clone(), simulated, Configuration::default());
                ([core(), core()], true)
            }
            Source::Recording { case, .. } => {
                let rules = [&request.against, &request.rules];
                for (configuration, rules) in configurations.iter().zip(rules) {
                    if configuration.rules.class(case.class()).is_none() {
                        let (class, name) = (case.class().to_owned(), rules.name.clone());
                        return Err(BacktestError::Class(class, name));
                    }
                }
                let core = |of: &Configuration| Core::new(request.site.clone(), false, of.clone());
                let [old, new] = configurations;
                ([core(old), core(new)], request.start.is_some())
            }
        };
        let zone = TimeZone::get(&request.zone).ok().filter(|_| dated);
        let shifts = zone.map(Shifts);
        all.covered.shifts.clone_from(&shifts);
        all.pairing.source = number;
        let [old, new] = cores;
        let [of_old, of_new] = std::mem::take(&mut all.figures);
        let judges = [
            Judge::new((Set::Old, old), request.against.clone(), shifts.clone(), of_old),
            Judge::new((Set::New, new), request.rules.clone(), shifts, of_new),
        ];
        let (readings, whose) = (Readings::default(), HashMap::new());
        Ok(Self { number, judges, readings, whose, last: None, dated, all })
    }

    fn step(&mut self, step: &Step) -> Result<(), BacktestError> {
        self.all.rows += 1;
        let [old, new] = &mut self.judges;
        let (of_old, of_new) = (old.fold(step)?, new.fold(step)?);
        self.readings.note(&of_old.samples);
        for (judge, made) in [(old, of_old), (new, of_new)] {
            judge.read(&made.samples);
            judge.note(&made.transitions, &self.readings, &mut self.all.pairing);
        }
        let at = step.stamp.wall();
        self.last = Some(at);
        if self.dated {
            let (first, _) = self.all.extent.unwrap_or((at, at));
            self.all.extent = Some((first.min(at), at));
        }
        for input in &step.inputs {
            self.cover(input, at);
        }
        Ok(())
    }

    /// Whom a message lets be heard.
    fn cover(&mut self, input: &Input, at: Timestamp) {
        let Input::Message(message) = input else {
            if matches!(input, Input::Command(_) | Input::Configuration { .. }) {
                self.whose.clear();
            }
            return;
        };
        match message.body {
            Body::Info { .. } => self.whose.clear(),
            Body::Telemetry { .. } | Body::Events { .. } => {}
            Body::Waves { .. } | Body::Status { .. } | Body::Undecodable { .. } => return,
        }
        let core = &self.judges[0].core;
        let known = self.whose.entry(message.device.clone());
        let whose = known.or_insert_with(|| whose(core, &message.device));
        if let Some(Whose { patient, bed, window }) = whose
            && self.all.covered.heard(patient, bed.as_ref(), at, *window)
        {
            self.all.names.meet(self.number, patient);
        }
    }

    fn finish(self) {
        let Self { judges, readings, last, all, .. } = self;
        let [mut old, mut new] = judges;
        old.finish(&mut all.pairing);
        new.finish(&mut all.pairing);
        all.pairing.finish();
        all.covered.finish(last.unwrap_or_default());
        all.readings += readings.count;
        for (sum, judge) in all.acts_without.iter_mut().zip([&old, &new]) {
            *sum += judge.acts_without;
            all.unknown.extend(judge.classless());
        }
        all.figures = [old.figures, new.figures];
        for figures in &mut all.figures {
            figures.floods.part();
        }
    }
}

/// Whose a device is now, and for how long what it says counts as live.
fn whose(core: &Core, device: &DeviceId) -> Option<Whose> {
    if device.as_str() == SYNTHETIC {
        return None;
    }
    let device = core.devices.get(device)?;
    let patient = device.patient()?;
    let class = core.configuration.rules.class(&device.details.class)?;
    let of_signals = device.expected().iter().map(|one| class.live_window_for(one.interval));
    let window = of_signals.max().unwrap_or_else(|| class.live_window());
    let bed = core.patients.get(patient).and_then(|patient| patient.details.bed.clone());
    Some(Whose { patient: patient.clone(), bed, window })
}
