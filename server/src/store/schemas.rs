//! Schema versions: writing them, and the one in force, compiled.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use dhow_engine::entry::{Body, SchemaSource, SchemaText, StoreId};
use dhow_engine::time::Timestamp;
use dhow_engine::validate::{ContextOrphans, Orphans, ShapeVerdict, judge_shape};
use dhow_schema::ir::Schema;
use dhow_schema::{Compilation, CompileError};

use super::batch::{Unsaved, next_record};
use super::decide::SchemaInForce;
use super::error::DatastoreError;
use super::schema_command::{SchemaCommand, SchemaCommitted, SchemaWriteError};
use super::tables::Tables;
use super::{Head, SchemaRecord};

/// Stores whose compiled schema is kept.
const CACHED: usize = 256;

/// Compiled schemas by store: a write must not compile. Which version is in force is read from the head every time.
#[derive(Debug, Default)]
pub(super) struct SchemaCache {
    /// Guards the map alone; nothing waits while it is held.
    compiled: Mutex<BTreeMap<StoreId, (u64, SchemaInForce)>>,
}

impl SchemaCache {
    /// The version in force, compiled.
    pub(super) async fn in_force<T: Tables>(&self, tables: &mut T, version: u64) -> Result<SchemaInForce, DatastoreError> {
        let store = tables.store();
        if version == 0 {
            return Ok(SchemaInForce::Missing);
        }
        let known = self.compiled.lock().unwrap_or_else(PoisonError::into_inner).get(&store).cloned();
        if let Some((_, schema)) = known.filter(|(known, _)| *known == version) {
            return Ok(schema);
        }
        let record = read(tables, version).await?;
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

    /// Forgets all.
    pub(super) fn clear(&self) {
        self.compiled.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Forgets a store.
    pub(super) fn forget(&self, store: StoreId) {
        self.compiled.lock().unwrap_or_else(PoisonError::into_inner).remove(&store);
    }
}

/// Compiles a schema on a thread for such work: the largest take some hundred milliseconds, and checks must not wait for them.
async fn compile(source: SchemaSource) -> Result<Compilation, DatastoreError> {
    // It fails when the server is stopping, or by a panic, which the log has told of.
    tokio::task::spawn_blocking(move || source.compile()).await.map_err(|_| DatastoreError::Closed)
}

/// A schema that is to be written, compiled.
///
/// # Errors
/// [`SchemaWriteError::Wrong`].
pub(super) async fn compiled(source: &SchemaSource) -> Result<Schema, SchemaWriteError> {
    let Compilation { schema, diagnostics, .. } = compile(source.clone()).await?;
    schema.ok_or_else(|| SchemaWriteError::Wrong { problem: CompileError { diagnostics }.to_string() })
}

/// A schema version that the head names.
async fn read<T: Tables>(tables: &mut T, version: u64) -> Result<SchemaRecord, DatastoreError> {
    match tables.schema(version).await? {
        Some(record) => Ok(record),
        None => {
            let problem = format!("version {version}, which is in force, is not there");
            Err(DatastoreError::Corrupt { table: "schema_version", store: tables.store(), problem })
        }
    }
}

/// Writes a schema version, in a transaction that keeps other writers out; `head` was read in it, `next` is its text compiled.
pub(super) async fn write<T: Tables>(
    tables: &mut T,
    head: Head,
    schemas: &SchemaCache,
    now: Timestamp,
    command: &SchemaCommand,
    next: &Schema,
) -> Result<SchemaCommitted, SchemaWriteError> {
    let found = head.schema_version;
    let unwritten =
        |version, head: &Head, unchanged| SchemaCommitted { version, revision: head.revision, chain: head.chain, record: None, unchanged };
    // Before the version that is expected: who sends a write again because the answer was lost gets the answer.
    if found != 0 && read(tables, found).await?.source == command.source {
        return Ok(unwritten(found, &head, true));
    }
    if let Some(expected) = command.expected_version.filter(|expected| *expected != found) {
        return Err(SchemaWriteError::Version { expected, found });
    }
    if !command.allow_orphans {
        let current = schemas.in_force(tables, found).await?;
        let orphans = orphans(tables, next, current.compiled().map(|c| &**c)).await?;
        if !orphans.is_empty() {
            return Err(SchemaWriteError::Orphans { orphans });
        }
    }
    let text = SchemaText { version: found + 1, source: command.source.clone() };
    let (version, time) = (text.version, now.max(head.time));
    let entry = next_record(tables.store(), &head, time, command.actor.clone(), String::new(), Body::Schema(text));
    let entry = entry.map_err(SchemaWriteError::Entry)?;
    if command.dry_run {
        return Ok(unwritten(version, &head, false));
    }
    let Head { revision, chain, .. } = entry.head;
    tables.save(Unsaved { log: vec![(entry.record.clone(), entry.encoded)], ..Unsaved::default() }).await?;
    let record = SchemaRecord { version, revision, time, actor: command.actor.clone(), source: command.source.clone() };
    tables.insert_schema(&record).await?;
    tables.write_head(&entry.head).await?;
    Ok(SchemaCommitted { version, revision, chain, record: Some(entry.record), unchanged: false })
}

/// Stored tuples that `next` would leave without meaning, by the counts of shapes; tuples are only read for examples, and where a
/// caveat's parameters are not what they were.
async fn orphans<T: Tables>(tables: &mut T, next: &Schema, current: Option<&Schema>) -> Result<Vec<Orphans>, DatastoreError> {
    let mut orphans = Vec::new();
    for (shape, count) in tables.shapes().await? {
        match judge_shape(next, current, &shape) {
            ShapeVerdict::Kept => {}
            ShapeVerdict::Orphaned => {
                let example = tables.example(&shape).await?;
                orphans.push(Orphans::of_shape(shape, count, example));
            }
            ShapeVerdict::ContextsInDoubt(caveat) => {
                let mut found = ContextOrphans::new(caveat);
                tables.show(&shape, &mut found).await?;
                orphans.extend(found.finish());
            }
        }
    }
    Ok(orphans)
}
