//! Which alarm of one set of rules is which of the other, and how they differ (docs/backtest.md, decision 88).
//!
//! Pure. Alarms of one [`Key`] that touch each other are looked at together, once none of them stands any more. In
//! the order of time each is paired with one of the other set that stands at the same time, first within a rule, then
//! whatever the rules are called. What is left over is *within* one that stands already, or is alone.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::spell::{ANNOUNCED, Key, Spell};
use vitalgate_domain::model::alarm::Priority;
use vitalgate_domain::model::time::{Span, Timestamp};

/// What is no further apart is at the same time.
pub(super) const GRACE: Span = Span::secs(2);
/// Alarms of one set that are compared one by one while another stands all along.
const MOST_TOGETHER: usize = 1_024;

/// Which set of rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Set {
    /// Today's.
    Old,
    /// The ones tried.
    New,
}

/// How an alarm differs under the new rules, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It is not raised any more.
    Lost,
    /// It is raised and shown, and not announced any more.
    ShownOnly,
    /// It is announced less gravely.
    Milder,
    /// It is announced later.
    Later,
    /// It was not raised before.
    Gained,
    /// It was shown only, and is announced.
    Announced,
    /// It is announced more gravely.
    Graver,
    /// It is announced earlier.
    Earlier,
}

impl Kind {
    /// All of them, the worst first.
    pub const ALL: [Self; 8] = [
        Self::Lost,
        Self::ShownOnly,
        Self::Milder,
        Self::Later,
        Self::Gained,
        Self::Announced,
        Self::Graver,
        Self::Earlier,
    ];

    /// For people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::ShownOnly => "shown only",
            Self::Milder => "milder",
            Self::Later => "later",
            Self::Gained => "gained",
            Self::Announced => "announced",
            Self::Graver => "graver",
            Self::Earlier => "earlier",
        }
    }

    /// The same difference, seen from the other set.
    const fn turned(self) -> Self {
        match self {
            Self::Lost => Self::Gained,
            Self::ShownOnly => Self::Announced,
            Self::Milder => Self::Graver,
            Self::Later => Self::Earlier,
            Self::Gained => Self::Lost,
            Self::Announced => Self::ShownOnly,
            Self::Graver => Self::Milder,
            Self::Earlier => Self::Later,
        }
    }
}

/// One alarm that differs.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Difference {
    pub(super) kind: Kind,
    /// The gravest priority at which it does.
    pub(super) priority: Priority,
    /// By how much it is earlier or later.
    pub(super) by: Option<Span>,
    /// When people were told first under the set that did.
    pub(super) at: Timestamp,
    /// Which source it is of.
    pub(super) source: usize,
    pub(super) key: Key,
    pub(super) old: Option<Spell>,
    pub(super) new: Option<Spell>,
}

/// How many of each kind, and which are kept to be listed.
#[derive(Debug)]
pub(super) struct Pairing {
    groups: BTreeMap<Key, Group>,
    most: usize,
    /// Which source is played.
    pub(super) source: usize,
    /// The gravest, and of these the worst; a number of its own tells equal ones apart.
    kept: BTreeMap<(std::cmp::Reverse<Priority>, Kind, Timestamp, u64), Difference>,
    count: u64,
    pub(super) same: u64,
    /// Of the old rules: alarms of their own within one that stands all along under the new.
    pub(super) joined: u64,
    /// The other way round.
    pub(super) parted: u64,
    pub(super) kinds: BTreeMap<Kind, u64>,
    pub(super) not_compared: u64,
}

/// Alarms of one key that touch each other, perhaps over others.
#[derive(Debug, Default)]
struct Group {
    standing: usize,
    until: Option<Timestamp>,
    over: [Vec<Spell>; 2],
}

impl Pairing {
    /// Keeps so many differences to be listed.
    pub(super) fn new(most: usize) -> Self {
        Self {
            groups: BTreeMap::new(),
            most,
            source: 0,
            kept: BTreeMap::new(),
            count: 0,
            same: 0,
            joined: 0,
            parted: 0,
            kinds: BTreeMap::new(),
            not_compared: 0,
        }
    }

