//! One connection after its CONNACK: read, submit, wait for the commit, acknowledge.

mod buffer;
mod close;
mod pause;
mod quiet;
mod receive;
mod seldom;

use std::convert::Infallible;
use std::fmt::Debug;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use self::buffer::ReadBuffer;
pub(super) use self::close::read_out;
use self::pause::Pause;
use self::quiet::Quiet;
use self::seldom::Seldom;
use super::Shared;
use super::codec::{Connect, Will};
use super::end::End;
use super::intake::{Client, ListenerIntake, Place, TooLarge};
use super::session::Attached;
use super::unfinished::Share;
use crate::ingest::line::{self, NotAccepted};
use crate::net::places::ConnectionPlace;
use vitalgate_domain::model::ids::DeviceId;

/// Bytes a connection may have between socket and commit.
const MAX_BYTES: usize = 1 << 20;
/// A client that reads nothing for so long is disconnected.
const WRITE_PATIENCE: Duration = Duration::from_secs(10);

/// A socket, plain or with TLS.
pub(super) trait Stream: AsyncRead + AsyncWrite + Debug + Send + Sync + Unpin {}

impl<T: AsyncRead + AsyncWrite + Debug + Send + Sync + Unpin> Stream for T {}

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    stream: Box<dyn Stream>,
    buffer: ReadBuffer,
    shared: Arc<Shared>,
    client: Client,
    principal: DeviceId,
    attached: Attached,
    will: Option<Will>,
    /// Whether CONNECT asked for a session that outlives the connection.
    keeps_session: bool,
    quiet: Quiet,
    pause: Pause,
    address: SocketAddr,
    line: line::Line<Vec<u8>>,
    /// What goes out with the next write.
    pub(super) out: BytesMut,
    /// A PUBLISH too large to be read, and how many of its bytes are still to come.
    draining: Option<(TooLarge, usize)>,
    not_allowed: u64,
    place: ConnectionPlace,
    /// What it holds of the budget for packets that are not complete.
    unfinished: Option<Share>,
}

/// Whether more can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Intent {
    /// The buffer holds no complete packet.
    Read,
    /// The line is full, or the budget spent.
    Wait,
}

impl Connection {
    pub(super) fn new(
        stream: Box<dyn Stream>,
        buffer: BytesMut,
        shared: Arc<Shared>,
        connect: Connect,
        (principal, address): (DeviceId, SocketAddr),
        (attached, place): (Attached, ConnectionPlace),
    ) -> Self {
        Self {
            stream,
            buffer: ReadBuffer::new(buffer),
            client: Client::of(&connect),
            principal,
            attached,
            will: connect.will,
            keeps_session: connect.session_expiry > 0,
            quiet: Quiet::new(connect.keep_alive),
            pause: Pause::default(),
            address,
            line: line::Line::new(usize::from(shared.config.max_inflight), MAX_BYTES),
            shared,
            out: BytesMut::new(),
            draining: None,
            not_allowed: 0,
            place,
            unfinished: None,
        }
    }

    /// Serves the client until its connection ends, and sees to what follows from the end.
    pub(super) async fn run(mut self) {
        let end = match self.serve().await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        let Self { principal, address, .. } = &self;
        if end.is_ours() {
            tracing::info!(%principal, %address, "connection ended: {end}");
        } else {
            tracing::debug!(%principal, %address, "{end}");
        }
        if self.not_allowed > 1 {
            let count = self.not_allowed;
            tracing::warn!(principal = %self.principal, count, "published what it may not");
        }
        self.close(end).await;
    }

