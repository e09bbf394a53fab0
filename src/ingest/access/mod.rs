//! Who may publish what, and the account of what was refused.

mod admissions;
pub(super) mod budgets;
mod crowds;
pub mod permission;
pub mod refusals;
mod tally;
pub(crate) mod words;
