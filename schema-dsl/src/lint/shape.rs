//! Lints that look at the relation graph: paradoxes, and permissions that nobody can have.

use std::collections::BTreeMap;

use crate::compile::Resolved;
use crate::diagnostic::{DISJOINT_INTERSECTION, Diagnostic, NEVER_GRANTED, SUBTRACTS_ITSELF, Sink};
use crate::graph::{NodeSets, RelationGraph, RelationNode, possible_sets};
use crate::ir::{Name, Relation, RelationKind, Rewrite};

pub(super) fn lint(resolved: &Resolved<'_>, sink: &mut Sink) {
    let graph = RelationGraph::new(&resolved.schema);
    for node in graph.subtracting_themselves() {
        let Some(place) = resolved.places.get(&(node.object_type.clone(), node.relation.clone())) else { continue };
        let message = format!("`{}` subtracts something that is defined through it", node.relation);
        let help = "where tuples close the circle, membership is defined by its own absence, and is denied; subtract a relation instead";
        sink.push(Diagnostic::warning(SUBTRACTS_ITSELF, place, message).help(help));
    }
    let Some(possible) = possible_sets(&resolved.schema, &graph) else { return };
    let shapes = Shapes { resolved, circles: graph.circles(), graph: &graph, possible: &possible };
    for definition in resolved.schema.definitions.values() {
        for relation in definition.relations.values() {
            if relation.kind == RelationKind::Permission && !sink.is_full() {
                shapes.permission(&definition.name, relation, sink);
            }
        }
    }
}

struct Shapes<'s> {
    resolved: &'s Resolved<'s>,
    graph: &'s RelationGraph,
    circles: BTreeMap<&'s RelationNode, usize>,
    possible: &'s NodeSets,
}

impl Shapes<'_> {
    /// Warns of a permission that nobody can have, unless it is `nil` on purpose or follows from another one that is reported.
    fn permission(&self, object_type: &Name, relation: &Relation, sink: &mut Sink) {
        let node = RelationNode { object_type: object_type.clone(), relation: relation.name.clone() };
        let Some(place) = self.resolved.places.get(&(object_type.clone(), relation.name.clone())) else { return };
        let disjoint = disjoint_part(self.resolved, self.possible, object_type, relation);
        if disjoint {
            let message = format!("an intersection in `{}` has operands without a common subject type", relation.name);
            let help = "nobody can be in all of them; check whether `+` is meant, or which types the relations should allow";
            sink.push(Diagnostic::warning(DISJOINT_INTERSECTION, place, message).help(help));
        }
        if disjoint || relation.rewrite == Rewrite::Nil || !self.possible.is_empty(&node) {
            return;
        }
        let dependencies = self.graph.dependencies(&node);
        if dependencies.iter().any(|(other, _)| self.is_to_blame(&node, other)) {
            return;
        }
        let in_circle = dependencies.iter().any(|(other, _)| self.circles.get(other) == self.circles.get(&node));
        let help = if in_circle {
            "it is defined by itself alone; add a relation that people can be put into"
        } else {
            "all of its parts are empty; write `nil` alone if that is meant"
        };
        sink.push(Diagnostic::warning(NEVER_GRANTED, place, format!("nobody can ever have `{}`", relation.name)).help(help));
    }

    /// Whether `node` is empty because `other` is, which has a warning of its own.
    fn is_to_blame(&self, node: &RelationNode, other: &RelationNode) -> bool {
        let found = self.resolved.schema.relation(&other.object_type, &other.relation);
        let on_purpose = found.is_some_and(|found| found.rewrite == Rewrite::Nil);
        !on_purpose && self.possible.is_empty(other) && self.circles.get(other) != self.circles.get(node)
    }
}

/// Whether an intersection is empty although each of its operands is not.
fn disjoint_part(resolved: &Resolved<'_>, possible: &NodeSets, object_type: &Name, relation: &Relation) -> bool {
    let is_empty = |rewrite: &Rewrite| possible.is_empty_rewrite(&resolved.schema, object_type, relation, rewrite);
    let mut open = vec![&relation.rewrite];
    while let Some(rewrite) = open.pop() {
        match rewrite {
            Rewrite::Direct | Rewrite::Nil | Rewrite::SelfObject | Rewrite::Computed(_) | Rewrite::Arrow { .. } => {}
            Rewrite::Union(operands) => open.extend(operands),
            Rewrite::Intersection(operands) => {
                if is_empty(rewrite) && !operands.iter().any(is_empty) {
                    return true;
                }
                open.extend(operands);
            }
            Rewrite::Exclusion { base, subtract } => open.extend([&**base, &**subtract]),
        }
    }
    false
}
