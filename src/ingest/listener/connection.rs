//! One connection after its CONNACK: read, submit, wait for the commit, acknowledge.

use std::convert::Infallible;
use std::fmt::Debug;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::Shared;
use super::codec::{self, Fault, Head, MAX_DRAINED, MAX_PACKET, Packet, Publish, Version, Will};
use super::codec::{reason, write};
use super::end::End;
use super::intake::{Intake, KEPT_OF_TOO_LARGE, TooLarge};
use super::line::{Line, NotAccepted, Place};
use super::permission;
use super::session::Attached;
use crate::domain::ids::DeviceId;

/// Read buffers begin and idle at this, so that thousands of quiet connections cost little.
const MIN_READ: usize = 1 << 10;
/// Read buffers of busy connections grow to this.
const MAX_READ: usize = 64 << 10;
/// Of a PUBLISH too large to be read, so much must hold its topic and the first of its payload.
const PROBE: usize = 4 << 10;
/// QoS 2 identifiers a client may leave unreleased.
const MAX_UNRELEASED: usize = 1_024;
/// A client that reads nothing for so long is let go.
const WRITE_PATIENCE: Duration = Duration::from_secs(10);
/// How long an ending connection waits for commits in flight.
const SETTLE: Duration = Duration::from_secs(5);
/// How long a closed connection is read, so that the reason it was told is not lost in a reset.
const LINGER: Duration = Duration::from_secs(1);

/// A socket, plain or with TLS.
pub(super) trait Stream: AsyncRead + AsyncWrite + Debug + Send + Sync + Unpin {}

impl<T: AsyncRead + AsyncWrite + Debug + Send + Sync + Unpin> Stream for T {}

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    stream: Box<dyn Stream>,
    buffer: BytesMut,
    shared: Arc<Shared>,
    version: Version,
    principal: DeviceId,
    attached: Attached,
    will: Option<Will>,
    /// Whether CONNECT asked for a session that outlives the connection.
    keeps_session: bool,
    /// One and a half times what CONNECT said; `Duration::MAX` for none.
    keep_alive: Duration,
    line: Line,
    /// What goes out with the next write.
    pub(super) out: BytesMut,
    /// How much the next read may take.
    chunk: usize,
    /// A PUBLISH too large to be read, and how many of its bytes are still to come.
    draining: Option<(TooLarge, usize)>,
    not_allowed: u64,
}

/// Whether more can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Intent {
    /// The buffer holds no complete packet.
    Read,
    /// The line is full.
    Wait,
}

impl Connection {
    pub(super) fn new(
        stream: Box<dyn Stream>,
        buffer: BytesMut,
        shared: Arc<Shared>,
        connect: codec::Connect,
        principal: DeviceId,
        attached: Attached,
    ) -> Self {
        let keep_alive = match connect.keep_alive {
            0 => Duration::MAX,
            seconds => Duration::from_millis(u64::from(seconds) * 1_500),
        };
        Self {
            stream,
            buffer,
            version: connect.version,
            principal,
            attached,
            will: connect.will,
            keeps_session: connect.session_expiry > 0,
            keep_alive,
            line: Line::new(usize::from(shared.config.max_inflight)),
            shared,
            out: BytesMut::new(),
            chunk: MIN_READ,
            draining: None,
            not_allowed: 0,
        }
    }

    /// Serves the client until its connection ends, and sees to what follows from the end.
    pub(super) async fn run(mut self) {
        let end = match self.serve().await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        tracing::debug!(principal = %self.principal, "{end}");
        if self.not_allowed > 0 {
            tracing::warn!(
                principal = %self.principal,
                count = self.not_allowed,
                "published what it may not"
            );
        }
        self.close(end).await;
    }

    async fn serve(&mut self) -> Result<Infallible, End> {
        let mut ended = pin!(self.attached.ended());
        self.flush().await?;
        loop {
            let intent = if self.buffer.is_empty() {
                self.intent(&Place::default(), 0)
            } else {
                self.turn(ended.as_mut()).await?
            };
            self.make_room();
            tokio::select! {
                biased;
                end = &mut ended => return Err(end),
                place = self.line.next() => self.acknowledge(place).await?,
                read = timeout(self.keep_alive, self.stream.read_buf(&mut self.buffer)),
                    if intent == Intent::Read => match read {
                    Ok(Ok(count @ 1..)) => self.chunk = next_chunk(self.chunk, count),
                    Ok(Ok(0) | Err(_)) => return Err(End::Lost),
                    Err(_) => return Err(End::KeepAlive),
                },
            }
        }
    }

