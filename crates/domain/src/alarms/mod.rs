//! The life of an alarm: the book of those that are open, and how one moves (contract §5).

pub mod book;
pub(crate) mod draft;
pub mod lifecycle;
pub mod pausing;
pub(crate) mod responsibility;
pub(crate) mod said;
