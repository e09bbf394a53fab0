//! The connection to the broker: made, kept, and made again.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::client::{Broken, Client, Grant, Received};
use super::intake::{Acks, Place, SubscriberIntake};
use super::{SECOND, Shared, SpeaksFor, seconds};
use crate::clock::Stopwatch;
use crate::inbox::{Closed, Receipt, Submission};
use crate::ingest::access::permission;
use crate::ingest::bundle::Bundle;
use crate::ingest::line::{Line, NotAccepted};
use crate::net::backoff::Backoff;
use crate::projection::view::UNKNOWN_CLASS;
use vitalgate_domain::model::command::{Action, Command, PrincipalKind, Registration};
use vitalgate_domain::model::input::Input;

/// Seconds after which a refused filter is asked for again, doubled each time up to the second.
const ASK_AGAIN: (u64, u64) = (1, 60);
/// Between connections.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Seconds a broker may take to answer SUBSCRIBE.
const ANSWER_WITHIN: u64 = 30;

/// The client, and what outlives its connections.
pub(super) struct Link<'a, C> {
    shared: &'a Shared,
    client: C,
    backoff: Backoff,
}

/// Why a connection is no more.
enum End {
    /// The gateway stops.
    Stopped,
    /// Something is wrong; it is made again.
    Broken(Broken),
}

impl From<Broken> for End {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

impl From<NotAccepted> for End {
    fn from(NotAccepted: NotAccepted) -> Self {
        Self::Broken(Broken::new("the gateway did not accept a message"))
    }
}

/// A submission waiting for room in the inbox.
type Submitting = Pin<Box<dyn Future<Output = Result<(), Closed>> + Send>>;

/// What belongs to one connection.
struct Session {
    line: Line<Acks>,
    /// It is not read for so long, because it brought more than its budget.
    pause: (Stopwatch, Duration),
    submitting: Option<Submitting>,
    received: Vec<Received>,
    /// Messages now waited in the session while nobody listened.
    backlog: bool,
    /// The first probe of this connection.
    first_probe: u64,
    /// Own probes in the line.
    probes_held: usize,
    /// Seconds it has lasted.
    age: u64,
    filters: Filters,
}

/// What was subscribed to.
struct Filters {
    /// Asked for and not yet answered, and for how many seconds.
    asked: Vec<String>,
    unanswered: u64,
    /// Not granted with QoS 1, asked for again in so many seconds, and then after so many.
    refused: Vec<String>,
    again_in: u64,
    pause: u64,
}

impl<'a, C: Client> Link<'a, C> {
    pub(super) fn new(shared: &'a Shared, client: C) -> Self {
        Self { shared, client, backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE) }
    }

    /// Until the gateway stops.
    pub(super) async fn run(mut self) {
        let shared = self.shared;
        let cancel = shared.source.cancel.clone();
        shared.link_is(Some("not connected yet".to_owned()));
        // A gauge that is not there alarms nobody.
        shared.source.handles.metrics.broker_connected(shared.config.id.as_str(), false);
        shared.register().await;
        loop {
            let broken = match self.once().await {
                End::Stopped => return,
                End::Broken(broken) => broken,
            };
            tracing::warn!(broker = %shared.config.id, %broken, "no connection to the broker");
            shared.link_is(Some(broken.to_string()));
            shared.proof().trouble(broken.to_string());
            let pause = self.backoff.pause();
            tokio::select! {
                () = cancel.cancelled() => return,
                () = sleep(pause) => {}
            }
        }
    }

    /// One connection from beginning to end.
    async fn once(&mut self) -> End {
        let shared = self.shared;
        if shared.is_revoked() {
            return Broken::new("its connector is revoked").into();
        }
        let cancel = &shared.source.cancel;
        let connected = tokio::select! {
            () = cancel.cancelled() => return End::Stopped,
            connected = self.client.connect() => connected,
        };
        let kept = match connected {
            Ok(kept) => kept,
            Err(broken) => return broken.into(),
        };
        tracing::info!(broker = %shared.config.id, session = kept, "connected to the broker");
        shared.link_is(Some("not subscribed yet".to_owned()));
        shared.source.handles.metrics.broker_connected(shared.config.id.as_str(), true);
        let mut session = Session::new(shared, kept);
        // Until the inbox has room no probe can leave, which is not the broker's doing.
        shared.proof().excuse(true);
        let reported = shared.report_link(true, false).await;
        shared.proof().excuse(false);
        let end = match reported {
            Ok(()) => self.serve(&mut session).await,
            Err(end) => Err(end),
        };
        let Err(end) = end;
        let stopped = matches!(end, End::Stopped);
        if stopped {
            let settled = timeout(shared.config.drain, self.settle(&mut session.line)).await;
            if !matches!(settled, Ok(Ok(()))) {
                tracing::info!(broker = %shared.config.id, "stopped before the last commits");
            }
        }
        shared.proof().excuse(true);
        if stopped {
            self.client.disconnect().await;
        } else {
            self.client.hang_up();
        }
        shared.source.handles.metrics.broker_connected(shared.config.id.as_str(), false);
        let reported = timeout(shared.config.drain, shared.report_link(false, stopped)).await;
        if reported.is_err() {
            tracing::info!(broker = %shared.config.id, "the end could not be reported to the pipeline");
        }
        shared.proof().excuse(false);
        end
    }

