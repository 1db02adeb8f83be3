//! Lists of subjects: candidates, decisions, and what a wildcard stands for.

use smallvec::smallvec;

use super::super::walk::Walk;
use super::super::world::Asked;
use super::super::{Circuit, Evaluator};
use super::decide::{Decider, Known, Nothing};
use super::ordered::{Candidate, Ordered, Unnamed};
use super::parts::Parts;
use super::waves::Found;
use super::{NOBODY, forward, id_of, paged};
use crate::eval::{Decision, EvalError, Exclusion, ListedSubject, Page, PageRequest, is_excluded};
use crate::graph::ids::NodeId;
use crate::plan::PlanId;
use crate::plan::inverse::Wanted;
use crate::tuple::{Id, ObjectRef, Subject, TupleKey};
use dhow_schema::ir::Name;

/// The number of a wildcard that nothing names.
const NO_WILDCARD: NodeId = NodeId::NOBODY_ELSE;

impl Evaluator<'_> {
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
        self.answered(self.find_subjects(object, relation, (subject_type, subject_relation), page))
    }

    fn find_subjects(
        &self,
        object: &ObjectRef,
        relation: &Name,
        (subject_type, subject_relation): (&Name, Option<&Name>),
        page: PageRequest<'_>,
    ) -> Result<Page<ListedSubject>, EvalError> {
        let ids = (self.plan_of(object.object_type(), relation), self.wanted(subject_type, subject_relation, false));
        let (Some((object_type, plan)), Some(wanted)) = ids else {
            let list = |circuit: &Circuit<'_>| circuit.list_subjects(object, relation, subject_type, subject_relation, page);
            return self.by_circuit(self.limits, list);
        };
        let sight = self.sight();
        let node = sight.find(object_type, object.id()).unwrap_or(NOBODY);
        let mut walk = self.walk(self.asked_of(node, wanted));
        let max_steps = self.limits.max_steps;
        let mut found = forward::candidates(&mut walk, (plan, node, object_type), wanted, max_steps)?.nodes;
        let parts = if found.iter().all(|(_, sure)| *sure) {
            Parts::default()
        } else {
            Parts::of(&mut walk, (plan, node, object_type), wanted, max_steps)?
        };
        let wildcard = match subject_relation {
            Some(_) => None,
            None => self.wanted(subject_type, None, true).map(|wanted| (sight.find(wanted.type_id, "*").unwrap_or(NO_WILDCARD), wanted)),
        };
        found.extend(wildcard.map(|(node, _)| (node, false)));
        let unnamed: Unnamed<'_> = smallvec![(NOBODY, &**object.id()), (NO_WILDCARD, "*")];
        let candidates = Ordered::new(sight, wanted.type_id, unnamed.clone(), &found, page.after, page.limit);
        let (atom, decider) = ((plan, node), Decider::new(self));
        let asked = Question { object, relation, subject_type, subject_relation, atom, wanted, stands_for: walk.world.asked.wildcard };
        let mut subjects = Subjects { evaluator: self, asked, parts, decider, decided: Decided::default() };
        paged(candidates, page.limit, id_of, |candidate| {
            if let Some((_, of_wildcard)) = wildcard.filter(|(wildcard, _)| candidate.node == *wildcard) {
                return subjects.wildcard(
                    candidate,
                    of_wildcard,
                    |doubtful| Ordered::new(sight, wanted.type_id, unnamed.clone(), &doubtful, None, usize::MAX),
                    &found,
                );
            }
            let decision = if candidate.sure { subjects.decider.certain(&mut walk)? } else { subjects.decide(candidate)? };
            let subject = || subjects.asked.subject(candidate.id);
            Ok((!decision.is_denied()).then(|| ListedSubject { subject: subject(), decision, exclusions: Vec::new() }))
        })
    }
}

/// What is asked.
struct Question<'q> {
    object: &'q ObjectRef,
    relation: &'q Name,
    subject_type: &'q Name,
    subject_relation: Option<&'q Name>,
    atom: (PlanId, NodeId),
    wanted: Wanted,
    /// The wildcard that stands for a subject of the kind.
    stands_for: Option<NodeId>,
}

impl Question<'_> {
    fn subject(&self, id: &str) -> Subject {
        match self.subject_relation {
            Some(relation) => {
                let object = ObjectRef::from_valid(self.subject_type.clone(), Id::from(id));
                Subject::userset_of_valid(object, relation.clone())
            }
            None if id == "*" => Subject::wildcard_of_valid(self.subject_type.clone()),
            None => Subject::object(ObjectRef::from_valid(self.subject_type.clone(), Id::from(id))),
        }
    }
}

type Decided = hashbrown::HashMap<NodeId, Decision, foldhash::fast::FixedState>;

struct Subjects<'e, 'a> {
    evaluator: &'e Evaluator<'a>,
    asked: Question<'e>,
    parts: Parts,
    decider: Decider<'e, 'a>,
    /// Decisions that are needed once more.
    decided: Decided,
}

impl Subjects<'_, '_> {
    /// Decides a subject of the kind.
    fn decide(&mut self, candidate: &Candidate<'_>) -> Result<Decision, EvalError> {
        if let Some(decision) = self.decided.get(&candidate.node) {
            return Ok(decision.clone());
        }
        let (node, Wanted { type_id, kind, kind_id }) = (candidate.node, self.asked.wanted);
        let asked = Asked { node, type_id, kind, kind_id, wildcard: self.asked.stands_for };
        let mut walk = self.evaluator.walk(asked);
        let known = self.parts.with(self.asked.atom.1, node);
        ask(&mut self.decider, &self.asked, &mut walk, &known, candidate.id)
    }

    /// The item of the wildcard: with all candidates that it does not stand for, wherever in the list they are.
    fn wildcard<'c>(
        &mut self,
        candidate: &Candidate<'_>,
        of_wildcard: Wanted,
        order: impl FnOnce(Found) -> Ordered<'c>,
        found: &Found,
    ) -> Result<Option<ListedSubject>, EvalError> {
        let mut walk = self.evaluator.walk(self.evaluator.asked_of(candidate.node, of_wildcard));
        let decision = ask(&mut self.decider, &self.asked, &mut walk, &Nothing, candidate.id)?;
        if decision.is_denied() {
            return Ok(None);
        }
        // Who is in for certain is not excluded.
        let certain = found.iter().filter(|(_, sure)| *sure).map(|(node, _)| *node);
        let certain: hashbrown::HashSet<NodeId, foldhash::fast::FixedState> = certain.collect();
        let doubtful = found.iter().filter(|(node, _)| *node != candidate.node && !certain.contains(node)).copied().collect();
        let mut exclusions = Vec::new();
        for other in order(doubtful) {
            let of_other = self.decide(&other)?;
            self.decided.insert(other.node, of_other.clone());
            if is_excluded(&decision, &of_other) {
                exclusions.push(Exclusion { subject: self.asked.subject(other.id), decision: of_other });
            }
        }
        Ok(Some(ListedSubject { subject: self.asked.subject(candidate.id), decision, exclusions }))
    }
}

fn ask(
    decider: &mut Decider<'_, '_>,
    asked: &Question<'_>,
    walk: &mut Walk<'_>,
    known: &dyn Known,
    id: &str,
) -> Result<Decision, EvalError> {
    let question = || TupleKey::from_valid(asked.object.clone(), asked.relation.clone(), asked.subject(id));
    decider.decide(walk, asked.atom, known, question)
}
