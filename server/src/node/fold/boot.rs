//! From a snapshot file and the log behind it to a fold.

use std::sync::Arc;

use dhow_engine::entry::{Body, StoreId};
use dhow_engine::history::{History, Window};
use dhow_engine::state::State;

use super::{LOG_PAGE, told};
use crate::carried::{Candidate, Carried, Standing};
use crate::snapshots::{Chosen, Snapshots, blocking};
use crate::store::{Datastore, DatastoreError, LogRecord};

/// The store at its head, out of the newest file that the log goes on from; `None`: there is none, the log line says why, and the table
/// is to be read. The result is what the table would give, and the revisions behind the file are in the hot window besides.
///
/// O(bytes of the file + entries behind it), and memory for the entries alone: the tuples stay in the file.
pub(super) async fn history(snapshots: &Arc<Snapshots>, datastore: &dyn Datastore, store: StoreId, window: Window) -> Option<History> {
    let Chosen { file, snapshot, head } = snapshots.newest_in_log(datastore, store).await?;
    let mut history = History::new(snapshot.into_state(), window);
    while history.head().revision() < head.revision {
        let after = history.head().revision();
        let problem = match datastore.log(store, after, LOG_PAGE).await {
            Ok(records) if records.is_empty() => format!("the log has no entry behind revision {after}"),
            Ok(records) => match tokio::task::spawn_blocking(move || fold(history, &records)).await {
                Ok(Ok(folded)) => {
                    history = folded;
                    continue;
                }
                Ok(Err(problem)) => problem,
                Err(_) => "folding it ended without a result".to_owned(),
            },
            Err(error) => error.to_string(),
        };
        tracing::warn!(%store, %file, "the log behind a snapshot does not fold, and the table is read: {problem}");
        return None;
    }
    let (at, digest) = (history.head().position(), history.head().digest());
    // Entries may have come since the head was read; then the chain of the last one says the same.
    let is_head = at.revision > head.revision || (at.chain == head.chain && *digest == head.digest);
    if let (true, Ok(())) = (is_head, history.head().intact()) {
        let entries = at.revision.saturating_sub(file.revision);
        tracing::info!(%store, %file, revision = at.revision, entries, "the store was booted from a snapshot");
        return Some(history);
    }
    tracing::warn!(%store, %file, "the fold of a snapshot and the log behind it is not the head, and the table is read");
    None
}

/// The store as far as the changelog carried it, out of the newest file that what was carried confirms, or from its beginning if all of it
/// was carried. Waits until what the topic had at the start is read.
///
/// # Errors
/// When no file is confirmed, or what was carried does not go on from one: a later call may find another file, or more entries.
pub(super) async fn carried(carried: &Carried, store: StoreId, window: Window) -> Result<History, DatastoreError> {
    let mut caught_up = carried.caught_up();
    if caught_up.wait_for(|caught_up| *caught_up).await.is_err() {
        return Err(DatastoreError::Closed);
    }
    carried.assert_there(store)?;
    let candidates = carried.candidates(store).await.map_err(|error| {
        tracing::warn!(%store, code = error.code(), "the folder of snapshots cannot be read: {}", told(&error));
        DatastoreError::Unconfirmed { store, problem: "the folder of snapshots cannot be read" }
    })?;
    let mut refused = None;
    for candidate in candidates {
        let problem = match carried.standing(store, &candidate) {
            Standing::Confirmed => match from(carried, store, candidate, window).await {
                Ok(history) => return Ok(history),
                Err(problem) => {
                    tracing::warn!(%store, ?candidate, "a snapshot is not used: {problem}");
                    DatastoreError::Unconfirmed { store, problem: "the snapshot that the changelog confirms cannot be used" }
                }
            },
            Standing::NotYet => DatastoreError::Unconfirmed { store, problem: "the changelog is not yet where its snapshot is" },
            Standing::Fork => DatastoreError::Unconfirmed { store, problem: "its snapshot is of another history than the changelog" },
            Standing::Unknown => {
                DatastoreError::Unconfirmed { store, problem: "the changelog does not reach back to before its snapshot was made" }
            }
            Standing::Gap { carried } => DatastoreError::Gap { store, carried },
        };
        // The newest file's reason says most.
        refused.get_or_insert(problem);
    }
    Err(refused.unwrap_or(DatastoreError::NoStore { store }))
}

/// Folds what was carried behind a candidate.
///
/// # Errors
/// Why it cannot be used.
async fn from(carried: &Carried, store: StoreId, candidate: Candidate, window: Window) -> Result<History, String> {
    let state = match candidate {
        Candidate::Genesis => State::genesis(store),
        Candidate::File(file) => {
            let snapshots = Arc::clone(carried.snapshots());
            let opened = blocking(move || snapshots.open_verified(&file)).await.map_err(|error| told(&error))?;
            opened.into_state()
        }
    };
    let mut history = History::new(state, window);
    let end = carried.end(store).map_or(history.head().revision(), |end| end.revision);
    while history.head().revision() < end {
        let after = history.head().revision();
        let records = carried.log(store, after, LOG_PAGE).await.map_err(|error| told(&error))?;
        if records.is_empty() {
            return Err(format!("the changelog has no entry behind revision {after}"));
        }
        let folded = tokio::task::spawn_blocking(move || fold(history, &records)).await;
        history = folded.map_err(|_| "folding it ended without a result".to_owned())??;
    }
    history.head().intact().map_err(|error| told(&error))?;
    tracing::info!(%store, ?candidate, revision = end, "the store was booted without a database");
    Ok(history)
}

/// Folds records that follow.
///
/// # Errors
/// What does not fold.
fn fold(mut history: History, records: &[LogRecord]) -> Result<History, String> {
    for record in records {
        let next = history.head().apply(&record.entry).map_err(|error| told(&error))?;
        if next.position().chain != record.chain {
            return Err(format!("the chain at revision {} is not the log's", next.revision()));
        }
        let changes = match &record.entry.body {
            Body::Changes(changes) => changes.len(),
            Body::Schema(_) => 1,
        };
        history.push(next, changes).map_err(|error| told(&error))?;
    }
    Ok(history)
}
