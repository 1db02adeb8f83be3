//! The bulk of a graph: flat arrays of one moment, shared by readers of every revision of the window.

use std::hint::black_box;

use smallvec::SmallVec;

use super::From;
use super::ids::{NodeId, TypeId};
use super::names::{NameIndex, hash};
use super::segment::{Record, SEGMENT_BITS, Segment, SegmentWriter};
use crate::words::Words;

/// See the module.
#[derive(Debug, Clone, Default)]
pub(crate) struct Base {
    /// Every change up to this revision is in it; later ones may be, and are in the overlay as well.
    pub(crate) revision: u64,
    pub(crate) segments: Vec<Segment>,
    pub(crate) names: NameIndex,
    /// The nodes that [`Base::names`] knows, by type and id.
    pub(crate) order: Words,
    /// By node: its place in [`Base::order`].
    pub(crate) ranks: Words,
}

/// How many names are looked for at once: about as much as a core can have under way.
pub(crate) const AT_ONCE: usize = 32;

/// How far the search for a name has got: to the node that has it, nearly always, if any has.
#[derive(Clone, Copy, Default)]
struct Guess<'b> {
    hash: u64,
    node: Option<NodeId>,
    /// Where the node's record is.
    begin: Option<(&'b Segment, usize)>,
    /// The record's first word.
    first: Option<u32>,
}

impl Base {
    /// How many nodes it has: those below this number.
    pub(crate) fn nodes(&self) -> u32 {
        self.segments.last().map_or(0, |last| first_of(self.segments.len() - 1) + last.nodes())
    }

    /// How many edges it has.
    pub(crate) fn edges(&self) -> u64 {
        self.segments.iter().map(|segment| segment.counts.edges).fold(0, u64::saturating_add)
    }

    /// What it knows of a node. O(1).
    #[inline]
    pub(crate) fn record(&self, node: NodeId) -> Option<Record<'_>> {
        self.segments.get((node.0 >> SEGMENT_BITS) as usize)?.record(node)
    }

    /// The segment that a node is in.
    pub(crate) fn segment(&self, node: NodeId) -> Option<&Segment> {
        self.segments.get((node.0 >> SEGMENT_BITS) as usize)
    }

    /// The node with this type and id. O(1).
    #[inline]
    pub(crate) fn find(&self, type_id: TypeId, id: &[u8]) -> Option<NodeId> {
        self.names
            .find(hash(self.names.seed, type_id, id), |node| self.segment(node).is_some_and(|segment| segment.is_named(node, type_id, id)))
    }

    /// The nodes of two names. O(1): what has to be fetched for one is fetched while that for the other is under way.
    #[inline]
    pub(crate) fn find_both(&self, names: [(TypeId, &[u8]); 2]) -> [Option<NodeId>; 2] {
        let hashes = names.map(|(type_id, id)| hash(self.names.seed, type_id, id));
        let guesses = hashes.map(|hash| self.names.guess(hash));
        let begins = guesses.map(|guess| guess.and_then(|node| Some((self.segment(node)?, node, self.segment(node)?.begin(node)?))));
        let firsts = begins.map(|begin| begin.and_then(|(segment, node, begin)| Some((segment, node, begin, segment.records.get(begin)?))));
        let [a, b] = names;
        let ([hash_a, hash_b], [guess_a, guess_b]) = (hashes, firsts);
        [self.settle(a, hash_a, guess_a), self.settle(b, hash_b, guess_b)]
    }

    /// The nodes of some names. O(names): each step is taken for many of them before the next, so that what has to be fetched for one
    /// is fetched while that for the others is under way.
    pub(crate) fn find_all(&self, names: &[(TypeId, &str)]) -> SmallVec<[Option<NodeId>; AT_ONCE]> {
        let (mut found, mut guesses) = (SmallVec::new(), [Guess::default(); AT_ONCE]);
        for names in names.chunks(AT_ONCE) {
            for (guess, (type_id, id)) in guesses.iter_mut().zip(names) {
                guess.hash = hash(self.names.seed, *type_id, id.as_bytes());
            }
            for (guess, _) in guesses.iter_mut().zip(names) {
                guess.node = self.names.guess(guess.hash);
            }
            for (guess, _) in guesses.iter_mut().zip(names) {
                guess.begin = guess.node.and_then(|node| Some((self.segment(node)?, self.segment(node)?.begin(node)?)));
            }
            for (guess, (_, id)) in guesses.iter_mut().zip(names) {
                guess.first = guess.begin.and_then(|(segment, begin)| segment.records.get(begin));
                // A name may end in another cache line than it begins in.
                black_box(guess.begin.and_then(|(segment, begin)| segment.records.get(begin + id.len().div_ceil(4))));
            }
            for (Guess { hash, node, begin, first }, (type_id, id)) in guesses.iter().zip(names) {
                let guess = node.zip(*begin).zip(*first).map(|((node, (segment, begin)), first)| (segment, node, begin, first));
                found.push(self.settle((*type_id, id.as_bytes()), *hash, guess));
            }
        }
        found
    }

    /// The node of a name, of which there is a guess.
    #[inline]
    fn settle(&self, (type_id, id): (TypeId, &[u8]), hash: u64, guess: Option<(&Segment, NodeId, usize, u32)>) -> Option<NodeId> {
        if let Some((segment, node, begin, first)) = guess
            && segment.is_named_at(begin, first, type_id, id)
        {
            return Some(node);
        }
        self.names.find(hash, |node| self.segment(node).is_some_and(|segment| segment.is_named(node, type_id, id)))
    }

    /// The nodes of a type from a place on, in the order of their ids. O(log nodes).
    pub(crate) fn ordered(&self, type_id: TypeId, from: From<'_>) -> &[u32] {
        let order = self.order.as_slice();
        let begin = match from {
            From::Start => self.place(type_id, ""),
            From::At(id) => self.place(type_id, id),
            From::After(id) => order.partition_point(|node| self.name(NodeId(*node)) <= Some((type_id, id.as_bytes()))),
        };
        let rest = order.get(begin..).unwrap_or_default();
        let of_type = |node: &u32| self.record(NodeId(*node)).is_some_and(|record| record.type_id() == type_id);
        rest.get(..rest.partition_point(of_type)).unwrap_or_default()
    }

    /// How many nodes come before a name. O(log nodes).
    pub(crate) fn place(&self, type_id: TypeId, id: &str) -> usize {
        self.order.as_slice().partition_point(|node| self.name(NodeId(*node)) < Some((type_id, id.as_bytes())))
    }

    /// Finds names and order anew, for all nodes of the segments. O(nodes log nodes).
    pub(crate) fn index(&mut self, seed: u64) {
        (self.names, self.order, self.ranks) = index(seed, self.nodes(), |node| self.name(node));
    }

    fn name(&self, node: NodeId) -> Option<(TypeId, &[u8])> {
        self.record(node).map(|record| (record.type_id(), record.name()))
    }
}

