//! From the database's tables to a fold, and which revisions a replaced history has lost.

use dhow_engine::entry::StoreId;
use dhow_engine::history::{History, Window};
use dhow_engine::schema_version::WrittenSchema;
use dhow_engine::state::{FoldError, Loading, Position, State};

use super::told;
use crate::store::{Datastore, DatastoreError, Head, LoadSink, LogRecord, SchemaRecord, StoredTuple};

/// Takes in a store as it is read; the state is the only copy of it.
struct Sink {
    store: StoreId,
    loading: Option<(Head, Loading)>,
}

impl Sink {
    fn contradiction(&self, error: &FoldError) -> DatastoreError {
        DatastoreError::SetAside { store: self.store, problem: told(error) }
    }
}

impl LoadSink for Sink {
    fn begin(&mut self, head: Head, schemas: Vec<SchemaRecord>) -> Result<(), DatastoreError> {
        let position = Position { revision: head.revision, time: head.time, chain: head.chain };
        let schemas = schemas.into_iter().map(WrittenSchema::from);
        let loading = Loading::begin(self.store, position, schemas).map_err(|error| self.contradiction(&error))?;
        self.loading = Some((head, loading));
        Ok(())
    }

    fn tuples(&mut self, tuples: Vec<StoredTuple>) -> Result<(), DatastoreError> {
        let Some((_, loading)) = &mut self.loading else { return Ok(()) };
        let mut tuples = tuples.iter();
        tuples.try_for_each(|stored| loading.add(&stored.tuple, stored.revision)).map_err(|error| self.contradiction(&error))
    }
}

/// Reads a store at its head. O(tuples).
///
/// # Errors
/// When the database fails; [`DatastoreError::SetAside`] when what it holds contradicts itself.
pub(super) async fn history(datastore: &dyn Datastore, store: StoreId, window: Window) -> Result<History, DatastoreError> {
    let mut sink = Sink { store, loading: None };
    datastore.load(store, &mut sink).await?;
    let state = match sink.loading.take() {
        Some((head, loading)) => loading.finish(&head.digest).map_err(|error| sink.contradiction(&error))?,
        None => State::genesis(store),
    };
    Ok(History::new(state, window))
}

/// As [`history`], twice if what is read contradicts itself.
///
/// # Errors
/// As [`history`], of the second time.
pub(super) async fn history_or_again(datastore: &dyn Datastore, store: StoreId, window: Window) -> Result<History, DatastoreError> {
    match history(datastore, store, window).await {
        Err(DatastoreError::SetAside { problem, .. }) => {
            tracing::error!(%store, "the store does not load and is read again: {problem}");
            history(datastore, store, window).await
        }
        loaded => loaded,
    }
}

/// Says which revisions that were folded are not in the history that takes their place.
pub(super) async fn report_lost(datastore: &dyn Datastore, store: StoreId, tail: &[LogRecord], folded: u64, history: &History) {
    let head = history.head().revision();
    let common = match tail.first() {
        None => None,
        Some(first) => match datastore.log(store, first.entry.revision.saturating_sub(1), tail.len()).await {
            Ok(records) => {
                tail.iter().zip(&records).take_while(|(old, new)| old.chain == new.chain).last().map(|(old, _)| old.entry.revision)
            }
            Err(error) => {
                tracing::warn!(%store, "which revisions were lost cannot be told: {error}");
                return;
            }
        },
    };
    match common {
        Some(common) if common == folded => tracing::warn!(%store, head, "the history is the same; the fold was damaged and is mended"),
        Some(common) => tracing::error!(%store, head, "another history was put in place: revisions {} to {folded} were lost", common + 1),
        None => {
            tracing::error!(%store, head, "another history was put in place; of the revisions up to {folded} none is known to be in it")
        }
    }
}
