//! Samples committed but not yet in a block, by series, in memory.
//!
//! The writer's thread alone changes them, after each commit; readers copy what they need. A head
//! is sealed whole: at [`FULL`] points, or an hour after its first, so that no slow series holds
//! the journal back or makes a restart read far; and earlier, oldest first, while all heads together
//! hold more than [`MOST_POINTS`]. Under load sealing gives way, within bounds: a head waits until it
//! has [`LARGEST`] points or is [`VERY_OLD`], and none waits beyond [`MOST_POINTS`].

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::point::Point;
use crate::file::state::SeriesRow;
use crate::types::{Sample, SeriesKey};
use vitalgate_domain::model::ids::DeviceId;
use vitalgate_domain::model::time::{Span, Timestamp};

/// Points at which a head is due: larger blocks gain little (storage figures), smaller ones cost.
pub(crate) const FULL: usize = 512;
/// Time after which a head is due, however small it is.
const OLD: Span = Span::hours(1);
/// Points at which a head is sealed under any load: eight times the memory of a series, and still
/// packed in a moment.
const LARGEST: usize = 8 * FULL;
/// The time after which a head is sealed under any load: a restart reads twice as far at most.
const VERY_OLD: Span = Span::hours(2);
/// A point takes 48 bytes, so all heads stay below 256 MiB.
const MOST_POINTS: usize = 5 << 20;
/// Heads sealed with one commit, at least.
const AT_ONCE: usize = 16;
/// A large commit seals one head for so many of its samples: twice what comes in when heads are full.
const SAMPLES_A_HEAD: usize = FULL / 2;
/// The same while there are too many points, when heads are smaller.
const SAMPLES_A_HEAD_PRESSED: usize = FULL / 8;

/// All heads of a store.
#[derive(Debug, Default)]
pub(crate) struct Heads(RwLock<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// The place of each device in `of_device`: samples come by device, so several need one look.
    devices: HashMap<DeviceId, usize>,
    /// The heads of each device.
    of_device: Vec<Vec<usize>>,
    heads: Vec<Head>,
    /// Heads by the time of their first point, oldest first; an entry of an earlier epoch is void.
    started: VecDeque<Started>,
    /// Heads that reached `FULL`; an entry of an earlier epoch is void.
    full: VecDeque<(usize, u64)>,
    points: usize,
    next_series: i64,
    last_row: u64,
}

#[derive(Debug)]
struct Head {
    key: SeriesKey,
    /// The series' number on disk; `None` before its first block.
    id: Option<i64>,
    sealed_to: u64,
    /// See [`History::pruned_to`](super::range::History::pruned_to).
    pruned_to: Option<Timestamp>,
    /// How often it was emptied.
    epoch: u64,
    points: Vec<Point>,
}

/// From when on a head is sealed.
#[derive(Debug, Clone, Copy)]
struct Ripe {
    points: usize,
    age: Span,
}

const DUE: Ripe = Ripe { points: FULL, age: OLD };
const CANNOT_WAIT: Ripe = Ripe { points: LARGEST, age: VERY_OLD };

#[derive(Debug, Clone, Copy)]
struct Started {
    row: u64,
    at: Timestamp,
    head: usize,
    epoch: u64,
}

/// A head to be sealed with the next commit.
#[derive(Debug, Clone)]
pub(crate) struct Due {
    head: usize,
    /// Which series.
    pub(crate) key: SeriesKey,
    /// Its number on disk.
    pub(crate) id: i64,
    /// Whether the table does not have it yet.
    pub(crate) new: bool,
    /// Its points, all of rows before the next.
    pub(crate) points: Vec<Point>,
}

impl Heads {
    /// Empty heads over the series the store knows.
    pub(crate) fn of(series: Vec<SeriesRow>) -> Self {
        let mut inner = Inner { next_series: 1, ..Inner::default() };
        for row in series {
            inner.next_series = inner.next_series.max(row.id + 1);
            let head = inner.find(&row.key);
            inner.heads[head].id = Some(row.id);
            inner.heads[head].sealed_to = row.sealed_to;
            inner.heads[head].pruned_to = row.pruned_to;
        }
        Self(RwLock::new(inner))
    }

