//! Stores and their heads.

use dhow_engine::digest::Digest;
use dhow_engine::entry::{Chain, StoreId};
use dhow_engine::time::Timestamp;
use sqlx::{Row, SqliteConnection};

use super::super::error::{CreateStoreError, DatastoreError};
use super::super::logged::{by_the_log, logged_columns};
use super::super::rows::{Reading, sql_number};
use super::super::{Head, KnownHead, LogRecord, MovedHeads, StoreInfo, StoreKey};

/// A store's key in the other tables, and its head.
pub(super) const SELECT_HEAD: &str = "
    SELECT h.revision, h.chain, h.digest, h.time, h.schema_version, h.tuples, s.key
    FROM store AS s JOIN head AS h ON h.store = s.key WHERE s.id = ?1";

/// Where the log is at a revision.
pub(super) const SELECT_LOGGED: &str = concat!("SELECT ", logged_columns!("log"), " FROM log WHERE store = ?1 AND revision = ?2");

/// A store by its id.
pub(super) const SELECT_BY_ID: &str = "SELECT id, name, created_at FROM store WHERE id = ?1";

/// A store by its name.
pub(super) const SELECT_BY_NAME: &str = "SELECT id, name, created_at FROM store WHERE name = ?1";

const UPDATE_HEAD: &str = "
    UPDATE head SET revision = ?2, chain = ?3, digest = ?4, time = ?5, schema_version = ?6, tuples = ?7 WHERE store = ?1";

/// Everything of a store, what others refer to last.
const DELETE_STORE: [&str; 7] = [
    "DELETE FROM write_request WHERE store = ?1",
    "DELETE FROM shape WHERE store = ?1",
    "DELETE FROM tuple WHERE store = ?1",
    "DELETE FROM schema_version WHERE store = ?1",
    "DELETE FROM log WHERE store = ?1",
    "DELETE FROM head WHERE store = ?1",
    "DELETE FROM store WHERE key = ?1",
];

/// A store's key in the other tables, and its head.
///
/// # Errors
/// [`DatastoreError::NoStore`], among others.
pub(super) async fn read_head(connection: &mut SqliteConnection, store: StoreId) -> Result<(i64, Head), DatastoreError> {
    let row = sqlx::query(SELECT_HEAD).bind(store.0.to_vec()).fetch_optional(connection).await;
    let row = row.map_err(DatastoreError::sql("read the head"))?.ok_or(DatastoreError::NoStore { store })?;
    let key = row.try_get(6).map_err(DatastoreError::sql("read the head"))?;
    Ok((key, Reading { row: &row, table: "head", store }.head(0)?))
}

/// A store's key in the other tables, and its head as the log has it.
///
/// # Errors
/// [`DatastoreError::NoStore`], among others.
pub(super) async fn read_logged(connection: &mut SqliteConnection, store: StoreId) -> Result<(i64, Head), DatastoreError> {
    let (key, head) = read_head(&mut *connection, store).await?;
    let query = sqlx::query(SELECT_LOGGED).bind(key).bind(sql_number(head.revision));
    let row = query.fetch_optional(&mut *connection).await.map_err(DatastoreError::sql("compare the head with the log"))?;
    let is_logged = row.map_or(Ok(true), |row| Reading { row: &row, table: "log", store }.is_logged(&head, 0))?;
    if is_logged {
        return Ok((key, head));
    }
    let newest = newest(connection, store, &head).await?;
    Ok((key, by_the_log(store, head, newest.as_ref())?))
}

/// The head's entry of the log, if the log has it.
pub(super) async fn newest(connection: &mut SqliteConnection, store: StoreId, head: &Head) -> Result<Option<LogRecord>, DatastoreError> {
    let Some(before) = head.revision.checked_sub(1) else { return Ok(None) };
    Ok(super::read::log(connection, store, before, 1).await?.pop())
}