    async fn serve(&mut self) -> Result<Infallible, End> {
        let shared = Arc::clone(&self.shared);
        let mut ended = Seldom::new(self.ended());
        self.flush().await?;
        loop {
            let intent = if self.pause.goes_on() {
                Intent::Wait
            } else if self.buffer.is_empty() {
                self.intent(&Place::default(), 0)
            } else {
                self.turn(&shared, &mut ended).await?
            };
            let pauses = self.pause.goes_on();
            let intent = if pauses { Intent::Wait } else { intent };
            self.quiet.listens(intent == Intent::Read);
            self.share(intent);
            tokio::select! {
                biased;
                end = &mut ended => return Err(end),
                place = self.line.next() => self.acknowledge(place).await?,
                () = self.pause.end(), if pauses => {}
                read = self.stream.read_buf(self.buffer.spare()), if intent == Intent::Read => match read {
                    Ok(count @ 1..) => {
                        self.buffer.took(count);
                        self.quiet.took(count);
                    }
                    Ok(0) | Err(_) => return Err(End::Lost),
                },
                () = self.quiet.too_long(), if intent == Intent::Read => return Err(End::KeepAlive),
            }
        }
    }

    /// Waits until somebody else ends this connection.
    fn ended(&self) -> impl Future<Output = End> + use<> {
        let (attached, crowded) = (self.attached.ended(), self.place.ended());
        async move {
            tokio::select! {
                end = attached => end,
                () = crowded.cancelled() => End::Crowded,
            }
        }
    }

    /// Takes from the budget of all connections what a packet that is not complete needs.
    fn share(&mut self, intent: Intent) {
        let bytes = if intent == Intent::Read { self.buffer.len() } else { 0 };
        self.shared.unfinished.hold(&mut self.unfinished, bytes, || self.place.ended());
    }

    /// Takes in what the buffer holds and hands it over.
    async fn turn(
        &mut self,
        shared: &Shared,
        ended: impl Future<Output = End>,
    ) -> Result<Intent, End> {
        let principal = self.principal.clone();
        let mut intake = ListenerIntake::new(shared, &principal, self.client);
        let taken = self.take_in(&mut intake);
        if self.not_allowed == 0 && intake.not_allowed > 0 {
            let topic = intake.not_allowed_topic.escape_default();
            tracing::warn!(%principal, %topic, "published what it may not");
        }
        self.not_allowed += intake.not_allowed;
        self.pause.begin(shared.charge(&principal, intake.sent()));
        self.submit(shared, intake, ended).await?;
        self.flush().await?;
        taken
    }

    /// Hands over what was taken in. Acknowledgements go on while the inbox has no room.
    async fn submit(
        &mut self,
        shared: &Shared,
        intake: ListenerIntake<'_>,
        ended: impl Future<Output = End>,
    ) -> Result<(), End> {
        let (submission, place) = intake.finish();
        if let Some(submission) = submission {
            let mut submitting = pin!(shared.source.handles.inbox.submit(submission));
            let mut ended = pin!(ended);
            loop {
                tokio::select! {
                    biased;
                    submitted = &mut submitting => {
                        submitted.map_err(|_| End::NotAccepted)?;
                        break;
                    }
                    place = self.line.next() => self.acknowledge(place).await?,
                    end = &mut ended => return Err(end),
                }
            }
        }
        self.line.push(place);
        Ok(())
    }

    /// Writes the acknowledgements of a committed place and of all committed behind it.
    async fn acknowledge(&mut self, place: Result<Place, NotAccepted>) -> Result<(), End> {
        self.collect(place)?;
        self.flush().await
    }

    fn collect(&mut self, place: Result<Place, NotAccepted>) -> Result<(), End> {
        let mut next = Some(place.map_err(|NotAccepted| End::NotAccepted)?);
        while let Some(place) = next {
            if !place.exactly_once.is_empty() {
                self.attached.session().received.extend(place.exactly_once);
            }
            self.out.extend_from_slice(&place.acks);
            next = self.line.ready().map_err(|NotAccepted| End::NotAccepted)?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), End> {
        if self.out.is_empty() {
            return Ok(());
        }
        let mut writing = pin!(async {
            self.stream.write_all(&self.out).await?;
            self.stream.flush().await
        });
        // Nearly always there is room for it, and no timer is needed.
        let written = match poll_fn(|cx| Poll::Ready(writing.as_mut().poll(cx))).await {
            Poll::Ready(written) => Ok(written),
            Poll::Pending => timeout(WRITE_PATIENCE, writing).await,
        };
        self.out.clear();
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Lost),
            Err(_) => Err(End::Stuck),
        }
    }
}
