//! What is known of the people: who they are, by what they are known, and since when they are here. Pure: time is given.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::push::Browser;
use super::station::{STATION, Station};
use super::token::{PersonalToken, TOKENS_EACH};
use crate::config::{self, Role};
use vitalgate_domain::model::command::PersonAct;
use vitalgate_domain::model::ids::{DeviceId, WardId};
use vitalgate_domain::model::time::{Span, Timestamp};

/// Sessions of one person at a time; the one used longest ago goes.
const SESSIONS_EACH: usize = 8;
/// Acts that wait for the audit; beyond it the oldest go, and their number is told.
const UNTOLD: usize = 10_000;

/// All of it, as in `people.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Book {
    /// Of the file's form.
    pub version: u32,
    /// By which the first admin makes an account.
    pub setup: Option<Link>,
    /// By name.
    pub people: BTreeMap<String, Person>,
    /// By the digest of what the browser holds.
    pub sessions: BTreeMap<String, Session>,
    /// Browsers that are a ward's, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stations: BTreeMap<String, Station>,
    /// What the audit has not been told yet.
    pub untold: Vec<Told>,
    /// By which push services know the gateway: a key of P-256, PKCS #8 in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push_key: Option<String>,
}

/// Somebody with an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// What they may.
    pub role: Role,
    /// Where; `None` is the whole gateway.
    pub wards: Option<BTreeSet<WardId>>,
    /// Of a maker: these devices, and those registered via them.
    #[serde(default)]
    pub devices: BTreeSet<DeviceId>,
    /// A PHC string; `None` before the first was set.
    pub password: Option<String>,
    /// By which they set it.
    #[serde(default)]
    pub invited: Option<Link>,
    /// Whom a provider calls so: it says what they may, and they have no password here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// By which they sign acts at a station: a PHC string.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<String>,
    /// Let in no more.
    #[serde(default)]
    pub disabled: bool,
    /// That is because their provider vouches for them no more: it may again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_more_vouched: bool,
    /// Raised where sessions of before end.
    pub epoch: u64,
    /// For programs of theirs, by name.
    #[serde(default)]
    pub tokens: BTreeMap<String, PersonalToken>,
    /// In which push is turned on, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub browsers: BTreeMap<String, Browser>,
}

/// A link that is used once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Of its secret.
    pub sha256: Digest,
    /// When it ends.
    pub until: Timestamp,
}

/// A browser in which somebody signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// Who.
    pub person: String,
    /// Of the person, when it began.
    pub epoch: u64,
    /// When it began.
    pub since: Timestamp,
    /// When it was used, as far as it was written down.
    pub seen: Timestamp,
}

/// An act of somebody, for the audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// Who.
    pub actor: String,
    /// What.
    pub act: PersonAct,
    /// Whom or what it is about.
    pub subject: String,
}

/// How long sessions last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lasting {
    /// Without a request and without an open stream.
    pub idle: Span,
    /// In all.
    pub longest: Span,
    /// How long a station is open to whoever gave their PIN there, from their last act on.
    pub unlocked: Span,
}

impl From<&config::People> for Lasting {
    fn from(&config::People { idle, longest, unlocked }: &config::People) -> Self {
        Self { idle, longest, unlocked }
    }
}

