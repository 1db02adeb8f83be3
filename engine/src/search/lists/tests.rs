//! Laws of lists that the test kit's worlds do not show: budgets, and how numbers come about.

use std::sync::Arc;

use super::super::Prepared;
use super::*;
use crate::entry::{Body, Change, StoreId};
use crate::eval::{Limits, ListedSubject};
use crate::state::{Rebuild, State};
use crate::time::Timestamp;
use crate::tuple::Tuple;
use dhow_schema::value::Context;

const SCHEMA: &str = "
    use self
    definition user {}
    definition team { relation member: user | team#member }
    definition doc {
        relation parent: doc
        relation viewer: user | user:* | team#member
        relation banned: user | team#member
        permission see = viewer + parent->see
        permission view = see - banned
        permission both = see & viewer
        permission me = self
    }";

fn tuples() -> Vec<Tuple> {
    let mut texts = Vec::new();
    for number in 0..40 {
        texts.push(format!("doc:{number}#parent@doc:{}", number / 3));
        texts.push(format!("team:{number}#member@team:{}#member", (number * 7 + 1) % 40));
        texts.push(format!("doc:{number}#viewer@team:{}#member", number % 11));
        texts.push(format!("team:{number}#member@user:u{number}"));
        texts.push(format!("doc:{number}#banned@user:u{}", number * 5 % 40));
    }
    texts.push("doc:7#viewer@user:*".to_owned());
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// Tuples in this order, the first ones of which are in the base.
fn prepared(tuples: &[Tuple], in_base: usize) -> Prepared {
    let mut state = State::genesis(StoreId([1; 16]));
    for (place, tuple) in tuples.iter().enumerate() {
        if place == in_base {
            let mut rebuild = Rebuild::begin_now(&state);
            while let Some(part) = rebuild.work(&state) {
                state = part.install(&state, state.revision());
            }
        }
        let changes = Body::Changes(vec![Change::created(tuple.clone())]);
        state = state.apply(&state.next_entry(Timestamp::MIN, "", "", changes).unwrap()).unwrap();
    }
    Prepared::new(&state, Arc::new(dhow_schema::compile_str(SCHEMA).unwrap())).unwrap()
}

fn within(prepared: &Prepared, max_steps: u64, list: impl FnOnce(&Evaluator<'_>) -> String) -> String {
    let context = Context::new();
    let limits = Limits { max_steps, ..Limits::default() };
    list(&prepared.evaluator(Timestamp::MIN, &context).with_limits(limits))
}

/// A page of objects of type `doc`, as text.
fn objects(evaluator: &Evaluator<'_>, relation: &str, after: Option<&str>, limit: usize) -> Result<Page<ListedObject>, EvalError> {
    evaluator.list_objects(&"doc".into(), &relation.into(), &"user:u7".parse().unwrap(), PageRequest { after, limit })
}

fn subjects(evaluator: &Evaluator<'_>, relation: &str, after: Option<&str>, limit: usize) -> Result<Page<ListedSubject>, EvalError> {
    evaluator.list_subjects(&"doc:7".parse().unwrap(), &relation.into(), &"user".into(), None, PageRequest { after, limit })
}

/// All pages of a list, and how many there were.
fn joined<T>(mut page: impl FnMut(Option<&str>) -> Result<Page<T>, EvalError>) -> Result<(Vec<T>, usize), EvalError> {
    let (mut items, mut after, mut pages) = (Vec::new(), None::<String>, 0);
    loop {
        let next = page(after.as_deref())?;
        items.extend(next.items);
        pages += 1;
        match next.next {
            Some(id) => after = Some(id.to_string()),
            None => return Ok((items, pages)),
        }
    }
}

#[test]
fn a_used_up_budget_ends_a_page_and_loses_nothing() {
    let prepared = prepared(&tuples(), 100);
    let context = Context::new();
    let evaluator = prepared.evaluator(Timestamp::MIN, &context);
    for relation in ["see", "view", "both", "me"] {
        let whole = objects(&evaluator, relation, None, usize::MAX).unwrap().items;
        let mut most = 0;
        for max_steps in (1..400).step_by(3) {
            let evaluator = prepared.evaluator(Timestamp::MIN, &context).with_limits(Limits { max_steps, ..Limits::default() });
            match joined(|after| objects(&evaluator, relation, after, usize::MAX)) {
                Ok((items, pages)) => {
                    assert_eq!(items, whole, "{relation} within {max_steps}");
                    most = most.max(pages);
                }
                Err(error) => assert_eq!(error.code(), "budget_exceeded"),
            }
        }
        assert!(most > 1 || relation == "see" || relation == "me", "{relation}: no budget was short");
    }
}

#[test]
fn what_a_list_costs_does_not_depend_on_numbers() {
    let tuples = tuples();
    let mut turned = tuples.clone();
    turned.reverse();
    let worlds = [prepared(&tuples, usize::MAX), prepared(&turned, usize::MAX), prepared(&tuples, 150), prepared(&turned, 60)];
    for relation in ["see", "view", "both"] {
        for max_steps in (1..1_500).step_by(7) {
            let objects = worlds.each_ref().map(|prepared| within(prepared, max_steps, |e| format!("{:?}", objects(e, relation, None, 5))));
            let subjects =
                worlds.each_ref().map(|prepared| within(prepared, max_steps, |e| format!("{:?}", subjects(e, relation, None, usize::MAX))));
            for lists in [objects, subjects] {
                assert!(lists.iter().all(|list| *list == lists[0]), "{relation} within {max_steps}: {lists:#?}");
            }
        }
    }
}

#[test]
fn who_asks_brings_objects_and_subjects_along() {
    let prepared = prepared(&tuples(), 100);
    let context = Context::new();
    let brought: Vec<Tuple> = ["doc:05#parent@doc:7", "doc:new#viewer@user:u7", "doc:5#banned@user:u7", "doc:7#viewer@user:0new"]
        .iter()
        .map(|text| text.parse().unwrap())
        .collect();
    let evaluator = prepared.evaluator(Timestamp::MIN, &context).with_contextual(&brought);
    for relation in ["see", "view", "both", "me"] {
        let (whole, _) = joined(|after| objects(&evaluator, relation, after, usize::MAX)).unwrap();
        let circuit = |page| {
            let list = |circuit: &super::super::Circuit<'_>| {
                circuit.list_objects(&"doc".into(), &relation.into(), &"user:u7".parse().unwrap(), page).unwrap()
            };
            evaluator.by_circuit(Limits::default(), list)
        };
        assert_eq!(whole, circuit(PageRequest::default()).items);
        for limit in [1, 2, 3, 7] {
            assert_eq!(joined(|after| objects(&evaluator, relation, after, limit)).unwrap().0, whole);
        }
        // An id that nothing has is a place in the list as well.
        for after in ["", "0", "06", "5zz", "na", "zzz"] {
            let from = objects(&evaluator, relation, Some(after), usize::MAX).unwrap().items;
            assert_eq!(from, circuit(PageRequest { after: Some(after), limit: usize::MAX }).items);
        }
    }
    let ids = |items: Vec<ListedSubject>| items.iter().map(|item| item.subject.id().to_string()).collect::<Vec<_>>();
    let found = ids(subjects(&evaluator, "see", None, 2).unwrap().items);
    assert_eq!(found, ["*", "0new"]);
}

#[test]
fn an_object_that_nothing_names_has_what_is_its_own() {
    let prepared = prepared(&tuples(), 100);
    let context = Context::new();
    let evaluator = prepared.evaluator(Timestamp::MIN, &context);
    let listed = |relation: &str, subject: &str| -> Vec<String> {
        let page = evaluator.list_objects(&"doc".into(), &relation.into(), &subject.parse().unwrap(), PageRequest::default()).unwrap();
        page.items.iter().map(|item| item.object.id().to_string()).collect()
    };
    assert_eq!(listed("me", "doc:nobody"), ["nobody"]);
    assert_eq!(listed("view", "doc:nobody#view"), ["nobody"]);
    assert_eq!(listed("view", "doc:nobody#see"), ["nobody"]);
    assert!(listed("both", "doc:nobody#viewer") == ["nobody"] && listed("view", "user:*") == ["21", "22", "23", "7"]);
    let of = |relation: Option<&str>, permission: &str| -> Vec<String> {
        let (object, kind) = ("doc:nobody".parse().unwrap(), relation.map(Name::from));
        let page = evaluator.list_subjects(&object, &permission.into(), &"doc".into(), kind.as_ref(), PageRequest::default()).unwrap();
        page.items.iter().map(|item| item.subject.to_string()).collect()
    };
    assert_eq!(of(None, "me"), ["doc:nobody"]);
    assert_eq!(of(Some("viewer"), "both"), ["doc:nobody#viewer"]);
}
