//! Words as their readers see them: settled like numbers, counted by bucket, kept as long.

mod kept;
mod settled;

use crate::history::range::{History, Piece};
use crate::tests::{commit, second, series};
use crate::types::{Commit, Sample, Sent, SeriesKey, Word, WordSample};
use crate::{Keep, Opened};
use vitalgate_domain::model::time::Timestamp;
use vitalgate_domain::model::unit::Unit;

fn code(text: &str) -> Word {
    Word::Code(text.to_owned())
}

fn word(at: u64, received: u64, word: Word, flags: u16) -> WordSample {
    let (at, received) = (second(at), second(received));
    WordSample { series: series(), at, sent: Sent::default(), received, word, flags }
}

fn number(at: u64, received: u64, value: f64, flags: u16) -> Sample {
    let (at, received, unit) = (second(at), second(received), Unit::PerMinute);
    Sample { series: series(), at, sent: Sent::default(), received, value, unit, flags }
}

fn row(n: u64, words: Vec<WordSample>, samples: Vec<Sample>) -> Commit {
    Commit { samples, words, ..commit(n) }
}

/// Rows written by the writer itself.
fn written(opened: Opened, keep: Keep, rows: Vec<Commit>) {
    crate::tests::write(opened, keep, rows);
}

fn everything() -> Piece {
    all_of(series())
}

fn all_of(series: SeriesKey) -> Piece {
    Piece { series, from: Timestamp::default(), to: second(1 << 30) }
}

/// What the words of the series say, oldest first.
fn said(history: &History) -> Vec<String> {
    let words = history.words(&[everything()], 9_999).unwrap();
    words.into_iter().map(|(_, word)| word.word.text().into_owned()).collect()
}

fn values(history: &History) -> Vec<f64> {
    let page = history.raw(&[everything()], None, 9_999).unwrap();
    page.points.into_iter().map(|(_, point)| point.value).collect()
}
