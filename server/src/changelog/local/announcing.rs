//! A database that says which stores were written to.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use dhow_engine::entry::StoreId;
use dhow_engine::time::Timestamp;
use tokio::sync::Notify;

use super::Marks;
use crate::store::{
    AuditSink, Committed, CreateStoreError, Datastore, DatastoreError, Head, KnownHead, LoadSink, LogLabel, LogRecord, MovedHeads, Repair,
    RequestOutcome, SchemaCommand, SchemaCommitted, SchemaWriteError, StoreInfo, StoreKey, WriteCommand, WriteError,
};

/// Passes everything on, and marks a store once a write to it has ended, however it ended: its outcome may not be known.
#[derive(Debug)]
pub(super) struct Announcing {
    inner: Arc<dyn Datastore>,
    marks: Arc<Marks>,
}

impl Announcing {
    pub(super) fn new(inner: Arc<dyn Datastore>, marks: Arc<Marks>) -> Self {
        Self { inner, marks }
    }
}

/// Marks a store when it goes, so that a caller who stopped waiting for a write does not hide it.
struct Marking<'a>(&'a Marks, StoreId);

impl Drop for Marking<'_> {
    fn drop(&mut self) {
        self.0.set(self.1);
    }
}

#[async_trait]
impl Datastore for Announcing {
    fn is_sole_writer(&self) -> bool {
        self.inner.is_sole_writer()
    }

    async fn create_store(&self, info: &StoreInfo) -> Result<(), CreateStoreError> {
        self.inner.create_store(info).await
    }

    async fn find_store(&self, key: StoreKey<'_>) -> Result<Option<StoreInfo>, DatastoreError> {
        self.inner.find_store(key).await
    }

    async fn list_stores(&self) -> Result<Vec<StoreInfo>, DatastoreError> {
        self.inner.list_stores().await
    }

    async fn delete_store(&self, store: StoreId) -> Result<bool, DatastoreError> {
        let _marking = Marking(&self.marks, store);
        self.inner.delete_store(store).await
    }

    async fn head(&self, store: StoreId) -> Result<Head, DatastoreError> {
        self.inner.head(store).await
    }

    async fn moved_heads(&self, known: &[KnownHead]) -> Result<MovedHeads, DatastoreError> {
        self.inner.moved_heads(known).await
    }

    fn wakes(&self) -> Arc<Notify> {
        self.inner.wakes()
    }

    async fn load(&self, store: StoreId, sink: &mut dyn LoadSink) -> Result<(), DatastoreError> {
        self.inner.load(store, sink).await
    }

    async fn log(&self, store: StoreId, after: u64, limit: usize) -> Result<Vec<LogRecord>, DatastoreError> {
        self.inner.log(store, after, limit).await
    }

    async fn labels(&self, store: StoreId, revisions: &BTreeSet<u64>) -> Result<Vec<LogLabel>, DatastoreError> {
        self.inner.labels(store, revisions).await
    }

    async fn request(&self, store: StoreId, request_id: &str, now: Timestamp) -> Result<Option<RequestOutcome>, DatastoreError> {
        self.inner.request(store, request_id, now).await
    }

    async fn write(
        &self,
        store: StoreId,
        now: Timestamp,
        batch: &[WriteCommand],
    ) -> Result<Vec<Result<Committed, WriteError>>, DatastoreError> {
        let _marking = Marking(&self.marks, store);
        self.inner.write(store, now, batch).await
    }

    async fn write_schema(&self, store: StoreId, now: Timestamp, command: &SchemaCommand) -> Result<SchemaCommitted, SchemaWriteError> {
        let _marking = Marking(&self.marks, store);
        self.inner.write_schema(store, now, command).await
    }

    async fn audit(&self, store: StoreId, sink: &mut dyn AuditSink) -> Result<(), DatastoreError> {
        self.inner.audit(store, sink).await
    }

    async fn repair(&self, store: StoreId, repair: &Repair) -> Result<bool, DatastoreError> {
        self.inner.repair(store, repair).await
    }

    async fn take_turn(&self, what: &'static str, holder: [u8; 16], lifetime: Duration) -> Result<bool, DatastoreError> {
        self.inner.take_turn(what, holder, lifetime).await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
