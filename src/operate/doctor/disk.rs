//! The disk of the store: how long a sync takes, and how much room is left.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::Findings;
use crate::clock::Stopwatch;
use crate::config;
use vitalgate_store::Store;

/// Syncs that are timed.
const SYNCS: usize = 40;
/// As much as a small commit writes.
const WRITTEN: [u8; 8_192] = [0x5a; 8_192];
/// A device waits at least this long for its acknowledgement: well, and just bearable.
const SYNC_MS: (f64, f64) = (20.0, 200.0);
/// Room in GiB below which a day or a busy hour may fill the disk.
const ROOM_GIB: (f64, f64) = (10.0, 1.0);
const GIB: f64 = (1_u64 << 30) as f64;

pub(super) fn examine(store: &config::Store) -> Findings {
    let mut findings = Findings::of("disk");
    let dir = existing(&store.dir);
    if dir != store.dir {
        findings.ok(
            "store",
            format!(
                "{} is made at the first start; looked at {}",
                store.dir.display(),
                dir.display()
            ),
        );
    }
    match sync_times(&dir) {
        Ok(times) => judge_syncs(&times, &mut findings),
        Err(error) => findings.fail(
            "sync",
            format!("cannot write and sync in {}: {error}", dir.display()),
            "give the gateway's user a folder it may write to, on a local disk",
        ),
    }
    match Store::disk_free(&dir) {
        Ok(free) => judge_room(free, store, &mut findings),
        Err(error) => findings.warn(
            "room",
            format!("the room of {} cannot be read: {error}", dir.display()),
            "look with `df`",
        ),
    }
    findings
}

/// The folder itself, or the nearest one above it that is there.
fn existing(dir: &Path) -> PathBuf {
    let here = dir.ancestors().find(|dir| dir.is_dir()).filter(|dir| !dir.as_os_str().is_empty());
    here.map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// Milliseconds of each sync, shortest first.
fn sync_times(dir: &Path) -> io::Result<Vec<f64>> {
    let path = dir.join(format!("vitalgate-doctor-{}", std::process::id()));
    let timed = time_syncs(&path);
    std::fs::remove_file(&path)?;
    timed
}

fn time_syncs(path: &Path) -> io::Result<Vec<f64>> {
    let mut file = File::create_new(path)?;
    let mut times = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&WRITTEN)?;
        let watch = Stopwatch::start();
        file.sync_data()?;
        times.push(watch.seconds() * 1_000.0);
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

fn judge_syncs(times: &[f64], findings: &mut Findings) {
    let (median, longest) = (times[times.len() / 2], times[times.len() - 1]);
    let found =
        format!("{median:.1} ms at the median, {longest:.1} ms at most, of {}", times.len());
    let slow = "every acknowledgement waits for one; use a local SSD, or see who else writes to it";
    if median > SYNC_MS.1 {
        findings.fail("sync", found, slow);
    } else if median > SYNC_MS.0 || longest > 5.0 * SYNC_MS.1 {
        findings.warn("sync", found, slow);
    } else if median < 0.02 {
        let advice = "no disk is that fast: it may be memory, or a disk that lies about having written; \
                      what it acknowledges may be lost with the power";
        findings.warn("sync", found, advice);
    } else {
        findings.ok("sync", found);
    }
}

fn judge_room(free: u64, store: &config::Store, findings: &mut Findings) {
    let free = free as f64 / GIB;
    let taken = Store::file(&store.dir).metadata().map_or(0, |file| file.len());
    let bounds = store.journal_max_bytes + store.waves_max_bytes;
    let may_grow = bounds.saturating_sub(taken) as f64 / GIB;
    let found = format!("{free:.1} GiB left; journal and waveforms may grow by {may_grow:.1} GiB");
    let advice = "make room, or lower store.journal_max_bytes and store.waves_max_bytes";
    if free < ROOM_GIB.1 {
        findings.fail("room", found, advice);
    } else if free < ROOM_GIB.0.max(may_grow) {
        findings.warn("room", found, advice);
    } else {
        findings.ok("room", found);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    fn verdict(judge: impl FnOnce(&mut Findings)) -> Verdict {
        let mut findings = Findings::of("disk");
        judge(&mut findings);
        findings.list[0].verdict
    }

    #[test]
    fn a_disk_is_judged_by_its_median_and_its_worst() {
        let of = |times: &[f64]| verdict(|f| judge_syncs(times, f));
        assert_eq!(of(&[1.0, 2.0, 30.0]), Verdict::Ok);
        assert_eq!(of(&[1.0, 2.0, 3_000.0]), Verdict::Warn);
        assert_eq!(of(&[25.0, 30.0, 35.0]), Verdict::Warn);
        assert_eq!(of(&[210.0, 300.0, 310.0]), Verdict::Fail);
        assert_eq!(of(&[0.001, 0.001, 0.002]), Verdict::Warn);
    }

    #[test]
    fn room_is_judged_by_what_is_left() {
        let store = config::Store::default();
        let of = |gib: u64| verdict(|f| judge_room(gib << 30, &store, f));
        assert_eq!([of(100), of(20), of(0)], [Verdict::Ok, Verdict::Warn, Verdict::Fail]);
        let small = config::Store { journal_max_bytes: 0, waves_max_bytes: 0, ..store.clone() };
        assert_eq!(verdict(|f| judge_room(20 << 30, &small, f)), Verdict::Ok);
        assert_eq!(verdict(|f| judge_room(5 << 30, &small, f)), Verdict::Warn);
    }

    #[test]
    fn a_store_not_made_yet_is_looked_at_where_it_will_be_and_nothing_stays() {
        let dir = tempfile::tempdir().unwrap();
        let store = config::Store { dir: dir.path().join("a/b"), ..config::Store::default() };
        let findings = examine(&store).list;
        let whats: Vec<_> = findings.iter().map(|f| f.what).collect();
        assert_eq!(whats, ["store", "sync", "room"]);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_cannot_be_written_fails() {
        let store = config::Store { dir: "/proc/self".into(), ..config::Store::default() };
        let findings = examine(&store).list;
        assert_eq!((findings[0].what, findings[0].verdict), ("sync", Verdict::Fail));
    }
}
