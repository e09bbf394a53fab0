//! The pipeline: one task, one batch at a time, six steps.
//!
//! 1 take a batch · 2 stamp it · 3 step the core · 4 commit · 5 release receipts · 6 publish.
//! While one batch is being committed the next is taken and stepped; results come back in order.

pub mod asked;
mod batch;
mod disk_room;
mod gather;
pub mod load_shedding;
mod publish;
pub mod pulse;
mod snapshots;
pub mod stored;
mod stream_share;
mod unwatched;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, Stopwatch};
use crate::inbox::{Fill, Submission};
use crate::ingest::Refusals;
use crate::pipeline::load_shedding::{LoadShedding, Pressure};
use crate::pipeline::pulse::Pulse;
use crate::projection::ring::Ring;
use crate::projection::view::Board;
use crate::telemetry::Metrics;
use vitalgate_domain::core::Core;
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::time::{Span, Stamp, Timestamp};
use vitalgate_domain::output::Output;
use vitalgate_store::types::Commit;
use vitalgate_store::{Committer, NotTaken, Report, Room};

use asked::Questions;
pub use batch::stored;
use batch::{BatchIntake, Stepped, Taken};
use disk_room::{DiskRoom, Turn};
use gather::{Gathering, Next};
use publish::{Publisher, Waits};
use snapshots::Snapshots;
use unwatched::Unwatched;

/// Batches handed to the store and not yet reported: one being written, one prepared beside it.
const UNDER_WAY: usize = 2;
/// A row at least so often, empty if need be.
const ROW_EVERY: Span = Span::secs(10);
/// The same while the disk is full: with each the store measures what is left.
const ROW_WHILE_FULL: Span = Span::secs(3);
/// The longest sleep: heartbeats and stalls are noticed within it.
const TICK: Duration = Duration::from_millis(100);
/// Intake that stood still for longer has a gap (docs/architecture.md).
const GAP_AFTER: Span = Span::secs(1);
/// A commit that takes longer is a store that fails, whether it says so or hangs.
const STALLED_S: f64 = 3.0;
/// A change of the offset above this is journalled and shown.
const CLOCK_STEP: Span = Span::millis(100);

/// What the pipeline is made of.
#[derive(Debug)]
pub struct Parts {
    /// The core, folded up to `row`.
    pub core: Core,
    /// Time.
    pub clock: Clock,
    /// Where submissions come from.
    pub inbox: mpsc::Receiver<Submission>,
    /// What is asked of the core.
    pub questions: Questions,
    /// How full the way to it is.
    pub fill: Fill,
    /// What senders may not do, for the audit.
    pub refusals: Arc<Refusals>,
    /// Decides what is shed.
    pub shedding: LoadShedding,
    /// Where commits go.
    pub committer: Committer,
    /// What became of them.
    pub reports: mpsc::Receiver<Report>,
    /// What the disk has for devices.
    pub room: Room,
    /// Where the board is published; it holds the core's from the beginning, because the listener
    /// knows principals from it alone.
    pub board: watch::Sender<Arc<Board>>,
    /// Where events are published.
    pub ring: Arc<Ring>,
    /// Metrics.
    pub metrics: Metrics,
    /// Beats with every step.
    pub pulse: Pulse,
    /// Inputs to begin with: the intake gap, and the configuration if it changed.
    pub first: Vec<Input>,
    /// Rows that recovery had to fold.
    pub folded: u64,
}

/// The pipeline's task ended because the store's thread did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the store stopped while the gateway was running")]
pub struct StoreGone;

struct Pipeline {
    core: Core,
    clock: Clock,
    committer: Committer,
    intake: BatchIntake,
    gathering: Gathering,
    own: Vec<Input>,
    /// Stepped and not yet on the disk, in order.
    pending: VecDeque<Stepped>,
    /// The commits of the last of them, for which the store had no room yet.
    waiting: VecDeque<Commit>,
    failing: bool,
    /// Nothing more is taken in; what is there is committed.
    draining: bool,
    disk: DiskRoom,
    /// Since the last commit came back.
    progress: Stopwatch,
    row: u64,
    last_row: Stamp,
    last_open: Stamp,
    publisher: Publisher,
    snapshots: Snapshots,
    unwatched: Unwatched,
    fill: Fill,
    refusals: Arc<Refusals>,
    shedding: LoadShedding,
    ring: Arc<Ring>,
    metrics: Metrics,
    pulse: Pulse,
}

