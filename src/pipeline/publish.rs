//! Releasing receipts, and publishing the board and the events that follow from a commit.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;
use tokio::sync::watch;

use super::batch::{BatchIntake, Stepped};
use crate::clock::{Clock, Stamp, Stopwatch};
use crate::inbox::{Committed, Submission};
use crate::pipeline::load_shedding::{Load, Work};
use crate::pipeline::stored::StoredAlarm;
use crate::pipeline::stream_share::StreamShare;
use crate::projection::board;
use crate::projection::ring::{Frame, Ring};
use crate::projection::view::{Board, DeviceView};
use crate::telemetry::{Hop, Metrics};
use vitalgate_domain::core::Core;
use vitalgate_domain::model::alarm::{Alarm, TimeQuality};
use vitalgate_domain::model::command::CommandAnswer;
use vitalgate_domain::model::ids::{DeviceId, PatientId};
use vitalgate_domain::model::input::Stretch;
use vitalgate_domain::model::time::Timestamp;
use vitalgate_domain::output::transition::{Change, Transition, TransitionBody};

/// The board follows readings alone at most so often; commands and alarms move it at once.
const REFRESH_EVERY_S: f64 = 0.25;
/// Where thousands changed, that takes long: it takes no more than this part of the time,
const REFRESH_SHARE: f64 = 0.02;
/// but the board follows at least so often.
const REFRESH_AT_LEAST_EVERY_S: f64 = 1.0;
/// `vitals` at most once a second by patient (contract §6).
const VITALS_EVERY_S: f64 = 1.0;
/// The same where live numbers are shed.
const RARE_VITALS_EVERY_S: f64 = 5.0;
/// Of the numbers of one patient, and of what is told of one device, all streams get no more than that.
const VITALS_BYTES_A_SECOND: usize = 16 << 10;
const DEVICE_BYTES_A_SECOND: usize = 2 << 10;
/// `device` at most once in so long by device.
const DEVICE_EVERY_S: f64 = 1.0;
/// `heartbeat` (contract §6).
const HEARTBEAT_EVERY_S: f64 = 2.0;

#[derive(Debug)]
pub(super) struct Publisher {
    sender: watch::Sender<Arc<Board>>,
    board: Board,
    ring: Arc<Ring>,
    metrics: Metrics,
    load: Load,
    restless: BTreeSet<PatientId>,
    share_of_patients: StreamShare<PatientId>,
    /// Devices that changed and are not published yet, each as it was published last.
    changed: BTreeMap<DeviceId, Option<Arc<DeviceView>>>,
    share_of_devices: StreamShare<DeviceId>,
    refreshed: Stopwatch,
    /// How long the last refresh took, in seconds.
    refresh_took: f64,
    /// Since live numbers were published.
    published_vitals: Stopwatch,
    /// Since they were published or shed.
    passed_vitals: Stopwatch,
    beat: Option<Stopwatch>,
    /// Judged and committed up to here, in the gateway's own time.
    judged_at: Timestamp,
}

impl Publisher {
    /// Goes on from the board that `sender` holds, which is the core's.
    pub(super) fn new(
        sender: watch::Sender<Arc<Board>>,
        ring: Arc<Ring>,
        metrics: Metrics,
        load: Load,
        judged_at: Timestamp,
    ) -> Self {
        let board = Board::clone(&sender.borrow());
        Self {
            sender,
            board,
            ring,
            metrics,
            load,
            restless: BTreeSet::new(),
            share_of_patients: StreamShare::new(VITALS_BYTES_A_SECOND, 0.0),
            changed: BTreeMap::new(),
            share_of_devices: StreamShare::new(DEVICE_BYTES_A_SECOND, DEVICE_EVERY_S),
            refreshed: Stopwatch::start(),
            refresh_took: 0.0,
            published_vitals: Stopwatch::start(),
            passed_vitals: Stopwatch::start(),
            beat: None,
            judged_at,
        }
    }

    /// A batch is on the disk: receipts nobody will ask about at once, the board, the answers to
    /// commands, and the events, which speak of the board.
    pub(super) fn committed(&mut self, stepped: Stepped, core: &mut Core, failing: bool) {
        let Stepped { now, transitions, bodies, taken, waited_s, done, synthetic, .. } = stepped;
        self.judged_at = self.judged_at.max(now.at);
        let (commands, messages): (Vec<_>, Vec<_>) =
            done.into_iter().partition(|(submission, _)| submission.commands > 0);
        let someone_new = core.devices.len() > self.board.devices.len();
        if someone_new {
            self.send(core, now);
        }
        release(messages);
        self.board.synthetic = synthetic.or(self.board.synthetic);
        if !transitions.is_empty() || failing != self.board.store_failing || synthetic.is_some() {
            self.board.store_failing = failing;
            self.take_alarms(&transitions);
            self.send(core, now);
        }
        release(commands);
        let seconds = taken.seconds();
        for transition in &transitions {
            self.measure(transition, waited_s, seconds);
        }
        let frames: Vec<Frame> = transitions
            .iter()
            .zip(bodies)
            .filter_map(|(transition, body)| frame(transition, body, true))
            .collect();
        if !frames.is_empty() {
            self.ring.publish(frames);
        }
    }

