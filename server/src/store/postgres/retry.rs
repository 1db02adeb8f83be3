//! What is tried again: a transaction that Postgres gave up in favour of another, one that waited for a lock in vain, and one whose
//! connection was lost before its commit was asked for. Nothing of such a transaction is in the database.
//!
//! **Invariant:** a commit whose outcome is not known is never tried again here; who asked for it looks its request id up.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::super::error::{CreateStoreError, DatastoreError};
use super::super::schema_command::SchemaWriteError;

/// Attempts of a transaction that others got in the way of.
const CONFLICTS: u32 = 5;

/// Attempts of one that waited for a lock in vain, or whose connection was lost: each may have taken seconds.
const SLOW: u32 = 2;

/// How often transactions were tried again since the server started, by cause.
#[derive(Debug, Default)]
pub(super) struct RetryCounts {
    conflicts: AtomicU64,
    locks: AtomicU64,
    lost: AtomicU64,
}

/// Why a transaction may be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// Postgres ended it because of another: a serialization failure, a deadlock.
    Conflict,
    /// A lock was not to be had in time.
    Lock,
    /// The connection is gone.
    Lost,
}

/// An error that may be the database's.
pub(super) trait Failed {
    /// The database's part of it.
    fn datastore(&self) -> Option<&DatastoreError>;
}

impl Failed for DatastoreError {
    fn datastore(&self) -> Option<&DatastoreError> {
        Some(self)
    }
}

impl Failed for CreateStoreError {
    fn datastore(&self) -> Option<&DatastoreError> {
        match self {
            Self::Datastore(error) => Some(error),
            Self::Name { .. } | Self::NameTaken { .. } => None,
        }
    }
}

impl Failed for SchemaWriteError {
    fn datastore(&self) -> Option<&DatastoreError> {
        match self {
            Self::Datastore(error) => Some(error),
            Self::Wrong { .. }
            | Self::Version { .. }
            | Self::Orphans { .. }
            | Self::ClockJumped { .. }
            | Self::Overloaded { .. }
            | Self::Deadline
            | Self::Entry(_)
            | Self::NotApplied { .. }
            | Self::ShuttingDown => None,
        }
    }
}

/// Why an error may be answered with another attempt; `None`: it may not.
pub(super) fn again(error: &impl Failed) -> Option<Again> {
    match error.datastore()? {
        DatastoreError::Connect { source, .. } | DatastoreError::Lost { source, .. } => (!is_time_out(source)).then_some(Again::Lost),
        DatastoreError::Busy { source, .. } => match sqlstate(source).as_deref() {
            Some("40001" | "40P01") => Some(Again::Conflict),
            Some("55P03") => Some(Again::Lock),
            _ => None,
        },
        DatastoreError::Open { .. }
        | DatastoreError::File { .. }
        | DatastoreError::InUse { .. }
        | DatastoreError::Setting { .. }
        | DatastoreError::Migrate { .. }
        | DatastoreError::Outdated { .. }
        | DatastoreError::Url
        | DatastoreError::NotWritable
        | DatastoreError::Sql { .. }
        | DatastoreError::Corrupt { .. }
        | DatastoreError::CommitUnknown { .. }
        | DatastoreError::Damaged { .. }
        | DatastoreError::NotOurs { .. }
        | DatastoreError::NoStore { .. }
        | DatastoreError::SetAside { .. }
        | DatastoreError::HeadWrong { .. }
        | DatastoreError::Silent { .. }
        | DatastoreError::ReadsOnly
        | DatastoreError::NoDatabase
        | DatastoreError::Unconfirmed { .. }
        | DatastoreError::Gap { .. }
        | DatastoreError::Closed => None,
    }
}

/// The SQLSTATE of what Postgres answered; `None` where it did not answer.
pub(super) fn sqlstate(error: &sqlx::Error) -> Option<String> {
    Some(error.as_database_error()?.code()?.into_owned())
}

/// That this side waited long enough.
pub(super) fn timed_out() -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, "there was no answer in time"))
}

/// Whether this side gave up waiting: another attempt would take as long.
fn is_time_out(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Io(error) if error.kind() == std::io::ErrorKind::TimedOut)
}

/// The attempts of one call.
#[derive(Debug)]
pub(super) struct Attempts<'c> {
    counts: &'c RetryCounts,
    doing: &'static str,
    made: u32,
}

impl RetryCounts {
    /// The first attempt of a call.
    pub(super) const fn attempts(&self, doing: &'static str) -> Attempts<'_> {
        Attempts { counts: self, doing, made: 1 }
    }

    const fn of(&self, why: Again) -> &AtomicU64 {
        match why {
            Again::Conflict => &self.conflicts,
            Again::Lock => &self.locks,
            Again::Lost => &self.lost,
        }
    }
}

impl Attempts<'_> {
    /// Whether the attempt that failed like this is to be made again; waits a little where others are in the way.
    pub(super) async fn again(&mut self, error: &impl Failed) -> Option<Again> {
        let why = again(error)?;
        let most = match why {
            Again::Conflict => CONFLICTS,
            Again::Lock | Again::Lost => SLOW,
        };
        if self.made >= most {
            return None;
        }
        let total = self.counts.of(why).fetch_add(1, Ordering::Relaxed) + 1;
        tracing::info!(doing = self.doing, attempt = self.made, ?why, total, "a transaction is tried again");
        if why == Again::Conflict {
            tokio::time::sleep(Duration::from_millis(5).saturating_mul(self.made)).await;
        }
        self.made += 1;
        Some(why)
    }
}