/// Runs until `drain` is cancelled and everything taken in is committed.
pub async fn run(parts: Parts, drain: CancellationToken) -> Result<(), StoreGone> {
    let Parts {
        core,
        clock,
        inbox,
        mut questions,
        fill,
        refusals,
        shedding,
        committer,
        mut reports,
        room,
        board,
        ring,
        metrics,
        pulse,
        first,
        folded,
    } = parts;
    let now = clock.stamp();
    let at_once = fill.clone();
    let was_full = core.site.is_disk_full();
    let mut pipeline = Pipeline {
        row: core.row(),
        last_row: if core.row() == 0 { now } else { core.now() },
        snapshots: Snapshots::new(folded),
        unwatched: Unwatched::new(),
        ring: Arc::clone(&ring),
        publisher: Publisher::new(board, ring, metrics.clone(), shedding.load(), core.now().at),
        fill,
        refusals,
        shedding,
        core,
        intake: BatchIntake::new(inbox, clock.clone()),
        gathering: Gathering::default(),
        clock,
        committer,
        own: first,
        pending: VecDeque::new(),
        waiting: VecDeque::new(),
        failing: false,
        draining: false,
        disk: DiskRoom::new(room, was_full),
        progress: Stopwatch::start(),
        last_open: now,
        metrics,
        pulse,
    };
    if was_full {
        pipeline.publisher.disk(true);
    }
    pipeline.turn();
    loop {
        let done = pipeline.intake.is_done(pipeline.disk.is_full());
        if pipeline.draining && done && pipeline.pending.is_empty() {
            break;
        }
        let next = pipeline.next();
        let held = pipeline.holds_devices_back();
        let sleep = pipeline.sleep(next);
        let mut asked = None;
        tokio::select! {
            biased;
            report = reports.recv() => pipeline.report(report.ok_or(StoreGone)?),
            () = drain.cancelled(), if !pipeline.draining => {
                pipeline.draining = true;
                pipeline.intake.close();
                pipeline.own.extend(pipeline.refusals.rest());
            }
            () = pipeline.intake.ready(held), if next == Next::Take && pipeline.may_take() => {}
            () = at_once.at_once(), if next != Next::Take => {}
            question = questions.next() => asked = Some(question),
            () = tokio::time::sleep(sleep) => {}
        }
        pipeline.turn();
        questions.answer(asked, &pipeline.core, pipeline.judged());
    }
    Ok(())
}

impl Pipeline {
    /// Whether another batch may be stepped now. While the store fails everything that still comes
    /// is judged: what comes is bounded by the inbox, whose room is given back only by a commit.
    fn may_take(&self) -> bool {
        self.failing || self.pending.len() < UNDER_WAY
    }

    /// What becomes of what is queued, or of what comes next.
    fn next(&self) -> Next {
        let committing = !self.pending.is_empty();
        if self.failing || self.draining || self.clock.follows_stream() {
            return Next::Take;
        }
        match self.intake.queue(self.holds_devices_back()) {
            Some(queued) => self.gathering.next(queued, committing),
            None if committing => Next::WaitForCommit,
            None => Next::Take,
        }
    }

    /// Whether what devices sent waits: the disk is full, or may be once all that is under way is written.
    fn holds_devices_back(&self) -> bool {
        let next = self.intake.next_of_device();
        self.disk.is_full() || next.is_some_and(|next| !self.disk.has(next, self.under_way()))
    }

    /// About how many bytes of the disk the batches may take that are not reported yet.
    fn under_way(&self) -> u64 {
        self.pending.iter().map(|stepped| stepped.disk_bytes).sum()
    }

