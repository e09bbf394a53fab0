//! What a device says of itself (contract §2).

use super::fields::{Field, Keys, Refusal};
use super::list::{Entry, List, Sorted};
use super::source::{Source, Syntax};
use super::telemetry::unknown_signal;
use super::{Content, DecodeContext, Fields, Judged};
use vitalgate_domain::model::message::{Body, DeviceInfo, ExpectedSignal};
use vitalgate_domain::model::signal::SignalId;
use vitalgate_domain::model::time::Span;

/// A device that sends more rarely is not one whose silence can be judged.
const MAX_INTERVAL_S: f64 = 366.0 * 86_400.0;

/// The fields of an info as they were sent.
#[derive(Debug, Default)]
pub(super) struct InfoFields<'a> {
    maker: Field<'a>,
    model: Field<'a>,
    serial: Field<'a>,
    udi: Field<'a>,
    firmware: Field<'a>,
    battery: Field<'a>,
    signals: List<'a, ExpectedFields<'a>>,
}

impl<'a> Fields<'a> for InfoFields<'a> {
    fn field<S: Source<'a>>(
        &mut self,
        key: &str,
        keys: &mut Keys,
        source: &mut S,
    ) -> Result<bool, Syntax> {
        let slot = match key {
            "maker" => &mut self.maker,
            "model" => &mut self.model,
            "serial" => &mut self.serial,
            "udi" => &mut self.udi,
            "firmware" => &mut self.firmware,
            "battery" => &mut self.battery,
            _ => return self.signals.field(key, keys, source),
        };
        keys.fill(slot, key, source)?;
        Ok(true)
    }
}

impl<'a> Content<'a> for InfoFields<'a> {
    fn judge(self, context: &DecodeContext<'_>) -> Result<Judged, Refusal> {
        let battery_percent = match self.battery.number("battery")? {
            Some(percent) if !(0.0..=100.0).contains(&percent) => {
                return Err(Refusal::value("`battery` must be 0 to 100 (percent)"));
            }
            percent => percent,
        };
        let (signals, dead) = if self.signals.is_sent() {
            let Sorted { accepted, refused: _, dead } = self.signals.sort(context)?;
            (accepted, dead)
        } else {
            (Vec::new(), None)
        };
        let info = DeviceInfo {
            maker: self.maker.words("maker")?,
            model: self.model.words("model")?,
            serial: self.serial.words("serial")?,
            udi: self.udi.words("udi")?,
            firmware: self.firmware.words("firmware")?,
            battery_percent,
            signals,
        };
        Ok(Judged { dead, ..Judged::of(Body::Info { info }) })
    }
}

/// A signal to come, as it was sent.
#[derive(Debug, Default)]
struct ExpectedFields<'a> {
    signal: Field<'a>,
    interval_s: Field<'a>,
}

impl<'a> Fields<'a> for ExpectedFields<'a> {
    fn field<S: Source<'a>>(
        &mut self,
        key: &str,
        keys: &mut Keys,
        source: &mut S,
    ) -> Result<bool, Syntax> {
        let slot = match key {
            "signal" => &mut self.signal,
            "interval_s" => &mut self.interval_s,
            _ => return Ok(false),
        };
        keys.fill(slot, key, source)?;
        Ok(true)
    }
}

impl<'a> Entry<'a> for ExpectedFields<'a> {
    const LIST: &'static str = "signals";
    const NAME: &'static str = "signal";
    const MAX: usize = 256;
    type Accepted = ExpectedSignal;

    fn signal(&self, context: &DecodeContext<'_>) -> Option<SignalId> {
        let key = self.signal.text("signal").ok()??;
        context.signals.find(key).map(|signal| signal.id)
    }

    fn accept(&mut self, _: u32, context: &DecodeContext<'_>) -> Result<ExpectedSignal, Refusal> {
        let Some(key) = self.signal.text("signal")? else {
            return Err(Refusal::shape("`signal` is missing"));
        };
        let Some(signal) = context.signals.find(key) else {
            return Err(unknown_signal(key));
        };
        let interval = match self.interval_s.number("interval_s")? {
            Some(s) if s > 0.0 && s <= MAX_INTERVAL_S => Some(Span::micros((s * 1e6) as i64)),
            Some(_) => return Err(Refusal::value("`interval_s` must be above 0, at most a year")),
            None => None,
        };
        Ok(ExpectedSignal { signal: signal.id, interval })
    }
}
