//! What plans depend on: which are tangled, and which kinds of subject each can reach.

use std::collections::BTreeMap;

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use super::{Expr, KindId, Op, Plan, PlanId, Reach};
use crate::graph::ids::{RelationId, TypeId};
use crate::graph::vocabulary::{Kind, Vocabulary};

/// Expressions within expressions, at most: an evaluation goes that deep on the call stack. A schema with more has a circuit do it.
const MAX_DEPTH: usize = 24;

impl Op {
    /// The plans that it needs.
    fn needs(&self) -> Vec<PlanId> {
        match self {
            Self::Itself(_) | Self::Object | Self::Named(_) | Self::Wildcard(_) => Vec::new(),
            Self::Group { plan, .. } | Self::Same(plan) | Self::Follow { plan, .. } => vec![*plan],
            Self::Expr(Expr::And(plans)) => plans.clone(),
            Self::Expr(Expr::Minus(base, subtract)) => vec![*base, *subtract],
            Self::Expr(Expr::All(classes)) => classes.iter().filter_map(|(_, plan)| *plan).collect(),
        }
    }

    /// How much there is to it.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Expr(Expr::All(classes)) => 1 + classes.len(),
            Self::Expr(Expr::And(plans)) => 1 + plans.len(),
            Self::Expr(Expr::Minus(..))
            | Self::Itself(_)
            | Self::Object
            | Self::Named(_)
            | Self::Wildcard(_)
            | Self::Group { .. }
            | Self::Same(_)
            | Self::Follow { .. } => 1,
        }
    }

    const fn is_expression(&self) -> bool {
        match self {
            Self::Expr(_) => true,
            Self::Itself(_)
            | Self::Object
            | Self::Named(_)
            | Self::Wildcard(_)
            | Self::Group { .. }
            | Self::Same(_)
            | Self::Follow { .. } => false,
        }
    }
}

/// The plans in groups that need each other, each group behind those that it needs. O(plans + operations).
pub(super) fn components(plans: &[Plan]) -> Vec<Vec<PlanId>> {
    let mut graph: DiGraph<(), ()> = DiGraph::new();
    plans.iter().for_each(|_| {
        graph.add_node(());
    });
    let node = |id: PlanId| NodeIndex::new(id.0 as usize);
    for (place, plan) in plans.iter().enumerate() {
        for needed in plan.ops.iter().flat_map(|(op, _)| op.needs()) {
            graph.add_edge(NodeIndex::new(place), node(needed), ());
        }
    }
    let id = |node: NodeIndex| u32::try_from(node.index()).map(PlanId).ok();
    tarjan_scc(&graph).into_iter().map(|members| members.into_iter().filter_map(id).collect()).collect()
}

/// Finds the plans that are defined through themselves by way of an expression, or have expressions too deep in each other.
pub(super) fn find_tangles(plans: &mut [Plan], components: &[Vec<PlanId>]) {
    let mut component_of = vec![0; plans.len()];
    for (number, component) in components.iter().enumerate() {
        for member in component {
            if let Some(place) = component_of.get_mut(member.0 as usize) {
                *place = number;
            }
        }
    }
    let component = |id: PlanId| component_of.get(id.0 as usize).copied();
    let mut depths = vec![0; components.len()];
    for (number, members) in components.iter().enumerate() {
        let (mut depth, mut tangled) = (0, false);
        for plan in members.iter().filter_map(|member| plans.get(member.0 as usize)) {
            for (op, _) in &plan.ops {
                for needed in op.needs().into_iter().filter_map(component) {
                    tangled |= op.is_expression() && needed == number;
                    let below = depths.get(needed).copied().unwrap_or(0);
                    depth = depth.max(below + usize::from(op.is_expression()));
                }
            }
        }
        tangled |= depth > MAX_DEPTH;
        if let Some(place) = depths.get_mut(number) {
            // What is tangled is not gone into.
            *place = if tangled { 0 } else { depth };
        }
        for member in members {
            if let Some(plan) = plans.get_mut(member.0 as usize) {
                plan.tangled |= tangled;
            }
        }
    }
}

/// Finds what every plan can reach. Those that need each other reach the same. O(operations).
pub(super) fn find_reach(
    plans: &mut [Plan],
    components: &[Vec<PlanId>],
    vocabulary: &Vocabulary,
    kinds: &BTreeMap<(TypeId, Kind), KindId>,
) {
    let direct = Direct::of(vocabulary, kinds);
    for members in components {
        let mut whole = Reach::default();
        for plan in members.iter().filter_map(|member| plans.get(member.0 as usize)) {
            if plan.tangled && plan.ops.is_empty() {
                // It has no plan: whatever it reaches.
                whole.extend(&direct.everything);
            }
            for (op, _) in &plan.ops {
                whole.extend(&direct.reach(op));
                for needed in op.needs().into_iter().filter_map(|needed| plans.get(needed.0 as usize)) {
                    // Empty yet for members; what they reach is being put together.
                    whole.extend(&needed.reach);
                }
            }
        }
        for member in members {
            if let Some(plan) = plans.get_mut(member.0 as usize) {
                plan.reach = whole.clone();
            }
        }
        for member in members {
            let Some(plan) = plans.get(member.0 as usize) else { continue };
            let reach = |(op, _): &(Op, Reach)| {
                let mut reach = direct.reach(op);
                // A subtracted part cannot make anything hold, but what it reaches is in the way of knowing that nothing does.
                for needed in op.needs().into_iter().filter_map(|needed| plans.get(needed.0 as usize)) {
                    reach.extend(&needed.reach);
                }
                reach
            };
            let reaches: Vec<Reach> = plan.ops.iter().map(reach).collect();
            let ops = plans.get_mut(member.0 as usize).into_iter().flat_map(|plan| &mut plan.ops);
            ops.zip(reaches).for_each(|((_, place), reach)| *place = reach);
        }
    }
}

/// What operations reach by themselves.
struct Direct<'a> {
    vocabulary: &'a Vocabulary,
    kinds: &'a BTreeMap<(TypeId, Kind), KindId>,
    everything: Reach,
    objects: Reach,
    usersets: BTreeMap<RelationId, Reach>,
}

impl<'a> Direct<'a> {
    fn of(vocabulary: &'a Vocabulary, kinds: &'a BTreeMap<(TypeId, Kind), KindId>) -> Self {
        let (mut everything, mut objects, mut usersets) = (Reach::default(), Reach::default(), BTreeMap::<_, Reach>::new());
        for ((_, kind), id) in kinds {
            everything.insert(*id);
            match kind {
                Kind::Object => objects.insert(*id),
                Kind::Userset(relation) => usersets.entry(*relation).or_default().insert(*id),
                Kind::Wildcard => {}
            }
        }
        Self { vocabulary, kinds, everything, objects, usersets }
    }

    fn reach(&self, op: &Op) -> Reach {
        let mut reach = Reach::default();
        match op {
            Op::Itself(relation) => return self.usersets.get(relation).cloned().unwrap_or_default(),
            Op::Object => return self.objects.clone(),
            Op::Named(class) => {
                let kind = self.vocabulary.class(*class).and_then(|class| self.kinds.get(&(class.subject_type, class.kind)));
                kind.into_iter().for_each(|id| reach.insert(*id));
            }
            Op::Wildcard(class) => {
                let kind = self.vocabulary.class(*class).and_then(|class| self.kinds.get(&(class.subject_type, Kind::Object)));
                kind.into_iter().for_each(|id| reach.insert(*id));
            }
            Op::Group { .. } | Op::Same(_) | Op::Follow { .. } | Op::Expr(_) => {}
        }
        reach
    }
}