    /// Takes in what the buffer holds and hands it over.
    async fn turn(&mut self, ended: impl Future<Output = End>) -> Result<Intent, End> {
        let shared = Arc::clone(&self.shared);
        let principal = self.principal.clone();
        let mut intake = Intake::new(&shared, &principal, self.version);
        let taken = self.take_in(&mut intake);
        self.not_allowed += intake.not_allowed;
        self.submit(intake, ended).await?;
        self.flush().await?;
        taken
    }

    /// Takes every complete packet there is room for out of the buffer.
    fn take_in(&mut self, intake: &mut Intake<'_>) -> Result<Intent, End> {
        loop {
            if !self.drain(intake)? {
                return Ok(Intent::Read);
            }
            let Some(head) = codec::head(&self.buffer)? else {
                return Ok(self.intent(&intake.place, 0));
            };
            if head.packet() > MAX_PACKET {
                if self.buffer.len() < PROBE {
                    return Ok(Intent::Read);
                }
                if !self.line.has_room(&intake.place, KEPT_OF_TOO_LARGE) {
                    return Ok(Intent::Wait);
                }
                self.begin_draining(head, intake)?;
                continue;
            }
            if self.buffer.len() < head.packet() {
                return Ok(self.intent(&intake.place, head.body));
            }
            if head.is_publish() && !self.line.has_room(&intake.place, head.body) {
                return Ok(Intent::Wait);
            }
            match codec::read(self.version, head, &mut self.buffer)? {
                Packet::Publish(publish) => self.publish(&publish, intake)?,
                Packet::Release(id) => {
                    let found = self.attached.session().received.remove(&id);
                    write::complete(&mut self.out, self.version, id, found);
                }
                Packet::Subscribe { id, filters } => self.subscribe(id, filters),
                Packet::Unsubscribe { id, filters } => {
                    let mut session = self.attached.session();
                    let existed: Vec<bool> =
                        filters.iter().map(|filter| session.filters.remove(filter)).collect();
                    write::unsubscribed(&mut self.out, self.version, id, &existed);
                }
                Packet::Ping => self.out.extend_from_slice(&write::PINGRESP),
                Packet::Disconnect { with_will, session_expiry } => {
                    self.change_expiry(session_expiry)?;
                    return Err(End::Disconnected { with_will });
                }
            }
        }
    }

    fn intent(&self, place: &Place, bytes: usize) -> Intent {
        if self.line.has_room(place, bytes) { Intent::Read } else { Intent::Wait }
    }

    fn publish(&mut self, publish: &Publish, intake: &mut Intake<'_>) -> Result<(), End> {
        if publish.qos == 2 && self.holds(publish.id, intake)? {
            intake.again(publish.id);
            return Ok(());
        }
        intake.publish(publish)
    }

    /// Whether a QoS 2 message was received before: it is in the session, in the line, or in the
    /// same read.
    fn holds(&self, id: u16, intake: &Intake<'_>) -> Result<bool, End> {
        let session = self.attached.session();
        if session.received.contains(&id)
            || self.line.holds(id)
            || intake.place.exactly_once.contains(&id)
        {
            return Ok(true);
        }
        if session.received.len() >= MAX_UNRELEASED {
            let why = "too many QoS 2 messages unreleased";
            return Err(Fault::new(reason::RECEIVE_MAXIMUM_EXCEEDED, why).into());
        }
        Ok(false)
    }

    /// Begins to drain the PUBLISH at the front of the buffer. MQTT 5 was told the limit: there
    /// its dead letter is the last thing taken.
    fn begin_draining(&mut self, head: Head, intake: &mut Intake<'_>) -> Result<(), End> {
        let fault = Fault::new(reason::PACKET_TOO_LARGE, "a packet above the limit");
        if !head.is_publish() || head.body > MAX_DRAINED {
            return Err(fault.into());
        }
        let preamble = codec::preamble(self.version, head, &self.buffer)?;
        let kept = self.buffer[preamble.length..].iter().take(KEPT_OF_TOO_LARGE);
        let message = TooLarge {
            topic: preamble.topic,
            qos: head.qos(),
            dup: head.dup(),
            id: preamble.id,
            length: head.packet() - preamble.length,
            head: kept.copied().collect(),
        };
        if self.version == Version::V5 {
            intake.too_large(message)?;
            return Err(fault.into());
        }
        self.draining = Some((message, head.packet()));
        Ok(())
    }

