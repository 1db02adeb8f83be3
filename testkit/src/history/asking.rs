//! Asks the engine in every form, and compares.

use dhow_engine::eval::{EvalError, Limits, ListedSubject, Page, PageRequest};
use dhow_engine::search::{Evaluator, Prepared, Question as Asks};
use dhow_engine::tuple::TupleKey;
use dhow_schema::value::Context;

use super::counts::Counts;
use super::judges::{Judges, Verdict, key, named};
use super::{Asked, Form};
use crate::engine::{context_of, time};
use crate::implied::{answer, items, listed, said, well_formed};
use crate::lists::{Lists, the_same};
use crate::model::{Question, Subject, World};
use crate::oracle::{Answer, decide, decide_all};
use crate::trees::read;

type List<T> = Result<Page<T>, EvalError>;

/// The engine and its judges, at one revision.
pub(super) struct Asking<'a> {
    pub(super) judges: &'a Judges<'a>,
    pub(super) prepared: &'a Prepared,
    pub(super) counts: Counts,
}

impl Asking<'_> {
    /// Asks everything; each question comes with the verdict on its check.
    pub(super) fn all(&mut self, questions: &[Asked], verdicts: &[Verdict]) -> Result<(), String> {
        let mut batch = Vec::new();
        for (asked, verdict) in questions.iter().zip(verdicts) {
            for form in &asked.forms {
                match form {
                    Form::Check => self.check(&asked.question, verdict)?,
                    Form::Batch => batch.push(&asked.question),
                    Form::Objects => self.objects(&asked.question)?,
                    Form::Subjects => self.subjects(&asked.question)?,
                    Form::Permissions => self.permissions(&asked.question)?,
                    Form::Tree => self.tree(&asked.question)?,
                }
            }
        }
        self.batch(&batch)
    }

    fn check(&mut self, question: &Question, verdict: &Verdict) -> Result<(), String> {
        let found = self.by_search(question, |evaluator| evaluator.check(&key(question)));
        self.counts.checks.count(&verdict.answer());
        if verdict.agrees(&found) { Ok(()) } else { Err(format!("check of {question}\n  judges: {verdict:?}\n  search: {found:?}")) }
    }

    /// All questions as one batch: the contextual tuples of the first one are there for all.
    fn batch(&mut self, questions: &[&Question]) -> Result<(), String> {
        let Some(first) = questions.first() else { return Ok(()) };
        let (contextual, none) = (self.judges.contextual(first), Context::new());
        let evaluator = self.prepared.evaluator(time(self.judges.now), &none).with_contextual(&contextual);
        let keys: Vec<TupleKey> = questions.iter().map(|question| key(question)).collect();
        let batch = evaluator.batch(keys.iter().map(Asks::from));
        for (place, question) in questions.iter().enumerate() {
            let found =
                batch.decide_with(place, &context_of(&question.context), Limits::default()).expect("as many as there are questions");
            let found = found.map(|(decision, _)| decision);
            let question = Question { contextual: first.contextual.clone(), ..(*question).clone() };
            let verdict = self.judges.check(&question);
            if !verdict.agrees(&found) {
                return Err(format!("number {place} of a batch: {question}\n  judges: {verdict:?}\n  search: {found:?}"));
            }
            self.counts.batched.count(&verdict.answer());
        }
        Ok(())
    }

    fn objects(&mut self, question: &Question) -> Result<(), String> {
        let (key, of) = (key(question), &question.object.object_type);
        let list = |lists: &dyn Lists| lists.objects(key.object().object_type(), key.relation(), key.subject(), PageRequest::default());
        let page = self.list(question, &list).map_err(|differ| format!("objects of {question}\n  {differ}"))?;
        self.counts.objects.count(&page);
        let Some(world) = &self.judges.world else { return Ok(()) };
        let asked: Vec<_> = named(world, question, of).into_iter().map(|object| (object, question.permission.clone())).collect();
        let answers = decide_all(world, &question.subject, &question.context, &question.contextual, &asked);
        let expected = listed(asked.into_iter().map(|(object, _)| object.id).zip(answers));
        let found = items(page, |found| (found.object.id().to_string(), answer(&found.decision)))?;
        if found == expected { Ok(()) } else { Err(format!("objects of {question}\n  oracle: {expected:?}\n  search: {found:?}")) }
    }

    fn permissions(&mut self, question: &Question) -> Result<(), String> {
        let key = key(question);
        let list = |lists: &dyn Lists| lists.permissions(key.object(), key.subject(), PageRequest::default());
        let page = self.list(question, &list).map_err(|differ| format!("permissions of {question}\n  {differ}"))?;
        self.counts.permissions.count(&page);
        let Some(world) = &self.judges.world else { return Ok(()) };
        let Some(definition) = world.model.definition(&question.object.object_type) else { return Ok(()) };
        let asked: Vec<_> = definition.names().map(|name| (question.object.clone(), name.to_owned())).collect();
        let answers = decide_all(world, &question.subject, &question.context, &question.contextual, &asked);
        let expected = listed(asked.into_iter().map(|(_, name)| name).zip(answers));
        let found = items(page, |found| (found.name.to_string(), answer(&found.decision)))?;
        if found == expected { Ok(()) } else { Err(format!("permissions of {question}\n  oracle: {expected:?}\n  search: {found:?}")) }
    }

    fn subjects(&mut self, question: &Question) -> Result<(), String> {
        let key = key(question);
        let of = (key.subject().object_type(), key.subject().relation());
        let list = |lists: &dyn Lists| lists.subjects(key.object(), key.relation(), of, PageRequest::default());
        let page = self.list(question, &list).map_err(|differ| format!("subjects of {question}\n  {differ}"))?;
        self.counts.subjects.count(&page);
        let Some(world) = &self.judges.world else { return Ok(()) };
        subjects_by_oracle(world, question, &page).map_err(|differ| format!("subjects of {question}\n  {differ}"))
    }

    /// The tree over the engine's state is the one over the plain view, and by itself says what brute force says.
    fn tree(&mut self, question: &Question) -> Result<(), String> {
        let key = key(question);
        let expand = |circuit: &dhow_engine::eval::Evaluator<'_>| circuit.expand(key.object(), key.relation(), None);
        let expected = self.judges.by_circuit(&self.judges.view, question, expand);
        let found = self.judges.by_circuit(self.prepared.state(), question, expand);
        let found = match (expected, found) {
            (Ok(expected), Ok(found)) if expected == found => found,
            (expected, found) => return Err(format!("tree of {question}\n  plain: {expected:?}\n  graph: {found:?}")),
        };
        self.counts.trees.count_items(found.direct_tuples().count());
        let Some(world) = &self.judges.world else { return Ok(()) };
        let (expected, said) = (decide(world, question), read(self.judges.schema, &found, question));
        if said == expected { Ok(()) } else { Err(format!("tree of {question}\n  oracle: {expected:?}\n  tree:   {said:?}")) }
    }

    /// What the search lists, if the circuit over the plain view lists the same.
    fn list<T: PartialEq + std::fmt::Debug>(&self, question: &Question, list: &dyn Fn(&dyn Lists) -> List<T>) -> Result<List<T>, String> {
        let circuit = self.judges.by_circuit(&self.judges.view, question, |circuit| list(circuit));
        the_same(circuit, &self.by_search(question, |evaluator| list(evaluator)))
    }

    fn by_search<T>(&self, question: &Question, ask: impl FnOnce(&Evaluator<'_>) -> T) -> T {
        let (contextual, context) = (self.judges.contextual(question), context_of(&question.context));
        ask(&self.prepared.evaluator(time(self.judges.now), &context).with_contextual(&contextual))
    }
}

