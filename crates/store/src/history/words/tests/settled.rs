//! What corrections, withdrawals and copies do, to words, to numbers and across both.

use proptest::prelude::*;

use super::*;
use crate::Store;
use crate::history::buckets::Grid;
use crate::history::words::read::WordBucket;
use crate::tests::purpose;
use crate::types::flag;
use vitalgate_domain::model::time::Span;

fn check(rows: Vec<(Vec<WordSample>, Vec<Sample>)>, words: &[&str], numbers: &[f64]) {
    let dir = tempfile::tempdir().unwrap();
    let opened = Store::create(dir.path(), &purpose()).unwrap();
    let history = opened.history();
    let rows = rows.into_iter().enumerate();
    let rows = rows.map(|(i, (words, samples))| row(i as u64 + 1, words, samples)).collect();
    written(opened, Keep::default(), rows);
    assert_eq!((said(&history), values(&history)), (strings(words), numbers.to_vec()));
    let opened = Store::open(dir.path()).unwrap();
    assert_eq!(said(&opened.history()), strings(words), "after opening again");
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

#[test]
fn a_correction_stands_alone_and_a_withdrawal_says_so() {
    let ok = || word(1, 1, code("ok"), 0);
    let other = || word(1, 2, code("low"), 0);
    let corrected = || word(1, 3, code("end"), flag::CORRECTED);
    let again = |at| word(at, 9, code("ok"), flag::LATE);
    check(vec![(vec![ok()], vec![]), (vec![again(1)], vec![])], &["ok"], &[]);
    check(vec![(vec![ok(), other()], vec![])], &["ok", "low"], &[]);
    check(vec![(vec![ok()], vec![]), (vec![corrected()], vec![])], &["end"], &[]);
    check(vec![(vec![corrected(), ok()], vec![]), (vec![again(2)], vec![])], &["end", "ok"], &[]);
    let dir = tempfile::tempdir().unwrap();
    let opened = Store::create(dir.path(), &purpose()).unwrap();
    let history = opened.history();
    let withdrawn = word(1, 4, code("ok"), flag::ERROR);
    written(
        opened,
        Keep::default(),
        vec![row(1, vec![ok()], vec![]), row(2, vec![withdrawn], vec![])],
    );
    let words = history.words(&[everything()], 9).unwrap();
    assert_eq!(words.iter().map(|(_, word)| word.flags).collect::<Vec<_>>(), [flag::ERROR]);
    let grid = Grid::new(second(0), second(9), 1);
    assert_eq!(history.word_buckets(&[everything()], grid).unwrap(), []);
}

#[test]
fn a_word_that_corrects_a_number_takes_its_place_and_the_other_way_round() {
    let absent =
        |received, flags| word(1, received, Word::Absent("not-performed".to_owned()), flags);
    let plain = || number(1, 1, 70.0, 0);
    let next = || number(2, 2, 71.0, 0);
    // Nothing is said of the number: both are there.
    check(vec![(vec![absent(2, 0)], vec![plain()])], &["not-performed"], &[70.0]);
    check(
        vec![(vec![], vec![plain(), next()]), (vec![absent(3, flag::CORRECTED)], vec![])],
        &["not-performed"],
        &[71.0],
    );
    let corrected = |received| number(1, received, 80.0, flag::CORRECTED);
    check(vec![(vec![absent(1, 0)], vec![]), (vec![], vec![corrected(3)])], &[], &[80.0]);
    // Of corrections the newest stands, and of one arrival the number.
    let marked = || absent(4, flag::CORRECTED);
    check(
        vec![(vec![absent(1, 0)], vec![corrected(3)]), (vec![marked()], vec![])],
        &["not-performed"],
        &[],
    );
    check(vec![(vec![marked()], vec![]), (vec![], vec![corrected(5)])], &[], &[80.0]);
    check(vec![(vec![marked()], vec![corrected(4)])], &[], &[80.0]);
    // Another time by the device's clock is another reading.
    let sent = Sent { ahead: 7, ..Sent::default() };
    let elsewhere = WordSample { sent, ..absent(3, flag::CORRECTED) };
    check(vec![(vec![elsewhere], vec![plain()])], &["not-performed"], &[70.0]);
}

#[test]
fn a_sealed_number_that_a_word_corrects_is_in_no_page_no_bucket_and_no_scan() {
    let dir = tempfile::tempdir().unwrap();
    let opened = Store::create(dir.path(), &purpose()).unwrap();
    let history = opened.history();
    let samples = (1..=20).map(|at| number(at, at, at as f64, 0)).collect();
    let mut later = row(2, vec![], vec![]);
    later.row.at = second(3 * 3_600);
    let mut correction =
        row(3, vec![word(5, 30, Word::Absent("error".to_owned()), flag::CORRECTED)], vec![]);
    correction.row.at = second(3 * 3_600 + 1);
    written(opened, Keep::default(), vec![row(1, vec![], samples), later, correction]);
    let blocks: i64 = rusqlite::Connection::open(Store::file(dir.path()))
        .unwrap()
        .query_row("SELECT count(*) FROM blocks", [], |row| row.get(0))
        .unwrap();
    assert_eq!(blocks, 1);
    let without: Vec<f64> = (1..=20).filter(|at| *at != 5).map(f64::from).collect();
    assert_eq!(values(&history), without);
    let counted = |points: usize| -> Vec<(u64, f64)> {
        let grid = Grid::new(second(0), second(100), points);
        let buckets = history.buckets(&[everything()], grid, Unit::PerMinute).unwrap();
        buckets.iter().map(|bucket| (bucket.count, bucket.mean * bucket.count as f64)).collect()
    };
    assert_eq!(counted(1), [(19, 205.0)]);
    assert_eq!(counted(10), [(8, 40.0), (10, 145.0), (1, 20.0)]);
    let extent = crate::history::scan::Extent { from: second(0), to: second(100), after_row: 0 };
    let page = history.scan(extent, None).next_page(99).unwrap().unwrap();
    assert_eq!(page.points.iter().map(|point| point.value).collect::<Vec<_>>(), without);
}

#[test]
fn a_bucket_says_how_often_what_was_said_changed_and_the_last_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let opened = Store::create(dir.path(), &purpose()).unwrap();
    let history = opened.history();
    let at = |at, text| word(at, at, code(text), 0);
    let words = vec![
        at(1, "a"),
        at(2, "a"),
        at(3, "b"),
        at(11, "b"),
        at(12, "b"),
        at(31, "c"),
        at(32, "b"),
        at(33, "c"),
        word(34, 34, code("wrong"), flag::ERROR),
    ];
    written(opened, Keep::default(), vec![row(1, words, vec![])]);
    let grid = Grid::new(second(0), second(40), 4);
    let bucket = |from: u64, count, changes, last| WordBucket {
        from: second(from),
        to: second(from + 10),
        count,
        changes,
        last: code(last),
    };
    let expected = [bucket(0, 3, 2, "b"), bucket(10, 2, 0, "b"), bucket(30, 3, 3, "c")];
    assert_eq!(history.word_buckets(&[everything()], grid).unwrap(), expected);
    // A piece for each binding: what lies between belongs to nobody.
    let piece = |from, to| Piece { from: second(from), to: second(to), ..everything() };
    let pieces = [piece(0, 2), piece(31, 32)];
    let expected = [bucket(0, 1, 1, "a"), bucket(30, 1, 1, "c")];
    assert_eq!(history.word_buckets(&pieces, grid).unwrap(), expected);
}

