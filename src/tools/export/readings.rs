//! Readings: one row a reading of the history, be it a number or a word.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{self, Write};

use super::as_of::AsOf;
use super::names::{Fate, Names};
use super::table::{Cell, Table};
use super::{ExportError, Progress, Report, Request, Wanted};
use vitalgate_domain::device::stretches;
use vitalgate_domain::model::ids::{DeviceId, PatientId};
use vitalgate_domain::model::message::Comparator;
use vitalgate_domain::model::sample::{Sent, Word, WordSample, flag};
use vitalgate_domain::model::signal::SignalTable;
use vitalgate_domain::model::time::Timestamp;
use vitalgate_store::ReadError;
use vitalgate_store::frozen::Sealed;
use vitalgate_store::history::point::Point;
use vitalgate_store::history::scan::{Extent, ScanPage};
use vitalgate_store::history::words::scan::WordScan;
use vitalgate_store::types::SeriesKey;

/// Points read at once: some 400 KiB.
const PAGE: usize = 8_192;

const COLUMNS: [&str; 17] = [
    "site",
    "patient",
    "device",
    "signal",
    "instance",
    "measured_at",
    "received_at",
    "value",
    "comparator",
    "unit",
    "flags",
    "simulated",
    "measured_from",
    "code",
    "text",
    "time",
    "absent",
];

/// Part of a device's history, and what becomes of it.
#[derive(Debug)]
struct Held {
    from: Timestamp,
    to: Timestamp,
    patient: PatientId,
    name: String,
    fate: Fate,
}

pub(super) fn write(
    as_of: &AsOf,
    wanted: &Wanted<'_>,
    out: impl Write,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, ExportError> {
    let AsOf { frozen, core } = as_of;
    let table = &core.configuration.signals;
    let Wanted { request, signals, names } = wanted;
    let held = held(as_of, request, names);
    let all = names.fate(None) != Fate::NotWanted;
    let extent = Extent { from: request.from, to: request.to, after_row: 0 };
    let wants = |series: &SeriesKey| {
        signals.as_ref().is_none_or(|signals| signals.contains(&series.signal))
            && (all || held.contains_key(&series.device))
    };
    let mut scan = frozen.history().scan(extent, None).only(wants);
    // What there is, counted before anything is read: whatever is pruned meanwhile is missed.
    let mut planned = Vec::new();
    let mut of = 0;
    for series in scan.series_left() {
        let sealed = frozen.sealed(series, &extent)?;
        of += sealed.samples;
        planned.push((series.clone(), sealed));
    }
    let mut planned = planned.into_iter().peekable();
    let check = |(series, sealed): (SeriesKey, Sealed)| {
        let lost = sealed.lost(&frozen.sealed(&series, &extent)?);
        let name = || format!("{} of {}", table.name(series.signal), series.device);
        lost.map_or(Ok(()), |gone| Err(ExportError::Changed { gone, series: name() }))
    };
    let simulated = frozen.identity.is_simulated();
    let mut sheet = Sheet {
        rows: Table::begin(out, request.format, COLUMNS)?,
        site: frozen.identity.site.as_str(),
        simulated,
        // A device's own words may say who the patient is.
        texts: request.identified,
        table,
        names,
        named: None,
        held: &held,
        written: 0,
        withheld: 0,
        given_to: BTreeSet::new(),
        withheld_of: BTreeSet::new(),
    };
    let words = frozen.history().scan_words(request.from, request.to).only(wants);
    let mut words = Words { scan: words, page: VecDeque::new() };
    let mut done = 0;
    while let Some(ScanPage { series, points }) = scan.next_page(PAGE)? {
        while let Some(passed) = planned.next_if(|(planned, _)| *planned < series) {
            check(passed)?;
        }
        done += points.len() as u64;
        progress(Progress { done, of: of.max(done) });
        for point in points {
            while let Some(word) = words.before(&series, point.at)? {
                sheet.word(&word)?;
            }
            sheet.number(&series, point)?;
        }
    }
    while let Some(word) = words.next()? {
        sheet.word(&word)?;
    }
    planned.try_for_each(check)?;
    if let Some(series) = frozen.lost_words(request.from, wants)? {
        let series = format!("{} of {}", table.name(series.signal), series.device);
        return Err(ExportError::Changed { gone: 0, series });
    }
    let Sheet { rows, written, withheld, given_to, withheld_of, .. } = sheet;
    rows.end()?;
    Ok(Report {
        rows: written,
        patients: given_to.len(),
        withheld,
        withheld_patients: withheld_of.len(),
        row: frozen.last.n,
        at: frozen.last.at + frozen.last.offset,
        simulated,
    })
}

/// The words still to be written, by series and time.
struct Words {
    scan: WordScan,
    page: VecDeque<WordSample>,
}

impl Words {
    fn next(&mut self) -> Result<Option<WordSample>, ReadError> {
        if self.page.is_empty() {
            self.page = self.scan.next_page(PAGE)?.into();
        }
        Ok(self.page.pop_front())
    }

    /// The next one, if it comes before a number of this series and instant.
    fn before(
        &mut self,
        series: &SeriesKey,
        at: Timestamp,
    ) -> Result<Option<WordSample>, ReadError> {
        let Some(word) = self.next()? else { return Ok(None) };
        if (&word.series, word.at) < (series, at) {
            return Ok(Some(word));
        }
        self.page.push_front(word);
        Ok(None)
    }
}

/// The rows being written, and what was counted of them.
struct Sheet<'a, W> {
    rows: Table<W, 17>,
    site: &'a str,
    simulated: bool,
    /// Whether the texts of devices are written.
    texts: bool,
    table: &'a SignalTable,
    names: &'a Names<'a>,
    /// The series of the last row, and what its device and signal are called.
    named: Option<(SeriesKey, String, String)>,
    held: &'a BTreeMap<DeviceId, Vec<Held>>,
    written: u64,
    withheld: u64,
    given_to: BTreeSet<&'a PatientId>,
    withheld_of: BTreeSet<&'a PatientId>,
}

