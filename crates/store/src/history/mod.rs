//! The time series: heads in memory, sealed into blocks; ranges and scans read both as one.
//! What is no number is a row of its own (`words`).

pub mod block;
pub mod buckets;
mod column;
pub(crate) mod heads;
pub mod point;
pub mod range;
pub mod scan;
mod settle;
pub(crate) mod table;
pub mod wave;
pub mod words;
