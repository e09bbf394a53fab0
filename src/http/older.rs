//! Ranges that reach back to what retention took: that part is read from InfluxDB and joined to what
//! the store holds. Where it cannot be read the answer says so: what is missing must not look like
//! no data.
//!
//! Whose a number is, is what the bindings say today, as in the store. The name of a patient that a
//! row of InfluxDB carries must only be one that this gateway gives.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::SemaphorePermit;

use super::error::Problem;
use super::items::Answer;
use super::joined::{Older, Question, Told, Upto, borders, joined, of_store, older, settled, sums};
use super::series::query::{Bucket, PrunedPart, SeriesQuery};
use super::state::Http;
use crate::clock::Stopwatch;
use crate::influx::archive::{Archive, Unread};
use crate::influx::line::READING;
use crate::influx::query::{Origin, Page, Places, Reading, Selection, Summed, Wanted};
use crate::privacy::pseudonym::Pseudonyms;
use vitalgate_domain::model::consent::{Purpose, may};
use vitalgate_domain::model::signal::SignalTable;
use vitalgate_domain::model::time::{Span, Timestamp};
use vitalgate_store::ReadError;
use vitalgate_store::consumers::Consumer;
use vitalgate_store::history::buckets::Grid;
use vitalgate_store::history::point::Point;
use vitalgate_store::history::range::History;
use vitalgate_store::types::Sample;

/// Questions of one request, one after the other: a device of the patient and a retention each.
const QUESTIONS: usize = 16;
/// Parts that end so near each other are asked for together; blocks of one class end within a day.
const TOGETHER: Span = Span::days(2);
/// Numbers asked for beyond a page, so that it never ends in the middle of one instant.
const SPARE: usize = 1_000;
/// Rows of one answer: every bucket of the largest chart, some of them in parts.
const ROWS: usize = 40_000;
/// Retention may go on while InfluxDB is asked; so often it is asked again.
const TRIES: usize = 3;

/// Where older numbers are, and the names that patients have there.
#[derive(Debug)]
pub struct Elsewhere {
    /// InfluxDB.
    pub archive: Archive,
    /// The same names as those it was told.
    pub names: Pseudonyms,
    /// How far it was told.
    pub told: Consumer,
}

/// A request for series, some of whose range was pruned.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) http: &'a Http,
    pub(crate) query: &'a SeriesQuery,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    /// Whether the patients' data may come from elsewhere for their care.
    pub(crate) allowed: bool,
}

/// What a request was when InfluxDB was asked.
#[derive(Debug)]
struct Still {
    query: SeriesQuery,
    from: Timestamp,
    to: Timestamp,
    pruned: Vec<PrunedPart>,
    table: Arc<SignalTable>,
    is_last_try: bool,
}

/// The right to ask, and how long it has been used.
struct Turn<'a> {
    elsewhere: &'a Elsewhere,
    watch: Stopwatch,
    _permit: SemaphorePermit<'a>,
}

/// What one row of an answer is.
trait Row: Upto + Sized {
    /// How much of it is wanted.
    type Bounds: Copy;

    fn ask(
        archive: &Archive,
        selection: &Selection,
        bounds: Self::Bounds,
    ) -> impl Future<Output = Result<Rows<Self>, Unread>> + Send;

    fn origin(&self) -> &Origin;
}

/// Rows, and from where on nothing is known.
type Rows<T> = (Vec<T>, Option<Timestamp>);

impl Row for Reading {
    type Bounds = usize;

    async fn ask(
        archive: &Archive,
        selection: &Selection,
        most: usize,
    ) -> Result<Rows<Self>, Unread> {
        let Page { readings, until } = archive.readings(selection, most).await?;
        Ok((readings, until))
    }

    fn origin(&self) -> &Origin {
        &self.origin
    }
}

impl Row for Summed {
    type Bounds = Places;

    async fn ask(
        archive: &Archive,
        selection: &Selection,
        places: Places,
    ) -> Result<Rows<Self>, Unread> {
        Ok((archive.sums(selection, places, ROWS).await?, None))
    }

    fn origin(&self) -> &Origin {
        &self.origin
    }
}

