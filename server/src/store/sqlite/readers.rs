//! Connections to read from, beside the writer or, in memory, the writer's own.
//!
//! Not sqlx's pool: that one goes on trying for half a minute when a new connection's settings are not in force, and then says that it
//! timed out.

use std::sync::{Mutex as PlainMutex, PoisonError};

use sqlx::{Connection, SqliteConnection, SqliteTransaction};
use tokio::sync::{MutexGuard, Semaphore, SemaphorePermit};

use super::super::error::DatastoreError;
use super::connect::Place;
use super::writer::{Writer, is_clear};

/// Connections that read at once; further readers wait.
const READERS: u32 = 4;

/// The readers of a file. They are opened when they are needed and stay open.
#[derive(Debug)]
pub(super) struct Readers {
    place: Place,
    free: Semaphore,
    /// Guards the list alone; nothing waits while it is held.
    idle: PlainMutex<Vec<SqliteConnection>>,
}

impl Readers {
    /// The readers of a file, one of them open: what would keep the others from opening is found out at once.
    pub(super) async fn open(place: Place) -> Result<Self, DatastoreError> {
        let first = place.connect_reader().await?;
        let permits = usize::try_from(READERS).unwrap_or(1);
        Ok(Self { place, free: Semaphore::new(permits), idle: PlainMutex::new(vec![first]) })
    }

    /// One of them, as soon as one is free.
    pub(super) async fn take(&self) -> Result<Reader<'_>, DatastoreError> {
        let closed = |_| DatastoreError::sql("use a closed database")(sqlx::Error::PoolClosed);
        let permit = self.free.acquire().await.map_err(closed)?;
        let mut borrowed = Borrowed { readers: self, connection: self.next_idle(), _permit: permit };
        // What a read that failed or was given up left behind must be gone.
        if let Some(connection) = &mut borrowed.connection
            && connection.is_in_transaction()
            && !is_clear(connection).await
        {
            borrowed.connection = None;
        }
        Ok(Reader::Borrowed(borrowed))
    }

    fn next_idle(&self) -> Option<SqliteConnection> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// Waits for the reads under way and closes all connections.
    pub(super) async fn close(&self) {
        let all = self.free.acquire_many(READERS).await;
        self.free.close();
        while let Some(connection) = self.next_idle() {
            super::close_quietly(connection).await;
        }
        drop(all);
    }
}

/// One of the readers, until it is dropped.
#[derive(Debug)]
pub(super) struct Borrowed<'r> {
    readers: &'r Readers,
    /// `None`: not open yet.
    connection: Option<SqliteConnection>,
    _permit: SemaphorePermit<'r>,
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.readers.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
    }
}

/// A connection to read from.
#[derive(Debug)]
pub(super) enum Reader<'s> {
    /// One of several.
    Borrowed(Borrowed<'s>),
    /// The writer's, in memory.
    Only(MutexGuard<'s, Writer>),
}

impl Reader<'_> {
    /// The connection: each statement reads at one moment, several do not.
    pub(super) async fn connection(&mut self) -> Result<&mut SqliteConnection, DatastoreError> {
        match self {
            Self::Only(writer) => writer.connection().await,
            Self::Borrowed(Borrowed { readers, connection, .. }) => {
                let open = match connection.take() {
                    Some(open) => open,
                    None => readers.place.connect_reader().await?,
                };
                Ok(connection.insert(open))
            }
        }
    }

    /// Begins a transaction: everything read in it is read at one moment.
    pub(super) async fn begin(&mut self) -> Result<SqliteTransaction<'_>, DatastoreError> {
        self.connection().await?.begin().await.map_err(DatastoreError::sql("begin a transaction"))
    }
}
