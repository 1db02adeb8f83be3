//! The index of nested groups as a part of a graph: built for one moment, and what has changed since.

use std::sync::Arc;

use super::groups::{Ancestors, Group, GroupIndex, Limits};
use super::ids::{ClassId, Direction, NodeId, RelationId};
use super::read::Image;
use super::vocabulary::Kind;
use super::{Core, From, Graph};

/// A class of edges from groups to groups, and whether those without caveat and expiry count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NestingClass {
    pub(crate) class: ClassId,
    pub(crate) plain: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Nesting {
    /// In order.
    classes: Vec<NestingClass>,
    /// What the index was built of.
    revision: u64,
    index: GroupIndex,
}

impl Nesting {
    /// The classes that it is about.
    pub(crate) fn classes(&self) -> &[NestingClass] {
        &self.classes
    }

    /// What a group was nested in when the index was built.
    #[inline]
    pub(crate) fn ancestors(&self, group: Group) -> Ancestors<'_> {
        self.index.ancestors(group)
    }

    /// Bytes that it takes.
    pub(crate) fn bytes(&self) -> usize {
        4 * (self.index.table().len() + self.index.lists().len())
    }

    fn is_about(&self, class: ClassId) -> bool {
        self.classes.binary_search_by_key(&class, |nesting| nesting.class).is_ok()
    }
}

impl Graph {
    /// The index of nested groups.
    pub(crate) fn nesting(&self) -> &Nesting {
        &self.core.nesting
    }

    /// Whether a group may be nested otherwise at this revision than when the index was built.
    #[inline]
    pub(crate) fn is_nested_anew(&self, node: NodeId) -> bool {
        if self.core.nested_anew.is_empty() {
            return false;
        }
        let changed = self.core.nested_anew.get(&node);
        changed.is_some_and(|changed| *changed > self.core.nesting.revision || *changed > self.revision)
    }

    /// How many groups may be nested otherwise than when the index was built.
    pub(crate) fn nested_anew(&self) -> usize {
        self.core.nested_anew.len()
    }

    /// Builds the index anew for these classes, as of this revision; readers from `oldest` on are served. O(groups + nesting edges).
    pub(crate) fn index_nesting(&mut self, classes: Vec<NestingClass>, oldest: u64) {
        let (mut edges, mut walked) = (Vec::new(), Vec::new());
        for NestingClass { class: id, plain } in &classes {
            let Some(class) = self.core.vocabulary.class(*id).copied() else { continue };
            let Kind::Userset(of) = class.kind else { continue };
            for object in self.nodes_from(class.object_type, From::Start) {
                for (subject, image) in self.ends(Direction::Forward, object, *id) {
                    match image {
                        Image::Plain if *plain => edges.push((group(subject, of), group(object, class.relation))),
                        Image::Plain => {}
                        Image::InSegment(_) | Image::InOverlay(_) | Image::AtObject => walked.push(group(subject, of)),
                    }
                }
            }
        }
        // Past 2^30 edges all is walked: nothing has a list then, and everything counts as changed.
        let built = GroupIndex::build(edges, &walked, &Limits::DEFAULT);
        let (index, classes) = built.map_or_else(|_| (GroupIndex::default(), Vec::new()), |index| (index, classes));
        let same = classes == self.core.nesting.classes;
        let core = Arc::make_mut(&mut self.core);
        core.nesting = Arc::new(Nesting { classes, revision: self.revision, index });
        if same {
            core.nested_anew = core.nested_anew.iter().filter(|(_, changed)| **changed > oldest).map(|(node, changed)| (*node, *changed)).collect();
        } else {
            core.remember_nesting();
        }
    }
}

impl Core {
    /// Notes that an edge changed with a revision.
    pub(super) fn note_nesting(&mut self, class: ClassId, subject: NodeId, revision: u64) {
        if self.nesting.is_about(class) {
            let changed = self.nested_anew.get(&subject).copied().unwrap_or(0);
            self.nested_anew.insert(subject, changed.max(revision));
        }
    }

    /// Finds out anew which groups have changed within the window. O(changes remembered).
    fn remember_nesting(&mut self) {
        self.nested_anew = imbl::OrdMap::new();
        let changed: Vec<_> = self.overlay.changes().filter(|(edge, _)| self.nesting.is_about(edge.class)).collect();
        for (edge, revision) in changed {
            self.note_nesting(edge.class, edge.other, revision);
        }
    }
}

/// A relation of an object as the index has it.
pub(crate) const fn group(node: NodeId, relation: RelationId) -> Group {
    [node.0, relation.0]
}
