//! What plans depend on: which are tangled, and which kinds of subject each can reach.

use std::collections::BTreeMap;

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use super::{Expr, KindId, Op, Plan, PlanId, Reach};
use crate::graph::ids::TypeId;
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

/// Finds the plans that are defined through themselves by way of an expression, or have expressions too deep in each other.
pub(super) fn find_tangles(plans: &mut [Plan]) {
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
    let components = tarjan_scc(&graph);
    let mut component_of = vec![0; plans.len()];
    for (number, component) in components.iter().enumerate() {
        for member in component {
            if let Some(place) = component_of.get_mut(member.index()) {
                *place = number;
            }
        }
    }
    let component = |id: PlanId| component_of.get(id.0 as usize).copied();
    // Components come with what they need before them.
    let mut depths = vec![0; components.len()];
    for (number, members) in components.iter().enumerate() {
        let (mut depth, mut tangled) = (0, false);
        for plan in members.iter().filter_map(|member| plans.get(member.index())) {
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
            if let Some(plan) = plans.get_mut(member.index()) {
                plan.tangled = tangled;
            }
        }
    }
}

/// Finds what every plan can reach: the least fixpoint.
pub(super) fn find_reach(plans: &mut [Plan], vocabulary: &Vocabulary, kinds: &BTreeMap<(TypeId, Kind), KindId>) {
    let all: Vec<((TypeId, Kind), KindId)> = kinds.iter().map(|(key, id)| (*key, *id)).collect();
    loop {
        let reached: Vec<Reach> = plans.iter().map(|plan| plan.reach.clone()).collect();
        let mut grown = false;
        for plan in plans.iter_mut() {
            for (op, reach) in &mut plan.ops {
                match op {
                    Op::Itself(relation) => {
                        let own = |kind: &Kind| *kind == Kind::Userset(*relation);
                        all.iter().filter(|((_, kind), _)| own(kind)).for_each(|(_, id)| reach.insert(*id));
                    }
                    Op::Object => all.iter().filter(|((_, kind), _)| *kind == Kind::Object).for_each(|(_, id)| reach.insert(*id)),
                    Op::Named(class) => {
                        if let Some(class) = vocabulary.class(*class)
                            && let Some(id) = kinds.get(&(class.subject_type, class.kind))
                        {
                            reach.insert(*id);
                        }
                    }
                    Op::Wildcard(class) => {
                        if let Some(class) = vocabulary.class(*class)
                            && let Some(id) = kinds.get(&(class.subject_type, Kind::Object))
                        {
                            reach.insert(*id);
                        }
                    }
                    Op::Group { .. } | Op::Same(_) | Op::Follow { .. } | Op::Expr(_) => {
                        // A subtracted part cannot make anything hold, but what it reaches is in the way of knowing that nothing does.
                        for needed in op.needs() {
                            if let Some(more) = reached.get(needed.0 as usize) {
                                reach.extend(more);
                            }
                        }
                    }
                }
                grown |= plan.reach.extend(reach);
            }
        }
        if !grown {
            break;
        }
    }
}
