//! Where a page of samples begins.

use std::fmt;

use axum::http::StatusCode;

use super::item::Item;
use crate::http::error::Problem;
use vitalgate_domain::model::time::Timestamp;

/// Readings of one page, at most.
pub(super) const PAGE: usize = 5_000;

/// A time, and how many readings of that very time were given before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) at: Timestamp,
    pub(super) skip: usize,
}

impl Cursor {
    /// Before all readings from `at` on.
    pub(super) fn before(at: Timestamp) -> Self {
        Self { at, skip: 0 }
    }

    /// The `next` of the page before.
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        let parts = text.split_once('.').and_then(|(at, skip)| {
            let skip = skip.parse().ok().filter(|skip| *skip <= PAGE)?;
            Some(Self { at: Timestamp::from_micros(at.parse().ok()?), skip })
        });
        let detail = "`cursor` must be the `next` of the page before";
        parts.ok_or_else(|| Problem::new(StatusCode::BAD_REQUEST, detail))
    }

    /// After the last reading of a page that begins here.
    pub(super) fn after(self, page: &[Item]) -> Self {
        let Some(at) = page.last().map(Item::at) else { return self };
        let same = page.iter().rev().take_while(|item| item.at() == at).count();
        let skip = if at == self.at { self.skip + same } else { same };
        Self { at, skip }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.at.as_micros(), self.skip)
    }
}