/// What is said of a reading: value, comparator and unit, or the word in place of them.
enum Said<'a> {
    Number(f64, Option<&'static str>, &'static str),
    Word(&'a Word),
}

impl<W: Write> Sheet<'_, W> {
    fn number(&mut self, series: &SeriesKey, point: Point) -> io::Result<()> {
        let Point { at, sent, received, value, unit, flags } = point;
        let comparator = flag::comparator(flags).map(Comparator::as_str);
        let said = Said::Number(value, comparator, unit.ucum());
        self.row(series, (at, sent, received), flags, &said)
    }

    fn word(&mut self, word: &WordSample) -> io::Result<()> {
        let WordSample { series, at, sent, received, word, flags } = word;
        self.row(series, (*at, *sent, *received), *flags, &Said::Word(word))
    }

    fn row(
        &mut self,
        series: &SeriesKey,
        (at, sent, received): (Timestamp, Sent, Timestamp),
        flags: u16,
        said: &Said<'_>,
    ) -> io::Result<()> {
        let of_device = self.held.get(&series.device).map_or(&[][..], Vec::as_slice);
        let whose = of_device.iter().find(|h| h.from <= at && at < h.to);
        match whose.map_or_else(|| self.names.fate(None), |held| held.fate) {
            Fate::NotWanted => return Ok(()),
            Fate::Withheld => {
                self.withheld += 1;
                self.withheld_of.extend(whose.map(|held| &held.patient));
                return Ok(());
            }
            Fate::Given => {}
        }
        self.given_to.extend(whose.map(|held| &held.patient));
        self.written += 1;
        let known = self.named.take().filter(|(known, ..)| known == series);
        let (_, device, signal) = self.named.insert(known.unwrap_or_else(|| {
            let device = self.names.device(&series.device);
            (series.clone(), device, self.table.name(series.signal))
        }));
        let mut number = [Cell::Empty; 3];
        let mut words = [Cell::Empty; 4];
        match said {
            Said::Number(value, comparator, unit) => {
                number = [Cell::Number(*value), Cell::text(*comparator), Cell::Text(unit)];
            }
            Said::Word(Word::Code(code)) => words[0] = Cell::Text(code),
            Said::Word(Word::Text(text)) => {
                words[1] = Cell::text(self.texts.then_some(text.as_str()));
            }
            Said::Word(Word::Time(time)) => words[2] = Cell::Time(*time),
            Said::Word(Word::Absent(why)) => words[3] = Cell::Text(why),
        }
        let ([value, comparator, unit], [code, text, time, absent]) = (number, words);
        self.rows.row([
            Cell::Text(self.site),
            Cell::text(whose.map(|held| held.name.as_str())),
            Cell::Text(device),
            Cell::Text(signal),
            Cell::Text(series.instance.as_str()),
            Cell::Time(at),
            Cell::Time(received),
            value,
            comparator,
            unit,
            Cell::Words(&flag::words(flags).collect::<Vec<_>>()),
            Cell::Flag(self.simulated),
            Cell::time(sent.period.map(|period| at - period)),
            code,
            text,
            time,
            absent,
        ])
    }
}

/// Whose the history of each device is, and what becomes of it; devices of nobody who is asked for
/// are left out.
fn held(as_of: &AsOf, request: &Request, names: &Names<'_>) -> BTreeMap<DeviceId, Vec<Held>> {
    let mut all = BTreeMap::new();
    for (id, device) in &as_of.core.devices {
        let bindings = device.bindings.iter().map(|b| (b.patient.as_ref(), b.from, b.to));
        let of_device: Vec<Held> = stretches(bindings)
            .into_iter()
            .map(|stretch| Held {
                from: stretch.from,
                to: stretch.to.unwrap_or(request.to),
                patient: stretch.patient.clone(),
                name: names.patient(stretch.patient),
                fate: names.fate(Some(stretch.patient)),
            })
            .collect();
        if of_device.iter().any(|held| held.fate != Fate::NotWanted) {
            all.insert(id.clone(), of_device);
        }
    }
    all
}
