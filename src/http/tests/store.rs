//! A store in a temporary folder, written row by row as the pipeline does.

use std::cell::{Cell, RefCell};
use std::fs;

use tempfile::TempDir;

use super::ward::now;
use crate::pipeline::stored::StoredAlarm;
use vitalgate_domain::CORE_VERSION;
use vitalgate_domain::model::alarm::Alarm;
use vitalgate_domain::model::time::Span;
use vitalgate_store::history::range::History;
use vitalgate_store::types::{Commit, Row, Sample, StoredTransition};
use vitalgate_store::{Keep, Purpose, Reader, Report, Running, Store, start};

/// A store and its running writer.
pub(super) struct TestStore {
    pub(super) reader: Reader,
    pub(super) history: History,
    rows: Cell<u64>,
    running: RefCell<Option<Running>>,
    dir: TempDir,
}

impl TestStore {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let site = "site".parse().unwrap();
        let opened =
            Store::create(dir.path(), &Purpose { site, simulated: false, stream_clock: false })
                .unwrap();
        let (reader, history) = (opened.reader(), opened.history());
        let running = RefCell::new(Some(start(opened, Keep::default()).unwrap()));
        Self { reader, history, rows: Cell::new(0), running, dir }
    }

    /// Where it is.
    pub(super) fn folder(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// Commits one row with what `fill` puts in. The calling task does not yield meanwhile.
    pub(super) fn commit(&self, fill: impl FnOnce(&mut Commit)) {
        let n = self.rows.get() + 1;
        self.rows.set(n);
        let mut commit = empty_row(n);
        fill(&mut commit);
        let mut running = self.running.borrow_mut();
        let Running { committer, reports, .. } = running.as_mut().unwrap();
        committer.offer(commit).unwrap();
        let report = std::thread::scope(|scope| scope.spawn(|| reports.blocking_recv()).join());
        let report = report.unwrap();
        assert!(matches!(report, Some(Report::Committed { .. })), "{report:?}");
    }

    pub(super) fn commit_transitions(&self, transitions: Vec<StoredTransition>) {
        self.commit(|row| row.transitions = transitions);
    }

    pub(super) fn commit_samples(&self, samples: Vec<Sample>) {
        self.commit(|row| row.samples = samples);
    }

    /// Takes the file away from the readers.
    pub(super) fn lose(&self) {
        fs::remove_file(Store::file(self.dir.path())).unwrap();
    }
}

impl Drop for TestStore {
    fn drop(&mut self) {
        let Some(Running { committer, thread, .. }) = self.running.get_mut().take() else { return };
        drop(committer);
        drop(thread.join());
    }
}

/// A transition of this alarm.
pub(super) fn transition(alarm: &Alarm, change: &'static str) -> StoredTransition {
    StoredTransition {
        seq: alarm.seq,
        at: now(),
        kind: "alarm",
        change,
        alarm: Some(alarm.id.clone()),
        patient: alarm.patient.clone(),
        actor: None,
        body: StoredAlarm::new(alarm, true).json(),
    }
}

fn empty_row(n: u64) -> Commit {
    Commit {
        row: Row {
            n,
            at: now() + Span::secs(n as i64),
            offset: Span::ZERO,
            core: CORE_VERSION,
            rules: [0; 8],
            body: Vec::new(),
        },
        transitions: Vec::new(),
        samples: Vec::new(),
        words: Vec::new(),
        raised: Vec::new(),
        dead_letters: Vec::new(),
        waves: Vec::new(),
        snapshot: Vec::new(),
        snapshot_complete: None,
    }
}
