//! The keys of the site's provider, looked at again and again.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::oidc::{AGAIN, Provider};
use crate::telemetry::Degraded;

/// After a failure.
const SOON: Duration = Duration::from_secs(15);

/// Reads them until `cancel`; that they cannot be read is said under `degraded`, and stops nothing.
pub async fn keep(provider: Arc<Provider>, degraded: Degraded, cancel: CancellationToken) {
    loop {
        let read = tokio::select! {
            () = cancel.cancelled() => return,
            read = provider.refresh() => read,
        };
        let failed = read.err();
        let pause = if failed.is_some() { SOON } else { AGAIN };
        degraded.set("oidc", failed.map(|error| error.to_string()));
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}
