//! Delete: what matches a filter when the request arrives, as a sequence of revisions. Each revision is atomic, the sequence is not;
//! sending the request again deletes what is left.

use std::sync::Arc;

use dhow_engine::eval::EvalError;
use dhow_engine::filter::TupleFilter;
use dhow_engine::state::State;
use dhow_engine::tuple::Tuple;
use dhow_proto::v1;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use tonic::codegen::BoxStream;

use super::write::{preconditions, request_id};
use crate::api::target::answered_at;
use crate::api::{Api, Caller, convert};
use crate::errors::ApiError;
use crate::limits::{ENTRY_PART_BYTES, WRITE_CHANGES};
use crate::node::Consistency;
use crate::store::{ChangeRequest, Precondition, StoreInfo, WriteCommand, WriteError};

/// A deletion under way.
struct Deletion {
    info: StoreInfo,
    /// As the store was when the request arrived.
    state: State,
    filter: TupleFilter,
    /// Checked with the first revision.
    preconditions: Vec<Precondition>,
    actor: String,
    dry_run: bool,
}

impl Api {
    /// Deletes what matches a filter.
    pub(super) async fn delete(&self, caller: &Caller, request: v1::DeleteRequest) -> Result<BoxStream<v1::DeleteResponse>, ApiError> {
        let filter = convert::filter(request.filter).map_err(|error| error.within("filter"))?;
        let preconditions = preconditions(request.preconditions)?;
        let info = self.store(&caller.identity, &request.store).await?;
        let point = self.node.read_at(info.id, &Consistency::FullyConsistent, Some(caller.deadline.left())).await?;
        let (state, counted, limit, time) = (point.state.clone(), filter.clone(), request.max_tuples, point.time);
        let count = move || {
            // What has expired goes as well, but is not there for whoever asks.
            let alive = state.scan(&counted, None).filter(|tuple| !tuple.is_expired(time));
            let matching = u64::try_from(alive.count()).unwrap_or(u64::MAX);
            state.intact().map_err(EvalError::from)?;
            if limit != 0 && matching > limit { Err(WriteError::TooManyMatches { matching, limit }.into()) } else { Ok(matching) }
        };
        let matching = self.heavy(&caller.deadline, count).await?;
        let actor = caller.identity.name.to_string();
        let deletion = Deletion { info, state: point.state.clone(), filter, preconditions, actor, dry_run: request.dry_run };
        if request.dry_run {
            // The preconditions are tried; of the rest it is enough to say how much there is.
            self.node.write(deletion.info.id, deletion.command(Vec::new(), true), Some(caller.deadline.left())).await?;
            let schema_version = point.state.latest_schema().map_or(0, |schema| schema.version());
            let head = Some(answered_at(&point, schema_version));
            let answer = v1::DeleteResponse { answered_at: head, deleted: matching, done: true };
            return Ok(Box::pin(tokio_stream::once(Ok(answer))));
        }
        let (progress, answers) = mpsc::channel(4);
        let api = self.clone();
        let work = async move {
            if let Err(error) = api.delete_all(&deletion, &progress).await {
                // Nobody listens any more: what is deleted stays deleted.
                let _ = progress.send(Err(error.into())).await;
            }
        };
        tokio::spawn(work);
        Ok(Box::pin(ReceiverStream::new(answers)))
    }

    async fn delete_all(&self, deletion: &Deletion, progress: &mpsc::Sender<Result<v1::DeleteResponse, Status>>) -> Result<(), ApiError> {
        let (mut behind, mut deleted, mut first) = (None, 0_u64, true);
        loop {
            let (part, last) = deletion.part(behind.as_ref());
            deletion.state.intact().map_err(EvalError::from)?;
            behind = part.last().map(|tuple| tuple.key.clone());
            let outcome = self.node.write(deletion.info.id, deletion.command(part, first), None).await?;
            first = false;
            deleted = deleted.saturating_add(u64::from(outcome.deleted));
            let answered_at = Some(self.written_at(&deletion.info, outcome.token).await?);
            let sent = progress.send(Ok(v1::DeleteResponse { answered_at, deleted, done: last })).await;
            if last || sent.is_err() {
                return Ok(());
            }
        }
    }
}

impl Deletion {
    /// The tuples of the next revision, and whether they are the last.
    fn part(&self, behind: Option<&dhow_engine::tuple::TupleKey>) -> (Vec<Arc<Tuple>>, bool) {
        let (mut part, mut bytes) = (Vec::new(), 0_usize);
        for tuple in self.state.scan(&self.filter, behind) {
            bytes = bytes.saturating_add(tuple.canonical_bytes().len());
            if part.len() >= WRITE_CHANGES.count() || (bytes > ENTRY_PART_BYTES.count() && !part.is_empty()) {
                return (part, false);
            }
            part.push(tuple);
        }
        (part, true)
    }

    fn command(&self, part: Vec<Arc<Tuple>>, first: bool) -> WriteCommand {
        WriteCommand {
            changes: part.into_iter().map(|tuple| ChangeRequest::Delete(tuple.key.clone())).collect(),
            preconditions: if first { self.preconditions.clone() } else { Vec::new() },
            request_id: request_id(String::new()),
            actor: self.actor.clone(),
            dry_run: self.dry_run,
        }
    }
}
