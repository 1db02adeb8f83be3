use super::*;
use crate::store::*;

pub(in crate::store) async fn a_retry_gets_the_first_answer(database: Arc<dyn Datastore>) {
    let tenant = Tenant::new(&database).await;
    let write = command("r", [create("doc:1#viewer@user:ada")]);
    let first = tenant.one(1, &write).await.unwrap();
    tenant.write(2, [delete("doc:1#viewer@user:ada")]).await.unwrap();
    // In another batch, and in the same one; whoever asks, and even if it would be refused by now.
    let actor = WriteCommand { actor: "bob".to_owned(), ..write.clone() };
    let dry = WriteCommand { dry_run: true, ..write.clone() };
    for again in tenant.batch(3, &[write.clone(), actor, dry]).await {
        let again = again.unwrap();
        assert!(again.repeated && again.record.is_none());
        assert_eq!(again.written, first.written);
    }
    let twice = command("s", [create("doc:2#viewer@user:ada")]);
    let outcomes = tenant.batch(4, &[twice.clone(), twice]).await;
    let [Ok(one), Ok(two)] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert_eq!((one.repeated, two.repeated, one.written == two.written), (false, true, true));
    // What changed nothing is kept as well.
    let nothing = command("n", [delete("doc:9#viewer@user:ada")]);
    let first = tenant.one(5, &nothing).await.unwrap();
    tenant.write(6, [create("doc:9#viewer@user:ada")]).await.unwrap();
    let again = tenant.one(7, &nothing).await.unwrap();
    assert_eq!((again.repeated, again.written), (true, first.written.clone()));
    let outcome = database.request(tenant.store, "n", at(7)).await.unwrap().unwrap();
    assert_eq!(outcome, RequestOutcome { payload: nothing.payload(), written: first.written, time: at(5) });
    assert_eq!(database.request(tenant.store, "N", at(7)).await.unwrap(), None);
    assert_eq!(tenant.tuples().await, ["doc:2#viewer@user:ada", "doc:9#viewer@user:ada"]);
}

pub(in crate::store) async fn a_request_id_stands_for_one_payload(database: Arc<dyn Datastore>) {
    let tenant = Tenant::new(&database).await;
    // Ids of any characters, with what SQL and JSON treat specially.
    for id in ["r", "a\0b", "a\0c", "'\"\\%", "\u{10ffff}"] {
        tenant.one(1, &command(id, [touch("doc:1#viewer@user:ada")])).await.unwrap();
        let other = command(id, [touch("doc:2#viewer@user:ada")]);
        for _ in 0..2 {
            let refused = tenant.one(2, &other).await.unwrap_err();
            let WriteError::RequestIdTaken { request_id, first_used } = &refused else { panic!("{refused:?}") };
            assert_eq!((request_id.as_str(), *first_used), (id, at(1)));
        }
    }
    let batch = [command("b", [touch("doc:3#viewer@user:ada")]), command("b", [delete("doc:3#viewer@user:ada")])];
    let outcomes = tenant.batch(3, &batch).await;
    assert!(matches!(&outcomes[..], [Ok(_), Err(WriteError::RequestIdTaken { .. })]), "{outcomes:?}");
    // A refused write does not take its id.
    assert!(tenant.one(4, &command("free", [create("doc:1#viewer@user:ada")])).await.is_err());
    assert!(tenant.one(4, &command("free", [delete("doc:1#viewer@user:ada")])).await.is_ok());
    assert_eq!(tenant.tuples().await, ["doc:3#viewer@user:ada"]);
    // Another store has request ids of its own.
    let other = Tenant::empty(&database, "other").await;
    assert!(other.one(5, &command("r", [delete("doc:2#viewer@user:ada")])).await.is_ok());
}

pub(in crate::store) async fn a_request_id_is_free_again_after_a_day(database: Arc<dyn Datastore>) {
    let tenant = Tenant::new(&database).await;
    let one = command("r", [touch("doc:1#viewer@user:ada")]);
    let other = command("r", [touch("doc:2#viewer@user:ada")]);
    tenant.one(1, &one).await.unwrap();
    assert!(database.request(tenant.store, "r", at(DAY_US)).await.unwrap().is_some());
    assert!(database.request(tenant.store, "r", at(DAY_US + 1)).await.unwrap().is_none());
    assert!(tenant.one(DAY_US, &other).await.is_err());
    let second = tenant.one(DAY_US + 1, &other).await.unwrap();
    assert!(!second.repeated);
    assert!(tenant.one(DAY_US + 2, &other).await.unwrap().repeated);
    assert!(matches!(tenant.one(DAY_US + 3, &one).await, Err(WriteError::RequestIdTaken { .. })));
    assert_eq!(tenant.tuples().await, ["doc:1#viewer@user:ada", "doc:2#viewer@user:ada"]);
}
