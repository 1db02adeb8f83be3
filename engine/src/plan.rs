//! Compiled plans: what a schema's relations and permissions come to on a graph.
//!
//! A plan is a union of operations on one node, cheap ones first: it holds if one of them does. Computed relations of the same object
//! are written out in it; intersections, exclusions and `all` are expressions over further plans. For every plan it is known which kinds of
//! subject it can reach at all. A plan that is defined through itself by way of anything but unions is *tangled*: only a
//! circuit can tell what it means ([`crate::eval`]).
//!
//! Plans belong to one schema and to the numbers that one graph's vocabulary gave its names; a plan stays good as the vocabulary grows.

use std::collections::HashMap;
use std::sync::Arc;

use dhow_schema::ir::Name;

use crate::graph::ids::{ClassId, RelationId, TypeId};
use crate::graph::inherited::Links;
use crate::graph::nesting::NestingClass;
use crate::graph::vocabulary::Kind;
use names::Pairs;
use simple::Simple;

pub(crate) use compile::compile;

mod compile;
pub(crate) mod inverse;
mod linked;
mod names;
mod order;
pub(crate) mod simple;

/// A plan, by its place among a schema's plans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct PlanId(pub(crate) u32);

/// One thing to look for at a node.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Op {
    /// This very node's relation is the userset asked about.
    Itself(RelationId),
    /// This node is the object asked about.
    Object,
    /// An edge of this class to the very subject.
    Named(ClassId),
    /// An edge of this class, to the wildcard of the subject's type.
    Wildcard(ClassId),
    /// The groups that edges of this class lead to, all of whose members are found by going up from the subject.
    Group { class: ClassId, relation: RelationId, plan: PlanId },
    /// Another plan of the same node.
    Same(PlanId),
    /// Where edges of this class lead to: usersets, or the objects of an arrow.
    Follow { class: ClassId, plan: PlanId },
    /// An expression on this node.
    Expr(Expr),
}

/// What is more than a union.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Expr {
    /// All of these plans.
    And(Vec<PlanId>),
    /// The first plan, and not the second.
    Minus(PlanId, PlanId),
    /// At least one edge of these classes, and each leads to a node where the plan holds; without a plan it does not.
    All(Vec<(ClassId, Option<PlanId>)>),
}

/// What some of a plan can lead to: a set of kinds of subject.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Reach(smallvec::SmallVec<[u64; 2]>);

impl Reach {
    /// Whether a kind is in it.
    #[inline]
    pub(crate) fn has(&self, kind: KindId) -> bool {
        self.0.get(kind.0 as usize / 64).is_some_and(|word| word & (1 << (kind.0 % 64)) != 0)
    }

    fn insert(&mut self, kind: KindId) {
        let place = kind.0 as usize / 64;
        if self.0.len() <= place {
            self.0.resize(place + 1, 0);
        }
        if let Some(word) = self.0.get_mut(place) {
            *word |= 1 << (kind.0 % 64);
        }
    }

    /// Takes in another set.
    fn extend(&mut self, other: &Self) {
        self.0.resize(self.0.len().max(other.0.len()), 0);
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            *word |= more;
        }
    }
}

/// A kind of subject, by its place among those that a schema's questions can be about. In a schema of very many kinds some share a
/// number: a plan then seems to reach more than it does, which costs time and changes no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct KindId(u32);

impl KindId {
    /// How many numbers there are: a bound for the sets of a large schema.
    const MAX: u32 = 1_024;
}

/// A kind of subject that questions can be about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AskedKind {
    pub(crate) type_id: TypeId,
    pub(crate) kind: Kind,
    pub(crate) kind_id: KindId,
}

/// A union of operations.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    /// With what each can reach.
    ops: Vec<(Op, Reach)>,
    /// By kind of subject: the places in `ops` of those that can reach it. Empty if that would be too many lists.
    by_kind: Vec<Box<[u32]>>,
    /// By kind of subject, where `by_kind` is.
    simple: Vec<Option<Simple>>,
    /// What the whole can reach.
    pub(crate) reach: Reach,
    /// Whether it is more than a union.
    has_expressions: bool,
    /// Whether only a circuit can tell, also because there is no plan.
    pub(crate) tangled: bool,
}

impl Plan {
    /// The operations that can reach a kind of subject, each with its place in the plan.
    #[inline]
    pub(crate) fn ops(&self, kind: KindId) -> impl Iterator<Item = (usize, &Op)> {
        let few = self.by_kind.get(kind.0 as usize).map_or(&[][..], |places| places);
        let some = few.iter().filter_map(|place| Some((*place as usize, self.ops.get(*place as usize).map(|(op, _)| op)?)));
        let all = if self.by_kind.is_empty() { self.ops.as_slice() } else { &[] };
        some.chain(all.iter().enumerate().filter(move |(_, (_, reach))| reach.has(kind)).map(|(place, (op, _))| (place, op)))
    }
}

