//! A database that fails where a test wants it to, and that can be exchanged for another one while a node has it.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use dhow_engine::entry::StoreId;
use dhow_engine::time::Timestamp;
use tokio::sync::{Notify, Semaphore};

use crate::store::{
    AuditSink, Committed, CreateStoreError, Datastore, DatastoreError, Head, KnownHead, LoadSink, LogLabel, LogRecord, MovedHeads, Repair,
    RequestOutcome, SchemaCommand, SchemaCommitted, SchemaWriteError, StoreInfo, StoreKey, WriteCommand, WriteError,
};

/// What goes wrong with a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// A statement fails: nothing is written.
    Fails,
    /// It is written, and the connection is lost before the database says so.
    LostAfterCommit,
    /// The connection is lost, and nothing was written.
    LostBeforeCommit,
    /// It is written, but what was written is not told: another server could have done it.
    Elsewhere,
    /// A defect.
    Panics,
}

/// What is wrong with the log that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LogFault {
    /// The first entry of a page is left out.
    Skips,
    /// The first entry of a page is there twice.
    Repeats,
    /// The first two entries of a page are exchanged.
    Reorders,
    /// The first entry of a page has another actor than it had.
    Alters,
}

#[derive(Debug)]
pub(super) struct Faulty {
    inner: Mutex<Arc<dyn Datastore>>,
    pub(super) write_faults: Mutex<VecDeque<Fault>>,
    pub(super) log_faults: Mutex<VecDeque<LogFault>>,
    pub(super) heads_read: AtomicUsize,
    pub(super) loads: AtomicUsize,
    /// Whether the connection is lost after a store was made or removed, before the database says so.
    pub(super) lose_stores: AtomicBool,
    /// The first revision that the log has.
    pub(super) log_begins: AtomicU64,
    /// Whether nothing is answered but what can be answered without a database.
    pub(super) silent: AtomicBool,
    /// Whether a single head is never told, though all heads are.
    pub(super) hide_heads: AtomicBool,
    /// Each load takes a permit before it ends.
    pub(super) load_gate: Semaphore,
    /// Whether the connection is lost when a store is loaded.
    pub(super) fail_loads: AtomicBool,
}

impl Faulty {
    pub(super) fn new(inner: Arc<dyn Datastore>) -> Self {
        let none = || AtomicUsize::new(0);
        Self {
            inner: Mutex::new(inner),
            write_faults: Mutex::default(),
            log_faults: Mutex::default(),
            heads_read: none(),
            loads: none(),
            lose_stores: AtomicBool::new(false),
            log_begins: AtomicU64::new(0),
            silent: AtomicBool::new(false),
            hide_heads: AtomicBool::new(false),
            load_gate: Semaphore::new(Semaphore::MAX_PERMITS),
            fail_loads: AtomicBool::new(false),
        }
    }

    pub(super) fn inner(&self) -> Arc<dyn Datastore> {
        Arc::clone(&self.inner.lock().unwrap())
    }

    /// Puts another database in place, as a restored backup or a promoted standby would.
    pub(super) fn exchange(&self, other: Arc<dyn Datastore>) {
        *self.inner.lock().unwrap() = other;
    }

    fn told<T>(&self, outcome: T) -> Result<T, DatastoreError> {
        if self.lose_stores.load(Ordering::SeqCst) { Err(DatastoreError::CommitUnknown { source: lost() }) } else { Ok(outcome) }
    }

    fn reached(&self) -> Result<(), DatastoreError> {
        if self.silent.load(Ordering::SeqCst) { Err(DatastoreError::Lost { doing: "answer", source: lost() }) } else { Ok(()) }
    }

    /// Makes loads wait.
    pub(super) fn hold_loads(&self) {
        self.load_gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub(super) fn release_loads(&self) {
        self.load_gate.add_permits(Semaphore::MAX_PERMITS);
    }

    pub(super) fn next_writes(&self, faults: impl IntoIterator<Item = Fault>) {
        self.write_faults.lock().unwrap().extend(faults);
    }
}

fn lost() -> Arc<sqlx::Error> {
    Arc::new(sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into()))
}

#[async_trait]
impl Datastore for Faulty {
    fn is_sole_writer(&self) -> bool {
        false
    }

    async fn create_store(&self, info: &StoreInfo) -> Result<(), CreateStoreError> {
        self.inner().create_store(info).await?;
        Ok(self.told(())?)
    }

    async fn find_store(&self, key: StoreKey<'_>) -> Result<Option<StoreInfo>, DatastoreError> {
        self.inner().find_store(key).await
    }