#[test]
fn all_kinds_read_back_as_they_came() {
    let dir = tempfile::tempdir().unwrap();
    let opened = Store::create(dir.path(), &purpose()).unwrap();
    let history = opened.history();
    let kinds = [
        code("mdc:754113"),
        Word::Text("ok, \"really\"\n=1".to_owned()),
        Word::Time(Timestamp::from_micros(1_795_000_000_000_001)),
        Word::Absent("not-performed".to_owned()),
    ];
    let mut words: Vec<WordSample> =
        kinds.into_iter().zip(1..).map(|(kind, at)| word(at, at + 1, kind, flag::LATE)).collect();
    words[1].sent = Sent { ahead: -3, period: Some(Span::secs(60)) };
    let reader = opened.reader();
    written(opened, Keep::default(), vec![row(1, words.clone(), vec![])]);
    let read = history.words(&[everything()], 9).unwrap();
    assert_eq!(read.into_iter().map(|(_, word)| word).collect::<Vec<_>>(), words);
    assert_eq!(reader.words_of_row(1).unwrap(), words);
    assert_eq!(history.word_series_of(&series().device), [series()]);
    assert_eq!(history.series_of(&series().device), [], "it never had a number");
}

fn any_word() -> impl Strategy<Value = WordSample> {
    let flags = prop_oneof![6 => Just(0_u16), 1 => Just(flag::LATE), 1 => Just(flag::CORRECTED),
        1 => Just(flag::ERROR)];
    (0_u64..20, prop_oneof![4 => Just(0_i64), 1 => Just(9)], 0_u64..9, "[ab]", flags).prop_map(
        |(at, ahead, delay, text, flags)| {
            let sent = Sent { ahead, ..Sent::default() };
            WordSample { sent, ..word(at, at + delay, Word::Code(text), flags) }
        },
    )
}

/// What stands of words, by the rule for numbers, each reading looked at by itself.
fn brute(words: &[WordSample]) -> Vec<WordSample> {
    let key = |word: &WordSample| (word.at, word.sent.ahead);
    let mut all = words.to_vec();
    all.sort_by(|a, b| {
        (key(a), a.received, a.flags, &a.word).cmp(&(key(b), b.received, b.flags, &b.word))
    });
    let mut stand: Vec<WordSample> = Vec::new();
    for copies in all.chunk_by(|a, b| key(a) == key(b)) {
        let is_mark = |word: &&WordSample| word.flags & (flag::CORRECTED | flag::ERROR) != 0;
        if let Some(mark) = copies.iter().rfind(is_mark) {
            stand.push(mark.clone());
            continue;
        }
        for (place, copy) in copies.iter().enumerate() {
            if copies[..place].iter().all(|earlier| earlier.word != copy.word) {
                stand.push(copy.clone());
            }
        }
    }
    stand
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn pages_and_scans_are_what_stands_of_all_that_came(
        rows in prop::collection::vec(prop::collection::vec(any_word(), 0..12), 1..6),
        limit in 1_usize..12,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let opened = Store::create(dir.path(), &purpose()).unwrap();
        let history = opened.history();
        let all: Vec<WordSample> = rows.iter().flatten().cloned().collect();
        let rows = rows.into_iter().zip(1..).map(|(words, n)| row(n, words, vec![])).collect();
        written(opened, Keep::default(), rows);
        let stand = brute(&all);
        let page = history.words(&[everything()], limit).unwrap();
        let page: Vec<WordSample> = page.into_iter().map(|(_, word)| word).collect();
        prop_assert_eq!(&page[..], &stand[..limit.min(stand.len())]);
        let mut scan = history.scan_words(Timestamp::default(), second(99));
        let mut scanned = Vec::new();
        loop {
            let page = scan.next_page(limit).unwrap();
            if page.is_empty() {
                break;
            }
            scanned.extend(page);
        }
        prop_assert_eq!(scanned, stand);
    }
}
