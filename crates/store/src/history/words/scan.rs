//! Every word between two times, page by page, for who copies it elsewhere.

use std::ops::ControlFlow;

use rusqlite::Connection;

use super::super::range::History;
use super::read::each_instant;
use super::series::Known;
use crate::file::connection;
use crate::file::error::ReadError;
use crate::types::{SeriesKey, WordSample};
use vitalgate_domain::model::time::{Span, Timestamp};

/// A walk through the words of a history, by device, signal, instance and time. No transaction is open
/// between two pages. Series that begin later are left out.
#[derive(Debug)]
pub struct WordScan {
    history: History,
    conn: Option<Connection>,
    /// The series still to come, the next one last.
    rest: Vec<(SeriesKey, Known)>,
    from: Timestamp,
    to: Timestamp,
    /// The first instant of the next page, in the middle of a series.
    next: Option<Timestamp>,
}

impl History {
    /// All words from `from` up to but without `to`.
    pub fn scan_words(&self, from: Timestamp, to: Timestamp) -> WordScan {
        let mut rest = self.words.all();
        rest.reverse();
        WordScan { history: self.clone(), conn: None, rest, from, to, next: None }
    }
}

impl WordScan {
    /// Leaves out the series that do not pass; to be called before the first page.
    #[must_use]
    pub fn only(mut self, wanted: impl Fn(&SeriesKey) -> bool) -> Self {
        self.rest.retain(|(series, _)| wanted(series));
        self
    }

    /// The series still to come, the one it stands in included, in their order.
    pub fn series_left(&self) -> impl Iterator<Item = &SeriesKey> {
        self.rest.iter().rev().map(|(series, _)| series)
    }

    /// The next words, of one series: `limit` of them, and what else is of the last instant. Empty at the
    /// end.
    pub fn next_page(&mut self, limit: usize) -> Result<Vec<WordSample>, ReadError> {
        let mut words = Vec::new();
        while let Some((series, known)) = self.rest.last().cloned() {
            let conn = match self.conn.take() {
                Some(conn) => conn,
                None => connection::readable(&self.history.path)?,
            };
            let from = self.next.take().unwrap_or(self.from);
            let mut next = None;
            let ids_end = self.history.word_ids_end;
            each_instant(&conn, known.id, from..self.to, ids_end, |entries| {
                next = entries.first().map(|entry| entry.at + Span::micros(1));
                words.extend(entries.into_iter().filter_map(|entry| entry.sample(&series)));
                if words.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })?;
            self.conn = Some(conn);
            if words.len() < limit {
                self.rest.pop();
            } else {
                self.next = next;
            }
            if !words.is_empty() {
                break;
            }
        }
        Ok(words)
    }
}
