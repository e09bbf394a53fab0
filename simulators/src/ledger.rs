//! The sender's own record of every acknowledgement received, one line each:
//! `device boot seq at`, with `at`, the time of the readings, in microseconds since 1970.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use thiserror::Error;

/// One acknowledged telemetry message.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Whom it speaks of.
    pub device: String,
    /// Its boot.
    pub boot: u64,
    /// Its sequence number.
    pub seq: u64,
    /// The time of its readings in microseconds since 1970.
    pub at_us: i64,
}

/// An open ledger, shared by all connections.
#[derive(Debug)]
pub struct Ledger {
    file: Mutex<BufWriter<File>>,
}

/// A ledger that cannot be read.
#[derive(Debug, Error)]
pub enum LedgerError {
    /// The file itself.
    #[error("cannot read the ledger {path}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// One of its lines.
    #[error("{path} line {line} is not `device boot seq at`; was the ledger cut off or edited?")]
    Line {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
}

impl Ledger {
    /// A new, empty ledger.
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { file: Mutex::new(BufWriter::with_capacity(1 << 16, File::create(path)?)) })
    }

    /// Adds one acknowledgement; it may stay in memory until [`flush`](Self::flush).
    pub fn record(&self, device: &str, boot: u64, seq: u64, at_us: i64) -> io::Result<()> {
        writeln!(self.file(), "{device} {boot} {seq} {at_us}")
    }

    /// Writes what is still in memory.
    pub fn flush(&self) -> io::Result<()> {
        self.file().flush()
    }

    /// A panic elsewhere leaves whole lines only, so the ledger stays usable.
    fn file(&self) -> MutexGuard<'_, BufWriter<File>> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All entries of the ledger at `path`, in the order they were made.
pub fn read(path: &Path) -> Result<Vec<Entry>, LedgerError> {
    let failed = |source| LedgerError::Io { path: path.to_owned(), source };
    let lines = BufReader::new(File::open(path).map_err(failed)?).lines();
    let mut entries = Vec::new();
    for (index, line) in lines.enumerate() {
        let entry = parse(&line.map_err(failed)?);
        let bad = || LedgerError::Line { path: path.to_owned(), line: index + 1 };
        entries.push(entry.ok_or_else(bad)?);
    }
    Ok(entries)
}

fn parse(line: &str) -> Option<Entry> {
    let mut words = line.split(' ');
    let entry = Entry {
        device: words.next().filter(|device| !device.is_empty())?.to_owned(),
        boot: words.next()?.parse().ok()?,
        seq: words.next()?.parse().ok()?,
        at_us: words.next()?.parse().ok()?,
    };
    words.next().is_none().then_some(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recorded_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        let ledger = Ledger::create(&path).unwrap();
        let entries: Vec<Entry> = (1..=1000)
            .map(|seq| Entry {
                device: format!("load-{}", seq % 7),
                boot: 3,
                seq,
                at_us: -5 + seq as i64,
            })
            .collect();
        for Entry { device, boot, seq, at_us } in &entries {
            ledger.record(device, *boot, *seq, *at_us).unwrap();
        }
        ledger.flush().unwrap();
        assert_eq!(read(&path).unwrap(), entries);
    }

    #[track_caller]
    fn check(text: &str, bad_line: usize) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        std::fs::write(&path, text).unwrap();
        match read(&path) {
            Err(LedgerError::Line { line, .. }) => assert_eq!(line, bad_line),
            other => panic!("{text:?} gave {other:?}"),
        }
    }

    #[test]
    fn a_damaged_line_is_named() {
        check("a 1 2 3\na 1 2", 2);
        check("a 1 x 3\n", 1);
        check("a 1 2 3 4\n", 1);
        check(" 1 2 3\n", 1);
    }
}
