//! A read buffer that follows what its connection sends: thousands of quiet ones cost little.

use std::ops::{Deref, DerefMut};

use bytes::BytesMut;

/// The room a quiet connection reads into.
const MIN_READ: usize = 1 << 10;
/// The room a busy connection reads into: a full window of small messages.
const MAX_READ: usize = 32 << 10;

/// Bytes read and not yet taken.
#[derive(Debug)]
pub(super) struct ReadBuffer {
    bytes: BytesMut,
    /// How much the next read may take.
    room: usize,
    /// How large it has become since it was last made anew.
    grown: usize,
}

impl ReadBuffer {
    pub(super) fn new(bytes: BytesMut) -> Self {
        Self { bytes, room: MIN_READ, grown: 0 }
    }

    /// The buffer with room for the next read.
    pub(super) fn spare(&mut self) -> &mut BytesMut {
        if self.bytes.is_empty() && self.grown > 2 * self.room {
            self.bytes = BytesMut::new();
            self.grown = 0;
        }
        self.bytes.reserve(self.room);
        self.grown = self.grown.max(self.bytes.len() + self.room);
        &mut self.bytes
    }

    /// A read took so many bytes: the room grows fast while reads fill it, and shrinks step by
    /// step while they do not.
    pub(super) fn took(&mut self, count: usize) {
        if count >= self.room {
            self.room = (self.room * 4).min(MAX_READ);
        } else if count < self.room / 4 {
            self.room = (self.room / 2).max(MIN_READ);
        }
    }
}

impl Deref for ReadBuffer {
    type Target = BytesMut;
    fn deref(&self) -> &BytesMut {
        &self.bytes
    }
}

impl DerefMut for ReadBuffer {
    fn deref_mut(&mut self) -> &mut BytesMut {
        &mut self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_follows_the_reads_and_is_given_back() {
        let mut buffer = ReadBuffer::new(BytesMut::new());
        for _ in 0..10 {
            let room = buffer.room;
            buffer.spare().resize(room, b'x');
            buffer.took(room);
            buffer.clear();
        }
        assert!(buffer.spare().capacity() >= MAX_READ);
        for _ in 0..10 {
            buffer.spare().resize(2, b'x');
            buffer.took(2);
            buffer.clear();
        }
        assert!(buffer.spare().capacity() < 4 * MIN_READ);
    }
}