/// The heads that are not what was known of them.
pub(super) async fn moved(connection: &mut SqliteConnection, known: &[KnownHead]) -> Result<MovedHeads, DatastoreError> {
    let mut moved = Vec::new();
    for KnownHead { store, revision, chain } in known {
        match read_head(connection, *store).await {
            Ok((_, head)) if (head.revision, head.chain) == (*revision, *chain) => {}
            Ok((_, head)) => moved.push((*store, Some(head))),
            Err(DatastoreError::NoStore { .. }) => moved.push((*store, None)),
            Err(error) => return Err(error),
        }
    }
    Ok(MovedHeads { moved, writable: true, age: std::time::Duration::ZERO, time: None })
}

/// Moves the head.
pub(super) async fn write_head(connection: &mut SqliteConnection, key: i64, head: &Head) -> Result<(), DatastoreError> {
    let query = sqlx::query(UPDATE_HEAD)
        .bind(key)
        .bind(sql_number(head.revision))
        .bind(head.chain.0.to_vec())
        .bind(digest_bytes(&head.digest))
        .bind(head.time.microseconds())
        .bind(sql_number(head.schema_version))
        .bind(sql_number(head.tuples));
    query.execute(connection).await.map(|_| ()).map_err(DatastoreError::sql("move the head"))
}

/// A digest with its version in front.
fn digest_bytes(digest: &Digest) -> Vec<u8> {
    // Writing to a vector cannot fail.
    borsh::to_vec(digest).unwrap_or_default()
}

/// Makes a store with its head, in a transaction.
pub(super) async fn create(connection: &mut SqliteConnection, info: &StoreInfo) -> Result<(), CreateStoreError> {
    if find(connection, StoreKey::Name(&info.name)).await?.is_some() {
        return Err(CreateStoreError::NameTaken { name: info.name.clone() });
    }
    let failed = || DatastoreError::sql("make a store");
    let query = sqlx::query("INSERT INTO store (id, name, created_at) VALUES (?1, ?2, ?3)");
    let query = query.bind(info.id.0.to_vec()).bind(info.name.clone()).bind(info.created_at.microseconds());
    let key = query.execute(&mut *connection).await.map_err(failed())?.last_insert_rowid();
    let query =
        sqlx::query("INSERT INTO head (store, revision, chain, digest, time, schema_version, tuples) VALUES (?1, 0, ?2, ?3, ?4, 0, 0)")
            .bind(key)
            .bind(Chain::genesis(info.id).0.to_vec())
            .bind(digest_bytes(&Digest::default()))
            .bind(Timestamp::MIN.microseconds());
    query.execute(connection).await.map_err(failed())?;
    Ok(())
}

/// A store, if it exists.
pub(super) async fn find(connection: &mut SqliteConnection, key: StoreKey<'_>) -> Result<Option<StoreInfo>, DatastoreError> {
    let query = match key {
        StoreKey::Id(id) => sqlx::query(SELECT_BY_ID).bind(id.0.to_vec()),
        StoreKey::Name(name) => sqlx::query(SELECT_BY_NAME).bind(name.to_owned()),
    };
    let row = query.fetch_optional(connection).await.map_err(DatastoreError::sql("look for a store"))?;
    row.map(|row| Reading::of_store(&row).store_info()).transpose()
}

/// All stores, in order of their names.
pub(super) async fn list(connection: &mut SqliteConnection) -> Result<Vec<StoreInfo>, DatastoreError> {
    let query = sqlx::query("SELECT id, name, created_at FROM store ORDER BY name");
    let rows = query.fetch_all(connection).await.map_err(DatastoreError::sql("list the stores"))?;
    rows.iter().map(|row| Reading::of_store(row).store_info()).collect()
}

/// Removes a store with everything it has, in a transaction; whether it was there.
pub(super) async fn delete(connection: &mut SqliteConnection, store: StoreId) -> Result<bool, DatastoreError> {
    let failed = || DatastoreError::sql("remove a store");
    let query = sqlx::query_scalar::<_, i64>("SELECT key FROM store WHERE id = ?1").bind(store.0.to_vec());
    let Some(key) = query.fetch_optional(&mut *connection).await.map_err(failed())? else { return Ok(false) };
    for statement in DELETE_STORE {
        sqlx::query(statement).bind(key).execute(&mut *connection).await.map_err(failed())?;
    }
    Ok(true)
}
