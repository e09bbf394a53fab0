//! A patient that the gateway makes up: every minute it goes through listener, core and delivery as anybody's data do, and an
//! alarm says when it does not come out in time. Nobody is called for it, and no list, statistic or history has it.

use std::future::pending;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use vitalgate_formats::{Request, decode};
use vitalgate_sim::codec::Protocol;
use vitalgate_sim::link::{self, Feed, LinkOptions, Next};
use vitalgate_sim::session::Outgoing;

use crate::clock::Stopwatch;
use crate::config;
use crate::handles::Handles;
use vitalgate_domain::model::ids::{ChannelId, DeviceId};
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::message::{Delivery, Kind};
use vitalgate_domain::model::synthetic::SYNTHETIC;
use vitalgate_domain::model::time::Span;

/// What nobody survives, so that every limit of it is crossed.
const SPO2: &str = "40";
/// The first of its two readings is so much older: longer than the delay of a limit for a monitor.
const APART: Span = Span::secs(10);
/// How often is looked whether the channels have seen it.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long the core may take to hear that it stays away; it is told again with the next one.
const TOLD_WITHIN: Duration = Duration::from_secs(5);
/// The connection is gone long before.
const KEEP_ALIVE_S: u16 = 60;
/// What it is called under `degraded`.
const NAME: &str = "synthetic patient";

/// What sends it.
#[derive(Debug)]
pub struct SyntheticPatient {
    /// How often, and within how long.
    pub config: config::Synthetic,
    /// The listener, where it has an address without TLS; without one it is put in behind it.
    pub listener: Option<SocketAddr>,
    /// The channels that it has to pass.
    pub channels: Vec<ChannelId>,
    /// Whether an alarm is open that it stays away.
    pub told: bool,
    /// What it shares with every interface.
    pub handles: Handles,
}

/// How far one has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Listener,
    Core,
    Channels,
}

