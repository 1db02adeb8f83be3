use super::*;
use crate::store::*;

pub(in crate::store) async fn a_batch_commits_and_refuses_each_command_by_itself(database: Arc<dyn Datastore>) {
    let tenant = Tenant::new(&database).await;
    let batch = [
        command("a", [create("doc:1#viewer@user:a")]),
        command("b", [create("doc:1#viewer@user:a"), create("doc:1#viewer@user:b")]),
        command("c", [delete("doc:1#viewer@user:a"), create("doc:1#viewer@user:c")]),
        command("d", [touch("doc:1#viewer@user:c")]),
        command("e", [create("doc:1#viewer@robot:e")]),
        command("f", [create("doc:1#viewer@user:a")]),
        command("g", []),
    ];
    let outcomes = tenant.batch(1, &batch).await;
    let seen: Vec<_> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Ok(committed) => Ok((committed.written.revision, committed.record.is_some())),
            Err(refused) => Err(refused.code()),
        })
        .collect();
    let expected = [Ok((2, true)), Err("DH-W001"), Ok((3, true)), Ok((3, false)), Err("unknown_type"), Ok((4, true)), Ok((4, false))];
    assert_eq!(seen, expected);
    for committed in outcomes.iter().flatten() {
        let records = database.log(tenant.store, committed.written.revision - 1, 1).await.unwrap();
        assert_eq!(records.first().unwrap().chain, committed.written.chain);
        if let Some(record) = &committed.record {
            assert_eq!(records.first(), Some(record));
        }
    }
    assert_eq!(tenant.tuples().await, ["doc:1#viewer@user:a", "doc:1#viewer@user:c"]);
    assert!(tenant.batch(2, &[]).await.is_empty());
}
