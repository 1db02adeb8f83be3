//! What a write asks for, what it comes to, and why it is refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use borsh::BorshSerialize;
use dhow_engine::entry::{Chain, EntryError};
use dhow_engine::filter::TupleFilter;
use dhow_engine::limits::{MAX_ENTRY_BYTES, MAX_ENTRY_CHANGES, MAX_ENTRY_LABEL_BYTES};
use dhow_engine::time::Timestamp;
use dhow_engine::tuple::{Tuple, TupleKey};
use dhow_engine::validate::TupleRefused as ValidationError;

use super::LogRecord;
use super::error::DatastoreError;
use crate::limits::PRECONDITIONS;

/// One change that a write asks for.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize)]
pub(crate) enum ChangeRequest {
    /// Make it; refused if it exists (and has not expired).
    Create(Tuple),
    /// Make it, or replace its caveat, context and expiry.
    Touch(Tuple),
    /// Remove it if it is there.
    Delete(TupleKey),
}

impl ChangeRequest {
    /// Which tuple.
    pub(crate) const fn key(&self) -> &TupleKey {
        match self {
            Self::Create(tuple) | Self::Touch(tuple) => &tuple.key,
            Self::Delete(key) => key,
        }
    }
}

/// What must be so for a write to happen.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize)]
pub(crate) struct Precondition {
    /// Whether something must match.
    pub(crate) expectation: Expectation,
    /// What matches.
    pub(crate) filter: TupleFilter,
}

/// See [`Precondition`]. Expired tuples count as absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize)]
pub(crate) enum Expectation {
    /// At least one tuple must match.
    MustExist,
    /// No tuple may match.
    MustNotExist,
}

/// A write: all of it happens as one revision, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WriteCommand {
    /// At most 1,000; none twice for one tuple.
    pub(crate) changes: Vec<ChangeRequest>,
    /// Looked at before the changes.
    pub(crate) preconditions: Vec<Precondition>,
    /// Makes a retry safe for 24 h. Never empty: whoever makes a command makes one up if the client gave none.
    pub(crate) request_id: String,
    /// Who writes, for the log.
    pub(crate) actor: String,
    /// Decide, and change nothing.
    pub(crate) dry_run: bool,
}

/// A hash of what a write asks for: two writes under one request id must agree in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PayloadHash(pub(crate) [u8; 32]);

impl PayloadHash {
    /// The hash of a value's canonical bytes; `kind` keeps writes and schema writes apart.
    pub(super) fn of(kind: &'static str, payload: &impl BorshSerialize) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("dhow 2026-11 request payload");
        hasher.update(kind.as_bytes());
        // Hashing cannot fail, and nothing in a request is longer than the 4 GiB that borsh refuses.
        let _ = borsh::to_writer(&mut hasher, payload);
        Self(*hasher.finalize().as_bytes())
    }
}

impl WriteCommand {
    /// Whether the command keeps to its bounds, whatever the store holds. O(changes).
    ///
    /// # Errors
    /// The first bound that it breaks.
    pub(crate) fn check(&self) -> Result<(), WriteError> {
        let (changes, limit) = (self.changes.len(), MAX_ENTRY_CHANGES);
        if changes > limit {
            return Err(WriteError::TooManyChanges { changes, limit });
        }
        let (preconditions, limit) = (self.preconditions.len(), PRECONDITIONS.count());
        if preconditions > limit {
            return Err(WriteError::TooManyPreconditions { preconditions, limit });
        }
        check_label("request id", &self.request_id)?;
        check_label("actor", &self.actor)?;
        let mut places = BTreeMap::new();
        for (second, change) in self.changes.iter().enumerate() {
            if let Some(first) = places.insert(change.key(), second) {
                return Err(WriteError::Twice { first, second, key: Box::new(change.key().clone()) });
            }
        }
        Ok(())
    }

    /// The hash of changes and preconditions. Who asks, and under which id, is no part of it.
    pub(crate) fn payload(&self) -> PayloadHash {
        PayloadHash::of("write", &(&self.changes, &self.preconditions))
    }
}

/// Whether an actor or a request id is short enough for a log entry.
pub(super) fn check_label(what: &'static str, label: &str) -> Result<(), WriteError> {
    let (bytes, limit) = (label.len(), MAX_ENTRY_LABEL_BYTES);
    if bytes > limit { Err(WriteError::LabelTooLong { what, bytes, limit }) } else { Ok(()) }
}

