//! A list is what its checks say: `list = { x | check(x) is not denied }`, held against brute force on generated worlds.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail a test; clippy.toml lets off only the test functions themselves")]

use std::collections::BTreeSet;

use dhow_engine::eval::{EvalError, Page, PageRequest};
use dhow_engine::tuple::{ObjectRef, Subject as EngineSubject};
use dhow_schema::ir::Name;
use dhow_testkit::engine::EngineStore;
use dhow_testkit::generate::Profile;
use dhow_testkit::implied::{answer, items, listed, said, well_formed};
use dhow_testkit::lists::{Lists, the_same};
use dhow_testkit::model::{Object, Question, Shape, Subject};
use dhow_testkit::oracle::{Answer, decide, decide_all};
use dhow_testkit::runner::{Case, Run, run};

fn law(name: &'static str, law: impl Fn(&Case, &EngineStore, &Question) -> Result<(), String>) {
    let tally = run(Run { name, worlds: 3_400, questions: 3, profile: Profile::ALL }, |case, tally| {
        let store = EngineStore::of_world(&case.world);
        case.questions.iter().try_for_each(|question| {
            tally.count(&decide(&case.world, question));
            law(case, &store, question)
        })
    });
    tally.assert_shares(20, 5, 1);
}

fn equal<T: PartialEq + std::fmt::Debug>(by: &str, question: &Question, expected: &T, found: &T) -> Result<(), String> {
    if expected == found { Ok(()) } else { Err(format!("{question}\n  expected: {expected:?}\n  found:    {found:?} by {by}")) }
}

/// Sizes of pages to try: the smallest ones, and those around the whole list's.
fn sizes<T>(whole: &Option<Vec<T>>) -> impl Iterator<Item = usize> {
    let len = whole.as_ref().map_or(1, Vec::len);
    let few = 1..=if len <= 8 { len + 1 } else { 2 };
    few.chain((len > 8).then(|| [len - 1, len, len + 1]).into_iter().flatten())
}

fn object(object: &Object) -> ObjectRef {
    object.to_string().parse().unwrap()
}

fn subject(subject: &Subject) -> EngineSubject {
    subject.to_string().parse().unwrap()
}

/// The objects of the world, the contextual tuples and the question.
fn objects(case: &Case, question: &Question) -> BTreeSet<Object> {
    let contextual = question.contextual.iter().flat_map(|tuple| [&tuple.object, &tuple.subject.object]);
    let mut all = case.world.objects();
    all.extend(contextual.chain([&question.object, &question.subject.object]).filter(|object| object.id != "*").cloned());
    all
}

