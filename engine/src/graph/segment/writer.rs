//! Writing a segment, node by node.

use std::collections::HashMap;

use super::{Counts, LONG, LONG_SHIFT, MANY, QUALIFIED, Segment, TYPE_BITS};
use crate::graph::damage::Damage;
use crate::graph::ids::{ClassId, NodeId, TypeId};
use crate::graph::qualifier::Qualifier;
use crate::words::Words;

/// Words of a cache line.
const LINE: usize = 16;

/// One edge of a node that is being written.
#[derive(Debug, Clone)]
pub(crate) struct SegmentEdge {
    pub(crate) class: ClassId,
    pub(crate) other: NodeId,
    /// Of an edge forward: its qualifier. Of an edge backward: anything, if it has one.
    pub(crate) qualifier: Option<Qualifier>,
    /// The revision that it came with. Edges backward do not keep it.
    pub(crate) revision: u64,
}

impl SegmentEdge {
    fn order(&self) -> (ClassId, bool, NodeId) {
        (self.class, self.qualifier.is_some(), self.other)
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct SegmentWriter {
    offsets: Vec<u32>,
    records: Vec<u32>,
    qualifiers: Vec<u32>,
    revisions: Vec<u32>,
    numbers: HashMap<u64, u32, foldhash::fast::FixedState>,
    counts: Counts,
}

impl SegmentWriter {
    /// How many nodes were written.
    pub(crate) fn len(&self) -> usize {
        self.offsets.len()
    }

    /// Writes a node that is nobody's.
    pub(crate) fn push_nameless(&mut self) {
        self.push(TypeId(0), &[], &mut [], &mut []);
    }

    /// Writes the next node. Its edges come in any order, each once. O(edges log edges).
    pub(crate) fn push(&mut self, type_id: TypeId, name: &[u8], forward: &mut [SegmentEdge], backward: &mut [SegmentEdge]) {
        forward.sort_unstable_by_key(SegmentEdge::order);
        backward.sort_unstable_by_key(SegmentEdge::order);
        let before = self.records.len();
        self.pad_for(record_words(name, forward, backward));
        self.offsets.push(word(self.records.len()));
        self.records.push(type_id.0 | word(name.len()) << TYPE_BITS);
        push_bytes(&mut self.records, name);
        let (forward_words, backward_words) = (header_words(forward), header_words(backward));
        if forward_words < 0xFFFF && backward_words < 0xFFFF {
            self.records.push(forward_words | backward_words << 16);
        } else {
            self.records.extend([MANY, forward_words, backward_words]);
        }
        self.counts.names += self.records.len().saturating_sub(before) as u64;
        self.headers(forward);
        self.headers(backward);
        for run in runs(forward) {
            self.records.extend(run.iter().map(|edge| edge.other.0));
            for qualifier in run.iter().filter_map(|edge| edge.qualifier.as_ref()) {
                self.records.push(word(self.qualifiers.len()));
                qualifier.to_words(&mut self.qualifiers);
            }
        }
        for edge in forward.iter() {
            let number = self.number(edge.revision);
            self.records.push(number);
        }
        self.records.extend(backward.iter().map(|edge| edge.other.0));
        let qualified = forward.iter().filter(|edge| edge.qualifier.is_some()).count();
        self.counts.edges += forward.len() as u64;
        self.counts.forward += u64::from(forward_words) + (forward.len() + qualified) as u64;
        self.counts.backward += u64::from(backward_words) + backward.len() as u64;
    }

    /// Goes on at the next cache line if a small record would otherwise lie in one line more than it has to.
    fn pad_for(&mut self, words: usize) {
        let begin = self.records.len();
        let lines = |begin: usize| (begin % LINE + words).div_ceil(LINE);
        if words <= 2 * LINE && lines(begin) > lines(0) {
            self.records.resize(begin.next_multiple_of(LINE), 0);
        }
    }

    /// The segment.
    pub(crate) fn finish(mut self) -> Segment {
        self.offsets.push(word(self.records.len()));
        Segment {
            offsets: Words::settled(self.offsets),
            records: Words::settled(self.records),
            qualifiers: Words::settled(self.qualifiers),
            revisions: Words::settled(self.revisions),
            counts: self.counts,
            is_placed: false,
            damage: Damage::default(),
        }
    }

    fn headers(&mut self, edges: &[SegmentEdge]) {
        for run in runs(edges) {
            let Some(first) = run.first() else { continue };
            let flag = if first.qualifier.is_some() { QUALIFIED } else { 0 };
            let len = run.len();
            self.records.push(first.class.0 | flag | word(len.min(LONG)) << LONG_SHIFT);
            if len >= LONG {
                self.records.push(word(len));
            }
        }
    }

    fn number(&mut self, revision: u64) -> u32 {
        let next = word(self.numbers.len());
        *self.numbers.entry(revision).or_insert_with(|| {
            self.revisions.extend([(revision & 0xFFFF_FFFF) as u32, (revision >> 32) as u32]);
            next
        })
    }
}

/// Sorted edges, cut into runs of the same class and kind.
fn runs(edges: &[SegmentEdge]) -> impl Iterator<Item = &[SegmentEdge]> {
    edges.chunk_by(|a, b| a.class == b.class && a.qualifier.is_some() == b.qualifier.is_some())
}

/// How many words a record takes, but for counts of very many runs.
fn record_words(name: &[u8], forward: &[SegmentEdge], backward: &[SegmentEdge]) -> usize {
    let qualified = forward.iter().filter(|edge| edge.qualifier.is_some()).count();
    let headers = header_words(forward) as usize + header_words(backward) as usize;
    2 + name.len().div_ceil(4) + headers + 2 * forward.len() + qualified + backward.len()
}

/// How many words the headers of these edges take.
fn header_words(edges: &[SegmentEdge]) -> u32 {
    runs(edges).map(|run| if run.len() >= LONG { 2 } else { 1 }).sum()
}

/// Appends bytes, padded with zeros to whole words.
pub(crate) fn push_bytes(words: &mut Vec<u32>, bytes: &[u8]) {
    for chunk in bytes.chunks(4) {
        let mut word = [0; 4];
        word.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
        words.push(u32::from_ne_bytes(word));
    }
}

/// A length or place within one segment. Segments are cut long before 2^32 words.
fn word(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
