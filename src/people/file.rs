//! The book on the disk: `people.json` in the store's folder, for its owner alone. The gateway and the command line both
//! write it, one at a time, and each change is there whole or not at all.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;

use super::book::{Book, Refusal};
use super::kept::Written;
use super::room::{Room, is_full};
use super::word::{Out, take_away, words};

/// A book of this size is no book.
const MOST_BYTES: u64 = 64 << 20;
const NAME: &str = "people.json";

/// Why the people are not known, or a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum BadPeople {
    /// The file cannot be read or written.
    #[error("cannot use {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It holds something else.
    #[error("{} is damaged or of a newer version: {why}; put a copy back", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// Somebody else may have written it.
    #[error(
        "others may write {} (mode {mode:o}), so it is not believed: look at what it says, then `chmod 600` it", path.display()
    )]
    Foreign {
        /// Which.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// Something else is in its place.
    #[error(
        "{} is {what}, so it is not believed: put the file itself back, or take that away while the gateway runs, which then \
         writes it again", path.display()
    )]
    NoFile {
        /// Where.
        path: PathBuf,
        /// What.
        what: &'static str,
    },
    /// What was asked cannot be.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// By which a changed file is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    inode: u64,
    modified: (i64, i64),
    bytes: u64,
    mode: u32,
    words: Vec<Out>,
}

/// Where the book is.
#[derive(Clone, Debug)]
pub struct PeopleFile {
    folder: PathBuf,
}

impl PeopleFile {
    /// In a store's folder.
    pub fn of(store: &Path) -> Self {
        Self { folder: store.to_owned() }
    }

    /// Its path.
    pub fn path(&self) -> PathBuf {
        self.folder.join(NAME)
    }

    /// How it stands; `None` where there is none.
    pub(super) fn mark(&self) -> Result<Option<Mark>, BadPeople> {
        match std::fs::symlink_metadata(self.path()) {
            Ok(found) => Ok(Some(mark(&found, self.words()))),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(self.bad(e)),
        }
    }

    /// What is wrong with who may read it; `None` where it is its owner's alone, or is not there.
    pub fn exposed(&self) -> Option<String> {
        let mode = std::fs::symlink_metadata(self.path()).ok()?.mode() & 0o777;
        let path = self.path();
        (mode & 0o077 != 0)
            .then(|| format!("others may use {} (mode {mode:o}): `chmod 600` it", path.display()))
    }

    /// What it says, and what is beside it; an empty book where there is none.
    pub fn read(&self) -> Result<Book, BadPeople> {
        let mut book = self.read_written()?;
        shut_out_by(&self.words(), &mut book);
        Ok(book)
    }

