//! The browsers in which somebody turned on push.

use serde::Serialize;
use vitalgate_domain::model::time::Timestamp;

/// `GET push`.
#[derive(Debug, Serialize)]
pub struct Push {
    /// Those of whoever asks.
    pub items: Vec<Browser>,
    /// The gateway's public key, which a browser subscribes with: an uncompressed point of P-256 in base64 for addresses.
    pub key: String,
}

/// One browser.
#[derive(Debug, Serialize)]
pub struct Browser {
    /// By which it is turned off.
    pub id: String,
    /// When it was turned on.
    pub since: Timestamp,
}