/// Which edges of a class count.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Rule {
    /// What their subjects are.
    kind: Option<Kind>,
    /// Those without caveat and expiry.
    pub(crate) plain: bool,
    /// Those with these caveats, and whether with an expiry.
    pub(crate) qualified: Vec<(Option<Name>, bool)>,
}

/// Edges by which a subject is a member of a group, or a group of another group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GroupClass {
    pub(crate) class: ClassId,
    /// The type and the kind of the members.
    pub(crate) subject_type: TypeId,
    pub(crate) kind: Kind,
    /// The relation of the group.
    pub(crate) relation: RelationId,
}

/// All plans of a schema.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plans {
    plans: Vec<Plan>,
    named: HashMap<(TypeId, RelationId), PlanId, foldhash::fast::FixedState>,
    kinds: HashMap<(TypeId, Kind), KindId, foldhash::fast::FixedState>,
    /// By the names of type and relation.
    asked: Pairs<(TypeId, PlanId)>,
    /// By the names of type and relation; `""`: an object, `*`: a wildcard.
    subjects: Pairs<AskedKind>,
    /// The types whose wildcard a relation takes.
    wildcards: Vec<TypeId>,
    /// By class.
    rules: Vec<Rule>,
    /// The classes of edges into groups, by subject type and kind.
    groups: Vec<GroupClass>,
    /// By number of a kind: a kind that has it, and the places in `groups` that are about that one.
    groups_by_kind: Vec<Option<(TypeId, Kind, std::ops::Range<usize>)>>,
    nesting: Vec<NestingClass>,
    links: Arc<Links>,
}

impl Plans {
    /// The type and the plan of a relation or permission; `None`: the schema has none such. O(1).
    #[inline]
    pub(crate) fn find(&self, object_type: &str, relation: &str) -> Option<(TypeId, PlanId)> {
        self.asked.get(object_type, relation)
    }

    /// The kind of a subject by its type and relation (`""`: an object, `*`: a wildcard); `None`: the schema has none such. O(1).
    #[inline]
    pub(crate) fn find_kind(&self, subject_type: &str, relation: &str) -> Option<AskedKind> {
        self.subjects.get(subject_type, relation)
    }

    /// The plan of a relation or permission; `None`: the schema has none.
    #[inline]
    pub(crate) fn named(&self, object_type: TypeId, relation: RelationId) -> Option<PlanId> {
        self.named.get(&(object_type, relation)).copied()
    }

    /// Whether a relation takes the wildcard of a type.
    #[inline]
    pub(crate) fn has_wildcard(&self, subject_type: TypeId) -> bool {
        self.wildcards.contains(&subject_type)
    }

    /// A plan.
    #[inline]
    pub(crate) fn plan(&self, id: PlanId) -> Option<&Plan> {
        self.plans.get(id.0 as usize)
    }

    /// Whether a plan is more than a union.
    #[inline]
    pub(crate) fn has_expressions(&self, id: PlanId) -> bool {
        self.plan(id).is_some_and(|plan| plan.has_expressions)
    }

    /// What a plan is for a kind of object as subject, if it is simple.
    #[inline]
    pub(crate) fn simple(&self, id: PlanId, kind: KindId) -> Option<&Simple> {
        self.plan(id)?.simple.get(kind.0 as usize)?.as_ref()
    }

    /// Which edges of a class count.
    #[inline]
    pub(crate) fn rule(&self, class: ClassId) -> Option<&Rule> {
        self.rules.get(class.0 as usize)
    }

    /// Whether edges of a class name subjects of this kind.
    #[inline]
    pub(crate) fn names(&self, class: ClassId, kind: Kind) -> bool {
        self.rule(class).is_some_and(|rule| rule.kind == Some(kind))
    }

    /// What arrows lead along.
    pub(crate) const fn links(&self) -> &Arc<Links> {
        &self.links
    }

    /// The classes of edges from this kind of subject into groups.
    pub(crate) fn groups_of(&self, subject_type: TypeId, kind: Kind) -> &[GroupClass] {
        let key = |group: &GroupClass| (group.subject_type, group.kind);
        let begin = self.groups.partition_point(|group| key(group) < (subject_type, kind));
        let rest = self.groups.get(begin..).unwrap_or_default();
        rest.get(..rest.partition_point(|group| key(group) == (subject_type, kind))).unwrap_or_default()
    }

    /// [`Plans::groups_of`] for a kind whose number is known. O(1), unless kinds share the number.
    #[inline]
    pub(crate) fn groups_of_kind(&self, (subject_type, kind, id): (TypeId, Kind, KindId)) -> &[GroupClass] {
        match self.groups_by_kind.get(id.0 as usize) {
            Some(Some((known_type, known, places))) if (*known_type, *known) == (subject_type, kind) => {
                self.groups.get(places.clone()).unwrap_or_default()
            }
            Some(_) | None => self.groups_of(subject_type, kind),
        }
    }

    /// The classes of edges from groups into groups, in order.
    pub(crate) fn nesting(&self) -> &[NestingClass] {
        &self.nesting
    }
}

#[cfg(test)]
mod tests;