/// Names, order and ranks of so many nodes with these names. O(nodes log nodes).
pub(crate) fn index<'n>(seed: u64, nodes: u32, name: impl Fn(NodeId) -> Option<(TypeId, &'n [u8])>) -> (NameIndex, Words, Words) {
    let hashes: Vec<u64> = (0..nodes).map(|node| name(NodeId(node)).map_or(0, |(type_id, id)| hash(seed, type_id, id))).collect();
    let names = NameIndex::build(seed, hashes.into_iter());
    let mut order: Vec<u32> = (0..nodes).collect();
    // Nearly sorted already, but for what came since nodes were numbered: the sort finds the runs.
    order.sort_by(|a, b| name(NodeId(*a)).cmp(&name(NodeId(*b))));
    let mut ranks = vec![0; order.len()];
    for (rank, node) in (0_u32..).zip(&order) {
        if let Some(place) = ranks.get_mut(*node as usize) {
            *place = rank;
        }
    }
    (names, Words::settled(order), Words::settled(ranks))
}

/// The first node of a segment. There are fewer nodes than 32 bits can number.
pub(crate) fn first_of(segment: usize) -> u32 {
    u32::try_from(segment << SEGMENT_BITS).unwrap_or(u32::MAX)
}

/// Writes nodes one after the other into segments.
#[derive(Debug, Default)]
pub(crate) struct SegmentsWriter {
    done: Vec<Segment>,
    current: SegmentWriter,
}

impl SegmentsWriter {
    /// The segment that the next node goes to.
    pub(crate) fn current(&mut self) -> &mut SegmentWriter {
        if self.current.len() == 1 << SEGMENT_BITS {
            let full = std::mem::take(&mut self.current);
            self.done.push(full.finish());
        }
        &mut self.current
    }

    /// All segments.
    pub(crate) fn finish(mut self) -> Vec<Segment> {
        if self.current.len() > 0 {
            self.done.push(self.current.finish());
        }
        self.done
    }
}
