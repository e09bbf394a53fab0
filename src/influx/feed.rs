//! What the store holds, as batches of lines. Calls wait for the disk.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use bytes::Bytes;
use tokio::sync::watch;

use super::line::{Move, Store, Tags};
use super::transport::gzip;
use crate::domain::consent::{Purpose, may};
use crate::domain::device::BINDING_UNCERTAINTY;
use crate::domain::ids::PatientId;
use crate::domain::journal::{BadRow, RowBody};
use crate::domain::signal::SignalTable;
use crate::domain::time::{Span, Timestamp};
use crate::pseudonym::Pseudonyms;
use crate::store::cursor::{SavedPlace, SinkCursor};
use crate::store::history::History;
use crate::store::point::Point;
use crate::store::scan::{Extent, ScanPage};
use crate::store::types::{Sample, SeriesKey};
use crate::store::{ReadError, Reader};
use crate::view::{Board, DeviceView};

/// What came later than this into rows the journal lost is not looked for: a scan of everything
/// older would take hours.
const LATEST: Span = Span::days(31);
/// A device's clock may be ahead by so much and still be believed (contract §3).
const AHEAD: Span = Span::mins(10);
/// A row waits so long before it is told: until then a change of binding may still take the patient
/// from what was measured just before it. One second is for the commit of that change.
pub(super) const SETTLED: Span = Span::micros(BINDING_UNCERTAINTY.as_micros() + 1_000_000);
/// Moves of alarms in a batch; a line of one takes some 400 bytes.
const MOVES: usize = 500;
/// Points read from history at once.
const PAGE: usize = 4_096;
/// Rows in a batch: a store without readings has many empty ones.
const ROWS: u64 = 100_000;
/// After so many lines, some 100 µs, others may have the processor.
const TURN: u64 = 128;
/// Series whose tags are remembered.
const SERIES: usize = 65_536;

/// Why there is no batch.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadFeed {
    /// The store cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A row cannot be decoded.
    #[error(transparent)]
    Row(#[from] BadRow),
}

/// Reads what InfluxDB lacks.
#[derive(Debug)]
pub(super) struct Feed {
    /// The journal and the transitions.
    pub reader: Reader,
    /// What the journal lost.
    pub history: History,
    /// Who was bound to whom.
    pub board: watch::Receiver<Arc<Board>>,
    /// Names of signals.
    pub signals: watch::Receiver<Arc<SignalTable>>,
    /// Names for patients.
    pub pseudonyms: Pseudonyms,
    /// What every line says.
    pub store: Store,
    /// A batch ends at the first row beyond.
    pub batch_bytes: usize,
    /// Tags made before.
    pub cache: Mutex<HashMap<SeriesKey, Known>>,
}

/// The tags of a series while it belongs to one patient.
#[derive(Debug)]
pub(super) struct Known {
    patient: Option<PatientId>,
    tags: Tags,
}

/// Lines, and where the cursor stands once they are written.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    /// Whole lines.
    pub lines: Bytes,
    /// The same compressed.
    pub compressed: Bytes,
    /// How many there are.
    pub points: u64,
    /// What no line can say.
    pub unwritable: u64,
    /// The shown time up to which all was told before.
    pub told_to: Timestamp,
    /// Where the cursor stands then.
    pub cursor: SinkCursor,
    /// Whether there was more to read.
    pub more: bool,
}

/// Lines being gathered.
#[derive(Default)]
struct Gathered {
    lines: Vec<u8>,
    points: u64,
    unwritable: u64,
    told_to: Timestamp,
}

