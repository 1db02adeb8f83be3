//! Transactions: how they begin, the lock of a head, and how they end.
//!
//! **Invariant:** whoever decides on what a store holds has the lock of its head first, by a statement of its own. In READ COMMITTED each
//! statement sees what was committed before it began; what a statement sees that waits for a lock may be older than the lock.

use std::sync::Arc;

use dhow_engine::entry::StoreId;
use sqlx::{PgConnection, Row};

use super::super::error::DatastoreError;
use super::connect::expect;
use super::pool::Lent;
use super::retry::{Failed, sqlstate, timed_out};

/// Locks a head, and tells whether what is committed here will last: the server may have been replaced, or told other things, since the
/// connection was opened.
pub(super) const LOCK_HEAD: &str = "
    SELECT s.key, pg_is_in_recovery(), current_setting('transaction_read_only'), current_setting('fsync'),
        current_setting('synchronous_commit')
    FROM store AS s JOIN head AS h ON h.store = s.key WHERE s.id = $1 FOR UPDATE OF h";

const SELECT_WRITABLE: &str = "
    SELECT 0::BIGINT, pg_is_in_recovery(), current_setting('transaction_read_only'), current_setting('fsync'),
        current_setting('synchronous_commit')";

/// Begins a transaction whose statements see what was committed before each began.
pub(super) async fn begin(connection: &mut PgConnection) -> Result<(), DatastoreError> {
    run(connection, "begin a transaction", "BEGIN ISOLATION LEVEL READ COMMITTED").await
}

/// Begins a transaction that sees one moment, and may take as long as it says.
pub(super) async fn begin_reading(connection: &mut PgConnection, statement_ms: u128) -> Result<(), DatastoreError> {
    let sql = format!("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = {statement_ms}");
    let begun = sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(connection).await;
    begun.map(|_| ()).map_err(DatastoreError::sql("begin a transaction"))
}

/// Ends a transaction that has changed nothing.
pub(super) async fn roll_back(connection: &mut PgConnection) -> Result<(), DatastoreError> {
    run(connection, "end a transaction", "ROLLBACK").await
}

async fn run(connection: &mut PgConnection, doing: &'static str, sql: &'static str) -> Result<(), DatastoreError> {
    sqlx::raw_sql(sql).execute(connection).await.map(|_| ()).map_err(DatastoreError::sql(doing))
}

/// Takes the lock of a store's head, in a transaction; the store's key in the other tables.
///
/// # Errors
/// [`DatastoreError::NoStore`]; and when the server would not keep what is written.
pub(super) async fn lock_head(connection: &mut PgConnection, store: StoreId) -> Result<i64, DatastoreError> {
    let row = sqlx::query(LOCK_HEAD).bind(&store.0[..]).fetch_optional(connection).await;
    match row.map_err(DatastoreError::sql("lock the head"))? {
        Some(row) => writable(&row),
        None => Err(DatastoreError::NoStore { store }),
    }
}

/// Asserts that the server would keep what is written in this transaction.
pub(super) async fn assert_writable(connection: &mut PgConnection) -> Result<(), DatastoreError> {
    let row = sqlx::query(SELECT_WRITABLE).fetch_one(connection).await.map_err(DatastoreError::sql("look at the session"))?;
    writable(&row).map(|_| ())
}

fn writable(row: &sqlx::postgres::PgRow) -> Result<i64, DatastoreError> {
    let failed = || DatastoreError::sql("look at the session");
    let key: i64 = row.try_get(0).map_err(failed())?;
    let recovering: bool = row.try_get(1).map_err(failed())?;
    let read_only: String = row.try_get(2).map_err(failed())?;
    if recovering || read_only != "off" {
        return Err(DatastoreError::NotWritable);
    }
    expect("fsync", "on", row.try_get(3).map_err(failed())?)?;
    let synchronous: String = row.try_get(4).map_err(failed())?;
    if synchronous == "remote_apply" { Ok(key) } else { expect("synchronous_commit", "on", synchronous).map(|()| key) }
}

/// Ends a transaction: commits what succeeded and has changed something, rolls back what did not.
///
/// # Errors
/// The outcome's; [`DatastoreError::CommitUnknown`] when the commit was not answered.
pub(super) async fn end<T, E: From<DatastoreError> + Failed>(
    mut lent: Lent<'_>,
    outcome: Result<T, E>,
    changed: impl FnOnce(&T) -> bool,
) -> Result<T, E> {
    let call = lent.place().timing.call;
    match outcome {
        Ok(value) if changed(&value) => {
            let committed = tokio::time::timeout(call, commit(&mut lent.connection)).await;
            committed.unwrap_or_else(|_| Err(DatastoreError::CommitUnknown { source: Arc::new(timed_out()) }))?;
            lent.give_back();
            Ok(value)
        }
        // A call that was given up in the middle of a statement leaves a connection that nothing can be asked of.
        Err(error) if matches!(error.datastore(), Some(DatastoreError::Lost { .. })) => Err(error),
        outcome => {
            // What does not roll back loses its connection, and with it the transaction.
            if let Ok(Ok(())) = tokio::time::timeout(call, roll_back(&mut lent.connection)).await {
                lent.give_back();
            }
            outcome
        }
    }
}

/// Commits. While Postgres waits for its synchronous standby, `statement_timeout` does not count; this side's clock does.
async fn commit(connection: &mut PgConnection) -> Result<(), DatastoreError> {
    match sqlx::raw_sql("COMMIT").execute(connection).await {
        Ok(_) => Ok(()),
        Err(error) => match sqlstate(&error) {
            // Classes of errors at a commit that Postgres has rolled back for certain: integrity, and rollbacks but for 40003, which says
            // that it does not know.
            Some(code) if code != "40003" && (code.starts_with("40") || code.starts_with("23")) => {
                Err(DatastoreError::sql("commit")(error))
            }
            Some(_) | None => Err(DatastoreError::CommitUnknown { source: Arc::new(error) }),
        },
    }
}
