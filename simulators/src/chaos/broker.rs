//! A Mosquitto between load and gateway, with a folder and a port of its own.

use std::fs::{self, OpenOptions};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use tokio::time::sleep;

use crate::clock;

/// How long it may take to listen.
const UP_WITHIN: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A running Mosquitto; killed when dropped.
#[derive(Debug)]
pub(super) struct Broker {
    child: Child,
    address: SocketAddr,
}

impl Broker {
    /// Starts `binary` with room for everything that waits while the gateway is down.
    pub(super) async fn start(binary: &Path, dir: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let text = format!(
            "listener {} 127.0.0.1\nallow_anonymous true\nuser root\npersistence true\n\
             persistence_location {}/\nmax_inflight_messages 1000\nmax_queued_messages 0\n\
             max_queued_bytes 0\nset_tcp_nodelay true\n",
            address.port(),
            dir.canonicalize()?.display(),
        );
        let file = dir.join("mosquitto.conf");
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        let log = dir.join("mosquitto.log");
        let out = OpenOptions::new().create(true).append(true).open(&log)?;
        let child = Command::new(binary)
            .arg("-c")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .spawn()
            .with_context(|| format!("cannot start the broker {}", binary.display()))?;
        let mut broker = Self { child, address };
        let begin = clock::monotonic();
        while TcpStream::connect(address).is_err() {
            if let Some(status) = broker.child.try_wait()? {
                anyhow::bail!("the broker ended by itself ({status}); see {}", log.display());
            }
            anyhow::ensure!(
                begin.elapsed() < UP_WITHIN,
                "the broker does not listen; see {}",
                log.display()
            );
            sleep(LOOK_EVERY).await;
        }
        Ok(broker)
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What a gateway's configuration needs to subscribe to it.
    pub(super) fn section(&self) -> String {
        format!(
            "\n[[broker]]\nid = \"broker\"\nhost = \"127.0.0.1\"\nport = {}\n\
             speaks_for = \"registered\"\nprobe_every = \"1s\"\n",
            self.address.port()
        )
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // It may be gone already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
