//! What the audit is told of people: what they did, and once an hour what they looked at.

use super::book::Told;
use super::{BadPeople, People};
use vitalgate_domain::model::command::PersonAct;
use vitalgate_domain::model::time::{Span, Timestamp};

/// Looks of people that are remembered for an hour, and that wait for the audit.
pub(super) const LOOKS: usize = 20_000;

impl People {
    /// Somebody looked at the data of patients: told once an hour of each person and subject, where there is room.
    pub fn looked(&self, actor: &str, act: PersonAct, subject: String, now: Timestamp) {
        let hour = now.as_micros().div_euclid(Span::hours(1).as_micros());
        let mut state = self.state();
        let state = &mut *state;
        let key = (actor.to_owned(), subject.clone());
        if state.looked.get(&key) == Some(&hour) {
            return;
        }
        if state.looked.len() >= LOOKS {
            state.looked.retain(|_, at| *at == hour);
        }
        if state.looked.len() >= LOOKS || state.looks.len() >= LOOKS {
            tracing::error!(actor, "more was looked at within an hour than the audit is told");
            return;
        }
        state.looked.insert(key, hour);
        state.looks.push(Told { actor: actor.to_owned(), act, subject });
    }

    /// What was looked at and the audit has not been told; whoever takes it tells it.
    pub fn take_looks(&self) -> Vec<Told> {
        std::mem::take(&mut self.state().looks)
    }

    /// It could not be told yet.
    pub fn put_back(&self, mut looks: Vec<Told>) {
        let mut state = self.state();
        looks.append(&mut state.looks);
        state.looks = looks;
    }

    /// What the audit has not been told yet.
    pub fn untold(&self) -> Vec<Told> {
        self.state().book.untold.clone()
    }

    /// So many of the oldest were told.
    pub fn told(&self, count: usize) -> Result<(), BadPeople> {
        self.change_if_possible(move |book| {
            book.untold.drain(..count.min(book.untold.len()));
            Ok(())
        })
    }
}
