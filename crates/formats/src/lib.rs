//! Decode: the bytes of one publish become one [`Message`] (contract §2).
//!
//! Pure and total: the same request gives the same message on every machine, and no bytes make it
//! fail. What cannot be read is [`Body::Undecodable`] with a dead letter; what can be read in part
//! is taken in part, and the dead letter names the rest.
//!
//! ```text
//! json, cbor ─▶ source (values, one by one) ─▶ fields (known keys once) ─▶ meaning, then doubt
//!                                               envelope │ list of readings, events, waves │ info
//! ```
//! All of a message is read before any of it is judged, because an entry may need the message's
//! `at`, which may come last.

mod cbor;
mod dead_letter;
mod envelope;
mod events;
mod fields;
mod info;
mod json;
mod list;
mod source;
mod status;
mod telemetry;
mod value;
mod waves;
mod when;

use self::cbor::Cbor;
use self::envelope::{Envelope, Header};
use self::events::EventFields;
use self::fields::{Keys, Refusal};
use self::info::InfoFields;
use self::json::Json;
use self::list::List;
use self::source::{Item, Source, Syntax};
use self::status::StatusFields;
use self::telemetry::ReadingFields;
use self::waves::ChunkFields;
use vitalgate_domain::model::ids::DeviceId;
use vitalgate_domain::model::message::{
    Body, DeadLetter, Delivery, Kind, Message, OldByStamp, ReadingTime, RefusalReason, WaveSamples,
};
use vitalgate_domain::model::signal::SignalTable;
use vitalgate_domain::model::time::{Span, Timestamp};

/// One publish, allowed for its principal and not yet understood.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Who published it.
    pub principal: &'a DeviceId,
    /// Whom the topic speaks of.
    pub device: &'a DeviceId,
    /// The kind of topic.
    pub kind: Kind,
    /// The bytes.
    pub payload: &'a [u8],
    /// How it came.
    pub delivery: Delivery,
    /// When it arrived, by the wall clock.
    pub received: Timestamp,
    /// What was measured longer ago is refused.
    pub retention: Span,
    /// The whole topic, for dead letters.
    pub topic: &'a str,
}

/// What became of a publish.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// What it says.
    pub message: Message,
    /// Samples of the wave chunks accepted.
    pub waves: Vec<WaveSamples>,
    /// What was refused, if anything was.
    pub dead_letter: Option<DeadLetter>,
}

/// Decodes one publish.
pub fn decode(request: &Request<'_>, signals: &SignalTable) -> Decoded {
    match request.kind {
        Kind::Telemetry => read::<List<'_, ReadingFields<'_>>>(request, signals),
        Kind::Events => read::<List<'_, EventFields<'_>>>(request, signals),
        Kind::Waves => read::<List<'_, ChunkFields<'_>>>(request, signals),
        Kind::Info => read::<InfoFields<'_>>(request, signals),
        Kind::Status => read_status(request),
    }
}

/// The fields of one kind of message, beside the envelope.
trait Fields<'a>: Default {
    /// Reads the value of `key` if it is one of the kind's own.
    fn field<S: Source<'a>>(
        &mut self,
        key: &str,
        keys: &mut Keys,
        source: &mut S,
    ) -> Result<bool, Syntax>;
}

/// A kind of message that is refused where it is not what the contract says.
trait Content<'a>: Fields<'a> {
    /// What the fields mean, once all are read.
    fn judge(self, context: &DecodeContext<'_>) -> Result<Judged, Refusal>;
}

/// What entries are judged by.
#[derive(Debug)]
struct DecodeContext<'c> {
    request: &'c Request<'c>,
    signals: &'c SignalTable,
    /// The message's own `at`.
    at: Option<Timestamp>,
}

impl DecodeContext<'_> {
    /// Refuses a stamp that is older than retention.
    fn refuse_old_stamp(&self, stamp: Timestamp) -> Result<(), Refusal> {
        if self.request.is_old_by(stamp, self.request.retention) {
            return Err(Refusal::new(RefusalReason::TooOld, "older than is kept"));
        }
        Ok(())
    }

    /// Refuses what is older than retention, or than `kept` for a signal of its own, by an age that no clock can be
    /// wrong about.
    fn refuse_age(&self, time: ReadingTime, kept: Option<Span>) -> Result<(), Refusal> {
        match time {
            ReadingTime::Age(age) if age > kept.unwrap_or(self.request.retention) => {
                Err(Refusal::new(RefusalReason::TooOld, "older than is kept"))
            }
            ReadingTime::Age(_)
            | ReadingTime::At(_)
            | ReadingTime::Period(..)
            | ReadingTime::Unstated => Ok(()),
        }
    }
}

