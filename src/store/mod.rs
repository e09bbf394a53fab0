//! One SQLite file: journal, transitions, blocks of history, waves, snapshots, dead letters.
//!
//! One thread writes (`writer`), readers open the file read-only in short transactions (`reader`).
//! Schema and migration are in `schema`, the on-disk limits are said there.

mod backup;
pub mod block;
pub mod buckets;
mod commit;
mod heads;
pub mod history;
pub mod journal;
mod lock;
pub mod open;
pub mod point;
pub mod reader;
pub mod retention;
mod schema;
mod state;
pub mod types;
pub mod wave;
pub mod writer;

pub use backup::restore;
pub use commit::{DEAD_LETTER_BYTES, DEAD_LETTERS};
pub use open::{OpenError, Opened, Purpose, Store};
pub use reader::{ReadError, Reader};
pub use retention::Keep;
pub use state::LastRow;
pub use writer::{Committer, Report, Running, start};

#[cfg(test)]
mod tests;
