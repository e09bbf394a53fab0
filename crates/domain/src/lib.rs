//! The pure core: what devices, patients and the site are, and what happens to them.
//!
//! ```text
//!               core: one step at a time, a row in, transitions out
//!                 │          agenda (who wakes when) · commands · snapshot and journal forms
//!      ┌──────────┼──────────┐
//!      ▼          ▼          ▼
//!   device     patient      site        machines that never see each other
//!      │          │          │
//!      │     alarms, rules ◀─┘          the book of open alarms; what is judged, and by which text
//!      └────┬─────┘
//!         output                        transitions, samples, counts
//!           │
//!         model                         ids, time, units, signals, messages, commands, alarms
//! ```
//!
//! **The law.** No tokio, no I/O, no clock, no thread, no randomness: none of them is among the
//! dependencies, and time comes in as an argument. So nothing here can fail, and the same inputs
//! give the same bytes on every machine.

pub mod alarms;
pub mod core;
pub mod device;
pub mod model;
pub mod output;
pub mod patient;
pub mod rules;
pub mod site;
pub mod text;

/// The number that rises whenever the same inputs could give other transitions.
pub const CORE_VERSION: u32 = 8;

#[cfg(test)]
mod tests;
