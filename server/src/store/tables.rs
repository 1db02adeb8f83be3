//! What a write asks of the tables of one store, in a transaction that keeps every other writer of the store out.
//!
//! What it comes to is decided in [`super::write`] and [`super::schemas`], the same for every database.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use dhow_engine::entry::StoreId;
use dhow_engine::filter::TupleFilter;
use dhow_engine::state::Shape;
use dhow_engine::time::Timestamp;
use dhow_engine::tuple::{Tuple, TupleKey};
use dhow_engine::validate::ContextOrphans;

use super::batch::Unsaved;
use super::command::RequestOutcome;
use super::error::DatastoreError;
use super::{Head, SchemaRecord};

/// One store's rows, and the transaction that is under way there. Each call is a bounded number of statements.
#[async_trait]
pub(super) trait Tables: Send {
    /// Whose rows they are.
    fn store(&self) -> StoreId;

    /// What is stored under these keys, in any order.
    async fn images(&mut self, keys: &[&TupleKey]) -> Result<Vec<Tuple>, DatastoreError>;

    /// What is recorded under these request ids, however old.
    async fn requests(&mut self, ids: &[&str]) -> Result<BTreeMap<String, RequestOutcome>, DatastoreError>;

    /// Some tuple of the filter that has not expired at `time`.
    async fn find(&mut self, filter: &TupleFilter, time: Timestamp) -> Result<Option<TupleKey>, DatastoreError>;

    /// Writes everything that a batch has not saved, but its head.
    async fn save(&mut self, unsaved: Unsaved) -> Result<(), DatastoreError>;

    /// Moves the head.
    async fn write_head(&mut self, head: &Head) -> Result<(), DatastoreError>;

    /// Removes outcomes recorded at or before `horizon`, oldest first, at most so many.
    async fn purge_requests(&mut self, horizon: Timestamp, most: usize) -> Result<(), DatastoreError>;

    /// A schema version.
    async fn schema(&mut self, version: u64) -> Result<Option<SchemaRecord>, DatastoreError>;

    /// Writes a schema version.
    async fn insert_schema(&mut self, record: &SchemaRecord) -> Result<(), DatastoreError>;

    /// Removes a schema version, if it is there.
    async fn delete_schema(&mut self, version: u64) -> Result<(), DatastoreError>;

    /// The counts, in order of their shapes.
    async fn shapes(&mut self) -> Result<BTreeMap<Shape, u64>, DatastoreError>;

    /// The first tuple of a shape.
    async fn example(&mut self, shape: &Shape) -> Result<Option<Arc<Tuple>>, DatastoreError>;

    /// Shows all tuples of a shape.
    async fn show(&mut self, shape: &Shape, to: &mut ContextOrphans<'_>) -> Result<(), DatastoreError>;
}
