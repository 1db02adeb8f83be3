//! Write: a batch of changes as one revision, or none of it.

use dhow_proto::v1;
use dhow_proto::v1::change::Operation;

use crate::api::request::{FieldProblem, RequestError, at_most, no_longer_than};
use crate::api::target::answered_at;
use crate::api::{Api, Caller, convert};
use crate::errors::ApiError;
use crate::limits;
use crate::node::token::Token;
use crate::store::{ChangeRequest, Expectation, Precondition, StoreInfo, WriteCommand};

impl Api {
    /// Applies changes, or says what they would do.
    pub(super) async fn write(&self, caller: &Caller, request: v1::WriteRequest) -> Result<v1::WriteResponse, ApiError> {
        at_most(&limits::WRITE_CHANGES, "changes", request.changes.len())?;
        no_longer_than(&limits::REQUEST_ID_BYTES, "request_id", &request.request_id)?;
        let changes = request.changes.into_iter().enumerate();
        let changes = changes.map(|(i, one)| change(one).map_err(|error| error.within(format!("changes[{i}]"))));
        let command = WriteCommand {
            changes: changes.collect::<Result<_, _>>()?,
            preconditions: preconditions(request.preconditions)?,
            request_id: request_id(request.request_id),
            actor: caller.identity.name.to_string(),
            dry_run: request.dry_run,
        };
        let info = self.store(&caller.identity, &request.store).await?;
        let outcome = self.node.write(info.id, command, Some(caller.deadline.left())).await?;
        Ok(v1::WriteResponse {
            answered_at: Some(self.written_at(&info, outcome.token).await?),
            request_id: outcome.request_id,
            created: outcome.created,
            replaced: outcome.replaced,
            deleted: outcome.deleted,
            repeated: outcome.repeated,
        })
    }

    /// The head of an answer to a write: the revision is the write's, the rest this node's.
    pub(in crate::api) async fn written_at(&self, info: &StoreInfo, token: Token) -> Result<v1::AnsweredAt, ApiError> {
        let point = self.node.applied(info.id).await?;
        let schema_version = point.state.latest_schema().map_or(0, |schema| schema.version());
        let now = answered_at(&point, schema_version);
        Ok(v1::AnsweredAt { token: token.to_string(), revision: token.revision, ..now })
    }
}

/// The client's request id, or a new one.
pub(super) fn request_id(given: String) -> String {
    if given.is_empty() { uuid::Uuid::now_v7().to_string() } else { given }
}

fn change(change: v1::Change) -> Result<ChangeRequest, RequestError> {
    let operation = Operation::try_from(change.operation)
        .map_err(|_| RequestError::new("operation", FieldProblem::Enumeration { number: change.operation }))?;
    let tuple = change.tuple.ok_or_else(|| RequestError::missing("tuple"))?;
    let tuple = convert::tuple(tuple).map_err(|error| error.within("tuple"))?;
    match operation {
        Operation::Unspecified => Err(RequestError::missing("operation")),
        Operation::Create => Ok(ChangeRequest::Create(tuple)),
        Operation::Touch => Ok(ChangeRequest::Touch(tuple)),
        Operation::Delete => Ok(ChangeRequest::Delete(tuple.key)),
    }
}

/// The preconditions of a write or delete.
pub(super) fn preconditions(preconditions: Vec<v1::Precondition>) -> Result<Vec<Precondition>, RequestError> {
    at_most(&limits::PRECONDITIONS, "preconditions", preconditions.len())?;
    let read = |(i, one)| precondition(one).map_err(|error| error.within(format!("preconditions[{i}]")));
    preconditions.into_iter().enumerate().map(read).collect()
}

fn precondition(precondition: v1::Precondition) -> Result<Precondition, RequestError> {
    use v1::precondition::Expectation as Wire;
    let number = precondition.expectation;
    let expectation = match Wire::try_from(number) {
        Ok(Wire::MustExist) => Expectation::MustExist,
        Ok(Wire::MustNotExist) => Expectation::MustNotExist,
        Ok(Wire::Unspecified) => return Err(RequestError::missing("expectation")),
        Err(_) => return Err(RequestError::new("expectation", FieldProblem::Enumeration { number })),
    };
    let filter = precondition.filter.ok_or_else(|| RequestError::missing("filter"))?;
    let filter = convert::filter(Some(filter)).map_err(|error| error.within("filter"))?;
    Ok(Precondition { expectation, filter })
}
