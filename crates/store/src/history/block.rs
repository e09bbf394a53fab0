//! Sealed blocks: one unit, at most a day, columns packed by `pco`, and a summary to answer from.
//!
//! The body is a CBOR array `[2, times, arrivals, values, flags, crc]`, byte strings but for the last:
//! times in microseconds after `t0`, arrivals in milliseconds after their time (both rounded down to
//! whole milliseconds), values as sent, each a `column`; flags as pairs of (flags, how many); the
//! CRC-32 of all bytes before it, checked before anything is unpacked.
//!
//! What few blocks have has its place in format 3, which is written only for them: a map before the CRC,
//! from the number of a `Rare` column to it, a single integer where it is the same of all points.
//! Blocks of format 1 are read too: their columns are `pco` of 64 bits and nothing else, and they
//! have no CRC.

use std::convert::Infallible;

use minicbor::data::Type;

use super::column::{integers, pack_integers, pack_values, unpack, values};
use super::point::{Point, counts, settle};
use crate::file::error::BadBlock;
use crate::types::Sent;
use vitalgate_domain::model::time::{Span, Timestamp};
use vitalgate_domain::model::unit::Unit;

/// No block is longer: a query need look back only so far for blocks that reach into its range.
pub const MAX_SPAN: Span = Span::days(1);
/// No block holds more points, however large its head had grown.
const MAX_POINTS: usize = 1_024;
const FORMAT: u8 = 2;
const FORMAT_WITH_RARE: u8 = 3;
const FORMAT_OF_64_BITS: u8 = 1;

/// What is 0 of every point of most blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rare {
    /// [`Sent::ahead`].
    Ahead,
    /// The upper half of the flags.
    MoreFlags,
    /// [`Sent::period`] in microseconds and one more: an instant has none.
    Period,
}

impl Rare {
    /// Each at the place of its number.
    const ALL: [Self; 3] = [Self::Ahead, Self::MoreFlags, Self::Period];

    fn of(self, point: &Point) -> i64 {
        match self {
            Self::Ahead => point.sent.ahead,
            Self::MoreFlags => i64::from(point.flags >> 8),
            Self::Period => point.sent.period.map_or(0, |period| period.as_micros() + 1),
        }
    }

    fn put(self, point: &mut Point, number: i64) {
        match self {
            Self::Ahead => point.sent.ahead = number,
            Self::MoreFlags => point.flags |= (number as u16) << 8,
            Self::Period => {
                point.sent.period = (number > 0).then(|| Span::micros(number - 1));
            }
        }
    }
}

/// What a block says without being decoded; values over the points that count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Time of the first point.
    pub t0: Timestamp,
    /// Time of the last point.
    pub t1: Timestamp,
    /// The unit of every point.
    pub unit: Unit,
    /// Over the points that count; `None` when there are none.
    pub values: Option<Aggregate>,
}

/// Numbers over several points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Aggregate {
    /// How many.
    pub count: u64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// All together.
    pub sum: f64,
    /// The last in time.
    pub last: f64,
}

impl Aggregate {
    /// Of one value.
    pub fn of(value: f64) -> Self {
        Self { count: 1, min: value, max: value, sum: value, last: value }
    }

    /// With what follows it in time.
    #[must_use]
    pub fn then(self, later: Self) -> Self {
        Self {
            count: self.count + later.count,
            min: self.min.min(later.min),
            max: self.max.max(later.max),
            sum: self.sum + later.sum,
            last: later.last,
        }
    }
}

/// A block ready to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// Its summary.
    pub summary: Summary,
    /// Its points, packed.
    pub body: Vec<u8>,
}

/// Settles the points and packs them into as few blocks as unit, length and span allow.
pub fn seal(mut points: Vec<Point>) -> Result<Vec<Block>, BadBlock> {
    settle(&mut points);
    points.sort_by_key(|p| p.unit);
    let mut blocks = Vec::new();
    let mut rest = points.as_slice();
    while let Some(first) = rest.first() {
        let end = first.at + MAX_SPAN;
        let fits = |p: &&Point| p.unit == first.unit && p.at <= end;
        let (block, after) = rest.split_at(rest.iter().take(MAX_POINTS).take_while(fits).count());
        blocks.push(pack(block, first)?);
        rest = after;
    }
    Ok(blocks)
}