impl Request<'_> {
    /// At most `limit` samples by time, then series, written by `write`; with from where on there may
    /// be more, though these are fewer.
    pub(crate) async fn samples(
        &self,
        limit: usize,
        write: impl Fn(Vec<Sample>, Option<Timestamp>) -> Answer + Clone + Send + 'static,
    ) -> Result<Answer, Problem> {
        self.answer(limit + SPARE, |told: Vec<Told<Reading>>, still: Still| {
            let write = write.clone();
            move |h: &History| {
                let mut samples = still.query.samples(h, still.from, still.to, limit)?;
                for Told { question, rows, .. } in &told {
                    samples.extend(rows.iter().flatten().map(|(part, reading)| {
                        let Point { at, received, value, unit, flags } = reading.point;
                        let series = question.parts[*part].series.clone();
                        Sample { series, at, received, value, unit, flags }
                    }));
                }
                let mut samples = settled(samples);
                // What is known later stays for the next page, so that none begins after a gap.
                let until = told.iter().filter_map(|told| told.until).min();
                samples.retain(|sample| until.is_none_or(|until| sample.at < until));
                samples.truncate(limit);
                let older = older(&told, &BTreeMap::new(), still.table());
                Ok(still.answer(h, older, || write(samples, until)))
            }
        })
        .await
    }

    /// All buckets of every series that holds anything, written by `write`.
    pub(crate) async fn buckets(
        &self,
        grid: Grid,
        write: impl Fn(Vec<Bucket>) -> Answer + Clone + Send + 'static,
    ) -> Result<Answer, Problem> {
        let (width, count) = (grid.width(), grid.all().count());
        let places = Places { from: self.from, width, count };
        self.answer(places, |told: Vec<Told<Summed>>, still: Still| {
            let write = write.clone();
            move |h: &History| {
                let of_store = of_store(&told);
                let only_from = borders(&told, &of_store);
                let sums = sums(&told, &only_from, still.table());
                let query = SeriesQuery { only_from, ..still.query.clone() };
                let local = query.buckets(h, grid, still.table())?;
                let buckets = joined(local, sums, grid, still.table());
                let older = older(&told, &of_store, still.table());
                Ok(still.answer(h, older, || write(buckets)))
            }
        })
        .await
    }

    /// Asks InfluxDB, then puts together with what the store holds what it told; again, if retention
    /// took more of that meanwhile.
    async fn answer<T: Row, R>(
        &self,
        bounds: T::Bounds,
        put_together: impl Fn(Vec<Told<T>>, Still) -> R,
    ) -> Result<Answer, Problem>
    where
        R: FnOnce(&History) -> Result<Option<Answer>, ReadError> + Send + 'static,
    {
        let turn = self.turn();
        let mut tries = 0;
        loop {
            tries += 1;
            // Who could not be answered afterwards does not ask.
            self.http.range_queries_allowed()?;
            let pruned = self.query.pruned(&self.http.app.history, self.from, self.to);
            let told = self.ask::<T>(pruned.clone(), bounds, &turn).await;
            let still = Still {
                query: self.query.clone(),
                from: self.from,
                to: self.to,
                pruned,
                table: self.http.signals(),
                is_last_try: tries == TRIES,
            };
            let answer = self.http.read_history(put_together(told, still)).await?;
            if let Some(answer) = answer {
                return Ok(answer);
            }
        }
    }

    /// The right to ask, once for all tries and with one deadline; else why there is none.
    fn turn(&self) -> Result<Turn<'_>, &'static str> {
        let elsewhere = self.http.app.elsewhere.as_ref().ok_or("not_kept")?;
        if !self.allowed {
            return Err("not_allowed");
        }
        let permit = elsewhere.archive.turn().map_err(|busy| self.count(&busy))?;
        Ok(Turn { elsewhere, watch: Stopwatch::start(), _permit: permit })
    }

    /// Asks every question that the parts make.
    async fn ask<T: Row>(
        &self,
        pruned: Vec<PrunedPart>,
        bounds: T::Bounds,
        turn: &Result<Turn<'_>, &'static str>,
    ) -> Vec<Told<T>> {
        let questions = self.questions(pruned);
        let silent = |question, why| Told { question, rows: Err(why), strange: false, until: None };
        let turn = match turn {
            Ok(_) if questions.len() > QUESTIONS => Err(self.count(&Unread::TooMuch)),
            Ok(turn) => Ok(turn),
            Err(why) => Err(*why),
        };
        let Turn { elsewhere: Elsewhere { archive, names, .. }, watch, .. } = match turn {
            Ok(turn) => turn,
            Err(why) => {
                return questions.into_iter().map(|question| silent(question, why)).collect();
            }
        };
        let known = self.names(names);
        let mut told = Vec::new();
        for question in questions {
            let spent = Duration::from_secs_f64(watch.seconds());
            let left = archive.within().saturating_sub(spent);
            let asked =
                tokio::time::timeout(left, T::ask(archive, &question.selection, bounds)).await;
            told.push(match asked.unwrap_or(Err(Unread::TooSlow)) {
                Ok((mut rows, until)) => {
                    self.http.app.handles.metrics.influx_query("answered");
                    let all = rows.len();
                    let named = |row: &T| {
                        row.origin().patient.as_ref().is_none_or(|name| known.contains(name))
                    };
                    rows.retain(named);
                    let strange = rows.len() < all;
                    let signals = self.http.signals();
                    let place = |row: T| Some((question.place(row.origin(), &signals)?, row));
                    let rows = rows.into_iter().filter_map(place).collect();
                    Told { question, rows: Ok(rows), strange, until }
                }
                Err(why) => {
                    // The server's words may name a device: the log has the kind alone.
                    let kind = self.count(&why);
                    tracing::warn!(kind, "InfluxDB did not say what the store no longer holds");
                    silent(question, kind)
                }
            });
        }
        told
    }

    /// The parts by device and time, those that end near each other together.
    fn questions(&self, mut pruned: Vec<PrunedPart>) -> Vec<Question> {
        let place = |part: &PrunedPart| (part.from, part.series.device.clone(), part.to);
        pruned.sort_by_key(place);
        let mut questions: Vec<Vec<PrunedPart>> = Vec::new();
        for part in pruned {
            let near = |question: &&mut Vec<PrunedPart>| {
                let first = &question[0];
                first.series.device == part.series.device
                    && first.from == part.from
                    && part.to - first.to <= TOGETHER
            };
            match questions.last_mut().filter(near) {
                Some(question) => question.push(part),
                None => questions.push(vec![part]),
            }
        }
        let table = self.http.signals();
        questions.into_iter().map(|parts| self.question(parts, &table)).collect()
    }

    fn question(&self, parts: Vec<PrunedPart>, table: &SignalTable) -> Question {
        let wanted = |PrunedPart { series, to, .. }: &PrunedPart| Wanted {
            signal: table.name(series.signal),
            instance: series.instance.clone(),
            to: *to,
        };
        let cursor = self.http.app.elsewhere.as_ref().map(|elsewhere| elsewhere.told.cursor());
        let is_told = |part: &PrunedPart| {
            cursor.as_ref().is_some_and(|cursor| cursor.covers(part.from, part.to))
        };
        let selection = Selection {
            measurement: READING,
            site: self.http.app.identity.site.as_str().to_owned(),
            device: parts[0].series.device.as_str().to_owned(),
            series: parts.iter().map(wanted).collect(),
            instance: self.query.instance.clone(),
            from: parts[0].from,
            simulated: self.http.app.identity.is_simulated(),
        };
        let is_told = parts.iter().map(is_told).collect();
        Question { selection, parts, is_told }
    }

    /// The names that patients of this gateway have in InfluxDB.
    fn names(&self, names: &Pseudonyms) -> BTreeSet<String> {
        let board = self.http.board();
        let patients = board.patients.keys().filter(|patient| may(Purpose::Care, patient));
        patients.map(|patient| names.of(patient)).collect()
    }

    fn count(&self, why: &Unread) -> &'static str {
        self.http.app.handles.metrics.influx_query(why.as_str());
        why.as_str()
    }
}

impl Still {
    fn table(&self) -> &SignalTable {
        &self.table
    }

    /// The answer, or nothing where it is to be asked again.
    fn answer(&self, h: &History, older: Older, write: impl FnOnce() -> Answer) -> Option<Answer> {
        let moved = self.query.pruned(h, self.from, self.to) != self.pruned;
        if moved && !self.is_last_try {
            return None;
        }
        let Older { older, incomplete } = older;
        let incomplete = incomplete.or(moved.then_some("retention_at_work"));
        Some(write().with("older", &older).with("incomplete", &incomplete))
    }
}
