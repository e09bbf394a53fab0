//! Commands from the command line: through a Unix socket in the store's folder to the running
//! gateway, or, with none running, through a pipeline opened for the occasion.
//!
//! One connection, one command: its CBOR up to the end of the stream, then the answer as JSON.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::domain::command::{Answer, Command};
use crate::domain::input::Input;
use crate::inbox::{Inbox, Receipt, Submission};

/// A command is smaller than this.
const COMMAND_BYTES: u64 = 64 << 10;
/// Commands at a time; they come from people.
const AT_A_TIME: usize = 4;

/// The socket of the gateway that runs on a store folder.
pub fn socket(dir: &Path) -> PathBuf {
    dir.join("control.sock")
}

/// The listening socket; gone with it.
#[derive(Debug)]
pub struct Control {
    listener: UnixListener,
    path: PathBuf,
}

impl Control {
    /// Listens in a store folder, for its owner only. The store's lock makes sure nobody else does.
    pub fn bind(dir: &Path) -> std::io::Result<Self> {
        let path = socket(dir);
        match std::fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Self { listener, path })
    }

    /// Takes commands until `cancel`.
    pub async fn run(self, inbox: Inbox, cancel: CancellationToken) {
        let seats = Arc::new(Semaphore::new(AT_A_TIME));
        let serve = async {
            loop {
                let Ok((stream, _)) = self.listener.accept().await else { continue };
                let Ok(seat) = Arc::clone(&seats).acquire_owned().await else { return };
                if let Err(error) = serve(stream, &inbox).await {
                    tracing::warn!(%error, "a command of the command line failed");
                }
                drop(seat);
            }
        };
        tokio::select! {
            () = cancel.cancelled() => {}
            () = serve => {}
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(%error, "the control socket was gone");
        }
    }
}

async fn serve(mut stream: UnixStream, inbox: &Inbox) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    (&mut stream).take(COMMAND_BYTES).read_to_end(&mut bytes).await?;
    let reply = match minicbor::decode::<Command>(&bytes) {
        Ok(command) => match submit(inbox, command).await {
            Some(answer) => serde_json::to_string(&answer).unwrap_or_default(),
            None => r#"{"outcome":"unknown","detail":"the gateway stopped"}"#.to_owned(),
        },
        Err(_) => r#"{"outcome":"invalid","detail":"not a command"}"#.to_owned(),
    };
    stream.write_all(reply.as_bytes()).await?;
    stream.shutdown().await
}

/// Puts a command through the inbox and waits for its commit; `None` if it was not accepted.
pub async fn submit(inbox: &Inbox, command: Command) -> Option<Answer> {
    let (receipt, waiting) = Receipt::new();
    let input = Input::Command(Box::new(command));
    inbox.submit(Submission::of(vec![input], 1_024, receipt)).await.ok()?;
    waiting.await.ok()?.answers.into_iter().next()
}

/// Why a running gateway did not answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// No gateway listens there.
    #[error("no gateway runs on this store")]
    NotRunning,
    /// The talk broke off.
    #[error("the running gateway did not answer: {0}")]
    Broken(#[from] std::io::Error),
}

/// Sends a command to the gateway that runs on `dir`, and returns its answer as JSON.
pub fn ask(dir: &Path, command: &Command) -> Result<serde_json::Value, AskError> {
    use std::os::unix::net::UnixStream as Stream;
    let mut stream = Stream::connect(socket(dir)).map_err(|_| AskError::NotRunning)?;
    let bytes = minicbor::to_vec(command).map_err(std::io::Error::other)?;
    stream.write_all(&bytes)?;
    stream.shutdown(std::net::Shutdown::Write)?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    serde_json::from_str(&reply).map_err(|e| AskError::Broken(e.into()))
}
