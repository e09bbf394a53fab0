//! Line protocol read back: measurement, tags and fields.

use super::{Record, Value};

/// Measurement and tags of a line.
pub(crate) fn read_head(head: &str) -> (String, Record) {
    let mut parts = split(head, ',').into_iter();
    let measurement = parts.next().expect("a measurement");
    let tag = |part: String| {
        let (name, value) = part.split_once('=').expect("a tag");
        let value = value.replace("\\,", ",").replace("\\ ", " ").replace("\\=", "=");
        (name.to_owned(), Value::Text(value))
    };
    (measurement, parts.map(tag).collect())
}

/// The fields of a line.
pub(super) fn read_fields(fields: &str) -> Vec<(String, Value)> {
    let field = |part: String| {
        let (name, value) = part.split_once('=').expect("a field");
        let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        let value = match (quoted, value) {
            (Some(text), _) => Value::Text(text.replace("\\\"", "\"").replace("\\\\", "\\")),
            (None, "true") => Value::Bool(true),
            (None, "false") => Value::Bool(false),
            (None, number) => match number.strip_suffix('i') {
                Some(number) => Value::Int(number.parse().expect("an integer")),
                None => Value::Float(number.parse().expect("a number")),
            },
        };
        (name.to_owned(), value)
    };
    split(fields, ',').into_iter().map(field).collect()
}

/// Cuts at a character that neither follows a backslash nor stands in quotes.
fn split(text: &str, at: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let (mut escaped, mut quoted) = (false, false);
    for c in text.chars() {
        if c == at && !escaped && !quoted {
            parts.push(String::new());
            continue;
        }
        quoted ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        parts.last_mut().expect("one").push(c);
    }
    parts
}