/// Whether a list says of every subject of its kind what brute force says; a list that failed must have a subject with an error.
fn subjects_by_oracle(world: &World, question: &Question, list: &List<ListedSubject>) -> Result<(), String> {
    let (of, relation) = (&question.subject.object.object_type, &question.subject.relation);
    let mut all: Vec<Subject> =
        named(world, question, of).into_iter().map(|object| Subject { object, relation: relation.clone() }).collect();
    if relation.is_none() {
        all.push(Subject::wildcard(of));
    }
    let atom = [(question.object.clone(), question.permission.clone())];
    let answer = |subject| decide_all(world, subject, &question.context, &question.contextual, &atom).remove(0);
    let page = match list {
        Ok(page) => &page.items,
        Err(_) if all.iter().any(|subject| answer(subject) == Answer::Error) => return Ok(()),
        Err(error) => return Err(format!("oracle: there is a list\n  search: {error}")),
    };
    well_formed(page)?;
    for subject in &all {
        let (expected, found) = (answer(subject), said(page, &subject.to_string().parse().expect("a subject")));
        if found != expected && !(found.is_denied() && expected.is_denied()) {
            return Err(format!("{subject}\n  oracle: {expected:?}\n  search: {found:?} in {page:?}"));
        }
    }
    match page.iter().find(|item| !all.iter().any(|subject| subject.to_string() == item.subject.to_string())) {
        Some(stranger) => Err(format!("{} is named by nothing", stranger.subject)),
        None => Ok(()),
    }
}