    fn read_written(&self) -> Result<Book, BadPeople> {
        let mut options = OpenOptions::new();
        let opened = options.read(true).custom_flags(no_link()).open(self.path());
        let file = match opened {
            Ok(file) => file,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Book::default()),
            Err(e) if Errno::from_io_error(&e) == Some(Errno::LOOP) => {
                return Err(self.no_file("a link"));
            }
            Err(e) => return Err(self.bad(e)),
        };
        let found = file.metadata().map_err(|e| self.bad(e))?;
        if !found.is_file() {
            return Err(self.no_file(if found.is_dir() { "a folder" } else { "no file" }));
        }
        let mode = found.mode() & 0o777;
        if mode & 0o022 != 0 {
            return Err(BadPeople::Foreign { path: self.path(), mode });
        }
        let mut text = String::new();
        file.take(MOST_BYTES).read_to_string(&mut text).map_err(|e| self.bad(e))?;
        parse(&text).map_err(|why| BadPeople::Content { path: self.path(), why })
    }

    /// Changes it, alone; what the change is refused for changes nothing. The book as it is now.
    pub fn change<T>(
        &self,
        change: impl FnOnce(&mut Book) -> Result<T, Refusal>,
    ) -> Result<(T, Book), BadPeople> {
        self.change_from(None, |book, _| change(book))
    }

    /// The same; where there is no file, from the book that was `known` before, which `change` is told.
    pub(super) fn change_from<T>(
        &self,
        known: Option<Book>,
        change: impl FnOnce(&mut Book, bool) -> Result<T, Refusal>,
    ) -> Result<(T, Book), BadPeople> {
        let _lock = self.lock()?;
        let gone = self.mark()?.is_none();
        let (before, words) = (self.read_written()?, self.words());
        let known = known.filter(|_| gone);
        let is_known = known.is_some();
        let mut book = known.unwrap_or_else(|| before.clone());
        shut_out_by(&words, &mut book);
        let done = change(&mut book, is_known)?;
        if book != before {
            self.write(&book).map_err(|e| self.bad(e))?;
        }
        take_away(&self.folder, &words).map_err(|e| self.bad(e))?;
        Ok((done, book))
    }

    /// Shuts somebody out for the command line. Where the file can be read and not written it is left beside it, as the name of
    /// a file that takes no room: a gateway that runs hears of it within a second, and one that starts at once.
    pub fn shut_out(&self, whom: &Out) -> Result<Written, BadPeople> {
        match self.change(|book| whom.apply(book)) {
            Ok(_) => Ok(Written::Down),
            Err(BadPeople::Refused(refusal)) => Err(refusal.into()),
            Err(bad) => {
                self.read()?;
                let left = whom.leave_word(&self.folder, |file| self.give(file));
                left.map_err(|_| bad)?;
                Ok(Written::NotYet)
            }
        }
    }

    /// What is left beside it, and does not stand in it yet.
    pub(super) fn words(&self) -> Vec<Out> {
        words(&self.folder)
    }

    /// Takes what the room kept for it lacks, as far as the disk has it.
    pub(super) fn keep_room(&self) {
        Room::of(&self.folder).keep(self.bytes(), |file| self.give(file));
    }

    /// Bytes of that room that are not there.
    pub(super) fn lacks_room(&self) -> u64 {
        Room::of(&self.folder).lacks(self.bytes())
    }

    fn bytes(&self) -> u64 {
        std::fs::symlink_metadata(self.path()).map_or(0, |found| found.len())
    }

    /// Copies it to `file`, which must not exist, for a store that is restored from a copy; whether there is one.
    /// What lets a browser or a program in stays behind.
    pub fn copy_to(&self, file: &Path) -> Result<bool, BadPeople> {
        if self.mark()?.is_none() {
            return Ok(false);
        }
        let mut book = self.read()?;
        leave_behind(&mut book);
        let bad = |source| BadPeople::File { path: file.to_owned(), source };
        let text = serde_json::to_vec_pretty(&book).map_err(|e| bad(e.into()))?;
        let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
        let mut copy = opened.map_err(bad)?;
        copy.write_all(&text).map_err(bad)?;
        copy.sync_all().map_err(bad)?;
        Ok(true)
    }

    /// Takes over such a copy, where there is one and no book yet; whether there was one.
    pub fn restore_from(&self, file: &Path) -> Result<bool, BadPeople> {
        let bad = |path: &Path, source| BadPeople::File { path: path.to_owned(), source };
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(false),
            Err(e) => return Err(bad(file, e)),
        };
        let mut book =
            parse(&text).map_err(|why| BadPeople::Content { path: file.to_owned(), why })?;
        // An older gateway copied more.
        leave_behind(&mut book);
        let _lock = self.lock()?;
        if self.mark()?.is_some() {
            return Err(self.bad(ErrorKind::AlreadyExists.into()));
        }
        self.write(&book).map_err(|e| self.bad(e))?;
        Ok(true)
    }

    /// Held by whoever changes the book.
    fn lock(&self) -> Result<File, BadPeople> {
        let bad = |e| self.bad(e);
        let mut options = OpenOptions::new();
        let own = options.create(true).truncate(false).write(true).mode(0o600);
        let lock =
            own.custom_flags(no_link()).open(self.folder.join("people.lock")).map_err(bad)?;
        self.give(&lock).map_err(bad)?;
        flock(&lock, FlockOperation::LockExclusive).map_err(|e| bad(e.into()))?;
        Ok(lock)
    }

    /// Writes it whole; on a full disk with the room that is kept for it.
    fn write(&self, book: &Book) -> std::io::Result<()> {
        let text = serde_json::to_vec_pretty(book).map_err(std::io::Error::other)?;
        let room = Room::of(&self.folder);
        let mut written = self.write_text(&text);
        while written.as_ref().is_err_and(is_full) && room.give(text.len() as u64) {
            written = self.write_text(&text);
        }
        self.keep_room();
        written
    }

    fn write_text(&self, text: &[u8]) -> std::io::Result<()> {
        let part = self.folder.join("people.json.part");
        match std::fs::remove_file(&part) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
            Ok(()) | Err(_) => {}
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
        let whole = || {
            self.give(&file)?;
            (&file).write_all(text)?;
            file.sync_all()
        };
        if let Err(error) = whole() {
            // On a full disk it would hold the room that the next try needs.
            drop(std::fs::remove_file(&part));
            return Err(error);
        }
        std::fs::rename(&part, self.path())?;
        File::open(&self.folder)?.sync_all()
    }

    /// Root works for whoever owns the store.
    fn give(&self, file: &File) -> std::io::Result<()> {
        if !rustix::process::geteuid().is_root() {
            return Ok(());
        }
        let owner = std::fs::metadata(&self.folder)?;
        fchown(file, Some(owner.uid()), Some(owner.gid()))
    }

    fn no_file(&self, what: &'static str) -> BadPeople {
        BadPeople::NoFile { path: self.path(), what }
    }

    fn bad(&self, source: std::io::Error) -> BadPeople {
        BadPeople::File { path: self.path(), source }
    }
}

