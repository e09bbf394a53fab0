//! Taking a batch from the inbox, and packing what the core made of it.

use std::collections::VecDeque;
use std::time::Duration;
use vitalgate_domain::CORE_VERSION;

use tokio::sync::mpsc;

use crate::clock::{Clock, Stamp, Stopwatch};
use crate::inbox::Submission;
use crate::pipeline::gather::Queued;
use crate::pipeline::stored::StoredAlarm;
use vitalgate_domain::core::Core;
use vitalgate_domain::core::journal::RowBody;
use vitalgate_domain::model::command::CommandAnswer;
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::message::{DeadLetter, WaveSamples};
use vitalgate_domain::model::synthetic::SyntheticSeen;
use vitalgate_domain::model::time::Timestamp;
use vitalgate_domain::output::Output;
use vitalgate_domain::output::context::AlarmContext;
use vitalgate_domain::output::transition::{Transition, TransitionBody};
use vitalgate_store::types::{Commit, RaisedOn, Row, StoredTransition};

/// A batch is bounded (docs/architecture.md).
const BATCH_BYTES: usize = 4 << 20;

/// The receiving end of the inbox, and what was taken from it but not yet stepped.
#[derive(Debug)]
pub(super) struct BatchIntake {
    inbox: mpsc::Receiver<Submission>,
    clock: Clock,
    queue: VecDeque<Submission>,
    /// Payload bytes in `queue`.
    bytes: usize,
    /// Submissions in `queue` that no full disk holds up.
    not_of_devices: usize,
    closed: bool,
}

/// One batch: everything with the same stamp.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) stamp: Stamp,
    pub(super) inputs: Vec<Input>,
    pub(super) letters: Vec<DeadLetter>,
    pub(super) waves: Vec<WaveSamples>,
    /// Submissions that end with this batch, emptied; their receipts wait for its commit.
    pub(super) done: Vec<Submission>,
    /// Runs since it was taken.
    pub(super) since: Stopwatch,
    /// How long its oldest message had waited then, in seconds; `None` without any message.
    pub(super) waited_s: Option<f64>,
    /// About how many bytes of the disk it may take.
    pub(super) disk_bytes: u64,
}

/// A batch that was stepped, on its way to the disk.
#[derive(Debug)]
pub(super) struct Stepped {
    pub(super) row: u64,
    pub(super) now: Stamp,
    pub(super) inputs: usize,
    pub(super) transitions: Vec<Transition>,
    /// The alarms of contract §5 as JSON, beside their transitions.
    pub(super) bodies: Vec<String>,
    pub(super) taken: Stopwatch,
    pub(super) waited_s: Option<f64>,
    pub(super) disk_bytes: u64,
    pub(super) done: Vec<(Submission, Vec<CommandAnswer>)>,
    /// The synthetic patient, where it was in it.
    pub(super) synthetic: Option<SyntheticSeen>,
}

impl BatchIntake {
    pub(super) fn new(inbox: mpsc::Receiver<Submission>, clock: Clock) -> Self {
        Self { inbox, clock, queue: VecDeque::new(), bytes: 0, not_of_devices: 0, closed: false }
    }

    /// Takes nothing more in; what is in the inbox is still taken.
    pub(super) fn close(&mut self) {
        self.inbox.close();
    }

    /// Whether nothing will come any more. What waits for room on a full disk is never accepted: its senders keep it.
    pub(super) fn is_done(&self, full: bool) -> bool {
        self.closed && !self.has_some(full)
    }

    /// Waits until there is something to take, of devices too unless the disk is full.
    pub(super) async fn ready(&mut self, full: bool) {
        if self.not_of_devices > 0 || (!full && !self.queue.is_empty()) {
            return;
        }
        if self.closed {
            std::future::pending::<()>().await;
        }
        match self.inbox.recv().await {
            Some(submission) => self.push(submission),
            None => self.closed = true,
        }
    }

    /// Fetches up to a batch, or all there is where the disk is full: what is not of devices may stand behind it.
    pub(super) fn fetch(&mut self, full: bool) {
        while (self.bytes < BATCH_BYTES || full)
            && let Ok(submission) = self.inbox.try_recv()
        {
            self.push(submission);
        }
    }

    /// Whether there is something to take, of devices too unless the disk is full.
    pub(super) fn has_some(&self, full: bool) -> bool {
        self.not_of_devices > 0 || (!full && !self.queue.is_empty())
    }

