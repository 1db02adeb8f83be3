//! The log, and whole stores.

use std::collections::BTreeSet;

use dhow_engine::entry::StoreId;
use futures_util::TryStreamExt;
use sqlx::SqliteConnection;

use super::super::error::DatastoreError;
use super::super::rows::{Reading, sql_number};
use super::super::{AuditSink, Head, LoadSink, LogLabel, LogRecord, SchemaRecord};
use super::heads::{self, read_head};
use super::tables::{SqliteTables, array};
use super::versions;

/// Tuples that a sink gets at once.
const LOAD_PIECE: usize = 4_096;

/// A call for the log ends after so many bytes of entries.
pub(super) const LOG_BYTES: usize = 8 * 1024 * 1024;

/// All tuples in order of their keys.
pub(super) const SELECT_TUPLES: &str = "
    SELECT object_type, object_id, relation, subject_type, subject_id, subject_relation, caveat, context, expires_at, revision
    FROM tuple WHERE store = ?1
    ORDER BY object_type, object_id, relation, subject_type, subject_id, subject_relation";

/// Entries behind a revision.
pub(super) const SELECT_LOG: &str = "
    SELECT revision, chain, entry FROM log WHERE store = ?1 AND revision > ?2 ORDER BY revision LIMIT ?3";

/// Entries of some revisions, newest first.
pub(super) const SELECT_LABELS: &str = "
    SELECT revision, chain, entry FROM log
    WHERE store = ?1 AND revision IN (SELECT value FROM json_each(?2)) ORDER BY revision DESC";

const SELECT_SCHEMAS: &str = "
    SELECT version, revision, time, actor, source FROM schema_version WHERE store = ?1 ORDER BY version";

/// A schema version by its number.
pub(super) const SELECT_SCHEMA: &str = "
    SELECT version, revision, time, actor, source FROM schema_version WHERE store = ?1 AND version = ?2";

/// Reads a store at its head, as the log has it, into a sink, in a transaction.
pub(super) async fn load(connection: &mut SqliteConnection, store: StoreId, sink: &mut dyn LoadSink) -> Result<(), DatastoreError> {
    let (key, head) = heads::read_logged(connection, store).await?;
    stored(connection, (store, key), head, sink).await
}

/// Reads a store with its head as it is stored, its counts and its newest entry, in a transaction.
pub(super) async fn audit(connection: &mut SqliteConnection, store: StoreId, sink: &mut dyn AuditSink) -> Result<(), DatastoreError> {
    let (key, head) = read_head(connection, store).await?;
    stored(connection, (store, key), head.clone(), sink).await?;
    let counts = versions::shapes(&mut SqliteTables { connection, store, key }).await?;
    let newest = heads::newest(connection, store, &head).await?;
    sink.end(counts, newest)
}

/// Reads the rows of a store into a sink that is told of this head.
async fn stored(
    connection: &mut SqliteConnection,
    (store, key): (StoreId, i64),
    head: Head,
    sink: &mut dyn LoadSink,
) -> Result<(), DatastoreError> {
    let schemas = schemas(connection, store, key).await?;
    let newest = head.revision;
    sink.begin(head, schemas)?;
    let mut rows = sqlx::query(SELECT_TUPLES).bind(key).fetch(connection);
    let mut piece = Vec::with_capacity(LOAD_PIECE);
    while let Some(row) = rows.try_next().await.map_err(DatastoreError::sql("read all tuples"))? {
        piece.push(Reading { row: &row, table: "tuple", store }.stored_tuple(newest)?);
        if piece.len() == LOAD_PIECE {
            sink.tuples(std::mem::replace(&mut piece, Vec::with_capacity(LOAD_PIECE)))?;
        }
    }
    if piece.is_empty() { Ok(()) } else { sink.tuples(piece) }
}

async fn schemas(connection: &mut SqliteConnection, store: StoreId, key: i64) -> Result<Vec<SchemaRecord>, DatastoreError> {
    let rows = sqlx::query(SELECT_SCHEMAS).bind(key).fetch_all(connection).await;
    let rows = rows.map_err(DatastoreError::sql("read schema versions"))?;
    rows.iter().map(|row| Reading { row, table: "schema_version", store }.schema()).collect()
}

/// Reads a part of the log, in a transaction.
pub(super) async fn log(
    connection: &mut SqliteConnection,
    store: StoreId,
    after: u64,
    limit: usize,
) -> Result<Vec<LogRecord>, DatastoreError> {
    let (key, _) = read_head(connection, store).await?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = sqlx::query(SELECT_LOG).bind(key).bind(sql_number(after)).bind(limit).fetch(connection);
    let (mut records, mut bytes) = (Vec::new(), 0);
    let mut expected = after.saturating_add(1);
    while let Some(row) = rows.try_next().await.map_err(DatastoreError::sql("read the log"))? {
        let (record, encoded) = Reading { row: &row, table: "log", store }.log_record(expected)?;
        records.push(record);
        expected = expected.saturating_add(1);
        bytes += encoded;
        if bytes >= LOG_BYTES {
            break;
        }
    }
    Ok(records)
}

/// Reads who wrote some revisions, in a transaction.
pub(super) async fn labels(
    connection: &mut SqliteConnection,
    store: StoreId,
    revisions: &BTreeSet<u64>,
) -> Result<Vec<LogLabel>, DatastoreError> {
    let (key, _) = read_head(connection, store).await?;
    let wanted: Vec<_> = revisions.iter().map(|revision| sql_number(*revision).into()).collect();
    let mut rows = sqlx::query(SELECT_LABELS).bind(key).bind(array(&wanted)).fetch(connection);
    let (mut labels, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.try_next().await.map_err(DatastoreError::sql("read who wrote revisions"))? {
        let (label, encoded) = Reading { row: &row, table: "log", store }.log_label()?;
        labels.push(label);
        bytes += encoded;
        if bytes >= LOG_BYTES {
            break;
        }
    }
    Ok(labels)
}
