//! Range queries of a running gateway under ingest, and bytes a reading on real recordings:
//! `cargo bench --bench history`. The recordings are those of `VITALGATE_RECORDINGS`; without it
//! the second part is left out, and says so.

#![expect(clippy::print_stdout, reason = "figures are for people")]

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;
use vitalgate_domain::CORE_VERSION;

use anyhow::{Context as _, ensure};
use rusqlite::Connection;
use vitalgate::app::RunMode;
use vitalgate::clock::{Clock, Stopwatch};
use vitalgate_domain::core::journal::RowBody;
use vitalgate_domain::model::instance::Instance;
use vitalgate_domain::model::signal::SignalId;
use vitalgate_domain::model::time::{Span, Timestamp};
use vitalgate_domain::model::unit::Unit;
use vitalgate_store::history::buckets::Grid;
use vitalgate_store::history::range::Piece;
use vitalgate_store::types::{Commit, Row, Sample, Sent, SeriesKey};
use vitalgate_store::{Keep, Opened, Purpose, Reader, Report, Running, Store, start};

use support::figures::quantile;
use support::gateway::Server;
use support::load::{self, Load, Until};
use support::ward::Ward;
use support::{ROUNDS, folder, part};

/// Connections of the load, each with one device of four signals.
const CONNECTIONS: u64 = 50;
/// Messages a second while the history is asked; four readings each.
const RATE: u64 = 2_500;
/// The load is at its rate after so long.
const WARM_UP: Duration = Duration::from_secs(2);
/// The device whose history is long: none of the load's.
const DEVICE: &str = "scale";
/// Days of its heart rate, a reading a second.
const DAYS: i64 = 30;
/// Readings of a commit: a full head, sealed with the next.
const A_ROW: i64 = 512;
/// Times each query is asked in a round.
const ASKED: usize = 100;
/// Devices that play a recording: the pages of a table are shared by many series.
const COPIES: usize = 32;
/// So long after its last reading everything of a recording is as it stays.
const REST: Span = Span::days(5);
/// A memory file system: recordings need no disk to be counted.
const MEMORY: &str = "/dev/shm";
const HEART_RATE: SignalId = SignalId(1);

fn main() -> anyhow::Result<()> {
    match part() {
        Some((part, arguments)) if part == load::PART => Load::play(&arguments),
        Some((part, _)) => anyhow::bail!("`{part}` is no part of this benchmark"),
        None => {
            match std::env::var_os("VITALGATE_RECORDINGS") {
                Some(folder) => recordings(Path::new(&folder))?,
                None => println!("VITALGATE_RECORDINGS is not set: no recordings are counted"),
            }
            queries()
        }
    }
}

/// A query, its length, and its buckets; 0 asks for the samples themselves.
const QUERIES: [(&str, Span, usize); 3] = [
    ("1 h raw", Span::hours(1), 0),
    ("24 h in 500", Span::days(1), 500),
    ("30 days in 500", Span::days(DAYS), 500),
];

fn queries() -> anyhow::Result<()> {
    println!("range queries of one series of {DAYS} days at 1 Hz, {RATE} messages/s meanwhile");
    let dir = folder("history")?;
    Ward { connections: CONNECTIONS, devices: 1 }.make(&dir, RunMode::default())?;
    let end = fill(&dir)?;
    let gateway = Server::gateway(&dir)?;
    let load = Load {
        mqtt: gateway.mqtt,
        connections: CONNECTIONS,
        devices: 1,
        window: 20,
        rate: RATE,
        extent: Until::Seconds(3_600),
    };
    let load = load.start()?;
    thread::sleep(WARM_UP);
    let floor = Reader::of(&dir)?.freeze()?.context("the store is empty")?.history();
    let series = series(DEVICE, HEART_RATE)?;
    for (name, length, points) in QUERIES {
        let (mut http, mut alone) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            for asked in 0..ASKED {
                // Another range each time, so that no bucket begins where the one before did.
                let to = end - Span::millis(asked as i64 * 137);
                let from = to - length;
                let buckets = if points == 0 { String::new() } else { format!("&points={points}") };
                let path = format!(
                    "/api/v1/devices/{DEVICE}/series?signal=heart_rate&from={from}&to={to}{buckets}"
                );
                let watch = Stopwatch::start();
                let answer = gateway.get(&path)?;
                http.push(watch.seconds() * 1e3);
                ensure!(answer.len() > 10_000, "{path}: {answer}");
                let piece = Piece { series: series.clone(), from, to };
                let watch = Stopwatch::start();
                if points == 0 {
                    // The newest stand in the head of the running gateway.
                    ensure!(floor.raw(&[piece], None, 5_000)?.points.len() > 2_500);
                } else {
                    let grid = Grid::new(from, to, points);
                    ensure!(floor.buckets(&[piece], grid, Unit::PerMinute)?.len() > 490);
                }
                alone.push(watch.seconds() * 1e3);
            }
        }
        let of = |times: &[f64]| (quantile(times, 0.5), quantile(times, 0.99));
        let ((http_p50, http_p99), (p50, p99)) = (of(&http), of(&alone));
        println!(
            "  {name:<15} over HTTP p50 {http_p50:.2} p99 {http_p99:.2} ms   store alone p50 \
             {p50:.2} p99 {p99:.2} ms   p50 : p50 {:.1}",
            http_p50 / p50
        );
    }
    load.stop()
}

