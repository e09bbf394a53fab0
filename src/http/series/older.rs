//! Ranges that reach back to what retention pruned: that part is read from InfluxDB and joined to what
//! the store holds. Where it cannot be read the answer states so: what is missing must not look like
//! no data.
//!
//! The bindings of today decide whose a number is, as in the store. The name of a patient in a row of
//! InfluxDB is only checked: it must be one that this gateway gives.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::SemaphorePermit;

use super::answer::{Answer, Chart, SamplePage};
use super::item::items;
use super::joined::{borders, joined, settled, sums};
use super::query::{PrunedPart, SeriesQuery};
use super::question::{Common, Question};
use super::reply::{Older, Reply, Row, older, store_alone};
use crate::clock::Stopwatch;
use crate::http::error::Problem;
use crate::http::state::Http;
use crate::influx::archive::{Archive, Unread};
use crate::influx::query::{Page, Places, Reading, Selection, Summed};
use crate::privacy::pseudonym::Pseudonyms;
use vitalgate_domain::model::consent::{Purpose, may};
use vitalgate_domain::model::signal::SignalTable;
use vitalgate_domain::model::time::Timestamp;
use vitalgate_store::ReadError;
use vitalgate_store::consumers::Consumer;
use vitalgate_store::history::range::History;
use vitalgate_store::types::Sample;

/// Questions of one request, asked one after the other: one for each device and each retention.
const QUESTIONS: usize = 16;
/// Numbers asked for beyond a page, so that it never ends in the middle of one instant.
const SPARE: usize = 1_000;
/// Rows of one reply: every bucket of the largest chart, some of them in parts.
const ROWS: usize = 40_000;
/// Retention may go on while InfluxDB is asked: it is then asked again, at most so often in all.
const TRIES: usize = 3;

/// Where older numbers are, and the names that patients have there.
#[derive(Debug)]
pub struct ExportedHistory {
    /// InfluxDB.
    pub archive: Archive,
    /// The names under which readings are exported to it.
    pub names: Pseudonyms,
    /// How far readings are exported.
    pub exported: Consumer,
}

/// A request for series, some of whose range was pruned.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) http: &'a Http,
    pub(super) query: &'a SeriesQuery,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    /// Whether the patients' data may come from elsewhere for their care.
    pub(super) allowed: bool,
}

/// The request as it was when InfluxDB was asked.
#[derive(Debug)]
struct AsAsked {
    query: SeriesQuery,
    from: Timestamp,
    to: Timestamp,
    pruned: Vec<PrunedPart>,
    table: Arc<SignalTable>,
    is_last_try: bool,
}

/// The right to ask, and how long it has been used.
struct Turn<'a> {
    exported_history: &'a ExportedHistory,
    watch: Stopwatch,
    _permit: SemaphorePermit<'a>,
}

/// A row that InfluxDB can be asked for.
trait Asked: Row + Sized {
    /// How much of it is wanted.
    type Bounds: Copy;

    fn ask(
        archive: &Archive,
        selection: &Selection,
        bounds: Self::Bounds,
    ) -> impl Future<Output = Result<Rows<Self>, Unread>> + Send;
}

/// Rows, and from where on nothing is known.
type Rows<T> = (Vec<T>, Option<Timestamp>);

impl Asked for Reading {
    type Bounds = usize;

    async fn ask(
        archive: &Archive,
        selection: &Selection,
        most: usize,
    ) -> Result<Rows<Self>, Unread> {
        let Page { readings, until } = archive.readings(selection, most).await?;
        Ok((readings, until))
    }
}

impl Asked for Summed {
    type Bounds = Places;

    async fn ask(
        archive: &Archive,
        selection: &Selection,
        places: Places,
    ) -> Result<Rows<Self>, Unread> {
        Ok((archive.sums(selection, places, ROWS).await?, None))
    }
}

