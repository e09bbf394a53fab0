//! The publishing side of an MQTT session without any I/O: packet ids, the window, and what has
//! to be sent again after a lost connection.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use crate::codec::{CodecError, Protocol};

/// A message to publish, with what its sender wants back when it is acknowledged.
#[derive(Clone, Debug)]
pub struct Outgoing<T> {
    /// Where to.
    pub topic: String,
    /// The bytes, the same at every attempt.
    pub payload: Bytes,
    /// The sender's own.
    pub tag: T,
}

/// The messages sent and not yet acknowledged, oldest first.
#[derive(Debug)]
pub struct Session<T> {
    protocol: Protocol,
    window: usize,
    last_id: u16,
    in_flight: VecDeque<InFlight<T>>,
}

#[derive(Debug)]
struct InFlight<T> {
    id: u16,
    sent: Instant,
    message: Outgoing<T>,
}

impl<T> Session<T> {
    /// A session with at most `window` messages in flight (1 to 65,534).
    pub fn new(protocol: Protocol, window: usize) -> Self {
        let window = window.clamp(1, usize::from(u16::MAX) - 1);
        Self { protocol, window, last_id: 0, in_flight: VecDeque::new() }
    }

    /// Whether another message may be sent.
    pub fn has_room(&self) -> bool {
        self.in_flight.len() < self.window
    }

    /// Whether everything sent has been acknowledged.
    pub fn is_settled(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// How many messages wait for their acknowledgement.
    pub fn unacknowledged(&self) -> usize {
        self.in_flight.len()
    }

    /// Appends `message` to `out` and remembers it. Call only while there is room.
    pub fn publish(
        &mut self,
        message: Outgoing<T>,
        now: Instant,
        out: &mut BytesMut,
    ) -> Result<(), CodecError> {
        let id = self.free_id();
        self.protocol.publish(id, false, &message.topic, message.payload.clone(), out)?;
        self.in_flight.push_back(InFlight { id, sent: now, message });
        Ok(())
    }

    /// Appends everything unacknowledged again, in its order, marked as a duplicate. Says how many.
    pub fn resend(&self, out: &mut BytesMut) -> Result<usize, CodecError> {
        for InFlight { id, message, .. } in &self.in_flight {
            self.protocol.publish(*id, true, &message.topic, message.payload.clone(), out)?;
        }
        Ok(self.in_flight.len())
    }

    /// Settles `id`: its tag and how long the acknowledgement took; `None` for an id not in flight.
    pub fn settle(&mut self, id: u16, now: Instant) -> Option<(T, Duration)> {
        let position = self.in_flight.iter().position(|sent| sent.id == id)?;
        let settled = self.in_flight.remove(position)?;
        Some((settled.message.tag, now.saturating_duration_since(settled.sent)))
    }

    /// Ids go round; one still in flight after a whole round is passed over. There is always a
    /// free one, as the window holds fewer than there are.
    fn free_id(&mut self) -> u16 {
        loop {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            if self.in_flight.iter().all(|sent| sent.id != self.last_id) {
                return self.last_id;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    fn message(tag: u32) -> Outgoing<u32> {
        Outgoing { topic: "t".to_owned(), payload: Bytes::from(tag.to_string()), tag }
    }

    fn sent(out: &mut BytesMut) -> Vec<(u16, bool, String)> {
        let mut found = Vec::new();
        while let Ok(rumqttc::Packet::Publish(p)) = rumqttc::Packet::read(out, 1 << 20) {
            found.push((p.pkid, p.dup, String::from_utf8(p.payload.to_vec()).unwrap()));
        }
        found
    }

    #[test]
    fn the_window_bounds_what_is_in_flight() {
        let (now, mut out) = (clock::monotonic(), BytesMut::new());
        let mut session = Session::new(Protocol::V4, 2);
        for tag in 0..2 {
            assert!(session.has_room());
            session.publish(message(tag), now, &mut out).unwrap();
        }
        assert!(!session.has_room());
        assert_eq!(session.settle(1, now).map(|(tag, _)| tag), Some(0));
        assert!(session.has_room());
        assert_eq!(session.settle(1, now), None, "an id is settled once");
    }

    #[test]
    fn what_is_unacknowledged_is_sent_again_in_order_with_the_same_bytes_and_dup() {
        let (now, mut out) = (clock::monotonic(), BytesMut::new());
        let mut session = Session::new(Protocol::V4, 8);
        for tag in 10..14 {
            session.publish(message(tag), now, &mut out).unwrap();
        }
        out.clear();
        session.settle(2, now).unwrap();
        assert_eq!(session.resend(&mut out).unwrap(), 3);
        let expected = [(1, true, "10"), (3, true, "12"), (4, true, "13")];
        assert_eq!(sent(&mut out), expected.map(|(id, dup, body)| (id, dup, body.to_owned())));
    }

    #[test]
    fn ids_go_round_past_zero_and_past_a_straggler() {
        let (now, mut out) = (clock::monotonic(), BytesMut::new());
        let mut session = Session::new(Protocol::V4, 3);
        session.publish(message(0), now, &mut out).unwrap();
        let mut ids = Vec::new();
        for tag in 1..=70_000 {
            out.clear();
            session.publish(message(tag), now, &mut out).unwrap();
            let id = session.last_id;
            ids.push(id);
            assert_eq!(session.settle(id, now).map(|(tag, _)| tag), Some(tag));
        }
        assert!(!ids.contains(&0) && !ids.contains(&1), "zero is no id and 1 is still in flight");
        assert_eq!(ids.iter().filter(|id| **id == 2).count(), 2);
    }
}
