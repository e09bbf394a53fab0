//! The fields of one map: known ones read at most once, unknown ones counted.

use std::borrow::Cow;

use super::source::{Item, Source, Syntax};
use vitalgate_domain::model::message::RefusalReason;
use vitalgate_domain::model::time::Timestamp;

/// Numbers up to here are whole in every JSON and CBOR library (2^53 − 1).
const MAX_WHOLE: f64 = 9_007_199_254_740_991.0;
/// Ids, names, codes and instances; longer ones are refused, because cut they would be another's.
pub(super) const MAX_NAME: usize = 64;
/// Words for people; longer ones are cut.
pub(super) const MAX_TEXT: usize = 256;

/// Why a message, or one entry of its list, is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The class, as counted.
    pub(super) reason: RefusalReason,
    /// In words, without the value.
    pub(super) detail: Cow<'static, str>,
}

impl Refusal {
    /// A refusal of this class.
    pub(super) fn new(reason: RefusalReason, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { reason, detail: detail.into() }
    }

    /// Missing, doubled or contradictory fields.
    pub(super) fn shape(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(RefusalReason::Shape, detail)
    }

    /// A value out of bounds.
    pub(super) fn value(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(RefusalReason::Value, detail)
    }
}

impl From<Syntax> for Refusal {
    fn from(syntax: Syntax) -> Self {
        Self::new(RefusalReason::Syntax, format!("{} at byte {}", syntax.what, syntax.at))
    }
}

/// One field as it was sent, before anybody asks what it means. `null` counts as not sent.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Field<'a>(Option<Item<'a>>);

impl Field<'_> {
    /// Whether it says anything.
    pub(super) fn is_sent(&self) -> bool {
        !matches!(self.0, None | Some(Item::Null))
    }

    /// Its text.
    pub(super) fn text(&self, name: &'static str) -> Result<Option<&str>, Refusal> {
        match &self.0 {
            None | Some(Item::Null) => Ok(None),
            Some(Item::Text(text)) => Ok(Some(text)),
            Some(Item::Number(_) | Item::List | Item::Map | Item::Other) => {
                Err(Refusal::value(format!("`{name}` must be a text")))
            }
        }
    }

    /// Its text where it names something: 1 to 64 bytes, no control characters. Empty is not sent.
    pub(super) fn name(&self, name: &'static str) -> Result<Option<&str>, Refusal> {
        match self.text(name)? {
            Some(text) if text.len() > MAX_NAME || text.chars().any(char::is_control) => {
                Err(Refusal::value(format!(
                    "`{name}` must have at most {MAX_NAME} bytes and no control characters"
                )))
            }
            Some("") | None => Ok(None),
            Some(text) => Ok(Some(text)),
        }
    }

    /// Its words for people, cut to 256 bytes. Empty is not sent.
    pub(super) fn words(&self, name: &'static str) -> Result<Option<String>, Refusal> {
        Ok(self
            .text(name)?
            .filter(|text| !text.is_empty())
            .map(|text| cut(text, MAX_TEXT).to_owned()))
    }

    /// Its finite number.
    pub(super) fn number(&self, name: &'static str) -> Result<Option<f64>, Refusal> {
        match self.0 {
            None | Some(Item::Null) => Ok(None),
            Some(Item::Number(number)) if number.is_finite() => Ok(Some(number)),
            Some(Item::Number(_) | Item::Text(_) | Item::List | Item::Map | Item::Other) => {
                Err(Refusal::value(format!("`{name}` must be a finite number")))
            }
        }
    }

    /// Its whole number from 0 to 2^53 − 1.
    pub(super) fn whole(&self, name: &'static str) -> Result<Option<u64>, Refusal> {
        match self.0 {
            None | Some(Item::Null) => Ok(None),
            Some(Item::Number(n)) if (0.0..=MAX_WHOLE).contains(&n) && n.fract() == 0.0 => {
                Ok(Some(n as u64))
            }
            Some(Item::Number(_) | Item::Text(_) | Item::List | Item::Map | Item::Other) => {
                Err(Refusal::shape(format!("`{name}` must be a whole number from 0 to 2^53 - 1")))
            }
        }
    }

    /// Its instant.
    pub(super) fn time(&self, name: &'static str) -> Result<Option<Timestamp>, Refusal> {
        let text = match &self.0 {
            None | Some(Item::Null) => return Ok(None),
            Some(Item::Text(text)) => text,
            Some(Item::Number(_) | Item::List | Item::Map | Item::Other) => "",
        };
        text.parse().map(Some).map_err(|_| {
            Refusal::new(
                RefusalReason::Time,
                format!("`{name}` must be an RFC 3339 time with a zone"),
            )
        })
    }

    /// Whether it is a map (of which only the beginning is kept).
    pub(super) fn is_map(&self) -> bool {
        self.0 == Some(Item::Map)
    }

    /// Whether it is a list (of which only the beginning is kept).
    pub(super) fn is_list(&self) -> bool {
        self.0 == Some(Item::List)
    }
}

