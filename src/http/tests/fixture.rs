//! A server on port 0, what is behind it in memory, and a client of plain sockets.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::client::{EventReader, Reply, request};
use crate::clock::Clock;
use crate::handles::Handles;
use crate::http::ports::{
    Act, AlarmLog, Bucket, ClosedFilter, Gone, HistoryRead, KeptDeadLetter, KeptGrounds,
    LoggedAlarm, ReadFailed, SeriesQuery, Summary,
};
use crate::http::{AppState, Auth, Limits, Role, Server, Token};
use crate::inbox::{Committed, Inbox, Submission};
use crate::pipeline::load_shedding::Load;
use crate::pipeline::stored::StoredAlarm;
use crate::projection::ring::{Frame, Ring};
use crate::projection::view::{BindingView, Board, DeviceView, Monitored, PatientView};
use crate::telemetry::Metrics;
use vitalgate_domain::model::alarm::{
    Alarm, AlarmKind, Condition, Priority, Response, State, TimeQuality, Trigger,
};
use vitalgate_domain::model::command::{AgeClass, Command, CommandAnswer, Outcome, PrincipalKind};
use vitalgate_domain::model::ids::{AlarmId, DeviceId};
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::message::DeadLetter;
use vitalgate_domain::model::message::DeviceInfo;
use vitalgate_domain::model::signal::SignalTable;
use vitalgate_domain::model::time::{Span, Timestamp};
use vitalgate_store::types::{Identity, Sample};

/// A running server.
pub(super) struct Bench {
    pub(super) addr: SocketAddr,
    pub(super) board: watch::Sender<Arc<Board>>,
    pub(super) ring: Arc<Ring>,
    pub(super) log: Arc<MemoryLog>,
    pub(super) metrics: Metrics,
    pub(super) pulse: crate::pipeline::pulse::Pulse,
    pub(super) cancel: CancellationToken,
    pub(super) tracker: TaskTracker,
    pub(super) submissions: Option<mpsc::Receiver<Submission>>,
}

impl Bench {
    pub(super) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(super) async fn start_with(change: impl FnOnce(&mut AppState)) -> Self {
        let (board, board_rx) = watch::channel(Arc::new(sample_board()));
        let (_, signals) = watch::channel(Arc::new(signal_table()));
        let (inbox, submissions) = Inbox::new();
        let log = Arc::new(MemoryLog::default());
        let mut state = AppState {
            handles: Handles::new(inbox, board_rx, signals, Clock::system(Timestamp::default())),
            ring: Arc::default(),
            identity: Identity {
                store: "st0re".into(),
                site: "site".parse().unwrap(),
                simulated: false,
                stream_clock: false,
            },
            auth: Auth::Local("local:demo".into()),
            log: log.clone(),
            history: log.clone(),
            elsewhere: None,
            pulse: crate::pipeline::pulse::Pulse::default(),
            load: Load::default(),
            limits: Limits::default(),
        };
        change(&mut state);
        let server = Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let addr = server.local_addr().unwrap();
        let (ring, metrics, pulse) =
            (Arc::clone(&state.ring), state.handles.metrics.clone(), state.pulse.clone());
        let (cancel, tracker) = (CancellationToken::new(), TaskTracker::new());
        tracker.spawn(server.run(state, tracker.clone(), cancel.clone()));
        let submissions = Some(submissions);
        Self { addr, board, ring, log, metrics, pulse, cancel, tracker, submissions }
    }

    /// Answers every command from now on.
    pub(super) fn answer(
        &mut self,
        answer: impl Fn(&Command) -> CommandAnswer + Send + 'static,
    ) -> Arc<Mutex<Vec<Command>>> {
        let mut submissions = self.submissions.take().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let heard_by = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Some(submission) = submissions.recv().await {
                let mut answers = Vec::new();
                for input in &submission.inputs {
                    let Input::Command(command) = input else { panic!("{input:?}") };
                    answers.push(answer(command));
                    heard_by.lock().unwrap().push(command.as_ref().clone());
                }
                submission.receipt.release(Committed { answers });
            }
        });
        heard
    }

    /// Commits an alarm to the log and publishes it.
    pub(super) fn raise(&self, seq: u64, ward: &str) {
        let alarm = self.commit(seq, ward);
        self.ring.publish([frame("alarm", Some(seq), Some(ward), &alarm)]);
    }

    /// Commits an alarm to the log only.
    pub(super) fn commit(&self, seq: u64, ward: &str) -> String {
        let mut alarm = sample_alarm(&format!("A{seq}"), seq);
        alarm.ward = Some(ward.parse().unwrap());
        let body = StoredAlarm::new(&alarm, true).json();
        self.log.0.lock().unwrap().alarms.push((
            alarm.id,
            LoggedAlarm {
                seq,
                at: now(),
                change: "raised".into(),
                actor: None,
                body: body.clone(),
            },
        ));
        self.board.send_modify(|board| Arc::make_mut(board).seq = seq);
        body
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
        patient: None,
        data: Bytes::from(data.to_owned()),
    }
}

