//! Stores and their heads.

use std::time::Duration;

use dhow_engine::digest::Digest;
use dhow_engine::entry::{Chain, StoreId};
use dhow_engine::time::Timestamp;
use sqlx::{PgConnection, Row};

use super::super::error::{CreateStoreError, DatastoreError};
use super::super::logged::{by_the_log, logged_columns};
use super::super::rows::{Reading, sql_number};
use super::super::{Head, KnownHead, LogRecord, MovedHeads, StoreInfo, StoreKey};
use super::retry::timed_out;
use super::transaction::assert_writable;

/// A store's head, and its key in the other tables.
pub(super) const SELECT_HEAD: &str = "
    SELECT h.revision, h.chain, h.digest, h.time, h.schema_version, h.tuples, s.key
    FROM store AS s JOIN head AS h ON h.store = s.key WHERE s.id = $1";

/// A head by its store's key, and where the log is there.
pub(super) const SELECT_HEAD_BY_KEY: &str = concat!(
    "SELECT h.revision, h.chain, h.digest, h.time, h.schema_version, h.tuples, ",
    logged_columns!("l"),
    " FROM head AS h LEFT JOIN log AS l ON l.store = h.store AND l.revision = h.revision WHERE h.store = $1"
);

/// The heads that are not what was known of them, behind a row that says whether the server takes writes, and its time. Each store is looked up by
/// itself, whatever the planner makes of how many there are.
pub(super) const SELECT_MOVED: &str = "
    SELECT 0::BIGINT, NULL::BIGINT, NULL::BYTEA, NULL::BYTEA, NULL::BIGINT, NULL::BIGINT, NULL::BIGINT,
        NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off',
        (extract(epoch FROM clock_timestamp()) * 1000000)::BIGINT
    UNION ALL
    SELECT known.place, h.revision, h.chain, h.digest, h.time, h.schema_version, h.tuples, TRUE, NULL::BIGINT
    FROM unnest($1::BYTEA[], $2::BIGINT[], $3::BYTEA[]) WITH ORDINALITY AS known (id, revision, chain, place)
    LEFT JOIN LATERAL (
        SELECT head.* FROM store JOIN head ON head.store = store.key WHERE store.id = known.id LIMIT 1
    ) AS h ON TRUE
    WHERE h.revision IS DISTINCT FROM known.revision OR h.chain IS DISTINCT FROM known.chain";

/// A store by its id.
pub(super) const SELECT_BY_ID: &str = "SELECT id, name, created_at FROM store WHERE id = $1";

/// A store by its name.
pub(super) const SELECT_BY_NAME: &str = "SELECT id, name, created_at FROM store WHERE name = $1";

/// Moves a head.
pub(super) const UPDATE_HEAD: &str = "
    UPDATE head SET revision = $2, chain = $3, digest = $4, time = $5, schema_version = $6, tuples = $7 WHERE store = $1";

/// Makes a store. Two servers that make one of the same name at once find that out here: the second waits for the first and inserts
/// nothing.
const INSERT_STORE: &str = "INSERT INTO store (id, name, created_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING RETURNING key";

const INSERT_HEAD: &str = "
    INSERT INTO head (store, revision, chain, digest, time, schema_version, tuples) VALUES ($1, 0, $2, $3, $4, 0, 0)";

/// Everything of a store, what others are found by last. One that was published is noted, so that readers of the changelog hear of it.
const DELETE_STORE: [&str; 9] = [
    "INSERT INTO removed_store (id, changelog_partition)
     SELECT id, changelog_partition FROM store WHERE key = $1 AND changelog_partition IS NOT NULL ON CONFLICT DO NOTHING",
    "DELETE FROM published WHERE store = $1",
    "DELETE FROM write_request WHERE store = $1",
    "DELETE FROM shape WHERE store = $1",
    "DELETE FROM tuple WHERE store = $1",
    "DELETE FROM schema_version WHERE store = $1",
    "DELETE FROM log WHERE store = $1",
    "DELETE FROM head WHERE store = $1",
    "DELETE FROM store WHERE key = $1",
];

/// A store's key in the other tables, and its head.
///
/// # Errors
/// [`DatastoreError::NoStore`], among others.
pub(super) async fn read_head(connection: &mut PgConnection, store: StoreId) -> Result<(i64, Head), DatastoreError> {
    let row = sqlx::query(SELECT_HEAD).bind(&store.0[..]).fetch_optional(connection).await;
    let row = row.map_err(DatastoreError::sql("read the head"))?.ok_or(DatastoreError::NoStore { store })?;
    let reading = Reading { row: &row, table: "head", store };
    Ok((reading.row_key(6)?, reading.head(0)?))
}

/// The heads that are not what was known of them.
pub(super) async fn moved(connection: &mut PgConnection, known: &[KnownHead]) -> Result<MovedHeads, DatastoreError> {
    let failed = || DatastoreError::sql("read the heads");
    let query = sqlx::query(SELECT_MOVED)
        .bind(known.iter().map(|known| &known.store.0[..]).collect::<Vec<_>>())
        .bind(known.iter().map(|known| sql_number(known.revision)).collect::<Vec<_>>())
        .bind(known.iter().map(|known| &known.chain.0[..]).collect::<Vec<_>>());
    let rows = query.fetch_all(connection).await.map_err(failed())?;
    let mut found = MovedHeads { moved: Vec::new(), writable: false, age: Duration::ZERO, time: None };
    for row in &rows {
        let place: i64 = row.try_get(0).map_err(failed())?;
        let Some(known) = usize::try_from(place - 1).ok().and_then(|place| known.get(place)) else {
            found.writable = row.try_get(7).map_err(failed())?;
            found.time = Some(Timestamp::from_microseconds(row.try_get(8).map_err(failed())?));
            continue;
        };
        let revision: Option<i64> = row.try_get(1).map_err(failed())?;
        let reading = Reading { row, table: "head", store: known.store };
        found.moved.push((known.store, revision.map(|_| reading.head(1)).transpose()?));
    }
    Ok(found)
}