impl Feed {
    /// The next batch from journal and transitions, empty where nothing is new; rows are told
    /// [`SETTLED`] after their stamp, `now` by the clock that gives stamps.
    pub(super) fn next(&self, mut cursor: SinkCursor, now: Timestamp) -> Result<Batch, BadFeed> {
        // Of a row whose bindings this board does not know yet nothing is told yet.
        let board = Arc::clone(&self.board.borrow());
        let signals = Arc::clone(&self.signals.borrow());
        if let Some(first) = self.reader.first_row()? {
            cursor.skip_to(first);
            if cursor.upto == Timestamp::default() {
                cursor.upto = first.at;
            }
        }
        let mut gathered = Gathered { told_to: cursor.upto, ..Gathered::default() };
        let mut broken = Ok(());
        let mut more = false;
        let first = cursor.row;
        self.reader.walk(cursor.row, board.seq, |row| {
            if row.at + SETTLED > now {
                return ControlFlow::Break(());
            }
            let stamp = row.stamp();
            match RowBody::decode(row.n, &row.body) {
                Ok(body) => self.samples(&body.samples(stamp), &board, &signals, &mut gathered),
                Err(bad) => {
                    broken = Err(bad);
                    return ControlFlow::Break(());
                }
            }
            cursor.row = row.n;
            cursor.upto = stamp.wall();
            more = gathered.lines.len() >= self.batch_bytes || row.n - first >= ROWS;
            if more { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        broken?;
        let moves = self.reader.alarms_after(cursor.seq, MOVES)?;
        more |= moves.len() == MOVES;
        for row in moves {
            let transition = Move {
                seq: row.seq,
                at: row.at,
                change: &row.change,
                patient: row.patient.as_ref(),
                body: &row.body,
            };
            cursor.seq = row.seq;
            if row.patient.as_ref().is_some_and(|patient| !may(Purpose::Care, patient)) {
                continue;
            }
            let name = |patient: &PatientId| Some(self.pseudonyms.of(patient));
            let written = self.store.alarm(&mut gathered.lines, &transition, name);
            gathered.count(written.is_ok());
        }
        Ok(gathered.batch(cursor, more))
    }

    /// The next batch of what the journal lost, from history; the cursor says when it is all told.
    pub(super) fn refill(&self, mut cursor: SinkCursor) -> Result<Batch, BadFeed> {
        let mut gathered = Gathered { told_to: cursor.upto, ..Gathered::default() };
        let Some(refill) = &mut cursor.refill else { return Ok(gathered.batch(cursor, false)) };
        let board = Arc::clone(&self.board.borrow());
        let signals = Arc::clone(&self.signals.borrow());
        let extent = Extent {
            from: refill.from - LATEST,
            to: refill.to + AHEAD,
            after_row: refill.after_row,
        };
        let from = refill.place.as_ref().and_then(SavedPlace::place);
        let mut scan = self.history.scan(extent, from);
        let mut ended = false;
        while gathered.lines.len() < self.batch_bytes {
            let Some(ScanPage { series, points }) = scan.next_page(PAGE)? else {
                ended = true;
                break;
            };
            self.points(&series, points.into_iter(), &board, &signals, &mut gathered);
        }
        refill.place = scan.place().map(SavedPlace::from);
        if ended || refill.place.is_none() {
            cursor.refill = None;
        }
        let more = cursor.refill.is_some();
        Ok(gathered.batch(cursor, more))
    }

    fn samples(&self, samples: &[Sample], board: &Board, signals: &SignalTable, to: &mut Gathered) {
        for of_one in samples.chunk_by(|a, b| a.series == b.series) {
            let points = of_one.iter().map(Point::of);
            self.points(&of_one[0].series, points, board, signals, to);
        }
    }

    fn points(
        &self,
        series: &SeriesKey,
        points: impl Iterator<Item = Point>,
        board: &Board,
        signals: &SignalTable,
        to: &mut Gathered,
    ) {
        let device = board.devices.get(&series.device);
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= SERIES {
            cache.clear();
        }
        for point in points {
            let patient = device.and_then(|device| DeviceView::patient_at(device, point.at));
            if patient.is_some_and(|patient| !may(Purpose::Care, patient)) {
                continue;
            }
            let known = cache.get(series).filter(|known| known.patient.as_ref() == patient);
            if known.is_none() {
                let name = patient.map(|patient| self.pseudonyms.of(patient));
                let tags = self.store.tags(series, &signals.name(series.signal), name.as_deref());
                cache.insert(series.clone(), Known { patient: patient.cloned(), tags });
            }
            let Some(known) = cache.get(series) else { continue };
            let written = self.store.reading(&mut to.lines, &known.tags, &point);
            to.count(written.is_ok());
        }
    }
}

impl Gathered {
    fn count(&mut self, written: bool) {
        if (self.points + self.unwritable).is_multiple_of(TURN) {
            thread::yield_now();
        }
        if written {
            self.points += 1;
        } else {
            self.unwritable += 1;
        }
    }

    fn batch(self, cursor: SinkCursor, more: bool) -> Batch {
        let Self { lines, points, unwritable, told_to } = self;
        let compressed = if lines.is_empty() { Bytes::new() } else { gzip(&lines) };
        Batch { lines: Bytes::from(lines), compressed, points, unwritable, told_to, cursor, more }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::board;
    use crate::config::Config;
    use crate::domain::command::{
        Action, AgeClass, Command, DeviceDetails, PatientDetails, PrincipalKind,
    };
    use crate::domain::configuration::Configuration;
    use crate::domain::core::Core;
    use crate::domain::input::Input;
    use crate::domain::message::{
        Body, Clock, ClockSource, Delivery, Message, Mode, Reading, ReadingTime, Status, Value,
    };
    use crate::domain::signal::SignalId;
    use crate::domain::time::Stamp;
    use crate::domain::unit::Unit;
    use crate::store::cursor::Refill;
    use crate::store::types::{Commit, Row};
    use crate::store::{Keep, Opened, Running, Store as Stored, start};

    const MINUTE: i64 = 60_000_000;

    fn begin() -> Timestamp {
        "2026-03-01T00:00:00Z".parse().unwrap()
    }

    fn minute(n: i64) -> Timestamp {
        begin() + Span::micros(n * MINUTE)
    }

    /// When every row is told.
    fn later() -> Timestamp {
        minute(1_000_000)
    }

    /// A store written by the core itself.
    struct Ward {
        core: Core,
        running: Running,
        row: u64,
    }

    impl Ward {
        fn new(opened: Opened, configuration: Configuration) -> Self {
            let core = Core::new("north".parse().unwrap(), false, configuration);
            Self { core, running: start(opened, Keep::default()).unwrap(), row: 0 }
        }

        fn row(&mut self, at: Timestamp, inputs: Vec<Input>) {
            self.row += 1;
            let now = Stamp { at, offset: Span::ZERO };
            let out = self.core.fold(self.row, now, &inputs);
            let body = RowBody::new(inputs, &out.samples, now).encode();
            let commit = Commit {
                row: Row { n: self.row, at, offset: now.offset, core: 1, rules: [0; 8], body },
                transitions: Vec::new(),
                raised: Vec::new(),
                samples: out.samples.into_iter().map(|(_, sample)| sample).collect(),
                dead_letters: Vec::new(),
                waves: Vec::new(),
                snapshot: Vec::new(),
                snapshot_complete: None,
            };
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                self.running.committer.send(commit).await.unwrap();
                self.running.reports.recv().await.unwrap();
            });
        }

        fn close(self) -> Core {
            drop(self.running.committer);
            self.running.thread.join().unwrap().unwrap();
            self.core
        }
    }

    fn command(action: Action) -> Input {
        Input::Command(Box::new(Command { actor: "local:test".into(), action }))
    }

    /// Two patients in beds, and a device of the first that becomes the second's after an hour.
    fn registered() -> Vec<Input> {
        let patient = |id: &str| PatientDetails {
            id: id.parse().unwrap(),
            age_class: AgeClass::Adult,
            continuous: false,
            bed: Some(id.parse().unwrap()),
            pregnant: None,
        };
        let device = DeviceDetails {
            id: "dev-1".parse().unwrap(),
            class: "bedside".into(),
            kind: PrincipalKind::Device,
            token_sha256: None,
            via: Vec::new(),
            signals: Vec::new(),
        };
        let mut actions = vec![Action::AddWard("w1".parse().unwrap())];
        for id in ["p-1", "p-2"] {
            let (bed, ward) = (id.parse().unwrap(), "w1".parse().unwrap());
            actions.extend([Action::AddBed { bed, ward }, Action::AdmitPatient(patient(id))]);
        }
        actions.extend([Action::RegisterDevice(device), bind("p-1")]);
        actions.into_iter().map(command).collect()
    }

    /// The device goes from the first patient to the second.
    fn to_the_second() -> Vec<Input> {
        let unbind = Action::Unbind("dev-1".parse().unwrap());
        [unbind, bind("p-2")].map(command).into()
    }

    fn bind(patient: &str) -> Action {
        Action::Bind {
            device: "dev-1".parse().unwrap(),
            patient: patient.parse().unwrap(),
            from: None,
            zero_means_no_sensor: Vec::new(),
        }
    }

    /// A number of some instant of the two hours, told some time after it.
    #[derive(Clone, Debug)]
    struct Told {
        second: i64,
        delay: i64,
        value: f64,
        instance: &'static str,
        quality: Option<f32>,
    }

    fn any_told() -> impl Strategy<Value = Told> {
        let instance = prop_oneof![Just(""), Just("II"), Just("a, b=\"c\"\\")];
        let quality = prop_oneof![Just(None), Just(Some(0.1)), Just(Some(0.9))];
        let value = prop_oneof![4 => 20.0..200.0_f64, 1 => any::<f64>().prop_filter("finite", |v| v.is_finite())];
        (0_i64..7_000, 0_i64..400, value, instance, quality).prop_map(
            |(second, delay, value, instance, quality)| Told {
                second,
                delay,
                value,
                instance,
                quality,
            },
        )
    }

    fn message(seq: u64, told: &Told) -> Input {
        let at = begin() + Span::secs(told.second) + Span::micros(seq as i64 % 900);
        let reading = Reading {
            index: 0,
            signal: SignalId(1),
            instance: told.instance.into(),
            time: ReadingTime::At(at),
            value: Value::Number { value: told.value, unit: Unit::PerMinute, comparator: None },
            quality: told.quality,
            status: Status::Final,
            implausible: !(0.0..400.0).contains(&told.value),
            unit_doubtful: false,
        };
        Input::Message(Box::new(Message {
            principal: "dev-1".parse().unwrap(),
            device: "dev-1".parse().unwrap(),
            boot: Some(1),
            seq: Some(seq),
            sent_at: None,
            mode: Mode::Real,
            clock: Some(Clock { source: Some(ClockSource::Ntp), timeline: None }),
            relay: None,
            hash: seq,
            delivery: Delivery::default(),
            unknown_fields: 0,
            body: Body::Telemetry { readings: vec![reading], refused: Vec::new() },
        }))
    }

    fn feed(dir: &Path, opened: &Opened, core: &Core, batch_bytes: usize) -> Feed {
        Feed {
            reader: opened.reader(),
            history: opened.history(),
            board: watch::channel(Arc::new(board::of(core))).1,
            signals: watch::channel(Arc::new(core.configuration.signals.clone())).1,
            pseudonyms: Pseudonyms::open(dir, Purpose::Care).unwrap(),
            store: Store::new("north", false),
            batch_bytes,
            cache: Mutex::default(),
        }
    }

    /// What a server holds after these batches, and how many lines it was told.
    fn held(batches: impl Iterator<Item = Batch>) -> (BTreeMap<(String, String), String>, u64) {
        let (mut held, mut lines) = (BTreeMap::new(), 0);
        for batch in batches {
            let text = std::str::from_utf8(&batch.lines).unwrap();
            assert_eq!(text.lines().count() as u64, batch.points);
            for line in text.lines() {
                let (rest, time) = line.rsplit_once(' ').unwrap();
                let (head, fields) = rest.split_once(" value=").unwrap();
                held.insert((head.to_owned(), time.to_owned()), fields.to_owned());
                lines += 1;
            }
        }
        (held, lines)
    }

    fn all(
        mut cursor: SinkCursor,
        mut next: impl FnMut(SinkCursor) -> Batch,
    ) -> impl Iterator<Item = Batch> {
        let mut more = true;
        std::iter::from_fn(move || {
            if !std::mem::replace(&mut more, false) {
                return None;
            }
            let batch = next(cursor.clone());
            assert!(batch.cursor != cursor || !batch.more, "it goes on");
            cursor = batch.cursor.clone();
            more = batch.more;
            Some(batch)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

        #[test]
        fn journal_and_history_give_the_same_lines(
            told in prop::collection::vec(any_told(), 1..50),
            batch_bytes in 1_usize..20_000,
        ) {
            let dir = tempfile::tempdir().unwrap();
            let configuration = Config::built_in().unwrap().configuration().unwrap();
            let purpose = crate::store::Purpose {
                site: "north".parse().unwrap(), simulated: false, stream_clock: false,
            };
            let opened = Stored::create(dir.path(), &purpose).unwrap();
            let mut ward = Ward::new(opened, configuration);
            ward.row(begin(), registered());
            let mut told = told;
            told.sort_by_key(|t| t.second + t.delay);
            let mut bound_anew = false;
            for (seq, one) in (1_u64..).zip(&told) {
                let at = begin() + Span::secs(one.second + one.delay + 1);
                if at > minute(60) && !bound_anew {
                    bound_anew = true;
                    ward.row(minute(60), to_the_second());
                }
                ward.row(at.max(ward.core.now().at + Span::micros(1)), vec![message(seq, one)]);
            }
            // Hours later everything is sealed.
            ward.row(minute(600), Vec::new());
            ward.row(minute(601), Vec::new());
            let core = ward.close();
            let opened = Stored::open(dir.path()).unwrap();
            let feed = feed(dir.path(), &opened, &core, batch_bytes);
            let (journal, lines) = held(all(SinkCursor::default(), |c| feed.next(c, later()).unwrap()));
            prop_assert!(lines <= told.len() as u64);
            prop_assert!(lines > 0);
            let refill =
                Refill { after_row: 0, from: begin(), to: minute(700), place: None };
            let lost = SinkCursor { refill: Some(refill), ..SinkCursor::default() };
            let (history, _) = held(all(lost, |c| feed.refill(c).unwrap()));
            prop_assert_eq!(history, journal);
        }
    }

    #[test]
    fn a_row_waits_until_no_change_of_binding_can_concern_it_any_more() {
        let dir = tempfile::tempdir().unwrap();
        let configuration = Config::built_in().unwrap().configuration().unwrap();
        let purpose = crate::store::Purpose {
            site: "north".parse().unwrap(),
            simulated: false,
            stream_clock: false,
        };
        let opened = Stored::create(dir.path(), &purpose).unwrap();
        let mut ward = Ward::new(opened, configuration);
        let second = |n| begin() + Span::secs(n);
        let told = |second| Told { second, delay: 0, value: 70.0, instance: "", quality: None };
        ward.row(begin(), registered());
        ward.row(second(100), vec![message(1, &told(98))]);
        ward.row(second(102), vec![message(2, &told(101))]);
        ward.row(second(104), to_the_second());
        let core = ward.close();
        let opened = Stored::open(dir.path()).unwrap();
        let feed = feed(dir.path(), &opened, &core, 1 << 20);
        let at = |now| feed.next(SinkCursor::default(), now).unwrap();
        let settled = second(100) + SETTLED;
        let early = at(settled - Span::micros(1));
        assert_eq!((early.points, early.cursor.row, early.more), (0, 1, false));
        let first = at(settled);
        assert_eq!((first.points, first.cursor.row, first.more), (1, 2, false));
        let both = at(later());
        assert_eq!((both.points, both.cursor.row), (2, 4));
        // The second one was measured 3 s before the change, the first one 6 s: whose it is, is known.
        let lines = String::from_utf8(both.lines.to_vec()).unwrap();
        let named: Vec<bool> = lines.lines().map(|line| line.contains("patient=")).collect();
        assert_eq!(named, [true, false], "{lines}");
    }

    #[test]
    fn what_the_journal_lost_comes_from_history_and_the_rest_from_the_journal() {
        let dir = tempfile::tempdir().unwrap();
        let configuration = Config::built_in().unwrap().configuration().unwrap();
        let purpose = crate::store::Purpose {
            site: "north".parse().unwrap(),
            simulated: false,
            stream_clock: false,
        };
        let opened = Stored::create(dir.path(), &purpose).unwrap();
        let mut ward = Ward::new(opened, configuration);
        ward.row(begin(), registered());
        let told = |second| Told { second, delay: 0, value: 70.0, instance: "", quality: None };
        for seq in 1..=200 {
            ward.row(begin() + Span::secs(seq as i64), vec![message(seq, &told(seq as i64))]);
        }
        ward.row(minute(120), Vec::new());
        ward.row(minute(121), Vec::new());
        let core = ward.close();
        rusqlite::Connection::open(Stored::file(dir.path()))
            .unwrap()
            .execute("DELETE FROM journal WHERE n <= 101", [])
            .unwrap();
        let opened = Stored::open(dir.path()).unwrap();
        let feed = feed(dir.path(), &opened, &core, 4_096);
        let mut cursor =
            SinkCursor { row: 11, upto: begin() + Span::secs(10), ..SinkCursor::default() };
        let batch = feed.next(cursor.clone(), later()).unwrap();
        assert!(batch.more && (10..50).contains(&batch.points), "{}", batch.points);
        let (journal, _) = held(all(cursor.clone(), |c| {
            let batch = feed.next(c, later()).unwrap();
            cursor = batch.cursor.clone();
            batch
        }));
        assert_eq!(journal.len(), 100);
        assert_eq!(cursor.refill.as_ref().map(|r| r.after_row), Some(11));
        let mut end = SinkCursor::default();
        let (history, _) = held(all(cursor, |c| {
            let batch = feed.refill(c).unwrap();
            end = batch.cursor.clone();
            batch
        }));
        assert_eq!(end.refill, None);
        let mut both = history;
        assert!(both.len() >= 90, "{}", both.len());
        both.extend(journal);
        assert!(both.len() >= 190);
    }
}