    /// About how many bytes of the disk the next submission of a device may take.
    pub(super) fn next_of_device(&self) -> Option<u64> {
        let next = self.queue.iter().find(|submission| !submission.not_of_devices);
        next.map(Submission::disk_bytes)
    }

    /// Inputs fetched and not yet stepped.
    pub(super) fn queued(&self) -> usize {
        self.queue.iter().map(|s| s.inputs.len()).sum()
    }

    /// What may be taken now; `None` for nothing.
    pub(super) fn queue(&self, full: bool) -> Option<Queued> {
        if !self.has_some(full) {
            return None;
        }
        let age = |submission: &Submission| Duration::from_secs_f64(submission.since.seconds());
        let (oldest, newest) = (age(self.queue.front()?), age(self.queue.back()?));
        let waits_for_none = self.queue.iter().any(|submission| submission.waits_for_none);
        Some(Queued { inputs: self.queued(), oldest, newest, waits_for_none })
    }

    /// The next batch, `own` inputs first; the clock is read once. Of devices only as much as the disk has room for,
    /// in order.
    pub(super) fn take(&mut self, own: Vec<Input>, has_room: impl Fn(u64) -> bool) -> Taken {
        let mut taken = Taken {
            stamp: Stamp::default(),
            inputs: own,
            letters: Vec::new(),
            waves: Vec::new(),
            done: Vec::new(),
            since: Stopwatch::start(),
            waited_s: None,
            disk_bytes: 0,
        };
        if self.clock.follows_stream() {
            self.take_one_instant(&mut taken);
        } else {
            let mut bytes = 0;
            let mut left = VecDeque::new();
            while bytes < BATCH_BYTES
                && let Some(mut submission) = self.pop()
            {
                let disk_bytes = taken.disk_bytes + submission.disk_bytes();
                if !submission.not_of_devices && (!left.is_empty() || !has_room(disk_bytes)) {
                    left.push_back(submission);
                    continue;
                }
                bytes += submission.bytes;
                taken.disk_bytes = disk_bytes;
                taken.inputs.append(&mut submission.inputs);
                taken.end(submission);
            }
            while let Some(submission) = left.pop_back() {
                self.put_back(submission);
            }
        }
        taken.stamp = self.clock.stamp();
        taken
    }

    fn push(&mut self, submission: Submission) {
        self.bytes += submission.bytes;
        self.not_of_devices += usize::from(submission.not_of_devices);
        self.queue.push_back(submission);
    }

    fn pop(&mut self) -> Option<Submission> {
        let submission = self.queue.pop_front()?;
        self.bytes -= submission.bytes;
        self.not_of_devices -= usize::from(submission.not_of_devices);
        Some(submission)
    }

    fn put_back(&mut self, submission: Submission) {
        self.bytes += submission.bytes;
        self.not_of_devices += usize::from(submission.not_of_devices);
        self.queue.push_front(submission);
    }

    /// With `--clock stream` time moves with each message, so a batch ends where the next is newer.
    fn take_one_instant(&mut self, taken: &mut Taken) {
        let mut instant: Option<Timestamp> = None;
        while let Some(submission) = self.queue.front_mut() {
            let mut rest = std::mem::take(&mut submission.inputs).into_iter().peekable();
            while let Some(input) = rest.peek() {
                let sent_at = input.message().and_then(|message| message.sent_at);
                match (instant, sent_at) {
                    (Some(now), Some(sent_at)) if sent_at > now => break,
                    (None, Some(sent_at)) => {
                        self.clock.observe(sent_at);
                        instant = Some(self.clock.wall());
                    }
                    _ => {}
                }
                taken.inputs.extend(rest.next());
            }
            submission.inputs = rest.collect();
            if !submission.inputs.is_empty() {
                return;
            }
            if let Some(submission) = self.pop() {
                taken.end(submission);
            }
        }
    }
}

impl Taken {
    /// A batch that only says what time it is.
    pub(super) fn nothing(stamp: Stamp) -> Self {
        let (inputs, letters, waves, done) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let since = Stopwatch::start();
        Self { stamp, inputs, letters, waves, done, since, waited_s: None, disk_bytes: 0 }
    }

    fn end(&mut self, mut submission: Submission) {
        // In the order received: the first waited longest.
        self.waited_s.get_or_insert_with(|| submission.since.seconds());
        self.letters.append(&mut submission.dead_letters);
        self.waves.append(&mut submission.waves);
        self.done.push(submission);
    }
}