    /// The disk is full from here on, or has room again.
    fn notice_full_disk(&mut self) {
        self.intake.fetch(self.disk.is_full());
        let Some(turn) = self.disk.turn(self.intake.next_of_device()) else { return };
        let full = turn == Turn::Full;
        if full {
            tracing::error!("the disk is full: nothing of devices is taken in until there is room");
        } else {
            tracing::info!("the disk has room again");
        }
        self.own.push(Input::Disk { full });
        self.publisher.disk(full);
    }

    /// Up to when the core has judged everything that falls due.
    fn judged(&self) -> Stamp {
        let now = self.clock.stamp();
        let behind = self.clock.follows_stream() || self.core.is_due(now.at);
        if behind { self.core.now() } else { now }
    }

    fn sleep(&self, next: Next) -> Duration {
        let due = self.core.next_deadline().filter(|_| !self.clock.follows_stream());
        let until = due.filter(|_| self.may_take()).map_or(TICK, |due| {
            let micros = (due - self.clock.stamp().at).as_micros().max(0);
            Duration::from_micros(micros.unsigned_abs())
        });
        let wait = if let Next::Wait(wait) = next { wait } else { TICK };
        until.min(wait).min(TICK)
    }

    /// One turn: take a batch if there is one, else let time pass.
    fn turn(&mut self) {
        let waits = self.pending.front().map_or(0.0, |stepped| stepped.taken.seconds());
        // What waits for room on the disk is no work.
        let bytes = if self.disk.is_full() { 0 } else { self.fill.bytes() };
        self.shedding.observe(Pressure { bytes, waited_s: waits });
        if waits.min(self.progress.seconds()) > STALLED_S {
            self.fail("no commit came back in time");
        }
        if self.may_take() {
            self.notice_intake_gap();
            self.notice_unwatched();
            self.notice_full_disk();
            // What strangers try waits as well: the reserve is not theirs.
            if !self.disk.is_full() {
                self.own.extend(self.refusals.due(self.clock.wall()));
            }
            let has_some = self.intake.has_some(self.holds_devices_back());
            let ready =
                has_some && (self.next() == Next::Take || self.core.is_due(self.clock.stamp().at));
            if ready || !self.own.is_empty() {
                self.take();
            } else if !has_some {
                self.pass_time();
            }
            self.last_open = self.clock.stamp();
            self.pulse.beat();
        }
        self.hand_over();
        let waits = Waits::new(&self.pending, &self.intake);
        self.publisher.tick(&mut self.core, &self.clock, waits, self.failing);
    }

    /// Gives the store what it has room for, in order.
    fn hand_over(&mut self) {
        while let Some(commit) = self.waiting.pop_front() {
            match self.committer.offer(commit) {
                Ok(()) => {}
                Err(NotTaken::Full(commit)) => return self.waiting.push_front(*commit),
                Err(NotTaken::Stopped) => return,
            }
        }
    }

    /// Intake stood still: the store stalled, the machine was suspended, or the clock leapt forward.
    fn notice_intake_gap(&mut self) {
        let (from, to) = (self.last_open.at, self.clock.stamp().at);
        if to - from > GAP_AFTER && !self.clock.follows_stream() {
            // Before anything that would let time pass: no deadline inside the gap may fire before devices could send again.
            before_all(&mut self.own, Input::IntakeGap { from, to });
        }
    }

    /// A ward whose last screen went, or whose first one came.
    fn notice_unwatched(&mut self) {
        if self.clock.follows_stream() {
            return;
        }
        if let Some(wards) = self.unwatched.news(&self.core, &self.ring) {
            self.own.push(Input::Unwatched(wards));
        }
    }

    /// Steps 1 to 4 for the next batch.
    fn take(&mut self) {
        if let Some(queued) = self.intake.queue(self.holds_devices_back()) {
            self.gathering.taken(queued);
        }
        let (disk, under_way) = (&self.disk, self.under_way());
        let has_room = |bytes| disk.has(bytes, under_way);
        let mut taken = self.intake.take(std::mem::take(&mut self.own), has_room);
        let now = taken.stamp;
        let moved = (now.offset - self.last_row.offset).as_micros();
        let stepped = moved.abs() > CLOCK_STEP.as_micros();
        if stepped {
            let (from_us, to_us) = (self.last_row.offset.as_micros(), now.offset.as_micros());
            before_all(&mut taken.inputs, Input::ClockStep { from_us, to_us });
        }
        self.metrics.clock(now.offset.as_secs_f64(), stepped);
        if self.core.now().at < Timestamp::YEAR_2000 && self.clock.follows_stream() {
            // The stream's time begins with its first message: what was registered before is not late.
            let gap = Input::IntakeGap { from: self.core.now().at, to: now.at };
            before_all(&mut taken.inputs, gap);
        }
        let out = self.core.fold(self.row + 1, now, &taken.inputs);
        self.commit(taken, out);
    }

