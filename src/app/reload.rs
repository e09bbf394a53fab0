//! Rules and signals read again on SIGHUP, taken whole and journalled, or not at all; and the tokens of HTTP, and
//! certificates.

use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::startup::audit_key;
use crate::config::{Config, TeamsFile};
use crate::http::{self, Auth};
use crate::inbox::{Inbox, Receipt, Submission};
use crate::ingest::sources::listener;
use crate::net::tls::BadTls;
use crate::people::People;
use crate::telemetry::Degraded;
use vitalgate_domain::core::configuration::{Configuration, Texts};
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::signal::SignalTable;
use vitalgate_store::Keep;
use vitalgate_store::audit::Standing;

/// Waits for SIGHUP.
#[derive(Debug)]
pub struct Reload {
    config: Arc<Config>,
    inbox: Inbox,
    signals: watch::Sender<Arc<SignalTable>>,
    kept: watch::Sender<Arc<Keep>>,
    auth: watch::Sender<Arc<Auth>>,
    people: Option<Arc<People>>,
    teams: Option<Arc<TeamsFile>>,
    mqtt_tls: Option<listener::TlsReload>,
    http_tls: Option<http::TlsReload>,
    in_force: [u8; 8],
    hangups: Signal,
    /// How the audit was found, and where it is told what could not be read.
    standing: Standing,
    degraded: Degraded,
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
        let (standing, degraded) = (Standing::default(), Degraded::default());
        Ok(Self {
            config,
            inbox,
            signals,
            kept,
            auth,
            teams: None,
            people: None,
            mqtt_tls: None,
            http_tls: None,
            in_force,
            hangups,
            standing,
            degraded,
        })
    }

    /// Looks again whether the key of the audit was accepted, and tells what stays as it was.
    #[must_use]
    pub fn with_audit(self, standing: Standing, degraded: Degraded) -> Self {
        Self { standing, degraded, ..self }
    }

    /// Reads the files of TLS again, too.
    #[must_use]
    pub fn with_tls(
        self,
        mqtt_tls: Option<listener::TlsReload>,
        http_tls: Option<http::TlsReload>,
    ) -> Self {
        Self { mqtt_tls, http_tls, ..self }
    }

    /// Reads who is called for alarms again, too.
    #[must_use]
    pub fn with_teams(self, teams: Option<Arc<TeamsFile>>) -> Self {
        Self { teams, ..self }
    }

    /// A name of one of these people is no name of a token.
    #[must_use]
    pub fn with_people(self, people: Option<Arc<People>>) -> Self {
        Self { people, ..self }
    }

    /// Reads the files again at every SIGHUP until `cancel`.
    pub async fn run(mut self, cancel: CancellationToken) {
        let reload = async {
            while self.hangups.recv().await.is_some() {
                let rules = self.reload().await;
                self.told("rules and signals", rules);
                let tokens = self.reload_tokens().await;
                self.told("tokens", tokens);
                let teams = self.reload_teams().await;
                self.told("teams", teams);
                if let Some(tls) = &self.mqtt_tls {
                    self.certificates("certificates", tls.reload());
                }
                if let Some(tls) = &self.http_tls {
                    self.certificates("certificate and key of HTTP", tls.reload());
                }
                self.standing = std::mem::take(&mut self.standing).again(&self.config.store.dir);
                audit_key(&self.standing, &self.degraded);
            }
        };
        tokio::select! {
            () = cancel.cancelled() => {}
            () = reload => {}
        }
    }

    /// Says in the log what became of something, and under `degraded` as long as it stays as it was: whoever sends the
    /// signal may not look at the log.
    fn told(&self, what: &str, read: Result<Option<&str>, String>) {
        match &read {
            Ok(Some(how)) => tracing::info!("{what} {how}"),
            Ok(None) => {}
            Err(error) => tracing::error!(error, "{what} stay as they are"),
        }
        let why = read.err().map(|error| format!("stay as they were at the last SIGHUP: {error}"));
        self.degraded.set(what, why);
    }

    fn certificates(&self, what: &str, read: Result<(), BadTls>) {
        let read = read.map_err(|error| error.to_string());
        self.told(what, read.map(|()| Some("were read again and are in force")));
    }

    /// Who loses a token is let in no more, and his streams end. Where tokens were needed they stay so.
    async fn reload_tokens(&self) -> Result<Option<&'static str>, String> {
        let Some(file) = self.config.file.clone() else { return Ok(None) };
        let read = tokio::task::spawn_blocking(move || Config::read(&file)?.http.tokens()).await;
        let tokens = read.map_err(|e| e.to_string())?.map_err(|e| e.to_string())?;
        let names = || tokens.iter().map(|token| &*token.name);
        if let Some(people) = &self.people {
            people.called(names()).map_or(Ok(()), Err)?;
            people.tokens_are(names());
        }
        let needed = matches!(**self.auth.borrow(), Auth::Tokens(_));
        if tokens.is_empty() && self.config.people.is_some() {
            self.auth.send_replace(Arc::new(Auth::Tokens(tokens)));
            return Ok(Some("were read again: there is none"));
        }
        if tokens.is_empty() {
            let none = "no [[http.token]] is left".to_owned();
            return if needed { Err(none) } else { Ok(None) };
        }
        self.auth.send_replace(Arc::new(Auth::of(tokens)));
        Ok(Some("were read again and are in force"))
    }

    /// Who is called for alarms, from now on; a file that is wrong changes nothing.
    async fn reload_teams(&self) -> Result<Option<&'static str>, String> {
        let Some(teams) = self.teams.clone() else { return Ok(None) };
        let read = tokio::task::spawn_blocking(move || teams.reload()).await;
        read.map_err(|e| e.to_string())?.map_err(|e| e.to_string())?;
        Ok(Some("were read again and are in force"))
    }

    async fn reload(&mut self) -> Result<Option<&'static str>, String> {
        let config = Arc::clone(&self.config);
        let read =
            tokio::task::spawn_blocking(move || config.with_rules_of_now()?.configuration()).await;
        let configuration = read.map_err(|e| e.to_string())?.map_err(|e| e.to_string())?;
        if configuration.hash() == self.in_force {
            return Ok(Some("are the same as before"));
        }
        let Texts { signals, rules, site, packs } = configuration.texts.clone();
        let packed: usize = packs.iter().map(|pack| pack.text.len()).sum();
        let bytes = signals.len() + rules.len() + site.len() + packed;
        let (receipt, committed) = Receipt::new();
        let input = Input::Configuration { signals, rules, site, packs };
        let submitted = self.inbox.submit(Submission::of(vec![input], bytes, receipt)).await;
        if submitted.is_err() || committed.await.is_err() {
            return Err("they could not be taken over".to_owned());
        }
        // Only now may messages name what the core did not know before.
        self.in_force = configuration.hash();
        // What is accepted from now on must not be too old for the store.
        self.kept.send_replace(Arc::new(self.config.store.keep(&configuration.signals)));
        self.signals.send_replace(Arc::new(configuration.signals));
        Ok(Some("were read again and are in force"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::config::Role;
    use crate::inbox::Committed;
    use crate::people::{Lasting, Person};
    use vitalgate_domain::model::time::Span;

    const SIGNALS: &str = include_str!("../../config/signals.toml");
    const CLASS: &str = "class = \"glucose\"\n";

    #[tokio::test]
    async fn a_token_with_the_name_of_a_person_is_refused_with_all_the_others() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("gateway.toml");
        let token = |name: &str| {
            let sha256 = "0".repeat(64);
            format!(
                "[people]\n[[http.token]]\nname = \"{name}\"\nrole = \"viewer\"\nsha256 = \"{sha256}\"\n"
            )
        };
        std::fs::write(&file, token("ward")).unwrap();
        let config = Config::read(&file).unwrap();
        let configuration = config.configuration().unwrap();
        let hour = Span::hours(1);
        let people =
            People::open(dir.path(), Lasting { idle: hour, longest: hour, unlocked: hour });
        let jane = Person::new(Role::Viewer, None, BTreeSet::new()).unwrap();
        people.change(|book| book.add("local:cli", "jane", jane)).unwrap();
        let signals = watch::channel(Arc::new(configuration.signals.clone())).0;
        let kept = watch::channel(Arc::new(config.store.keep(&configuration.signals))).0;
        let tokens = config.http.tokens().unwrap();
        let (auth, in_force) = watch::channel(Arc::new(Auth::of(tokens)));
        let inbox = Inbox::new().0;
        let reload = Reload::new(&config, &configuration, inbox, signals, kept, auth).unwrap();
        let reload = reload.with_people(Some(people));
        std::fs::write(&file, token("Jane")).unwrap();
        let why = reload.reload_tokens().await.unwrap_err();
        assert!(why.contains("`Jane`"), "{why}");
        let Auth::Tokens(tokens) = &**in_force.borrow() else { unreachable!() };
        assert_eq!(tokens[0].name, "ward");
    }

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
        reload.reload().await.unwrap_err();
        assert_eq!(both(), (before.signals.kept(), before.signals.kept()));

        std::fs::write(&file, SIGNALS.replacen(CLASS, "", 1)).unwrap();
        reload.reload().await.unwrap();
        let (decoded, keep) = both();
        assert_eq!(keep.len() + 1, before.signals.kept().len());
        assert_eq!(keep, decoded);
        drop(reload);
        committing.await.unwrap();
    }
}
