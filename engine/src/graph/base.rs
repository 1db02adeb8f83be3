//! The bulk of a graph: flat arrays of one moment, shared by readers of every revision of the window.

use smallvec::SmallVec;

use super::From;
use super::damage::{Damage, DamagedPart};
use super::ids::{NodeId, TypeId};
use super::names::{Entry, Hasher, NameIndex, tag};
use super::segment::{Record, SEGMENT_BITS, Segment, SegmentWriter};
use crate::words::Words;

/// See the module.
#[derive(Debug, Clone, Default)]
pub(crate) struct Base {
    /// Every change up to this revision is in it; later ones may be, and are in the overlay as well.
    pub(crate) revision: u64,
    pub(crate) segments: Vec<Segment>,
    pub(crate) names: NameIndex,
    /// The nodes that [`Base::names`] knows, by type and id; behind them those that are dead (`super::dead`).
    pub(crate) order: Words,
    /// By node: its place in [`Base::order`].
    pub(crate) ranks: Words,
    /// How many nodes [`Base::names`] knows.
    pub(crate) live: u32,
    /// Where all segments note what cannot be read.
    pub(crate) damage: Damage,
}

/// How many names are looked for at once: about as much as a core can have under way.
pub(crate) const AT_ONCE: usize = 32;

/// A node that may have a name, and the segment that its record is in.
#[derive(Clone, Copy)]
struct Guess<'b> {
    segment: &'b Segment,
    placed: Placed,
}

impl Base {
    /// Takes segments, which note from now on where this base does.
    pub(crate) fn extend(&mut self, segments: impl IntoIterator<Item = Segment>) {
        self.segments.extend(segments.into_iter().map(|segment| Segment { damage: self.damage.clone(), ..segment }));
    }

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

    /// What it knows of one of its own nodes: if there is nothing, that is noted.
    fn known(&self, node: NodeId) -> Option<Record<'_>> {
        let record = self.record(node);
        if record.is_none() {
            self.damage.note(DamagedPart::Record, Some(node), None);
        }
        record
    }

    /// Where the record of an entry of the index begins.
    #[inline]
    fn begin(&self, (node, begin): Entry) -> Option<(&Segment, u32)> {
        let segment = self.segment(node)?;
        Some((segment, if segment.is_placed { begin } else { segment.begin(node)? }))
    }

    /// Whether a node that the index has for a hash is the one with this type and id.
    #[inline]
    fn is_named(&self, entry: Entry, hash: u64, (type_id, id): (TypeId, &[u8])) -> bool {
        let is_it = self.segment(entry.0).is_some_and(|segment| segment.is_named(entry.0, type_id, id));
        if !is_it {
            self.expect_hash(entry.0, hash);
        }
        is_it
    }

    /// Notes it if a node that the index has for a hash has a name with another one: then either has changed, and who looks for the name
    /// would be told that there is none.
    #[cold]
    fn expect_hash(&self, node: NodeId, expected: u64) {
        let found = self.known(node).map(|record| self.names.hasher.hash(record.type_id(), record.name()));
        if found.is_none_or(|found| tag(found) != tag(expected)) {
            self.damage.note(DamagedPart::Name, Some(node), None);
        }
    }

    /// The segment that a node is in.
    pub(crate) fn segment(&self, node: NodeId) -> Option<&Segment> {
        self.segments.get((node.0 >> SEGMENT_BITS) as usize)
    }

    /// The node with this type and id. O(1).
    #[inline]
    pub(crate) fn find(&self, type_id: TypeId, id: &[u8]) -> Option<NodeId> {
        let hash = self.names.hasher.hash(type_id, id);
        self.settle((type_id, id), hash, self.guess(hash)).map(|found| found.node)
    }

    /// The nodes of two names. O(1): what has to be fetched for one is fetched while that for the other is under way.
    #[inline]
    pub(crate) fn find_two(&self, [a, b]: [(TypeId, &[u8]); 2]) -> [Option<Placed>; 2] {
        let hash = |(type_id, id)| self.names.hasher.hash(type_id, id);
        let (hash_a, hash_b) = (hash(a), hash(b));
        let (guess_a, guess_b) = (self.guess(hash_a), self.guess(hash_b));
        for (guess, (_, id)) in [(guess_a, a), (guess_b, b)] {
            if let Some(Guess { segment, placed }) = guess {
                segment.fetch(placed.begin, id.len());
            }
        }
        [self.settle(a, hash_a, guess_a), self.settle(b, hash_b, guess_b)]
    }

    /// The node that has the name with this hash, nearly always, if any has.
    #[inline]
    fn guess(&self, hash: u64) -> Option<Guess<'_>> {
        let entry = self.names.guess(hash)?;
        let (segment, begin) = self.begin(entry)?;
        Some(Guess { segment, placed: Placed { node: entry.0, begin } })
    }

    /// The nodes of some names. O(names): each step is taken for many of them before the next, so that what has to be fetched for one
    /// is fetched while that for the others is under way.
    pub(crate) fn find_all(&self, names: &[(TypeId, &str)]) -> SmallVec<[Option<Placed>; AT_ONCE]> {
        let mut found = SmallVec::with_capacity(names.len());
        let (mut hashes, mut guesses) = ([0; AT_ONCE], [None; AT_ONCE]);
        for names in names.chunks(AT_ONCE) {
            for (hash, (type_id, id)) in hashes.iter_mut().zip(names) {
                *hash = self.names.hasher.hash(*type_id, id.as_bytes());
                self.names.fetch(*hash);
            }
            for ((guess, hash), (_, id)) in guesses.iter_mut().zip(&hashes).zip(names) {
                *guess = self.guess(*hash);
                if let Some(Guess { segment, placed }) = guess {
                    segment.fetch(placed.begin, id.len());
                }
            }
            for ((guess, hash), (type_id, id)) in guesses.iter().zip(&hashes).zip(names) {
                found.push(self.settle((*type_id, id.as_bytes()), *hash, *guess));
            }
        }
        found
    }

    /// The node of a name, of which there is a guess.
    #[inline]
    fn settle(&self, (type_id, id): (TypeId, &[u8]), hash: u64, guess: Option<Guess<'_>>) -> Option<Placed> {
        if let Some(Guess { segment, placed }) = guess
            && let Some(first) = segment.first(placed.begin)
            && segment.is_named_at(placed.begin, first, type_id, id)
        {
            return Some(placed);
        }
        self.find_slowly((type_id, id), hash)
    }

    /// The node of a name that the first guess was not right about.
    #[inline(never)]
    fn find_slowly(&self, (type_id, id): (TypeId, &[u8]), hash: u64) -> Option<Placed> {
        // What the index says of places may be wrong in memory that nobody verified; what the segment says is what counts.
        let (node, _) = self.names.find(hash, |entry| self.is_named(entry, hash, (type_id, id)))?;
        Some(Placed { node, begin: self.segment(node)?.begin(node)? })
    }

    /// The nodes of a type from a place on, in the order of their ids. O(log nodes).
    pub(crate) fn ordered(&self, type_id: TypeId, from: From<'_>) -> &[u32] {
        let order = self.known_order();
        let begin = match from {
            From::Start => self.place(type_id, ""),
            From::At(id) => self.place(type_id, id),
            From::After(id) => order.partition_point(|node| self.name(NodeId(*node)) <= Some((type_id, id.as_bytes()))),
        };
        let rest = order.get(begin..).unwrap_or_default();
        let of_type = |node: &u32| self.known(NodeId(*node)).is_some_and(|record| record.type_id() == type_id);
        rest.get(..rest.partition_point(of_type)).unwrap_or_default()
    }

    /// How many nodes come before a name. O(log nodes).
    pub(crate) fn place(&self, type_id: TypeId, id: &str) -> usize {
        self.known_order().partition_point(|node| self.name(NodeId(*node)) < Some((type_id, id.as_bytes())))
    }

    /// The nodes that it knows by name, by type and id.
    fn known_order(&self) -> &[u32] {
        self.order.as_slice().get(..self.live as usize).unwrap_or_default()
    }

    /// The nodes that it does not know by name.
    pub(crate) fn dead_order(&self) -> &[u32] {
        self.order.as_slice().get(self.live as usize..).unwrap_or_default()
    }

    /// The place in the order of a node that it knows by name. O(1).
    pub(crate) fn rank(&self, node: NodeId) -> Option<u32> {
        self.ranks.get(node.0 as usize).filter(|rank| *rank < self.live)
    }

    /// Names and order, for all nodes of the segments but those that are dead. O(nodes log nodes).
    pub(crate) fn indexed(&self, is_dead: impl Fn(NodeId) -> bool) -> Indexed {
        let begin = |node| self.segment(node).and_then(|segment| segment.begin(node)).unwrap_or(u32::MAX);
        index(self.names.hasher, self.nodes(), is_dead, |node| self.name(node), begin)
    }

    /// Takes names and order, which were made of its segments as they are.
    pub(crate) fn put(&mut self, Indexed { names, order, ranks, live }: Indexed) {
        (self.names, self.order, self.ranks, self.live) = (names, order, ranks, live);
        self.segments.iter_mut().for_each(|segment| segment.is_placed = true);
    }

    fn name(&self, node: NodeId) -> Option<(TypeId, &[u8])> {
        self.known(node).map(|record| (record.type_id(), record.name()))
    }
}

