//! Events (contract §2).

use super::fields::{Field, Keys, MAX_NAME, Refusal};
use super::list::{Entry, Main};
use super::source::{Source, Syntax};
use super::when::When;
use super::{DecodeContext, Fields, Judged};
use vitalgate_domain::model::message::{Body, Event, Phase, Refused};
use vitalgate_domain::model::signal::SignalId;

/// An event as it was sent.
#[derive(Debug, Default)]
pub(super) struct EventFields<'a> {
    when: When<'a>,
    id: Field<'a>,
    event: Field<'a>,
    phase: Field<'a>,
    text: Field<'a>,
    /// The device's own opinion; the rules decide by `event`.
    priority: Field<'a>,
    /// For the maker; nobody reads it here.
    detail: Field<'a>,
}

impl<'a> Fields<'a> for EventFields<'a> {
    fn field<S: Source<'a>>(
        &mut self,
        key: &str,
        keys: &mut Keys,
        source: &mut S,
    ) -> Result<bool, Syntax> {
        let slot = match key {
            "id" => &mut self.id,
            "event" => &mut self.event,
            "phase" => &mut self.phase,
            "text" => &mut self.text,
            "priority" => &mut self.priority,
            "detail" => &mut self.detail,
            _ => match self.when.slot(key) {
                Some(slot) => slot,
                None => return Ok(false),
            },
        };
        keys.fill(slot, key, source)?;
        Ok(true)
    }
}

impl<'a> Entry<'a> for EventFields<'a> {
    const LIST: &'static str = "events";
    const NAME: &'static str = "event";
    const MAX: usize = 1_024;
    type Accepted = Event;

    fn signal(&self, _: &DecodeContext<'_>) -> Option<SignalId> {
        None
    }

    fn accept(&mut self, index: u32, context: &DecodeContext<'_>) -> Result<Event, Refusal> {
        Ok(Event {
            index,
            id: self.id.name("id")?.map(str::to_owned),
            time: self.when.of_event(context)?,
            name: name(&self.event)?,
            phase: phase(&self.phase)?,
            text: self.text.words("text")?,
        })
    }
}

impl<'a> Main<'a> for EventFields<'a> {
    fn judged(accepted: Vec<Event>, refused: Vec<Refused>, _: &DecodeContext<'_>) -> Judged {
        Judged::of(Body::Events { events: accepted, refused })
    }
}

fn name(field: &Field<'_>) -> Result<String, Refusal> {
    match field.text("event")? {
        None => Err(Refusal::shape("`event` is missing")),
        Some(name)
            if (1..=MAX_NAME).contains(&name.len())
                && name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-')) =>
        {
            Ok(name.to_owned())
        }
        Some(_) => Err(Refusal::value("`event` must be 1 to 64 of A-Z a-z 0-9 _ . -")),
    }
}

fn phase(field: &Field<'_>) -> Result<Phase, Refusal> {
    match field.text("phase")? {
        None | Some("single") => Ok(Phase::Single),
        Some("start") => Ok(Phase::Start),
        Some("update") => Ok(Phase::Update),
        Some("end") => Ok(Phase::End),
        Some(_) => Err(Refusal::shape("`phase` must be single, start, update or end")),
    }
}
