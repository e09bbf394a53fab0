//! One channel at work: a consumer of the alarm log that sends one thing after the other.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::answer::Verdict;
use super::event::Event;
use super::outbox::{Outbox, Page, Waiting};
use super::push::Company;
use super::selection::Selection;
use super::waits::Waits;
use super::way::{BadWay, Way};
use crate::answers::Answers;
use crate::config;
use crate::handles::Handles;
use crate::net::backoff::Backoff;
use crate::telemetry::Hop;
use vitalgate_domain::model::alarm::Priority;
use vitalgate_domain::model::ids::{AlarmId, ChannelId, DeviceId};
use vitalgate_domain::model::input::{Input, Stretch};
use vitalgate_domain::model::message::DeadLetter;
use vitalgate_domain::model::time::{Span, Timestamp};
use vitalgate_store::consumers::{Consumer, ConsumerCursor};
use vitalgate_store::deliveries::{Delivered, TAKEN};
use vitalgate_store::types::Identity;
use vitalgate_store::{ReadError, Reader};

/// After the first failure, at most, and after many.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// How long it may go on at shutdown with what is committed; the rest waits for the next start.
const FLUSH: Duration = Duration::from_secs(3);
/// While it waits for the next try, it looks so often at what else waits.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long the core may take to hear of it; it is told again with the next failure.
const TOLD_WITHIN: Duration = Duration::from_secs(5);
/// What calls nobody with high priority may wait so long before an alarm says so.
const LATE: Span = Span::mins(1);
/// So often a message is refused before the next ones are tried, so many of them: it is given up where one is taken.
const REFUSALS: u32 = 3;
const FOLLOWING: usize = 8;
/// Nothing is tried for longer, also of an alarm that stays open: what waits is not pruned.
const LONGEST: Span = Span::days(31);
/// An answer may take so long before it is looked at what waits for it.
const SLOW: Duration = Duration::from_secs(3);
/// Of a message that is given up this much is kept.
const HEAD_BYTES: usize = 1_024;

/// What a channel works with.
#[derive(Debug)]
pub struct Parts {
    /// What the store is.
    pub identity: Identity,
    /// The log.
    pub reader: Reader,
    /// Where its cursor is kept.
    pub consumer: Consumer,
    /// What it shares with every interface.
    pub handles: Handles,
    /// What the core was told to wait here, if that is an alarm yet.
    pub told: Option<Priority>,
    /// Who is called for alarms: a channel that is somebody's tells what is for them alone.
    pub company: Company,
    /// By which whoever is called answers.
    pub answers: Arc<Answers>,
}

/// A channel, not yet running.
#[derive(Debug)]
pub struct Channel {
    id: ChannelId,
    way: Arc<Way>,
    give_up_after: Span,
    outbox: Arc<Outbox>,
    consumer: Consumer,
    handles: Handles,
    backoff: Backoff,
    /// What the core was told to wait here.
    told: Option<Priority>,
    /// Taken already, though it is behind what waits.
    ahead: Option<Delivered>,
}

impl Channel {
    /// Reads secrets and certificates; connects to nothing.
    pub fn new(config: &config::Channel, parts: Parts) -> Result<Self, BadWay> {
        let Parts { identity, reader, consumer, handles, told, company, answers } = parts;
        let (wards, least) = (config.wards.clone(), config.least);
        let teams = company.teams.clone();
        let selection = Selection { channel: config.id.clone(), wards, least, teams };
        consumer.begin();
        handles.metrics.delivery_begins(config.id.as_str());
        Ok(Self {
            id: config.id.clone(),
            way: Arc::new(Way::new(config, &identity.site, company)?),
            give_up_after: config.give_up_after,
            outbox: Arc::new(Outbox { reader, selection, store: identity.store.clone(), answers }),
            consumer,
            handles,
            backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
            told,
            ahead: None,
        })
    }

