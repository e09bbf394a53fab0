//! What unit tests of several rooms share.

#[cfg(test)]
mod backlog;
pub(crate) mod stores;
