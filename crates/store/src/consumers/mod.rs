//! Who copies the store elsewhere: named cursors, and the journal rows held back for each.
//!
//! A consumer leaves its cursor here, and the next commit writes it in its own transaction: that
//! costs no sync of its own, and after a crash the consumer reads at most a few rows again. Rows
//! after a written cursor are held back until they take more room than the consumer may hold, or
//! than the journal may take. What is pruned all the same the cursor notes, and history still holds.
//!
//! One consumer never waits for another. One that nobody begins in this process holds nothing back,
//! and its cursor stays: where it begins again, it notes what was pruned meanwhile.

pub mod cursor;
mod registration;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, Transaction};

pub use self::cursor::ConsumerCursor;
pub use self::registration::Registration;
use crate::dead_letters::DEAD_LETTERS;
use crate::deliveries::Delivered;
use crate::file::meta;
use vitalgate_domain::model::message::DeadLetter;

/// Dead letters that wait for a commit, the table keeps no more of one sender; and deliveries.
const WAITING: usize = DEAD_LETTERS as usize;

/// All consumers of a store; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Consumers(Arc<Mutex<BTreeMap<Arc<str>, Slot>>>);

/// One consumer: it leaves its cursor here, and the writer's thread finds it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Consumer {
    name: Arc<str>,
    all: Consumers,
}

#[derive(Debug)]
struct Slot {
    held_bytes: u64,
    /// As it is on the disk.
    stored: ConsumerCursor,
    /// Whether anybody reads by it.
    in_use: bool,
    news: Option<News>,
}

/// What a consumer leaves for the next commit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct News {
    name: Arc<str>,
    cursor: ConsumerCursor,
    dead: Vec<DeadLetter>,
    delivered: Vec<Delivered>,
}

/// Rows that a consumer still needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hold {
    /// Only rows after this one.
    pub(crate) after_row: u64,
    /// Only transitions after this one.
    pub(crate) after_seq: u64,
    /// Only the newest ones, as many as take no more bytes.
    pub(crate) bytes: u64,
}

impl Consumers {
    /// The consumer of this name, with what the store holds of it.
    pub(crate) fn named(
        &self,
        conn: &Connection,
        consumer: Registration,
    ) -> rusqlite::Result<Consumer> {
        let Registration { name, held_bytes } = consumer;
        let name: Arc<str> = name.into();
        let mut slots = self.lock();
        if !slots.contains_key(&name) {
            let text: Option<String> = meta::get(conn, &name)?;
            // One that cannot be read begins anew: to copy a row twice is no fault, to leave one out is.
            let stored = text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
            slots.insert(Arc::clone(&name), Slot { held_bytes, stored, in_use: false, news: None });
        }
        Ok(Consumer { name, all: self.clone() })
    }

    /// What was left since the last commit.
    pub(crate) fn take(&self) -> Vec<News> {
        self.lock().values_mut().filter_map(|slot| slot.news.take()).collect()
    }

    /// It is on the disk.
    pub(crate) fn stored(&self, written: &[News]) {
        let mut slots = self.lock();
        for News { name, cursor, .. } in written {
            if let Some(slot) = slots.get_mut(name) {
                slot.stored = cursor.clone();
            }
        }
    }

    /// What each consumer in use still needs.
    pub(crate) fn holds(&self) -> Vec<Hold> {
        let slots = self.lock();
        let in_use = slots.values().filter(|slot| slot.in_use);
        let hold = |slot: &Slot| Hold {
            after_row: slot.stored.row,
            after_seq: slot.stored.seq,
            bytes: slot.held_bytes,
        };
        in_use.map(hold).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Slot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Consumer {
    /// Where to begin. From now on rows after the cursor are held back.
    pub fn begin(&self) -> ConsumerCursor {
        self.with(|slot| {
            slot.in_use = true;
            slot.stored.clone()
        })
    }

    /// How far it has come by now.
    pub fn cursor(&self) -> ConsumerCursor {
        self.with(|slot| slot.news.as_ref().map_or(&slot.stored, |news| &news.cursor).clone())
    }

    /// Leaves the cursor, and what nobody takes any more, for the next commit.
    pub fn put(&self, cursor: ConsumerCursor, dead: Vec<DeadLetter>) {
        self.put_delivered(cursor, dead, None);
    }

    /// The same, with what became of telling a transition.
    pub fn put_delivered(
        &self,
        cursor: ConsumerCursor,
        dead: Vec<DeadLetter>,
        delivered: Option<Delivered>,
    ) {
        self.with(|slot| {
            let before = slot.news.take();
            let (mut all, mut told) =
                before.map(|news| (news.dead, news.delivered)).unwrap_or_default();
            all.extend(dead);
            told.extend(delivered);
            keep_newest(&mut all);
            keep_newest(&mut told);
            let name = Arc::clone(&self.name);
            slot.news = Some(News { name, cursor, dead: all, delivered: told });
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut Slot) -> T) -> T {
        let mut slots = self.all.lock();
        let slot = slots.get_mut(&self.name);
        act(slot.unwrap_or_else(|| unreachable!("{} was registered", self.name)))
    }
}

fn keep_newest<T>(waiting: &mut Vec<T>) {
    let over = waiting.len().saturating_sub(WAITING);
    waiting.drain(..over);
}

impl News {
    /// Who leaves it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// How far it has come.
    pub(crate) fn cursor(&self) -> &ConsumerCursor {
        &self.cursor
    }

    /// What nobody takes any more.
    pub(crate) fn dead(&self) -> &[DeadLetter] {
        &self.dead
    }

    /// What became of telling transitions.
    pub(crate) fn delivered(&self) -> &[Delivered] {
        &self.delivered
    }

    /// Writes the cursor as part of a commit.
    pub(crate) fn write_cursor(&self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        let text = serde_json::to_string(&self.cursor)
            .unwrap_or_else(|e| unreachable!("a cursor has text for keys: {e}"));
        meta::set(tx, &self.name, text)
    }
}

#[cfg(test)]
mod tests;
