//! A Mosquitto of a test's own, and a proxy that cuts connections to it.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use tempfile::TempDir;

use crate::harness::eventually;

/// A running broker; killed when dropped.
pub(crate) struct Mosquitto {
    child: Option<Child>,
    dir: TempDir,
    pub(crate) port: u16,
}

impl Mosquitto {
    /// Anonymous, with room for everything, on a free port; `more` is added to its configuration.
    pub(crate) fn start(more: &str) -> Self {
        Self::start_with(more, |_, _| String::new())
    }

    /// The same; `more` may depend on its folder and on another free port.
    pub(crate) fn start_with(more: &str, also: impl Fn(&Path, u16) -> String) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (port, other) = (free_port(), free_port());
        let mut text = format!(
            "{more}\nuser root\npersistence_location {}/\nmax_inflight_messages 1000\n\
             max_queued_messages 0\nmax_queued_bytes 0\nset_tcp_nodelay true\n\
             listener {port} 127.0.0.1\nallow_anonymous true\n",
            dir.path().display()
        );
        text.push_str(&also(dir.path(), other));
        fs::write(dir.path().join("mosquitto.conf"), text).unwrap();
        let mut broker = Self { child: None, dir, port };
        broker.start_again();
        broker
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Starts it on the same port and folder, and waits until it listens.
    pub(crate) fn start_again(&mut self) {
        let log = self.dir.path().join("mosquitto.log");
        let log = File::options().create(true).append(true).open(log).unwrap();
        let mut child = Command::new("/usr/sbin/mosquitto")
            .arg("-c")
            .arg(self.dir.path().join("mosquitto.conf"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("mosquitto, from the Debian package of that name");
        eventually("Mosquitto listens", || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("Mosquitto ended: {status}\n{}", self.log());
            }
            TcpStream::connect(self.address()).ok()
        });
        self.child = Some(child);
    }

    /// SIGTERM, on which it writes what it keeps, and waits for its end.
    pub(crate) fn stop(&mut self) {
        self.signal("TERM");
        let mut child = self.child.take().expect("running");
        eventually("Mosquitto ends", || child.try_wait().unwrap());
    }

    /// Sends the process a signal by name, such as `STOP`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.as_ref().expect("running").id();
        let status = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status();
        assert!(status.unwrap().success());
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("mosquitto.log")).unwrap()
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may be gone already.
            child.kill().ok();
            child.wait().ok();
        }
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Stands between a client and a broker and cuts connections.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    /// Bytes from the broker after which each of the next connections is cut.
    cuts: Mutex<Vec<usize>>,
    open: Mutex<Vec<TcpStream>>,
    connections: AtomicU64,
}

impl Proxy {
    /// In front of `target`; the first connections are cut after so many bytes from the broker.
    pub(crate) fn start(target: &str, cuts: &[usize]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            cuts: Mutex::new(cuts.iter().rev().copied().collect()),
            open: Mutex::default(),
            connections: AtomicU64::new(0),
        });
        let (ours, target) = (Arc::clone(&shared), target.to_owned());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if let Ok(broker) = TcpStream::connect(&target) {
                    ours.carry(&client, &broker);
                }
            }
        });
        Self { port, shared }
    }

    /// Connections so far.
    pub(crate) fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Acquire)
    }

    /// Cuts every connection that is open.
    pub(crate) fn cut(&self) {
        for socket in self.shared.open.lock().unwrap().drain(..) {
            // It may be closed already.
            socket.shutdown(Shutdown::Both).ok();
        }
    }
}

impl Shared {
    fn carry(&self, client: &TcpStream, broker: &TcpStream) {
        let after = self.cuts.lock().unwrap().pop().unwrap_or(usize::MAX);
        let mut open = self.open.lock().unwrap();
        open.push(client.try_clone().unwrap());
        open.push(broker.try_clone().unwrap());
        let pair = || (client.try_clone().unwrap(), broker.try_clone().unwrap());
        let (up, down) = (pair(), pair());
        thread::spawn(move || pass(up.0, up.1, usize::MAX));
        thread::spawn(move || pass(down.1, down.0, after));
        self.connections.fetch_add(1, Ordering::Release);
    }
}

/// Passes bytes on until either side ends, or so many are through; then closes both.
fn pass(mut from: TcpStream, mut to: TcpStream, mut left: usize) {
    let mut chunk = vec![0; 4 << 10];
    while left > 0 {
        let room = chunk.len().min(left);
        match from.read(&mut chunk[..room]) {
            Ok(count @ 1..) if to.write_all(&chunk[..count]).is_ok() => left -= count,
            _ => break,
        }
    }
    // Either may be closed already.
    from.shutdown(Shutdown::Both).ok();
    to.shutdown(Shutdown::Both).ok();
}
