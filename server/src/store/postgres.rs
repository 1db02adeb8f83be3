//! Stores in Postgres, which several servers may share.
//!
//! **Invariants.** A write has the lock of its store's head before it reads anything that it decides by. A connection is lent to one call,
//! and is used again only after that ended in order. What failed before its commit was asked for may be tried again; a commit that was
//! not answered never is: its request ids are looked up, behind the same lock.
//!
//! Cost of a write: a dozen statements, whatever number of commands a batch has, and one wait for the disk (and for a synchronous standby).

mod columns;
mod connect;
mod copy;
mod heads;
pub(crate) mod leases;
pub(crate) mod migrate;
mod pool;
pub(crate) mod published;
mod read;
mod removed;
mod retry;
mod rows;
mod tables;
mod take;
mod transaction;
mod url;
mod versions;
mod wakes;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use dhow_engine::entry::StoreId;
use dhow_engine::time::Timestamp;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Postgres};
use tokio::sync::Notify;

use self::connect::Place;
pub(crate) use self::connect::Timing;
use self::leases::LeaseKey;
use self::pool::{Lent, Pool};
use self::retry::{Again, Attempts, Failed, RetryCounts, timed_out};
use self::tables::PostgresTables;
pub(crate) use self::url::DatabaseUrl;
use self::wakes::Wakes;
use super::audit;
use super::batch::is_kept;
use super::command::{Committed, RequestOutcome, WriteCommand, WriteError};
use super::error::{CreateStoreError, DatastoreError};
use super::schema_command::{SchemaCommand, SchemaCommitted, SchemaWriteError};
use super::schemas::{self, SchemaCache};
use super::statement::{Bound, Statement};
use super::store_name::check_store_name;
use super::tables::Tables;
use super::write::{self, BatchOutcome};
use super::{AuditSink, Datastore, Head, KnownHead, LoadSink, LogLabel, LogRecord, MovedHeads, Repair, StoreInfo, StoreKey};

/// Connections that write: one transaction of each store at a time, so many stores at once.
const WRITERS: u32 = 8;

/// Connections that read heads and logs.
const READERS: u32 = 6;

/// Connections that load whole stores, which takes long: some large ones must not keep the small ones waiting.
const LOADERS: u32 = 4;

/// Connections that look whether heads have moved: one at a time does, and it never stands behind other calls.
const FOLLOWERS: u32 = 1;

/// A database of stores in Postgres.
#[derive(Debug)]
pub(crate) struct PostgresStore {
    place: Place,
    writers: Pool,
    readers: Pool,
    loaders: Pool,
    followers: Pool,
    wakes: Wakes,
    schemas: SchemaCache,
    retries: RetryCounts,
}

impl PostgresStore {
    /// Connects to a database that has this build's tables.
    ///
    /// # Errors
    /// When it cannot be reached, is not durable, or lacks migrations; or a newer dhow wrote it.
    pub(crate) async fn open(url: &DatabaseUrl) -> Result<Self, DatastoreError> {
        Self::open_with(url, Timing::default()).await
    }

    /// As [`PostgresStore::open`], with other bounds of time.
    ///
    /// # Errors
    /// As there.
    pub(crate) async fn open_with(url: &DatabaseUrl, timing: Timing) -> Result<Self, DatastoreError> {
        let place = Place::parse(url, timing)?;
        let mut connection = place.connect().await?;
        migrate::check(&mut connection).await?;
        if let Err(error) = connection.close().await {
            tracing::debug!(%error, "a database connection did not close cleanly");
        }
        let pool = |size| Pool::new(place.clone(), size);
        Ok(Self {
            writers: pool(WRITERS),
            readers: pool(READERS),
            loaders: pool(LOADERS),
            followers: pool(FOLLOWERS),
            wakes: Wakes::new(place.clone()),
            schemas: SchemaCache::default(),
            retries: RetryCounts::default(),
            place,
        })
    }

    /// Ends a call, so that nothing waits for a network that swallows packets.
    async fn within<T, E: From<DatastoreError>>(&self, doing: &'static str, call: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let lost = |_| Err(DatastoreError::Lost { doing, source: Arc::new(timed_out()) }.into());
        tokio::time::timeout(self.place.timing.call, call).await.unwrap_or_else(lost)
    }

