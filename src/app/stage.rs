//! Long-lived tasks by the order in which they are stopped.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How long each stage of the shutdown may take.
pub(crate) const GRACE: Duration = Duration::from_secs(10);

/// Tasks that stop together. One that ends before is a failure of the process.
#[derive(Debug, Default)]
pub(crate) struct Stage {
    stop: CancellationToken,
    tasks: JoinSet<&'static str>,
    running: Vec<&'static str>,
}

impl Stage {
    /// A stage whose tasks already hold the token that stops them.
    pub(crate) fn new(stop: CancellationToken) -> Self {
        Self { stop, ..Self::default() }
    }

    /// What stops the tasks of this stage.
    pub(crate) fn token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Starts a task that runs until [`Stage::token`] is cancelled.
    pub(crate) fn start(&mut self, name: &'static str, task: impl Future + Send + 'static) {
        self.running.push(name);
        self.tasks.spawn(async move {
            drop(task.await);
            name
        });
    }

    /// The task that ended though nobody stopped it; waits as long as none does.
    pub(crate) async fn ended(&mut self) -> &'static str {
        match self.tasks.join_next().await {
            Some(Ok(name)) => {
                self.running.retain(|running| *running != name);
                name
            }
            Some(Err(_)) => "panicked",
            None => std::future::pending().await,
        }
    }

    /// Stops the tasks and waits for them; whoever is late is named and given up.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        let all = async {
            while let Some(ended) = self.tasks.join_next().await {
                if let Ok(name) = ended {
                    self.running.retain(|running| *running != name);
                }
            }
        };
        if tokio::time::timeout(GRACE, all).await.is_err() {
            tracing::warn!(tasks = ?self.running, "late at shutdown; going on without them");
        }
    }
}

/// Waits for something of the shutdown, and names it if it is late.
pub(crate) async fn late(name: &str, stage: impl Future<Output = ()>) {
    if tokio::time::timeout(GRACE, stage).await.is_err() {
        tracing::warn!(stage = name, "late at shutdown; going on without it");
    }
}
