//! Releasing receipts, and publishing the board and the events that follow from a commit.

use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;
use tokio::sync::watch;

use super::batch::Stepped;
use crate::board;
use crate::clock::{Clock, Stopwatch};
use crate::domain::alarm::AlarmKind;
use crate::domain::core::{Changed, Core};
use crate::domain::ids::PatientId;
use crate::domain::time::Timestamp;
use crate::domain::transition::{Change, Transition, TransitionBody};
use crate::inbox::Committed;
use crate::telemetry::Metrics;
use crate::view::{Board, Frame, Ring};

/// The board follows readings alone at most so often; commands and alarms move it at once.
const REFRESH_EVERY_S: f64 = 0.25;
/// `vitals` at most once a second by patient (contract §6).
const VITALS_EVERY_S: f64 = 1.0;
/// A batch that waits longer than this for its commit means trouble.
const LOADED_S: f64 = 0.5;
/// `heartbeat` (contract §6).
const HEARTBEAT_EVERY_S: f64 = 2.0;

#[derive(Debug)]
pub(super) struct Publisher {
    sender: watch::Sender<Arc<Board>>,
    board: Board,
    ring: Arc<Ring>,
    metrics: Metrics,
    changed: Changed,
    restless: BTreeSet<PatientId>,
    refreshed: Stopwatch,
    told_vitals: Stopwatch,
    beat: Option<Stopwatch>,
    judged_to: Timestamp,
}

impl Publisher {
    /// Goes on from the board that `sender` holds, which is the core's.
    pub(super) fn new(
        sender: watch::Sender<Arc<Board>>,
        ring: Arc<Ring>,
        metrics: Metrics,
    ) -> Self {
        let board = Board::clone(&sender.borrow());
        let judged_to = board.judged_to;
        Self {
            sender,
            board,
            ring,
            metrics,
            changed: Changed::default(),
            restless: BTreeSet::new(),
            refreshed: Stopwatch::start(),
            told_vitals: Stopwatch::start(),
            beat: None,
            judged_to,
        }
    }

    /// A batch is on the disk: its board first, then its receipts, then its events.
    pub(super) fn committed(&mut self, stepped: Stepped, core: &mut Core, failing: bool) {
        self.judged_to = self.judged_to.max(stepped.now.wall());
        self.collect(core);
        let someone_new =
            self.changed.devices.iter().any(|id| !self.board.devices.contains_key(id));
        if someone_new || !stepped.transitions.is_empty() || failing != self.board.store_failing {
            self.board.store_failing = failing;
            self.take_alarms(&stepped);
            self.send(core);
        }
        for (submission, answers) in stepped.done {
            submission.receipt.release(Committed { answers });
        }
        let seconds = stepped.taken.seconds();
        let frames: Vec<Frame> = stepped
            .transitions
            .iter()
            .zip(stepped.bodies)
            .filter_map(|(transition, body)| frame(transition, body, true))
            .collect();
        for transition in &stepped.transitions {
            self.measure(transition, seconds);
        }
        if !frames.is_empty() {
            self.ring.publish(frames);
        }
    }

    /// Alarms of a batch that waits while the store fails: told at once, without an id.
    pub(super) fn unconfirmed(&self, stepped: &Stepped) {
        let frames: Vec<Frame> = stepped
            .transitions
            .iter()
            .filter_map(|t| match &t.body {
                TransitionBody::Alarm { alarm, .. } => {
                    frame(t, crate::view::alarm_json(alarm, false), false)
                }
                TransitionBody::Answer { .. } | TransitionBody::Note { .. } => None,
            })
            .collect();
        if !frames.is_empty() {
            self.ring.publish(frames);
        }
    }

    /// Commits fail from here on.
    pub(super) fn failing(&mut self, failing: bool) {
        self.board.store_failing = failing;
        self.sender.send_replace(Arc::new(self.board.clone()));
    }

