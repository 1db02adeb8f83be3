//! Lines of what is inherited held against the edges: each is found once more, as it would be for a new index.
//!
//! Only lines that readers of this revision would use are compared; the others are about nodes that have changed since.

use super::build::Search;
use super::line;
use crate::graph::Graph;
use crate::graph::ids::NodeId;

/// What a look at some lines came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Checked {
    /// Lines that were compared.
    pub(crate) lines: u64,
    /// Lines that no reader of this revision uses.
    pub(crate) passed_over: u64,
    /// The first node whose line says something else than the edges.
    pub(crate) wrong: Option<NodeId>,
}

impl Graph {
    /// How many places the table of lines has.
    pub(crate) fn line_places(&self) -> usize {
        self.core.inheritance.lines.len() / line::LINE
    }

    /// Holds the lines at `most` places of the table, from `from` on, against the edges. O(most × nodes above).
    pub(crate) fn check_inherited(&self, from: usize, most: usize) -> Checked {
        let inheritance = &*self.core.inheritance;
        let mut search = Search::new(self, &inheritance.links);
        let mut checked = Checked::default();
        let (lines, _) = inheritance.lines.as_slice().as_chunks::<{ line::LINE }>();
        for [node, key, ..] in lines.iter().skip(from).take(most) {
            let Some(number) = key.checked_sub(1) else { continue };
            let node = NodeId(*node);
            let place = inheritance.links.plans.iter().position(|plan| plan.number == number);
            let (Some(place), Some(found)) = (place, inheritance.find(number, node)) else {
                checked.wrong = Some(node);
                return checked;
            };
            let built = inheritance.revision.min(self.revision);
            let stands = |node: &u32| !self.core.inherits_anew.has(NodeId(*node), built);
            if !stands(&node.0) || !found.nodes.iter().all(stands) {
                checked.passed_over += 1;
                continue;
            }
            checked.lines += 1;
            let parts = search.parts_of(place, node).map(|()| &search.parts);
            let same = parts.is_some_and(|parts| {
                let kinds = bytemuck::cast_slice::<u32, u8>(found.kinds);
                let groups = found.groups.iter().copied().zip(kinds.iter().copied());
                found.nodes == parts.nodes
                    && found.subjects == parts.subjects
                    && groups.eq(parts.groups.iter().copied())
                    && found.cost == u64::from(parts.cost)
            });
            if !same {
                checked.wrong = Some(node);
                return checked;
            }
        }
        checked
    }
}
