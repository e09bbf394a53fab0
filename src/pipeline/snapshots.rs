//! Snapshots: the core frozen at one row, written a slice with each commit.

use std::collections::VecDeque;

use crate::clock::Stopwatch;
use vitalgate_domain::core::Core;
use vitalgate_store::types::{Commit, SnapshotPart};

/// A new snapshot begins so long after the last one did.
const EVERY_S: f64 = 15.0;
/// Rows folded at the start that make a snapshot urgent.
const MANY_ROWS: u64 = 500;
/// Bytes of parts written with one commit, so that no pause grows with the ward.
const SLICE_BYTES: usize = 256 << 10;

/// The snapshot being written, if one is.
#[derive(Debug)]
pub(super) struct Snapshots {
    since: Option<Stopwatch>,
    complete: u64,
    writing: Option<Writing>,
}

#[derive(Debug)]
struct Writing {
    frozen: Core,
    todo: VecDeque<(&'static str, String)>,
}

impl Snapshots {
    /// The first snapshot after a start is whole: what was folded anew is in no snapshot yet. It
    /// begins at once where many rows had to be folded, so that crash after crash cannot make
    /// recovery longer and longer.
    pub(super) fn new(folded: u64) -> Self {
        let since = (folded < MANY_ROWS).then(Stopwatch::start);
        Self { since, complete: 0, writing: None }
    }

    /// Adds a slice to a commit; `core` stands at its row.
    pub(super) fn add_to(&mut self, commit: &mut Commit, core: &Core) {
        if self.writing.is_none() && self.since.is_none_or(|since| since.seconds() >= EVERY_S) {
            self.since = Some(Stopwatch::start());
            let todo = core.parts_since(self.complete).into();
            self.writing = Some(Writing { frozen: core.clone(), todo });
        }
        let Some(writing) = &mut self.writing else { return };
        let n = writing.frozen.row();
        let mut bytes = 0;
        while bytes < SLICE_BYTES
            && let Some((kind, key)) = writing.todo.pop_front()
        {
            if let Some(part) = writing.frozen.part(kind, &key) {
                bytes += part.body.len();
                commit.snapshot.push(SnapshotPart {
                    kind: part.kind,
                    key: part.key,
                    n,
                    body: part.body,
                });
            }
        }
        if writing.todo.is_empty() {
            commit.snapshot_complete = Some(n);
            self.complete = n;
            self.writing = None;
        }
    }
}