    /// Alarms of a batch that waits while the store fails: published at once, without an id.
    pub(super) fn unconfirmed(&mut self, stepped: &Stepped) {
        let mut frames = Vec::new();
        for transition in &stepped.transitions {
            if let TransitionBody::Alarm { alarm, .. } = &transition.body {
                self.board.judged_unconfirmed(alarm);
                frames.extend(frame(transition, StoredAlarm::new(alarm, false).json(), false));
            }
        }
        if !frames.is_empty() {
            self.sender.send_replace(Arc::new(self.board.clone()));
            self.ring.publish(frames);
        }
    }

    /// Commits fail from here on.
    pub(super) fn failing(&mut self) {
        self.board.store_failing = true;
        self.sender.send_replace(Arc::new(self.board.clone()));
    }

    /// The disk is full from here on, or no more.
    pub(super) fn disk(&mut self, full: bool) {
        self.board.disk_full = full;
        self.sender.send_replace(Arc::new(self.board.clone()));
    }

    /// What is due by the passing of time: the board, vitals, the heartbeat.
    pub(super) fn tick(&mut self, core: &mut Core, clock: &Clock, waits: Waits, failing: bool) {
        let now = if clock.follows_stream() { core.now() } else { clock.stamp() };
        if waits.inputs == 0 {
            self.judged_at = self.judged_at.max(now.at);
        }
        // While the store fails the core is ahead of what is on the disk: the board stays behind.
        if self.refreshed.seconds() >= pause_after(self.refresh_took) && !failing {
            self.board.unjudged = (waits.inputs, waits.oldest_s);
            self.send(core, now);
        }
        if self.passed_vitals.seconds() >= VITALS_EVERY_S {
            self.pass_vitals();
            self.publish_devices();
            self.share_of_patients.tidy();
            self.share_of_devices.tidy();
        }
        if self.beat.is_none_or(|beat| beat.seconds() >= HEARTBEAT_EVERY_S) {
            self.beat = Some(Stopwatch::start());
            self.heartbeat(now, waits, failing);
        }
    }

    fn send(&mut self, core: &mut Core, now: Stamp) {
        let begun = Stopwatch::start();
        let changed = core.take_changed();
        let before = Arc::clone(&self.board.devices);
        board::refresh(&mut self.board, core, &changed);
        self.board.judged_to = now.shown(self.judged_at);
        self.sender.send_replace(Arc::new(self.board.clone()));
        for id in changed.devices {
            let was = before.get(&id).cloned();
            self.changed.entry(id).or_insert(was);
        }
        self.publish_devices();
        self.restless.extend(changed.patients);
        self.refresh_took = begun.seconds();
        self.refreshed = Stopwatch::start();
    }

    /// Devices that changed, each as often as its share of the streams allows.
    fn publish_devices(&mut self) {
        let (devices, share) = (&self.board.devices, &mut self.share_of_devices);
        let mut frames = Vec::new();
        self.changed.retain(|id, was| {
            let Some(now) = devices.get(id) else { return false };
            if !share.may(id) {
                return true;
            }
            if let Some(frame) = device_frame(was.as_ref(), now) {
                share.took(id, frame.data.len());
                frames.push(frame);
            }
            false
        });
        if !frames.is_empty() {
            self.ring.publish(frames);
        }
    }

    fn take_alarms(&mut self, transitions: &[Transition]) {
        for transition in transitions {
            self.board.seq = transition.seq;
            if let TransitionBody::Alarm { alarm, .. } = &transition.body {
                self.board.confirmed(alarm);
            }
        }
    }

    /// A second has passed in which live numbers may be published; under load most of them are not.
    fn pass_vitals(&mut self) {
        self.passed_vitals = Stopwatch::start();
        if self.load.is_shed(Work::Vitals) && self.published_vitals.seconds() < RARE_VITALS_EVERY_S
        {
            self.metrics.shed(Work::Vitals.as_str());
        } else {
            self.publish_vitals();
        }
    }

    fn publish_vitals(&mut self) {
        self.published_vitals = Stopwatch::start();
        let restless = std::mem::take(&mut self.restless);
        if self.metrics.watching() == 0 {
            return;
        }
        let (restless, rest): (BTreeSet<_>, _) =
            restless.into_iter().partition(|patient| self.share_of_patients.may(patient));
        self.restless = rest;
        let frames: Vec<Frame> = board::present(&self.board, &restless)
            .map(|view| Frame {
                index: 0,
                raised: None,
                event: "vitals",
                seq: None,
                ward: view.ward.clone(),
                moved: false,
                patient: Some(view.id.clone()),
                device: None,
                data: Bytes::from(board::vitals_frame(view).to_string()),
            })
            .collect();
        for frame in &frames {
            if let Some(patient) = &frame.patient {
                self.share_of_patients.took(patient, frame.data.len());
            }
        }
        if !frames.is_empty() {
            self.ring.publish(frames);
        }
    }

