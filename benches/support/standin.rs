//! Something in the place of an InfluxDB: 204 at once to whatever is written, or no answer ever.

use std::io::{BufRead, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use anyhow::Context as _;

/// What comes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StandIn {
    /// 204 as soon as its body is read.
    Answers,
    /// It is accepted, and that is all.
    Silent,
    /// Nobody listens.
    Away,
}

impl StandIn {
    /// Takes a free port, for as long as this process lives.
    pub(crate) fn start(self) -> anyhow::Result<SocketAddr> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        if self != Self::Away {
            thread::spawn(move || self.serve(&listener));
        }
        Ok(address)
    }

    fn serve(self, listener: &TcpListener) {
        let mut held = Vec::new();
        for socket in listener.incoming().map_while(Result::ok) {
            if self == Self::Silent {
                held.push(socket);
            } else {
                // An error is the end of the connection.
                thread::spawn(move || answer(socket));
            }
        }
    }
}

fn answer(mut socket: TcpStream) -> anyhow::Result<()> {
    socket.set_nodelay(true)?;
    let mut received = BufReader::new(socket.try_clone()?);
    loop {
        body(&mut received)?;
        socket.write_all(b"HTTP/1.1 204 No Content\r\n\r\n")?;
    }
}

/// Reads the next request; gives its body.
pub(crate) fn body(received: &mut impl BufRead) -> anyhow::Result<Vec<u8>> {
    let mut length = None;
    loop {
        let mut line = String::new();
        anyhow::ensure!(received.read_line(&mut line)? > 0, "the end");
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        length = line.strip_prefix("content-length:").map(str::to_owned).or(length);
    }
    let mut body = vec![0; length.context("no length")?.trim().parse()?];
    received.read_exact(&mut body)?;
    Ok(body)
}
