//! Whom a rule judges (contract §4).

use crate::model::command::AgeClass;

/// Whom a rule judges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whom {
    /// Adults who are not pregnant, and nobody else: the others are refused, aloud.
    pub adults_only: bool,
    /// Only those whom rules for adults refuse.
    pub not_adults: bool,
    /// Only these age classes; all, where none is named.
    pub ages: Vec<AgeClass>,
}

/// What decides whether a rule judges somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Person {
    /// The age class as it was stated.
    pub age: AgeClass,
    /// An adult, and not pregnant.
    pub adult: bool,
}

impl Whom {
    /// Whether this person is judged.
    pub fn holds_for(&self, person: Person) -> bool {
        let by_adults = if person.adult { !self.not_adults } else { !self.adults_only };
        by_adults && (self.ages.is_empty() || self.ages.contains(&person.age))
    }

    /// Whether somebody is judged by both.
    pub(super) fn meets(&self, other: &Self) -> bool {
        let ages = [AgeClass::Adult, AgeClass::Paediatric, AgeClass::Neonatal, AgeClass::Unknown];
        let others = ages.map(|age| Person { age, adult: false });
        let adult = Person { age: AgeClass::Adult, adult: true };
        let both = |person: Person| self.holds_for(person) && other.holds_for(person);
        both(adult) || others.into_iter().any(both)
    }
}
