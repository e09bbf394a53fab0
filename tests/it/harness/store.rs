//! The store beside the gateway: what is in it, and whether it is what its journal derives.

use std::path::PathBuf;
use std::process::Command;

use rusqlite::{Connection, OpenFlags};
use vitalgate_domain::core::journal::RowBody;
use vitalgate_domain::model::input::Input;

use super::Gateway;

impl Gateway {
    /// The folder of the store.
    pub(crate) fn store(&self) -> PathBuf {
        self.store.clone()
    }

    /// The database file.
    pub(crate) fn database(&self) -> PathBuf {
        self.store.join("vitalgate.db")
    }

    /// `vitalgate verify`, also beside the running gateway: what is stored is what the journal gives.
    ///
    /// Every gateway is verified when it is dropped; only what a later state hides needs a call.
    pub(crate) fn verify(&self) {
        if let Err(difference) = self.verified() {
            panic!("{difference}");
        }
    }

    /// From here on the store cannot pass `verify`, and why; if it does when the gateway is dropped,
    /// the test fails.
    pub(crate) fn damages_its_store(&mut self, why: &'static str) {
        self.damaged = Some(why);
    }

    pub(super) fn verified(&self) -> Result<(), String> {
        let output = Command::new(env!("CARGO_BIN_EXE_vitalgate"))
            .args(["verify", "--dir"])
            .arg(&self.store)
            .output()
            .unwrap();
        let verdict = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        let difference = || format!("verify: {}\n{verdict}\n{errors}", output.status);
        output.status.success().then_some(()).ok_or_else(difference)
    }

    /// Every input in the journal.
    pub(crate) fn journal(&self) -> Vec<Input> {
        self.journal_after(0).into_iter().flat_map(|(_, inputs)| inputs).collect()
    }

    /// The rows of the journal after row `after`, with their inputs.
    pub(crate) fn journal_after(&self, after: u64) -> Vec<(u64, Vec<Input>)> {
        let sql = format!("SELECT n, body FROM journal WHERE n > {after} ORDER BY n");
        self.rows(&sql, |row| {
            let body = zstd::decode_all(row.get::<_, Vec<u8>>(1)?.as_slice()).unwrap();
            Ok((row.get::<_, i64>(0)? as u64, minicbor::decode::<RowBody>(&body).unwrap().inputs))
        })
    }

    /// Changes the database as no gateway would.
    pub(crate) fn tamper(&self, sql: &str) {
        Connection::open(self.database()).unwrap().execute_batch(sql).unwrap();
    }

    /// Makes the stopped store one of version 4, whose chain held acts only: each link was SHA-256 of the link
    /// before and of number, time, actor, word and hash of the body.
    pub(crate) fn of_version_4(&self) {
        let sha = |bytes: &[u8]| ring::digest::digest(&ring::digest::SHA256, bytes);
        let mut before = vec![0; 32];
        let acts = self.rows("SELECT seq, at, actor, what, hash FROM audit ORDER BY seq", |row| {
            let numbers: [i64; 2] = [row.get(0)?, row.get(1)?];
            let (actor, what): (Option<String>, String) = (row.get(2)?, row.get(3)?);
            let mut act = numbers.map(i64::to_be_bytes).concat();
            act.push(u8::from(actor.is_some()));
            for text in [actor.unwrap_or_default(), what] {
                act.extend((text.len() as u64).to_be_bytes());
                act.extend(text.as_bytes());
            }
            act.extend(row.get::<_, Vec<u8>>(4)?);
            Ok((numbers[0], act))
        });
        let db = Connection::open(self.database()).unwrap();
        for (seq, act) in acts {
            before = sha(&[&before, sha(&act).as_ref()].concat()).as_ref().to_vec();
            db.execute("UPDATE audit SET chain = ?2 WHERE seq = ?1", (seq, &before)).unwrap();
        }
        db.execute_batch(
            "ALTER TABLE transitions DROP COLUMN link; ALTER TABLE transitions DROP COLUMN grounds;
             DROP TABLE statements; DROP TABLE cut; DROP TABLE deliveries; DELETE FROM meta WHERE key = 'audit_head';
             PRAGMA user_version = 4",
        )
        .unwrap();
    }

    /// The newest row of the journal.
    pub(crate) fn newest_row(&self) -> u64 {
        self.rows("SELECT max(n) FROM journal", |row| row.get::<_, i64>(0))[0] as u64
    }

    /// The rows of a query, read beside the running gateway.
    pub(crate) fn rows<T>(
        &self,
        sql: &str,
        row: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Vec<T> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let db = Connection::open_with_flags(self.database(), flags).unwrap();
        let mut query = db.prepare(sql).unwrap();
        query.query_map([], row).unwrap().collect::<Result<_, _>>().unwrap()
    }
}
