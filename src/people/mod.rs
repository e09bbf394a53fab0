//! The people who sign in by name: accounts, sessions, tokens for their programs, and who guesses at them.
//!
//! They are in one file beside the store (`people.json`), so that nobody is locked out while the store fails. The command
//! line changes that file too; a running gateway looks at it every second.

mod acts;
mod attempt;
mod book;
mod digest;
mod file;
mod guesses;
mod kept;
mod password;
mod pin;
mod push;
mod room;
mod signing;
mod station;
mod token;
mod vouched;
mod word;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

pub use self::attempt::Attempt;
pub use self::book::{Book, Lasting, Link, Person, Refusal, Session, Told, name};
pub use self::digest::{Digest, new_secret};
use self::file::Mark;
pub use self::file::{BadPeople, PeopleFile};
use self::guesses::Guesses;
use self::kept::Unwritten;
pub use self::kept::Written;
pub use self::password::{BadPassword, BadPin, hash, hash_pin, verify};
pub use self::push::Browser;
use self::signing::Signings;
pub use self::signing::Unlocked;
pub use self::station::{Station, actor as actor_of_station};
pub use self::token::{PersonalToken, TOKENS_EACH};
pub use self::word::{BY_COMMAND, Out};
use crate::config::Role;
use vitalgate_domain::model::ids::{DeviceId, WardId};
use vitalgate_domain::model::time::{Span, Timestamp};

/// How long a link to set a password holds.
pub const INVITED_FOR: Span = Span::hours(72);
/// How long the link to set up the gateway holds.
pub const SETUP_FOR: Span = Span::hours(1);
/// What a personal token's text begins with.
pub const TOKEN_PREFIX: &str = "vg_";

/// By what somebody is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A session of a browser.
    Session(Digest),
    /// A token of a program.
    Token(Digest),
    /// The browser that is a station.
    Station(Digest),
    /// What goes with the acts of whoever gave their PIN at a station.
    Signature(Digest),
}

/// Somebody who proved who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The person; a program of theirs as `person/token`.
    pub name: String,
    /// What they may.
    pub role: Role,
    /// Where.
    pub wards: Option<BTreeSet<WardId>>,
    /// Of a maker.
    pub devices: BTreeSet<DeviceId>,
    /// How.
    pub proof: Proof,
    /// The station at which they sign.
    pub station: Option<String>,
}

/// All people of a running gateway.
#[derive(Debug)]
pub struct People {
    file: PeopleFile,
    lasting: Lasting,
    state: Mutex<State>,
    changed: watch::Sender<()>,
    /// Held by whoever changes the book: what was written last is what is known here.
    turn: Mutex<Unwritten>,
}

#[derive(Debug)]
struct State {
    book: Book,
    mark: Option<Mark>,
    /// Why the file is not believed.
    damaged: Option<String>,
    /// The book is what the file said when it was last believed.
    known: bool,
    /// What became of the file while the gateway ran.
    gone: Option<String>,
    /// The names of the configuration's tokens, in lower case.
    taken: BTreeSet<String>,
    /// When sessions were used, by digest.
    seen: BTreeMap<String, Timestamp>,
    /// Streams open on sessions: whoever watches is there.
    watching: BTreeMap<String, usize>,
    written: Timestamp,
    /// The hour in which somebody was last told to have looked at something.
    looked: BTreeMap<(String, String), i64>,
    looks: Vec<Told>,
    guesses: Guesses,
    signings: Signings,
}

impl People {
    /// Reads the book in a store's folder, and keeps room for what shuts somebody out. Where it cannot be believed nobody
    /// signs in by name until it can.
    pub fn open(store: &Path, lasting: Lasting) -> Arc<Self> {
        let people = Self::read(store, lasting);
        people.file.keep_room();
        people
    }

    /// The same of whoever only looks.
    pub fn read(store: &Path, lasting: Lasting) -> Arc<Self> {
        let file = PeopleFile::of(store);
        let mark = file.mark().ok().flatten();
        let (book, damaged) = match file.read() {
            Ok(book) => (book, None),
            Err(bad) => (Book::default(), Some(bad.to_string())),
        };
        let state = State {
            book,
            mark,
            known: damaged.is_none(),
            damaged,
            gone: None,
            taken: BTreeSet::new(),
            seen: BTreeMap::new(),
            watching: BTreeMap::new(),
            written: Timestamp::default(),
            looked: BTreeMap::new(),
            looks: Vec::new(),
            guesses: Guesses::default(),
            signings: Signings::default(),
        };
        let changed = watch::channel(()).0;
        let (state, turn) = (Mutex::new(state), Mutex::default());
        Arc::new(Self { file, lasting, state, changed, turn })
    }

    /// Tells of every change of who may what.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// How long sessions last.
    pub fn lasting(&self) -> Lasting {
        self.lasting
    }

    /// Whether nobody looks after the people, as far as the file is to be believed.
    pub fn lacks_admin(&self) -> bool {
        let state = self.state();
        state.damaged.is_none() && !state.book.has_admin()
    }

    /// Why the file is not believed at present.
    pub fn damaged(&self) -> Option<String> {
        self.state().damaged.clone()
    }

    /// That it was gone while the gateway ran.
    pub fn gone(&self) -> Option<String> {
        self.state().gone.clone()
    }

