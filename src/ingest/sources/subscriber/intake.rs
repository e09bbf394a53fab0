//! From what the broker sent to a submission: permission, decode, and a place in the line of
//! acknowledgements. Every message has its place, whatever becomes of it: what is not acknowledged
//! would be sent again for ever.

use super::Shared;
use super::client::{Ack, Content, Publish};
use crate::inbox::{Receipt, Submission};
use crate::ingest::SourceHandles;
use crate::ingest::access::permission;
use crate::ingest::bundle::{Bundle, TooLarge};
use crate::ingest::line;
use vitalgate_domain::model::ids::DeviceId;
use vitalgate_domain::model::message::{Delivery, Kind, Mode};

/// What one read put into the line.
pub(super) type Place = line::Place<Acks>;

/// What follows from a commit.
#[derive(Debug, Default)]
pub(super) struct Acks {
    /// The messages to acknowledge, in order.
    pub(super) due: Vec<Ack>,
    /// The last own probe among them.
    pub(super) probe: Option<u64>,
    /// How many own probes.
    pub(super) probes: usize,
}

/// What a message costs beyond its bytes, so that small ones are bounded as well.
const OVERHEAD: usize = 128;

/// The messages of one read, in order, on their way to one submission.
pub(super) struct SubscriberIntake<'a> {
    shared: &'a Shared,
    bundle: Bundle<'a>,
    place: Place,
    not_allowed: u64,
}

impl<'a> SubscriberIntake<'a> {
    pub(super) fn new(shared: &'a Shared) -> Self {
        let config = &shared.config;
        Self {
            shared,
            bundle: Bundle::new(&shared.source, &config.id, config.retention, config.decode),
            place: Place::default(),
            not_allowed: 0,
        }
    }

    /// Takes a message. `resumed` says that it waited in the session while nobody listened. Gives
    /// the number of an own probe.
    pub(super) fn publish(&mut self, publish: &Publish, resumed: bool) -> Option<u64> {
        let Publish { topic, qos, dup, retained, id: _, content } = publish;
        self.place.messages += 1;
        let size = match content {
            Content::Whole(payload) => payload.len(),
            Content::TooLarge { head, .. } => head.len(),
        };
        self.place.bytes += size + topic.len() + OVERHEAD;
        self.place.acks.due.extend(publish.ack());
        let Some((device, kind)) = self.allowed(topic) else {
            self.refuse(topic, content);
            return None;
        };
        let delivery = Delivery { qos: *qos, dup: *dup, retained: *retained, resumed };
        match content {
            Content::Whole(payload) => self.take(topic, &device, kind, payload, delivery),
            Content::TooLarge { length, head } => {
                let message = TooLarge { topic, length: *length, head };
                self.bundle.too_large(device, kind, delivery, message);
                None
            }
        }
    }

    /// The submission and its place in the line, if there was any message.
    pub(super) fn finish(mut self) -> Option<(Submission, Place)> {
        if self.place.messages == 0 {
            return None;
        }
        if self.not_allowed > 0 {
            let (broker, count) = (&self.shared.config.id, self.not_allowed);
            tracing::debug!(%broker, count, "messages the broker may not bring");
        }
        let (receipt, waiting) = Receipt::new();
        self.place.waiting = Some(waiting);
        Some((self.bundle.submission(self.place.bytes, receipt), self.place))
    }

    fn take(
        &mut self,
        topic: &str,
        device: &DeviceId,
        kind: Kind,
        payload: &[u8],
        delivery: Delivery,
    ) -> Option<u64> {
        let decoded = self.bundle.decode(topic, device, kind, payload, delivery);
        let message = &decoded.message;
        let is_own = message.mode == Mode::Probe
            && *device == self.shared.config.id
            && self.shared.proof().is_own(message.boot);
        let probe = message.seq.filter(|_| is_own);
        if probe.is_some() {
            self.place.acks.probe = probe;
            self.place.acks.probes += 1;
        }
        self.bundle.accept(decoded);
        probe
    }

    fn allowed(&self, topic: &str) -> Option<(DeviceId, Kind)> {
        let (id, kind) = permission::publish_topic(topic)?;
        let Bundle { board, principal, .. } = &self.bundle;
        let config = &self.shared.config;
        let whom = config.speaks_for;
        let device = permission::brings(board, principal, id, whom, config.unknown)?;
        let SourceHandles { refusals, handles, .. } = &self.shared.source;
        refusals.admits(board, &device, handles.clock.wall()).then_some((device, kind))
    }

    /// What the broker may not bring, or what is no topic of a device, is kept as a dead letter.
    fn refuse(&mut self, topic: &str, content: &Content) {
        self.not_allowed += 1;
        match content {
            Content::Whole(payload) => self.bundle.refuse(topic, payload.len(), payload),
            Content::TooLarge { length, head } => self.bundle.refuse(topic, *length, head),
        }
    }
}
