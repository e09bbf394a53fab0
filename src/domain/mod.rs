//! The pure core: no tokio, no I/O, no clock, no randomness, and so nothing that can fail.

pub mod alarm;
pub mod command;
pub mod ids;
pub mod input;
pub mod message;
pub mod signal;
pub mod time;
pub mod transition;
pub mod unit;
