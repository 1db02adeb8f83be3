//! Heads that somebody holds.

use std::time::Duration;

use super::*;

const HOLD: &str = "BEGIN; SELECT * FROM head FOR UPDATE";

async fn hold(connection: &mut PgConnection) {
    sqlx::raw_sql(HOLD).execute(connection).await.unwrap();
}

#[tokio::test]
async fn a_head_that_is_held_is_told_in_time_and_reads_go_on() {
    let (here, scratch) = tenant().await;
    here.write(1, [create("doc:1#viewer@user:ada")]).await.unwrap();
    let impatient = Tenant { database: Arc::new(scratch.open_impatient().await), store: here.store };
    let mut somebody = scratch.connect().await;
    hold(&mut somebody).await;
    let write = command("r", [create("doc:2#viewer@user:ada")]);
    let refused = impatient.database.write(here.store, at(2), std::slice::from_ref(&write)).await.unwrap_err();
    assert!(matches!(&refused, DatastoreError::Busy { .. }) && refused.code() == "DH-D016", "{refused:?}");
    // Whether it was written cannot be said either, while somebody may be about to commit it.
    assert_eq!(impatient.database.request(here.store, "r", at(2)).await.unwrap_err().code(), "DH-D016");
    let schema = impatient.database.write_schema(here.store, at(2), &schema_command("definition user {}")).await.unwrap_err();
    assert_eq!(schema.code(), "DH-D016");
    assert_eq!(impatient.database.delete_store(here.store).await.unwrap_err().code(), "DH-D016");
    assert_eq!(impatient.verify().await.revision(), 2, "reads wait for nobody");
    sqlx::raw_sql("ROLLBACK").execute(&mut somebody).await.unwrap();
    assert_eq!(impatient.one(3, &write).await.unwrap().written.revision, 3);
    impatient.verify().await;
}

#[tokio::test]
async fn a_store_whose_head_is_held_does_not_hold_up_others() {
    let (here, scratch) = tenant().await;
    let other = Tenant::empty(&here.database, "other").await;
    let mut somebody = scratch.connect().await;
    let sql = "BEGIN; SELECT * FROM head WHERE store = (SELECT key FROM store WHERE name = 'main') FOR UPDATE";
    sqlx::raw_sql(sql).execute(&mut somebody).await.unwrap();
    let waiting = tokio::spawn({
        let here = here.clone();
        async move { here.write(1, [create("doc:1#viewer@user:ada")]).await }
    });
    other.database.write_schema(other.store, at(0), &schema_command(SCHEMA)).await.unwrap();
    other.write(1, [create("doc:1#viewer@user:ada")]).await.unwrap();
    assert!(!waiting.is_finished());
    sqlx::raw_sql("ROLLBACK").execute(&mut somebody).await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap(), (1, 0, 0));
}

/// A server that is stopped in the middle of a transaction: its session is ended before those who wait for its head give up.
#[tokio::test]
async fn a_silent_server_lets_go_of_the_head() {
    let (here, scratch) = tenant().await;
    let timing = Timing { idle: Duration::from_millis(200), ..Timing::default() };
    let silent = PostgresStore::open_with(&scratch.url, timing).await.unwrap();
    let mut lent = silent.writer().await.unwrap();
    transaction::begin(&mut lent.connection).await.unwrap();
    transaction::lock_head(&mut lent.connection, here.store).await.unwrap();
    assert_eq!(here.write(1, [create("doc:1#viewer@user:ada")]).await.unwrap(), (1, 0, 0));
    // What the silent one goes on with is not in.
    let lost = heads::read_locked(&mut lent.connection, here.store, 1).await.unwrap_err();
    assert!(matches!(lost, DatastoreError::Lost { .. }), "{lost:?}");
    here.verify().await;
}

#[test]
fn a_silent_session_ends_before_others_give_up() {
    let Timing { idle, lock, statement, call, .. } = Timing::default();
    assert!(idle < lock && lock < statement && statement < call);
}
