//! From an accepted socket to CONNACK: TLS, CONNECT, who it is, its session.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::certificate::Certificate;
use super::codec::{self, Connect, Fault, NoConnect, Version, reason, write};
use super::connection::{Connection, Stream, read_out};
use super::credential::Credential;
use super::intake::{Client, ListenerIntake};
use super::principal::{Claim, Refused, identify};
use super::tls::{TlsAcceptor, is_about_a_certificate, peer_certificate};
use super::{Authentication, Shared, SourceHandles};
use crate::ingest::access::{permission, words};
use crate::net::places::{ConnectionPlace, Full, Standing};
use crate::synthetic::Synthetic;
use vitalgate_domain::model::ids::DeviceId;
use vitalgate_domain::model::input::SignInWay;
use vitalgate_domain::model::synthetic::SYNTHETIC;

/// The largest CONNECT: a last will of 64 KiB and some room.
const MAX_CONNECT: usize = 96 << 10;
/// Who comes back too often is answered after so long at most.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// How long a refused client is read, so that the refusal is not lost in a reset.
const LINGER: Duration = Duration::from_secs(1);

/// Greets one accepted socket; gives the connection to run if it is let in.
pub(super) async fn greet(
    (socket, address): (TcpStream, SocketAddr),
    place: ConnectionPlace,
    tls: Option<TlsAcceptor>,
    authentication: Authentication,
    shared: &Arc<Shared>,
) -> Option<Connection> {
    let limit = shared.config.connect_timeout;
    let ended = place.ended();
    let received = tokio::select! {
        received = timeout(limit, receive_connect(socket, tls, &place, shared)) => received,
        () = ended.cancelled() => return None,
        () = shared.source.cancel.cancelled() => return None,
    };
    let metrics = &shared.source.handles.metrics;
    let (caller, connect) = match received {
        Ok(Ok((caller, Ok(connect)))) => (caller, connect),
        Ok(Ok((caller, Err(error)))) => {
            metrics.connect("bad");
            log(shared, address, |address| tracing::info!(%address, "{error}"));
            turn_away(caller.stream, &error).await;
            return None;
        }
        Ok(Err(error)) => {
            metrics.connect("bad");
            log(shared, address, |address| {
                tracing::info!(%address, %error, "closed before its CONNECT");
            });
            if is_about_a_certificate(&error) {
                sign_in_failed(None, address, "no certificate that counts", shared);
            }
            return None;
        }
        Err(_) => {
            metrics.connect("bad");
            log(shared, address, |address| {
                tracing::info!(%address, ?limit, "no whole CONNECT within the limit");
            });
            return None;
        }
    };
    let admitted = admit(&connect, (&caller.certificate, address), authentication, shared);
    let admitted = admitted.and_then(|admitted| {
        settle(&admitted.principal, &place, shared)?;
        Ok(admitted)
    });
    match admitted {
        Ok(admitted) => enter(caller, connect, (admitted, address), place, shared).await,
        Err(Refusal { fault: Fault { code, why }, wait }) => {
            metrics.connect("refused");
            let client = claimed_name(&connect);
            log(shared, address, |address| {
                tracing::warn!(%client, %address, why, "connection refused");
            });
            tokio::select! {
                () = sleep(wait) => refuse(caller.stream, connect.version, code).await,
                () = ended.cancelled() => {}
            }
            None
        }
    }
}

/// Logs why a connection was not let in, unless this address has filled its share of the log.
fn log(shared: &Shared, address: SocketAddr, line: impl FnOnce(SocketAddr)) {
    let SourceHandles { handles, refusals, .. } = &shared.source;
    if refusals.may_log(address.ip(), handles.clock.wall()) {
        line(address);
    }
}

/// Whoever is at the other end, before anything is known but the certificate.
struct Caller {
    stream: Box<dyn Stream>,
    certificate: Certificate,
    /// What was read behind CONNECT.
    buffer: BytesMut,
}

