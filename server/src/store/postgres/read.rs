//! The log, and whole stores.

use std::collections::BTreeSet;
use std::time::Duration;

use dhow_engine::entry::StoreId;
use futures_util::TryStreamExt;
use sqlx::PgConnection;

use super::super::error::DatastoreError;
use super::super::rows::{Reading, sql_number};
use super::super::{AuditSink, Head, LoadSink, LogLabel, LogRecord, SchemaRecord};
use super::copy::CopyReader;
use super::heads::{self, read_head};
use super::retry::timed_out;
use super::tables::PostgresTables;
use super::versions;

/// Tuples that a sink gets at once.
const LOAD_PIECE: usize = 4_096;

/// A call for the log ends after so many bytes of entries.
pub(super) const LOG_BYTES: usize = 8 * 1024 * 1024;

/// Entries behind a revision.
pub(super) const SELECT_LOG: &str = "
    SELECT revision, chain, entry FROM log WHERE store = $1 AND revision > $2 ORDER BY revision LIMIT $3";

/// Entries of some revisions, newest first.
pub(super) const SELECT_LABELS: &str = "
    SELECT revision, chain, entry FROM log WHERE store = $1 AND revision = ANY ($2) ORDER BY revision DESC";

const SELECT_SCHEMAS: &str = "
    SELECT version, revision, time, actor, source FROM schema_version WHERE store = $1 ORDER BY version";

/// A schema version by its number.
pub(super) const SELECT_SCHEMA: &str = "
    SELECT version, revision, time, actor, source FROM schema_version WHERE store = $1 AND version = $2";

/// All tuples in order of their keys. COPY takes no parameters.
pub(super) fn select_tuples(key: i64) -> String {
    format!(
        "SELECT object_type, object_id, relation, subject_type, subject_id, subject_relation, caveat, context, expires_at, revision
         FROM tuple WHERE store = {key}
         ORDER BY object_type, object_id, relation, subject_type, subject_id, subject_relation"
    )
}

/// Reads a store at its head, as the log has it, into a sink, in a transaction that sees one moment. Each piece has to come within
/// `patience`.
pub(super) async fn load(
    connection: &mut PgConnection,
    store: StoreId,
    patience: Duration,
    sink: &mut dyn LoadSink,
) -> Result<(), DatastoreError> {
    let first = tokio::time::timeout(patience, async {
        let (key, _) = read_head(connection, store).await?;
        Ok((key, heads::read_locked(connection, store, key).await?))
    });
    let (key, head) = first.await.unwrap_or_else(|_| Err(DatastoreError::sql("read all tuples")(timed_out())))?;
    stored(connection, (store, key), head, patience, sink).await
}

/// Reads a store with its head as it is stored, its counts and its newest entry, in a transaction that sees one moment.
pub(super) async fn audit(
    connection: &mut PgConnection,
    store: StoreId,
    patience: Duration,
    sink: &mut dyn AuditSink,
) -> Result<(), DatastoreError> {
    let late = || DatastoreError::sql("read the head and the counts")(timed_out());
    let first = tokio::time::timeout(patience, read_head(connection, store)).await;
    let (key, head) = first.unwrap_or_else(|_| Err(late()))?;
    stored(connection, (store, key), head.clone(), patience, sink).await?;
    let last = tokio::time::timeout(patience, async {
        let counts = versions::shapes(&mut PostgresTables { connection, store, key }).await?;
        Ok((counts, heads::newest(connection, store, &head).await?))
    });
    let (counts, newest) = last.await.unwrap_or_else(|_| Err(late()))?;
    sink.end(counts, newest)
}

