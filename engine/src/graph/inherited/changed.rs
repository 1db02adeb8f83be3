//! Nodes that changed, and when they did last: persistent, and quick to say no.

use std::sync::Arc;

use imbl::OrdMap;

use crate::graph::filter::Filter;
use crate::graph::ids::{Direction, NodeId};

/// How many changes make a new index worth its building, at least.
const MIN_NOTES: u64 = 256;

/// An index is built anew when one node has changed, besides, for so many looks that building it takes: so a change costs no more than that
/// many, whatever the index is good for.
const LOOKS_PER_NOTE: u64 = 64;

/// See the module.
#[derive(Debug, Clone, Default)]
pub(crate) struct Changed {
    nodes: OrdMap<NodeId, u64>,
    filter: Arc<Filter>,
    /// How many changes came since an index was built.
    notes: u64,
}

impl Changed {
    /// Nodes with their last changes, for an index that was built at a revision.
    pub(super) fn of(nodes: impl Iterator<Item = (NodeId, u64)>, built: u64) -> Self {
        let mut changed = Self::default();
        nodes.for_each(|(node, revision)| changed.note(node, revision, built));
        changed
    }

    /// Notes a change. O(log nodes).
    pub(super) fn note(&mut self, node: NodeId, revision: u64, built: u64) {
        let last = self.nodes.get(&node).copied().unwrap_or(0);
        self.nodes.insert(node, last.max(revision));
        self.notes += u64::from(revision > built);
        if self.filter.takes(self.nodes.len()) {
            self.filter.set(Direction::Forward, node);
        } else {
            let filter = Filter::for_edges(2 * self.nodes.len());
            self.nodes.keys().for_each(|node| filter.set(Direction::Forward, *node));
            self.filter = Arc::new(filter);
        }
    }

    /// Whether no node changed.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Whether a node changed after a revision.
    #[inline]
    pub(super) fn has(&self, node: NodeId, after: u64) -> bool {
        !self.nodes.is_empty() && self.filter.has(Direction::Forward, node) && self.nodes.get(&node).is_some_and(|changed| *changed > after)
    }

    /// What is left to tell for an index that was built at a revision, and readers from `oldest` on.
    pub(super) fn since(&self, oldest: u64, built: u64) -> Self {
        Self::of(self.nodes.iter().filter(|(_, changed)| **changed > oldest.min(built)).map(|(node, changed)| (*node, *changed)), built)
    }

    /// Whether so much has changed that an index which takes so many looks to build is due to be built anew.
    pub(super) const fn is_due(&self, looks: u64) -> bool {
        self.notes > MIN_NOTES + looks / LOOKS_PER_NOTE
    }

    /// Bytes that it takes, about.
    pub(crate) fn bytes(&self) -> usize {
        self.nodes.len() * 2 * size_of::<(NodeId, u64)>() + self.filter.bytes()
    }
}
