//! `[mqtt]` and `[devices]`: where devices connect, and which of them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::BadConfig;
use vitalgate_domain::model::time::Span;

/// Up to what the slowest links need, and well below what whoever holds places in vain would like.
const CONNECT_TIMEOUT: (Span, Span) = (Span::secs(1), Span::mins(5));

/// `[mqtt]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mqtt {
    /// Where devices connect without TLS.
    pub listen: Option<SocketAddr>,
    /// Whether devices must prove who they are; always, off loopback.
    pub authentication: Proof,
    /// Messages of one connection between socket and commit.
    pub max_inflight: u16,
    /// Connections at a time.
    pub max_connections: usize,
    /// From accepting a connection to the end of its CONNECT, the TLS handshake included.
    pub connect_timeout: Span,
    /// TLS.
    pub tls: Option<Tls>,
}

/// How devices prove who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// By certificate or token.
    Required,
    /// By their word, on loopback only.
    Loopback,
}

/// `[mqtt.tls]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Where devices connect with TLS.
    pub listen: SocketAddr,
    /// The gateway's certificate chain, PEM.
    pub certificate: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
    /// Who signs client certificates, PEM; without it there are none.
    #[serde(default)]
    pub client_ca: Option<PathBuf>,
    /// Which client certificates are taken back (CRLs), PEM; read again at SIGHUP.
    #[serde(default)]
    pub client_crl: Option<PathBuf>,
    /// Whether a client certificate is needed.
    #[serde(default)]
    pub client_certificate_required: bool,
}

/// `[devices]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Devices {
    /// What becomes of devices nobody registered.
    pub unknown: UnknownDevices,
    /// How many of them are taken, where they are.
    pub max_admitted: usize,
}

/// What becomes of devices nobody registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownDevices {
    /// They are refused.
    Refuse,
    /// They may publish, bound to nobody.
    Admit,
}

impl Mqtt {
    /// Makes relative paths start at `folder`.
    pub(super) fn within(&mut self, folder: &Path) {
        let Some(Tls { certificate, key, client_ca, client_crl, .. }) = &mut self.tls else {
            return;
        };
        let others = [client_ca.as_mut(), client_crl.as_mut()].into_iter().flatten();
        for path in [certificate, key].into_iter().chain(others) {
            *path = folder.join(&*path);
        }
    }

    pub(super) fn check(&self) -> Result<(), BadConfig> {
        if !(CONNECT_TIMEOUT.0..=CONNECT_TIMEOUT.1).contains(&self.connect_timeout) {
            return Err(BadConfig::ConnectTimeout(self.connect_timeout));
        }
        match self.listen {
            Some(address)
                if !address.ip().is_loopback() && self.authentication != Proof::Required =>
            {
                Err(BadConfig::Open {
                    key: "mqtt.listen",
                    address,
                    cure: "set mqtt.authentication = \"required\", or listen on 127.0.0.1",
                })
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl Default for Mqtt {
    fn default() -> Self {
        Self {
            listen: Some(SocketAddr::from(([127, 0, 0, 1], 1883))),
            authentication: Proof::Loopback,
            max_inflight: 64,
            max_connections: 10_000,
            connect_timeout: Span::secs(30),
            tls: None,
        }
    }
}

impl Default for Devices {
    fn default() -> Self {
        Self { unknown: UnknownDevices::Refuse, max_admitted: 10_000 }
    }
}
