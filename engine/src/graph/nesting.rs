//! The index of nested groups as a part of a graph: built for one moment, and what has changed since.

use std::sync::Arc;

use super::groups::{Ancestors, Group, GroupIndex, Limits};
use super::ids::{ClassId, Direction, NodeId, RelationId};
use super::read::Image;
use super::vocabulary::Kind;
use super::{Core, From, Graph};

/// How many changes of nesting make a new index worth its building, at least: who is below a group that was nested anew looks through
/// its changes.
const MIN_NOTES: usize = 16;

/// An index is built anew when one nesting edge of so many has changed, besides.
const SHARE_NOTED: usize = 256;

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
    /// How many nesting edges there were.
    edges: usize,
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

    /// Whether so much nesting has changed that the index is due to be built anew.
    pub(crate) fn is_nesting_due(&self) -> bool {
        self.core.nesting_notes > MIN_NOTES + self.core.nesting.edges / SHARE_NOTED
    }

    /// Builds the index anew for these classes, as of this revision; readers from `oldest` on are served. O(groups + nesting edges).
    pub(crate) fn index_nesting(&mut self, classes: Vec<NestingClass>, oldest: u64) {
        let nesting = self.built_nesting(classes);
        self.take_nesting(nesting, oldest);
    }

    /// An index of the same classes as of this revision. O(groups + nesting edges).
    pub(crate) fn nesting_now(&self) -> Nesting {
        self.built_nesting(self.core.nesting.classes.clone())
    }

    fn built_nesting(&self, classes: Vec<NestingClass>) -> Nesting {
        let (mut edges, mut walked) = (Vec::new(), Vec::new());
        for NestingClass { class: id, plain } in &classes {
            let Some(class) = self.core.vocabulary.class(*id).copied() else { continue };
            let Kind::Userset(of) = class.kind else { continue };
            for object in self.nodes_from(class.object_type, From::Start) {
                for (subject, image) in self.ends(Direction::Forward, object, *id) {
                    self.expect_node(subject);
                    match image {
                        Image::Plain if *plain => edges.push((group(subject, of), group(object, class.relation))),
                        Image::Plain => {}
                        Image::InSegment(_) | Image::InOverlay(_) | Image::AtObject => walked.push(group(subject, of)),
                    }
                }
            }
        }
        let (count, revision) = (edges.len(), self.revision);
        // Past 2^30 edges there is no index, and all is walked.
        let built = GroupIndex::build(edges, &walked, &Limits::DEFAULT);
        built.map_or_else(|_| Nesting::default(), |index| Nesting { classes, revision, index, edges: count })
    }

    /// Puts an index in place that was built of this graph, now or some revisions ago; readers from `oldest` on are served.
    pub(crate) fn take_nesting(&mut self, nesting: Nesting, oldest: u64) {
        let same = nesting.classes == self.core.nesting.classes;
        let core = Arc::make_mut(&mut self.core);
        if same {
            let since = oldest.min(nesting.revision);
            core.nested_anew =
                core.nested_anew.iter().filter(|(_, changed)| **changed > since).map(|(node, changed)| (*node, *changed)).collect();
        }
        core.nesting_notes = core.nested_anew.values().filter(|changed| **changed > nesting.revision).count();
        core.nesting = Arc::new(nesting);
        if !same {
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
            self.nesting_notes += usize::from(revision > self.nesting.revision);
        }
    }

    /// Finds out anew which groups have changed within the window. O(changes remembered).
    fn remember_nesting(&mut self) {
        (self.nested_anew, self.nesting_notes) = (imbl::OrdMap::new(), 0);
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
