//! Why an entry cannot be folded, and why a schema version cannot be found.

use crate::digest::Digest;
use crate::entry::{EntryError, StoreId};
use crate::schema_version::SchemaUnreadable;
use crate::state::MemoryDamaged;
use crate::time::Timestamp;
use crate::tuple::TupleKey;

/// An entry that does not continue a state. The state was not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// No entry at all.
    #[error("the log entry cannot be read")]
    Entry(#[source] EntryError),
    /// An entry of another store.
    #[error("the entry is of store {found}, not of {expected}")]
    Store {
        /// The store that is folded.
        expected: StoreId,
        /// The store of the entry.
        found: StoreId,
    },
    /// An entry was left out or repeated.
    #[error("expected revision {expected}, the entry has {found}")]
    Revision {
        /// What comes next (or, going back, what was last).
        expected: u64,
        /// What the entry says.
        found: u64,
    },
    /// An entry that is older than the one before it.
    #[error("revision {revision} has the time {found}, the one before it {before}")]
    Time {
        /// The entry's revision.
        revision: u64,
        /// The time of the entry before.
        before: Timestamp,
        /// The time of the entry.
        found: Timestamp,
    },
    /// What the entry says was there before is not what is there.
    #[error("revision {revision} does not have the image of `{key}` that is there")]
    Image {
        /// The entry's revision.
        revision: u64,
        /// The tuple.
        key: Box<TupleKey>,
    },
    /// A schema version was left out or repeated.
    #[error("revision {revision} brings schema version {found} where {expected} comes next")]
    SchemaVersion {
        /// The entry's revision.
        revision: u64,
        /// What comes next.
        expected: u64,
        /// What the entry says.
        found: u64,
    },
    /// The state is not the one that the writer had.
    #[error("the state has the digest {found}, recorded is {expected}")]
    Digest {
        /// What was recorded.
        expected: Digest,
        /// What came out.
        found: Digest,
    },
    /// More objects, or more kinds of tuples, than a graph can number.
    #[error("revision {revision} brings more names than a store can hold")]
    TooManyNames {
        /// The entry's revision.
        revision: u64,
    },
    /// The state's memory cannot be read.
    #[error("revision {revision} does not go on from memory that can be read")]
    Damaged {
        /// The entry's revision.
        revision: u64,
        /// What cannot be read.
        #[source]
        damaged: MemoryDamaged,
    },
    /// Another history.
    #[error("the chain of revision {revision} does not continue this history")]
    Chain {
        /// The entry's revision.
        revision: u64,
    },
}

impl FoldError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Entry(error) => error.code(),
            Self::Store { .. } => "fold_store",
            Self::Revision { .. } => "fold_revision",
            Self::Time { .. } => "fold_time",
            Self::Image { .. } => "fold_image",
            Self::SchemaVersion { .. } => "fold_schema_version",
            Self::Digest { .. } => "fold_digest",
            Self::TooManyNames { .. } => "fold_too_many_names",
            Self::Damaged { damaged, .. } => damaged.code(),
            Self::Chain { .. } => "fold_chain",
        }
    }
}

/// A schema version that a store does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SchemaLookupError {
    /// No schema was written yet.
    #[error("the store has no schema yet")]
    NoSchema,
    /// Not this one.
    #[error("the store has no schema version {version}, the latest is {latest}")]
    Unknown {
        /// The version asked for.
        version: u64,
        /// The latest there is.
        latest: u64,
    },
}

impl SchemaLookupError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoSchema => "schema_missing",
            Self::Unknown { .. } => "schema_version_unknown",
        }
    }
}

/// Why a state cannot be asked with a schema version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrepareError {
    /// There is no such version.
    #[error(transparent)]
    Lookup(#[from] SchemaLookupError),
    /// This build cannot compile it.
    #[error(transparent)]
    Unreadable(#[from] SchemaUnreadable),
}

impl PrepareError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Lookup(error) => error.code(),
            Self::Unreadable(error) => error.code(),
        }
    }
}
