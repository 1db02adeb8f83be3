//! From an object's type and id to its node: a static hash table of cache lines.
//!
//! A bucket is 16 words: 12 nodes, 3 words with a byte of each one's hash, and the number of nodes. A look-up reads one bucket nearly
//! always, and compares the id in the record of a node whose byte fits: the very record that an evaluation reads next. A node whose
//! bucket is full goes to the next one with room. The hash is seeded, so that nobody can prepare ids that share a bucket.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::ids::{NodeId, TypeId};
use crate::words::Words;

const BUCKET: usize = 16;
const NODES: usize = 12;

/// See the module.
#[derive(Debug, Clone, Default)]
pub(crate) struct NameIndex {
    pub(crate) seed: u64,
    pub(crate) buckets: Words,
}

/// The hash of a name.
#[inline]
pub(crate) fn hash(seed: u64, type_id: TypeId, id: &[u8]) -> u64 {
    xxh3_64_with_seed(id, seed ^ u64::from(type_id.0).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

impl NameIndex {
    /// An index of some of so many nodes, with their hashes. O(nodes).
    pub(crate) fn build(seed: u64, nodes: u32, hashes: impl Iterator<Item = (u32, u64)>) -> Self {
        let count = buckets_for(nodes as usize);
        let mut words = vec![0_u32; count * BUCKET];
        for (node, hash) in hashes {
            let first = place(hash, count);
            for bucket in (first..count).chain(0..first) {
                if insert(&mut words, bucket, node, hash) {
                    break;
                }
            }
        }
        Self { seed, buckets: Words::settled(words) }
    }

    /// The first node whose byte fits, if any: the right one, nearly always, if there is one.
    #[inline]
    pub(crate) fn guess(&self, hash: u64) -> Option<NodeId> {
        let words = self.buckets.as_slice();
        let line: &[u32; BUCKET] = words.get(place(hash, words.len() / BUCKET) * BUCKET..)?.first_chunk()?;
        let [nodes @ .., t0, t1, t2, _] = line;
        nodes.get((fitting([*t0, *t1, *t2], tag(hash)).trailing_zeros() / 8) as usize).copied().map(NodeId)
    }

    /// The node of which `is_it` says that it has the name with this hash. It is asked about nodes with this hash's byte alone.
    #[inline]
    pub(crate) fn find(&self, hash: u64, is_it: impl Fn(NodeId) -> bool) -> Option<NodeId> {
        let words = self.buckets.as_slice();
        let count = words.len() / BUCKET;
        let mut bucket = place(hash, count);
        for _ in 0..count {
            let line: &[u32; BUCKET] = words.get(bucket * BUCKET..)?.first_chunk()?;
            let [nodes @ .., t0, t1, t2, used] = line;
            let mut fitting = fitting([*t0, *t1, *t2], tag(hash));
            while fitting != 0 {
                let place = (fitting.trailing_zeros() / 8) as usize;
                fitting &= fitting - 1;
                let fits = place < *used as usize && tag_at([*t0, *t1, *t2], place) == tag(hash);
                if let Some(node) = nodes.get(place).filter(|node| fits && is_it(NodeId(**node))) {
                    return Some(NodeId(*node));
                }
            }
            if (*used as usize) < NODES {
                return None;
            }
            bucket = if bucket + 1 == count { 0 } else { bucket + 1 };
        }
        None
    }
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
fn insert(words: &mut [u32], bucket: usize, node: u32, hash: u64) -> bool {
    let Some(line) = words.get_mut(bucket * BUCKET..).and_then(|words| words.first_chunk_mut::<BUCKET>()) else { return false };
    let used = line.last().map_or(NODES, |used| *used as usize);
    if used >= NODES {
        return false;
    }
    let (nodes, rest) = line.split_at_mut(NODES);
    if let (Some(slot), Some(tag_slot)) = (nodes.get_mut(used), bytemuck::cast_slice_mut::<u32, u8>(rest).get_mut(used)) {
        (*slot, *tag_slot) = (node, tag(hash));
    }
    if let Some(count) = rest.last_mut() {
        *count += 1;
    }
    true
}

/// The bytes that are this tag, each marked in its highest bit; a byte above one that is may be marked as well.
#[inline]
fn fitting([low, middle, high]: [u32; 3], tag: u8) -> u128 {
    const ONES: u128 = 0x0101_0101_0101_0101_0101_0101;
    let tags = u128::from(low) | u128::from(middle) << 32 | u128::from(high) << 64;
    let differing = tags ^ (ONES * u128::from(tag));
    differing.wrapping_sub(ONES) & !differing & (ONES << 7)
}

/// One of a bucket's bytes.
#[inline]
fn tag_at([low, middle, high]: [u32; 3], place: usize) -> u8 {
    let tags = u128::from(low) | u128::from(middle) << 32 | u128::from(high) << 64;
    (tags >> (8 * place) & 0xFF) as u8
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
