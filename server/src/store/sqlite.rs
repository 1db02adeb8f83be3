//! Stores in SQLite: a file, or memory for tests.
//!
//! **Invariants.** One connection writes, in transactions that take the write lock at their beginning and wait for the disk at their
//! end. A lock file keeps every other process out. Readers have connections of their own and see one moment each; in memory there is
//! one connection for everything.
//!
//! Cost of a write: a handful of statements, whatever number of commands a batch has, one log row each, and one wait for the disk.

mod connect;
mod give;
mod heads;
mod read;
mod readers;
mod revisions;
mod rows;
mod tables;
mod versions;
mod writer;

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex as PlainMutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use dhow_engine::entry::StoreId;
use dhow_engine::time::Timestamp;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{Mutex, Notify};

use self::connect::Place;
use self::readers::{Reader, Readers};
use self::tables::SqliteTables;
use self::writer::{Writer, end};
use super::audit;
use super::batch::is_kept;
use super::command::{Committed, RequestOutcome, WriteCommand, WriteError};
use super::error::{CreateStoreError, DatastoreError};
use super::schema_command::{SchemaCommand, SchemaCommitted, SchemaWriteError};
use super::schemas::{self, SchemaCache};
use super::store_name::check_store_name;
use super::tables::Tables;
use super::write;
use super::{AuditSink, Datastore, Head, KnownHead, LoadSink, LogLabel, LogRecord, MovedHeads, Repair, StoreInfo, StoreKey};

/// A database of stores in SQLite.
#[derive(Debug)]
pub(crate) struct SqliteStore {
    /// One write transaction at a time.
    writer: Mutex<Writer>,
    /// `None` in memory.
    readers: Option<Readers>,
    schemas: SchemaCache,
    /// Held while the database is open; `None` in memory and once it is closed.
    lock: PlainMutex<Option<File>>,
}

impl SqliteStore {
    /// Opens a database file, makes it if it is not there, and brings its tables to this build's form.
    ///
    /// # Errors
    /// When it cannot be opened, another process has it, it cannot be made durable, or a newer dhow wrote it.
    pub(crate) async fn open(path: &Path) -> Result<Self, DatastoreError> {
        let lock = connect::lock(path)?;
        Self::at(Place::File(path.to_owned()), Some(lock)).await
    }

    /// A new database in memory, gone when it is closed.
    ///
    /// # Errors
    /// When SQLite does not work at all.
    pub(crate) async fn in_memory() -> Result<Self, DatastoreError> {
        Self::at(Place::Memory, None).await
    }

    async fn at(place: Place, lock: Option<File>) -> Result<Self, DatastoreError> {
        let mut connection = place.connect().await?;
        connect::claim(&mut connection, &place).await?;
        connect::migrate(&mut connection).await?;
        revisions::find(&mut connection).await?;
        let readers = match &place {
            Place::File(_) => Some(Readers::open(place.clone()).await?),
            Place::Memory => None,
        };
        let writer = Mutex::new(Writer { place, connection: Some(connection), closed: false });
        Ok(Self { writer, readers, schemas: SchemaCache::default(), lock: PlainMutex::new(lock) })
    }

    async fn reader(&self) -> Result<Reader<'_>, DatastoreError> {
        match &self.readers {
            Some(readers) => readers.take().await,
            None => Ok(Reader::Only(self.writer.lock().await)),
        }
    }
}

/// Closes a connection. What is committed is on disk already; closing only tidies up.
async fn close_quietly(connection: SqliteConnection) {
    if let Err(error) = connection.close().await {
        tracing::warn!(%error, "a database connection did not close cleanly");
    }
}

#[async_trait]
impl Datastore for SqliteStore {
    fn is_sole_writer(&self) -> bool {
        true
    }

    async fn create_store(&self, info: &StoreInfo) -> Result<(), CreateStoreError> {
        check_store_name(&info.name)?;
        let mut writer = self.writer.lock().await;
        let mut transaction = writer.begin().await?;
        let outcome = heads::create(&mut transaction, info).await;
        let ended = end(transaction, outcome).await;
        writer.settle(ended).await
    }

    async fn find_store(&self, key: StoreKey<'_>) -> Result<Option<StoreInfo>, DatastoreError> {
        let mut reader = self.reader().await?;
        heads::find(reader.connection().await?, key).await
    }

    async fn list_stores(&self) -> Result<Vec<StoreInfo>, DatastoreError> {
        let mut reader = self.reader().await?;
        heads::list(reader.connection().await?).await
    }

