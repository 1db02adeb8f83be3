//! A graph in the sections of a container: written segment by segment, and read where it lies.
//!
//! Reading takes the lengths of arrays for granted only where they were held against each other here; what is in the arrays may be
//! anything, as the memory of a file is until it was verified. So a node, a class or a place that came out of an array is looked up, never
//! relied on.

use std::io;

use borsh::{BorshDeserialize, BorshSerialize};

use super::Graph;
use super::base::{Base, Indexed, first_of, index};
use super::ids::{Direction, NodeId};
use super::names::{Hasher, NameIndex, words_for};
use super::segment::{Counts, SEGMENT_BITS, Segment};
use super::vocabulary::{Class, Vocabulary};
use crate::snapshot::SnapshotError;
use crate::snapshot::container::{Container, WriteError, Writer};
use crate::words::Words;

const NAMES: &str = "names";
const ORDER: &str = "order";
const RANKS: &str = "ranks";

/// What is to be known of a graph before its arrays. Part of the file's head.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct GraphHead {
    types: Vec<String>,
    relations: Vec<String>,
    classes: Vec<Class>,
    /// What the hashes of names begin with.
    seed: u64,
    nodes: u32,
    /// How many of them are known by name.
    live: u32,
    segments: Vec<Counts>,
}

impl GraphHead {
    /// How many nodes there are.
    pub(crate) const fn nodes(&self) -> u32 {
        self.nodes
    }

    /// How many edges there are.
    pub(crate) fn edges(&self) -> u64 {
        self.segments.iter().fold(0, |edges, segment| edges.saturating_add(segment.edges))
    }

    /// The names.
    pub(crate) fn vocabulary(&self) -> Option<Vocabulary> {
        Vocabulary::of_parts(&self.types, &self.relations, &self.classes)
    }
}

/// The section of one of a segment's arrays.
fn section(segment: usize, array: &str) -> String {
    format!("seg.{segment}.{array}")
}

/// How many segments so many nodes take.
const fn segments_of(nodes: u32) -> usize {
    (nodes as usize).div_ceil(1 << SEGMENT_BITS)
}

impl Graph {
    /// Writes a base of this revision. What the overlay has to say is put into one segment at a time, so that hardly more than this graph
    /// is in memory. O(nodes log nodes + edges).
    pub(crate) fn store<W: io::Write>(&self, writer: &mut Writer<W>) -> Result<GraphHead, WriteError> {
        let base = &*self.core.base;
        // A base that takes for dead what is not is put right as it is written.
        let is_still = self.is_still() && self.core.reborn.is_empty();
        let nodes = if is_still { base.nodes() } else { self.core.nodes() };
        let (mut segments, mut begins) = (Vec::new(), Vec::new());
        for place in 0..segments_of(nodes) {
            let rebuilt;
            let segment = match base.segments.get(place) {
                Some(segment) if is_still => segment,
                Some(_) | None => {
                    let first = first_of(place);
                    rebuilt = self.segment_of(first..first.saturating_add(1 << SEGMENT_BITS).min(nodes));
                    &rebuilt
                }
            };
            writer.words(&section(place, "offsets"), segment.offsets.as_slice())?;
            writer.words(&section(place, "records"), segment.records.as_slice())?;
            writer.words(&section(place, "qualifiers"), segment.qualifiers.as_slice())?;
            writer.words(&section(place, "revisions"), segment.revisions.as_slice())?;
            segments.push(segment.counts);
            begins.extend(segment.offsets.as_slice().iter().take(segment.len()));
        }
        let hasher = base.names.hasher;
        let live = if is_still && base.segments.iter().all(|segment| segment.is_placed) {
            write_index(writer, (&base.names, &base.order, &base.ranks))?;
            base.live
        } else {
            let name = |node| self.name(node).map(|(type_id, id)| (type_id, id.as_bytes()));
            let begin = |node: NodeId| begins.get(node.0 as usize).copied().unwrap_or(u32::MAX);
            let Indexed { names, order, ranks, live } = index(hasher, nodes, |node| self.core.is_forgotten(node), name, begin);
            write_index(writer, (&names, &order, &ranks))?;
            live
        };
        let vocabulary = self.vocabulary();
        let [types, relations] = [vocabulary.types(), vocabulary.relations()].map(|names| names.iter().map(ToString::to_string).collect());
        Ok(GraphHead { types, relations, classes: vocabulary.classes().to_vec(), seed: hasher.seed, nodes, live, segments })
    }

