//! Rules and signals read again on SIGHUP: taken whole and journalled, or not at all.

use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::domain::configuration::{Configuration, Texts};
use crate::domain::input::Input;
use crate::domain::signal::SignalTable;
use crate::inbox::{Inbox, Receipt, Submission};

/// Waits for SIGHUP.
#[derive(Debug)]
pub struct Reload {
    config: Arc<Config>,
    inbox: Inbox,
    signals: watch::Sender<Arc<SignalTable>>,
    in_force: [u8; 8],
    hangups: Signal,
}

impl Reload {
    /// From here on SIGHUP no longer ends the process. `signals` is what messages are decoded by.
    pub fn new(
        config: &Config,
        in_force: &Configuration,
        inbox: Inbox,
        signals: watch::Sender<Arc<SignalTable>>,
    ) -> std::io::Result<Self> {
        let hangups = signal(SignalKind::hangup())?;
        let (config, in_force) = (Arc::new(config.clone()), in_force.hash());
        Ok(Self { config, inbox, signals, in_force, hangups })
    }

    /// Reads the files again at every SIGHUP until `cancel`.
    pub async fn run(mut self, cancel: CancellationToken) {
        let reload = async {
            while self.hangups.recv().await.is_some() {
                self.reload().await;
            }
        };
        tokio::select! {
            () = cancel.cancelled() => {}
            () = reload => {}
        }
    }

    async fn reload(&mut self) {
        let config = Arc::clone(&self.config);
        let configuration = match tokio::task::spawn_blocking(move || config.configuration()).await
        {
            Ok(Ok(configuration)) => configuration,
            Ok(Err(error)) => {
                return tracing::error!(%error, "rules and signals stay as they are");
            }
            Err(error) => {
                return tracing::error!(%error, "rules and signals could not be read again");
            }
        };
        if configuration.hash() == self.in_force {
            return tracing::info!("rules and signals are the same as before");
        }
        let Texts { signals, rules, site } = configuration.texts.clone();
        let bytes = signals.len() + rules.len() + site.len();
        let (receipt, committed) = Receipt::new();
        let input = Input::Configuration { signals, rules, site };
        let submitted = self.inbox.submit(Submission::of(vec![input], bytes, receipt)).await;
        if submitted.is_err() || committed.await.is_err() {
            return tracing::error!("rules and signals could not be taken over");
        }
        // Only now may messages name what the core did not know before.
        self.in_force = configuration.hash();
        self.signals.send_replace(Arc::new(configuration.signals));
        tracing::info!("rules and signals were read again and are in force");
    }
}
