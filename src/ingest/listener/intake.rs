//! From PUBLISH to submission: permission, decode, and a place in the line of acknowledgements.

use std::sync::Arc;

use super::Shared;
use super::codec::{MAX_PACKET, Publish, Version, Will, write};
use super::end::End;
use super::line::Place;
use super::permission;
use crate::domain::ids::DeviceId;
use crate::domain::input::Input;
use crate::domain::message::{Body, Delivery, Kind, Message, Mode, RefusalReason};
use crate::domain::signal::SignalTable;
use crate::domain::time::Timestamp;
use crate::inbox::{DeadLetter, Receipt, Submission, WaveSamples};
use crate::ingest::decode::{Decoded, Request};
use crate::view::Board;

/// What is kept of a message too large to be read.
pub(super) const KEPT_OF_TOO_LARGE: usize = 1 << 10;
/// How many bytes of a topic are kept beside a refusal.
const KEPT_OF_TOPIC: usize = 256;

/// The messages of one socket read, in order, on their way to one submission.
#[derive(Debug)]
pub(super) struct Intake<'a> {
    shared: &'a Shared,
    principal: &'a DeviceId,
    version: Version,
    board: Arc<Board>,
    signals: Arc<SignalTable>,
    received: Timestamp,
    inputs: Vec<Input>,
    dead_letters: Vec<DeadLetter>,
    waves: Vec<WaveSamples>,
    /// Their place in the line, so far.
    pub(super) place: Place,
    /// How many were not allowed.
    pub(super) not_allowed: u64,
    /// The topic of the first of those, cut for the log.
    pub(super) not_allowed_topic: String,
}

/// A PUBLISH of more than [`MAX_PACKET`] bytes.
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

impl<'a> Intake<'a> {
    pub(super) fn new(shared: &'a Shared, principal: &'a DeviceId, version: Version) -> Self {
        let context = &shared.context;
        Self {
            shared,
            principal,
            version,
            board: Arc::clone(&context.board.borrow()),
            signals: Arc::clone(&context.signals.borrow()),
            received: context.clock.wall(),
            inputs: Vec::new(),
            dead_letters: Vec::new(),
            waves: Vec::new(),
            place: Place::default(),
            not_allowed: 0,
            not_allowed_topic: String::new(),
        }
    }

    /// Takes a message that the session does not hold yet.
    pub(super) fn publish(&mut self, publish: &Publish) -> Result<(), End> {
        let Some((device, kind)) = self.allowed(&publish.topic) else {
            return self.refuse(&publish.topic, publish.qos, publish.id);
        };
        let delivery = Delivery { qos: publish.qos, dup: publish.dup, ..Delivery::default() };
        let decoded = self.decode(&publish.topic, &device, kind, &publish.payload, delivery);
        self.accept(decoded);
        self.acknowledge(publish.qos, publish.id, publish.payload.len());
        Ok(())
    }

    /// Acknowledges a QoS 2 message that the session holds already.
    pub(super) fn again(&mut self, id: u16) {
        self.place.messages += 1;
        write::acknowledge(&mut self.place.acks, 2, id);
    }

    /// Takes the dead letter of a message too large to be read.
    pub(super) fn too_large(&mut self, message: TooLarge) -> Result<(), End> {
        let TooLarge { topic, qos, dup, id, length, head } = message;
        let Some((device, kind)) = self.allowed(&topic) else {
            return self.refuse(&topic, qos, id);
        };
        self.shared.context.metrics.refused(RefusalReason::TooLarge.as_str());
        let reason = format!("larger than {} KiB", MAX_PACKET >> 10);
        let digest = ring::digest::digest(&ring::digest::SHA256, &head);
        let mut hash = [0; 8];
        hash.copy_from_slice(&digest.as_ref()[..8]);
        let bytes = head.len();
        let letter = DeadLetter {
            principal: self.principal.clone(),
            device: Some(device.clone()),
            topic: cut(&topic),
            kind: Some(kind),
            reason: reason.clone(),
            length: length as u64,
            head,
        };
        let message = Message {
            principal: self.principal.clone(),
            device,
            boot: None,
            seq: None,
            sent_at: None,
            mode: Mode::Real,
            clock: None,
            relay: None,
            hash: u64::from_be_bytes(hash),
            delivery: Delivery { qos, dup, ..Delivery::default() },
            unknown_fields: 0,
            body: Body::Undecodable { kind, reason },
        };
        self.accept(Decoded { message, waves: Vec::new(), dead_letter: Some(letter) });
        self.acknowledge(qos, id, bytes);
        Ok(())
    }

