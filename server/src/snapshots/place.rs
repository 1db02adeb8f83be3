//! Whether a snapshot is a place in a store's log.

use std::collections::BTreeSet;

use dhow_engine::digest::Digest;
use dhow_engine::entry::{Chain, StoreId};
use dhow_engine::snapshot::SnapshotHead;

use super::SnapshotsError;
use crate::store::{Datastore, Head};

/// Where in a history a snapshot is, and what the fold there has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Whose.
    pub(crate) store: StoreId,
    /// Where.
    pub(crate) revision: u64,
    /// In which history.
    pub(crate) chain: Chain,
    /// The fold there.
    pub(crate) digest: Digest,
}

impl From<&SnapshotHead> for Place {
    fn from(head: &SnapshotHead) -> Self {
        Self { store: head.store, revision: head.position.revision, chain: head.position.chain, digest: head.digest }
    }
}

/// Holds a place against the log: chain and digest at that revision. Two statements at most, besides the head's; gives the head.
///
/// # Errors
/// When the log does not have the revision, or has another history or another digest there.
pub(crate) async fn in_log(datastore: &dyn Datastore, place: &Place) -> Result<Head, SnapshotsError> {
    let revision = place.revision;
    let head = datastore.head(place.store).await?;
    if revision > head.revision {
        return Err(SnapshotsError::Ahead { revision, head: head.revision });
    }
    let (chain, digest) = if revision == head.revision {
        (head.chain, head.digest)
    } else if revision == 0 {
        (Chain::genesis(place.store), Digest::default())
    } else {
        // Asked for by itself first: a log that begins later is no damage.
        let labels = datastore.labels(place.store, &BTreeSet::from([revision])).await?;
        if labels.is_empty() {
            return Err(SnapshotsError::Gone { revision });
        }
        let records = datastore.log(place.store, revision.saturating_sub(1), 1).await?;
        let record = records.first().ok_or(SnapshotsError::Gone { revision })?;
        (record.chain, record.entry.digest)
    };
    if chain != place.chain {
        return Err(SnapshotsError::Fork { revision });
    }
    if digest != place.digest {
        return Err(SnapshotsError::Diverged { revision });
    }
    Ok(head)
}
