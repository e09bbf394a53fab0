//! How fast the stamps of a sender advance beside their arrival (contract §3, "A clock or a queue?").

use crate::model::time::Span;

/// What messages show by their pace shows after so long, and so many of them.
pub(super) const WATCHED: Span = Span::secs(10);
pub(super) const MESSAGES: u32 = 3;

/// A jump of so much, and a quarter, may be the network's.
const JITTER: f64 = 4.0;

/// How far stamps came on while their messages arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Advance {
    /// Faster than arrival: a queue that is emptied.
    Faster,
    /// Not faster, and too few or too short to tell.
    Unknown,
    /// Slower than any clock goes.
    Slower,
    /// As a clock goes.
    AtPace,
}

/// How so many messages that arrived within `took` advanced, where their stamps came on by `told`.
pub(super) fn advance(took: Span, told: Span, messages: u32) -> Advance {
    let (arrived, stamped) = (took.as_secs_f64(), told.as_secs_f64());
    if stamped > arrived.max(JITTER) * 1.25 {
        Advance::Faster
    } else if took < WATCHED || messages < MESSAGES {
        Advance::Unknown
    } else if stamped < arrived * 0.8 {
        Advance::Slower
    } else {
        Advance::AtPace
    }
}