    /// Takes the last will of the connection, which is on the principal's own status topic.
    pub(super) fn will(&mut self, will: &Will) {
        let delivery = Delivery { qos: will.qos, ..Delivery::default() };
        let device = self.principal.clone();
        let mut decoded = self.decode(&will.topic, &device, Kind::Status, &will.payload, delivery);
        if let Body::Status { will, .. } = &mut decoded.message.body {
            *will = true;
        }
        self.accept(decoded);
        self.place.bytes += will.payload.len();
    }

    /// Adds that the principal's connection came or went.
    pub(super) fn link(&mut self, connected: bool, clean: bool) {
        self.inputs.push(Input::Link { principal: self.principal.clone(), connected, clean });
    }

    /// Whether there is nothing to submit.
    pub(super) fn is_empty(&self) -> bool {
        self.inputs.is_empty()
    }

    /// The submission, if there is anything to submit, and the place in the line.
    pub(super) fn finish(mut self) -> (Option<Submission>, Place) {
        if self.is_empty() {
            return (None, self.place);
        }
        let (receipt, waiting) = Receipt::new();
        let submission = self.submission(receipt);
        self.place.waiting = Some(waiting);
        (Some(submission), self.place)
    }

    /// The submission of what nobody waits for.
    pub(super) fn unheard(mut self) -> Submission {
        self.submission(Receipt::unheard())
    }

    fn submission(&mut self, receipt: Receipt) -> Submission {
        let mut submission =
            Submission::of(std::mem::take(&mut self.inputs), self.place.bytes, receipt);
        submission.dead_letters = std::mem::take(&mut self.dead_letters);
        submission.waves = std::mem::take(&mut self.waves);
        submission
    }

    fn allowed(&self, topic: &str) -> Option<(DeviceId, Kind)> {
        let (id, kind) = permission::publish_topic(topic)?;
        Some((permission::speaks_for(&self.board, self.principal, id)?, kind))
    }

    /// A place in the line that says no, or in MQTT 3.1.1, which has no such answer, the end.
    fn refuse(&mut self, topic: &str, qos: u8, id: u16) -> Result<(), End> {
        self.shared.context.metrics.refused("not_allowed");
        if self.not_allowed == 0 {
            self.not_allowed_topic = cut(topic);
        }
        self.not_allowed += 1;
        match self.version {
            Version::V4 => Err(End::NotAllowed),
            Version::V5 => {
                self.place.messages += 1;
                write::not_authorized(&mut self.place.acks, qos, id);
                Ok(())
            }
        }
    }

    fn decode(
        &self,
        topic: &str,
        device: &DeviceId,
        kind: Kind,
        payload: &[u8],
        delivery: Delivery,
    ) -> Decoded {
        let request = Request {
            principal: self.principal,
            device,
            kind,
            payload,
            delivery,
            received: self.received,
            retention: self.shared.config.retention,
            topic,
        };
        (self.shared.config.decode)(&request, &self.signals)
    }

    fn accept(&mut self, decoded: Decoded) {
        let Decoded { message, waves, dead_letter } = decoded;
        let context = &self.shared.context;
        context.metrics.message(permission::word(message.body.kind()));
        self.inputs.push(Input::Message(Box::new(message)));
        self.waves.extend(waves);
        self.dead_letters.extend(dead_letter);
    }

    fn acknowledge(&mut self, qos: u8, id: u16, bytes: usize) {
        self.place.messages += 1;
        self.place.bytes += bytes;
        write::acknowledge(&mut self.place.acks, qos, id);
        if qos == 2 {
            self.place.exactly_once.push(id);
        }
    }
}

fn cut(topic: &str) -> String {
    let end = (0..=KEPT_OF_TOPIC.min(topic.len())).rev().find(|at| topic.is_char_boundary(*at));
    topic[..end.unwrap_or(0)].to_owned()
}
