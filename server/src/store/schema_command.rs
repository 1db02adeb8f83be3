//! What a schema write asks for, what it comes to, and why it is refused.

use std::sync::Arc;

use dhow_engine::entry::{Chain, EntryError, SchemaSource};
use dhow_engine::validate::Orphans;

use super::LogRecord;
use super::error::DatastoreError;

/// A new schema version: in force from its revision on, or refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SchemaCommand {
    /// The texts.
    pub(crate) source: SchemaSource,
    /// The version that it is to replace; 0: there must be none; `None`: whichever is in force.
    pub(crate) expected_version: Option<u64>,
    /// Whether tuples that it leaves without meaning are kept and ignored, instead of being a reason to refuse it.
    pub(crate) allow_orphans: bool,
    /// Who writes, for the log.
    pub(crate) actor: String,
    /// Decide, and change nothing.
    pub(crate) dry_run: bool,
}

/// A schema version that is in the log, or that would be (dry run), or that was in force already.
#[derive(Debug, Clone)]
pub(crate) struct SchemaCommitted {
    /// Its number.
    pub(crate) version: u64,
    /// The head's revision afterwards.
    pub(crate) revision: u64,
    /// The chain there.
    pub(crate) chain: Chain,
    /// The log record that it made; `None`: it changed nothing or was a dry run.
    pub(crate) record: Option<LogRecord>,
    /// Whether the same text is in force already.
    pub(crate) unchanged: bool,
}

/// Why no schema version was written.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum SchemaWriteError {
    /// The text does not compile.
    #[error("the schema does not compile: {problem}")]
    Wrong { problem: String },
    /// Another version is in force than the caller expected to replace.
    #[error("schema version {found} is in force, the request expects to replace version {expected}")]
    Version { expected: u64, found: u64 },
    /// Stored tuples would lose their meaning.
    #[error("the schema would leave stored tuples without meaning: {}", summary(.orphans))]
    Orphans { orphans: Vec<Orphans> },
    /// The clock went ahead further than clocks may.
    #[error("the clock has jumped ahead by {ahead_s} s; writing with its time could end expiring tuples for good")]
    ClockJumped { ahead_s: i64 },
    /// Too many writes wait.
    #[error("{waiting} writes to this store are waiting already")]
    Overloaded { waiting: usize },
    /// The caller's time was over first.
    #[error("the deadline passed before the schema was in force; whether it was written is not known")]
    Deadline,
    /// Too large for a log entry.
    #[error("the schema cannot be logged")]
    Entry(#[source] EntryError),
    /// The database failed.
    #[error("the schema was not written")]
    Datastore(#[from] DatastoreError),
    /// The version is durable, but this node could not apply it.
    #[error("the schema was written as revision {revision}, but this node cannot serve it")]
    NotApplied {
        revision: u64,
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// The node is shutting down.
    #[error("the server is shutting down")]
    ShuttingDown,
}

/// How many findings a message names; the rest is counted.
const NAMED: usize = 10;

/// The findings, each with its count, an example and why.
fn summary(orphans: &[Orphans]) -> String {
    let mut parts: Vec<String> = orphans.iter().take(NAMED).map(describe).collect();
    if let Some(more) = orphans.len().checked_sub(NAMED).filter(|more| *more > 0) {
        parts.push(format!("and {more} more kinds"));
    }
    parts.join("; ")
}

/// One finding: what it is about, how many tuples, one of them, and why.
pub(crate) fn describe(orphans: &Orphans) -> String {
    use dhow_engine::validate::OrphanReason;
    let Orphans { shape, count, example, reason } = orphans;
    let tuples = if *count == 1 { "1 tuple" } else { "tuples" };
    let count = if *count == 1 { String::new() } else { format!("{count} ") };
    let example = example.as_ref().map(|tuple| format!(" (such as `{tuple}`)")).unwrap_or_default();
    let why = match reason {
        OrphanReason::Shape => String::new(),
        OrphanReason::Context(None) => ", whose stored context the caveat would read differently".to_owned(),
        OrphanReason::Context(Some(error)) => format!(", whose stored context the caveat does not take: {error}"),
    };
    format!("{count}{tuples} of `{shape}`{example}{why}")
}

impl SchemaWriteError {
    /// The stable code.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Wrong { .. } => "DH-W020",
            Self::Version { .. } => "DH-W021",
            Self::Orphans { .. } => "DH-W022",
            Self::ClockJumped { .. } => "DH-W012",
            Self::Overloaded { .. } => "DH-W013",
            Self::Entry(_) => "DH-W018",
            Self::Datastore(source) => source.code(),
            Self::Deadline => "DH-W023",
            Self::NotApplied { .. } => "DH-W016",
            Self::ShuttingDown => "DH-W017",
        }
    }

    /// What to do.
    pub(crate) const fn help(&self) -> &'static str {
        match self {
            Self::Wrong { .. } => "check it with `dhow schema check`",
            Self::Version { .. } => "read the schema in force, merge, and write again",
            Self::Orphans { .. } => "delete those tuples first, keep their relations, or allow orphans: they are kept then, and ignored",
            Self::ClockJumped { .. } => "set the clock; if the new time is the right one, restart the server",
            Self::Overloaded { .. } => "slow down and try again",
            Self::Entry(_) => "report this",
            Self::Datastore(source) => source.help(),
            Self::Deadline => "write it again: what is in force already is not written twice",
            Self::NotApplied { .. } => "the schema is in; read it from another node or later",
            Self::ShuttingDown => "try again",
        }
    }
}
