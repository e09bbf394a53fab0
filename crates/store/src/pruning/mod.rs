//! What leaves the store, and what is packed closer: retention by age and size, merging of blocks.

mod ageing;
mod merging;
pub(crate) mod retention;
mod surplus;
