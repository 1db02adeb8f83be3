//! A run of nodes with all that is known of each: name, edges to subjects, edges from objects. Immutable and position-independent.
//!
//! A node's record, in words of 32 bits: type and length of the name; the name; how many header words each direction has; the headers of
//! the runs to subjects, then of those from objects; then the ends of those edges, run by run, each run in order; last the
//! revisions of the edges to subjects. A node whose name is empty is nobody's (`super::dead`). So what a check needs of a node lies
//! together: a hop is one look at the offsets and one or two cache lines. A small record does not lie in more lines than it has to.
//!
//! A header word holds a class (20 bits), whether its edges have qualifiers (1 bit) and their number (11 bits; all ones: the next word
//! has it). Runs are ordered by class, plain before qualified. A qualified run to subjects has a second row of words: where in
//! the segment's qualifiers each edge's begins.

use borsh::{BorshDeserialize, BorshSerialize};

use super::base::Placed;
use super::damage::{Damage, DamagedPart};
use super::ids::{ClassId, Direction, NodeId, TypeId};
use super::qualifier::Qualifier;
use crate::limits::MAX_TYPES;
use crate::state::Accounts;
use crate::words::{Words, fetch};

pub(crate) use writer::{SegmentEdge, SegmentWriter, push_bytes};

mod writer;

/// How many nodes a segment has, as a power of two.
pub(crate) const SEGMENT_BITS: u32 = 16;

/// How many bits of a record's first word the type has; the length of the name has the others.
const TYPE_BITS: u32 = MAX_TYPES.trailing_zeros();

/// So many words behind its name a record's edges are.
const BEHIND: usize = 8;

const QUALIFIED: u32 = 1 << 20;
const LONG_SHIFT: u32 = 21;
/// What stands for a number of edges that the next word has.
const LONG: usize = 0x7FF;
/// What stands for two counts of header words that the next two words have.
const MANY: u32 = u32::MAX;

/// See the module.
#[derive(Debug, Clone, Default)]
pub(crate) struct Segment {
    /// Where each node's record begins, and where the last one ends.
    pub(crate) offsets: Words,
    pub(crate) records: Words,
    pub(crate) qualifiers: Words,
    /// The revisions that edges of this segment came with, each once; low word first.
    pub(crate) revisions: Words,
    pub(crate) counts: Counts,
    /// Whether the index of names says where its records begin.
    pub(crate) is_placed: bool,
    /// Where to note what cannot be read.
    pub(crate) damage: Damage,
}

/// What is in a segment, so that nobody has to go through it to tell: it may be in a file that is not in memory. Stored in snapshot
/// files as it stands here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub(crate) struct Counts {
    /// Edges to subjects.
    pub(crate) edges: u64,
    /// Words of the records that hold names and what surrounds them.
    pub(crate) names: u64,
    /// Words of the records that hold edges to subjects.
    pub(crate) forward: u64,
    /// Words of the records that hold edges from objects.
    pub(crate) backward: u64,
}

