//! Commands from the command line: through a Unix socket in the store's folder to the running
//! gateway, or, with none running, through a pipeline opened for the occasion.
//!
//! One connection, one command: its CBOR up to the end of the stream, then the answer as JSON.

use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::inbox::{Inbox, Receipt, Submission};
use crate::operate::status::{self, Sources, Status};
use vitalgate_domain::model::command::{Command, CommandAnswer};
use vitalgate_domain::model::input::Input;

/// A command is smaller than this.
const COMMAND_BYTES: u64 = 64 << 10;
/// Commands at a time; they come from people.
const AT_A_TIME: usize = 4;
/// How long a command may take to come in.
const RECEIVING: Duration = Duration::from_secs(10);
/// How long its commit and the answer may take.
const ANSWERING: Duration = Duration::from_secs(30);
/// How long whoever asks waits: longer than the gateway takes, or gives up.
const PATIENCE: Duration = Duration::from_secs(60);
/// After a failure to accept, which is one of the machine: it has no descriptors left, say.
const PAUSE: Duration = Duration::from_millis(100);

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
        // Made where nobody else gets to it, and moved when it has its mode.
        let hidden = dir.join("control.part");
        if hidden.exists() {
            std::fs::remove_dir_all(&hidden)?;
        }
        std::fs::DirBuilder::new().mode(0o700).create(&hidden)?;
        let draft = hidden.join("sock");
        let listener = UnixListener::bind(&draft)?;
        std::fs::set_permissions(&draft, std::fs::Permissions::from_mode(0o600))?;
        std::fs::rename(&draft, &path)?;
        std::fs::remove_dir(&hidden)?;
        Ok(Self { listener, path })
    }

    /// Takes commands until `cancel`; those taken in by then are still answered.
    pub async fn run(self, sources: Sources, cancel: CancellationToken) {
        let seats = Arc::new(Semaphore::new(AT_A_TIME));
        let served = TaskTracker::new();
        let serve = async {
            while let Ok(seat) = Arc::clone(&seats).acquire_owned().await {
                match self.listener.accept().await {
                    Ok((stream, _)) => {
                        let serving = serve(stream, sources.clone(), cancel.clone());
                        served.spawn(async move {
                            if let Err(error) = serving.await {
                                tracing::warn!(%error, "a command of the command line failed");
                            }
                            drop(seat);
                        });
                    }
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a command of the command line");
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            }
        };
        tokio::select! {
            () = cancel.cancelled() => {}
            () = serve => {}
        }
        served.close();
        served.wait().await;
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(%error, "the control socket was gone");
        }
    }
}

async fn serve(
    mut stream: UnixStream,
    sources: Sources,
    cancel: CancellationToken,
) -> std::io::Result<()> {
    let (peer, own) = (stream.peer_cred()?.uid(), rustix::process::geteuid().as_raw());
    if !may_command(peer, own) {
        return Err(std::io::Error::other(format!("user {peer} is not this gateway's")));
    }
    let question = tokio::select! {
        question = timeout(RECEIVING, receive(&mut stream)) => question??,
        () = cancel.cancelled() => return Ok(()),
    };
    if question == status::QUESTION {
        let status = serde_json::to_vec(&sources.status())?;
        return timeout(ANSWERING, reply(&mut stream, &status)).await?;
    }
    let answering = answer(&mut stream, &sources.handles.inbox, &question);
    if let Ok(answered) = timeout(ANSWERING, answering).await {
        return answered;
    }
    let late = r#"{"outcome":"unknown","detail":"no commit in time: the disk may be full, or the store fails"}"#;
    reply(&mut stream, late.as_bytes()).await
}

/// Whoever the gateway runs as, and root: the mode of the socket says the same, but may be changed by others.
fn may_command(peer: u32, own: u32) -> bool {
    peer == own || peer == 0
}

async fn receive(stream: &mut UnixStream) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.take(COMMAND_BYTES).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

async fn answer(stream: &mut UnixStream, inbox: &Inbox, bytes: &[u8]) -> std::io::Result<()> {
    let answer = match minicbor::decode::<Command>(bytes) {
        Ok(command) => match submit(inbox, command).await {
            Some(answer) => serde_json::to_string(&answer).unwrap_or_default(),
            None => r#"{"outcome":"unknown","detail":"the gateway stopped"}"#.to_owned(),
        },
        Err(_) => r#"{"outcome":"invalid","detail":"not a command"}"#.to_owned(),
    };
    reply(stream, answer.as_bytes()).await
}

async fn reply(stream: &mut UnixStream, bytes: &[u8]) -> std::io::Result<()> {
    stream.write_all(bytes).await?;
    stream.shutdown().await
}

