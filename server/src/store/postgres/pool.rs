//! Connections that are lent out, one call each.
//!
//! A connection comes back only after its call ended in order; what failed or was given up takes its connection with it, and Postgres
//! rolls back what was under way there. Not sqlx's pool: that one pings, and goes on trying when a new connection is refused.

use std::sync::{Mutex as PlainMutex, PoisonError};

use sqlx::{Connection, PgConnection};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::super::error::DatastoreError;
use super::super::schemas::SchemaCache;
use super::connect::Place;

/// At most so many connections to one place. They are opened when they are needed and stay open.
#[derive(Debug)]
pub(super) struct Pool {
    place: Place,
    size: u32,
    free: Semaphore,
    /// Guards the list alone; nothing waits while it is held.
    idle: PlainMutex<Vec<PgConnection>>,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Lent<'p> {
    pool: &'p Pool,
    pub(super) connection: PgConnection,
    _permit: SemaphorePermit<'p>,
}

impl Pool {
    pub(super) fn new(place: Place, size: u32) -> Self {
        let permits = usize::try_from(size).unwrap_or(1);
        Self { place, size, free: Semaphore::new(permits), idle: PlainMutex::new(Vec::new()) }
    }

    /// A connection, as soon as one is free. One that was idle may have been lost meanwhile, which its first statement tells.
    pub(super) async fn take(&self, schemas: &SchemaCache) -> Result<Lent<'_>, DatastoreError> {
        let permit = self.free.acquire().await.map_err(|_| DatastoreError::Closed)?;
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => {
                // It may lead to another server, whose history has another schema under the same number: a standby that was promoted.
                schemas.clear();
                self.place.connect().await?
            }
        };
        Ok(Lent { pool: self, connection, _permit: permit })
    }

    /// Closes what is idle: another connection of the same kind was lost.
    pub(super) fn forget_idle(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Waits for the calls under way and closes all connections.
    pub(super) async fn close(&self) {
        let all = self.free.acquire_many(self.size).await;
        self.free.close();
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        for connection in idle {
            if let Err(error) = connection.close().await {
                tracing::debug!(%error, "a database connection did not close cleanly");
            }
        }
        drop(all);
    }
}

impl Lent<'_> {
    /// Where it leads.
    pub(super) const fn place(&self) -> &Place {
        &self.pool.place
    }

    /// Gives it back: nothing is under way on it.
    pub(super) fn give_back(self) {
        self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push(self.connection);
    }
}
