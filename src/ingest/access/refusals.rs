//! What was refused to senders and strangers, gathered for the audit and for alarms.
//!
//! The audit grows for ever, and who is refused may be hostile. So what is tried is told at once, and
//! after that once a period with its count; beyond a number of entries the others share one. What was
//! counted and not reported is lost when the process is killed.
//!
//! *Publishes* under names that their senders may not speak for, or to topics of no meaning: a
//! principal and a name or topic twice an hour, 8 of one principal, 1,024 in all.
//! *Sign-ins* that failed: an address and the name given there twice a minute, 8 of one address, 32 in
//! all.
//! *Lines in the log* about connections that were not let in: 5 of one address in a minute, and how many were
//! left out.
//! *Connections* for which there was no place: for each door at once, once a minute while it goes on, and
//! when it is over.
//! *Senders* beyond their budgets (`budgets`): once, and when it is over.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::admissions::Admissions;
use super::budgets::{Budgets, SenderBudget};
use super::crowds::Crowds;
use super::tally::{Bounds, Entry, Tally, Tried};
use super::{permission, words};
use crate::net::places::Crowd;
use crate::projection::view::Board;
use crate::telemetry::Metrics;
use vitalgate_domain::model::ids::DeviceId;
use vitalgate_domain::model::input::{FailedSignIns, Input, SignInWay};
use vitalgate_domain::model::time::{Span, Timestamp};

const OF_PUBLISHES: Bounds = Bounds { period: Span::hours(1), most: 1_024, most_each: 8 };
const OF_SIGN_INS: Bounds = Bounds { period: Span::mins(1), most: 32, most_each: 8 };
const OF_LINES: Bounds = Bounds { period: Span::mins(1), most: 32, most_each: 1 };
/// Lines about the connections of one address in a minute.
const MOST_LINES: u64 = 5;
/// An address that failed so often within a minute waits for each further answer.
const PATIENCE: u64 = 20;
/// So long: nobody guesses a token, but guessing costs the gateway work.
const WAIT: Duration = Duration::from_secs(1);

/// What was refused of late.
#[derive(Debug)]
pub struct Refusals {
    publishes: Mutex<Tally<DeviceId, Target>>,
    sign_ins: Mutex<Tally<IpAddr, Claimed>>,
    lines: Mutex<Tally<IpAddr, ()>>,
    crowds: Mutex<Crowds>,
    budgets: Mutex<Budgets>,
    admissions: Mutex<Admissions>,
}

/// Where somebody tried to publish to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    /// Under the name of this device.
    Device(DeviceId),
    /// To a topic that no device has, as it is shown.
    Topic(String),
}

/// Who somebody claimed to be, as it is shown, and on which way.
type Claimed = (SignInWay, Option<String>);

impl Default for Refusals {
    fn default() -> Self {
        Self::new(SenderBudget::default(), usize::MAX)
    }
}

impl Refusals {
    /// Nobody has been refused anything yet. Senders have this budget each, and so many may be let in that nobody
    /// registered.
    pub fn new(budget: SenderBudget, max_admitted: usize) -> Self {
        Self {
            publishes: Mutex::new(Tally::new(OF_PUBLISHES)),
            sign_ins: Mutex::new(Tally::new(OF_SIGN_INS)),
            lines: Mutex::new(Tally::new(OF_LINES)),
            crowds: Mutex::default(),
            budgets: Mutex::new(Budgets::new(budget)),
            admissions: Mutex::new(Admissions::new(max_admitted)),
        }
    }

    /// Whether a device that nobody may have registered is let in, as far as their number goes.
    pub(crate) fn admits(&self, board: &Board, id: &DeviceId, now: Timestamp) -> bool {
        held(&self.admissions).admits(board, id, now)
    }

    /// A sender that speaks for so many devices sent so many messages and bytes. How long it is not read for that.
    pub(crate) fn charge(
        &self,
        sender: &DeviceId,
        sent: (usize, usize),
        devices: impl FnOnce() -> u64,
        now: Timestamp,
    ) -> Duration {
        held(&self.budgets).charge(sender, sent, devices, now)
    }