    /// What it has not told yet.
    pub fn waits(&self) -> Waits {
        let (way, outbox) = (Arc::clone(&self.way), Arc::clone(&self.outbox));
        Waits { channel: self.id.clone(), way, outbox, consumer: self.consumer.clone() }
    }

    /// Sends everything; from `stop` on only what is committed by then, as far as it gets in time.
    pub async fn run(mut self, stop: CancellationToken) {
        let late = async {
            stop.cancelled().await;
            tokio::time::sleep(FLUSH).await;
        };
        tokio::select! {
            () = late => {}
            () = self.send_all(&stop) => {}
        }
    }

    async fn send_all(&mut self, stop: &CancellationToken) {
        let mut board = self.handles.board.clone();
        self.show_failing(self.told);
        let mut seq = match self.consumer.begin() {
            new if new == ConsumerCursor::default() => self.tell_open().await,
            known => known.seq,
        };
        loop {
            let newest = board.borrow_and_update().seq;
            if newest > seq {
                let Page { events, upto } = self.read(move |outbox| outbox.after(seq)).await;
                for event in events {
                    let told = self.send(&event).await;
                    self.leave(event.seq, Vec::new(), told);
                }
                seq = upto.unwrap_or(newest);
                self.come_to(seq);
                continue;
            }
            self.tell(None, String::new()).await;
            self.pass();
            self.look_at_wards();
            if stop.is_cancelled() {
                return;
            }
            tokio::select! {
                changed = board.changed() => if changed.is_err() { return },
                () = stop.cancelled() => {}
            }
        }
    }

    /// It works, and lets the synthetic patient pass: what waits for the other side is told of otherwise.
    fn pass(&self) {
        let own = self.handles.synthetic.boot();
        let seen = self.handles.board().synthetic.filter(|seen| seen.boot == own);
        if let Some(seq) = seen.and_then(|seen| seen.seq) {
            self.handles.synthetic.passed(&self.id, seq);
        }
    }

    /// Everything up to transition `seq` is taken, or nothing to send.
    fn come_to(&self, seq: u64) {
        self.leave(seq, Vec::new(), None);
    }

    /// The time tells a channel that has begun, and told nothing yet, from a new one.
    fn leave(&self, seq: u64, letters: Vec<DeadLetter>, told: Option<Delivered>) {
        let upto = self.handles.clock.wall();
        let cursor = ConsumerCursor { seq, upto, ..ConsumerCursor::default() };
        self.consumer.put_delivered(cursor, letters, told);
    }

    /// A channel that begins tells of every alarm that is open, and of all that comes after.
    async fn tell_open(&mut self) -> u64 {
        let board = self.handles.board();
        let open: Vec<AlarmId> = board.alarms.keys().cloned().collect();
        for event in self.read(move |outbox| outbox.of_alarms(&open)).await {
            let told = self.send(&event).await;
            // The cursor of a channel that is new stays there until all of them are told.
            self.consumer.put_delivered(ConsumerCursor::default(), Vec::new(), told);
        }
        self.come_to(board.seq);
        board.seq
    }

    /// Sends one event until it is taken, or given up; says what became of it, `None` where the other side need not hear
    /// of it.
    async fn send(&mut self, event: &Event) -> Option<Delivered> {
        if let Some(told) = self.ahead.take_if(|told| told.seq == event.seq) {
            return Some(told);
        }
        let (tried, mut tries, mut refusals) = (self.handles.clock.wall(), 0, 0);
        loop {
            let verdict = self.post(event).await?;
            tries += 1;
            let words = match verdict {
                Verdict::Taken => {
                    self.kept_time(event);
                    self.arrived(event).await;
                    self.backoff.reset();
                    self.handles.metrics.delivery_waits(self.id.as_str(), 0.0);
                    return Some(self.told(event, (tried, tries), TAKEN.to_owned()));
                }
                Verdict::Refused(words) => {
                    refusals += 1;
                    if refusals >= REFUSALS && self.takes_what_follows(event.seq).await {
                        return Some(self.give_up(event, (tried, tries), words).await);
                    }
                    words
                }
                Verdict::Failing(words) => words,
            };
            if self.is_over(event).await {
                return Some(self.give_up(event, (tried, tries), words).await);
            }
            self.rest(event, &words).await;
        }
    }

