//! What is known of the parts of an expression at one object: which subjects each part has, found once for all candidates.

use super::super::walk::Walk;
use super::decide::{Known, single};
use super::forward;
use crate::eval::Stopped;
use crate::graph::ids::{NodeId, TypeId};
use crate::plan::inverse::Wanted;
use crate::plan::{Expr, Op, PlanId, Plans};

/// A part, and the subjects that it may have, with whether it has them for certain.
struct Part {
    plan: PlanId,
    subjects: hashbrown::HashMap<NodeId, bool, foldhash::fast::FixedState>,
    /// Whether it may have others as well.
    others: bool,
}

/// See the module.
#[derive(Default)]
pub(super) struct Parts(Vec<Part>);

impl Parts {
    /// The parts of a plan at an object. A part past the budget is not looked into: nothing is known of it. O(edges reached).
    pub(super) fn of(
        walk: &mut Walk<'_>,
        (plan, object, object_type): (PlanId, NodeId, TypeId),
        wanted: Wanted,
        max_steps: u64,
    ) -> Result<Self, Stopped> {
        let mut parts = Self::default();
        let mut left = max_steps;
        for plan in leaves(walk.world.plans, plan, wanted) {
            let found = match forward::candidates(walk, (plan, object, object_type), wanted, left) {
                Ok(found) => found,
                Err(Stopped::Budget { .. }) => continue,
                Err(stopped @ Stopped::Deadline { .. }) => return Err(stopped),
            };
            left = left.saturating_sub(found.steps);
            let mut subjects = hashbrown::HashMap::default();
            for (subject, sure) in found.nodes {
                *subjects.entry(subject).or_insert(false) |= sure;
            }
            parts.0.push(Part { plan, subjects, others: found.wildcard });
        }
        Ok(parts)
    }

    /// What is known for one subject at the object.
    pub(super) const fn with(&self, object: NodeId, subject: NodeId) -> PartsWith<'_> {
        PartsWith { parts: self, object, subject }
    }
}

/// What is known for one subject.
pub(super) struct PartsWith<'p> {
    parts: &'p Parts,
    object: NodeId,
    subject: NodeId,
}

impl Known for PartsWith<'_> {
    fn known(&self, plan: PlanId, node: NodeId) -> Option<bool> {
        let part = self.parts.0.iter().find(|part| part.plan == plan && node == self.object)?;
        match part.subjects.get(&self.subject) {
            Some(true) => Some(true),
            Some(false) => None,
            None if part.others => None,
            None => Some(false),
        }
    }
}

/// The parts of the expression that a plan is, each once; none, if it is none.
fn leaves(plans: &Plans, plan: PlanId, wanted: Wanted) -> Vec<PlanId> {
    let (mut leaves, mut open) = (Vec::new(), vec![plan]);
    while let Some(id) = open.pop() {
        match single(plans, id, wanted.kind_id) {
            Some(Op::Same(plan)) => open.push(*plan),
            Some(Op::Expr(Expr::And(plans))) => open.extend(plans),
            Some(Op::Expr(Expr::Minus(keep, take))) => open.extend([*keep, *take]),
            Some(_) | None => {
                if id != plan && !leaves.contains(&id) {
                    leaves.push(id);
                }
            }
        }
    }
    leaves
}