    /// Goes on draining; `true` when there is nothing to drain any more.
    fn drain(&mut self, intake: &mut Intake<'_>) -> Result<bool, End> {
        let Some((message, left)) = self.draining.take() else {
            return Ok(true);
        };
        let here = left.min(self.buffer.len());
        self.buffer.advance(here);
        if here < left {
            self.draining = Some((message, left - here));
            return Ok(false);
        }
        if message.qos == 2 && self.holds(message.id, intake)? {
            intake.again(message.id);
        } else {
            intake.too_large(message)?;
        }
        Ok(true)
    }

    fn subscribe(&mut self, id: u16, filters: Vec<(String, u8)>) {
        let board = Arc::clone(&self.shared.context.board.borrow());
        let mut session = self.attached.session();
        let mut granted = Vec::with_capacity(filters.len());
        for (filter, qos) in filters {
            let may = permission::may_subscribe(&board, &self.principal, &filter);
            granted.push(may.then_some(qos.min(1)));
            if may {
                session.filters.insert(filter);
            }
        }
        write::subscribed(&mut self.out, self.version, id, &granted);
    }

    fn change_expiry(&mut self, session_expiry: Option<u32>) -> Result<(), End> {
        let Some(expiry) = session_expiry else {
            return Ok(());
        };
        if expiry > 0 && !self.keeps_session {
            return Err(Fault::protocol("a session expiry where CONNECT had none").into());
        }
        self.attached.set_expiry(expiry);
        Ok(())
    }

    /// Hands over what was taken in. Acknowledgements go on while the inbox has no room.
    async fn submit(
        &mut self,
        intake: Intake<'_>,
        ended: impl Future<Output = End>,
    ) -> Result<(), End> {
        let (submission, place) = intake.finish();
        if let Some(submission) = submission {
            let shared = Arc::clone(&self.shared);
            let mut submitting = pin!(shared.context.inbox.submit(submission));
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
        let written = timeout(WRITE_PATIENCE, async {
            self.stream.write_all(&self.out).await?;
            self.stream.flush().await
        })
        .await;
        self.out.clear();
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Lost),
            Err(_) => Err(End::Stuck),
        }
    }

    /// Lets the buffer follow what the connection sends.
    fn make_room(&mut self) {
        if self.buffer.is_empty() && self.buffer.capacity() > 4 * self.chunk {
            self.buffer = BytesMut::new();
        }
        self.buffer.reserve(self.chunk);
    }

    async fn close(&mut self, end: End) {
        let patience = if end == End::Shutdown { self.shared.config.drain } else { SETTLE };
        let farewell = async {
            self.say_link(end).await;
            if end.hears_acks() || (self.line.holds_any() && self.attached.expiry() > 0) {
                self.settle(end.hears_acks()).await;
            }
        };
        if timeout(patience, farewell).await.is_err() {
            tracing::info!(principal = %self.principal, "closed before everything in flight was committed");
        }
        let code = end.code().filter(|_| self.version == Version::V5);
        if let Some(code) = code {
            write::disconnect(&mut self.out, code);
        }
        let told = timeout(LINGER, async {
            self.flush().await.ok();
            self.stream.shutdown().await.ok();
            if code.is_some() {
                read_out(&mut self.stream).await;
            }
        });
        if told.await.is_err() {
            tracing::debug!(principal = %self.principal, "closed without an answer");
        }
    }

    /// Tells the pipeline that the connection went, after its last will where that speaks.
    async fn say_link(&mut self, end: End) {
        let shared = Arc::clone(&self.shared);
        let mut intake = Intake::new(&shared, &self.principal, self.version);
        if end.fires_will()
            && let Some(will) = &self.will
        {
            intake.will(will);
        }
        intake.link(false, end.is_clean());
        if shared.context.inbox.submit(intake.unheard()).await.is_err() {
            tracing::debug!(principal = %self.principal, "the pipeline is gone");
        }
    }

    /// Waits for what is in flight, acknowledging it if anybody listens.
    async fn settle(&mut self, heard: bool) {
        while !self.line.is_empty() {
            let place = self.line.next().await;
            if self.collect(place).is_err() {
                return;
            }
            if !heard {
                self.out.clear();
            } else if self.flush().await.is_err() {
                return;
            }
        }
    }
}

/// Grows fast while reads fill the buffer, shrinks step by step while they do not.
fn next_chunk(chunk: usize, count: usize) -> usize {
    if count >= chunk {
        (chunk * 4).min(MAX_READ)
    } else if count < chunk / 4 {
        (chunk / 2).max(MIN_READ)
    } else {
        chunk
    }
}

/// Reads and forgets until the client closes.
pub(super) async fn read_out(stream: &mut Box<dyn Stream>) {
    let mut scratch = vec![0; 4 << 10];
    while let Ok(1..) = stream.read(&mut scratch).await {}
}
