//! Reading a graph at one revision: base and overlay as one.

use std::sync::Arc;

use smallvec::SmallVec;

use super::base::{AT_ONCE, Placed};
use super::damage::{Damaged, DamagedPart};
use super::ids::{ClassId, Direction, NodeId, TypeId};
use super::nodes::NodeName;
use super::overlay::{Edge, Said};
use super::qualifier::Qualifier;
use super::segment::{Record, Segment};
use super::{Core, Graph};

/// What an edge is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Image {
    /// Without caveat and expiry.
    Plain,
    /// With a qualifier, at this place of the segment of its object.
    InSegment(u32),
    /// With a qualifier, which the overlay has under this code.
    InOverlay(usize),
    /// With a qualifier, which only its object knows.
    AtObject,
}

impl Graph {
    /// The node with this type and id, if any edge ever named it. O(1), or O(log new nodes).
    #[inline]
    pub(crate) fn find(&self, type_id: TypeId, id: &str) -> Option<NodeId> {
        self.core.find(type_id, id)
    }

    /// The nodes of two names: [`Graph::find`] for both at once.
    #[inline]
    pub(crate) fn find_both(&self, names: [(TypeId, &str); 2]) -> [Option<NodeId>; 2] {
        self.find_placed(names).map(|found| found.map(|found| found.node))
    }

    /// The nodes of two names, with where their records begin: nowhere, for new ones.
    #[inline]
    pub(crate) fn find_placed(&self, names: [(TypeId, &str); 2]) -> [Option<Placed>; 2] {
        let core = &*self.core;
        let found = core.base.find_two(names.map(|(type_id, id)| (type_id, id.as_bytes())));
        if core.new_nodes.is_empty() {
            return found;
        }
        let ([a, b], [found_a, found_b]) = (names, found);
        let new = |(type_id, id)| {
            core.new_nodes.get(&super::nodes::Place { type_id, id }).map(|node| Placed { node: *node, begin: Placed::NOWHERE })
        };
        [found_a.or_else(|| new(a)), found_b.or_else(|| new(b))]
    }

    /// The nodes of some names: [`Graph::find`] for all at once.
    pub(crate) fn find_all(&self, names: &[(TypeId, &str)]) -> SmallVec<[Option<Placed>; AT_ONCE]> {
        let core = &*self.core;
        let mut found = core.base.find_all(names);
        if !core.new_nodes.is_empty() {
            for (found, (type_id, id)) in found.iter_mut().zip(names).filter(|(found, _)| found.is_none()) {
                let new = core.new_nodes.get(&super::nodes::Place { type_id: *type_id, id });
                *found = new.map(|node| Placed { node: *node, begin: Placed::NOWHERE });
            }
        }
        found
    }

    /// The type and the id of a node.
    pub(crate) fn name(&self, node: NodeId) -> Option<(TypeId, &str)> {
        self.core.name(node)
    }

    /// The segments of the base.
    pub(crate) fn base_segments(&self) -> &[Segment] {
        &self.core.base.segments
    }

    /// Whether the overlay has nothing to say to a reader of this revision.
    pub(crate) fn is_still(&self) -> bool {
        self.core.overlay.recent_len() == 0 && !(self.needs_past() && self.core.overlay.past_len() > 0)
    }

    /// Whether readers must ask the overlay about a node.
    #[inline]
    pub(crate) fn is_touched(&self, direction: Direction, node: NodeId) -> bool {
        self.core.overlay.may_touch(direction, node, self.needs_past())
    }

    /// Whether this revision is older than the base.
    pub(super) fn needs_past(&self) -> bool {
        self.revision < self.core.base.revision
    }

