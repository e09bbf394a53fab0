//! From publishes to a submission: what every source does alike with what it received.

use std::sync::Arc;

use super::access::permission;
use super::{Decode, SourceHandles};
use crate::inbox::{Receipt, Submission};
use crate::projection::view::Board;
use crate::synthetic::Synthetic;
use vitalgate_domain::model::ids::DeviceId;
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::message::{Body, Delivery, Kind, Message, Mode, RefusalReason};
use vitalgate_domain::model::message::{DeadLetter, WaveSamples};
use vitalgate_domain::model::signal::SignalTable;
use vitalgate_domain::model::time::{Span, Timestamp};
use vitalgate_formats::{Decoded, Request};

/// What is kept of a message too large to be read.
pub(super) const KEPT_OF_TOO_LARGE: usize = 1 << 10;
/// The largest packet taken, header included.
pub(super) const MAX_PACKET: usize = 256 << 10;
/// How many bytes of a topic are kept beside a refusal.
const KEPT_OF_TOPIC: usize = 256;

/// Messages of one principal, in order, on their way to one submission.
#[derive(Debug)]
pub(super) struct Bundle<'a> {
    pub(super) source: &'a SourceHandles,
    pub(super) principal: &'a DeviceId,
    pub(super) board: Arc<Board>,
    signals: Arc<SignalTable>,
    received: Timestamp,
    retention: Span,
    decode: Decode,
    inputs: Vec<Input>,
    dead_letters: Vec<DeadLetter>,
    waves: Vec<WaveSamples>,
}

/// The first of a PUBLISH of more than [`MAX_PACKET`] bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct TooLarge<'a> {
    pub(super) topic: &'a str,
    /// Length of its payload.
    pub(super) length: usize,
    /// The first of it.
    pub(super) head: &'a [u8],
}

impl<'a> Bundle<'a> {
    pub(super) fn new(
        source: &'a SourceHandles,
        principal: &'a DeviceId,
        retention: Span,
        decode: Decode,
    ) -> Self {
        Self {
            source,
            principal,
            board: source.handles.board(),
            signals: source.handles.signals(),
            received: source.handles.clock.wall(),
            retention,
            decode,
            inputs: Vec::new(),
            dead_letters: Vec::new(),
            waves: Vec::new(),
        }
    }

    /// Decodes a publish that is allowed.
    pub(super) fn decode(
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
            retention: self.retention,
            topic,
        };
        (self.decode)(&request, &self.signals)
    }

    /// Takes what was decoded.
    pub(super) fn accept(&mut self, decoded: Decoded) {
        let Decoded { message, waves, dead_letter } = decoded;
        self.inputs.push(Input::Message(Box::new(message)));
        self.waves.extend(waves);
        self.dead_letters.extend(dead_letter);
    }

    /// Takes the dead letter of a message that is allowed and too large to be read.
    pub(super) fn too_large(
        &mut self,
        device: DeviceId,
        kind: Kind,
        delivery: Delivery,
        message: TooLarge<'_>,
    ) {
        let TooLarge { topic, length, head } = message;
        self.source.handles.metrics.refused(RefusalReason::TooLarge.as_str());
        let reason = format!("larger than {} KiB", MAX_PACKET >> 10);
        let digest = ring::digest::digest(&ring::digest::SHA256, head);
        let mut hash = [0; 8];
        hash.copy_from_slice(&digest.as_ref()[..8]);
        let letter = DeadLetter {
            principal: self.principal.clone(),
            device: Some(device.clone()),
            topic: cut(topic),
            kind: Some(kind),
            reason: reason.clone(),
            length: length as u64,
            head: head.to_vec(),
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
            delivery,
            unknown_fields: 0,
            old: None,
            body: Body::Undecodable { kind, reason },
        };
        self.accept(Decoded { message, waves: Vec::new(), dead_letter: Some(letter) });
    }

    /// Takes a publish that is not allowed, of which `head` is the first: it is counted, reported to
    /// the audit, and a dead letter of its sender's.
    pub(super) fn refuse(&mut self, topic: &str, length: usize, head: &[u8]) {
        self.not_allowed(topic);
        let reason = match permission::publish_topic(topic) {
            Some((id, _)) => format!("{} may not speak for {}", self.principal, cut(id)),
            None => "not a topic that devices publish to".to_owned(),
        };
        self.dead_letters.push(DeadLetter {
            principal: self.principal.clone(),
            device: None,
            topic: cut(topic),
            kind: None,
            reason,
            length: length as u64,
            head: head[..head.len().min(KEPT_OF_TOO_LARGE)].to_vec(),
        });
    }

    /// Counts a publish that is not allowed; it is reported to the audit.
    pub(super) fn not_allowed(&self, topic: &str) {
        self.source.handles.metrics.refused("not_allowed");
        self.source.refusals.note(self.principal, topic, self.received);
    }

    /// Adds that the principal's connection came or went.
    pub(super) fn link(&mut self, connected: bool, clean: bool) {
        self.inputs.push(Input::Link { principal: self.principal.clone(), connected, clean });
    }

    /// Whether there is nothing to submit.
    pub(super) fn is_empty(&self) -> bool {
        self.inputs.is_empty() && self.dead_letters.is_empty()
    }

    /// The submission of all of it; `bytes` are those of the payloads.
    pub(super) fn submission(self, bytes: usize, receipt: Receipt) -> Submission {
        // What the gateway sends itself is in no statistic.
        let is_own = Synthetic::is_named(self.principal.as_str());
        let kind = |input: &Input| input.message().map(|message| message.body.kind());
        for of_one in self.inputs.chunk_by(|a, b| kind(a) == kind(b)) {
            if let Some(kind) = of_one.first().and_then(kind).filter(|_| !is_own) {
                let count = of_one.len() as u64;
                self.source.handles.metrics.messages(permission::word(kind), count);
            }
        }
        let mut submission = Submission::of(self.inputs, bytes, receipt);
        submission.dead_letters = self.dead_letters;
        submission.waves = self.waves;
        submission
    }
}

/// The first of a topic, as kept.
pub(super) fn cut(topic: &str) -> String {
    let end = (0..=KEPT_OF_TOPIC.min(topic.len())).rev().find(|at| topic.is_char_boundary(*at));
    topic[..end.unwrap_or(0)].to_owned()
}
