//! Where the audit stands, told in the log: whoever keeps that elsewhere can show later whether the store
//! was rewritten.

use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use vitalgate_store::audit::SignedHead;

/// While it moves.
const EVERY: Duration = Duration::from_secs(600);

/// Tells it until `stop`.
pub async fn tell(mut heads: watch::Receiver<Option<SignedHead>>, stop: CancellationToken) {
    let telling = async {
        while heads.changed().await.is_ok() {
            if let Some(head) = &*heads.borrow_and_update() {
                say(head);
            }
            tokio::time::sleep(EVERY).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = telling => {}
    }
}

/// Tells it once.
pub fn say(head: &SignedHead) {
    tracing::info!(%head, "the audit stands here; keep this elsewhere for `verify --head`");
}