/// Packs what a batch caused into one commit, and keeps what its report will need.
pub(super) fn pack(taken: Taken, out: Output, core: &Core) -> (Stepped, Commit) {
    let Taken { stamp: now, inputs, letters: mut dead_letters, waves, done, .. } = taken;
    let Taken { since, waited_s, disk_bytes, .. } = taken;
    dead_letters.extend(out.dead_letters);
    let row = core.row();
    let count = inputs.len();
    let mut answers = out.transitions.iter().filter_map(answer);
    let done = done
        .into_iter()
        .map(|submission| {
            let own = answers.by_ref().take(submission.commands).cloned().collect();
            (submission, own)
        })
        .collect();
    let stored: Vec<StoredTransition> = out.transitions.iter().map(stored).collect();
    let raised = out.transitions.iter().filter_map(raised_on).collect();
    let body = RowBody::new(inputs, &out.samples, now).encode();
    let bodies = stored.iter().map(|s| s.body.clone()).collect();
    let commit = Commit {
        row: Row {
            n: row,
            at: now.at,
            offset: now.offset,
            core: CORE_VERSION,
            rules: core.configuration.hash(),
            body,
        },
        transitions: stored,
        raised,
        samples: out.samples.into_iter().map(|(_, sample)| sample).collect(),
        words: out.words,
        dead_letters,
        waves,
        snapshot: Vec::new(),
        snapshot_complete: None,
    };
    let stepped = Stepped {
        row,
        now,
        inputs: count,
        transitions: out.transitions,
        bodies,
        taken: since,
        waited_s,
        disk_bytes,
        done,
        synthetic: out.synthetic,
    };
    (stepped, commit)
}

fn answer(transition: &Transition) -> Option<&CommandAnswer> {
    match &transition.body {
        TransitionBody::Answer { answer, .. } => Some(answer),
        TransitionBody::Alarm { .. }
        | TransitionBody::Note { .. }
        | TransitionBody::NotAllowed { .. }
        | TransitionBody::SignInsFailed(_) => None,
    }
}

/// What a raised alarm was judged by, as stored beside it.
fn raised_on(transition: &Transition) -> Option<RaisedOn> {
    let TransitionBody::Alarm { alarm, context: Some(context), .. } = &transition.body else {
        return None;
    };
    let AlarmContext { series, until, limits } = &**context;
    Some(RaisedOn {
        alarm: alarm.id.clone(),
        series: series.clone(),
        until: *until,
        limits: serde_json::to_string(limits).unwrap_or_default(),
    })
}

/// A transition as stored.
pub fn stored(transition: &Transition) -> StoredTransition {
    let Transition { seq, at, body } = transition;
    let (kind, change, alarm, patient, actor, json) = match body {
        TransitionBody::Answer { actor, asked, answer } => {
            let alarm = answer.alarm.as_ref();
            let body = serde_json::json!({
                "outcome": answer.outcome, "detail": answer.detail, "version": answer.version,
                "alarm": alarm.map(|a| &a.id),
            });
            let patient = alarm.and_then(|a| a.patient.clone());
            let id = alarm.map(|a| a.id.clone());
            ("answer", *asked, id, patient, Some(actor.clone()), body.to_string())
        }
        TransitionBody::Alarm { change, actor, alarm, context: _ } => (
            "alarm",
            change.as_str(),
            Some(alarm.id.clone()),
            alarm.patient.clone(),
            actor.clone(),
            StoredAlarm::new(alarm, true).json(),
        ),
        TransitionBody::NotAllowed { principal, name, topic, count, since } => {
            let body = serde_json::json!({
                "principal": principal, "name": name, "topic": topic, "count": count,
                "since": since,
            });
            let actor = principal.as_ref().map(ToString::to_string);
            ("refusal", "not_allowed", None, None, actor, body.to_string())
        }
        // Nobody has shown to be who was named: there is no actor.
        TransitionBody::SignInsFailed(failed) => {
            let body = serde_json::json!(failed);
            ("refusal", "sign_in_failed", None, None, None, body.to_string())
        }
        TransitionBody::Note { patient, device, what, text } => {
            let body = serde_json::json!({ "device": device, "text": text });
            ("note", *what, None, patient.clone(), None, body.to_string())
        }
    };
    StoredTransition { seq: *seq, at: *at, kind, change, alarm, patient, actor, body: json }
}
