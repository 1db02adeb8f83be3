//! From an object's type and id to its node: a static hash table of cache lines.
//!
//! A bucket is 16 words: 7 nodes, where the record of each begins in its segment, and 8 bytes: one of the hash of each, and how many nodes
//! there are. A look-up reads one bucket nearly always, and compares the id in the record of a node whose byte fits: the very record that
//! an evaluation reads next. A node whose bucket is full goes to the next one with room. The hash is seeded, so that nobody can prepare ids that share
//! a bucket. A segment that was replaced since has its records elsewhere, which is for the reader to know.

use rapidhash::v3::{RapidSecrets, rapidhash_v3_nano_inline};

use super::ids::{NodeId, TypeId};
use crate::words::{Words, fetch};

const BUCKET: usize = 16;
const NODES: usize = 7;

/// A node, and where its record began when the index was built.
pub(super) type Entry = (NodeId, u32);

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct NameIndex {
    pub(crate) hasher: Hasher,
    pub(crate) buckets: Words,
}

/// What hashes names, in a way of its own for each seed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hasher {
    pub(crate) seed: u64,
    secrets: RapidSecrets,
}

impl Hasher {
    /// The one of a seed.
    pub(crate) const fn new(seed: u64) -> Self {
        Self { seed, secrets: RapidSecrets::seed(seed) }
    }

    /// The hash of a name: the same wherever, and in whatever build, since files have what was found by it.
    #[inline]
    pub(crate) fn hash(&self, type_id: TypeId, id: &[u8]) -> u64 {
        // The secrets come from the seed as well: with known ones, ids can be found that share a hash whatever the seed.
        rapidhash_v3_nano_inline::<true, false>(id, &self.secrets) ^ u64::from(type_id.0).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

impl Default for NameIndex {
    fn default() -> Self {
        Self::empty(0)
    }
}

impl NameIndex {
    /// One without nodes.
    pub(crate) fn empty(seed: u64) -> Self {
        Self { hasher: Hasher::new(seed), buckets: Words::default() }
    }

    /// An index of some of so many nodes, each with its hash and where its record begins. O(nodes).
    pub(crate) fn build(hasher: Hasher, nodes: u32, some: impl Iterator<Item = (u64, NodeId, u32)>) -> Self {
        let count = buckets_for(nodes as usize);
        let mut words = vec![0_u32; count * BUCKET];
        for (hash, node, begin) in some {
            let first = place(hash, count);
            for bucket in (first..count).chain(0..first) {
                if insert(&mut words, bucket, (node, begin), hash) {
                    break;
                }
            }
        }
        Self { hasher, buckets: Words::settled(words) }
    }

    /// Begins to fetch where a hash is looked for.
    #[inline]
    pub(super) fn fetch(&self, hash: u64) {
        let words = self.buckets.as_slice();
        if let Some(first) = words.get(place(hash, words.len() / BUCKET) * BUCKET) {
            fetch(first);
        }
    }

    /// The first node whose byte fits, if any: the right one, nearly always, if there is one.
    #[inline]
    pub(super) fn guess(&self, hash: u64) -> Option<Entry> {
        let words = self.buckets.as_slice();
        let line: &[u32; BUCKET] = words.get(place(hash, words.len() / BUCKET) * BUCKET..)?.first_chunk()?;
        let (fitting, bytes) = fitting(line, tag(hash));
        // What is free looks like a node whose byte is 0.
        Some(fitting.trailing_zeros() as usize / 8).filter(|place| *place < used(bytes)).and_then(|place| entry(line, place))
    }

    /// The node of which `is_it` says that it has the name with this hash. It is asked about nodes with this hash's byte alone.
    #[inline]
    pub(super) fn find(&self, hash: u64, is_it: impl Fn(Entry) -> bool) -> Option<Entry> {
        let words = self.buckets.as_slice();
        let count = words.len() / BUCKET;
        let mut bucket = place(hash, count);
        for _ in 0..count {
            let line: &[u32; BUCKET] = words.get(bucket * BUCKET..)?.first_chunk()?;
            let (mut fitting, bytes) = fitting(line, tag(hash));
            while fitting != 0 {
                let place = fitting.trailing_zeros() as usize / 8;
                fitting &= fitting - 1;
                let fits = bytes.get(place) == Some(&tag(hash)) && place < used(bytes);
                if let Some(found) = entry(line, place).filter(|found| fits && is_it(*found)) {
                    return Some(found);
                }
            }
            if used(bytes) < NODES {
                return None;
            }
            bucket = if bucket + 1 == count { 0 } else { bucket + 1 };
        }
        None
    }
}

#[inline]
fn entry(line: &[u32; BUCKET], place: usize) -> Option<Entry> {
    if place >= NODES {
        return None;
    }
    Some((NodeId(*line.get(place)?), *line.get(NODES + place)?))
}

/// How many nodes a bucket has, by its bytes.
#[inline]
const fn used(bytes: [u8; 8]) -> usize {
    let [.., used] = bytes;
    used as usize
}

/// How many words the index of so many nodes has.
pub(crate) fn words_for(nodes: usize) -> usize {
    buckets_for(nodes).saturating_mul(BUCKET)
}

/// Three quarters full, so that hardly any bucket overflows.
fn buckets_for(nodes: usize) -> usize {
    (nodes.saturating_mul(4) / 3).div_ceil(NODES).max(1)
}

/// Puts a node into a bucket, if it has room.
fn insert(words: &mut [u32], bucket: usize, (node, begin): (NodeId, u32), hash: u64) -> bool {
    let Some(line) = words.get_mut(bucket * BUCKET..).and_then(|words| words.first_chunk_mut::<BUCKET>()) else { return false };
    let (_, mut bytes) = fitting(line, 0);
    let place = used(bytes);
    if place >= NODES {
        return false;
    }
    if let Some(byte) = bytes.get_mut(place) {
        *byte = tag(hash);
    }
    let [.., used] = &mut bytes;
    *used += 1;
    let bytes = u64::from_le_bytes(bytes);
    let [.., low, high] = line;
    (*low, *high) = ((bytes & 0xFFFF_FFFF) as u32, (bytes >> 32) as u32);
    for (at, word) in [(place, node.0), (NODES + place, begin)] {
        if let Some(place) = line.get_mut(at) {
            *place = word;
        }
    }
    true
}

/// The bytes that are this tag, each marked in its highest bit, a byte above one that is perhaps as well; and the bytes.
#[inline]
fn fitting(line: &[u32; BUCKET], tag: u8) -> (u64, [u8; 8]) {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let [.., low, high] = line;
    let bytes = u64::from(*low) | u64::from(*high) << 32;
    let differing = bytes ^ (ONES * u64::from(tag));
    (differing.wrapping_sub(ONES) & !differing & (ONES << 7), bytes.to_le_bytes())
}

/// The bucket of a hash: its high half, scaled.
#[inline]
const fn place(hash: u64, count: usize) -> usize {
    (((hash >> 32) * count as u64) >> 32) as usize
}

/// The byte of a hash that a bucket has.
#[inline]
pub(crate) const fn tag(hash: u64) -> u8 {
    (hash & 0xFF) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_free_is_no_node_whatever_is_looked_for() {
        let index = NameIndex::build(Hasher::new(7), 3, [(0x1234_5678, NodeId(2), 9)].into_iter());
        assert_eq!(index.guess(0x1234_5678), Some((NodeId(2), 9)));
        for high in 0..1_000 {
            assert_eq!((index.guess(high << 30), index.find(high << 30, |_| true)), (None, None), "{high}");
        }
        assert_eq!(NameIndex::empty(7).guess(0), None);
    }
}
