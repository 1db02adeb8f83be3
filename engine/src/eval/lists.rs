//! Lists: which objects, which subjects, which permissions. Each is `{ x | check(x) is not denied }`, in one order, in pages.
//!
//! A page ends at its limit, at the end of the list, or where the budget is used up after at least one candidate was decided; then
//! [`Page::next`] says where to go on. So a list of any length can be read, and no page costs more than its budget.

use std::collections::BTreeMap;

use dhow_schema::ir::{Name, RelationKind};

use super::build::{Atom, Build};
use super::check::{Decision, EvalError, Evaluator};
use super::meter::{Meter, Stopped};
use crate::tuple::{Id, ObjectRef, Subject, TupleKey};
use crate::validate::{find_relation, find_subject, find_type};

mod reach;

/// Objects decided in one circuit.
const BLOCK: usize = 64;

/// Which part of a list is wanted.
#[derive(Debug, Clone, Copy)]
pub struct PageRequest<'q> {
    /// Only what comes after this id (of a list of permissions: name), in the order of bytes.
    pub after: Option<&'q str>,
    /// At most so many items.
    pub limit: usize,
}

impl Default for PageRequest<'_> {
    /// From the beginning, without a limit.
    fn default() -> Self {
        Self { after: None, limit: usize::MAX }
    }
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items, in order.
    pub items: Vec<T>,
    /// What [`PageRequest::after`] must be for the next page; `None`: this is the last one. A page before the last may be empty.
    pub next: Option<Id>,
}

/// An object that a subject has a permission on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedObject {
    /// The object.
    pub object: ObjectRef,
    /// Allowed or conditional.
    pub decision: Decision,
}

/// A subject that has a permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedSubject {
    /// The subject; `type:*` stands for all that no tuple names.
    pub subject: Subject,
    /// Allowed or conditional.
    pub decision: Decision,
    /// Of `type:*` only: those it does not stand for, denied or (where `type:*` itself is allowed) conditional. In order.
    pub exclusions: Vec<Exclusion>,
}

/// A subject that a wildcard does not stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exclusion {
    /// The subject.
    pub subject: Subject,
    /// Denied, or conditional; the latter is an item of the list as well.
    pub decision: Decision,
}

/// A relation or permission that a subject has on an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedPermission {
    /// Its name.
    pub name: Name,
    /// What the schema calls it.
    pub kind: RelationKind,
    /// Allowed or conditional.
    pub decision: Decision,
}

