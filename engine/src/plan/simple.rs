//! Plans that for some kind of subject are nothing but unions of edges: what to do with each class of them.
//!
//! Most plans of most schemas are. They say what the operations say, laid out by class, so that a node's runs of edges are gone through
//! once, side by side with them.

use std::collections::BTreeSet;

use super::{KindId, Op, PlanId, Plans};
use crate::graph::ids::{ClassId, RelationId};
use crate::graph::vocabulary::Kind;

/// What to do with the edges of a class: where they lead, of which one is true, each told by a field of its own so that it can be used
/// without branching.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) class: ClassId,
    /// Whether edges without caveat and expiry count.
    pub(crate) plain: bool,
    /// To a subject, who may be the one asked about.
    pub(crate) is_to_subject: bool,
    /// To everybody of the subject's type.
    pub(crate) is_to_everybody: bool,
    /// To a group of this relation, all of whose members are found by going up from the subject.
    pub(crate) is_to_group: bool,
    pub(crate) relation: RelationId,
    /// To a node where this plan is to be tried.
    pub(crate) is_on: bool,
    pub(crate) plan: PlanId,
}

impl Step {
    const fn new(class: ClassId) -> Self {
        let (relation, plan) = (RelationId(0), PlanId(0));
        Self { class, plain: false, is_to_subject: false, is_to_everybody: false, is_to_group: false, relation, is_on: false, plan }
    }
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Simple {
    /// In the order of classes.
    pub(crate) steps: Box<[Step]>,
    /// How many operations the plan has for this kind of subject: what a search is charged for trying it, besides edges.
    pub(crate) operations: u64,
}

impl Plans {
    /// Finds out which plans are simple, for which kinds of objects as subjects.
    pub(super) fn find_simple(&mut self) {
        let kinds = self.object_kinds();
        let simple = |plan: usize, kind: KindId| self.simple_of(PlanId(u32::try_from(plan).ok()?), kind);
        let found: Vec<Vec<Option<Simple>>> =
            (0..self.plans.len()).map(|plan| kinds.iter().map(|kind| simple(plan, *kind)).collect()).collect();
        for (plan, by_object) in self.plans.iter_mut().zip(found) {
            plan.simple = vec![None; plan.by_kind.len()];
            for (kind, simple) in kinds.iter().zip(by_object) {
                if let Some(place) = plan.simple.get_mut(kind.0 as usize) {
                    *place = simple;
                }
            }
        }
    }

    /// The numbers of objects as subjects.
    pub(super) fn object_kinds(&self) -> BTreeSet<KindId> {
        self.kinds.iter().filter(|((_, kind), _)| *kind == Kind::Object).map(|(_, id)| *id).collect()
    }

    fn simple_of(&self, plan: PlanId, kind: KindId) -> Option<Simple> {
        let plan = self.plan(plan).filter(|plan| !plan.tangled)?;
        let (mut steps, mut operations) = (Vec::new(), 0);
        for (_, op) in plan.ops(kind) {
            operations += 1;
            let step = match op {
                Op::Itself(_) => continue,
                // Kinds can share a number: what names usersets names no object.
                Op::Named(class) if !self.names(*class, Kind::Object) => continue,
                Op::Named(class) => Step { is_to_subject: true, ..Step::new(*class) },
                Op::Wildcard(class) => Step { is_to_everybody: true, ..Step::new(*class) },
                Op::Group { class, relation, .. } => Step { is_to_group: true, relation: *relation, ..Step::new(*class) },
                Op::Follow { class, plan } => Step { is_on: true, plan: *plan, ..Step::new(*class) },
                Op::Object | Op::Same(_) | Op::Expr(_) => return None,
            };
            steps.push(Step { plain: self.rule(step.class).is_some_and(|rule| rule.plain), ..step });
        }
        steps.sort_unstable_by_key(|step| step.class);
        Some(Simple { steps: steps.into(), operations })
    }
}
