//! A store's tuples as a graph of small integers: an immutable base, and a persistent overlay with revisions.
//!
//! **Invariants.** A [`Graph`] is a value, and cheap to clone: a change makes the next one, and whoever holds this one sees what he saw.
//! All graphs of one store share a base and an overlay that hold every revision of the hot window, and each looks at its own revision. A
//! graph knows nothing of schemas, entries and digests. Reads never give a name a number.
//!
//! Cost: an edge O(log edges of its class), a change O(log changes), a clone O(1).

use std::ops::Bound;
use std::sync::Arc;

use imbl::{OrdMap, Vector};

use base::Base;
use damage::DamagedPart;
use ids::{ClassId, Direction, NodeId, TypeId};
use inherited::Inheritance;
use names::NameIndex;
use nesting::{Changed, Nesting};
use nodes::{NodeName, Place};
use overlay::{Edge, Overlay};
use qualifier::Qualifier;
use read::Image;
use vocabulary::Vocabulary;

use crate::tuple::{Id, ObjectRef, Subject, Tuple, TupleKey};

pub(crate) mod base;
pub(crate) mod build;
pub(crate) mod damage;
mod dead;
mod filter;
pub(crate) mod groups;
pub(crate) mod ids;
pub(crate) mod inherited;
mod names;
pub(crate) mod nesting;
mod nodes;
pub(crate) mod overlay;
pub(crate) mod qualifier;
pub(crate) mod read;
mod rebuild;
pub(crate) mod scrub;
pub(crate) mod segment;
pub(crate) mod stored;
mod sync;
mod versions;
pub(crate) mod vocabulary;

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Graph {
    core: Arc<Core>,
    revision: u64,
}

/// What the graphs of one store share.
#[derive(Debug, Clone, Default)]
pub(crate) struct Core {
    vocabulary: Arc<Vocabulary>,
    base: Arc<Base>,
    overlay: Overlay,
    /// The nodes behind those of the base, by number.
    new_names: Vector<NodeName>,
    new_nodes: OrdMap<NodeName, NodeId>,
    /// The names of nodes that the base takes for dead and that are not, or no more.
    reborn: OrdMap<NodeId, NodeName>,
    /// How many of the base's dead nodes were looked at for a free number.
    taken: usize,
    nesting: Arc<Nesting>,
    /// The groups whose own nesting changed within the window or since the index was built.
    nested_anew: OrdMap<NodeId, Changed>,
    /// How often nesting changed since the index was built.
    nesting_notes: usize,
    inheritance: Arc<Inheritance>,
    /// The nodes whose edges the index of inheritance is about and that changed within the window or since it was built.
    inherits_anew: inherited::Changed,
}

/// Where a list of nodes begins.
#[derive(Debug, Clone, Copy)]
pub(crate) enum From<'a> {
    /// With the first.
    Start,
    /// With this id, if it is there.
    At(&'a str),
    /// Behind this id.
    After(&'a str),
}

/// There are no more numbers for the names of a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutOfNumbers;

/// Why a graph does not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChangeError {
    /// The edge is not what it should be before the change, or cannot be read, which is noted.
    Image,
    /// There are no more numbers.
    OutOfNumbers,
}

impl std::convert::From<OutOfNumbers> for ChangeError {
    fn from(OutOfNumbers: OutOfNumbers) -> Self {
        Self::OutOfNumbers
    }
}

impl Graph {
    /// A graph without edges.
    pub(crate) fn empty(seed: u64) -> Self {
        Self::of_base(Vocabulary::default(), Base { names: NameIndex::empty(seed), ..Base::default() })
    }

    /// A graph that is a base alone, at the base's revision.
    pub(crate) fn of_base(vocabulary: Vocabulary, base: Base) -> Self {
        let revision = base.revision;
        let core = Core { vocabulary: Arc::new(vocabulary), base: Arc::new(base), ..Core::default() };
        Self { core: Arc::new(core), revision }
    }

