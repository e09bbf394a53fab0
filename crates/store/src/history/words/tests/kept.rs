//! For how long words stay, what of them is in a copy, and how they come in with their row.

use super::*;
use crate::tests::{copy_files, purpose};
use crate::types::{SeriesKey, flag};
use crate::{Reader, Store};
use vitalgate_domain::model::signal::SignalId;
use vitalgate_domain::model::time::Span;

/// Rows `from..=to`, a thousand seconds apart, each with one word.
fn rows(from: u64, to: u64) -> Vec<Commit> {
    let one = |n: u64| {
        let at = n * 1_000;
        let mut row = row(n, vec![word(at, at, code(&format!("c{n}")), 0)], vec![]);
        row.row.at = second(at);
        row
    };
    (from..=to).map(one).collect()
}

fn history_bytes(opened: &Opened) -> (i64, i64) {
    let one = |sql: &str| opened.conn.query_row(sql, [], |row| row.get(0)).unwrap();
    (
        one("SELECT value FROM meta WHERE key = 'history_bytes'"),
        one("SELECT ifnull(sum(length(word) + 100), 0) FROM words"),
    )
}

#[test]
fn a_word_stays_as_long_as_its_signal_is_kept_and_what_is_gone_is_known_to_the_instant() {
    let dir = tempfile::tempdir().unwrap();
    let opened = Store::create(dir.path(), &purpose()).unwrap();
    let history = opened.history();
    let keep = Keep { history: Span::secs(20_001), ..Keep::default() };
    written(opened, keep, rows(1, 60));
    let opened = Store::open(dir.path()).unwrap();
    for history in [&history, &opened.history()] {
        let words = history.words(&[everything()], 99).unwrap();
        let first = words.first().unwrap().1.at;
        // The walk begins once a minute, and rows are a thousand seconds apart.
        assert_eq!(first, second(40_000), "nothing younger is pruned, nothing older stays");
        assert_eq!(history.words_pruned_to(&series()), Some(second(39_000)));
        assert_eq!(history.pruned_to(&series()), None, "that is of numbers");
    }
    assert_eq!(opened.reader().words_pruned().unwrap(), [(series(), second(39_000))]);
    let (counted, there) = history_bytes(&opened);
    assert_eq!(counted, there);
}

#[test]
fn a_signal_that_is_kept_shorter_loses_its_words_sooner() {
    let dir = tempfile::tempdir().unwrap();
    let opened = Store::create(dir.path(), &purpose()).unwrap();
    let history = opened.history();
    let other = SeriesKey { signal: SignalId(9), ..series() };
    let mut rows = rows(1, 30);
    for row in &mut rows {
        let more = WordSample { series: other.clone(), ..row.words[0].clone() };
        row.words.push(more);
    }
    let history_of = [(SignalId(9), Span::secs(5_500))].into();
    written(opened, Keep { history_of, ..Keep::default() }, rows);
    assert_eq!(history.words(&[everything()], 99).unwrap().len(), 30);
    let kept = history.words(&[all_of(other)], 99).unwrap();
    assert_eq!(kept.first().unwrap().1.at, second(25_000));
}

#[test]
fn where_room_is_short_the_oldest_go_first_whether_word_or_block() {
    let dir = tempfile::tempdir().unwrap();
    let opened = Store::create(dir.path(), &purpose()).unwrap();
    let mut mixed = rows(1, 40);
    for row in &mut mixed {
        let at = row.row.n * 1_000 + 500;
        row.samples = vec![number(at, at, at as f64, 0)];
    }
    written(opened, Keep::default(), mixed);
    let opened = Store::open(dir.path()).unwrap();
    let (all, words) = history_bytes(&opened);
    assert!(0 < words && words < all, "both count");
    let blocks = all - words;
    // Room for the blocks and a quarter of the words.
    let most = (blocks + words / 4) as u64;
    written(opened, Keep { history_bytes: most, ..Keep::default() }, rows(41, 60));
    let opened = Store::open(dir.path()).unwrap();
    let (left, _) = history_bytes(&opened);
    assert!(left as u64 <= most, "{left} of {most}");
    let history = opened.history();
    let oldest_word = history.words(&[everything()], 1).unwrap()[0].1.at;
    let oldest_number = history.raw(&[everything()], None, 1).unwrap().points[0].1.at;
    // A block that is the next to go ends no more than its span of an hour after what went.
    let apart = (oldest_word - oldest_number).as_micros().abs();
    assert!(apart <= Span::secs(5_000).as_micros(), "{oldest_word} {oldest_number}");
    assert!(oldest_word > second(1_000));
}

