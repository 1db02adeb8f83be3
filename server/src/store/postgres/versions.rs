//! The rows of schema versions and of the counts of shapes.

use std::collections::BTreeMap;
use std::sync::Arc;

use dhow_engine::state::Shape;
use dhow_engine::tuple::Tuple;
use dhow_engine::validate::ContextOrphans;
use futures_util::TryStreamExt;
use sqlx::postgres::PgRow;

use super::super::SchemaRecord;
use super::super::error::DatastoreError;
use super::super::filter::tuples_of;
use super::super::rows::{Reading, sql_number};
use super::query;
use super::read::SELECT_SCHEMA;
use super::tables::PostgresTables;

const INSERT_SCHEMA: &str = "
    INSERT INTO schema_version (store, version, revision, time, actor, source) VALUES ($1, $2, $3, $4, $5, $6)";

const SELECT_SHAPES: &str = "
    SELECT object_type, relation, subject_type, subject_shape, caveat, expiration, tuples FROM shape WHERE store = $1";

/// A schema version.
pub(super) async fn read(tables: &mut PostgresTables<'_>, version: u64) -> Result<Option<SchemaRecord>, DatastoreError> {
    let row = sqlx::query(SELECT_SCHEMA).bind(tables.key).bind(sql_number(version)).fetch_optional(&mut *tables.connection).await;
    let row = row.map_err(DatastoreError::sql("read the schema"))?;
    row.map(|row| Reading { row: &row, table: "schema_version", store: tables.store }.schema()).transpose()
}

/// Writes a schema version.
pub(super) async fn insert(tables: &mut PostgresTables<'_>, record: &SchemaRecord) -> Result<(), DatastoreError> {
    let query = sqlx::query(INSERT_SCHEMA)
        .bind(tables.key)
        .bind(sql_number(record.version))
        .bind(sql_number(record.revision))
        .bind(record.time.microseconds())
        .bind(record.actor.clone())
        // Writing to a vector cannot fail, and what is longer than an entry was refused before.
        .bind(borsh::to_vec(&record.source).unwrap_or_default());
    query.execute(&mut *tables.connection).await.map(|_| ()).map_err(DatastoreError::sql("write the schema"))
}

/// Removes a schema version.
pub(super) async fn delete(tables: &mut PostgresTables<'_>, version: u64) -> Result<(), DatastoreError> {
    let query = sqlx::query("DELETE FROM schema_version WHERE store = $1 AND version = $2").bind(tables.key).bind(sql_number(version));
    query.execute(&mut *tables.connection).await.map(|_| ()).map_err(DatastoreError::sql("remove a schema"))
}

/// The counts, in order of their shapes.
pub(super) async fn shapes(tables: &mut PostgresTables<'_>) -> Result<BTreeMap<Shape, u64>, DatastoreError> {
    let rows = sqlx::query(SELECT_SHAPES).bind(tables.key).fetch_all(&mut *tables.connection).await;
    let rows: Vec<PgRow> = rows.map_err(DatastoreError::sql("read the counts"))?;
    rows.iter().map(|row| Reading { row, table: "shape", store: tables.store }.shape()).collect()
}

/// The first tuple of a shape.
pub(super) async fn example(tables: &mut PostgresTables<'_>, shape: &Shape) -> Result<Option<Arc<Tuple>>, DatastoreError> {
    let mut sql = tuples_of(tables.key, shape);
    sql.push(" LIMIT 1");
    let row = query(sql).fetch_optional(&mut *tables.connection).await.map_err(DatastoreError::sql("look for an example"))?;
    row.map(|row| Reading { row: &row, table: "tuple", store: tables.store }.tuple().map(Arc::new)).transpose()
}

/// Shows all tuples of a shape.
pub(super) async fn show(tables: &mut PostgresTables<'_>, shape: &Shape, to: &mut ContextOrphans<'_>) -> Result<(), DatastoreError> {
    let store = tables.store;
    let mut rows = query(tuples_of(tables.key, shape)).fetch(&mut *tables.connection);
    while let Some(row) = rows.try_next().await.map_err(DatastoreError::sql("look at stored contexts"))? {
        to.look(&Arc::new(Reading { row: &row, table: "tuple", store }.tuple()?));
    }
    Ok(())
}
