//! Many clients of the event stream, and how long an alarm took to each.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::Runtime;
use vitalgate::clock::Stopwatch;
use vitalgate_sim::clock::monotonic;

/// What stands in each alarm that is shot, once, and in nothing else.
pub(crate) const ALARM: &str = "\"rule\":\"bench.pulse_high\"";
/// Longer than any alarm takes to the last client.
const PATIENCE_S: f64 = 60.0;
/// How often is looked whether all have it.
const LOOK_AGAIN: Duration = Duration::from_millis(1);
/// Begun at once while the clients come.
const AT_ONCE: usize = 250;

/// Open streams that note each alarm.
pub(crate) struct Screens {
    runtime: Runtime,
    http: SocketAddr,
    seen: Arc<Seen>,
    open: usize,
}

#[derive(Debug)]
struct Seen {
    begun: Instant,
    /// Nanoseconds after `begun` of the shot under way.
    shot: AtomicU64,
    alarms: AtomicUsize,
    ended: AtomicUsize,
    /// Milliseconds from the shot.
    latencies: Mutex<Vec<f64>>,
}

impl Screens {
    pub(crate) fn of(http: SocketAddr) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let seen = Seen {
            begun: monotonic(),
            shot: AtomicU64::new(0),
            alarms: AtomicUsize::new(0),
            ended: AtomicUsize::new(0),
            latencies: Mutex::default(),
        };
        Ok(Self { runtime, http, seen: Arc::new(seen), open: 0 })
    }

    /// Opens one stream with each token, and waits for their beginning.
    pub(crate) fn open(&mut self, tokens: &[String]) -> anyhow::Result<()> {
        for some in tokens.chunks(AT_ONCE) {
            let opening: Vec<_> = some
                .iter()
                .map(|token| {
                    let (http, token) = (self.http, token.clone());
                    self.runtime.spawn(async move { begin(http, &token, None).await })
                })
                .collect();
            for opened in opening {
                let stream = self.runtime.block_on(opened)??;
                self.runtime.spawn(watch(stream, Arc::clone(&self.seen)));
                self.open += 1;
            }
        }
        Ok(())
    }

    /// Opens one stream with each token that is never read again.
    pub(crate) fn stall(&self, tokens: &[String]) -> anyhow::Result<Vec<TcpStream>> {
        let opened =
            tokens.iter().map(|token| self.runtime.block_on(begin(self.http, token, Some(4_096))));
        opened.collect()
    }

    /// Begins a shot: alarms from now on are counted, and are so old.
    pub(crate) fn begin_shot(&self) {
        self.seen.latencies().clear();
        self.seen.alarms.store(0, Ordering::Release);
        let since = monotonic().saturating_duration_since(self.seen.begun);
        self.seen.shot.store(since.as_nanos() as u64, Ordering::Release);
    }

    /// Waits until each client has so many alarms; gives the milliseconds from the shot, of all.
    pub(crate) fn all_have(&self, alarms: usize) -> anyhow::Result<Vec<f64>> {
        let watch = Stopwatch::start();
        let all = self.open * alarms;
        while self.seen.alarms.load(Ordering::Acquire) < all {
            ensure!(self.seen.ended.load(Ordering::Acquire) == 0, "a stream ended");
            let had = self.seen.alarms.load(Ordering::Acquire);
            ensure!(watch.seconds() < PATIENCE_S, "{had} of {all} alarms came");
            std::thread::sleep(LOOK_AGAIN);
        }
        let latencies = std::mem::take(&mut *self.seen.latencies());
        ensure!(latencies.len() == all, "{} alarms where {all} should be", latencies.len());
        Ok(latencies)
    }
}

impl Seen {
    fn latencies(&self) -> std::sync::MutexGuard<'_, Vec<f64>> {
        self.latencies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, alarms: usize) {
        if alarms == 0 {
            return;
        }
        let since = monotonic().saturating_duration_since(self.begun);
        let shot = Duration::from_nanos(self.shot.load(Ordering::Acquire));
        let ms = since.saturating_sub(shot).as_secs_f64() * 1e3;
        self.latencies().extend(std::iter::repeat_n(ms, alarms));
        self.alarms.fetch_add(alarms, Ordering::AcqRel);
    }
}

/// So many distinct tokens, in a run for each.
pub(crate) fn tokens(names: usize, each: usize) -> Vec<String> {
    (0..names).flat_map(|name| std::iter::repeat_n(token(name), each)).collect()
}

/// The sections of a configuration that let them in.
pub(crate) fn sections(tokens: &[String]) -> String {
    let distinct: BTreeSet<&String> = tokens.iter().collect();
    let section = |token: &&String| {
        let digest = ring::digest::digest(&ring::digest::SHA256, token.as_bytes());
        let sha256 = data_encoding::HEXLOWER.encode(digest.as_ref());
        format!("\n[[http.token]]\nname = \"{token}\"\nrole = \"viewer\"\nsha256 = \"{sha256}\"\n")
    };
    distinct.iter().map(section).collect()
}

fn token(name: usize) -> String {
    format!("screens-{name}")
}

/// Opens a stream and reads its first event, from a socket that takes so many bytes.
async fn begin(http: SocketAddr, token: &str, takes: Option<u32>) -> anyhow::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if let Some(takes) = takes {
        socket.set_recv_buffer_size(takes)?;
    }
    let mut stream = socket.connect(http).await?;
    let request = format!(
        "GET /api/v1/stream HTTP/1.1\r\nHost: {http}\r\nAccept: text/event-stream\r\n\
         Authorization: Bearer {token}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    let mut some = [0; 1_024];
    while !contains(&head, b"event: hello\n") {
        let read = stream.read(&mut some).await?;
        ensure!(read > 0, "the stream does not begin: {}", String::from_utf8_lossy(&head));
        head.extend_from_slice(some.get(..read).context("more than was asked for")?);
    }
    Ok(stream)
}

async fn watch(mut stream: TcpStream, seen: Arc<Seen>) {
    let mut kept = Vec::new();
    let mut some = vec![0; 4_096];
    while let Ok(read) = stream.read(&mut some).await
        && read > 0
    {
        kept.extend_from_slice(&some[..read]);
        let alarms = kept.windows(ALARM.len()).filter(|window| *window == ALARM.as_bytes()).count();
        seen.note(alarms);
        // What may be the beginning of the next.
        let whole = kept.len().saturating_sub(ALARM.len() - 1);
        kept.drain(..whole);
    }
    seen.ended.fetch_add(1, Ordering::AcqRel);
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
