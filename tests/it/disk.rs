//! A disk that is slow, stuck or broken on demand, and one that is small.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tempfile::TempDir;

use crate::harness::{Gateway, eventually, root};
use crate::setup::{RULES, Setup};

/// A disk under the gateway that obeys the flags of `tests/external/fsync.c`.
pub(crate) struct Disk {
    dir: TempDir,
}

impl Disk {
    pub(crate) fn new() -> Self {
        let disk = Self { dir: tempfile::tempdir().unwrap() };
        let status = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(disk.library())
            .arg(root().join("tests/external/fsync.c"))
            .arg("-ldl")
            .status()
            .expect("a C compiler");
        assert!(status.success());
        disk
    }

    pub(crate) fn gateway(&self) -> Gateway {
        self.under(Setup::default().rules(RULES)).start()
    }

    /// A gateway that is set up otherwise, on this disk.
    pub(crate) fn under(&self, setup: Setup) -> Setup {
        setup.env("LD_PRELOAD", &self.library()).env("VG_FSYNC_DIR", self.dir.path())
    }

    fn library(&self) -> PathBuf {
        self.dir.path().join("fsync.so")
    }

    pub(crate) fn set(&self, flag: &str, content: &str) {
        fs::write(self.dir.path().join(flag), content).unwrap();
    }

    pub(crate) fn clear(&self, flag: &str) {
        fs::remove_file(self.dir.path().join(flag)).unwrap();
    }

    pub(crate) fn count(&self, of: &str) -> u64 {
        fs::metadata(self.dir.path().join(of)).map_or(0, |m| m.len())
    }

    /// Waits until the gateway has entered another sync.
    pub(crate) fn entered_after(&self, calls: u64) {
        eventually("the gateway syncs", || (self.count("calls") > calls).then_some(()));
    }
}

/// A small file system in memory; unmounted when dropped.
pub(crate) struct Tmpfs {
    pub(crate) dir: TempDir,
}

impl Tmpfs {
    pub(crate) fn mount(size: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(dir.path())
            .status()
            .unwrap();
        assert!(status.success(), "mounting a tmpfs needs root");
        Self { dir }
    }

    /// Writes until not a byte more fits.
    pub(crate) fn take_what_is_left(&self, filler: &Path) {
        assert!(filler.starts_with(self.dir.path()));
        fill(filler);
    }

    /// The same, and whatever the gateway gives back, until what is returned is dropped.
    pub(crate) fn stays_full(&self, filler: &Path) -> Full {
        self.take_what_is_left(filler);
        let over = Arc::new(AtomicBool::new(false));
        let (filler, until) = (filler.to_owned(), Arc::clone(&over));
        let thread = thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                fill(&filler);
                thread::sleep(Duration::from_millis(2));
            }
        });
        Full { over, thread: Some(thread) }
    }
}

/// A disk that stays full.
pub(crate) struct Full {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Full {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}

fn fill(filler: &Path) {
    let mut file = fs::OpenOptions::new().create(true).append(true).open(filler).unwrap();
    let mut size = 65_536;
    while size > 0 {
        if file.write_all(&vec![0; size]).is_err() {
            size /= 2;
        }
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // The gateway still ends; a lazy unmount waits for it.
        Command::new("umount").arg("--lazy").arg(self.dir.path()).status().ok();
    }
}
