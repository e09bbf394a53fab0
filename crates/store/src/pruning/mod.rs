//! What is pruned, and what is packed closer: retention by age and size, merging of blocks.

mod ageing;
mod alarm_log;
pub(crate) mod keep;
mod merging;
mod pruned;
pub(crate) mod retention;
mod surplus;
