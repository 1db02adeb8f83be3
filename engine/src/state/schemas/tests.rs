use super::*;
use crate::entry::{Body, Change, SchemaSource, StoreId};
use crate::eval::{Decision, PageRequest};
use crate::graph::ids::RelationId;
use crate::graph::vocabulary::{Class, Kind};
use crate::limits::MAX_CLASSES;
use crate::time::Timestamp;
use crate::tuple::{Tuple, TupleKey};
use dhow_schema::ir::Name;
use dhow_schema::value::Context;

const FIRST: &str = "definition user {} definition team { relation member: user | team#member }";
const SECOND: &str = "definition user {} definition team { relation member: user | team#member }
definition document {
    relation viewer: user | user:* | team#member
    relation banned: user
    permission view = viewer - banned
}";

fn after(state: &State, body: Body) -> State {
    state.apply(&state.next_entry(Timestamp::MIN, "", "", body).unwrap()).unwrap()
}

fn with_schema(state: &State, version: u64, text: &str) -> State {
    after(state, Body::Schema(SchemaText { version, source: SchemaSource::native(text.to_owned()) }))
}

fn with_tuples(state: &State, tuples: &[&str]) -> State {
    let tuples = tuples.iter().map(|text| text.parse::<Tuple>().unwrap());
    after(state, Body::Changes(tuples.map(Change::created).collect()))
}

/// Takes all the numbers of classes that schemas may take.
fn exhausted(mut state: State) -> State {
    let bound = MAX_CLASSES / 4 * 3;
    state.graph.learn(|vocabulary| {
        let some_type = vocabulary.intern_type(&Name::from("former")).unwrap();
        let relations: Vec<RelationId> =
            (0..=bound.isqrt()).map(|number| vocabulary.intern_relation(&Name::from(format!("former_{number}"))).unwrap()).collect();
        for relation in &relations {
            for other in &relations {
                let kind = Kind::Userset(*other);
                vocabulary.intern_class(Class { object_type: some_type, relation: *relation, subject_type: some_type, kind }).unwrap();
            }
        }
        assert!(vocabulary.classes().len() > bound as usize);
    });
    state
}

fn has_plan(state: &State, version: u64, object_type: &str, relation: &str) -> bool {
    state.summary.schema(Some(version)).unwrap().plans.find(object_type, relation).is_some()
}

/// A store whose schemas were so many and so different that the graph has no numbers left for the next one's names.
#[test]
fn a_schema_version_without_numbers_is_decided_by_the_circuit() {
    let state = with_tuples(&with_schema(&State::genesis(StoreId([9; 16])), 1, FIRST), &["team:core#member@user:ada"]);
    let state = with_schema(&exhausted(state), 2, SECOND);
    assert!(has_plan(&state, 1, "team", "member"), "what was compiled before is as it was");
    assert!(!has_plan(&state, 2, "document", "view") && !has_plan(&state, 2, "team", "member"));

    // Tuples find numbers all the same: schemas may not take them all.
    let tuples = [
        "document:a#viewer@team:core#member",
        "document:b#viewer@user:*",
        "document:b#banned@user:ada",
        "team:core#member@team:all#member",
    ];
    let state = with_tuples(&state, &[tuples.as_slice(), &["team:all#member@user:bob"]].concat());

    let context = Context::new();
    let prepared = state.prepare(None).unwrap();
    let evaluator = prepared.evaluator(Timestamp::MIN, &context);
    let allows = |question: &str| evaluator.check(&question.parse().unwrap()).unwrap() == Decision::Allowed;
    assert!(allows("document:a#view@user:ada") && allows("document:a#view@user:bob") && !allows("document:a#view@user:cyd"));
    assert!(!allows("document:b#view@user:ada") && allows("document:b#view@user:bob"));
    let unknown: TupleKey = "document:a#edit@user:ada".parse().unwrap();
    assert_eq!(evaluator.check(&unknown).unwrap_err().code(), "unknown_relation");

    let key: TupleKey = "document:b#view@user:bob".parse().unwrap();
    let page = PageRequest::default();
    let objects = evaluator.list_objects(key.object().object_type(), key.relation(), key.subject(), page).unwrap();
    assert_eq!(objects.items.iter().map(|item| &**item.object.id()).collect::<Vec<_>>(), ["a", "b"]);
    let subjects = evaluator.list_subjects(key.object(), key.relation(), key.subject().object_type(), None, page).unwrap();
    let [everybody] = subjects.items.as_slice() else { panic!("{subjects:?}") };
    assert_eq!((everybody.subject.to_string(), everybody.exclusions.len()), ("user:*".to_owned(), 1));
    assert_eq!(everybody.exclusions[0].subject.to_string(), "user:ada");
    let permissions = evaluator.list_permissions(key.object(), key.subject(), page).unwrap();
    assert_eq!(permissions.items.iter().map(|item| &*item.name).collect::<Vec<_>>(), ["view", "viewer"]);

    let contextual = ["document:c#viewer@team:all#member".parse::<Tuple>().unwrap()];
    let more = evaluator.clone().with_contextual(&contextual);
    assert_eq!(more.check(&"document:c#view@user:bob".parse().unwrap()), Ok(Decision::Allowed));

    // The version before is decided as it always was.
    let first = state.prepare(Some(1)).unwrap();
    let nested = first.evaluator(Timestamp::MIN, &context).check(&"team:core#member@user:bob".parse().unwrap());
    assert_eq!(nested, Ok(Decision::Allowed));
}
