//! From a snapshot file and the log behind it to a fold.

use std::sync::Arc;

use dhow_engine::entry::{Body, StoreId};
use dhow_engine::history::{History, Window};

use super::{LOG_PAGE, told};
use crate::snapshots::{Chosen, Snapshots};
use crate::store::{Datastore, LogRecord};

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
