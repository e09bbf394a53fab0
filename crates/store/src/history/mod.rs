//! The time series: heads in memory, sealed into blocks; ranges and scans read both as one.

pub mod block;
pub mod buckets;
mod column;
pub(crate) mod heads;
pub mod point;
pub mod range;
pub mod scan;
pub(crate) mod table;
pub mod wave;