    async fn serve(&mut self, session: &mut Session) -> Result<std::convert::Infallible, End> {
        let shared = self.shared;
        let cancel = shared.source.cancel.clone();
        let mut tick = interval(SECOND);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.client.subscribe(&session.filters.asked).await?;
        self.probe(session).await?;
        loop {
            let listening = session.submitting.is_none()
                && session.line.has_room(&Place::default(), 0)
                && session.may_be_read();
            tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(End::Stopped),
                place = session.line.next() => self.acknowledge(session, place?).await?,
                submitted = room(&mut session.submitting) => {
                    session.submitting = None;
                    submitted.map_err(|Closed| End::Stopped)?;
                }
                _ = tick.tick() => self.second(session, listening).await?,
                read = self.client.receive(&mut session.received), if listening => {
                    read?;
                    self.take_in(session);
                }
            }
        }
    }

    /// What was received becomes one submission.
    fn take_in(&mut self, session: &mut Session) {
        let shared = self.shared;
        let mut intake = SubscriberIntake::new(shared);
        for received in session.received.drain(..) {
            match received {
                Received::Publish(publish) => {
                    let probe = intake.publish(&publish, session.backlog);
                    // It was sent on this connection: what waited before it has been received.
                    if probe.is_some_and(|seq| seq >= session.first_probe) {
                        session.backlog = false;
                    }
                }
                Received::Subscribed(granted) => session.filters.answered(shared, &granted),
            }
        }
        if let Some((submission, place)) = intake.finish() {
            let sent = (place.messages, place.bytes);
            session.pause = (Stopwatch::start(), shared.charge(sent));
            let inbox = shared.source.handles.inbox.clone();
            session.probes_held += place.acks.probes;
            session.line.push(place);
            session.submitting = Some(Box::pin(async move { inbox.submit(submission).await }));
        }
    }

    /// Acknowledges a committed place and all committed behind it with one write.
    async fn acknowledge(&mut self, session: &mut Session, first: Place) -> Result<(), End> {
        let acks = collect(&mut session.line, first)?;
        session.probes_held -= acks.probes;
        if !acks.due.is_empty() {
            self.client.acknowledge(&acks.due).await?;
            self.backoff.reset();
        }
        let Some(seq) = acks.probe else { return Ok(()) };
        if let Some(back) = self.shared.proof().back(seq) {
            self.shared.source.handles.metrics.broker_probe(back.seconds);
        }
        Ok(())
    }

    /// A second has passed.
    async fn second(&mut self, session: &mut Session, listening: bool) -> Result<(), End> {
        let shared = self.shared;
        // That a probe waits for its commit, or to be read, is not the broker's doing.
        shared.proof().excuse(!listening || session.probes_held > 0);
        if shared.is_revoked() {
            return Err(Broken::new("its connector is revoked").into());
        }
        session.age += 1;
        self.client.tick(listening).await?;
        if session.age.is_multiple_of(seconds(shared.config.probe_every)) {
            self.probe(session).await?;
        }
        if session.filters.are_due()? {
            self.client.subscribe(&session.filters.asked).await?;
        }
        Ok(())
    }

    async fn probe(&mut self, session: &mut Session) -> Result<(), End> {
        let topic = probe_topic(self.shared);
        let (seq, bytes) = self.shared.proof().probe();
        session.first_probe = session.first_probe.min(seq);
        Ok(self.client.publish(&topic, bytes).await?)
    }

    /// Waits for what is in flight and acknowledges it.
    async fn settle(&mut self, line: &mut Line<Acks>) -> Result<(), End> {
        while !line.is_empty() {
            let first = line.next().await?;
            let acks = collect(line, first)?;
            self.client.acknowledge(&acks.due).await?;
        }
        Ok(())
    }
}

impl Session {
    fn new(shared: &Shared, kept: bool) -> Self {
        Self {
            line: Line::new(usize::MAX, shared.config.max_bytes),
            pause: (Stopwatch::start(), Duration::ZERO),
            submitting: None,
            received: Vec::new(),
            backlog: kept,
            first_probe: u64::MAX,
            probes_held: 0,
            age: 0,
            filters: Filters::new(shared),
        }
    }
}

impl Session {
    /// Whether it is within its budget again.
    fn may_be_read(&self) -> bool {
        let (since, pause) = &self.pause;
        pause.is_zero() || since.seconds() >= pause.as_secs_f64()
    }
}

impl Filters {
    /// As configured, and the probe's own topic where none of them covers it.
    fn new(shared: &Shared) -> Self {
        let mut asked = shared.config.topics.clone();
        let probe = probe_topic(shared);
        if !asked.iter().any(|filter| rumqttc::matches(&probe, filter)) {
            asked.push(probe);
        }
        let refused = Vec::new();
        Self { asked, unanswered: 0, refused, again_in: 0, pause: ASK_AGAIN.0 }
    }

