//! Looking at everything that a graph says of its nodes, some nodes at a time: every edge from both of its ends, every name both ways.
//!
//! What readers go through is gone through in the same way, base and overlay as one, so nothing that a reader can meet is left out.

use super::Graph;
use super::ids::{Direction, NodeId};
use super::read::Image;
use crate::tuple::Tuple;

/// What some nodes came to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Looked {
    /// The node to go on with.
    pub(crate) next: u32,
    /// Edges seen from their objects, and from their subjects.
    pub(crate) edges: [u64; 2],
    /// Nodes that stand in the order of names.
    pub(crate) ranked: u64,
    /// What is first found to be wrong.
    pub(crate) wrong: Option<(Wrong, NodeId)>,
}

/// What can be wrong with a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// It is not found by its name.
    Name,
    /// It does not stand in the order where it says.
    Rank,
    /// Its edges are out of order, so that some would not be found.
    Order,
    /// An edge is known to its subject and not to its object, or with a caveat or an expiry to one of them alone.
    Subject,
}

impl Graph {
    /// How many nodes stand in the order of names.
    pub(crate) fn ranked(&self) -> u64 {
        u64::from(self.core.base.live)
    }

    /// Looks at nodes from `from` on until about `most` nodes and edges were looked at; `each` gets every tuple, by its object.
    pub(crate) fn look_at(&self, from: u32, most: u64, mut each: impl FnMut(&Tuple)) -> Looked {
        let mut looked = Looked { next: from, ..Looked::default() };
        let mut looks = 0;
        while looked.next < self.nodes() && looks < most && looked.wrong.is_none() {
            let (node, before) = (NodeId(looked.next), looked.edges);
            looked.wrong = self.node(node, &mut looked.edges, &mut each).err().map(|wrong| (wrong, node));
            if let Some(rank) = self.core.base.rank(node) {
                looked.ranked += 1;
                if self.core.base.order.get(rank as usize) != Some(node.0) {
                    looked.wrong = looked.wrong.or(Some((Wrong::Rank, node)));
                }
            }
            looked.next += 1;
            looks += 1 + looked.edges.iter().sum::<u64>() - before.iter().sum::<u64>();
        }
        looked
    }

    fn node(&self, node: NodeId, [forward, backward]: &mut [u64; 2], each: &mut impl FnMut(&Tuple)) -> Result<(), Wrong> {
        let before = *forward + *backward;
        for class in self.classes(Direction::Forward, node) {
            let mut last = None;
            for (subject, image) in self.ends(Direction::Forward, node, class) {
                if last >= Some(subject) {
                    return Err(Wrong::Order);
                }
                last = Some(subject);
                *forward += 1;
                // What cannot be read is noted.
                if let Some(tuple) = self.tuple_of(node, class, subject, image) {
                    each(&tuple);
                }
            }
        }
        for class in self.classes(Direction::Backward, node) {
            let mut last = None;
            for (object, image) in self.ends(Direction::Backward, node, class) {
                if last >= Some(object) {
                    return Err(Wrong::Order);
                }
                last = Some(object);
                *backward += 1;
                let is_plain = |image| matches!(image, Image::Plain);
                if self.edge(object, class, node).map(is_plain) != Some(is_plain(image)) {
                    return Err(Wrong::Subject);
                }
            }
        }
        // A node without edges may have given up its name.
        if *forward + *backward > before
            && let Some((type_id, id)) = self.name(node)
            && self.find(type_id, id) != Some(node)
        {
            return Err(Wrong::Name);
        }
        Ok(())
    }
}