/// Shakes hands, and reads until there is a CONNECT.
async fn receive_connect(
    socket: TcpStream,
    tls: Option<TlsAcceptor>,
    place: &ConnectionPlace,
    shared: &Shared,
) -> io::Result<(Caller, Result<Connect, NoConnect>)> {
    let (mut stream, certificate): (Box<dyn Stream>, _) = match tls {
        None => (Box::new(socket), Certificate::default()),
        Some(acceptor) => {
            let stream = acceptor.accept(socket).await?;
            let certificate = peer_certificate(&stream);
            (Box::new(stream), certificate)
        }
    };
    let mut buffer = BytesMut::with_capacity(1 << 10);
    let mut share = None;
    let connect = loop {
        if let Some(connect) = take_connect(&mut buffer) {
            break connect;
        }
        if stream.read_buf(&mut buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        shared.unfinished.hold(&mut share, buffer.len(), || place.ended());
    };
    Ok((Caller { stream, certificate, buffer }, connect))
}

/// Takes a CONNECT off the front of the buffer; `None` while it is incomplete.
fn take_connect(buffer: &mut BytesMut) -> Option<Result<Connect, NoConnect>> {
    match codec::head(buffer) {
        Err(fault) => Some(Err(NoConnect::Stranger(fault))),
        Ok(Some(head)) if !head.is_connect() || head.packet() > MAX_CONNECT => {
            let fault = Fault::protocol("the first packet is no CONNECT, or far too large");
            Some(Err(NoConnect::Stranger(fault)))
        }
        Ok(Some(head)) if buffer.len() >= head.packet() => Some(codec::read_connect(head, buffer)),
        Ok(_) => None,
    }
}

/// Who was let in, and by what.
struct Admitted {
    principal: DeviceId,
    credential: Credential,
}

/// Why nobody was let in, and how long the answer is to wait.
struct Refusal {
    fault: Fault,
    wait: Duration,
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self { fault, wait: Duration::ZERO }
    }
}

fn admit(
    connect: &Connect,
    (certificate, address): (&Certificate, SocketAddr),
    authentication: Authentication,
    shared: &Shared,
) -> Result<Admitted, Refusal> {
    if connect.version == Version::V4 && connect.client_id.is_empty() && !connect.clean {
        let why = "a session to keep without a client id";
        return Err(Fault::new(reason::CLIENT_ID_INVALID, why).into());
    }
    let claim = Claim {
        certificate: &certificate.names,
        user: connect.user.as_deref(),
        password: connect.password.as_deref(),
        client_id: &connect.client_id,
    };
    let board = Arc::clone(&shared.source.handles.board.borrow());
    let unknown = shared.config.unknown;
    let own = || known_to_itself(claim, shared);
    let identified = own().unwrap_or_else(|| identify(&board, claim, authentication, unknown));
    let principal = identified.map_err(|refused| {
        let wait = sign_in_failed(Some(claim.name()), address, refused.why(), shared);
        Refusal { fault: Fault::new(reason::NOT_AUTHORIZED, refused.why()), wait }
    })?;
    if !Synthetic::is_named(principal.as_str())
        && !shared.source.refusals.admits(&board, &principal, shared.source.handles.clock.wall())
    {
        let why = "no room for another device that nobody registered";
        let wait = sign_in_failed(Some(claim.name()), address, why, shared);
        return Err(Refusal { fault: Fault::new(reason::QUOTA_EXCEEDED, why), wait });
    }
    match &connect.will {
        Some(will) if !permission::may_will(&principal, &will.topic) => {
            let why = "a last will not on its own status topic";
            Err(Fault::new(reason::NOT_AUTHORIZED, why).into())
        }
        Some(_) | None => {
            let credential = Credential::of(&board, claim, certificate.issued.clone(), &principal);
            Ok(Admitted { principal, credential })
        }
    }
}

/// What the gateway sends itself, by what only this process knows; nobody else has its name.
fn known_to_itself(claim: Claim<'_>, shared: &Shared) -> Option<Result<DeviceId, Refused>> {
    if !Synthetic::is_named(claim.name()) {
        return None;
    }
    let fits = |password: &str| shared.source.handles.synthetic.fits(password);
    if !claim.password.is_some_and(fits) {
        return Some(Err(Refused::WrongToken));
    }
    Some(SYNTHETIC.parse().map_err(|_| Refused::NotAnId))
}