    /// Samples of a row read back from the journal; those already in a block are left out.
    pub(crate) fn restore(&self, row: u64, at: Timestamp, samples: &[Sample]) {
        self.write().append(row, at, samples);
    }

    /// The heads to seal with a commit of so many samples: full ones first, then old ones.
    pub(crate) fn due(&self, now: Timestamp, samples: usize) -> Vec<Due> {
        self.write().due(now, samples, DUE, MOST_POINTS)
    }

    /// Of those the ones that are sealed under any load.
    pub(crate) fn cannot_wait(&self, now: Timestamp, samples: usize) -> Vec<Due> {
        self.write().due(now, samples, CANNOT_WAIT, MOST_POINTS)
    }

    /// Whether any head is due that may wait.
    pub(crate) fn some_may_wait(&self, now: Timestamp) -> bool {
        self.read().some_may_wait(now, MOST_POINTS)
    }

    /// Every row up to this one has all its samples in blocks once `sealing` is committed.
    pub(crate) fn sealed_to(&self, sealing: &[Due]) -> u64 {
        let inner = self.read();
        let unsealed = |s: &&Started| {
            inner.heads[s.head].epoch == s.epoch && !sealing.iter().any(|due| due.head == s.head)
        };
        inner.started.iter().find(unsealed).map_or(inner.last_row, |s| s.row - 1)
    }

    /// After the commit of row `row`: the sealed heads are emptied, its samples appended.
    pub(crate) fn committed(&self, sealed: &[Due], row: u64, at: Timestamp, samples: &[Sample]) {
        let mut inner = self.write();
        for due in sealed {
            let sealed_to = inner.last_row;
            let head = &mut inner.heads[due.head];
            head.id = Some(due.id);
            head.sealed_to = sealed_to;
            head.epoch += 1;
            inner.points -= due.points.len();
            inner.heads[due.head].points.clear();
        }
        inner.append(row, at, samples);
    }

    /// The points of a series from `from` up to but without `to`, unsettled.
    pub(crate) fn points(&self, key: &SeriesKey, from: Timestamp, to: Timestamp) -> Vec<Point> {
        let inner = self.read();
        let device = inner.devices.get(&key.device);
        let Some(head) = device.and_then(|&device| inner.head_of(device, key)) else {
            return Vec::new();
        };
        let inside = |p: &&Point| from <= p.at && p.at < to;
        inner.heads[head].points.iter().filter(inside).copied().collect()
    }

    /// Blocks of these series, by their numbers, are pruned up to an instant each, in microseconds.
    pub(crate) fn prune(&self, pruned: &BTreeMap<i64, i64>) {
        if pruned.is_empty() {
            return;
        }
        for head in &mut self.write().heads {
            let upto = head.id.and_then(|id| pruned.get(&id)).map(|at| Timestamp::from_micros(*at));
            head.pruned_to = head.pruned_to.max(upto);
        }
    }

    /// Up to where retention took blocks of a series.
    pub(crate) fn pruned_to(&self, key: &SeriesKey) -> Option<Timestamp> {
        let inner = self.read();
        let device = inner.devices.get(&key.device).copied()?;
        inner.heads[inner.head_of(device, key)?].pruned_to
    }

    pub(crate) fn pruned_of_any(&self) -> Option<Timestamp> {
        self.read().heads.iter().filter_map(|head| head.pruned_to).max()
    }

    /// Every series a device ever had, sealed or not.
    pub(crate) fn series_of(&self, device: &DeviceId) -> Vec<SeriesKey> {
        let inner = self.read();
        let of_device = inner.devices.get(device).map(|&device| &inner.of_device[device]);
        let mut keys: Vec<_> =
            of_device.into_iter().flatten().map(|&head| inner.heads[head].key.clone()).collect();
        keys.sort_unstable();
        keys
    }

    /// Every series there is, in order.
    pub(crate) fn all_series(&self) -> Vec<SeriesKey> {
        let mut keys: Vec<_> = self.read().heads.iter().map(|head| head.key.clone()).collect();
        keys.sort_unstable();
        keys
    }

    /// How many points are in memory.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.read().points
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn find(&mut self, key: &SeriesKey) -> usize {
        let device = self.device(&key.device);
        self.head(device, key)
    }

