//! One SQLite file: journal, transitions, blocks of history, waves, snapshots, dead letters.
//!
//! One thread writes (`writer`), readers open the file read-only in short transactions (`reader`).
//! Schema and migration are in `schema`, the on-disk limits are said there.

pub mod types;
