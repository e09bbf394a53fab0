//! What follows from the end of a connection.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};

use super::{Connection, Stream};
use crate::ingest::sources::listener::codec::{Version, write};
use crate::ingest::sources::listener::end::End;
use crate::ingest::sources::listener::intake::ListenerIntake;

/// How long an ending connection waits for commits in flight.
const SETTLE: Duration = Duration::from_secs(5);
/// How long a closed connection is read, so that the reason it was given is not lost in a reset.
const LINGER: Duration = Duration::from_secs(1);

impl Connection {
    pub(super) async fn close(mut self, end: End) {
        self.say_link(end).await;
        if end.hears_acks() || (self.line.holds_any() && self.attached.expiry() > 0) {
            let patience = if end == End::Shutdown { self.shared.config.drain } else { SETTLE };
            if timeout(patience, self.settle(end.hears_acks())).await.is_err() {
                tracing::info!(principal = %self.principal, "closed before the last commits");
            }
        }
        let Self { mut stream, mut out, attached, client, .. } = self;
        // Whoever takes the session over need not wait for the socket.
        drop(attached);
        let code = end.code().filter(|_| client.version == Version::V5);
        if let Some(code) = code {
            write::disconnect(&mut out, code);
        }
        let closed = timeout(LINGER, async {
            stream.write_all(&out).await?;
            stream.shutdown().await?;
            if code.is_some() {
                read_out(&mut stream).await;
            }
            Ok::<(), std::io::Error>(())
        });
        if !matches!(closed.await, Ok(Ok(()))) {
            tracing::debug!("closed without an answer");
        }
    }

    /// Reports to the pipeline the last will, where that speaks, and that the principal is gone, where it
    /// has no other connection. Waits for room as long as it takes, unless the gateway stops: a
    /// will is not lost to a full inbox.
    async fn say_link(&mut self, end: End) {
        let shared = Arc::clone(&self.shared);
        let mut intake = ListenerIntake::new(&shared, &self.principal, self.client);
        if end.fires_will()
            && let Some(will) = &self.will
        {
            intake.will(will);
        }
        if self.attached.part() {
            intake.link(false, end.is_clean());
        }
        if intake.is_empty() {
            return;
        }
        let stopping = async {
            shared.source.cancel.cancelled().await;
            sleep(shared.config.drain).await;
        };
        let reported = tokio::select! {
            biased;
            reported = shared.source.handles.inbox.submit(intake.unawaited()) => reported.is_ok(),
            () = stopping => false,
        };
        if !reported {
            tracing::info!(principal = %self.principal, "the end could not be reported to the pipeline");
        }
    }

    /// Waits for what is in flight, and acknowledges it if the client still listens.
    async fn settle(&mut self, listens: bool) {
        while !self.line.is_empty() {
            let place = self.line.next().await;
            if self.collect(place).is_err() {
                return;
            }
            if !listens {
                self.out.clear();
            } else if self.flush().await.is_err() {
                return;
            }
        }
    }
}

/// Reads and forgets until the client closes.
pub(in super::super) async fn read_out(stream: &mut Box<dyn Stream>) {
    let mut scratch = vec![0; 4 << 10];
    while let Ok(1..) = stream.read(&mut scratch).await {}
}
