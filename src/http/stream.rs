//! `GET stream`: server-sent events. Each stream has a cursor on the ring; alarms that have left the
//! ring are read from the log.
//!
//! A task for each stream puts chunks into a channel that holds one, and hyper takes them out. Hyper
//! asks for more only while the socket accepts bytes. So the chunk of a client that does not read stays
//! in the channel, and the task, which does not depend on hyper, cuts the connection off.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Frame as BodyFrame;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::api::v1::stream::{Hello, Resync};
use super::auth::{Auth, Proof, Who};
use super::connection::Connection;
use super::error::Problem;
use super::extract::Params;
use super::rights::Right;
use super::selection::{Selection, Sent};
use super::state::Ctx;
use super::wards::there_are;
use crate::clock::Stopwatch;
use crate::net::places::Standing;
use crate::pipeline::stored::StoredAlarm;
use crate::projection::ring::{Found, Frame};
use crate::projection::view::DeviceView;
use crate::telemetry::Hop;
use vitalgate_domain::model::ids::{NotAnId, WardId};
use vitalgate_store::{ReadError, Reader};

/// Frames put into one chunk: one write for a burst, yet a chunk stays near 100 KiB.
const FRAMES_AT_ONCE: usize = 64;
/// Transitions read from the log at a time.
const LOG_PAGE: usize = 256;
/// Chunks in the channel: one waits while hyper writes the one before.
const CHUNKS: usize = 1;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// Wards with commas; left out, every one. What belongs to no ward always is sent.
    wards: Option<String>,
}

/// `GET stream`.
pub(crate) async fn open(
    State(http): State<Ctx>,
    who: Who,
    Extension(connection): Extension<Connection>,
    Params(wanted): Params<Wanted>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    who.may(Right::SeePatients)?;
    let asked = wanted.wards.as_deref().map(parse_wards).transpose()?;
    let selection = Selection::new(who.scope.clone(), asked.clone())?;
    there_are(&http.board(), asked.iter().flatten())?;
    let client = match *http.app.auth.now() {
        Auth::Local(_) => connection.peer.ip().to_string(),
        Auth::Tokens(_) => who.name.clone(),
    };
    let seat = http.seats.take(client)?;
    // Alarms go on where there is no place for further requests; the seats bound how many.
    if connection.settle(&who.name, Standing::Expected).is_err() {
        return Err(Problem::busy("the gateway has no place for another connection", 5));
    }
    let last_seen = headers.get("last-event-id").map(|id| id.to_str().unwrap_or("").to_owned());
    let (tx, rx) = mpsc::channel(CHUNKS);
    let asked = Arc::new(AtomicBool::new(true));
    let tracker = http.tracker.clone();
    let feed = Feed {
        tx,
        cursor: 0,
        vitals: 0,
        sent: 0,
        quiet_to: 0,
        who,
        selection,
        stall: http.app.limits.stall,
        asked: Arc::clone(&asked),
        read: Stopwatch::start(),
        attended: None,
        http,
    };
    tracker.spawn(async move {
        if let Err(Ended::Stalled) = feed.run(last_seen).await {
            connection.abort.cancel();
        }
        drop(seat);
    });
    let fixed = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache, no-transform"),
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((fixed, Body::new(Chunks { rx, asked })).into_response())
}

/// Why those bound to wards have to look anew.
const LEFT: &str = "a patient or device may have left these wards";

/// So much of the time after which a client that does not read is cut off it counts as one who watches.
const UNREAD: u32 = 4;

/// Somebody watches: their wards are shown to somebody, and their session is in use.
type Attended = (crate::projection::ring::Watching, Option<crate::people::Watching>);

/// Why a feed ended.
enum Ended {
    /// The client hung up, or the gateway ends.
    Closed,
    /// The client does not read.
    Stalled,
}

