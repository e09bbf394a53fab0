//! Rules and signals read again on SIGHUP, taken whole and journalled, or not at all; and the tokens of HTTP, and
//! certificates.

use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::http::Auth;
use crate::inbox::{Inbox, Receipt, Submission};
use crate::ingest::sources::listener::TlsReload;
use vitalgate_domain::core::configuration::{Configuration, Texts};
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::signal::SignalTable;
use vitalgate_store::Keep;

/// Waits for SIGHUP.
#[derive(Debug)]
pub struct Reload {
    config: Arc<Config>,
    inbox: Inbox,
    signals: watch::Sender<Arc<SignalTable>>,
    kept: watch::Sender<Arc<Keep>>,
    auth: watch::Sender<Arc<Auth>>,
    tls: Option<TlsReload>,
    in_force: [u8; 8],
    hangups: Signal,
}

impl Reload {
    /// From here on SIGHUP no longer ends the process. `signals` is what messages are decoded by,
    /// `kept` how long the store keeps what they bring, `auth` who may use HTTP.
    pub fn new(
        config: &Config,
        in_force: &Configuration,
        inbox: Inbox,
        signals: watch::Sender<Arc<SignalTable>>,
        kept: watch::Sender<Arc<Keep>>,
        auth: watch::Sender<Arc<Auth>>,
    ) -> std::io::Result<Self> {
        let hangups = signal(SignalKind::hangup())?;
        let (config, in_force) = (Arc::new(config.clone()), in_force.hash());
        Ok(Self { config, inbox, signals, kept, auth, tls: None, in_force, hangups })
    }

    /// Reads the files of TLS again, too.
    #[must_use]
    pub fn with_tls(self, tls: Option<TlsReload>) -> Self {
        Self { tls, ..self }
    }

    /// Reads the files again at every SIGHUP until `cancel`.
    pub async fn run(mut self, cancel: CancellationToken) {
        let reload = async {
            while self.hangups.recv().await.is_some() {
                self.reload().await;
                self.reload_tokens().await;
                if let Some(tls) = &self.tls {
                    match tls.reload() {
                        Ok(()) => tracing::info!("certificates were read again and are in force"),
                        Err(error) => tracing::error!(%error, "certificates stay as they are"),
                    }
                }
            }
        };
        tokio::select! {
            () = cancel.cancelled() => {}
            () = reload => {}
        }
    }

    /// Who loses a token is let in no more, and his streams end. Where tokens were needed they stay so.
    async fn reload_tokens(&self) {
        let Some(file) = self.config.file.clone() else { return };
        let read = tokio::task::spawn_blocking(move || Config::read(&file)?.http.tokens()).await;
        let tokens = match read {
            Ok(Ok(tokens)) => tokens,
            Ok(Err(error)) => return tracing::error!(%error, "tokens stay as they are"),
            Err(error) => return tracing::error!(%error, "tokens could not be read again"),
        };
        let needed = matches!(**self.auth.borrow(), Auth::Tokens(_));
        if tokens.is_empty() && needed {
            return tracing::error!("no [[http.token]] is left: tokens stay as they are");
        }
        if !tokens.is_empty() {
            tracing::info!(tokens = tokens.len(), "tokens were read again and are in force");
            self.auth.send_replace(Arc::new(Auth::of(tokens)));
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
        // What is accepted from now on must not be too old for the store.
        self.kept.send_replace(Arc::new(self.config.store.keep(&configuration.signals)));
        self.signals.send_replace(Arc::new(configuration.signals));
        tracing::info!("rules and signals were read again and are in force");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::inbox::Committed;
    use vitalgate_domain::model::time::Span;

    const SIGNALS: &str = include_str!("../../config/signals.toml");
    const CLASS: &str = "class = \"glucose\"\n";

    #[tokio::test]
    async fn the_store_keeps_signals_as_they_are_decoded() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("signals.toml");
        std::fs::write(&file, SIGNALS).unwrap();
        let mut config = Config::built_in().unwrap();
        config.signals.file = Some(file.clone());
        config.store.history_keep_by_class =
            BTreeMap::from([("glucose".to_owned(), Span::days(3_650))]);
        let before = config.configuration().unwrap();
        let (signals, decoded) = watch::channel(Arc::new(before.signals.clone()));
        let (kept, keep) = watch::channel(Arc::new(config.store.keep(&before.signals)));
        let (inbox, mut submissions) = Inbox::new();
        let committing = tokio::spawn(async move {
            while let Some(submission) = submissions.recv().await {
                submission.receipt.release(Committed::default());
            }
        });
        let auth = watch::channel(Arc::new(Auth::of(Vec::new()))).0;
        let mut reload = Reload::new(&config, &before, inbox, signals, kept, auth).unwrap();
        let both = || (decoded.borrow().kept(), keep.borrow().history_of.clone());

        std::fs::write(&file, "no signals").unwrap();
        reload.reload().await;
        assert_eq!(both(), (before.signals.kept(), before.signals.kept()));

        std::fs::write(&file, SIGNALS.replacen(CLASS, "", 1)).unwrap();
        reload.reload().await;
        let (decoded, keep) = both();
        assert_eq!(keep.len() + 1, before.signals.kept().len());
        assert_eq!(keep, decoded);
        drop(reload);
        committing.await.unwrap();
    }
}
