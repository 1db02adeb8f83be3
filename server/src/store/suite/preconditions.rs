use dhow_engine::filter::{IdMatch, SubjectRelationMatch, TupleFilter};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::*;
use crate::store::*;

fn must(expectation: Expectation, filter: &TupleFilter) -> Precondition {
    Precondition { expectation, filter: filter.clone() }
}

fn of_object(id: &str) -> TupleFilter {
    TupleFilter { object_type: Some("doc".into()), object_id: Some(IdMatch::Is(id.into())), ..TupleFilter::default() }
}

pub(in crate::store) async fn preconditions_say_what_they_found(database: Arc<dyn Datastore>) {
    let tenant = Tenant::new(&database).await;
    tenant.write(1, [create("doc:1#viewer@user:ada"), create(&format!("doc:2#viewer@user:ada[expiration:{}]", at(50)))]).await.unwrap();
    let on = |preconditions: Vec<Precondition>| WriteCommand { preconditions, ..command("p", [create("doc:3#viewer@user:ada")]) };
    let holds = must(Expectation::MustExist, &of_object("1"));

    let refused = tenant.one(2, &on(vec![holds.clone(), must(Expectation::MustExist, &of_object("9"))])).await.unwrap_err();
    assert!(matches!(&refused, WriteError::Missing { index: 1, filter } if **filter == of_object("9")), "{refused:?}");
    let refused = tenant.one(2, &on(vec![must(Expectation::MustNotExist, &of_object("1"))])).await.unwrap_err();
    let WriteError::Present { index: 0, found, .. } = &refused else { panic!("{refused:?}") };
    assert_eq!(found.to_string(), "doc:1#viewer@user:ada");

    // Until its expiry a tuple is there, from then on it is absent.
    assert!(tenant.one(49, &on(vec![must(Expectation::MustNotExist, &of_object("2"))])).await.is_err());
    assert!(tenant.one(50, &on(vec![must(Expectation::MustExist, &of_object("2"))])).await.is_err());
    assert_eq!(tenant.head().await.revision, 2);
    assert!(tenant.one(50, &on(vec![holds, must(Expectation::MustNotExist, &of_object("2"))])).await.is_ok());
    tenant.verify().await;
}

pub(in crate::store) async fn preconditions_see_the_commands_before_them(database: Arc<dyn Datastore>) {
    let tenant = Tenant::new(&database).await;
    let when = |id: &str, expectation, object: &str, changes: Vec<ChangeRequest>| WriteCommand {
        preconditions: vec![must(expectation, &of_object(object))],
        ..command(id, changes)
    };
    let batch = [
        when("a", Expectation::MustNotExist, "1", vec![create("doc:1#viewer@user:a")]),
        when("b", Expectation::MustNotExist, "1", vec![create("doc:1#viewer@user:b")]),
        when("c", Expectation::MustExist, "1", vec![delete("doc:1#viewer@user:a"), create("doc:2#viewer@user:c")]),
        when("d", Expectation::MustExist, "1", vec![create("doc:1#viewer@user:d")]),
        // The preconditions of a command are looked at before its changes.
        when("e", Expectation::MustNotExist, "3", vec![create("doc:3#viewer@user:e")]),
        WriteCommand { dry_run: true, ..when("f", Expectation::MustExist, "3", vec![delete("doc:3#viewer@user:e")]) },
        when("g", Expectation::MustExist, "3", vec![touch("doc:3#viewer@user:e")]),
    ];
    let outcomes = tenant.batch(1, &batch).await;
    let seen: Vec<_> = outcomes.iter().map(|outcome| outcome.as_ref().map(|c| c.written.revision).map_err(WriteError::code)).collect();
    assert_eq!(seen, [Ok(2), Err("DH-W003"), Ok(3), Err("DH-W002"), Ok(4), Ok(4), Ok(4)]);
    assert_eq!(tenant.tuples().await, ["doc:2#viewer@user:c", "doc:3#viewer@user:e"]);
}

/// Few and similar names, so that filters often match; ids with what patterns and ranges could trip over.
fn ids() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["1", "12", "2", "%", "_", "1%", "é", "e", "a\u{10ffff}", "a\u{10ffff}b", "b"])
}

fn keys() -> impl Strategy<Value = String> {
    let plain = (ids(), ids()).prop_map(|(object, subject)| format!("doc:{object}#viewer@user:{subject}"));
    let wild = ids().prop_map(|object| format!("doc:{object}#viewer@user:*"));
    let parent = (ids(), ids()).prop_map(|(object, subject)| format!("doc:{object}#parent@doc:{subject}"));
    let group = (ids(), ids()).prop_map(|(object, subject)| format!("doc:{object}#viewer@team:{subject}#member"));
    let member = (ids(), ids()).prop_map(|(object, subject)| format!("team:{object}#member@user:{subject}"));
    prop_oneof![plain, wild, parent, group, member]
}

fn filters() -> impl Strategy<Value = TupleFilter> {
    let names =
        |names: &'static [&'static str]| proptest::option::weighted(0.3, prop::sample::select(names).prop_map(std::convert::Into::into));
    let subject_relation = prop_oneof![
        Just(SubjectRelationMatch::None),
        Just(SubjectRelationMatch::Is("member".into())),
        Just(SubjectRelationMatch::Is("".into())),
    ];
    let prefixes = prop_oneof![ids(), Just(""), Just("a"), Just("\u{10ffff}")].prop_map(|p| IdMatch::Prefix(p.to_owned()));
    (
        names(&["doc", "team", "user", ""]),
        proptest::option::weighted(0.3, prop_oneof![ids().prop_map(|id| IdMatch::Is(id.into())), prefixes]),
        names(&["viewer", "parent", "member", "none"]),
        names(&["user", "doc", "team", "none"]),
        proptest::option::weighted(0.3, prop_oneof![ids(), Just("*")].prop_map(std::convert::Into::into)),
        proptest::option::weighted(0.3, subject_relation),
    )
        .prop_map(|(object_type, object_id, relation, subject_type, subject_id, subject_relation)| TupleFilter {
            object_type,
            object_id,
            relation,
            subject_type,
            subject_id,
            subject_relation,
        })
}

pub(in crate::store) async fn every_filter_means_the_same_in_sql(database: Arc<dyn Datastore>) {
    let tenant = Tenant::new(&database).await;
    let mut runner = TestRunner::deterministic();
    let mut found = 0;
    for round in 0..24 {
        let keys = proptest::collection::btree_set(keys(), 0..4).new_tree(&mut runner).unwrap().current();
        tenant.write(round, keys.iter().map(|key| touch(key))).await.unwrap();
        let state = tenant.verify().await;
        for _ in 0..30 {
            let filter = filters().new_tree(&mut runner).unwrap().current();
            let expected = state.scan(&TupleFilter::default(), None).any(|tuple| filter.matches(&tuple.key));
            let absent =
                WriteCommand { preconditions: vec![must(Expectation::MustNotExist, &filter)], dry_run: true, ..command("never", []) };
            match tenant.one(round, &absent).await {
                Ok(_) => assert!(!expected, "{filter} matches something"),
                Err(WriteError::Present { found: key, .. }) => {
                    assert!(expected && filter.matches(&key) && state.get(&key).is_some(), "{filter} found {key}");
                    found += 1;
                }
                Err(other) => panic!("{other:?}"),
            }
        }
    }
    assert!((150..600).contains(&found), "of 720 filters so many match: {found}");
}
