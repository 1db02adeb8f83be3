//! Type annotations on permissions, against the types that the permission's subjects can have.

use std::collections::{BTreeMap, BTreeSet};

use super::expand::{MemberRef, Members};
use crate::diagnostic::{Diagnostic, IDLE_ANNOTATION, INCOMPLETE_ANNOTATION, Sink};
use crate::graph::{RelationGraph, RelationNode, union_sets};
use crate::ir::{Name, Schema};

/// How many missing types a message names.
const SHOWN_TYPES: usize = 5;

/// Checks every annotation: it names all types that the expression leads to (what an exclusion takes away may be left out).
pub(super) fn check_annotations(schema: &Schema, members: &BTreeMap<Name, Members<'_>>, sink: &mut Sink) {
    let mut relations = schema.definitions.values().flat_map(|definition| definition.relations.values());
    if relations.all(|relation| relation.annotations.is_empty()) {
        return;
    }
    let graph = RelationGraph::new(schema);
    let required = union_sets(schema, &graph, false);
    let mentioned = union_sets(schema, &graph, true);
    for (object_type, members) in members {
        for (name, member) in &members.by_name {
            let MemberRef::Permission(permission) = member else { continue };
            if permission.expression.is_none() {
                continue;
            }
            if sink.is_full() {
                return;
            }
            let (Some(span), Some(relation)) = (&permission.annotation_span, schema.relation(object_type, name)) else { continue };
            let node = RelationNode { object_type: object_type.clone(), relation: name.clone() };
            let annotated: BTreeSet<&Name> = relation.annotations.iter().collect();
            let missing = required.types(&node).filter(|found| !annotated.contains(found));
            let missing: Vec<String> = missing.take(SHOWN_TYPES).map(|found| format!("`{found}`")).collect();
            let all_known = permission.annotations.iter().all(|annotation| annotated.contains(&annotation.name));
            if !missing.is_empty() && all_known {
                let message = format!("`{name}` can also have subjects of type {}", missing.join(", "));
                let error = Diagnostic::error(INCOMPLETE_ANNOTATION, span, message);
                sink.push(error.help("add what is missing to the annotation, or take it out of the expression"));
            }
            let all: BTreeSet<&Name> = mentioned.types(&node).collect();
            for annotation in permission.annotations.iter().filter(|annotation| annotated.contains(&annotation.name)) {
                if !all.contains(&annotation.name) {
                    let message = format!("`{name}` cannot have subjects of type `{}`", annotation.name);
                    let warning = Diagnostic::warning(IDLE_ANNOTATION, &annotation.span, message);
                    sink.push(warning.help("take it out of the annotation"));
                }
            }
        }
    }
}
