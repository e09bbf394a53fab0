//! The floor of ingest: the gateway's listener, a bare append and fdatasync, without decode, rules or SQLite; or any program
//! that `VITALGATE_FLOOR` names, with its arguments, in which `PORT` stands for the port it is to listen on at 127.0.0.1.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vitalgate::app::Addresses;
use vitalgate::clock::Clock;
use vitalgate::handles::Handles;
use vitalgate::inbox::{Committed, Inbox, Submission};
use vitalgate::ingest::sources::listener::{
    Authentication, Listener, ListenerConfig, SourceHandles, Unknown,
};
use vitalgate::projection::view::Board;
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::message::{Body, Message, Mode};
use vitalgate_domain::model::signal::SignalTable;
use vitalgate_domain::model::time::Timestamp;
use vitalgate_formats::{Decoded, Request};

use super::gateway::Server;

/// The part of a process that is the floor.
pub(crate) const PART: &str = "floor";

/// A floor in a process of its own, with its file in `dir`.
pub(crate) fn start(dir: &Path) -> anyhow::Result<Server> {
    match std::env::var("VITALGATE_FLOOR") {
        Ok(program) => foreign(&program, dir),
        Err(_) => Server::start(super::myself()?.arg(PART).arg(dir), dir),
    }
}

fn foreign(program: &str, dir: &Path) -> anyhow::Result<Server> {
    let listening = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let mut words = program.split_whitespace();
    let mut command = Command::new(words.next().context("VITALGATE_FLOOR is empty")?);
    command.args(words.map(|word| word.replace("PORT", &listening.port().to_string())));
    let server = Server::announced(command.current_dir(dir), dir, listening)?;
    wait_for(listening)?;
    Ok(server)
}

fn wait_for(address: SocketAddr) -> anyhow::Result<()> {
    for _ in 0..500 {
        if TcpStream::connect(address).is_ok() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    anyhow::bail!("nothing listens on {address}; see its server.log")
}

/// The floor's own process; its argument is the folder.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let dir = Path::new(arguments.first().context("which folder?")?);
    let file = File::create(dir.join("log"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = Listener::bind(ListenerConfig {
            plain: vec!["127.0.0.1:0".parse()?],
            authentication: Authentication::Open,
            unknown: Unknown::Admit,
            decode: take_as_it_is,
            ..ListenerConfig::default()
        })?;
        let addresses =
            Addresses { mqtt: listener.local_addrs().first().copied(), ..Addresses::default() };
        let (inbox, submissions) = Inbox::new();
        let appending = std::thread::spawn(move || append(submissions, file));
        fs::write(dir.join("addresses.json"), serde_json::to_vec(&addresses)?)?;
        let (_board, board) = watch::channel(Arc::new(Board::default()));
        let (_signals, signals) = watch::channel(Arc::new(SignalTable::default()));
        listener
            .run(SourceHandles {
                handles: Handles::new(
                    inbox,
                    board,
                    signals,
                    Clock::system(Timestamp::from_micros(0)),
                ),
                refusals: Arc::default(),
                tracker: TaskTracker::new(),
                cancel: CancellationToken::new(),
            })
            .await;
        appending.join().map_err(|_| anyhow::anyhow!("the appending thread panicked"))?
    })
}

/// No decode: the bytes, to be appended.
fn take_as_it_is(request: &Request<'_>, _: &SignalTable) -> Decoded {
    let text = String::from_utf8_lossy(request.payload).into_owned();
    let message = Message {
        principal: request.principal.clone(),
        device: request.device.clone(),
        boot: None,
        seq: None,
        sent_at: None,
        mode: Mode::Real,
        clock: None,
        relay: None,
        hash: 0,
        delivery: request.delivery,
        unknown_fields: 0,
        old: None,
        body: Body::Status { will: false, text },
    };
    Decoded { message, waves: Vec::new(), dead_letter: None }
}

/// Everything that waits with one write and one fdatasync, then its receipts.
fn append(mut submissions: mpsc::Receiver<Submission>, mut file: File) -> anyhow::Result<()> {
    let mut bytes = Vec::new();
    while let Some(first) = submissions.blocking_recv() {
        let mut batch = vec![first];
        while let Ok(more) = submissions.try_recv() {
            batch.push(more);
        }
        bytes.clear();
        for input in batch.iter().flat_map(|submission| &submission.inputs) {
            if let Input::Message(message) = input
                && let Body::Status { text, .. } = &message.body
            {
                bytes.extend_from_slice(text.as_bytes());
            }
        }
        file.write_all(&bytes)?;
        file.sync_data()?;
        for submission in batch {
            submission.receipt.release(Committed::default());
        }
    }
    Ok(())
}
