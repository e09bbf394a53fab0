//! From bytes to packets, and what each asks for.

use std::sync::Arc;

use bytes::Buf;

use super::{Connection, Intent};
use crate::ingest::access::permission;
use crate::ingest::bundle::KEPT_OF_TOO_LARGE;
use crate::ingest::sources::listener::codec::{
    self, Fault, Head, MAX_DRAINED, MAX_PACKET, Packet, Publish, Version,
};
use crate::ingest::sources::listener::codec::{reason, write};
use crate::ingest::sources::listener::end::End;
use crate::ingest::sources::listener::intake::{ListenerIntake, Place, TooLarge};

/// Of a PUBLISH too large to be read, so much must hold its topic and the first of its payload.
const PROBE: usize = 4 << 10;
/// QoS 2 identifiers a client may leave unreleased.
const MAX_UNRELEASED: usize = 1_024;

impl Connection {
    /// Takes every complete packet there is room for out of the buffer.
    pub(super) fn take_in(&mut self, intake: &mut ListenerIntake<'_>) -> Result<Intent, End> {
        loop {
            if !self.drain(intake)? {
                return Ok(Intent::Read);
            }
            let Some(head) = codec::head(&self.buffer)? else {
                return Ok(self.intent(&intake.place, 0));
            };
            if head.packet() > MAX_PACKET {
                if self.buffer.len() < PROBE {
                    return Ok(Intent::Read);
                }
                if !self.line.has_room(&intake.place, KEPT_OF_TOO_LARGE) {
                    return Ok(Intent::Wait);
                }
                self.begin_draining(head, intake)?;
                continue;
            }
            if self.buffer.len() < head.packet() {
                return Ok(self.intent(&intake.place, head.body));
            }
            if head.is_publish() && !self.line.has_room(&intake.place, head.body) {
                return Ok(Intent::Wait);
            }
            if head.is_publish() {
                let packet = self.buffer.split_to(head.packet());
                let publish = codec::read_publish(self.client.version, head, &packet)?;
                self.quiet.end();
                self.publish(publish, intake)?;
                continue;
            }
            let packet = codec::read(self.client.version, head, &mut self.buffer)?;
            self.quiet.end();
            match packet {
                Packet::Release(id) => {
                    let found = self.attached.session().received.remove(&id).is_some();
                    write::complete(&mut self.out, self.client.version, id, found);
                }
                Packet::Subscribe { id, filters } => self.subscribe(id, filters),
                Packet::Unsubscribe { id, filters } => {
                    let mut session = self.attached.session();
                    let existed: Vec<bool> =
                        filters.iter().map(|filter| session.filters.remove(filter)).collect();
                    write::unsubscribed(&mut self.out, self.client.version, id, &existed);
                }
                Packet::Ping => self.out.extend_from_slice(&write::PINGRESP),
                Packet::Disconnect { with_will, session_expiry } => {
                    self.change_expiry(session_expiry)?;
                    return Err(End::Disconnected { with_will });
                }
            }
        }
    }

    pub(super) fn intent(&self, place: &Place, bytes: usize) -> Intent {
        if self.line.has_room(place, bytes) { Intent::Read } else { Intent::Wait }
    }

    fn publish(
        &mut self,
        publish: Publish<'_>,
        intake: &mut ListenerIntake<'_>,
    ) -> Result<(), End> {
        let Publish { dup, qos, id, .. } = publish;
        if qos == 2 && self.holds(id, dup, || publish.content_hash(), intake)? {
            intake.again(id);
            return Ok(());
        }
        intake.publish(publish);
        Ok(())
    }

    /// Whether a QoS 2 message was received before: it is in the session, in the line, or in the
    /// same read. What is sent as new (`dup` is not set) and says something else is new, whatever its
    /// identifier.
    fn holds(
        &self,
        id: u16,
        dup: bool,
        content_hash: impl FnOnce() -> u64,
        intake: &ListenerIntake<'_>,
    ) -> Result<bool, End> {
        let session = self.attached.session();
        let in_line = intake.place.held(id).or_else(|| self.line.held(id));
        if let Some(before) = in_line.or_else(|| session.received.get(&id).copied()) {
            return Ok(dup || before == content_hash());
        }
        if session.received.len() >= MAX_UNRELEASED {
            let why = "too many QoS 2 messages unreleased";
            return Err(Fault::new(reason::RECEIVE_MAXIMUM_EXCEEDED, why).into());
        }
        Ok(false)
    }

    /// Begins to drain the PUBLISH at the front of the buffer. MQTT 5 was given the limit: there
    /// its dead letter is the last thing taken.
    fn begin_draining(&mut self, head: Head, intake: &mut ListenerIntake<'_>) -> Result<(), End> {
        let fault = Fault::new(reason::PACKET_TOO_LARGE, "a packet above the limit");
        if !head.is_publish() || head.body > MAX_DRAINED {
            return Err(fault.into());
        }
        let preamble = codec::preamble(self.client.version, head, &self.buffer)?;
        let kept = self.buffer[preamble.length..].iter().take(KEPT_OF_TOO_LARGE);
        let message = TooLarge {
            topic: preamble.topic,
            qos: head.qos(),
            dup: head.dup(),
            id: preamble.id,
            length: head.packet() - preamble.length,
            head: kept.copied().collect(),
        };
        if self.client.version == Version::V5 {
            intake.too_large(&message);
            return Err(fault.into());
        }
        self.draining = Some((message, head.packet()));
        Ok(())
    }

    /// Goes on draining; `true` when there is nothing to drain any more.
    fn drain(&mut self, intake: &mut ListenerIntake<'_>) -> Result<bool, End> {
        let Some((message, left)) = self.draining.take() else {
            return Ok(true);
        };
        let here = left.min(self.buffer.len());
        self.buffer.advance(here);
        if here < left {
            self.draining = Some((message, left - here));
            return Ok(false);
        }
        let TooLarge { qos, dup, id, .. } = message;
        if qos == 2 && self.holds(id, dup, || message.content_hash(), intake)? {
            intake.again(message.id);
        } else {
            intake.too_large(&message);
        }
        Ok(true)
    }

    fn subscribe(&mut self, id: u16, filters: Vec<(String, u8)>) {
        let board = Arc::clone(&self.shared.source.handles.board.borrow());
        let mut session = self.attached.session();
        let mut granted = Vec::with_capacity(filters.len());
        for (filter, qos) in filters {
            let may = permission::may_subscribe(&board, &self.principal, &filter);
            granted.push(may.then_some(qos.min(1)));
            if may {
                session.filters.insert(filter);
            }
        }
        write::subscribed(&mut self.out, self.client.version, id, &granted);
    }

    fn change_expiry(&mut self, session_expiry: Option<u32>) -> Result<(), End> {
        let Some(expiry) = session_expiry else {
            return Ok(());
        };
        if expiry > 0 && !self.keeps_session {
            return Err(Fault::protocol("a session expiry where CONNECT had none").into());
        }
        self.attached.set_expiry(expiry);
        Ok(())
    }
}