impl Segment {
    /// How many nodes there are.
    pub(crate) fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// The record of a node of this segment; `None`: there is none, or it cannot be read. O(1).
    #[inline]
    pub(crate) fn record(&self, node: NodeId) -> Option<Record<'_>> {
        self.record_at(Placed { node, begin: self.begin(node)? })
    }

    /// The record of a node of which it is known where it begins. O(1).
    #[inline]
    pub(crate) fn record_at(&self, Placed { node, begin }: Placed) -> Option<Record<'_>> {
        Record::read(&self.damage, node, self.records.as_slice().get(begin as usize..)?)
    }

    /// Begins to fetch the record that begins there, with a name of so many bytes, and what lies behind that, more often than not.
    #[inline]
    pub(crate) fn fetch(&self, begin: u32, name: usize) {
        let records = self.records.as_slice();
        for word in [0, name.div_ceil(4), name.div_ceil(4) + BEHIND] {
            if let Some(word) = records.get(begin as usize + word) {
                fetch(word);
            }
        }
    }

    /// The first word of the record that begins there.
    #[inline]
    pub(crate) fn first(&self, begin: u32) -> Option<u32> {
        self.records.get(begin as usize)
    }

    /// Adds what it takes to accounts. O(1).
    pub(crate) fn add_to(&self, accounts: &mut Accounts) {
        let Counts { edges, names, forward, backward } = self.counts;
        let bytes = |words: u64| usize::try_from(words).unwrap_or(usize::MAX).saturating_mul(4);
        accounts.names_bytes += bytes(names) + self.offsets.bytes();
        accounts.forward_bytes += bytes(forward) + self.qualifiers.bytes();
        accounts.backward_bytes += bytes(backward);
        accounts.revisions_bytes += bytes(edges) + self.revisions.bytes();
    }

    /// The same as a number of nodes: a segment has 2^16 at most.
    pub(crate) fn nodes(&self) -> u32 {
        u32::try_from(self.len()).unwrap_or(u32::MAX)
    }

    /// Where the record of a node begins.
    #[inline]
    pub(crate) fn begin(&self, node: NodeId) -> Option<u32> {
        self.offsets.as_slice().get((node.0 & ((1 << SEGMENT_BITS) - 1)) as usize).copied()
    }

    /// Whether a node, which is one of this segment, has this type and id. O(1).
    #[inline]
    pub(crate) fn is_named(&self, node: NodeId, type_id: TypeId, id: &[u8]) -> bool {
        let Some((begin, first)) = self.begin(node).and_then(|begin| Some((begin, self.first(begin)?))) else {
            self.damage.note(DamagedPart::Record, Some(node), None);
            return false;
        };
        self.is_named_at(begin, first, type_id, id)
    }

    /// Whether the record that begins there, with that word, has this type and id.
    #[inline]
    pub(crate) fn is_named_at(&self, begin: u32, first: u32, type_id: TypeId, id: &[u8]) -> bool {
        let len = (first >> TYPE_BITS) as usize;
        if first & (MAX_TYPES - 1) != type_id.0 || len != id.len() {
            return false;
        }
        let begin = begin as usize;
        let Some(name) = self.records.as_slice().get(begin + 1..begin + 1 + len.div_ceil(4)) else {
            self.damage.note(DamagedPart::Name, None, None);
            return false;
        };
        is_same(name, id)
    }

    /// The qualifier at a place that a run names.
    pub(crate) fn qualifier(&self, place: u32) -> Option<Qualifier> {
        Qualifier::from_words(self.qualifiers.as_slice().get(place as usize..)?)
    }

    /// The revision with this number in the segment.
    pub(crate) fn revision(&self, number: u32) -> Option<u64> {
        let at = 2 * number as usize;
        let (low, high) = (self.revisions.get(at)?, self.revisions.get(at + 1)?);
        Some(u64::from(high) << 32 | u64::from(low))
    }
}

/// Whether words begin with these bytes. Ids are short: a call of the system's comparison costs more than they do.
#[inline]
fn is_same(words: &[u32], bytes: &[u8]) -> bool {
    let (whole, rest) = bytes.as_chunks::<8>();
    let (pairs, last) = words.as_chunks::<2>();
    let same = |([low, high], bytes): (&[u32; 2], &[u8; 8])| u64::from(*low) | u64::from(*high) << 32 == u64::from_le_bytes(*bytes);
    if pairs.len() < whole.len() || !pairs.iter().zip(whole).all(same) {
        return false;
    }
    if rest.is_empty() {
        return true;
    }
    // What is left is in one word or two.
    let [low, high] = pairs.get(whole.len()).copied().unwrap_or_else(|| [last.first().copied().unwrap_or(0), 0]);
    let left = u64::from(low) | u64::from(high) << 32;
    let unused = 64 - 8 * rest.len();
    match bytes.last_chunk() {
        // The last eight bytes, some of which were compared before.
        Some(last) => left << unused == u64::from_le_bytes(*last) >> unused << unused,
        None => left.to_le_bytes().iter().zip(rest).all(|(a, b)| a == b),
    }
}

/// What is known of one node.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'a> {
    damage: &'a Damage,
    node: NodeId,
    first: u32,
    name: &'a [u32],
    forward: &'a [u32],
    backward: &'a [u32],
    ends: &'a [u32],
}

impl<'a> Record<'a> {
    #[inline]
    fn read(damage: &'a Damage, node: NodeId, words: &'a [u32]) -> Option<Self> {
        let (first, rest) = words.split_first()?;
        let (name, rest) = rest.split_at_checked((*first >> TYPE_BITS).div_ceil(4) as usize)?;
        let (counts, rest) = rest.split_first()?;
        let (forward, backward, rest) = match *counts {
            MANY => rest.split_first_chunk().map(|([forward, backward], rest)| (*forward, *backward, rest))?,
            counts => (counts & 0xFFFF, counts >> 16, rest),
        };
        let (forward, rest) = rest.split_at_checked(forward as usize)?;
        let (backward, ends) = rest.split_at_checked(backward as usize)?;
        Some(Self { damage, node, first: *first, name, forward, backward, ends })
    }

