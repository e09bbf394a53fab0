//! Lists.

use serde::Serialize;

/// A list, or one page of it.
#[derive(Debug, Serialize)]
pub struct List<T> {
    /// What it holds.
    pub items: Vec<T>,
    /// Ask again with `cursor=` this for the rest; `null` at the end.
    pub next: Option<String>,
    /// The last transition the list contains.
    pub seq: u64,
}
