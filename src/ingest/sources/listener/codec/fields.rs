//! Reading the fields of a packet, and the properties of MQTT 5, with every bound checked.

use super::{Fault, reason};

/// The unread rest of a packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        let (head, rest) = self
            .0
            .split_at_checked(count)
            .ok_or(Fault::malformed("a field reaches beyond the packet"))?;
        self.0 = rest;
        Ok(head)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Fault> {
        Ok(self.take(1)?[0])
    }

    pub(super) fn u16(&mut self) -> Result<u16, Fault> {
        let bytes = self.take(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    pub(super) fn u32(&mut self) -> Result<u32, Fault> {
        let bytes = self.take(4)?;
        Ok(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    /// A packet identifier, which is never 0.
    pub(super) fn packet_id(&mut self) -> Result<u16, Fault> {
        match self.u16()? {
            0 => Err(Fault::protocol("packet identifier 0")),
            id => Ok(id),
        }
    }

    /// Bytes with their length in front.
    pub(super) fn binary(&mut self) -> Result<&'a [u8], Fault> {
        let length = self.u16()?;
        self.take(usize::from(length))
    }

    /// Text with its length in front: UTF-8 without NUL.
    pub(super) fn text(&mut self) -> Result<&'a str, Fault> {
        let text = str::from_utf8(self.binary()?)
            .map_err(|_| Fault::malformed("text that is not UTF-8"))?;
        if text.contains('\0') {
            return Err(Fault::malformed("text with NUL"));
        }
        Ok(text)
    }

    /// A variable byte integer of at most four bytes.
    pub(super) fn varint(&mut self) -> Result<usize, Fault> {
        let mut value = 0;
        for shift in [0, 7, 14, 21] {
            let byte = self.u8()?;
            value |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Fault::malformed("a length of more than four bytes"))
    }

    /// A section of properties: each allowed here, of its shape, and there once. Gives the session
    /// expiry, the only one the small packets need.
    pub(super) fn properties(&mut self, allowed: &[u8]) -> Result<Option<u32>, Fault> {
        let length = self.varint()?;
        let mut section = Fields(self.take(length)?);
        let mut seen = 0_u64;
        let mut expiry = None;
        while !section.is_empty() {
            let id = section.u8()?;
            if !allowed.contains(&id) {
                return Err(Fault::protocol("a property that does not belong here"));
            }
            if id != property::USER && seen & (1 << id) != 0 {
                return Err(Fault::protocol("a property twice"));
            }
            seen |= 1 << id;
            if id == property::SESSION_EXPIRY {
                expiry = Some(section.u32()?);
            } else {
                section.value(id)?;
            }
        }
        let has = |id: u8| seen & (1 << id) != 0;
        if has(property::AUTHENTICATION_DATA) && !has(property::AUTHENTICATION_METHOD) {
            return Err(Fault::protocol("authentication data without a method"));
        }
        Ok(expiry)
    }

    fn value(&mut self, id: u8) -> Result<(), Fault> {
        match id {
            property::PAYLOAD_FORMAT
            | property::REQUEST_PROBLEM_INFORMATION
            | property::REQUEST_RESPONSE_INFORMATION => {
                if self.u8()? > 1 {
                    return Err(Fault::protocol("a property that is neither 0 nor 1"));
                }
            }
            property::RECEIVE_MAXIMUM => {
                if self.u16()? == 0 {
                    return Err(Fault::protocol("receive maximum 0"));
                }
            }
            property::TOPIC_ALIAS_MAXIMUM => {
                self.u16()?;
            }
            property::TOPIC_ALIAS => {
                self.u16()?;
                return Err(Fault::new(reason::TOPIC_ALIAS_INVALID, "a topic alias"));
            }
            property::MAXIMUM_PACKET_SIZE => {
                if self.u32()? == 0 {
                    return Err(Fault::protocol("maximum packet size 0"));
                }
            }
            property::MESSAGE_EXPIRY | property::WILL_DELAY => {
                self.u32()?;
            }
            property::SUBSCRIPTION_ID => {
                self.varint()?;
                return Err(Fault::new(
                    reason::SUBSCRIPTION_IDS_NOT_SUPPORTED,
                    "a subscription identifier",
                ));
            }
            property::USER => {
                self.text()?;
                self.text()?;
            }
            property::RESPONSE_TOPIC => {
                if self.text()?.contains(['+', '#']) {
                    return Err(Fault::protocol("a wildcard in a response topic"));
                }
            }
            property::CORRELATION_DATA | property::AUTHENTICATION_DATA => {
                self.binary()?;
            }
            _ => {
                self.text()?;
            }
        }
        Ok(())
    }
}

/// Property identifiers a client may send.
pub(super) mod property {
    pub(in super::super) const PAYLOAD_FORMAT: u8 = 1;
    pub(in super::super) const MESSAGE_EXPIRY: u8 = 2;
    pub(in super::super) const CONTENT_TYPE: u8 = 3;
    pub(in super::super) const RESPONSE_TOPIC: u8 = 8;
    pub(in super::super) const CORRELATION_DATA: u8 = 9;
    pub(in super::super) const SUBSCRIPTION_ID: u8 = 11;
    pub(in super::super) const SESSION_EXPIRY: u8 = 17;
    pub(in super::super) const AUTHENTICATION_METHOD: u8 = 21;
    pub(in super::super) const AUTHENTICATION_DATA: u8 = 22;
    pub(in super::super) const REQUEST_PROBLEM_INFORMATION: u8 = 23;
    pub(in super::super) const WILL_DELAY: u8 = 24;
    pub(in super::super) const REQUEST_RESPONSE_INFORMATION: u8 = 25;
    pub(in super::super) const REASON_STRING: u8 = 31;
    pub(in super::super) const RECEIVE_MAXIMUM: u8 = 33;
    pub(in super::super) const TOPIC_ALIAS_MAXIMUM: u8 = 34;
    pub(in super::super) const TOPIC_ALIAS: u8 = 35;
    pub(in super::super) const USER: u8 = 38;
    pub(in super::super) const MAXIMUM_PACKET_SIZE: u8 = 39;
}