    fn heartbeat(&mut self, now: Stamp, waits: Waits, failing: bool) {
        let data = json!({
            "server_time": now.wall(),
            "judged_to": now.shown(self.judged_at),
            "seq": self.board.seq,
            "unjudged": waits.inputs,
            "oldest_unjudged_s": waits.oldest_s,
            "store": match (failing, self.board.disk_full) {
                (true, _) => "failing",
                (false, true) => "full",
                (false, false) => "ok",
            },
            "silent_devices": self.board.silent_devices(),
            "watchers": self.metrics.watching(),
        });
        self.ring.publish([Frame {
            index: 0,
            raised: None,
            event: "heartbeat",
            seq: None,
            ward: None,
            moved: false,
            patient: None,
            device: None,
            data: Bytes::from(data.to_string()),
        }]);
    }

    fn measure(&self, transition: &Transition, waited_s: Option<f64>, committed_s: f64) {
        let TransitionBody::Alarm { change, alarm, .. } = &transition.body else { return };
        self.metrics.alarm(change.as_str());
        if change.announces() && !alarm.is_shown_only() {
            let seconds = waited_s.unwrap_or_default() + committed_s;
            self.metrics.kept_time(Stretch::Announced, alarm.priority, seconds);
        }
        if *change != Change::Raised {
            return;
        }
        if let Some(seconds) = on_the_way(alarm) {
            self.metrics.alarm_latency(Hop::Device, alarm.priority, seconds);
        }
        if let Some(seconds) = waited_s {
            self.metrics.alarm_latency(Hop::Inbox, alarm.priority, seconds);
        }
        self.metrics.alarm_latency(Hop::Commit, alarm.priority, committed_s);
    }
}

/// How long the board is left as it is after a refresh that took so long, in seconds.
fn pause_after(refresh_took: f64) -> f64 {
    (refresh_took / REFRESH_SHARE).clamp(REFRESH_EVERY_S, REFRESH_AT_LEAST_EVERY_S)
}

/// From the measurement to the gateway, in seconds, as far as the device's clock can say. What came
/// late waited elsewhere, and is no latency of an alarm that sounds now.
fn on_the_way(alarm: &Alarm) -> Option<f64> {
    let trigger = &alarm.trigger;
    match trigger.time_quality {
        TimeQuality::Synced | TimeQuality::Estimated if !alarm.late => {
            Some((trigger.received_at? - trigger.measured_at?).as_secs_f64().max(0.0))
        }
        TimeQuality::Synced
        | TimeQuality::Estimated
        | TimeQuality::Arrival
        | TimeQuality::Unknown => None,
    }
}

fn frame(transition: &Transition, body: String, confirmed: bool) -> Option<Frame> {
    match &transition.body {
        TransitionBody::Alarm { alarm, change, .. } => Some(Frame {
            index: 0,
            raised: (confirmed && *change == Change::Raised)
                .then(|| (alarm.priority, Stopwatch::start())),
            event: "alarm",
            seq: confirmed.then_some(transition.seq),
            moved: *change == Change::Moved,
            ward: alarm.ward_shown().cloned(),
            patient: alarm.patient.clone(),
            device: None,
            data: Bytes::from(body),
        }),
        TransitionBody::Answer { .. }
        | TransitionBody::Note { .. }
        | TransitionBody::NotAllowed { .. }
        | TransitionBody::SignInsFailed(_) => None,
    }
}

/// A device whose reachability, binding or right to connect changed.
fn device_frame(before: Option<&Arc<DeviceView>>, now: &Arc<DeviceView>) -> Option<Frame> {
    let gist = |view: &DeviceView| (view.connectivity, view.patient.clone(), view.revoked);
    if before.is_some_and(|before| gist(before) == gist(now)) {
        return None;
    }
    Some(Frame {
        index: 0,
        raised: None,
        event: "device",
        seq: None,
        moved: false,
        ward: None,
        patient: now.patient.clone(),
        device: Some(now.id.clone()),
        data: Bytes::from(serde_json::to_string(&**now).ok()?),
    })
}

/// What was taken in and is not judged and committed yet.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Waits {
    inputs: u64,
    oldest_s: f64,
}

impl Waits {
    pub(super) fn new(pending: &VecDeque<Stepped>, intake: &BatchIntake) -> Self {
        let stepped: u64 = pending.iter().map(|s| s.inputs as u64).sum();
        let oldest_s = pending.front().map_or(0.0, |s| s.taken.seconds());
        Self { inputs: stepped + intake.queued() as u64, oldest_s }
    }
}

fn release(done: Vec<(Submission, Vec<CommandAnswer>)>) {
    for (submission, answers) in done {
        submission.receipt.release(Committed { answers });
    }
}

#[cfg(test)]
mod tests {
    use super::pause_after;

    #[test]
    fn the_board_keeps_its_pace_unless_that_takes_long_and_never_rests_for_more_than_a_second() {
        for (took, pause) in [(0.0, 0.25), (0.005, 0.25), (0.01, 0.5), (0.2, 1.0), (3.0, 1.0)] {
            assert!((pause_after(took) - pause).abs() < 1e-9, "{took}");
        }
    }
}
