//! The changes on top of a base, with revisions: persistent, so that a reader keeps what it has and a writer makes the next one.
//!
//! An edge that changed within the window is here with all its versions, and what the base says of it does not matter. So a base may be
//! of any revision of the window, and be replaced by a newer one at any time. Edges are kept in two parts: those
//! that changed after the base's revision, which every reader needs, and those that only readers of revisions before it need.

use std::ops::RangeInclusive;
use std::sync::Arc;

use imbl::OrdMap;

use super::filter::Filter;
use super::ids::{ClassId, Direction, NodeId};
use super::versions::{Code, Memory, Versions};

/// An edge, seen from one of its ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Edge {
    pub(crate) node: NodeId,
    pub(crate) class: ClassId,
    pub(crate) other: NodeId,
}

impl Edge {
    /// The same edge from its other end.
    pub(crate) const fn turned(self) -> Self {
        Self { node: self.other, class: self.class, other: self.node }
    }
}

/// Edges that changed, from both ends.
#[derive(Debug, Clone, Default)]
struct Part {
    forward: OrdMap<Edge, Versions>,
    backward: OrdMap<Edge, Versions>,
    filter: Arc<Filter>,
}

impl Part {
    fn side(&self, direction: Direction) -> &OrdMap<Edge, Versions> {
        match direction {
            Direction::Forward => &self.forward,
            Direction::Backward => &self.backward,
        }
    }

    fn insert(&mut self, edge: Edge, versions: Versions) {
        self.forward.insert(edge, versions);
        self.backward.insert(edge.turned(), versions);
        if self.filter.takes(self.forward.len()) {
            mark(&self.filter, edge);
        } else {
            let filter = Filter::for_edges(2 * self.forward.len());
            self.forward.keys().for_each(|edge| mark(&filter, *edge));
            self.filter = Arc::new(filter);
        }
    }

    fn remove(&mut self, edge: Edge) -> Option<Versions> {
        if !self.filter.has(Direction::Forward, edge.node) {
            return None;
        }
        self.backward.remove(&edge.turned());
        self.forward.remove(&edge)
    }
}

/// All edges of a node.
fn all_of(node: NodeId) -> RangeInclusive<Edge> {
    Edge { node, class: ClassId(0), other: NodeId::MIN }..=Edge { node, class: ClassId(u32::MAX), other: NodeId::MAX }
}

