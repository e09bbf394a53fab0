//! What every message may say beside its readings: who sent it, when, and in what order.

use super::fields::{Field, Keys, Refusal};
use super::source::{Item, Source, Syntax};
use vitalgate_domain::model::message::{Clock, ClockSource, Mode, Relay};
use vitalgate_domain::model::time::Timestamp;

/// The common fields as they were sent.
#[derive(Debug, Default)]
pub(super) struct Envelope<'a> {
    /// Keys of the message, the kind's own included.
    pub(super) keys: Keys,
    boot: Field<'a>,
    seq: Field<'a>,
    sent_at: Field<'a>,
    at: Field<'a>,
    mode: Field<'a>,
    clock: Nested<'a, 2>,
    relay: Nested<'a, 4>,
}

/// A map of `N` plain fields inside the message.
#[derive(Debug)]
struct Nested<'a, const N: usize> {
    whole: Field<'a>,
    fields: [Field<'a>; N],
}

/// The common fields and what they mean. What could be read stands, whatever else is wrong.
#[derive(Debug, Default)]
pub(super) struct Header {
    pub(super) boot: Option<u64>,
    pub(super) seq: Option<u64>,
    pub(super) sent_at: Option<Timestamp>,
    /// The time of entries that carry none.
    pub(super) at: Option<Timestamp>,
    pub(super) mode: Mode,
    pub(super) clock: Option<Clock>,
    pub(super) relay: Option<Relay>,
    pub(super) unknown_fields: u32,
    /// Why the message is refused as a whole.
    pub(super) fault: Option<Refusal>,
}

const CLOCK: [&str; 2] = ["source", "timeline"];
const RELAY: [&str; 4] = ["id", "device_clock", "received_at", "sent_at"];

impl<'a> Envelope<'a> {
    /// Reads the value of `key` if it is a common field.
    pub(super) fn field<S: Source<'a>>(
        &mut self,
        key: &str,
        source: &mut S,
    ) -> Result<bool, Syntax> {
        let slot = match key {
            "boot" => &mut self.boot,
            "seq" => &mut self.seq,
            "sent_at" => &mut self.sent_at,
            "at" => &mut self.at,
            "mode" => &mut self.mode,
            "clock" => return self.clock.read(key, &CLOCK, &mut self.keys, source).map(|()| true),
            "relay" => return self.relay.read(key, &RELAY, &mut self.keys, source).map(|()| true),
            _ => return Ok(false),
        };
        self.keys.fill(slot, key, source)?;
        Ok(true)
    }

    /// What the fields mean.
    pub(super) fn finish(mut self) -> Header {
        let unknown_fields = self.keys.unknown_fields();
        let keys = &mut self.keys;
        let header = Header {
            boot: or_refuse(keys, self.boot.whole("boot")),
            seq: or_refuse(keys, self.seq.whole("seq")),
            sent_at: or_refuse(keys, self.sent_at.time("sent_at")),
            at: or_refuse(keys, self.at.time("at")),
            mode: or_refuse(keys, mode(&self.mode)).unwrap_or_default(),
            clock: or_refuse(keys, clock(&self.clock)),
            relay: or_refuse(keys, relay(&self.relay)),
            unknown_fields,
            fault: None,
        };
        Header { fault: keys.fault(), ..header }
    }
}

fn or_refuse<T>(keys: &mut Keys, value: Result<Option<T>, Refusal>) -> Option<T> {
    value.unwrap_or_else(|fault| {
        keys.refuse(fault);
        None
    })
}

fn mode(field: &Field<'_>) -> Result<Option<Mode>, Refusal> {
    match field.text("mode")? {
        None => Ok(None),
        Some("real") => Ok(Some(Mode::Real)),
        Some("test") => Ok(Some(Mode::Test)),
        Some("demo") => Ok(Some(Mode::Demo)),
        Some("probe") => Ok(Some(Mode::Probe)),
        Some(_) => Err(Refusal::shape("`mode` must be real, test, demo or probe")),
    }
}

fn clock(nested: &Nested<'_, 2>) -> Result<Option<Clock>, Refusal> {
    let Some([source, timeline]) = nested.fields("clock")? else { return Ok(None) };
    let source = match source.text("clock.source")? {
        None => None,
        Some("network") => Some(ClockSource::Network),
        Some("ntp") => Some(ClockSource::Ntp),
        Some("manual") => Some(ClockSource::Manual),
        Some("none") => Some(ClockSource::None),
        Some(_) => {
            return Err(Refusal::shape("`clock.source` must be network, ntp, manual or none"));
        }
    };
    Ok(Some(Clock { source, timeline: timeline.whole("clock.timeline")? }))
}

fn relay(nested: &Nested<'_, 4>) -> Result<Option<Relay>, Refusal> {
    let Some([id, device_clock, received_at, sent_at]) = nested.fields("relay")? else {
        return Ok(None);
    };
    let Some(Ok(id)) = id.text("relay.id")?.map(str::parse) else {
        return Err(Refusal::shape("`relay.id` must be an id"));
    };
    Ok(Some(Relay {
        id,
        device_clock: device_clock.time("relay.device_clock")?,
        received_at: received_at.time("relay.received_at")?,
        sent_at: sent_at.time("relay.sent_at")?,
    }))
}

impl<const N: usize> Default for Nested<'_, N> {
    fn default() -> Self {
        Self { whole: Field::default(), fields: std::array::from_fn(|_| Field::default()) }
    }
}

impl<'a, const N: usize> Nested<'a, N> {
    fn read<S: Source<'a>>(
        &mut self,
        key: &str,
        names: &[&str; N],
        outer: &mut Keys,
        source: &mut S,
    ) -> Result<(), Syntax> {
        if !outer.open(&mut self.whole, key, &Item::Map, source)? {
            return Ok(());
        }
        let mut keys = Keys::default();
        while let Some(key) = source.key()? {
            match names.iter().position(|name| *name == key) {
                Some(place) => keys.fill(&mut self.fields[place], &key, source)?,
                None => keys.unknown(source)?,
            }
        }
        outer.absorb(keys);
        Ok(())
    }

    fn fields(&self, name: &str) -> Result<Option<&[Field<'a>; N]>, Refusal> {
        match (self.whole.is_sent(), self.whole.is_map()) {
            (false, _) => Ok(None),
            (true, true) => Ok(Some(&self.fields)),
            (true, false) => Err(Refusal::shape(format!("`{name}` must be a map"))),
        }
    }
}