    /// A principal may not publish to `topic`.
    pub(crate) fn note(&self, principal: &DeviceId, topic: &str, now: Timestamp) {
        let id = permission::publish_topic(topic).and_then(|(id, _)| id.parse().ok());
        let target = id.map_or_else(|| Target::Topic(words::shown(topic)), Target::Device);
        held(&self.publishes).note(principal.clone(), target, "not allowed", now);
    }

    /// Somebody at this address could not prove to be `name`, or may not connect. How long the answer is to
    /// wait.
    pub(crate) fn note_sign_in(
        &self,
        way: SignInWay,
        name: Option<&str>,
        address: IpAddr,
        why: &'static str,
        now: Timestamp,
    ) -> Duration {
        let claimed = (way, name.map(words::shown));
        let address = address.to_canonical();
        let mut sign_ins = held(&self.sign_ins);
        sign_ins.note(address, claimed, why, now);
        if sign_ins.of(address) > PATIENCE { WAIT } else { Duration::ZERO }
    }

    /// Whether the log has room for one more line about a connection from this address.
    pub(crate) fn may_log(&self, address: IpAddr, now: Timestamp) -> bool {
        held(&self.lines).note(address.to_canonical(), (), "", now) <= MOST_LINES
    }

    /// What happened at this door for want of places, said in the log and counted; none is no news.
    pub(crate) fn note_crowd(&self, way: SignInWay, crowd: Crowd, metrics: &Metrics) {
        let Crowd { ended, address } = crowd;
        if ended == 0 {
            return;
        }
        tracing::warn!(
            way = way.as_str(),
            ended,
            ?address,
            "connections closed for want of places"
        );
        metrics.crowded_out(way.as_str(), ended);
        held(&self.crowds).note(way, &crowd);
    }

    /// What is to be reported to the audit now: whoever is new, and when a period is over all that came
    /// after.
    pub(crate) fn due(&self, now: Timestamp) -> Vec<Input> {
        let publishes = held(&self.publishes).due(now);
        let mut due = inputs(publishes, held(&self.sign_ins).due(now));
        due.extend(held(&self.crowds).due(now));
        due.extend(held(&self.budgets).due(now));
        for ((address, _), Entry { count, .. }) in held(&self.lines).due(now) {
            if let Some(left_out @ 1..) = count.checked_sub(MOST_LINES) {
                let address = address.map_or_else(|| "several".to_owned(), |one| one.to_string());
                tracing::warn!(%address, left_out, "lines about connections not let in were left out");
            }
        }
        due
    }

    /// All that was not reported, before the end.
    pub(crate) fn rest(&self) -> Vec<Input> {
        let publishes = held(&self.publishes).rest();
        inputs(publishes, held(&self.sign_ins).rest())
    }
}

fn held<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