    fn device(&mut self, id: &DeviceId) -> usize {
        if let Some(device) = self.devices.get(id) {
            return *device;
        }
        let device = self.of_device.len();
        self.of_device.push(Vec::new());
        self.devices.insert(id.clone(), device);
        device
    }

    fn head(&mut self, device: usize, key: &SeriesKey) -> usize {
        self.head_of(device, key).unwrap_or_else(|| {
            let points = Vec::new();
            let key = key.clone();
            self.heads.push(Head {
                key,
                id: None,
                sealed_to: 0,
                pruned_to: None,
                epoch: 0,
                points,
            });
            let head = self.heads.len() - 1;
            self.of_device[device].push(head);
            head
        })
    }

    fn head_of(&self, device: usize, key: &SeriesKey) -> Option<usize> {
        let is_it = |head: &usize| {
            let known = &self.heads[*head].key;
            known.signal == key.signal && known.instance == key.instance
        };
        self.of_device[device].iter().copied().find(is_it)
    }

    fn append(&mut self, row: u64, at: Timestamp, samples: &[Sample]) {
        self.last_row = row;
        for of_one in samples.chunk_by(|a, b| a.series.device == b.series.device) {
            let device = self.device(&of_one[0].series.device);
            for sample in of_one {
                let head = self.head(device, &sample.series);
                self.append_to(head, row, at, sample);
            }
        }
    }

    fn append_to(&mut self, found: usize, row: u64, at: Timestamp, sample: &Sample) {
        let head = &mut self.heads[found];
        if row <= head.sealed_to {
            return;
        }
        if head.points.is_empty() {
            self.started.push_back(Started { row, at, head: found, epoch: head.epoch });
        }
        head.points.push(Point::of(sample));
        self.points += 1;
        if head.points.len() == FULL {
            self.full.push_back((found, head.epoch));
        }
    }

    fn some_may_wait(&self, now: Timestamp, most_points: usize) -> bool {
        let in_use = |head: usize, epoch| self.heads[head].epoch == epoch;
        let oldest = self.started.iter().find(|s| in_use(s.head, s.epoch));
        let is_old = oldest.is_some_and(|s| now - s.at >= OLD);
        let is_full = || self.full.iter().any(|(head, epoch)| in_use(*head, *epoch));
        self.points <= most_points && (is_old || is_full())
    }

    fn due(&mut self, now: Timestamp, samples: usize, ripe: Ripe, most_points: usize) -> Vec<Due> {
        let pressed = self.points > most_points;
        let a_head = if pressed { SAMPLES_A_HEAD_PRESSED } else { SAMPLES_A_HEAD };
        let limit = AT_ONCE.max(samples / a_head);
        let heads = &self.heads;
        self.full.retain(|(head, epoch)| heads[*head].epoch == *epoch);
        while self.started.front().is_some_and(|s| heads[s.head].epoch != s.epoch) {
            self.started.pop_front();
        }
        let old = self.started.iter().take_while(|s| pressed || now - s.at >= ripe.age);
        let old = old.filter(|s| heads[s.head].epoch == s.epoch).map(|s| s.head);
        let full = self.full.iter().map(|(head, _)| *head);
        let full = full.filter(|head| pressed || heads[*head].points.len() >= ripe.points);
        let mut chosen: Vec<usize> = full.take(limit).collect();
        for head in old {
            if chosen.len() >= limit {
                break;
            }
            if !chosen.contains(&head) {
                chosen.push(head);
            }
        }
        chosen.into_iter().map(|head| self.make_due(head)).collect()
    }