impl SyntheticPatient {
    /// Sends one after the other until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.send_all() => {}
        }
    }

    async fn send_all(mut self) {
        let every = duration(self.config.every);
        let mut ticks = interval(every);
        // After one that took long the next is due at once, not several.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first tick is at once, and the first of them one interval later.
        ticks.tick().await;
        let (mut seq, mut said) = (0, None);
        loop {
            ticks.tick().await;
            seq += 1;
            let begun = Stopwatch::start();
            let fault = self.send(seq).await.err();
            self.handles.metrics.synthetic_patient(fault.is_none().then(|| begun.seconds()));
            self.handles.degraded.set(NAME, fault.clone());
            if fault.is_some() != self.told || fault != said {
                if let Some(why) = &fault {
                    tracing::error!(why, "the synthetic patient did not come out in time");
                }
                let told = self.handles.tell(vec![Input::Synthetic { fault: fault.clone() }]);
                if timeout(TOLD_WITHIN, told).await.unwrap_or(false) {
                    (self.told, said) = (fault.is_some(), fault);
                }
            }
        }
    }

    /// Sends one, and waits until it has come out everywhere; else where it stays.
    async fn send(&self, seq: u64) -> Result<(), String> {
        let boot = self.handles.synthetic.boot().ok_or("the machine gives no randomness")?;
        let mut stage = Stage::Listener;
        let within = duration(self.config.within);
        match timeout(within, self.through(boot, seq, &mut stage)).await {
            Ok(came) => came,
            Err(_) => Err(self.stays(stage, seq)),
        }
    }

    async fn through(&self, boot: u64, seq: u64, stage: &mut Stage) -> Result<(), String> {
        let payload = self.payload(boot, seq);
        match self.listener {
            Some(address) => self.publish(address, payload).await?,
            None => self.put_in(&payload).await?,
        }
        *stage = Stage::Core;
        let mut board = self.handles.board.clone();
        let is_it = |board: &std::sync::Arc<crate::projection::view::Board>| {
            board.synthetic.is_some_and(|seen| seen.boot == Some(boot) && seen.seq == Some(seq))
        };
        let raised = match board.wait_for(is_it).await {
            Ok(board) => board.synthetic.and_then(|seen| seen.raised),
            Err(_) => return Err("the core has ended".to_owned()),
        };
        if raised == Some(false) {
            return Err(format!("the rules in force raise no alarm on an SpO2 of {SPO2} %"));
        }
        *stage = Stage::Channels;
        while !self.handles.synthetic.missed_by(&self.channels, seq).is_empty() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Where it stays, in words.
    fn stays(&self, stage: Stage, seq: u64) -> String {
        let within = self.config.within;
        let board = self.handles.board();
        match stage {
            Stage::Listener if board.disk_full => {
                format!("the disk is full, so that the listener took nothing for {within}")
            }
            Stage::Listener if board.store_failing => {
                format!("the store fails, so that the listener acknowledged nothing for {within}")
            }
            Stage::Listener => format!("the listener did not acknowledge it within {within}"),
            Stage::Core => format!("it was acknowledged, and not judged within {within}"),
            Stage::Channels => {
                let missed = self.handles.synthetic.missed_by(&self.channels, seq);
                let missed: Vec<&str> = missed.into_iter().map(ChannelId::as_str).collect();
                format!("delivery stands still for {within}: channel {}", missed.join(", "))
            }
        }
    }

    /// Two readings, by the gateway's own clock.
    fn payload(&self, boot: u64, seq: u64) -> String {
        let now = self.handles.clock.wall();
        let reading = |at| format!(r#"{{"at":"{at}","signal":"spo2","value":{SPO2},"unit":"%"}}"#);
        let (before, now) = (reading(now - APART), reading(now));
        format!(
            r#"{{"boot":{boot},"seq":{seq},"mode":"probe","clock":{{"source":"ntp"}},"readings":[{before},{now}]}}"#
        )
    }

    /// Connects, publishes it, and leaves when it is acknowledged.
    async fn publish(&self, address: SocketAddr, payload: String) -> Result<(), String> {
        let topic = format!("vitalgate/v1/{SYNTHETIC}/telemetry");
        let message = Outgoing { topic, payload: Bytes::from(payload), tag: () };
        let mut one = One { message: Some(message), rejected: None };
        let options = LinkOptions {
            address,
            principal: SYNTHETIC.to_owned(),
            token: self.handles.synthetic.secret().map(str::to_owned),
            protocol: Protocol::V4,
            window: 1,
            keep_alive_s: KEEP_ALIVE_S,
        };
        let gone = link::run(&options, &mut one, &CancellationToken::new()).await;
        gone.map_err(|why| format!("the listener does not take it: {why}"))?;
        one.rejected.map_or(Ok(()), |why| Err(format!("the listener does not take it: {why}")))
    }

    /// Puts it in behind the listener.
    async fn put_in(&self, payload: &str) -> Result<(), String> {
        let device: DeviceId = SYNTHETIC.parse().map_err(|_| "it has no name".to_owned())?;
        let request = Request {
            principal: &device,
            device: &device,
            kind: Kind::Telemetry,
            payload: payload.as_bytes(),
            delivery: Delivery { qos: 1, ..Delivery::default() },
            received: self.handles.clock.wall(),
            retention: Span::days(1),
            topic: "",
        };
        let message = decode(&request, &self.handles.signals()).message;
        let taken = self.handles.tell(vec![Input::Message(Box::new(message))]).await;
        if taken { Ok(()) } else { Err("the inbox does not take it".to_owned()) }
    }
}

/// An address by which this machine reaches its own listener.
pub fn own_address(listens: SocketAddr) -> SocketAddr {
    let ip = listens.ip();
    let ip = match (ip.is_unspecified(), ip.is_ipv4()) {
        (false, _) => ip,
        (true, true) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        (true, false) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    };
    SocketAddr::new(ip, listens.port())
}

fn duration(span: Span) -> Duration {
    Duration::from_micros(span.as_micros().unsigned_abs())
}

/// One message, and the end.
struct One {
    message: Option<Outgoing<()>>,
    rejected: Option<String>,
}

impl Feed for One {
    type Tag = ();

    fn next(&mut self) -> Next<()> {
        self.message.take().map_or(Next::End, Next::Publish)
    }

    /// Never asked: there is always a message or the end.
    async fn ready(&mut self) {
        pending::<()>().await;
    }

    fn acked(&mut self, (): (), _latency: Duration) -> io::Result<()> {
        Ok(())
    }

    fn rejected(&mut self, (): (), reason: &str) {
        self.rejected = Some(reason.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::own_address;

    #[test]
    fn whoever_listens_everywhere_is_reached_on_this_machine() {
        let own = |listens: &str| own_address(listens.parse().unwrap()).to_string();
        assert_eq!(own("0.0.0.0:1883"), "127.0.0.1:1883");
        assert_eq!(own("[::]:1883"), "[::1]:1883");
        assert_eq!(own("10.1.2.3:1884"), "10.1.2.3:1884");
    }
}
