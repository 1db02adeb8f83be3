//! What one request sees: a graph, and the tuples that the request brings along on top.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::graph::Graph;
use crate::graph::damage::DamagedPart;
use crate::graph::ids::{ClassId, Direction, NodeId, TypeId};
use crate::graph::overlay::Edge;
use crate::graph::qualifier::Qualifier;
use crate::graph::read::Image;
use crate::graph::segment::{Record, SEGMENT_BITS, Segment};
use crate::tuple::{Id, Tuple};

/// The tuples of a request, as edges. Objects that the graph does not know have numbers of the request's own.
#[derive(Debug, Default)]
pub(crate) struct Extra {
    forward: Vec<(Edge, Option<Arc<Qualifier>>)>,
    backward: Vec<(Edge, Option<Arc<Qualifier>>)>,
    names: Vec<(TypeId, Id)>,
}

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
    pub(crate) extra: Option<&'a Extra>,
    /// The graph's, at hand.
    segments: &'a [Segment],
    /// Whether the graph is its base alone.
    still: bool,
}

impl Extra {
    /// The edges of tuples. Those of a class that the graph has no number for are of no schema, and left out.
    pub(crate) fn of(graph: &Graph, tuples: &[Tuple]) -> Self {
        let mut extra = Self::default();
        for tuple in tuples {
            let Some(id) = graph.vocabulary().class_of(&tuple.key) else { continue };
            let Some(class) = graph.vocabulary().class(id) else { continue };
            let node = extra.node(graph, class.object_type, tuple.key.object().id());
            let other = extra.node(graph, class.subject_type, tuple.key.subject().id());
            let edge = Edge { node, class: id, other };
            extra.forward.retain(|(known, _)| *known != edge);
            extra.forward.push((edge, Qualifier::of(tuple).map(Arc::new)));
        }
        extra.backward = extra.forward.iter().map(|(edge, qualifier)| (edge.turned(), qualifier.clone())).collect();
        extra.forward.sort_by_key(|(edge, _)| *edge);
        extra.backward.sort_by_key(|(edge, _)| *edge);
        extra
    }

    fn node(&mut self, graph: &Graph, type_id: TypeId, id: &Id) -> NodeId {
        if let Some(node) = graph.find(type_id, id).or_else(|| self.find(type_id, id)) {
            return node;
        }
        self.names.push((type_id, id.clone()));
        Self::number(self.names.len() - 1)
    }

    fn find(&self, type_id: TypeId, id: &str) -> Option<NodeId> {
        self.names.iter().position(|(known_type, known)| *known_type == type_id && **known == *id).map(Self::number)
    }

    /// A request brings few tuples, so there are few names.
    fn number(place: usize) -> NodeId {
        NodeId(NodeId::FIRST_OF_REQUEST.saturating_add(u32::try_from(place).unwrap_or(u32::MAX)))
    }

    fn side(&self, direction: Direction) -> &[(Edge, Option<Arc<Qualifier>>)] {
        match direction {
            Direction::Forward => &self.forward,
            Direction::Backward => &self.backward,
        }
    }

    /// Whether an edge brought along has a node at this end.
    pub(crate) fn names(&self, direction: Direction, node: NodeId) -> bool {
        !self.of_node(direction, node).is_empty()
    }

    fn of_node(&self, direction: Direction, node: NodeId) -> &[(Edge, Option<Arc<Qualifier>>)] {
        let side = self.side(direction);
        let rest = side.get(side.partition_point(|(edge, _)| edge.node < node)..).unwrap_or_default();
        rest.get(..rest.partition_point(|(edge, _)| edge.node == node)).unwrap_or_default()
    }
}

impl<'a> Sight<'a> {
    pub(crate) fn new(graph: &'a Graph, extra: Option<&'a Extra>) -> Self {
        Self { graph, extra, segments: graph.base_segments(), still: graph.is_still() && extra.is_none() }
    }

    /// What the base knows of a node that the question or an edge has.
    #[inline]
    pub(crate) fn record(&self, node: NodeId) -> Option<Record<'a>> {
        let record = self.segments.get((node.0 >> SEGMENT_BITS) as usize).and_then(|segment| segment.record(node));
        if record.is_none() {
            self.missed(node);
        }
        record
    }

    /// Says that the base has no record of a node, which is as it should be if the node is not the base's: if it is new, the request's
    /// own, or what nothing names. Anything else is noted as damage.
    #[inline(never)]
    pub(crate) fn missed(&self, node: NodeId) {
        let Some(place) = node.0.checked_sub(NodeId::FIRST_OF_REQUEST) else {
            self.graph.missed(node);
            return;
        };
        let brought = self.extra.is_some_and(|extra| (place as usize) < extra.names.len());
        if !brought && node < NodeId::NOBODY_ELSE {
            self.graph.note(DamagedPart::Object, None, None);
        }
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
        let first = first.unwrap_or(NodeId::NOBODY);
        (first, second.unwrap_or(if a == b { first } else { NodeId::NOBODY_ELSE }))
    }

    /// The type of a node that an edge has.
    pub(crate) fn type_of(&self, node: NodeId) -> Option<TypeId> {
        let named = self.record(node).filter(|record| !record.is_nameless());
        named.map(|record| record.type_id()).or_else(|| self.name_of(node).map(|(type_id, _)| type_id))
    }

    /// The type and the id of a node that an edge has.
    pub(crate) fn name_of(&self, node: NodeId) -> Option<(TypeId, &'a str)> {
        if node.is_of_request() {
            let place = usize::try_from(node.0 - NodeId::FIRST_OF_REQUEST).ok()?;
            return self.extra?.names.get(place).map(|(type_id, id)| (*type_id, &**id));
        }
        self.graph.name(node)
    }

    /// Whether more than the base's record must be looked at.
    #[inline]
    pub(crate) fn is_touched(&self, direction: Direction, node: NodeId) -> bool {
        !self.still && self.is_touched_at_all(direction, node)
    }

    fn is_touched_at_all(&self, direction: Direction, node: NodeId) -> bool {
        self.graph.is_touched(direction, node) || self.extra.is_some_and(|extra| !extra.of_node(direction, node).is_empty())
    }

    /// One edge, seen from its object.
    pub(crate) fn edge(&self, object: NodeId, class: ClassId, subject: NodeId) -> Option<Found<'a>> {
        if let Some(extra) = self.extra {
            let edge = Edge { node: object, class, other: subject };
            if let Some((_, qualifier)) = extra.of_node(Direction::Forward, object).iter().find(|(known, _)| *known == edge) {
                return Some(Found::Brought(qualifier.as_ref()));
            }
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
        let brought = self.extra.map_or(&[][..], |extra| extra.of_node(direction, node));
        for (other, image) in self.graph.ends(direction, node, class) {
            if !brought.iter().any(|(edge, _)| edge.class == class && edge.other == other) {
                visit(other, Found::Stored(image))?;
            }
        }
        for (edge, qualifier) in brought.iter().filter(|(edge, _)| edge.class == class) {
            visit(edge.other, Found::Brought(qualifier.as_ref()))?;
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