/// A node, and where its record begins in its segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) node: NodeId,
    pub(crate) begin: u32,
}

impl Placed {
    /// Of a node that is not known by its record.
    pub(crate) const NOWHERE: u32 = u32::MAX;
}

/// What finds and orders nodes.
pub(crate) struct Indexed {
    pub(crate) names: NameIndex,
    pub(crate) order: Words,
    pub(crate) ranks: Words,
    pub(crate) live: u32,
}

/// Names, order and ranks of so many nodes, of which some are dead and the others have these names, and records that begin there. O(nodes log nodes).
pub(crate) fn index<'n>(
    hasher: Hasher,
    nodes: u32,
    is_dead: impl Fn(NodeId) -> bool,
    name: impl Fn(NodeId) -> Option<(TypeId, &'n [u8])>,
    begin: impl Fn(NodeId) -> u32,
) -> Indexed {
    let (dead, mut order): (Vec<u32>, Vec<u32>) = (0..nodes).partition(|node| is_dead(NodeId(*node)));
    let hashed = |node: &u32| {
        let node = NodeId(*node);
        name(node).map(|(type_id, id)| (hasher.hash(type_id, id), node, begin(node)))
    };
    let names = NameIndex::build(hasher, nodes, order.iter().filter_map(hashed));
    let live = u32::try_from(order.len()).unwrap_or(u32::MAX);
    // Nearly sorted already, but for what came since nodes were numbered: the sort finds the runs.
    order.sort_by(|a, b| name(NodeId(*a)).cmp(&name(NodeId(*b))));
    order.extend(dead);
    let mut ranks = vec![0; order.len()];
    for (rank, node) in (0_u32..).zip(&order) {
        if let Some(place) = ranks.get_mut(*node as usize) {
            *place = rank;
        }
    }
    Indexed { names, order: Words::settled(order), ranks: Words::settled(ranks), live }
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
