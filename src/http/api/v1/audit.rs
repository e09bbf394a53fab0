//! Acts of the audit.

use serde::Serialize;

use vitalgate_domain::model::ids::DeviceId;
use vitalgate_domain::model::input::SignInWay;
use vitalgate_domain::model::time::Timestamp;

/// An act: who did what and when. No patient is named.
#[derive(Debug, Serialize)]
pub struct Act {
    /// Who; `null` for several devices at once, and where somebody could not prove it.
    pub actor: Option<String>,
    /// When.
    pub at: Timestamp,
    /// The link of its transition in the chain of all, in hexadecimal.
    pub chain: String,
    /// SHA-256 of the stored body, in hexadecimal.
    pub hash: String,
    /// What became of a command; `null` where it is none, and where that cannot be read.
    pub outcome: Option<String>,
    /// The transition it is.
    pub seq: u64,
    /// What was tried, where the act is a refusal.
    pub tried: Option<Refusal>,
    /// The word of the command, `not_allowed`, or `sign_in_failed`.
    pub what: String,
}

/// An attempt that was not allowed: a publish, or with `way` a sign-in.
#[derive(Debug, Serialize)]
pub struct Refusal {
    /// From which address somebody signed in; `null` for several.
    pub address: Option<String>,
    /// How often it was tried since then.
    pub count: u64,
    /// Under whose name, or the name claimed; `null` for several, or none.
    pub name: Option<String>,
    /// Who published; `null` for several.
    pub principal: Option<DeviceId>,
    /// When it was tried first.
    pub since: Timestamp,
    /// To which topic, where that names no device.
    pub topic: Option<String>,
    /// `mqtt` or `http`, where somebody signed in; `null` for several names as well.
    pub way: Option<SignInWay>,
    /// Why the last sign-in failed.
    pub why: Option<String>,
}