fn inputs(
    publishes: Vec<(Tried<DeviceId, Target>, Entry)>,
    sign_ins: Vec<(Tried<IpAddr, Claimed>, Entry)>,
) -> Vec<Input> {
    let publish = |((principal, target), Entry { since, count, .. })| {
        let (name, topic) = match target {
            Some(Target::Device(name)) => (Some(name), None),
            Some(Target::Topic(topic)) => (None, Some(topic)),
            None => (None, None),
        };
        Input::NotAllowed { principal, name, count, since, topic }
    };
    let sign_in = |((address, claimed), entry): (Tried<IpAddr, Claimed>, Entry)| {
        let (way, name) = claimed.map_or((None, None), |(way, name)| (Some(way), name));
        Input::SignInsFailed(FailedSignIns {
            way,
            name,
            address: address.map(|address| address.to_string()),
            why: entry.why.to_owned(),
            count: entry.count,
            since: entry.since,
        })
    };
    publishes.into_iter().map(publish).chain(sign_ins.into_iter().map(sign_in)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_millis(1_795_000_000_000 + minute * 60_000)
    }

    fn topic(name: &str) -> String {
        format!("vitalgate/v1/{name}/telemetry")
    }

    /// Who, whose name and how often, as reported.
    fn reported(inputs: Vec<Input>) -> Vec<(String, String, u64)> {
        let word = |id: Option<DeviceId>| id.map_or("*".to_owned(), |id| id.to_string());
        let one = |input| {
            let Input::NotAllowed { principal, name, count, topic, .. } = input else {
                panic!("{input:?}");
            };
            (word(principal), topic.unwrap_or_else(|| word(name)), count)
        };
        inputs.into_iter().map(one).collect()
    }

    fn entry(principal: &str, name: &str, count: u64) -> (String, String, u64) {
        (principal.to_owned(), name.to_owned(), count)
    }

    #[test]
    fn a_name_is_reported_at_once_and_counted_when_its_hour_is_over() {
        let refusals = Refusals::default();
        let principal = "cm-1".parse().unwrap();
        assert!(reported(refusals.due(at(0))).is_empty());
        for minute in 0..50 {
            refusals.note(&principal, &topic("dev-7"), at(minute));
            let expected = if minute == 0 { vec![entry("cm-1", "dev-7", 1)] } else { Vec::new() };
            assert_eq!(reported(refusals.due(at(minute))), expected);
        }
        refusals.note(&principal, "weather/today", at(51));
        assert_eq!(reported(refusals.due(at(51))), [entry("cm-1", "weather/today", 1)]);
        assert_eq!(reported(refusals.due(at(60))), [entry("cm-1", "dev-7", 50)]);
        refusals.note(&principal, &topic("dev-7"), at(61));
        assert_eq!(reported(refusals.due(at(61))), [entry("cm-1", "dev-7", 1)]);
        refusals.note(&principal, &topic("dev-7"), at(62));
        assert_eq!(reported(refusals.rest()), [entry("cm-1", "dev-7", 2)]);
        assert!(reported(refusals.rest()).is_empty());
    }

    #[test]
    fn many_names_share_an_entry_and_so_do_many_principals() {
        let refusals = Refusals::default();
        let principal: DeviceId = "cm-1".parse().unwrap();
        refusals.due(at(0));
        for n in 0..1_000 {
            refusals.note(&principal, &topic(&format!("dev-{n:04}")), at(1));
        }
        let of_one = reported(refusals.due(at(1)));
        assert_eq!(of_one.len(), OF_PUBLISHES.most_each + 1);
        assert_eq!(of_one[0], entry("cm-1", "*", 1_000 - OF_PUBLISHES.most_each as u64));
        for n in 0..5_000 {
            refusals.note(&format!("x-{n}").parse().unwrap(), &topic("dev-7"), at(2));
        }
        let all = reported(refusals.due(at(2)));
        assert_eq!(all.len() + of_one.len(), OF_PUBLISHES.most + 1);
        assert_eq!(all[0], entry("*", "*", 5_000 - (OF_PUBLISHES.most - of_one.len()) as u64));
        refusals.note(&principal, &topic("dev-9999"), at(3));
        let again = reported(refusals.due(at(61)));
        assert_eq!(
            again,
            [entry("cm-1", "*", 1_001 - OF_PUBLISHES.most_each as u64)],
            "it has its entry still"
        );
    }

    #[test]
    fn a_foreign_topic_is_named_and_cannot_pass_for_another_line() {
        let refusals = Refusals::default();
        let principal = "cm-1".parse().unwrap();
        refusals.note(&principal, "vitalgate/v1/no id/telemetry", at(0));
        refusals.note(&principal, "weather\nto\u{202e}day", at(0));
        let expected = [
            entry("cm-1", "vitalgate/v1/no id/telemetry", 1),
            entry("cm-1", "weather\\nto\\u{202e}day", 1),
        ];
        assert_eq!(reported(refusals.due(at(0))), expected);
    }

    fn second(second: i64) -> Timestamp {
        at(0) + Span::secs(second)
    }

    /// Name and address given, why the last was refused and how often, as reported.
    fn failed(inputs: Vec<Input>) -> Vec<(String, String, String, u64)> {
        let one = |input| {
            let Input::SignInsFailed(failed) = input else { panic!("{input:?}") };
            let several = failed.way.map_or("several", |_| "none").to_owned();
            let address = failed.address.unwrap_or_else(|| "*".to_owned());
            (failed.name.unwrap_or(several), address, failed.why, failed.count)
        };
        inputs.into_iter().map(one).collect()
    }

    fn sign_in(name: &str, address: &str, why: &str, count: u64) -> (String, String, String, u64) {
        (name.to_owned(), address.to_owned(), why.to_owned(), count)
    }

    #[test]
    fn failed_sign_ins_are_told_at_once_and_counted_by_the_minute() {
        let refusals = Refusals::default();
        let here = "192.0.2.7".parse().unwrap();
        refusals.due(second(0));
        for tried in 0..50 {
            let why = if tried < 49 { "wrong token" } else { "revoked" };
            refusals.note_sign_in(SignInWay::Mqtt, Some("dev-1"), here, why, second(tried));
            let told = failed(refusals.due(second(tried)));
            let first = [sign_in("dev-1", "192.0.2.7", "wrong token", 1)];
            assert_eq!(told, if tried == 0 { &first[..] } else { &[] });
        }
        refusals.note_sign_in(SignInWay::Http, None, here, "unknown token", second(51));
        let of_http = [sign_in("none", "192.0.2.7", "unknown token", 1)];
        assert_eq!(failed(refusals.due(second(51))), of_http);
        let of_the_minute = [sign_in("dev-1", "192.0.2.7", "revoked", 50)];
        assert_eq!(failed(refusals.due(second(60))), of_the_minute);
        assert!(refusals.rest().is_empty());
    }

    #[test]
    fn nobody_fills_the_audit_with_names_or_addresses() {
        let refusals = Refusals::default();
        refusals.due(second(0));
        let guess = |name: &str, address: &str| {
            let address = address.parse().unwrap();
            refusals.note_sign_in(SignInWay::Mqtt, Some(name), address, "unknown", second(1));
        };
        for n in 0..1_000 {
            guess(&format!("dev-{n:04}"), "192.0.2.7");
        }
        let of_one = failed(refusals.due(second(1)));
        assert_eq!(of_one.len(), OF_SIGN_INS.most_each + 1);
        let others = 1_000 - OF_SIGN_INS.most_each as u64;
        assert_eq!(of_one[0], sign_in("several", "192.0.2.7", "unknown", others));
        for n in 0..5_000 {
            guess("dev-1", &format!("2001:db8::{n:x}"));
        }
        let all = failed(refusals.due(second(2)));
        assert_eq!(all.len() + of_one.len(), OF_SIGN_INS.most + 1);
        let others = 5_000 - (OF_SIGN_INS.most - of_one.len()) as u64;
        assert_eq!(all[0], sign_in("several", "*", "unknown", others));
        guess(&"\u{7}".repeat(10_000), "192.0.2.7");
        let (name, ..) = failed(refusals.rest()).remove(0);
        assert!(name.len() < 200, "{name}");
    }

    #[test]
    fn who_fails_often_waits_and_takes_few_lines_of_the_log() {
        let refusals = Refusals::default();
        let [here, there] = ["192.0.2.7", "192.0.2.8"].map(|address| address.parse().unwrap());
        refusals.due(second(0));
        let guess = |n: u64, address| {
            let name = format!("dev-{n}");
            refusals.note_sign_in(SignInWay::Mqtt, Some(&name), address, "unknown", second(1))
        };
        let waits: Vec<_> = (0..30).map(|n| guess(n, here)).collect();
        assert_eq!(waits.iter().filter(|wait| **wait == Duration::ZERO).count(), 20);
        assert_eq!(guess(0, there), Duration::ZERO, "nobody else waits for it");
        let logged = (0..1_000).filter(|_| refusals.may_log(here, second(1))).count();
        assert_eq!(logged as u64, MOST_LINES);
        assert!(refusals.may_log(there, second(1)));
        refusals.due(second(61));
        assert_eq!(guess(0, here), Duration::ZERO, "a minute later it is forgotten");
        assert!(refusals.may_log(here, second(62)));
    }

    #[test]
    fn an_ipv4_address_is_one_by_whatever_socket_it_came() {
        let refusals = Refusals::default();
        for address in ["192.0.2.7", "::ffff:192.0.2.7"] {
            let address = address.parse().unwrap();
            refusals.note_sign_in(SignInWay::Http, None, address, "unknown token", second(0));
        }
        let told = failed(refusals.due(second(0)));
        assert_eq!(told, [sign_in("none", "192.0.2.7", "unknown token", 2)]);
    }
}
