//! What the HTTP side reads, out of the store.

use std::sync::Arc;

use tokio::sync::watch;

use crate::http::ports::{
    Act, AlarmLog, Bucket, ClosedFilter, Gone, HistoryRead, KeptDeadLetter, KeptGrounds,
    LoggedAlarm, ReadFailed, SeriesQuery, Summary,
};
use vitalgate_domain::model::ids::{AlarmId, DeviceId};
use vitalgate_domain::model::message::DeadLetter;
use vitalgate_domain::model::signal::{SignalId, SignalTable};
use vitalgate_domain::model::time::{Span, Timestamp};
use vitalgate_domain::model::unit::Unit;
use vitalgate_store::history::buckets::Grid;
use vitalgate_store::history::range::{History, Piece};
use vitalgate_store::reader::{ActRow, AlarmFilter, TransitionRow};
use vitalgate_store::types::{Sample, SeriesKey};
use vitalgate_store::{ReadError, Reader};

/// The store's readers behind the ports of the HTTP side.
#[derive(Debug)]
pub struct StoreReaders {
    reader: Reader,
    history: History,
    signals: watch::Receiver<Arc<SignalTable>>,
}

impl StoreReaders {
    /// Readers of one store; `signals` says in which unit a series is summarised.
    pub fn new(
        reader: Reader,
        history: History,
        signals: watch::Receiver<Arc<SignalTable>>,
    ) -> Self {
        Self { reader, history, signals }
    }

    /// The series a query asks for, each with its stretches.
    fn pieces(&self, query: &SeriesQuery) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for stretch in &query.stretches {
            let series = self.history.series_of(&stretch.device).into_iter();
            let wanted = |key: &SeriesKey| {
                query.signals.contains(&key.signal)
                    && query.instance.as_ref().is_none_or(|wanted| *wanted == key.instance.as_str())
            };
            let from = |series: &SeriesKey| {
                let from = query.only_from.get(series).copied();
                from.unwrap_or(stretch.from).max(stretch.from)
            };
            pieces.extend(series.filter(wanted).map(|series| Piece {
                from: from(&series),
                to: stretch.to,
                series,
            }));
        }
        pieces
    }

    fn unit_of(&self, signal: SignalId) -> Unit {
        self.signals.borrow().get(signal).and_then(|s| s.unit).unwrap_or(Unit::One)
    }
}

impl AlarmLog for StoreReaders {
    fn after(&self, seq: u64, limit: usize) -> Result<Vec<LoggedAlarm>, ReadFailed> {
        Ok(self.reader.alarms_after(seq, limit)?.into_iter().map(logged).collect())
    }

    fn of_alarm(&self, id: &AlarmId) -> Result<Vec<LoggedAlarm>, ReadFailed> {
        let rows = self.reader.alarm_history(id)?.into_iter();
        Ok(rows.filter(|row| row.kind == "alarm").map(logged).collect())
    }

    fn grounds(&self, id: &AlarmId) -> Result<Option<KeptGrounds>, ReadFailed> {
        let kept = self.reader.alarm_grounds(id)?;
        Ok(kept.map(|(limits, readings)| KeptGrounds { limits, readings }))
    }

    fn closed(&self, filter: &ClosedFilter, limit: usize) -> Result<Vec<LoggedAlarm>, ReadFailed> {
        let wanted = AlarmFilter {
            states: vec!["closed".to_owned()],
            ward: filter.ward.clone(),
            patient: filter.patient.clone(),
        };
        let rows = self.reader.alarms(&wanted, filter.before, limit)?;
        Ok(rows.into_iter().map(logged).collect())
    }

    fn oldest_seq(&self) -> Result<Option<u64>, ReadFailed> {
        Ok(self.reader.transitions(0, 1)?.first().map(|row| row.seq))
    }

    fn audit(&self, before: Option<u64>, limit: usize) -> Result<Vec<Act>, ReadFailed> {
        let act = |row: ActRow| {
            let ActRow { seq, at, actor, what, hash, chain, outcome, tried } = row;
            Act { seq, at, actor, what, outcome, tried, hash, chain }
        };
        Ok(self.reader.audit(before, limit)?.into_iter().map(act).collect())
    }