/// What a request id stands for: the first answer, kept 24 h.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestOutcome {
    /// What was asked.
    pub(crate) payload: PayloadHash,
    /// The answer.
    pub(crate) written: Written,
    /// When.
    pub(crate) time: Timestamp,
}

/// Where a write is in the log, and what it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    /// Its revision; the head's, if it changed nothing.
    pub(crate) revision: u64,
    /// The chain there.
    pub(crate) chain: Chain,
    /// How many tuples it made: absent before, or expired.
    pub(crate) created: u32,
    /// How many it replaced.
    pub(crate) replaced: u32,
    /// How many it removed.
    pub(crate) deleted: u32,
}

/// A write that is in the log, or that would be (dry run), or that was already.
#[derive(Debug, Clone)]
pub(crate) struct Committed {
    /// The answer.
    pub(crate) written: Written,
    /// The log record that it made; `None`: it changed nothing, was a dry run or a retry.
    pub(crate) record: Option<LogRecord>,
    /// Whether this is the first answer once more.
    pub(crate) repeated: bool,
}

/// Why a write changed nothing.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum WriteError {
    /// A tuple to create is there.
    #[error("`{key}` exists already")]
    Exists { index: usize, key: Box<TupleKey> },
    /// Something must match a filter, and nothing does.
    #[error("precondition {index} does not hold: no tuple matches `{filter}`")]
    Missing { index: usize, filter: Box<TupleFilter> },
    /// Nothing may match a filter, and something does.
    #[error("precondition {index} does not hold: `{found}` matches `{filter}`")]
    Present { index: usize, filter: Box<TupleFilter>, found: Box<TupleKey> },
    /// Two changes of one tuple.
    #[error("changes {first} and {second} are both about `{key}`")]
    Twice { first: usize, second: usize, key: Box<TupleKey> },
    /// The schema does not allow a tuple.
    #[error("the schema does not allow `{key}`")]
    Invalid {
        index: usize,
        key: Box<TupleKey>,
        #[source]
        source: Box<ValidationError>,
    },
    /// There is no schema that could allow a tuple.
    #[error("the store has no schema yet")]
    NoSchema,
    /// The schema in force cannot be compiled by this build.
    #[error("schema version {version}, which is in force, does not compile with this build")]
    SchemaUnreadable { version: u64 },
    /// Too many changes for one revision.
    #[error("the write has {changes} changes, one revision holds at most {limit}")]
    TooManyChanges { changes: usize, limit: usize },
    /// Too many bytes for one revision.
    #[error("the write makes a log entry of {bytes} bytes, at most {limit} are allowed")]
    TooLarge { bytes: usize, limit: usize },
    /// Too many preconditions.
    #[error("the write has {preconditions} preconditions, at most {limit} are allowed")]
    TooManyPreconditions { preconditions: usize, limit: usize },
    /// A request id or an actor is too long.
    #[error("the {what} has {bytes} bytes, at most {limit} are allowed")]
    LabelTooLong { what: &'static str, bytes: usize, limit: usize },
    /// The request id stands for another write.
    #[error("request id `{request_id}` was used for another write at {first_used}")]
    RequestIdTaken { request_id: String, first_used: Timestamp },
    /// The clock went ahead further than clocks may.
    #[error("the clock has jumped ahead by {ahead_s} s; writing with its time could end expiring tuples for good")]
    ClockJumped { ahead_s: i64 },
    /// Too many writes wait.
    #[error("{waiting} writes to this store are waiting already")]
    Overloaded { waiting: usize },
    /// More tuples match a delete than the caller allows.
    #[error("{matching} tuples match, the request allows {limit}")]
    TooManyMatches { matching: u64, limit: u64 },
    /// The write came to an entry that is none: a mistake of dhow's.
    #[error("the write cannot be logged")]
    Entry(#[source] EntryError),
    /// The database failed.
    #[error("nothing was written")]
    Datastore(#[source] DatastoreError),
    /// The database did not say whether it committed, and cannot be asked.
    #[error("whether request `{request_id}` was written is not known")]
    Unknown {
        request_id: String,
        #[source]
        source: DatastoreError,
    },
    /// The caller's time was over first.
    #[error("the deadline passed before request `{request_id}` was answered; whether it was written is not known")]
    Deadline { request_id: String },
    /// The write is durable, but this node could not apply it.
    #[error("request `{request_id}` was written as revision {revision}, but this node cannot serve it")]
    NotApplied {
        request_id: String,
        revision: u64,
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// The node is shutting down.
    #[error("the server is shutting down")]
    ShuttingDown,
}

impl WriteError {
    /// Why an entry may not be written.
    pub(super) fn from_entry(error: EntryError) -> Self {
        match error {
            EntryError::TooLarge { bytes } => Self::TooLarge { bytes, limit: MAX_ENTRY_BYTES },
            EntryError::TooManyChanges { changes } => Self::TooManyChanges { changes, limit: MAX_ENTRY_CHANGES },
            EntryError::Version { .. } | EntryError::Corrupt { .. } | EntryError::ChangeOrder | EntryError::LabelTooLong => {
                Self::Entry(error)
            }
        }
    }

    /// The stable code.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Exists { .. } => "DH-W001",
            Self::Missing { .. } => "DH-W002",
            Self::Present { .. } => "DH-W003",
            Self::Twice { .. } => "DH-W004",
            Self::Invalid { source, .. } => source.code(),
            Self::NoSchema => "DH-W006",
            Self::TooManyChanges { .. } => "DH-W007",
            Self::TooLarge { .. } => "DH-W008",
            Self::TooManyPreconditions { .. } => "DH-W009",
            Self::LabelTooLong { .. } => "DH-W010",
            Self::RequestIdTaken { .. } => "DH-W011",
            Self::ClockJumped { .. } => "DH-W012",
            Self::Overloaded { .. } => "DH-W013",
            Self::TooManyMatches { .. } => "DH-W014",
            Self::Entry(_) => "DH-W018",
            Self::SchemaUnreadable { .. } => "DH-W019",
            Self::Datastore(source) => source.code(),
            Self::Unknown { .. } => "DH-W015",
            Self::Deadline { .. } => "DH-W023",
            Self::NotApplied { .. } => "DH-W016",
            Self::ShuttingDown => "DH-W017",
        }
    }

    /// What to do.
    pub(crate) fn help(&self) -> &'static str {
        match self {
            Self::Exists { .. } => "touch it to replace its caveat and expiry, or leave it out",
            Self::Missing { .. } | Self::Present { .. } => "read the store again and decide anew",
            Self::Twice { .. } => "name a tuple once in a write; what should come later goes into a later write",
            Self::Invalid { .. } => "",
            Self::NoSchema => "write a schema first",
            Self::TooManyChanges { .. } | Self::TooLarge { .. } => "cut the write into several, or import: both are not atomic as a whole",
            Self::TooManyPreconditions { .. } => "leave some out",
            Self::LabelTooLong { .. } => "use a shorter one",
            Self::RequestIdTaken { .. } => "use a new request id for each new write, the same one only to send a write again",
            Self::ClockJumped { .. } => "set the clock; if the new time is the right one, restart the server",
            Self::Overloaded { .. } => "slow down and try again under the same request id",
            Self::TooManyMatches { .. } => "narrow the filter or raise the bound",
            Self::Entry(_) => "report this",
            Self::SchemaUnreadable { .. } => "use the build that wrote it, or a newer one",
            Self::Datastore(source) => source.help(),
            Self::Unknown { .. } | Self::Deadline { .. } => "send the write again under the same request id",
            Self::NotApplied { .. } => "the write is in; read it from another node or later",
            Self::ShuttingDown => "try again",
        }
    }

    /// The change or precondition that the error is about, by its place in the request.
    #[cfg(test)]
    pub(crate) const fn index(&self) -> Option<usize> {
        match self {
            Self::Exists { index, .. } | Self::Missing { index, .. } | Self::Present { index, .. } | Self::Invalid { index, .. } => {
                Some(*index)
            }
            Self::Twice { second, .. } => Some(*second),
            Self::NoSchema
            | Self::SchemaUnreadable { .. }
            | Self::TooManyChanges { .. }
            | Self::TooLarge { .. }
            | Self::TooManyPreconditions { .. }
            | Self::LabelTooLong { .. }
            | Self::RequestIdTaken { .. }
            | Self::ClockJumped { .. }
            | Self::Overloaded { .. }
            | Self::TooManyMatches { .. }
            | Self::Entry(_)
            | Self::Datastore(_)
            | Self::Unknown { .. }
            | Self::Deadline { .. }
            | Self::NotApplied { .. }
            | Self::ShuttingDown => None,
        }
    }
}
