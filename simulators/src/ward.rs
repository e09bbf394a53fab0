//! A simulated ward: every monitor and relay of a plan on a connection of its own.

mod speaker;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::codec::Protocol;
use crate::http::{self, Api};
use crate::link::{self, LinkError, LinkOptions};
use crate::plan::Plan;
use crate::tempo::Tempo;
use crate::wire::Mode;

use speaker::Speaker;

/// Messages in flight a connection: a backlog of a few minutes flows off within seconds.
const WINDOW: usize = 16;

/// What to simulate and for whom.
#[derive(Clone, Debug)]
pub struct WardOptions {
    /// The gateway's MQTT listener.
    pub mqtt: SocketAddr,
    /// The gateway's HTTP interface; needed for mode `real`.
    pub http: Option<Api>,
    /// The password of every principal, where the gateway asks for one.
    pub device_token: Option<String>,
    /// The devices. They must be registered with the gateway.
    pub plan: Plan,
    /// How time passes.
    pub pace: Pace,
    /// What the messages say they are.
    pub mode: Mode,
    /// How much simulated time; for ever without.
    pub length: Option<Duration>,
}

/// How simulated time passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// With the wall clock.
    Wall,
    /// From `start` on, as fast as messages are acknowledged, all devices in step; `sent_at` is
    /// the simulated time.
    Stream {
        /// The first simulated moment.
        start: Timestamp,
    },
}

