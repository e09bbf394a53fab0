//! One case of the series over MQTT, with the wall clock: each visit of its sender is a connection.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::clock::Epoch;
use crate::codec::Protocol;
use crate::http::{self, Api};
use crate::link::{self, Feed, LinkOptions, Next};
use crate::sender::Sending;
use crate::session::Outgoing;
use crate::wire::Mode;

/// Messages in flight a connection.
const WINDOW: usize = 16;

/// What to send and where to.
#[derive(Clone, Debug)]
pub struct SendOptions {
    /// The gateway's MQTT listener.
    pub mqtt: SocketAddr,
    /// The gateway's HTTP interface; needed for mode `real`.
    pub http: Option<Api>,
    /// Who connects.
    pub principal: String,
    /// Its password, where the gateway asks for one.
    pub device_token: Option<String>,
    /// What it sends, in order; what is due already leaves at once.
    pub sendings: Vec<Sending>,
    /// What the messages say they are.
    pub mode: Mode,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SendReport {
    /// Connections planned.
    pub visits: u64,
    /// Messages sent, those again after a lost acknowledgement included.
    pub sent: u64,
    /// Messages acknowledged.
    pub acked: u64,
    /// Messages refused for good.
    pub rejected: u64,
}

impl SendReport {
    /// One line of counts.
    pub fn line(&self) -> String {
        let Self { visits, sent, acked, rejected } = self;
        format!("visits {visits} sent {sent} acked {acked} rejected {rejected}")
    }
}

/// Sends everything at its time, or until `cancel`. Refuses mode `real` unless the gateway says
/// that its store is simulated.
pub async fn run(options: SendOptions, cancel: CancellationToken) -> anyhow::Result<SendReport> {
    if options.mode == Mode::Real {
        http::ensure_simulated(options.http.clone()).await?;
    }
    let link = LinkOptions {
        address: options.mqtt,
        principal: options.principal,
        token: options.device_token,
        protocol: Protocol::V4,
        window: WINDOW,
        keep_alive_s: 60,
    };
    let epoch = Epoch::now();
    let mut report = SendReport::default();
    for visit in options.sendings.chunk_by(|one, next| one.visit == next.visit) {
        let mut feed = Visit { epoch, to_come: visit.iter().cloned().collect(), report };
        tokio::select! {
            () = cancel.cancelled() => break,
            () = feed.ready() => {}
        }
        feed.report.visits += 1;
        link::run(&link, &mut feed, &cancel).await?;
        report = feed.report;
    }
    Ok(report)
}

/// What one connection brings.
struct Visit {
    epoch: Epoch,
    to_come: VecDeque<Sending>,
    report: SendReport,
}

impl Visit {
    fn due(&self) -> Option<Timestamp> {
        self.to_come.front().map(|sending| sending.at)
    }
}

impl Feed for Visit {
    type Tag = ();

    fn next(&mut self) -> Next<()> {
        match self.due() {
            None => return Next::End,
            Some(due) if due > self.epoch.wall() => return Next::Later,
            Some(_) => {}
        }
        let Some(Sending { topic, message, .. }) = self.to_come.pop_front() else {
            return Next::End;
        };
        self.report.sent += 1;
        Next::Publish(Outgoing { topic, payload: message.encode(), tag: () })
    }

    async fn ready(&mut self) {
        if let Some(due) = self.due() {
            sleep_until(Instant::from_std(self.epoch.moment(due))).await;
        }
    }

    fn acked(&mut self, (): (), _latency: Duration) -> io::Result<()> {
        self.report.acked += 1;
        Ok(())
    }

    fn rejected(&mut self, (): (), _reason: &str) {
        self.report.rejected += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
    use crate::fake_broker::FakeBroker;
    use crate::names;
    use crate::sender::{Measured, Reach, SenderPlan, WrongClock};

    #[tokio::test]
    async fn each_visit_is_a_connection_that_ends() {
        let begin = clock::wall().checked_sub(Duration::from_secs(3600)).unwrap();
        let at = |n| clock::add(begin, Duration::from_secs(n));
        let measured = |n| Measured { at: at(n), signal: names::NIBP_SYS, value: 130.0 };
        let plan = SenderPlan {
            device: "cuff-1".to_owned(),
            measured: (0..6).map(measured).collect(),
            reach: Reach::Visits { values: 2 },
            clock: WrongClock::right(),
            mode: Mode::Test,
            seed: 1,
        };
        let broker = FakeBroker::start().await;
        let options = SendOptions {
            mqtt: broker.address(),
            http: None,
            principal: "cuff-1".to_owned(),
            device_token: None,
            sendings: plan.sendings(),
            mode: Mode::Test,
        };
        let (report, visits) = tokio::join!(run(options, CancellationToken::new()), async {
            let mut visits = Vec::new();
            for _ in 0..3 {
                visits.push(broker.accept().await.serve().await.len());
            }
            visits
        });
        assert_eq!(report.unwrap(), SendReport { visits: 3, sent: 3, acked: 3, rejected: 0 });
        assert_eq!(visits, [1, 1, 1], "one message each");
    }
}
