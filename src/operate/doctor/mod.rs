//! `doctor`: looks at what the gateway needs of others, and says what is well, what is not, and what
//! to do. Nothing here is part of a running gateway; beside one it does no harm.

mod broker;
mod certificates;
mod clock;
mod disk;
mod files;
mod influx;

use serde::Serialize;

use crate::config::Config;

/// How well something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It works; read what it means.
    Warn,
    /// The gateway cannot keep what it promises.
    Fail,
}

impl Verdict {
    /// The word people read.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One thing looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which part: `disk`, `access`, `certificates`, `clock`, `broker NAME`, `influxdb`.
    pub part: String,
    /// What of it was looked at.
    pub what: &'static str,
    /// How well it is.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What to do, unless it is well.
    pub advice: Option<String>,
}

/// Findings about one part, in the order they were made.
#[derive(Debug)]
pub(crate) struct Findings {
    part: String,
    list: Vec<Finding>,
}

impl Findings {
    fn of(part: impl Into<String>) -> Self {
        Self { part: part.into(), list: Vec::new() }
    }

    fn ok(&mut self, what: &'static str, found: impl Into<String>) {
        self.add(what, Verdict::Ok, found.into(), None);
    }

    fn warn(&mut self, what: &'static str, found: impl Into<String>, advice: impl Into<String>) {
        self.add(what, Verdict::Warn, found.into(), Some(advice.into()));
    }

    fn fail(&mut self, what: &'static str, found: impl Into<String>, advice: impl Into<String>) {
        self.add(what, Verdict::Fail, found.into(), Some(advice.into()));
    }

    fn add(&mut self, what: &'static str, verdict: Verdict, found: String, advice: Option<String>) {
        self.list.push(Finding { part: self.part.clone(), what, verdict, found, advice });
    }
}

/// Who else may read secrets, write where the store is, or listen on the way.
pub fn access(config: &Config) -> Vec<Finding> {
    files::examine(config).list
}

/// Looks at everything the configuration names; with `fix` makes what InfluxDB lacks.
pub async fn examine(config: &Config, fix: bool) -> Vec<Finding> {
    let mut all = disk::examine(&config.store).list;
    all.extend(access(config));
    all.extend(certificates::examine(config).list);
    all.extend(clock::examine(&config.clock, &config.store.dir).await.list);
    for one in &config.broker {
        all.extend(broker::examine(one, config).await.list);
    }
    if let Some(server) = &config.influx {
        all.extend(influx::examine(server, config.site.id.as_str(), fix).await.list);
    }
    all
}
