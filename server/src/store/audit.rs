//! What is asked of a database to see whether what it holds of a store is right, and how it is put right.

use std::collections::BTreeMap;

use dhow_engine::state::Shape;
use dhow_engine::tuple::TupleKey;

use super::batch::Unsaved;
use super::tables::Tables;
use super::{DatastoreError, Head, LoadSink, LogRecord, SchemaRecord, StoredTuple};

/// Takes in what [`super::Datastore::audit`] reads: the head as it is stored, schema versions and tuples, and then this.
pub(crate) trait AuditSink: LoadSink {
    /// Called last, once: the stored counts, and the head's entry of the log, if it is still there.
    fn end(&mut self, counts: BTreeMap<Shape, u64>, newest: Option<LogRecord>) -> Result<(), DatastoreError>;
}

/// Rows that are put right together. Entries of the log are never among them.
#[derive(Debug, Clone)]
pub(crate) struct Repair {
    /// The head as it was stored when the rest was found out: nothing is changed if it is another one by now.
    pub(crate) found: Head,
    /// The head as it should be, at the same revision.
    pub(crate) head: Head,
    /// Tuples as they should be; `None`: gone.
    pub(crate) tuples: BTreeMap<TupleKey, Option<StoredTuple>>,
    /// By how much the counts of shapes should be other than they are.
    pub(crate) counts: BTreeMap<Shape, i64>,
    /// Schema versions as they should be; `None`: gone.
    pub(crate) schemas: BTreeMap<u64, Option<SchemaRecord>>,
}

impl Repair {
    /// How many rows it changes.
    pub(crate) fn rows(&self) -> usize {
        self.tuples.len() + self.counts.len() + self.schemas.len() + usize::from(self.head != self.found)
    }
}

/// Puts rows right, in a transaction that keeps other writers out; `head` was read in it. Whether it did: not if the head has moved.
pub(super) async fn repair<T: Tables>(tables: &mut T, head: &Head, repair: &Repair) -> Result<bool, DatastoreError> {
    if *head != repair.found {
        return Ok(false);
    }
    let (tuples, shapes) = (repair.tuples.clone(), repair.counts.clone());
    tables.save(Unsaved { tuples, shapes, ..Unsaved::default() }).await?;
    for (version, record) in &repair.schemas {
        tables.delete_schema(*version).await?;
        if let Some(record) = record {
            tables.insert_schema(record).await?;
        }
    }
    tables.write_head(&repair.head).await?;
    Ok(true)
}