impl Evaluator<'_> {
    /// The objects of a type that `subject` has `relation` on, by id.
    ///
    /// Candidates are the objects that a tuple names and the subject's own; no other can have it. O(candidates × check), the parts
    /// that checks share counted once per block of 64.
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
        find_relation(self.world.schema, object_type, relation)?;
        find_subject(self.world.schema, subject)?;
        let own = subject.object_ref().filter(|object| object.object_type() == object_type).map(|object| object.id().clone());
        let own = own.filter(|id| page.after.is_none_or(|after| **id > *after));
        let list = |block| {
            let candidates = with_own(self.world.view.object_ids(object_type, page.after), own.clone());
            let mut meter = self.meter();
            paged(candidates, page.limit, block, |ids| self.decide_objects(object_type, relation, subject, ids, &mut meter))
        };
        let page = list(BLOCK);
        // Too much at once? One by one, each object may be within the budget.
        if let Err(EvalError::Stopped(Stopped::Budget { .. })) = page { list(1) } else { page }
    }

    fn decide_objects(
        &self,
        object_type: &Name,
        relation: &Name,
        subject: &Subject,
        ids: &[Id],
        meter: &mut Meter<'_>,
    ) -> Result<Vec<Option<ListedObject>>, EvalError> {
        let mut build = Build::new(self.world, subject);
        let mut asked = Vec::with_capacity(ids.len());
        for id in ids {
            let object = ObjectRef::from_valid(object_type.clone(), id.clone());
            let gate = build.atom(Atom { object: object.clone(), relation: relation.clone() }, meter)?;
            asked.push((object, gate));
        }
        let solved = build.solve(meter)?;
        asked
            .into_iter()
            .map(|(object, gate)| {
                let decision = solved.decision(gate)?;
                Ok((!decision.is_denied()).then_some(ListedObject { object, decision }))
            })
            .collect()
    }

    /// The relations and permissions that `subject` has on `object`, by name.
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
        find_type(self.world.schema, object.object_type())?;
        find_subject(self.world.schema, subject)?;
        let definition = self.world.schema.definitions.get(object.object_type());
        let relations = definition.into_iter().flat_map(|definition| definition.relations.values());
        let relations: BTreeMap<&Name, RelationKind> = relations.map(|relation| (&relation.name, relation.kind)).collect();
        let names = relations.keys().filter(|name| page.after.is_none_or(|after| ****name > *after)).map(|name| Name::clone(name));
        let mut meter = self.meter();
        paged(names, page.limit, BLOCK, |names| {
            let mut build = Build::new(self.world, subject);
            let mut asked = Vec::with_capacity(names.len());
            for name in names {
                let gate = build.atom(Atom { object: object.clone(), relation: name.clone() }, &mut meter)?;
                asked.push((name, gate));
            }
            let solved = build.solve(&mut meter)?;
            let item = |(name, gate): (&Name, _)| {
                let decision = solved.decision(gate)?;
                let kind = relations.get(name).copied().filter(|_| !decision.is_denied());
                Ok(kind.map(|kind| ListedPermission { name: name.clone(), kind, decision }))
            };
            asked.into_iter().map(item).collect()
        })
    }

    /// The subjects of a type (its objects, or the usersets of `subject_relation`) that have `relation` on `object`, by id.
    ///
    /// Candidates are the subjects that a tuple names which the question depends on, and objects and usersets that it meets on the
    /// way. Any other object is decided as `type:*` is: if that is not denied, it is an item, with the candidates it does not
    /// stand for. O(candidates × check).
    ///
    /// # Errors
    /// Those of a check, of any of the subjects looked at.
    pub fn list_subjects(
        &self,
        object: &ObjectRef,
        relation: &Name,
        subject_type: &Name,
        subject_relation: Option<&Name>,
        page: PageRequest<'_>,
    ) -> Result<Page<ListedSubject>, EvalError> {
        self.answered(self.find_subjects(object, relation, (subject_type, subject_relation), page))
    }

    fn find_subjects(
        &self,
        object: &ObjectRef,
        relation: &Name,
        (subject_type, subject_relation): (&Name, Option<&Name>),
        page: PageRequest<'_>,
    ) -> Result<Page<ListedSubject>, EvalError> {
        find_relation(self.world.schema, object.object_type(), relation)?;
        match subject_relation {
            Some(subject_relation) => find_relation(self.world.schema, subject_type, subject_relation).map(|_| ())?,
            None => find_type(self.world.schema, subject_type)?,
        }
        let mut meter = self.meter();
        let asked = Atom { object: object.clone(), relation: relation.clone() };
        let mut candidates = reach::candidates(&self.world, asked.clone(), subject_type, subject_relation, &mut meter)?;
        if subject_relation.is_none() {
            candidates.insert(Id::from("*"));
        }
        let subject_of = |id: &Id| match subject_relation {
            Some(relation) => Subject::userset_of_valid(ObjectRef::from_valid(subject_type.clone(), id.clone()), relation.clone()),
            None if &**id == "*" => Subject::wildcard_of_valid(subject_type.clone()),
            None => Subject::object(ObjectRef::from_valid(subject_type.clone(), id.clone())),
        };
        let mut decided: BTreeMap<Id, Decision> = BTreeMap::new();
        let mut decide = |id: &Id| -> Result<Decision, EvalError> {
            if let Some(decision) = decided.get(id) {
                return Ok(decision.clone());
            }
            let question = TupleKey::from_valid(asked.object.clone(), asked.relation.clone(), subject_of(id));
            let (solved, root) = self.solve(&question, &mut meter)?;
            let decision = solved.decision(root)?;
            decided.insert(id.clone(), decision.clone());
            Ok(decision)
        };
        let wanted = candidates.iter().filter(|id| page.after.is_none_or(|after| ***id > *after)).cloned();
        paged(wanted, page.limit, 1, |ids| {
            let mut items = Vec::with_capacity(ids.len());
            for id in ids {
                let decision = decide(id)?;
                if decision.is_denied() {
                    items.push(None);
                    continue;
                }
                let subject = subject_of(id);
                let mut exclusions = Vec::new();
                if subject.is_wildcard() {
                    for other in candidates.iter().filter(|other| *other != id) {
                        let of_other = decide(other)?;
                        if is_excluded(&decision, &of_other) {
                            exclusions.push(Exclusion { subject: subject_of(other), decision: of_other });
                        }
                    }
                }
                items.push(Some(ListedSubject { subject, decision, exclusions }));
            }
            Ok(items)
        })
    }
}

/// Whether a subject must be named beside a wildcard, because it does not have what the wildcard has.
pub(crate) const fn is_excluded(wildcard: &Decision, subject: &Decision) -> bool {
    match (wildcard, subject) {
        (_, Decision::Denied) | (Decision::Allowed, Decision::Conditional { .. }) => true,
        (_, Decision::Allowed) | (Decision::Conditional { .. } | Decision::Denied, Decision::Conditional { .. }) => false,
    }
}

/// Sorted ids, with one more where it belongs unless it is among them.
fn with_own(ids: impl Iterator<Item = Id>, mut own: Option<Id>) -> impl Iterator<Item = Id> {
    let mut ids = ids.peekable();
    std::iter::from_fn(move || {
        let comes_first = match (&own, ids.peek()) {
            (Some(own), Some(next)) => own < next,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if comes_first {
            return own.take();
        }
        own = own.take().filter(|own| ids.peek() != Some(own));
        ids.next()
    })
}

/// One page of what `decide` makes of the candidates, `block` of them at a time: an item each, or `None`.
fn paged<T>(
    candidates: impl Iterator<Item = Id>,
    limit: usize,
    block: usize,
    mut decide: impl FnMut(&[Id]) -> Result<Vec<Option<T>>, EvalError>,
) -> Result<Page<T>, EvalError> {
    let limit = limit.max(1);
    let mut candidates = candidates.peekable();
    let mut items = Vec::new();
    let mut last: Option<Id> = None;
    while candidates.peek().is_some() {
        if items.len() >= limit {
            return Ok(Page { items, next: last });
        }
        let ids: Vec<Id> = candidates.by_ref().take(block).collect();
        let decided = match decide(&ids) {
            Ok(decided) => decided,
            // What was decided so far is a page; the rest gets a budget of its own.
            Err(EvalError::Stopped(Stopped::Budget { .. })) if last.is_some() => return Ok(Page { items, next: last }),
            Err(error) => return Err(error),
        };
        for (id, item) in ids.into_iter().zip(decided) {
            if items.len() >= limit {
                return Ok(Page { items, next: last });
            }
            items.extend(item);
            last = Some(id);
        }
    }
    Ok(Page { items, next: None })
}