    fn answered(&mut self, shared: &Shared, granted: &[Grant]) {
        let asked = std::mem::take(&mut self.asked);
        self.unanswered = 0;
        let missing = std::iter::repeat(Grant::Refused);
        let answers = asked.iter().map(String::as_str).zip(granted.iter().copied().chain(missing));
        let why = Grant::shortfall(&answers);
        let short = answers.filter(|(_, grant)| *grant != Grant::AtLeastOnce);
        self.refused = short.map(|(filter, _)| filter.to_owned()).collect();
        if let Some(why) = &why {
            tracing::warn!(broker = %shared.config.id, "{why}");
            self.again_in = self.pause;
            self.pause = (self.pause * 2).min(ASK_AGAIN.1);
        }
        shared.proof().refused(why.clone());
        shared.link_is(why);
    }

    /// A second has passed; whether `asked` is to be asked for again.
    fn are_due(&mut self) -> Result<bool, Broken> {
        if !self.asked.is_empty() {
            self.unanswered += 1;
            return if self.unanswered > ANSWER_WITHIN {
                Err(Broken::new("the broker does not answer SUBSCRIBE"))
            } else {
                Ok(false)
            };
        }
        if self.refused.is_empty() {
            return Ok(false);
        }
        self.again_in = self.again_in.saturating_sub(1);
        if self.again_in > 0 {
            return Ok(false);
        }
        self.asked = std::mem::take(&mut self.refused);
        Ok(true)
    }
}

impl Shared {
    /// Takes what the broker brought of its budget, which is that of all whose messages it may bring; how long it is not
    /// read for that.
    fn charge(&self, sent: (usize, usize)) -> Duration {
        let Self { config, source, .. } = self;
        source.charge(&config.id, sent, |board| match config.speaks_for {
            SpeaksFor::Assigned => permission::devices_of(board, &config.id),
            SpeaksFor::Registered => board.devices.len() as u64,
        })
    }

    fn link_is(&self, why: Option<String>) {
        self.stands(|standing| standing.link = why);
    }

    fn is_revoked(&self) -> bool {
        let board = self.source.handles.board.borrow();
        board.devices.get(&self.config.id).is_some_and(|device| device.revoked)
    }

    /// The connector is in the registry, so that devices can be assigned to it.
    async fn register(&self) {
        let Shared { config, source, .. } = self;
        let known = source.handles.board.borrow().devices.get(&config.id).map(Arc::clone);
        match known.map(|known| (known.kind, known.class == UNKNOWN_CLASS)) {
            None | Some((PrincipalKind::Device, true)) => {}
            Some((PrincipalKind::Device, false)) => {
                tracing::warn!(broker = %config.id, "a registered device has this broker's id");
                return;
            }
            Some((PrincipalKind::Relay | PrincipalKind::Connector, _)) => return,
        }
        let action = Action::RegisterDevice(Registration {
            id: config.id.clone(),
            class: Some(UNKNOWN_CLASS.to_owned()),
            kind: Some(PrincipalKind::Connector),
            token_sha256: None,
            via: None,
            signals: None,
            replaces: None,
            while_unbound: false,
        });
        let command = Command { actor: "local:config".to_owned(), action };
        let input = Input::Command(Box::new(command));
        self.submit(Submission::of(vec![input], 0, Receipt::unawaited())).await.ok();
    }

    /// Reports to the pipeline that the connector's connection came or went.
    async fn report_link(&self, connected: bool, clean: bool) -> Result<(), End> {
        let Shared { config, source, .. } = self;
        let mut bundle = Bundle::new(source, &config.id, config.retention, config.decode);
        bundle.link(connected, clean);
        let submission = bundle.submission(0, Receipt::unawaited());
        if connected {
            return self.submit(submission).await;
        }
        source.handles.inbox.submit(submission).await.map_err(|Closed| End::Stopped)
    }

    async fn submit(&self, submission: Submission) -> Result<(), End> {
        let source = &self.source;
        tokio::select! {
            biased;
            submitted = source.handles.inbox.submit(submission) => submitted.map_err(|Closed| End::Stopped),
            () = source.cancel.cancelled() => Err(End::Stopped),
        }
    }
}

/// The acknowledgements of a committed place and of all committed behind it.
fn collect(line: &mut Line<Acks>, first: Place) -> Result<Acks, NotAccepted> {
    let mut all = first.acks;
    while let Some(place) = line.ready()? {
        all.due.extend(place.acks.due);
        all.probes += place.acks.probes;
        all.probe = place.acks.probe.or(all.probe);
    }
    Ok(all)
}

/// Waits until the inbox took the submission; for ever if there is none.
async fn room(submitting: &mut Option<Submitting>) -> Result<(), Closed> {
    match submitting {
        Some(submitting) => submitting.await,
        None => std::future::pending().await,
    }
}

/// Where probes are published: under the connector's own name.
fn probe_topic(shared: &Shared) -> String {
    format!("vitalgate/v1/{}/telemetry", shared.config.id)
}
