//! What a store should be: the whole log folded, or a snapshot that is verified and a place in the log, and the log behind it.

use dhow_engine::entry::StoreId;
use dhow_engine::state::{Rebuild, State};

use super::log::{PAGE, first};
use super::{Check, RepairError, Source, Subject, Table, is_find};
use crate::store::{Datastore, DatastoreError, LogRecord};

/// Folds the log anew up to where a table was read, and compares; left out where the log does not go back to the beginning.
///
/// # Errors
/// When the database cannot be asked.
pub(super) async fn fold_check(datastore: &dyn Datastore, store: StoreId, table: &Table) -> Result<Check, DatastoreError> {
    let revision = table.revision();
    let state = match truth(datastore, store, &None, revision).await {
        Ok(state) => state,
        Err(RepairError::NoSource) => return Ok(Check::left_out(Subject::Fold, "the log does not go back to revision 1")),
        Err(RepairError::Datastore(error)) if !is_find(&error) => return Err(error),
        Err(error) => return Ok(Check { found: vec![error.to_string()], ..Check::of(Subject::Fold, 0) }),
    };
    let mut check = Check::of(Subject::Fold, state.revision());
    if state.revision() != revision {
        check.find(format!("the head is at revision {revision}, the log goes to {}", state.revision()));
    } else if *state.digest() != table.digest {
        check.find(format!("the log folds to the digest {}, the rows have {}", state.digest(), table.digest));
    }
    Ok(check)
}

/// The state that a store should be in, at a revision or where the log ends before it. O(log), or O(snapshot + log behind it).
///
/// # Errors
/// When there is nothing to tell it from, or the log does not fold.
pub(super) async fn truth(datastore: &dyn Datastore, store: StoreId, snapshots: &Source, revision: u64) -> Result<State, RepairError> {
    let begin = if first(datastore, store, revision).await? <= 1 {
        State::genesis(store)
    } else {
        let chosen = match snapshots {
            Some(snapshots) => snapshots.newest_in_log(datastore, store).await,
            None => None,
        };
        // The digest as well, whatever the server is set to: rows are about to be changed by it.
        let snapshot = chosen.ok_or(RepairError::NoSource)?.snapshot;
        let verified = tokio::task::spawn_blocking(move || snapshot.verify().is_ok().then(|| snapshot.into_state())).await;
        verified.ok().flatten().ok_or(RepairError::NoSource)?
    };
    go_on(datastore, begin, revision).await
}

/// Folds the log on to a revision, or where it ends before that.
///
/// # Errors
/// When it does not fold.
pub(super) async fn go_on(datastore: &dyn Datastore, mut state: State, revision: u64) -> Result<State, RepairError> {
    while state.revision() < revision {
        let (store, after) = (state.store(), state.revision());
        let wanted = usize::try_from(revision - after).unwrap_or(usize::MAX).min(PAGE);
        let records = match datastore.log(store, after, wanted).await {
            Ok(records) => records,
            Err(error) if is_find(&error) => return Err(RepairError::Log { revision: after + 1, problem: error.to_string() }),
            Err(error) => return Err(error.into()),
        };
        if records.is_empty() {
            break;
        }
        state = tokio::task::spawn_blocking(move || fold(state, &records)).await.unwrap_or(Err(DatastoreError::Closed.into()))?;
    }
    Ok(state)
}

fn fold(mut state: State, records: &[LogRecord]) -> Result<State, RepairError> {
    for LogRecord { chain, entry } in records {
        let wrong = |problem| RepairError::Log { revision: entry.revision, problem };
        state = state.apply(entry).map_err(|error| wrong(error.to_string()))?;
        if state.position().chain != *chain {
            return Err(wrong("its chain does not go on from the entry before".to_owned()));
        }
    }
    // What a long log leaves behind is put in order as it comes, or it would all be kept as changes.
    if let Some(mut rebuild) = Rebuild::begin(&state) {
        while let Some(part) = rebuild.work(&state) {
            state = part.install(&state, state.revision());
        }
    }
    Ok(state)
}
