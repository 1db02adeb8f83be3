//! Lists: `{ x | check(x) is not denied }`, as those of [`crate::eval`], found from the end that is known.
//!
//! The objects of a subject are found by going back from it along the plans, turned round; the subjects of an object by going
//! forwards. What a way of edges alone leads to needs no check. Anything else that is found is a candidate, and a search decides.
//!
//! **Steps.** Finding the candidates may take the whole budget, so may looking into the parts of an expression for a list of subjects, and
//! so may deciding: a page costs a few times its budget at most, and every page finds its candidates anew. A list of objects
//! with more candidates than that is the circuit's, which looks at every object of the type; so any list of objects can be read
//! to its end. What is found is all that there is to find, so what it costs does not depend on how nodes are numbered.

use smallvec::smallvec;

use super::walk::Walk;
use super::world::{Asked, World};
use super::{Evaluator, Prepared, Sight};
use crate::eval::{EvalError, ListedObject, ListedPermission, Page, PageRequest, Stopped};
use crate::graph::ids::{NodeId, TypeId};
use crate::graph::vocabulary::Kind;
use crate::plan::inverse::{Inverse, Wanted};
use crate::plan::{AskedKind, PlanId};
use crate::tuple::{Id, ObjectRef, Subject, TupleKey};
use decide::{Decider, Nothing};
use dhow_schema::ir::{Name, RelationKind};
use ordered::{Candidate, Ordered};
use std::collections::BTreeMap;

mod backward;
mod decide;
mod forward;
mod ordered;
mod parts;
mod subjects;
mod waves;

#[cfg(test)]
mod tests;

const NOBODY: NodeId = NodeId::NOBODY;

impl Evaluator<'_> {
    /// The objects of a type that `subject` has `relation` on, by id. O(edges between the subject and the candidates), and a check for each
    /// candidate that is not certain.
    ///
    /// # Errors
    /// Those of a check, of any of the objects looked at.
    pub fn list_objects(
        &self,
        object_type: &Name,
        relation: &Name,
        subject: &Subject,
        page: PageRequest<'_>,
    ) -> Result<Page<ListedObject>, EvalError> {
        self.answered(self.find_objects(object_type, relation, subject, page))
    }

    fn find_objects(
        &self,
        object_type: &Name,
        relation: &Name,
        subject: &Subject,
        page: PageRequest<'_>,
    ) -> Result<Page<ListedObject>, EvalError> {
        let circuit = || self.by_circuit(self.limits, |circuit| circuit.list_objects(object_type, relation, subject, page));
        let (Some((type_id, plan)), Some(wanted)) = (self.plan_of(object_type, relation), self.wanted_of(subject)) else {
            return circuit();
        };
        let sight = self.sight();
        let mut walk = self.walk(self.asked_of(sight.find(wanted.type_id, subject.id()).unwrap_or(NOBODY), wanted));
        let inverse = Inverse::of(&self.prepared.plans, sight.graph.vocabulary(), (plan, type_id), wanted);
        let found = match backward::candidates(&mut walk, &inverse, self.limits.max_steps) {
            Ok(found) => found,
            Err(Stopped::Budget { .. }) => return circuit(),
            Err(stopped @ Stopped::Deadline { .. }) => return Err(stopped.into()),
        };
        let unnamed = smallvec![(NOBODY, &**subject.id())];
        let candidates = Ordered::new(sight, type_id, unnamed, found.nodes(), page.after, page.limit);
        let mut decider = Decider::new(self);
        paged(candidates, page.limit, id_of, |Candidate { node, id, sure }| {
            let object = || ObjectRef::from_valid(object_type.clone(), Id::from(*id));
            let decision = if *sure {
                decider.certain(&mut walk)?
            } else {
                let question = || TupleKey::from_valid(object(), relation.clone(), subject.clone());
                decider.decide(&mut walk, (plan, *node), &found, question)?
            };
            Ok((!decision.is_denied()).then(|| ListedObject { object: object(), decision }))
        })
    }

    /// The relations and permissions that `subject` has on `object`, by name. A check each.
    ///
    /// # Errors
    /// Those of a check, of any of the names.
    pub fn list_permissions(
        &self,
        object: &ObjectRef,
        subject: &Subject,
        page: PageRequest<'_>,
    ) -> Result<Page<ListedPermission>, EvalError> {
        self.answered(self.find_permissions(object, subject, page))
    }

    fn find_permissions(&self, object: &ObjectRef, subject: &Subject, page: PageRequest<'_>) -> Result<Page<ListedPermission>, EvalError> {
        let circuit = || self.by_circuit(self.limits, |circuit| circuit.list_permissions(object, subject, page));
        let definition = self.prepared.schema.definitions.get(object.object_type());
        let (Some(wanted), Some(definition)) = (self.wanted_of(subject), definition) else { return circuit() };
        let mut names: BTreeMap<&Name, (RelationKind, PlanId)> = BTreeMap::new();
        let mut object_type = None;
        for relation in definition.relations.values() {
            let Some((type_id, plan)) = self.plan_of(&definition.name, &relation.name) else { return circuit() };
            object_type = Some(type_id);
            names.insert(&relation.name, (relation.kind, plan));
        }
        let Some(object_type) = object_type else { return Ok(Page { items: Vec::new(), next: None }) };
        let mut sight = self.sight();
        let (node, subject_node) = sight.both([(object_type, object.id()), (wanted.type_id, subject.id())]);
        let mut walk = self.walk(self.asked_of(subject_node, wanted));
        let mut decider = Decider::new(self);
        let names = names.into_iter().filter(|(name, _)| page.after.is_none_or(|after| ***name > *after));
        paged(
            names,
            page.limit,
            |(name, _)| Name::clone(name),
            |(name, (kind, plan))| {
                let question = || TupleKey::from_valid(object.clone(), Name::clone(name), subject.clone());
                let decision = decider.decide(&mut walk, (*plan, node), &Nothing, question)?;
                Ok((!decision.is_denied()).then(|| ListedPermission { name: Name::clone(name), kind: *kind, decision }))
            },
        )
    }
}

