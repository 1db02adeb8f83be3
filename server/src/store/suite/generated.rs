use dhow_engine::filter::{SubjectRelationMatch, TupleFilter};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::*;
use crate::store::*;

fn tuples() -> impl Strategy<Value = String> {
    let qualifiers = prop_oneof![
        Just(String::new()),
        Just("[limit]".to_owned()),
        (0..3).prop_map(|most| format!(r#"[limit:{{"most":{most}}}]"#)),
        (0..20_i64).prop_map(|us| format!("[expiration:{}]", at(us))),
        (0..20_i64).prop_map(|us| format!("[limit][expiration:{}]", at(us))),
    ];
    let qualified = (0..3, 0..3, qualifiers).prop_map(|(doc, user, with)| format!("doc:{doc}#viewer@user:{user}{with}"));
    let plain = prop_oneof![
        (0..3).prop_map(|doc| format!("doc:{doc}#viewer@user:*")),
        (0..3, 0..2).prop_map(|(doc, team)| format!("doc:{doc}#viewer@team:{team}#member")),
        (0..2, 0..2).prop_map(|(a, b)| format!("team:{a}#member@team:{b}#member")),
        // What the schema does not allow.
        (0..3).prop_map(|doc| format!("doc:{doc}#viewer@doc:1")),
    ];
    prop_oneof![3 => qualified, 1 => plain]
}

fn changes() -> impl Strategy<Value = ChangeRequest> {
    (0..3, tuples()).prop_map(|(kind, text)| match kind {
        0 => create(&text),
        1 => touch(&text),
        _ => delete(&text),
    })
}

fn commands() -> impl Strategy<Value = WriteCommand> {
    let filter = prop_oneof![
        Just(TupleFilter { subject_id: Some("1".into()), ..TupleFilter::default() }),
        Just(TupleFilter { subject_relation: Some(SubjectRelationMatch::Is("member".into())), ..TupleFilter::default() }),
    ];
    let expectation = prop_oneof![Just(Expectation::MustExist), Just(Expectation::MustNotExist)];
    let preconditions = prop_oneof![3 => Just(vec![]), 1 => (expectation, filter).prop_map(|one| vec![one])];
    (proptest::collection::vec(changes(), 0..4), preconditions, 0..400, proptest::bool::weighted(0.1)).prop_map(
        |(mut changes, preconditions, id, dry_run)| {
            changes.sort_by(|a, b| a.key().cmp(b.key()));
            changes.dedup_by(|a, b| a.key() == b.key());
            let preconditions = preconditions.into_iter().map(|(expectation, filter)| Precondition { expectation, filter }).collect();
            WriteCommand { preconditions, dry_run, ..command(&format!("r{id}"), changes) }
        },
    )
}

/// The same batches, one command at a time and all at once, come to the same: answers, log and tables.
pub(in crate::store) async fn random_histories_fold_to_what_the_tables_hold(database: Arc<dyn Datastore>) {
    let (together, alone) = (Tenant::empty(&database, "together").await, Tenant::empty(&database, "alone").await);
    for tenant in [&together, &alone] {
        database.write_schema(tenant.store, at(0), &schema_command(SCHEMA)).await.unwrap();
    }
    let mut runner = TestRunner::deterministic();
    let mut committed = 0;
    for round in 0..60 {
        let batch = proptest::collection::vec(commands(), 0..6).new_tree(&mut runner).unwrap().current();
        let now = round - (round % 3) * 2;
        let at_once = together.batch(now, &batch).await;
        assert_eq!(at_once.len(), batch.len());
        for (outcome, command) in at_once.iter().zip(&batch) {
            let by_itself = alone.one(now, command).await;
            match (outcome, &by_itself) {
                (Ok(a), Ok(b)) => {
                    let facts = |c: &Committed| {
                        let w = &c.written;
                        (w.revision, w.created, w.replaced, w.deleted, c.repeated, c.record.is_some())
                    };
                    assert_eq!(facts(a), facts(b), "{command:?}");
                    committed += usize::from(a.record.is_some());
                }
                (Err(a), Err(b)) => assert_eq!((a.code(), a.index()), (b.code(), b.index()), "{command:?}"),
                other => panic!("{command:?}: {other:?}"),
            }
        }
        let (a, b) = (together.verify().await, alone.verify().await);
        let all = TupleFilter::default();
        assert!(a.scan(&all, None).eq(b.scan(&all, None)));
    }
    assert!(committed > 40, "too few of the writes were made: {committed}");
}
