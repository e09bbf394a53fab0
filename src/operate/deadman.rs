//! The ping that others wait for: while judgement is up to date, a request goes out now and then.
//! When it stays away, for whatever reason, whoever waits for it calls somebody.

use std::time::Duration;

use axum::http::{HeaderMap, Method};
use bytes::Bytes;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::config::DeadMan;
use crate::net::outbound::Outbound;
use crate::net::tls::BadTls;
use crate::telemetry::Metrics;
use vitalgate_store::audit::SignedHead;

/// A target that takes longer is not waited for.
const WITHIN: Duration = Duration::from_secs(10);
/// How often is looked whether the gateway has begun to judge.
const LOOK: Duration = Duration::from_millis(100);

/// Sets up what the pings need.
pub fn outbound(config: &DeadMan) -> Result<Outbound, BadTls> {
    Outbound::new(config.url.clone(), config.ca.as_deref(), WITHIN)
}

/// Pings until `stop`, whenever `fresh` holds; each carries the newest head of the audit away.
pub async fn ping(
    config: DeadMan,
    outbound: Outbound,
    fresh: impl Fn() -> bool + Send,
    heads: watch::Receiver<Option<SignedHead>>,
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
            let head = heads.borrow().as_ref().filter(|_| config.head).map(SignedHead::to_string);
            let path = asked_for(&config.url.path, head.as_deref());
            let sent = outbound.send(Method::GET, &path, HeaderMap::new(), Bytes::new()).await;
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

/// The path with its query, and the head as one more parameter: nothing in a head needs escaping there.
fn asked_for(path: &str, head: Option<&str>) -> String {
    let Some(head) = head else { return path.to_owned() };
    let separator = if path.contains('?') { '&' } else { '?' };
    format!("{path}{separator}head={head}")
}

#[cfg(test)]
mod tests {
    use super::asked_for;

    #[test]
    fn a_head_is_one_more_parameter() {
        assert_eq!(asked_for("/ping", None), "/ping");
        assert_eq!(asked_for("/ping", Some("vg1.a")), "/ping?head=vg1.a");
        assert_eq!(asked_for("/ping?id=1", Some("vg1.a")), "/ping?id=1&head=vg1.a");
    }
}