/// One stream, and how far it has come.
struct Feed {
    http: Ctx,
    tx: mpsc::Sender<Bytes>,
    /// Index of the last alarm, device or heartbeat looked at.
    cursor: u64,
    /// Index of the last vitals looked at.
    vitals: u64,
    /// The client knows of every transition up to this one.
    sent: u64,
    /// Heartbeats up to this index are from before the stream opened.
    quiet_to: u64,
    who: Who,
    selection: Selection,
    stall: Duration,
    /// Whether more is asked for: what was sent before is on its way.
    asked: Arc<AtomicBool>,
    /// Since it last was.
    read: Stopwatch,
    /// Counted as somebody who watches; not while what is sent is left where it is.
    attended: Option<Attended>,
}

impl Feed {
    async fn run(mut self, last_seen: Option<String>) -> Result<(), Ended> {
        let (cancel, auth) = (self.http.cancel.clone(), self.http.app.auth.clone());
        let who = self.who.clone();
        tokio::select! {
            ended = self.feed(last_seen) => ended,
            () = cancel.cancelled() => Ok(()),
            () = auth.withdrawn(&who) => Ok(()),
        }
    }

    async fn feed(&mut self, last_seen: Option<String>) -> Result<(), Ended> {
        let mut news = self.http.app.ring.watch();
        self.cursor = *news.borrow_and_update();
        self.vitals = self.cursor;
        self.quiet_to = self.cursor;
        self.attended = Some(self.attend());
        self.hello().await?;
        if let Some(id) = last_seen {
            self.resume(&id).await?;
        }
        self.unconfirmed().await?;
        loop {
            news.borrow_and_update();
            self.look();
            self.catch_up().await?;
            tokio::select! {
                changed = news.changed() => changed.map_err(|_| Ended::Closed)?,
                () = self.tx.closed() => return Err(Ended::Closed),
            }
        }
    }

    async fn hello(&mut self) -> Result<(), Ended> {
        let board = self.http.board();
        self.sent = board.seq;
        let app = &self.http.app;
        let person = board.duty.as_ref().and_then(|plan| plan.person_of(&self.who.name));
        let hello = Hello {
            actor: &self.who.name,
            person: person.map(|person| person.id.as_str()),
            role: self.who.role.as_str(),
            seq: self.sent,
            server_time: app.handles.clock.wall(),
            simulated: app.identity.is_simulated(),
            station: self.who.is_station(),
            store: &app.identity.store,
            wards: self.who.scope.wards(),
        };
        let mut text = String::from("retry: 1000\n");
        write_event(&mut text, "hello", None, &json(&hello));
        self.send(text).await
    }

    /// Sends what was judged while the store fails: it is on no disk, and on the ring before the cursor.
    async fn unconfirmed(&mut self) -> Result<(), Ended> {
        let board = self.http.board();
        let mut text = String::new();
        for alarm in board.unconfirmed.values() {
            if self.selection.has_alarm(alarm) {
                self.write_alarm(&mut text, None, StoredAlarm::new(alarm, false).json().as_bytes());
            }
        }
        if text.is_empty() { Ok(()) } else { self.send(text).await }
    }

    /// Sends what the client missed since the event `id`: from the ring if it reaches back so far, else
    /// from the log. The log is read up to at least the cursor, so that what happens now follows
    /// without a gap. Of vitals only the newest are sent.
    async fn resume(&mut self, id: &str) -> Result<(), Ended> {
        let store = &self.http.app.identity.store;
        let seen = id.rsplit_once('-').filter(|(of, _)| of == store).map(|(_, seq)| seq.parse());
        let Some(Ok(seen)) = seen else {
            return self.resync("the event is of another store").await;
        };
        if seen > self.http.board().seq {
            return self.resync("the event is not known here").await;
        }
        self.sent = seen;
        if let Some(index) = self.http.app.ring.index_of_seq(seen) {
            (self.cursor, self.vitals) = (index, index);
            return Ok(());
        }
        self.vitals = 0;
        self.replay().await
    }

