//! The nouns: ids, time, units and signals, what devices state, what people ask, what an alarm is.
//!
//! Nothing here decides anything; every other room of the core builds on it.

pub mod act;
pub mod alarm;
pub mod cause;
pub mod command;
pub mod consent;
pub mod crossing;
mod decimal;
pub mod duty;
pub mod fate;
pub mod ids;
pub mod input;
pub mod instance;
pub mod limit;
pub mod message;
pub mod observation;
pub mod order;
pub mod pack;
pub mod pause;
pub mod person_act;
pub mod registration;
pub mod responsibility;
pub mod sample;
pub mod signal;
pub mod spo2_scale;
pub mod synthetic;
pub mod time;
pub mod unit;
pub mod vector_map;
mod words;
