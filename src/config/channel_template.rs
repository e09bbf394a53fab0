//! The body of a request that somebody else's gateway understands, with places for what an alarm says.

use std::fmt::Write as _;

use axum::http::HeaderValue;

/// What may stand in braces, in the order of the values of [`Template::fill`].
const NAMES: [&str; 8] =
    ["title", "message", "priority", "alarm", "key", "time", "accept", "acknowledge"];
/// Of these, what answers.
const LINKS: std::ops::Range<usize> = 6..8;

/// Values as an alarm has them, none of which is JSON by itself.
const SAMPLE: [&str; 8] = [
    "a \"title\"",
    "a message",
    "high",
    "A1",
    "A1-S-7",
    "2026-01-01T00:00:00Z",
    "https://a/b",
    "https://a/c",
];

/// A body with places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Text, each followed by the place in [`NAMES`] of what comes next.
    pieces: Vec<(String, usize)>,
    rest: String,
    escape: Escape,
    content_type: HeaderValue,
}

/// How a value is written so that it stays a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escape {
    Json,
    Form,
    Xml,
    Plain,
}

/// Text that is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTemplate {
    /// Nothing is filled in under this name.
    #[error(
        "body: `{{{0}}}` is none of {{title}}, {{message}}, {{priority}}, {{alarm}}, {{key}}, {{time}}, {{accept}}, {{acknowledge}}"
    )]
    Name(String),
    /// Nobody would read what has happened.
    #[error(
        "body: it holds neither `{{title}}` nor `{{message}}`: nobody would read what has happened"
    )]
    Silent,
    /// It is not known how values are written there.
    #[error(
        "content_type: `{0}` is none of application/json, application/x-www-form-urlencoded, text/xml, application/xml, text/plain"
    )]
    Kind(String),
    /// The other side could not read it.
    #[error(
        "body: filled in it is no JSON ({0}): the quotes belong to the body, as in {{\"text\":\"{{title}}\"}}"
    )]
    Json(String),
}

impl Template {
    /// Of a body in a content type, which says how values are written in it.
    pub fn of(body: &str, content_type: &str) -> Result<Self, BadTemplate> {
        let escape = match content_type.split(';').next().unwrap_or_default().trim() {
            "application/json" => Escape::Json,
            "application/x-www-form-urlencoded" => Escape::Form,
            "text/xml" | "application/xml" => Escape::Xml,
            "text/plain" => Escape::Plain,
            other => return Err(BadTemplate::Kind(other.to_owned())),
        };
        let kind = HeaderValue::from_str(content_type);
        let kind = kind.map_err(|_| BadTemplate::Kind(content_type.to_owned()))?;
        let (mut pieces, mut text, mut left) = (Vec::new(), String::new(), body);
        while let Some((before, after)) = left.split_once('{') {
            text.push_str(before);
            let is_name = |name: &&str| {
                !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
            };
            // A brace of JSON's own is followed by something else.
            let named = after.split_once('}').filter(|(name, _)| is_name(name));
            let Some((name, after)) = named else {
                text.push('{');
                left = after;
                continue;
            };
            let place = NAMES.iter().position(|known| *known == name);
            let place = place.ok_or_else(|| BadTemplate::Name(name.to_owned()))?;
            pieces.push((std::mem::take(&mut text), place));
            left = after;
        }
        if !pieces.iter().any(|(_, place)| *place < 2) {
            return Err(BadTemplate::Silent);
        }
        let template = Self { pieces, rest: text + left, escape, content_type: kind };
        if escape == Escape::Json {
            let filled = template.fill(SAMPLE);
            serde_json::from_str::<serde::de::IgnoredAny>(&filled)
                .map_err(|why| BadTemplate::Json(why.to_string()))?;
        }
        Ok(template)
    }

    /// What the body is.
    pub fn content_type(&self) -> HeaderValue {
        self.content_type.clone()
    }