/// Why something about people was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A name that cannot be.
    #[error(
        "`{0}` is no name: use letters, digits, `.`, `_`, `-` or `@`, 64 at most; `local`, `gateway` and `station` are taken"
    )]
    Name(String),
    /// Somebody has it.
    #[error("there is a `{0}` already")]
    Known(String),
    /// A token of the configuration has it.
    #[error("`{0}` is a [[http.token]]: in audit and alarms nobody could tell them apart")]
    Token(String),
    /// Nobody has it.
    #[error("nobody is called `{0}`")]
    Unknown(String),
    /// A link that is no more, or never was.
    #[error("that link was used, has ended, or never was: ask for another")]
    Link,
    /// Wards where there can be none.
    #[error("a {0} is not of wards: wards hold for viewers, clinicians and ward-admins")]
    NotOfWards(&'static str),
    /// A list of wards that names none.
    #[error("`wards` names none: leave it out where it is for all of them")]
    NoWard,
    /// A ward-admin of everything is no ward-admin.
    #[error("a ward-admin needs wards")]
    NeedsWards,
    /// A maker without devices sees nothing.
    #[error("a maker needs devices, and nobody else has any")]
    Devices,
    /// Nobody could let anybody in any more.
    #[error("`{0}` is the last admin who can sign in: another sets a password first")]
    LastAdmin(String),
    /// More than the maker of the token may.
    #[error("a token may not do more than its person")]
    Beyond,
    /// An account of the provider's, or a name that is somebody else's there.
    #[error(
        "`{0}` is the account of somebody else, is disabled, or has its password at the provider"
    )]
    Elsewhere(String),
    /// There is no such station.
    #[error("no station is called `{0}`")]
    NoStation(String),
    /// A station without wards.
    #[error("a station needs wards")]
    StationNeedsWards,
    /// Somebody who sees no patients has nothing to sign at their beds.
    #[error("a {0} signs nothing at a station: acts there are of those who see patients")]
    NotAtStations(&'static str),
    /// Somebody of other wards.
    #[error("none of the wards of `{0}` is this station's")]
    OtherWards(String),
    /// One more than there may be.
    #[error("{TOKENS_EACH} tokens are enough for one person: revoke one")]
    TooMany,
}

/// A name as it is kept: of letters in lower case, so that nobody is taken for another.
pub fn name(text: &str) -> Result<String, Refusal> {
    let name = text.trim().to_ascii_lowercase();
    let bad = || Refusal::Name(text.escape_default().take(80).collect());
    let letters = |b: u8| b.is_ascii_alphanumeric() || b"._-@".contains(&b);
    let begins = name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    let reserved = ["local", "gateway"].iter().any(|word| name.starts_with(word));
    // Of a program of a person of that name it would say that it is a station.
    let reserved = reserved || name == STATION;
    let good = begins && name.len() <= 64 && name.bytes().all(letters) && !reserved;
    if good { Ok(name) } else { Err(bad()) }
}

impl Default for Book {
    fn default() -> Self {
        Self {
            version: 1,
            setup: None,
            people: BTreeMap::new(),
            sessions: BTreeMap::new(),
            stations: BTreeMap::new(),
            untold: Vec::new(),
            push_key: None,
        }
    }
}

impl Person {
    /// Somebody with a role in some wards, who has still to set a password.
    pub fn new(
        role: Role,
        wards: Option<BTreeSet<WardId>>,
        devices: BTreeSet<DeviceId>,
    ) -> Result<Self, Refusal> {
        let of_wards = matches!(role, Role::Viewer | Role::Clinician | Role::WardAdmin);
        match &wards {
            Some(_) if !of_wards => return Err(Refusal::NotOfWards(role.as_str())),
            Some(wards) if wards.is_empty() => return Err(Refusal::NoWard),
            None if role == Role::WardAdmin => return Err(Refusal::NeedsWards),
            Some(_) | None => {}
        }
        if (role == Role::Maker) == devices.is_empty() {
            return Err(Refusal::Devices);
        }
        Ok(Self {
            role,
            wards,
            devices,
            password: None,
            invited: None,
            subject: None,
            pin: None,
            disabled: false,
            no_more_vouched: false,
            epoch: 0,
            tokens: BTreeMap::new(),
            browsers: BTreeMap::new(),
        })
    }

    /// Whether they are let in, and have something to sign in with: who was only invited has not.
    pub(crate) fn can_sign_in(&self) -> bool {
        !self.disabled && (self.password.is_some() || self.subject.is_some())
    }
}

