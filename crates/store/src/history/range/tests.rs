use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;

use super::*;
use crate::tests::{any_rows, commit, purpose, put, sample, second, series};
use crate::types::{Commit, Sample, Sent};
use crate::{Keep, Opened, Report, Running, Store, start};
use vitalgate_domain::model::time::Span;

const UNIT: Unit = Unit::MmolPerL;

fn origin() -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000)
}

pub(crate) fn piece(from: i64, to: i64) -> Piece {
    let at = |millis| origin() + Span::millis(millis);
    Piece { series: series(), from: at(from), to: at(to) }
}

/// The settled points inside the piece.
pub(crate) fn expected(rows: &[(Vec<Point>, bool)], piece: &Piece) -> Vec<Point> {
    let mut points: Vec<Point> = rows.iter().flat_map(|(points, _)| points.clone()).collect();
    settle(&mut points);
    points.retain(|p| piece.holds(p.at));
    points
}

pub(crate) fn check_raw(history: &History, piece: &Piece, limit: usize, expected: &[Point]) {
    let mut got = Vec::new();
    let mut after = None;
    loop {
        let page = history.raw(std::slice::from_ref(piece), after, limit).unwrap();
        assert!(page.points.len() <= limit);
        got.extend(page.points.into_iter().map(|(_, point)| point));
        let Some(next) = page.next else { break };
        after = Some(next.to_string().parse().unwrap());
    }
    assert_eq!(got, expected);
}

pub(crate) fn check_buckets(history: &History, piece: &Piece, points: usize, expected: &[Point]) {
    let grid = Grid::new(piece.from, piece.to, points);
    let got = history.buckets(std::slice::from_ref(piece), grid, UNIT).unwrap();
    assert!(got.len() <= points);
    let mut rest = got.iter();
    let counting: Vec<&Point> = expected.iter().filter(|p| p.counts()).collect();
    let place = |p: &Point| (p.at - piece.from).as_micros() / grid.width().as_micros();
    for bucket in counting.chunk_by(|a, b| place(a) == place(b)) {
        let values: Vec<f64> =
            bucket.iter().map(|p| p.unit.convert(p.value, UNIT).unwrap()).collect();
        let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
        let got = rest.next().expect("a bucket for every value");
        let start = Span::micros(place(bucket[0]) * grid.width().as_micros());
        assert_eq!((got.from, got.count), (piece.from + start, values.len() as u64));
        assert!(near(got.min, values.iter().copied().fold(f64::INFINITY, f64::min)));
        assert!(near(got.max, values.iter().copied().fold(f64::NEG_INFINITY, f64::max)));
        assert!(near(got.mean, values.iter().sum::<f64>() / values.len() as f64));
        assert!(near(got.last, *values.last().unwrap()));
    }
    assert_eq!(rest.next(), None, "empty buckets are absent");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn history_is_a_sorted_map_however_it_came_and_was_sealed(
        rows in any_rows(),
        from in prop_oneof![Just(-1_000_i64), 0..400_000_i64],
        length in prop_oneof![0..110_000_i64, 0..900_000_i64],
        limit in 1_usize..50,
        buckets in 1_usize..20,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut opened = Store::create(dir.path(), &purpose()).unwrap();
        let mut commits = Vec::new();
        for (i, (points, seal)) in rows.iter().enumerate() {
            commits.push(put(&mut opened, i as u64 + 1, points, *seal, |_| series()));
        }
        let piece = piece(from, from + length);
        let expected = expected(&rows, &piece);
        let check = |opened: &Opened| {
            check_raw(&opened.history(), &piece, limit, &expected);
            check_buckets(&opened.history(), &piece, buckets, &expected);
        };
        check(&opened);
        drop(opened);
        let opened = Store::open(dir.path()).unwrap();
        for commit in commits.iter().filter(|c| c.row.n > opened.sealed_to) {
            opened.restore(commit.row.n, commit.row.at, &commit.samples);
        }
        check(&opened);
    }
}

/// Every read, whatever the writer does meanwhile, gives all that was committed when it began.
#[test]
fn no_seam_shows_while_heads_become_blocks() {
    const ROWS: u64 = 60;
    const POINTS: u64 = 100;
    let dir = tempfile::tempdir().unwrap();
    let opened = Store::create(dir.path(), &purpose()).unwrap();
    let history = opened.history();
    let Running { committer, mut reports, thread, .. } = start(opened, Keep::default()).unwrap();
    let committed = AtomicU64::new(0);
    let read = || {
        let before = committed.load(Ordering::SeqCst) * POINTS;
        let page = history.raw(&[piece(0, i64::MAX / 1_000_000)], None, 99_999).unwrap();
        let values: Vec<u64> = page.points.iter().map(|(_, p)| p.value as u64).collect();
        assert!(values.len() as u64 >= before, "{} of {before}", values.len());
        assert!(values.iter().copied().eq(0..values.len() as u64), "a hole");
        before
    };
    std::thread::scope(|scope| {
        scope.spawn(|| while read() < ROWS * POINTS {});
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            for n in 1..=ROWS {
                let samples = ((n - 1) * POINTS..n * POINTS).map(|i| {
                    let at = origin() + Span::millis(i as i64);
                    sample(at, i as f64)
                });
                let row = Commit { samples: samples.collect(), ..commit(n) };
                committer.send(row).await.unwrap();
                assert!(matches!(reports.recv().await, Some(Report::Committed { .. })));
                committed.store(n, Ordering::SeqCst);
            }
        });
    });
    drop(committer);
    thread.join().unwrap().unwrap();
}

