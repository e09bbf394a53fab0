//! A broker of the site: whether it lets us in, keeps a session, and how much it sends at a time.

use super::Findings;
use crate::config::{Broker, Config};
use crate::ingest::sources::subscriber::SubscriberConfig;
use crate::ingest::sources::subscriber::trial::{self, Grant, LARGE, LARGEST_WINDOW, Seen};

/// Below this the way from the broker waits for each commit with too little to do meanwhile.
const SMALL_WINDOW: usize = 100;

pub(super) async fn examine(broker: &Broker, config: &Config) -> Findings {
    let mut findings = Findings::of(format!("broker {}", broker.id));
    let config = match SubscriberConfig::of(config, broker) {
        Ok(config) => config,
        Err(error) => {
            findings.fail("password", error.to_string(), "see [[broker]] in docs/config.md");
            return findings;
        }
    };
    let topics = config.topics.clone();
    match trial::hold(config).await {
        Ok(seen) => judge(&seen, broker, &topics, &mut findings),
        Err(error) => findings.fail(
            "reachable",
            format!("{}:{}: {error}", broker.host, broker.port()),
            "check host, port, TLS, user and password; the broker's own log says more",
        ),
    }
    findings
}

fn judge(seen: &Seen, broker: &Broker, topics: &[String], findings: &mut Findings) {
    findings.ok("reachable", format!("{}:{} lets us in", broker.host, broker.port()));
    let answers = topics.iter().map(String::as_str).zip(seen.granted.iter().copied());
    match Grant::shortfall(&answers) {
        None => findings.ok("topics", format!("subscribed to {}", topics.join(", "))),
        Some(found) => {
            let advice = "let this user read them with QoS 1: see the broker's access list";
            findings.fail("topics", found, advice);
        }
    }
    let Some(round_trip) = seen.round_trip_s else {
        let why = seen.trouble.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        let found =
            format!("a probe to vitalgate/v1/{}/telemetry did not come back{why}", broker.id);
        let advice = "let this user write and read that topic in the broker's access list";
        return findings.fail("probe", found, advice);
    };
    findings.ok("probe", format!("came back after {:.1} ms", round_trip * 1_000.0));
    if seen.session_kept {
        findings.ok("session", "it was there after a disconnect");
    } else {
        let advice = "what is published while the gateway is away is lost: allow persistent sessions \
                      (Mosquitto: `persistence true`, no `persistent_client_expiration` of minutes)";
        findings.fail("session", "it was gone after a disconnect", advice);
    }
    let found = match seen.window {
        LARGEST_WINDOW => format!("at least {LARGEST_WINDOW} messages before one is acknowledged"),
        window => format!("{window} messages before one is acknowledged"),
    };
    if seen.window < SMALL_WINDOW {
        let advice = "every window waits for a commit; raise it (Mosquitto: max_inflight_messages \
                      1000, EMQX: mqtt.max_inflight)";
        findings.warn("window", found, advice);
    } else {
        findings.ok("window", found);
    }
    let size = LARGE >> 10;
    if seen.large {
        findings.ok("packet size", format!("{size} KiB came through whole"));
    } else {
        let advice = "larger messages of devices are lost at the broker: raise its limit to 256 KiB \
                      (Mosquitto: message_size_limit, EMQX: mqtt.max_packet_size)";
        findings.warn(
            "packet size",
            format!("a message of {size} KiB did not come through"),
            advice,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn each_of_a_brokers_faults_is_named() {
        let broker: Broker = toml::from_str("id = \"b1\"\nhost = \"mqtt.example\"").unwrap();
        let topics = ["vitalgate/v1/+/+".to_owned()];
        let well = Seen {
            granted: vec![Grant::AtLeastOnce],
            round_trip_s: Some(0.001),
            trouble: None,
            session_kept: true,
            window: LARGEST_WINDOW,
            large: true,
        };
        let of = |seen: &Seen| {
            let mut findings = Findings::of("broker b1");
            judge(seen, &broker, &topics, &mut findings);
            let bad = findings.list.iter().find(|f| f.verdict != Verdict::Ok);
            bad.map(|f| (f.what, f.verdict))
        };
        assert_eq!(of(&well), None);
        for granted in [Grant::Refused, Grant::AtMostOnce] {
            let seen = Seen { granted: vec![granted], ..well.clone() };
            assert_eq!(of(&seen), Some(("topics", Verdict::Fail)));
        }
        assert_eq!(
            of(&Seen { round_trip_s: None, ..well.clone() }),
            Some(("probe", Verdict::Fail))
        );
        assert_eq!(
            of(&Seen { session_kept: false, ..well.clone() }),
            Some(("session", Verdict::Fail))
        );
        assert_eq!(of(&Seen { window: 20, ..well.clone() }), Some(("window", Verdict::Warn)));
        assert_eq!(
            of(&Seen { large: false, ..well.clone() }),
            Some(("packet size", Verdict::Warn))
        );
    }
}
