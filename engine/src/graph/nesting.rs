//! The index of nested groups as a part of a graph: built for one moment, and what has changed since.
//!
//! What has changed is known by group: that it did, for readers of any revision; and for those of the last, which are nearly all, what it
//! came to ([`difference`]).

use std::sync::Arc;

use smallvec::SmallVec;

use difference::{Above, Difference, MOST};

use super::groups::{Ancestors, Group, GroupIndex, Limits};
use super::ids::{ClassId, Direction, NodeId, RelationId};
use super::overlay::Edge;
use super::read::Image;
use super::versions::Code;
use super::vocabulary::Kind;
use super::{Core, From, Graph};

pub(crate) use difference::Anew;

pub(crate) mod check;
mod difference;

/// How many changes of nesting make a new index worth its building, at least: who is below groups that were taken out of others goes
/// from group to group.
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

    /// Begins to fetch where [`Nesting::ancestors`] will look first.
    #[inline]
    pub(crate) fn fetch(&self, group: Group) {
        self.index.fetch(group);
    }

    /// Bytes that it takes.
    pub(crate) fn bytes(&self) -> usize {
        4 * (self.index.table().len() + self.index.lists().len())
    }

    /// Whether edges of a class are in it.
    #[inline]
    pub(crate) fn is_about(&self, class: ClassId) -> bool {
        self.about(class).is_some()
    }

    fn about(&self, class: ClassId) -> Option<NestingClass> {
        let place = self.classes.binary_search_by_key(&class, |nesting| nesting.class).ok()?;
        self.classes.get(place).copied()
    }
}

/// A group whose nesting changed within the window or since the index was built.
#[derive(Debug, Clone, Default)]
pub(super) struct Changed {
    /// The last such revision.
    revision: u64,
    /// What has come of all changes since the index was built, if any came after that. `None`: too much to be kept, or it cannot be told.
    difference: Option<Arc<Difference>>,
}

/// How a group is nested, as far as one need not walk to tell.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Nested<'a> {
    /// As the index has it.
    AsIndexed,
    /// Otherwise, in this way.
    Anew(Anew<'a>),
    /// Perhaps otherwise: its edges tell.
    Unknown,
}

impl Graph {
    /// The index of nested groups.
    pub(crate) fn nesting(&self) -> &Nesting {
        &self.core.nesting
    }

