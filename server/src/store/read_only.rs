//! A database that this server only reads: whatever would change it is refused before it is asked.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use dhow_engine::entry::StoreId;
use dhow_engine::time::Timestamp;
use tokio::sync::Notify;

use super::{
    AuditSink, Committed, CreateStoreError, Datastore, DatastoreError, Head, KnownHead, LoadSink, LogLabel, LogRecord, MovedHeads, Repair,
    RequestOutcome, SchemaCommand, SchemaCommitted, SchemaWriteError, StoreInfo, StoreKey, WriteCommand, WriteError,
};

/// See the module.
#[derive(Debug)]
pub(crate) struct ReadOnly(pub(crate) Arc<dyn Datastore>);

#[async_trait]
impl Datastore for ReadOnly {
    fn is_sole_writer(&self) -> bool {
        false
    }

    fn assert_takes_writes(&self) -> Result<(), DatastoreError> {
        Err(DatastoreError::ReadsOnly)
    }

    async fn create_store(&self, _info: &StoreInfo) -> Result<(), CreateStoreError> {
        Err(DatastoreError::ReadsOnly.into())
    }

    async fn find_store(&self, key: StoreKey<'_>) -> Result<Option<StoreInfo>, DatastoreError> {
        self.0.find_store(key).await
    }

    async fn list_stores(&self) -> Result<Vec<StoreInfo>, DatastoreError> {
        self.0.list_stores().await
    }

    async fn delete_store(&self, _store: StoreId) -> Result<bool, DatastoreError> {
        Err(DatastoreError::ReadsOnly)
    }

    async fn head(&self, store: StoreId) -> Result<Head, DatastoreError> {
        self.0.head(store).await
    }

    async fn moved_heads(&self, known: &[KnownHead]) -> Result<MovedHeads, DatastoreError> {
        Ok(MovedHeads { writable: false, ..self.0.moved_heads(known).await? })
    }

    fn wakes(&self) -> Arc<Notify> {
        self.0.wakes()
    }

    async fn load(&self, store: StoreId, sink: &mut dyn LoadSink) -> Result<(), DatastoreError> {
        self.0.load(store, sink).await
    }

    async fn log(&self, store: StoreId, after: u64, limit: usize) -> Result<Vec<LogRecord>, DatastoreError> {
        self.0.log(store, after, limit).await
    }

    async fn labels(&self, store: StoreId, revisions: &BTreeSet<u64>) -> Result<Vec<LogLabel>, DatastoreError> {
        self.0.labels(store, revisions).await
    }

    async fn request(&self, store: StoreId, request_id: &str, now: Timestamp) -> Result<Option<RequestOutcome>, DatastoreError> {
        self.0.request(store, request_id, now).await
    }

    async fn write(
        &self,
        _store: StoreId,
        _now: Timestamp,
        _batch: &[WriteCommand],
    ) -> Result<Vec<Result<Committed, WriteError>>, DatastoreError> {
        Err(DatastoreError::ReadsOnly)
    }

    async fn write_schema(&self, _store: StoreId, _now: Timestamp, _command: &SchemaCommand) -> Result<SchemaCommitted, SchemaWriteError> {
        Err(SchemaWriteError::Datastore(DatastoreError::ReadsOnly))
    }

    async fn audit(&self, store: StoreId, sink: &mut dyn AuditSink) -> Result<(), DatastoreError> {
        self.0.audit(store, sink).await
    }

    async fn repair(&self, _store: StoreId, _repair: &Repair) -> Result<bool, DatastoreError> {
        Err(DatastoreError::ReadsOnly)
    }

    async fn take_turn(&self, _what: &'static str, _holder: [u8; 16], _lifetime: Duration) -> Result<bool, DatastoreError> {
        // Taking it would write it down.
        Ok(false)
    }

    async fn close(&self) {
        self.0.close().await;
    }
}
