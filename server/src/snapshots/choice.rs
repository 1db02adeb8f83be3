//! Which file a store is booted from.

use std::sync::Arc;

use dhow_engine::entry::StoreId;
use dhow_engine::snapshot::Snapshot;

use super::{FileName, Place, Snapshots, SnapshotsError, in_log};
use crate::limits::SNAPSHOT_TAIL_ENTRIES;
use crate::store::{Datastore, Head};

/// A file to boot from.
#[derive(Debug)]
pub(crate) struct Chosen {
    /// Its name.
    pub(crate) file: FileName,
    /// What is in it, verified.
    pub(crate) snapshot: Snapshot,
    /// Where the log ended when the file was held against it.
    pub(crate) head: Head,
}

impl Snapshots {
    /// The newest file of a store that is whole, verified, and a place in the log, with not more of the log behind it than the table
    /// would take to read; `None`: the log line says why.
    pub(crate) async fn newest_in_log(self: &Arc<Self>, datastore: &dyn Datastore, store: StoreId) -> Option<Chosen> {
        let snapshots = Arc::clone(self);
        let files = match blocking(move || snapshots.files(Some(store))).await {
            Ok(files) => files,
            Err(error) => {
                tracing::warn!(%store, code = error.code(), "the store is not booted from a snapshot: {}", told(&error));
                return None;
            }
        };
        if files.is_empty() {
            tracing::info!(%store, "there is no snapshot of the store; its table is read");
        }
        for file in files {
            match self.take(datastore, file).await {
                Ok((_, head)) if is_far_behind(&file, &head) => {
                    let revision = file.revision;
                    tracing::info!(%store, revision, head = head.revision, "the newest snapshot is too far behind; the table is read");
                    return None;
                }
                Ok((snapshot, head)) => return Some(Chosen { file, snapshot, head }),
                Err(error) => {
                    tracing::warn!(%store, %file, code = error.code(), "a snapshot is not used: {}; {}", told(&error), error.help());
                    match error {
                        // Older files are no nearer to the log, and a database that fails does so for all of them.
                        SnapshotsError::Gone { .. } | SnapshotsError::Datastore(_) => return None,
                        SnapshotsError::NoFolder
                        | SnapshotsError::NoFile { .. }
                        | SnapshotsError::Folder { .. }
                        | SnapshotsError::Refused { .. }
                        | SnapshotsError::Misnamed { .. }
                        | SnapshotsError::Write { .. }
                        | SnapshotsError::Ahead { .. }
                        | SnapshotsError::Fork { .. }
                        | SnapshotsError::Diverged { .. }
                        | SnapshotsError::Lost => {}
                    }
                }
            }
        }
        None
    }

    /// Opens a file, holds it against the log, and verifies as much of it as is set.
    async fn take(self: &Arc<Self>, datastore: &dyn Datastore, file: FileName) -> Result<(Snapshot, Head), SnapshotsError> {
        let snapshots = Arc::clone(self);
        let snapshot = blocking(move || snapshots.open_file(&file)).await?;
        let head = in_log(datastore, &Place::from(snapshot.head())).await?;
        let snapshots = Arc::clone(self);
        blocking(move || {
            snapshots.verify_as_set(&snapshot, &file)?;
            Ok((snapshot, head))
        })
        .await
    }
}

/// Whether reading the log on takes longer than reading the table.
fn is_far_behind(file: &FileName, head: &Head) -> bool {
    head.revision.saturating_sub(file.revision) > head.tuples.max(SNAPSHOT_TAIL_ENTRIES.value)
}

/// Work on files, off the network threads.
///
/// # Errors
/// What it ends with; [`SnapshotsError::Lost`] if it panics, which is a mistake that the log has told of.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SnapshotsError> + Send + 'static,
) -> Result<T, SnapshotsError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(SnapshotsError::Lost))
}

/// An error with its causes.
fn told(error: &SnapshotsError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
