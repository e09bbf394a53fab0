//! What is reported to the service manager: ready, alive, stopping (`sd_notify(3)`).

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::Stopwatch;
use crate::pipeline::pulse::StepListener;

/// How often is looked whether the gateway is ready.
const LOOK: Duration = Duration::from_millis(100);

/// The way to the service manager.
#[derive(Debug)]
pub struct Notifier {
    socket: UnixDatagram,
    /// It expects a sign of life at least this often.
    watchdog: Option<Duration>,
}

impl Notifier {
    /// The manager that started this process; `None` if none did.
    pub fn from_environment() -> Option<Self> {
        let address = std::env::var_os("NOTIFY_SOCKET")?;
        let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
        let mine = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let watchdog = number("WATCHDOG_USEC").filter(|_| mine).map(Duration::from_micros);
        match Self::new(&address, watchdog) {
            Ok(notifier) => Some(notifier),
            Err(error) => {
                tracing::warn!(%error, ?address, "nothing can be reported to the service manager");
                None
            }
        }
    }

    /// Reports to the socket at `address`; one that begins with `@` has no place in the file system.
    pub fn new(address: &OsStr, watchdog: Option<Duration>) -> io::Result<Self> {
        let address = match address.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            _ => SocketAddr::from_pathname(address)?,
        };
        let socket = UnixDatagram::unbound()?;
        // Whoever reports life must not wait for whoever listens.
        socket.set_nonblocking(true)?;
        socket.connect_addr(&address)?;
        Ok(Self { socket, watchdog })
    }

    /// What is reported to the manager is lost if it does not listen, and nobody waits.
    pub fn report(&self, state: &str) {
        if let Err(error) = self.socket.send(state.as_bytes()) {
            tracing::debug!(%error, state, "the state could not be reported to the service manager");
        }
    }
}

/// Reports life from where life is: by the pipeline, after a step. A pipeline that stands still
/// says nothing, and the manager starts the gateway anew.
#[derive(Debug)]
pub struct Watchdog {
    notifier: std::sync::Arc<Notifier>,
    every_s: f64,
    reported: Stopwatch,
}

impl Watchdog {
    /// `None` where the manager does not ask for it.
    pub fn new(notifier: std::sync::Arc<Notifier>) -> Option<Self> {
        // A third of the time allowed, so that one lost word is no death.
        let every_s = notifier.watchdog?.as_secs_f64() / 3.0;
        Some(Self { notifier, every_s, reported: Stopwatch::start() })
    }
}

impl StepListener for Watchdog {
    fn stepped(&mut self) {
        if self.reported.seconds() >= self.every_s {
            self.reported = Stopwatch::start();
            self.notifier.report("WATCHDOG=1");
        }
    }
}

/// Says `READY=1` when `ready` first holds, and `STOPPING=1` at the stop.
pub async fn report_life(
    notifier: std::sync::Arc<Notifier>,
    ready: impl Fn() -> bool + Send,
    stop: CancellationToken,
) {
    let readiness = async {
        while !ready() {
            tokio::time::sleep(LOOK).await;
        }
        notifier.report("READY=1");
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = stop.cancelled() => notifier.report("STOPPING=1"),
        () = readiness => {}
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    /// A manager that listens, and what it has received so far.
    struct Manager(UnixDatagram);

    impl Manager {
        fn received(&self) -> Vec<String> {
            let mut received = Vec::new();
            let mut bytes = [0; 64];
            while let Ok(count) = self.0.recv(&mut bytes) {
                received.push(String::from_utf8_lossy(&bytes[..count]).into_owned());
            }
            received
        }
    }

    fn manager(watchdog: Option<Duration>) -> (Manager, Arc<Notifier>, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_nonblocking(true).unwrap();
        let notifier = Notifier::new(path.as_os_str(), watchdog).unwrap();
        (Manager(socket), Arc::new(notifier), dir)
    }

    #[test]
    fn the_watchdog_hears_of_steps_and_of_nothing_else() {
        let (manager, notifier, _dir) = manager(Some(Duration::ZERO));
        let mut watchdog = Watchdog::new(Arc::clone(&notifier)).unwrap();
        assert!(manager.received().is_empty());
        watchdog.stepped();
        watchdog.stepped();
        assert_eq!(manager.received(), ["WATCHDOG=1", "WATCHDOG=1"]);
        assert!(manager.received().is_empty());
    }

    #[test]
    fn many_steps_are_reported_once_in_a_while() {
        let (manager, notifier, _dir) = manager(Some(Duration::from_secs(3_600)));
        let mut watchdog = Watchdog::new(notifier).unwrap();
        for _ in 0..1_000 {
            watchdog.stepped();
        }
        assert!(manager.received().is_empty());
    }

    #[test]
    fn a_manager_that_is_gone_or_does_not_read_holds_nobody_up() {
        let (manager, notifier, _dir) = manager(None);
        assert!(Watchdog::new(Arc::clone(&notifier)).is_none());
        for _ in 0..100_000 {
            notifier.report("WATCHDOG=1");
        }
        drop(manager);
        notifier.report("WATCHDOG=1");
    }

    #[test]
    fn a_socket_without_a_file_is_found() {
        let name = format!("vitalgate-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let manager = Manager(UnixDatagram::bind_addr(&address).unwrap());
        manager.0.set_nonblocking(true).unwrap();
        Notifier::new(OsStr::new(&format!("@{name}")), None).unwrap().report("READY=1");
        assert_eq!(manager.received(), ["READY=1"]);
    }

    #[tokio::test]
    async fn ready_is_reported_when_it_is_so_and_once() {
        let (manager, notifier, _dir) = manager(None);
        let (is_ready, stop) = (Arc::new(AtomicBool::new(false)), CancellationToken::new());
        let asked = Arc::clone(&is_ready);
        let ready = move || asked.load(Ordering::Relaxed);
        let mut reporting = Box::pin(report_life(notifier, ready, stop.clone()));
        assert!(futures_poll(&mut reporting).await);
        assert!(manager.received().is_empty());
        is_ready.store(true, Ordering::Relaxed);
        let mut received = Vec::new();
        while received.is_empty() {
            tokio::select! {
                () = &mut reporting => panic!("it ends only at the stop"),
                () = tokio::time::sleep(LOOK) => received = manager.received(),
            }
        }
        assert_eq!(received, ["READY=1"]);
        stop.cancel();
        reporting.await;
        assert_eq!(manager.received(), ["STOPPING=1"]);
    }

    /// Whether a future waits still, after it was asked once.
    async fn futures_poll(future: &mut (impl Future<Output = ()> + Unpin)) -> bool {
        tokio::select! {
            biased;
            () = future => false,
            () = std::future::ready(()) => true,
        }
    }
}