    /// Sends the alarms after the last one sent, from the log; a resync where it does not reach back so
    /// far.
    async fn replay(&mut self) -> Result<(), Ended> {
        match self.http.read_log(oldest_seq).await {
            Ok(oldest) if oldest.is_none_or(|oldest| oldest > self.sent + 1) => {
                if self.sent == self.http.board().seq {
                    return Ok(());
                }
                return self.resync("the event is older than what is kept").await;
            }
            Ok(_) => self.replay_log().await,
            Err(_) => self.resync("the log could not be read").await,
        }
    }

    async fn replay_log(&mut self) -> Result<(), Ended> {
        loop {
            let after = self.sent;
            let page = self.http.read_log(move |reader| reader.alarms_after(after, LOG_PAGE)).await;
            let Ok(page) = page else { return self.resync("the log could not be read").await };
            let mut text = String::new();
            let mut left = false;
            for logged in &page {
                match self.selection.of_logged(logged) {
                    Sent::Whole => {
                        self.write_alarm(&mut text, Some(logged.seq), logged.body.as_bytes());
                    }
                    Sent::Left => left = true,
                    Sent::Nothing => {}
                }
            }
            self.sent = page.last().map_or(after, |logged| logged.seq);
            if !text.is_empty() {
                self.send(text).await?;
            }
            if left {
                self.resync(LEFT).await?;
            }
            if page.len() < LOG_PAGE {
                return Ok(());
            }
        }
    }

    /// Sends everything on the ring after the cursors, alarms before vitals.
    async fn catch_up(&mut self) -> Result<(), Ended> {
        loop {
            let frames = match self.http.app.ring.after(self.cursor, FRAMES_AT_ONCE) {
                Found::Lost(last) => {
                    self.cursor = last;
                    self.http.app.handles.metrics.shed("stream");
                    self.replay().await?;
                    self.publish_devices().await?;
                    continue;
                }
                Found::Frames(frames) => frames,
            };
            if let Some(last) = frames.last() {
                self.cursor = last.index;
                self.publish(&frames).await?;
                continue;
            }
            let vitals = self.http.app.ring.vitals_after(self.vitals, FRAMES_AT_ONCE);
            let Some(last) = vitals.last() else { return Ok(()) };
            self.vitals = last.index;
            self.publish(&vitals).await?;
        }
    }

    /// Sends every device as it is now, for those whose changes have left the ring.
    async fn publish_devices(&mut self) -> Result<(), Ended> {
        let board = self.http.board();
        let own = board.devices.values().filter(|device| self.selection.has(&board, device));
        let devices: Vec<&Arc<DeviceView>> = own.collect();
        for some in devices.chunks(FRAMES_AT_ONCE) {
            let mut text = String::new();
            for device in some {
                write_event(
                    &mut text,
                    "device",
                    None,
                    &json(self.selection.shown(&board, device).as_ref()),
                );
            }
            self.send(text).await?;
        }
        Ok(())
    }

    async fn publish(&mut self, frames: &[Frame]) -> Result<(), Ended> {
        let mut text = String::new();
        let mut raised = Vec::new();
        let mut left = false;
        for frame in frames {
            match self.finds(frame) {
                Sent::Whole => {
                    raised.extend(frame.raised);
                    self.write(&mut text, frame);
                }
                Sent::Left => left = true,
                Sent::Nothing => {}
            }
            self.sent = self.sent.max(frame.seq.unwrap_or(0));
        }
        if !text.is_empty() {
            self.send(text).await?;
        }
        if left {
            self.resync(LEFT).await?;
        }
        for (priority, since) in raised {
            self.http.app.handles.metrics.alarm_latency(Hop::Stream, priority, since.seconds());
        }
        Ok(())
    }

    fn write(&self, text: &mut String, frame: &Frame) {
        match &frame.device {
            Some(id) if self.selection.is_limited() => {
                let board = self.http.board();
                if let Some(device) = board.devices.get(id) {
                    let device = self.selection.shown(&board, device);
                    write_event(text, frame.event, None, &json(device.as_ref()));
                }
            }
            _ if frame.event == "alarm" => self.write_alarm(text, frame.seq, &frame.data),
            _ => write_event(text, frame.event, None, &frame.data),
        }
    }