#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) alarms: Vec<(AlarmId, LoggedAlarm)>,
    pub(super) oldest: Option<u64>,
    pub(super) samples: Vec<Sample>,
    pub(super) asked: Option<SeriesQuery>,
    /// Answered instead of one bucket over all samples.
    pub(super) buckets: Vec<Bucket>,
}

/// Transitions and history in memory.
#[derive(Debug, Default)]
pub(super) struct MemoryLog(pub(super) Mutex<Memory>);

impl AlarmLog for MemoryLog {
    fn after(&self, seq: u64, limit: usize) -> Result<Vec<LoggedAlarm>, ReadFailed> {
        let memory = self.0.lock().unwrap();
        let newer = memory.alarms.iter().filter(|(_, logged)| logged.seq > seq);
        Ok(newer.take(limit).map(|(_, logged)| logged.clone()).collect())
    }

    fn of_alarm(&self, id: &AlarmId) -> Result<Vec<LoggedAlarm>, ReadFailed> {
        let memory = self.0.lock().unwrap();
        let story = memory.alarms.iter().filter(|(of, _)| of == id);
        Ok(story.map(|(_, logged)| logged.clone()).collect())
    }

    fn grounds(&self, _: &AlarmId) -> Result<Option<KeptGrounds>, ReadFailed> {
        Ok(None)
    }

    fn closed(&self, filter: &ClosedFilter, limit: usize) -> Result<Vec<LoggedAlarm>, ReadFailed> {
        let memory = self.0.lock().unwrap();
        let older = memory.alarms.iter().rev().map(|(_, logged)| logged);
        let older = older.filter(|logged| filter.before.is_none_or(|before| logged.seq < before));
        Ok(older.take(limit).cloned().collect())
    }

    fn oldest_seq(&self) -> Result<Option<u64>, ReadFailed> {
        let memory = self.0.lock().unwrap();
        Ok(memory.oldest.or(memory.alarms.first().map(|(_, logged)| logged.seq)))
    }

    fn audit(&self, _: Option<u64>, _: usize) -> Result<Vec<Act>, ReadFailed> {
        Ok(Vec::new())
    }

    fn dead_letters(
        &self,
        _: Option<&DeviceId>,
        _: Option<u64>,
        _: usize,
    ) -> Result<Vec<KeptDeadLetter>, ReadFailed> {
        let letter = DeadLetter {
            principal: "dev-1".parse().unwrap(),
            device: None,
            topic: "vitalgate/v1/dev-1/telemetry".into(),
            kind: None,
            reason: "shape: not JSON".into(),
            length: 3,
            head: b"\xffno".to_vec(),
        };
        Ok(vec![KeptDeadLetter { n: 7, at: now(), letter }])
    }
}

impl HistoryRead for MemoryLog {
    fn series(&self, query: &SeriesQuery) -> usize {
        query.signals.len()
    }

    fn gone(&self, _: &SeriesQuery, _: Timestamp, _: Timestamp) -> Vec<Gone> {
        Vec::new()
    }

    fn samples(
        &self,
        query: &SeriesQuery,
        from: Timestamp,
        to: Timestamp,
        limit: usize,
    ) -> Result<Vec<Sample>, ReadFailed> {
        let mut memory = self.0.lock().unwrap();
        memory.asked = Some(query.clone());
        let wanted =
            |s: &&Sample| from <= s.at && s.at < to && query.signals.contains(&s.series.signal);
        let inside = memory.samples.iter().filter(wanted);
        Ok(inside.take(limit).cloned().collect())
    }

    fn buckets(
        &self,
        query: &SeriesQuery,
        from: Timestamp,
        to: Timestamp,
        _: u32,
    ) -> Result<Vec<Bucket>, ReadFailed> {
        let samples = self.samples(query, from, to, usize::MAX)?;
        let told = self.0.lock().unwrap().buckets.clone();
        if !told.is_empty() {
            return Ok(told);
        }
        let Some(first) = samples.first() else { return Ok(Vec::new()) };
        Ok(vec![Bucket {
            series: first.series.clone(),
            unit: first.unit,
            from,
            to,
            values: Some(Summary {
                count: samples.len() as u64,
                min: samples.iter().map(|s| s.value).fold(f64::INFINITY, f64::min),
                max: samples.iter().map(|s| s.value).fold(f64::NEG_INFINITY, f64::max),
                mean: samples.iter().map(|s| s.value).sum::<f64>() / samples.len() as f64,
                last: samples.last().unwrap().value,
            }),
        }])
    }
}