    fn make_due(&mut self, head: usize) -> Due {
        let Head { key, id, points, .. } = &self.heads[head];
        let (key, points) = (key.clone(), points.clone());
        let new = id.is_none();
        let id = id.unwrap_or(self.next_series);
        self.next_series = self.next_series.max(id + 1);
        Due { head, key, id, new, points }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Sent;
    use vitalgate_domain::model::instance::Instance;
    use vitalgate_domain::model::signal::SignalId;
    use vitalgate_domain::model::unit::Unit;

    fn sample(device: &str, second: i64) -> Sample {
        let at = Timestamp::from_millis(second * 1_000);
        let series = SeriesKey {
            device: device.parse().unwrap(),
            signal: SignalId(1),
            instance: Instance::default(),
        };
        Sample {
            series,
            at,
            sent: Sent::default(),
            received: at,
            value: 1.0,
            unit: Unit::One,
            flags: 0,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(second * 1_000)
    }

    #[test]
    fn a_head_is_due_when_full_or_an_hour_old() {
        let heads = Heads::of(Vec::new());
        let many: Vec<Sample> = (0..FULL as i64).map(|i| sample("fast", i)).collect();
        heads.committed(&[], 1, at(0), &[sample("slow", 0)]);
        heads.committed(&[], 2, at(10), &many[1..]);
        assert!(heads.due(at(20), 1).is_empty());
        assert_eq!(heads.sealed_to(&[]), 0);
        heads.committed(&[], 3, at(20), &many[..1]);
        let due = heads.due(at(20), 1);
        assert_eq!(due.len(), 1);
        assert_eq!((due[0].points.len(), due[0].id, due[0].new), (FULL, 1, true));
        assert_eq!(heads.sealed_to(&due), 0, "the slow series began in row 1");
        heads.committed(&due, 4, at(3_599), &[sample("fast", 600)]);
        assert!(heads.due(at(3_599), 1).is_empty());
        let due = heads.due(at(3_600), 1);
        assert_eq!(due.len(), 1);
        assert_eq!((due[0].points.len(), due[0].id), (1, 2));
        assert_eq!(heads.sealed_to(&due), 3, "row 4 is in memory");
        heads.committed(&due, 5, at(3_600), &[]);
        assert_eq!(heads.sealed_to(&[]), 3);
        assert_eq!(heads.len(), 1);
    }

    #[test]
    fn under_load_sealing_waits_until_it_cannot() {
        let heads = Heads::of(Vec::new());
        let many = |n: usize| -> Vec<Sample> { (0..n as i64).map(|i| sample("fast", i)).collect() };
        heads.committed(&[], 1, at(0), &[sample("slow", 0)]);
        assert!(!heads.some_may_wait(at(3_599)), "nothing is due");
        heads.committed(&[], 2, at(10), &many(LARGEST - 1));
        assert!(heads.some_may_wait(at(10)) && heads.cannot_wait(at(10), 1).is_empty());
        heads.committed(&[], 3, at(20), &many(1));
        assert_eq!(heads.cannot_wait(at(20), 1).len(), 1, "the large one");
        let large = heads.due(at(20), 1);
        heads.committed(&large, 4, at(30), &[]);
        assert!(!heads.some_may_wait(at(3_599)));
        assert!(heads.some_may_wait(at(3_600)) && heads.cannot_wait(at(3_600), 1).is_empty());
        assert_eq!(heads.cannot_wait(at(7_200), 1).len(), 1, "the old one");
        assert!(!heads.write().some_may_wait(at(3_600), 0), "none waits when memory is full");
        assert_eq!(heads.write().due(at(0), 1, CANNOT_WAIT, 0).len(), 1);
    }

    #[test]
    fn what_is_sealed_is_not_restored() {
        let key = sample("dev", 0).series;
        let heads =
            Heads::of(vec![SeriesRow { id: 7, key: key.clone(), sealed_to: 2, pruned_to: None }]);
        for row in 1..=4 {
            heads.restore(row, at(row as i64), &[sample("dev", row as i64)]);
        }
        let points = heads.points(&key, at(0), at(4));
        assert_eq!(points.iter().map(|p| p.at).collect::<Vec<_>>(), [at(3)]);
        assert_eq!(heads.len(), 2);
    }

    #[test]
    fn too_many_points_seal_the_oldest_heads_early() {
        let heads = Heads::of(Vec::new());
        for i in 0..40 {
            heads.committed(&[], i + 1, at(0), &[sample(&format!("dev-{i}"), 0)]);
        }
        let due = |samples, most| {
            let due = heads.write().due(at(1), samples, DUE, most);
            due.iter().map(|due| due.key.device.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(due(1, 40), [""; 0]);
        let oldest: Vec<String> = (0..AT_ONCE).map(|i| format!("dev-{i}")).collect();
        assert_eq!(due(1, 39), oldest);
        assert_eq!(due(20 * SAMPLES_A_HEAD_PRESSED, 39).len(), 20);
    }
}
