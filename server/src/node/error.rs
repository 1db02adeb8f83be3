//! Why a store cannot be read at the moment that a request asks for.

use std::time::Duration;

use crate::store::DatastoreError;

/// A read that has no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum ReadError {
    /// There is no such store.
    #[error("there is no store `{name}`")]
    NoStore { name: String },
    /// The token names a position in another history: of another store, or of this one before it was restored.
    #[error("the token is of another store or of another history of this store")]
    Foreign,
    /// The token names a revision that does not exist yet.
    #[error("the token names revision {revision}, the newest is {head}")]
    TooNew { revision: u64, head: u64 },
    /// The revision is no longer in memory.
    #[error("revision {revision} is outside the hot window, the oldest that can be read exactly is {oldest}")]
    TooOld { revision: u64, oldest: u64 },
    /// The store's history was replaced while it was being watched.
    #[error("the store's history was replaced by another one")]
    HistoryReplaced,
    /// The caller's time was over first.
    #[error("the store could not be read within {} ms", .allowed.as_millis())]
    Deadline { allowed: Duration },
    /// The store is not in memory yet.
    #[error("the store is being loaded, which took longer than {} ms", .waited.as_millis())]
    Loading { waited: Duration },
    /// The database was needed, and did not answer.
    #[error("the database did not answer within {} ms", .waited.as_millis())]
    Unanswered { waited: Duration },
    /// What this node has is older than it may serve.
    #[error("the newest that this node knows of is {} ms old, it answers up to {} ms", .age.as_millis(), .max.as_millis())]
    TooStale { age: Duration, max: Duration },
    /// Too many others wait for revisions of this store.
    #[error("{waiting} reads of this store wait for the revisions of their tokens already")]
    TooManyWaiting { waiting: usize },
    /// The database failed, or the store is not in it.
    #[error(transparent)]
    Datastore(#[from] DatastoreError),
}

impl ReadError {
    /// The stable code. Errors of the database have its codes.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::NoStore { .. } => "DH-R010",
            Self::Foreign => "DH-R011",
            Self::TooNew { .. } => "DH-R012",
            Self::TooOld { .. } => "DH-R013",
            Self::HistoryReplaced => "DH-R014",
            Self::Deadline { .. } => "deadline_exceeded",
            Self::Loading { .. } => "DH-R015",
            Self::Unanswered { .. } => "DH-R016",
            Self::TooStale { .. } => "DH-R017",
            Self::TooManyWaiting { .. } => "DH-R018",
            Self::Datastore(error) => error.code(),
        }
    }

    /// What to do.
    pub(crate) const fn help(&self) -> &'static str {
        match self {
            Self::NoStore { .. } => "list the stores (`dhow store list`), or create it (`dhow store create NAME`)",
            Self::Foreign => "use a token that an answer of this store carried, or ask for another consistency",
            Self::TooNew { .. } => {
                "use a token that an answer carried; if the store was restored from a backup, its newer revisions are gone"
            }
            Self::TooOld { .. } => "ask at a newer token, or raise `hot_window_ms` and its companions of the server",
            Self::HistoryReplaced => "begin again with the current state",
            Self::Deadline { .. } => "try again, or allow more time",
            Self::Loading { .. } => "try again: loading goes on",
            Self::Unanswered { .. } => "try again, or ask for `minimize_latency`, which needs no database for a while",
            Self::TooStale { .. } => "try again once the server reaches its database, or raise `stale_serve_max_ms`",
            Self::TooManyWaiting { .. } => "slow down, and try again",
            Self::Datastore(error) => error.help(),
        }
    }
}
