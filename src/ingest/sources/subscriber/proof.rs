//! Whether the way from a broker to the core is proven, by probes that come back in time and by
//! every filter being granted.
//!
//! Time is counted in seconds the gateway was awake for, so that one that was suspended does not
//! blame the broker.

use std::collections::VecDeque;

use crate::clock::Stopwatch;
use vitalgate_domain::model::ids::DeviceId;
use vitalgate_domain::model::input::Input;

/// Probes under way that are remembered; those before them are lost.
const UNDER_WAY: usize = 64;

/// What is known of one broker.
#[derive(Debug)]
pub(super) struct Proof {
    id: DeviceId,
    /// Seconds within which a probe must be back.
    within: u64,
    /// Seconds counted since the start.
    now: u64,
    /// Seconds since a probe came back in time.
    without: u64,
    /// It is the gateway that does not listen: its inbox is full, or its store fails.
    excused: bool,
    /// What went wrong last.
    trouble: Option<String>,
    /// Filters that are not granted: a probe that comes back by another one does not prove them.
    refused: Option<String>,
    /// Whether a fault was reported to the core; `None` while nothing was.
    reported: Option<bool>,
    /// The core is to have a report, even of what it knows.
    news: bool,
    boot: u64,
    seq: u64,
    sent: VecDeque<Sent>,
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    seq: u64,
    at: u64,
    watch: Stopwatch,
}

/// A probe that came back after its commit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Back {
    /// Since it was sent.
    pub(super) seconds: f64,
}

impl Proof {
    /// `boot` sets the probes of this run apart from those of others.
    pub(super) fn new(id: DeviceId, within: u64, boot: u64) -> Self {
        Self {
            id,
            within,
            now: 0,
            without: 0,
            excused: false,
            trouble: None,
            refused: None,
            reported: None,
            news: false,
            boot,
            seq: 0,
            sent: VecDeque::new(),
        }
    }

