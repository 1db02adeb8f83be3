//! What a session must be like for a write to last.

use super::*;

fn with(scratch: &Scratch, settings: &str) -> DatabaseUrl {
    let url = scratch.url.expose().replacen("options=-c", &format!("options={settings}%20-c"), 1);
    assert!(url.contains(settings), "{url}");
    url.into()
}

#[tokio::test]
async fn a_database_that_takes_no_writes_is_told_and_read() {
    let (tenant, scratch) = tenant().await;
    let url = with(&scratch, "-c%20default_transaction_read_only%3Don");
    let reader = Tenant { database: Arc::new(PostgresStore::open(&url).await.unwrap()), store: tenant.store };
    let refused = reader.database.write(reader.store, at(1), &[command("r", [create("doc:1#viewer@user:ada")])]).await.unwrap_err();
    assert!(matches!(refused, DatastoreError::NotWritable), "{refused:?}");
    let info = StoreInfo { id: StoreId([9; 16]), name: "other".to_owned(), created_at: at(0) };
    assert_eq!(reader.database.create_store(&info).await.unwrap_err().code(), "DH-D017");
    assert_eq!(reader.database.delete_store(reader.store).await.unwrap_err().code(), "DH-D017");
    reader.verify().await;
}

#[tokio::test]
async fn a_session_waits_for_the_disk_whatever_the_database_is_set_to() {
    let scratch = Scratch::migrated().await;
    for (set, expected) in [("off", "on"), ("local", "on"), ("remote_write", "on"), ("on", "on"), ("remote_apply", "remote_apply")] {
        let store = PostgresStore::open(&with(&scratch, &format!("-c%20synchronous_commit%3D{set}"))).await.unwrap();
        let mut lent = store.writer().await.unwrap();
        let found: String = sqlx::query_scalar("SHOW synchronous_commit").fetch_one(&mut lent.connection).await.unwrap();
        assert_eq!(found, expected, "{set}");
        transaction::begin(&mut lent.connection).await.unwrap();
        transaction::assert_writable(&mut lent.connection).await.unwrap();
        // What was set otherwise since is found before anything is written.
        sqlx::raw_sql("SET synchronous_commit = off").execute(&mut lent.connection).await.unwrap();
        let refused = transaction::assert_writable(&mut lent.connection).await.unwrap_err();
        assert!(matches!(&refused, DatastoreError::Setting { setting: "synchronous_commit", .. }), "{refused:?}");
    }
}

#[tokio::test]
async fn a_session_has_its_bounds() {
    let scratch = Scratch::migrated().await;
    let store = scratch.open_impatient().await;
    let mut lent = store.readers.take(&store.schemas).await.unwrap();
    for (setting, expected) in [
        ("lock_timeout", "300ms"),
        ("idle_in_transaction_session_timeout", "2500ms"),
        ("statement_timeout", "15s"),
        ("default_transaction_isolation", "read committed"),
    ] {
        let sql = AssertSqlSafe(format!("SHOW {setting}"));
        let found: String = sqlx::query_scalar(sql).fetch_one(&mut lent.connection).await.unwrap();
        assert_eq!(found, expected, "{setting}");
    }
}
