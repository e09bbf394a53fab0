//! wip
pub mod line;
pub mod policy;
mod relay;
pub mod transport;