    /// The graph whose arrays are in a container. O(segments): none of them is read.
    pub(crate) fn stored(container: &Container, head: &GraphHead, vocabulary: Vocabulary, revision: u64) -> Result<Self, SnapshotError> {
        if NodeId(head.nodes).is_of_request() || head.segments.len() != segments_of(head.nodes) {
            return Err(SnapshotError::Inconsistent { what: "the number of its nodes does not go with that of its segments" });
        }
        let mut base = Base { revision, ..Base::default() };
        for (place, counts) in head.segments.iter().enumerate() {
            let words = |array| container.words(&section(place, array));
            let segment = Segment {
                offsets: words("offsets")?,
                records: words("records")?,
                qualifiers: words("qualifiers")?,
                revisions: words("revisions")?,
                counts: *counts,
                is_placed: true,
                damage: base.damage.clone(),
            };
            if segment.nodes() != head.nodes.saturating_sub(first_of(place)).min(1 << SEGMENT_BITS) {
                return Err(SnapshotError::Inconsistent { what: "a segment does not have as many nodes as it should" });
            }
            base.segments.push(segment);
        }
        let names = NameIndex { hasher: Hasher::new(head.seed), buckets: container.words(NAMES)? };
        let (order, ranks) = (container.words(ORDER)?, container.words(RANKS)?);
        let nodes = head.nodes as usize;
        let has_names = names.buckets.len() == words_for(nodes) || nodes == 0 && names.buckets.is_empty();
        if !has_names || order.len() != nodes || ranks.len() != nodes || head.live > head.nodes {
            return Err(SnapshotError::Inconsistent { what: "what finds and orders its nodes does not go with their number" });
        }
        Ok(Self::of_base(vocabulary, Base { names, order, ranks, live: head.live, ..base }))
    }

    /// Holds what can be looked at in two ways against each other: a node is found by its name and stands in the order where its rank
    /// says, and each edge is known to both of its ends. O(nodes + edges log edges).
    pub(crate) fn check_base(&self) -> Result<(), SnapshotError> {
        let base = &*self.core.base;
        let mut before = None;
        for (rank, node) in (base.live..).zip(base.dead_order()) {
            let edges = self.record(NodeId(*node)).is_none_or(|record| {
                [Direction::Forward, Direction::Backward].into_iter().any(|direction| record.runs(direction).next().is_some())
            });
            if edges || base.ranks.get(*node as usize) != Some(rank) {
                return Err(SnapshotError::Inconsistent {
                    what: "a node that has no name any more has edges, or does not stand where it should",
                });
            }
        }
        for (rank, node) in (0_u32..base.live).zip(base.order.as_slice()) {
            let name = self.name(NodeId(*node));
            let Some((type_id, id)) = name.filter(|_| before < name) else {
                return Err(SnapshotError::Inconsistent { what: "its nodes are not in order" });
            };
            if base.ranks.get(*node as usize) != Some(rank) || self.find(type_id, id) != Some(NodeId(*node)) {
                return Err(SnapshotError::Inconsistent { what: "a node is not found where it is" });
            }
            before = name;
        }
        let (mut forward, mut backward) = (0_u64, 0_u64);
        for node in (0..base.nodes()).map(NodeId) {
            let Some(record) = self.record(node) else { continue };
            forward += record.runs(Direction::Forward).map(|run| run.ends.len() as u64).sum::<u64>();
            for run in record.runs(Direction::Backward) {
                for object in run.ends {
                    if self.edge(NodeId(*object), run.class, node).is_none() {
                        return Err(SnapshotError::Inconsistent { what: "an edge is known to its subject alone" });
                    }
                }
                backward += run.ends.len() as u64;
            }
        }
        if forward == backward { Ok(()) } else { Err(SnapshotError::Inconsistent { what: "an edge is known to its object alone" }) }
    }
}

fn write_index<W: io::Write>(writer: &mut Writer<W>, (names, order, ranks): (&NameIndex, &Words, &Words)) -> Result<(), WriteError> {
    writer.words(NAMES, names.buckets.as_slice())?;
    writer.words(ORDER, order.as_slice())?;
    writer.words(RANKS, ranks.as_slice())
}
