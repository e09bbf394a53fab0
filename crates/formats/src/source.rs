//! What JSON and CBOR have in common: a payload read value by value, without a tree.
//!
//! A pull reader and not serde, for three sentences of the contract: a number that is no number
//! (`1e999`, NaN) costs its own reading and no other; of a message that breaks off the `seq` counts
//! if it was read before; a known key that is doubled costs its reading, an unknown one nothing.
//! JSON and CBOR then share every line above this one.

use std::borrow::Cow;

/// Maps and lists inside each other; the contract needs 4.
pub(super) const MAX_DEPTH: usize = 16;

/// One value. A map or a list is only announced: its content follows by [`Source::key`] and
/// [`Source::more`] and must be read to its end.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Item<'a> {
    /// Nothing; counts as a field that was not sent.
    Null,
    /// A number, perhaps not finite.
    Number(f64),
    /// Words.
    Text(Cow<'a, str>),
    /// A list begins.
    List,
    /// A map begins.
    Map,
    /// Something no field takes: a boolean, bytes, or a map or list that was skipped.
    Other,
}

/// The payload is not JSON or CBOR, breaks off, or is nested too deeply; nothing after this can
/// be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Syntax {
    /// What is wrong.
    pub(super) what: &'static str,
    /// The byte it was found at.
    pub(super) at: usize,
}

/// A payload as a series of values.
pub(super) trait Source<'a> {
    /// The next value.
    fn item(&mut self) -> Result<Item<'a>, Syntax>;

    /// The next key of the innermost map, or `None` at its end.
    fn key(&mut self) -> Result<Option<Cow<'a, str>>, Syntax>;

    /// Whether the innermost list has another element.
    fn more(&mut self) -> Result<bool, Syntax>;

    /// Nothing may follow.
    fn end(&mut self) -> Result<(), Syntax>;
}
