use super::super::writer::{Ended, end};
use super::*;

/// Every table that a write touches fails once, in the middle of a batch: nothing of the batch is there, and the next one goes on.
#[tokio::test]
async fn a_failing_statement_rolls_back_the_whole_batch() {
    let raise = |how: &str, event: &str| format!("CREATE TRIGGER broken BEFORE {event} BEGIN SELECT RAISE({how}, 'injected'); END");
    for how in ["ABORT", "FAIL", "ROLLBACK"] {
        for event in [
            "INSERT ON log WHEN NEW.revision = 4",
            "INSERT ON tuple WHEN NEW.object_id = '3'",
            "DELETE ON tuple",
            "INSERT ON shape",
            "UPDATE ON shape",
            "INSERT ON write_request WHEN NEW.request_id = CAST('c' AS BLOB)",
            "UPDATE ON head",
        ] {
            let folder = tempfile::tempdir().unwrap();
            let sqlite = Arc::new(open_in(&folder).await.unwrap());
            let database: Arc<dyn Datastore> = sqlite.clone();
            let tenant = Tenant::new(&database).await;
            tenant.write(1, [create("doc:0#viewer@user:ada")]).await.unwrap();
            let before = tenant.head().await;
            sqlite.tamper(&raise(how, event)).await;
            let batch = [
                command("a", [create("doc:1#viewer@user:*")]),
                command("b", [delete("doc:0#viewer@user:ada")]),
                command("c", [create("doc:3#viewer@user:*")]),
            ];
            let failed = database.write(tenant.store, at(2), &batch).await.unwrap_err();
            assert!(matches!(failed, DatastoreError::Sql { .. }), "{how} {event}: {failed:?}");
            assert_eq!(tenant.head().await, before, "{how} {event}");
            assert_eq!(tenant.tuples().await, ["doc:0#viewer@user:ada"], "{how} {event}");
            assert_eq!(database.request(tenant.store, "a", at(2)).await.unwrap(), None);
            sqlite.tamper("DROP TRIGGER broken").await;
            assert!(tenant.batch(3, &batch).await.iter().all(Result::is_ok));
            assert_eq!(tenant.tuples().await, ["doc:1#viewer@user:*", "doc:3#viewer@user:*"]);
        }
    }
}

#[tokio::test]
async fn a_failing_schema_write_leaves_no_trace() {
    for table in ["log", "schema_version"] {
        let sqlite = Arc::new(SqliteStore::in_memory().await.unwrap());
        let database: Arc<dyn Datastore> = sqlite.clone();
        let tenant = Tenant::new(&database).await;
        sqlite.tamper(&format!("CREATE TRIGGER broken AFTER INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'injected'); END")).await;
        let next = schema_command("definition user {}");
        assert_eq!(database.write_schema(tenant.store, at(1), &next).await.unwrap_err().code(), "DH-D006");
        assert_eq!(tenant.verify().await.revision(), 1);
        sqlite.tamper("DROP TRIGGER broken").await;
        assert_eq!(database.write_schema(tenant.store, at(1), &next).await.unwrap().version, 2);
        tenant.verify().await;
    }
}

/// A deferred constraint fails at the commit, with the transaction still open: that nothing was written is known.
#[tokio::test]
async fn a_commit_that_fails_with_its_transaction_open_is_rolled_back() {
    for database in [SqliteStore::in_memory().await.unwrap(), open_in(&tempfile::tempdir().unwrap()).await.unwrap()] {
        let sqlite = Arc::new(database);
        let database: Arc<dyn Datastore> = sqlite.clone();
        let tenant = Tenant::new(&database).await;
        sqlite
            .tamper(
                "CREATE TABLE child (parent INTEGER REFERENCES store (key) DEFERRABLE INITIALLY DEFERRED);
                 CREATE TRIGGER broken AFTER INSERT ON log BEGIN INSERT INTO child VALUES (-1); END",
            )
            .await;
        let write = command("a", [create("doc:1#viewer@user:ada")]);
        let failed = database.write(tenant.store, at(1), std::slice::from_ref(&write)).await.unwrap_err();
        assert!(matches!(failed, DatastoreError::Sql { doing: "commit", .. }), "{failed:?}");
        assert!(tenant.tuples().await.is_empty());
        sqlite.tamper("DROP TRIGGER broken").await;
        assert!(tenant.one(2, &write).await.is_ok());
        tenant.verify().await;
    }
}

/// SQLite has ended the transaction when the commit fails: whether it is in cannot be said, and the connection is not used again.
#[tokio::test]
async fn a_commit_that_ended_somehow_is_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = Arc::new(open_in(&folder).await.unwrap());
    let database: Arc<dyn Datastore> = sqlite.clone();
    let tenant = Tenant::new(&database).await;
    {
        let mut writer = sqlite.writer.lock().await;
        let mut transaction = writer.begin().await.unwrap();
        sqlx::query("ROLLBACK").execute(&mut *transaction).await.unwrap();
        let ended = end(transaction, Ok::<(), DatastoreError>(())).await;
        assert!(matches!(ended, Ended::CommitFailed(_)), "{ended:?}");
        let unknown = writer.settle(ended).await.unwrap_err();
        assert!(matches!(unknown, DatastoreError::CommitUnknown { .. }), "{unknown:?}");
    }
    tenant.write(1, [create("doc:1#viewer@user:ada")]).await.unwrap();
    assert_eq!(tenant.tuples().await, ["doc:1#viewer@user:ada"]);
}

#[tokio::test]
async fn old_request_ids_go_along_the_way() {
    let sqlite = Arc::new(SqliteStore::in_memory().await.unwrap());
    let database: Arc<dyn Datastore> = sqlite.clone();
    let tenant = Tenant::new(&database).await;
    let many: Vec<_> = (0..300).map(|n| command(&format!("r{n}"), [])).collect();
    tenant.batch(0, &many).await;
    let count = async || {
        let mut writer = sqlite.writer.lock().await;
        let connection = writer.connection().await.unwrap();
        sqlx::query_scalar::<_, i64>("SELECT count(*) FROM write_request").fetch_one(connection).await.unwrap()
    };
    assert_eq!(count().await, 300);
    let (mut now, mut left) = (super::super::super::suite::DAY_US, 300);
    while left > 20 {
        tenant.one(now, &command(&format!("later{now}"), [])).await.unwrap();
        let remain = count().await;
        assert!((left - 70..left).contains(&remain), "a batch removes some: {left}, then {remain}");
        (now, left) = (now + 1, remain);
    }
}