#[test]
fn a_word_is_there_with_its_row_and_without_it_is_not() {
    let (dir, killed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let opened = Store::create(dir.path(), &purpose()).unwrap();
    let crate::Running { committer, mut reports, thread, .. } =
        crate::start(opened, Keep::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        committer.send(rows(1, 1).remove(0)).await.unwrap();
        reports.recv().await.unwrap();
    });
    copy_files(dir.path(), killed.path());
    drop(committer);
    thread.join().unwrap().unwrap();
    let opened = Store::open(killed.path()).unwrap();
    assert_eq!(said(&opened.history()), ["c1"]);
    // The series that the killed one had begun goes on under its number.
    written(opened, Keep::default(), rows(2, 2));
    let opened = Store::open(killed.path()).unwrap();
    assert_eq!(said(&opened.history()), ["c1", "c2"]);
    let series: i64 =
        opened.conn.query_row("SELECT count(*) FROM word_series", [], |row| row.get(0)).unwrap();
    assert_eq!(series, 1);
}

#[test]
fn a_row_that_is_tried_again_puts_its_words_in_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut opened = Store::create(dir.path(), &purpose()).unwrap();
    let commit = rows(1, 1).remove(0);
    let words = crate::history::words::write::Placed::of(&commit, opened.words());
    let packed = crate::tests::packed(commit, Vec::new(), 0).with_words(words);
    packed.write(&mut opened.conn).unwrap();
    packed.write(&mut opened.conn).unwrap();
    assert_eq!(said(&opened.history()), ["c1"]);
}

#[test]
fn as_of_a_row_what_came_later_is_left_out_and_what_goes_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let opened = Store::create(dir.path(), &purpose()).unwrap();
    written(opened, Keep::default(), rows(1, 10));
    let frozen = Reader::of(dir.path()).unwrap().freeze().unwrap().unwrap();
    let correction = word(3_000, 11_000, code("corrected"), flag::CORRECTED);
    let mut later = rows(11, 11);
    later[0].words = vec![correction];
    written(Store::open(dir.path()).unwrap(), Keep::default(), later);
    let now: Vec<String> = said(&Store::open(dir.path()).unwrap().history());
    assert!(now.contains(&"corrected".to_owned()) && !now.contains(&"c3".to_owned()));
    let then = said(&frozen.history());
    assert_eq!(then, (1..=10).map(|n| format!("c{n}")).collect::<Vec<_>>());
    assert_eq!(frozen.lost_words(second(0), |_| true).unwrap(), None);
    let short = Keep { history: Span::secs(8_500), ..Keep::default() };
    written(Store::open(dir.path()).unwrap(), short, rows(12, 12));
    assert_eq!(frozen.lost_words(second(0), |_| true).unwrap(), Some(series()));
    assert_eq!(frozen.lost_words(second(0), |_| false).unwrap(), None, "that is not wanted");
    assert_eq!(frozen.lost_words(second(4_000), |_| true).unwrap(), None, "that is younger");
}

#[test]
fn words_are_read_in_the_order_they_came_from_any_place_on() {
    let dir = tempfile::tempdir().unwrap();
    let opened = Store::create(dir.path(), &purpose()).unwrap();
    let mut rows = rows(1, 4);
    // The second row holds two, the later one measured first; the third none.
    rows[1].words.insert(0, word(9_000, 9_000, code("late"), 0));
    rows[2].words.clear();
    let reader = opened.reader();
    written(opened, Keep::default(), rows);
    let told = |after: u64, row: u64, limit: usize| {
        let words = reader.words_after(after, row, limit).unwrap();
        let last = words.last().map_or(after, |(number, _)| *number);
        let said: Vec<String> =
            words.into_iter().map(|(_, word)| word.word.text().into_owned()).collect();
        (last, said)
    };
    assert_eq!(told(0, 1, 9).1, ["c1"]);
    let (place, first) = told(0, 9, 2);
    assert_eq!(first, ["c1", "late"]);
    assert_eq!(told(place, 9, 9).1, ["c2", "c4"]);
    assert_eq!(told(place, 3, 9).1, ["c2"]);
}

#[test]
fn a_copy_holds_them() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let opened = Store::create(dir.path(), &purpose()).unwrap();
    let reader = opened.reader();
    written(opened, Keep::default(), rows(1, 3));
    let file = other.path().join("copy.db");
    reader.backup(&file).unwrap();
    crate::restore(&file, &other.path().join("new")).unwrap();
    let restored = Store::open(&other.path().join("new")).unwrap();
    assert_eq!(said(&restored.history()), ["c1", "c2", "c3"]);
}
