//! Stores made as a gateway makes them, and changed as no gateway would.

use std::path::Path;

use crate::config::Config;
use crate::pipeline::stored;
use vitalgate_domain::CORE_VERSION;
use vitalgate_domain::core::Core;
use vitalgate_domain::core::configuration::{Configuration, Texts};
use vitalgate_domain::core::journal::RowBody;
use vitalgate_domain::model::command::{Action, AgeClass, Command, PatientDetails};
use vitalgate_domain::model::ids::SiteId;
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::time::{Span, Stamp, Timestamp};
use vitalgate_store::types::{Commit, Row, SnapshotPart};
use vitalgate_store::{Keep, Opened, Purpose, Running, Store, start};

fn admission(n: u64) -> Input {
    let action = Action::AdmitPatient(PatientDetails {
        id: format!("p-{n}").parse().unwrap(),
        age_class: AgeClass::Adult,
        continuous: false,
        bed: None,
        pregnant: None,
    });
    Input::Command(Box::new(Command { actor: "nurse".into(), action }))
}

/// A store of eight rows, the first with the configuration and each of the others with an
/// admission; its snapshot stands at row 4.
pub(crate) fn ward(dir: &Path) {
    let rows = std::iter::once(configuration()).chain((2..=8).map(admission));
    store_of(dir, rows.map(|input| vec![input]), 4);
}

/// The configuration as it is built in.
pub(crate) fn configuration() -> Input {
    let configuration = Config::built_in().unwrap().configuration().unwrap();
    let Texts { signals, rules, site, packs } = configuration.texts;
    Input::Configuration { signals, rules, site, packs }
}

/// A store of rows a millisecond apart, its snapshot at row `frozen`.
pub(crate) fn store_of(dir: &Path, rows: impl IntoIterator<Item = Vec<Input>>, frozen: u64) {
    let site: SiteId = "site".parse().unwrap();
    let purpose = Purpose { site: site.clone(), simulated: false, stream_clock: false };
    let mut core = Core::new(site, false, Configuration::default());
    let opened = Store::create(dir, &purpose).unwrap();
    let commits = rows.into_iter().zip(1..).map(|(inputs, n)| {
        let at = Timestamp::from_millis(1_795_000_000_000 + n as i64);
        let mut commit = row(&mut core, n, at, inputs);
        if n == frozen {
            commit.snapshot = parts(&core);
            commit.snapshot_complete = Some(n);
        }
        commit
    });
    write(opened, commits);
}

/// Folds a row, and packs it.
pub(crate) fn row(core: &mut Core, n: u64, at: Timestamp, inputs: Vec<Input>) -> Commit {
    let offset = Span::millis(0);
    let out = core.fold(n, Stamp { at, offset }, &inputs);
    let body = RowBody { inputs, exceptions: Vec::new() }.encode();
    Commit {
        row: Row { n, at, offset, core: CORE_VERSION, rules: [0; 8], body },
        transitions: out.transitions.iter().map(stored).collect(),
        raised: Vec::new(),
        samples: Vec::new(),
        words: out.words,
        dead_letters: Vec::new(),
        waves: Vec::new(),
        snapshot: Vec::new(),
        snapshot_complete: None,
    }
}

/// Writes rows into a store and closes it.
pub(crate) fn write(opened: Opened, commits: impl IntoIterator<Item = Commit>) {
    let Running { committer, mut reports, thread, .. } = start(opened, Keep::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for commit in commits {
        runtime.block_on(async {
            committer.send(commit).await.unwrap();
            reports.recv().await.unwrap();
        });
    }
    drop(committer);
    thread.join().unwrap().unwrap();
}

pub(crate) fn parts(core: &Core) -> Vec<SnapshotPart> {
    let part = |(kind, key): (&'static str, String)| {
        let part = core.part(kind, &key)?;
        Some(SnapshotPart { kind: part.kind, key: part.key, n: core.row(), body: part.body })
    };
    core.parts_since(0).into_iter().filter_map(part).collect()
}

/// Makes a closed store one of the version that chained acts only, whatever it holds.
pub(crate) fn of_version_4(dir: &Path) {
    let db = rusqlite::Connection::open(Store::file(dir)).unwrap();
    db.execute_batch(
        "ALTER TABLE transitions DROP COLUMN link; ALTER TABLE transitions DROP COLUMN grounds;
         DROP TABLE statements; DROP TABLE cut; DROP TABLE deliveries; DELETE FROM meta WHERE key = 'audit_head';
         DELETE FROM audit; PRAGMA user_version = 4",
    )
    .unwrap();
}

/// Changes a closed store as no gateway would.
pub(crate) fn tamper(dir: &Path, sql: &str) {
    let db = rusqlite::Connection::open(Store::file(dir)).unwrap();
    assert!(db.execute(sql, []).unwrap() > 0, "{sql}");
}
