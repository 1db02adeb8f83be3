//! What dhow keeps in SQL, and how it gets there: each store's log, and the fold of it at the head.
//!
//! A [`Datastore`] is one database. Every change to a store goes through one transaction that locks the store's head first, so that
//! revisions are 1, 2, 3 ... in commit order (docs/decisions/0006). What such a transaction decides is in [`decide`], the same for
//! every database; who puts waiting writes into one transaction is the [`committer`]. Nothing here evaluates a permission, keeps
//! tuples in memory or knows the wire.

pub(crate) mod audit;
mod batch;
pub(crate) mod command;
pub(crate) mod committer;
mod decide;
pub(crate) mod error;
mod filter;
mod logged;
pub(crate) mod moving;
pub(crate) mod postgres;
mod prefix;
pub(crate) mod read_only;
mod rows;
pub(crate) mod schema_command;
mod schemas;
pub(crate) mod sqlite;
mod statement;
mod store_name;
#[cfg(test)]
mod suite;
mod tables;
mod write;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use dhow_engine::digest::Digest;
use dhow_engine::entry::{Chain, Entry, EntryLabel, SchemaText, StoreId};
use dhow_engine::schema_version::WrittenSchema;
use dhow_engine::time::Timestamp;
use dhow_engine::tuple::Tuple;
use tokio::sync::Notify;

use crate::carried::Carried;
pub(crate) use audit::{AuditSink, Repair};
pub(crate) use command::{ChangeRequest, Committed, Expectation, Precondition, RequestOutcome, WriteCommand, WriteError};
pub(crate) use error::{CreateStoreError, DatastoreError};
pub(crate) use schema_command::{SchemaCommand, SchemaCommitted, SchemaWriteError};

/// One tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoreInfo {
    /// Its id, for good.
    pub(crate) id: StoreId,
    /// Its name, unique while it exists.
    pub(crate) name: String,
    /// When it was made.
    pub(crate) created_at: Timestamp,
}

/// Where a store's log ends, and what its fold is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// The newest revision; 0: the log is empty.
    pub(crate) revision: u64,
    /// The chain there.
    pub(crate) chain: Chain,
    /// The digest of the fold.
    pub(crate) digest: Digest,
    /// The newest entry's time.
    pub(crate) time: Timestamp,
    /// The schema version in force; 0: none.
    pub(crate) schema_version: u64,
    /// How many tuples there are, expired ones included.
    pub(crate) tuples: u64,
}

/// Where a store's log ended when somebody last looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KnownHead {
    /// The store.
    pub(crate) store: StoreId,
    /// The revision there.
    pub(crate) revision: u64,
    /// The chain there.
    pub(crate) chain: Chain,
}

/// What one look at the heads of many stores found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MovedHeads {
    /// The stores whose head is not the one that was known, in the order asked; `None`: there is no such store.
    pub(crate) moved: Vec<(StoreId, Option<Head>)>,
    /// Whether the database takes writes.
    pub(crate) writable: bool,
    /// The time by the database's clock; `None`: it has none of its own.
    pub(crate) time: Option<Timestamp>,
    /// How old what was found was when the look began: nothing, where a database was asked.
    pub(crate) age: Duration,
}

/// An entry of the log, with the chain up to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogRecord {
    /// `H(chain before, entry)`.
    pub(crate) chain: Chain,
    /// The entry.
    pub(crate) entry: Arc<Entry>,
}

/// Who wrote an entry of the log, and when, with the chain up to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogLabel {
    /// `H(chain before, entry)`.
    pub(crate) chain: Chain,
    /// The entry without its changes.
    pub(crate) label: EntryLabel,
}

/// A tuple as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredTuple {
    /// The tuple.
    pub(crate) tuple: Tuple,
    /// The revision that it came with, or was last replaced with; `None`: not known.
    pub(crate) revision: Option<u64>,
}

/// A retained schema version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SchemaRecord {
    /// 1, 2, 3 ...
    pub(crate) version: u64,
    /// The revision that brought it in force.
    pub(crate) revision: u64,
    /// That revision's time.
    pub(crate) time: Timestamp,
    /// Who wrote it.
    pub(crate) actor: String,
    /// Its text.
    pub(crate) source: dhow_engine::entry::SchemaSource,
}

impl From<SchemaRecord> for WrittenSchema {
    fn from(record: SchemaRecord) -> Self {
        let SchemaRecord { version, revision, time, actor, source } = record;
        Self { text: SchemaText { version, source }, revision, time, actor }
    }
}

/// Takes in what [`Datastore::load`] reads, a piece at a time.
pub(crate) trait LoadSink: Send {
    /// Called first, once.
    fn begin(&mut self, head: Head, schemas: Vec<SchemaRecord>) -> Result<(), DatastoreError>;
    /// Called with all tuples, in order of their keys, at most some thousands at once.
    fn tuples(&mut self, tuples: Vec<StoredTuple>) -> Result<(), DatastoreError>;
}

