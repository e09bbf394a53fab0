//! Acts of the audit.

use serde::Serialize;

use vitalgate_domain::model::ids::DeviceId;
use vitalgate_domain::model::time::Timestamp;

/// An act: who did what and when. No patient is named.
#[derive(Debug, Serialize)]
pub struct Act {
    /// Who; `null` for several devices at once.
    pub actor: Option<String>,
    /// When.
    pub at: Timestamp,
    /// SHA-256 over this act and the link before it, in hexadecimal.
    pub chain: String,
    /// SHA-256 of the stored body, in hexadecimal.
    pub hash: String,
    /// What became of a command; `null` where its body was erased.
    pub outcome: Option<String>,
    /// The transition it is.
    pub seq: u64,
    /// What was tried, where the act is a refusal.
    pub tried: Option<Refusal>,
    /// The word of the command, or `not_allowed`.
    pub what: String,
}

/// An attempt that was not allowed.
#[derive(Debug, Serialize)]
pub struct Refusal {
    /// How often it was tried since then.
    pub count: u64,
    /// Under whose name; `null` for several, or none.
    pub name: Option<DeviceId>,
    /// Who tried; `null` for several.
    pub principal: Option<DeviceId>,
    /// When it was tried first.
    pub since: Timestamp,
}
