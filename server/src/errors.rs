//! From every error that a request can end with to the gRPC status that tells it: one exhaustive match.
//!
//! A status carries a sentence (what was wrong, where, what to do) and `google.rpc` details: `ErrorInfo` with the stable code and the
//! domain `dhow`, `BadRequest` with the path of the field, `RetryInfo` where the same request may succeed later.

use std::error::Error;
use std::time::Duration;

use dhow_engine::eval::{EvalError, Stopped};
use dhow_engine::schema_version::SchemaUnreadable;
use dhow_engine::state::SchemaLookupError;
use dhow_engine::validate::TupleRefused;
use dhow_proto::rpc;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::api::heavy::HeavyError;
use crate::api::request::RequestError;
use crate::api::schemas::{SchemaWrong, field, sentence};
use crate::api::target::TargetError;
use crate::identity::{Forbidden, Unauthenticated};
use crate::node::ReadError;
use crate::node::cursor::CursorError;
use crate::node::token::MalformedToken;
use crate::snapshots::SnapshotsError;
use crate::store::schema_command::describe;
use crate::store::{CreateStoreError, DatastoreError, SchemaWriteError, WriteError};
use crate::verify::RepairError;

/// The domain of every `ErrorInfo`.
pub(crate) const DOMAIN: &str = "dhow";

/// How many findings of the schema compiler a status carries: it travels in headers, whose size peers bound.
const FINDINGS_MAX: usize = 20;

/// Most bytes of a status's sentence: it may quote what the request sent, and travels three times. Some peers take 8 KiB in all.
const SENTENCE_BYTES: usize = 1_000;

/// Most bytes of all field paths and of what is said of them.
const FIELDS_BYTES: usize = 3_000;

/// Most bytes of one field path.
const PATH_BYTES: usize = 300;

/// When to try again what a busy server refused.
const SOON: Duration = Duration::from_millis(200);

/// When to try again what a troubled server refused.
const LATER: Duration = Duration::from_secs(2);

