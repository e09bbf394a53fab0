//! Where messages come from: devices that connect, and a broker of the site.

pub mod listener;
pub mod subscriber;
