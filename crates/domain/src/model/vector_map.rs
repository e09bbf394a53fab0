//! A map of few entries: sorted, side by side in one allocation.
//!
//! A machine holds many small maps, and a node of a `BTreeMap` has room for eleven entries however
//! few there are. An entry's index stands until one is added or taken out, so that what is looked up
//! once for a reading need not be looked up again.

use std::borrow::Borrow;
use std::fmt;

use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::encode::{Encoder, Error as EncodeError, Write};
use minicbor::{Decode, Encode};

/// Entries that room is made for before they are read.
const MOST_BELIEVED: usize = 64;

/// A sorted map; on disk the same as a `BTreeMap`.
#[derive(Clone, PartialEq)]
pub struct VectorMap<K, V>(Vec<(K, V)>);

impl<K, V> Default for VectorMap<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for VectorMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<K, V> VectorMap<K, V> {
    /// How many entries.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The entries in the order of their keys, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.0.iter_mut().map(|(key, value)| (&*key, value))
    }

    /// The entries in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// The keys in order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.0.iter().map(|(key, _)| key)
    }

    /// The values in the order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }

    /// The same, to change.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.0.iter_mut().map(|(_, value)| value)
    }

    /// Keeps the entries for which `wanted` holds.
    pub fn retain(&mut self, mut wanted: impl FnMut(&K, &V) -> bool) {
        self.0.retain(|(key, value)| wanted(key, value));
    }

    /// Takes the entries for which `wanted` holds out.
    #[must_use]
    pub fn take_out(&mut self, mut wanted: impl FnMut(&K, &V) -> bool) -> Self {
        let all = std::mem::take(&mut self.0).into_iter();
        let (out, rest) = all.partition(|(key, value)| wanted(key, value));
        self.0 = rest;
        Self(out)
    }

    /// Takes all entries out.
    pub fn clear(&mut self) {
        self.0 = Vec::new();
    }

    /// The value at an index.
    pub fn value_at(&self, index: usize) -> Option<&V> {
        self.0.get(index).map(|(_, value)| value)
    }

    /// The key at an index.
    pub fn key_at(&self, index: usize) -> Option<&K> {
        self.0.get(index).map(|(key, _)| key)
    }

    /// The value at an index that was found since the last entry came or went.
    pub fn at(&mut self, index: usize) -> &mut V {
        &mut self.0[index].1
    }
}

impl<K: Ord, V> VectorMap<K, V> {
    /// The index of a key, or the one it would take.
    pub fn find<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        self.find_by(|known| known.borrow().cmp(key))
    }

    /// The index of the key that `order` finds equal, or the one it would take.
    pub fn find_by(&self, mut order: impl FnMut(&K) -> std::cmp::Ordering) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| order(known))
    }

    /// The value of a key.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.find(key).ok().map(|index| &self.0[index].1)
    }

    /// The same, to change.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.find(key).ok().map(|index| &mut self.0[index].1)
    }

    /// Adds an entry, or gives the key another value.
    pub fn insert(&mut self, key: K, value: V) {
        match self.find(&key) {
            Ok(index) => self.0[index].1 = value,
            Err(index) => self.add(index, key, value),
        }
    }

    /// Adds an entry at the index that was found for it.
    pub fn add(&mut self, index: usize, key: K, value: V) {
        if self.0.len() == self.0.capacity() {
            // By a quarter: what a machine holds comes in its first seconds, and then stays.
            self.0.reserve_exact(1 + self.0.len() / 4);
        }
        self.0.insert(index, (key, value));
    }
}

impl<K: Ord, V: Default> VectorMap<K, V> {
    /// The index of a key, added if it was not there.
    pub fn index_of(&mut self, key: &K) -> usize
    where
        K: Clone,
    {
        self.find(key).unwrap_or_else(|index| {
            self.add(index, key.clone(), V::default());
            index
        })
    }
}

impl<K: Ord, V> std::ops::Index<&K> for VectorMap<K, V> {
    type Output = V;
    fn index(&self, key: &K) -> &V {
        self.get(key).expect("no entry of this key")
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for VectorMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = Self::default();
        for (key, value) in entries {
            map.insert(key, value);
        }
        map
    }
}

impl<K, V> IntoIterator for VectorMap<K, V> {
    type Item = (K, V);
    type IntoIter = std::vec::IntoIter<(K, V)>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<C, K: Encode<C>, V: Encode<C>> Encode<C> for VectorMap<K, V> {
    fn encode<W: Write>(
        &self,
        e: &mut Encoder<W>,
        context: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        e.map(self.0.len() as u64)?;
        for (key, value) in &self.0 {
            key.encode(e, context)?;
            value.encode(e, context)?;
        }
        Ok(())
    }
}

impl<'b, C, K: Decode<'b, C> + Ord, V: Decode<'b, C>> Decode<'b, C> for VectorMap<K, V> {
    fn decode(d: &mut Decoder<'b>, context: &mut C) -> Result<Self, DecodeError> {
        let mut map = Self::default();
        // What the bytes claim to hold is not believed further than what takes little room.
        let claimed = d.probe().map()?.unwrap_or_default();
        map.0.reserve_exact(usize::try_from(claimed).unwrap_or_default().min(MOST_BELIEVED));
        for entry in d.map_iter_with::<C, K, V>(context)? {
            let (key, value) = entry?;
            map.insert(key, value);
        }
        Ok(map)
    }
}

/// Decodes a list without the room that a growing one keeps.
pub(crate) fn list<'b, C, T: Decode<'b, C>>(
    d: &mut Decoder<'b>,
    context: &mut C,
) -> Result<Vec<T>, DecodeError> {
    let mut list = Vec::decode(d, context)?;
    list.shrink_to_fit();
    Ok(list)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_sorted_map(entries in prop::collection::vec((0_u8..40, any::<u16>()), 0..80)) {
            let mut vector_map = VectorMap::default();
            let mut tree_map = BTreeMap::new();
            for (key, value) in &entries {
                vector_map.insert(*key, *value);
                tree_map.insert(*key, *value);
            }
            prop_assert!(vector_map.iter().eq(tree_map.iter()));
            prop_assert_eq!(vector_map.len(), tree_map.len());
            for key in 0..40 {
                prop_assert_eq!(vector_map.get(&key), tree_map.get(&key));
            }
            let bytes = minicbor::to_vec(&vector_map).unwrap();
            prop_assert_eq!(&bytes, &minicbor::to_vec(&tree_map).unwrap());
            prop_assert_eq!(&minicbor::decode::<VectorMap<u8, u16>>(&bytes).unwrap(), &vector_map);
            let odd = vector_map.take_out(|key, _| key % 2 == 1);
            prop_assert!(odd.keys().all(|key| key % 2 == 1) && vector_map.keys().all(|key| key % 2 == 0));
            prop_assert_eq!(odd.len() + vector_map.len(), tree_map.len());
        }
    }
}
