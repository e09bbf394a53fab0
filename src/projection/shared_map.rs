//! A sorted map whose copies share all that did not change between them.
//!
//! The board is replaced whole, several times a second, and whenever somebody new comes. Of a plain map of thousands of
//! devices each replacement would copy every entry.

use std::borrow::Borrow;
use std::sync::Arc;

/// A run is split beyond so many entries.
const RUN: usize = 128;

/// Entries in order, in runs of which none is empty.
#[derive(Clone, Debug)]
pub struct SharedMap<K, V> {
    runs: Vec<Run<K, V>>,
    len: usize,
}

/// Some entries that follow each other.
#[derive(Clone, Debug)]
struct Run<K, V> {
    /// The key of the first of them, so that a search looks into one run alone.
    first: K,
    entries: Arc<Vec<(K, V)>>,
}

impl<K, V> SharedMap<K, V> {
    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All values, in the order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.runs.iter().flat_map(|run| run.entries.iter()).map(|(_, value)| value)
    }
}

impl<K: Ord + Clone, V: Clone> SharedMap<K, V> {
    /// The value of a key.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let (run, place) = self.find(key);
        Some(&self.runs.get(run)?.entries.get(place.ok()?)?.1)
    }

    /// The value of a key, to be changed: its run is copied if a copy of the map shares it.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let (run, place) = self.find(key);
        let entries = &mut self.runs.get_mut(run)?.entries;
        Some(&mut Arc::make_mut(entries).get_mut(place.ok()?)?.1)
    }

    /// Whether a key is there.
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.find(key).1.is_ok()
    }

    /// Puts a value in; gives the one that was there.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let (index, place) = self.find(&key);
        let Some(run) = self.runs.get_mut(index) else {
            self.runs.push(Run { first: key.clone(), entries: Arc::new(vec![(key, value)]) });
            self.len += 1;
            return None;
        };
        let entries = Arc::make_mut(&mut run.entries);
        match place {
            Ok(place) => entries.get_mut(place).map(|entry| std::mem::replace(&mut entry.1, value)),
            Err(place) => {
                if place == 0 {
                    run.first = key.clone();
                }
                entries.insert(place, (key, value));
                self.len += 1;
                if entries.len() > RUN {
                    let rest = entries.split_off(RUN / 2);
                    if let Some((first, _)) = rest.first() {
                        let rest = Run { first: first.clone(), entries: Arc::new(rest) };
                        self.runs.insert(index + 1, rest);
                    }
                }
                None
            }
        }
    }

    /// The run that a key belongs to, and its place in there, or where it would be.
    fn find<Q: Ord + ?Sized>(&self, key: &Q) -> (usize, Result<usize, usize>)
    where
        K: Borrow<Q>,
    {
        let begins_by_then = |run: &Run<K, V>| run.first.borrow() <= key;
        let index = self.runs.partition_point(begins_by_then).saturating_sub(1);
        let entries = self.runs.get(index).map_or(&[][..], |run| run.entries.as_slice());
        (index, entries.binary_search_by(|(other, _)| other.borrow().cmp(key)))
    }
}

impl<K, V> Default for SharedMap<K, V> {
    fn default() -> Self {
        Self { runs: Vec::new(), len: 0 }
    }
}

impl<K: Ord + Clone, V: Clone> FromIterator<(K, V)> for SharedMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = Self::default();
        for (key, value) in entries {
            map.insert(key, value);
        }
        map
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn it_is_a_sorted_map_and_no_copy_sees_what_comes_later(
            entries in prop::collection::vec((0_u16..600, any::<u8>()), 0..1_200),
            later in prop::collection::vec((0_u16..600, any::<u8>()), 0..40),
        ) {
            let (mut map, mut plain) = (SharedMap::default(), BTreeMap::new());
            for (key, value) in entries {
                prop_assert_eq!(map.insert(key, value), plain.insert(key, value));
            }
            let (copy, before) = (map.clone(), plain.clone());
            for (key, value) in later {
                prop_assert_eq!(map.insert(key, value), plain.insert(key, value));
                if let Some(value) = map.get_mut(&(key / 2)) {
                    *value = value.wrapping_add(1);
                    plain.entry(key / 2).and_modify(|value| *value = value.wrapping_add(1));
                }
            }
            for (map, plain) in [(&map, &plain), (&copy, &before)] {
                prop_assert_eq!((map.len(), map.is_empty()), (plain.len(), plain.is_empty()));
                prop_assert!(map.values().eq(plain.values()));
                for key in 0..600 {
                    prop_assert_eq!(map.get(&key), plain.get(&key));
                    prop_assert_eq!(map.contains_key(&key), plain.contains_key(&key));
                }
            }
        }
    }

    #[test]
    fn one_more_of_many_copies_one_run() {
        let mut map: SharedMap<u32, u32> = (0..10_000).map(|n| (2 * n, n)).collect();
        let before = map.clone();
        map.insert(5_001, 0);
        let shared = map.runs.iter().filter(|run| Arc::strong_count(&run.entries) == 2).count();
        assert_eq!(shared, before.runs.len() - 1);
        assert!(before.runs.len() < 200, "{}", before.runs.len());
    }
}
