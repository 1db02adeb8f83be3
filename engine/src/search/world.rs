//! What does not change while a question is answered.

use std::ops::ControlFlow;
use std::sync::Arc;

use dhow_schema::caveat::{COST_LIMIT, Outcome};
use dhow_schema::ir::Schema;
use dhow_schema::value::Context;

use super::extra::Extra;
use super::sight::{Found, Sight};
use crate::eval::{Limits, Stopped};
use crate::graph::Graph;
use crate::graph::damage::DamagedPart;
use crate::graph::groups::Group;
use crate::graph::ids::{ClassId, Direction, NodeId, TypeId};
use crate::graph::inherited::Inherited;
use crate::graph::nesting::Nested;
use crate::graph::qualifier::Qualifier;
use crate::graph::read::Image;
use crate::graph::segment::{Run, Runs};
use crate::graph::vocabulary::Kind;
use crate::limits::{CAVEAT_UNITS_PER_STEP, STEPS_BETWEEN_DEADLINE_POLLS};
use crate::plan::{KindId, PlanId, Plans};
use crate::time::Timestamp;

/// What a search finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tri {
    Yes,
    No,
    /// Only the circuit can tell.
    NotHere,
}

impl Tri {
    /// What is kept without what is taken away.
    pub(super) const fn without(self, taken: Self) -> Self {
        match (self, taken) {
            (Self::No, _) | (_, Self::Yes) => Self::No,
            (Self::Yes, Self::No) => Self::Yes,
            (Self::Yes | Self::NotHere, Self::No | Self::NotHere) => Self::NotHere,
        }
    }
}

/// The subject of a question.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) node: NodeId,
    pub(super) type_id: TypeId,
    pub(super) kind: Kind,
    pub(super) kind_id: KindId,
    /// The wildcard of an object's type, if anything names it.
    pub(super) wildcard: Option<NodeId>,
}

/// Whether an edge counts.
pub(super) enum Standing {
    Counts,
    Not,
    /// If this caveat holds.
    If(Arc<Qualifier>),
}

/// See the module.
#[derive(Clone, Copy)]
pub(super) struct World<'a> {
    pub(super) sight: Sight<'a>,
    pub(super) plans: &'a Plans,
    pub(super) schema: &'a Schema,
    pub(super) asked: Asked,
    pub(super) time: Timestamp,
    pub(super) context: &'a Context,
    indexed: Indexed,
    /// How many stored nodes there are.
    pub(super) nodes: u32,
}

/// Which of the graph's indexes are about a schema's plans.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Indexed {
    groups: bool,
    links: bool,
}

impl Indexed {
    /// Whether all are.
    #[cfg(test)]
    pub(super) const fn is_whole(self) -> bool {
        self.groups && self.links
    }

    /// None of them.
    #[cfg(test)]
    pub(super) const fn none() -> Self {
        Self { groups: false, links: false }
    }

    pub(super) fn of(graph: &Graph, plans: &Plans) -> Self {
        Self { groups: graph.nesting().classes() == plans.nesting(), links: graph.links() == plans.links() }
    }
}

/// The edges of one node in one direction, class by class.
pub(super) struct Edges<'a> {
    node: NodeId,
    direction: Direction,
    /// Whether more than the base's record must be looked at.
    touched: bool,
    /// Those of the base's record.
    runs: Runs<'a>,
}

impl<'a> World<'a> {
    pub(super) fn new(
        sight: Sight<'a>,
        plans: &'a Plans,
        schema: &'a Schema,
        asked: Asked,
        (time, context): (Timestamp, &'a Context),
        indexed: Indexed,
    ) -> Self {
        Self { sight, plans, schema, asked, time, context, indexed, nodes: sight.graph.nodes() }
    }

    /// Whether the graph's index of nested groups is about this schema's groups.
    #[inline]
    pub(super) const fn has_groups(&self) -> bool {
        self.indexed.groups
    }

    /// What a plan at a node leads to along arrows, if the graph's index has it.
    #[inline]
    pub(super) fn inherited(&self, (plan, node): (PlanId, NodeId)) -> Option<Inherited<'a>> {
        let Sight { graph, extra, .. } = self.sight;
        let brought = extra.map(|extra| |node| extra.names(Direction::Forward, node));
        if self.indexed.links { graph.inherited(plan.0, node, brought.as_ref()) } else { None }
    }

