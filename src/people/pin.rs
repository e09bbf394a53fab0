//! Which PINs anybody would try first: those that are easy to think of are few, and are tried before all others.

/// The shortest piece that is looked at as a run of its own.
const PIECE: usize = 3;

/// Whether digits are a date, or repeat, count up or down, come in equal groups, or read the same from behind.
pub(super) fn is_obvious(pin: &[u8]) -> bool {
    let mut distinct = pin.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    let mirrored = pin.iter().eq(pin.iter().rev());
    distinct.len() < 3 || mirrored || repeats(pin) || is_of_pieces(pin) || is_date(pin)
}

/// Whether a shorter piece is said again and again.
fn repeats(pin: &[u8]) -> bool {
    let whole = |piece: &usize| pin.len().is_multiple_of(*piece);
    (1..=pin.len() / 2).filter(whole).any(|piece| pin.chunks(piece).all(|one| one == &pin[..piece]))
}

/// Whether it is one run, or pieces of one length that each are one digit, or a run.
fn is_of_pieces(pin: &[u8]) -> bool {
    let steps = |piece: &[u8], step: i16| {
        let of = |pair: &[u8]| i16::from(pair[1]) - i16::from(pair[0]);
        piece.windows(2).map(of).all(|of| of == step || of == -9 * step)
    };
    let simple = |piece: &[u8]| {
        let runs = piece.len() >= PIECE && (steps(piece, 1) || steps(piece, -1));
        runs || piece.iter().all(|digit| *digit == piece[0])
    };
    let whole = |piece: &usize| pin.len().is_multiple_of(*piece);
    (2..=pin.len()).filter(whole).any(|piece| pin.chunks(piece).all(simple))
}

/// Whether it is a day with its year in two or four digits, or a month with its year, in any usual order.
fn is_date(pin: &[u8]) -> bool {
    let number =
        |digits: &[u8]| digits.iter().fold(0_u32, |n, digit| 10 * n + u32::from(digit - b'0'));
    let month = |digits: &[u8]| (1..=12).contains(&number(digits));
    let day = |digits: &[u8]| (1..=31).contains(&number(digits));
    let year = |digits: &[u8]| (1900..=2099).contains(&number(digits));
    let of_day =
        |two: &[u8], other: &[u8]| (day(two) && month(other)) || (month(two) && day(other));
    match pin.len() {
        6 => {
            let (a, b, c) = (&pin[..2], &pin[2..4], &pin[4..]);
            of_day(a, b)
                || of_day(b, c)
                || (month(a) && year(&pin[2..]))
                || (year(&pin[..4]) && month(c))
        }
        8 => {
            let first = of_day(&pin[..2], &pin[2..4]) && year(&pin[4..]);
            first || (year(&pin[..4]) && of_day(&pin[4..6], &pin[6..]))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_easily_thought_of_is_found() {
        for pin in [
            "111111",
            "121212",
            "123123",
            "12341234",
            "112233",
            "774411",
            "111222333",
            "123456",
            "890123",
            "987654",
            "123789",
            "321654",
            "456123",
            "123321",
            "481184",
            "311299",
            "123199",
            "991231",
            "122000",
            "200012",
            "20001231",
            "31122000",
            "12312000",
            "010203",
        ] {
            assert!(is_obvious(pin.as_bytes()), "{pin}");
        }
        for pin in ["481516", "615184", "704936", "48151623", "4815162342", "135791113"] {
            assert!(!is_obvious(pin.as_bytes()), "{pin}");
        }
    }

    #[test]
    fn most_pins_of_six_digits_stay() {
        let stay = (0..1_000_000).filter(|n| !is_obvious(format!("{n:06}").as_bytes())).count();
        assert!((850_000..950_000).contains(&stay), "{stay}");
    }
}