/// The keys of one map, as they come.
#[derive(Debug, Default)]
pub(super) struct Keys {
    unknown: u32,
    fault: Option<Refusal>,
}

impl Keys {
    /// Reads the value of a known field; what is inside a map or list is passed over.
    pub(super) fn fill<'a, S: Source<'a>>(
        &mut self,
        slot: &mut Field<'a>,
        key: &str,
        source: &mut S,
    ) -> Result<(), Syntax> {
        let item = source.item()?;
        pass_over(&item, source)?;
        self.store(slot, key, item);
        Ok(())
    }

    /// Reads the beginning of a known field that should be a map or a list, as `expected` says. If
    /// it is, the caller reads the content; else it is passed over.
    pub(super) fn open<'a, S: Source<'a>>(
        &mut self,
        slot: &mut Field<'a>,
        key: &str,
        expected: &Item<'a>,
        source: &mut S,
    ) -> Result<bool, Syntax> {
        let item = source.item()?;
        let opened = item == *expected;
        if !opened {
            pass_over(&item, source)?;
        }
        self.store(slot, key, item);
        Ok(opened)
    }

    /// Counts a field nobody knows and passes over its value.
    pub(super) fn unknown<'a, S: Source<'a>>(&mut self, source: &mut S) -> Result<(), Syntax> {
        let item = source.item()?;
        self.unknown = self.unknown.saturating_add(1);
        pass_over(&item, source)
    }

    /// Takes over what was noticed in a map inside this one.
    pub(super) fn absorb(&mut self, inner: Keys) {
        self.unknown = self.unknown.saturating_add(inner.unknown);
        if let Some(fault) = inner.fault {
            self.refuse(fault);
        }
    }

    /// Notes why the whole map is refused; the first reason stands.
    pub(super) fn refuse(&mut self, fault: Refusal) {
        self.fault.get_or_insert(fault);
    }

    /// Why the map is refused, if it is.
    pub(super) fn fault(&mut self) -> Option<Refusal> {
        self.fault.take()
    }

    /// How many fields nobody knew, here and in maps inside; a doubled one counts twice.
    pub(super) fn unknown_fields(&self) -> u32 {
        self.unknown
    }

    fn store<'a>(&mut self, slot: &mut Field<'a>, key: &str, item: Item<'a>) {
        slot.0 = Some(if slot.0.is_some() {
            self.doubled(key);
            Item::Other
        } else {
            item
        });
    }

    fn doubled(&mut self, key: &str) {
        self.refuse(Refusal::shape(format!("the key {} is doubled", quote(key))));
    }
}

/// Reads to the end of a map or list that `item` began.
#[inline]
pub(super) fn pass_over<'a, S: Source<'a>>(item: &Item<'a>, source: &mut S) -> Result<(), Syntax> {
    if matches!(item, Item::Map | Item::List) { pass_over_inside(item, source) } else { Ok(()) }
}

fn pass_over_inside<'a, S: Source<'a>>(item: &Item<'a>, source: &mut S) -> Result<(), Syntax> {
    match item {
        Item::Map => {
            while source.key()?.is_some() {
                let inner = source.item()?;
                pass_over(&inner, source)?;
            }
        }
        Item::List => {
            while source.more()? {
                let inner = source.item()?;
                pass_over(&inner, source)?;
            }
        }
        Item::Null | Item::Number(_) | Item::Text(_) | Item::Other => {}
    }
    Ok(())
}

/// A name of the sender's in a reason: at most 40 characters, nothing that is not printable ASCII.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::from("`");
    for c in text.chars().take(40) {
        quoted.push(if c.is_ascii_graphic() && c != '`' { c } else { '?' });
    }
    if text.chars().nth(40).is_some() {
        quoted.push_str("..");
    }
    quoted.push('`');
    quoted
}

/// At most `max` bytes of `text`, cut between characters.
pub(super) fn cut(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