    /// What is due by the passing of time: the board, vitals, the heartbeat.
    pub(super) fn tick(
        &mut self,
        core: &mut Core,
        clock: &Clock,
        pending: &VecDeque<Stepped>,
        failing: bool,
        idle: bool,
    ) {
        if idle && !clock.follows_stream() {
            self.judged_to = self.judged_to.max(clock.wall());
        }
        if self.refreshed.seconds() >= REFRESH_EVERY_S {
            self.collect(core);
            self.board.unjudged = unjudged(pending);
            self.send(core);
            self.metrics.judged_lag((clock.wall() - self.judged_to).as_secs_f64());
        }
        if self.told_vitals.seconds() >= VITALS_EVERY_S {
            // Under load live numbers give way before anything that is judged or committed does.
            if unjudged(pending).1 > LOADED_S {
                self.told_vitals = Stopwatch::start();
                self.metrics.gave_way("vitals");
            } else {
                self.tell_vitals();
            }
        }
        if self.beat.is_none_or(|beat| beat.seconds() >= HEARTBEAT_EVERY_S) {
            self.beat = Some(Stopwatch::start());
            self.heartbeat(clock, pending, failing);
        }
    }

    fn collect(&mut self, core: &mut Core) {
        let Changed { devices, patients, site } = core.take_changed();
        self.restless.extend(patients.iter().cloned());
        self.changed.devices.extend(devices);
        self.changed.patients.extend(patients);
        self.changed.site |= site;
    }

    fn send(&mut self, core: &Core) {
        let changed = std::mem::take(&mut self.changed);
        board::refresh(&mut self.board, core, &changed);
        self.board.judged_to = self.judged_to;
        self.refreshed = Stopwatch::start();
        self.sender.send_replace(Arc::new(self.board.clone()));
    }

    fn take_alarms(&mut self, stepped: &Stepped) {
        let alarms = Arc::make_mut(&mut self.board.alarms);
        for transition in &stepped.transitions {
            self.board.seq = transition.seq;
            if let TransitionBody::Alarm { alarm, .. } = &transition.body {
                if alarm.is_open() {
                    alarms.insert(alarm.id.clone(), Arc::new((**alarm).clone()));
                } else {
                    alarms.remove(&alarm.id);
                }
            }
        }
    }

    fn tell_vitals(&mut self) {
        self.told_vitals = Stopwatch::start();
        let restless = std::mem::take(&mut self.restless);
        if self.metrics.watching() == 0 {
            return;
        }
        let frames: Vec<Frame> = board::present(&self.board, &restless)
            .map(|view| Frame {
                index: 0,
                event: "vitals",
                seq: None,
                ward: view.ward.clone(),
                patient: Some(view.id.clone()),
                data: Bytes::from(board::vitals_frame(view).to_string()),
            })
            .collect();
        if !frames.is_empty() {
            self.ring.publish(frames);
        }
    }

    fn heartbeat(&mut self, clock: &Clock, pending: &VecDeque<Stepped>, failing: bool) {
        let (count, oldest) = unjudged(pending);
        let silent = self
            .board
            .alarms
            .values()
            .filter(|a| a.kind == AlarmKind::Technical && a.rule.as_str() == "link.silence");
        let data = json!({
            "server_time": clock.wall(),
            "judged_to": self.judged_to,
            "seq": self.board.seq,
            "unjudged": count,
            "oldest_unjudged_s": oldest,
            "store": if failing { "failing" } else { "ok" },
            "silent_devices": silent.count(),
            "watchers": self.metrics.watching(),
        });
        self.ring.publish([Frame {
            index: 0,
            event: "heartbeat",
            seq: None,
            ward: None,
            patient: None,
            data: Bytes::from(data.to_string()),
        }]);
    }

    fn measure(&self, transition: &Transition, seconds: f64) {
        if let TransitionBody::Alarm { change, alarm, .. } = &transition.body {
            self.metrics.alarm(change.as_str());
            if *change == Change::Raised {
                self.metrics.alarm_latency(alarm.priority, seconds);
            }
        }
    }
}

fn frame(transition: &Transition, body: String, confirmed: bool) -> Option<Frame> {
    match &transition.body {
        TransitionBody::Alarm { alarm, .. } => Some(Frame {
            index: 0,
            event: "alarm",
            seq: confirmed.then_some(transition.seq),
            ward: alarm.ward.clone(),
            patient: alarm.patient.clone(),
            data: Bytes::from(body),
        }),
        TransitionBody::Answer { .. } | TransitionBody::Note { .. } => None,
    }
}

fn unjudged(pending: &VecDeque<Stepped>) -> (u64, f64) {
    let count = pending.iter().map(|s| s.inputs as u64).sum();
    (count, pending.front().map_or(0.0, |s| s.taken.seconds()))
}
