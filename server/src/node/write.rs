//! Writes, as the services ask for them: through the store's committer, answered once this node has applied them.

use std::future::Future;
use std::time::Duration;

use dhow_engine::entry::StoreId;

use super::Node;
use super::freshness::less_the_way_back;
use super::token::Token;
use crate::store::{DatastoreError, SchemaCommand, SchemaWriteError, WriteCommand, WriteError};

/// A write that is in.
#[derive(Debug, Clone)]
pub(crate) struct WriteOutcome {
    /// Names its revision, or the head's if it changed nothing.
    pub(crate) token: Token,
    /// Under which id it is known.
    pub(crate) request_id: String,
    /// Tuples that it made.
    pub(crate) created: u32,
    /// Tuples that it replaced.
    pub(crate) replaced: u32,
    /// Tuples that it removed.
    pub(crate) deleted: u32,
    /// Whether this is the first answer once more.
    pub(crate) repeated: bool,
}

/// A schema version that is in force.
#[derive(Debug, Clone)]
pub(crate) struct SchemaOutcome {
    /// Names the revision afterwards.
    pub(crate) token: Token,
    /// Its number.
    pub(crate) version: u64,
    /// Whether the same text was in force already.
    pub(crate) unchanged: bool,
}

impl Node {
    /// Writes, within a time. A write whose caller's time is over may be carried out all the same.
    ///
    /// # Errors
    /// When it is refused, or its outcome is not known.
    pub(crate) async fn write(&self, store: StoreId, command: WriteCommand, allowed: Option<Duration>) -> Result<WriteOutcome, WriteError> {
        self.datastore.assert_takes_writes().map_err(WriteError::Datastore)?;
        command.check()?;
        let request_id = command.request_id.clone();
        self.assert_contact().map_err(WriteError::Datastore)?;
        let late = || match self.assert_contact() {
            Ok(()) => WriteError::Deadline { request_id: request_id.clone() },
            Err(source) => WriteError::Unknown { request_id: request_id.clone(), source },
        };
        let write = async {
            let hosted = self.host(store).await.map_err(WriteError::Datastore)?;
            hosted.fold().expect_in_order().map_err(WriteError::Datastore)?;
            hosted.committer().write(command).await
        };
        let committed = within(allowed, write, late).await.inspect_err(|error| {
            if let WriteError::Datastore(error) = error {
                self.forget_gone(store, error);
            }
        })?;
        let written = committed.written;
        Ok(WriteOutcome {
            token: Token::new(store, written.revision, &written.chain),
            request_id,
            created: written.created,
            replaced: written.replaced,
            deleted: written.deleted,
            repeated: committed.repeated,
        })
    }

    /// Writes a schema version, within a time. One whose caller's time is over may be carried out all the same.
    ///
    /// # Errors
    /// When it is refused, or its outcome is not known.
    pub(crate) async fn write_schema(
        &self,
        store: StoreId,
        command: SchemaCommand,
        allowed: Option<Duration>,
    ) -> Result<SchemaOutcome, SchemaWriteError> {
        self.datastore.assert_takes_writes()?;
        self.assert_contact()?;
        let late = || match self.assert_contact() {
            Ok(()) => SchemaWriteError::Deadline,
            Err(_) => SchemaWriteError::Datastore(DatastoreError::not_told()),
        };
        let write = async {
            let hosted = self.host(store).await?;
            hosted.fold().expect_in_order()?;
            hosted.committer().write_schema(command).await
        };
        let committed = within(allowed, write, late).await?;
        Ok(SchemaOutcome {
            token: Token::new(store, committed.revision, &committed.chain),
            version: committed.version,
            unchanged: committed.unchanged,
        })
    }
}

/// Waits for at most a time.
async fn within<T, E>(allowed: Option<Duration>, write: impl Future<Output = Result<T, E>>, late: impl FnOnce() -> E) -> Result<T, E> {
    match allowed {
        None => write.await,
        Some(allowed) => tokio::time::timeout(less_the_way_back(allowed), write).await.unwrap_or_else(|_| Err(late())),
    }
}
