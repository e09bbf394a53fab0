//! The file itself: its tables and their versions, its lock, what it says of itself, its room.

pub(crate) mod lock;
pub(crate) mod schema;
pub(crate) mod space;
pub(crate) mod state;
