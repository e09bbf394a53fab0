//! The book is changed on the disk and here. Where the disk takes nothing, what shuts somebody out and what keeps nobody from
//! a screen holds here at once, and is written down as soon as it can be.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{MutexGuard, PoisonError};

use super::book::{Book, Refusal, Session};
use super::file::Mark;
use super::{BadPeople, People};
use vitalgate_domain::model::time::{Span, Timestamp};

/// How often it is written down that a session is in use.
const WRITTEN_EVERY: Span = Span::mins(5);
/// Changes that hold here alone at most: of those that shut nobody out the oldest goes, and is forgotten at the next change
/// that somebody else makes; one more that does is refused.
const MOST: usize = 4_096;

/// Where a change holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// On the disk and here.
    Down,
    /// Here; on the disk as soon as that can be.
    NotYet,
}

type Redo = Box<dyn Fn(&mut Book) -> Result<(), Refusal> + Send>;

/// What holds here and could not be written down, in its order.
#[derive(Default)]
pub(super) struct Unwritten(Vec<Change>);

struct Change {
    shuts_out: bool,
    redo: Redo,
}

impl Unwritten {
    /// Makes room for one more, where that can be.
    fn has_room(&mut self, shuts_out: bool) -> bool {
        if self.0.len() < MOST {
            return true;
        }
        let least = self.0.iter().position(|change| !change.shuts_out);
        if let Some(least) = least.filter(|_| shuts_out) {
            self.0.remove(least);
        }
        self.0.len() < MOST
    }

    /// Does all of it again; what somebody else undid meanwhile is no more.
    fn redo(&self, book: &mut Book) {
        for change in &self.0 {
            if let Err(refusal) = (change.redo)(book) {
                tracing::debug!(%refusal, "a change of people that was not written down cannot be made any more");
            }
        }
    }
}

impl fmt::Debug for Unwritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unwritten({})", self.0.len())
    }
}

impl People {
    /// Changes the book on the disk and here.
    pub fn change<T>(
        &self,
        change: impl FnOnce(&mut Book) -> Result<T, Refusal>,
    ) -> Result<T, BadPeople> {
        self.write(&mut self.turn(), change)
    }

    /// The same; where the disk takes nothing, here until it does: nobody is kept from a screen for want of a file.
    pub fn change_if_possible(
        &self,
        change: impl Fn(&mut Book) -> Result<(), Refusal> + Send + 'static,
    ) -> Result<(), BadPeople> {
        self.hold(false, change).map(drop)
    }

