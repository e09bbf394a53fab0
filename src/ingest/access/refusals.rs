//! Publishes under names that their senders may not speak for, gathered for the audit.
//!
//! The audit grows for ever, and who is refused may be hostile. So a principal and a name are reported to
//! it twice an hour at most: at once, and at the end of the hour with the count. Of one principal at most
//! 8 names have an entry, and at most 1,024 entries are kept in all; the others share one. What was
//! counted and not reported is lost when the process is killed.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::permission;
use vitalgate_domain::model::ids::DeviceId;
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::time::{Span, Timestamp};

/// Entries of an hour, reported twice each: a few hundred bytes apiece.
const MOST: usize = 1_024;
/// Of one principal; one that tries more names is reported as trying several.
const MOST_EACH: usize = 8;
const HOUR: Span = Span::hours(1);

/// What was refused in the present hour.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<Hour>);

#[derive(Debug, Default)]
struct Hour {
    begun: Timestamp,
    entries: BTreeMap<Tried, Entry>,
    /// Entries that have not been reported at all.
    news: bool,
}

/// Who tried, and whose name; `None` is several.
type Tried = (Option<DeviceId>, Option<DeviceId>);

#[derive(Debug)]
struct Entry {
    since: Timestamp,
    count: u64,
    reported: u64,
}

impl Refusals {
    /// A principal may not publish to `topic`.
    pub(crate) fn note(&self, principal: &DeviceId, topic: &str, now: Timestamp) {
        let name = permission::publish_topic(topic).and_then(|(id, _)| id.parse().ok());
        let mut hour = self.hour();
        let tried = hour.place_of(principal, name);
        let entry =
            hour.entries.entry(tried).or_insert(Entry { since: now, count: 0, reported: 0 });
        entry.count += 1;
        hour.news |= entry.reported == 0;
    }

    /// What is to be reported to the audit now: whoever is new, and when an hour is over all that came after.
    pub(crate) fn due(&self, now: Timestamp) -> Vec<Input> {
        let mut hour = self.hour();
        let over = now - hour.begun >= HOUR || now < hour.begun;
        if !over && !hour.news {
            return Vec::new();
        }
        hour.news = false;
        let due = hour.report(|entry| over || entry.reported == 0);
        if over {
            *hour = Hour { begun: now, ..Hour::default() };
        }
        due
    }

    /// All that was not reported, before the end.
    pub(crate) fn rest(&self) -> Vec<Input> {
        self.hour().report(|_| true)
    }

    fn hour(&self) -> MutexGuard<'_, Hour> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hour {
    fn place_of(&self, principal: &DeviceId, name: Option<DeviceId>) -> Tried {
        let tried = (Some(principal.clone()), name);
        if self.entries.contains_key(&tried) {
            return tried;
        }
        let own = (Some(principal.clone()), None);
        let names = self.entries.range(own.clone()..).take_while(|((who, _), _)| *who == own.0);
        if self.entries.len() < MOST && names.count() < MOST_EACH {
            return tried;
        }
        if self.entries.len() < MOST || self.entries.contains_key(&own) {
            own
        } else {
            (None, None)
        }
    }

    fn report(&mut self, which: impl Fn(&Entry) -> bool) -> Vec<Input> {
        let news = self.entries.iter_mut().filter(|(_, entry)| entry.count > entry.reported);
        let news = news.filter(|(_, entry)| which(entry));
        let report = |((principal, name), entry): (&Tried, &mut Entry)| {
            entry.reported = entry.count;
            let (principal, name) = (principal.clone(), name.clone());
            Input::NotAllowed { principal, name, count: entry.count, since: entry.since }
        };
        news.map(report).collect()
    }
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
            let Input::NotAllowed { principal, name, count, .. } = input else {
                panic!("{input:?}");
            };
            (word(principal), word(name), count)
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
        assert_eq!(reported(refusals.due(at(51))), [entry("cm-1", "*", 1)]);
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
        assert_eq!(of_one.len(), MOST_EACH + 1);
        assert_eq!(of_one[0], entry("cm-1", "*", 1_000 - MOST_EACH as u64));
        for n in 0..5_000 {
            refusals.note(&format!("x-{n}").parse().unwrap(), &topic("dev-7"), at(2));
        }
        let all = reported(refusals.due(at(2)));
        assert_eq!(all.len() + of_one.len(), MOST + 1);
        assert_eq!(all[0], entry("*", "*", 5_000 - (MOST - of_one.len()) as u64));
        refusals.note(&principal, &topic("dev-9999"), at(3));
        let again = reported(refusals.due(at(61)));
        assert_eq!(again, [entry("cm-1", "*", 1_001 - MOST_EACH as u64)], "it has its entry still");
    }
}
