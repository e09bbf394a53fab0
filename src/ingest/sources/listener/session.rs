//! Sessions, kept in memory by principal and client identifier, and the one connection each has.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::certificate::TakenBack;
use super::credential::Credential;
use super::end::End;
use crate::clock::Stopwatch;
use crate::projection::view::Board;
use vitalgate_domain::model::ids::DeviceId;

/// How long a new connection waits for the one it takes over: longer than that one may take to
/// see its last commits.
const HAND_OVER: Duration = Duration::from_secs(7);

/// What outlives a connection.
#[derive(Debug, Default)]
pub(super) struct Session {
    /// QoS 2 messages received, committed and not yet released: by identifier, a hash of what each
    /// says.
    pub(super) received: BTreeMap<u16, u64>,
    /// Filters subscribed to.
    pub(super) filters: BTreeSet<String>,
}

/// Principal and client identifier: two principals never share a session.
pub(super) type Key = (DeviceId, String);

/// All sessions of the process.
#[derive(Debug)]
pub(super) struct Sessions {
    slots: Mutex<Slots>,
    max_kept: usize,
}

#[derive(Debug, Default)]
struct Slots {
    by_key: BTreeMap<Key, Slot>,
    tenures: u64,
    closing: bool,
}

#[derive(Debug)]
struct Slot {
    session: Arc<Mutex<Session>>,
    /// By what the connection that holds it was let in.
    credential: Credential,
    /// Seconds it outlives its connection; `u32::MAX` is for ever.
    expiry: u32,
    tenure: u64,
    state: Tenure,
}

#[derive(Debug)]
enum Tenure {
    Held(watch::Sender<Option<End>>),
    /// As held, but its connection has said good-bye to the pipeline.
    Parting(watch::Sender<Option<End>>),
    Left(Stopwatch),
}

impl Slot {
    fn expired(&self) -> bool {
        match &self.state {
            Tenure::Held(_) | Tenure::Parting(_) => false,
            Tenure::Left(since) => {
                self.expiry != u32::MAX && since.seconds() >= f64::from(self.expiry)
            }
        }
    }
}

/// The session, whether there was one to resume, and how to end the connection that holds it.
type Taken = (Attached, bool, Option<watch::Sender<Option<End>>>);

/// The gateway takes no more connections.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Closing;

impl Sessions {
    /// Keeps at most `max_kept` sessions whose connection is gone; the longest gone are forgotten.
    pub(super) fn new(max_kept: usize) -> Arc<Self> {
        Arc::new(Self { slots: Mutex::default(), max_kept })
    }

    /// Gives the session of `key` to a new connection, ending the one that held it, and says
    /// whether there was one to resume.
    pub(super) async fn attach(
        self: &Arc<Self>,
        key: Key,
        credential: Credential,
        clean: bool,
        expiry: u32,
    ) -> Result<(Attached, bool), Closing> {
        let (attached, present, holder) = self.take(key, credential, clean, expiry)?;
        if let Some(holder) = holder {
            holder.send_replace(Some(End::TakenOver));
            if timeout(HAND_OVER, holder.closed()).await.is_err() {
                tracing::warn!(principal = %attached.key.0, "the connection taken over goes on");
            }
        }
        Ok((attached, present))
    }

    fn take(
        self: &Arc<Self>,
        key: Key,
        credential: Credential,
        clean: bool,
        expiry: u32,
    ) -> Result<Taken, Closing> {
        let mut slots = self.lock();
        if slots.closing {
            return Err(Closing);
        }
        slots.tenures += 1;
        let tenure = slots.tenures;
        let before = slots.by_key.remove(&key);
        let kept = before
            .as_ref()
            .filter(|slot| !clean && slot.expiry > 0 && !slot.expired())
            .map(|slot| Arc::clone(&slot.session));
        let present = kept.is_some();
        let session = kept.unwrap_or_default();
        let (tx, end) = watch::channel(None);
        let state = Tenure::Held(tx);
        let slot = Slot { session: Arc::clone(&session), credential, expiry, tenure, state };
        slots.by_key.insert(key.clone(), slot);
        let attached = Attached { sessions: Arc::clone(self), key, tenure, session, end };
        let holder = before.and_then(|slot| match slot.state {
            Tenure::Held(holder) | Tenure::Parting(holder) => Some(holder),
            Tenure::Left(_) => None,
        });
        Ok((attached, present, holder))
    }

