//! Pairs of names, as a question has them, and what they stand for.

use dhow_schema::ir::Name;
use hashbrown::HashTable;

/// A map from two names.
#[derive(Debug, Clone)]
pub(super) struct Pairs<V> {
    table: HashTable<Pair<V>>,
}

#[derive(Debug, Clone)]
struct Pair<V> {
    ends: [Ends; 2],
    names: [Name; 2],
    value: V,
}

impl<V> Default for Pairs<V> {
    fn default() -> Self {
        Self { table: HashTable::new() }
    }
}

impl<V: Copy> Pairs<V> {
    #[inline]
    pub(super) fn get(&self, first: &str, second: &str) -> Option<V> {
        let ends = [Ends::of(first), Ends::of(second)];
        let is_it = |pair: &Pair<V>| {
            let [a, b] = &pair.names;
            pair.ends == ends && (ends.iter().all(Ends::are_all) || **a == *first && **b == *second)
        };
        self.table.find(hash(ends), is_it).map(|pair| pair.value)
    }

    /// Adds a pair that is not there yet.
    pub(super) fn insert(&mut self, first: Name, second: Name, value: V) {
        let ends = [Ends::of(&first), Ends::of(&second)];
        self.table.insert_unique(hash(ends), Pair { ends, names: [first, second], value }, |pair| hash(pair.ends));
    }
}

/// What short names differ in: their first and last bytes, and their length. Those of a name of up to 16 bytes are all of it, so that
/// most names are compared without going through them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ends {
    first: u64,
    last: u64,
    len: usize,
}

impl Ends {
    #[inline]
    fn of(name: &str) -> Self {
        let (name, len) = (name.as_bytes(), name.len());
        if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
            return Self { first: u64::from_le_bytes(*first), last: u64::from_le_bytes(*last), len };
        }
        if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
            let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
            return Self { first: u64::from(first), last: u64::from(last), len };
        }
        Self { first: name.iter().fold(0, |mixed, byte| mixed << 8 | u64::from(*byte)), last: 0, len }
    }

    /// Whether names with these ends are the same.
    #[inline]
    const fn are_all(&self) -> bool {
        self.len <= 16
    }
}

/// Names that share a hash are told apart by looking at them.
#[inline]
fn hash(ends: [Ends; 2]) -> u64 {
    let [a, b] = ends.map(|Ends { first, last, len }| first ^ last.rotate_left(17) ^ len as u64);
    let mixed = a.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ b.rotate_left(32);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed ^ (mixed >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_and_told_apart_whatever_their_length() {
        let name =
            |len: usize, odd: usize| -> Name { (0..len).map(|at| if at == odd { 'b' } else { 'a' }).collect::<String>().as_str().into() };
        let names: Vec<Name> = (0..40).flat_map(|len| (0..=len).map(move |odd| name(len, odd))).collect();
        let mut pairs = Pairs::default();
        for (value, one) in names.iter().enumerate() {
            pairs.insert(one.clone(), "view".into(), value);
            pairs.insert("view".into(), one.clone(), names.len() + value);
        }
        for (value, one) in names.iter().enumerate() {
            assert_eq!(pairs.get(one, "view"), Some(value));
            assert_eq!(pairs.get("view", one), Some(names.len() + value));
            assert_eq!(pairs.get(one, "edit"), None);
        }
    }
}
