//! From an accepted socket to CONNACK: TLS, CONNECT, who it is, its session.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::codec::{self, Connect, Fault, NoConnect, Version, reason, write};
use super::connection::{Connection, Stream, read_out};
use super::intake::Intake;
use super::permission;
use super::principal::{Claim, identify};
use super::tls::{TlsAcceptor, peer_names};
use super::{Authentication, Shared};
use crate::domain::ids::DeviceId;

/// From accepting the socket to the end of CONNECT.
const PATIENCE: Duration = Duration::from_secs(10);
/// The largest CONNECT: a last will of 64 KiB and some room.
const MAX_CONNECT: usize = 96 << 10;
/// How long a refused client is read, so that the refusal is not lost in a reset.
const LINGER: Duration = Duration::from_secs(1);

/// Greets one accepted socket; gives the connection to run if it is let in.
pub(super) async fn greet(
    socket: TcpStream,
    tls: Option<TlsAcceptor>,
    authentication: Authentication,
    shared: &Arc<Shared>,
) -> Option<Connection> {
    match tls {
        None => talk(Box::new(socket), &[], authentication, shared).await,
        Some(acceptor) => match timeout(PATIENCE, acceptor.accept(socket)).await {
            Ok(Ok(stream)) => {
                let names = peer_names(&stream);
                talk(Box::new(stream), &names, authentication, shared).await
            }
            Ok(Err(error)) => {
                shared.context.metrics.connect("bad");
                tracing::info!(%error, "TLS handshake failed");
                None
            }
            Err(_) => {
                shared.context.metrics.connect("bad");
                None
            }
        },
    }
}

async fn talk(
    mut stream: Box<dyn Stream>,
    certificate: &[String],
    authentication: Authentication,
    shared: &Arc<Shared>,
) -> Option<Connection> {
    let mut buffer = BytesMut::with_capacity(1 << 10);
    let said = tokio::select! {
        said = timeout(PATIENCE, hear(&mut stream, &mut buffer)) => said,
        () = shared.context.cancel.cancelled() => return None,
    };
    let metrics = &shared.context.metrics;
    let connect = match said {
        Ok(Some(Ok(connect))) => connect,
        Ok(Some(Err(error))) => {
            metrics.connect("bad");
            turn_away(stream, &error).await;
            return None;
        }
        Ok(None) | Err(_) => {
            metrics.connect("bad");
            return None;
        }
    };
    match admit(&connect, certificate, authentication, shared) {
        Ok(principal) => enter(stream, buffer, connect, principal, shared).await,
        Err(Fault { code, why }) => {
            metrics.connect("refused");
            tracing::warn!(client = %short(&connect), why, "connection refused");
            refuse(stream, connect.version, code).await;
            None
        }
    }
}

/// Reads until there is a CONNECT; `None` if the socket closes first.
async fn hear(
    stream: &mut Box<dyn Stream>,
    buffer: &mut BytesMut,
) -> Option<Result<Connect, NoConnect>> {
    loop {
        match codec::head(buffer) {
            Err(fault) => return Some(Err(NoConnect::Stranger(fault))),
            Ok(Some(head)) if !head.is_connect() || head.packet() > MAX_CONNECT => {
                let fault = Fault::protocol("the first packet is no CONNECT, or far too large");
                return Some(Err(NoConnect::Stranger(fault)));
            }
            Ok(Some(head)) if buffer.len() >= head.packet() => {
                return Some(codec::read_connect(head, buffer));
            }
            Ok(_) => {}
        }
        if !matches!(stream.read_buf(buffer).await, Ok(1..)) {
            return None;
        }
    }
}

fn admit(
    connect: &Connect,
    certificate: &[String],
    authentication: Authentication,
    shared: &Shared,
) -> Result<DeviceId, Fault> {
    if connect.version == Version::V4 && connect.client_id.is_empty() && !connect.clean {
        return Err(Fault::new(reason::CLIENT_ID_INVALID, "a session to keep without a client id"));
    }
    let claim = Claim {
        certificate,
        user: connect.user.as_deref(),
        password: connect.password.as_deref(),
        client_id: &connect.client_id,
    };
    let board = Arc::clone(&shared.context.board.borrow());
    let principal = identify(&board, claim, authentication, shared.config.unknown)
        .map_err(|refused| Fault::new(reason::NOT_AUTHORIZED, refused.why()))?;
    match &connect.will {
        Some(will) if !permission::may_will(&principal, &will.topic) => {
            Err(Fault::new(reason::NOT_AUTHORIZED, "a last will not on its own status topic"))
        }
        Some(_) | None => Ok(principal),
    }
}

async fn enter(
    stream: Box<dyn Stream>,
    buffer: BytesMut,
    mut connect: Connect,
    principal: DeviceId,
    shared: &Arc<Shared>,
) -> Option<Connection> {
    let assigned = connect.client_id.is_empty().then(made_up_client_id);
    if let Some(id) = &assigned {
        connect.client_id.clone_from(id);
    }
    let version = connect.version;
    let key = (principal.clone(), connect.client_id.clone());
    let attaching = shared.sessions.attach(key, connect.clean, connect.session_expiry);
    let Ok((attached, present)) = attaching.await else {
        refuse(stream, version, reason::SHUTTING_DOWN).await;
        return None;
    };
    let mut intake = Intake::new(shared, &principal, version);
    intake.link(true, false);
    if shared.context.inbox.submit(intake.unheard()).await.is_err() {
        refuse(stream, version, reason::SHUTTING_DOWN).await;
        return None;
    }
    shared.context.metrics.connect("accepted");
    let mut connection =
        Connection::new(stream, buffer, Arc::clone(shared), connect, principal, attached);
    let max_inflight = shared.config.max_inflight;
    write::accept(&mut connection.out, version, present, max_inflight, assigned.as_deref());
    Some(connection)
}

/// Unique in the process, which is as long as a session lives.
fn made_up_client_id() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    format!("vitalgate-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A client's own word for itself, cut for the log.
fn short(connect: &Connect) -> String {
    let name = connect.user.as_deref().unwrap_or(&connect.client_id);
    name.chars().filter(|c| !c.is_control()).take(64).collect()
}

async fn turn_away(stream: Box<dyn Stream>, error: &NoConnect) {
    match error {
        NoConnect::Stranger(fault) => tracing::debug!(%fault, "not a CONNECT"),
        NoConnect::Version => {
            tracing::info!("a protocol version that is neither 3.1.1 nor 5");
            say(stream, &write::WRONG_VERSION).await;
        }
        NoConnect::Broken(fault) => {
            tracing::info!(%fault, "broken CONNECT");
            refuse(stream, Version::V5, fault.code).await;
        }
    }
}

async fn refuse(stream: Box<dyn Stream>, version: Version, code: u8) {
    let mut out = BytesMut::new();
    write::refuse(&mut out, version, code);
    say(stream, &out).await;
}

async fn say(mut stream: Box<dyn Stream>, bytes: &[u8]) {
    let said = timeout(LINGER, async {
        stream.write_all(bytes).await?;
        stream.shutdown().await?;
        read_out(&mut stream).await;
        Ok::<(), std::io::Error>(())
    });
    if !matches!(said.await, Ok(Ok(()))) {
        tracing::debug!("the refused client did not stay to hear it");
    }
}
