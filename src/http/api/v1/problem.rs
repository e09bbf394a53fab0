//! Refused requests: problem+json (RFC 9457).

use std::collections::BTreeSet;

use serde::Serialize;

use super::alarm::Alarm;
use super::device::Device;
use crate::config::Unanswered;

/// Why a request was refused.
#[derive(Debug, Serialize)]
pub struct Problem {
    /// The alarm as it is or as it ended; only where a command was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alarm: Option<Option<Alarm>>,
    /// What was wrong, and what to do.
    pub detail: String,
    /// The device as it is; only where it is registered and was to be registered otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<Device>,
    /// Where nobody would be called any more; only where a plan of duty was put that does not say so.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub nobody_for: BTreeSet<Unanswered>,
    /// What became of the command; only where one was refused or its fate is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Refused>,
    /// The HTTP status.
    pub status: u16,
    /// The HTTP status in words.
    pub title: &'static str,
    /// Always `about:blank`: the status says what kind of problem it is.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The present version; only where a command was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Option<u64>>,
}

/// What became of a command that was not carried out.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Refused {
    /// What it names does not exist.
    NotFound,
    /// It does not fit the present state.
    Conflict,
    /// The version seen is not the present one.
    Stale,
    /// It makes no sense in itself.
    Invalid,
    /// It was not taken: the store fails.
    Refused,
    /// It was taken, and it is not known whether it is on the disk.
    Unknown,
}
