//! The device's own link (contract §1). Last wills are often set by a library and hold anything,
//! so a status is text whatever it is.

use super::Fields;
use super::fields::{Field, Keys, MAX_TEXT, cut};
use super::source::{Source, Syntax};

/// The fields of a status as they were sent.
#[derive(Debug, Default)]
pub(super) struct StatusFields<'a> {
    status: Field<'a>,
    text: Field<'a>,
}

impl<'a> Fields<'a> for StatusFields<'a> {
    fn field<S: Source<'a>>(
        &mut self,
        key: &str,
        keys: &mut Keys,
        source: &mut S,
    ) -> Result<bool, Syntax> {
        let slot = match key {
            "status" => &mut self.status,
            "text" => &mut self.text,
            _ => return Ok(false),
        };
        keys.fill(slot, key, source)?;
        Ok(true)
    }
}

impl StatusFields<'_> {
    /// Its words, if it has any.
    pub(super) fn text(&self) -> Option<String> {
        self.status.words("status").ok().flatten().or(self.text.words("text").ok().flatten())
    }
}

/// The payload as text, at most 256 bytes; what is no UTF-8 is shown as such.
pub(super) fn raw(payload: &[u8]) -> String {
    let head = String::from_utf8_lossy(&payload[..payload.len().min(MAX_TEXT)]);
    cut(&head, MAX_TEXT).to_owned()
}