/// The points of a block that begins at `t0`.
pub fn open(t0: Timestamp, unit: Unit, body: &[u8]) -> Result<Vec<Point>, BadBlock> {
    let columns = Columns::of(body)?;
    let (times, arrivals, values) = (columns.times()?, columns.arrivals()?, columns.values()?);
    let points = times.iter().zip(&arrivals).zip(&values).zip(columns.flags());
    let mut points: Vec<Point> = points
        .map(|(((time, arrival), value), flags)| {
            let at = t0 + Span::micros(*time);
            Point {
                at,
                sent: Sent::default(),
                received: Timestamp::from_millis(at.as_millis().saturating_add(*arrival)),
                value: *value,
                unit,
                flags: u16::from(flags),
            }
        })
        .collect();
    for rare in Rare::ALL {
        columns.put(rare, &mut points)?;
    }
    Ok(points)
}

/// The points of a block that count, oldest first: when each was measured, and its value. Half the
/// work of [`open`].
pub fn counted(
    t0: Timestamp,
    body: &[u8],
    mut each: impl FnMut(Timestamp, f64),
) -> Result<(), BadBlock> {
    let columns = Columns::of(body)?;
    let (times, values) = (columns.times()?, columns.values()?);
    for ((time, value), flags) in times.iter().zip(values).zip(columns.flags()) {
        if counts(u16::from(flags)) {
            each(t0 + Span::micros(*time), value);
        }
    }
    Ok(())
}

/// How many points a block holds, if its CRC says that it is as it was written: `None` for one of
/// format 1. Nothing is unpacked for it.
pub(crate) fn checked_len(body: &[u8]) -> Option<usize> {
    let columns = Columns::of(body).ok()?;
    (columns.format != FORMAT_OF_64_BITS).then_some(columns.count)
}

/// A body taken apart.
struct Columns<'a> {
    format: u8,
    times: &'a [u8],
    arrivals: &'a [u8],
    values: &'a [u8],
    flags: &'a [u8],
    rare: [RareColumn<'a>; Rare::ALL.len()],
    /// Points, by the flags.
    count: usize,
}

#[derive(Debug, Clone, Copy)]
enum RareColumn<'a> {
    Same(i64),
    Packed(&'a [u8]),
}

impl<'a> Columns<'a> {
    fn of(body: &'a [u8]) -> Result<Self, BadBlock> {
        let mut d = minicbor::Decoder::new(body);
        let bad = |e: minicbor::decode::Error| BadBlock::new(e.to_string());
        let (elements, format) = (d.array().map_err(bad)?, d.u8().map_err(bad)?);
        let formats =
            [FORMAT_OF_64_BITS, FORMAT, FORMAT_WITH_RARE].map(|of| (Some(4 + u64::from(of)), of));
        if !formats.contains(&(elements, format)) {
            return Err(BadBlock::new("it is of another format"));
        }
        let mut next = || d.bytes().map_err(bad);
        let (times, arrivals, values, flags) = (next()?, next()?, next()?, next()?);
        let mut rare = [RareColumn::Same(0); Rare::ALL.len()];
        if format == FORMAT_WITH_RARE {
            for _ in 0..d.map().map_err(bad)?.unwrap_or_default() {
                let place = d.u8().map_err(bad)?;
                let column = rare
                    .get_mut(usize::from(place))
                    .ok_or_else(|| BadBlock::new("it holds a column of a newer version"))?;
                *column = if d.datatype().map_err(bad)? == Type::Bytes {
                    RareColumn::Packed(d.bytes().map_err(bad)?)
                } else {
                    RareColumn::Same(d.i64().map_err(bad)?)
                };
            }
        }
        let end = d.position();
        if format != FORMAT_OF_64_BITS && d.u32().map_err(bad)? != crc32fast::hash(&body[..end]) {
            return Err(BadBlock::new("it is damaged: its CRC is another"));
        }
        let count = runs(flags).map(|(_, many)| many).sum();
        if count > MAX_POINTS {
            return Err(BadBlock::new("it says that it holds more points than a block may"));
        }
        Ok(Self { format, times, arrivals, values, flags, rare, count })
    }

