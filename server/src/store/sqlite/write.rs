//! Writing a batch: head, then everything that its commands are decided by, then the decisions, then what came of them.

use std::collections::BTreeSet;

use dhow_engine::entry::StoreId;
use dhow_engine::time::Timestamp;
use sqlx::SqliteConnection;

use super::super::batch::{Batch, request_horizon};
use super::super::command::{ChangeRequest, Committed, Expectation, WriteCommand, WriteError};
use super::super::decide::SchemaInForce;
use super::super::error::DatastoreError;
use super::filter::find;
use super::heads::{read_head, write_head};
use super::schemas::SchemaCache;
use super::tables::{PURGE_REQUESTS, Tables};

/// Old request ids that a batch removes: more than it adds, so that they become fewer.
const PURGED_AT_LEAST: usize = 64;

/// Writes a batch, in a transaction that holds the write lock.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    schemas: &SchemaCache,
    store: StoreId,
    now: Timestamp,
    commands: &[WriteCommand],
) -> Result<Vec<Result<Committed, WriteError>>, DatastoreError> {
    let (key, head) = read_head(connection, store).await?;
    let writes = |change: &ChangeRequest| match change {
        ChangeRequest::Create(_) | ChangeRequest::Touch(_) => true,
        ChangeRequest::Delete(_) => false,
    };
    let schema = if commands.iter().flat_map(|command| &command.changes).any(writes) {
        schemas.in_force(connection, store, key, head.schema_version).await?
    } else {
        SchemaInForce::Missing
    };
    let mut tables = Tables { connection, store, key };
    let requests = tables.requests(commands.iter().map(|command| &*command.request_id)).await?;
    let keys: BTreeSet<_> = commands.iter().flat_map(|command| &command.changes).map(ChangeRequest::key).collect();
    let images = tables.images(keys).await?;

    let mut batch = Batch::new(store, head, now, requests, images);
    let mut outcomes = Vec::with_capacity(commands.len());
    for command in commands {
        outcomes.push(run(&mut tables, &mut batch, command, &schema).await?);
    }

    if batch.is_unchanged() {
        // Then the commit has nothing to wait for.
        return Ok(outcomes);
    }
    tables.save(batch.take_unsaved()).await?;
    write_head(tables.connection, key, batch.head()).await?;
    purge(&mut tables, batch.time(), commands.len()).await?;
    Ok(outcomes)
}

/// Decides one command. The outer error ends the batch, the inner one this command alone.
async fn run(
    tables: &mut Tables<'_>,
    batch: &mut Batch,
    command: &WriteCommand,
    schema: &SchemaInForce,
) -> Result<Result<Committed, WriteError>, DatastoreError> {
    match batch.first_answer(command) {
        Ok(None) => {}
        Ok(Some(first)) => return Ok(Ok(first)),
        Err(refused) => return Ok(Err(refused)),
    }
    if !command.preconditions.is_empty() {
        // Filters are asked of the table, which has to have what the commands before this one did.
        tables.save(batch.take_unsaved_tuples()).await?;
    }
    for (index, precondition) in command.preconditions.iter().enumerate() {
        let found = find(tables.connection, tables.store, tables.key, &precondition.filter, batch.time()).await?;
        let filter = || Box::new(precondition.filter.clone());
        match (precondition.expectation, found) {
            (Expectation::MustExist, Some(_)) | (Expectation::MustNotExist, None) => {}
            (Expectation::MustExist, None) => return Ok(Err(WriteError::Missing { index, filter: filter() })),
            (Expectation::MustNotExist, Some(found)) => {
                return Ok(Err(WriteError::Present { index, filter: filter(), found: Box::new(found) }));
            }
        }
    }
    Ok(batch.write(command, schema))
}

async fn purge(tables: &mut Tables<'_>, now: Timestamp, added: usize) -> Result<(), DatastoreError> {
    let most = i64::try_from(added.saturating_mul(2).saturating_add(PURGED_AT_LEAST)).unwrap_or(i64::MAX);
    let query = sqlx::query(PURGE_REQUESTS).bind(tables.key).bind(request_horizon(now).microseconds()).bind(most);
    query.execute(&mut *tables.connection).await.map(|_| ()).map_err(DatastoreError::sql("remove old request ids"))
}