/// The whole list, put together from pages.
fn in_pages<T>(limit: usize, mut page: impl FnMut(PageRequest<'_>) -> Result<Page<T>, EvalError>) -> Result<Page<T>, EvalError> {
    let (mut items, mut after) = (Vec::new(), None::<String>);
    loop {
        let next = page(PageRequest { after: after.as_deref(), limit })?;
        assert!(next.items.len() <= limit, "a page has more than its limit");
        items.extend(next.items);
        match next.next {
            Some(id) => after = Some(id.to_string()),
            None => return Ok(Page { items, next: None }),
        }
    }
}

#[test]
fn objects_are_those_whose_check_is_not_denied() {
    law("list_objects = checks", |case, store, question| {
        let object_type = &question.object.object_type;
        let all: Vec<Object> = objects(case, question).into_iter().filter(|object| object.object_type == *object_type).collect();
        let asked: Vec<_> = all.iter().map(|object| (object.clone(), question.permission.clone())).collect();
        let answers = decide_all(&case.world, &question.subject, &question.context, &question.contextual, &asked);
        let expected = listed(all.iter().map(|object| object.id.clone()).zip(answers));
        let subject = subject(&question.subject);
        let (object_type, permission) = (Name::from(object_type.as_str()), Name::from(question.permission.as_str()));
        let item = |found: &dhow_engine::eval::ListedObject| (found.object.id().to_string(), answer(&found.decision));
        store.listing(case.world.now, question, |by, lists| {
            let list = |page: PageRequest<'_>| lists.objects(&object_type, &permission, &subject, page);
            equal(by, question, &expected, &items(list(PageRequest::default()), item)?)?;
            sizes(&expected).try_for_each(|size| equal(by, question, &expected, &items(in_pages(size, list), item)?))
        })
    });
}

#[test]
fn permissions_are_those_whose_check_is_not_denied() {
    law("list_permissions = checks", |case, store, question| {
        let Some(definition) = case.world.model.definition(&question.object.object_type) else { return Ok(()) };
        let asked: Vec<_> = definition.names().map(|name| (question.object.clone(), name.to_owned())).collect();
        let answers = decide_all(&case.world, &question.subject, &question.context, &question.contextual, &asked);
        let expected = listed(asked.into_iter().map(|(_, name)| name).zip(answers));
        let (object, subject) = (object(&question.object), subject(&question.subject));
        let item = |found: &dhow_engine::eval::ListedPermission| (found.name.to_string(), answer(&found.decision));
        store.listing(case.world.now, question, |by, lists| {
            let list = |page: PageRequest<'_>| lists.permissions(&object, &subject, page);
            equal(by, question, &expected, &items(list(PageRequest::default()), item)?)?;
            sizes(&expected).try_for_each(|size| equal(by, question, &expected, &items(in_pages(size, list), item)?))
        })
    });
}

#[test]
fn subjects_are_those_whose_check_is_not_denied_wildcards_and_exclusions_included() {
    law("list_subjects = checks", |case, store, question| {
        let (subject_type, relation) = match question.subject.shape() {
            Shape::Object | Shape::Wildcard => (question.subject.object.object_type.clone(), None),
            Shape::Userset(relation) => (question.subject.object.object_type.clone(), Some(relation)),
        };
        let named = objects(case, question).into_iter().filter(|object| object.object_type == subject_type);
        let mut all: Vec<Subject> = named.map(|object| Subject { object, relation: relation.clone() }).collect();
        if relation.is_none() {
            all.push(Subject::wildcard(&subject_type));
        }
        let atom = [(question.object.clone(), question.permission.clone())];
        let answers: Vec<Answer> =
            all.iter().flat_map(|subject| decide_all(&case.world, subject, &question.context, &question.contextual, &atom)).collect();
        let (object, permission) = (object(&question.object), Name::from(question.permission.as_str()));
        let (subject_type, relation) = (Name::from(subject_type.as_str()), relation.as_deref().map(Name::from));
        store.listing(case.world.now, question, |by, lists| {
            let list = |page: PageRequest<'_>| lists.subjects(&object, &permission, (&subject_type, relation.as_ref()), page);
            let page = match list(PageRequest::default()) {
                Ok(page) => page.items,
                Err(EvalError::Caveat(_)) if answers.contains(&Answer::Error) => return Ok(()),
                Err(error) => return Err(format!("{question}: {error}")),
            };
            well_formed(&page)?;
            for (subject, expected) in all.iter().zip(&answers) {
                let expected = if expected.is_denied() { &Answer::Denied { paradox: false } } else { expected };
                let found = said(&page, &self::subject(subject));
                if found != *expected {
                    return Err(format!("{question}\n  {subject}\n  expected: {expected:?}\n  found:    {found:?} in {page:?} by {by}"));
                }
            }
            sizes(&Some(page.clone())).try_for_each(|size| match in_pages(size, list) {
                Ok(pages) => equal(by, question, &page, &pages.items),
                Err(error) => Err(error.to_string()),
            })
        })
    });
}

/// Both evaluators give the same lists to the last exclusion: who is a candidate is a part of the meaning.
#[test]
fn the_evaluators_give_the_same_lists() {
    law("lists by search = lists by circuit", |case, store, question| {
        let (object, subject) = (object(&question.object), subject(&question.subject));
        let permission = Name::from(question.permission.as_str());
        let all = |lists: &dyn Lists| {
            let page = PageRequest::default();
            let objects = lists.objects(object.object_type(), &permission, &subject, page);
            let subjects = lists.subjects(&object, &permission, (subject.object_type(), subject.relation()), page);
            (objects, subjects, lists.permissions(&object, &subject, page))
        };
        let circuit = store.asking(case.world.now, question, |evaluator| all(evaluator));
        let based = store.half_in_base();
        let search = [store, &based].map(|store| store.asking_search(case.world.now, question, |evaluator| all(evaluator)));
        let differ = |differ: String| format!("{question}\n  {differ}");
        search.into_iter().try_for_each(|search| {
            the_same(circuit.0.clone(), &search.0).map(drop).map_err(differ)?;
            the_same(circuit.1.clone(), &search.1).map(drop).map_err(differ)?;
            the_same(circuit.2.clone(), &search.2).map(drop).map_err(differ)
        })
    });
}
