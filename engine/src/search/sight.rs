//! What one request sees: a graph, and the tuples that the request brings along on top.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::extra::Extra;
use crate::graph::Graph;
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
}

impl<'a> Sight<'a> {
    pub(crate) fn new(graph: &'a Graph, extra: Option<&'a Extra<'a>>) -> Self {
        let is_base = graph.is_still();
        Self { graph, extra, segments: graph.base_segments(), is_base, still: is_base && extra.is_none() }
    }

    /// What the base knows of a node.
    #[inline]
    pub(crate) fn record(&self, node: NodeId) -> Option<Record<'a>> {
        self.segments.get((node.0 >> SEGMENT_BITS) as usize)?.record(node)
    }

    /// The node of an object, if anything names it.
    pub(crate) fn find(&self, type_id: TypeId, id: &str) -> Option<NodeId> {
        self.graph.find(type_id, id).or_else(|| self.extra?.find(type_id, id))
    }

    /// The nodes of two objects; what nothing names has a number that nothing has, the same for the same object.
    pub(crate) fn both(&self, a: (TypeId, &str), b: (TypeId, &str)) -> (NodeId, NodeId) {
        let [first, second] = self.graph.find_both([a, b]);
        let brought = |(type_id, id)| self.extra?.find(type_id, id);
        let (first, second) = (first.or_else(|| brought(a)), second.or_else(|| brought(b)));
        let nobody = NodeId::MAX;
        let first = first.unwrap_or(nobody);
        (first, second.unwrap_or(if a == b { first } else { NodeId(nobody.0 - 1) }))
    }

    /// The type of a node that an edge has.
    pub(crate) fn type_of(&self, node: NodeId) -> Option<TypeId> {
        self.record(node).map(|record| record.type_id()).or_else(|| self.name_of(node).map(|(type_id, _)| type_id))
    }

    /// The type and the id of a node that an edge has.
    pub(crate) fn name_of(&self, node: NodeId) -> Option<(TypeId, &'a str)> {
        if node.is_of_request() {
            return self.extra?.name(node);
        }
        self.graph.name(node)
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

    /// The qualifier of an edge that was found; `None`: it has none.
    pub(crate) fn qualifier(&self, object: NodeId, class: ClassId, subject: NodeId, found: Found<'_>) -> Option<Arc<Qualifier>> {
        match found {
            Found::Stored(image) => self.graph.qualifier(object, class, subject, image),
            Found::Brought(qualifier) => qualifier.cloned(),
        }
    }
}
