//! From an object forwards: the subjects of a kind that a question depends on, over every branch.

use std::ops::ControlFlow;

use super::super::walk::Walk;
use super::super::world::{Standing, Tri};
use super::waves::{Found, Waves};
use crate::eval::Stopped;
use crate::graph::ids::{ClassId, Direction, NodeId, TypeId};
use crate::graph::vocabulary::Kind;
use crate::plan::inverse::Wanted;
use crate::plan::{Expr, Op, PlanId};

/// The nodes of the subjects that edges name on the way from an object, of the objects that are a `self` there, and of the usersets that
/// are passed; and whether the subject has the permission for certain. O(edges reached).
///
/// It is certain when every edge of a way counts, with a caveat that holds or without one, and no expression is on it. Edges whose caveats do
/// not hold are followed as well: who is a candidate depends on the shape of the data alone.
pub(super) fn candidates(
    walk: &mut Walk<'_>,
    (plan, object, object_type): (PlanId, NodeId, TypeId),
    wanted: Wanted,
    max_steps: u64,
) -> Result<Subjects, Stopped> {
    let (waves, found) = (Waves::within(max_steps), Found::new());
    let mut forward = Forward { walk, object: (object, object_type), wanted, waves, found, wildcard: false };
    forward.waves.push((plan.0, object), true);
    while let Some((plan, node)) = forward.waves.next() {
        forward.waves.charge(forward.walk, 1)?;
        forward.atom(PlanId(plan), node)?;
    }
    Ok(Subjects { nodes: forward.found, wildcard: forward.wildcard, steps: forward.waves.steps() })
}

/// What was found.
pub(super) struct Subjects {
    pub(super) nodes: Found,
    /// Whether an edge to a wildcard was, which stands for those that are not named.
    pub(super) wildcard: bool,
    /// The steps taken.
    pub(super) steps: u64,
}

struct Forward<'w, 'a> {
    walk: &'w mut Walk<'a>,
    object: (NodeId, TypeId),
    wanted: Wanted,
    waves: Waves,
    found: Found,
    wildcard: bool,
}

impl Forward<'_, '_> {
    fn atom(&mut self, id: PlanId, node: NodeId) -> Result<(), Stopped> {
        let (plans, wanted) = (self.walk.world.plans, self.wanted);
        let Some(plan) = plans.plan(id) else { return Ok(()) };
        let sure = self.waves.is_sure();
        for (_, op) in plan.ops(wanted.kind_id) {
            match op {
                Op::Itself(relation) => {
                    if wanted.kind == Kind::Userset(*relation) && self.type_of(node) == Some(wanted.type_id) {
                        self.found.push((node, sure));
                    }
                }
                Op::Object => {
                    if wanted.kind == Kind::Object && self.type_of(node) == Some(wanted.type_id) {
                        self.found.push((node, sure));
                    }
                }
                Op::Named(class) => {
                    let class_of = self.walk.world.sight.graph.vocabulary().class(*class);
                    if class_of.is_some_and(|class| (class.subject_type, class.kind) == (wanted.type_id, wanted.kind)) {
                        self.edges(node, *class, sure, |forward, subject, sure| forward.found.push((subject, sure)))?;
                    }
                }
                // Whoever a wildcard stands for is not named.
                Op::Wildcard(class) => {
                    let wildcard = self.walk.world.asked.wildcard;
                    self.wildcard |= wildcard.is_some_and(|wildcard| self.walk.world.sight.edge(node, *class, wildcard).is_some());
                }
                Op::Group { class, plan, .. } | Op::Follow { class, plan } => self.follow(node, *class, *plan, sure)?,
                Op::Same(plan) => self.push(*plan, node, sure),
                Op::Expr(Expr::And(plans)) => plans.iter().for_each(|plan| self.push(*plan, node, false)),
                Op::Expr(Expr::Minus(keep, take)) => [keep, take].into_iter().for_each(|plan| self.push(*plan, node, false)),
                Op::Expr(Expr::All(classes)) => {
                    for (class, plan) in classes {
                        if let Some(plan) = plan {
                            self.follow(node, *class, *plan, false)?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn type_of(&self, node: NodeId) -> Option<TypeId> {
        let (object, object_type) = self.object;
        if node == object { Some(object_type) } else { self.walk.world.sight.type_of(node) }
    }

    fn push(&mut self, plan: PlanId, node: NodeId, sure: bool) {
        if self.walk.world.plans.plan(plan).is_some_and(|plan| plan.reach.has(self.wanted.kind_id)) {
            self.waves.push((plan.0, node), sure);
        }
    }

    fn follow(&mut self, node: NodeId, class: ClassId, plan: PlanId, sure: bool) -> Result<(), Stopped> {
        self.edges(node, class, sure, |forward, other, sure| forward.push(plan, other, sure))
    }

    fn edges(&mut self, node: NodeId, class: ClassId, sure: bool, mut visit: impl FnMut(&mut Self, NodeId, bool)) -> Result<(), Stopped> {
        let sight = self.walk.world.sight;
        let mut outcome = Ok(());
        let _ = sight.each_end(Direction::Forward, node, class, |other, found| {
            let mut spent = 1;
            let holds = match self.walk.world.standing(node, class, other, found) {
                Standing::Counts => Ok(Some(true)),
                Standing::Not => Ok(None),
                Standing::If(qualifier) => self.walk.caveat(&qualifier, &mut spent).map(|holds| Some(holds == Tri::Yes)),
            };
            outcome = holds.and_then(|holds| {
                if let Some(holds) = holds {
                    visit(self, other, sure && holds);
                }
                self.waves.charge(self.walk, spent)
            });
            if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        outcome
    }
}
