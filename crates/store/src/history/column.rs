//! A column of a block: numbers in the narrowest type that holds them all, packed by `pco`.
//!
//! The first byte says how: its lower half the type, its upper half a power of ten. Integers are
//! multiples of that power; values are decimal fractions over it, where that gives back every bit of
//! them, and else what they are.

use pco::ChunkConfig;
use pco::data_types::Number;
use pco::standalone::{simple_compress, simple_decompress_into};

use crate::file::error::BadBlock;

/// Higher levels cost time and save nothing at this size.
const LEVEL: usize = 4;
/// The types, as stored: 64 bits (of an integer, or of a value as it is), 32 and 16.
const WIDE: u8 = 0;
const HALF: u8 = 1;
const QUARTER: u8 = 2;
/// Powers of ten that integers may be multiples of: times come in whole seconds or milliseconds.
const MULTIPLES: [u8; 2] = [6, 3];
/// Digits after the point that a value may have to pass for a decimal fraction.
const DIGITS: u8 = 3;

/// Packs integers.
pub(crate) fn pack_integers(numbers: &[i64]) -> Result<Vec<u8>, BadBlock> {
    let divides = |power: &u8| numbers.iter().all(|n| n % ten_to(*power) == 0);
    let power = MULTIPLES.into_iter().find(divides).unwrap_or(0);
    let numbers: Vec<i64> = numbers.iter().map(|n| n / ten_to(power)).collect();
    pack_narrow(&numbers, power)
}

/// Packs values.
pub(crate) fn pack_values(values: &[f64]) -> Result<Vec<u8>, BadBlock> {
    for power in 0..=DIGITS {
        let numbers: Option<Vec<i64>> = values.iter().map(|v| decimal(*v, power)).collect();
        if let Some(numbers) = numbers {
            return pack_narrow(&numbers, power);
        }
    }
    column(WIDE, 0, values)
}

/// What [`pack_integers`] packed, if it is so many.
pub(crate) fn integers(column: &[u8], count: usize) -> Result<Vec<i64>, BadBlock> {
    let (width, power, packed) = opened(column)?;
    let once = ten_to(power);
    Ok(narrow(width, packed, count)?.into_iter().map(|n| n.saturating_mul(once)).collect())
}

/// What [`pack_values`] packed, if it is so many.
pub(crate) fn values(column: &[u8], count: usize) -> Result<Vec<f64>, BadBlock> {
    let (width, power, packed) = opened(column)?;
    if width == WIDE {
        return unpack(packed, count);
    }
    let over = ten_to(power) as f64;
    Ok(narrow(width, packed, count)?.into_iter().map(|n| n as f64 / over).collect())
}

/// So many numbers of one type, without the byte that says how. What a damaged column says of itself
/// is not followed: `pco` may ask for gigabytes then.
pub(crate) fn unpack<T: Number + Default>(packed: &[u8], count: usize) -> Result<Vec<T>, BadBlock> {
    let mut numbers = vec![T::default(); count];
    let unpacked =
        simple_decompress_into(packed, &mut numbers).map_err(|e| BadBlock::new(e.to_string()))?;
    if !unpacked.finished || unpacked.n_processed != count {
        return Err(BadBlock::new("its columns differ in length"));
    }
    Ok(numbers)
}

fn opened(column: &[u8]) -> Result<(u8, u8, &[u8]), BadBlock> {
    let (how, packed) = column.split_first().ok_or_else(|| BadBlock::new("a column is empty"))?;
    Ok((how & 0x0f, how >> 4, packed))
}

fn narrow(width: u8, packed: &[u8], count: usize) -> Result<Vec<i64>, BadBlock> {
    match width {
        WIDE => unpack(packed, count),
        HALF => Ok(unpack::<i32>(packed, count)?.into_iter().map(i64::from).collect()),
        QUARTER => Ok(unpack::<i16>(packed, count)?.into_iter().map(i64::from).collect()),
        _ => Err(BadBlock::new("a column is of an unknown type")),
    }
}

