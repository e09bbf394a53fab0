//! The line of acknowledgements: every PUBLISH has its place in it, in the order received.

use std::collections::VecDeque;

use tokio::sync::oneshot::error::TryRecvError;

use crate::inbox::Waiting;

/// What one socket read put into the line, with its acknowledgements.
#[derive(Debug, Default)]
pub(super) struct Place<A> {
    /// The acknowledgements, in order.
    pub(super) acks: A,
    /// New QoS 2 messages: from the commit on they are received, not released.
    pub(super) exactly_once: Vec<ExactlyOnce>,
    /// Messages, QoS 0 included.
    pub(super) messages: usize,
    /// Their bytes.
    pub(super) bytes: usize,
    /// Released after the commit; `None` if there is nothing to wait for but the line itself.
    pub(super) waiting: Option<Waiting>,
}

/// A QoS 2 message: its identifier, and a hash of what it says. A sender that forgot its state uses an
/// identifier again that was never released, for something else.
pub(super) type ExactlyOnce = (u16, u64);

/// A receipt was dropped.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotAccepted;

/// The places not yet acknowledged, oldest first.
#[derive(Debug)]
pub(super) struct Line<A> {
    places: VecDeque<Place<A>>,
    messages: usize,
    bytes: usize,
    max_messages: usize,
    max_bytes: usize,
}

impl<A> Place<A> {
    /// What the last QoS 2 message with this identifier says.
    pub(super) fn held(&self, id: u16) -> Option<u64> {
        self.exactly_once
            .iter()
            .rev()
            .find(|(known, _)| *known == id)
            .map(|(_, content_hash)| *content_hash)
    }
}

impl<A> Line<A> {
    /// At most so many messages and bytes between socket and commit.
    pub(super) fn new(max_messages: usize, max_bytes: usize) -> Self {
        Self { places: VecDeque::new(), messages: 0, bytes: 0, max_messages, max_bytes }
    }

    /// Whether a message of so many bytes fits, behind `place` which is not in the line yet.
    pub(super) fn has_room(&self, place: &Place<A>, bytes: usize) -> bool {
        self.messages + place.messages < self.max_messages
            && self.bytes + place.bytes + bytes <= self.max_bytes
    }

    pub(super) fn push(&mut self, place: Place<A>) {
        if place.messages > 0 {
            self.messages += place.messages;
            self.bytes += place.bytes;
            self.places.push_back(place);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// What the last QoS 2 message with this identifier says that waits for its commit.
    pub(super) fn held(&self, id: u16) -> Option<u64> {
        self.places.iter().rev().find_map(|place| place.held(id))
    }

    /// Whether any QoS 2 message waits for its commit.
    pub(super) fn holds_any(&self) -> bool {
        self.places.iter().any(|place| !place.exactly_once.is_empty())
    }

    /// Waits until the first place is committed and takes it; for ever if there is none.
    /// Dropping the future takes nothing.
    pub(super) async fn next(&mut self) -> Result<Place<A>, NotAccepted> {
        let Some(first) = self.places.front_mut() else {
            return std::future::pending().await;
        };
        if let Some(waiting) = &mut first.waiting {
            waiting.await.map_err(|_| NotAccepted)?;
        }
        self.pop().ok_or(NotAccepted)
    }

    /// The first place, if it is committed already.
    pub(super) fn ready(&mut self) -> Result<Option<Place<A>>, NotAccepted> {
        let waiting = self.places.front_mut().and_then(|place| place.waiting.as_mut());
        match waiting.map(Waiting::try_recv) {
            None | Some(Ok(_)) => Ok(self.pop()),
            Some(Err(TryRecvError::Empty)) => Ok(None),
            Some(Err(TryRecvError::Closed)) => Err(NotAccepted),
        }
    }

    fn pop(&mut self) -> Option<Place<A>> {
        let place = self.places.pop_front()?;
        self.messages -= place.messages;
        self.bytes -= place.bytes;
        Some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inbox::{Committed, Receipt};

    const MAX_BYTES: usize = 1 << 20;

    fn place(ack: u8, messages: usize, waiting: Option<Waiting>) -> Place<Vec<u8>> {
        Place { acks: vec![ack], messages, bytes: 10, waiting, ..Place::default() }
    }

    #[tokio::test]
    async fn places_leave_in_order_however_receipts_come() {
        let (first, waiting_first) = Receipt::new();
        let (second, waiting_second) = Receipt::new();
        let mut line = Line::new(64, MAX_BYTES);
        line.push(place(1, 1, Some(waiting_first)));
        line.push(place(2, 1, Some(waiting_second)));
        line.push(place(3, 1, None));
        second.release(Committed::default());
        assert!(line.ready().unwrap().is_none(), "the first is not committed");
        first.release(Committed::default());
        assert_eq!(line.next().await.unwrap().acks, [1]);
        assert_eq!(line.ready().unwrap().unwrap().acks, [2]);
        assert_eq!(line.ready().unwrap().unwrap().acks, [3]);
        assert!(line.is_empty() && line.ready().unwrap().is_none());
    }

    #[tokio::test]
    async fn a_dropped_receipt_is_no_commit() {
        let dropped = || {
            let mut line = Line::new(64, MAX_BYTES);
            line.push(place(1, 1, Some(Receipt::new().1)));
            line
        };
        assert_eq!(dropped().ready().unwrap_err(), NotAccepted);
        assert_eq!(dropped().next().await.unwrap_err(), NotAccepted);
    }

    #[test]
    fn messages_and_bytes_are_bounded() {
        let mut line = Line::new(3, MAX_BYTES);
        line.push(place(1, 2, None));
        assert!(line.has_room(&Place::default(), 100));
        assert!(!line.has_room(&place(2, 1, None), 100));
        assert!(line.has_room(&Place::default(), MAX_BYTES - 10));
        assert!(!line.has_room(&Place::default(), MAX_BYTES));
        assert!(line.ready().unwrap().is_some());
        assert!(line.has_room(&place(2, 2, None), 100));
    }
}