/// Reads the rows of a store into a sink that is told of this head.
async fn stored(
    connection: &mut PgConnection,
    (store, key): (StoreId, i64),
    head: Head,
    patience: Duration,
    sink: &mut dyn LoadSink,
) -> Result<(), DatastoreError> {
    let failed = || DatastoreError::sql("read all tuples");
    let schemas = tokio::time::timeout(patience, schemas(connection, store, key)).await;
    let newest = head.revision;
    sink.begin(head, schemas.unwrap_or_else(|_| Err(failed()(timed_out())))?)?;
    let statement = format!("COPY ({}) TO STDOUT (FORMAT binary)", select_tuples(key));
    let mut stream = connection.copy_out_raw(&statement).await.map_err(failed())?;
    let mut piece = Vec::with_capacity(LOAD_PIECE);
    let mut reader = CopyReader::default();
    loop {
        let next = tokio::time::timeout(patience, stream.try_next()).await.unwrap_or_else(|_| Err(timed_out()));
        let Some(bytes) = next.map_err(failed())? else { break };
        reader.push(&bytes);
        while let Some(row) = reader.row().map_err(|error| failed()(error.into()))? {
            piece.push(Reading { row: &row, table: "tuple", store }.stored_tuple(newest)?);
            if piece.len() == LOAD_PIECE {
                sink.tuples(std::mem::replace(&mut piece, Vec::with_capacity(LOAD_PIECE)))?;
            }
        }
    }
    if !reader.has_ended() {
        return Err(failed()(sqlx::Error::Protocol("the COPY ended too early".to_owned())));
    }
    if piece.is_empty() { Ok(()) } else { sink.tuples(piece) }
}

async fn schemas(connection: &mut PgConnection, store: StoreId, key: i64) -> Result<Vec<SchemaRecord>, DatastoreError> {
    let rows = sqlx::query(SELECT_SCHEMAS).bind(key).fetch_all(connection).await;
    let rows = rows.map_err(DatastoreError::sql("read schema versions"))?;
    rows.iter().map(|row| Reading { row, table: "schema_version", store }.schema()).collect()
}

/// Reads a part of the log, in a transaction that sees one moment.
pub(super) async fn log(connection: &mut PgConnection, store: StoreId, after: u64, limit: usize) -> Result<Vec<LogRecord>, DatastoreError> {
    let (key, _) = read_head(connection, store).await?;
    let (mut records, mut bytes, mut after) = (Vec::new(), 0, after);
    // In pages, so that what is behind the bound of bytes is not sent in vain.
    while records.len() < limit && bytes < LOG_BYTES {
        let page = limit.saturating_sub(records.len()).min(LOG_PAGE);
        let query = sqlx::query(SELECT_LOG).bind(key).bind(sql_number(after)).bind(i64::try_from(page).unwrap_or(i64::MAX));
        let rows = query.fetch_all(&mut *connection).await.map_err(DatastoreError::sql("read the log"))?;
        for row in &rows {
            let expected = after.saturating_add(1);
            let (record, encoded) = Reading { row, table: "log", store }.log_record(expected)?;
            records.push(record);
            after = expected;
            bytes += encoded;
            if bytes >= LOG_BYTES {
                break;
            }
        }
        if rows.len() < page {
            break;
        }
    }
    Ok(records)
}

/// Entries of one page: at most 32 MiB are fetched at once.
const LOG_PAGE: usize = 64;

/// Reads who wrote some revisions, in a transaction that sees one moment.
pub(super) async fn labels(
    connection: &mut PgConnection,
    store: StoreId,
    revisions: &BTreeSet<u64>,
) -> Result<Vec<LogLabel>, DatastoreError> {
    let (key, _) = read_head(connection, store).await?;
    let wanted: Vec<i64> = revisions.iter().rev().map(|revision| sql_number(*revision)).collect();
    let (mut labels, mut bytes) = (Vec::new(), 0);
    for page in wanted.chunks(LOG_PAGE) {
        let query = sqlx::query(SELECT_LABELS).bind(key).bind(page);
        let rows = query.fetch_all(&mut *connection).await.map_err(DatastoreError::sql("read who wrote revisions"))?;
        for row in &rows {
            let (label, encoded) = Reading { row, table: "log", store }.log_label()?;
            labels.push(label);
            bytes += encoded;
            if bytes >= LOG_BYTES {
                return Ok(labels);
            }
        }
    }
    Ok(labels)
}