    /// Whether it is tried no more: its alarm has been over for as long as is waited, or what follows it is taken, so that it
    /// alone is to blame. As long as the alarm is open whoever is to hear of it may still be reached.
    async fn is_over(&mut self, event: &Event) -> bool {
        let now = self.handles.clock.wall();
        if now - event.at < self.give_up_after {
            return false;
        }
        let alarm = event.alarm.id.clone();
        let closed = self.read(move |outbox| outbox.closed(&alarm)).await;
        let is_over = closed.is_some_and(|closed| now - closed >= self.give_up_after);
        is_over || now - event.at >= LONGEST || self.takes_what_follows(event.seq).await
    }

    /// What became of an event that was tried first at an instant, so many times.
    fn told(&self, event: &Event, (tried, tries): (Timestamp, u32), result: String) -> Delivered {
        let (channel, at) = (self.id.clone(), self.handles.clock.wall());
        Delivered { seq: event.seq, channel, tried, at, tries, result }
    }

    /// How long it took from its announcement to the other side, where it calls somebody now.
    fn kept_time(&self, event: &Event) {
        if let Some(priority) = event.calls().filter(|_| !event.begins) {
            let seconds = (self.handles.clock.wall() - event.at).as_secs_f64().max(0.0);
            self.handles.metrics.alarm_latency(Hop::Channel, priority, seconds);
            self.handles.metrics.kept_time(Stretch::Taken, priority, seconds);
        }
    }

    /// The core hears that somebody was told, as far as it asks.
    async fn arrived(&self, event: &Event) {
        if event.calls_them == Some(true) {
            let (channel, alarm) = (self.id.clone(), event.alarm.id.clone());
            self.report(Input::Delivered { channel, alarm, seq: event.seq }).await;
        }
    }

    /// Posts an event once; `None` where the other side need not hear of it.
    async fn post(&mut self, event: &Event) -> Option<Verdict> {
        let way = Arc::clone(&self.way);
        let mut answered = std::pin::pin!(way.send(event, self.handles.clock.wall()));
        let mut patience = SLOW;
        let verdict = loop {
            tokio::select! {
                outcome = &mut answered => break outcome?.verdict,
                () = tokio::time::sleep(patience) => self.failed(event, "no answer yet").await,
            }
            patience = LOOK_EVERY;
        };
        self.handles.metrics.delivery(self.id.as_str(), verdict.as_str());
        Some(verdict)
    }

    /// Whether one of the next is taken: then what was refused before them is to blame, and not the channel.
    async fn takes_what_follows(&mut self, seq: u64) -> bool {
        let behind = self.read(move |outbox| outbox.after(seq)).await.events;
        for next in behind.iter().take(FOLLOWING) {
            if self.post(next).await == Some(Verdict::Taken) {
                self.kept_time(next);
                self.arrived(next).await;
                let tried = self.handles.clock.wall();
                self.ahead = Some(self.told(next, (tried, 1), TAKEN.to_owned()));
                return true;
            }
        }
        false
    }

    /// Waits for the next try, and looks meanwhile at what else has come to wait.
    async fn rest(&mut self, event: &Event, words: &str) {
        let (mut left, mut looked_to) = (self.backoff.pause(), None);
        while !left.is_zero() {
            self.pass();
            let newest = self.handles.board().seq;
            if looked_to.replace(newest) != Some(newest) || self.told.is_none() {
                self.failed(event, words).await;
            }
            let nap = left.min(LOOK_EVERY);
            tokio::time::sleep(nap).await;
            left -= nap;
        }
    }

