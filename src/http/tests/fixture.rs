//! A server on port 0 with a store in a temporary folder, and the test in place of the pipeline.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};

use axum::Router;
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::client::{EventReader, Reply, request};
use super::store::{TestStore, transition};
use super::ward::{sample_alarm, sample_board, signal_table};
use crate::answers::tests::answers;
use crate::clock::Clock;
use crate::handles::Handles;
use crate::http::router::router;
use crate::http::server::Door;
use crate::http::state::{Ctx, Http};
use crate::http::{AppState, Auth, Limits, Server, TlsFiles};
use crate::inbox::{Committed, Inbox, Submission};
use crate::pipeline::load_shedding::Load;
use crate::pipeline::pulse::Pulse;
use crate::projection::ring::{Frame, Ring};
use crate::projection::view::Board;
use crate::telemetry::Metrics;
use vitalgate_domain::model::command::{Command, CommandAnswer};
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::time::Timestamp;
use vitalgate_store::types::Identity;

/// A running server.
pub(super) struct Bench {
    pub(super) addr: SocketAddr,
    /// Where it speaks TLS, if it does.
    pub(super) tls: Option<SocketAddr>,
    pub(super) board: watch::Sender<Arc<Board>>,
    pub(super) ring: Arc<Ring>,
    pub(super) store: TestStore,
    pub(super) metrics: Metrics,
    pub(super) pulse: Pulse,
    pub(super) cancel: CancellationToken,
    pub(super) tracker: TaskTracker,
    pub(super) submissions: Option<mpsc::Receiver<Submission>>,
}

impl Bench {
    pub(super) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(super) async fn start_with(change: impl FnOnce(&mut AppState)) -> Self {
        Self::serve(change, router).await
    }

    /// Serves these routes; `change` comes first.
    pub(super) async fn serve(
        change: impl FnOnce(&mut AppState),
        routes: impl FnOnce(&Ctx) -> Router,
    ) -> Self {
        Self::serve_with(None, change, routes).await
    }

    /// With TLS beside it.
    pub(super) async fn start_tls(files: TlsFiles, change: impl FnOnce(&mut AppState)) -> Self {
        Self::serve_with(Some(files), change, router).await
    }

    async fn serve_with(
        tls: Option<TlsFiles>,
        change: impl FnOnce(&mut AppState),
        routes: impl FnOnce(&Ctx) -> Router,
    ) -> Self {
        let (board, board_rx) = watch::channel(Arc::new(sample_board()));
        let (_, signals) = watch::channel(Arc::new(signal_table()));
        let (inbox, submissions) = Inbox::new();
        let store = TestStore::new();
        let mut state = AppState {
            handles: Handles::new(inbox, board_rx, signals, Clock::system(Timestamp::default())),
            ring: Arc::default(),
            identity: Identity {
                store: "st0re".into(),
                site: "site".parse().unwrap(),
                simulated: false,
                stream_clock: false,
            },
            auth: Auth::Local("local:demo".into()).into(),
            answers: Arc::new(answers(store.folder(), "st0re", None)),
            push: None,
            teams: None,
            refusals: Arc::default(),
            reader: store.reader.clone(),
            history: store.history.clone(),
            exported_history: None,
            waits: Vec::new(),
            pulse: Pulse::default(),
            load: Load::default(),
            ask: super::asked::ask(),
            limits: Limits::default(),
        };
        change(&mut state);
        let any = "127.0.0.1:0".parse().unwrap();
        let server = Server::bind(any).await.unwrap();
        let server = match tls {
            Some(files) => server.bind_tls(any, files).await.unwrap(),
            None => server,
        };
        let (addr, tls) = (server.local_addr().unwrap(), server.tls_addr().unwrap());
        let (ring, metrics, pulse) =
            (Arc::clone(&state.ring), state.handles.metrics.clone(), state.pulse.clone());
        let (cancel, tracker) = (CancellationToken::new(), TaskTracker::new());
        let (limits, door) = (state.limits, Door::new(&state));
        let routes = routes(&Http::new(state, tracker.clone(), cancel.clone()));
        tracker.spawn(server.serve(routes, limits, door, tracker.clone(), cancel.clone()));
        let submissions = Some(submissions);
        Self { addr, tls, board, ring, store, metrics, pulse, cancel, tracker, submissions }
    }

