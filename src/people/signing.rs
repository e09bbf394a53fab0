//! Who acts at a station: whoever gave their PIN there, until they go, or for a while after their last act.
//!
//! In memory alone: a restart locks every station, and hides nothing on it.

use std::collections::BTreeMap;

use super::book::{Book, Lasting};
use super::digest::{Digest, new_secret};
use super::guesses::{Failures, count, end};
use super::station::{Station, actor};
use super::{BadPeople, Known, People, Proof};
use vitalgate_domain::model::command::PersonAct;
use vitalgate_domain::model::time::{Span, Timestamp};

/// Failures of a person at a station that cost nothing.
const FREE: u32 = 3;
/// The longest wait of a person at a station: a million PINs take ten years of it.
const LONGEST: Span = Span::mins(5);
/// Forgotten after so long without a failure: a night of rest between two rounds of guessing gains nothing.
const FORGOTTEN: Span = Span::hours(24);
/// A station is many people: it is given more, and whoever waits because of another waits no longer than at a sign-in.
const FREE_OF_STATION: u32 = 16;
const LONGEST_OF_STATION: Span = Span::secs(60);
const FORGOTTEN_OF_STATION: Span = Span::mins(15);
/// However much somebody does, they give their PIN again after so many times the usual while.
const WHILES: i64 = 5;

/// All stations.
#[derive(Debug, Default)]
pub(super) struct Signings {
    /// By station.
    open: BTreeMap<String, Signing>,
    /// By person and station.
    persons: BTreeMap<(String, String), Failures>,
    stations: BTreeMap<String, Failures>,
}

/// Somebody gave their PIN.
#[derive(Clone, Debug)]
struct Signing {
    signature: Digest,
    /// The browser that was the station then.
    browser: Digest,
    person: String,
    /// Of the person then, as was their PIN: with either changed it is over.
    epoch: u64,
    pin: Option<String>,
    since: Timestamp,
    last: Timestamp,
}

/// A station that is open to somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unlocked {
    /// What goes with each act.
    pub signature: String,
    /// When it locks, unless they act before.
    pub until: Timestamp,
}

impl Signing {
    fn until(&self, lasting: Lasting) -> Timestamp {
        let most = self.since + Span::micros(lasting.unlocked.as_micros() * WHILES);
        most.min(self.last + lasting.unlocked)
    }

    /// Whose it is, and where, if it still holds.
    fn known(&self, book: &Book, now: Timestamp, lasting: Lasting) -> Option<Known> {
        let (named, station) = book.station(self.browser)?;
        let (person, wards) = book.shared_wards(&self.person, station).ok()?;
        let same = (person.epoch, &person.pin) == (self.epoch, &self.pin);
        (same && now < self.until(lasting)).then(|| Known {
            name: self.person.clone(),
            role: person.role,
            wards: Some(wards),
            devices: person.devices.clone(),
            proof: Proof::Signature(self.signature),
            station: Some(named.to_owned()),
        })
    }
}

impl Signings {
    /// How long a person has to wait before another PIN is looked at, at a station.
    pub(super) fn wait(&self, of: &(String, String), now: Timestamp) -> Span {
        let (of_person, of_station) = (self.persons.get(of), self.stations.get(&of.1));
        let of_person = of_person.map_or(Span::ZERO, |f| f.waits(FREE, LONGEST, now));
        let of_station =
            of_station.map_or(Span::ZERO, |f| f.waits(FREE_OF_STATION, LONGEST_OF_STATION, now));
        of_person.max(of_station)
    }

    /// A PIN is looked at from now on, unless the person has to wait.
    pub(super) fn begin(&mut self, of: &(String, String), now: Timestamp) -> Result<(), Span> {
        let wait = self.wait(of, now);
        if wait > Span::ZERO {
            return Err(wait);
        }
        self.count(of, now);
        Ok(())
    }

    pub(super) fn count(&mut self, of: &(String, String), now: Timestamp) {
        count(&mut self.persons, of.clone(), now, FORGOTTEN);
        count(&mut self.stations, of.1.clone(), now, FORGOTTEN_OF_STATION);
    }

    /// A PIN that came then was wrong, or was not.
    pub(super) fn end(&mut self, of: (String, String), wrong: bool, came: Timestamp) {
        end(&mut self.stations, of.1.clone(), wrong, came);
        end(&mut self.persons, of, wrong, came);
    }
}

