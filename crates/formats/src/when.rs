//! Which of its times an entry carries.

use super::DecodeContext;
use super::fields::{Field, Refusal};
use vitalgate_domain::model::message::{ReadingTime, RefusalReason};
use vitalgate_domain::model::signal::Signal;
use vitalgate_domain::model::time::Span;

/// The time fields of a reading or event.
#[derive(Debug, Default)]
pub(super) struct When<'a> {
    at: Field<'a>,
    from: Field<'a>,
    to: Field<'a>,
    age_ms: Field<'a>,
}

impl<'a> When<'a> {
    /// The field with this key.
    pub(super) fn slot(&mut self, key: &str) -> Option<&mut Field<'a>> {
        match key {
            "at" => Some(&mut self.at),
            "from" => Some(&mut self.from),
            "to" => Some(&mut self.to),
            "age_ms" => Some(&mut self.age_ms),
            _ => None,
        }
    }

    /// When a reading was taken: one of `at`, `from` + `to`, `age_ms`, else the message's `at`.
    pub(super) fn of_reading(
        &self,
        context: &DecodeContext<'_>,
        signal: &Signal,
    ) -> Result<ReadingTime, Refusal> {
        let span = (self.from.is_sent(), self.to.is_sent());
        let stated = [self.at.is_sent(), span.0 || span.1, self.age_ms.is_sent()];
        if stated.iter().filter(|stated| **stated).count() > 1 || span.0 != span.1 {
            return Err(Refusal::new(
                RefusalReason::Shape,
                "a reading has one of `at`, `from` with `to`, or `age_ms`",
            ));
        }
        let time = self.time(context)?;
        context.refuse_age(time, signal.keep)?;
        Ok(time)
    }

    /// When an event happened: `at` is the moment, and `from` and `to` may stand beside it as the
    /// bounds of the episode; without `at` they are the time.
    pub(super) fn of_event(&self, context: &DecodeContext<'_>) -> Result<ReadingTime, Refusal> {
        let time = self.time(context)?;
        context.refuse_age(time, None)?;
        Ok(time)
    }

    fn time(&self, context: &DecodeContext<'_>) -> Result<ReadingTime, Refusal> {
        let (from, to) = (self.from.time("from")?, self.to.time("to")?);
        let bounds = match (from, to) {
            (Some(from), Some(to)) if from > to => {
                return Err(Refusal::new(RefusalReason::Time, "`from` is after `to`"));
            }
            (Some(from), Some(to)) => Some(ReadingTime::Period(from, to)),
            (one, other) => one.or(other).map(ReadingTime::At),
        };
        let at = self.at.time("at")?.map(ReadingTime::At);
        Ok(at
            .or(bounds)
            .or(self.age()?)
            .or(context.at.map(ReadingTime::At))
            .unwrap_or(ReadingTime::Unstated))
    }

    fn age(&self) -> Result<Option<ReadingTime>, Refusal> {
        let bad = || Refusal::new(RefusalReason::Time, "`age_ms` must be a number from 0 on");
        match self.age_ms.number("age_ms").map_err(|_| bad())? {
            Some(ms) if ms < 0.0 => Err(bad()),
            Some(ms) => Ok(Some(ReadingTime::Age(Span::micros((ms * 1_000.0) as i64)))),
            None => Ok(None),
        }
    }
}