    /// Whether the name was given up, since nothing had an edge of the node any more: no id is empty.
    pub(crate) const fn is_nameless(&self) -> bool {
        self.first >> TYPE_BITS == 0
    }

    /// The node's type.
    pub(crate) const fn type_id(&self) -> TypeId {
        TypeId(self.first & (MAX_TYPES - 1))
    }

    /// The node's id, as bytes.
    pub(crate) fn name(&self) -> &'a [u8] {
        bytemuck::cast_slice::<u32, u8>(self.name).get(..(self.first >> TYPE_BITS) as usize).unwrap_or_default()
    }

    /// The runs in one direction, in order.
    #[inline]
    pub(crate) fn runs(&self, direction: Direction) -> Runs<'a> {
        match direction {
            Direction::Forward => self.forward(),
            Direction::Backward if self.forward.is_empty() => self.backward(self.ends),
            Direction::Backward => {
                let mut forward = self.forward();
                let edges: usize = forward.by_ref().map(|run| run.ends.len()).sum();
                // Behind the edges are their revisions.
                let Some(ends) = forward.ends.get(edges..) else {
                    self.damage.note(DamagedPart::Edges, Some(self.node), None);
                    return Runs::default();
                };
                self.backward(ends)
            }
        }
    }

    #[inline]
    fn forward(&self) -> Runs<'a> {
        Runs { headers: self.forward, ends: self.ends, damage: Some(self.damage), node: self.node, places: true }
    }

    #[inline]
    fn backward(&self, ends: &'a [u32]) -> Runs<'a> {
        Runs { headers: self.backward, ends, damage: Some(self.damage), node: self.node, places: false }
    }

    /// The numbers of the revisions of the forward edges, in their order.
    fn revisions(&self) -> &'a [u32] {
        let mut forward = self.forward();
        let edges: usize = forward.by_ref().map(|run| run.ends.len()).sum();
        forward.ends.get(..edges).unwrap_or_default()
    }

    /// The number of the revision of a forward edge, which is the `at`th of a run.
    pub(crate) fn revision_of(&self, class: ClassId, qualified: bool, at: usize) -> Option<u32> {
        let mut before = 0;
        for run in self.runs(Direction::Forward) {
            if run.class == class && run.qualified == qualified {
                return self.revisions().get(before + at).copied();
            }
            before += run.ends.len();
        }
        None
    }
}

/// The edges of one class of one node, in one direction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run<'a> {
    pub(crate) class: ClassId,
    pub(crate) qualified: bool,
    /// The other ends, in order.
    pub(crate) ends: &'a [u32],
    /// Of a qualified run forward: where each edge's qualifier is.
    pub(crate) places: &'a [u32],
}

impl Run<'_> {
    /// The place of an end in the run. O(log edges).
    #[inline]
    pub(crate) fn find(&self, end: NodeId) -> Option<usize> {
        if self.ends.len() <= 8 {
            return self.ends.iter().position(|other| *other == end.0);
        }
        self.ends.binary_search(&end.0).ok()
    }
}

/// The runs of a record.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Runs<'a> {
    headers: &'a [u32],
    ends: &'a [u32],
    /// Where to note that the rest cannot be read; `None`: there are none.
    damage: Option<&'a Damage>,
    node: NodeId,
    places: bool,
}

/// Notes that a node's runs do not have the edges that they should.
#[cold]
#[inline(never)]
fn broken(damage: Option<&Damage>, node: NodeId) {
    if let Some(damage) = damage {
        damage.note(DamagedPart::Edges, Some(node), None);
    }
}

impl<'a> Iterator for Runs<'a> {
    type Item = Run<'a>;

    #[inline]
    fn next(&mut self) -> Option<Run<'a>> {
        let (header, mut rest) = self.headers.split_first()?;
        let qualified = header & QUALIFIED != 0;
        let mut len = (header >> LONG_SHIFT) as usize;
        if len == LONG {
            let Some((long, behind)) = rest.split_first() else {
                broken(self.damage, self.node);
                return None;
            };
            len = *long as usize;
            rest = behind;
        }
        self.headers = rest;
        let parts = self.ends.split_at_checked(len).and_then(|(ends, behind)| {
            let (places, behind) = behind.split_at_checked(if qualified && self.places { len } else { 0 })?;
            Some((ends, places, behind))
        });
        let Some((ends, places, behind)) = parts else {
            broken(self.damage, self.node);
            self.headers = &[];
            return None;
        };
        self.ends = behind;
        Some(Run { class: ClassId(header & (QUALIFIED - 1)), qualified, ends, places })
    }
}
