//! Which series ever held a word, in memory: whoever asks for numbers alone never waits for the disk.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use rusqlite::Connection;

use crate::file::row::series_key;
use crate::types::SeriesKey;
use vitalgate_domain::model::ids::DeviceId;
use vitalgate_domain::model::instance::Instance;
use vitalgate_domain::model::signal::SignalId;
use vitalgate_domain::model::time::Timestamp;

/// Every series that ever held a word.
#[derive(Debug, Default)]
pub(crate) struct WordSeries(RwLock<BTreeMap<SeriesKey, Known>>);

/// What is known of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    /// Its number on disk.
    pub(crate) id: i64,
    /// Up to and with which instant retention took words of it.
    pub(crate) pruned_to: Option<Timestamp>,
}

impl WordSeries {
    /// Those of a file.
    pub(crate) fn load(conn: &Connection) -> rusqlite::Result<Self> {
        let mut statement =
            conn.prepare("SELECT device, signal, instance, id, gone FROM word_series ORDER BY id")?;
        let rows = statement.query_map([], |row| {
            let pruned_to = row.get::<_, Option<i64>>(4)?.map(Timestamp::from_micros);
            Ok((series_key(row, 0)?, Known { id: row.get(3)?, pruned_to }))
        })?;
        Ok(Self(RwLock::new(rows.collect::<rusqlite::Result<_>>()?)))
    }

    pub(crate) fn known(&self, key: &SeriesKey) -> Option<Known> {
        self.read().get(key).copied()
    }

    /// The number of a series, and whether the file does not have it yet.
    pub(super) fn place(&self, key: &SeriesKey) -> (i64, bool) {
        if let Some(known) = self.known(key) {
            return (known.id, false);
        }
        let mut series = self.write();
        let id = series.values().map(|known| known.id).max().unwrap_or(0) + 1;
        series.insert(key.clone(), Known { id, pruned_to: None });
        (id, true)
    }

    /// Those of a device, in order.
    pub(crate) fn of_device(&self, device: &DeviceId) -> Vec<SeriesKey> {
        let first = SeriesKey {
            device: device.clone(),
            signal: SignalId(0),
            instance: Instance::default(),
        };
        let series = self.read();
        let from = series.range(first..).map(|(key, _)| key);
        from.take_while(|key| key.device == *device).cloned().collect()
    }

    /// All of them, in order.
    pub(crate) fn all(&self) -> Vec<(SeriesKey, Known)> {
        self.read().iter().map(|(key, known)| (key.clone(), *known)).collect()
    }

    /// Words of these series, by their numbers, are pruned up to an instant each, in microseconds.
    pub(crate) fn prune(&self, pruned: &BTreeMap<i64, i64>) {
        if pruned.is_empty() {
            return;
        }
        for known in self.write().values_mut() {
            let upto = pruned.get(&known.id).map(|at| Timestamp::from_micros(*at));
            known.pruned_to = known.pruned_to.max(upto);
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<SeriesKey, Known>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<SeriesKey, Known>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}
