//! From every error that a request can end with to the gRPC status that tells it: one exhaustive match.
//!
//! A status carries a sentence (what was wrong, where, what to do) and `google.rpc` details: `ErrorInfo` with the stable code and the
//! domain `dhow`, `BadRequest` with the path of the field, `RetryInfo` where the same request may succeed later.

use std::error::Error;
use std::time::Duration;

use dhow_proto::rpc;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::api::heavy::HeavyError;
use crate::api::request::RequestError;
use crate::identity::{Forbidden, Unauthenticated};

/// The domain of every `ErrorInfo`.
pub(crate) const DOMAIN: &str = "dhow";

/// When to try again what a busy server refused.
const SOON: Duration = Duration::from_millis(200);

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
}

/// One error as the wire tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    status: Code,
    code: &'static str,
    help: String,
    field: Option<String>,
    metadata: Vec<(&'static str, String)>,
    retry_after: Option<Duration>,
}

impl Told {
    fn new(status: Code, code: &'static str, help: impl Into<String>) -> Self {
        Self { status, code, help: help.into(), field: None, metadata: Vec::new(), retry_after: None }
    }

    fn at(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    fn with(mut self, key: &'static str, value: impl ToString) -> Self {
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
            Self::Request(error) => {
                Told::new(Code::InvalidArgument, error.problem().code(), error.problem().help()).at(error.field())
            }
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

impl From<ApiError> for Status {
    fn from(error: ApiError) -> Self {
        let told = error.told();
        let sentence = error.sentence(&told.help);
        if told.status == Code::Internal || told.status == Code::DataLoss {
            tracing::error!(code = told.code, "{sentence}");
        }
        let metadata = told.metadata.into_iter().map(|(key, value)| (key.to_owned(), value));
        let mut details = ErrorDetails::with_error_info(told.code, DOMAIN, metadata.collect::<std::collections::HashMap<_, _>>());
        if let Some(field) = told.field {
            details.add_bad_request_violation(field, sentence.clone());
        }
        if let Some(after) = told.retry_after {
            details.set_retry_info(Some(after));
        }
        Self::with_error_details(told.status, sentence, details)
    }
}

/// An error inside an answer, as BatchCheck and CheckStream carry it.
pub(crate) fn to_rpc_status(error: ApiError) -> rpc::Status {
    let status = Status::from(error);
    prost::Message::decode(status.details())
        .unwrap_or_else(|_| rpc::Status { code: i32::from(status.code()), message: status.message().to_owned(), details: Vec::new() })
}

#[cfg(test)]
mod tests;