/// A block inside a bucket is answered by its summary alone: its body may be garbage.
#[test]
fn a_block_inside_a_bucket_is_not_opened() {
    let dir = tempfile::tempdir().unwrap();
    let mut opened = Store::create(dir.path(), &purpose()).unwrap();
    let points: Vec<Point> = (0..10)
        .map(|s| Point::of(&Sample { unit: UNIT, ..sample(origin() + Span::secs(s), s as f64) }))
        .collect();
    put(&mut opened, 1, &points, false, |_| series());
    put(&mut opened, 2, &[], true, |_| series());
    opened.conn.execute("UPDATE blocks SET body = x'00'", []).unwrap();
    let buckets = |length: i64, buckets: usize| {
        let piece = piece(0, length);
        let grid = Grid::new(piece.from, piece.to, buckets);
        opened.history().buckets(&[piece], grid, UNIT)
    };
    let whole = buckets(40_000, 4).unwrap();
    assert_eq!(whole.len(), 1);
    let Bucket { count, min, max, mean, last, .. } = whole[0];
    assert_eq!((count, min, max, mean, last), (10, 0.0, 9.0, 4.5, 9.0));
    assert!(buckets(40_000, 5).is_err(), "a bucket ends inside the block");
    assert!(buckets(9_000, 1).is_err(), "the range ends inside the block");
}

#[test]
fn pieces_of_two_series_make_one_history() {
    let dir = tempfile::tempdir().unwrap();
    let opened = Store::create(dir.path(), &purpose()).unwrap();
    let other = SeriesKey { device: "dev-2".parse().unwrap(), ..series() };
    let sample = |series: &SeriesKey, s: i64, value: f64| Sample {
        series: series.clone(),
        at: origin() + Span::secs(s),
        sent: Sent::default(),
        received: origin() + Span::secs(s),
        value,
        unit: UNIT,
        flags: 0,
    };
    let samples: Vec<Sample> =
        (0..10).flat_map(|s| [sample(&series(), s, 1.0), sample(&other, s, 2.0)]).collect();
    opened.heads().committed(&[], 1, second(1), &samples);
    let pieces = [piece(0, 5_000), Piece { series: other, ..piece(4_000, 9_000) }];
    let page = opened.history().raw(&pieces, None, 99).unwrap();
    let places: Vec<usize> = page.points.iter().map(|(place, _)| *place).collect();
    assert_eq!(places, [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
    let grid = Grid::new(pieces[0].from, pieces[1].to, 2);
    let buckets = opened.history().buckets(&pieces, grid, UNIT).unwrap();
    let counts: Vec<(u64, f64)> = buckets.iter().map(|b| (b.count, b.last)).collect();
    assert_eq!(counts, [(6, 2.0), (4, 2.0)]);
}

/// Whatever a page cuts off, none of what comes first is lost, nor the order at one instant.
#[test]
fn pages_of_many_pieces_are_one_history() {
    let dir = tempfile::tempdir().unwrap();
    let opened = Store::create(dir.path(), &purpose()).unwrap();
    let of = |n: i64| SeriesKey { device: format!("dev-{n}").parse().unwrap(), ..series() };
    let sample = |n: i64, s: i64| Sample {
        series: of(n),
        at: origin() + Span::secs(s),
        sent: Sent::default(),
        received: origin(),
        value: (s * 10 + n) as f64,
        unit: UNIT,
        flags: 0,
    };
    // The first pieces begin last.
    let samples: Vec<Sample> =
        (0..9).flat_map(|n| (9 - n..20).map(move |s| sample(n, s))).collect();
    opened.heads().committed(&[], 1, second(1), &samples);
    let pieces: Vec<Piece> = (0..9).map(|n| Piece { series: of(n), ..piece(0, 30_000) }).collect();
    let mut expected: Vec<f64> = samples.iter().map(|sample| sample.value).collect();
    expected.sort_by(f64::total_cmp);
    for limit in [1, 7, 99, 1_000] {
        let (mut got, mut after) = (Vec::new(), None);
        loop {
            let page = opened.history().raw(&pieces, after, limit).unwrap();
            got.extend(page.points.iter().map(|(_, point)| point.value));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(got, expected, "{limit}");
    }
}

#[test]
fn a_cursor_reads_back_from_its_text_and_nothing_else_does() {
    let cursor = Cursor { at: origin(), skip: 3 };
    assert_eq!(cursor.to_string().parse(), Ok(cursor));
    for text in ["", ".", "1", "1.", "x.1", "1.-1", "1.2.3"] {
        assert_eq!(text.parse::<Cursor>(), Err(NotACursor), "{text}");
    }
}
