//! Why a snapshot file is refused.

use super::container::ContainerError;
use crate::digest::Digest;
use crate::entry::StoreId;

/// A file that is no snapshot of the state that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The file as a file is not right: no snapshot, cut, damaged.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// The snapshot of a later build, or of a much earlier one.
    #[error("the head of the snapshot has version {found}, this build reads version {known}")]
    Version {
        /// What the file says.
        found: u32,
        /// What this build reads.
        known: u32,
    },
    /// A head that was written whole, and cannot be read.
    #[error("the head of the snapshot is not what this build writes")]
    Head,
    /// The snapshot of another store.
    #[error("the snapshot is of store {found}, not of {expected}")]
    Store {
        /// The store that is asked for.
        expected: StoreId,
        /// The store of the file.
        found: StoreId,
    },
    /// Two parts of the file that cannot both be right.
    #[error("the snapshot contradicts itself: {what}")]
    Inconsistent {
        /// Which.
        what: &'static str,
    },
    /// The tuples and schema versions are not those that the head stands for.
    #[error("the snapshot has the digest {found}, its head says {expected}")]
    Digest {
        /// What the head says.
        expected: Digest,
        /// What came out.
        found: Digest,
    },
}

impl SnapshotError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Container(error) => error.code(),
            Self::Version { .. } => "snapshot_version",
            Self::Head => "snapshot_head",
            Self::Store { .. } => "snapshot_store",
            Self::Inconsistent { .. } => "snapshot_inconsistent",
            Self::Digest { .. } => "snapshot_digest",
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn help(&self) -> &'static str {
        match self {
            Self::Container(error) => error.help(),
            Self::Version { .. } => "use the build that wrote it, or write it anew: nothing is lost, the log has everything",
            Self::Store { .. } => "name the file of this store",
            Self::Head | Self::Inconsistent { .. } | Self::Digest { .. } => {
                "do not use the file: write it anew from the log, and report it, for its bytes are those that were written"
            }
        }
    }
}
