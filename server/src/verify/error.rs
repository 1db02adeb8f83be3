//! Why rows are not put right.

use crate::store::DatastoreError;

/// A repair that was not made. Nothing was changed.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum RepairError {
    /// Nothing says what the rows should be.
    #[error("the log does not go back to revision 1, and no snapshot is verified and a place in it")]
    NoSource,
    /// The log itself is wrong.
    #[error("the log does not fold at revision {revision}: {problem}")]
    Log { revision: u64, problem: String },
    /// There are rows that cannot be read, and so not be named.
    #[error("there are rows that cannot be read: {problem}")]
    Unreadable { problem: String },
    /// The head does not come to where the log ends.
    #[error("the head is at revision {head}, the log goes to {log}")]
    Apart { head: u64, log: u64 },
    /// Others wrote all the time.
    #[error("the store was written to each time that its rows had been compared")]
    Busy,
    /// The database failed.
    #[error(transparent)]
    Datastore(#[from] DatastoreError),
}

impl RepairError {
    /// The stable code.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::NoSource => "DH-V001",
            Self::Log { .. } => "DH-V002",
            Self::Unreadable { .. } => "DH-V003",
            Self::Apart { .. } => "DH-V004",
            Self::Busy => "DH-V005",
            Self::Datastore(error) => error.code(),
        }
    }

    /// What to do.
    pub(crate) const fn help(&self) -> &'static str {
        match self {
            Self::NoSource => {
                "name the folder of snapshots (`--snapshots`), or, if a server still has the store in memory, make one with `dhow snapshot \
                 create`; else restore the database from a backup"
            }
            Self::Log { .. } | Self::Apart { .. } => "restore the database from a backup: entries of the log are never changed",
            Self::Unreadable { .. } => "remove these rows by hand and repair again, or restore the database from a backup",
            Self::Busy => "try again when less is written, or stop the writers for a moment",
            Self::Datastore(error) => error.help(),
        }
    }
}
