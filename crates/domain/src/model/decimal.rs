//! Numbers as devices write them: 72.4 is three digits and a point, and the eight bytes of its
//! binary fraction are noise that no compression removes.
//!
//! On disk a number is a whole number, a decimal fraction of RFC 8949 (tag 4), or what it is in
//! memory, whichever comes first of those that give back every bit of it.

use minicbor::data::{Tag, Type};
use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::encode::{Encoder, Error as EncodeError, Write};

/// The tag of a decimal fraction: exponent and mantissa.
const DECIMAL: Tag = Tag::new(4);
/// Ten to the number of digits after the point that are looked for.
const SCALES: [(i8, f64); 4] = [(0, 1.0), (1, 10.0), (2, 100.0), (3, 1_000.0)];
/// Below this every whole number is a number of its own, and its quotient the nearest to the truth.
const EXACT: u64 = 1 << 53;

/// The digits after the point and the number without it, where that is the number to the last bit.
fn digits(value: f64) -> Option<(i8, i64)> {
    SCALES.into_iter().find_map(|(places, scale)| {
        let whole = (value * scale).round() as i64;
        let same =
            whole.unsigned_abs() < EXACT && (whole as f64 / scale).to_bits() == value.to_bits();
        same.then_some((places, whole))
    })
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that derived encoders call")]
pub(crate) fn encode<C, W: Write>(
    value: &f64,
    e: &mut Encoder<W>,
    _: &mut C,
) -> Result<(), EncodeError<W::Error>> {
    match digits(*value) {
        Some((0, whole)) => e.i64(whole)?.ok(),
        Some((places, whole)) => e.tag(DECIMAL)?.array(2)?.i8(-places)?.i64(whole)?.ok(),
        None => e.f64(*value)?.ok(),
    }
}

pub(crate) fn decode<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<f64, DecodeError> {
    let kind = d.datatype()?;
    if matches!(kind, Type::F16 | Type::F32 | Type::F64) {
        return d.f64();
    }
    if kind != Type::Tag {
        return Ok(d.i64()? as f64);
    }
    let (tag, parts, exponent) = (d.tag()?, d.array()?, d.i8()?);
    if tag != DECIMAL || parts != Some(2) {
        return Err(DecodeError::message("no decimal fraction of two parts"));
    }
    let scale = SCALES.into_iter().find(|(places, _)| -places == exponent);
    let (_, scale) = scale.ok_or_else(|| DecodeError::message("an exponent never written"))?;
    Ok(d.i64()? as f64 / scale)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(value: f64) -> Vec<u8> {
        let mut e = Encoder::new(Vec::new());
        encode(&value, &mut e, &mut ()).unwrap();
        e.into_writer()
    }

    #[test]
    fn what_people_write_is_short() {
        for (value, bytes) in
            [(72.0, 2), (0.0, 1), (-3.0, 1), (97.1, 6), (36.625, 6), (0.1 + 0.2, 9), (1e300, 9)]
        {
            assert_eq!(written(value).len(), bytes, "{value}");
        }
    }

    proptest! {
        #[test]
        fn every_bit_comes_back(
            value in prop_oneof![any::<f64>(), (any::<i32>(), 0..5).prop_map(|(m, k)| {
                f64::from(m) / 10_f64.powi(k)
            }), Just(-0.0)],
        ) {
            let read = decode(&mut Decoder::new(&written(value)), &mut ()).unwrap();
            prop_assert_eq!(read.to_bits(), value.to_bits());
        }
    }
}