impl Book {
    /// Adds somebody.
    pub fn add(&mut self, actor: &str, named: &str, person: Person) -> Result<(), Refusal> {
        if self.people.contains_key(named) {
            return Err(Refusal::Known(named.to_owned()));
        }
        self.tell(actor, PersonAct::AddPerson, format!("{named} {}", person.role.as_str()));
        self.people.insert(named.to_owned(), person);
        Ok(())
    }

    /// Changes what somebody may, and where; who is signed in has to do so again.
    pub fn change(&mut self, actor: &str, named: &str, to: Person) -> Result<(), Refusal> {
        if to.role != Role::Admin {
            self.another_admin(named)?;
        }
        let person = self.person_mut(named)?;
        (person.role, person.wards, person.devices) = (to.role, to.wards, to.devices);
        person.epoch += 1;
        self.tell(actor, PersonAct::ChangePerson, format!("{named} {}", to.role.as_str()));
        Ok(())
    }

    /// Refuses where nobody else could let anybody in.
    fn another_admin(&self, named: &str) -> Result<(), Refusal> {
        let is_admin = |p: &Person| p.role == Role::Admin && !p.disabled;
        let another =
            |(name, p): (&String, &Person)| name != named && is_admin(p) && p.can_sign_in();
        let last = self.people.get(named).is_some_and(is_admin) && !self.people.iter().any(another);
        if last { Err(Refusal::LastAdmin(named.to_owned())) } else { Ok(()) }
    }

    /// Lets somebody in no more: sessions and tokens end.
    pub fn disable(&mut self, actor: &str, named: &str, disabled: bool) -> Result<(), Refusal> {
        if disabled {
            self.another_admin(named)?;
        }
        let person = self.person_mut(named)?;
        (person.disabled, person.no_more_vouched) = (disabled, false);
        person.epoch += 1;
        let act = if disabled { PersonAct::DisablePerson } else { PersonAct::EnablePerson };
        self.tell(actor, act, named);
        Ok(())
    }

    /// Gives somebody a link by which they set a password; the one before is void, and so are PIN, tokens, and every browser's
    /// push. Of the last admin who can sign in they hold until the link is used: nobody else could let anybody in.
    pub fn invite(&mut self, actor: &str, named: &str, link: Link) -> Result<(), Refusal> {
        let is_last = self.another_admin(named).is_err();
        let person = self.person_mut(named)?;
        person.has_password_here(named)?;
        person.invited = Some(link);
        if !(is_last && person.can_sign_in()) {
            person.password = None;
            person.pin = None;
            person.tokens.clear();
            person.browsers.clear();
            person.epoch += 1;
        }
        self.tell(actor, PersonAct::InvitePerson, named);
        Ok(())
    }

    /// Sets a password; whoever is signed in as that person has to do so again. PIN and tokens are void: whoever knew the
    /// password may have made them.
    pub fn set_password(&mut self, actor: &str, named: &str, hash: String) -> Result<(), Refusal> {
        let person = self.person_mut(named)?;
        person.has_password_here(named)?;
        person.password = Some(hash);
        person.invited = None;
        person.pin = None;
        person.tokens.clear();
        person.browsers.clear();
        person.epoch += 1;
        self.tell(actor, PersonAct::SetPassword, named);
        Ok(())
    }

    /// Whose link it is: that of the first admin has no name yet.
    pub fn link(&self, sha256: Digest, now: Timestamp) -> Result<Option<&str>, Refusal> {
        let good = |link: &Option<Link>| {
            link.as_ref().is_some_and(|link| link.sha256 == sha256 && now < link.until)
        };
        if !self.has_admin() && good(&self.setup) {
            return Ok(None);
        }
        let invited = |(_, person): &(&String, &Person)| good(&person.invited) && !person.disabled;
        let found = self.people.iter().find(invited).ok_or(Refusal::Link)?;
        Ok(Some(found.0))
    }

    /// Whether somebody looks after the people.
    pub fn has_admin(&self) -> bool {
        self.people.values().any(|person| person.role == Role::Admin && !person.disabled)
    }

