//! The one way into the pipeline: bounded submissions, each with its receipt.
//!
//! A receipt released means "committed, with one fsync". A receipt dropped means "not accepted":
//! the connection that holds the other end must close, because only that makes a client send again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::clock::Stopwatch;
use vitalgate_domain::model::command::CommandAnswer;
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::message::{Body, DeadLetter, WaveSamples};

/// The inbox is bounded in bytes (docs/architecture.md).
pub const INBOX_BYTES: usize = 8 << 20;
/// Submissions in the channel; the byte bound is the one that matters, this one only sizes it.
const INBOX_SLOTS: usize = 4_096;
/// What one input, and one commit, may take of the disk beside its payload.
const PER_INPUT: usize = 2 << 10;
const PER_COMMIT: usize = 64 << 10;
/// What a submission of a device takes of the disk at least.
pub(crate) const SMALLEST_ON_DISK: u64 = (PER_INPUT + PER_COMMIT) as u64;
/// Commands have a room of their own, so that no flood of messages and no full disk holds them up.
const COMMANDS_BYTES: usize = 1 << 20;
/// What a submission costs beyond its payloads: headers, receipt, bookkeeping.
const OVERHEAD_BYTES: usize = 128;
/// So many inputs are worth a commit of their own.
pub(crate) const ENOUGH: usize = 128;

/// What one connection hands over at a time, in the order received.
#[derive(Debug)]
pub struct Submission {
    /// Decoded inputs, in order.
    pub inputs: Vec<Input>,
    /// Raw bytes of what could not be decoded.
    pub dead_letters: Vec<DeadLetter>,
    /// Samples of accepted wave chunks.
    pub waves: Vec<WaveSamples>,
    /// Released after the commit.
    pub receipt: Receipt,
    /// Payload bytes, for the bounds.
    pub bytes: usize,
    /// How many of the inputs are commands; each has its answer.
    pub commands: usize,
    /// Whether it is what people and the gateway itself have to say, nothing of devices: it goes on where the disk is
    /// full.
    pub not_of_devices: bool,
    /// Whether it waits for no others to share its commit: that, or an event.
    pub waits_for_none: bool,
    /// Runs since it was made, at the socket.
    pub since: Stopwatch,
    room: Option<Room>,
}

/// Room in the inbox, given back on drop.
#[derive(Debug)]
struct Room {
    _bytes: OwnedSemaphorePermit,
    messages: usize,
    inflight: Arc<AtomicUsize>,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.inflight.fetch_sub(self.messages, Ordering::Relaxed);
    }
}

/// Answers exactly once, by release after the commit or by drop.
#[derive(Debug)]
pub struct Receipt(Option<oneshot::Sender<Committed>>);

/// What a released receipt says: the answers to the submission's commands, in order.
#[derive(Debug, Default)]
pub struct Committed {
    /// One for each command.
    pub answers: Vec<CommandAnswer>,
}

/// The waiting end of a receipt; an error means "not accepted".
pub type Waiting = oneshot::Receiver<Committed>;

impl Receipt {
    /// A receipt and the end that waits for it.
    pub fn new() -> (Self, Waiting) {
        let (tx, rx) = oneshot::channel();
        (Self(Some(tx)), rx)
    }

    /// For inputs nobody waits for.
    pub fn unawaited() -> Self {
        Self(None)
    }

    /// Says "committed". A waiting end that is gone is no error: its connection closed meanwhile.
    pub fn release(mut self, committed: Committed) {
        if let Some(tx) = self.0.take() {
            drop(tx.send(committed));
        }
    }
}

impl Submission {
    /// About how many bytes of the disk it may take, with what is made of it: rows, history, transitions.
    pub fn disk_bytes(&self) -> u64 {
        let entries = self.inputs.len() + self.dead_letters.len();
        (4 * self.bytes + PER_INPUT * entries + PER_COMMIT) as u64
    }

    /// A submission of inputs only.
    pub fn of(inputs: Vec<Input>, bytes: usize, receipt: Receipt) -> Self {
        let commands = inputs.iter().filter(|input| matches!(input, Input::Command(_))).count();
        let of_device = |input: &Input| matches!(input, Input::Message(_) | Input::Link { .. });
        let not_of_devices = !inputs.is_empty() && !inputs.iter().any(of_device);
        let waits_for_none = not_of_devices || inputs.iter().any(is_event);
        Self {
            inputs,
            waits_for_none,
            dead_letters: Vec::new(),
            waves: Vec::new(),
            receipt,
            bytes,
            commands,
            not_of_devices,
            since: Stopwatch::start(),
            room: None,
        }
    }
}

fn is_event(input: &Input) -> bool {
    input.message().is_some_and(|message| matches!(message.body, Body::Events { .. }))
}

/// The sending side; cheap to clone.
#[derive(Debug, Clone)]
pub struct Inbox {
    tx: mpsc::Sender<Submission>,
    bytes: Arc<Semaphore>,
    commands: Arc<Semaphore>,
    messages: Arc<AtomicUsize>,
    at_once: Arc<Notify>,
}

/// How full an inbox is.
#[derive(Debug, Clone)]
pub struct Fill {
    bytes: Arc<Semaphore>,
    at_once: Arc<Notify>,
}

impl Fill {
    /// Bytes taken in and not committed.
    pub fn bytes(&self) -> usize {
        INBOX_BYTES.saturating_sub(self.bytes.available_permits())
    }

    /// Waits until something comes that waits for no company, or with what comes enough is not committed.
    pub async fn at_once(&self) {
        self.at_once.notified().await;
    }
}

/// The pipeline is gone; nothing more will be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the gateway is shutting down")]
pub struct Closed;

impl Inbox {
    /// The inbox and its receiving end.
    pub fn new() -> (Self, mpsc::Receiver<Submission>) {
        let (tx, rx) = mpsc::channel(INBOX_SLOTS);
        let bytes = Arc::new(Semaphore::new(INBOX_BYTES));
        let commands = Arc::new(Semaphore::new(COMMANDS_BYTES));
        let (messages, at_once) = (Arc::default(), Arc::default());
        (Self { tx, bytes, commands, messages, at_once }, rx)
    }

    /// Messages and bytes taken in and not yet committed.
    pub fn inflight(&self) -> (usize, usize) {
        let bytes = INBOX_BYTES.saturating_sub(self.bytes.available_permits());
        (self.messages.load(Ordering::Relaxed), bytes)
    }

    /// How full it is: what was handed over and is not yet committed.
    pub fn fill(&self) -> Fill {
        Fill { bytes: Arc::clone(&self.bytes), at_once: Arc::clone(&self.at_once) }
    }

    /// Waits for room, then hands over. Dropping the future while it waits hands over nothing.
    pub async fn submit(&self, mut submission: Submission) -> Result<(), Closed> {
        let (room, most) = if submission.not_of_devices {
            (&self.commands, COMMANDS_BYTES)
        } else {
            (&self.bytes, INBOX_BYTES)
        };
        let cost = (submission.bytes + OVERHEAD_BYTES).min(most) as u32;
        let permit = Arc::clone(room).acquire_many_owned(cost).await.map_err(|_| Closed)?;
        let (messages, inflight) = (submission.inputs.len(), Arc::clone(&self.messages));
        let before = inflight.fetch_add(messages, Ordering::Relaxed);
        let at_once = submission.waits_for_none || before + messages >= ENOUGH;
        submission.room = Some(Room { _bytes: permit, messages, inflight });
        self.tx.send(submission).await.map_err(|_| Closed)?;
        if at_once {
            self.at_once.notify_one();
        }
        Ok(())
    }
}