    /// Answers every command from now on.
    pub(super) fn answer(
        &mut self,
        answer: impl Fn(&Command) -> CommandAnswer + Send + 'static,
    ) -> Arc<Mutex<Vec<Command>>> {
        let mut submissions = self.submissions.take().unwrap();
        let observed = Arc::new(Mutex::new(Vec::new()));
        let observed_by = Arc::clone(&observed);
        tokio::spawn(async move {
            while let Some(submission) = submissions.recv().await {
                let mut answers = Vec::new();
                for input in &submission.inputs {
                    let Input::Command(command) = input else { panic!("{input:?}") };
                    answers.push(answer(command));
                    observed_by.lock().unwrap().push(command.as_ref().clone());
                }
                submission.receipt.release(Committed { answers });
            }
        });
        observed
    }

    /// Commits an alarm to the store and publishes it.
    pub(super) fn raise(&self, seq: u64, ward: &str) {
        self.raise_all(seq..=seq, ward);
    }

    pub(super) fn raise_all(&self, seqs: RangeInclusive<u64>, ward: &str) {
        let bodies = self.commit_all(seqs.clone(), ward);
        for (seq, body) in seqs.zip(bodies) {
            self.ring.publish([frame("alarm", Some(seq), Some(ward), &body)]);
        }
    }

    /// Commits an alarm to the store only.
    pub(super) fn commit(&self, seq: u64, ward: &str) -> String {
        self.commit_all(seq..=seq, ward).remove(0)
    }

    /// Commits alarms in one row; their bodies.
    pub(super) fn commit_all(&self, seqs: RangeInclusive<u64>, ward: &str) -> Vec<String> {
        let raised = |seq| {
            let mut alarm = sample_alarm(&format!("A{seq}"), seq);
            alarm.ward_now = Some(ward.parse().unwrap());
            transition(&alarm, "raised")
        };
        let transitions: Vec<_> = seqs.clone().map(raised).collect();
        let bodies = transitions.iter().map(|t| t.body.clone()).collect();
        self.store.commit_transitions(transitions);
        self.board.send_modify(|board| Arc::make_mut(board).seq = *seqs.end());
        bodies
    }

    pub(super) async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, &[], "").await
    }

    pub(super) async fn post(&self, path: &str, body: &str) -> Reply {
        self.call("POST", path, &[], body).await
    }

    pub(super) async fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let mut socket = self.send(method, path, headers, body).await;
        let mut bytes = Vec::new();
        socket.read_to_end(&mut bytes).await.unwrap();
        Reply::parse(&String::from_utf8(bytes).unwrap())
    }

    /// Opens the stream and reads up to and with `hello`.
    pub(super) async fn stream(&self, query: &str, last: Option<&str>) -> EventReader {
        let mut reader = self.stream_with_hello(query, last).await;
        assert_eq!(reader.next().await.unwrap().name, "hello");
        reader
    }

    /// Opens the stream; `hello` is still to be read.
    pub(super) async fn stream_with_hello(&self, query: &str, last: Option<&str>) -> EventReader {
        let headers: Vec<_> = last.map(|id| ("last-event-id", id)).into_iter().collect();
        let socket = self.send("GET", &format!("/api/v1/stream{query}"), &headers, "").await;
        EventReader(BufReader::new(socket))
    }

    /// Sends a request; the answer is still to be read.
    pub(super) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> TcpStream {
        let mut socket = TcpStream::connect(self.addr).await.unwrap();
        socket.write_all(request(method, path, headers, body).as_bytes()).await.unwrap();
        socket
    }
}

/// A heartbeat frame that says `seq`.
pub(super) fn heartbeat(seq: u64) -> Frame {
    frame("heartbeat", None, None, &format!("{{\"seq\":{seq}}}"))
}

pub(super) fn frame(
    event: &'static str,
    seq: Option<u64>,
    ward: Option<&str>,
    data: &str,
) -> Frame {
    Frame {
        raised: None,
        index: 0,
        event,
        seq,
        ward: ward.map(|w| w.parse().unwrap()),
        moved: false,
        patient: None,
        device: None,
        data: Bytes::from(data.to_owned()),
    }
}