impl People {
    /// The hash to hold a PIN against; `None` where nobody of that name may sign anything.
    pub fn pin_of(&self, name: &str) -> Option<String> {
        let state = self.state();
        let person = state.book.people.get(name).filter(|person| !person.disabled)?;
        person.pin.clone().filter(|_| !state.taken.contains(name))
    }

    /// Somebody gave a PIN that is not that of this name: it is told to the audit.
    pub fn wrong_pin(&self, name: &str, browser: Digest) -> Result<(), BadPeople> {
        let station = self.look(|book| book.station(browser).map(|(named, _)| actor(named)));
        let Some(station) = station else { return Ok(()) };
        let name = name.to_owned();
        self.change_if_possible(move |book| {
            book.tell(&station, PersonAct::WrongPin, &*name);
            Ok(())
        })
    }

    /// Opens the station of this browser to somebody whose PIN was right, in the place of whoever it was open to.
    pub fn unlock(
        &self,
        name: &str,
        browser: Digest,
        now: Timestamp,
    ) -> Result<Option<Unlocked>, BadPeople> {
        let Some(signature) = new_secret() else { return Ok(None) };
        let (station, signing) = {
            let state = self.state();
            let Some((named, station)) = state.book.station(browser) else { return Ok(None) };
            let (person, _) = state.book.shared_wards(name, station)?;
            let signing = Signing {
                signature: Digest::of(&signature),
                browser,
                person: name.to_owned(),
                epoch: person.epoch,
                pin: person.pin.clone(),
                since: now,
                last: now,
            };
            (named.to_owned(), signing)
        };
        let (named, at) = (name.to_owned(), station.clone());
        self.change_if_possible(move |book| {
            book.tell(&named, PersonAct::Unlock, &*at);
            Ok(())
        })?;
        let until = signing.until(self.lasting());
        let mut state = self.state();
        state.signings.persons.remove(&(name.to_owned(), station.clone()));
        state.signings.open.insert(station, signing);
        Ok(Some(Unlocked { signature, until }))
    }

    /// Locks the station of this browser.
    pub fn lock(&self, browser: Digest) {
        self.state().signings.open.retain(|_, signing| signing.browser != browser);
    }

    /// Who signs an act at the station of this browser, and until when they may sign the next.
    pub fn signer(
        &self,
        browser: Digest,
        signature: &str,
        now: Timestamp,
    ) -> Option<(Known, Timestamp)> {
        let signature = Digest::of(signature);
        let lasting = self.lasting();
        let mut state = self.state();
        let state = &mut *state;
        let mut open = state.signings.open.values_mut();
        let signing = open.find(|s| (s.signature, s.browser) == (signature, browser))?;
        let known = signing.known(&state.book, now, lasting)?;
        (!state.taken.contains(&known.name)).then_some(())?;
        signing.last = now.max(signing.last);
        Some((known, signing.until(lasting)))
    }

    /// Who signs with this.
    pub(super) fn by_signature(
        book: &Book,
        signings: &Signings,
        signature: Digest,
        now: Timestamp,
        lasting: Lasting,
    ) -> Option<Known> {
        let mut open = signings.open.values();
        open.find(|s| s.signature == signature)?.known(book, now, lasting)
    }

    /// A browser becomes a station by its link; the secret it keeps.
    pub fn become_station(
        &self,
        link: Digest,
        now: Timestamp,
    ) -> Result<Option<String>, BadPeople> {
        let Some(secret) = new_secret() else { return Ok(None) };
        let browser = Digest::of(&secret);
        self.change(|book| book.become_station(link, browser, now))?;
        Ok(Some(secret))
    }

    /// Whether this is what the browser of a station holds.
    pub fn is_station(&self, secret: &str) -> bool {
        self.state().book.station(Digest::of(secret)).is_some()
    }
}

impl Station {
    /// As whoever asks.
    pub(super) fn known(&self, named: &str, browser: Digest) -> Known {
        Known {
            name: actor(named),
            role: crate::config::Role::Viewer,
            wards: Some(self.wards.clone()),
            devices: std::collections::BTreeSet::new(),
            proof: Proof::Station(browser),
            station: None,
        }
    }
}
