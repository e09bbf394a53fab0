//! What somebody says of an alarm: comments, and reasons.

/// Bytes of it at most: it is part of each transition after it.
pub(crate) const LONGEST: usize = 1_000;

/// Whether it is short enough to be kept, and says anything that can be seen.
pub(crate) fn is_said(text: &str) -> bool {
    text.len() <= LONGEST && text.chars().any(is_visible)
}

fn is_visible(c: char) -> bool {
    let blank = matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{17b4}'
            | '\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{e0000}'..='\u{e0fff}'
    );
    !blank && !c.is_whitespace() && !c.is_control()
}