impl<'a> Evaluator<'a> {
    fn sight(&self) -> Sight<'_> {
        Sight::new(self.prepared.state.graph(), self.extra.as_deref())
    }

    fn walk<'e>(&'e self, asked: Asked) -> Walk<'e>
    where
        'a: 'e,
    {
        let Prepared { plans, schema, indexed, .. } = self.prepared;
        Walk::new(World::new(self.sight(), plans, schema, asked, (self.time, self.context), *indexed), self.limits)
    }

    fn plan_of(&self, object_type: &Name, relation: &Name) -> Option<(TypeId, PlanId)> {
        self.prepared.plans.find(object_type, relation)
    }

    fn wanted_of(&self, subject: &Subject) -> Option<Wanted> {
        self.wanted(subject.object_type(), subject.relation(), subject.is_wildcard())
    }

    fn wanted(&self, subject_type: &Name, relation: Option<&Name>, wildcard: bool) -> Option<Wanted> {
        let relation = match relation {
            Some(relation) => relation,
            None if wildcard => "*",
            None => "",
        };
        let AskedKind { type_id, kind, kind_id } = self.prepared.plans.find_kind(subject_type, relation)?;
        Some(Wanted { type_id, kind, kind_id })
    }

    fn asked_of(&self, node: NodeId, Wanted { type_id, kind, kind_id }: Wanted) -> Asked {
        let wildcard = if kind == Kind::Object { self.sight().find(type_id, "*") } else { None };
        Asked { node, type_id, kind, kind_id, wildcard }
    }
}

fn id_of(candidate: &Candidate<'_>) -> Id {
    Id::from(candidate.id)
}

/// One page of what `decide` makes of the candidates: an item each, or `None`.
fn paged<C, T>(
    candidates: impl Iterator<Item = C>,
    limit: usize,
    id: impl Fn(&C) -> Id,
    mut decide: impl FnMut(&C) -> Result<Option<T>, EvalError>,
) -> Result<Page<T>, EvalError> {
    let limit = limit.max(1);
    let mut items = Vec::new();
    let mut last: Option<C> = None;
    for candidate in candidates {
        if items.len() >= limit {
            return Ok(Page { items, next: last.as_ref().map(id) });
        }
        match decide(&candidate) {
            Ok(item) => items.extend(item),
            // What was decided so far is a page; the rest gets a budget of its own.
            Err(EvalError::Stopped(Stopped::Budget { .. })) if last.is_some() => return Ok(Page { items, next: last.as_ref().map(id) }),
            Err(error) => return Err(error),
        }
        last = Some(candidate);
    }
    Ok(Page { items, next: None })
}