impl Request<'_> {
    /// A page of samples.
    pub(super) async fn samples(&self, page: SamplePage) -> Result<Answer, Problem> {
        let limit = page.limit();
        self.answer(limit + SPARE, |replies: Vec<Reply<Reading>>, asked: AsAsked| {
            let page = page.clone();
            move |history: &History| {
                let mut samples = asked.query.samples(history, asked.from, asked.to, limit)?;
                samples.extend(replies.iter().flat_map(samples_of));
                let mut samples = settled(samples);
                // What lies after `until` is for the next page, so that no page begins after a gap.
                let until = replies.iter().filter_map(|reply| reply.until).min();
                samples.retain(|sample| until.is_none_or(|until| sample.at < until));
                samples.truncate(limit);
                let mut words = asked.query.words(history, asked.from, asked.to, limit)?;
                words.retain(|word| until.is_none_or(|until| word.at < until));
                let items = items(samples, words);
                let older = older(&replies, &BTreeMap::new(), &asked.table);
                Ok(asked.older(history, older).map(|older| page.write(items, until, Some(older))))
            }
        })
        .await
    }

    /// All buckets of every series that holds anything.
    pub(super) async fn buckets(&self, chart: Chart) -> Result<Answer, Problem> {
        let grid = chart.grid;
        let places = Places { from: self.from, width: grid.width(), count: grid.all().count() };
        self.answer(places, |replies: Vec<Reply<Summed>>, asked: AsAsked| {
            let chart = chart.clone();
            move |history: &History| {
                let alone = store_alone(&replies);
                let only_from = borders(&replies, &alone);
                let sums = sums(&replies, &only_from, &asked.table);
                let query = SeriesQuery { only_from, ..asked.query.clone() };
                let held = query.buckets(history, grid, &asked.table)?;
                let buckets = joined(held, sums, grid, &asked.table);
                let words = query.word_buckets(history, grid)?;
                let older = older(&replies, &alone, &asked.table);
                let older = asked.older(history, older);
                Ok(older.map(|older| chart.write(&buckets, &words, Some(older))))
            }
        })
        .await
    }

    /// Asks InfluxDB, then puts its replies together with what the store holds; again, if retention
    /// pruned more of that meanwhile.
    async fn answer<T: Asked, R>(
        &self,
        bounds: T::Bounds,
        put_together: impl Fn(Vec<Reply<T>>, AsAsked) -> R,
    ) -> Result<Answer, Problem>
    where
        R: FnOnce(&History) -> Result<Option<Answer>, ReadError> + Send + 'static,
    {
        let turn = self.turn();
        let mut tries = 0;
        loop {
            tries += 1;
            // Nothing is asked for a request that would then be shed.
            self.http.range_queries_allowed()?;
            let pruned = self.query.pruned(&self.http.app.history, self.from, self.to);
            let replies = self.ask::<T>(pruned.clone(), bounds, &turn).await;
            let asked = AsAsked {
                query: self.query.clone(),
                from: self.from,
                to: self.to,
                pruned,
                table: self.http.signals(),
                is_last_try: tries == TRIES,
            };
            let answer = self.http.read_history(put_together(replies, asked)).await?;
            if let Some(answer) = answer {
                return Ok(answer);
            }
        }
    }

    /// The right to ask, once for all tries and with one deadline; else why there is none.
    fn turn(&self) -> Result<Turn<'_>, &'static str> {
        let exported_history = self.http.app.exported_history.as_ref().ok_or("not_kept")?;
        if !self.allowed {
            return Err("not_allowed");
        }
        let permit = exported_history.archive.turn().map_err(|busy| self.count(&busy))?;
        Ok(Turn { exported_history, watch: Stopwatch::start(), _permit: permit })
    }

    /// Asks every question that the parts make.
    async fn ask<T: Asked>(
        &self,
        pruned: Vec<PrunedPart>,
        bounds: T::Bounds,
        turn: &Result<Turn<'_>, &'static str>,
    ) -> Vec<Reply<T>> {
        let table = self.http.signals();
        let questions = self.questions(pruned, &table);
        let turn = match turn {
            Ok(_) if questions.len() > QUESTIONS => Err(self.count(&Unread::TooMuch)),
            Ok(turn) => Ok(turn),
            Err(why) => Err(*why),
        };
        let turn = match turn {
            Ok(turn) => turn,
            Err(why) => return questions.into_iter().map(|q| Reply::none(q, why)).collect(),
        };
        let names = self.names(&turn.exported_history.names);
        let mut replies = Vec::new();
        for question in questions {
            replies.push(match turn.ask(&question.selection, bounds).await {
                Ok(rows) => {
                    self.http.app.handles.metrics.influx_query("answered");
                    Reply::of(question, rows, &names, &table)
                }
                Err(why) => {
                    // The server's words may name a device: only their kind is logged.
                    let kind = self.count(&why);
                    tracing::warn!(kind, "InfluxDB did not say what the store no longer holds");
                    Reply::none(question, kind)
                }
            });
        }
        replies
    }

    fn questions(&self, pruned: Vec<PrunedPart>, table: &SignalTable) -> Vec<Question> {
        let app = &self.http.app;
        let common = Common {
            identity: &app.identity,
            table,
            instance: self.query.instance.as_ref(),
            exported: app.exported_history.as_ref().map(|history| history.exported.cursor()),
        };
        common.questions(pruned)
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

impl Turn<'_> {
    /// Asks, within what is left of the time for all questions.
    async fn ask<T: Asked>(
        &self,
        selection: &Selection,
        bounds: T::Bounds,
    ) -> Result<Rows<T>, Unread> {
        let archive = &self.exported_history.archive;
        let spent = Duration::from_secs_f64(self.watch.seconds());
        let left = archive.within().saturating_sub(spent);
        let asked = tokio::time::timeout(left, T::ask(archive, selection, bounds)).await;
        asked.unwrap_or(Err(Unread::TooSlow))
    }
}

impl<T: Row> Reply<T> {
    /// No row, for this reason.
    fn none(question: Question, why: &'static str) -> Self {
        Self { question, rows: Err(why), has_foreign_names: false, until: None }
    }

    /// The rows of the series asked for, without those whose name is none of `names`.
    fn of(
        question: Question,
        (mut rows, until): Rows<T>,
        names: &BTreeSet<String>,
        table: &SignalTable,
    ) -> Self {
        let all = rows.len();
        rows.retain(|row| row.origin().patient.as_ref().is_none_or(|name| names.contains(name)));
        let has_foreign_names = rows.len() < all;
        let indexed = |row: T| Some((question.index_of(row.origin(), table)?, row));
        let rows = Ok(rows.into_iter().filter_map(indexed).collect());
        Self { question, rows, has_foreign_names, until }
    }
}

impl AsAsked {
    /// What became of the parts; `None` where InfluxDB is to be asked again.
    fn older(&self, history: &History, older: Older) -> Option<Older> {
        let moved = self.query.pruned(history, self.from, self.to) != self.pruned;
        if moved && !self.is_last_try {
            return None;
        }
        let incomplete = older.incomplete.or(moved.then_some("retention_at_work"));
        let words = self.query.words_pruned(history, self.from, self.to);
        Some(Older { incomplete, ..older }.with_words(words, &self.table))
    }
}

/// The numbers of a reply as the store would hold them.
fn samples_of(reply: &Reply<Reading>) -> impl Iterator<Item = Sample> {
    reply
        .rows
        .iter()
        .flatten()
        .map(|(index, reading)| reading.point.sample(reply.question.parts[*index].series.clone()))
}
