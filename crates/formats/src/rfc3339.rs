//! How RFC 3339 writes an instant: §5.6, with a zone, and nothing of what else ISO 8601 allows.

/// Whether a text is a `date-time`; its fields may still be out of range.
pub(super) fn is_written_so(text: &str) -> bool {
    let Some((stamp, rest)) = text.as_bytes().split_at_checked(STAMP.len()) else { return false };
    let fits = |(byte, form): (&u8, &u8)| match form {
        b'0' => byte.is_ascii_digit(),
        form => byte.eq_ignore_ascii_case(form),
    };
    stamp.iter().zip(STAMP).all(fits) && zone(rest).is_some_and(is_zone)
}

const STAMP: &[u8; 19] = b"0000-00-00T00:00:00";

/// What follows the fraction of a second, if there is a fraction.
fn zone(rest: &[u8]) -> Option<&[u8]> {
    let Some(fraction) = rest.strip_prefix(b".") else { return Some(rest) };
    let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (digits > 0).then(|| &fraction[digits..])
}

fn is_zone(zone: &[u8]) -> bool {
    match zone {
        [b'Z' | b'z'] => true,
        [b'+' | b'-', h1 @ b'0'..=b'2', h2 @ b'0'..=b'9', b':', b'0'..=b'5', b'0'..=b'9'] => {
            (h1 - b'0') * 10 + (h2 - b'0') < 24
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::time::parse;

    #[test]
    fn what_rfc_3339_allows_is_read() {
        for (text, same) in [
            ("2026-11-28T20:00:00Z", "2026-11-28T20:00:00Z"),
            ("2026-11-28t20:00:00z", "2026-11-28T20:00:00Z"),
            ("2026-11-28T20:00:00.1234567Z", "2026-11-28T20:00:00.123456Z"),
            ("2026-11-28T20:00:00+23:59", "2026-11-27T20:01:00Z"),
            ("2026-11-28T20:00:00-00:00", "2026-11-28T20:00:00Z"),
            ("2024-02-29T00:00:00.000+01:00", "2024-02-28T23:00:00Z"),
        ] {
            let same = parse(same);
            assert!(same.is_some());
            assert_eq!(parse(text), same, "{text}");
        }
    }

    #[test]
    fn what_else_iso_8601_allows_is_not() {
        for text in [
            "20261128T200000Z",
            "2026-11-28T20:00:00+24:00",
            "2026-11-28T20:00:00+0100",
            "2026-11-28T20:00:00+01",
            "2026-11-28T20:00:00+01:60",
            "2026-11-28T20:00:00+01:00[Europe/Berlin]",
            "2026-11-28T20:00Z",
            "2026-11-28 20:00:00Z",
            "2026-11-28T20:00:00",
            "2026-11-28T20:00:00,5Z",
            "2026-11-28T20:00:00.Z",
            "2026-11-28T20:00:00.5",
            "+002026-11-28T20:00:00Z",
            "2026-W48-6T20:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-11-28T24:00:00Z",
            " 2026-11-28T20:00:00Z",
            "2026-11-28T20:00:00Z ",
            "2026-11-28T20:00:00\u{2212}01:00",
            "",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
