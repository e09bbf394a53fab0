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

/// `POST push`: a browser that is written to from now on.
#[derive(Debug, Serialize)]
pub struct TurnedOn {
    /// By which it is turned off.
    pub id: String,
    /// Of the same person, written to no more in its place; left out where there is room.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replaced: Vec<Browser>,
    /// When it was turned on.
    pub since: Timestamp,
}

/// One browser.
#[derive(Debug, Serialize)]
pub struct Browser {
    /// By which it is turned off.
    pub id: String,
    /// When it was turned on.
    pub since: Timestamp,
}
