//! What strangers say of themselves, made fit to be shown.

/// The most characters of a name or topic that are shown, escapes included.
const MOST: usize = 128;

/// The first of a text, with every character that is not seen as itself escaped: control characters,
/// those that turn the direction of writing, and the backslash of an escape.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = String::new();
    let mut length = 0;
    for character in text.chars() {
        let escaped = character.escape_debug();
        let as_it_is = matches!(character, '\'' | '"');
        let takes = if as_it_is { 1 } else { escaped.len() };
        if length + takes > MOST {
            shown.push('…');
            break;
        }
        length += takes;
        if as_it_is {
            shown.push(character);
        } else {
            shown.extend(escaped);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_as_itself_is_escaped() {
        for (text, expected) in [
            ("weather/today", "weather/today"),
            ("größe \"1\" o'clock", "größe \"1\" o'clock"),
            ("a\nfailed=0 \u{1b}[2J", "a\\nfailed=0 \\u{1b}[2J"),
            ("\u{202e}gnp", "\\u{202e}gnp"),
            ("\\n", "\\\\n"),
            ("", ""),
        ] {
            assert_eq!(shown(text), expected);
        }
    }

    #[test]
    fn only_the_first_of_it_is_shown_and_no_escape_is_cut() {
        assert_eq!(shown(&"x".repeat(MOST)), "x".repeat(MOST));
        assert_eq!(shown(&"x".repeat(MOST + 1)), "x".repeat(MOST) + "…");
        let near_the_end = "x".repeat(MOST - 3) + "\u{7}";
        assert_eq!(shown(&near_the_end), "x".repeat(MOST - 3) + "…");
    }
}