    /// How a group is nested at this revision, beside what the index has. O(log groups that changed).
    #[inline]
    pub(crate) fn nested(&self, [node, relation]: Group) -> Nested<'_> {
        if !self.may_be_nested_anew() {
            return Nested::AsIndexed;
        }
        let Some(changed) = self.core.nested_anew.get(&NodeId(node)) else { return Nested::AsIndexed };
        if changed.revision > self.revision {
            // The difference is that of the newest revision.
            return Nested::Unknown;
        }
        if changed.revision <= self.core.nesting.revision {
            return Nested::AsIndexed;
        }
        let Some(difference) = &changed.difference else { return Nested::Unknown };
        difference.of(RelationId(relation)).map_or(Nested::AsIndexed, Nested::Anew)
    }

    /// Whether any group may be nested otherwise than when the index was built.
    #[inline]
    pub(crate) fn may_be_nested_anew(&self) -> bool {
        !self.core.nested_anew.is_empty() && self.revision != self.core.nesting.revision
    }

    /// Bytes of the index and of what has changed since.
    pub(super) fn nesting_bytes(&self) -> usize {
        let changed = self.core.nested_anew.values().map(|changed| changed.difference.as_ref().map_or(0, |difference| difference.bytes()));
        // An item of a B-tree with half-full nodes.
        self.core.nesting.bytes() + changed.map(|bytes| bytes + 2 * size_of::<(NodeId, Changed)>()).sum::<usize>()
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
        let (edges, walked) = self.nesting_edges(&classes);
        let (count, revision) = (edges.len(), self.revision);
        // Past 2^30 edges there is no index, and all is walked.
        let built = GroupIndex::build(edges, &walked, &Limits::DEFAULT);
        built.map_or_else(|_| Nesting::default(), |index| Nesting { classes, revision, index, edges: count })
    }

    /// The nesting edges `(child, parent)` of these classes at this revision, and the groups that more leads up from than these say.
    fn nesting_edges(&self, classes: &[NestingClass]) -> (Vec<(Group, Group)>, Vec<Group>) {
        let (mut edges, mut walked) = (Vec::new(), Vec::new());
        for NestingClass { class: id, plain } in classes {
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
        (edges, walked)
    }

    /// Puts an index in place that was built of this graph, now or some revisions ago; readers from `oldest` on are served. O(changes
    /// remembered).
    pub(crate) fn take_nesting(&mut self, nesting: Nesting, oldest: u64) {
        let (revision, same) = (nesting.revision, nesting.classes == self.core.nesting.classes);
        let core = Arc::make_mut(&mut self.core);
        core.nesting = Arc::new(nesting);
        if !same {
            core.remember_nesting();
        }
        let kept = core.nested_anew.iter().filter(|(_, changed)| !same || changed.revision > oldest.min(revision));
        let kept: Vec<_> = kept.map(|(node, changed)| (*node, changed.revision)).collect();
        core.nesting_notes = kept.iter().filter(|(_, changed)| *changed > revision).count();
        let anew = kept.into_iter().map(|(node, changed)| {
            let difference = if changed > revision { self.difference_since(node, revision).map(Arc::new) } else { None };
            (node, Changed { revision: changed, difference })
        });
        let anew = anew.collect();
        Arc::make_mut(&mut self.core).nested_anew = anew;
    }

    /// Notes that an edge changed with a revision, and what it was before and after. O(log groups that changed), or O(changes of the
    /// group) for its first since the index was built.
    pub(super) fn note_nesting(&mut self, edge: Edge, before: Code, after: Code, revision: u64) {
        let Some(about) = self.core.nesting.about(edge.class) else { return };
        let (node, built) = (edge.other, self.core.nesting.revision);
        let known = self.core.nested_anew.get(&node).cloned();
        let mut changed = known.clone().unwrap_or_default();
        let is_newest = revision >= changed.revision;
        changed.revision = changed.revision.max(revision);
        if revision > built {
            let before_this = match known {
                Some(Changed { revision: known, difference }) if known > built => difference,
                // The parents are those after this change, and changing them once more to what they are does no harm.
                Some(_) | None => Some(Arc::new(Difference::none(self.parents(node)))),
            };
            changed.difference = match (before_this, self.above(edge), is_there(before, about), is_there(after, about)) {
                // A change that came before others, in a history that was extended back, is told from no image that is kept.
                (Some(mut difference), Some(above), Some(was), Some(is)) if is_newest => {
                    if was != is {
                        Arc::make_mut(&mut difference).change(above, is);
                    }
                    difference.is_small().then_some(difference)
                }
                _ => None,
            };
        }
        let core = Arc::make_mut(&mut self.core);
        core.nested_anew.insert(node, changed);
        core.nesting_notes += usize::from(revision > built);
    }

    /// What has come, for a group, of all changes after a revision, the index's; `None`: it cannot be told. O(changes of the group).
    fn difference_since(&self, node: NodeId, revision: u64) -> Option<Difference> {
        if revision < self.core.base.revision {
            // The overlay may not reach back so far.
            return None;
        }
        let mut difference = Difference::none(self.parents(node));
        for about in self.nesting_of(node)? {
            let at = |revision| self.core.overlay.edges(Direction::Backward, node, about.class, revision, true);
            for ((object, then, _), (_, now, _)) in at(revision).into_iter().zip(at(u64::MAX)) {
                if then == now {
                    continue;
                }
                let (was, is) = (is_there(then, about)?, is_there(now, about)?);
                if was != is {
                    difference.note(self.above(Edge { node: object, class: about.class, other: node })?, is);
                }
            }
        }
        difference.is_small().then_some(difference)
    }

    /// What an object's relations are nested in at the newest revision; `None`: too much to be kept, or some of it not plainly. O(changes of
    /// the group).
    fn parents(&self, node: NodeId) -> Option<Vec<Above>> {
        let (newest, mut parents, mut looked_at) = (self.at(u64::MAX), Vec::new(), 0);
        for about in self.nesting_of(node)? {
            for (object, image) in newest.ends(Direction::Backward, node, about.class) {
                looked_at += 1;
                match image {
                    Image::Plain if looked_at > MOST => return None,
                    Image::Plain if about.plain => parents.push(self.above(Edge { node: object, class: about.class, other: node })?),
                    Image::Plain => {}
                    Image::InSegment(_) | Image::InOverlay(_) | Image::AtObject => return None,
                }
            }
        }
        Some(parents)
    }

    /// The classes by which an object's relations can be nested, if they are few.
    fn nesting_of(&self, node: NodeId) -> Option<impl Iterator<Item = NestingClass>> {
        let (type_id, _) = self.name(node)?;
        let is_of_type = |about: &&NestingClass| self.core.vocabulary.class(about.class).is_some_and(|class| class.subject_type == type_id);
        let classes: SmallVec<[NestingClass; 8]> = self.core.nesting.classes.iter().filter(is_of_type).take(MOST + 1).copied().collect();
        (classes.len() <= MOST).then(|| classes.into_iter())
    }

    /// What a nesting edge leads to, and from which relation.
    fn above(&self, edge: Edge) -> Option<Above> {
        let class = self.core.vocabulary.class(edge.class)?;
        let Kind::Userset(of) = class.kind else { return None };
        Some((of, group(edge.node, class.relation)))
    }
}

impl Core {
    /// Finds out anew which groups have changed within the window. O(changes remembered).
    fn remember_nesting(&mut self) {
        self.nested_anew = imbl::OrdMap::new();
        for (edge, revision) in self.overlay.changes().filter(|(edge, _)| self.nesting.is_about(edge.class)) {
            let changed = self.nested_anew.entry(edge.other).or_default();
            changed.revision = changed.revision.max(revision);
        }
    }
}

/// Whether an edge of the class nests a group; `None`: if its qualifier says so.
const fn is_there(code: Code, about: NestingClass) -> Option<bool> {
    if code.is_qualified() { None } else { Some(about.plain && !code.is_absent()) }
}

/// A relation of an object as the index has it.
pub(crate) const fn group(node: NodeId, relation: RelationId) -> Group {
    [node.0, relation.0]
}
