//! `vitalgate incident`: the whole story of one alarm as one file, from which another instance derives the same alarm again,
//! and in which nothing of another patient is.
//!
//! ```text
//!  store or backup ──fold──▶ state an hour before ──excerpt──▶ parts ┐
//!                    rows up to the alarm's end  ──excerpt──▶ rows  ├─▶ FILE ──fold──▶ the same transitions, or what differs
//!                    what was stored of the alarm ─────────────────▶ ┘
//! ```

mod bundle;
mod make;
mod replayed;
#[cfg(test)]
mod tests;

pub use self::bundle::{BadBundle, Bundle};
pub use self::make::{IncidentError, make};
pub use self::replayed::{Replayed, replay};
