//! Health.

use serde::Serialize;

/// `/healthz`.
#[derive(Debug, Serialize)]
pub struct Health {
    /// Since the last step of the pipeline, in seconds.
    pub last_step_s: f64,
    /// `ok` or `standing still`.
    pub status: &'static str,
}

/// `/readyz`.
#[derive(Debug, Serialize)]
pub struct Readiness {
    /// What does not work as it should beside the gateway itself.
    pub degraded: Vec<String>,
    /// Whether the gateway listens, commits and keeps up.
    pub ready: bool,
    /// Why it is not ready; empty when it is.
    pub reasons: Vec<String>,
    /// Whether the store is simulated.
    pub simulated: bool,
}