    async fn delete_store(&self, store: StoreId) -> Result<bool, DatastoreError> {
        let mut writer = self.writer.lock().await;
        let mut transaction = writer.begin().await?;
        let outcome = heads::delete(&mut transaction, store).await;
        let ended = end(transaction, outcome).await;
        self.schemas.forget(store);
        writer.settle(ended).await
    }

    async fn head(&self, store: StoreId) -> Result<Head, DatastoreError> {
        let mut reader = self.reader().await?;
        heads::read_head(reader.connection().await?, store).await.map(|(_, head)| head)
    }

    async fn moved_heads(&self, known: &[KnownHead]) -> Result<MovedHeads, DatastoreError> {
        let mut reader = self.reader().await?;
        heads::moved(&mut *reader.begin().await?, known).await
    }

    fn wakes(&self) -> Arc<Notify> {
        // There is nobody else who could write.
        Arc::default()
    }

    async fn load(&self, store: StoreId, sink: &mut dyn LoadSink) -> Result<(), DatastoreError> {
        let mut reader = self.reader().await?;
        read::load(&mut *reader.begin().await?, store, sink).await
    }

    async fn log(&self, store: StoreId, after: u64, limit: usize) -> Result<Vec<LogRecord>, DatastoreError> {
        let mut reader = self.reader().await?;
        read::log(&mut *reader.begin().await?, store, after, limit).await
    }

    async fn labels(&self, store: StoreId, revisions: &BTreeSet<u64>) -> Result<Vec<LogLabel>, DatastoreError> {
        let mut reader = self.reader().await?;
        read::labels(&mut *reader.begin().await?, store, revisions).await
    }

    async fn request(&self, store: StoreId, request_id: &str, now: Timestamp) -> Result<Option<RequestOutcome>, DatastoreError> {
        let mut reader = self.reader().await?;
        let mut transaction = reader.begin().await?;
        let (key, _) = heads::read_head(&mut transaction, store).await?;
        let outcome = SqliteTables { connection: &mut transaction, store, key }.requests(&[request_id]).await?.remove(request_id);
        Ok(outcome.filter(|outcome| is_kept(outcome.time, now)))
    }

    async fn write(
        &self,
        store: StoreId,
        now: Timestamp,
        batch: &[WriteCommand],
    ) -> Result<Vec<Result<Committed, WriteError>>, DatastoreError> {
        let mut writer = self.writer.lock().await;
        let mut transaction = writer.begin().await?;
        let outcome = async {
            let (key, head) = heads::read_logged(&mut transaction, store).await?;
            let mut tables = SqliteTables { connection: &mut transaction, store, key };
            write::write(&mut tables, head, &self.schemas, now, batch).await
        };
        let outcome = outcome.await;
        let ended = end(transaction, outcome).await;
        Ok(writer.settle(ended).await?.commands)
    }

    async fn write_schema(&self, store: StoreId, now: Timestamp, command: &SchemaCommand) -> Result<SchemaCommitted, SchemaWriteError> {
        let next = schemas::compiled(&command.source).await?;
        let mut writer = self.writer.lock().await;
        let mut transaction = writer.begin().await?;
        let outcome = async {
            let (key, head) = heads::read_logged(&mut transaction, store).await?;
            let mut tables = SqliteTables { connection: &mut transaction, store, key };
            schemas::write(&mut tables, head, &self.schemas, now, command, &next).await
        };
        let outcome = outcome.await;
        let ended = end(transaction, outcome).await;
        writer.settle(ended).await
    }

    async fn audit(&self, store: StoreId, sink: &mut dyn AuditSink) -> Result<(), DatastoreError> {
        let mut reader = self.reader().await?;
        read::audit(&mut *reader.begin().await?, store, sink).await
    }

    async fn repair(&self, store: StoreId, repair: &Repair) -> Result<bool, DatastoreError> {
        let mut writer = self.writer.lock().await;
        let mut transaction = writer.begin().await?;
        let outcome = async {
            let (key, head) = heads::read_head(&mut transaction, store).await?;
            audit::repair(&mut SqliteTables { connection: &mut transaction, store, key }, &head, repair).await
        };
        let outcome = outcome.await;
        let ended = end(transaction, outcome).await;
        self.schemas.forget(store);
        writer.settle(ended).await
    }

    async fn take_turn(&self, _: &'static str, _: [u8; 16], _: Duration) -> Result<bool, DatastoreError> {
        // There is nobody else.
        Ok(true)
    }

    async fn close(&self) {
        let mut writer = self.writer.lock().await;
        if let Some(readers) = &self.readers {
            readers.close().await;
        }
        writer.closed = true;
        if let Some(connection) = writer.connection.take() {
            close_quietly(connection).await;
        }
        self.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

#[cfg(test)]
mod tests;
