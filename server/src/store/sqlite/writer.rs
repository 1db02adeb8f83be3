//! The one connection that writes, and how its transactions end.

use std::sync::Arc;

use sqlx::{Connection, SqliteConnection, SqliteTransaction};

use super::super::error::DatastoreError;
use super::connect::Place;

/// The writing connection. `None`: closed, or to be opened again.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) place: Place,
    pub(super) connection: Option<SqliteConnection>,
    pub(super) closed: bool,
}

/// How a transaction came to its end, before it is known whether its connection can be used again.
#[derive(Debug)]
pub(super) enum Ended<T, E> {
    /// Committed.
    Committed(T),
    /// The commit failed.
    CommitFailed(sqlx::Error),
    /// Given up before the commit.
    GivenUp(E),
}

impl Writer {
    /// The connection, opened again if the last transaction left it behind in doubt.
    pub(super) async fn connection(&mut self) -> Result<&mut SqliteConnection, DatastoreError> {
        if self.closed {
            return Err(DatastoreError::sql("use a closed database")(sqlx::Error::PoolClosed));
        }
        // Whoever was cancelled in a transaction left its rollback behind.
        let cancelled = self.connection.as_ref().is_some_and(|connection| connection.is_in_transaction());
        if cancelled && !self.is_clear().await {
            self.connection = None;
        }
        let connection = match self.connection.take() {
            Some(connection) => connection,
            // Memory that lost its connection has lost everything: an empty database in its place would be another history.
            None if matches!(self.place, Place::Memory) => {
                return Err(DatastoreError::sql("use a database whose memory is gone")(sqlx::Error::WorkerCrashed));
            }
            None => self.place.connect().await?,
        };
        Ok(self.connection.insert(connection))
    }

    /// Begins a transaction that holds the write lock from its start, so that nothing read in it can be overtaken. If it is dropped,
    /// it is rolled back.
    pub(super) async fn begin(&mut self) -> Result<SqliteTransaction<'_>, DatastoreError> {
        let connection = self.connection().await?;
        connection.begin_with("BEGIN IMMEDIATE").await.map_err(DatastoreError::sql("begin a transaction"))
    }

    async fn is_clear(&mut self) -> bool {
        match &mut self.connection {
            Some(connection) => is_clear(connection).await,
            None => false,
        }
    }

    /// Says what a transaction came to. After an error, SQLite may have ended the transaction by itself; the connection that sqlx
    /// then takes for one in a transaction is not used again.
    pub(super) async fn settle<T, E: From<DatastoreError>>(&mut self, ended: Ended<T, E>) -> Result<T, E> {
        match ended {
            Ended::Committed(value) => Ok(value),
            Ended::CommitFailed(source) if self.is_clear().await => {
                // The transaction was still open, and was rolled back.
                Err(DatastoreError::sql("commit")(source).into())
            }
            Ended::CommitFailed(source) => {
                self.connection = None;
                Err(DatastoreError::CommitUnknown { source: Arc::new(source) }.into())
            }
            Ended::GivenUp(error) => {
                if !self.is_clear().await {
                    self.connection = None;
                }
                Err(error)
            }
        }
    }
}

/// Commits what succeeded, rolls back what did not.
pub(super) async fn end<T, E>(transaction: SqliteTransaction<'_>, outcome: Result<T, E>) -> Ended<T, E> {
    match outcome {
        Ok(value) => match transaction.commit().await {
            Ok(()) => Ended::Committed(value),
            Err(source) => Ended::CommitFailed(source),
        },
        Err(error) => {
            drop(transaction);
            Ended::GivenUp(error)
        }
    }
}

/// Whether nothing is under way on a connection after what was asked of it so far.
pub(super) async fn is_clear(connection: &mut SqliteConnection) -> bool {
    // The ping comes back after the rollback that a dropped transaction leaves behind.
    connection.ping().await.is_ok() && !connection.is_in_transaction()
}
