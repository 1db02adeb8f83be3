//! From an object's type and id to its node: a static hash table of cache lines.
//!
//! A bucket is 16 words, two for each of 8 nodes: the node, and a byte of its hash with where its record begins in its segment. A look-up
//! reads one bucket nearly always, and compares the id in the record of a node whose byte fits: the very record that an evaluation reads
//! next. A node whose bucket is full goes to the next one with room. The hash is seeded, so that nobody can prepare ids that share
//! a bucket. A segment that was replaced since has its records elsewhere, which is for the reader to know.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::ids::{NodeId, TypeId};
use crate::words::Words;

const BUCKET: usize = 16;
const NODES: usize = 8;

/// A node that is none.
const FREE: u32 = u32::MAX;

/// The beginning of a record that is too far behind to be told here.
const FAR: u32 = u32::MAX >> 8;

/// A node, and where its record began when the index was built, if that is told.
pub(super) type Entry = (NodeId, Option<u32>);

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
    /// An index of some of so many nodes, each with its hash and where its record begins. O(nodes).
    pub(crate) fn build(seed: u64, nodes: u32, some: impl Iterator<Item = (u64, NodeId, u32)>) -> Self {
        let count = buckets_for(nodes as usize);
        let mut words = vec![FREE; count * BUCKET];
        for (hash, node, begin) in some {
            let first = place(hash, count);
            for bucket in (first..count).chain(0..first) {
                if insert(&mut words, bucket, (node, begin), hash) {
                    break;
                }
            }
        }
        Self { seed, buckets: Words::settled(words) }
    }

    /// The first node whose byte fits, if any: the right one, nearly always, if there is one.
    #[inline]
    pub(super) fn guess(&self, hash: u64) -> Option<Entry> {
        let words = self.buckets.as_slice();
        let line: &[u32; BUCKET] = words.get(place(hash, words.len() / BUCKET) * BUCKET..)?.first_chunk()?;
        let (entries, _) = line.as_chunks();
        entries.get(fitting(line, tag(hash)).trailing_zeros() as usize).and_then(entry)
    }

    /// The node of which `is_it` says that it has the name with this hash. It is asked about nodes with this hash's byte alone.
    #[inline]
    pub(super) fn find(&self, hash: u64, is_it: impl Fn(Entry) -> bool) -> Option<Entry> {
        let words = self.buckets.as_slice();
        let count = words.len() / BUCKET;
        let mut bucket = place(hash, count);
        for _ in 0..count {
            let line: &[u32; BUCKET] = words.get(bucket * BUCKET..)?.first_chunk()?;
            let (entries, _) = line.as_chunks();
            let mut fitting = fitting(line, tag(hash));
            while fitting != 0 {
                let fits = entries.get(fitting.trailing_zeros() as usize).and_then(entry);
                fitting &= fitting - 1;
                if let Some(found) = fits.filter(|found| is_it(*found)) {
                    return Some(found);
                }
            }
            if entries.last().is_none_or(|[node, _]| *node == FREE) {
                return None;
            }
            bucket = if bucket + 1 == count { 0 } else { bucket + 1 };
        }
        None
    }
}

#[inline]
fn entry([node, rest]: &[u32; 2]) -> Option<Entry> {
    let begin = rest >> 8;
    (*node != FREE).then_some((NodeId(*node), (begin != FAR).then_some(begin)))
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
    let line = words.get_mut(bucket * BUCKET..).and_then(|words| words.first_chunk_mut::<BUCKET>());
    let (entries, _) = line.map(|line| line.as_chunks_mut()).unwrap_or_default();
    let Some(room) = entries.iter_mut().find(|[node, _]| *node == FREE) else { return false };
    *room = [node.0, begin.min(FAR) << 8 | u32::from(tag(hash))];
    true
}

/// Which entries of a bucket have this byte, each a bit.
#[inline]
fn fitting(line: &[u32; BUCKET], tag: u8) -> u32 {
    let (entries, _) = line.as_chunks::<2>();
    entries.iter().enumerate().fold(0, |fitting, (at, [_, rest])| fitting | u32::from(rest & 0xFF == u32::from(tag)) << at)
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
