//! What is registered of a device, and what of it is to be changed.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::ids::DeviceId;
use super::message::ExpectedSignal;

/// What kind of principal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum PrincipalKind {
    /// Publishes under its own id.
    #[default]
    #[n(0)]
    Device,
    /// Publishes for the devices registered `via` it, and of itself.
    #[n(1)]
    Relay,
    /// A maker's cloud: like a relay.
    #[n(2)]
    Connector,
}

/// What is registered of a device.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct DeviceDetails {
    /// Its id.
    #[n(0)]
    pub id: DeviceId,
    /// The class in `config/rules.toml` that sets its intervals and silence ladder.
    #[n(1)]
    pub class: String,
    /// Device, relay or connector.
    #[n(2)]
    pub kind: PrincipalKind,
    /// SHA-256 of its token; `None` keeps the one it has.
    #[n(3)]
    pub token_sha256: Option<Vec<u8>>,
    /// Relays and connectors that may speak for it.
    #[n(4)]
    pub via: Vec<DeviceId>,
    /// Signals expected of it; empty takes those of its `info`, else any signal counts.
    #[n(5)]
    pub signals: Vec<ExpectedSignal>,
}

/// What is named of a device to be registered or changed; what is `None` stays as it is. The numbers are
/// those of [`DeviceDetails`], all of which older journals hold.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Registration {
    /// Its id.
    #[n(0)]
    pub id: DeviceId,
    /// Its class, needed for a device nobody knows.
    #[n(1)]
    pub class: Option<String>,
    /// Device, relay or connector; a device at first.
    #[n(2)]
    pub kind: Option<PrincipalKind>,
    /// SHA-256 of its token.
    #[n(3)]
    pub token_sha256: Option<Vec<u8>>,
    /// Relays and connectors that may speak for it.
    #[n(4)]
    pub via: Option<Vec<DeviceId>>,
    /// Signals expected of it.
    #[n(5)]
    pub signals: Option<Vec<ExpectedSignal>>,
    /// The version replaced (`If-Match`); `None` replaces whatever stands.
    #[n(6)]
    pub replaces: Option<u64>,
    /// Whoever asks may say how a device is judged (class and signals) only while it is bound to nobody.
    #[n(7)]
    #[cbor(default, skip_if = "std::ops::Not::not")]
    pub while_unbound: bool,
}

impl From<DeviceDetails> for Registration {
    /// All of it is named.
    fn from(details: DeviceDetails) -> Self {
        let DeviceDetails { id, class, kind, token_sha256, via, signals } = details;
        Self {
            id,
            class: Some(class),
            kind: Some(kind),
            token_sha256,
            via: Some(via),
            signals: Some(signals),
            replaces: None,
            while_unbound: false,
        }
    }
}

impl Registration {
    /// What is registered with it, after what was; `None` where the class is missing.
    pub fn after(&self, before: Option<&DeviceDetails>) -> Option<DeviceDetails> {
        let before = before.cloned();
        let class = self.class.clone();
        let (token, via, signals) = (&self.token_sha256, &self.via, &self.signals);
        Some(match before {
            Some(before) => DeviceDetails {
                class: class.unwrap_or(before.class),
                kind: self.kind.unwrap_or(before.kind),
                token_sha256: token.clone().or(before.token_sha256),
                via: via.clone().unwrap_or(before.via),
                signals: signals.clone().unwrap_or(before.signals),
                id: before.id,
            },
            None => DeviceDetails {
                id: self.id.clone(),
                class: class?,
                kind: self.kind.unwrap_or_default(),
                token_sha256: token.clone(),
                via: via.clone().unwrap_or_default(),
                signals: signals.clone().unwrap_or_default(),
            },
        })
    }
}
