//! Objects that nothing has a tuple of any more: how their names are given up, and their numbers given to others.
//!
//! A node is dead if no revision of the window has an edge of it: its record has none, and the overlay does not speak of it. It leaves
//! memory by steps, each in a rebuild, so that nobody has to look for it, and nobody meets it on the way:
//!
//! 1. A new base is completed: the names index does not have the node, and in the order it stands behind all others. So its name leads to
//!    it no more; who brings the name back gets another number.
//! 2. The next rebuild writes its record without the name.
//! 3. A record without a name is free: a new object may have the number. What it is called is kept in [`Core::reborn`], until
//!    a rebuild has written it down and a base was completed that knows it.
//!
//! Nobody can see a number change hands: a graph is a value, and those that share its overlay are all of a window of whose revisions none
//! has an edge of the node. What was made of the node when it had edges (the index of nested groups) is corrected by the changes that took
//! them away, as it is for any other node.
//!
//! What somebody brought back between the making of a base and its being put in place is found by the overlay, which speaks of it
//! ([`Graph::reborn_in`]).

use imbl::OrdMap;

use super::base::Base;
use super::ids::{Direction, NodeId};
use super::nodes::NodeName;
use super::overlay::Overlay;
use super::{Core, Graph};
use crate::tuple::Id;

impl Core {
    /// Whether a node's name is to be given up with its next record.
    pub(super) fn is_forgotten(&self, node: NodeId) -> bool {
        node.0 < self.base.nodes() && self.base.rank(node).is_none() && !self.reborn.contains_key(&node)
    }

    /// Takes a number that nobody has any more, if there is one. Amortised O(log dead nodes).
    pub(super) fn take_free(&mut self) -> Option<NodeId> {
        loop {
            let node = NodeId(*self.base.dead_order().get(self.taken)?);
            self.taken += 1;
            // Some have a name still: they are free with the next base.
            if self.base.record(node).is_some_and(|record| record.is_nameless()) && !self.reborn.contains_key(&node) {
                return Some(node);
            }
        }
    }
}

impl Graph {
    /// Whether a node is dead by its record in a base that is being completed. O(log changes).
    pub(super) fn is_dead_in(&self, base: &Base, node: NodeId) -> bool {
        let Some(record) = base.record(node) else { return false };
        let has_edges = [Direction::Forward, Direction::Backward].into_iter().any(|direction| record.runs(direction).next().is_some());
        record.is_nameless() || !has_edges && !self.core.overlay.speaks_of(node)
    }

    /// The nodes that a new base takes for dead, and of which the overlay that goes with it speaks all the same, with their names.
    /// O(changes).
    pub(super) fn reborn_in(&self, base: &Base, overlay: &Overlay) -> OrdMap<NodeId, NodeName> {
        let mut reborn = OrdMap::new();
        for node in overlay.changes().flat_map(|(edge, _)| [edge.node, edge.other]) {
            if node.0 < base.nodes() && base.rank(node).is_none() && !reborn.contains_key(&node) {
                let Some((type_id, id)) = self.name(node) else { continue };
                reborn.insert(node, NodeName { type_id, id: Id::from(id) });
            }
        }
        reborn
    }
}
