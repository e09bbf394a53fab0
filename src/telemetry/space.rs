//! How much room the store takes, looked at now and then beside the pipeline.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::metrics::Metrics;
use vitalgate_store::{ReadError, Reader, Space};

/// Files grow slowly; who scrapes asks no oftener.
const EVERY: Duration = Duration::from_secs(15);

/// Measures until `stop`. A disk that hangs keeps one thread waiting, and nobody else.
pub async fn watch_space(reader: Reader, metrics: Metrics, stop: CancellationToken) {
    let watch = async {
        loop {
            let reader = reader.clone();
            let measured = tokio::task::spawn_blocking(move || reader.space()).await;
            if let Ok(measured) = measured {
                report(&metrics, measured);
            }
            tokio::time::sleep(EVERY).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = watch => {}
    }
}

fn report(metrics: &Metrics, measured: Result<Space, ReadError>) {
    let Space { journal, waves, free, history, log, file: _, disk_free } = match measured {
        Ok(space) => space,
        Err(error) => return tracing::warn!(%error, "the room the store takes cannot be measured"),
    };
    let parts = [
        ("journal", journal),
        ("history", history),
        ("waves", waves),
        ("free", free),
        ("log", log),
    ];
    for (part, bytes) in parts {
        metrics.store_bytes(part, bytes);
    }
    metrics.store_disk_free(disk_free);
}
