//! The tuples that a request brings along, as edges of the graph that it asks.
//!
//! Nearly always they are few: then they lie in one place without order, and are compared one by one, behind filters of 64 bits, so that
//! a node which none of them names costs nothing. Many are kept in order. Nothing is copied that the request has.
//!
//! Cost: O(tuples log tuples) to begin with, a look-up O(1) for few and O(log tuples) for many.

use std::hint::black_box;
use std::sync::Arc;

use hashbrown::HashMap;
use smallvec::SmallVec;

use crate::graph::Graph;
use crate::graph::ids::{ClassId, Direction, NodeId, TypeId};
use crate::graph::overlay::Edge;
use crate::graph::qualifier::Qualifier;
use crate::graph::vocabulary::{Class, Vocabulary};
use crate::tuple::{Tuple, TupleKey};

/// Up to this many edges and names are compared one by one.
const FEW: usize = 16;

/// So many classes are remembered while tuples are read: most of a request's are of one or two.
const CLASSES: usize = 4;

/// An edge, and what it says besides.
type Brought = (Edge, Option<Arc<Qualifier>>);

/// See the module. Objects that the graph does not know have numbers of the request's own.
#[derive(Debug, Default)]
pub(crate) struct Extra<'t> {
    /// Each once; in order, if there are many.
    edges: SmallVec<[Brought; FEW]>,
    /// Where the edges are, in the order in which their subjects have them, if there are many.
    backward: Vec<usize>,
    /// The nodes that edges have at this end.
    objects: Nodes,
    subjects: Nodes,
    /// The nodes that edges of the graph's index of nested groups lead up from.
    nested: Nodes,
    names: Vec<(TypeId, &'t str)>,
    /// The names beyond the first few.
    more_names: HashMap<(TypeId, &'t str), NodeId, foldhash::fast::RandomState>,
}

/// A set of nodes, and some others.
#[derive(Debug, Clone, Copy, Default)]
struct Nodes(u64);

impl Nodes {
    #[inline]
    const fn bit(node: NodeId) -> u64 {
        1 << (node.0.wrapping_mul(0x9E37_79B9) >> 26)
    }

    #[inline]
    const fn has(self, node: NodeId) -> bool {
        self.0 & Self::bit(node) != 0
    }

    const fn add(&mut self, node: NodeId) {
        self.0 |= Self::bit(node);
    }
}

impl<'t> Extra<'t> {
    /// The edges of tuples, of two with the same key the later one. Those of a class that the graph has no number for are of no schema,
    /// and left out.
    pub(crate) fn of(graph: &Graph, tuples: &'t [Tuple]) -> Self {
        let mut extra = Self::default();
        let mut classes = Classes::new(graph.vocabulary());
        let is_many = tuples.len() > FEW;
        // So many at a time that what they need is fetched together.
        for tuples in tuples.chunks(FEW) {
            let mut known: SmallVec<[(&'t Tuple, ClassId); FEW]> = SmallVec::new();
            let mut names: SmallVec<[(TypeId, &'t str); 2 * FEW]> = SmallVec::new();
            fetch(tuples);
            for tuple in tuples {
                let Some((id, class)) = classes.of(&tuple.key) else { continue };
                known.push((tuple, id));
                names.extend([(class.object_type, &**tuple.key.object().id()), (class.subject_type, &**tuple.key.subject().id())]);
            }
            let nodes = graph.find_all(&names);
            let (names, _) = names.as_chunks();
            let (nodes, _) = nodes.as_chunks();
            for (((tuple, class), [object, subject]), [node, other]) in known.into_iter().zip(names).zip(nodes) {
                let node = node.map_or_else(|| extra.number(*object), |found| found.node);
                let other = other.map_or_else(|| extra.number(*subject), |found| found.node);
                extra.add(graph, Edge { node, class, other }, Qualifier::of(tuple).map(Arc::new), is_many);
            }
        }
        if is_many {
            extra.put_in_order();
        }
        extra
    }

    fn add(&mut self, graph: &Graph, edge: Edge, qualifier: Option<Arc<Qualifier>>, is_many: bool) {
        if !is_many
            && self.objects.has(edge.node)
            && let Some(known) = self.edges.iter_mut().find(|(known, _)| *known == edge)
        {
            known.1 = qualifier;
            return;
        }
        self.objects.add(edge.node);
        self.subjects.add(edge.other);
        if graph.nesting().is_about(edge.class) {
            self.nested.add(edge.other);
        }
        self.edges.push((edge, qualifier));
    }

    fn put_in_order(&mut self) {
        self.edges.sort_by_key(|(edge, _)| *edge);
        // The later of two stands behind.
        self.edges.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                std::mem::swap(&mut later.1, &mut earlier.1);
            }
            same
        });
        self.backward = (0..self.edges.len()).collect();
        self.backward.sort_unstable_by_key(|place| self.edges.get(*place).map(|(edge, _)| edge.turned()));
    }

    /// The number of a name that the graph does not know, a new one if need be.
    fn number(&mut self, name: (TypeId, &'t str)) -> NodeId {
        if let Some(known) = self.find(name.0, name.1) {
            return known;
        }
        let place = self.names.len();
        // A request brings few tuples, so there are few names.
        let node = NodeId(NodeId::FIRST_OF_REQUEST.saturating_add(u32::try_from(place).unwrap_or(u32::MAX)));
        self.names.push(name);
        if place >= FEW {
            self.more_names.insert(name, node);
        }
        node
    }

    /// The node of an object that only the request names.
    pub(crate) fn find(&self, type_id: TypeId, id: &str) -> Option<NodeId> {
        let among_first = (NodeId::FIRST_OF_REQUEST..).map(NodeId).zip(self.names.iter().take(FEW));
        let mut named = among_first.filter(|(_, name)| **name == (type_id, id)).map(|(node, _)| node);
        named.next().or_else(|| if self.more_names.is_empty() { None } else { self.more_names.get(&(type_id, id)).copied() })
    }

    /// The type and the id of a node that only the request names.
    pub(crate) fn name(&self, node: NodeId) -> Option<(TypeId, &'t str)> {
        self.names.get(usize::try_from(node.0.checked_sub(NodeId::FIRST_OF_REQUEST)?).ok()?).copied()
    }

    /// Whether an edge has a node at this end.
    #[inline]
    pub(crate) fn names(&self, direction: Direction, node: NodeId) -> bool {
        self.may_name(direction, node) && self.of_node(direction, node).next().is_some()
    }

    /// Whether edges of the graph's index of nested groups lead up from any node.
    pub(crate) const fn nests(&self) -> bool {
        self.nested.0 != 0
    }

    /// Whether edges of the graph's index of nested groups may lead up from a node.
    #[inline]
    pub(crate) fn may_nest(&self, node: NodeId) -> bool {
        self.nested.has(node) && self.names(Direction::Backward, node)
    }

    #[inline]
    const fn may_name(&self, direction: Direction, node: NodeId) -> bool {
        match direction {
            Direction::Forward => self.objects.has(node),
            Direction::Backward => self.subjects.has(node),
        }
    }

    /// One edge, seen from its object: what it says besides.
    pub(crate) fn edge(&self, edge: Edge) -> Option<Option<&Arc<Qualifier>>> {
        if !self.objects.has(edge.node) {
            return None;
        }
        let found = if self.is_in_order() {
            self.edges.binary_search_by_key(&edge, |(known, _)| *known).ok().and_then(|place| self.edges.get(place))
        } else {
            self.edges.iter().find(|(known, _)| *known == edge)
        };
        found.map(|(_, qualifier)| qualifier.as_ref())
    }

    /// The edges that have a node at this end, seen from there.
    pub(crate) fn of_node(&self, direction: Direction, node: NodeId) -> impl Iterator<Item = (Edge, Option<&Arc<Qualifier>>)> {
        let none = (&[][..], &[][..]);
        let (edges, places): (&[Brought], &[usize]) = match direction {
            Direction::Forward | Direction::Backward if !self.may_name(direction, node) => none,
            Direction::Forward | Direction::Backward if !self.is_in_order() => (&self.edges, &[]),
            Direction::Forward => (run(&self.edges, node, |(edge, _)| edge.node), &[]),
            Direction::Backward => (&[], run(&self.backward, node, |place| self.subject(*place))),
        };
        let edges = edges.iter().chain(places.iter().filter_map(|place| self.edges.get(*place)));
        let seen = edges.map(move |(edge, qualifier)| {
            let edge = match direction {
                Direction::Forward => *edge,
                Direction::Backward => edge.turned(),
            };
            (edge, qualifier.as_ref())
        });
        seen.filter(move |(edge, _)| edge.node == node)
    }

    fn subject(&self, place: usize) -> NodeId {
        self.edges.get(place).map_or(NodeId::MAX, |(edge, _)| edge.other)
    }

    fn is_in_order(&self) -> bool {
        !self.backward.is_empty()
    }
}

/// Looks at all strings that will be read one after the other, each of which lies somewhere else: so they are fetched together.
fn fetch(tuples: &[Tuple]) {
    let byte = |text: &str| text.as_bytes().first().map_or(0, |byte| u32::from(*byte));
    let mut sum = 0;
    for Tuple { key, .. } in tuples {
        let (object, subject) = (key.object(), key.subject());
        sum += byte(object.object_type()) + byte(object.id()) + byte(key.relation());
        sum += byte(subject.object_type()) + byte(subject.id()) + subject.relation().map_or(0, |relation| byte(relation));
    }
    black_box(sum);
}

/// Those of a node in a row that is in the order of nodes.
fn run<T>(row: &[T], node: NodeId, node_of: impl Fn(&T) -> NodeId) -> &[T] {
    let rest = row.get(row.partition_point(|item| node_of(item) < node)..).unwrap_or_default();
    rest.get(..rest.partition_point(|item| node_of(item) == node)).unwrap_or_default()
}

/// The classes of tuples that come one after the other.
struct Classes<'g, 't> {
    vocabulary: &'g Vocabulary,
    known: SmallVec<[(&'t TupleKey, ClassId, Class); CLASSES]>,
}

impl<'g, 't> Classes<'g, 't> {
    fn new(vocabulary: &'g Vocabulary) -> Self {
        Self { vocabulary, known: SmallVec::new() }
    }

    fn of(&mut self, key: &'t TupleKey) -> Option<(ClassId, Class)> {
        if let Some((_, id, class)) = self.known.iter().find(|(known, ..)| is_of_same_class(known, key)) {
            return Some((*id, *class));
        }
        let id = self.vocabulary.class_of(key)?;
        let class = *self.vocabulary.class(id)?;
        if self.known.len() < CLASSES {
            self.known.push((key, id, class));
        }
        Some((id, class))
    }
}

fn is_of_same_class(one: &TupleKey, other: &TupleKey) -> bool {
    let (subject, others) = (one.subject(), other.subject());
    one.relation() == other.relation()
        && one.object().object_type() == other.object().object_type()
        && subject.object_type() == others.object_type()
        && subject.relation() == others.relation()
        && subject.is_wildcard() == others.is_wildcard()
}
