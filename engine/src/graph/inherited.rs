//! What an object inherits along arrows (a folder from the folders above it): looked up, not walked.
//!
//! The counterpart of [`super::groups`] on the side of objects. For a plan at a node there is a line with all nodes that its arrows lead
//! to, directly or through others, and all subjects and groups that the edges of these name. It is kept right in the same way: built for
//! one moment and never updated, and a reader who finds that a node of a line has other edges at his revision walks.
//!
//! A line is a cache line, which is what a look-up costs; what does not fit stands in a row behind, and what is longer still has no line.
//! Only plain edges are in it: a node with a caveat or an expiry on its way has no line. So a line is missing for whatever reason, and the
//! reader looks at the node itself. The index is bounded, in lines and in work.

use std::sync::Arc;

use super::ids::{ClassId, NodeId, RelationId, TypeId};
use crate::words::Words;

pub(crate) use changed::Changed;
mod build;
mod changed;
pub(crate) mod check;
mod line;

/// What an edge leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LinkTo {
    /// A subject, or the wildcard of its type.
    Subject,
    /// A group of a relation, by its place in [`Links::groups`].
    Group(u8),
    /// A node where another plan is tried, by its place in [`Links::plans`].
    On(usize),
}

/// A class of edges that a plan looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) class: ClassId,
    pub(crate) to: LinkTo,
    /// Whether edges without caveat and expiry count.
    pub(crate) plain: bool,
}

/// A plan that is a union of edges, and leads on to such plans only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LinkedPlan {
    /// What the schema calls it.
    pub(crate) number: u32,
    pub(crate) object_type: TypeId,
    /// Whether an arrow leads to it, so that it gets lines.
    pub(crate) is_target: bool,
    /// What trying it is charged, besides edges.
    pub(crate) operations: u32,
    /// In the order of classes.
    pub(crate) links: Vec<Link>,
}

/// All that arrows lead along.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Links {
    /// In the order of their numbers.
    pub(crate) plans: Vec<LinkedPlan>,
    /// The relations of groups.
    pub(crate) groups: Vec<RelationId>,
    /// The classes that plans look at, in order.
    pub(crate) classes: Vec<ClassId>,
}

impl Links {
    fn is_about(&self, class: ClassId) -> bool {
        self.classes.binary_search(&class).is_ok()
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Inheritance {
    links: Arc<Links>,
    /// What it was built of.
    revision: u64,
    lines: Words,
    spilled: Words,
    /// What it took to build it.
    looks: u64,
}

/// What a plan at a node leads to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inherited<'a> {
    /// What the search would be charged for all of it, at most.
    pub(crate) cost: u64,
    /// The subjects that edges name, wildcards among them.
    pub(crate) subjects: &'a [u32],
    groups: &'a [u32],
    kinds: &'a [u32],
    relations: &'a [RelationId],
    /// The nodes whose edges these are, but for the node itself.
    nodes: &'a [u32],
}

impl<'a> Inherited<'a> {
    /// Visits the groups that edges name.
    #[inline]
    pub(crate) fn each_group(&self, mut visit: impl FnMut((NodeId, RelationId))) {
        let kinds = bytemuck::cast_slice::<u32, u8>(self.kinds);
        for (node, kind) in self.groups.iter().zip(kinds) {
            if let Some(relation) = self.relations.get(usize::from(*kind)) {
                visit((NodeId(*node), *relation));
            }
        }
    }
}

impl super::Graph {
    /// What the index is about.
    pub(crate) fn links(&self) -> &Arc<Links> {
        &self.core.inheritance.links
    }

    /// What a plan of [`Graph::links`] leads to from a node, if the index has it and it holds at this revision; `brought` says of a
    /// node whether the request, if it brings edges along, has any there. O(nodes above).
    #[inline]
    pub(crate) fn inherited(&self, plan: u32, node: NodeId, brought: Option<&impl Fn(NodeId) -> bool>) -> Option<Inherited<'_>> {
        let found = self.core.inheritance.find(plan, node)?;
        let built = self.core.inheritance.revision.min(self.revision);
        let is_other = |node| self.core.inherits_anew.has(node, built) || brought.is_some_and(|brought| brought(node));
        let stands = brought.is_none() && self.core.inherits_anew.is_empty()
            || !is_other(node) && !found.nodes.iter().any(|node| is_other(NodeId(*node)));
        stands.then_some(found)
    }

    /// Begins to fetch what [`Graph::inherited`] will look at.
    #[inline]
    pub(crate) fn fetch_inherited(&self, plan: u32, node: NodeId) {
        line::fetch(self.core.inheritance.lines.as_slice(), [node.0, line::key_of(plan)]);
    }

    /// Whether so many of the index's edges have changed that it is due to be built anew.
    pub(crate) fn is_inheritance_due(&self) -> bool {
        self.core.inherits_anew.is_due(self.core.inheritance.looks)
    }

    /// Builds the index anew for these links, as of this revision; readers from `oldest` on are served. O(nodes + lines).
    pub(crate) fn index_inheritance(&mut self, links: Arc<Links>, oldest: u64) {
        let inheritance = self.built_inheritance(links);
        self.take_inheritance(inheritance, oldest);
    }

    /// An index of the same links as of this revision. O(nodes + lines).
    pub(crate) fn inheritance_now(&self) -> Inheritance {
        self.built_inheritance(Arc::clone(&self.core.inheritance.links))
    }

    /// Puts an index in place that was built of this graph, now or some revisions ago; readers from `oldest` on are served.
    pub(crate) fn take_inheritance(&mut self, inheritance: Inheritance, oldest: u64) {
        let core = Arc::make_mut(&mut self.core);
        core.inherits_anew = if inheritance.links == core.inheritance.links {
            core.inherits_anew.since(oldest, inheritance.revision)
        } else {
            let about = core.overlay.changes().filter(|(edge, _)| inheritance.links.is_about(edge.class));
            Changed::of(about.map(|(edge, changed)| (edge.node, changed)), inheritance.revision)
        };
        core.inheritance = Arc::new(inheritance);
    }
}

impl super::Core {
    /// Notes that an edge changed with a revision.
    pub(super) fn note_inheritance(&mut self, class: ClassId, object: NodeId, revision: u64) {
        if self.inheritance.links.is_about(class) {
            self.inherits_anew.note(object, revision, self.inheritance.revision);
        }
    }
}

impl Inheritance {
    /// What it is about.
    pub(crate) const fn links(&self) -> &Arc<Links> {
        &self.links
    }

    /// Bytes that it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.lines.bytes() + self.spilled.bytes()
    }

    #[inline]
    fn find(&self, plan: u32, node: NodeId) -> Option<Inherited<'_>> {
        let line = line::find(self.lines.as_slice(), [node.0, line::key_of(plan)])?;
        line.read(self.spilled.as_slice(), &self.links.groups)
    }
}