impl Request<'_> {
    /// Whether a stamp says more than `kept`. One before 2000 is no age but a clock that was never set, which the
    /// core judges.
    fn is_old_by(&self, stamp: Timestamp, kept: Span) -> bool {
        stamp >= Timestamp::YEAR_2000 && stamp < self.received - kept
    }

    /// What of a backlog is older than it is kept, unless its clock is wrong: the core knows what that clock was
    /// found to say. A stamp that comes live is of a broken clock rather, and taken: what points to danger is
    /// never too old to be told.
    fn old_by_stamp(&self, body: &Body, signals: &SignalTable) -> Option<Box<OldByStamp>> {
        if self.delivery.could_be_live() {
            return None;
        }
        let old = |index: u32, time: ReadingTime, kept: Option<Span>| {
            let kept = kept.unwrap_or(self.retention);
            let stamp = match time {
                ReadingTime::At(at) | ReadingTime::Period(_, at) => at,
                ReadingTime::Age(_) | ReadingTime::Unstated => return None,
            };
            self.is_old_by(stamp, kept).then_some((index, kept))
        };
        let of = |signal| signals.get(signal).and_then(|signal| signal.keep);
        let kept: Vec<(u32, Span)> = match body {
            Body::Telemetry { readings, .. } => {
                readings.iter().filter_map(|r| old(r.index, r.time, of(r.signal))).collect()
            }
            Body::Events { events, .. } => {
                events.iter().filter_map(|e| old(e.index, e.time, None)).collect()
            }
            Body::Waves { .. }
            | Body::Status { .. }
            | Body::Info { .. }
            | Body::Undecodable { .. } => return None,
        };
        (!kept.is_empty()).then(|| Box::new(dead_letter::of_old(self, kept)))
    }
}

/// A message that was read to its end.
#[derive(Debug)]
struct Judged {
    body: Body,
    waves: Vec<WaveSamples>,
    /// Why parts of it were refused.
    dead: Option<String>,
}

impl Judged {
    fn of(body: Body) -> Self {
        Self { body, waves: Vec::new(), dead: None }
    }
}

/// Every kind but status: taken as its contract says, or not at all.
fn read<'a, C: Content<'a>>(request: &Request<'a>, signals: &SignalTable) -> Decoded {
    let (mut header, content) = parse::<C>(request);
    let content = match header.fault.take() {
        // A payload that breaks off says more by that than by what was wrong before.
        Some(fault) => content.and(Err(fault)),
        None => content,
    };
    let context = DecodeContext { request, signals, at: header.at };
    let judged = content.and_then(|content| content.judge(&context)).unwrap_or_else(|refusal| {
        let reason = format!("{}: {}", refusal.reason.as_str(), refusal.detail);
        Judged {
            dead: Some(reason.clone()),
            ..Judged::of(Body::Undecodable { kind: request.kind, reason })
        }
    });
    let old = request.old_by_stamp(&judged.body, signals);
    assemble(request, header, judged, old)
}

/// A status is never refused: where it is no status of the contract, its bytes are its text.
fn read_status(request: &Request<'_>) -> Decoded {
    let (header, content) = parse::<StatusFields<'_>>(request);
    let text = content
        .ok()
        .filter(|_| header.fault.is_none())
        .and_then(|status| status.text())
        .unwrap_or_else(|| status::raw(request.payload));
    assemble(request, header, Judged::of(Body::Status { will: false, text }), None)
}

/// The envelope as far as it could be read, and the content if all could.
fn parse<'a, C: Fields<'a>>(request: &Request<'a>) -> (Header, Result<C, Refusal>) {
    let mut envelope = Envelope::default();
    let text = request.payload.strip_prefix(json::BYTE_ORDER_MARK).unwrap_or(request.payload);
    let content = match text.trim_ascii_start() {
        [b'{', ..] => collect(&mut Json::new(request.payload), &mut envelope),
        _ if matches!(request.payload, [0xA0..=0xBF, ..]) => {
            collect(&mut Cbor::new(request.payload), &mut envelope)
        }
        _ => Err(Refusal::new(RefusalReason::Syntax, "neither a JSON object nor a CBOR map")),
    };
    (envelope.finish(), content)
}

fn assemble(
    request: &Request<'_>,
    header: Header,
    judged: Judged,
    old: Option<Box<OldByStamp>>,
) -> Decoded {
    let message = Message {
        principal: request.principal.clone(),
        device: request.device.clone(),
        boot: header.boot,
        seq: header.seq,
        sent_at: header.sent_at,
        mode: header.mode,
        clock: header.clock,
        relay: header.relay,
        hash: hash(request.payload),
        delivery: request.delivery,
        unknown_fields: header.unknown_fields,
        body: judged.body,
        old,
    };
    let dead_letter = judged.dead.map(|reason| dead_letter::of(request, &reason));
    Decoded { message, waves: judged.waves, dead_letter }
}

/// Reads all of a payload. What the envelope says stays with the caller if it breaks off.
fn collect<'a, S: Source<'a>, C: Fields<'a>>(
    source: &mut S,
    envelope: &mut Envelope<'a>,
) -> Result<C, Refusal> {
    let mut content = C::default();
    if source.item()? != Item::Map {
        return Err(Refusal::new(RefusalReason::Syntax, "not a map"));
    }
    while let Some(key) = source.key()? {
        if !envelope.field(&key, source)? && !content.field(&key, &mut envelope.keys, source)? {
            envelope.keys.unknown(source)?;
        }
    }
    source.end()?;
    Ok(content)
}

/// The first 8 bytes of the SHA-256, big-endian.
fn hash(payload: &[u8]) -> u64 {
    let digest = ring::digest::digest(&ring::digest::SHA256, payload);
    digest.as_ref().iter().take(8).fold(0, |hash, &byte| hash << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests;
