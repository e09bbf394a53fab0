//! From PUBLISH to submission: permission, decode, and a place in the line of acknowledgements.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::Shared;
use super::codec::{Connect, Publish, Version, Will, write};
use crate::inbox::{Receipt, Submission};
use crate::ingest::access::permission;
use crate::ingest::bundle::{self, Bundle, cut};
use crate::ingest::line;
use vitalgate_domain::model::ids::DeviceId;
use vitalgate_domain::model::message::{Body, Delivery, Kind};

/// What one socket read put into the line; its acknowledgements are encoded.
pub(super) type Place = line::Place<Vec<u8>>;

/// What a client can be answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Client {
    pub(super) version: Version,
    /// Whether it takes reasons in words (MQTT 5).
    pub(super) wants_reasons: bool,
}

impl Client {
    pub(super) fn of(connect: &Connect) -> Self {
        Self { version: connect.version, wants_reasons: connect.wants_reasons }
    }
}

/// The messages of one socket read, in order, on their way to one submission.
#[derive(Debug)]
pub(super) struct ListenerIntake<'a> {
    bundle: Bundle<'a>,
    client: Client,
    /// Their place in the line, so far.
    pub(super) place: Place,
    /// How many were not allowed.
    pub(super) not_allowed: u64,
    /// The topic of the first of those, cut for the log.
    pub(super) not_allowed_topic: String,
}

/// A PUBLISH that is not allowed.
#[derive(Clone, Copy)]
struct Refused<'a> {
    topic: &'a str,
    /// Length of its payload.
    length: usize,
    /// The first of it.
    head: &'a [u8],
}

/// A PUBLISH that is too large to be read.
#[derive(Debug)]
pub(super) struct TooLarge {
    pub(super) topic: String,
    pub(super) qos: u8,
    pub(super) dup: bool,
    pub(super) id: u16,
    /// Length of its payload.
    pub(super) length: usize,
    /// The first of it.
    pub(super) head: Vec<u8>,
}

impl TooLarge {
    /// A hash of what it says.
    pub(super) fn content_hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (&self.topic, self.length, &self.head).hash(&mut hasher);
        hasher.finish()
    }
}

impl Publish<'_> {
    /// A hash of what it says.
    pub(super) fn content_hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.topic, self.payload).hash(&mut hasher);
        hasher.finish()
    }
}

impl<'a> ListenerIntake<'a> {
    pub(super) fn new(shared: &'a Shared, principal: &'a DeviceId, client: Client) -> Self {
        let (retention, decode) = (shared.config.retention, shared.config.decode);
        Self {
            bundle: Bundle::new(&shared.source, principal, retention, decode),
            client,
            place: Place::default(),
            not_allowed: 0,
            not_allowed_topic: String::new(),
        }
    }

    /// Takes a message that the session does not hold yet.
    pub(super) fn publish(&mut self, publish: Publish<'_>) {
        let Publish { dup, qos, id, topic, payload } = publish;
        let Some((device, kind)) = self.allowed(topic) else {
            let message = Refused { topic, length: payload.len(), head: payload };
            return self.refuse(message, qos, id, || publish.content_hash());
        };
        let delivery = Delivery { qos, dup, ..Delivery::default() };
        let decoded = self.bundle.decode(topic, &device, kind, payload, delivery);
        self.bundle.accept(decoded);
        self.acknowledge(qos, id, || publish.content_hash(), payload.len());
    }

    /// Acknowledges a QoS 2 message that the session holds already.
    pub(super) fn again(&mut self, id: u16) {
        self.place.messages += 1;
        write::acknowledge(&mut self.place.acks, 2, id);
    }

    /// Takes the dead letter of a message too large to be read.
    pub(super) fn too_large(&mut self, message: &TooLarge) {
        let TooLarge { topic, qos, dup, id, length, head } = message;
        let Some((device, kind)) = self.allowed(topic) else {
            let refused = Refused { topic, length: *length, head };
            return self.refuse(refused, *qos, *id, || message.content_hash());
        };
        let delivery = Delivery { qos: *qos, dup: *dup, ..Delivery::default() };
        let kept = bundle::TooLarge { topic, length: *length, head };
        self.bundle.too_large(device, kind, delivery, kept);
        self.acknowledge(*qos, *id, || message.content_hash(), head.len());
    }

    /// Takes the last will of the connection, which is on the principal's own status topic.
    pub(super) fn will(&mut self, will: &Will) {
        let delivery = Delivery { qos: will.qos, ..Delivery::default() };
        let device = self.bundle.principal;
        let mut decoded =
            self.bundle.decode(&will.topic, device, Kind::Status, &will.payload, delivery);
        if let Body::Status { will, .. } = &mut decoded.message.body {
            *will = true;
        }
        self.bundle.accept(decoded);
        self.place.bytes += will.payload.len();
    }

    /// Adds that the principal's connection came or went.
    pub(super) fn link(&mut self, connected: bool, clean: bool) {
        self.bundle.link(connected, clean);
    }

    /// How many messages, and bytes of them, were taken.
    pub(super) fn sent(&self) -> (usize, usize) {
        (self.place.messages, self.place.bytes)
    }

    /// Whether there is nothing to submit.
    pub(super) fn is_empty(&self) -> bool {
        self.bundle.is_empty()
    }

    /// The submission, if there is anything to submit, and the place in the line.
    pub(super) fn finish(mut self) -> (Option<Submission>, Place) {
        if self.is_empty() {
            return (None, self.place);
        }
        let (receipt, waiting) = Receipt::new();
        self.place.waiting = Some(waiting);
        (Some(self.bundle.submission(self.place.bytes, receipt)), self.place)
    }

    /// The submission of what nobody waits for.
    pub(super) fn unawaited(self) -> Submission {
        self.bundle.submission(self.place.bytes, Receipt::unawaited())
    }

    fn allowed(&self, topic: &str) -> Option<(DeviceId, Kind)> {
        let (id, kind) = permission::publish_topic(topic)?;
        let Bundle { board, principal, .. } = &self.bundle;
        Some((permission::speaks_for(board, principal, id)?, kind))
    }

    /// A place in the line that says no. MQTT 3.1.1 has no such answer: there it is a dead letter of
    /// the principal's, acknowledged after its commit, and what comes behind it is not held up.
    fn refuse(
        &mut self,
        message: Refused<'_>,
        qos: u8,
        id: u16,
        content_hash: impl FnOnce() -> u64,
    ) {
        let Refused { topic, length, head } = message;
        if self.not_allowed == 0 {
            self.not_allowed_topic = cut(topic);
        }
        self.not_allowed += 1;
        if self.client.version == Version::V4 {
            self.bundle.refuse(topic, length, head);
            return self.acknowledge(qos, id, content_hash, head.len());
        }
        self.bundle.not_allowed(topic);
        self.place.messages += 1;
        let why = match permission::publish_topic(topic) {
            Some(_) => "this client may not speak for that device",
            None => "not a topic that devices publish to",
        };
        let why = self.client.wants_reasons.then_some(why);
        write::not_authorized(&mut self.place.acks, qos, id, why);
    }

    fn acknowledge(&mut self, qos: u8, id: u16, content_hash: impl FnOnce() -> u64, bytes: usize) {
        self.place.messages += 1;
        self.place.bytes += bytes;
        write::acknowledge(&mut self.place.acks, qos, id);
        if qos == 2 {
            self.place.exactly_once.push((id, content_hash()));
        }
    }
}