    /// The edges of a node.
    #[inline]
    pub(super) fn edges(&self, direction: Direction, node: NodeId) -> Edges<'a> {
        let runs = self.sight.record(node).map(|record| record.runs(direction)).unwrap_or_default();
        Edges { node, direction, touched: self.sight.is_touched(direction, node), runs }
    }

    /// The other ends of plain edges of one class, where they count and the base alone knows, and whether [`World::each_more`] has
    /// others.
    #[inline]
    pub(super) fn plain(&self, edges: &Edges<'a>, class: ClassId) -> (&'a [u32], bool) {
        if edges.touched {
            return (&[], true);
        }
        let (mut plain, mut more): (&[u32], bool) = (&[], false);
        for run in edges.runs {
            if run.class == class {
                if run.qualified {
                    more = true;
                } else if self.plans.rule(class).is_some_and(|rule| rule.plain) {
                    plain = run.ends;
                }
            }
        }
        (plain, more)
    }

    /// Visits the other ends of edges of one class that may count and are not in [`World::plain`], and says how they stand.
    #[inline(never)]
    pub(super) fn each_more(&self, edges: &Edges<'a>, class: ClassId, visit: &mut dyn FnMut(NodeId, Standing) -> ControlFlow<()>) {
        let node = edges.node;
        let ends = |other| match edges.direction {
            Direction::Forward => (node, other),
            Direction::Backward => (other, node),
        };
        let mut on_end = |other, found| {
            let (object, subject) = ends(other);
            match self.standing(object, class, subject, found) {
                Standing::Not => ControlFlow::Continue(()),
                standing @ (Standing::Counts | Standing::If(_)) => visit(other, standing),
            }
        };
        if edges.touched {
            let _ = self.sight.each_end(edges.direction, node, class, on_end);
            return;
        }
        for run in edges.runs.filter(|run| run.class == class && run.qualified) {
            for (at, other) in run.ends.iter().enumerate() {
                if on_end(NodeId(*other), Found::Stored(image(&run, at))).is_break() {
                    return;
                }
            }
        }
    }

    /// Visits the other ends of all edges of one class that may count, and says how they stand.
    #[inline]
    pub(super) fn each(&self, edges: &Edges<'a>, class: ClassId, mut visit: impl FnMut(NodeId, Standing) -> ControlFlow<()>) {
        let (plain, more) = self.plain(edges, class);
        for other in plain {
            if visit(NodeId(*other), Standing::Counts).is_break() {
                return;
            }
        }
        if more {
            self.each_more(edges, class, &mut visit);
        }
    }

    /// How an edge forward to one subject stands.
    #[inline]
    pub(super) fn one(&self, edges: &Edges<'a>, class: ClassId, subject: NodeId) -> Standing {
        let object = edges.node;
        if edges.touched {
            return match self.sight.edge(object, class, subject) {
                Some(found) => self.standing(object, class, subject, found),
                None => Standing::Not,
            };
        }
        for run in edges.runs {
            if run.class == class
                && let Some(at) = run.find(subject)
            {
                if subject.is_of_request() {
                    // No stored edge has such a node.
                    self.sight.graph.note(DamagedPart::Object, Some(object), Some(class));
                    return Standing::Not;
                }
                return self.standing(object, class, subject, Found::Stored(image(&run, at)));
            }
        }
        Standing::Not
    }

    /// Whether there is any group that may be nested otherwise than the index has it.
    #[inline]
    pub(super) fn may_be_nested_anew(&self) -> bool {
        self.sight.graph.may_be_nested_anew() || self.sight.extra.is_some_and(Extra::nests)
    }

    /// How a group is nested, beside what the index has.
    #[inline]
    pub(super) fn nested(&self, group: Group) -> Nested<'a> {
        let [node, _] = group;
        if self.sight.extra.is_some_and(|extra| extra.may_nest(NodeId(node))) {
            return Nested::Unknown;
        }
        self.sight.graph.nested(group)
    }

    /// Whether an edge counts at this time under this schema.
    pub(super) fn standing(&self, object: NodeId, class: ClassId, subject: NodeId, found: Found<'_>) -> Standing {
        let Some(rule) = self.plans.rule(class) else { return Standing::Not };
        if matches!(found, Found::Stored(Image::Plain) | Found::Brought(None)) {
            return if rule.plain { Standing::Counts } else { Standing::Not };
        }
        // That a qualifier cannot be read was noted: whatever comes of this is no answer.
        let Some(qualifier) = self.sight.qualifier(object, class, subject, found) else { return Standing::Not };
        let name = qualifier.caveat.as_ref().map(|caveat| caveat.name());
        let allowed = |(caveat, expires): &(Option<_>, bool)| caveat.as_ref() == name && *expires == qualifier.expires_at.is_some();
        if !rule.qualified.iter().any(allowed) || qualifier.expires_at.is_some_and(|expiry| expiry <= self.time) {
            Standing::Not
        } else if qualifier.caveat.is_some() {
            Standing::If(qualifier)
        } else {
            Standing::Counts
        }
    }

    /// Whether a caveat holds, and the steps that it took to find out.
    pub(super) fn caveat(&self, qualifier: &Qualifier) -> (Tri, u64) {
        let Some(caveat) = &qualifier.caveat else { return (Tri::Yes, 1) };
        let Some(compiled) = self.schema.caveats.get(caveat.name()) else { return (Tri::No, 1) };
        let mut left = COST_LIMIT;
        let found = match compiled.evaluate_within(caveat.context(), self.context, &mut left) {
            Outcome::True => Tri::Yes,
            Outcome::False => Tri::No,
            Outcome::Missing(_) | Outcome::Error(_) => Tri::NotHere,
        };
        (found, 1 + (COST_LIMIT - left) / CAVEAT_UNITS_PER_STEP)
    }
}