/// Takes away what lets in whoever holds it: what was ended, revoked, taken back or used since must not hold again. A station
/// waits for another link.
fn leave_behind(book: &mut Book) {
    book.setup = None;
    book.sessions.clear();
    for person in book.people.values_mut() {
        person.invited = None;
        person.tokens.clear();
        // What is pushed has links that answer as its person.
        person.browsers.clear();
    }
    for station in book.stations.values_mut() {
        (station.link, station.browser) = (None, None);
    }
}

/// Who is shut out by what is left beside the book; whom nobody knows any more is out.
fn shut_out_by(words: &[Out], book: &mut Book) {
    for word in words {
        if let Err(refusal) = word.apply(book) {
            tracing::debug!(%refusal, "what the command line left cannot be done any more");
        }
    }
}

fn parse(text: &str) -> Result<Book, String> {
    let book: Book = serde_json::from_str(text).map_err(|e| e.to_string())?;
    if book.version == Book::default().version {
        Ok(book)
    } else {
        Err(format!("version {}", book.version))
    }
}

/// Follows no link, and waits for nobody who would write into a pipe.
fn no_link() -> i32 {
    (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed()
}

fn mark(found: &std::fs::Metadata, words: Vec<Out>) -> Mark {
    Mark {
        words,
        inode: found.ino(),
        modified: (found.mtime(), found.mtime_nsec()),
        bytes: found.len(),
        mode: found.mode(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::os::unix::fs::PermissionsExt as _;

    use super::super::book::{Link, Person};
    use super::super::digest::Digest;
    use super::super::push::Browser;
    use super::super::token::PersonalToken;
    use super::*;
    use crate::config::Role;
    use vitalgate_domain::model::time::Span;

    /// Whose digests stay behind.
    const SECRETS: [&str; 7] = ["setup", "jane", "desk", "session", "browser", "token", "push"];

    fn viewer() -> Person {
        Person::new(Role::Viewer, None, BTreeSet::new()).unwrap()
    }

    #[test]
    fn a_change_is_there_whole_for_its_owner_alone_and_a_refused_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let file = PeopleFile::of(dir.path());
        assert_eq!(file.read().unwrap(), Book::default());
        file.change(|book| book.add("local:cli", "jane", viewer())).unwrap();
        for name in ["people.json", "people.lock"] {
            let mode = std::fs::metadata(dir.path().join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        let before = (file.mark().unwrap(), file.read().unwrap());
        let refused = file.change(|book| {
            book.add("local:cli", "john", viewer())?;
            book.add("local:cli", "jane", viewer())
        });
        assert!(matches!(refused, Err(BadPeople::Refused(Refusal::Known(_)))), "{refused:?}");
        assert_eq!((file.mark().unwrap(), file.read().unwrap()), before);
        file.change(|book| book.add("local:cli", "john", viewer())).unwrap();
        assert_ne!(file.mark().unwrap(), before.0);
    }

    #[test]
    fn neither_a_link_nor_a_damaged_file_is_taken_for_the_book() {
        let dir = tempfile::tempdir().unwrap();
        let file = PeopleFile::of(dir.path());
        let elsewhere = dir.path().join("elsewhere");
        std::fs::write(&elsewhere, "{}").unwrap();
        std::os::unix::fs::symlink(&elsewhere, file.path()).unwrap();
        assert!(matches!(file.read(), Err(BadPeople::NoFile { what: "a link", .. })));
        assert!(file.change(|book| book.add("a", "jane", viewer())).is_err());
        assert_eq!(std::fs::read_to_string(&elsewhere).unwrap(), "{}");
        std::fs::remove_file(file.path()).unwrap();
        for text in
            ["", "{}", r#"{"version":2,"setup":null,"people":{},"sessions":{},"untold":[]}"#]
        {
            std::fs::write(file.path(), text).unwrap();
            assert!(matches!(file.read(), Err(BadPeople::Content { .. })), "{text}");
            assert!(file.change(|book| book.add("a", "jane", viewer())).is_err());
            assert_eq!(
                std::fs::read_to_string(file.path()).unwrap(),
                text,
                "it stays to be looked at"
            );
        }
    }

    #[test]
    fn a_copy_for_a_restored_store_holds_people_and_nothing_that_lets_anybody_in() {
        let dir = tempfile::tempdir().unwrap();
        let (file, copy) = (PeopleFile::of(dir.path()), dir.path().join("copy"));
        assert!(!file.copy_to(&copy).unwrap(), "there is none");
        let link = |secret: &str| Link {
            sha256: Digest::of(secret),
            until: "2100-01-01T00:00:00Z".parse().unwrap(),
        };
        file.change(|book| {
            book.setup = Some(link("setup"));
            book.add("local:cli", "jane", viewer())?;
            book.invite("local:cli", "jane", link("jane"))?;
            book.add_station("local:cli", "desk", BTreeSet::from(["icu".parse().unwrap()]))?;
            book.link_station("local:cli", "desk", link("first"))?;
            book.become_station(
                Digest::of("first"),
                Digest::of("browser"),
                link("").until - Span::days(1),
            )?;
            book.link_station("local:cli", "desk", link("desk"))?;
            let token = PersonalToken {
                sha256: Digest::of("token"),
                role: Role::Viewer,
                wards: None,
                until: link("").until,
            };
            book.add_token("jane", "report", token)?;
            let push = Browser {
                endpoint: "https://push.example/1".into(),
                p256dh: "key".into(),
                auth: Digest::of("push").into(),
                since: link("").until,
            };
            book.turn_on_push("jane", push)?;
            book.begin("jane", Digest::of("session"), "2026-11-18T12:00:00Z".parse().unwrap())
        })
        .unwrap();
        assert!(file.copy_to(&copy).unwrap());
        let mode = std::fs::metadata(&copy).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(file.copy_to(&copy).is_err(), "nothing is written over");

        // Also from a copy as an older gateway made it.
        let older = dir.path().join("older");
        std::fs::copy(file.path(), &older).unwrap();
        for copy in [copy, older] {
            restored(&file, &copy);
        }
    }

    fn restored(file: &PeopleFile, copy: &Path) {
        let text = std::fs::read_to_string(file.path()).unwrap();
        for secret in SECRETS {
            assert!(text.contains(&String::from(Digest::of(secret))), "{secret} was there");
        }
        let elsewhere = tempfile::tempdir().unwrap();
        let other = PeopleFile::of(elsewhere.path());
        assert!(!other.restore_from(&elsewhere.path().join("none")).unwrap());
        assert!(other.restore_from(copy).unwrap());
        let book = other.read().unwrap();
        assert!(book.people.contains_key("jane") && book.stations.contains_key("desk"));
        let text = std::fs::read_to_string(other.path()).unwrap();
        for secret in SECRETS {
            assert!(!text.contains(&String::from(Digest::of(secret))), "{secret}");
        }
        assert!(other.restore_from(copy).is_err(), "whoever is there stays");
    }

    #[test]
    fn two_who_write_at_once_lose_nothing() {
        let dir = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for half in ["a", "b"] {
                let file = PeopleFile::of(dir.path());
                scope.spawn(move || {
                    for n in 0..20 {
                        file.change(|book| book.add("x", &format!("{half}{n}"), viewer())).unwrap();
                    }
                });
            }
        });
        assert_eq!(PeopleFile::of(dir.path()).read().unwrap().people.len(), 40);
    }
}
