//! The folder of snapshot files: stores as files at one revision, which a server boots from (docs/snapshots.md).
//!
//! A file is written under another name, verified whole as a reader would, synced, and only then gets its name; it is never changed
//! afterwards. Its name says whose it is and where in which history, so the newest file of a store is found without opening any.
//!
//! **Invariant:** nothing is taken out of a file before its bytes were held against its checksums, and no file is removed that is not
//! whole and ours. The folder may be shared with other servers, and people may put into it what they like.

mod choice;
mod error;
mod head;
mod map;
mod name;
mod place;
mod retain;
mod schedule;
mod span;
mod write;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dhow_engine::entry::StoreId;
use dhow_engine::snapshot::Snapshot;
use serde::Deserialize;
use tokio::sync::Semaphore;

pub(crate) use choice::{Chosen, blocking};
pub(crate) use error::SnapshotsError;
pub(crate) use head::head_to_wire;
pub(crate) use map::map;
pub(crate) use name::FileName;
pub(crate) use place::{Place, in_log};
pub(crate) use retain::Retention;
pub(crate) use schedule::due;
pub(crate) use span::Span;

/// How much of a file is verified before a store is served from it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verification {
    /// Every byte against the checksums of its section. O(bytes), about a second for each gigabyte.
    #[default]
    Bytes,
    /// That, and the digest computed anew from the edges, the counts, and both directions of the edges against each other.
    Full,
}

/// What a server is told of snapshots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SnapshotOptions {
    /// The folder.
    pub(crate) folder: PathBuf,
    /// What is verified before a store is served from a file.
    pub(crate) verification: Verification,
    /// Which files go when one is written.
    pub(crate) retention: Retention,
    /// How often each store is written.
    pub(crate) every: Option<Span>,
}

/// A folder of snapshot files.
#[derive(Debug)]
pub(crate) struct Snapshots {
    options: SnapshotOptions,
    /// One file at a time is written or verified for an operator: each takes a core and the disk.
    room: Arc<Semaphore>,
}

impl Snapshots {
    /// Opens a folder, which is made if it is not there.
    ///
    /// # Errors
    /// When it can neither be read nor made.
    pub(crate) fn open(options: SnapshotOptions) -> Result<Arc<Self>, SnapshotsError> {
        let failed = |doing| SnapshotsError::folder(&options.folder, doing);
        match std::fs::create_dir_all(&options.folder) {
            // A folder that others write need not be ours to make.
            Err(_) if options.folder.is_dir() => {}
            made => made.map_err(failed("made"))?,
        }
        std::fs::read_dir(&options.folder).map_err(failed("read"))?;
        Ok(Arc::new(Self { options, room: Arc::new(Semaphore::new(1)) }))
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.options.folder
    }

    pub(crate) const fn verification(&self) -> Verification {
        self.options.verification
    }

    pub(crate) const fn every(&self) -> Option<Span> {
        self.options.every
    }

    /// The files whose names are ours, of one store or of all: newest first within a store. Opens none. O(files of the folder).
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub(crate) fn files(&self, store: Option<StoreId>) -> Result<Vec<FileName>, SnapshotsError> {
        let failed = || SnapshotsError::folder(&self.options.folder, "read");
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&self.options.folder).map_err(failed())? {
            let entry = entry.map_err(failed())?;
            let name = entry.file_name().to_str().and_then(|name| name.parse::<FileName>().ok());
            files.extend(name.filter(|name| store.is_none_or(|store| name.store == store)));
        }
        files.sort_unstable_by(FileName::newest_first);
        Ok(files)
    }

    /// The file of a store that was made last, by its name; of a history that was lost there may be some with higher revisions.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub(crate) fn newest(&self, store: StoreId) -> Result<Option<FileName>, SnapshotsError> {
        Ok(self.files(Some(store))?.into_iter().max_by_key(|file| (file.made, file.revision)))
    }

    /// The file of each store that was made last, by its name.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub(crate) fn newest_of_each(&self) -> Result<Vec<FileName>, SnapshotsError> {
        let mut newest: BTreeMap<StoreId, FileName> = BTreeMap::new();
        for file in self.files(None)? {
            let there = newest.entry(file.store).or_insert(file);
            if (there.made, there.revision) < (file.made, file.revision) {
                *there = file;
            }
        }
        Ok(newest.into_values().collect())
    }

    /// Where a file is.
    pub(crate) fn path(&self, file: &FileName) -> PathBuf {
        self.options.folder.join(file.to_string())
    }

    /// Opens a file: its frame and its head are verified, and that it is what its name says.
    ///
    /// # Errors
    /// When it is not there, not a snapshot, damaged there, or another one.
    pub(crate) fn open_file(&self, file: &FileName) -> Result<Snapshot, SnapshotsError> {
        let snapshot = map(&self.path(file))?;
        if file.is_of(snapshot.head()) { Ok(snapshot) } else { Err(SnapshotsError::Misnamed { file: file.to_string() }) }
    }

    /// Opens a file and verifies as much of it as is set.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn open_verified(&self, file: &FileName) -> Result<Snapshot, SnapshotsError> {
        let snapshot = self.open_file(file)?;
        self.verify_as_set(&snapshot, file)?;
        Ok(snapshot)
    }

    fn verify_as_set(&self, snapshot: &Snapshot, file: &FileName) -> Result<(), SnapshotsError> {
        let verified = match self.verification() {
            Verification::Bytes => snapshot.verify_bytes(),
            Verification::Full => snapshot.verify(),
        };
        verified.map_err(SnapshotsError::refused(&self.path(file)))
    }

    /// Work on files that waits for its turn, and goes on when the caller gives up.
    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, SnapshotsError> + Send + 'static,
    ) -> Result<T, SnapshotsError> {
        let turn = Arc::clone(&self.room).acquire_owned().await.map_err(|_| SnapshotsError::Lost)?;
        blocking(move || {
            let _turn = turn;
            work()
        })
        .await
    }

    /// Opens a file and verifies it whole. O(tuples log tuples).
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) async fn verify_file(self: &Arc<Self>, file: FileName) -> Result<Snapshot, SnapshotsError> {
        let snapshots = Arc::clone(self);
        self.in_turn(move || {
            let snapshot = snapshots.open_file(&file)?;
            snapshot.verify().map_err(SnapshotsError::refused(&snapshots.path(&file)))?;
            Ok(snapshot)
        })
        .await
    }
}
