//! How much of a sender is taken in: what is beyond its budget waits, and nothing of it is lost (decision 42).
//!
//! A budget is an hour's messages and bytes, which may come at once, and is refilled steadily. A relay, connector or
//! broker has that of every device it speaks for. It lives in memory: nobody restarts the gateway from outside.

use std::collections::BTreeMap;
use std::time::Duration;

use vitalgate_domain::model::ids::DeviceId;
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::time::{Span, Timestamp};

const HOUR: Span = Span::hours(1);
/// For whom a sender speaks is counted so often.
const COUNTED_FOR: Span = Span::mins(1);
/// It is over when nothing had to wait for so long.
const CALM: Span = Span::mins(5);
/// How often what has become of a sender is looked at.
const LOOK_EVERY: Span = Span::secs(1);
/// Senders announced at a time; each is an alarm. The others wait for a place.
const MOST_ANNOUNCED: usize = 64;

/// What each device may send in an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderBudget {
    /// Messages.
    pub messages: u64,
    /// Bytes of them.
    pub bytes: u64,
}

/// What is left to whom.
#[derive(Debug)]
pub(super) struct Budgets {
    each: SenderBudget,
    of: BTreeMap<DeviceId, Spent>,
    slowed: BTreeMap<DeviceId, Slowed>,
    looked: Timestamp,
}

/// When all of a sender's budget is there again.
#[derive(Debug)]
struct Spent {
    messages: Timestamp,
    bytes: Timestamp,
    devices: u64,
    counted: Timestamp,
}

/// Something of a sender had to wait.
#[derive(Debug)]
struct Slowed {
    last: Timestamp,
    announced: bool,
}

impl Budgets {
    pub(super) fn new(each: SenderBudget) -> Self {
        let never = Timestamp::default();
        Self { each, of: BTreeMap::new(), slowed: BTreeMap::new(), looked: never }
    }

    /// Takes so many messages and bytes of a sender's budget; how long it is not read for that.
    pub(super) fn charge(
        &mut self,
        sender: &DeviceId,
        (messages, bytes): (usize, usize),
        devices: impl FnOnce() -> u64,
        now: Timestamp,
    ) -> Duration {
        let spent = match self.of.get_mut(sender) {
            Some(spent) => spent,
            None => self.of.entry(sender.clone()).or_insert(Spent {
                messages: now,
                bytes: now,
                devices: 1,
                counted: Timestamp::default(),
            }),
        };
        if now - spent.counted >= COUNTED_FOR {
            (spent.devices, spent.counted) = (devices().max(1), now);
        }
        let SenderBudget { messages: most_messages, bytes: most_bytes } = self.each;
        let takes = |count: usize, an_hour: u64| {
            let of_an_hour = count as f64 / an_hour.saturating_mul(spent.devices).max(1) as f64;
            Span::micros((of_an_hour * HOUR.as_micros() as f64) as i64)
        };
        let (by_messages, by_bytes) = (takes(messages, most_messages), takes(bytes, most_bytes));
        spent.messages = spent.messages.max(now) + by_messages;
        spent.bytes = spent.bytes.max(now) + by_bytes;
        let beyond = spent.messages.max(spent.bytes) - now - HOUR;
        if beyond <= Span::ZERO {
            return Duration::ZERO;
        }
        let slowed = Slowed { last: now, announced: false };
        self.slowed.entry(sender.clone()).or_insert(slowed).last = now;
        Duration::from_micros(beyond.as_micros().unsigned_abs())
    }