/// The head of a store whose lock is held, as the log has it: nobody else moves it, and nobody removes it.
pub(super) async fn read_locked(connection: &mut PgConnection, store: StoreId, key: i64) -> Result<Head, DatastoreError> {
    let (head, is_logged) = read_by_key(&mut *connection, store, key).await?;
    if is_logged { Ok(head) } else { as_logged(connection, store, head).await }
}

/// The head of a store as it is stored, and whether it is where the log is.
pub(super) async fn read_by_key(connection: &mut PgConnection, store: StoreId, key: i64) -> Result<(Head, bool), DatastoreError> {
    let row = sqlx::query(SELECT_HEAD_BY_KEY).bind(key).fetch_one(&mut *connection).await;
    let row = row.map_err(DatastoreError::sql("read the head"))?;
    let reading = Reading { row: &row, table: "head", store };
    let head = reading.head(0)?;
    let is_logged = reading.is_logged(&head, 6)?;
    Ok((head, is_logged))
}

/// A head that is not where the log is, as the log has it.
pub(super) async fn as_logged(connection: &mut PgConnection, store: StoreId, head: Head) -> Result<Head, DatastoreError> {
    let newest = newest(connection, store, &head).await?;
    by_the_log(store, head, newest.as_ref())
}

/// The head's entry of the log, if the log has it.
pub(super) async fn newest(connection: &mut PgConnection, store: StoreId, head: &Head) -> Result<Option<LogRecord>, DatastoreError> {
    let Some(before) = head.revision.checked_sub(1) else { return Ok(None) };
    Ok(super::read::log(connection, store, before, 1).await?.pop())
}

/// Moves the head.
pub(super) async fn write_head(connection: &mut PgConnection, key: i64, head: &Head) -> Result<(), DatastoreError> {
    let query = sqlx::query(UPDATE_HEAD)
        .bind(key)
        .bind(sql_number(head.revision))
        .bind(&head.chain.0[..])
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

/// Makes a store without a head, in a transaction; its key in the other tables.
pub(super) async fn insert(connection: &mut PgConnection, info: &StoreInfo) -> Result<i64, CreateStoreError> {
    assert_writable(connection).await?;
    let query = sqlx::query_scalar::<_, i64>(INSERT_STORE).bind(&info.id.0[..]).bind(&info.name).bind(info.created_at.microseconds());
    let key = query.fetch_optional(&mut *connection).await.map_err(DatastoreError::sql("make a store"))?;
    key.ok_or_else(|| CreateStoreError::NameTaken { name: info.name.clone() })
}

/// Makes a store with its head, in a transaction.
pub(super) async fn create(connection: &mut PgConnection, info: &StoreInfo) -> Result<(), CreateStoreError> {
    let key = insert(connection, info).await?;
    let query = sqlx::query(INSERT_HEAD)
        .bind(key)
        .bind(Chain::genesis(info.id).0.to_vec())
        .bind(digest_bytes(&Digest::default()))
        .bind(Timestamp::MIN.microseconds());
    query.execute(connection).await.map_err(DatastoreError::sql("make a store"))?;
    Ok(())
}

/// A store, if it exists.
pub(super) async fn find(connection: &mut PgConnection, key: StoreKey<'_>) -> Result<Option<StoreInfo>, DatastoreError> {
    let row = match key {
        StoreKey::Id(id) => sqlx::query(SELECT_BY_ID).bind(&id.0[..]).fetch_optional(connection).await,
        StoreKey::Name(name) => sqlx::query(SELECT_BY_NAME).bind(name).fetch_optional(connection).await,
    };
    let row = row.map_err(DatastoreError::sql("look for a store"))?;
    row.map(|row| Reading::of_store(&row).store_info()).transpose()
}

/// All stores, in order of their names.
pub(super) async fn list(connection: &mut PgConnection) -> Result<Vec<StoreInfo>, DatastoreError> {
    let query = sqlx::query("SELECT id, name, created_at FROM store ORDER BY name");
    let rows = query.fetch_all(connection).await.map_err(DatastoreError::sql("list the stores"))?;
    rows.iter().map(|row| Reading::of_store(row).store_info()).collect()
}

/// Removes a store with everything it has, in a transaction that has the lock of its head, within a time.
pub(super) async fn delete(connection: &mut PgConnection, key: i64, patience: Duration) -> Result<(), DatastoreError> {
    let failed = || DatastoreError::sql("remove a store");
    let deleting = tokio::time::timeout(patience, async {
        sqlx::raw_sql("SET LOCAL statement_timeout = 0").execute(&mut *connection).await?;
        for statement in DELETE_STORE {
            sqlx::query(statement).bind(key).execute(&mut *connection).await?;
        }
        Ok(())
    });
    deleting.await.unwrap_or_else(|_| Err(timed_out())).map_err(failed())
}