    fn times(&self) -> Result<Vec<i64>, BadBlock> {
        self.integers(self.times)
    }

    fn arrivals(&self) -> Result<Vec<i64>, BadBlock> {
        self.integers(self.arrivals)
    }

    fn integers(&self, column: &[u8]) -> Result<Vec<i64>, BadBlock> {
        if self.format == FORMAT_OF_64_BITS {
            unpack(column, self.count)
        } else {
            integers(column, self.count)
        }
    }

    fn values(&self) -> Result<Vec<f64>, BadBlock> {
        if self.format == FORMAT_OF_64_BITS {
            unpack(self.values, self.count)
        } else {
            values(self.values, self.count)
        }
    }

    /// Gives points what a rare column says of them.
    fn put(&self, rare: Rare, points: &mut [Point]) -> Result<(), BadBlock> {
        match self.rare[rare as usize] {
            RareColumn::Same(0) => {}
            RareColumn::Same(number) => points.iter_mut().for_each(|p| rare.put(p, number)),
            RareColumn::Packed(column) => {
                let numbers = integers(column, self.count)?;
                points.iter_mut().zip(numbers).for_each(|(point, n)| rare.put(point, n));
            }
        }
        Ok(())
    }

    fn flags(&self) -> impl Iterator<Item = u8> {
        runs(self.flags).flat_map(|(flags, many)| std::iter::repeat_n(flags, many))
    }
}

/// Flags, and how many points in a row have them.
fn runs(flags: &[u8]) -> impl Iterator<Item = (u8, usize)> {
    let many = |run: &[u8]| usize::from(u16::from_le_bytes([run[1], run[2]]));
    flags.chunks_exact(3).map(move |run| (run[0], many(run)))
}

fn pack(points: &[Point], first: &Point) -> Result<Block, BadBlock> {
    let times: Vec<i64> = points.iter().map(|p| (p.at - first.at).as_micros()).collect();
    let arrivals: Vec<i64> =
        points.iter().map(|p| p.received.as_millis().saturating_sub(p.at.as_millis())).collect();
    let values: Vec<f64> = points.iter().map(|p| p.value).collect();
    let mut flags = Vec::new();
    for run in points.chunk_by(|a, b| a.flags as u8 == b.flags as u8) {
        flags.push(run[0].flags as u8);
        flags.extend_from_slice(&(run.len() as u16).to_le_bytes());
    }
    let columns = [pack_integers(&times)?, pack_integers(&arrivals)?, pack_values(&values)?, flags];
    let body = frame(&columns, &pack_rare(points)?).map_err(|e| BadBlock::new(e.to_string()))?;
    let counted = points.iter().filter(|p| p.counts()).map(|p| Aggregate::of(p.value));
    let summary = Summary {
        t0: first.at,
        t1: points.last().map_or(first.at, |p| p.at),
        unit: first.unit,
        values: counted.reduce(Aggregate::then),
    };
    Ok(Block { summary, body })
}

/// The rare columns that are not 0, each with its number: the one integer that all points have, or them all.
type PackedRare = Vec<(u8, Result<i64, Vec<u8>>)>;

fn pack_rare(points: &[Point]) -> Result<PackedRare, BadBlock> {
    let mut packed = Vec::new();
    for (place, rare) in Rare::ALL.into_iter().enumerate() {
        let first = points.first().map_or(0, |point| rare.of(point));
        if points.iter().any(|point| rare.of(point) != first) {
            let numbers: Vec<i64> = points.iter().map(|point| rare.of(point)).collect();
            packed.push((place as u8, Err(pack_integers(&numbers)?)));
        } else if first != 0 {
            packed.push((place as u8, Ok(first)));
        }
    }
    Ok(packed)
}