    /// What the base knows of a node that an edge has.
    #[inline]
    pub(crate) fn record(&self, node: NodeId) -> Option<Record<'_>> {
        let record = self.core.base.record(node);
        if record.is_none() {
            self.core.missed(node);
        }
        record
    }

    /// Notes that something cannot be read.
    #[cold]
    pub(crate) fn note(&self, part: DamagedPart, node: Option<NodeId>, class: Option<ClassId>) {
        self.core.base.damage.note(part, node, class);
    }

    /// Says that the base has no record of a node that an edge has: which is noted, unless the node is none of the base's.
    pub(crate) fn missed(&self, node: NodeId) {
        self.core.missed(node);
    }

    /// Notes it if a stored edge has an end that is no node.
    pub(crate) fn expect_node(&self, end: NodeId) {
        if end.0 >= self.nodes() {
            self.note(DamagedPart::Object, None, None);
        }
    }

    /// What was found to be unreadable, if anything was.
    #[inline]
    pub(crate) fn damaged(&self) -> Option<Damaged> {
        self.core.base.damage.found()
    }

    /// How many nodes there are: a stored edge has no other.
    #[inline]
    pub(crate) fn nodes(&self) -> u32 {
        self.core.nodes()
    }

    /// One edge, seen from its object; `None`: not there. O(log edges).
    pub(crate) fn edge(&self, object: NodeId, class: ClassId, subject: NodeId) -> Option<Image> {
        if self.is_touched(Direction::Forward, object) {
            let edge = Edge { node: object, class, other: subject };
            if let Some((code, _)) = self.core.overlay.edge(Direction::Forward, edge, self.revision, self.needs_past()) {
                return self.overlay_image(code);
            }
        }
        let image = base_edge(self.record(object)?, class, subject)?;
        if subject.is_of_request() {
            self.note(DamagedPart::Object, Some(object), Some(class));
            return None;
        }
        Some(image)
    }

    /// The revision that an edge came with, where that is known.
    pub(crate) fn revision_of(&self, object: NodeId, class: ClassId, subject: NodeId) -> Option<u64> {
        let edge = Edge { node: object, class, other: subject };
        if let Some((code, changed)) = self.core.overlay.edge(Direction::Forward, edge, self.revision, self.needs_past()) {
            self.overlay_image(code)?;
            if changed.is_some() {
                return changed;
            }
        }
        let record = self.record(object)?;
        for run in record.runs(Direction::Forward).filter(|run| run.class == class) {
            if let Ok(at) = run.ends.binary_search(&subject.0) {
                let number = record.revision_of(class, run.qualified, at)?;
                return self.core.base.segment(object)?.revision(number).filter(|revision| *revision <= self.revision);
            }
        }
        None
    }

    /// The classes of a node's edges, in order, each once; there may be none left of one. O(log changes + classes).
    pub(crate) fn classes(&self, direction: Direction, node: NodeId) -> Vec<ClassId> {
        let mut classes: Vec<ClassId> =
            self.record(node).map(|record| record.runs(direction).map(|run| run.class).collect()).unwrap_or_default();
        if self.is_touched(direction, node) {
            classes.extend(self.core.overlay.classes(direction, node, self.needs_past()));
            classes.sort_unstable();
        }
        classes.dedup();
        classes
    }

    /// The edges of a node that the overlay says something of, in order: class, other end, and, if it is there, whether it has a qualifier.
    /// O(log changes + found).
    pub(crate) fn changed(&self, direction: Direction, node: NodeId) -> impl Iterator<Item = (ClassId, NodeId, Option<bool>)> {
        let said = self.core.overlay.of_node(direction, node, self.revision, self.needs_past());
        said.map(|(class, end, code)| (class, end, if code.is_absent() { None } else { Some(code.is_qualified()) }))
    }

    /// The other ends of a node's edges of one class, in the order of nodes. O(log changes + found).
    pub(crate) fn ends(&self, direction: Direction, node: NodeId, class: ClassId) -> Ends<'_> {
        let mut ends = Ends { graph: self, plain: &[], qualified: &[], places: &[], said: Said::new(), next: 0 };
        for run in self.record(node).into_iter().flat_map(|record| record.runs(direction)).filter(|run| run.class == class) {
            if run.qualified {
                (ends.qualified, ends.places) = (run.ends, run.places);
            } else {
                ends.plain = run.ends;
            }
        }
        if self.is_touched(direction, node) {
            ends.said = self.core.overlay.edges(direction, node, class, self.revision, self.needs_past());
        }
        ends
    }

    fn overlay_image(&self, code: super::versions::Code) -> Option<Image> {
        self.core.overlay.memory().image(code)?;
        Some(code.qualifier().map_or(Image::Plain, Image::InOverlay))
    }

    /// The qualifier of an edge with this image; `None`: it has none, or one that cannot be read, which is noted.
    pub(crate) fn qualifier(&self, object: NodeId, class: ClassId, subject: NodeId, image: Image) -> Option<Arc<Qualifier>> {
        let seen = if image == Image::AtObject { self.edge(object, class, subject) } else { Some(image) };
        let qualifier = match seen {
            Some(Image::Plain) if image == Image::Plain => return None,
            Some(Image::InSegment(place)) => self.core.base.segment(object).and_then(|segment| segment.qualifier(place)).map(Arc::new),
            Some(Image::InOverlay(place)) => self.core.overlay.memory().qualifier(place).cloned(),
            // Its subject knows of a qualifier, its object of none.
            Some(Image::Plain | Image::AtObject) | None => None,
        };
        if qualifier.is_none() {
            self.note(DamagedPart::Qualifier, Some(object), Some(class));
        }
        qualifier
    }

    /// Whether a node has any edge.
    pub(crate) fn is_named(&self, node: NodeId) -> bool {
        [Direction::Forward, Direction::Backward].into_iter().any(|direction| {
            if !self.is_touched(direction, node) {
                return self.record(node).is_some_and(|record| record.runs(direction).next().is_some());
            }
            self.classes(direction, node).into_iter().any(|class| self.ends(direction, node, class).next().is_some())
        })
    }
}

