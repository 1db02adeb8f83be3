//! Lists: `{ x | check(x) is not denied }`, as those of [`crate::eval`], found from the end that is known.
//!
//! The objects of a subject are found by going back from it along the plans, turned round; the subjects of an object by going
//! forwards. What a way of edges alone leads to needs no check. Anything else that is found is a candidate, and a search decides.
//!
//! **Steps.** Finding the candidates may take the whole budget, and so may deciding them: a page may cost twice its budget, and every page finds
//! its candidates anew. A list of objects with more candidates than that is the circuit's, which looks at every object of the type;
//! so any list of objects can be read to its end.

use smallvec::smallvec;

use super::walk::{Asked, Tri, Walk};
use super::{Evaluator, Sight};
use crate::eval::{
    Decision, EvalError, Exclusion, Limits, ListedObject, ListedPermission, ListedSubject, Page, PageRequest, Stopped, is_excluded,
};
use crate::graph::ids::{NodeId, TypeId};
use crate::graph::vocabulary::Kind;
use crate::plan::PlanId;
use crate::plan::inverse::{Inverse, Wanted};
use crate::tuple::{Id, ObjectRef, Subject, TupleKey};
use dhow_schema::ir::{Name, RelationKind};
use ordered::{Candidate, Ordered, Unnamed};
use std::collections::BTreeMap;

mod backward;
mod forward;
mod ordered;
mod waves;

#[cfg(test)]
mod tests;

/// The number of the object or subject of a question that nothing names.
const NOBODY: NodeId = NodeId::MAX;
/// The number of a wildcard that nothing names.
const NO_WILDCARD: NodeId = NodeId(NodeId::MAX.0 - 1);

/// Decides candidates, one after the other, within one budget.
struct Decider<'e, 'a> {
    evaluator: &'e Evaluator<'a>,
    spent: u64,
}

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
        let candidates = Ordered::new(sight, type_id, unnamed, &found, page.after, page.limit);
        let mut decider = Decider { evaluator: self, spent: 0 };
        paged(candidates, page.limit, id_of, |Candidate { node, id, sure }| {
            let object = || ObjectRef::from_valid(object_type.clone(), Id::from(*id));
            let decision = if *sure {
                decider.certain(&mut walk)?
            } else {
                let question = || TupleKey::from_valid(object(), relation.clone(), subject.clone());
                decider.decide(&mut walk, (plan, *node), question)?
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
        let sight = self.sight();
        let (node, subject_node) = sight.both((object_type, object.id()), (wanted.type_id, subject.id()));
        let mut walk = self.walk(self.asked_of(subject_node, wanted));
        let mut decider = Decider { evaluator: self, spent: 0 };
        let names = names.into_iter().filter(|(name, _)| page.after.is_none_or(|after| ***name > *after));
        paged(
            names,
            page.limit,
            |(name, _)| Name::clone(name),
            |(name, (kind, plan))| {
                let question = || TupleKey::from_valid(object.clone(), Name::clone(name), subject.clone());
                let decision = decider.decide(&mut walk, (*plan, node), question)?;
                Ok((!decision.is_denied()).then(|| ListedPermission { name: Name::clone(name), kind: *kind, decision }))
            },
        )
    }

    /// The subjects of a type (its objects, or the usersets of `subject_relation`) that have `relation` on `object`, by id. O(edges that
    /// the question depends on), and a check for each candidate that is not certain.
    ///
    /// Any object that is no candidate is decided as `type:*` is: if that is not denied, it is an item, with the candidates that it does
    /// not stand for.
    ///
    /// # Errors
    /// Those of a check, of any of the subjects looked at; a budget that the way to the candidates uses up.
    pub fn list_subjects(
        &self,
        object: &ObjectRef,
        relation: &Name,
        subject_type: &Name,
        subject_relation: Option<&Name>,
        page: PageRequest<'_>,
    ) -> Result<Page<ListedSubject>, EvalError> {
        let ids = (self.plan_of(object.object_type(), relation), self.wanted(subject_type, subject_relation, false));
        let (Some((object_type, plan)), Some(wanted)) = ids else {
            let list = |circuit: &super::Circuit<'_>| circuit.list_subjects(object, relation, subject_type, subject_relation, page);
            return self.by_circuit(self.limits, list);
        };
        let sight = self.sight();
        let object_node = sight.find(object_type, object.id()).unwrap_or(NOBODY);
        let mut walk = self.walk(self.asked_of(object_node, wanted));
        let mut found = forward::candidates(&mut walk, (plan, object_node, object_type), wanted, self.limits.max_steps)?;
        let wildcard = sight.find(wanted.type_id, "*").unwrap_or(NO_WILDCARD);
        let wildcard_wanted = self.wanted(subject_type, subject_relation, true).filter(|_| subject_relation.is_none());
        if wildcard_wanted.is_some() {
            found.push((wildcard, false));
        }
        let unnamed: Unnamed<'_> = smallvec![(NOBODY, &**object.id()), (NO_WILDCARD, "*")];
        let subject_of = |id: &str| match subject_relation {
            Some(relation) => Subject::userset_of_valid(ObjectRef::from_valid(subject_type.clone(), Id::from(id)), relation.clone()),
            None if id == "*" => Subject::wildcard_of_valid(subject_type.clone()),
            None => Subject::object(ObjectRef::from_valid(subject_type.clone(), Id::from(id))),
        };
        let mut decider = Decider { evaluator: self, spent: 0 };
        let mut decided: hashbrown::HashMap<NodeId, Decision, foldhash::fast::FixedState> = hashbrown::HashMap::default();
        let candidates = Ordered::new(sight, wanted.type_id, unnamed.clone(), &found, page.after, page.limit);
        paged(candidates, page.limit, id_of, |candidate| {
            let Candidate { node, id, sure } = *candidate;
            let mut decide = |node: NodeId, id: &str, wanted: Wanted| {
                let mut walk = self.walk(self.asked_of(node, wanted));
                let question = || TupleKey::from_valid(object.clone(), relation.clone(), subject_of(id));
                decider.decide(&mut walk, (plan, object_node), question)
            };
            if let Some(wildcard_wanted) = wildcard_wanted.filter(|_| node == wildcard) {
                let decision = decide(node, id, wildcard_wanted)?;
                if decision.is_denied() {
                    return Ok(None);
                }
                let mut exclusions = Vec::new();
                // Who is in for certain is not excluded.
                let certain: hashbrown::HashSet<NodeId, foldhash::fast::FixedState> =
                    found.iter().filter(|(_, sure)| *sure).map(|(node, _)| *node).collect();
                let doubtful = found.iter().filter(|(node, _)| *node != wildcard && !certain.contains(node)).copied().collect();
                for other in Ordered::new(sight, wanted.type_id, unnamed.clone(), &doubtful, None, usize::MAX) {
                    let of_other = decide(other.node, other.id, wanted)?;
                    decided.insert(other.node, of_other.clone());
                    if is_excluded(&decision, &of_other) {
                        exclusions.push(Exclusion { subject: subject_of(other.id), decision: of_other });
                    }
                }
                return Ok(Some(ListedSubject { subject: subject_of(id), decision, exclusions }));
            }
            let decision = match decided.get(&node) {
                _ if sure => decider.certain(&mut walk)?,
                Some(decision) => decision.clone(),
                None => decide(node, id, wanted)?,
            };
            Ok((!decision.is_denied()).then(|| ListedSubject { subject: subject_of(id), decision, exclusions: Vec::new() }))
        })
    }
}

impl<'a> Evaluator<'a> {
    fn sight(&self) -> Sight<'_> {
        Sight { graph: self.prepared.state.graph(), extra: self.extra.as_deref() }
    }

    fn walk<'e>(&'e self, asked: Asked) -> Walk<'e>
    where
        'a: 'e,
    {
        Walk::new(self.sight(), &self.prepared.plans, &self.prepared.schema, asked, self.time, self.context, self.limits)
    }

    fn plan_of(&self, object_type: &Name, relation: &Name) -> Option<(TypeId, PlanId)> {
        let vocabulary = self.prepared.state.graph().vocabulary();
        let object_type = vocabulary.type_id(object_type)?;
        Some((object_type, self.prepared.plans.named(object_type, vocabulary.relation_id(relation)?)?))
    }

    fn wanted_of(&self, subject: &Subject) -> Option<Wanted> {
        self.wanted(subject.object_type(), subject.relation(), subject.is_wildcard())
    }

    fn wanted(&self, subject_type: &Name, relation: Option<&Name>, wildcard: bool) -> Option<Wanted> {
        let vocabulary = self.prepared.state.graph().vocabulary();
        let type_id = vocabulary.type_id(subject_type)?;
        let kind = match relation {
            Some(relation) => Kind::Userset(vocabulary.relation_id(relation)?),
            None if wildcard => Kind::Wildcard,
            None => Kind::Object,
        };
        Some(Wanted { type_id, kind, kind_id: self.prepared.plans.kind(type_id, kind)? })
    }

    fn asked_of(&self, node: NodeId, Wanted { type_id, kind, kind_id }: Wanted) -> Asked {
        let wildcard = if kind == Kind::Object { self.sight().find(type_id, "*") } else { None };
        Asked { node, type_id, kind, kind_id, wildcard }
    }
}

