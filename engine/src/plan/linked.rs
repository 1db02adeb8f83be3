//! Which plans a graph can index what is inherited for: those that are unions of edges whatever object they are asked about, and lead on
//! to such plans only.

use std::collections::{BTreeMap, BTreeSet};

use super::{KindId, Op, Plan, PlanId, Plans};
use crate::graph::ids::RelationId;
use crate::graph::inherited::{Link, LinkTo, LinkedPlan, Links};
use crate::graph::vocabulary::Kind;

/// So many relations of groups have a number, at most; plans that name others have no lines.
const MAX_GROUPS: usize = 255;

/// So many plans are linked, at most: more would not be looked at.
const MAX_PLANS: usize = 1_024;

impl Plans {
    /// Finds the links. O(operations).
    pub(super) fn find_links(&mut self) {
        let kinds = self.object_kinds();
        let named = || self.named.iter().map(|((type_id, _), plan)| (*plan, *type_id));
        // What leads on to a plan that is none is none either, and so on.
        let mut linked: BTreeSet<PlanId> = named().map(|(plan, _)| plan).filter(|plan| self.is_linkable(*plan, &kinds)).collect();
        loop {
            let leads_out = |plan: &PlanId| self.leads_to(*plan, &kinds).any(|to| !linked.contains(&to));
            let out: Vec<PlanId> = linked.iter().filter(|plan| leads_out(plan)).copied().collect();
            if out.is_empty() {
                break;
            }
            out.iter().for_each(|plan| {
                linked.remove(plan);
            });
        }
        let ops = self.plans.iter().flat_map(|plan| &plan.ops);
        let targets: BTreeSet<PlanId> = ops.filter_map(|(op, _)| target(op)).filter(|plan| linked.contains(plan)).collect();
        let mut open: Vec<PlanId> = targets.iter().copied().collect();
        let mut reached = targets.clone();
        while let Some(plan) = open.pop() {
            open.extend(self.leads_to(plan, &kinds).filter(|to| reached.insert(*to)));
        }
        let mut links = Links::default();
        if reached.len() <= MAX_PLANS {
            let types: BTreeMap<_, _> = named().collect();
            let places: BTreeMap<PlanId, usize> = reached.iter().copied().zip(0..).collect();
            for plan in places.keys() {
                let (Some(type_id), Some(found)) = (types.get(plan), self.plan(*plan)) else { continue };
                let link = |op: &Op| self.link(op, &mut links.groups, |plan| places.get(&plan).copied());
                let mut steps: Vec<Link> = relevant(found, &kinds).filter_map(link).collect();
                steps.sort_unstable_by_key(|link| link.class);
                links.classes.extend(steps.iter().map(|link| link.class));
                links.plans.push(LinkedPlan {
                    number: plan.0,
                    object_type: *type_id,
                    is_target: targets.contains(plan),
                    operations: u32::try_from(found.ops.len()).unwrap_or(u32::MAX),
                    links: steps,
                });
            }
        }
        if links.groups.len() > MAX_GROUPS {
            links = Links::default();
        }
        links.classes.sort_unstable();
        links.classes.dedup();
        self.links = links.into();
    }

    fn is_linkable(&self, plan: PlanId, kinds: &BTreeSet<KindId>) -> bool {
        let Some(plan) = self.plan(plan).filter(|plan| !plan.tangled) else { return false };
        relevant(plan, kinds).all(|op| match op {
            Op::Itself(_) | Op::Named(_) | Op::Wildcard(_) | Op::Group { .. } | Op::Follow { .. } => true,
            Op::Object | Op::Same(_) | Op::Expr(_) => false,
        })
    }

    fn leads_to(&self, plan: PlanId, kinds: &BTreeSet<KindId>) -> impl Iterator<Item = PlanId> {
        self.plan(plan).into_iter().flat_map(|plan| relevant(plan, kinds)).filter_map(target)
    }

    fn link(&self, op: &Op, groups: &mut Vec<RelationId>, place: impl Fn(PlanId) -> Option<usize>) -> Option<Link> {
        let (class, to) = match op {
            // What names usersets names no object.
            Op::Named(class) if !self.names(*class, Kind::Object) => return None,
            Op::Named(class) | Op::Wildcard(class) => (*class, LinkTo::Subject),
            Op::Group { class, relation, .. } => {
                let kind = groups.iter().position(|known| known == relation).unwrap_or_else(|| {
                    groups.push(*relation);
                    groups.len() - 1
                });
                (*class, LinkTo::Group(u8::try_from(kind).unwrap_or(u8::MAX)))
            }
            Op::Follow { class, plan } => (*class, LinkTo::On(place(*plan)?)),
            Op::Itself(_) | Op::Object | Op::Same(_) | Op::Expr(_) => return None,
        };
        Some(Link { class, to, plain: self.rule(class).is_some_and(|rule| rule.plain) })
    }
}

/// The operations that can reach any object.
fn relevant<'p>(plan: &'p Plan, kinds: &BTreeSet<KindId>) -> impl Iterator<Item = &'p Op> {
    plan.ops.iter().filter(|(_, reach)| kinds.iter().any(|kind| reach.has(*kind))).map(|(op, _)| op)
}

const fn target(op: &Op) -> Option<PlanId> {
    match op {
        Op::Follow { plan, .. } => Some(*plan),
        Op::Itself(_) | Op::Object | Op::Named(_) | Op::Wildcard(_) | Op::Group { .. } | Op::Same(_) | Op::Expr(_) => None,
    }
}
