//! JSON (RFC 8259) as a [`Source`], and what senders add to it that cannot be misread: a byte order
//! mark, NULs that fill a buffer up, and numbers that are none.

use std::borrow::Cow;

use super::source::{Item, MAX_DEPTH, Source, Syntax};

/// The byte order mark of UTF-8.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Numbers that are none, as C, Python and JavaScript print them.
const NO_NUMBERS: [(&str, f64); 9] = [
    ("NaN", f64::NAN),
    ("nan", f64::NAN),
    ("-nan", f64::NAN),
    ("Infinity", f64::INFINITY),
    ("-Infinity", f64::NEG_INFINITY),
    ("inf", f64::INFINITY),
    ("-inf", f64::NEG_INFINITY),
    ("INF", f64::INFINITY),
    ("-INF", f64::NEG_INFINITY),
];

/// A JSON payload and how far it was read.
#[derive(Debug)]
pub(super) struct Json<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    /// Nothing of the innermost map or list was read yet, so no comma is due.
    fresh: bool,
    /// Where the text ends although the payload goes on, because it is no UTF-8 from there.
    broken: bool,
}

impl<'a> Json<'a> {
    /// Reads from the beginning. Bytes that are no UTF-8 are found where they stand, so that what
    /// comes before them can be read.
    pub(super) fn new(payload: &'a [u8]) -> Self {
        let text = std::str::from_utf8(payload)
            .unwrap_or_else(|_| payload.utf8_chunks().next().map_or("", |chunk| chunk.valid()));
        let at = if payload.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        Self { text, at, depth: 0, fresh: false, broken: text.len() < payload.len() }
    }

    fn fail<T>(&self, what: &'static str) -> Result<T, Syntax> {
        let what = if self.at < self.text.len() {
            what
        } else if self.broken {
            "not UTF-8"
        } else {
            "breaks off"
        };
        Err(Syntax { what, at: self.at })
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_white(&mut self) -> Option<u8> {
        loop {
            match self.peek() {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                other => return other,
            }
        }
    }

    fn descend(&mut self, item: Item<'a>) -> Result<Item<'a>, Syntax> {
        self.at += 1;
        self.depth += 1;
        self.fresh = true;
        if self.depth > MAX_DEPTH { self.fail("nested too deeply") } else { Ok(item) }
    }

    fn ascend(&mut self) {
        self.at += 1;
        self.depth = self.depth.saturating_sub(1);
        self.fresh = false;
    }

    fn literal(&mut self, word: &str, item: Item<'a>) -> Result<Item<'a>, Syntax> {
        if self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            Ok(item)
        } else {
            self.fail("not a JSON value")
        }
    }

    /// The next separator: a comma, or nothing before the first entry; `false` at `close`.
    fn entry(&mut self, close: u8) -> Result<bool, Syntax> {
        let fresh = std::mem::replace(&mut self.fresh, false);
        match self.skip_white() {
            Some(byte) if byte == close => {
                self.ascend();
                Ok(false)
            }
            Some(b',') if !fresh => {
                self.at += 1;
                if self.skip_white() == Some(close) {
                    self.fail("a comma too many")
                } else {
                    Ok(true)
                }
            }
            Some(_) if fresh => Ok(true),
            _ => self.fail("a comma or the end of a map or list is missing"),
        }
    }

    fn string(&mut self) -> Result<Cow<'a, str>, Syntax> {
        self.at += 1;
        let start = self.at;
        self.at += plain(&self.text.as_bytes()[start..]);
        match self.peek() {
            Some(b'"') => {
                let text = &self.text[start..self.at];
                self.at += 1;
                Ok(Cow::Borrowed(text))
            }
            Some(b'\\') => self.escaped(start).map(Cow::Owned),
            _ => self.fail("a control character in a string"),
        }
    }

    /// The rest of a string from its first escape on; `start` is where the string began.
    fn escaped(&mut self, start: usize) -> Result<String, Syntax> {
        let mut text = self.text[start..self.at].to_owned();
        loop {
            let from = self.at;
            self.at += plain(&self.text.as_bytes()[from..]);
            text.push_str(&self.text[from..self.at]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => {
                    self.at += 1;
                    text.push(self.escape()?);
                }
                _ => return self.fail("a control character in a string"),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Syntax> {
        let plain = match self.peek() {
            Some(b @ (b'"' | b'\\' | b'/')) => char::from(b),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode();
            }
            _ => return self.fail("not an escape"),
        };
        self.at += 1;
        Ok(plain)
    }

    fn unicode(&mut self) -> Result<char, Syntax> {
        let mut code = self.hex4()?;
        if (0xD800..0xDC00).contains(&code) && self.text[self.at..].starts_with("\\u") {
            self.at += 2;
            let low = self.hex4()?;
            if !(0xDC00..0xE000).contains(&low) {
                return self.fail("half a surrogate pair");
            }
            code = 0x1_0000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        }
        char::from_u32(code).map_or_else(|| self.fail("half a surrogate pair"), Ok)
    }

    fn hex4(&mut self) -> Result<u32, Syntax> {
        let mut code = 0;
        for _ in 0..4 {
            let Some(digit) = self.peek().and_then(|b| char::from(b).to_digit(16)) else {
                return self.fail("not an escape");
            };
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }

    /// A number that is none: its own reading is refused for it, and no other.
    fn no_number(&mut self) -> Option<Item<'a>> {
        let rest = &self.text[self.at..];
        let (word, number) = NO_NUMBERS.iter().find(|(word, _)| rest.starts_with(word))?;
        self.at += word.len();
        Some(Item::Number(*number))
    }

    fn number(&mut self) -> Result<f64, Syntax> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let zero = self.peek() == Some(b'0');
        let whole = self.digits();
        if whole == 0 || (zero && whole > 1) {
            return self.fail("not a number");
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return self.fail("not a number");
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.digits() == 0 {
                return self.fail("not a number");
            }
        }
        if self.at == self.text.len() {
            return self.fail("breaks off");
        }
        let text = &self.text[start..self.at];
        match short(text.as_bytes()) {
            Some(number) => Ok(number),
            None => text.parse().or_else(|_| self.fail("not a number")),
        }
    }
}

/// How many bytes of a string stand before its end, its first escape or a control character. Eight at a time: the
/// highest bit of a byte is set where it is one of these; above the first one it may be set for others too.
fn plain(text: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGHEST: u64 = ONES << 7;
    let below = |word: u64, bound: u8| word.wrapping_sub(ONES * u64::from(bound)) & !word;
    let (words, rest) = text.as_chunks::<8>();
    for (place, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let quote = below(word ^ (ONES * u64::from(b'"')), 1);
        let escape = below(word ^ (ONES * u64::from(b'\\')), 1);
        let ends = (below(word, 0x20) | quote | escape) & HIGHEST;
        if ends != 0 {
            return place * 8 + (ends.trailing_zeros() / 8) as usize;
        }
    }
    let end = rest.iter().position(|&b| b == b'"' || b == b'\\' || b < 0x20);
    text.len() - rest.len() + end.unwrap_or(rest.len())
}

/// A number of JSON with at most 15 digits and no exponent: both its digits and the power of ten by which they are
/// divided are exact, and so the quotient is the number next to it (IEEE 754).
fn short(text: &[u8]) -> Option<f64> {
    const POWERS: [f64; 16] =
        [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.len() > POWERS.len() {
        return None;
    }
    let (mut number, mut point) = (0_u64, None);
    for (place, &byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => number = number * 10 + u64::from(byte - b'0'),
            b'.' => point = Some(place),
            _ => return None,
        }
    }
    match point {
        None if digits.len() == POWERS.len() => None,
        // A whole zero has no sign.
        None => Some(if negative && number > 0 { -(number as f64) } else { number as f64 }),
        Some(point) => {
            let number = number as f64 / POWERS[digits.len() - point - 1];
            Some(if negative { -number } else { number })
        }
    }
}

impl<'a> Source<'a> for Json<'a> {
    fn item(&mut self) -> Result<Item<'a>, Syntax> {
        match self.skip_white() {
            Some(b'"') => self.string().map(Item::Text),
            Some(b'0'..=b'9') => self.number().map(Item::Number),
            Some(b'-') => match self.no_number() {
                Some(item) => Ok(item),
                None => self.number().map(Item::Number),
            },
            Some(b'{') => self.descend(Item::Map),
            Some(b'[') => self.descend(Item::List),
            Some(b'n') => match self.no_number() {
                Some(item) => Ok(item),
                None => self.literal("null", Item::Null),
            },
            Some(b't') => self.literal("true", Item::Other),
            Some(b'f') => self.literal("false", Item::Other),
            Some(b'N' | b'I' | b'i') => match self.no_number() {
                Some(item) => Ok(item),
                None => self.fail("not a JSON value"),
            },
            _ => self.fail("not a JSON value"),
        }
    }