    /// Whether it has a place for a link that answers.
    pub fn answers(&self) -> bool {
        self.pieces.iter().any(|(_, place)| LINKS.contains(place))
    }

    /// The body with these values, in the order `title`, `message`, `priority`, `alarm`, `key`, `time`, `accept`,
    /// `acknowledge`.
    pub fn fill(&self, values: [&str; 8]) -> String {
        let mut body = String::new();
        for (text, place) in &self.pieces {
            body.push_str(text);
            self.escape.write(values[*place], &mut body);
        }
        body + &self.rest
    }
}

impl Escape {
    fn write(self, value: &str, to: &mut String) {
        let plain = value.chars().map(|c| if c.is_control() { ' ' } else { c });
        match self {
            Self::Plain => to.extend(plain),
            Self::Json => {
                let quoted = serde_json::Value::String(value.to_owned()).to_string();
                to.push_str(quoted.trim_start_matches('"').strip_suffix('"').unwrap_or_default());
            }
            Self::Form => {
                for byte in value.bytes() {
                    match byte {
                        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                            to.push(char::from(byte));
                        }
                        _ => drop(write!(to, "%{byte:02X}")),
                    }
                }
            }
            Self::Xml => {
                for c in plain {
                    match c {
                        '&' => to.push_str("&amp;"),
                        '<' => to.push_str("&lt;"),
                        '>' => to.push_str("&gt;"),
                        '"' => to.push_str("&quot;"),
                        '\'' => to.push_str("&apos;"),
                        _ => to.push(c),
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NASTY: [&str; 8] =
        ["a\"b\\ <c>&'d' {key}\n\u{e4}", "m", "high", "A1", "A1-S-7", "t", "https://a", ""];

    fn filled(body: &str, kind: &str) -> String {
        Template::of(body, kind).unwrap().fill(NASTY)
    }

    #[test]
    fn a_value_stays_a_value_whatever_it_holds() {
        let json = filled(r#"{"to":["+49"],"text":"{title}","id":"{key}"}"#, "application/json");
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!((&json["text"], &json["id"]), (&NASTY[0].into(), &"A1-S-7".into()));
        let quotes = Template::of(r#"{"t":"{title}"}"#, "application/json").unwrap();
        let quotes = quotes.fill(["\"\"", "", "", "", "", "", "", ""]);
        assert_eq!(quotes, r#"{"t":"\"\""}"#);
        let form = filled("to=%2B49&text={title}.{message}", "application/x-www-form-urlencoded");
        assert_eq!(form, "to=%2B49&text=a%22b%5C%20%3Cc%3E%26%27d%27%20%7Bkey%7D%0A%C3%A4.m");
        let xml = filled("<t>{title}</t>", "text/xml; charset=utf-8");
        assert_eq!(xml, "<t>a&quot;b\\ &lt;c&gt;&amp;&apos;d&apos; {key} \u{e4}</t>");
        assert_eq!(filled("{priority} {title}", "text/plain"), "high a\"b\\ <c>&'d' {key} \u{e4}");
    }

    #[test]
    fn what_would_be_sent_unfilled_or_say_nothing_is_refused() {
        let bad = |body, kind| Template::of(body, kind).unwrap_err();
        assert_eq!(bad("{titel}", "text/plain"), BadTemplate::Name("titel".into()));
        assert_eq!(bad("{priority}", "text/plain"), BadTemplate::Silent);
        assert_eq!(bad("", "text/plain"), BadTemplate::Silent);
        for body in [r#"{"t":{title}}"#, "{title}", r#"{"t":"{title}""#] {
            let why = bad(body, "application/json").to_string();
            assert!(why.contains("no JSON") && why.contains("quotes"), "{why}");
        }
        assert_eq!(bad("{title}", "image/png"), BadTemplate::Kind("image/png".into()));
        for open in ["{title} {", "{title} {}", "{title} { a }", "{{title}}"] {
            assert!(Template::of(open, "text/plain").is_ok(), "{open}");
        }
    }
}
