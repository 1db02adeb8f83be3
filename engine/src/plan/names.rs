//! Pairs of names, as a question has them, and what they stand for.

use dhow_schema::ir::Name;
use hashbrown::HashTable;

/// A map from two names.
#[derive(Debug, Clone)]
pub(super) struct Pairs<V> {
    table: HashTable<(Name, Name, V)>,
}

impl<V> Default for Pairs<V> {
    fn default() -> Self {
        Self { table: HashTable::new() }
    }
}

impl<V: Copy> Pairs<V> {
    #[inline]
    pub(super) fn get(&self, first: &str, second: &str) -> Option<V> {
        self.table.find(hash(first, second), |(a, b, _)| **a == *first && **b == *second).map(|(.., value)| *value)
    }

    /// Adds a pair that is not there yet.
    pub(super) fn insert(&mut self, first: Name, second: Name, value: V) {
        let hash_of = |(a, b, _): &(Name, Name, V)| hash(a, b);
        self.table.insert_unique(hash(&first, &second), (first, second, value), hash_of);
    }
}

/// Mixes what short names differ in: their ends and their lengths. Names that share a hash are told apart by looking at them.
#[inline]
fn hash(first: &str, second: &str) -> u64 {
    let mixed = ends(first.as_bytes()).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ ends(second.as_bytes()).rotate_left(32);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed ^ (mixed >> 32)
}

#[inline]
fn ends(name: &[u8]) -> u64 {
    let len = name.len() as u64;
    if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
        return u64::from_le_bytes(*first) ^ u64::from_le_bytes(*last).rotate_left(17) ^ len;
    }
    if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
        return u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32 ^ len;
    }
    name.iter().fold(len, |mixed, byte| mixed << 8 | u64::from(*byte))
}
