//! What one request sees: a graph, and the tuples that the request brings along on top.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::extra::Extra;
use crate::graph::Graph;
use crate::graph::base::Placed;
use crate::graph::damage::DamagedPart;
use crate::graph::ids::{ClassId, Direction, NodeId, TypeId};
use crate::graph::overlay::Edge;
use crate::graph::qualifier::Qualifier;
use crate::graph::read::Image;
use crate::graph::segment::{Record, SEGMENT_BITS, Segment};

/// Where an edge was found.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Found<'a> {
    Stored(Image),
    Brought(Option<&'a Arc<Qualifier>>),
}

/// See the module.
#[derive(Clone, Copy)]
pub(crate) struct Sight<'a> {
    pub(crate) graph: &'a Graph,
    pub(crate) extra: Option<&'a Extra<'a>>,
    /// The graph's, at hand.
    segments: &'a [Segment],
    /// Whether the graph is its base alone.
    is_base: bool,
    /// Whether that is all there is.
    still: bool,
    /// The nodes of the question.
    known: [Placed; 2],
}

/// A node that nothing is known of.
const NOBODY: Placed = Placed { node: NodeId::NOBODY, begin: Placed::NOWHERE };

impl<'a> Sight<'a> {
    pub(crate) fn new(graph: &'a Graph, extra: Option<&'a Extra<'a>>) -> Self {
        let is_base = graph.is_still();
        Self { graph, extra, segments: graph.base_segments(), is_base, still: is_base && extra.is_none(), known: [NOBODY; 2] }
    }

    /// What the base knows of a node that the question or an edge has.
    #[inline]
    pub(crate) fn record(&self, node: NodeId) -> Option<Record<'a>> {
        let record = self.segments.get((node.0 >> SEGMENT_BITS) as usize).and_then(|segment| {
            let placed = self.known.iter().find(|known| known.node == node && known.begin != Placed::NOWHERE);
            placed.map_or_else(|| segment.record(node), |placed| segment.record_at(*placed))
        });
        if record.is_none() {
            self.missed(node);
        }
        record
    }

    /// Says that the base has no record of a node, which is as it should be if the node is not the base's: if it is new, the request's
    /// own, or what nothing names. Anything else is noted as damage.
    #[inline(never)]
    pub(crate) fn missed(&self, node: NodeId) {
        if !node.is_of_request() {
            self.graph.missed(node);
            return;
        }
        let brought = self.extra.is_some_and(|extra| extra.name(node).is_some());
        if !brought && node < NodeId::NOBODY_ELSE {
            self.graph.note(DamagedPart::Object, None, None);
        }
    }

    /// The node of an object, if anything names it.
    pub(crate) fn find(&self, type_id: TypeId, id: &str) -> Option<NodeId> {
        self.graph.find(type_id, id).or_else(|| self.extra?.find(type_id, id))
    }

    /// The nodes of two objects, which the question is about; what nothing names has a number that nothing has, the same for the same object.
    #[inline]
    pub(crate) fn both(&mut self, ends: [(TypeId, &str); 2]) -> (NodeId, NodeId) {
        let found = self.graph.find_placed(ends);
        self.meet(ends, found)
    }

    /// The same, of which the graph's nodes were found before.
    #[inline]
    pub(crate) fn meet(&mut self, [a, b]: [(TypeId, &str); 2], [first, second]: [Option<Placed>; 2]) -> (NodeId, NodeId) {
        let brought = |(type_id, id)| self.extra?.find(type_id, id).map(|node| Placed { node, ..NOBODY });
        let first = first.or_else(|| brought(a)).unwrap_or(NOBODY);
        let nobody = if a == b { first } else { Placed { node: NodeId::NOBODY_ELSE, ..NOBODY } };
        let second = second.or_else(|| brought(b)).unwrap_or(nobody);
        self.known = [first, second];
        (first.node, second.node)
    }

    /// The type of a node that an edge has.
    pub(crate) fn type_of(&self, node: NodeId) -> Option<TypeId> {
        let named = self.record(node).filter(|record| !record.is_nameless());
        named.map(|record| record.type_id()).or_else(|| self.name_of(node).map(|(type_id, _)| type_id))
    }

    /// The type and the id of a node that an edge has.
    pub(crate) fn name_of(&self, node: NodeId) -> Option<(TypeId, &'a str)> {
        if node.is_of_request() {
            return self.extra?.name(node);
        }
        self.graph.name(node)
    }

    /// Where a node that an edge has stands among all of its type ([`Graph::rank`]): of two with the same place the ids decide.
    pub(crate) fn rank(&self, node: NodeId) -> u64 {
        if node.is_of_request() {
            return self.name_of(node).map_or(0, |(type_id, id)| self.graph.rank_of_name(type_id, id));
        }
        self.graph.rank(node)
    }

    /// Whether more than the base's record must be looked at.
    #[inline]
    pub(crate) fn is_touched(&self, direction: Direction, node: NodeId) -> bool {
        !self.still && self.is_touched_at_all(direction, node)
    }

    fn is_touched_at_all(&self, direction: Direction, node: NodeId) -> bool {
        !self.is_base && self.graph.is_touched(direction, node) || self.extra.is_some_and(|extra| extra.names(direction, node))
    }

    /// One edge, seen from its object.
    pub(crate) fn edge(&self, object: NodeId, class: ClassId, subject: NodeId) -> Option<Found<'a>> {
        let brought = self.extra.and_then(|extra| extra.edge(Edge { node: object, class, other: subject }));
        if let Some(qualifier) = brought {
            return Some(Found::Brought(qualifier));
        }
        self.graph.edge(object, class, subject).map(Found::Stored)
    }

    /// Visits the other ends of a node's edges of one class.
    pub(crate) fn each_end(
        &self,
        direction: Direction,
        node: NodeId,
        class: ClassId,
        mut visit: impl FnMut(NodeId, Found<'a>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let extra = self.extra.filter(|extra| extra.names(direction, node));
        for (other, image) in self.graph.ends(direction, node, class) {
            let edge = match direction {
                Direction::Forward => Edge { node, class, other },
                Direction::Backward => Edge { node: other, class, other: node },
            };
            if extra.is_none_or(|extra| extra.edge(edge).is_none()) {
                visit(other, Found::Stored(image))?;
            }
        }
        let brought = extra.into_iter().flat_map(|extra| extra.of_node(direction, node));
        for (edge, qualifier) in brought.filter(|(edge, _)| edge.class == class) {
            visit(edge.other, Found::Brought(qualifier))?;
        }
        ControlFlow::Continue(())
    }

    /// The qualifier of an edge that was found; `None`: it has none, or one that cannot be read, which is noted.
    pub(crate) fn qualifier(&self, object: NodeId, class: ClassId, subject: NodeId, found: Found<'_>) -> Option<Arc<Qualifier>> {
        match found {
            Found::Stored(image) => self.graph.qualifier(object, class, subject, image),
            Found::Brought(qualifier) => qualifier.cloned(),
        }
    }
}
