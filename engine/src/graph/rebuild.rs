//! A newer base from an older one and what changed since: a few segments at a time, so that not two of each are in memory.
//!
//! Nodes keep their numbers; new ones are put behind; those that are dead give up their names (`super::dead`). A base of which some segments are newer than others is as good as any: what they
//! have more is in the overlay as well, until [`Graph::rebased`] takes it away.

use std::ops::Range;
use std::sync::Arc;

use super::base::{Base, SegmentsWriter, first_of};
use super::damage::DamagedPart;
use super::ids::{Direction, NodeId, TypeId};
use super::overlay::Edge;
use super::segment::{SEGMENT_BITS, Segment, SegmentEdge, SegmentWriter};
use super::{Core, Graph};
use crate::limits::MAX_TYPES;

/// How many edges must have changed for a new base to be worth its making, at least.
const MIN_CHANGED: u64 = 4_096;

/// A base is made anew when one edge of so many has changed.
const SHARE_CHANGED: u64 = 8;

impl Graph {
    /// Whether so much has changed that a new base is due.
    pub(crate) fn is_rebuild_due(&self) -> bool {
        let many = usize::try_from(MIN_CHANGED.max(self.core.base.edges() / SHARE_CHANGED)).unwrap_or(usize::MAX);
        let memory = self.core.overlay.memory();
        // A few edges that change again and again are remembered as well, longer than the window needs.
        self.core.overlay.recent_len() > many || memory.grown() > many.max(memory.begun_with())
    }

    /// How many changes and qualifiers are remembered besides the newest change of each edge.
    #[cfg(test)]
    pub(crate) fn remembered(&self) -> usize {
        self.core.overlay.memory().len()
    }

    /// How many segments the base has.
    pub(crate) fn segments(&self) -> usize {
        self.core.base.segments.len()
    }

    /// Some segments of the base anew, as of this revision. O(their edges).
    pub(crate) fn rebuilt(&self, segments: Range<usize>) -> Vec<Segment> {
        segments.map(|segment| self.rebuilt_segment(segment)).collect()
    }

    fn rebuilt_segment(&self, segment: usize) -> Segment {
        let first = first_of(segment);
        let len = self.core.base.segments.get(segment).map_or(0, Segment::nodes);
        self.segment_of(first..first + len)
    }

    /// A segment of these nodes, as of this revision. O(their edges).
    pub(super) fn segment_of(&self, nodes: Range<u32>) -> Segment {
        let mut writer = SegmentWriter::default();
        for node in nodes {
            self.write(NodeId(node), &mut writer);
        }
        writer.finish()
    }

    fn write(&self, node: NodeId, writer: &mut SegmentWriter) {
        if self.core.is_forgotten(node) {
            writer.push_nameless();
            return;
        }
        // A node without a name is one of damaged memory, of which nothing that is made is used.
        let (type_id, name) = self.name(node).unwrap_or((TypeId(MAX_TYPES - 1), ""));
        let mut forward = self.edges_to_write(Direction::Forward, node);
        let mut backward = self.edges_to_write(Direction::Backward, node);
        writer.push(type_id, name.as_bytes(), &mut forward, &mut backward);
    }

    /// The edges of a node at this revision.
    fn edges_to_write(&self, direction: Direction, node: NodeId) -> Vec<SegmentEdge> {
        let (touched, past) = (self.is_touched(direction, node), self.needs_past());
        let mut edges = Vec::new();
        if let (Some(record), Some(segment)) = (self.record(node), self.core.base.segment(node)) {
            for run in record.runs(direction) {
                for (at, other) in run.ends.iter().enumerate() {
                    let other = NodeId(*other);
                    let edge = Edge { node, class: run.class, other };
                    if touched && self.core.overlay.edge(direction, edge, self.revision, past).is_some() {
                        continue;
                    }
                    let (qualifier, revision) = match direction {
                        Direction::Forward => (
                            run.places.get(at).and_then(|place| segment.qualifier(*place)),
                            record.revision_of(run.class, run.qualified, at).and_then(|number| segment.revision(number)).unwrap_or(0),
                        ),
                        Direction::Backward => (run.qualified.then(Default::default), 0),
                    };
                    if run.qualified && qualifier.is_none() {
                        // Written down without one it would count for good.
                        self.note(DamagedPart::Qualifier, Some(node), Some(run.class));
                        continue;
                    }
                    edges.push(SegmentEdge { class: run.class, other, qualifier, revision });
                }
            }
        }
        if touched {
            for class in self.core.overlay.classes(direction, node, past) {
                for (other, code, changed) in self.core.overlay.edges(direction, node, class, self.revision, past) {
                    let Some(image) = self.core.overlay.memory().image(code) else { continue };
                    let qualifier = image.map(|qualifier| (**qualifier).clone());
                    let revision = match direction {
                        Direction::Forward => changed.or_else(|| self.revision_of(node, class, other)).unwrap_or(0),
                        Direction::Backward => 0,
                    };
                    edges.push(SegmentEdge { class, other, qualifier, revision });
                }
            }
        }
        edges
    }

    /// This graph with some segments of its base replaced by newer ones of the same nodes.
    pub(crate) fn with_segments(&self, first: usize, segments: Vec<Segment>) -> Self {
        let mut base = Base::clone(&self.core.base);
        for (place, segment) in base.segments.iter_mut().skip(first).zip(segments) {
            *place = Segment { damage: self.core.base.damage.clone(), ..segment };
        }
        let core = Core { base: Arc::new(base), ..Core::clone(&self.core) };
        Self { core: Arc::new(core), revision: self.revision }
    }

    /// The base of this graph, all of whose segments were rebuilt at `revision` or later, with the nodes that are new since. O(nodes).
    pub(crate) fn completed_base(&self, revision: u64) -> Base {
        let mut base = Base::clone(&self.core.base);
        let mut writer = SegmentsWriter::default();
        let mut node = base.nodes();
        if let Some(last) = base.segments.pop_if(|last| last.len() < 1 << SEGMENT_BITS) {
            node -= last.nodes();
        }
        for node in node..self.core.nodes() {
            self.write(NodeId(node), writer.current());
        }
        base.extend(writer.finish());
        base.revision = revision;
        let found = base.indexed(|node| self.is_dead_in(&base, node));
        base.put(found);
        base
    }

    /// This graph, which has gone on since, on that base; readers from `oldest` on are served. O(changes remembered).
    pub(crate) fn rebased(&self, base: Base, oldest: u64) -> Self {
        let (before, now) = (self.core.base.nodes(), base.nodes());
        let in_base = now.saturating_sub(before) as usize;
        let new_names = self.core.new_names.clone().split_off(in_base.min(self.core.new_names.len()));
        let overlay = self.core.overlay.rebased(base.revision, oldest);
        let reborn = self.reborn_in(&base, &overlay);
        let new_nodes = (now..).map(NodeId).zip(&new_names).chain(reborn.iter().map(|(node, name)| (*node, name)));
        let new_nodes = new_nodes.map(|(node, name)| (name.clone(), node)).collect();
        let core = Core { base: Arc::new(base), overlay, new_names, new_nodes, reborn, taken: 0, ..Core::clone(&self.core) };
        Self { core: Arc::new(core), revision: self.revision }
    }
}
