//! Waveform chunks (contract §2).

use super::fields::{Field, Keys, Refusal, pass_over};
use super::list::{Entry, Main};
use super::source::{Item, Source, Syntax};
use super::{DecodeContext, Fields, Judged};
use vitalgate_domain::model::message::WaveSamples;
use vitalgate_domain::model::message::{Body, RefusalReason, Refused, WaveChunk};
use vitalgate_domain::model::signal::SignalId;

/// More samples in one chunk are refused: about four minutes of 250 Hz.
const MAX_SAMPLES: usize = 65_536;
const MAX_UNIT: usize = 32;

/// A chunk as it was sent.
#[derive(Debug, Default)]
pub(super) struct ChunkFields<'a> {
    at: Field<'a>,
    signal: Field<'a>,
    rate_hz: Field<'a>,
    unit: Field<'a>,
    scale: Field<'a>,
    offset: Field<'a>,
    list: Field<'a>,
    samples: Vec<i32>,
}

impl<'a> Fields<'a> for ChunkFields<'a> {
    fn field<S: Source<'a>>(
        &mut self,
        key: &str,
        keys: &mut Keys,
        source: &mut S,
    ) -> Result<bool, Syntax> {
        let slot = match key {
            "at" => &mut self.at,
            "signal" => &mut self.signal,
            "rate_hz" => &mut self.rate_hz,
            "unit" => &mut self.unit,
            "scale" => &mut self.scale,
            "offset" => &mut self.offset,
            "samples" => {
                if keys.open(&mut self.list, key, &Item::List, source)? {
                    self.read_samples(keys, source)?;
                }
                return Ok(true);
            }
            _ => return Ok(false),
        };
        keys.fill(slot, key, source)?;
        Ok(true)
    }
}

impl<'a> ChunkFields<'a> {
    fn read_samples<S: Source<'a>>(
        &mut self,
        keys: &mut Keys,
        source: &mut S,
    ) -> Result<(), Syntax> {
        while source.more()? {
            let item = source.item()?;
            pass_over(&item, source)?;
            match sample(&item) {
                Some(sample) if self.samples.len() < MAX_SAMPLES => self.samples.push(sample),
                Some(_) => keys.refuse(Refusal::new(
                    RefusalReason::TooLarge,
                    format!("more than {MAX_SAMPLES} samples in one chunk"),
                )),
                None => keys.refuse(Refusal::value("`samples` must be whole numbers of 32 bits")),
            }
        }
        Ok(())
    }
}

impl<'a> Entry<'a> for ChunkFields<'a> {
    const LIST: &'static str = "waves";
    const NAME: &'static str = "wave";
    const MAX: usize = 256;
    type Accepted = (WaveChunk, Vec<i32>);

    fn signal(&self, context: &DecodeContext<'_>) -> Option<SignalId> {
        let key = self.signal.text("signal").ok()??;
        context.signals.find(key).map(|signal| signal.id)
    }

    fn accept(
        &mut self,
        index: u32,
        context: &DecodeContext<'_>,
    ) -> Result<Self::Accepted, Refusal> {
        let Some(at) = self.at.time("at")?.or(context.at) else {
            return Err(Refusal::new(RefusalReason::Time, "`at` is missing"));
        };
        context.refuse_old_stamp(at)?;
        let Some(signal) = self.signal.name("signal")? else {
            return Err(Refusal::shape("`signal` is missing"));
        };
        let rate_hz = match self.rate_hz.number("rate_hz")? {
            Some(rate_hz) if rate_hz > 0.0 => rate_hz,
            Some(_) => return Err(Refusal::value("`rate_hz` must be above 0")),
            None => return Err(Refusal::shape("`rate_hz` is missing")),
        };
        let unit = self.unit.text("unit")?.unwrap_or_default();
        if unit.len() > MAX_UNIT {
            return Err(Refusal::new(
                RefusalReason::Unit,
                format!("`unit` must have at most {MAX_UNIT} bytes"),
            ));
        }
        let scale = self.scale.number("scale")?.unwrap_or(1.0);
        if scale == 0.0 {
            return Err(Refusal::value("`scale` must not be 0"));
        }
        if self.samples.is_empty() {
            return Err(Refusal::shape("`samples` must be a list with at least one"));
        }
        let chunk = WaveChunk {
            index,
            at,
            signal: signal.to_owned(),
            rate_hz,
            unit: unit.to_owned(),
            scale,
            offset: self.offset.number("offset")?.unwrap_or(0.0),
            samples: self.samples.len() as u32,
        };
        Ok((chunk, std::mem::take(&mut self.samples)))
    }
}

impl<'a> Main<'a> for ChunkFields<'a> {
    fn judged(
        accepted: Vec<Self::Accepted>,
        refused: Vec<Refused>,
        context: &DecodeContext<'_>,
    ) -> Judged {
        let chunks = accepted.iter().map(|(chunk, _)| chunk.clone()).collect();
        let device = context.request.device;
        let waves = accepted
            .into_iter()
            .map(|(chunk, samples)| WaveSamples { device: device.clone(), chunk, samples })
            .collect();
        Judged { waves, ..Judged::of(Body::Waves { chunks, refused }) }
    }
}

fn sample(item: &Item<'_>) -> Option<i32> {
    const RANGE: std::ops::RangeInclusive<f64> = i32::MIN as f64..=i32::MAX as f64;
    match *item {
        Item::Number(n) if n.fract() == 0.0 && RANGE.contains(&n) => Some(n as i32),
        Item::Null | Item::Number(_) | Item::Text(_) | Item::List | Item::Map | Item::Other => None,
    }
}
