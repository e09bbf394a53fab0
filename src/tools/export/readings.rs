//! Readings: one row a number of the history.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use super::as_of::AsOf;
use super::names::{Fate, Names};
use super::table::{Cell, Table};
use super::{ExportError, Progress, Report, Request, Wanted};
use vitalgate_domain::device::stretches;
use vitalgate_domain::model::ids::{DeviceId, PatientId};
use vitalgate_domain::model::message::Comparator;
use vitalgate_domain::model::sample::flag;
use vitalgate_domain::model::time::Timestamp;
use vitalgate_store::frozen::Sealed;
use vitalgate_store::history::point::Point;
use vitalgate_store::history::scan::{Extent, ScanPage};
use vitalgate_store::types::SeriesKey;

/// Points read at once: some 400 KiB.
const PAGE: usize = 8_192;

const COLUMNS: [&str; 13] = [
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
    let mut scan = frozen.history().scan(extent, None).only(|series| {
        signals.as_ref().is_none_or(|signals| signals.contains(&series.signal))
            && (all || held.contains_key(&series.device))
    });
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
    let site = frozen.identity.site.as_str();
    let simulated = frozen.identity.is_simulated();
    let mut rows = Table::begin(out, request.format, COLUMNS)?;
    let (mut written, mut withheld, mut done) = (0, 0, 0);
    let (mut given_to, mut withheld_of) = (BTreeSet::new(), BTreeSet::new());
    while let Some(ScanPage { series, points }) = scan.next_page(PAGE)? {
        while let Some(passed) = planned.next_if(|(planned, _)| *planned < series) {
            check(passed)?;
        }
        let device = names.device(&series.device);
        let signal = table.name(series.signal);
        let of_device = held.get(&series.device).map_or(&[][..], Vec::as_slice);
        done += points.len() as u64;
        progress(Progress { done, of: of.max(done) });
        for point in &points {
            let whose = of_device.iter().find(|h| h.from <= point.at && point.at < h.to);
            match whose.map_or_else(|| names.fate(None), |held| held.fate) {
                Fate::NotWanted => continue,
                Fate::Withheld => {
                    withheld += 1;
                    withheld_of.extend(whose.map(|held| &held.patient));
                    continue;
                }
                Fate::Given => {}
            }
            given_to.extend(whose.map(|held| &held.patient));
            written += 1;
            let Point { at, sent: _, received, value, unit, flags } = *point;
            let comparator = flag::comparator(flags).map(Comparator::as_str);
            rows.row([
                Cell::Text(site),
                Cell::text(whose.map(|held| held.name.as_str())),
                Cell::Text(&device),
                Cell::Text(&signal),
                Cell::Text(series.instance.as_str()),
                Cell::Time(at),
                Cell::Time(received),
                Cell::Number(value),
                Cell::text(comparator),
                Cell::Text(unit.ucum()),
                Cell::Words(&flag::words(flags).collect::<Vec<_>>()),
                Cell::Flag(simulated),
                Cell::time(point.from()),
            ])?;
        }
    }
    planned.try_for_each(check)?;
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