/// How a store is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreKey<'a> {
    /// By id.
    Id(StoreId),
    /// By name.
    Name(&'a str),
}

/// One database.
///
/// **Invariants.** Every method that changes a store locks its head first and does all or nothing. What is read in one call is read
/// at one moment. Expected refusals (exists already, a precondition, a request id that is taken) are found by reading, never by
/// provoking a constraint.
#[async_trait]
pub(crate) trait Datastore: Send + Sync + std::fmt::Debug {
    /// Whether nobody else can write while this is open, so that what was committed here is always the head.
    fn is_sole_writer(&self) -> bool;

    /// Refuses at once what would change anything, where that is never done here.
    ///
    /// # Errors
    /// [`DatastoreError::ReadsOnly`].
    fn assert_takes_writes(&self) -> Result<(), DatastoreError> {
        Ok(())
    }

    /// What the changelog carried, where that takes the place of a database.
    fn carried(&self) -> Option<&Carried> {
        None
    }

    /// Makes a store at revision 0.
    async fn create_store(&self, info: &StoreInfo) -> Result<(), CreateStoreError>;

    /// A store, if it exists.
    async fn find_store(&self, key: StoreKey<'_>) -> Result<Option<StoreInfo>, DatastoreError>;

    /// All stores, in order of their names.
    async fn list_stores(&self) -> Result<Vec<StoreInfo>, DatastoreError>;

    /// Removes a store with everything it has; whether it was there.
    async fn delete_store(&self, store: StoreId) -> Result<bool, DatastoreError>;

    /// Where a store's log ends. O(1).
    async fn head(&self, store: StoreId) -> Result<Head, DatastoreError>;

    /// As [`Datastore::head`]; where there is no database, the newest that is known.
    async fn known_head(&self, store: StoreId) -> Result<Head, DatastoreError> {
        self.head(store).await
    }

    /// Which of these stores' heads are no longer what was known of them, seen at one moment. One statement, whose cost grows with the
    /// stores asked for and not with those that there are. It waits for no other call.
    async fn moved_heads(&self, known: &[KnownHead]) -> Result<MovedHeads, DatastoreError>;

    /// Wakes whoever waits for it when another server may have written. It may wake too often, and it may not wake at all.
    fn wakes(&self) -> Arc<Notify>;

    /// A whole store at its head, read at one moment. O(tuples); the sink holds the only copy.
    async fn load(&self, store: StoreId, sink: &mut dyn LoadSink) -> Result<(), DatastoreError>;

    /// At most `limit` entries behind revision `after`, in order; fewer at the end of the log and after some megabytes.
    async fn log(&self, store: StoreId, after: u64, limit: usize) -> Result<Vec<LogRecord>, DatastoreError>;

    /// Who wrote these revisions, and when, as far as the log has them, newest first; fewer after some megabytes of entries. One
    /// statement.
    async fn labels(&self, store: StoreId, revisions: &BTreeSet<u64>) -> Result<Vec<LogLabel>, DatastoreError>;

    /// What a request id stands for; `None` when it was not used in the 24 h before `now`.
    async fn request(&self, store: StoreId, request_id: &str, now: Timestamp) -> Result<Option<RequestOutcome>, DatastoreError>;

    /// Writes a batch as one transaction, each command with a revision of its own or refused by itself, each seeing those before it.
    ///
    /// An entry's time is the later of `now` and the head's. Bounds of single commands are checked by [`WriteCommand::check`] before.
    ///
    /// # Errors
    /// An error of the whole batch: nothing of it was committed, unless it is [`DatastoreError::CommitUnknown`].
    async fn write(
        &self,
        store: StoreId,
        now: Timestamp,
        batch: &[WriteCommand],
    ) -> Result<Vec<Result<Committed, WriteError>>, DatastoreError>;

    /// Writes a schema version, unless its text is the one in force already.
    ///
    /// # Errors
    /// [`SchemaWriteError`]; nothing was committed, unless it is [`DatastoreError::CommitUnknown`].
    async fn write_schema(&self, store: StoreId, now: Timestamp, command: &SchemaCommand) -> Result<SchemaCommitted, SchemaWriteError>;

    /// A whole store as [`Datastore::load`] reads it, and what else there is to compare: the head as it is stored, whatever the log says,
    /// the counts, and the head's entry of the log; read at one moment. O(tuples).
    async fn audit(&self, store: StoreId, sink: &mut dyn AuditSink) -> Result<(), DatastoreError>;

    /// Puts rows of a store right, all or none; `false`: the head is not the one that they were found at, and nothing was changed.
    async fn repair(&self, store: StoreId, repair: &Repair) -> Result<bool, DatastoreError>;

    /// Whether `holder` may do for a while what only one server should do at a time.
    async fn take_turn(&self, what: &'static str, holder: [u8; 16], lifetime: Duration) -> Result<bool, DatastoreError>;

    /// Waits for what is under way and closes the database; later calls fail.
    async fn close(&self);
}
