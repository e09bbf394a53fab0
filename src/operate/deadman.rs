//! The ping that others wait for: while judgement is up to date, a request goes out now and then.
//! When it stays away, for whatever reason, whoever waits for it calls somebody.

use std::time::Duration;

use axum::http::{HeaderMap, Method};
use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use crate::config::DeadMan;
use crate::net::outbound::Outbound;
use crate::net::tls::BadTls;
use crate::telemetry::Metrics;

/// A target that takes longer is not waited for.
const WITHIN: Duration = Duration::from_secs(10);
/// How often is looked whether the gateway has begun to judge.
const LOOK: Duration = Duration::from_millis(100);

/// Sets up what the pings need.
pub fn outbound(config: &DeadMan) -> Result<Outbound, BadTls> {
    Outbound::new(config.url.clone(), config.ca.as_deref(), WITHIN)
}

/// Pings until `stop`, whenever `fresh` holds.
pub async fn ping(
    config: DeadMan,
    outbound: Outbound,
    fresh: impl Fn() -> bool + Send,
    metrics: Metrics,
    stop: CancellationToken,
) {
    let pings = async {
        // At the start judgement is behind by the time the gateway was down: nobody's business yet.
        while !fresh() {
            tokio::time::sleep(LOOK).await;
        }
        let mut ticks =
            tokio::time::interval(Duration::from_micros(config.every.as_micros().unsigned_abs()));
        // After a slow answer the next ping is due at once, not several.
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut failed = false;
        loop {
            ticks.tick().await;
            if !fresh() {
                metrics.deadman("withheld");
                continue;
            }
            let sent =
                outbound.send(Method::GET, &config.url.path, HeaderMap::new(), Bytes::new()).await;
            let problem = match sent {
                Ok(answer) if (200..300).contains(&answer.status) => None,
                Ok(answer) => Some(format!("status {}", answer.status)),
                Err(error) => Some(error.to_string()),
            };
            metrics.deadman(if problem.is_none() { "sent" } else { "failed" });
            if let Some(problem) = &problem
                && !failed
            {
                let to = &*config.url.authority;
                tracing::warn!(to, problem, "the dead-man ping did not arrive; trying on");
            }
            failed = problem.is_some();
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = pings => {}
    }
}