    /// Whether people sign in by name: not where the file could never be believed since the start. One that is damaged
    /// later, or deleted, is as it was when it was last believed.
    pub fn are_known(&self) -> bool {
        self.state().known
    }

    /// What is wrong with who may read the file.
    pub fn exposed(&self) -> Option<String> {
        self.file.exposed()
    }

    /// The configuration's tokens are called so: nobody is let in under such a name.
    pub fn tokens_are<'a>(&self, names: impl Iterator<Item = &'a str>) {
        self.state().taken = names.map(str::to_ascii_lowercase).collect();
        self.changed.send_replace(());
    }

    /// Whether a token of the configuration is called so.
    pub fn is_token(&self, name: &str) -> bool {
        self.state().taken.contains(name)
    }

    /// Who is called as one of these is.
    pub fn called<'a>(&self, mut names: impl Iterator<Item = &'a str>) -> Option<String> {
        let state = self.state();
        let clash = |name: &&str| state.book.people.contains_key(&name.to_ascii_lowercase());
        names.find(clash).map(|name| Refusal::Token(name.to_owned()).to_string())
    }

    /// Who is not let in because a token of the configuration has the name.
    pub fn clash(&self) -> Option<String> {
        let taken = self.state().taken.clone();
        let clash = self.called(taken.iter().map(String::as_str))?;
        Some(format!("{clash}; the person is not let in: rename the token"))
    }

    /// Who holds this session, which is in use now; or the station that the browser is.
    pub fn by_session(&self, secret: &str, now: Timestamp) -> Option<Known> {
        let digest = Digest::of(secret);
        let Some(known) = self.known(Proof::Session(digest), now) else {
            return self.known(Proof::Station(digest), now);
        };
        self.state().seen.insert(digest.into(), now);
        Some(known)
    }

    /// Who holds this token.
    pub fn by_token(&self, text: &str, now: Timestamp) -> Option<Known> {
        text.starts_with(TOKEN_PREFIX).then_some(())?;
        self.known(Proof::Token(Digest::of(text)), now)
    }

    /// Whether somebody is still known as they were.
    pub fn still(&self, known: &Known, now: Timestamp) -> bool {
        self.known(known.proof, now).as_ref() == Some(known)
    }

    fn known(&self, proof: Proof, now: Timestamp) -> Option<Known> {
        let state = self.state();
        match proof {
            Proof::Session(digest) => {
                let key = String::from(digest);
                let watched = state.watching.contains_key(&key);
                let seen = if watched { Some(now) } else { state.seen.get(&key).copied() };
                let seen = seen.unwrap_or_default();
                let (name, person) = state.book.session(digest, seen, now, self.lasting)?;
                (!state.taken.contains(name)).then_some(())?;
                Some(Known {
                    name: name.to_owned(),
                    role: person.role,
                    wards: person.wards.clone(),
                    devices: person.devices.clone(),
                    proof,
                    station: None,
                })
            }
            Proof::Token(digest) => {
                let (name, token_name, person, token) = state.book.token(digest, now)?;
                (!state.taken.contains(name)).then_some(())?;
                Some(Known {
                    name: format!("{name}/{token_name}"),
                    role: token.role,
                    wards: token.wards.clone(),
                    devices: person.devices.clone(),
                    proof,
                    station: None,
                })
            }
            Proof::Station(digest) => {
                let (named, station) = state.book.station(digest)?;
                Some(station.known(named, digest))
            }
            Proof::Signature(digest) => {
                let state = &*state;
                Self::by_signature(&state.book, &state.signings, digest, now, self.lasting)
            }
        }
    }

    /// A stream is open on a session until the guard goes: whoever watches is not idle.
    pub fn watch(self: &Arc<Self>, known: &Known) -> Option<Watching> {
        let Proof::Session(digest) = known.proof else { return None };
        let key = String::from(digest);
        *self.state().watching.entry(key.clone()).or_default() += 1;
        Some(Watching { people: Arc::clone(self), key })
    }

    /// The hash to hold a password against; `None` where nobody of that name may sign in.
    pub fn password_of(&self, name: &str) -> Option<String> {
        let state = self.state();
        let person = state.book.people.get(name).filter(|person| !person.disabled)?;
        person.password.clone()
    }

    /// Begins a session of somebody whose password was right, or who set one just now, in the place of the one `before`; its
    /// secret. Where
    /// the disk takes nothing it holds until the process ends.
    pub fn begin(
        &self,
        name: &str,
        before: Option<Digest>,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<Option<String>, BadPeople> {
        let Some(secret) = new_secret() else { return Ok(None) };
        let digest = Digest::of(&secret);
        let named = name.to_owned();
        self.change_if_possible(move |book| {
            // A browser is one person's at a time.
            if let Some(before) = before {
                book.end(before);
            }
            book.begin(&named, digest, now)
        })?;
        self.state().guesses.right(name, address, now);
        Ok(Some(secret))
    }

    /// A look at the book.
    pub fn look<T>(&self, look: impl FnOnce(&Book) -> T) -> T {
        look(&self.state().book)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream of a session is open.
#[derive(Debug)]
pub struct Watching {
    people: Arc<People>,
    key: String,
}

impl Drop for Watching {
    fn drop(&mut self) {
        let mut state = self.people.state();
        if let Some(streams) = state.watching.get_mut(&self.key) {
            *streams -= 1;
            if *streams == 0 {
                state.watching.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
