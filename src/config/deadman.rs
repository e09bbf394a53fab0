//! `[deadman]`: who waits for a ping.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::url::ServerUrl;
use vitalgate_domain::model::time::Span;

const EVERY: (Span, Span) = (Span::secs(1), Span::hours(1));

/// `[deadman]`; without it nothing is sent.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeadMan {
    /// What is asked for by GET, `http` or `https`.
    pub url: ServerUrl,
    /// How often.
    #[serde(default = "every")]
    pub every: Span,
    /// Whether each ping says where the audit stands, as the parameter `head`.
    #[serde(default = "yes")]
    pub head: bool,
    /// Who signs the target's certificate, PEM; else the system's authorities.
    #[serde(default)]
    pub ca: Option<PathBuf>,
}

fn yes() -> bool {
    true
}

fn every() -> Span {
    Span::mins(1)
}

/// `deadman.every` outside its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("deadman.every must be from 1s to 1h")]
pub struct BadDeadMan;

impl DeadMan {
    pub(super) fn within(&mut self, folder: &Path) {
        if let Some(ca) = &mut self.ca {
            *ca = folder.join(&*ca);
        }
    }

    pub(super) fn check(&self) -> Result<(), BadDeadMan> {
        let fits = self.every >= EVERY.0 && self.every <= EVERY.1;
        if fits { Ok(()) } else { Err(BadDeadMan) }
    }
}
