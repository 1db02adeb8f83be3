//! A graph from tuples that were kept elsewhere, in any order: nodes are numbered by type and id, so that lists come out in order and
//! ids with a common beginning, which belong together more often than not, lie together.

use std::collections::HashMap;

use super::base::{Base, SegmentsWriter};
use super::ids::{ClassId, NodeId, TypeId};
use super::names::NameIndex;
use super::nodes::NodeName;
use super::qualifier::Qualifier;
use super::segment::SegmentEdge;
use super::vocabulary::Vocabulary;
use super::{Graph, OutOfNumbers};
use crate::tuple::{Id, Tuple};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct GraphBuilder {
    vocabulary: Vocabulary,
    numbers: HashMap<NodeName, u32, foldhash::fast::FixedState>,
    edges: Vec<BuiltEdge>,
    qualifiers: Vec<Qualifier>,
    revisions: Vec<u64>,
}

/// An edge between nodes as numbered in the order of coming.
#[derive(Debug, Clone, Copy)]
struct BuiltEdge {
    object: u32,
    class: ClassId,
    subject: u32,
    /// A place in `qualifiers` and one; 0: none.
    qualifier: u32,
    /// A place in `revisions`.
    revision: u32,
}

impl GraphBuilder {
    /// The names so far.
    pub(crate) fn vocabulary_mut(&mut self) -> &mut Vocabulary {
        &mut self.vocabulary
    }

    /// Takes one more tuple, which came with a revision (0: not known). O(1).
    pub(crate) fn add(&mut self, tuple: &Tuple, revision: u64) -> Result<(), OutOfNumbers> {
        let class = self.vocabulary.intern_key(&tuple.key).ok_or(OutOfNumbers)?;
        let parts = *self.vocabulary.class(class).ok_or(OutOfNumbers)?;
        let object = self.node(parts.object_type, tuple.key.object().id())?;
        let subject = self.node(parts.subject_type, tuple.key.subject().id())?;
        let qualifier = match Qualifier::of(tuple) {
            None => 0,
            Some(qualifier) => {
                self.qualifiers.push(qualifier);
                number(self.qualifiers.len())?
            }
        };
        if self.revisions.last() != Some(&revision) {
            self.revisions.push(revision);
        }
        let revision = number(self.revisions.len() - 1)?;
        self.edges.push(BuiltEdge { object, class, subject, qualifier, revision });
        Ok(())
    }

    fn node(&mut self, type_id: TypeId, id: &Id) -> Result<u32, OutOfNumbers> {
        let next = number(self.numbers.len())?;
        if NodeId(next).is_of_request() {
            return Err(OutOfNumbers);
        }
        Ok(*self.numbers.entry(NodeName { type_id, id: id.clone() }).or_insert(next))
    }

    /// The graph, at a revision; `seed` is for the hashes of names. O(tuples log tuples).
    pub(crate) fn finish(self, revision: u64, seed: u64) -> Graph {
        let Self { vocabulary, numbers, mut edges, qualifiers, revisions } = self;
        let mut names: Vec<(NodeName, u32)> = numbers.into_iter().collect();
        names.sort_unstable();
        let mut nodes = vec![0; names.len()];
        for (node, (_, old)) in (0_u32..).zip(&names) {
            if let Some(place) = nodes.get_mut(*old as usize) {
                *place = node;
            }
        }
        for edge in &mut edges {
            for end in [&mut edge.object, &mut edge.subject] {
                *end = nodes.get(*end as usize).copied().unwrap_or(u32::MAX);
            }
        }
        edges.sort_unstable_by_key(|edge| edge.object);
        let mut forward = edges.as_slice();
        let mut turned = edges.clone();
        turned.sort_unstable_by_key(|edge| edge.subject);
        let mut backward = turned.as_slice();
        let mut writer = SegmentsWriter::default();
        let written = |edge: &BuiltEdge, other: u32| SegmentEdge {
            class: edge.class,
            other: NodeId(other),
            qualifier: edge.qualifier.checked_sub(1).and_then(|place| qualifiers.get(place as usize)).cloned(),
            revision: revisions.get(edge.revision as usize).copied().unwrap_or(0),
        };
        let (mut to, mut from) = (Vec::new(), Vec::new());
        for (node, (name, _)) in (0_u32..).zip(&names) {
            to.clear();
            to.extend(take(&mut forward, |edge| edge.object == node).iter().map(|edge| written(edge, edge.subject)));
            from.clear();
            from.extend(take(&mut backward, |edge| edge.subject == node).iter().map(|edge| written(edge, edge.object)));
            writer.current().push(name.type_id, name.id.as_bytes(), &mut to, &mut from);
        }
        let mut base = Base { revision, names: NameIndex::empty(seed), ..Base::default() };
        base.extend(writer.finish());
        let found = base.indexed(|_| false);
        base.put(found);
        Graph::of_base(vocabulary, base)
    }
}

/// The items at the beginning for which `holds`, taken off.
fn take<'a, T>(items: &mut &'a [T], holds: impl Fn(&T) -> bool) -> &'a [T] {
    let len = items.iter().take_while(|item| holds(item)).count();
    let (taken, rest) = items.split_at_checked(len).unwrap_or_default();
    *items = rest;
    taken
}

fn number(len: usize) -> Result<u32, OutOfNumbers> {
    u32::try_from(len).map_err(|_| OutOfNumbers)
}