    /// Whether to make a failed attempt again, on another connection where this one was lost.
    async fn again(&self, attempts: &mut Attempts<'_>, pool: &Pool, error: &impl Failed) -> bool {
        let again = attempts.again(error).await;
        if again == Some(Again::Lost) {
            pool.forget_idle();
        }
        again.is_some()
    }

    async fn reader(&self) -> Result<Lent<'_>, DatastoreError> {
        self.readers.take(&self.schemas).await
    }

    async fn writer(&self) -> Result<Lent<'_>, DatastoreError> {
        self.writers.take(&self.schemas).await
    }

    async fn create_once(&self, info: &StoreInfo) -> Result<(), CreateStoreError> {
        let mut lent = self.writer().await?;
        let outcome = self.within("make a store", async {
            transaction::begin(&mut lent.connection).await?;
            heads::create(&mut lent.connection, info).await
        });
        let outcome = outcome.await;
        transaction::end(lent, outcome, |()| true).await
    }

    async fn delete_once(&self, store: StoreId) -> Result<bool, DatastoreError> {
        let mut lent = self.writer().await?;
        let begun = self.within("remove a store", async {
            transaction::begin(&mut lent.connection).await?;
            transaction::lock_head(&mut lent.connection, store).await
        });
        let outcome = match begun.await {
            Ok(key) => heads::delete(&mut lent.connection, key, self.place.timing.load).await.map(|()| true),
            Err(DatastoreError::NoStore { .. }) => Ok(false),
            Err(error) => Err(error),
        };
        transaction::end(lent, outcome, |was_there| *was_there).await
    }

    async fn write_once(&self, store: StoreId, now: Timestamp, batch: &[WriteCommand]) -> Result<BatchOutcome, DatastoreError> {
        let mut lent = self.writer().await?;
        let outcome = self.within("write", async {
            let (mut tables, head) = self.locked(&mut lent.connection, store).await?;
            write::write(&mut tables, head, &self.schemas, now, batch).await
        });
        let outcome = outcome.await;
        let answers = |outcome: &BatchOutcome| outcome.changed || outcome.commands.iter().flatten().any(|committed| committed.repeated);
        transaction::end(lent, outcome, answers).await
    }

    async fn write_schema_once(
        &self,
        store: StoreId,
        now: Timestamp,
        command: &SchemaCommand,
        next: &dhow_schema::ir::Schema,
    ) -> Result<SchemaCommitted, SchemaWriteError> {
        let mut lent = self.writer().await?;
        let outcome = self.within("write the schema", async {
            let (mut tables, head) = self.locked(&mut lent.connection, store).await?;
            schemas::write(&mut tables, head, &self.schemas, now, command, next).await
        });
        let outcome = outcome.await;
        transaction::end(lent, outcome, |committed| committed.record.is_some() || committed.unchanged).await
    }

    /// Begins a transaction that has the lock of a store's head; what is there now, nobody else changes until it ends.
    async fn locked<'c>(&self, connection: &'c mut PgConnection, store: StoreId) -> Result<(PostgresTables<'c>, Head), DatastoreError> {
        transaction::begin(connection).await?;
        let key = transaction::lock_head(connection, store).await?;
        let head = heads::read_locked(connection, store, key).await?;
        Ok((PostgresTables { connection, store, key }, head))
    }

    async fn repair_once(&self, store: StoreId, repair: &Repair) -> Result<bool, DatastoreError> {
        let mut lent = self.writer().await?;
        let outcome = self.within("repair a store", async {
            transaction::begin(&mut lent.connection).await?;
            let key = transaction::lock_head(&mut lent.connection, store).await?;
            // As it is stored: what the log says is what it is repaired by.
            let (head, _) = heads::read_by_key(&mut lent.connection, store, key).await?;
            audit::repair(&mut PostgresTables { connection: &mut lent.connection, store, key }, &head, repair).await
        });
        let outcome = outcome.await;
        transaction::end(lent, outcome, |repaired| *repaired).await
    }

    async fn request_once(&self, store: StoreId, request_id: &str) -> Result<Option<RequestOutcome>, DatastoreError> {
        let mut lent = self.reader().await?;
        let outcome = self.within("look a request id up", async {
            let (mut tables, _) = self.locked(&mut lent.connection, store).await?;
            Ok(tables.requests(&[request_id]).await?.remove(request_id))
        });
        let outcome = outcome.await;
        // What an earlier commit left behind may be seen before a synchronous standby has it: its session was ended while it waited.
        // The row lock is in the log behind it, so this commit waits for both.
        transaction::end(lent, outcome, Option::is_some).await
    }

    async fn log_once(&self, store: StoreId, after: u64, limit: usize) -> Result<Vec<LogRecord>, DatastoreError> {
        let mut lent = self.reader().await?;
        let outcome = self.within("read the log", async {
            transaction::begin_reading(&mut lent.connection, self.place.timing.statement.as_millis()).await?;
            read::log(&mut lent.connection, store, after, limit).await
        });
        let outcome = outcome.await;
        transaction::end(lent, outcome, |_| false).await
    }

    async fn labels_once(&self, store: StoreId, revisions: &BTreeSet<u64>) -> Result<Vec<LogLabel>, DatastoreError> {
        let mut lent = self.reader().await?;
        let outcome = self.within("read who wrote revisions", async {
            transaction::begin_reading(&mut lent.connection, self.place.timing.statement.as_millis()).await?;
            read::labels(&mut lent.connection, store, revisions).await
        });
        let outcome = outcome.await;
        transaction::end(lent, outcome, |_| false).await
    }

    async fn begin_load(&self) -> Result<Lent<'_>, DatastoreError> {
        let mut lent = self.loaders.take(&self.schemas).await?;
        let begun = transaction::begin_reading(&mut lent.connection, self.place.timing.load.as_millis());
        self.within("begin to read a store", begun).await?;
        Ok(lent)
    }

    async fn find_once(&self, key: StoreKey<'_>) -> Result<Option<StoreInfo>, DatastoreError> {
        let mut lent = self.reader().await?;
        let found = self.within("look for a store", heads::find(&mut lent.connection, key)).await?;
        lent.give_back();
        Ok(found)
    }

    async fn list_once(&self) -> Result<Vec<StoreInfo>, DatastoreError> {
        let mut lent = self.reader().await?;
        let found = self.within("list the stores", heads::list(&mut lent.connection)).await?;
        lent.give_back();
        Ok(found)
    }

    async fn head_once(&self, store: StoreId) -> Result<Head, DatastoreError> {
        let mut lent = self.reader().await?;
        let (_, head) = self.within("read the head", heads::read_head(&mut lent.connection, store)).await?;
        lent.give_back();
        Ok(head)
    }

    async fn moved_once(&self, known: &[KnownHead]) -> Result<MovedHeads, DatastoreError> {
        let mut lent = self.followers.take(&self.schemas).await?;
        let moved = self.within("read the heads", heads::moved(&mut lent.connection, known)).await?;
        lent.give_back();
        Ok(moved)
    }
}

