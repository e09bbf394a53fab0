//! What everybody may look at without asking the core: the latest board, and a ring of events.

pub mod board;
mod monitored;
pub mod ring;
mod scores;
pub mod shared_map;
pub mod view;
