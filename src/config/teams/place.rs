//! Where in a text something is wrong.

use std::ops::Range;

use toml::Spanned;

/// What is wrong, and where.
pub(super) type Fault = (Range<usize>, String);

/// Something is wrong with what stands there.
pub(super) fn fault<T, S>(spanned: &Spanned<S>, why: String) -> Result<T, Fault> {
    Err((spanned.span(), why))
}

/// A text that is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'a>(pub(super) &'a str);

impl Text<'_> {
    /// Line, column and reason.
    pub(super) fn at(self, start: usize, why: &str) -> String {
        let before = self.0.get(..start).unwrap_or(self.0);
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        format!("line {line}, column {column}: {why}")
    }

    /// Why TOML refuses it.
    pub(super) fn refused(self, error: &toml::de::Error) -> String {
        match error.span() {
            Some(span) => self.at(span.start, error.message()),
            None => error.message().to_owned(),
        }
    }
}
