//! Whether what a database holds of a store is what was written, and how it is put right (docs/divergence.md).
//!
//! The log is the truth; head, tuples, counts and schema versions are a fold of it that is kept beside it. Here the fold is held against
//! what the log recorded, the log against its own chain, and, where the log is whole, the fold against the log folded anew. What a
//! server has in memory is no business of this room: `node/scrub.rs` adds that.
//!
//! **Invariant:** entries of the log are never changed, and nothing is put right by guessing: only by the whole log, or by a snapshot that
//! is verified and a place in the log, and the log behind it.

mod error;
mod log;
mod repair;
mod table;
mod truth;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use dhow_engine::entry::StoreId;

pub(crate) use error::RepairError;
pub(crate) use log::{LogPart, log};
pub(crate) use repair::{Repaired, repair};
pub(crate) use table::{Table, table};

use crate::snapshots::Snapshots;
use crate::store::{Datastore, DatastoreError};

/// What is found in the memory of a server is logged with this code.
pub(crate) const MEMORY_CODE: &str = "DH-V010";

/// What is found in the database is logged with this code.
pub(crate) const DATABASE_CODE: &str = "DH-V011";

/// So many finds of one check are told one by one.
const TOLD: usize = 10;

/// What was compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    /// Tuples in a server's memory, against the digest.
    Memory,
    /// The index of nested groups, against the tuples.
    Groups,
    /// The index of what objects inherit, against the tuples.
    Inherited,
    /// Tuples in the database, against the digest.
    Table,
    /// The head in the database, against the log.
    Head,
    /// Counts in the database, against the tuples there.
    Counts,
    /// Schema versions in the database, against the head.
    Schemas,
    /// Entries of the log, against the chain.
    Log,
    /// The log folded from its beginning, against the tuples in the database.
    Fold,
}

impl Subject {
    /// What it is called, on the wire too.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Groups => "groups",
            Self::Inherited => "inherited",
            Self::Table => "table",
            Self::Head => "head",
            Self::Counts => "counts",
            Self::Schemas => "schemas",
            Self::Log => "log",
            Self::Fold => "fold",
        }
    }

    /// Whether it is about rows, and not about the memory of a server.
    pub(crate) const fn is_of_database(self) -> bool {
        match self {
            Self::Memory | Self::Groups | Self::Inherited => false,
            Self::Table | Self::Head | Self::Counts | Self::Schemas | Self::Log | Self::Fold => true,
        }
    }

    /// What is counted.
    pub(crate) const fn unit(self) -> &'static str {
        match self {
            Self::Memory | Self::Table => "tuples",
            Self::Groups => "groups",
            Self::Inherited => "lines",
            Self::Head => "heads",
            Self::Counts => "counts",
            Self::Schemas => "versions",
            Self::Log | Self::Fold => "entries",
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a comparison came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Check {
    /// Of what.
    pub(crate) subject: Subject,
    /// How much was compared.
    pub(crate) compared: u64,
    /// What is wrong.
    pub(crate) found: Vec<String>,
    /// What was not compared, and why; empty: nothing.
    pub(crate) note: String,
}

impl Check {
    /// A comparison of so much that has found nothing yet.
    pub(crate) const fn of(subject: Subject, compared: u64) -> Self {
        Self { subject, compared, found: Vec::new(), note: String::new() }
    }

    /// One that was not made.
    pub(crate) fn left_out(subject: Subject, why: impl Into<String>) -> Self {
        Self { note: why.into(), ..Self::of(subject, 0) }
    }

    /// One that ended where it found something that cannot be read.
    pub(crate) fn unreadable(subject: Subject, error: &DatastoreError) -> Self {
        Self { found: vec![error.to_string()], ..Self::of(subject, 0) }
    }

    /// Takes a find, of which only so many are told.
    fn find(&mut self, what: impl Into<String>) {
        match self.found.len() {
            len if len < TOLD => self.found.push(what.into()),
            TOLD => self.found.push("and more".to_owned()),
            _ => {}
        }
    }

    /// Whether nothing is wrong.
    pub(crate) const fn is_clean(&self) -> bool {
        self.found.is_empty()
    }
}

/// Whether an error says that something is wrong in the database, and not that it cannot be asked.
pub(crate) const fn is_find(error: &DatastoreError) -> bool {
    matches!(error, DatastoreError::Corrupt { .. } | DatastoreError::HeadWrong { .. } | DatastoreError::SetAside { .. })
}

/// Compares everything that the database has of a store with itself: the tuples with what the log recorded, the whole log with its
/// chain, and the log folded anew with the tuples, if it is whole. O(tuples + log).
///
/// # Errors
/// When the database cannot be asked.
pub(crate) async fn database(datastore: &dyn Datastore, store: StoreId) -> Result<Vec<Check>, DatastoreError> {
    let (table, mut checks) = match table(datastore, store).await {
        Ok(table) => {
            let checks = table.checks();
            (Some(table), checks)
        }
        Err(error) if is_find(&error) => (None, vec![Check::unreadable(Subject::Table, &error)]),
        Err(error) => return Err(error),
    };
    checks.push(log(datastore, store, LogPart::Whole).await?.0);
    let is_log_clean = checks.last().is_some_and(Check::is_clean);
    checks.push(match table {
        None => Check::left_out(Subject::Fold, "the table cannot be read"),
        Some(_) if !is_log_clean => Check::left_out(Subject::Fold, "the log is not what was written"),
        Some(table) => truth::fold_check(datastore, store, &table).await?,
    });
    Ok(checks)
}

/// Counts by some key.
type Counts<K> = BTreeMap<K, u64>;

/// Snapshots to repair from, where the log does not go back to the beginning.
pub(crate) type Source = Option<Arc<Snapshots>>;