    /// The next probe: its number and its bytes. Without `sent_at`: it must not move any clock.
    pub(super) fn probe(&mut self) -> (u64, String) {
        self.seq += 1;
        if self.sent.len() == UNDER_WAY {
            self.sent.pop_front();
        }
        self.sent.push_back(Sent { seq: self.seq, at: self.now, watch: Stopwatch::start() });
        let Self { boot, seq, .. } = self;
        (*seq, format!(r#"{{"boot":{boot},"seq":{seq},"mode":"probe","readings":[]}}"#))
    }

    /// Whether a probe with this `boot` is of this run.
    pub(super) fn is_own(&self, boot: Option<u64>) -> bool {
        boot == Some(self.boot)
    }

    /// Probe `seq` was committed. Late ones prove nothing.
    pub(super) fn back(&mut self, seq: u64) -> Option<Back> {
        let found = *self.sent.iter().find(|sent| sent.seq == seq)?;
        self.sent.retain(|sent| sent.seq > seq);
        if self.now - found.at <= self.within {
            self.without = 0;
            self.trouble = None;
            if self.reported.is_none() {
                // What was reported before the start of this process may be over.
                self.news = true;
            }
        }
        Some(Back { seconds: found.watch.seconds() })
    }

    /// Whether the gateway itself stands in the way.
    pub(super) fn excuse(&mut self, excused: bool) {
        self.excused = excused;
    }

    /// Something went wrong with the connection.
    pub(super) fn trouble(&mut self, what: String) {
        self.trouble = Some(what);
    }

    /// The filters that are not granted, in words; `None` once all are.
    pub(super) fn refused(&mut self, what: Option<String>) {
        self.news |= self.reported == Some(true) && self.refused != what;
        self.refused = what;
    }

    /// A second has passed; what is to be reported to the core.
    pub(super) fn tick(&mut self) -> Option<Input> {
        self.now += 1;
        if !self.excused {
            self.without += 1;
        }
        let is_fault = self.refused.is_some() || self.is_silent();
        let is_news = std::mem::take(&mut self.news);
        if !is_news && self.reported.unwrap_or(false) == is_fault {
            return None;
        }
        self.reported = Some(is_fault);
        let fault = self.refused.clone().or_else(|| self.silence());
        Some(Input::Broker { id: self.id.clone(), fault })
    }

    /// That no probe came back for too long, in words.
    pub(super) fn silence(&self) -> Option<String> {
        let Self { within, trouble, .. } = self;
        let why = trouble.as_deref().unwrap_or("what it holds may be late or not heard");
        self.is_silent().then(|| format!("no probe came back for {within} s: {why}"))
    }

    fn is_silent(&self) -> bool {
        self.without >= self.within
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof() -> Proof {
        Proof::new("b1".parse().unwrap(), 3, 7)
    }

    /// What is reported to the core in so many seconds: `None` is that all is well.
    fn reported(proof: &mut Proof, seconds: u64) -> Vec<Option<String>> {
        let inputs = (0..seconds).filter_map(|_| proof.tick());
        inputs
            .map(|input| {
                let Input::Broker { fault, .. } = input else { panic!("{input:?}") };
                fault
            })
            .collect()
    }

    #[test]
    fn a_probe_that_comes_back_in_time_is_reported_once() {
        let mut proof = proof();
        for _ in 0..5 {
            let (seq, bytes) = proof.probe();
            assert_eq!(bytes, format!(r#"{{"boot":7,"seq":{seq},"mode":"probe","readings":[]}}"#));
            assert!(proof.back(seq).is_some());
            let reported = reported(&mut proof, 2);
            assert_eq!(reported, if seq == 1 { vec![None] } else { vec![] });
        }
    }

    #[test]
    fn none_for_too_long_is_a_fault_until_one_comes_back() {
        let mut proof = proof();
        assert_eq!(reported(&mut proof, 2), []);
        proof.trouble("cannot reach h:1".to_owned());
        let fault = "no probe came back for 3 s: cannot reach h:1".to_owned();
        assert_eq!(reported(&mut proof, 5), [Some(fault)]);
        let (seq, _) = proof.probe();
        proof.back(seq);
        assert_eq!(reported(&mut proof, 2), [None]);
        assert_eq!(reported(&mut proof, 9).len(), 1);
    }

    #[test]
    fn a_probe_that_was_late_proves_nothing() {
        let mut proof = proof();
        let (seq, _) = proof.probe();
        assert_eq!(reported(&mut proof, 4).len(), 1);
        assert!(proof.back(seq).is_some() && proof.back(seq).is_none());
        assert_eq!(reported(&mut proof, 4), []);
        assert!(proof.back(99).is_none(), "never sent");
    }

    #[test]
    fn a_refused_filter_is_a_fault_though_probes_come_back() {
        let mut proof = proof();
        let (seq, _) = proof.probe();
        proof.refused(Some("it refuses a".to_owned()));
        proof.back(seq);
        assert_eq!(reported(&mut proof, 2), [Some("it refuses a".to_owned())]);
        proof.refused(Some("it refuses b".to_owned()));
        proof.refused(Some("it refuses b".to_owned()));
        assert_eq!(reported(&mut proof, 1), [Some("it refuses b".to_owned())]);
        let (seq, _) = proof.probe();
        proof.back(seq);
        assert_eq!(reported(&mut proof, 1), []);
        proof.refused(None);
        assert_eq!(reported(&mut proof, 1), [None]);
    }

    #[test]
    fn filters_that_are_granted_prove_nothing_by_themselves() {
        let mut proof = proof();
        proof.refused(None);
        assert_eq!(reported(&mut proof, 2), []);
        proof.refused(Some("it refuses a".to_owned()));
        assert_eq!(reported(&mut proof, 1), [Some("it refuses a".to_owned())]);
        proof.refused(None);
        let silent = "no probe came back for 3 s: what it holds may be late or not heard";
        assert_eq!(reported(&mut proof, 1), [Some(silent.to_owned())]);
    }

    #[test]
    fn the_gateway_does_not_blame_the_broker_for_itself() {
        let mut proof = proof();
        proof.excuse(true);
        assert_eq!(reported(&mut proof, 100), []);
        proof.excuse(false);
        assert_eq!(reported(&mut proof, 3).len(), 1);
    }
}
