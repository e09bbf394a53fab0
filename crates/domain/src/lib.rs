//! The pure core: no tokio, no I/O, no clock, no randomness, and so nothing that can fail.

mod agenda;
pub mod alarm;
pub mod book;
pub mod cause;
pub mod command;
pub mod commands;
pub mod configuration;
pub mod consent;
pub mod core;
mod deadlines;
mod decimal;
pub mod device;
mod device_commands;
pub mod episodes;
pub mod fate;
pub mod few;
pub mod grounds;
pub mod ids;
pub mod input;
pub mod instance;
pub mod journal;
pub mod lifecycle;
pub mod message;
pub mod observation;
pub mod offset;
pub mod output;
pub mod patient;
pub mod rules;
pub mod sample;
pub mod sequence;
pub mod signal;
pub mod site;
pub mod snapshot;
pub mod time;
pub mod transition;
pub mod unit;
mod upgrade;

/// The number that rises whenever the same inputs could give other transitions.
pub const CORE_VERSION: u32 = 1;

#[cfg(test)]
mod tests;