fn pack_narrow(numbers: &[i64], power: u8) -> Result<Vec<u8>, BadBlock> {
    let quarter: Result<Vec<i16>, _> = numbers.iter().map(|n| i16::try_from(*n)).collect();
    if let Ok(numbers) = quarter {
        return column(QUARTER, power, &numbers);
    }
    let half: Result<Vec<i32>, _> = numbers.iter().map(|n| i32::try_from(*n)).collect();
    match half {
        Ok(numbers) => column(HALF, power, &numbers),
        Err(_) => column(WIDE, power, numbers),
    }
}

fn column<T: Number>(width: u8, power: u8, numbers: &[T]) -> Result<Vec<u8>, BadBlock> {
    let config = ChunkConfig::default().with_compression_level(LEVEL);
    let mut column = vec![width | power << 4];
    column.extend(simple_compress(numbers, &config).map_err(|e| BadBlock::new(e.to_string()))?);
    Ok(column)
}

/// The number that is the value once divided by this power of ten, if it is one of 32 bits.
fn decimal(value: f64, power: u8) -> Option<i64> {
    let over = ten_to(power) as f64;
    let number = (value * over).round();
    let fits = number.abs() <= f64::from(i32::MAX);
    (fits && (number as i64 as f64 / over).to_bits() == value.to_bits()).then_some(number as i64)
}

fn ten_to(power: u8) -> i64 {
    10_i64.pow(u32::from(power))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Numbers as they come, and any at all.
    fn any_value() -> impl Strategy<Value = f64> {
        let usual = (-50_000_i32..50_000, 0_i32..5)
            .prop_map(|(n, digits)| f64::from(n) / 10_f64.powi(digits));
        prop_oneof![8 => usual, 1 => any::<u64>().prop_map(f64::from_bits), 1 => Just(-0.0), 1 => Just(f64::from(i32::MAX))]
    }

    proptest! {
        #[test]
        fn every_bit_of_a_value_comes_back(
            given in prop_oneof![
                prop::collection::vec(any_value(), 1..50),
                prop::collection::vec((0_i32..4_000).prop_map(|n| f64::from(n) / 10.0), 1..50),
            ],
        ) {
            let got = values(&pack_values(&given).unwrap(), given.len()).unwrap();
            let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&got), bits(&given));
        }

        #[test]
        fn every_integer_comes_back(
            given in prop::collection::vec(any::<i64>(), 1..50),
            bits in 0_u32..64,
            power in 0_u8..7,
        ) {
            let given: Vec<i64> =
                given.iter().map(|n| (n >> bits).wrapping_mul(ten_to(power))).collect();
            let column = pack_integers(&given).unwrap();
            prop_assert!(integers(&column, given.len() - 1).is_err());
            prop_assert!(integers(&column, given.len() + 1).is_err());
            prop_assert_eq!(integers(&column, given.len()).unwrap(), given);
        }

        #[test]
        fn garbage_is_an_error_or_numbers_and_never_a_panic(
            column in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            drop((integers(&column, 50), values(&column, 50)));
        }
    }

    #[test]
    fn numbers_take_the_narrowest_type_and_the_largest_power() {
        let how = |column: Vec<u8>| (column[0] & 0x0f, column[0] >> 4);
        let of = |numbers: &[i64]| how(pack_integers(numbers).unwrap());
        assert_eq!(of(&[0, 300_000_000]), (QUARTER, 6));
        assert_eq!(of(&[0, 86_400_000_000]), (HALF, 6));
        assert_eq!(of(&[0, 86_399_999_000]), (HALF, 3));
        assert_eq!(of(&[1, 86_399_999_000]), (WIDE, 0));
        let of = |values: &[f64]| how(pack_values(values).unwrap());
        assert_eq!(of(&[70.0, 71.0]), (QUARTER, 0));
        assert_eq!(of(&[36.6, 37.25]), (QUARTER, 2));
        assert_eq!(of(&[36.6, 1e5]), (HALF, 1));
        assert_eq!(of(&[0.1 + 0.2]), (WIDE, 0));
    }
}
