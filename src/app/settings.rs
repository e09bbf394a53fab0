//! What the configuration names and the machine must hold: secrets and certificates.

use std::fmt::Display;

use crate::config::{BadBroker, Config};
use crate::delivery::{Company, Way};
use crate::http::TlsFiles;
use crate::influx::transport::{self, BadTransport};
use crate::ingest::sources::listener::ListenerConfig;
use crate::ingest::sources::subscriber::{Subscriber, SubscriberConfig};
use crate::operate::deadman;

/// Why a configuration that reads well cannot be used on this machine.
#[derive(Debug, thiserror::Error)]
pub enum BadSettings {
    /// A broker's password.
    #[error(transparent)]
    Broker(#[from] BadBroker),
    /// InfluxDB's secret or certificates.
    #[error(transparent)]
    Sink(#[from] BadTransport),
    /// Another's certificate that cannot be used.
    #[error("{section}: {why}")]
    File {
        /// Of which section.
        section: &'static str,
        /// Which file, what is wrong with it.
        why: String,
    },
}

/// What each subscriber needs to know, passwords read.
pub fn subscribers(config: &Config) -> Result<Vec<SubscriberConfig>, BadSettings> {
    let all = config.broker.iter().map(|broker| Ok(SubscriberConfig::of(config, broker)?));
    all.collect()
}

/// Reads every secret and certificate, as `run` does at its start.
pub fn check_files(config: &Config) -> Result<(), BadSettings> {
    fn of<E: Display>(section: &'static str) -> impl Fn(E) -> BadSettings {
        move |why| BadSettings::File { section, why: why.to_string() }
    }
    for broker in subscribers(config)? {
        Subscriber::new(broker).map_err(of("[[broker]]"))?;
    }
    if let Some(tls) = &config.http.tls {
        TlsFiles::from(tls).check().map_err(of("[http.tls]"))?;
    }
    if let Some(files) = ListenerConfig::from(config).tls_files {
        files.check().map_err(of("[mqtt.tls]"))?;
    }
    if let Some(influx) = &config.influx {
        transport::check(influx)?;
    }
    for channel in &config.channel {
        Way::new(channel, &config.site.id, Company::of_nobody()).map_err(of("[[channel]]"))?;
    }
    if let Some(deadman) = &config.deadman {
        deadman::outbound(deadman).map_err(of("[deadman]"))?;
    }
    Ok(())
}
