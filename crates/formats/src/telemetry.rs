//! Readings (contract §2).

use super::fields::{Field, Keys, Refusal, quote};
use super::list::{Entry, Main};
use super::source::{Source, Syntax};
use super::when::When;
use super::{DecodeContext, Fields, Judged, value};
use vitalgate_domain::model::instance::Instance;
use vitalgate_domain::model::message::{Body, Reading, RefusalReason, Refused, Status, Value};
use vitalgate_domain::model::signal::{Signal, SignalId};

/// A reading as it was sent.
#[derive(Debug, Default)]
pub(super) struct ReadingFields<'a> {
    when: When<'a>,
    signal: Field<'a>,
    value: Field<'a>,
    unit: Field<'a>,
    comparator: Field<'a>,
    code: Field<'a>,
    time: Field<'a>,
    text: Field<'a>,
    absent: Field<'a>,
    instance: Field<'a>,
    quality: Field<'a>,
    status: Field<'a>,
}

impl<'a> Fields<'a> for ReadingFields<'a> {
    fn field<S: Source<'a>>(
        &mut self,
        key: &str,
        keys: &mut Keys,
        source: &mut S,
    ) -> Result<bool, Syntax> {
        let slot = match key {
            "signal" => &mut self.signal,
            "value" => &mut self.value,
            "unit" => &mut self.unit,
            "comparator" => &mut self.comparator,
            "code" => &mut self.code,
            "time" => &mut self.time,
            "text" => &mut self.text,
            "absent" => &mut self.absent,
            "instance" => &mut self.instance,
            "quality" => &mut self.quality,
            "status" => &mut self.status,
            _ => match self.when.slot(key) {
                Some(slot) => slot,
                None => return Ok(false),
            },
        };
        keys.fill(slot, key, source)?;
        Ok(true)
    }
}

impl<'a> Entry<'a> for ReadingFields<'a> {
    const LIST: &'static str = "readings";
    const NAME: &'static str = "reading";
    const MAX: usize = 4_096;
    type Accepted = Reading;

    fn signal(&self, context: &DecodeContext<'_>) -> Option<SignalId> {
        let key = self.signal.text("signal").ok()??;
        context.signals.find(key).map(|signal| signal.id)
    }

    fn accept(&mut self, index: u32, context: &DecodeContext<'_>) -> Result<Reading, Refusal> {
        let Some(key) = self.signal.text("signal")? else {
            return Err(Refusal::shape("`signal` is missing"));
        };
        let Some(signal) = context.signals.find(key) else {
            return Err(unknown_signal(key));
        };
        let value = self.value(signal)?;
        let doubt = value::doubt(&value, signal);
        let instance = self.instance.name("instance")?.or_else(|| signal.instance_of(key));
        Ok(Reading {
            index,
            signal: signal.id,
            instance: instance.map(Instance::from).unwrap_or_default(),
            time: self.when.of_reading(context, signal)?,
            value,
            quality: value::quality(&self.quality)?,
            status: status(&self.status)?,
            implausible: doubt.implausible,
            unit_doubtful: doubt.unit_doubtful,
        })
    }
}

impl<'a> Main<'a> for ReadingFields<'a> {
    fn judged(accepted: Vec<Reading>, refused: Vec<Refused>, _: &DecodeContext<'_>) -> Judged {
        Judged::of(Body::Telemetry { readings: accepted, refused })
    }
}

impl ReadingFields<'_> {
    /// The one of `value`, `code`, `time`, `text` and `absent` that was sent.
    fn value(&self, signal: &Signal) -> Result<Value, Refusal> {
        let forms = [&self.value, &self.code, &self.time, &self.text, &self.absent];
        if forms.iter().filter(|form| form.is_sent()).count() != 1 {
            return Err(Refusal::shape(
                "a reading has exactly one of `value`, `code`, `time`, `text` and `absent`",
            ));
        }
        if !self.value.is_sent() && self.comparator.is_sent() {
            return Err(Refusal::shape("`comparator` stands only beside `value`"));
        }
        if let Some(number) = self.value.number("value")? {
            return value::number(number, &self.unit, &self.comparator, signal);
        }
        if self.absent.is_sent() {
            let reason = self.absent.name("absent")?;
            return reason
                .map(|reason| Value::Absent(reason.to_owned()))
                .ok_or_else(|| Refusal::value("`absent` must name a reason"));
        }
        if signal.unit.is_some() {
            return Err(Refusal::shape(
                "the signal is a number: send `value` with `unit`, or `absent`",
            ));
        }
        if let Some(time) = self.time.time("time")? {
            return Ok(Value::Time(time));
        }
        if self.code.is_sent() {
            return value::code(&self.code).map(Value::Code);
        }
        self.text
            .words("text")?
            .map(Value::Text)
            .ok_or_else(|| Refusal::value("`text` must not be empty"))
    }
}

/// Refuses a signal that is not in the table.
pub(super) fn unknown_signal(key: &str) -> Refusal {
    Refusal::new(RefusalReason::UnknownSignal, format!("no signal {} is known", quote(key)))
}

fn status(field: &Field<'_>) -> Result<Status, Refusal> {
    match field.text("status")? {
        None | Some("final") => Ok(Status::Final),
        Some("preliminary") => Ok(Status::Preliminary),
        Some("corrected") => Ok(Status::Corrected),
        Some("entered-in-error") => Ok(Status::EnteredInError),
        Some(_) => Err(Refusal::shape(
            "`status` must be final, preliminary, corrected or entered-in-error",
        )),
    }
}
