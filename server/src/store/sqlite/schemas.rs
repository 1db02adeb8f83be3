//! Schema versions: writing them, and the one in force, compiled.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use dhow_engine::entry::{Body, SchemaText, StoreId};
use dhow_engine::state::Shape;
use dhow_engine::time::Timestamp;
use dhow_engine::tuple::Tuple;
use dhow_engine::validate::{ContextOrphans, Orphans, ShapeVerdict, judge_shape};
use dhow_schema::ir::{Schema, SubjectShape};
use futures_util::TryStreamExt;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::super::batch::next_record;
use super::super::decide::SchemaInForce;
use super::super::error::DatastoreError;
use super::super::schema_command::{SchemaCommand, SchemaCommitted, SchemaWriteError};
use super::super::{Head, SchemaRecord};
use super::compile;
use super::heads::{read_head, write_head};
use super::read::SELECT_SCHEMA;
use super::rows::{Reading, sql_number};
use super::tables::{Tables, insert_log};

/// Stores whose compiled schema is kept.
const CACHED: usize = 256;

const INSERT_SCHEMA: &str = "
    INSERT INTO schema_version (store, version, revision, time, actor, source) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

/// Compiled schemas by store: a write must not compile. Which version is in force is read from the head every time.
#[derive(Debug, Default)]
pub(super) struct SchemaCache {
    /// Guards the map alone; nothing waits while it is held.
    compiled: Mutex<BTreeMap<StoreId, (u64, SchemaInForce)>>,
}

impl SchemaCache {
    /// The version in force, compiled.
    pub(super) async fn in_force(
        &self,
        connection: &mut SqliteConnection,
        store: StoreId,
        key: i64,
        version: u64,
    ) -> Result<SchemaInForce, DatastoreError> {
        if version == 0 {
            return Ok(SchemaInForce::Missing);
        }
        let known = self.compiled.lock().unwrap_or_else(PoisonError::into_inner).get(&store).cloned();
        if let Some((_, schema)) = known.filter(|(known, _)| *known == version) {
            return Ok(schema);
        }
        let record = read(connection, store, key, version).await?;
        let schema = compile(record.source).await?.schema;
        let schema = schema.map_or(SchemaInForce::Unreadable { version }, |schema| SchemaInForce::Compiled(Arc::new(schema)));
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if compiled.len() >= CACHED && !compiled.contains_key(&store) {
            // Ids are random, so this is any store: good enough for a server of very many.
            compiled.pop_first();
        }
        compiled.insert(store, (version, schema.clone()));
        Ok(schema)
    }

    /// Forgets a store.
    pub(super) fn forget(&self, store: StoreId) {
        self.compiled.lock().unwrap_or_else(PoisonError::into_inner).remove(&store);
    }
}

/// A schema version that the head names.
async fn read(connection: &mut SqliteConnection, store: StoreId, key: i64, version: u64) -> Result<SchemaRecord, DatastoreError> {
    let row = sqlx::query(SELECT_SCHEMA).bind(key).bind(sql_number(version)).fetch_optional(connection).await;
    match row.map_err(DatastoreError::sql("read the schema"))? {
        Some(row) => Reading { row: &row, table: "schema_version", store }.schema(),
        None => {
            let problem = format!("version {version}, which is in force, is not there");
            Err(DatastoreError::Corrupt { table: "schema_version", store, problem })
        }
    }
}

/// Writes a schema version, in a transaction that holds the write lock; `next` is its text compiled.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    schemas: &SchemaCache,
    store: StoreId,
    now: Timestamp,
    command: &SchemaCommand,
    next: &Schema,
) -> Result<SchemaCommitted, SchemaWriteError> {
    let (key, head) = read_head(connection, store).await?;
    let found = head.schema_version;
    let unwritten =
        |version, head: &Head, unchanged| SchemaCommitted { version, revision: head.revision, chain: head.chain, record: None, unchanged };
    // Before the version that is expected: who sends a write again because the answer was lost gets the answer.
    if found != 0 && read(connection, store, key, found).await?.source == command.source {
        return Ok(unwritten(found, &head, true));
    }
    if let Some(expected) = command.expected_version.filter(|expected| *expected != found) {
        return Err(SchemaWriteError::Version { expected, found });
    }
    if !command.allow_orphans {
        let current = schemas.in_force(connection, store, key, found).await?;
        let orphans = orphans(&mut Tables { connection: &mut *connection, store, key }, next, current.compiled().map(|c| &**c)).await?;
        if !orphans.is_empty() {
            return Err(SchemaWriteError::Orphans { orphans });
        }
    }
    let text = SchemaText { version: found + 1, source: command.source.clone() };
    let (version, time) = (text.version, now.max(head.time));
    let entry = next_record(store, &head, time, command.actor.clone(), String::new(), Body::Schema(text));
    let entry = entry.map_err(SchemaWriteError::Entry)?;
    if command.dry_run {
        return Ok(unwritten(version, &head, false));
    }
    insert_log(connection, key, &entry.record, entry.encoded).await?;
    let query = sqlx::query(INSERT_SCHEMA)
        .bind(key)
        .bind(sql_number(version))
        .bind(sql_number(entry.head.revision))
        .bind(time.microseconds())
        .bind(command.actor.clone())
        // Writing to a vector cannot fail, and what is longer than an entry was refused above.
        .bind(borsh::to_vec(&command.source).unwrap_or_default());
    query.execute(&mut *connection).await.map_err(DatastoreError::sql("write the schema"))?;
    write_head(connection, key, &entry.head).await?;
    let Head { revision, chain, .. } = entry.head;
    Ok(SchemaCommitted { version, revision, chain, record: Some(entry.record), unchanged: false })
}

