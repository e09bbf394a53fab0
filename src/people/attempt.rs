//! An attempt to get in counts as a wrong one before it is looked at, so that of many at once no more are looked at than of
//! as many one after the other; whoever was right has it back.

use std::net::IpAddr;
use std::sync::Arc;

use super::guesses::Place;
use super::{Digest, People};
use vitalgate_domain::model::time::{Span, Timestamp};

/// An attempt that is looked at. It stays counted unless it is given back, also where whoever made it goes before it is
/// answered.
#[derive(Debug)]
#[must_use = "it counts as a wrong one"]
pub struct Attempt {
    people: Arc<People>,
    of: Option<Of>,
    at: Timestamp,
}

/// Where it counts.
#[derive(Debug)]
enum Of {
    /// A sign-in.
    SignIn(Place),
    /// A PIN of a person at a station.
    Pin(String, String),
}

impl Attempt {
    /// It was right, or was never looked at.
    pub fn give_back(&mut self) {
        self.end(false);
    }

    fn end(&mut self, wrong: bool) {
        let Some(of) = self.of.take() else { return };
        let mut state = self.people.state();
        match of {
            Of::SignIn(place) => state.guesses.end(place, wrong, self.at),
            Of::Pin(person, station) => state.signings.end((person, station), wrong, self.at),
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.end(true);
    }
}

impl People {
    /// Begins an attempt to sign in; or how long somebody has to wait before one is looked at.
    pub fn attempt(
        self: &Arc<Self>,
        name: &str,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<Attempt, Span> {
        let place = self.state().guesses.begin(name, address, now)?;
        Ok(Attempt { people: Arc::clone(self), of: Some(Of::SignIn(place)), at: now })
    }

    /// The same of a PIN, at the station of this browser.
    pub fn pin_attempt(
        self: &Arc<Self>,
        name: &str,
        browser: Digest,
        now: Timestamp,
    ) -> Result<Attempt, Span> {
        let of = {
            let mut state = self.state();
            let state = &mut *state;
            match state.book.station(browser) {
                None => None,
                Some((station, _)) => {
                    let of = (name.to_owned(), station.to_owned());
                    state.signings.begin(&of, now)?;
                    Some(Of::Pin(of.0, of.1))
                }
            }
        };
        Ok(Attempt { people: Arc::clone(self), of, at: now })
    }
}

#[cfg(test)]
mod tests {
    use super::super::book::Link;
    use super::super::tests::people;
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(1_795_000_000_000) + Span::secs(second)
    }

    /// How many of so many at once are looked at, and how many of as many one after the other.
    fn looked_at(count: usize, begin: impl Fn(&str) -> Result<Attempt, Span>) -> (usize, usize) {
        let at_once: Vec<_> = (0..count).filter_map(|_| begin("jane").ok()).collect();
        let after = (0..count).filter(|_| begin("john").is_ok()).count();
        (at_once.len(), after)
    }

    #[test]
    fn of_many_attempts_at_once_no_more_are_looked_at_than_one_after_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let people = people(folder.path());
        let (at_once, after) = looked_at(200, |name| people.attempt(name, HERE, at(0)));
        assert_eq!((at_once, after), (5, 5));
        assert_eq!(people.attempt("jane", HERE, at(0)).unwrap_err(), Span::secs(1));

        let link = Link { sha256: Digest::of("link"), until: at(60) };
        people
            .change(|book| {
                book.add_station("local:cli", "desk", ["icu".parse().unwrap()].into())?;
                book.link_station("local:cli", "desk", link)
            })
            .unwrap();
        let secret = people.become_station(Digest::of("link"), at(0)).unwrap().unwrap();
        let browser = Digest::of(&secret);
        let (at_once, after) = looked_at(40, |name| people.pin_attempt(name, browser, at(0)));
        assert_eq!((at_once, after), (4, 4));
        assert_eq!(people.pin_attempt("jane", browser, at(0)).unwrap_err(), Span::secs(1));
    }

    #[test]
    fn what_was_right_or_never_looked_at_makes_nobody_wait() {
        let folder = tempfile::tempdir().unwrap();
        let people = people(folder.path());
        for second in 0..100 {
            people.attempt("jane", HERE, at(second)).unwrap().give_back();
        }
        // Nor does it lengthen the wait of those who failed before.
        for n in 0..17 {
            drop(people.attempt(&format!("name-{n}"), HERE, at(100)).unwrap());
        }
        assert_eq!(people.attempt("jane", HERE, at(100)).unwrap_err(), Span::secs(1));
        people.attempt("jane", HERE, at(101)).unwrap().give_back();
        people.attempt("jane", HERE, at(101)).unwrap().give_back();
    }
}
