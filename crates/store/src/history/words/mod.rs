//! Readings that are no number: codes, texts, times, and that nothing was measured.
//!
//! They are rare beside numbers, so each is a row of its own from its commit on: no head, no block, and
//! a restart reads none of them back. What a correction is to numbers it is to them, and across both: a
//! word that corrects a number takes its place (`overruled`), and a number that corrects a word leaves
//! a row without a word in its place.

pub(crate) mod overruled;
pub mod read;
pub(crate) mod row;
pub mod scan;
pub(crate) mod series;
pub(crate) mod write;

#[cfg(test)]
mod tests;