/// Writes the long history behind what the store holds; gives its end.
fn fill(dir: &Path) -> anyhow::Result<Timestamp> {
    let end = Clock::system(Timestamp::default()).wall();
    let begin = end - Span::days(DAYS);
    let mut writer = Writer::on(Store::open(dir)?)?;
    let seconds = DAYS * 86_400 / A_ROW * A_ROW;
    for first in (0..seconds).step_by(A_ROW as usize) {
        let sample = |second: i64| {
            let value = 60.0 + ((second * second) % 41) as f64 / 2.0;
            sample(DEVICE, HEART_RATE, Unit::PerMinute, begin + Span::secs(second), value)
        };
        let samples = (first..first + A_ROW).map(sample).collect::<anyhow::Result<_>>()?;
        writer.row(None, samples)?;
    }
    writer.row(None, Vec::new())?;
    writer.close()?;
    Ok(end)
}

/// One recording: its file, the column of times, and what the other columns are.
struct Recording {
    file: &'static str,
    columns: &'static [(&'static str, SignalId, Unit)],
}

const GLUCOSE: &[(&str, SignalId, Unit)] = &[("glucose_mg_dl", SignalId(17), Unit::MgPerDl)];
const RECORDINGS: [Recording; 5] = [
    Recording {
        file: "mimic2_s00001_numerics_1min.csv",
        columns: &[
            ("hr_bpm", SignalId(1), Unit::PerMinute),
            ("pulse_bpm", SignalId(2), Unit::PerMinute),
            ("spo2_pct", SignalId(3), Unit::Percent),
            ("resp_per_min", SignalId(6), Unit::PerMinute),
            ("abp_sys_mmhg", SignalId(100), Unit::MmHg),
            ("abp_dia_mmhg", SignalId(101), Unit::MmHg),
            ("abp_mean_mmhg", SignalId(102), Unit::MmHg),
            ("nbp_sys_mmhg", SignalId(103), Unit::MmHg),
            ("nbp_dia_mmhg", SignalId(104), Unit::MmHg),
            ("nbp_mean_mmhg", SignalId(105), Unit::MmHg),
        ],
    },
    Recording { file: "hupa_0001P_cgm_7d.csv", columns: GLUCOSE },
    Recording { file: "hupa_0002P_cgm_7d.csv", columns: GLUCOSE },
    Recording { file: "azt1d_s05_cgm_7d.csv", columns: GLUCOSE },
    Recording { file: "hall2018_2133-039_cgm.csv", columns: GLUCOSE },
];

/// Each recording into a store of its own, by several devices at the pace it was measured, as the
/// gateway's store takes it: a row a line and a row a minute between them. Printed is what the store
/// takes at the end of the recording, when the last days are as they were sealed, and days later,
/// when maintenance has come to rest.
fn recordings(folder: &Path) -> anyhow::Result<()> {
    println!("bytes a reading in the history of real recordings, each by {COPIES} devices");
    for Recording { file, columns } in RECORDINGS {
        let lines = read(&folder.join(file), columns)?;
        let dir = tempfile::tempdir_in(MEMORY)?;
        let purpose = Purpose { site: "site".parse()?, simulated: true, stream_clock: true };
        let mut writer = Writer::on(Store::create(dir.path(), &purpose)?)?;
        let begin: Timestamp = "2026-01-01T00:00:00Z".parse()?;
        let (mut sent, mut last) = (0, begin);
        for (second, values) in lines {
            writer.idle(begin + Span::secs(second))?;
            last = begin + Span::secs(second);
            let devices: Vec<String> = (1..=COPIES).map(|n| format!("dev-{n}")).collect();
            let samples: Vec<Sample> = devices
                .iter()
                .flat_map(|device| values.iter().map(move |value| (device, *value)))
                .map(|(device, (signal, unit, value))| sample(device, signal, unit, last, value))
                .collect::<anyhow::Result<_>>()?;
            sent += samples.len();
            writer.row(Some(last), samples)?;
        }
        writer.idle(last + Span::hours(2))?;
        let ended = Taken::by(dir.path())?;
        writer.idle(last + REST)?;
        writer.close()?;
        let rested = Taken::by(dir.path())?;
        println!(
            "  {file:<32} {sent:>6} readings; at the end {}; at rest {}",
            ended.of(sent),
            rested.of(sent)
        );
    }
    Ok(())
}