    fn dead_letters(
        &self,
        device: Option<&DeviceId>,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<KeptDeadLetter>, ReadFailed> {
        let rows = self.reader.dead_letters(device, before, limit)?.into_iter();
        Ok(rows
            .map(|row| KeptDeadLetter {
                n: row.id,
                at: row.at,
                letter: DeadLetter {
                    principal: row.principal,
                    device: row.device,
                    topic: row.topic,
                    kind: None,
                    reason: row.reason,
                    length: row.length,
                    head: row.head,
                },
            })
            .collect())
    }
}

impl HistoryRead for StoreReaders {
    fn series(&self, query: &SeriesQuery) -> usize {
        let mut series: Vec<SeriesKey> =
            self.pieces(query).into_iter().map(|piece| piece.series).collect();
        series.sort();
        series.dedup();
        series.len()
    }

    fn gone(&self, query: &SeriesQuery, from: Timestamp, to: Timestamp) -> Vec<Gone> {
        let gone = self.pieces(query).into_iter().filter_map(|piece| {
            let end = self.history.pruned_to(&piece.series)? + Span::micros(1);
            let (from, to) = (piece.from.max(from), piece.to.min(to).min(end));
            let held_something = to == end;
            (from < to).then_some(Gone { series: piece.series, from, to, held_something })
        });
        gone.collect()
    }

    fn samples(
        &self,
        query: &SeriesQuery,
        from: Timestamp,
        to: Timestamp,
        limit: usize,
    ) -> Result<Vec<Sample>, ReadFailed> {
        let mut pieces = self.pieces(query);
        for piece in &mut pieces {
            piece.from = piece.from.max(from);
            piece.to = piece.to.min(to);
        }
        pieces.retain(|piece| piece.from < piece.to);
        pieces.sort_by(|a, b| a.series.cmp(&b.series));
        let page = self.history.raw(&pieces, None, limit)?;
        let of = |place: usize| pieces.get(place).map(|piece| piece.series.clone());
        Ok(page
            .points
            .into_iter()
            .filter_map(|(place, point)| {
                Some(Sample {
                    series: of(place)?,
                    at: point.at,
                    received: point.received,
                    value: point.value,
                    unit: point.unit,
                    flags: point.flags,
                })
            })
            .collect())
    }

    fn buckets(
        &self,
        query: &SeriesQuery,
        from: Timestamp,
        to: Timestamp,
        points: u32,
    ) -> Result<Vec<Bucket>, ReadFailed> {
        let grid = Grid::new(from, to, points as usize);
        let mut pieces = self.pieces(query);
        pieces.sort_by(|a, b| a.series.cmp(&b.series));
        let mut buckets = Vec::new();
        for of_series in pieces.chunk_by(|a, b| a.series == b.series) {
            let Some(first) = of_series.first() else { continue };
            let unit = self.unit_of(first.series.signal);
            let mut filled = self.history.buckets(of_series, grid, unit)?.into_iter().peekable();
            if filled.peek().is_none() {
                continue;
            }
            buckets.extend(grid.all().map(|(from, to)| {
                let values = filled.next_if(|bucket| bucket.from == from).map(|b| Summary {
                    count: b.count,
                    min: b.min,
                    max: b.max,
                    mean: b.mean,
                    last: b.last,
                });
                Bucket { series: first.series.clone(), unit, from, to, values }
            }));
        }
        // Stable: at each time the series stay in their order.
        buckets.sort_by_key(|bucket| bucket.from);
        Ok(buckets)
    }
}

impl From<ReadError> for ReadFailed {
    fn from(error: ReadError) -> Self {
        Self(error.to_string())
    }
}

fn logged(row: TransitionRow) -> LoggedAlarm {
    let TransitionRow { seq, at, change, actor, body, .. } = row;
    LoggedAlarm { seq, at, change, actor, body }
}