    async fn list_stores(&self) -> Result<Vec<StoreInfo>, DatastoreError> {
        self.inner().list_stores().await
    }

    async fn delete_store(&self, store: StoreId) -> Result<bool, DatastoreError> {
        self.told(self.inner().delete_store(store).await?)
    }

    async fn head(&self, store: StoreId) -> Result<Head, DatastoreError> {
        self.heads_read.fetch_add(1, Ordering::SeqCst);
        self.reached()?;
        if self.hide_heads.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        self.inner().head(store).await
    }

    async fn moved_heads(&self, known: &[KnownHead]) -> Result<MovedHeads, DatastoreError> {
        self.reached()?;
        self.inner().moved_heads(known).await
    }

    fn wakes(&self) -> Arc<Notify> {
        self.inner().wakes()
    }

    async fn load(&self, store: StoreId, sink: &mut dyn LoadSink) -> Result<(), DatastoreError> {
        if self.fail_loads.load(Ordering::SeqCst) {
            return Err(DatastoreError::Lost { doing: "load", source: lost() });
        }
        self.loads.fetch_add(1, Ordering::SeqCst);
        let loaded = self.inner().load(store, sink).await;
        let _permit = self.load_gate.acquire().await.unwrap();
        loaded
    }

    async fn log(&self, store: StoreId, after: u64, limit: usize) -> Result<Vec<LogRecord>, DatastoreError> {
        self.reached()?;
        let mut records = self.inner().log(store, after, limit).await?;
        if records.len() < 2 {
            return Ok(records);
        }
        match self.log_faults.lock().unwrap().pop_front() {
            None => {}
            Some(LogFault::Skips) => drop(records.remove(0)),
            Some(LogFault::Repeats) => records.insert(0, records[0].clone()),
            Some(LogFault::Reorders) => records.swap(0, 1),
            Some(LogFault::Alters) => {
                let mut entry = (*records[0].entry).clone();
                entry.actor = "mallory".into();
                records[0].entry = Arc::new(entry);
            }
        }
        Ok(records)
    }

    async fn labels(&self, store: StoreId, revisions: &BTreeSet<u64>) -> Result<Vec<LogLabel>, DatastoreError> {
        let begins = self.log_begins.load(Ordering::SeqCst);
        let mut labels = self.inner().labels(store, revisions).await?;
        labels.retain(|label| label.label.revision >= begins);
        Ok(labels)
    }

    async fn request(&self, store: StoreId, request_id: &str, now: Timestamp) -> Result<Option<RequestOutcome>, DatastoreError> {
        self.inner().request(store, request_id, now).await
    }

    async fn write(
        &self,
        store: StoreId,
        now: Timestamp,
        batch: &[WriteCommand],
    ) -> Result<Vec<Result<Committed, WriteError>>, DatastoreError> {
        let fault = self.write_faults.lock().unwrap().pop_front();
        match fault {
            None => self.inner().write(store, now, batch).await,
            Some(Fault::Fails) => Err(DatastoreError::Sql { doing: "fail", source: lost() }),
            Some(Fault::LostBeforeCommit) => Err(DatastoreError::CommitUnknown { source: lost() }),
            Some(Fault::LostAfterCommit) => {
                self.inner().write(store, now, batch).await?;
                Err(DatastoreError::CommitUnknown { source: lost() })
            }
            Some(Fault::Elsewhere) => {
                let mut outcomes = self.inner().write(store, now, batch).await?;
                outcomes.iter_mut().flatten().for_each(|committed| committed.record = None);
                Ok(outcomes)
            }
            Some(Fault::Panics) => panic!("a defect that the test wants"),
        }
    }

    async fn write_schema(&self, store: StoreId, now: Timestamp, command: &SchemaCommand) -> Result<SchemaCommitted, SchemaWriteError> {
        self.inner().write_schema(store, now, command).await
    }

    async fn audit(&self, store: StoreId, sink: &mut dyn AuditSink) -> Result<(), DatastoreError> {
        self.inner().audit(store, sink).await
    }

    async fn repair(&self, store: StoreId, repair: &Repair) -> Result<bool, DatastoreError> {
        self.inner().repair(store, repair).await
    }

    async fn take_turn(&self, what: &'static str, holder: [u8; 16], lifetime: Duration) -> Result<bool, DatastoreError> {
        self.inner().take_turn(what, holder, lifetime).await
    }

    async fn close(&self) {
        self.inner().close().await;
    }
}
