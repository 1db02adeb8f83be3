//! Writing a batch: head, then everything that its commands are decided by, then the decisions, then what came of them.

use std::collections::BTreeSet;

use dhow_engine::time::Timestamp;

use super::Head;
use super::batch::{Batch, request_horizon};
use super::command::{ChangeRequest, Committed, Expectation, WriteCommand, WriteError};
use super::decide::SchemaInForce;
use super::error::DatastoreError;
use super::schemas::SchemaCache;
use super::tables::Tables;

/// Old request ids that a batch removes: more than it adds, so that they become fewer.
const PURGED_AT_LEAST: usize = 64;

/// What a batch came to.
#[derive(Debug)]
pub(super) struct BatchOutcome {
    /// The outcome of each command.
    pub(super) commands: Vec<Result<Committed, WriteError>>,
    /// Whether there is anything to commit.
    pub(super) changed: bool,
}

/// Writes a batch, in a transaction that keeps other writers out; `head` was read in it.
pub(super) async fn write<T: Tables>(
    tables: &mut T,
    head: Head,
    schemas: &SchemaCache,
    now: Timestamp,
    commands: &[WriteCommand],
) -> Result<BatchOutcome, DatastoreError> {
    let writes = |change: &ChangeRequest| match change {
        ChangeRequest::Create(_) | ChangeRequest::Touch(_) => true,
        ChangeRequest::Delete(_) => false,
    };
    let schema = if commands.iter().flat_map(|command| &command.changes).any(writes) {
        schemas.in_force(tables, head.schema_version).await?
    } else {
        SchemaInForce::Missing
    };
    let ids: Vec<&str> = commands.iter().map(|command| &*command.request_id).collect();
    let requests = tables.requests(&ids).await?;
    let keys: BTreeSet<_> = commands.iter().flat_map(|command| &command.changes).map(ChangeRequest::key).collect();
    let keys: Vec<_> = keys.into_iter().collect();
    let images = tables.images(&keys).await?;

    let mut batch = Batch::new(tables.store(), head, now, requests, images);
    let mut outcomes = Vec::with_capacity(commands.len());
    for command in commands {
        outcomes.push(run(tables, &mut batch, command, &schema).await?);
    }

    if batch.is_unchanged() {
        // Then the commit has nothing to wait for.
        return Ok(BatchOutcome { commands: outcomes, changed: false });
    }
    tables.save(batch.take_unsaved()).await?;
    tables.write_head(batch.head()).await?;
    tables.purge_requests(request_horizon(batch.time()), commands.len().saturating_mul(2).saturating_add(PURGED_AT_LEAST)).await?;
    Ok(BatchOutcome { commands: outcomes, changed: true })
}

/// Decides one command. The outer error ends the batch, the inner one this command alone.
async fn run<T: Tables>(
    tables: &mut T,
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
        let found = tables.find(&precondition.filter, batch.time()).await?;
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