    /// It was not taken: the core hears of it where somebody waits for it.
    async fn failed(&mut self, event: &Event, words: &str) {
        self.pass();
        let (first, seq) = (event.clone(), event.seq);
        let Waiting { gravest, since } = self.read(move |outbox| outbox.waiting(&first, seq)).await;
        let age = self.handles.clock.wall() - since;
        self.handles.metrics.delivery_waits(self.id.as_str(), age.as_secs_f64().max(0.0));
        tracing::debug!(channel = %self.id, words, "an alarm was not delivered; trying again");
        let waits = match gravest {
            Some(Priority::High) => Some(Priority::High),
            _ if age > LATE => Some(gravest.unwrap_or(Priority::Low)),
            _ => None,
        };
        if waits > self.told {
            self.tell(waits, words.to_owned()).await;
        }
    }

    /// It will never be taken: a dead letter, and an alarm that says so.
    async fn give_up(
        &mut self,
        event: &Event,
        tried: (Timestamp, u32),
        words: String,
    ) -> Delivered {
        self.handles.metrics.delivery(self.id.as_str(), "given_up");
        tracing::warn!(channel = %self.id, event = event.key(), words, "an alarm was not taken and is given up");
        let principal: Result<DeviceId, _> = self.id.as_str().parse();
        let letter = DeadLetter {
            principal: principal.unwrap_or_else(|_| unreachable!("the same letters are an id")),
            device: None,
            topic: event.key(),
            kind: None,
            reason: format!("the channel does not take it: {words}"),
            length: event.stored.len() as u64,
            head: event.stored.as_bytes()[..event.stored.len().min(HEAD_BYTES)].to_vec(),
        };
        let told = self.told(event, tried, format!("given up: {words}"));
        self.leave(event.seq, vec![letter], Some(told.clone()));
        self.report(Input::NotTaken { channel: self.id.clone(), words }).await;
        told
    }

    /// A channel for wards none of which exists takes nothing, which looks as if all was well.
    fn look_at_wards(&self) {
        let board = self.handles.board();
        let none = self.outbox.selection.wards.as_ref().is_some_and(|wards| {
            !wards.is_empty() && !wards.iter().any(|ward| board.wards.contains_key(ward))
        });
        let why = none.then(|| "none of its wards exists".to_owned());
        self.handles.degraded.set(&format!("wards of channel {}", self.id), why);
    }

    /// Tells the core what waits, where that changed.
    async fn tell(&mut self, waits: Option<Priority>, words: String) {
        if waits == self.told {
            return;
        }
        self.show_failing(waits);
        let channel = self.id.clone();
        if self.report(Input::Undelivered { channel, waits, words }).await {
            self.told = waits;
        }
    }

    fn show_failing(&self, waits: Option<Priority>) {
        let why = waits.map(|_| "alarms do not arrive by it".to_owned());
        self.handles.degraded.set(&format!("channel {}", self.id), why);
    }

    /// Whether the core heard of it, for good.
    async fn report(&self, input: Input) -> bool {
        let told = self.handles.tell(vec![input]);
        tokio::time::timeout(TOLD_WITHIN, told).await.unwrap_or(false)
    }

    /// Reads the log, again and again if it cannot be read.
    async fn read<T: Send + 'static>(
        &self,
        read: impl Fn(&Outbox) -> Result<T, ReadError> + Clone + Send + 'static,
    ) -> T {
        loop {
            let (outbox, read) = (Arc::clone(&self.outbox), read.clone());
            match tokio::task::spawn_blocking(move || read(&outbox)).await {
                Ok(Ok(read)) => return read,
                Ok(Err(error)) => {
                    tracing::error!(channel = %self.id, %error, "the log cannot be read; trying again");
                }
                Err(error) => tracing::error!(channel = %self.id, %error, "trying again"),
            }
            tokio::time::sleep(LONGEST_PAUSE).await;
        }
    }
}