fn mark(filter: &Filter, edge: Edge) {
    filter.set(Direction::Forward, edge.node);
    filter.set(Direction::Backward, edge.other);
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overlay {
    recent: Part,
    past: Part,
    memory: Memory,
}

/// What an overlay says of one class of edges of one node: other end, image, and the revision that made it so.
pub(crate) type Said = smallvec::SmallVec<[(NodeId, Code, Option<u64>); 8]>;

impl Overlay {
    /// How many edges changed after the base.
    pub(crate) fn recent_len(&self) -> usize {
        self.recent.forward.len()
    }

    /// How many edges only older readers need.
    pub(crate) fn past_len(&self) -> usize {
        self.past.forward.len()
    }

    /// What codes mean.
    pub(crate) const fn memory(&self) -> &Memory {
        &self.memory
    }

    /// A code for an image.
    pub(crate) fn memory_mut(&mut self) -> &mut Memory {
        &mut self.memory
    }

    /// Bytes that it takes, about.
    pub(crate) fn bytes(&self) -> usize {
        // An item of a B-tree with half-full nodes, both ends.
        let edges = (self.recent_len() + self.past_len()) * 2 * 2 * size_of::<(Edge, Versions)>();
        edges + self.recent.filter.bytes() + self.past.filter.bytes() + self.memory.len() * 64
    }

    /// Whether it may say something about a node; `past`: to a reader of a revision before the base's.
    #[inline]
    pub(crate) fn may_touch(&self, direction: Direction, node: NodeId, past: bool) -> bool {
        self.recent.filter.has(direction, node) || past && self.past.filter.has(direction, node)
    }

    /// What it says of one edge at a revision. O(log changes).
    pub(crate) fn edge(&self, direction: Direction, edge: Edge, revision: u64, past: bool) -> Option<(Code, Option<u64>)> {
        let recent = self.recent.side(direction).get(&edge);
        let versions = recent.or_else(|| if past { self.past.side(direction).get(&edge) } else { None })?;
        Some(versions.at(revision, &self.memory))
    }

    /// What it says of all edges of one class of a node, in order of the other ends. O(log changes + found).
    pub(crate) fn edges(&self, direction: Direction, node: NodeId, class: ClassId, revision: u64, past: bool) -> Said {
        let range = Edge { node, class, other: NodeId::MIN }..=Edge { node, class, other: NodeId::MAX };
        let say = |(edge, versions): (&Edge, &Versions)| {
            let (code, changed) = versions.at(revision, &self.memory);
            (edge.other, code, changed)
        };
        let mut said: Said = self.recent.side(direction).range(range.clone()).map(say).collect();
        if past {
            said.extend(self.past.side(direction).range(range).map(say));
            said.sort_unstable_by_key(|(other, ..)| *other);
        }
        said
    }

    /// What it says of all edges of a node at a revision, in order of classes and ends, the recent ones first. O(log changes + found).
    pub(crate) fn of_node(
        &self,
        direction: Direction,
        node: NodeId,
        revision: u64,
        past: bool,
    ) -> impl Iterator<Item = (ClassId, NodeId, Code)> {
        let parts = [Some(&self.recent), past.then_some(&self.past)].into_iter().flatten();
        let all = parts.flat_map(move |part| part.side(direction).range(all_of(node)));
        all.map(move |(edge, versions)| (edge.class, edge.other, versions.at(revision, &self.memory).0))
    }

    /// Whether it has an edge of a node, at whatever revision. O(log changes).
    pub(crate) fn speaks_of(&self, node: NodeId) -> bool {
        [Direction::Forward, Direction::Backward].into_iter().any(|direction| {
            self.may_touch(direction, node, true)
                && [&self.recent, &self.past].into_iter().any(|part| part.side(direction).range(all_of(node)).next().is_some())
        })
    }

    /// The classes of the edges of a node that it says anything about, in order, each once.
    pub(crate) fn classes(&self, direction: Direction, node: NodeId, past: bool) -> Vec<ClassId> {
        let mut classes = Vec::new();
        for part in [Some(&self.recent), past.then_some(&self.past)].into_iter().flatten() {
            let mut from = Edge { node, class: ClassId(0), other: NodeId::MIN };
            while let Some((edge, _)) = part.side(direction).range(from..).next().filter(|(edge, _)| edge.node == node) {
                classes.push(edge.class);
                from = Edge { node, class: ClassId(edge.class.0 + 1), other: NodeId::MIN };
            }
        }
        classes.sort_unstable();
        classes.dedup();
        classes
    }

    /// Remembers that an edge, which was `before`, changed: the newest change of all. O(log changes).
    pub(crate) fn change(&mut self, edge: Edge, before: Code, revision: u64, after: Code) {
        let is_recent = self.recent.filter.has(Direction::Forward, edge.node);
        let known = is_recent.then(|| self.recent.forward.get(&edge).copied()).flatten().or_else(|| self.past.remove(edge));
        let versions = match known {
            Some(known) => known.then(revision, after, &mut self.memory),
            None => Versions::new(before, revision, after),
        };
        self.recent.insert(edge, versions);
    }

    /// Remembers a change that came before all that is known, and after which the edge was `after`. O(log changes).
    pub(crate) fn change_before(&mut self, edge: Edge, before: Code, revision: u64, after: Code, base: u64) {
        if let Some(known) = self.recent.forward.get(&edge).copied() {
            let versions = known.preceded(before, revision, &mut self.memory);
            self.recent.insert(edge, versions);
        } else if let Some(known) = self.past.forward.get(&edge).copied() {
            let versions = known.preceded(before, revision, &mut self.memory);
            self.past.insert(edge, versions);
        } else {
            let part = if revision > base { &mut self.recent } else { &mut self.past };
            part.insert(edge, Versions::new(before, revision, after));
        }
    }

    /// The overlay that goes with a base of revision `base`, for readers from `oldest` on. O(changes).
    pub(crate) fn rebased(&self, base: u64, oldest: u64) -> Self {
        let mut next = Self::default();
        let changed = self.recent.forward.len() + self.past.forward.len();
        next.recent.filter = Arc::new(Filter::for_edges(if changed == 0 { 0 } else { 1_024 }));
        for (edge, versions) in self.recent.forward.iter().chain(&self.past.forward) {
            let kept = if versions.changed() > base { oldest.min(base) } else { oldest };
            let Some(trimmed) = versions.trimmed(kept, &self.memory, &mut next.memory) else { continue };
            let part = if versions.changed() > base { &mut next.recent } else { &mut next.past };
            part.insert(*edge, trimmed);
        }
        next.memory.begin();
        next
    }

    /// All edges that changed, from their objects, with the revision of the last change.
    pub(crate) fn changes(&self) -> impl Iterator<Item = (Edge, u64)> {
        self.recent.forward.iter().chain(&self.past.forward).map(|(edge, versions)| (*edge, versions.changed()))
    }
}