/// An answer without an alarm.
pub(super) fn answered(outcome: Outcome) -> CommandAnswer {
    CommandAnswer { outcome, detail: "as it is".into(), alarm: None, version: None }
}

/// Tokens `v`, `c` and `o` for a viewer, a clinician and ops.
pub(super) fn tokens() -> Auth {
    let token = |name: &str, role| {
        let hash = ring::digest::digest(&ring::digest::SHA256, name.as_bytes());
        Token::new(name, role, &data_encoding::HEXLOWER.encode(hash.as_ref())).unwrap()
    };
    Auth::Tokens(vec![token("v", Role::Viewer), token("c", Role::Clinician), token("o", Role::Ops)])
}

pub(super) fn now() -> Timestamp {
    Timestamp::from_millis(1_795_000_000_000)
}

fn signal_table() -> SignalTable {
    SignalTable::parse(
        "[[signal]]\nid = 1\nname = \"heart_rate\"\nlabel = \"HR\"\ncadence = \"continuous\"\nunit = \"/min\"\n\
         [[signal]]\nid = 3\nname = \"spo2\"\nlabel = \"SpO2\"\ncadence = \"continuous\"\nunit = \"%\"\n",
    )
    .unwrap()
}

pub(super) fn sample_alarm(id: &str, seq: u64) -> Alarm {
    Alarm {
        id: id.parse().unwrap(),
        seq,
        site: "site".parse().unwrap(),
        patient: Some("p-1".parse().unwrap()),
        ward: Some("icu".parse().unwrap()),
        bed: Some("icu-1".parse().unwrap()),
        device: Some("dev-1".parse().unwrap()),
        source: "dev-1".into(),
        group: None,
        simulated: false,
        rule: "vitals_live.heart_rate_high".parse().unwrap(),
        rule_version: 0,
        kind: AlarmKind::Physiological,
        text: "HR 150 /min above 140 /min".into(),
        advice: None,
        priority: Priority::High,
        priority_peak: Priority::High,
        response: Response::Immediate,
        state: State::Alarming,
        condition: Condition::Present,
        condition_since: now(),
        condition_reason: None,
        acknowledged: None,
        trigger: Trigger {
            signal: "heart_rate".into(),
            value: Some(150.0),
            comparator: None,
            unit: None,
            side: None,
            limit: Some(140.0),
            limit_from: None,
            measured_at: Some(now()),
            relay_at: None,
            received_at: Some(now()),
            time_quality: TimeQuality::Synced,
        },
        latest: None,
        raised_at: now(),
        announced_at: now(),
        ended_at: None,
        closed_at: None,
        closed_reason: None,
        late: false,
        recurrence: 0,
    }
}

/// Ward `icu` with bed `icu-1`, in it patient `p-1` with `dev-1`, which was `p-2`'s before.
fn sample_board() -> Board {
    let patient = PatientView {
        id: "p-1".parse().unwrap(),
        ward: Some("icu".parse().unwrap()),
        bed: Some("icu-1".parse().unwrap()),
        age_class: AgeClass::Adult,
        continuous: true,
        pregnant: None,
        discharged_at: None,
        monitored: Monitored { state: "monitored", why: Vec::new(), judged_to: now() },
        vitals: Vec::new(),
        devices: vec!["dev-1".parse().unwrap()],
        limits: Vec::new(),
        limits_version: 3,
    };
    let device = DeviceView {
        id: "dev-1".parse().unwrap(),
        class: "monitor".into(),
        kind: PrincipalKind::Device,
        revoked: false,
        token_sha256: Some(vec![1; 32]),
        via: Vec::new(),
        patient: Some("p-1".parse().unwrap()),
        bindings: vec![
            BindingView {
                patient: Some("p-2".parse().unwrap()),
                from: now() - Span::hours(2),
                to: Some(now() - Span::hours(1)),
            },
            BindingView {
                patient: Some("p-1".parse().unwrap()),
                from: now() - Span::hours(1),
                to: None,
            },
        ],
        connectivity: "connected",
        last_device_contact: Some(now()),
        last_relay_contact: None,
        expected_next: None,
        clock_offset_ms: Some(12),
        signals: Vec::new(),
        info: DeviceInfo::default(),
        counts: BTreeMap::new(),
    };
    Board {
        seq: 0,
        judged_to: now(),
        wards: Arc::new(BTreeMap::from([(
            "icu".parse().unwrap(),
            vec!["icu-1".parse().unwrap(), "icu-2".parse().unwrap()],
        )])),
        patients: Arc::new(BTreeMap::from([(patient.id.clone(), Arc::new(patient))])),
        devices: Arc::new(BTreeMap::from([(device.id.clone(), Arc::new(device))])),
        alarms: Arc::new(BTreeMap::from([(
            "A1".parse().unwrap(),
            Arc::new(sample_alarm("A1", 1)),
        )])),
        ..Board::default()
    }
}