impl Decider<'_, '_> {
    /// Takes one step, unless there is none left. The first candidate of a page always has the whole budget.
    fn begin(&mut self) -> Result<(), EvalError> {
        let max_steps = self.evaluator.limits.max_steps;
        if self.spent > 0 && self.spent >= max_steps {
            return Err(Stopped::Budget { max_steps }.into());
        }
        Ok(())
    }

    /// Charges a candidate that needs no check.
    fn certain(&mut self, walk: &mut Walk<'_>) -> Result<Decision, EvalError> {
        self.begin()?;
        walk.look()?;
        self.spent += 1;
        Ok(Decision::Allowed)
    }

    /// Decides a candidate as a check does.
    fn decide(
        &mut self,
        walk: &mut Walk<'_>,
        (plan, node): (PlanId, NodeId),
        question: impl FnOnce() -> TupleKey,
    ) -> Result<Decision, EvalError> {
        self.begin()?;
        let (answer, steps) = walk.search(plan, node, self.spent)?;
        let decision = match answer {
            Tri::Yes => Decision::Allowed,
            Tri::No => Decision::Denied,
            Tri::NotHere => {
                let max_steps = self.evaluator.limits.max_steps;
                let limits = Limits { max_steps: max_steps.saturating_sub(self.spent), ..self.evaluator.limits };
                let (decision, more) =
                    self.evaluator.by_circuit(limits, |circuit| circuit.check_counted(&question())).map_err(|error| {
                        if let EvalError::Stopped(Stopped::Budget { .. }) = error { Stopped::Budget { max_steps }.into() } else { error }
                    })?;
                self.spent += more;
                decision
            }
        };
        self.spent += steps + 1;
        Ok(decision)
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