/// Where a URL leads, without user and password, for people.
///
/// # Errors
/// When it is none.
pub(crate) fn told(url: &DatabaseUrl) -> Result<String, DatastoreError> {
    Ok(Place::parse(url, Timing::default())?.told())
}

/// A statement that was put together, to be run once: it would push the hot ones out of the connection's cache.
fn query(statement: Statement) -> Query<'static, Postgres, PgArguments> {
    let Statement { text, bound } = statement;
    let query = sqlx::query(AssertSqlSafe(text)).persistent(false);
    bound.into_iter().fold(query, |query, value| match value {
        Bound::Integer(number) => query.bind(number),
        Bound::Text(text) => query.bind(text),
    })
}

/// Makes a call until it succeeds, or fails in a way that another attempt would not mend.
macro_rules! attempts {
    ($self:ident, $pool:ident, $doing:literal, $once:expr) => {{
        let mut attempts = $self.retries.attempts($doing);
        loop {
            match $once.await {
                Err(error) if $self.again(&mut attempts, &$self.$pool, &error).await => {}
                outcome => break outcome,
            }
        }
    }};
}
use attempts;

#[async_trait]
impl Datastore for PostgresStore {
    fn is_sole_writer(&self) -> bool {
        false
    }

    async fn create_store(&self, info: &StoreInfo) -> Result<(), CreateStoreError> {
        check_store_name(&info.name)?;
        attempts!(self, writers, "make a store", self.create_once(info))
    }