/// Whatever ends a request without an answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// The caller is not known.
    #[error(transparent)]
    Unauthenticated(#[from] Unauthenticated),
    /// The caller may not do this.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// A field cannot be used.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// Work away from the network threads came to nothing.
    #[error(transparent)]
    Heavy(#[from] HeavyError),
    /// It is not clear which store is meant.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A text that is no token.
    #[error(transparent)]
    Token(#[from] MalformedToken),
    /// A cursor that does not go on with this request.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// A schema version that is not there.
    #[error(transparent)]
    SchemaLookup(#[from] SchemaLookupError),
    /// The store or the revision cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The database.
    #[error(transparent)]
    Datastore(#[from] DatastoreError),
    /// A snapshot that was not made, or is refused.
    #[error(transparent)]
    Snapshots(#[from] SnapshotsError),
    /// Rows that are not put right.
    #[error(transparent)]
    Repair(#[from] RepairError),
    /// A store that cannot be made.
    #[error(transparent)]
    CreateStore(#[from] CreateStoreError),
    /// A write that was refused or failed.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A schema version that was refused or not written.
    #[error(transparent)]
    WriteSchema(#[from] SchemaWriteError),
    /// A schema version that this build cannot compile.
    #[error(transparent)]
    SchemaUnreadable(#[from] SchemaUnreadable),
    /// A schema that does not compile.
    #[error(transparent)]
    SchemaWrong(#[from] SchemaWrong),
    /// A contextual tuple that the schema does not allow.
    #[error("contextual tuple `{tuple}`: {source}")]
    ContextualTuple {
        /// Its place in the request.
        index: usize,
        /// The tuple.
        tuple: String,
        /// Why.
        #[source]
        source: Box<TupleRefused>,
    },
    /// An import that went wrong on its way.
    #[error("the import stopped; the first {imported} tuples are in")]
    Import {
        /// How many tuples are in.
        imported: u64,
        /// What went wrong with the next ones.
        #[source]
        source: Box<WriteError>,
    },
    /// The server is stopping.
    #[error("the server is stopping")]
    Stopping,
    /// The evaluation came to no answer.
    #[error(transparent)]
    Eval(#[from] EvalError),
}

/// One error as the wire tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    status: Code,
    code: String,
    help: String,
    /// Field paths, each with what is wrong there; empty: the sentence.
    fields: Vec<(String, String)>,
    metadata: Vec<(&'static str, String)>,
    retry_after: Option<Duration>,
}

impl Told {
    fn new(status: Code, code: impl Into<String>, help: impl Into<String>) -> Self {
        Self { status, code: code.into(), help: help.into(), fields: Vec::new(), metadata: Vec::new(), retry_after: None }
    }

    fn at(mut self, field: impl Into<String>) -> Self {
        self.fields.push((field.into(), String::new()));
        self
    }

    fn with(mut self, key: &'static str, value: &impl ToString) -> Self {
        self.metadata.push((key, value.to_string()));
        self
    }

    fn retry(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }
}

impl ApiError {
    /// The one match: which status, which code, what to do.
    fn told(&self) -> Told {
        match self {
            Self::Unauthenticated(error) => Told::new(Code::Unauthenticated, error.code(), error.help()),
            Self::Forbidden(error) => Told::new(Code::PermissionDenied, error.code(), error.help()),
            Self::Heavy(error @ HeavyError::NoRoom) => Told::new(Code::ResourceExhausted, error.code(), error.help()).retry(SOON),
            Self::Heavy(error @ HeavyError::Lost) => Told::new(Code::Internal, error.code(), error.help()),
            Self::Target(error @ (TargetError::Several | TargetError::None)) => {
                Told::new(Code::InvalidArgument, error.code(), error.help()).at("store")
            }
            Self::Target(error @ TargetError::TooManyTestStores { .. }) => Told::new(Code::ResourceExhausted, error.code(), error.help()),
            Self::Token(error) => Told::new(Code::InvalidArgument, error.code(), error.help()).at("consistency"),
            Self::Cursor(error) => Told::new(Code::InvalidArgument, error.code(), error.help()).at("cursor"),
            Self::SchemaLookup(error @ SchemaLookupError::NoSchema) => {
                Told::new(Code::FailedPrecondition, error.code(), "write one (`dhow schema write FILE`)")
            }
            Self::SchemaLookup(error @ SchemaLookupError::Unknown { latest, .. }) => {
                Told::new(Code::NotFound, error.code(), "leave it out for the latest").at("schema_version").with("latest", latest)
            }
            Self::SchemaUnreadable(error) => Told::new(Code::Internal, error.code(), "use the build that wrote it, or a newer one"),
            Self::SchemaWrong(error) => {
                let mut told = Told::new(Code::InvalidArgument, error.code(), "");
                told.fields = error.errors().take(FINDINGS_MAX).map(|finding| (field(finding), sentence(finding))).collect();
                told
            }
            Self::ContextualTuple { index, source, .. } => {
                Told::new(Code::InvalidArgument, source.code(), source.help().unwrap_or_default()).at(format!("contextual_tuples[{index}]"))
            }
            Self::Import { imported, source } => {
                let mut told = told_write(source).with("imported", imported);
                let again = "mend it and send the whole stream again under the same import id";
                told.help = if told.help.is_empty() { again.to_owned() } else { format!("{}; {again}", told.help) };
                told.fields.clear();
                told
            }
            Self::Stopping => Told::new(Code::Unavailable, "DH-A032", "connect again").retry(SOON),
            Self::Read(error) => told_read(error),
            Self::Datastore(error) => told_datastore(error),
            Self::Snapshots(error) => told_snapshots(error),
            Self::Repair(error) => told_repair(error),
            Self::CreateStore(error) => told_create_store(error),
            Self::Write(error) => told_write(error),
            Self::WriteSchema(error) => told_write_schema(error),
            Self::Eval(error) => told_eval(error),
            Self::Request(error) => Told::new(Code::InvalidArgument, error.problem().code(), error.problem().help()).at(error.field()),
        }
    }

    /// The sentence: what was wrong, why, and what to do.
    fn sentence(&self, help: &str) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            let message = error.to_string();
            if !text.contains(&message) {
                text.push_str(": ");
                text.push_str(&message);
            }
            cause = error.source();
        }
        if !help.is_empty() {
            text.push_str("; ");
            text.push_str(help);
        }
        text
    }
}

fn told_read(error: &ReadError) -> Told {
    let told = |status| Told::new(status, error.code(), error.help());
    match error {
        ReadError::NoStore { .. } => told(Code::NotFound).at("store"),
        ReadError::Foreign => told(Code::InvalidArgument).at("consistency"),
        ReadError::TooNew { head, .. } => told(Code::InvalidArgument).at("consistency").with("head", head),
        ReadError::TooOld { oldest, .. } => told(Code::OutOfRange).at("consistency").with("oldest", oldest),
        ReadError::HistoryReplaced => told(Code::Aborted),
        ReadError::Deadline { .. } => told(Code::DeadlineExceeded),
        ReadError::Loading { .. } | ReadError::Unanswered { .. } | ReadError::TooStale { .. } => told(Code::Unavailable).retry(LATER),
        ReadError::TooManyWaiting { .. } => told(Code::ResourceExhausted).retry(SOON),
        ReadError::Datastore(error) => told_datastore(error),
    }
}

fn told_datastore(error: &DatastoreError) -> Told {
    let (code, help) = (error.code(), error.help());
    match error {
        DatastoreError::NoStore { .. } => Told::new(Code::NotFound, code, help).at("store"),
        DatastoreError::Open { .. }
        | DatastoreError::File { .. }
        | DatastoreError::InUse { .. }
        | DatastoreError::NotOurs { .. }
        | DatastoreError::Setting { .. }
        | DatastoreError::Migrate { .. }
        | DatastoreError::Sql { .. }
        | DatastoreError::Connect { .. }
        | DatastoreError::Lost { .. }
        | DatastoreError::Silent { .. }
        | DatastoreError::Busy { .. }
        | DatastoreError::NotWritable
        | DatastoreError::Outdated { .. }
        | DatastoreError::Url
        | DatastoreError::CommitUnknown { .. }
        | DatastoreError::NoDatabase
        | DatastoreError::Unconfirmed { .. }
        | DatastoreError::Gap { .. }
        | DatastoreError::Closed => Told::new(Code::Unavailable, code, help).retry(LATER),
        DatastoreError::ReadsOnly => Told::new(Code::FailedPrecondition, code, help),
        DatastoreError::Corrupt { .. }
        | DatastoreError::Damaged { .. }
        | DatastoreError::HeadWrong { .. }
        | DatastoreError::SetAside { .. } => Told::new(Code::DataLoss, code, help),
    }
}

fn told_snapshots(error: &SnapshotsError) -> Told {
    let told = |status| Told::new(status, error.code(), error.help());
    match error {
        SnapshotsError::NoFolder => told(Code::FailedPrecondition),
        SnapshotsError::NoFile { .. } => told(Code::NotFound).at("file"),
        SnapshotsError::Folder { .. } | SnapshotsError::Write { .. } => told(Code::Unavailable).retry(LATER),
        SnapshotsError::Refused { .. } | SnapshotsError::Misnamed { .. } | SnapshotsError::Diverged { .. } => told(Code::DataLoss),
        SnapshotsError::Ahead { head, .. } => told(Code::FailedPrecondition).with("head", head),
        SnapshotsError::Fork { .. } => told(Code::FailedPrecondition),
        SnapshotsError::Gone { .. } => told(Code::OutOfRange),
        SnapshotsError::Lost => told(Code::Internal),
        SnapshotsError::Datastore(error) => told_datastore(error),
    }
}

fn told_repair(error: &RepairError) -> Told {
    let told = |status| Told::new(status, error.code(), error.help());
    match error {
        RepairError::NoSource | RepairError::Unreadable { .. } => told(Code::FailedPrecondition),
        RepairError::Log { .. } | RepairError::Apart { .. } => told(Code::DataLoss),
        RepairError::Busy => told(Code::Unavailable).retry(LATER),
        RepairError::Datastore(error) => told_datastore(error),
    }
}

fn told_create_store(error: &CreateStoreError) -> Told {
    let (code, help) = (error.code(), error.help());
    match error {
        CreateStoreError::Name { .. } => Told::new(Code::InvalidArgument, code, help).at("name"),
        CreateStoreError::NameTaken { .. } => Told::new(Code::AlreadyExists, code, help).at("name"),
        CreateStoreError::Datastore(error) => told_datastore(error),
    }
}

fn told_write(error: &WriteError) -> Told {
    let told = |status| Told::new(status, error.code(), error.help());
    let change = |index: &usize| format!("changes[{index}]");
    let precondition = |index: &usize| format!("preconditions[{index}]");
    match error {
        WriteError::Exists { index, .. } => told(Code::AlreadyExists).at(change(index)),
        WriteError::Missing { index, .. } | WriteError::Present { index, .. } => told(Code::FailedPrecondition).at(precondition(index)),
        WriteError::Twice { second, .. } => told(Code::InvalidArgument).at(change(second)),
        WriteError::Invalid { index, source, .. } => {
            Told::new(Code::InvalidArgument, error.code(), source.help().unwrap_or_default()).at(change(index))
        }
        WriteError::NoSchema => told(Code::FailedPrecondition),
        WriteError::SchemaUnreadable { .. } => told(Code::Internal),
        WriteError::TooManyChanges { .. } | WriteError::TooLarge { .. } => told(Code::InvalidArgument).at("changes"),
        WriteError::TooManyPreconditions { .. } => told(Code::InvalidArgument).at("preconditions"),
        WriteError::LabelTooLong { .. } | WriteError::Entry(_) => told(Code::InvalidArgument),
        WriteError::RequestIdTaken { .. } => told(Code::AlreadyExists).at("request_id"),
        WriteError::ClockJumped { .. } => told(Code::FailedPrecondition),
        WriteError::Overloaded { .. } => told(Code::ResourceExhausted).retry(SOON),
        WriteError::TooManyMatches { .. } => told(Code::FailedPrecondition).at("max_tuples"),
        WriteError::Datastore(source) => told_datastore(source),
        WriteError::Deadline { .. } => told(Code::DeadlineExceeded),
        WriteError::Unknown { .. } | WriteError::NotApplied { .. } | WriteError::ShuttingDown => told(Code::Unavailable).retry(SOON),
    }
}

fn told_write_schema(error: &SchemaWriteError) -> Told {
    let told = |status| Told::new(status, error.code(), error.help());
    match error {
        SchemaWriteError::Wrong { .. } => told(Code::InvalidArgument).at("source"),
        SchemaWriteError::Version { found, .. } => told(Code::FailedPrecondition).at("expected_version").with("found", found),
        SchemaWriteError::Orphans { orphans } => {
            let mut told = told(Code::FailedPrecondition);
            told.fields = orphans.iter().take(FINDINGS_MAX).map(|found| ("source".to_owned(), describe(found))).collect();
            told
        }
        SchemaWriteError::ClockJumped { .. } => told(Code::FailedPrecondition),
        SchemaWriteError::Overloaded { .. } => told(Code::ResourceExhausted).retry(SOON),
        SchemaWriteError::Deadline => told(Code::DeadlineExceeded),
        SchemaWriteError::Entry(_) => told(Code::InvalidArgument),
        SchemaWriteError::Datastore(source) => told_datastore(source),
        SchemaWriteError::NotApplied { .. } | SchemaWriteError::ShuttingDown => told(Code::Unavailable).retry(SOON),
    }
}

fn told_eval(error: &EvalError) -> Told {
    let told = |status| Told::new(status, error.code(), error.help().unwrap_or_default());
    match error {
        EvalError::Unknown(_) | EvalError::Question(_) => told(Code::InvalidArgument),
        EvalError::Stopped(Stopped::Budget { .. }) => {
            Told::new(Code::ResourceExhausted, error.code(), "ask for less at once, or raise `evaluation_steps` of the server")
        }
        EvalError::Stopped(Stopped::Deadline { .. }) => Told::new(Code::DeadlineExceeded, error.code(), "ask for less, or allow more time"),
        EvalError::Caveat(_) => told(Code::FailedPrecondition),
        EvalError::Damaged(_) => told(Code::DataLoss),
    }
}

impl From<ApiError> for Status {
    fn from(error: ApiError) -> Self {
        let told = error.told();
        let sentence = cut(&error.sentence(&told.help), SENTENCE_BYTES);
        let metadata = told.metadata.into_iter().map(|(key, value)| (key.to_owned(), value));
        let mut details = ErrorDetails::with_error_info(told.code, DOMAIN, metadata.collect::<std::collections::HashMap<_, _>>());
        let mut room = FIELDS_BYTES;
        for (field, description) in told.fields {
            let description = if description.is_empty() { &sentence } else { &description };
            let (field, description) = (cut(&field, PATH_BYTES), cut(description, SENTENCE_BYTES));
            let Some(left) = room.checked_sub(field.len() + description.len()) else { break };
            room = left;
            details.add_bad_request_violation(field, description);
        }
        if let Some(after) = told.retry_after {
            details.set_retry_info(Some(after));
        }
        Self::with_error_details(told.status, sentence, details)
    }
}

/// A text of at most so many bytes; one that was cut says so.
fn cut(text: &str, bytes: usize) -> String {
    const MARK: &str = " …";
    if text.len() <= bytes {
        return text.to_owned();
    }
    let kept = text.get(..text.floor_char_boundary(bytes.saturating_sub(MARK.len()))).unwrap_or_default();
    format!("{kept}{MARK}")
}

/// An error inside an answer, as BatchCheck and CheckStream carry it.
pub(crate) fn to_rpc_status(error: ApiError) -> rpc::Status {
    let status = Status::from(error);
    // The door logs what ends a request; this one goes on.
    if status.code() == Code::Internal || status.code() == Code::DataLoss {
        tracing::error!("{}", status.message());
    }
    prost::Message::decode(status.details()).unwrap_or_else(|_| rpc::Status {
        code: i32::from(status.code()),
        message: status.message().to_owned(),
        details: Vec::new(),
    })
}

#[cfg(test)]
mod tests;
