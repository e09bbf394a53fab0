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

impl Person {
    /// Everybody there may be.
    pub(super) const ALL: [Self; 8] = {
        const fn of(age: AgeClass, adult: bool) -> Person {
            Person { age, adult }
        }
        [
            of(AgeClass::Adult, false),
            of(AgeClass::Adult, true),
            of(AgeClass::Paediatric, false),
            of(AgeClass::Paediatric, true),
            of(AgeClass::Neonatal, false),
            of(AgeClass::Neonatal, true),
            of(AgeClass::Unknown, false),
            of(AgeClass::Unknown, true),
        ]
    };

    /// The place in [`Person::ALL`].
    pub(super) fn place(self) -> usize {
        let age = match self.age {
            AgeClass::Adult => 0,
            AgeClass::Paediatric => 2,
            AgeClass::Neonatal => 4,
            AgeClass::Unknown => 6,
        };
        age + usize::from(self.adult)
    }
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