#[inline]
fn image(run: &Run<'_>, at: usize) -> Image {
    if run.qualified { run.places.get(at).map_or(Image::AtObject, |place| Image::InSegment(*place)) } else { Image::Plain }
}

/// Looks taken, whatever they are charged: says when to look at the deadline.
pub(super) struct Looks<'a> {
    limits: Limits<'a>,
    taken: u64,
    next_poll: u64,
}

impl<'a> Looks<'a> {
    pub(super) const fn new(limits: Limits<'a>) -> Self {
        Self { limits, taken: 0, next_poll: 0 }
    }

    /// What it looks at.
    pub(super) const fn limits(&self) -> Limits<'a> {
        self.limits
    }

    /// Takes one more. Looks at the deadline now and then, first of all at the start.
    #[inline]
    pub(super) fn take(&mut self, looks: u64) -> Result<(), Stopped> {
        self.taken += looks;
        if self.taken < self.next_poll {
            return Ok(());
        }
        self.next_poll = self.taken + STEPS_BETWEEN_DEADLINE_POLLS;
        if (self.limits.deadline)() { Err(Stopped::Deadline { steps: self.taken }) } else { Ok(()) }
    }

    /// Whether so many steps are within the budget.
    #[inline]
    pub(super) const fn afford(&self, steps: u64) -> Result<(), Stopped> {
        if steps > self.limits.max_steps { Err(Stopped::Budget { max_steps: self.limits.max_steps }) } else { Ok(()) }
    }
}