impl Core {
    #[inline]
    pub(super) fn find(&self, type_id: TypeId, id: &str) -> Option<NodeId> {
        let found = self.base.find(type_id, id.as_bytes());
        if found.is_some() || self.new_nodes.is_empty() {
            return found;
        }
        self.new_nodes.get(&super::nodes::Place { type_id, id }).copied()
    }

    pub(super) fn name(&self, node: NodeId) -> Option<(TypeId, &str)> {
        let found = match self.base.record(node) {
            Some(record) if record.is_nameless() => self.reborn.get(&node).map(|name| (name.type_id, &*name.id)),
            Some(record) => std::str::from_utf8(record.name()).ok().map(|id| (record.type_id(), id)),
            None => self.new_name(node).map(|name| (name.type_id, &*name.id)),
        };
        if found.is_none() {
            self.base.damage.note(DamagedPart::Name, Some(node), None);
        }
        found
    }

    fn new_name(&self, node: NodeId) -> Option<&NodeName> {
        let place = node.0.checked_sub(self.base.nodes())?;
        self.new_names.get(usize::try_from(place).ok()?)
    }

    /// See [`Graph::missed`].
    fn missed(&self, node: NodeId) {
        if node.0 < self.base.nodes() {
            self.base.damage.note(DamagedPart::Record, Some(node), None);
        } else if node.0 >= self.nodes() && !node.is_of_request() {
            self.base.damage.note(DamagedPart::Object, None, None);
        }
    }
}

/// An edge in a base, seen from its object.
fn base_edge(record: Record<'_>, class: ClassId, subject: NodeId) -> Option<Image> {
    for run in record.runs(Direction::Forward) {
        if run.class == class
            && let Some(at) = run.find(subject)
        {
            return Some(if run.qualified {
                run.places.get(at).map_or(Image::AtObject, |place| Image::InSegment(*place))
            } else {
                Image::Plain
            });
        }
        if run.class > class {
            break;
        }
    }
    None
}

/// See [`Graph::ends`].
pub(crate) struct Ends<'g> {
    graph: &'g Graph,
    plain: &'g [u32],
    qualified: &'g [u32],
    places: &'g [u32],
    said: Said,
    next: usize,
}

impl Ends<'_> {
    /// So many there are at most; as many are looked at.
    pub(crate) fn most(&self) -> usize {
        self.plain.len() + self.qualified.len() + self.said.len()
    }
}

impl Iterator for Ends<'_> {
    type Item = (NodeId, Image);

    fn next(&mut self) -> Option<(NodeId, Image)> {
        loop {
            let said = self.said.get(self.next).copied();
            let plain = self.plain.first().copied().map(NodeId);
            let qualified = self.qualified.first().copied().map(NodeId);
            let end = [said.map(|(other, ..)| other), plain, qualified].into_iter().flatten().min()?;
            let mut found = None;
            if plain == Some(end) {
                self.plain = self.plain.get(1..).unwrap_or_default();
                found = Some(Image::Plain);
            }
            if qualified == Some(end) {
                found = Some(self.places.first().map_or(Image::AtObject, |place| Image::InSegment(*place)));
                self.qualified = self.qualified.get(1..).unwrap_or_default();
                self.places = self.places.get(1..).unwrap_or_default();
            }
            if let Some((other, code, _)) = said
                && other == end
            {
                // What the overlay says is what holds, whatever the base has.
                self.next += 1;
                found = self.graph.overlay_image(code);
            }
            if let Some(image) = found {
                return Some((end, image));
            }
        }
    }
}