impl Pace {
    /// When the ward starts if it starts now.
    pub fn start(self) -> Timestamp {
        match self {
            Self::Wall => clock::wall(),
            Self::Stream { start } => start,
        }
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WardReport {
    /// Messages sent for the first time.
    pub sent: u64,
    /// Messages acknowledged.
    pub acked: u64,
    /// Messages refused for good.
    pub rejected: u64,
    /// Messages sent again after a lost connection.
    pub resent: u64,
    /// Messages never acknowledged.
    pub unacknowledged: u64,
}

impl WardReport {
    /// One line of counts.
    pub fn line(&self) -> String {
        format!(
            "sent {} acked {} rejected {} unacked {} resent {}",
            self.sent, self.acked, self.rejected, self.unacknowledged, self.resent
        )
    }
}

/// Runs the ward until its length is over or `cancel`. Refuses mode `real` unless the gateway says
/// that its store is simulated.
pub async fn run(options: WardOptions, cancel: CancellationToken) -> anyhow::Result<WardReport> {
    if options.mode == Mode::Real {
        http::ensure_simulated(options.http.clone()).await?;
    }
    let tempo = match options.pace {
        Pace::Wall => Tempo::wall(),
        Pace::Stream { .. } => Tempo::stream(),
    };
    let start = options.pace.start();
    let end = options.length.map_or(Timestamp::MAX, |length| clock::add(start, length));
    // All seats are taken before anybody speaks.
    let speakers: Vec<Speaker> = options
        .plan
        .places
        .iter()
        .map(|place| Speaker::new(&place.device, options.mode, &tempo, start, end))
        .collect();
    let stop = cancel.child_token();
    let mut links = JoinSet::new();
    for speaker in speakers {
        links.spawn(speak(link_options(&options, &speaker), speaker, stop.clone()));
    }
    let mut total = WardReport::default();
    while let Some(link) = links.join_next().await {
        let report = link.context("a device's task failed")??;
        total.sent += report.sent;
        total.acked += report.acked;
        total.rejected += report.rejected;
        total.resent += report.resent;
        total.unacknowledged += report.unacknowledged;
    }
    Ok(total)
}

fn link_options(options: &WardOptions, speaker: &Speaker) -> LinkOptions {
    LinkOptions {
        address: options.mqtt,
        principal: speaker.principal().to_owned(),
        token: options.device_token.clone(),
        protocol: Protocol::V4,
        window: WINDOW,
        keep_alive_s: 60,
    }
}

async fn speak(
    options: LinkOptions,
    mut speaker: Speaker,
    stop: CancellationToken,
) -> Result<WardReport, LinkError> {
    let link = link::run(&options, &mut speaker, &stop).await?;
    Ok(WardReport {
        resent: link.resent,
        unacknowledged: link.unacknowledged as u64,
        ..speaker.report()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bedside::BedsideOptions;
    use crate::fake_broker::FakeBroker;
    use crate::implant::ImplantOptions;

    fn options(mqtt: SocketAddr, plan: Plan) -> WardOptions {
        WardOptions {
            mqtt,
            http: None,
            device_token: None,
            plan,
            pace: Pace::Stream { start: "2026-01-01T00:00:00Z".parse().unwrap() },
            mode: Mode::Test,
            length: Some(Duration::from_secs(30)),
        }
    }

    /// Runs the plan against a broker that takes everything; what came, by client.
    async fn run_all(options: WardOptions) -> (WardReport, Vec<(String, Vec<rumqttc::Publish>)>) {
        let broker = FakeBroker::start().await;
        let links = options.plan.places.len();
        let options = WardOptions { mqtt: broker.address(), ..options };
        let (report, mut received) = tokio::join!(run(options, CancellationToken::new()), async {
            let mut clients = JoinSet::new();
            for _ in 0..links {
                let client = broker.accept().await;
                clients.spawn(async { (client.id.clone(), client.serve().await) });
            }
            clients.join_all().await
        });
        received.sort_by(|a, b| a.0.cmp(&b.0));
        (report.unwrap(), received)
    }

    fn json(publish: &rumqttc::Publish) -> serde_json::Value {
        serde_json::from_slice(&publish.payload).unwrap()
    }

    #[tokio::test]
    async fn a_ward_in_stream_time_says_the_same_bytes_every_time() {
        let mut plan = Plan { ward: "w".to_owned(), places: Vec::new() };
        (0..3).for_each(|seed| plan.add_bed(BedsideOptions { seed, ..BedsideOptions::default() }));
        let nowhere = "127.0.0.1:1".parse().unwrap();
        let (report, first) = run_all(options(nowhere, plan.clone())).await;
        let (_, second) = run_all(options(nowhere, plan)).await;
        assert_eq!(first, second);
        // Thirty seconds and what each says of itself.
        assert_eq!((report.sent, report.acked, report.unacknowledged), (93, 93, 0));
        assert_eq!(first[0].0, "mon-01");
        let times: Vec<_> = first[0].1.iter().map(|p| json(p)["sent_at"].to_string()).collect();
        assert!(times.is_sorted(), "sent_at is simulated time: {times:?}");
    }

    #[tokio::test]
    async fn a_relay_speaks_for_its_implant_with_both_hops() {
        let mut plan = Plan { ward: "w".to_owned(), places: Vec::new() };
        plan.add_implant(ImplantOptions { lost_days: 0.0, ..ImplantOptions::default() });
        let length = Some(Duration::from_secs(3 * 86_400));
        let options = WardOptions { length, ..options("127.0.0.1:1".parse().unwrap(), plan) };
        let (_, received) = run_all(options).await;
        let (client, sent) = &received[0];
        assert_eq!(client, "cm-01");
        let reports: Vec<_> =
            sent.iter().filter(|p| p.topic == "vitalgate/v1/icd-01/telemetry").map(json).collect();
        assert_eq!(reports.len(), 3, "one a day");
        for report in &reports {
            assert_eq!(report["relay"]["id"], "cm-01");
            for field in ["device_clock", "received_at", "sent_at"] {
                assert!(report["relay"][field].is_string(), "{field}");
            }
        }
        assert!(sent.iter().any(|p| p.topic == "vitalgate/v1/cm-01/status"), "its own life");
    }

    #[tokio::test]
    async fn real_mode_is_refused_where_nobody_can_say_that_the_store_is_simulated() {
        let mut options = options("127.0.0.1:1".parse().unwrap(), Plan::demo(1));
        options.mode = Mode::Real;
        let error = run(options, CancellationToken::new()).await.unwrap_err();
        assert!(error.to_string().contains("--mode test"), "{error}");
    }
}
