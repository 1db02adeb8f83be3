//! The oracle itself, on worlds small enough to see the answer.

use super::*;
use crate::model::{CaveatKind, Definition, Expression, Model, Permission, Relation, Shape, SubjectType};

fn name(text: &str) -> Box<Expression> {
    Box::new(Expression::Name(text.to_owned()))
}

fn relation(relation: &str, shapes: Vec<(&str, Shape, Option<CaveatKind>)>) -> Relation {
    let types = shapes.into_iter().map(|(object_type, shape, caveat)| SubjectType {
        object_type: object_type.to_owned(),
        shape,
        caveat,
        expiration: false,
    });
    Relation { name: relation.to_owned(), types: types.collect() }
}

fn tuple(object: &str, relation: &str, subject: Subject) -> Tuple {
    Tuple { object: Object::new("doc", object), relation: relation.to_owned(), subject, caveat: None, expires_at: None }
}

/// `doc` with viewers, banned people, and `permission view = viewer - banned`.
fn world(tuples: Vec<Tuple>) -> World {
    let userset = || Shape::Userset("view".to_owned());
    let doc = Definition {
        name: "doc".to_owned(),
        relations: vec![
            relation(
                "viewer",
                vec![("user", Shape::Object, None), ("user", Shape::Object, Some(CaveatKind::Either)), ("user", Shape::Wildcard, None)],
            ),
            relation("banned", vec![("user", Shape::Object, None), ("doc", userset(), None)]),
        ],
        permissions: vec![Permission { name: "view".to_owned(), expression: Expression::Exclusion(name("viewer"), name("banned")) }],
    };
    let user = Definition { name: "user".to_owned(), relations: Vec::new(), permissions: Vec::new() };
    World { model: Model { definitions: vec![user, doc], caveats: CaveatKind::ALL.into() }, tuples, now: 0 }
}

fn ada() -> Subject {
    Subject::object(Object::new("user", "ada"))
}

fn view_of(object: &str) -> Subject {
    Subject { object: Object::new("doc", object), relation: Some("view".to_owned()) }
}

fn ask(world: &World, object: &str, subject: Subject) -> Answer {
    let question = Question {
        object: Object::new("doc", object),
        permission: "view".to_owned(),
        subject,
        context: Map::new(),
        contextual: Vec::new(),
    };
    decide(world, &question)
}

#[test]
fn who_is_banned_by_who_may_view_it_is_a_paradox() {
    let world = world(vec![tuple("one", "viewer", ada()), tuple("one", "banned", view_of("one"))]);
    assert_eq!(ask(&world, "one", ada()), Answer::Denied { paradox: true });
    assert_eq!(ask(&world, "one", Subject::object(Object::new("user", "bob"))), Answer::Denied { paradox: false });
    assert_eq!(ask(&world, "one", view_of("one")), Answer::Allowed, "a userset contains itself");
}

#[test]
fn an_even_number_of_exclusions_settles() {
    let tuples = vec![
        tuple("one", "viewer", ada()),
        tuple("one", "banned", view_of("two")),
        tuple("two", "viewer", ada()),
        tuple("two", "banned", view_of("three")),
        tuple("three", "viewer", ada()),
    ];
    let world = world(tuples);
    assert_eq!(ask(&world, "three", ada()), Answer::Allowed);
    assert_eq!(ask(&world, "two", ada()), Answer::Denied { paradox: false });
    assert_eq!(ask(&world, "one", ada()), Answer::Allowed);
}

#[test]
fn wildcards_take_in_objects_and_the_wildcard_but_no_usersets() {
    let world = world(vec![tuple("one", "viewer", Subject::wildcard("user"))]);
    assert_eq!(ask(&world, "one", ada()), Answer::Allowed);
    assert_eq!(ask(&world, "one", Subject::wildcard("user")), Answer::Allowed);
    assert_eq!(ask(&world, "one", view_of("two")), Answer::Denied { paradox: false });
}

#[test]
fn an_undecided_caveat_names_what_is_missing() {
    let mut caveated = tuple("one", "viewer", ada());
    caveated.caveat = Some((CaveatKind::Either, Map::from_iter([("a".to_owned(), Value::Bool(false))])));
    let world = world(vec![caveated]);
    assert_eq!(ask(&world, "one", ada()), Answer::Conditional(BTreeSet::from(["b".to_owned()])));
}
