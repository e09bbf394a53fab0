//! Ports for servers that go away and come back where they were.

use std::net::{Ipv4Addr, TcpListener};
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the range out of which systems give ports to whoever asks for any: nobody else takes one meanwhile.
const PORTS: u16 = 20_000;
const MANY: u16 = 12_000;

/// A port that is free, and stays so while its server is away.
pub(crate) fn port_of_ones_own() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let begin = (process::id() % u32::from(MANY)) as u16;
    loop {
        let port = PORTS + (begin + NEXT.fetch_add(1, Ordering::Relaxed)) % MANY;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