    /// The names.
    pub(crate) fn vocabulary(&self) -> &Vocabulary {
        &self.core.vocabulary
    }

    /// The same graph at another revision of the window.
    pub(crate) fn at(&self, revision: u64) -> Self {
        Self { core: Arc::clone(&self.core), revision }
    }

    /// Makes names known before an edge has them. O(names) if one is new.
    pub(crate) fn learn<T>(&mut self, learn: impl FnOnce(&mut Vocabulary) -> T) -> T {
        learn(Arc::make_mut(&mut Arc::make_mut(&mut self.core).vocabulary))
    }

    /// Goes to the next revision, with the same edges.
    pub(crate) fn advance(&mut self, revision: u64) {
        self.revision = revision;
    }

    /// The tuple with this key, if there is an edge. O(log edges of its class).
    pub(crate) fn tuple(&self, key: &TupleKey) -> Option<Tuple> {
        let (object, class, subject) = self.ends_of(key)?;
        let image = self.edge(object, class, subject)?;
        let qualifier = self.read_qualifier(object, class, subject, image)?;
        Some(tuple_of(key.clone(), qualifier.as_deref()))
    }

    /// The numbers of an edge with this key, whether or not there is one. O(1), or O(log new nodes).
    pub(crate) fn ends_of(&self, key: &TupleKey) -> Option<(NodeId, ClassId, NodeId)> {
        let id = self.core.vocabulary.class_of(key)?;
        let class = self.core.vocabulary.class(id)?;
        let [object, subject] = self.find_both([(class.object_type, key.object().id()), (class.subject_type, key.subject().id())]);
        Some((object?, id, subject?))
    }

    /// Replaces what an edge is, as the newest change: `old` is what it must be. O(log changes).
    pub(crate) fn change(&mut self, key: &TupleKey, old: Option<&Tuple>, new: Option<&Tuple>, revision: u64) -> Result<(), ChangeError> {
        let core = Arc::make_mut(&mut self.core);
        let edge = core.intern(key)?;
        let graph = Self { core: Arc::clone(&self.core), revision: self.revision };
        let before = graph.expect(edge, old)?;
        drop(graph);
        let core = Arc::make_mut(&mut self.core);
        let before = core.overlay.memory_mut().code(before);
        let after = core.overlay.memory_mut().code(new.map(|tuple| Qualifier::of(tuple).map(Arc::new)));
        core.overlay.change(edge, before, revision, after);
        self.note_nesting(edge, before, after, revision);
        Arc::make_mut(&mut self.core).note_inheritance(edge.class, edge.node, revision);
        Ok(())
    }

    /// Remembers that an edge became what it is, `new`, by the change of this revision, the oldest known so far, and was `old` before.
    pub(crate) fn change_before(
        &mut self,
        key: &TupleKey,
        old: Option<&Tuple>,
        new: Option<&Tuple>,
        revision: u64,
    ) -> Result<(), ChangeError> {
        let edge = Arc::make_mut(&mut self.core).intern(key)?;
        let graph = Self { core: Arc::clone(&self.core), revision: self.revision };
        let after = graph.expect(edge, new)?;
        let known = graph.core.overlay.edge(Direction::Forward, edge, revision, true).is_some_and(|(_, changed)| changed == Some(revision));
        drop(graph);
        if known {
            return Ok(());
        }
        let core = Arc::make_mut(&mut self.core);
        let after = core.overlay.memory_mut().code(after);
        let before = core.overlay.memory_mut().code(old.map(|tuple| Qualifier::of(tuple).map(Arc::new)));
        core.overlay.change_before(edge, before, revision, after, core.base.revision);
        self.note_nesting(edge, before, after, revision);
        Arc::make_mut(&mut self.core).note_inheritance(edge.class, edge.node, revision);
        Ok(())
    }

