//! Where alarms arrive: at a client of the event stream, and at whoever takes a webhook.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use vitalgate_sim::clock::monotonic;

/// Read and not yet looked at.
const WAITING: usize = 4_096;

/// An alarm, and when all of it was read.
pub(crate) struct Heard {
    pub(crate) at: Instant,
    pub(crate) alarm: Value,
}

/// Alarms of the event stream from now on.
pub(crate) fn stream(http: SocketAddr) -> anyhow::Result<Receiver<Heard>> {
    let mut socket = TcpStream::connect(http)?;
    write!(
        socket,
        "GET /api/v1/stream HTTP/1.1\r\nHost: {http}\r\nAccept: text/event-stream\r\n\r\n"
    )?;
    let (tx, seen) = sync_channel(WAITING);
    let mut lines = BufReader::new(socket).lines().map_while(Result::ok);
    ensure!(lines.any(|line| line == "event: hello"), "the stream does not begin");
    thread::spawn(move || {
        let mut is_alarm = false;
        for line in lines {
            if let Some(event) = line.strip_prefix("event: ") {
                is_alarm = event == "alarm";
            } else if let Some(data) = line.strip_prefix("data: ").filter(|_| is_alarm) {
                let at = monotonic();
                let Ok(alarm) = serde_json::from_str(data) else { return };
                if tx.send(Heard { at, alarm }).is_err() {
                    return;
                }
            }
        }
    });
    Ok(seen)
}

/// Takes a free port for as long as this process lives, and whatever is posted there.
pub(crate) fn receiver() -> anyhow::Result<(SocketAddr, Receiver<Heard>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let (tx, posted) = sync_channel(WAITING);
    thread::spawn(move || {
        for socket in listener.incoming().map_while(Result::ok) {
            let tx = tx.clone();
            // An error is the end of the connection.
            thread::spawn(move || take(socket, &tx));
        }
    });
    Ok((address, posted))
}

fn take(mut socket: TcpStream, tx: &SyncSender<Heard>) -> anyhow::Result<()> {
    socket.set_nodelay(true)?;
    let mut received = BufReader::new(socket.try_clone()?);
    loop {
        let body = super::standin::body(&mut received)?;
        let at = monotonic();
        socket.write_all(b"HTTP/1.1 204 No Content\r\n\r\n")?;
        let mut event: Value = serde_json::from_slice(&body)?;
        tx.send(Heard { at, alarm: event["data"].take() }).context("nobody listens")?;
    }
}