/// Gives the principal a place among the known.
fn settle(principal: &DeviceId, place: &ConnectionPlace, shared: &Shared) -> Result<(), Fault> {
    let board = shared.source.handles.board.borrow();
    let registered = board.devices.get(principal).is_some_and(|device| !device.is_only_admitted());
    let standing = if registered { Standing::Expected } else { Standing::Known };
    drop(board);
    place
        .settle(principal.as_str(), standing)
        .map_err(|Full| Fault::new(reason::QUOTA_EXCEEDED, "no place for another connection"))
}

/// Counts a sign-in that failed; it is reported to the audit. How long its answer is to wait.
fn sign_in_failed(
    name: Option<&str>,
    address: SocketAddr,
    why: &'static str,
    shared: &Shared,
) -> Duration {
    let SourceHandles { handles, refusals, .. } = &shared.source;
    handles.metrics.sign_in_failed("mqtt");
    refusals.note_sign_in(SignInWay::Mqtt, name, address.ip(), why, handles.clock.wall())
}

async fn enter(
    caller: Caller,
    mut connect: Connect,
    (Admitted { principal, credential }, address): (Admitted, SocketAddr),
    place: ConnectionPlace,
    shared: &Arc<Shared>,
) -> Option<Connection> {
    let Caller { stream, buffer, .. } = caller;
    let assigned = connect.client_id.is_empty().then(made_up_client_id);
    if let Some(id) = &assigned {
        connect.client_id.clone_from(id);
    }
    let version = connect.version;
    // To come and to go is news as well.
    let wait = shared.charge(&principal, (1, 0)).min(LONGEST_WAIT);
    tokio::select! {
        () = sleep(wait) => {}
        () = shared.source.cancel.cancelled() => {}
    }
    let key = (principal.clone(), connect.client_id.clone());
    let (clean, expiry) = (connect.clean, connect.session_expiry);
    let attaching = shared.sessions.attach(key, credential, clean, expiry);
    let Ok((attached, present)) = attaching.await else {
        refuse(stream, version, reason::SHUTTING_DOWN).await;
        return None;
    };
    let mut intake = ListenerIntake::new(shared, &principal, Client::of(&connect));
    intake.link(true, false);
    let reported = tokio::select! {
        biased;
        reported = shared.source.handles.inbox.submit(intake.unawaited()) => reported.is_ok(),
        () = shared.source.cancel.cancelled() => false,
    };
    if !reported {
        refuse(stream, version, reason::SHUTTING_DOWN).await;
        return None;
    }
    shared.source.handles.metrics.connect("accepted");
    let mut connection = Connection::new(
        stream,
        buffer,
        Arc::clone(shared),
        connect,
        (principal, address),
        (attached, place),
    );
    let max_inflight = shared.config.max_inflight;
    write::accept(&mut connection.out, version, present, max_inflight, assigned.as_deref());
    Some(connection)
}

/// Unique in the process, which is as long as a session lives.
fn made_up_client_id() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    format!("vitalgate-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A client's own word for itself, for the log.
fn claimed_name(connect: &Connect) -> String {
    words::shown(connect.user.as_deref().unwrap_or(&connect.client_id))
}

async fn turn_away(stream: Box<dyn Stream>, error: &NoConnect) {
    match error {
        NoConnect::Stranger(_) => {}
        NoConnect::Version => say(stream, &write::WRONG_VERSION).await,
        NoConnect::Broken(fault) => refuse(stream, Version::V5, fault.code).await,
    }
}

async fn refuse(stream: Box<dyn Stream>, version: Version, code: u8) {
    let mut out = BytesMut::new();
    write::refuse(&mut out, version, code);
    say(stream, &out).await;
}

async fn say(mut stream: Box<dyn Stream>, bytes: &[u8]) {
    let sent = timeout(LINGER, async {
        stream.write_all(bytes).await?;
        stream.shutdown().await?;
        read_out(&mut stream).await;
        Ok::<(), std::io::Error>(())
    });
    if !matches!(sent.await, Ok(Ok(()))) {
        tracing::debug!("the refused client was gone before it could read why");
    }
}
