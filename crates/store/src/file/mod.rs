//! The file itself: its tables and their versions, its lock, what it remembers, its room on the disk.

pub(crate) mod connection;
pub(crate) mod disk;
pub(crate) mod draft;
pub(crate) mod error;
pub mod folder;
pub(crate) mod foreign;
pub(crate) mod header;
pub(crate) mod key;
pub(crate) mod lock;
pub(crate) mod meta;
pub(crate) mod owner;
pub(crate) mod reserve;
pub(crate) mod row;
pub(crate) mod schema;
pub(crate) mod state;
pub(crate) mod upgrade;
