//! Names as Flux strings, and tags as they are stored: no name ends the text it is in.

use std::fmt::Write as _;

/// A Flux string. Quote and backslash would end or change it, `${` would begin an expression in it.
pub fn literal(text: &str) -> String {
    let mut quoted = "\"".to_owned();
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c == '$' || c.is_ascii_control() => {
                let written = write!(quoted, "\\x{:02x}", u32::from(c));
                debug_assert!(written.is_ok(), "memory takes everything");
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A tag as [`line`](super::line) has it stored: `\`, `%`, `"` and control characters as `%XX`.
pub fn stored(value: &str) -> String {
    let mut stored = String::with_capacity(value.len());
    for c in value.chars() {
        if c.is_control() || matches!(c, '\\' | '%' | '"') {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                let written = write!(stored, "%{byte:02X}");
                debug_assert!(written.is_ok(), "memory takes everything");
            }
        } else {
            stored.push(c);
        }
    }
    stored
}

/// What a stored tag was made of; what no gateway wrote stays as it is.
pub fn restored(tag: &str) -> String {
    let mut bytes = Vec::with_capacity(tag.len());
    let mut rest = tag.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| first == b'%');
        let byte = hex.and_then(|hex| data_encoding::HEXUPPER.decode(hex).ok());
        if let Some(&[byte]) = byte.as_deref() {
            bytes.push(byte);
            rest = &after[2..];
        } else {
            bytes.push(first);
            rest = after;
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| tag.to_owned())
}
