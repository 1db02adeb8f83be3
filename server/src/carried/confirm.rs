//! Whether the changelog confirms a snapshot file: what is in it is a place in the store's history, and everything behind it is here.

use std::sync::Arc;

use dhow_engine::entry::{Chain, StoreId};
use dhow_engine::time::Timestamp;

use super::{Carried, Kept};
use crate::clock::microseconds;
use crate::limits::CARRIED_MARGIN;
use crate::snapshots::{FileName, Snapshots, SnapshotsError, blocking};
use crate::store::{DatastoreError, Head};

/// A place from which a store may be folded.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Candidate {
    /// A file.
    File(FileName),
    /// The store's beginning, without any.
    Genesis,
}

/// What the changelog says of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is in the history, and what was carried goes on from there.
    Confirmed,
    /// What was carried of the store ends before it, or is of another relay's time: more has to come.
    NotYet,
    /// Nothing was carried of the store, and the topic was not read, or does not reach, from before the file was made.
    Unknown,
    /// It is in another history.
    Fork,
    /// What was carried begins later.
    Gap {
        /// The first revision that is here.
        carried: u64,
    },
}

impl Candidate {
    /// Where it is: its revision and the first bytes of the chain there.
    fn place(&self, store: StoreId) -> (u64, [u8; 8]) {
        match self {
            Self::File(file) => (file.revision, file.chain),
            Self::Genesis => (0, Chain::genesis(store).prefix()),
        }
    }
}

impl Carried {
    /// The places from which a store may be folded, the newest first.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub(crate) async fn candidates(&self, store: StoreId) -> Result<Vec<Candidate>, SnapshotsError> {
        let snapshots = Arc::clone(&self.snapshots);
        let files = blocking(move || snapshots.files(Some(store))).await?;
        Ok(files.into_iter().map(Candidate::File).chain([Candidate::Genesis]).collect())
    }

    /// What the changelog says of a place of a store. O(1).
    pub(crate) fn standing(&self, store: StoreId, candidate: &Candidate) -> Standing {
        self.kept().standing(store, candidate)
    }

    /// Where the log of a store ends, if something was carried of it.
    pub(crate) fn end(&self, store: StoreId) -> Option<Head> {
        self.kept().shelf.run(store).map(|run| run.end().clone())
    }

    /// The folder.
    pub(crate) const fn snapshots(&self) -> &Arc<Snapshots> {
        &self.snapshots
    }

    /// Fails if a store was removed.
    ///
    /// # Errors
    /// [`DatastoreError::NoStore`].
    pub(crate) fn assert_there(&self, store: StoreId) -> Result<(), DatastoreError> {
        if self.kept().shelf.is_gone(store) { Err(DatastoreError::NoStore { store }) } else { Ok(()) }
    }
}

impl Kept {
    fn standing(&self, store: StoreId, candidate: &Candidate) -> Standing {
        let (revision, chain) = candidate.place(store);
        if self.shelf.is_doubtful(store) {
            return Standing::NotYet;
        }
        let Some(run) = self.shelf.run(store) else {
            return match candidate {
                Candidate::File(file) if self.marks.reach_back_to(before(file.made)) => Standing::Confirmed,
                Candidate::File(_) | Candidate::Genesis => Standing::Unknown,
            };
        };
        if revision > run.end().revision {
            return Standing::NotYet;
        }
        match run.chain_at(revision) {
            Some(known) if known.prefix() == chain => Standing::Confirmed,
            Some(_) => Standing::Fork,
            // The relay did not know the chain before its first entry, or it is not the first.
            None => Standing::Gap { carried: run.first() },
        }
    }
}

/// From when on the topic has to be read so that a file is not missing anything that was written before it was made.
fn before(made: Timestamp) -> Timestamp {
    made.plus_microseconds(-microseconds(CARRIED_MARGIN.duration()))
}
