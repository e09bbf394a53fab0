//! What a server says, as everybody may read it: its errors quote lines, and with them devices, names
//! of patients and values. Pure.

/// So many characters are told on.
const TOLD: usize = 160;
/// What stands for something that is left out.
const LEFT_OUT: &str = "…";
/// What a number may stand behind: how many lines were dropped is nobody's value.
const COUNT: &str = "dropped=";

/// The server's words without what may be about anybody: plain words stay, and how many lines were
/// dropped; what is quoted, holds a digit, or is part of a line does not.
pub(super) fn told(words: &str) -> String {
    let message = message(words);
    let mut told: Vec<&str> = Vec::new();
    let mut length = 0;
    let mut quoted = None;
    for token in message.split_whitespace() {
        let mark = quoted.or_else(|| token.chars().find(|c| is_quote(*c)));
        let turns = mark.is_some_and(|mark| token.matches(mark).count() % 2 == 1);
        let kept = mark.is_none() && is_plain(token);
        quoted = if turns { quoted.xor(mark) } else { quoted };
        let word = if kept { token } else { LEFT_OUT };
        if word == LEFT_OUT && told.last() == Some(&LEFT_OUT) {
            continue;
        }
        length += word.chars().count() + 1;
        if length > TOLD {
            told.push(LEFT_OUT);
            break;
        }
        told.push(word);
    }
    told.join(" ")
}

/// Whether it is a word, or a count.
fn is_plain(token: &str) -> bool {
    let digits = |n: &str| n.bytes().all(|b| b.is_ascii_digit());
    let word = token.trim_matches(|c: char| ".,:;()[]".contains(c));
    let letters = word.bytes().all(|b| b.is_ascii_alphabetic() || b"-_/".contains(&b));
    (letters && !word.is_empty()) || token.strip_prefix(COUNT).is_some_and(digits)
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\'' | '`')
}

/// What stands in `message` (InfluxDB 2) or `error` (1), where the body is JSON; else the body.
fn message(words: &str) -> String {
    let json: Option<serde_json::Value> = serde_json::from_str(words).ok();
    let field = |name: &str| Some(json.as_ref()?.get(name)?.as_str()?.to_owned());
    field("message").or_else(|| field("error")).unwrap_or_else(|| words.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_server_means_is_told_and_what_it_quotes_is_not() {
        for (words, expected) in [
            ("not found", "not found"),
            (
                r#"{"code":"internal error","message":"unexpected error writing points to database: partial write: points beyond retention policy dropped=12"}"#,
                "unexpected error writing points to database: partial write: points beyond retention policy dropped=12",
            ),
            (
                r#"{"error":"partial write: max-series-per-database limit exceeded: (1000000) dropped=1"}"#,
                "partial write: max-series-per-database limit exceeded: … dropped=1",
            ),
            (
                r#"field type conflict: input field "value" on measurement "vitalgate_reading" is type float"#,
                "field type conflict: input field … on measurement … is type float",
            ),
            (
                "unable to parse 'vitalgate_reading,device=hub,patient=AB CD value=70 1': bad timestamp",
                "unable to parse … bad timestamp",
            ),
            ("limit (100/100): measurement=m tag=patient value=anna", "limit …"),
            ("it's dev-1\u{202e} <b>now</b>", "…"),
            ("", ""),
        ] {
            assert_eq!(told(words), expected, "{words}");
        }
        let long = told(&"word ".repeat(100));
        assert!(long.chars().count() <= TOLD + 2 && long.ends_with('…'), "{long}");
    }

    proptest! {
        /// Whatever is quoted or follows an equals sign, and whatever holds a digit, stays here.
        #[test]
        fn no_id_and_no_value_is_told(id in "[a-z]{3,8}-[0-9]{1,4}", value in 0_u32..10_000) {
            let line = format!("vitalgate_reading,device={id},patient={id} value={value}.5 17");
            for words in [
                format!("cannot take '{line}' now"),
                format!("cannot take {line} now"),
                format!("cannot take {id}: {value}"),
                format!(r#"{{"code":"invalid","message":"cannot take \"{id} {value}\" of {id}"}}"#),
            ] {
                let told = told(&words);
                prop_assert!(told.starts_with("cannot take"), "{told}");
                prop_assert!(!told.contains(&id) && !told.contains(|c: char| c.is_ascii_digit()));
                prop_assert!(told.chars().all(|c| c == '…' || (' '..='~').contains(&c)));
            }
        }
    }
}