    fn key(&mut self) -> Result<Option<Cow<'a, str>>, Syntax> {
        if !self.entry(b'}')? {
            return Ok(None);
        }
        if self.skip_white() != Some(b'"') {
            return self.fail("a key is missing");
        }
        let key = self.string()?;
        if self.skip_white() != Some(b':') {
            return self.fail("a colon is missing");
        }
        self.at += 1;
        Ok(Some(key))
    }

    fn more(&mut self) -> Result<bool, Syntax> {
        self.entry(b']')
    }

    fn end(&mut self) -> Result<(), Syntax> {
        while self.skip_white() == Some(0) {
            self.at += 1;
        }
        if self.at < self.text.len() || self.broken {
            return Err(Syntax { what: "something follows the end of the message", at: self.at });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str) -> Option<u64> {
        let text = format!("{text}]");
        Json::new(text.as_bytes()).number().ok().map(f64::to_bits)
    }

    proptest! {
        /// By the bit, as the standard library reads them; a whole zero has no sign.
        #[test]
        fn numbers_are_the_nearest_there_are(text in "-?(0|[1-9][0-9]{0,17})(\\.[0-9]{1,17})?") {
            let expected = text.parse::<f64>().unwrap();
            let expected = if text == "-0" { 0.0 } else { expected };
            prop_assert_eq!(number(&text), Some(expected.to_bits()), "{}", text);
        }

        /// Wherever it ends, and whatever stands before and behind.
        #[test]
        fn a_string_ends_where_it_ends(before in "[ -~\u{80}-\u{2ff}]{0,40}", rest in prop::collection::vec(any::<u8>(), 0..20)) {
            let is_end = |b: &u8| *b == b'"' || *b == b'\\' || *b < 0x20;
            let text = [before.as_bytes(), &rest].concat();
            let expected = text.iter().position(is_end).unwrap_or(text.len());
            prop_assert_eq!(plain(&text), expected);
        }
    }
}