/// Stored tuples that `next` would leave without meaning, by the counts of shapes; tuples are only read for examples, and where a
/// caveat's parameters are not what they were.
async fn orphans(tables: &mut Tables<'_>, next: &Schema, current: Option<&Schema>) -> Result<Vec<Orphans>, DatastoreError> {
    let mut orphans = Vec::new();
    for (shape, count) in shapes(tables).await? {
        match judge_shape(next, current, &shape) {
            ShapeVerdict::Kept => {}
            ShapeVerdict::Orphaned => {
                let example = example(tables, &shape).await?;
                orphans.push(Orphans::of_shape(shape, count, example));
            }
            ShapeVerdict::ContextsInDoubt(caveat) => {
                let mut found = ContextOrphans::new(caveat);
                let store = tables.store;
                let mut sql = tuples_of(tables.key, &shape);
                let mut rows = sql.build().persistent(false).fetch(&mut *tables.connection);
                while let Some(row) = rows.try_next().await.map_err(DatastoreError::sql("look at stored contexts"))? {
                    found.look(&Arc::new(Reading { row: &row, table: "tuple", store }.tuple()?));
                }
                orphans.extend(found.finish());
            }
        }
    }
    Ok(orphans)
}

/// The counts, in order of their shapes.
pub(super) async fn shapes(tables: &mut Tables<'_>) -> Result<BTreeMap<Shape, u64>, DatastoreError> {
    let sql = "SELECT object_type, relation, subject_type, subject_shape, caveat, expiration, tuples FROM shape WHERE store = ?1";
    let rows = sqlx::query(sql).bind(tables.key).fetch_all(&mut *tables.connection).await;
    let rows: Vec<SqliteRow> = rows.map_err(DatastoreError::sql("read the counts"))?;
    rows.iter().map(|row| Reading { row, table: "shape", store: tables.store }.shape()).collect()
}

async fn example(tables: &mut Tables<'_>, shape: &Shape) -> Result<Option<Arc<Tuple>>, DatastoreError> {
    let mut sql = tuples_of(tables.key, shape);
    let row = sql.push(" LIMIT 1").build().persistent(false).fetch_optional(&mut *tables.connection).await;
    match row.map_err(DatastoreError::sql("look for an example"))? {
        Some(row) => Reading { row: &row, table: "tuple", store: tables.store }.tuple().map(|tuple| Some(Arc::new(tuple))),
        None => Ok(None),
    }
}

/// The tuples of a shape, in order of their keys: a search among those of the object's type.
pub(super) fn tuples_of(key: i64, shape: &Shape) -> QueryBuilder<Sqlite> {
    let Shape { object_type, relation, subject } = shape;
    let mut sql = QueryBuilder::new(
        "SELECT object_type, object_id, relation, subject_type, subject_id, subject_relation, caveat, context, expires_at
         FROM tuple WHERE store = ",
    );
    sql.push_bind(key).push(" AND object_type = ").push_bind(object_type.to_string());
    sql.push(" AND relation = ").push_bind(relation.to_string());
    sql.push(" AND subject_type = ").push_bind(subject.object_type.to_string());
    match &subject.shape {
        SubjectShape::Object => sql.push(" AND subject_relation = '' AND subject_id <> '*'"),
        SubjectShape::Wildcard => sql.push(" AND subject_relation = '' AND subject_id = '*'"),
        SubjectShape::Userset(relation) => sql.push(" AND subject_relation = ").push_bind(relation.to_string()),
    };
    match &subject.caveat {
        Some(caveat) => sql.push(" AND caveat = ").push_bind(caveat.to_string()),
        None => sql.push(" AND caveat IS NULL"),
    };
    sql.push(if subject.expiration { " AND expires_at IS NOT NULL" } else { " AND expires_at IS NULL" });
    // The other columns of the key are the same in all of them.
    sql.push(" ORDER BY object_id, subject_id");
    sql
}
