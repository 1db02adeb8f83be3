//! Deciding candidates one after the other, with what the walk to them has found.

use super::super::walk::Walk;
use super::super::world::Tri;
use super::super::{Circuit, Evaluator};
use crate::eval::{Decision, EvalError, Limits, Stopped};
use crate::graph::ids::NodeId;
use crate::plan::{Expr, KindId, Op, PlanId, Plans};
use crate::tuple::TupleKey;

/// What is known of plans at nodes, for one subject.
pub(super) trait Known {
    /// Whether a plan holds at a node; `None`: nothing is known of it.
    fn known(&self, plan: PlanId, node: NodeId) -> Option<bool>;
}

/// Nothing is.
pub(super) struct Nothing;

impl Known for Nothing {
    fn known(&self, _: PlanId, _: NodeId) -> Option<bool> {
        None
    }
}

/// Decides candidates within one budget.
pub(super) struct Decider<'e, 'a> {
    evaluator: &'e Evaluator<'a>,
    spent: u64,
}

impl<'e, 'a> Decider<'e, 'a> {
    pub(super) const fn new(evaluator: &'e Evaluator<'a>) -> Self {
        Self { evaluator, spent: 0 }
    }

    /// Says that there is no step left. The first candidate of a page always has the whole budget.
    fn begin(&self) -> Result<(), EvalError> {
        let max_steps = self.evaluator.limits.max_steps;
        if self.spent > 0 && self.spent >= max_steps { Err(Stopped::Budget { max_steps }.into()) } else { Ok(()) }
    }

    /// Charges a candidate that needs no check.
    pub(super) fn certain(&mut self, walk: &mut Walk<'_>) -> Result<Decision, EvalError> {
        self.begin()?;
        walk.look()?;
        self.spent += 1;
        Ok(Decision::Allowed)
    }

    /// Decides a candidate as a check does.
    pub(super) fn decide(
        &mut self,
        walk: &mut Walk<'_>,
        atom: (PlanId, NodeId),
        known: &dyn Known,
        question: impl FnOnce() -> TupleKey,
    ) -> Result<Decision, EvalError> {
        self.begin()?;
        let (answer, steps) = holds(walk, atom, known, self.spent)?;
        let decision = match answer {
            Tri::Yes => Decision::Allowed,
            Tri::No => Decision::Denied,
            Tri::NotHere => {
                let max_steps = self.evaluator.limits.max_steps;
                let limits = Limits { max_steps: max_steps.saturating_sub(self.spent), ..self.evaluator.limits };
                let check = |circuit: &Circuit<'_>| circuit.check_counted(&question());
                let (decision, more) = self.evaluator.by_circuit(limits, check).map_err(|error| match error {
                    EvalError::Stopped(Stopped::Budget { .. }) => Stopped::Budget { max_steps }.into(),
                    EvalError::Stopped(Stopped::Deadline { .. })
                    | EvalError::Unknown(_)
                    | EvalError::Question(_)
                    | EvalError::Caveat(_)
                    | EvalError::Damaged(_) => error,
                })?;
                self.spent += more;
                decision
            }
        };
        self.spent += steps + 1;
        Ok(decision)
    }
}

/// Whether a plan holds at a node, and the steps that it took to find out. Where the plan is one expression its parts are looked up
/// before they are searched. Recursion is as deep as expressions are in each other, which plans bound.
fn holds(walk: &mut Walk<'_>, (id, node): (PlanId, NodeId), known: &dyn Known, base: u64) -> Result<(Tri, u64), Stopped> {
    match known.known(id, node) {
        Some(true) => return Ok((Tri::Yes, 1)),
        Some(false) => return Ok((Tri::No, 1)),
        None => {}
    }
    let Some(op) = single(walk.world.plans, id, walk.world.asked.kind_id) else { return walk.search(id, node, base) };
    match op {
        Op::Same(plan) => holds(walk, (*plan, node), known, base),
        Op::Expr(Expr::And(plans)) => {
            let (mut found, mut cost) = (Tri::Yes, 0);
            for plan in plans {
                let (part, more) = holds(walk, (*plan, node), known, base + cost)?;
                cost += more;
                match part {
                    Tri::Yes => {}
                    Tri::No => return Ok((Tri::No, cost)),
                    Tri::NotHere => found = Tri::NotHere,
                }
            }
            Ok((found, cost))
        }
        Op::Expr(Expr::Minus(keep, take)) => {
            let (kept, cost) = holds(walk, (*keep, node), known, base)?;
            if kept == Tri::No {
                return Ok((Tri::No, cost));
            }
            let (taken, more) = holds(walk, (*take, node), known, base + cost)?;
            Ok((kept.without(taken), cost + more))
        }
        Op::Itself(_) | Op::Object | Op::Named(_) | Op::Wildcard(_) | Op::Group { .. } | Op::Follow { .. } | Op::Expr(Expr::All(_)) => {
            walk.search(id, node, base)
        }
    }
}

/// The one operation of a plan that can lead to a kind of subject, if there is one only; a circuit's plan has none.
pub(super) fn single(plans: &Plans, id: PlanId, kind: KindId) -> Option<&Op> {
    let plan = plans.plan(id).filter(|plan| !plan.tangled)?;
    let mut ops = plan.ops(kind).map(|(_, op)| op);
    let only = ops.next()?;
    if ops.next().is_none() { Some(only) } else { None }
}
