//! placeholder
use super::heads::Heads;
use std::path::PathBuf;
use std::sync::Arc;
/// History.
#[derive(Debug, Clone)]
pub struct History {
    path: PathBuf,
    heads: Arc<Heads>,
}
impl History {
    pub(super) fn new(path: PathBuf, heads: Arc<Heads>) -> Self {
        Self { path, heads }
    }
}
