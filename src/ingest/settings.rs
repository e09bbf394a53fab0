//! What the configuration says of the sources, in their own terms.

use std::time::Duration;

use super::SenderBudget;
use super::sources::listener::{Authentication, ListenerConfig, TlsFiles, Unknown};
use super::sources::subscriber::{BrokerTlsFiles, SubscriberConfig};
use crate::config::{self, BadBroker, Broker, Budget, Config, Proof, UnknownDevices};

impl From<&Config> for ListenerConfig {
    fn from(config: &Config) -> Self {
        let mqtt = &config.mqtt;
        Self {
            plain: mqtt.listen.into_iter().collect(),
            tls: mqtt.tls.as_ref().map(|tls| tls.listen).into_iter().collect(),
            tls_files: mqtt.tls.as_ref().map(TlsFiles::from),
            authentication: mqtt.authentication.into(),
            unknown: config.devices.unknown.into(),
            max_connections: mqtt.max_connections,
            max_inflight: mqtt.max_inflight,
            connect_timeout: Duration::from_micros(mqtt.connect_timeout.as_micros().unsigned_abs()),
            retention: config.store.history_keep,
            ..Self::default()
        }
    }
}

impl From<Budget> for SenderBudget {
    fn from(budget: Budget) -> Self {
        Self { messages: budget.messages_an_hour, bytes: budget.bytes_an_hour }
    }
}

impl Default for SenderBudget {
    fn default() -> Self {
        Budget::default().into()
    }
}

impl SubscriberConfig {
    /// What the subscriber of one of the configuration's brokers needs to know, the password read.
    pub fn of(config: &Config, broker: &Broker) -> Result<Self, BadBroker> {
        let client_id = broker.client_id.clone();
        let login = match &broker.user {
            Some(user) => Some((user.clone(), broker.password()?.unwrap_or_default())),
            None => None,
        };
        Ok(Self {
            client_id: client_id
                .unwrap_or_else(|| format!("vitalgate-{}-{}", config.site.id, broker.id)),
            login,
            topics: broker.topics.clone(),
            speaks_for: broker.speaks_for,
            unknown: config.devices.unknown.into(),
            keep_alive: broker.keep_alive,
            max_bytes: broker.max_unacknowledged_bytes as usize,
            probe_every: broker.probe_every,
            probe_within: broker.probe_within,
            tls: broker.tls.as_ref().map(BrokerTlsFiles::from),
            retention: config.store.history_keep,
            ..Self::new(broker.id.clone(), broker.host.clone(), broker.port())
        })
    }
}

impl From<&config::Tls> for TlsFiles {
    fn from(tls: &config::Tls) -> Self {
        Self {
            certificates: tls.certificate.clone(),
            key: tls.key.clone(),
            client_ca: tls.client_ca.clone(),
            client_crl: tls.client_crl.clone(),
            require_client_certificate: tls.client_certificate_required,
        }
    }
}

impl From<&config::BrokerTls> for BrokerTlsFiles {
    fn from(tls: &config::BrokerTls) -> Self {
        Self {
            ca: tls.ca.clone(),
            own: tls.certificate.clone().zip(tls.key.clone()),
            server_name: tls.server_name.clone(),
        }
    }
}

impl From<Proof> for Authentication {
    fn from(proof: Proof) -> Self {
        match proof {
            Proof::Required => Self::Required,
            Proof::Loopback => Self::Open,
        }
    }
}

impl From<UnknownDevices> for Unknown {
    fn from(unknown: UnknownDevices) -> Self {
        match unknown {
            UnknownDevices::Refuse => Self::Refuse,
            UnknownDevices::Admit => Self::Admit,
        }
    }
}