/// What the history of a store takes.
struct Taken {
    blocks: u64,
    packed: u64,
    pages: u64,
}

impl Taken {
    fn by(dir: &Path) -> anyhow::Result<Self> {
        let (blocks, packed): (i64, i64) = Connection::open(Store::file(dir))?.query_row(
            "SELECT count(*), ifnull(sum(length(body)), 0) FROM blocks",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let sizes = Reader::of(dir)?.sizes()?;
        let history = sizes.iter().filter(|s| matches!(s.table.as_str(), "blocks" | "series"));
        let pages = history.map(|size| size.bytes).sum();
        Ok(Self { blocks: blocks as u64, packed: packed as u64, pages })
    }

    fn of(&self, readings: usize) -> String {
        let a_reading = |bytes: u64| bytes as f64 / readings as f64;
        format!(
            "{:>6} blocks, packed {:.2}, with their tables' pages {:.2}",
            self.blocks,
            a_reading(self.packed),
            a_reading(self.pages),
        )
    }
}

/// A line's second and its values.
type Line = (i64, Vec<(SignalId, Unit, f64)>);

fn read(path: &PathBuf, columns: &[(&str, SignalId, Unit)]) -> anyhow::Result<Vec<Line>> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().context("no header")?.split(',').collect();
    let known: BTreeMap<usize, (SignalId, Unit)> = columns
        .iter()
        .filter_map(|(name, signal, unit)| {
            Some((names.iter().position(|column| column == name)?, (*signal, *unit)))
        })
        .collect();
    ensure!(known.len() == columns.len(), "{}: columns are missing", path.display());
    let line = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        let values = known.iter().filter_map(|(place, (signal, unit))| {
            Some((*signal, *unit, cells.get(*place)?.parse().ok()?))
        });
        Ok((cells.first().context("no time")?.parse()?, values.collect()))
    };
    lines.map(line).collect()
}

fn series(device: &str, signal: SignalId) -> anyhow::Result<SeriesKey> {
    Ok(SeriesKey { device: device.parse()?, signal, instance: Instance::default() })
}

fn sample(
    device: &str,
    signal: SignalId,
    unit: Unit,
    at: Timestamp,
    value: f64,
) -> anyhow::Result<Sample> {
    let received = at + Span::millis(3 + at.as_millis() / 1_000 % 7);
    let (series, sent) = (series(device, signal)?, Sent::default());
    Ok(Sample { series, at, sent, received, value, unit, flags: 0 })
}

/// Rows written into a store without a pipeline, each committed before the next.
struct Writer {
    running: Running,
    runtime: tokio::runtime::Runtime,
    n: u64,
    at: Timestamp,
}

impl Writer {
    fn on(opened: Opened) -> anyhow::Result<Self> {
        let (n, at) = opened.last_row.map_or((0, Timestamp::default()), |row| (row.n, row.at));
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        Ok(Self { running: start(opened, Keep::default())?, runtime, n, at })
    }

    /// A row with samples at a stamp, by default right after the one before.
    fn row(&mut self, at: Option<Timestamp>, samples: Vec<Sample>) -> anyhow::Result<()> {
        self.n += 1;
        self.at = at.unwrap_or(self.at).max(self.at + Span::micros(1));
        let commit = Commit {
            row: Row {
                n: self.n,
                at: self.at,
                offset: Span::ZERO,
                core: CORE_VERSION,
                rules: [0; 8],
                body: RowBody::default().encode(),
            },
            transitions: Vec::new(),
            samples,
            words: Vec::new(),
            raised: Vec::new(),
            dead_letters: Vec::new(),
            waves: Vec::new(),
            snapshot: Vec::new(),
            snapshot_complete: None,
        };
        let Running { committer, reports, .. } = &mut self.running;
        let report = self.runtime.block_on(async {
            committer.send(commit).await?;
            anyhow::Ok(reports.recv().await)
        })?;
        ensure!(matches!(report, Some(Report::Committed { .. })), "{report:?}");
        Ok(())
    }

    /// Rows without samples, one a minute, for as long as there is no other.
    fn idle(&mut self, until: Timestamp) -> anyhow::Result<()> {
        while self.n > 0 && self.at + Span::mins(1) < until {
            self.row(Some(self.at + Span::mins(1)), Vec::new())?;
        }
        Ok(())
    }

    fn close(self) -> anyhow::Result<()> {
        drop(self.running.committer);
        let ended = self.running.thread.join();
        Ok(ended.map_err(|_| anyhow::anyhow!("the store's thread panicked"))??)
    }
}