    async fn find_store(&self, key: StoreKey<'_>) -> Result<Option<StoreInfo>, DatastoreError> {
        attempts!(self, readers, "look for a store", self.find_once(key))
    }

    async fn list_stores(&self) -> Result<Vec<StoreInfo>, DatastoreError> {
        attempts!(self, readers, "list the stores", self.list_once())
    }

    async fn delete_store(&self, store: StoreId) -> Result<bool, DatastoreError> {
        let outcome = attempts!(self, writers, "remove a store", self.delete_once(store));
        self.wakes.say();
        self.schemas.forget(store);
        outcome
    }

    async fn head(&self, store: StoreId) -> Result<Head, DatastoreError> {
        attempts!(self, readers, "read the head", self.head_once(store))
    }

    async fn moved_heads(&self, known: &[KnownHead]) -> Result<MovedHeads, DatastoreError> {
        attempts!(self, followers, "read the heads", self.moved_once(known))
    }

    fn wakes(&self) -> Arc<Notify> {
        self.wakes.heard()
    }

    async fn load(&self, store: StoreId, sink: &mut dyn LoadSink) -> Result<(), DatastoreError> {
        // The reading is not tried again, because the sink has what came already. Whoever loads tries again with a new one.
        let mut lent = attempts!(self, loaders, "begin to read a store", self.begin_load())?;
        read::load(&mut lent.connection, store, self.place.timing.call, sink).await?;
        transaction::end(lent, Ok(()), |()| false).await
    }

    async fn log(&self, store: StoreId, after: u64, limit: usize) -> Result<Vec<LogRecord>, DatastoreError> {
        attempts!(self, readers, "read the log", self.log_once(store, after, limit))
    }

    async fn labels(&self, store: StoreId, revisions: &BTreeSet<u64>) -> Result<Vec<LogLabel>, DatastoreError> {
        attempts!(self, readers, "read who wrote revisions", self.labels_once(store, revisions))
    }

    /// Behind the lock of the head: a commit that nobody heard of may still be under way, and has that lock until it is in or not.
    async fn request(&self, store: StoreId, request_id: &str, now: Timestamp) -> Result<Option<RequestOutcome>, DatastoreError> {
        let outcome = attempts!(self, readers, "look a request id up", self.request_once(store, request_id))?;
        Ok(outcome.filter(|outcome| is_kept(outcome.time, now)))
    }

    async fn write(
        &self,
        store: StoreId,
        now: Timestamp,
        batch: &[WriteCommand],
    ) -> Result<Vec<Result<Committed, WriteError>>, DatastoreError> {
        let outcome = attempts!(self, writers, "write", self.write_once(store, now, batch));
        let outcome = outcome?;
        if outcome.changed {
            self.wakes.say();
        }
        Ok(outcome.commands)
    }

    async fn write_schema(&self, store: StoreId, now: Timestamp, command: &SchemaCommand) -> Result<SchemaCommitted, SchemaWriteError> {
        let next = schemas::compiled(&command.source).await?;
        let committed = attempts!(self, writers, "write the schema", self.write_schema_once(store, now, command, &next))?;
        if committed.record.is_some() {
            self.wakes.say();
        }
        Ok(committed)
    }

    async fn audit(&self, store: StoreId, sink: &mut dyn AuditSink) -> Result<(), DatastoreError> {
        let mut lent = attempts!(self, loaders, "begin to read a store", self.begin_load())?;
        read::audit(&mut lent.connection, store, self.place.timing.call, sink).await?;
        transaction::end(lent, Ok(()), |()| false).await
    }

    async fn repair(&self, store: StoreId, repair: &Repair) -> Result<bool, DatastoreError> {
        let outcome = attempts!(self, writers, "repair a store", self.repair_once(store, repair));
        self.schemas.forget(store);
        outcome
    }

    async fn take_turn(&self, what: &'static str, holder: [u8; 16], lifetime: Duration) -> Result<bool, DatastoreError> {
        let lease = self.take_lease(LeaseKey { name: what, holder, epoch: 0 }, lifetime).await?;
        Ok(lease.is_some())
    }

    async fn close(&self) {
        self.wakes.close();
        self.writers.close().await;
        self.readers.close().await;
        self.loaders.close().await;
        self.followers.close().await;
    }
}

#[cfg(test)]
mod tests;