fn frame(
    columns: &[Vec<u8>; 4],
    rare: &PackedRare,
) -> Result<Vec<u8>, minicbor::encode::Error<Infallible>> {
    let mut e = minicbor::Encoder::new(Vec::new());
    let format = if rare.is_empty() { FORMAT } else { FORMAT_WITH_RARE };
    e.array(4 + u64::from(format))?.u8(format)?;
    for column in columns {
        e.bytes(column)?;
    }
    if !rare.is_empty() {
        e.map(rare.len() as u64)?;
    }
    for (place, column) in rare {
        e.u8(*place)?;
        match column {
            Ok(same) => e.i64(*same)?,
            Err(packed) => e.bytes(packed)?,
        };
    }
    let crc = crc32fast::hash(e.writer());
    e.u32(crc)?;
    Ok(e.into_writer())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::point::tests::any_point;
    use super::*;
    use crate::types::flag;

    #[test]
    fn a_second_long_series_takes_about_a_byte_a_point() {
        let points: Vec<Point> = (0..512)
            .map(|i| {
                let at = Timestamp::from_micros(1_700_000_000_000_123 + i * 1_000_000);
                let received = Timestamp::from_millis(at.as_millis() + 3 + (i * 7) % 5);
                let value = 70.0 + ((i * i) % 3) as f64;
                Point {
                    at,
                    sent: Sent::default(),
                    received,
                    value,
                    unit: Unit::PerMinute,
                    flags: 0,
                }
            })
            .collect();
        let blocks = seal(points).unwrap();
        let [block] = blocks.as_slice() else { panic!("one block") };
        assert!(block.body.len() < 700, "{} bytes for 512 points", block.body.len());
    }

    /// Bytes of a block of so many points a second apart, each `ahead` of what its clock said.
    fn bytes_of(points: i64, ahead: impl Fn(i64) -> i64) -> usize {
        let points = (0..points).map(|i| {
            let at = Timestamp::from_micros(1_700_000_000_000_123 + i * 1_000_000);
            let sent = Sent { ahead: ahead(i), ..Sent::default() };
            let value = 70.0 + ((i * i) % 3) as f64;
            Point { at, sent, received: at, value, unit: Unit::PerMinute, flags: 0 }
        });
        seal(points.collect()).unwrap().iter().map(|block| block.body.len()).sum()
    }

    #[test]
    fn only_a_clock_that_is_corrected_costs_anything() {
        let plain = bytes_of(512, |_| 0);
        assert!(bytes_of(512, |_| -3_200_117) - plain <= 8, "one clock, one number");
        let moved = bytes_of(512, |i| if i < 200 { -3_200_117 } else { -3_900_423 });
        assert!(moved - plain < 128, "{moved} against {plain}");
        // Stamps a minute apart, all of them kept at their arrival.
        let stuck = bytes_of(512, |i| i * 59_999_999 - 200_000_000_000);
        assert!(stuck - plain < 128, "{stuck} against {plain}");
    }

    #[test]
    fn a_block_of_the_format_before_is_read() {
        let points: Vec<Point> = (0..60)
            .map(|i| {
                let at = Timestamp::from_micros(1_700_000_000_000_123 + i * 1_000_007);
                let received = Timestamp::from_millis(at.as_millis() + i % 5);
                let flags = u16::from(i > 30) * flag::IMPLAUSIBLE;
                let (value, unit) = (36.0 + i as f64 / 8.0, Unit::Celsius);
                Point { at, sent: Sent::default(), received, value, unit, flags }
            })
            .collect();
        let (t0, unit) = (points[0].at, points[0].unit);
        let config = pco::ChunkConfig::default();
        let wide = |numbers: Vec<i64>| pco::standalone::simple_compress(&numbers, &config).unwrap();
        let values: Vec<f64> = points.iter().map(|p| p.value).collect();
        let columns = [
            wide(points.iter().map(|p| (p.at - t0).as_micros()).collect()),
            wide(points.iter().map(|p| p.received.as_millis() - p.at.as_millis()).collect()),
            pco::standalone::simple_compress(&values, &config).unwrap(),
            vec![0, 31, 0, flag::IMPLAUSIBLE as u8, 29, 0],
        ];
        let framed = |format: u8| {
            let mut e = minicbor::Encoder::new(Vec::new());
            e.array(5).unwrap().u8(format).unwrap();
            for column in &columns {
                e.bytes(column).unwrap();
            }
            e.into_writer()
        };
        let body = framed(FORMAT_OF_64_BITS);
        assert_eq!(open(t0, unit, &body).unwrap(), points);
        let mut counting = 0;
        counted(t0, &body, |_, _| counting += 1).unwrap();
        assert_eq!((counting, checked_len(&body)), (31, None));
        assert!(open(t0, unit, &framed(FORMAT)).is_err());
        assert!(open(t0, unit, &framed(3)).is_err());
        // What damage makes of it is bounded, though no CRC shows it.
        for place in 0..body.len() {
            for bit in 0..8 {
                let mut body = body.clone();
                body[place] ^= 1 << bit;
                if let Ok(points) = open(t0, unit, &body) {
                    assert!(points.len() <= MAX_POINTS);
                }
            }
        }
    }

    #[test]
    fn a_body_of_garbage_is_an_error() {
        let block = seal(vec![Point {
            at: Timestamp::from_millis(5),
            sent: Sent::default(),
            received: Timestamp::from_millis(6),
            value: 1.0,
            unit: Unit::Percent,
            flags: 0,
        }])
        .unwrap()
        .remove(0);
        let t0 = block.summary.t0;
        for cut in 0..block.body.len() {
            assert!(open(t0, Unit::Percent, &block.body[..cut]).is_err(), "cut at {cut}");
            assert!(counted(t0, &block.body[..cut], |_, _| {}).is_err(), "cut at {cut}");
        }
        for place in 0..block.body.len() {
            let mut body = block.body.clone();
            body[place] ^= 0x41;
            assert!(open(t0, Unit::Percent, &body).is_err(), "changed at {place}");
            assert!(counted(t0, &body, |_, _| {}).is_err(), "changed at {place}");
            assert_eq!(checked_len(&body), None, "changed at {place}");
        }
    }

    proptest! {
        #[test]
        fn blocks_give_back_what_was_settled(
            points in prop::collection::vec(any_point(), 0..300),
            stretch in prop_oneof![Just(1_i64), Just(10_000)],
        ) {
            let origin = Timestamp::from_millis(1_700_000_000_000);
            let later = |at: Timestamp| origin + Span::micros((at - origin).as_micros() * stretch);
            let points: Vec<Point> =
                points.into_iter().map(|p| Point { at: later(p.at), ..p }).collect();
            let mut expected = points.clone();
            settle(&mut expected);
            let mut got = Vec::new();
            for block in seal(points).unwrap() {
                let opened = open(block.summary.t0, block.summary.unit, &block.body).unwrap();
                prop_assert!(block.summary.t1 - block.summary.t0 <= MAX_SPAN);
                prop_assert_eq!(opened.last().unwrap().at, block.summary.t1);
                prop_assert_eq!(checked_len(&block.body), Some(opened.len()));
                let mut values = Vec::new();
                counted(block.summary.t0, &block.body, |at, value| values.push((at, value)))
                    .unwrap();
                let points = opened.iter().filter(|p| p.counts());
                prop_assert_eq!(values, points.map(|p| (p.at, p.value)).collect::<Vec<_>>());
                let counted = opened.iter().filter(|p| p.counts()).map(|p| Aggregate::of(p.value));
                prop_assert_eq!(counted.reduce(Aggregate::then), block.summary.values);
                got.extend(opened);
            }
            settle(&mut got);
            prop_assert_eq!(got, expected);
        }
    }
}