    /// The qualifier of an edge with this image, if it has one; `None`: it has one that cannot be read, which is noted: the edge must
    /// never pass for one without.
    fn read_qualifier(&self, object: NodeId, class: ClassId, subject: NodeId, image: Image) -> Option<Option<Arc<Qualifier>>> {
        match (image, self.qualifier(object, class, subject, image)) {
            (Image::Plain, _) => Some(None),
            (Image::InSegment(_) | Image::InOverlay(_) | Image::AtObject, qualifier) => qualifier.map(Some),
        }
    }

    /// What an edge is, if it is what it should be.
    fn expect(&self, edge: Edge, expected: Option<&Tuple>) -> Result<Option<Option<Arc<Qualifier>>>, ChangeError> {
        let image = self.edge(edge.node, edge.class, edge.other);
        let found = match image.map(|image| self.read_qualifier(edge.node, edge.class, edge.other, image)) {
            Some(None) => return Err(ChangeError::Image),
            found => found.flatten(),
        };
        let same = match (&found, expected) {
            (None, None) => true,
            (Some(qualifier), Some(tuple)) => qualifier.as_deref() == Qualifier::of(tuple).as_ref(),
            (None, Some(_)) | (Some(_), None) => false,
        };
        if same { Ok(found) } else { Err(ChangeError::Image) }
    }

    /// The tuple of an edge.
    pub(crate) fn tuple_of(&self, object: NodeId, class: ClassId, subject: NodeId, image: Image) -> Option<Tuple> {
        let key = self.key(object, class, subject)?;
        Some(tuple_of(key, self.read_qualifier(object, class, subject, image)?.as_deref()))
    }

    /// The key of an edge.
    fn key(&self, object: NodeId, class: ClassId, subject: NodeId) -> Option<TupleKey> {
        let vocabulary = &self.core.vocabulary;
        let Some(class) = vocabulary.class(class) else {
            self.note(DamagedPart::Relation, Some(object), None);
            return None;
        };
        let (object, subject) = (self.object(object)?, self.object(subject)?);
        let subject = match class.kind {
            vocabulary::Kind::Object => Subject::object(subject),
            vocabulary::Kind::Wildcard => Subject::wildcard_of_valid(subject.object_type().clone()),
            vocabulary::Kind::Userset(relation) => Subject::userset_of_valid(subject, vocabulary.relation_name(relation)?.clone()),
        };
        Some(TupleKey::from_valid(object, vocabulary.relation_name(class.relation)?.clone(), subject))
    }

    /// The object of a node.
    pub(crate) fn object(&self, node: NodeId) -> Option<ObjectRef> {
        let (type_id, id) = self.name(node)?;
        let Some(type_name) = self.core.vocabulary.type_name(type_id) else {
            self.note(DamagedPart::Name, Some(node), None);
            return None;
        };
        Some(ObjectRef::from_valid(type_name.clone(), Id::from(id)))
    }

    /// The nodes of a type from a place on, in the order of ids. O(log nodes + found).
    pub(crate) fn nodes_from<'g>(&'g self, type_id: TypeId, from: From<'_>) -> impl Iterator<Item = NodeId> + use<'g> {
        let base = self.core.base.ordered(type_id, from).iter().map(|node| NodeId(*node)).peekable();
        let place = |id| Place { type_id, id };
        let from = match from {
            From::Start => Bound::Included(place("")),
            From::At(id) => Bound::Included(place(id)),
            From::After(id) => Bound::Excluded(place(id)),
        };
        let new = self.core.new_nodes.range::<_, Place<'_>>((from, Bound::Unbounded));
        let new = new.take_while(move |(name, _)| name.type_id == type_id).map(|(_, node)| *node).peekable();
        Nodes { graph: self, base, new }
    }

    /// Where a node stands among all of its type, by id: of two nodes with the same place, neither of which is in the base's order, the ids
    /// decide. O(1), or O(log nodes) for a new node.
    pub(crate) fn rank(&self, node: NodeId) -> u64 {
        if let Some(rank) = self.core.base.rank(node) {
            return u64::from(rank) * 2 + 1;
        }
        self.name(node).map_or(0, |(type_id, id)| self.rank_of_name(type_id, id))
    }

