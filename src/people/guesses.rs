//! Who guesses passwords waits, by name and by address, longer each time.
//!
//! A name cannot be shut out by a stranger who guesses at it: from an address where its person signed in before, only
//! that address's own failures count.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::net::places::network;
use vitalgate_domain::model::time::{Span, Timestamp};

/// Failures that cost nothing: a person mistypes.
const FREE: u32 = 4;
/// The first wait; it doubles with each failure.
const FIRST: Span = Span::secs(1);
/// The longest wait for a name.
const LONGEST_OF_NAME: Span = Span::secs(30);
/// And for an address: behind one there may be a whole hospital.
const LONGEST_OF_ADDRESS: Span = Span::secs(60);
/// An address is many people: it is given more.
const FREE_OF_ADDRESS: u32 = 16;
/// Forgotten after so long without a failure.
const FORGOTTEN: Span = Span::mins(15);
/// Names and addresses remembered, each; beyond it the oldest goes.
const MOST: usize = 1_024;

/// The guesses of late.
#[derive(Debug, Default)]
pub(super) struct Guesses {
    names: BTreeMap<String, Failures>,
    addresses: BTreeMap<IpAddr, Failures>,
    /// Where somebody signed in with success, and when.
    known: BTreeMap<(String, IpAddr), Timestamp>,
}

/// Failures in a row, and the last of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Failures {
    count: u32,
    last: Timestamp,
    /// Attempts that are looked at just now: each counts as a failure until it is known for none.
    looked_at: u32,
    /// When the last of those came.
    came: Timestamp,
}

/// Where an attempt counts: under its name too, unless its person signed in from there before.
#[derive(Debug)]
pub(super) struct Place {
    name: Option<String>,
    address: IpAddr,
}

impl Failures {
    /// How long it still has to wait.
    pub(super) fn waits(self, free: u32, longest: Span, now: Timestamp) -> Span {
        let count = self.count.saturating_add(self.looked_at);
        let Some(beyond) = count.checked_sub(free + 1) else { return Span::ZERO };
        let whole = Span::micros(FIRST.as_micros() << beyond.min(16)).min(longest);
        let last = if self.looked_at > 0 { self.came } else { self.last };
        (last + whole - now).max(Span::ZERO)
    }
}

impl Guesses {
    /// How long somebody has to wait before an attempt is looked at; what comes sooner counts for nothing.
    pub(super) fn wait(&self, name: &str, address: IpAddr, now: Timestamp) -> Span {
        let address = network(address);
        let of_address = self.addresses.get(&address);
        let of_address = of_address.map(|f| f.waits(FREE_OF_ADDRESS, LONGEST_OF_ADDRESS, now));
        let of_address = of_address.unwrap_or(Span::ZERO);
        if self.known.contains_key(&(name.to_owned(), address)) {
            return of_address;
        }
        let of_name = self.names.get(name).map(|f| f.waits(FREE, LONGEST_OF_NAME, now));
        of_address.max(of_name.unwrap_or(Span::ZERO))
    }

