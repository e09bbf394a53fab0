//! One SQLite file: journal, transitions, blocks of history, waves, snapshots, dead letters.
//!
//! ```text
//!  pipeline ──commit──▶ writer ──one transaction, one sync──▶ vitalgate.db ──▶ reader, history
//!  consumers ─cursor──▶   │                                        ▲
//!                         └─ between commits: pruning ─────────────┘
//! ```
//!
//! What holds:
//!
//! - One thread of one process writes ([`writer`]). A commit is one transaction with one sync; a
//!   failed commit is tried again as it is.
//! - Readers open the file read-only, in short transactions ([`reader`], [`history`]).
//! - After [`Store::open`] everything that can be read is durable, whatever the process before it
//!   left in the log.
//! - A number is on the disk twice at first: in its journal row, for replay and `verify`, and, once
//!   its head is sealed, in a block. The row is pruned after `journal.keep`, the block after
//!   `history.keep`; what a row leaves behind is free pages that the next rows use.
//! - A row may be pruned only when the newest complete snapshot and every head are past it. A
//!   consumer holds it longer, within a bound ([`consumers`]).
//! - Nothing opens the store's file beside SQLite while SQLite has it open in the same process:
//!   closing any descriptor of a file drops all the process's locks on it.
//! - The store knows no protocol: neither MQTT nor HTTP, nor who its consumers are.
//!
//! The rooms, each of which uses only those below it:
//!
//! ```text
//!  writer
//!  open, backup, pruning
//!  consumers, reader, frozen
//!  history, journal
//!  audit
//!  file, dead_letters, deliveries
//!  types
//! ```

pub mod audit;
mod backup;
pub mod consumers;
mod dead_letters;
pub mod deliveries;
mod file;
pub mod frozen;
pub mod history;
mod host;
pub mod journal;
pub mod open;
mod pruning;
pub mod reader;
mod stopwatch;
pub mod types;
pub mod writer;

pub use backup::restore;
pub use dead_letters::{DEAD_LETTER_BYTES, DEAD_LETTERS};
pub use file::error::{BadBlock, OpenError, ReadError};
pub use file::folder;
pub use file::key::{BadKey, KEY_BYTES, open_key, read_key};
pub use file::state::LastRow;
pub use host::{Alone, Host};
pub use open::{Opened, Purpose, Store};
pub use pruning::keep::Keep;
pub use reader::{Reader, Space};
pub use stopwatch::Stopwatch;
pub use writer::{Committer, NotTaken, Report, Room, Running, Terms, start};

#[cfg(test)]
mod tests;
