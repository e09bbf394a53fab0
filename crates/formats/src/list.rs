//! The list that a telemetry, events or waves message is made of: each entry is accepted or
//! refused by itself.

use super::dead_letter;
use super::fields::{Field, Keys, Refusal, cut, pass_over};
use super::source::{Item, Source, Syntax};
use super::{Content, DecodeContext, Fields, Judged};
use vitalgate_domain::model::message::{RefusalReason, Refused};
use vitalgate_domain::model::signal::SignalId;

/// Details of refusals are journalled and shown.
const MAX_DETAIL: usize = 200;

/// One entry as it was sent.
pub(super) trait Entry<'a>: Fields<'a> {
    /// The key of the list.
    const LIST: &'static str;
    /// What an entry is called in reasons.
    const NAME: &'static str;
    /// More in one message are refused.
    const MAX: usize;
    /// What an accepted entry becomes.
    type Accepted;

    /// The signal it names, where that can be read.
    fn signal(&self, context: &DecodeContext<'_>) -> Option<SignalId>;

    /// What the fields mean.
    fn accept(
        &mut self,
        index: u32,
        context: &DecodeContext<'_>,
    ) -> Result<Self::Accepted, Refusal>;
}

/// An entry that a whole kind of message is a list of.
pub(super) trait Main<'a>: Entry<'a> {
    /// The message made of them.
    fn judged(
        accepted: Vec<Self::Accepted>,
        refused: Vec<Refused>,
        context: &DecodeContext<'_>,
    ) -> Judged;
}

/// The entries read so far.
#[derive(Debug)]
pub(super) struct List<'a, E> {
    whole: Field<'a>,
    entries: Vec<(E, Option<Refusal>)>,
}

impl<E> Default for List<'_, E> {
    fn default() -> Self {
        Self { whole: Field::default(), entries: Vec::new() }
    }
}

/// Entries accepted, entries refused, and the reason of the dead letter for the latter.
#[derive(Debug)]
pub(super) struct Sorted<T> {
    pub(super) accepted: Vec<T>,
    pub(super) refused: Vec<Refused>,
    pub(super) dead: Option<String>,
}

impl<'a, E: Entry<'a>> Fields<'a> for List<'a, E> {
    fn field<S: Source<'a>>(
        &mut self,
        key: &str,
        keys: &mut Keys,
        source: &mut S,
    ) -> Result<bool, Syntax> {
        if key != E::LIST {
            return Ok(false);
        }
        if keys.open(&mut self.whole, key, &Item::List, source)? {
            while source.more()? {
                let item = source.item()?;
                if self.entries.len() < E::MAX {
                    // Filled where it stands: an entry is large, and there are many.
                    self.entries.push((E::default(), None));
                    if let Some((entry, fault)) = self.entries.last_mut() {
                        *fault = read_entry(entry, &item, keys, source)?;
                    }
                } else {
                    pass_over(&item, source)?;
                    keys.refuse(Refusal::new(
                        RefusalReason::TooLarge,
                        format!("more than {} {} in one message", E::MAX, E::LIST),
                    ));
                }
            }
        }
        Ok(true)
    }
}

impl<'a, E: Entry<'a>> List<'a, E> {
    /// Whether the list was sent.
    pub(super) fn is_sent(&self) -> bool {
        self.whole.is_sent()
    }

    /// What the entries mean.
    pub(super) fn sort(
        mut self,
        context: &DecodeContext<'_>,
    ) -> Result<Sorted<E::Accepted>, Refusal> {
        if !self.whole.is_list() {
            return Err(Refusal::shape(format!("`{}` must be a list", E::LIST)));
        }
        let total = self.entries.len();
        let mut accepted = Vec::with_capacity(total);
        let mut refused = Vec::new();
        for (index, (entry, fault)) in (0_u32..).zip(&mut self.entries) {
            match fault.take().map_or_else(|| entry.accept(index, context), Err) {
                Ok(sound) => accepted.push(sound),
                Err(Refusal { reason, detail }) => refused.push(Refused {
                    index,
                    signal: entry.signal(context),
                    reason,
                    detail: cut(&detail, MAX_DETAIL).to_owned(),
                }),
            }
        }
        let dead = dead_letter::summary(E::NAME, total, &refused);
        Ok(Sorted { accepted, refused, dead })
    }
}

impl<'a, E: Main<'a>> Content<'a> for List<'a, E> {
    fn judge(self, context: &DecodeContext<'_>) -> Result<Judged, Refusal> {
        let Sorted { accepted, refused, dead } = self.sort(context)?;
        Ok(Judged { dead, ..E::judged(accepted, refused, context) })
    }
}

fn read_entry<'a, S: Source<'a>, E: Entry<'a>>(
    entry: &mut E,
    item: &Item<'a>,
    outer: &mut Keys,
    source: &mut S,
) -> Result<Option<Refusal>, Syntax> {
    let mut keys = Keys::default();
    if *item != Item::Map {
        pass_over(item, source)?;
        return Ok(Some(Refusal::shape(format!("`{}` must hold maps", E::LIST))));
    }
    while let Some(key) = source.key()? {
        if !entry.field(&key, &mut keys, source)? {
            keys.unknown(source)?;
        }
    }
    let fault = keys.fault();
    outer.absorb(keys);
    Ok(fault)
}
