//! The revisions of tuples that were written before the table kept them (migration 2): found in the log, once.

use dhow_engine::entry::{Body, Change, Entry, StoreId};
use futures_util::TryStreamExt;
use sqlx::{Connection, Row, SqliteConnection};

use super::super::error::DatastoreError;
use super::super::rows::{Reading, sql_number};
use super::heads::read_head;
use super::read::LOG_BYTES;
use super::tables::{array, key_json};

/// Entries that are read at once.
const PAGE: i64 = 64;

const SELECT_STORES: &str = "SELECT s.id, s.key FROM revisions_to_find AS f JOIN store AS s ON s.key = f.store ORDER BY s.key";

/// Entries before a revision, newest first.
pub(super) const SELECT_LOG_BACK: &str = "
    SELECT revision, chain, entry FROM log WHERE store = ?1 AND revision < ?2 ORDER BY revision DESC LIMIT ?3";

/// Says of tuples that nothing was said of yet which revision they are of.
pub(super) const SET_REVISION: &str = "
    UPDATE tuple SET revision = ?3
    WHERE revision = 0 AND (store, object_type, object_id, relation, subject_type, subject_id, subject_relation) IN (
        SELECT ?1, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5 FROM json_each(?2))";

/// Finds the revisions in every store where they are still to be found, a transaction each. O(log of these stores), once; then nothing.
///
/// # Errors
/// When the database fails: what is still to be found stays so.
pub(super) async fn find(connection: &mut SqliteConnection) -> Result<(), DatastoreError> {
    let failed = || DatastoreError::sql("find the revisions of tuples");
    let stores = sqlx::query(SELECT_STORES).fetch_all(&mut *connection).await.map_err(failed())?;
    for row in &stores {
        let (store, key) = (Reading::of_store(row).store, row.try_get(1).map_err(failed())?);
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed())?;
        in_store(&mut transaction, store, key).await?;
        let done = sqlx::query("DELETE FROM revisions_to_find WHERE store = ?1").bind(key).execute(&mut *transaction);
        done.await.map_err(failed())?;
        transaction.commit().await.map_err(failed())?;
    }
    Ok(())
}

/// Walks a store's log backwards: the first entry that changes a tuple is the one that it came with. It ends where every tuple has its
/// revision, or where the log cannot be told further.
async fn in_store(connection: &mut SqliteConnection, store: StoreId, key: i64) -> Result<(), DatastoreError> {
    let (_, head) = read_head(connection, store).await?;
    let (mut before, mut left) = (head.revision.saturating_add(1), head.tuples);
    while left > 0 {
        let (entries, end) = page(connection, store, key, before).await?;
        for entry in &entries {
            before = entry.revision;
            left = left.saturating_sub(set(connection, key, entry).await?);
        }
        if let Some(problem) = end {
            tracing::warn!(%store, tuples = left, "which revisions these tuples are of is not known: {problem}");
            break;
        }
    }
    tracing::info!(%store, tuples = head.tuples, not_known = left, "the revisions of the tuples were found in the log");
    Ok(())
}

/// Entries before a revision, newest first, and why there are no more of them.
async fn page(
    connection: &mut SqliteConnection,
    store: StoreId,
    key: i64,
    before: u64,
) -> Result<(Vec<std::sync::Arc<Entry>>, Option<String>), DatastoreError> {
    let mut rows = sqlx::query(SELECT_LOG_BACK).bind(key).bind(sql_number(before)).bind(PAGE).fetch(connection);
    let (mut entries, mut bytes) = (Vec::new(), 0);
    let mut expected = before.saturating_sub(1);
    while let Some(row) = rows.try_next().await.map_err(DatastoreError::sql("read the log"))? {
        match (Reading { row: &row, table: "log", store }).log_record(expected) {
            Ok((record, encoded)) => {
                entries.push(record.entry);
                bytes += encoded;
            }
            Err(error) => return Ok((entries, Some(error.to_string()))),
        }
        expected = expected.saturating_sub(1);
        if bytes >= LOG_BYTES {
            break;
        }
    }
    let end = entries.is_empty().then(|| format!("the log has no revision {expected}"));
    Ok((entries, end))
}

/// Tells the tuples that an entry left behind of its revision; how many they were.
async fn set(connection: &mut SqliteConnection, key: i64, entry: &Entry) -> Result<u64, DatastoreError> {
    let changes: &[Change] = match &entry.body {
        Body::Changes(changes) => changes,
        Body::Schema(_) => return Ok(0),
    };
    let keys: Vec<_> = changes.iter().filter_map(Change::after).map(|tuple| key_json(&tuple.key)).collect();
    if keys.is_empty() {
        return Ok(0);
    }
    let query = sqlx::query(SET_REVISION).bind(key).bind(array(&keys)).bind(sql_number(entry.revision));
    let set = query.execute(connection).await.map_err(DatastoreError::sql("find the revisions of tuples"))?;
    Ok(set.rows_affected())
}
