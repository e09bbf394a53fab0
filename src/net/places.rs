//! Places for connections: how many may be open, and which one goes when there is no room for one more.
//!
//! Whoever has not said who they are waits in a room of its own, so that strangers never take a place
//! from those who are known. There the oldest of the address that holds most goes first: whoever means to
//! say it needs a moment, and whoever means to hold places is always the oldest. Among the known the least
//! standing goes first, and then the oldest of whoever holds most.

mod holders;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use self::holders::Holders;

/// How many places there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// For those who are known.
    pub(crate) known: usize,
    /// Of these for one name.
    pub(crate) of_one_name: usize,
    /// For those who are not, beside the known.
    pub(crate) strangers: usize,
    /// Of these for one address.
    pub(crate) of_one_address: usize,
}

impl Bounds {
    /// With so many places for the known, and a quarter of it, 2,048 at most, for strangers; of these a
    /// quarter for one address.
    pub(crate) fn of(known: usize, of_one_name: usize) -> Self {
        let strangers = (known / 4).clamp(16, 2_048);
        Self { known, of_one_name, strangers, of_one_address: strangers / 4 }
    }

    /// Sockets that may be open in all.
    pub(crate) fn all(self) -> usize {
        self.known + self.strangers
    }
}

/// How much a connection counts for. The lower goes before the higher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    /// Known by name, and not expected: a device nobody registered, a person's connection between two
    /// requests.
    Known,
    /// Expected: a registered device, an open stream of alarms.
    Expected,
}

/// All places of one door.
#[derive(Debug)]
pub(crate) struct Places {
    bounds: Bounds,
    room: Mutex<Room>,
}

/// What became of connections for want of places since it was asked last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Crowd {
    /// How many were ended or turned away.
    pub(crate) ended: u64,
    /// From where the last of them came.
    pub(crate) address: Option<IpAddr>,
}

#[derive(Debug, Default)]
struct Room {
    next: u64,
    /// By number, so by age.
    open: BTreeMap<u64, Guest>,
    strangers: Holders<IpAddr>,
    known: Holders<Arc<str>>,
    crowd: Crowd,
}

#[derive(Debug)]
struct Guest {
    address: IpAddr,
    name: Option<(Arc<str>, Standing)>,
    ended: CancellationToken,
}

/// A place, given back on drop.
#[derive(Debug)]
pub(crate) struct ConnectionPlace {
    places: Arc<Places>,
    number: u64,
    ended: CancellationToken,
}

/// There is no place for one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Places {
    pub(crate) fn new(bounds: Bounds) -> Arc<Self> {
        Arc::new(Self { bounds, room: Mutex::default() })
    }

    /// A stranger's place. There always is one: another stranger's connection is ended for it.
    pub(crate) fn take(self: &Arc<Self>, address: IpAddr) -> ConnectionPlace {
        let address = network(address);
        let mut room = self.room();
        let Bounds { strangers, of_one_address, .. } = self.bounds;
        if room.strangers.of(&address) >= of_one_address {
            room.end_stranger_of(&address);
        } else if room.strangers.count >= strangers
            && let Some(most) = room.strangers.most().copied()
        {
            room.end_stranger_of(&most);
        }
        let number = room.next;
        room.next += 1;
        let ended = CancellationToken::new();
        room.open.insert(number, Guest { address, name: None, ended: ended.clone() });
        room.strangers.add(address, number);
        ConnectionPlace { places: Arc::clone(self), number, ended }
    }

    /// What happened for want of places since the last time.
    pub(crate) fn crowd(&self) -> Crowd {
        std::mem::take(&mut self.room().crowd)
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConnectionPlace {
    /// Whoever holds it has said who they are; said again, the higher standing counts. `Full` where
    /// nobody of a lower standing has a place, nobody more than one, and `name` none.
    pub(crate) fn settle(&self, name: &str, standing: Standing) -> Result<(), Full> {
        let bounds = self.places.bounds;
        let mut room = self.places.room();
        let room = &mut *room;
        let Some(guest) = room.open.get_mut(&self.number) else { return Err(Full) };
        if let Some((_, had)) = &mut guest.name {
            *had = standing.max(*had);
            return Ok(());
        }
        let address = guest.address;
        let name: Arc<str> = name.into();
        if room.known.of(&name) >= bounds.of_one_name {
            room.end_known_of(&name);
        } else if room.known.count >= bounds.known && !room.make_room(standing, &name) {
            room.crowd.note(address);
            return Err(Full);
        }
        if let Some(guest) = room.open.get_mut(&self.number) {
            guest.name = Some((Arc::clone(&name), standing));
            room.strangers.remove(&address, self.number);
            room.known.add(name, self.number);
        }
        Ok(())
    }

    /// Tells when the connection must end for another's.
    pub(crate) fn ended(&self) -> CancellationToken {
        self.ended.clone()
    }
}

impl Drop for ConnectionPlace {
    fn drop(&mut self) {
        self.places.room().leave(self.number);
    }
}

impl Room {
    fn leave(&mut self, number: u64) -> Option<Guest> {
        let guest = self.open.remove(&number)?;
        match &guest.name {
            None => self.strangers.remove(&guest.address, number),
            Some((name, _)) => self.known.remove(name, number),
        }
        Some(guest)
    }

    fn end(&mut self, number: u64) {
        if let Some(guest) = self.leave(number) {
            self.crowd.note(guest.address);
            guest.ended.cancel();
        }
    }

    fn end_stranger_of(&mut self, address: &IpAddr) {
        if let Some(oldest) = self.strangers.oldest(address) {
            self.end(oldest);
        }
    }

    /// Ends the oldest of the least standing that `name` has.
    fn end_known_of(&mut self, name: &Arc<str>) {
        let standing = |number: &u64| {
            self.open.get(number).and_then(|guest| guest.name.as_ref().map(|(_, has)| *has))
        };
        if let Some(least) = self.known.numbers(name).min_by_key(standing) {
            self.end(least);
        }
    }

    /// Ends one connection of the known for one more of `name`: one of lower standing, else one of whoever
    /// has several, else its own.
    fn make_room(&mut self, standing: Standing, name: &Arc<str>) -> bool {
        let mut open = self.open.iter();
        let lower =
            open.find(|(_, guest)| guest.name.as_ref().is_some_and(|(_, has)| *has < standing));
        if let Some((&number, _)) = lower {
            self.end(number);
            return true;
        }
        let several = self.known.most().filter(|most| self.known.of(most) > 1).cloned();
        let whose = several.or_else(|| (self.known.of(name) > 0).then(|| Arc::clone(name)));
        if let Some(whose) = &whose {
            self.end_known_of(whose);
        }
        whose.is_some()
    }
}

impl Crowd {
    fn note(&mut self, address: IpAddr) {
        self.ended += 1;
        self.address = Some(address);
    }
}

/// What counts as one address: of IPv6 the network of 64 bits that a single machine is given.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)))
        }
    }
}