    /// Nothing to take: fire what is due, and keep the rows coming.
    fn pass_time(&mut self) {
        if self.clock.follows_stream() {
            return;
        }
        let now = self.clock.stamp();
        let every = if self.disk.is_full() { ROW_WHILE_FULL } else { ROW_EVERY };
        let overdue = now.at - self.last_row.at >= every;
        if !overdue && !self.core.is_due(now.at) {
            return;
        }
        let advanced = self.core.advance(now);
        if overdue || !advanced.is_nothing() {
            let out = advanced.into_row();
            self.commit(Taken::nothing(now), out);
        }
    }

    fn commit(&mut self, taken: Taken, out: Output) {
        self.row = self.core.row();
        self.last_row = taken.stamp;
        self.metrics.dead_letters((taken.letters.len() + out.dead_letters.len()) as u64);
        for (fate, count) in out.fates.iter() {
            self.metrics.readings(fate.as_str(), *count);
        }
        for (reason, count) in out.refusals.iter() {
            self.metrics.refusals(reason, *count);
        }
        let (stepped, mut commit) = batch::pack(taken, out, &self.core);
        if self.failing {
            self.publisher.unconfirmed(&stepped);
        } else {
            self.snapshots.add_to(&mut commit, &self.core);
        }
        self.pending.push_back(stepped);
        self.waiting.push_back(commit);
    }

    /// Steps 5 and 6, or the news that a commit fails.
    fn report(&mut self, report: Report) {
        match report {
            Report::Committed { n, seconds, room } => {
                self.disk.measured(room);
                let Some(stepped) = self.pending.pop_front() else { return };
                debug_assert_eq!(stepped.row, n, "the store reports in order");
                self.progress = Stopwatch::start();
                self.metrics.commit(seconds, stepped.inputs);
                if self.failing {
                    self.failing = false;
                    self.own.push(Input::Store { failing: false });
                }
                self.publisher.committed(stepped, &mut self.core, self.failing);
            }
            Report::Failing { n, error } => {
                self.metrics.store_failure();
                tracing::debug!(row = n, error, "a commit failed");
                self.fail(&error);
            }
        }
    }

    /// From here on alarms are published unconfirmed, and whatever still comes is judged.
    fn fail(&mut self, why: &str) {
        if self.failing {
            return;
        }
        tracing::error!(why, "the store fails; what waits is written again until it succeeds");
        self.failing = true;
        self.own.push(Input::Store { failing: true });
        for stepped in &self.pending {
            self.publisher.unconfirmed(stepped);
        }
        self.publisher.failing();
    }
}

/// Puts an input first, though behind an upgrade: that one says which transition comes next.
fn before_all(inputs: &mut Vec<Input>, input: Input) {
    let upgraded = matches!(inputs.first(), Some(Input::Upgraded { .. }));
    inputs.insert(usize::from(upgraded), input);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_comes_before_an_upgrade() {
        let upgraded = Input::Upgraded { from: 0, next_seq: 7, held: Vec::new() };
        let stepped = Input::ClockStep { from_us: 0, to_us: 1 };
        let stalled = Input::Store { failing: true };
        for first in [upgraded.clone(), stalled.clone()] {
            let mut inputs = vec![first.clone(), stalled.clone()];
            before_all(&mut inputs, stepped.clone());
            let upgrade = first == upgraded;
            assert_eq!(inputs[usize::from(upgrade)], stepped);
            assert_eq!(inputs[usize::from(!upgrade)], first);
        }
    }
}
