//! Why there is no snapshot, or why one is not used.

use std::io;
use std::path::{Path, PathBuf};

use dhow_engine::snapshot::SnapshotError;
use dhow_engine::snapshot::container::WriteError;

use crate::store::DatastoreError;

/// A snapshot that was not written, not found, or refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SnapshotsError {
    /// The server has no folder for them.
    #[error("this server has no folder for snapshots")]
    NoFolder,
    /// No file of this name.
    #[error("there is no snapshot file `{file}`")]
    NoFile {
        /// The name, as it was asked for.
        file: String,
    },
    /// The system.
    #[error("{} cannot be {doing}", .path.display())]
    Folder {
        /// File or folder.
        path: PathBuf,
        /// What was to be done.
        doing: &'static str,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Not a snapshot, or not as it was written.
    #[error("the snapshot file {} is refused", .path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        #[source]
        source: Box<SnapshotError>,
    },
    /// A file under the name of another one.
    #[error("the snapshot file `{file}` is not of the store, revision and history that its name says")]
    Misnamed {
        /// Its name.
        file: String,
    },
    /// Writing failed.
    #[error("no snapshot was written to {}", .folder.display())]
    Write {
        /// Where.
        folder: PathBuf,
        /// Why.
        #[source]
        source: WriteError,
    },
    /// The snapshot is of a revision that the log does not have yet.
    #[error("the snapshot is of revision {revision}, the newest of the store is {head}")]
    Ahead {
        /// The snapshot's.
        revision: u64,
        /// The store's.
        head: u64,
    },
    /// The log begins later.
    #[error("the store's log no longer has revision {revision}, so the snapshot cannot be held against it")]
    Gone {
        /// The snapshot's.
        revision: u64,
    },
    /// Another history.
    #[error("the snapshot is of another history of the store: the chain at revision {revision} is not the log's")]
    Fork {
        /// The snapshot's.
        revision: u64,
    },
    /// Same history, other tuples.
    #[error("the snapshot has not the digest that the log has for revision {revision}")]
    Diverged {
        /// The snapshot's.
        revision: u64,
    },
    /// The thread that worked on it.
    #[error("the work on the snapshot ended without a result")]
    Lost,
    /// The database.
    #[error(transparent)]
    Datastore(#[from] DatastoreError),
}

impl SnapshotsError {
    /// What the system refused, of a file or folder.
    pub(super) fn folder(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Folder { path, doing, source }
    }

    /// What is wrong with the content of a file.
    pub(super) fn refused(path: &Path) -> impl FnOnce(SnapshotError) -> Self {
        let path = path.to_owned();
        move |source| Self::Refused { path, source: Box::new(source) }
    }

    /// The stable code of this error. Files that are refused have the codes of what is wrong with them.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::NoFolder => "DH-F001",
            Self::NoFile { .. } => "DH-F002",
            Self::Folder { .. } => "DH-F003",
            Self::Misnamed { .. } => "DH-F004",
            Self::Ahead { .. } => "DH-F005",
            Self::Gone { .. } => "DH-F006",
            Self::Fork { .. } => "DH-F007",
            Self::Diverged { .. } => "DH-F008",
            Self::Lost => "DH-F009",
            Self::Refused { source, .. } => source.code(),
            Self::Write { source, .. } => source.code(),
            Self::Datastore(error) => error.code(),
        }
    }

    /// What to do about it.
    pub(crate) const fn help(&self) -> &'static str {
        match self {
            Self::NoFolder => "start the server with `--snapshots FOLDER`",
            Self::NoFile { .. } => "list the files (`dhow snapshot list`)",
            Self::Folder { .. } => "check the path, its permissions, and that the disk has room",
            Self::Misnamed { .. } => "give it back its name, which its writer chose, or remove it",
            Self::Ahead { .. } => {
                "if the store was restored from a backup, the snapshot is of revisions that are gone: remove it, or keep it as a record"
            }
            Self::Gone { .. } => "verify the file alone, or keep the log for longer",
            Self::Fork { .. } => "the store was restored, or failed over, since: remove the file, or keep it as a record of what was lost",
            Self::Diverged { .. } => {
                "do not use the file, and report this: a node folded the log wrongly when it wrote it, or the log was changed"
            }
            Self::Lost => "report this with the server's log",
            Self::Refused { source, .. } => source.help(),
            Self::Write { source, .. } => source.help(),
            Self::Datastore(error) => error.help(),
        }
    }
}
