//! CBOR (RFC 8949) as a [`Source`].

use std::borrow::Cow;

use minicbor::data::Type;
use minicbor::decode::{Decoder, Error};

use super::source::{Item, MAX_DEPTH, Source, Syntax};

/// A CBOR payload and how far it was read.
#[derive(Debug)]
pub(super) struct Cbor<'a> {
    decoder: Decoder<'a>,
    /// What is left of each open map or list; `None` where a break ends it.
    open: [Option<u64>; MAX_DEPTH],
    depth: usize,
}

impl<'a> Cbor<'a> {
    /// Reads from the beginning.
    pub(super) fn new(payload: &'a [u8]) -> Self {
        Self { decoder: Decoder::new(payload), open: [None; MAX_DEPTH], depth: 0 }
    }

    fn fail<T>(&self, what: &'static str) -> Result<T, Syntax> {
        Err(Syntax { what, at: self.decoder.position() })
    }

    fn syntax(&self, error: &Error) -> Syntax {
        let what = if error.is_end_of_input() { "breaks off" } else { "not CBOR" };
        Syntax { what, at: self.decoder.position() }
    }

    fn read<T>(
        &mut self,
        read: impl FnOnce(&mut Decoder<'a>) -> Result<T, Error>,
    ) -> Result<T, Syntax> {
        read(&mut self.decoder).map_err(|error| self.syntax(&error))
    }

    /// The type of the next value. A tag says nothing a field needs, so it is passed over.
    fn datatype(&mut self) -> Result<Type, Syntax> {
        loop {
            let datatype = self.read(|d| d.datatype())?;
            if datatype != Type::Tag {
                return Ok(datatype);
            }
            self.read(Decoder::tag)?;
        }
    }

    fn descend(&mut self, length: Option<u64>, item: Item<'a>) -> Result<Item<'a>, Syntax> {
        match self.open.get_mut(self.depth) {
            Some(slot) => *slot = length,
            None => return self.fail("nested too deeply"),
        }
        self.depth += 1;
        Ok(item)
    }

    /// Whether the innermost map or list has another entry.
    fn entry(&mut self) -> Result<bool, Syntax> {
        let Some(top) = self.depth.checked_sub(1) else { return Ok(false) };
        let more = match self.open[top] {
            Some(left) => {
                self.open[top] = Some(left.saturating_sub(1));
                left > 0
            }
            None => self.read(|d| d.datatype())? != Type::Break,
        };
        if !more {
            let break_byte = usize::from(self.open[top].is_none());
            self.decoder.set_position(self.decoder.position() + break_byte);
            self.depth = top;
        }
        Ok(more)
    }

    fn text(&mut self, datatype: Type) -> Result<Cow<'a, str>, Syntax> {
        if datatype == Type::String {
            return self.read(Decoder::str).map(Cow::Borrowed);
        }
        self.read(|d| d.str_iter()?.collect::<Result<String, _>>()).map(Cow::Owned)
    }
}

impl<'a> Source<'a> for Cbor<'a> {
    fn item(&mut self) -> Result<Item<'a>, Syntax> {
        let datatype = self.datatype()?;
        Ok(match datatype {
            Type::Null | Type::Undefined => {
                self.read(Decoder::skip)?;
                Item::Null
            }
            Type::U8 | Type::U16 | Type::U32 | Type::U64 => {
                Item::Number(self.read(Decoder::u64)? as f64)
            }
            Type::I8 | Type::I16 | Type::I32 | Type::I64 => {
                Item::Number(self.read(Decoder::i64)? as f64)
            }
            Type::Int => Item::Number(i128::from(self.read(Decoder::int)?) as f64),
            Type::F16 => Item::Number(self.read(Decoder::f16)?.into()),
            Type::F32 => Item::Number(self.read(Decoder::f32)?.into()),
            Type::F64 => Item::Number(self.read(Decoder::f64)?),
            Type::String | Type::StringIndef => Item::Text(self.text(datatype)?),
            Type::Array | Type::ArrayIndef => {
                let length = self.read(Decoder::array)?;
                return self.descend(length, Item::List);
            }
            Type::Map | Type::MapIndef => {
                let length = self.read(Decoder::map)?;
                return self.descend(length, Item::Map);
            }
            Type::Bool | Type::Bytes | Type::BytesIndef | Type::Simple => {
                self.read(Decoder::skip)?;
                Item::Other
            }
            Type::Tag | Type::Break | Type::Unknown(_) => return self.fail("not CBOR"),
        })
    }

    fn key(&mut self) -> Result<Option<Cow<'a, str>>, Syntax> {
        if !self.entry()? {
            return Ok(None);
        }
        let datatype = self.datatype()?;
        if !matches!(datatype, Type::String | Type::StringIndef) {
            return self.fail("a key that is no text");
        }
        self.text(datatype).map(Some)
    }

    fn more(&mut self) -> Result<bool, Syntax> {
        self.entry()
    }

    fn end(&mut self) -> Result<(), Syntax> {
        if self.decoder.position() < self.decoder.input().len() {
            return self.fail("something follows the end of the message");
        }
        Ok(())
    }
}