    /// An alarm begins to stand.
    pub(super) fn begin(&mut self, key: &Key, at: Timestamp) {
        let group = self.groups.entry(key.clone()).or_default();
        let apart = group.standing == 0 && group.until.is_some_and(|until| until + GRACE < at);
        let before = if apart { std::mem::take(group) } else { Group::default() };
        group.standing += 1;
        self.settle(key, before);
    }

    /// It is over.
    pub(super) fn end(&mut self, set: Set, key: &Key, spell: Spell) {
        let group = self.groups.entry(key.clone()).or_default();
        group.standing = group.standing.saturating_sub(1);
        group.until = group.until.max(spell.end);
        let over = &mut group.over[set as usize];
        if over.len() < MOST_TOGETHER {
            over.push(spell);
        } else {
            self.not_compared += 1;
        }
    }

    /// Nothing more comes: what stands is given to [`Self::end`] before.
    pub(super) fn finish(&mut self) {
        for (key, group) in std::mem::take(&mut self.groups) {
            self.settle(&key, group);
        }
    }

    /// Those that are listed, the gravest first.
    pub(super) fn listed(&self) -> impl Iterator<Item = &Difference> {
        self.kept.values()
    }

    /// How many differ.
    pub(super) fn differing(&self) -> u64 {
        self.kinds.values().sum()
    }

    fn settle(&mut self, key: &Key, group: Group) {
        let [mut old, mut new] = group.over;
        for spells in [&mut old, &mut new] {
            spells.sort_by(|a, b| (a.begin, &a.rule, a.end).cmp(&(b.begin, &b.rule, b.end)));
        }
        let pairs = pairs(&old, &new);
        for (old, new) in &pairs.together {
            match compare(old, new) {
                Some((kind, priority, by)) => {
                    self.differ(key, (kind, priority, by), Some(old), Some(new));
                }
                None => self.same += u64::from(old.told.anybody()),
            }
        }
        for alone in &pairs.old {
            match within(alone, &new) {
                Within::Told => self.joined += 1,
                Within::Nobody => {}
                Within::Differs(found, other) => self.differ(key, found, Some(alone), other),
            }
        }
        for alone in &pairs.new {
            match within(alone, &old) {
                Within::Told => self.parted += 1,
                Within::Nobody => {}
                Within::Differs((kind, priority, by), other) => {
                    let by = by.map(|by| Span::ZERO - by);
                    self.differ(key, (kind.turned(), priority, by), other, Some(alone));
                }
            }
        }
    }

    fn differ(&mut self, key: &Key, found: Found, old: Option<&Spell>, new: Option<&Spell>) {
        let (kind, priority, by) = found;
        *self.kinds.entry(kind).or_default() += 1;
        self.count += 1;
        let told = [old, new].into_iter().flatten().filter_map(|spell| spell.told.first(priority));
        let at = told.min().unwrap_or_default();
        let place = (std::cmp::Reverse(priority), kind, at, self.count);
        let is_worse = self.kept.last_key_value().is_none_or(|(last, _)| place < *last);
        if self.kept.len() >= self.most && !is_worse {
            return;
        }
        let (source, key, old, new) = (self.source, key.clone(), old.cloned(), new.cloned());
        self.kept.insert(place, Difference { kind, priority, by, at, source, key, old, new });
        if self.kept.len() > self.most {
            self.kept.pop_last();
        }
    }
}

/// What differs, at which priority, and by how much time.
type Found = (Kind, Priority, Option<Span>);

#[derive(Debug, Default)]
struct Pairs<'a> {
    together: Vec<(&'a Spell, &'a Spell)>,
    old: Vec<&'a Spell>,
    new: Vec<&'a Spell>,
}

/// Both in the order of their begin.
fn pairs<'a>(old: &'a [Spell], new: &'a [Spell]) -> Pairs<'a> {
    let mut pairs = Pairs::default();
    let rules: BTreeSet<_> = old.iter().chain(new).map(|spell| &spell.rule).collect();
    let (mut rest_old, mut rest_new) = (Vec::new(), Vec::new());
    for rule in rules {
        let of_rule = |spells: &'a [Spell]| -> Vec<&'a Spell> {
            spells.iter().filter(|spell| spell.rule == *rule).collect()
        };
        let (old, new) = walk(&of_rule(old), &of_rule(new), &mut pairs.together);
        rest_old.extend(old);
        rest_new.extend(new);
    }
    rest_old.sort_by_key(|spell| spell.begin);
    rest_new.sort_by_key(|spell| spell.begin);
    (pairs.old, pairs.new) = walk(&rest_old, &rest_new, &mut pairs.together);
    pairs
}