    /// Uses a link: sets the password of whoever it is of. The first admin chooses a name.
    pub fn use_link(
        &mut self,
        sha256: Digest,
        chosen: &str,
        hash: String,
        now: Timestamp,
    ) -> Result<String, Refusal> {
        if let Some(named) = self.link(sha256, now)? {
            let named = named.to_owned();
            self.set_password(&named, &named, hash)?;
            return Ok(named);
        }
        let named = name(chosen)?;
        self.add(&named, &named, Person::new(Role::Admin, None, BTreeSet::new())?)?;
        self.set_password(&named, &named, hash)?;
        self.setup = None;
        Ok(named)
    }

    /// Begins a session, held by whoever has the secret of this digest.
    pub fn begin(&mut self, named: &str, sha256: Digest, now: Timestamp) -> Result<(), Refusal> {
        let epoch = self.person_mut(named)?.epoch;
        let mut own: Vec<_> = self.sessions.iter().filter(|(_, s)| s.person == named).collect();
        own.sort_by_key(|(_, session)| session.seen);
        let surplus = (own.len() + 1).saturating_sub(SESSIONS_EACH);
        let ended: Vec<String> = own.iter().take(surplus).map(|(key, _)| (*key).clone()).collect();
        for key in ended {
            self.sessions.remove(&key);
        }
        let session = Session { person: named.to_owned(), epoch, since: now, seen: now };
        self.sessions.insert(sha256.into(), session);
        self.tell(named, PersonAct::SignIn, "");
        Ok(())
    }

    /// Ends a session by its person's wish.
    pub fn end(&mut self, sha256: Digest) {
        if let Some(session) = self.sessions.remove(&String::from(sha256)) {
            self.tell(&session.person, PersonAct::SignOut, "");
        }
    }

    /// Whose session it is, if it still is one. `seen` is when it was used last.
    pub fn session(
        &self,
        sha256: Digest,
        seen: Timestamp,
        now: Timestamp,
        lasting: Lasting,
    ) -> Option<(&str, &Person)> {
        let session = self.sessions.get(&String::from(sha256))?;
        self.lives(session, seen, now, lasting).then_some(())?;
        let (named, person) = self.people.get_key_value(&session.person)?;
        Some((named, person))
    }

    fn lives(&self, session: &Session, seen: Timestamp, now: Timestamp, lasting: Lasting) -> bool {
        let person = self.people.get(&session.person);
        person.is_some_and(|person| !person.disabled && person.epoch == session.epoch)
            && now < session.since + lasting.longest
            && now < seen.max(session.seen) + lasting.idle
    }

    /// Removes the sessions that are over, `seen` by digest; whether there were any.
    pub fn expire(
        &mut self,
        seen: &BTreeMap<String, Timestamp>,
        now: Timestamp,
        lasting: Lasting,
    ) -> bool {
        let over = |(key, session): &(&String, &Session)| {
            let seen = seen.get(*key).copied().unwrap_or(session.seen);
            !self.lives(session, seen, now, lasting)
        };
        let over: Vec<String> = self.sessions.iter().filter(over).map(|(k, _)| k.clone()).collect();
        for key in &over {
            if let Some(session) = self.sessions.remove(key) {
                self.tell(&session.person, PersonAct::SessionOver, "");
            }
        }
        !over.is_empty()
    }

    /// Notes an act for the audit.
    pub fn tell(&mut self, actor: &str, act: PersonAct, subject: impl Into<String>) {
        let told = Told { actor: actor.to_owned(), act, subject: subject.into() };
        if self.untold.len() >= UNTOLD {
            self.untold.remove(0);
        }
        self.untold.push(told);
    }

    pub(super) fn person_mut(&mut self, named: &str) -> Result<&mut Person, Refusal> {
        self.people.get_mut(named).ok_or_else(|| Refusal::Unknown(named.to_owned()))
    }
}