    /// An attempt is looked at from now on, unless somebody has to wait.
    pub(super) fn begin(
        &mut self,
        name: &str,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<Place, Span> {
        match self.wait(name, address, now) {
            Span::ZERO => Ok(self.count(name, address, now)),
            wait => Err(wait),
        }
    }

    fn count(&mut self, name: &str, address: IpAddr, now: Timestamp) -> Place {
        let address = network(address);
        let name = Some(name.to_owned());
        let name = name.filter(|name| !self.known.contains_key(&(name.clone(), address)));
        count(&mut self.addresses, address, now, FORGOTTEN);
        if let Some(name) = &name {
            count(&mut self.names, name.clone(), now, FORGOTTEN);
        }
        Place { name, address }
    }

    /// An attempt that came then was wrong, or was not.
    pub(super) fn end(&mut self, Place { name, address }: Place, wrong: bool, came: Timestamp) {
        end(&mut self.addresses, address, wrong, came);
        if let Some(name) = name {
            end(&mut self.names, name, wrong, came);
        }
    }

    /// An attempt was right.
    pub(super) fn right(&mut self, name: &str, address: IpAddr, now: Timestamp) {
        self.names.remove(name);
        if self.known.len() >= MOST {
            let oldest = self.known.iter().min_by_key(|(_, at)| **at).map(|(key, _)| key.clone());
            oldest.and_then(|oldest| self.known.remove(&oldest));
        }
        self.known.insert((name.to_owned(), network(address)), now);
    }
}

/// Counts one that is looked at; those before are `forgotten` after so long without another.
pub(super) fn count<K: Ord + Clone>(
    of: &mut BTreeMap<K, Failures>,
    key: K,
    now: Timestamp,
    forgotten: Span,
) {
    of.retain(|_, failures| failures.looked_at > 0 || now < failures.last + forgotten);
    if of.len() >= MOST && !of.contains_key(&key) {
        let age = |(_, failures): &(&K, &Failures)| (failures.looked_at, failures.last);
        let oldest = of.iter().min_by_key(age).map(|(key, _)| key.clone());
        oldest.and_then(|oldest| of.remove(&oldest));
    }
    let failures = of.entry(key).or_default();
    failures.looked_at = failures.looked_at.saturating_add(1);
    failures.came = now;
}

/// One that came then is looked at no more.
pub(super) fn end<K: Ord + Clone>(
    of: &mut BTreeMap<K, Failures>,
    key: K,
    wrong: bool,
    came: Timestamp,
) {
    if wrong {
        let failures = of.entry(key).or_default();
        failures.looked_at = failures.looked_at.saturating_sub(1);
        failures.count = failures.count.saturating_add(1);
        failures.last = came;
    } else if let Some(failures) = of.get_mut(&key) {
        failures.looked_at = failures.looked_at.saturating_sub(1);
        if (failures.looked_at, failures.count) == (0, 0) {
            of.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(1_795_000_000_000) + Span::secs(second)
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    impl Guesses {
        fn failed(&mut self, name: &str, address: IpAddr, now: Timestamp) {
            let place = self.count(name, address, now);
            self.end(place, true, now);
        }
    }

    #[test]
    fn each_failure_beyond_the_first_few_doubles_the_wait_up_to_a_bound() {
        let mut guesses = Guesses::default();
        let mut waits = Vec::new();
        for n in 0..12 {
            guesses.failed("jane", address(n), at(0));
            waits.push(guesses.wait("jane", address(200), at(0)).as_micros() / 1_000_000);
        }
        assert_eq!(waits, [0, 0, 0, 0, 1, 2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(guesses.wait("jane", address(200), at(30)), Span::ZERO);
        assert_eq!(guesses.wait("john", address(200), at(0)), Span::ZERO);
        guesses.right("jane", address(200), at(31));
        assert_eq!(guesses.wait("jane", address(201), at(31)), Span::ZERO);
    }

    #[test]
    fn an_address_that_tries_many_names_waits_for_all_of_them() {
        let mut guesses = Guesses::default();
        for n in 0..40 {
            guesses.failed(&format!("name-{n}"), address(1), at(0));
        }
        assert_eq!(guesses.wait("jane", address(1), at(0)), LONGEST_OF_ADDRESS);
        assert_eq!(guesses.wait("jane", address(2), at(0)), Span::ZERO);
    }

    #[test]
    fn a_stranger_shuts_nobody_out_of_where_they_signed_in_before() {
        let mut guesses = Guesses::default();
        guesses.right("jane", address(1), at(0));
        for n in 0..10 {
            guesses.failed("jane", address(n + 10), at(1));
        }
        assert!(guesses.wait("jane", address(2), at(1)) > Span::ZERO);
        assert_eq!(guesses.wait("jane", address(1), at(1)), Span::ZERO);
    }

    #[test]
    fn what_is_remembered_is_bounded_and_forgotten() {
        let mut guesses = Guesses::default();
        for n in 0..3_000 {
            guesses.failed(
                &format!("name-{n}"),
                IpAddr::from([10, 0, (n / 250) as u8, (n % 250) as u8]),
                at(n),
            );
            guesses.right(&format!("name-{n}"), address(1), at(n));
            guesses.failed(&format!("other-{n}"), address(1), at(n));
        }
        let sizes = [guesses.names.len(), guesses.addresses.len(), guesses.known.len()];
        assert!(sizes.iter().all(|size| *size <= MOST), "{sizes:?}");
        guesses.failed("jane", address(2), at(100_000));
        assert_eq!((guesses.names.len(), guesses.addresses.len()), (1, 1));
    }
}