    /// Where a name that is no node of the base's order stands ([`Graph::rank`]). O(log nodes).
    pub(crate) fn rank_of_name(&self, type_id: TypeId, id: &str) -> u64 {
        self.core.base.place(type_id, id) as u64 * 2
    }

    /// Bytes by part.
    pub(crate) fn accounts(&self) -> crate::state::Accounts {
        let mut accounts = crate::state::Accounts::default();
        for segment in &self.core.base.segments {
            segment.add_to(&mut accounts);
        }
        accounts.names_bytes += 4 * (self.core.base.names.buckets.len() + self.core.base.order.len() + self.core.base.ranks.len());
        let names: usize = self.core.new_names.iter().chain(self.core.reborn.values()).map(|name| 2 * name.id.len() + 120).sum();
        accounts.groups_bytes = self.nesting_bytes();
        accounts.inherited_bytes = self.core.inheritance.bytes();
        accounts.overlay_bytes = self.core.overlay.bytes() + self.core.inherits_anew.bytes() + names;
        accounts
    }
}

/// Nodes of base and overlay, merged by id.
struct Nodes<'g, B: Iterator, N: Iterator> {
    graph: &'g Graph,
    base: std::iter::Peekable<B>,
    new: std::iter::Peekable<N>,
}

impl<B: Iterator<Item = NodeId>, N: Iterator<Item = NodeId>> Iterator for Nodes<'_, B, N> {
    type Item = NodeId;

    fn next(&mut self) -> Option<NodeId> {
        let (Some(base), Some(new)) = (self.base.peek(), self.new.peek()) else {
            return self.base.next().or_else(|| self.new.next());
        };
        let id = |node: &NodeId| self.graph.name(*node).map(|(_, id)| id);
        if id(base) < id(new) { self.base.next() } else { self.new.next() }
    }
}

fn tuple_of(key: TupleKey, qualifier: Option<&Qualifier>) -> Tuple {
    Tuple {
        key,
        caveat: qualifier.and_then(|qualifier| qualifier.caveat.clone()),
        expires_at: qualifier.and_then(|qualifier| qualifier.expires_at),
    }
}

impl Core {
    /// The edge of a key, with new nodes where need be. O(log new nodes).
    fn intern(&mut self, key: &TupleKey) -> Result<Edge, OutOfNumbers> {
        let class = match self.vocabulary.class_of(key) {
            Some(class) => class,
            None => Arc::make_mut(&mut self.vocabulary).intern_key(key).ok_or(OutOfNumbers)?,
        };
        let Some(parts) = self.vocabulary.class(class).copied() else { return Err(OutOfNumbers) };
        let node = self.node(parts.object_type, key.object().id())?;
        let other = self.node(parts.subject_type, key.subject().id())?;
        Ok(Edge { node, class, other })
    }

    fn node(&mut self, type_id: TypeId, id: &Id) -> Result<NodeId, OutOfNumbers> {
        if let Some(known) = self.find(type_id, id) {
            return Ok(known);
        }
        let name = NodeName { type_id, id: id.clone() };
        let node = if let Some(free) = self.take_free() {
            self.reborn.insert(free, name.clone());
            free
        } else {
            let number = u64::from(self.base.nodes()) + self.new_names.len() as u64;
            let node = u32::try_from(number).ok().map(NodeId).filter(|node| !node.is_of_request()).ok_or(OutOfNumbers)?;
            self.new_names.push_back(name.clone());
            node
        };
        self.new_nodes.insert(name, node);
        Ok(node)
    }

    /// How many nodes there are.
    fn nodes(&self) -> u32 {
        self.base.nodes().saturating_add(u32::try_from(self.new_names.len()).unwrap_or(u32::MAX))
    }
}