/// Puts a command through the inbox and waits for its commit; `None` if it was not accepted.
pub async fn submit(inbox: &Inbox, command: Command) -> Option<CommandAnswer> {
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
    let bytes = minicbor::to_vec(command).map_err(std::io::Error::other)?;
    let reply = exchange(dir, &bytes)?;
    serde_json::from_str(&reply).map_err(|e| AskError::Broken(e.into()))
}

/// What the gateway that runs on `dir` says of itself.
pub fn status(dir: &Path) -> Result<Status, AskError> {
    let reply = exchange(dir, status::QUESTION)?;
    serde_json::from_str(&reply).map_err(|e| AskError::Broken(e.into()))
}

fn exchange(dir: &Path, question: &[u8]) -> Result<String, AskError> {
    use std::os::unix::net::UnixStream as Stream;
    let mut stream = Stream::connect(socket(dir)).map_err(|_| AskError::NotRunning)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(question)?;
    stream.shutdown(std::net::Shutdown::Write)?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    Ok(reply)
}

#[cfg(test)]
mod tests {
    use tokio::sync::watch;

    use super::*;
    use crate::clock::Clock;
    use crate::handles::Handles;
    use crate::inbox::Committed;
    use crate::pipeline::pulse::Pulse;
    use vitalgate_domain::model::command::{Action, Outcome};
    use vitalgate_domain::model::time::Timestamp;
    use vitalgate_store::types::Identity;

    #[test]
    fn only_its_own_user_and_root_may_command() {
        assert_eq!([may_command(7, 7), may_command(0, 7), may_command(8, 7)], [true, true, false]);
    }

    fn command() -> Command {
        Command {
            actor: "local:cli".into(),
            action: Action::RevokeDevice("dev-1".parse().unwrap()),
        }
    }

    fn sources(inbox: Inbox) -> Sources {
        let site = "site-1".parse().unwrap();
        let store = "store-1".to_owned();
        Sources {
            handles: Handles::new(
                inbox,
                watch::channel(Arc::default()).1,
                watch::channel(Arc::default()).1,
                Clock::system(Timestamp::default()),
            ),
            pulse: Pulse::default(),
            identity: Identity { store, site, simulated: false, stream_clock: false },
        }
    }

    #[tokio::test]
    async fn a_gateway_says_how_it_is_without_a_commit() {
        let dir = tempfile::tempdir().unwrap();
        let control = Control::bind(dir.path()).unwrap();
        let (inbox, mut submissions) = Inbox::new();
        let cancel = CancellationToken::new();
        let running = tokio::spawn(control.run(sources(inbox), cancel.clone()));
        let folder = dir.path().to_owned();
        let status =
            tokio::task::spawn_blocking(move || super::status(&folder)).await.unwrap().unwrap();
        assert_eq!((&*status.site, &*status.store), ("site-1", "store-1"));
        assert!(status.not_ready.contains(&"not listening".to_owned()), "{status:?}");
        cancel.cancel();
        running.await.unwrap();
        assert!(submissions.try_recv().is_err(), "a question is no command");
        assert!(matches!(super::status(dir.path()), Err(AskError::NotRunning)));
    }

    #[tokio::test]
    async fn a_command_is_answered_beside_callers_who_say_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let control = Control::bind(dir.path()).unwrap();
        let (inbox, mut submissions) = Inbox::new();
        let cancel = CancellationToken::new();
        let running = tokio::spawn(control.run(sources(inbox), cancel.clone()));
        let mut silent = Vec::new();
        for _ in 1..AT_A_TIME {
            silent.push(UnixStream::connect(socket(dir.path())).await.unwrap());
        }
        let folder = dir.path().to_owned();
        let asked = tokio::task::spawn_blocking(move || ask(&folder, &command()));
        let submission = submissions.recv().await.unwrap();
        assert!(matches!(&submission.inputs[..], [Input::Command(c)] if **c == command()));
        let answer = CommandAnswer {
            outcome: Outcome::Done,
            detail: String::new(),
            alarm: None,
            version: None,
            pause: None,
        };
        submission.receipt.release(Committed { answers: vec![answer] });
        assert_eq!(asked.await.unwrap().unwrap()["outcome"], "done");

        cancel.cancel();
        running.await.unwrap();
        assert!(matches!(ask(dir.path(), &command()), Err(AskError::NotRunning)));
        drop(silent);
    }

    #[tokio::test]
    async fn the_socket_is_its_owners_alone_and_takes_the_place_of_a_dead_one() {
        let dir = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            let control = Control::bind(dir.path()).unwrap();
            let mode = std::fs::metadata(socket(dir.path())).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no draft stays");
            std::mem::forget(control);
        }
    }
}