    /// Who is to be announced now, and of whom it is over.
    pub(super) fn due(&mut self, now: Timestamp) -> Vec<Input> {
        if (Timestamp::default()..=now).contains(&self.looked) && now - self.looked < LOOK_EVERY {
            return Vec::new();
        }
        self.looked = now;
        // Whoever was counted a moment ago need not be counted again with the next message.
        let counts = |spent: &Spent| now - spent.counted < COUNTED_FOR;
        self.of.retain(|_, spent| spent.messages.max(spent.bytes) > now || counts(spent));
        let mut due = Vec::new();
        let mut announced = self.slowed.values().filter(|slowed| slowed.announced).count();
        self.slowed.retain(|sender, slowed| {
            let over = now - slowed.last >= CALM;
            let news = over == slowed.announced && (over || announced < MOST_ANNOUNCED);
            if news {
                due.push(Input::OverBudget { sender: sender.clone(), over: !over });
                slowed.announced = !over;
                announced += usize::from(!over);
            }
            !over
        });
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(second: i64) -> Timestamp {
        Timestamp::from_millis(1_795_000_000_000 + second * 1_000)
    }

    fn id(name: &str) -> DeviceId {
        name.parse().unwrap()
    }

    fn budgets() -> Budgets {
        Budgets::new(SenderBudget { messages: 3_600, bytes: 36_000 })
    }

    #[test]
    fn an_hours_worth_comes_at_once_and_then_as_much_as_is_refilled() {
        let mut budgets = budgets();
        let mut send = |count, now| budgets.charge(&id("dev-1"), count, || 1, second(now));
        assert_eq!(send((3_600, 100), 0), Duration::ZERO);
        assert_eq!(send((5, 100), 0), Duration::from_secs(5));
        assert_eq!(send((5, 100), 5), Duration::from_secs(5));
        assert_eq!(send((1, 36_000), 4_000), Duration::ZERO);
        assert_eq!(send((1, 100), 4_000), Duration::from_secs(10), "bytes count as well");
        assert_eq!(send((0, 36_000), 40_000), Duration::ZERO, "no more than an hour is saved up");
        assert_eq!(send((0, 10), 40_000), Duration::from_secs(1));
    }

    #[test]
    fn a_relay_has_the_budget_of_its_devices_and_nobody_that_of_another() {
        let mut budgets = budgets();
        let mut send = |sender, devices, count, now| {
            budgets.charge(&id(sender), (count, 0), || devices, second(now))
        };
        assert_eq!(send("relay", 200, 720_000, 0), Duration::ZERO);
        assert_eq!(send("relay", 200, 2_000, 0), Duration::from_secs(10));
        assert_eq!(send("dev-1", 1, 3_600, 0), Duration::ZERO);
        assert_eq!(send("relay", 100, 1_000, 120), Duration::ZERO, "it speaks for fewer now");
    }

    #[test]
    fn who_is_over_budget_is_announced_once_and_when_it_is_over() {
        let mut budgets = budgets();
        let told = |inputs: Vec<Input>| -> Vec<(String, bool)> {
            let one = |input| {
                let Input::OverBudget { sender, over } = input else { panic!("{input:?}") };
                (sender.to_string(), over)
            };
            inputs.into_iter().map(one).collect()
        };
        assert_eq!(told(budgets.due(second(0))), []);
        for now in 1..100 {
            budgets.charge(&id("dev-1"), (4_000, 0), || 1, second(now));
            let expected = if now == 1 { vec![("dev-1".to_owned(), true)] } else { Vec::new() };
            assert_eq!(told(budgets.due(second(now))), expected, "{now}");
        }
        assert_eq!(told(budgets.due(second(398))), []);
        assert_eq!(told(budgets.due(second(399))), [("dev-1".to_owned(), false)]);
        assert!(budgets.slowed.is_empty());
        for n in 0..1_000 {
            budgets.charge(&id(&format!("x-{n}")), (4_000, 0), || 1, second(500));
        }
        assert_eq!(budgets.due(second(500)).len(), MOST_ANNOUNCED);
        assert_eq!(budgets.due(second(900)).len(), MOST_ANNOUNCED);
        budgets.due(second(100_000_000));
        assert!(budgets.of.is_empty() && budgets.slowed.is_empty());
    }
}