    /// Ends the connections whose principal would not be let in any more, and forgets expired sessions and those of the
    /// revoked.
    pub(super) fn sweep(&self, board: &Board, taken_back: &TakenBack) {
        let revoked = |id: &DeviceId| board.devices.get(id).is_some_and(|device| device.revoked);
        self.lock().by_key.retain(|(principal, _), slot| match &slot.state {
            Tenure::Held(holder) | Tenure::Parting(holder) => {
                if !slot.credential.stands(board, taken_back, principal) {
                    holder.send_if_modified(|end| end.replace(End::Revoked).is_none());
                }
                true
            }
            Tenure::Left(_) => !slot.expired() && !revoked(principal),
        });
    }

    /// Ends every connection and takes no new one.
    pub(super) fn close(&self) {
        let mut slots = self.lock();
        slots.closing = true;
        for slot in slots.by_key.values() {
            if let Tenure::Held(holder) = &slot.state {
                holder.send_if_modified(|end| {
                    let first = end.is_none();
                    end.get_or_insert(End::Shutdown);
                    first
                });
            }
        }
    }

    fn leave(&self, key: &Key, tenure: u64) {
        let mut slots = self.lock();
        let Some(slot) = slots.by_key.get_mut(key).filter(|slot| slot.tenure == tenure) else {
            return;
        };
        if slot.expiry == 0 {
            slots.by_key.remove(key);
            return;
        }
        slot.state = Tenure::Left(Stopwatch::start());
        let left = slots.by_key.iter().filter_map(|(key, slot)| match slot.state {
            Tenure::Left(since) => Some((key, since.seconds())),
            Tenure::Held(_) | Tenure::Parting(_) => None,
        });
        let (count, oldest) = left.fold((0, None), |(count, oldest), (key, age)| match oldest {
            Some((_, longest)) if longest >= age => (count + 1, oldest),
            _ => (count + 1, Some((key, age))),
        });
        if count > self.max_kept
            && let Some(key) = oldest.map(|(key, _)| key.clone())
        {
            slots.by_key.remove(&key);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's hold on its session; dropping it leaves the session to the next.
#[derive(Debug)]
pub(super) struct Attached {
    sessions: Arc<Sessions>,
    key: Key,
    tenure: u64,
    session: Arc<Mutex<Session>>,
    end: watch::Receiver<Option<End>>,
}

impl Attached {
    /// The session itself.
    pub(super) fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until somebody else ends this connection.
    pub(super) fn ended(&self) -> impl Future<Output = End> + use<> {
        let mut end = self.end.clone();
        async move {
            let ended = end.wait_for(Option::is_some).await.ok().and_then(|end| *end);
            ended.unwrap_or(End::TakenOver)
        }
    }

    /// Says that this connection parts, and whether its principal has no other under another
    /// client identifier. Of several that part at once, the last one reports it.
    pub(super) fn part(&self) -> bool {
        let mut slots = self.sessions.lock();
        let own = slots.by_key.get_mut(&self.key).filter(|slot| slot.tenure == self.tenure);
        if let Some(slot) = own
            && let Tenure::Held(holder) = &slot.state
        {
            slot.state = Tenure::Parting(holder.clone());
        }
        let principal = &self.key.0;
        let mut same = slots
            .by_key
            .range((principal.clone(), String::new())..)
            .take_while(|((other, _), _)| other == principal);
        !same.any(|(key, slot)| *key != self.key && matches!(slot.state, Tenure::Held(_)))
    }

    /// Seconds the session outlives this connection.
    pub(super) fn expiry(&self) -> u32 {
        let slots = self.sessions.lock();
        slots.by_key.get(&self.key).filter(|s| s.tenure == self.tenure).map_or(0, |s| s.expiry)
    }

    /// Changes that.
    pub(super) fn set_expiry(&self, expiry: u32) {
        let mut slots = self.sessions.lock();
        let own = slots.by_key.get_mut(&self.key).filter(|slot| slot.tenure == self.tenure);
        if let Some(slot) = own {
            slot.expiry = expiry;
        }
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.sessions.leave(&self.key, self.tenure);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::sources::listener::credential::Proof;
    use crate::ingest::testing::{board, device};
    use crate::projection::view::DeviceView;

    const WORD: Credential = Credential { proof: Proof::Word, certificate: None };

    fn key(client: &str) -> Key {
        ("dev-1".parse().unwrap(), client.to_owned())
    }

    #[tokio::test]
    async fn a_session_is_kept_as_long_as_it_was_asked_for() {
        let sessions = Sessions::new(10);
        let (first, present) = sessions.attach(key("a"), WORD, false, u32::MAX).await.unwrap();
        assert!(!present);
        first.session().received.insert(7, 70);
        drop(first);
        let (again, present) = sessions.attach(key("a"), WORD, false, 0).await.unwrap();
        assert!(present && again.session().received.contains_key(&7));
        drop(again);
        let (after, present) = sessions.attach(key("a"), WORD, false, u32::MAX).await.unwrap();
        assert!(
            !present && after.session().received.is_empty(),
            "expiry 0 ends with the connection"
        );
        drop(after);
        let (clean, present) = sessions.attach(key("a"), WORD, true, u32::MAX).await.unwrap();
        assert!(!present, "a clean start forgets");
        drop(clean);
        let (_, present) = sessions.attach(key("b"), WORD, false, u32::MAX).await.unwrap();
        assert!(!present, "another client");
    }

    #[tokio::test]
    async fn a_take_over_ends_the_holder_and_waits_for_it() {
        let sessions = Sessions::new(10);
        let (first, _) = sessions.attach(key("a"), WORD, false, 60).await.unwrap();
        let holder = async {
            assert_eq!(first.ended().await, End::TakenOver);
            first.session().received.insert(3, 30);
            drop(first);
        };
        let (next, ()) = tokio::join!(sessions.attach(key("a"), WORD, false, 60), holder);
        let (next, present) = next.unwrap();
        assert!(present && next.session().received.contains_key(&3));
        assert_eq!(next.expiry(), 60, "the holder's end does not touch its successor");
    }

    #[tokio::test]
    async fn the_last_connection_of_a_principal_knows_that_it_is() {
        let sessions = Sessions::new(10);
        let (one, _) = sessions.attach(key("a"), WORD, true, 0).await.unwrap();
        let (two, _) = sessions.attach(key("b"), WORD, true, 0).await.unwrap();
        let other = ("dev-2".parse().unwrap(), "c".to_owned());
        let (_other, _) = sessions.attach(other, WORD, true, 0).await.unwrap();
        assert!(!one.part());
        assert!(two.part(), "both part at once");
    }

    #[tokio::test]
    async fn kept_sessions_are_bounded_and_the_revoked_end() {
        let sessions = Sessions::new(2);
        for client in ["a", "b", "c"] {
            drop(sessions.attach(key(client), WORD, false, u32::MAX).await.unwrap());
        }
        let (a, present) = sessions.attach(key("a"), WORD, false, 0).await.unwrap();
        assert!(!present, "the longest gone was forgotten");
        let gone = DeviceView { revoked: true, ..device("dev-1", &[]) };
        sessions.sweep(&board([gone]), &TakenBack::default());
        assert_eq!(a.ended().await, End::Revoked);
        let (_, present) = sessions.attach(key("c"), WORD, false, 0).await.unwrap();
        assert!(!present, "sessions of the revoked are forgotten");
        sessions.close();
        assert_eq!(sessions.attach(key("z"), WORD, true, 0).await.unwrap_err(), Closing);
    }
}