    /// What is sent of a frame that was not sent before.
    fn finds(&self, frame: &Frame) -> Sent {
        let past_heartbeat = frame.event == "heartbeat" && frame.index <= self.quiet_to;
        let sent = frame.event == "alarm" && frame.seq.is_some_and(|seq| seq <= self.sent);
        if past_heartbeat || sent {
            return Sent::Nothing;
        }
        self.selection.of_frame(frame, || self.http.board())
    }

    fn write_alarm(&self, text: &mut String, seq: Option<u64>, data: &[u8]) {
        let id = seq.map(|seq| format!("{}-{seq}", self.http.app.identity.store));
        write_event(text, "alarm", id.as_deref(), data);
    }

    /// Asks the client to fetch everything anew: what follows may leave out what it missed.
    async fn resync(&mut self, why: &str) -> Result<(), Ended> {
        self.sent = self.http.board().seq;
        let mut text = String::new();
        write_event(&mut text, "resync", None, &json(&Resync { seq: self.sent, why }));
        self.send(text).await
    }

    fn attend(&self) -> Attended {
        let watching = self.http.app.ring.enter(self.selection.wards().cloned());
        let present = match (&self.who.proof, self.http.app.auth.people()) {
            (Proof::Person(known), Some(people)) => people.watch(known),
            _ => None,
        };
        (watching, present)
    }

    async fn send(&mut self, text: String) -> Result<(), Ended> {
        let unread = self.stall / UNREAD;
        let tx = self.tx.clone();
        let mut sending = std::pin::pin!(tx.send(Bytes::from(text)));
        let mut taken = tokio::time::timeout(unread, sending.as_mut()).await;
        if taken.is_err() {
            // Nobody sees what is not read.
            self.attended = None;
            taken = tokio::time::timeout(self.stall.saturating_sub(unread), sending).await;
        }
        let Ok(taken) = taken else {
            self.http.app.handles.metrics.shed("stalled_stream");
            return Err(Ended::Stalled);
        };
        taken.map_err(|_| Ended::Closed)
    }

    /// Whether somebody reads; heartbeats make it look every 2 s.
    fn look(&mut self) {
        if self.asked.load(Ordering::Acquire) {
            self.read = Stopwatch::start();
            if self.attended.is_none() {
                self.attended = Some(self.attend());
            }
        } else if self.read.seconds() > (self.stall / UNREAD).as_secs_f64() {
            self.attended = None;
        }
    }
}

/// The oldest transition of any kind that is kept; `None` when there is none.
fn oldest_seq(reader: &Reader) -> Result<Option<u64>, ReadError> {
    Ok(reader.transitions(0, 1)?.first().map(|row| row.seq))
}

/// The response body.
struct Chunks {
    rx: mpsc::Receiver<Bytes>,
    asked: Arc<AtomicBool>,
}

impl HttpBody for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<BodyFrame<Bytes>, Infallible>>> {
        let polled = self.rx.poll_recv(context);
        self.asked.store(polled.is_pending(), Ordering::Release);
        polled.map(|chunk| chunk.map(|bytes| Ok(BodyFrame::data(bytes))))
    }
}

/// Writes one event; `data` is compact JSON, so it has no line ends.
fn write_event(text: &mut String, event: &str, id: Option<&str>, data: &[u8]) {
    let data = String::from_utf8_lossy(data);
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    let _written = write!(text, "event: {event}\n{id}data: {data}\n\n");
}

fn json(data: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(data).unwrap_or_default()
}

fn parse_wards(text: &str) -> Result<BTreeSet<WardId>, Problem> {
    let wards: Result<_, NotAnId> = text.split(',').map(str::parse).collect();
    wards.map_err(|e| Problem::new(StatusCode::BAD_REQUEST, e.to_string()))
}