/// Walks along both and pairs what touches; where the next one is nearer, it is waited for. What is left over.
fn walk<'a>(
    old: &[&'a Spell],
    new: &[&'a Spell],
    together: &mut Vec<(&'a Spell, &'a Spell)>,
) -> (Vec<&'a Spell>, Vec<&'a Spell>) {
    let (mut left_old, mut left_new) = (Vec::new(), Vec::new());
    let (mut i, mut j) = (0, 0);
    while let (Some(a), Some(b)) = (old.get(i), new.get(j)) {
        if !a.touches(b, GRACE) {
            if (a.begin, a.end.is_none()) <= (b.begin, b.end.is_none()) {
                left_old.push(*a);
                i += 1;
            } else {
                left_new.push(*b);
                j += 1;
            }
            continue;
        }
        let apart = |a: &Spell, b: &Spell| (a.begin - b.begin).as_micros().unsigned_abs();
        let nearer = |a: &Spell, b: &Spell, than: u64| a.touches(b, GRACE) && apart(a, b) < than;
        let now = apart(a, b);
        if old.get(i + 1).is_some_and(|next| nearer(next, b, now)) {
            left_old.push(*a);
            i += 1;
        } else if new.get(j + 1).is_some_and(|next| nearer(a, next, now)) {
            left_new.push(*b);
            j += 1;
        } else {
            together.push((a, b));
            i += 1;
            j += 1;
        }
    }
    left_old.extend(&old[i.min(old.len())..]);
    left_new.extend(&new[j.min(new.len())..]);
    (left_old, left_new)
}

/// By the gravest priority at which two differ.
fn compare(old: &Spell, new: &Spell) -> Option<Found> {
    ANNOUNCED.into_iter().rev().find_map(|priority| {
        match (old.told.first(priority), new.told.first(priority)) {
            (None, None) => None,
            (Some(before), Some(after)) => {
                let by = after - before;
                let kind = if by < Span::ZERO { Kind::Earlier } else { Kind::Later };
                (by > GRACE || by < Span::ZERO - GRACE).then_some((kind, priority, Some(by)))
            }
            (Some(_), None) => Some((missing(new), priority, None)),
            (None, Some(_)) => Some((missing(old).turned(), priority, None)),
        }
    })
}

fn missing(other: &Spell) -> Kind {
    if other.told.anybody() { Kind::Milder } else { Kind::ShownOnly }
}

/// Where an alarm without a counterpart stands to those of the other set.
enum Within<'a> {
    /// Another tells it already.
    Told,
    /// Nobody was told of it here either.
    Nobody,
    /// Seen from its own set as the old one.
    Differs(Found, Option<&'a Spell>),
}

fn within<'a>(alone: &Spell, others: &'a [Spell]) -> Within<'a> {
    let Some(gravest) = alone.told.gravest() else { return Within::Nobody };
    let standing = others.iter().filter(|other| other.stands_at(alone.begin, GRACE));
    // The one that tells most of it.
    let best = standing.map(|other| (less(alone, other), other)).min_by_key(|(less, _)| {
        less.map(|(kind, priority, _)| (priority, std::cmp::Reverse(kind)))
    });
    match best {
        Some((None, _)) => Within::Told,
        Some((Some(found), other)) => Within::Differs(found, Some(other)),
        None => Within::Differs((Kind::Lost, gravest, None), None),
    }
}

/// What one that stands already tells less of an alarm, or later.
fn less(alone: &Spell, other: &Spell) -> Option<Found> {
    ANNOUNCED.into_iter().rev().find_map(|priority| {
        let here = alone.told.first(priority)?;
        match other.told.first(priority) {
            Some(there) if there <= here + GRACE => None,
            Some(there) => Some((Kind::Later, priority, Some(there - here))),
            None => Some((missing(other), priority, None)),
        }
    })
}
