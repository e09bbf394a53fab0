//! What people heard of a family of recordings, in figures.

use std::collections::BTreeMap;

use super::play;
use super::series::Row;

/// Recordings of one kind, each played to nobody and to a person who answers at once.
pub(crate) struct Family {
    pub(crate) name: &'static str,
    pub(crate) recordings: Vec<(&'static str, [Figures; 2])>,
}

const ANSWERS: [(&str, bool); 2] = [("nobody", false), ("at once", true)];

impl Family {
    pub(crate) fn play(
        name: &'static str,
        class: &str,
        interval: i64,
        series: &[(&'static str, Vec<Row>)],
    ) -> anyhow::Result<Self> {
        let mut recordings = Vec::new();
        for (recording, rows) in series {
            let [nobody, at_once] =
                ANSWERS.map(|(_, answers)| play(rows, class, interval, answers));
            recordings.push((*recording, [nobody?, at_once?]));
        }
        Ok(Self { name, recordings })
    }

    pub(crate) fn sums(&self) -> impl Iterator<Item = (&'static str, Figures)> {
        ANSWERS.into_iter().enumerate().map(|(at, (answers, _))| {
            let mut sum = Figures::default();
            self.recordings.iter().for_each(|(_, figures)| sum.add(&figures[at]));
            (answers, sum)
        })
    }

    pub(crate) fn print_sums(&self) {
        for (answers, sum) in self.sums() {
            let by_day = |count: usize| count as f64 / sum.days;
            println!(
                "{:<15} {answers:<9} {:>7.1} {:>8.1} {:>8.1} {:>6.0}% {:>8} {:>5}/60 min",
                self.name,
                sum.days,
                by_day(sum.plain),
                by_day(sum.told()),
                (sum.told() as f64 / sum.plain as f64 - 1.0) * 100.0,
                format!("{}/{}", sum.untold, sum.excursions),
                sum.technical,
            );
        }
    }

    pub(crate) fn print_recordings(&self) {
        for (recording, [nobody, at_once]) in &self.recordings {
            let untold = nobody.untold.max(at_once.untold);
            println!(
                "{:<15} {recording:<29} {:>7.1} {:>7} {:>6} {:>7} {:>8} {:>8} {:>7}",
                self.name,
                nobody.days,
                nobody.plain,
                nobody.shown,
                nobody.told(),
                at_once.told(),
                format!("{untold}/{}", nobody.excursions),
                format!("{}/{}", nobody.repeats, at_once.repeats),
            );
        }
    }

    pub(crate) fn print_words(&self) {
        for (answers, sum) in self.sums() {
            let words: Vec<_> =
                sum.words.iter().map(|(word, count)| format!("{word} {count}")).collect();
            println!("{:<15} {answers:<9} {:>5}: {}", self.name, sum.told(), words.join(", "));
        }
    }
}

#[derive(Default)]
pub(crate) struct Figures {
    pub(crate) days: f64,
    pub(crate) plain: usize,
    /// Of the plain ones those of limits that the rules show and do not announce.
    pub(crate) shown: usize,
    /// What was announced of the patient, by what had happened.
    pub(crate) words: BTreeMap<&'static str, usize>,
    /// Requests for another measurement.
    pub(crate) repeats: usize,
    pub(crate) excursions: usize,
    pub(crate) untold: usize,
    /// The most technical announcements of one cause in any 60 minutes.
    pub(crate) technical: usize,
}

impl Figures {
    pub(crate) fn told(&self) -> usize {
        self.words.values().sum()
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.days += other.days;
        self.plain += other.plain;
        self.shown += other.shown;
        for (word, count) in &other.words {
            *self.words.entry(word).or_default() += count;
        }
        self.repeats += other.repeats;
        self.excursions += other.excursions;
        self.untold += other.untold;
        self.technical = self.technical.max(other.technical);
    }
}