    /// The same of what shuts somebody out: whatever the disk does it holds here at once. Only where nobody is known, or where
    /// already thousands of others wait to be written, it is refused.
    pub fn shut_out<T>(
        &self,
        change: impl Fn(&mut Book) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<(T, Written), BadPeople> {
        self.hold(true, change)
    }

    /// What holds here alone, in words; `None` where all of it is on the disk.
    pub fn unwritten(&self) -> Option<String> {
        let (count, words) = (self.turn().0.len(), self.file.words().len());
        let held = (count > 0).then(|| {
            format!(
                "{count} changes hold: what was changed last is undone if the gateway ends before"
            )
        });
        let left = (words > 0).then(|| format!("{words} changes of the command line hold"));
        let all: Vec<String> = held.into_iter().chain(left).collect();
        (!all.is_empty()).then(|| {
            let (all, path) = (all.join("; "), self.file.path());
            format!("{} cannot be written, and is tried again every second; {all}", path.display())
        })
    }

    /// Takes over at once what the command line wrote just now: whoever comes is refused by what is written, and not by what
    /// was known a second ago. What is wrong with the file is told every second.
    pub fn catch_up(&self) {
        let is_news = |mark: Option<Mark>| mark != self.state().mark;
        if self.file.mark().is_ok_and(is_news)
            && let Err(error) = self.look_at_file()
        {
            tracing::debug!(%error, "what was changed of people is not known yet");
        }
    }

    /// What of the room for the file is not there, in words.
    pub fn lacks_room(&self) -> Option<String> {
        let lacks = self.file.lacks_room();
        (lacks > 0).then(|| {
            format!(
                "{lacks} bytes of the room kept for {} are not there",
                self.file.path().display()
            )
        })
    }

    fn hold<T>(
        &self,
        shuts_out: bool,
        change: impl Fn(&mut Book) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<(T, Written), BadPeople> {
        let mut unwritten = self.turn();
        match self.write(&mut unwritten, &change) {
            Ok(done) => return Ok((done, Written::Down)),
            Err(BadPeople::Refused(refusal)) => return Err(refusal.into()),
            Err(bad) if !self.are_known() || !unwritten.has_room(shuts_out) => return Err(bad),
            Err(bad) if unwritten.0.is_empty() => {
                tracing::error!(error = %bad, "people cannot be written down; what changes holds until the end of the process");
            }
            Err(_) => {}
        }
        let mut book = self.state().book.clone();
        let done = change(&mut book)?;
        let redo: Redo = Box::new(move |book| change(book).map(drop));
        unwritten.0.push(Change { shuts_out, redo });
        self.know(book);
        Ok((done, Written::NotYet))
    }

    /// Once a second: takes over what the command line changed, writes down what could not be, and ends sessions that are
    /// over.
    pub fn tick(&self, now: Timestamp) -> Result<(), BadPeople> {
        self.file.keep_room();
        let looked = self.look_at_file();
        let (seen, over, late) = {
            let mut state = self.state();
            let watched: Vec<String> = state.watching.keys().cloned().collect();
            state.seen.extend(watched.into_iter().map(|key| (key, now)));
            let (seen, mut book) = (state.seen.clone(), state.book.clone());
            let over = book.expire(&seen, now, self.lasting);
            let late = now - state.written >= WRITTEN_EVERY && !seen.is_empty();
            (seen, over, late)
        };
        if over {
            self.state().written = now;
            let lasting = self.lasting;
            self.hold(true, move |book| {
                note(&mut book.sessions, &seen);
                book.expire(&seen, now, lasting);
                Ok(())
            })?;
        } else if late {
            self.state().written = now;
            // What of this could not be written is known here, and said again in five minutes.
            let noted = self.change(|book| {
                note(&mut book.sessions, &seen);
                Ok(())
            });
            if let Err(error) = noted {
                tracing::debug!(%error, "when sessions were used is not written down");
            }
        }
        looked
    }

    /// Takes over what somebody else wrote. A file that is gone is written again, and one that is damaged stays to be
    /// looked at; people go on as they were known.
    fn look_at_file(&self) -> Result<(), BadPeople> {
        let mut unwritten = self.turn();
        let mark = self.file.mark()?;
        let (before, damaged) = {
            let state = self.state();
            (state.mark.clone(), state.damaged.is_some())
        };
        if mark.is_none() && before.is_some() && self.are_known() {
            return self.write(&mut unwritten, |_| Ok(()));
        }
        if mark != before || damaged {
            let mut book = self.file.read().inspect_err(|bad| self.distrust(bad))?;
            // Whoever was shut out, or signed in, meanwhile stays so, if the file still lets them in.
            unwritten.redo(&mut book);
            self.take_over(book);
        }
        // Where it cannot be written it is said, and tried again.
        let waits = !unwritten.0.is_empty() || !self.file.words().is_empty();
        if waits && self.write(&mut unwritten, |_| Ok(())).is_ok() {
            tracing::info!("what was changed of people is written down again");
        }
        Ok(())
    }

    /// Writes a change down, with all that could not be before, and knows it here.
    fn write<T>(
        &self,
        unwritten: &mut Unwritten,
        change: impl FnOnce(&mut Book) -> Result<T, Refusal>,
    ) -> Result<T, BadPeople> {
        let known = {
            let state = self.state();
            state.mark.as_ref().map(|_| state.book.clone())
        };
        let mut was_gone = false;
        let (done, book) = self.file.change_from(known, |book, is_known| {
            was_gone = is_known;
            if !is_known {
                unwritten.redo(book);
            }
            change(book)
        })?;
        unwritten.0.clear();
        if was_gone {
            let path = self.file.path();
            let path = path.display();
            tracing::error!(%path, "the file of people was deleted; it is written again");
            self.state().gone =
                Some(format!("{path} was deleted while the gateway ran; it was written again"));
        }
        self.take_over(book);
        Ok(done)
    }

    /// Notes why the file is not believed; one that cannot be read at present is not distrusted for that.
    fn distrust(&self, bad: &BadPeople) {
        if matches!(
            bad,
            BadPeople::Content { .. } | BadPeople::Foreign { .. } | BadPeople::NoFile { .. }
        ) {
            let mut state = self.state();
            let goes_on =
                if state.known { "; until then people are as they were last known" } else { "" };
            state.damaged = Some(format!("{bad}{goes_on}"));
        }
    }

    /// The file is believed, and says this.
    fn take_over(&self, book: Book) {
        let mark = self.file.mark().ok().flatten();
        {
            let mut state = self.state();
            state.mark = mark;
            state.damaged = None;
            state.known = true;
        }
        self.know(book);
    }

    fn know(&self, book: Book) {
        let mut state = self.state();
        let of = |book: &Book| (book.people.clone(), book.sessions.clone(), book.stations.clone());
        let news = of(&book) != of(&state.book);
        state.seen.retain(|key, _| book.sessions.contains_key(key));
        state.book = book;
        drop(state);
        if news {
            self.changed.send_replace(());
        }
    }

    fn turn(&self) -> MutexGuard<'_, Unwritten> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes down when sessions were used.
fn note(sessions: &mut BTreeMap<String, Session>, seen: &BTreeMap<String, Timestamp>) {
    for (key, seen) in seen {
        if let Some(session) = sessions.get_mut(key) {
            session.seen = session.seen.max(*seen);
        }
    }
}
